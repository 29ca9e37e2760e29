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
from analysis.figures.spec import SIZES, Style
from analysis.measures.alignment import same_names
from analysis.measures.architecture import GraphNode, architecture_of, subtitle, title
from analysis.measures.layering import Box, Layout, Route, in_columns, lay_out
from analysis.problems import AnalysisError
from analysis.result import Result

FOLDED = Param(
    "folded", "auto", "Modules to fold, comma-separated; 'auto' for the innermost that keep it small, empty for none"
)
MEASURE = Param("measure", "", "Output with one value per layer that colours the nodes, empty for none")
LETTERS = 14.0
"""Size of the texts in the units of the drawing, in which the gaps between nodes are measured too."""
LETTER, LINE, PAD = 0.62 * LETTERS, 1.25 * LETTERS, 0.4 * LETTERS
"""Width of a letter, height of a line, and room around them."""
COLUMN_GAP, AROUND = 40.0, 4.0
"""Between two columns, and around the whole drawing."""
HEIGHTS = (55.0, 65.0, 80.0, 100.0, 125.0, 150.0, 175.0)
"""Millimetres of height that are tried one after the other before letters become smaller."""
TALLEST = {"column": 205.0, "page": 205.0, "slide": 105.0}
"""Millimetres of a page that the drawing may take, with what stands below it."""
SMALLEST = 5.0
"""Points of letters that can be read on paper."""
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
    layout, room, letters = arranged(lay_out([_room(*pair) for pair in texts], shown.edges), options)
    values, label = _values(ours, theirs, structure, shown.nodes, options)
    wide, middle = max(layout.width, room[0], layout.height * room[0] / room[1]), layout.width / 2
    panel = Panel(
        (*map(_edge, layout.routes), _boxes(layout.boxes, texts, values, label, bool(theirs))),
        x_range=(middle - wide / 2 - AROUND, middle + wide / 2 + AROUND),
        y_range=(-layout.height - AROUND, AROUND),
        bare=True,
    )
    checkpoint = str(options.get("checkpoint", ""))
    small = f"letters of {letters:.1f} points: fold modules for larger ones" if letters < SMALLEST else ""
    said = [note(structure, ()), f"checkpoint {checkpoint}" if checkpoint else "", small]
    words = with_second(" · ".join(filter(None, said)), structure, theirs)
    return Sheet((panel,), note=words, fingerprints=fingerprints(results))


def arranged(layout: Layout, options: Options) -> tuple[Layout, tuple[float, float], float]:
    """Break a long graph into columns, as the window does, so that its letters are as large as the figure's.

    The lowest drawing is taken in which they are; where none on a page has room for them, that with the largest ones.

    Returns
    -------
    layout
        In as many columns as it takes.
    room
        Width and height, in the units of the layout, of a page whose letters have the figure's size.
    letters
        Their size in points.
    """
    size, points = str(options.get("size", "column")), float(options.get("points", 0.0)) or Style().points
    wide = SIZES[size][0]
    unit = LETTERS / points * 72 / 25.4  # of the layout, in a millimetre
    highest = TALLEST[size]
    for height in (*(height for height in HEIGHTS if height < highest), highest):
        room = (wide * unit, height * unit)
        found = in_columns(layout, room, COLUMN_GAP)
        smaller = max(1.0, found.width / room[0], found.height / room[1])
        if smaller < 1.05:
            break
    return found, room, points / smaller


def _edge(route: Route) -> Line:
    x, y = (np.array(places, dtype=np.float64) for places in zip(*route.points, strict=True))
    return Line(x, -y, hue="edge", arrow=True)


def _room(name: str, below: str) -> tuple[float, float]:
    return LETTER * max(len(name), len(below)) + 2 * PAD, 2 * LINE + 2 * PAD


def _boxes(boxes: tuple[Box, ...], texts: list[tuple[str, str]], values: Floats, label: str, signed: bool) -> Boxes:
    def of(name: str) -> Floats:
        return np.array([getattr(box, name) for box in boxes], dtype=np.float64)

    names = tuple(f"{name}\n{below}" for name, below in texts)
    sizes = (of("width"), of("height"))
    return Boxes(of("x"), -of("bottom"), *sizes, names, values, label, signed=signed, letters=LETTERS)


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
