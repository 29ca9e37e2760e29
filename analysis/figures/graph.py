"""The architecture of a network as a figure: blocks folded as chosen, coloured by any measure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from analysis.catalogue import Param
from analysis.config import LayerSpec
from analysis.figures.measured import SERIES, at_checkpoint, has, measures, pick
from analysis.figures.profile import Options, fingerprints, note
from analysis.figures.second import counterparts, found_something, known_layers, name_of, refused, split, with_second
from analysis.figures.sheet import Boxes, Floats, Line, Panel, Sheet
from analysis.measures.alignment import same_names
from analysis.measures.architecture import GraphNode, architecture_of, subtitle, title
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
STRUCTURE = {
    "width": "channels",
    **{name: name for name in ("parameters", "parameters_used", "macs", "activation_bytes")},
}
"""What every run knows of its layers, and the field of a layer that says it."""
SUMMED = ("parameters", "parameters_used", "macs", "activation_bytes")


def graph(results: list[Result], options: Options) -> Sheet:
    """Draw the architecture graph of a run of `structure`; a second run may bring the measure.

    Raises
    ------
    AnalysisError
        If no run knows edges, or none has the measure.
    """
    ours, theirs = split(results, options)
    structure = next((result for result in ours if "edge" in result), None)
    if structure is None:
        raise AnalysisError("None of these runs knows how layers feed each other.", "Add a run of structure.")
    architecture = architecture_of(structure)
    assert architecture is not None  # it has edges
    words = str(options.get("folded", ""))
    folded = architecture.first_folds() if words == "auto" else frozenset(w.strip() for w in words.split(","))
    shown = architecture.show(folded)
    texts = [(title(node), subtitle(architecture, node)) for node in shown.nodes]
    layout = lay_out([_room(*pair) for pair in texts], shown.edges)
    values, label = _values(ours, theirs, structure, shown.nodes, options)
    lines = tuple(
        Line(np.array([x for x, _ in route.points]), -np.array([y for _, y in route.points]), hue="faint")
        for route in layout.routes
    )
    wide = max(layout.width, NARROWEST)
    middle = layout.width / 2
    panel = Panel(
        (*lines, _boxes(layout.boxes, texts, values, label, bool(theirs))),
        x_range=(middle - wide / 2 - 4, middle + wide / 2 + 4),
        y_range=(-layout.height - 4, 4),
        bare=True,
    )
    checkpoint = str(options.get("checkpoint", ""))
    said = [note(structure, ()), f"checkpoint {checkpoint}" if checkpoint else ""]
    words = with_second(" · ".join(filter(None, said)), structure, theirs)
    return Sheet((panel,), note=words, fingerprints=fingerprints(results))


def _room(name: str, below: str) -> tuple[float, float]:
    return LETTER * max(len(name), 0.9 * len(below)) + 2 * PAD, 2 * LINE + 2 * PAD


def _boxes(boxes: tuple[Box, ...], texts: list[tuple[str, str]], values: Floats, label: str, signed: bool) -> Boxes:
    def of(name: str) -> Floats:
        return np.array([getattr(box, name) for box in boxes], dtype=np.float64)

    names = tuple(f"{name}\n{below}" for name, below in texts)
    return Boxes(of("x"), -of("bottom"), of("width"), of("height"), names, values, label, signed=signed)


def _values(
    results: list[Result], theirs: list[Result], structure: Result, nodes: tuple[GraphNode, ...], options: Options
) -> tuple[Floats, str]:
    """Values of the nodes: costs of a folded module are added, everything else is that of its last row.

    Of a difference, a sum is known only if all of its rows correspond to one of the other network.
    """
    measure = str(options.get("measure", ""))
    if theirs and not measure:
        raise refused(theirs[0], "no measure is chosen that could differ")
    if not measure:
        return np.full(len(nodes), np.nan), ""
    owners = [result for result in results if _knows(result, measure)]
    if not owners:
        raise AnalysisError(f"No run has one value per layer called '{measure}'.", "Add the run that measured it.")
    layers = [layer.name for layer in structure.layers]
    own = values = _at_rows(owners[0], layers, measure, str(options.get("checkpoint", "")))
    title = _title(owners[0], measure)
    if theirs:
        other = _second(theirs, measure)
        names = counterparts(structure.layers, known_layers(theirs), layers)
        values = own - _at_rows(other, names, measure, "")
        found_something(other, values)
        title = f"{title}, difference from {name_of(other)}"
    found = np.full(len(nodes), np.nan)
    for number, node in enumerate(nodes):
        rows = [row for row in node.rows if np.isfinite(own[row])]
        there = [values[row] for row in rows if np.isfinite(values[row])]
        if there and measure in SUMMED:
            found[number] = sum(there) if len(there) == len(rows) else np.nan
        elif there:
            found[number] = there[-1]
    return found, title


def _knows(result: Result, measure: str) -> bool:
    dims = result.output(measure).dims if measure in result else ()
    return has(result, measure) or dims == SERIES or (measure in STRUCTURE and bool(result.layers))


def _second(theirs: list[Result], measure: str) -> Result:
    """Run from which the first network differs: the last that has the measure; of what all know, the fullest."""
    found = [run for run in reversed(theirs) if _knows(run, measure)]
    if not found:
        raise refused(theirs[0], f"it was measured without '{measure}'")
    return max(found, key=lambda run: len(run.layers)) if measure in STRUCTURE else found[0]


def _at_rows(result: Result, names: Sequence[str], measure: str, checkpoint: str) -> Floats:
    """Values of a run at layers that it knows by name; what the structure says is read off the layers themselves."""
    rows = same_names(names, [layer.name for layer in result.layers]).tolist()
    if measure in STRUCTURE:
        values = np.array([_of_structure(layer, measure) for layer in result.layers])
    elif has(result, measure):
        return pick(result, measure, rows)
    else:
        values = at_checkpoint(result, measure, checkpoint)
    return np.array([values[row] if row >= 0 else np.nan for row in rows])


def _of_structure(layer: LayerSpec, measure: str) -> float:
    """Width or cost of a layer; an activation has no weights, which is no zero that anyone measured."""
    value = float(getattr(layer, STRUCTURE[measure]))
    weighty = layer.kind in ("conv", "linear") and measure != "width"
    return value if value or weighty or measure == "activation_bytes" else float("nan")


def _title(result: Result, measure: str) -> str:
    known = measures(result)
    output = known.get(measure) or (result.output(measure) if measure in result else None)
    words = (output.title if output else "") or measure.replace("_", " ")
    return f"{words} ({output.unit})" if output and output.unit else words
