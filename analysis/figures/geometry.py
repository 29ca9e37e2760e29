"""Map sizes and costs of a network in another geometry, as a figure; worked out from its blueprint."""

from __future__ import annotations

import numpy as np

from analysis.catalogue import Param
from analysis.figures.profile import Options, fingerprints, note
from analysis.figures.sheet import Line, Mark, Panel, Sheet
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
    blueprint = from_bytes(np.asarray(results[0]["description"], dtype=np.uint8))
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
    panels = []
    for title, before, after in (
        ("side of the map", _sides(plain, nodes), _sides(other, nodes)),
        ("million multiply-adds", _costs(plain, nodes), _costs(other, nodes)),
    ):
        marks: list[Mark] = [Line(x, before, "plain", "neutral")]
        if chosen:
            marks.append(Line(x, after, "changed", "series0"))
        panels.append(Panel(tuple(marks), x_title="convolution, in order", y_title=title, x_names=names))
    words = f"{other.total / 1e6:.4g} M multiply-adds"
    if chosen:
        words = f"{options['geometry']}: {words} (plain {plain.total / 1e6:.4g} M)"
    words += f", receptive field {other.receptive_field[0]:.0f} px"
    return Sheet(
        tuple(panels), note=f"{note(results[0], ())}; {words}", fingerprints=fingerprints(results), linked=True
    )


def _sides(layout: Layout, nodes: list[int]) -> Floats:
    return np.array([max(layout.maps[node]) for node in nodes], dtype=np.float64)


def _costs(layout: Layout, nodes: list[int]) -> Floats:
    return np.array([layout.macs[node] / 1e6 for node in nodes], dtype=np.float64)
