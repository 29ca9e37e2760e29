"""Which geometries a network may take on: options of a layer, families of them, and the valid combinations.

An *option* says how an existing kernel is applied: with another stride, a fractional stride, another dilation or a
resampled kernel. A *configuration* picks one option at every switch point; number 0 is the network as it is. Families,
tokens and the stride table of ResNet-50 follow the public code of M. Inkawhich (2020), written before "The Untapped
Potential of Off-the-Shelf Convolutional Neural Networks" (Inkawhich et al. 2021); the rule for other networks is ours.
Free of torch.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import ceil

from analysis.problems import AnalysisError

Pair = tuple[int, int]

STRIDES: Mapping[str, tuple[str, Pair]] = {
    "D2": ("stride", (2, 2)),
    "DV": ("stride", (2, 1)),
    "DH": ("stride", (1, 2)),
    "K1": ("stride", (1, 1)),
    "UH": ("up", (1, 2)),
    "UV": ("up", (2, 1)),
    "U2": ("up", (2, 2)),
}
"""Token to kind and (rows, columns): D reduces, K keeps, U enlarges; V the rows only, H the columns only."""

FAMILIES: Mapping[str, tuple[str, ...]] = {
    "dilation3": ("dil1", "dil2", "dil3"),
    "dilation5": ("dil1", "dil2", "dil3", "dil4", "dil5"),
    "stride_full": tuple(f"stride{token}" for token in STRIDES),
    "stride_down": ("strideD2", "strideDV", "strideDH", "strideK1"),
    "stride_square": ("strideD2", "strideK1", "strideU2"),
    "kernel7": ("ker3", "ker5", "ker7"),
    "kernel9": ("ker1", "ker3", "ker5", "ker7", "ker9"),
}
MOST = 20_000  # more combinations than anyone will wait for


@dataclass(frozen=True, slots=True)
class Option:
    """One way to apply a kernel.

    Attributes
    ----------
    kind
        "stride"; "up" for a fractional stride 1/u; "dil" for dilation; "ker" for a resampled kernel.
    size
        (rows, columns): stride, enlargement, dilation, or side of the kernel.
    """

    kind: str
    size: Pair

    @property
    def token(self) -> str:
        """Short name within its family: "2", "D2", "U2"."""
        if self.kind in ("stride", "up"):
            known = (token for token, meaning in STRIDES.items() if meaning == (self.kind, self.size))
            return next(known, f"S{self.size[0]}x{self.size[1]}")
        high, wide = self.size
        return str(high) if high == wide else f"{high}x{wide}"

    @property
    def family(self) -> str:
        """Name of its sort: "stride", "dil" or "ker"."""
        return "stride" if self.kind == "up" else self.kind

    @property
    def word(self) -> str:
        """Name that stands alone, as in edits: "dil2", "strideD2", "ker5"."""
        return self.family + self.token

    @property
    def scale(self) -> tuple[float, float]:
        """Factor by which it reduces a map, per axis: 2 for stride 2, 1/2 for enlarging by 2."""
        if self.kind == "stride":
            return float(self.size[0]), float(self.size[1])
        return (1 / self.size[0], 1 / self.size[1]) if self.kind == "up" else (1.0, 1.0)

    @staticmethod
    def read(word: str) -> Option:
        """Read an option from its word.

        Raises
        ------
        AnalysisError
            If there is no such option.

        Examples
        --------
        >>> Option.read("strideUV")
        Option(kind='up', size=(2, 1))
        """
        text = word.strip()
        if text.startswith("stride") and text[6:] in STRIDES:
            return Option(*STRIDES[text[6:]])
        found = re.fullmatch(r"strideS(\d+)x(\d+)", text)
        if found and min(int(found[1]), int(found[2])) > 0:
            return Option("stride", (int(found[1]), int(found[2])))
        found = re.fullmatch(r"(dil|ker)([1-9]\d?)(?:x([1-9]\d?))?", text)
        if found:
            return Option(found[1], (int(found[2]), int(found[3] or found[2])))
        hint = "Options are dil1, dil2, …; ker1, ker3, ker5, …; and strideK1, D2, DV, DH, U2, UV, UH."
        raise AnalysisError(f"'{word}' is no geometry of a convolution.", hint, "geometry")


@dataclass(frozen=True, slots=True)
class SwitchPoint:
    """A convolution whose geometry is chosen.

    Attributes
    ----------
    name
        Name of its row.
    kernel, stride, dilation
        Its geometry in the network as it is, (rows, columns).
    input_map, output_map
        Sizes of the maps before and after it in the network as it is, (height, width).
    """

    name: str
    kernel: Pair
    stride: Pair
    dilation: Pair
    input_map: Pair = (0, 0)
    output_map: Pair = (0, 0)

    def nominal(self, family: str) -> Option:
        """Return the option of a family that the network has already."""
        sizes = {"stride": self.stride, "dil": self.dilation, "ker": self.kernel}
        return Option(family, sizes[family])


@dataclass(frozen=True, slots=True)
class Space:
    """Switch points, their options, and all valid configurations.

    Attributes
    ----------
    points
        From the input to the output.
    options
        For each point; the first is the one that the network has.
    configurations
        Option numbers, one for each point; sorted, so that the first is (0, 0, …).
    dropped
        (name of a configuration, why it was left out) pairs.
    """

    points: tuple[SwitchPoint, ...]
    options: tuple[tuple[Option, ...], ...]
    configurations: tuple[tuple[int, ...], ...]
    dropped: tuple[tuple[str, str], ...] = ()

    def name(self, configuration: Sequence[int]) -> str:
        """Canonical name of a configuration: ``dil:1|1|2|3``; where families are mixed ``mixed:dil1|strideK1``."""
        return canonical_name(self.options, configuration)

    @property
    def names(self) -> tuple[str, ...]:
        """Canonical names of all configurations, in order."""
        return tuple(self.name(configuration) for configuration in self.configurations)

    @property
    def resizes(self) -> bool:
        """True if some option changes the size of a map."""
        return any(option.family == "stride" for options in self.options for option in options[1:])


def canonical_name(options: Sequence[Sequence[Option]], configuration: Sequence[int]) -> str:
    """Name a configuration after the options that it picks."""
    families = {several[0].family for several in options}
    chosen = [several[index] for several, index in zip(options, configuration, strict=True)]
    if len(families) == 1:
        return f"{families.pop()}:" + "|".join(option.token for option in chosen)
    return "mixed:" + "|".join(option.word for option in chosen)


def options_of(point: SwitchPoint, words: Sequence[str]) -> tuple[Option, ...]:
    """Options of a point: first the one it has, then the others in the given order, none twice.

    Raises
    ------
    AnalysisError
        If the words are no options, or of several families.
    """
    wanted = [Option.read(word) for word in words]
    families = {option.family for option in wanted}
    if len(families) != 1:
        text = f"The options of {point.name} are of several families: {', '.join(words)}."
        raise AnalysisError(text, "Vary stride, dilation or kernel at one point, not two of them.", "geometry")
    own = point.nominal(families.pop())
    return tuple(dict.fromkeys((own, *wanted)))


def read_points(text: str) -> dict[str, tuple[str, ...]]:
    """Read switch points with options of their own: ``layer3.0.conv1:dil1,2,3;layer4.0.conv1:strideD2,K1``.

    A point without options is given those of the family. Returns name to option words.

    Raises
    ------
    AnalysisError
        If a point comes twice.
    """
    found: dict[str, tuple[str, ...]] = {}
    for part in filter(None, (part.strip() for part in text.split(";"))):
        name, _, options = part.rpartition(":") if re.search(r":(dil|ker|stride)", part) else (part, "", "")
        prefix = re.match(r"dil|ker|stride", options)
        words = [word.strip() for word in options.split(",") if word.strip()]
        kind = prefix[0] if prefix else ""
        named = tuple(word if re.match(r"dil|ker|stride", word) else kind + word for word in words)
        if name in found:
            raise AnalysisError(f"The switch point {name} is named twice.", "Name each point once.", "geometry")
        found[name] = named
    return found


def enumerate_space(
    points: Sequence[SwitchPoint], options: Sequence[Sequence[Option]], input_map: Pair, last_map: Pair
) -> Space:
    """List all valid configurations in lexicographic order.

    Parameters
    ----------
    points, options
        Switch points from input to output, and the options of each.
    input_map, last_map
        (height, width) of the pictures, and of the last map of the network as it is.

    Raises
    ------
    AnalysisError
        If there are more combinations than can be listed.
    """
    count = 1
    for several in options:
        count *= len(several)
    if count > MOST:
        hint = "Use fewer switch points or a smaller family."
        raise AnalysisError(f"These options make {count:,} configurations.", hint, "geometry")
    bounds = stride_bounds(points, input_map)
    kept, dropped = [], []
    for configuration in product(*(range(len(several)) for several in options)):
        chosen = [several[index] for several, index in zip(options, configuration, strict=True)]
        reason = "" if not any(configuration) else why_invalid(points, chosen, input_map, last_map, bounds)
        if reason:
            dropped.append((canonical_name(options, configuration), reason))
        else:
            kept.append(configuration)
    return Space(tuple(points), tuple(tuple(several) for several in options), tuple(kept), tuple(dropped))


Geometry = tuple[tuple[str, str], ...]
"""(layer, option) pairs, as in edits; layers that are not named stay as they are."""


def read_extra(text: str) -> tuple[Geometry, ...]:
    """Read configurations that were put together by hand, see :func:`write_extra`.

    Raises
    ------
    AnalysisError
        If a part is not a layer with an option, or names a layer twice.

    Examples
    --------
    >>> read_extra("a.conv:dil2+b.conv:strideK1; b.conv:ker5")
    ((('a.conv', 'dil2'), ('b.conv', 'strideK1')), (('b.conv', 'ker5'),))
    """
    found = []
    for part in filter(None, (part.strip() for part in text.split(";"))):
        pairs = []
        for word in part.split("+"):
            name, colon, option = word.strip().rpartition(":")
            if not colon or not name:
                raise AnalysisError(
                    f"'{word}' names no layer with an option.", "Write layer3.0.conv1:dil2.", "geometry"
                )
            pairs.append((name, Option.read(option).word))
        if len({name for name, _ in pairs}) < len(pairs):
            text = f"'{part}' names a layer twice."
            raise AnalysisError(text, "Choose one option for each layer.", "geometry")
        found.append(tuple(pairs))
    return tuple(found)


def write_extra(several: Sequence[Geometry]) -> str:
    """Write configurations as text: ``layer2.0.conv1:dil2+layer3.0.conv1:strideK1;layer3.1.conv2:ker5``."""
    return ";".join("+".join(f"{name}:{word}" for name, word in geometry) for geometry in several)


def with_extra(
    space: Space, extra: Sequence[Geometry], described: Mapping[str, SwitchPoint], order: Mapping[str, int]
) -> Space:
    """Add configurations that were put together by hand, with the layers that they change as further switch points.

    Bounds on the total reduction do not hold for them.

    Parameters
    ----------
    space
        What a family gives; it may have no points.
    extra
        See :func:`read_extra`.
    described, order
        Each layer as a switch point of its family; numbers that rise from layer to layer.

    Raises
    ------
    AnalysisError
        If a layer takes options of several families.
    """
    words: dict[str, list[str]] = {
        point.name: [option.word for option in several]
        for point, several in zip(space.points, space.options, strict=True)
    }
    points = {point.name: point for point in space.points}
    for geometry in extra:
        for name, word in geometry:
            points.setdefault(name, described[name])
            words.setdefault(name, []).append(word)
    names = sorted(points, key=lambda name: order[name])
    options = tuple(options_of(points[name], words[name]) for name in names)
    base = {point.name: place for place, point in enumerate(space.points)}
    swept = [tuple(one[base[name]] if name in base else 0 for name in names) for one in space.configurations]
    for geometry in extra:
        chosen = {name: Option.read(word) for name, word in geometry}
        swept.append(
            tuple(several.index(chosen.get(name, several[0])) for name, several in zip(names, options, strict=True))
        )
    return Space(tuple(points[name] for name in names), options, tuple(sorted(set(swept))), space.dropped)


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
    stem, nominal = _reductions(points, input_map)
    sizes = map_sizes(points, chosen)
    for axis, side in enumerate(("rows", "columns")):
        total, before = float(stem[axis]), float(stem[axis])
        for point, option, t, bound in zip(points, chosen, nominal, bounds, strict=True):
            own = point.stride[axis]
            between = t[axis] / own / before  # strides of layers that lie between two switch points
            total *= between * (option.scale[axis] if option.family == "stride" else own)
            before = float(t[axis])
            low, high = bound[axis]
            if not low <= total <= high:
                return f"{side} are reduced {total:g}-fold after {point.name}, outside {low:g} to {high:g}"
        if min(size[axis] for size in sizes) < 1 or _last(points, sizes, last_map)[axis] < min(2, last_map[axis]):
            return f"the last map has fewer than 2 {side}"
    return ""


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
