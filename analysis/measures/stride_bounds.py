"""How far strides may reduce or enlarge the maps of a network, and how large the maps of a configuration are."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from analysis.measures.options import Option, Pair, SwitchPoint

Bounds = tuple[tuple[tuple[float, float], tuple[float, float]], ...]


def stride_bounds(points: Sequence[SwitchPoint], input_map: Pair) -> Bounds:
    """Bounds on the total reduction after each point, per axis: (low, high).

    ``high = 2 t_last`` and ``low = max(t_stem, min(t_m / 2, t_last / 4))`` with the reductions of the network as it is
    (our rule; for ResNet-50 it gives the authors' table 4..64 and 8..64).
    """
    stem, after = _reductions(points, input_map)
    return tuple(
        tuple((max(stem[axis], min(t[axis] / 2, after[-1][axis] / 4)), 2.0 * after[-1][axis]) for axis in (0, 1))  # type: ignore[misc]  # two axes make a pair
        for t in after
    )


def _reductions(points: Sequence[SwitchPoint], input_map: Pair) -> tuple[Pair, list[Pair]]:
    def ratio(size: Pair) -> Pair:
        return round(input_map[0] / max(size[0], 1)), round(input_map[1] / max(size[1], 1))

    return ratio(points[0].input_map), [ratio(point.output_map) for point in points]


def why_invalid(
    points: Sequence[SwitchPoint], chosen: Sequence[Option], input_map: Pair, last_map: Pair, bounds: Bounds
) -> str:
    """Say why a configuration is not used, "" if it is valid."""
    if all(option.family != "stride" for option in chosen):
        return ""
    totals, sizes = total_reductions(points, chosen, input_map), map_sizes(points, chosen)
    for axis, side in enumerate(("rows", "columns")):
        for point, reduced, bound in zip(points, totals, bounds, strict=True):
            total, (low, high) = reduced[axis], bound[axis]
            if not low <= total <= high:
                return f"{side} are reduced {total:g}-fold after {point.name}, outside {low:g} to {high:g}"
        if min(size[axis] for size in sizes) < 1 or _last(points, sizes, last_map)[axis] < min(2, last_map[axis]):
            return f"the last map has fewer than 2 {side}"
    return ""


def total_reductions(
    points: Sequence[SwitchPoint], chosen: Sequence[Option], input_map: Pair
) -> tuple[tuple[float, float], ...]:
    """Total reduction T of the map after each switch point, per axis: strides multiply it, enlargements divide it."""
    stem, nominal = _reductions(points, input_map)
    found: list[list[float]] = [[], []]
    for axis in (0, 1):
        total, before = float(stem[axis]), float(stem[axis])
        for point, option, t in zip(points, chosen, nominal, strict=True):
            own = point.stride[axis]
            between = t[axis] / own / before  # strides of layers that lie between two switch points
            total *= between * (option.scale[axis] if option.family == "stride" else own)
            before = float(t[axis])
            found[axis].append(total)
    return tuple(zip(*found, strict=True))


def _last(points: Sequence[SwitchPoint], sizes: Sequence[Pair], last_map: Pair) -> Pair:
    plain = points[-1].output_map
    return tuple(ceil(sizes[-1][axis] * last_map[axis] / max(plain[axis], 1)) for axis in (0, 1))  # type: ignore[return-value]  # two axes make a pair


def map_sizes(points: Sequence[SwitchPoint], chosen: Sequence[Option]) -> tuple[Pair, ...]:
    """Size of the map after each switch point, where paddings keep sizes: ``ceil(H / s)``, or ``u H``.

    Layers between two points reduce as they do in the network as it is.
    """
    found: list[Pair] = []
    for number, (point, option) in enumerate(zip(points, chosen, strict=True)):
        sides = []
        for axis in (0, 1):
            side = point.input_map[axis]
            if number:
                before = points[number - 1].output_map[axis]
                side = ceil(found[-1][axis] * side / max(before, 1))
            if option.family == "stride":
                scale = option.size[axis]
                sides.append(side * scale if option.kind == "up" else ceil(side / scale))
            elif (side, point.input_map[axis]) == (point.input_map[axis], side):
                sides.append(point.output_map[axis])
            else:
                sides.append(ceil(side / point.stride[axis]))
        found.append((sides[0], sides[1]))
    return tuple(found)
