"""Figure of the rank lab: mean rank ratio against the dimension ratio, one panel per layer type."""

from __future__ import annotations

import numpy as np

from analysis.catalogue import Param
from analysis.figures.profile import Options, fingerprints, note
from analysis.figures.sheet import Guide, Line, Mark, Panel, Points, Sheet
from analysis.measures import lab_words
from analysis.measures import rank_lab as lab
from analysis.problems import AnalysisError
from analysis.result import Result

LAYER = Param("layer", "all", "Layer type; all for every one that was measured", choices=("all", *lab.TYPES))
PUBLISHED = Param("published", True, "Show the points read off the published figure")
ZOOM = Param("zoom", False, "Show rank ratios from 0.7 on")


def rank_lab(results: list[Result], options: Options) -> Sheet:
    """Draw mean rank ratios with their standard error, and what was published.

    Raises
    ------
    AnalysisError
        If the wanted layer type was not measured.
    """
    result = results[0]
    types = [layer for layer in result.names("type") if options["layer"] in ("all", layer)]
    if not types:
        raise AnalysisError(
            f"This run holds no {options['layer']} layers.", f"Choose from {', '.join(result.names('type'))}."
        )
    panels = tuple(_panel(result, layer, options, named=place == 0) for place, layer in enumerate(types))
    study = lab_words.study_of(result)
    words = [note(result, ()), *lab_words.settings(study, tuple(types)), f"{_networks(result)} networks per point"]
    told = {layer: [lab_words.reproduced(study, layer)] for layer in types}
    for layer in types:
        if options["published"] and lab.comparable(result, layer):
            told[layer].append(lab_words.reading(layer))
    words += [f"{lab.TYPE_TITLES[layer]}: {' '.join(sentences)}" for layer, sentences in told.items()]
    return Sheet(panels, note=" · ".join(filter(None, words)), fingerprints=fingerprints(results))


def _networks(result: Result) -> int:
    """Networks that a point is the mean of, where most have arrived."""
    curves = [lab.curve(result, layer, lab.ACTIVATIONS[0]) for layer in result.names("type")]
    return max((int(found.networks.max()) for found in curves if found is not None), default=0)


def _panel(result: Result, layer: str, options: Options, named: bool) -> Panel:
    marks: list[Mark] = []
    shown = bool(options["published"]) and lab.comparable(result, layer)
    for number, activation in enumerate(lab.ACTIVATIONS):
        found = lab.curve(result, layer, activation)
        if found is None:
            continue
        label = lab.ACTIVATION_TITLES[activation] if named else ""
        low, high = found.y - found.error, found.y + found.error
        marks.append(Line(found.x, found.y, label, f"series{number}", low=low, high=high))
        if shown and lab.published(layer, activation):
            x, y = np.array(lab.published(layer, activation)).T
            marks.append(Points(x, y, "", f"series{number}", hollow=True))
    if shown and named:
        marks.append(Points(np.empty(0), np.empty(0), "published, read off the figure", "neutral", hollow=True))
    marks.append(Guide("x", 1 / lab.EXPANSION, "expansion 6"))
    return Panel(
        tuple(marks),
        title=f"{lab.PANELS[layer]} {lab.TYPE_TITLES[layer]}",
        x_title="dimension ratio d_in / d_out",
        y_title="rank / d_out",
        x_range=(0.0, 1.02),
        y_range=(0.7, 1.01) if options["zoom"] else (0.0, 1.04),
        height=0.9,
    )
