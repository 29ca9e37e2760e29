"""The architecture of a network as a figure: blocks folded as chosen, coloured by any measure."""

from __future__ import annotations

import numpy as np

from analysis.catalogue import Param
from analysis.figures.profile import Options, fingerprints, note, pick
from analysis.figures.sheet import Boxes, Floats, Line, Panel, Sheet
from analysis.measures.architecture import Architecture, GraphNode, subtitle, title
from analysis.measures.layering import Box, lay_out
from analysis.problems import AnalysisError
from analysis.result import Result

FOLDED = Param(
    "folded", "auto", "Modules to fold, comma-separated; 'auto' for the innermost that keep it small, empty for none"
)
MEASURE = Param("measure", "", "Output with one value per layer that colours the nodes, empty for none")
NARROWEST = 320.0
"""Width of the drawing in points; a chain of layers is not blown up to the width of a page."""
LETTER, LINE, PAD = 5.4, 11.0, 7.0
"""Points of a letter and of a line at the size of the texts, and around them."""
SUMMED = ("parameters", "parameters_used", "macs", "activation_bytes")


def graph(results: list[Result], options: Options) -> Sheet:
    """Draw the architecture graph of a run of `structure`; a second run may bring the measure.

    Raises
    ------
    AnalysisError
        If no run knows edges, or none has the measure.
    """
    structure = next((result for result in results if "edge" in result), None)
    if structure is None:
        raise AnalysisError("None of these runs knows how layers feed each other.", "Add a run of structure.")
    pairs = [(int(source), int(target)) for source, target in np.asarray(structure["edge"])]
    architecture = Architecture(structure.layers, pairs)
    words = str(options.get("folded", ""))
    folded = architecture.first_folds() if words == "auto" else frozenset(w.strip() for w in words.split(","))
    shown = architecture.show(folded)
    texts = [(title(node), subtitle(structure.layers, node)) for node in shown.nodes]
    layout = lay_out([_room(*pair) for pair in texts], shown.edges)
    measure = str(options.get("measure", ""))
    values, label = _values(results, structure, shown.nodes, measure)
    lines = tuple(
        Line(np.array([x for x, _ in route.points]), -np.array([y for _, y in route.points]), hue="faint")
        for route in layout.routes
    )
    wide = max(layout.width, NARROWEST)
    middle = layout.width / 2
    panel = Panel(
        (*lines, _boxes(layout.boxes, texts, values, label)),
        x_range=(middle - wide / 2 - 4, middle + wide / 2 + 4),
        y_range=(-layout.height - 4, 4),
        bare=True,
    )
    return Sheet((panel,), note=note(structure, ()), fingerprints=fingerprints(results))


def _room(name: str, below: str) -> tuple[float, float]:
    return LETTER * max(len(name), 0.9 * len(below)) + 2 * PAD, 2 * LINE + 2 * PAD


def _boxes(boxes: tuple[Box, ...], texts: list[tuple[str, str]], values: Floats, label: str) -> Boxes:
    def of(name: str) -> Floats:
        return np.array([getattr(box, name) for box in boxes], dtype=np.float64)

    names = tuple(f"{name}\n{below}" for name, below in texts)
    return Boxes(of("x"), -of("bottom"), of("width"), of("height"), names, values, label)


def _values(results: list[Result], structure: Result, nodes: tuple[GraphNode, ...], measure: str) -> tuple[Floats, str]:
    """Values of the nodes: costs of a folded module are added, everything else is that of its last row."""
    found = np.full(len(nodes), np.nan)
    if not measure:
        return found, ""
    owner = next((r for r in results if measure in r and r.output(measure).dims == ("layer",)), None)
    if owner is None:
        raise AnalysisError(f"No run has one value per layer called '{measure}'.", "Add the run that measured it.")
    rows = {layer.name: row for row, layer in enumerate(owner.layers)}
    values = pick(owner, measure, list(range(len(owner.layers))))
    for number, node in enumerate(nodes):
        names = [structure.layers[row].name for row in node.rows]
        there = [values[rows[name]] for name in names if name in rows and np.isfinite(values[rows[name]])]
        if there:
            found[number] = sum(there) if measure in SUMMED else there[-1]
    output = owner.output(measure)
    unit = f" ({output.unit})" if output.unit else ""
    return found, f"{output.title or measure.replace('_', ' ')}{unit}"
