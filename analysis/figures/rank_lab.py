"""Figure of the rank lab: mean rank ratio against the dimension ratio, one panel per layer type."""

from __future__ import annotations

import numpy as np

from analysis.catalogue import Param, nearest
from analysis.figures.profile import Options, fingerprints, note
from analysis.figures.sheet import Floats, Guide, Line, Mark, Panel, Points, Sheet, ThinLine
from analysis.measures import lab_words
from analysis.measures import rank_lab as lab
from analysis.problems import AnalysisError
from analysis.result import Result

LAYER = Param("layer", "all", "Layer type; all for every one that was measured", choices=("all", *lab.TYPES))
PUBLISHED = Param("published", True, "Show the points read off the published figure")
ZOOM = Param("zoom", False, "Show rank ratios from 0.7 on")
QUANTITY = Param("quantity", "rank", "What is drawn of the random layers", choices=tuple(lab.QUANTITIES))
HIDDEN = Param("hidden", "", "Nonlinearities to leave out, comma-separated")
OUTLINE = Param("outline", False, "The second of two runs is another study: thin lines behind")


def rank_lab(results: list[Result], options: Options) -> Sheet:
    """Draw means over random networks with their standard error; of rank ratios, what was published.

    Raises
    ------
    AnalysisError
        If the wanted layer type was not measured, or there are other runs than a study and one behind it.
    """
    result, behind = results[0], results[1] if options["outline"] and len(results) > 1 else None
    if len(results) != 1 + (behind is not None):
        raise AnalysisError(
            f"The figure 'rank_lab' shows one study, and {len(results)} are named.",
            "Name one, or two with outline=true to draw the second as thin lines.",
        )
    types = [layer for layer in result.names("type") if options["layer"] in ("all", layer)]
    if not types:
        raise AnalysisError(
            f"This run holds no {options['layer']} layers.", f"Choose from {', '.join(result.names('type'))}."
        )
    panels = tuple(_panel(result, behind, layer, options, named=place == 0) for place, layer in enumerate(types))
    if not any(isinstance(mark, Line) for panel in panels for mark in panel.marks):
        if lab.curve(result, types[0], lab.ACTIVATIONS[0], str(options["quantity"])) is None:
            raise AnalysisError(f"This run holds no {options['quantity']}.", "Measure it again.", "quantity")
        raise AnalysisError("All lines are hidden.", f"Choose fewer of {', '.join(lab.ACTIVATIONS)}.", "hidden")
    study = lab_words.study_of(result)
    words = [note(result, ()), *lab_words.settings(study, tuple(types)), f"{_networks(result)} networks per point"]
    if behind is not None:
        words.append(f"thin lines: {lab_words.named(behind)}")
    words += _told(result, types, options)
    return Sheet(panels, note=" · ".join(filter(None, words)), fingerprints=fingerprints(results))


def _told(result: Result, types: list[str], options: Options) -> list[str]:
    """Say of every layer type what is reproduced and what not; of other quantities, what they are."""
    if options["quantity"] != "rank":
        return [lab_words.MEANINGS[str(options["quantity"])]]
    words = []
    for layer in types:
        told = [lab_words.reproduced(lab_words.study_of(result), layer), lab_words.missed(result, layer)]
        if options["published"] and lab.comparable(result, layer):
            told.append(lab_words.reading(layer))
        words.append(f"{lab.TYPE_TITLES[layer]}: {' '.join(filter(None, told))}")
    return words


def _networks(result: Result) -> int:
    """Networks that a point is the mean of, where most have arrived."""
    curves = [lab.curve(result, layer, lab.ACTIVATIONS[0]) for layer in result.names("type")]
    return max((int(found.networks.max()) for found in curves if found is not None), default=0)


def _panel(result: Result, behind: Result | None, layer: str, options: Options, named: bool) -> Panel:
    marks: list[Mark] = []
    quantity = str(options["quantity"])
    hidden = _hidden(str(options["hidden"]))
    shown = bool(options["published"]) and quantity == "rank" and lab.comparable(result, layer)
    for number, activation in enumerate(lab.ACTIVATIONS):
        found = lab.curve(result, layer, activation, quantity)
        if found is None or activation in hidden:
            continue
        other = lab.curve(behind, layer, activation, quantity) if behind is not None else None
        if other is not None:
            marks.append(ThinLine(other.x, _size(other.y, quantity), "", f"series{number}"))
        label = lab.ACTIVATION_TITLES[activation] if named else ""
        y, low, high = (_size(y, quantity) for y in (found.y, found.y - found.error, found.y + found.error))
        marks.append(Line(found.x, y, label, f"series{number}", low=low, high=high))
        if shown and lab.published(layer, activation):
            x, there = np.array(lab.published(layer, activation)).T
            marks.append(Points(x, there, "", f"series{number}", hollow=True))
    if shown and named:
        marks.append(Points(np.empty(0), np.empty(0), "published, read off the figure", "neutral", hollow=True))
    marks.append(Guide("x", 1 / lab.EXPANSION, "expansion 6"))
    whole = (0.7, 1.01) if options["zoom"] and quantity == "rank" else (0.0, 1.04)
    return Panel(
        tuple(marks),
        title=f"{lab.PANELS[layer]} {lab.TYPE_TITLES[layer]}",
        x_title="dimension ratio d_in / d_out",
        y_title="rank / d_out" if quantity == "rank" else lab.QUANTITIES[quantity],
        x_range=(0.0, 1.02),
        y_range=(lab.FLOOR / 2, 2.0) if quantity == "condition" else whole,
        y_log=quantity == "condition",
        height=0.9,
    )


def _hidden(text: str) -> set[str]:
    """Read the nonlinearities that are left out.

    Raises
    ------
    AnalysisError
        If there is none of a name.
    """
    names = {name.strip() for name in text.split(",") if name.strip()}
    for name in sorted(names - set(lab.ACTIVATIONS)):
        raise AnalysisError(f"There is no nonlinearity '{name}'.", nearest(name, lab.ACTIVATIONS), "hidden")
    return names


def _size(values: Floats, quantity: str) -> Floats:
    """Turn exponents of ten back into the conditioning that they stand for."""
    return np.asarray(10.0**values) if quantity == "condition" else values
