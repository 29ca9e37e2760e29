"""One layer beside the one of a second network that corresponds to it. No widgets."""

from __future__ import annotations

from analysis.config import LayerSpec
from app.reading import numbers
from app.reading.comparing import (
    compared_run,
    counterpart,
    is_open_network,
    knows_all_rows,
    network_name,
    other_pictures,
    second_rows,
    shown_layers,
)
from app.reading.measurements import ZERO, Metric, available, read, source, structure_metric
from app.workspace import Workspace

SHOWN = ("effective_rank", "dead_channels", "always_on_channels", "entropy", "stable_rank", "spectral_norm")
"""Measures that one line has room for, the most telling first."""
MOST = 4
STRUCTURE = ("width", "parameters")
"""What the structure says that one line has room for."""


def layer_differences(workspace: Workspace, layer: LayerSpec) -> str:
    """Say in one line how a layer differs from the one that corresponds to it; "" if nothing is compared.

    Every number is that of the other network, with how much more it is in the open one.
    """
    run = compared_run(workspace)
    if run is None:
        return ""
    name, other = network_name(run), second_layer(workspace, layer)
    metrics = _metrics(workspace)
    if is_open_network(workspace, run) and not any(counterpart(workspace, metric.method) for metric in metrics):
        return f"{name}: this is the network that is shown."
    if other is None and not knows_all_rows(workspace):
        return f"{name}: which layer corresponds is not known, because its structure was not read."
    if other is None:
        return f"{name} has no layer that corresponds."
    words = [f"{name}: {other.name}" if other.name != layer.name else f"{name}"]
    layer = shown_layer(workspace, layer)
    words += [_structure(output, layer, other) for output in STRUCTURE]
    words += [text for metric in metrics if (text := _measured(workspace, metric, layer))][:MOST]
    words += [*dict.fromkeys(why_not_measured(workspace, metric) for metric in metrics)]
    found = [word for word in words if word]
    return " · ".join(found) if len(found) > 1 else f"{found[0]} · {_equal(layer, other)}"


def second_layer(workspace: Workspace, layer: LayerSpec) -> LayerSpec | None:
    """Layer of the network that is compared with that corresponds to one of the open network, None for none."""
    theirs, rows = second_rows(workspace)
    place = _place(workspace, layer)
    return theirs[rows[place]] if place >= 0 and rows[place] >= 0 else None


def shown_layer(workspace: Workspace, layer: LayerSpec) -> LayerSpec:
    """Layer with the width and the costs that it has been edited to, as far as they are known."""
    place = _place(workspace, layer)
    return shown_layers(workspace)[place] if place >= 0 else layer


def _place(workspace: Workspace, layer: LayerSpec) -> int:
    names = [known.name for known in workspace.layers]
    return names.index(layer.name) if layer.name in names else -1


def row_in(workspace: Workspace, layer: LayerSpec, theirs: tuple[LayerSpec, ...]) -> int:
    """Row among those that a run of the second network has, of the layer that corresponds to one of ours; or -1."""
    other = second_layer(workspace, layer)
    return [row.name for row in theirs].index(other.name) if other and other.name in {r.name for r in theirs} else -1


def _both(output: str, layer: LayerSpec, other: LayerSpec) -> tuple[float, float]:
    metric = structure_metric(output)
    return float(read(metric, (layer,), None).values[0]), float(read(metric, (other,), None).values[0])


def _structure(output: str, layer: LayerSpec, other: LayerSpec) -> str:
    ours, theirs = _both(output, layer, other)
    known = ours == ours and theirs == theirs
    return _words(structure_metric(output), ours, theirs) if known and ours != theirs else ""


def _equal(layer: LayerSpec, other: LayerSpec) -> str:
    """Say what is equal, where nothing differs and nothing was measured of both."""
    pairs = ((output, *_both(output, layer, other)) for output in STRUCTURE)
    same = [structure_metric(output).title.lower() for output, ours, theirs in pairs if ours == theirs]
    return f"same {' and '.join(same)}; nothing was measured of both" if same else "nothing was measured of both"


def why_not_measured(workspace: Workspace, metric: Metric) -> str:
    """Say that a measure does not compare because it was taken on other pictures; "" for any other reason or none."""
    return other_pictures(source(workspace, metric), counterpart(workspace, metric.method))


def _metrics(workspace: Workspace) -> list[Metric]:
    found = [one for one in available(workspace) if one.method != "structure" and one.run is None]
    return sorted((one for one in found if one.output in SHOWN), key=lambda one: SHOWN.index(one.output))


def _measured(workspace: Workspace, metric: Metric, layer: LayerSpec) -> str:
    both = measured(workspace, metric, layer)
    return _words(metric, *both) if both is not None else ""


def measured(workspace: Workspace, metric: Metric, layer: LayerSpec) -> tuple[float, float] | None:
    """Value of a measure for a layer, and for the layer of the second network that corresponds; None without both."""
    first, second = source(workspace, metric), counterpart(workspace, metric.method)
    ratio = metric.output == "effective_rank_ratio"
    if first is None or second is None or (metric.output not in second.result and not ratio):
        return None
    if other_pictures(first, second):
        return None
    row = row_in(workspace, layer, second.result.layers)
    if row < 0:
        return None
    ours = read(metric, (layer,), first.result, workspace.shown_weights)
    theirs = read(metric, (second.result.layers[row],), second.result)
    if ours.states[0] > ZERO or theirs.states[0] > ZERO:
        return None
    return float(ours.values[0]), float(theirs.values[0])


def difference_words(ours: float, theirs: float, unit: str = "") -> str:
    r"""How much more there is here, with its sign: "+0.42"; of bytes with their prefix.

    Examples
    --------
    >>> difference_words(1.5, 1.0), difference_words(2.0, 2.0), difference_words(12_544, 9_408, "bytes")
    ('+0.500', '±0', '+3.14\xa0kB')
    """
    difference = ours - theirs
    sign = "+" if difference > 0 else "−" if difference < 0 else "±"
    return f"{sign}{numbers.short(abs(difference), unit)}"


def _words(metric: Metric, ours: float, theirs: float) -> str:
    return (
        f"{metric.title.lower()} {numbers.short(theirs, metric.unit)} ({difference_words(ours, theirs, metric.unit)})"
    )
