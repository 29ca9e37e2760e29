"""Map sizes and costs of a network in another geometry, as a figure; worked out from its blueprint."""

from __future__ import annotations

import numpy as np

from analysis.catalogue import Param
from analysis.figures.profile import Options, fingerprints, note
from analysis.figures.second import counterparts, found_something, name_of, pair, with_second
from analysis.figures.sheet import Line, Mark, Panel, Sheet, ThinLine
from analysis.measures.alignment import by_rows, same_names
from analysis.measures.blueprints import from_bytes
from analysis.measures.configurations import read_extra
from analysis.measures.geometry import Layout, lay_out
from analysis.measures.oracles import Floats
from analysis.problems import AnalysisError
from analysis.result import Result

GEOMETRY = Param("geometry", "", "Layers with options, as layer2.0.conv1:dil2+layer3.0.conv1:strideK1")
POLICY = Param("policy", "follow", "Shortcuts follow their branch, or are resized", choices=("follow", "resize"))


def geometry(results: list[Result], options: Options) -> Sheet:
    """Draw the side of the map after every convolution and its multiply-adds, beside those of the plain network."""
    result, second = pair(results, options)
    blueprint = from_bytes(np.asarray(result["description"], dtype=np.uint8))
    several = read_extra(str(options["geometry"]))
    if len(several) > 1:
        raise AnalysisError("This figure shows one geometry.", "Leave out what is behind the semicolon.", "geometry")
    chosen = dict(several[0]) if several else {}
    plain, other = lay_out(blueprint, {}), lay_out(blueprint, chosen, options["policy"] == "resize")
    if other.problem or other.unsure:
        reason = other.problem or f"sizes after {other.unsure} are not known"
        raise AnalysisError(f"The network does not run so: {reason}.", "Choose another geometry.", "geometry")
    nodes = [layer.node for layer in blueprint.layers]
    names, x = tuple(layer.point.name for layer in blueprint.layers), np.arange(len(nodes), dtype=np.float64)
    there = _second_plain(result, second, names) if second is not None else None
    panels = []
    for place, (title, before, after) in enumerate(
        (
            ("side of the map", _sides(plain, nodes), _sides(other, nodes)),
            ("million multiply-adds", _costs(plain, nodes), _costs(other, nodes)),
        )
    ):
        marks: list[Mark] = [Line(x, before, "plain", "neutral")]
        if second is not None and there is not None:
            marks.insert(0, ThinLine(x, there[place], f"{name_of(second)}, plain"))
        if chosen:
            marks.append(Line(x, after, "changed", "series0"))
        panels.append(Panel(tuple(marks), x_title="convolution, in order", y_title=title, x_names=names))
    words = f"{other.total / 1e6:.4g} M multiply-adds"
    if chosen:
        words = f"{options['geometry']}: {words} (plain {plain.total / 1e6:.4g} M)"
    words += f", receptive field {other.receptive_field[0]:.0f} px"
    words = with_second(f"{note(result, ())}; {words}", result, results[1:])
    return Sheet(tuple(panels), note=words, fingerprints=fingerprints(results), linked=True)


def _second_plain(result: Result, second: Result, names: tuple[str, ...]) -> tuple[Floats, Floats]:
    """Sides and costs of a second network as it is, at the convolutions that correspond; NaN for none."""
    blueprint = from_bytes(np.asarray(second["description"], dtype=np.uint8))
    layout, nodes = lay_out(blueprint, {}), [layer.node for layer in blueprint.layers]
    theirs = tuple(layer.point.name for layer in blueprint.layers)
    rows = same_names(counterparts(result.layers, second.layers, names), theirs)
    sides = found_something(second, by_rows(_sides(layout, nodes), rows), "convolution")
    return sides, by_rows(_costs(layout, nodes), rows)


def _sides(layout: Layout, nodes: list[int]) -> Floats:
    return np.array([max(layout.maps[node]) for node in nodes], dtype=np.float64)


def _costs(layout: Layout, nodes: list[int]) -> Floats:
    return np.array([layout.macs[node] / 1e6 for node in nodes], dtype=np.float64)
