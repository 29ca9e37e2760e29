"""Figures of shared weights in detail: agreement of gradients, singular values, what is learnt by heart."""

from __future__ import annotations

import numpy as np

from analysis.catalogue import Param, nearest
from analysis.figures.profile import Options, chosen_rows, fingerprints, note
from analysis.figures.sharing import HUES, SHAPES, WORDS, chosen_ratio
from analysis.figures.sheet import Floats, Guide, Line, Mark, Matrix, Panel, Points, Sheet
from analysis.measures.ring_fits import curves
from analysis.problems import AnalysisError
from analysis.result import Result

LAYER = Param("layer", "", "Name of the layer; empty for the first")

SPECTRA = (
    ("sigma", "as trained", "neutral"),
    ("sigma_projected", "projected onto the ring", "sharing"),
    ("sigma_pruned", "N largest weights alone", "rank"),
)


def agreement(results: list[Result], options: Options) -> Sheet:
    """Draw the cosines between what the layers contribute to the gradient of the ring."""
    result = results[0]
    if "gradient_cosine" not in result:
        reason = result.facts.get("gradients", "not measured")
        raise AnalysisError(f"Agreement of gradients: {reason}.", "Measure it on pictures with labels.")
    rows = chosen_rows(result, options)
    names = tuple(result.layers[row].name for row in rows)
    values = np.asarray(result["gradient_cosine"], dtype=np.float64)[np.ix_(rows, rows)]
    panel = Panel((Matrix(values, names, names, "cosine of gradients on the ring", "signed"),), height=1.2)
    together = f"together {result.value('gradient_together'):.2f} of unrelated gradients"
    return Sheet(
        (panel,), note=f"{note(result, ('gradients', 'variant'))} · {together}", fingerprints=fingerprints(results)
    )


def spectrum(results: list[Result], options: Options) -> Sheet:
    """Draw the singular values of one layer's weights before and after."""
    result = results[0]
    if "sigma" not in result:
        raise AnalysisError("This run has no singular values.", "Measure parameter sharing again.")
    names = [layer.name for layer in result.layers]
    wanted = str(options["layer"]) or names[0]
    if wanted not in names:
        raise AnalysisError(f"The ring makes no weights of '{wanted}'.", nearest(wanted, names))
    row, place = names.index(wanted), chosen_ratio(result, str(options["ratio"]))
    marks: list[Mark] = []
    for name, words, hue in SPECTRA:
        table = np.asarray(result[name], dtype=np.float64)
        values = table[row] if name == "sigma" else table[place, row]
        known = values[np.isfinite(values)]
        marks.append(Line(np.arange(1, len(known) + 1, dtype=np.float64), known, words, hue))
    title = f"{wanted}, N / M = {result.names('ratio')[place]}"
    panel = Panel(tuple(marks), title, "singular value, by size", "singular values")
    return Sheet((panel,), note=note(result, ("variant", "scale", "gain")), fingerprints=fingerprints(results))


def gap(results: list[Result], options: Options) -> Sheet:
    """Draw training accuracy less held-out accuracy against degrees of freedom, bands over seeds."""
    result = results[0]
    tables = {
        name: np.asarray(result[name], dtype=np.float64) for name in ("train_accuracy", "held_accuracy", "accuracy")
    }
    last = (tables["train_accuracy"] - tables["held_accuracy"])[:, -1]
    gaps: Floats = np.where(np.isfinite(tables["accuracy"]), last, np.nan)
    kind, ratio, size, total = (result[name] for name in ("kind", "ratio", "shared_freedom", "total_freedom"))
    found = curves(result.names("kind"), kind, ratio, size, total, gaps)
    if not found:
        raise AnalysisError("No network of this run is finished.", "Wait for the first, or train anew.")
    marks: list[Mark] = [Guide("y", 0.0)]
    for one in found:
        if one.kind == "dense":
            marks.append(Guide("y", 100 * float(one.mean[0]), "dense"))
            continue
        hue, words = HUES.get(one.kind, "neutral"), WORDS.get(one.kind, one.kind)
        several = bool((one.count > 1).any())
        low, high = (100 * one.low, 100 * one.high) if several else (None, None)
        marks.append(Line(one.total, 100 * one.mean, words, hue, dashed=one.kind == "narrowed", low=low, high=high))
        marks.append(Points(one.total, 100 * one.mean, hue=hue, shape=SHAPES.get(one.kind, "circle")))
    lowest, highest = 100 * float(np.nanmin(gaps)), 100 * float(np.nanmax(gaps))
    lowest, highest = min(0.0, lowest), max(0.0, highest)
    # Below all points there is room for the names of the lines.
    window = (lowest - 0.7 * max(highest - lowest, 1.0), highest + 1)
    panel = Panel(
        tuple(marks),
        x_title="degrees of freedom in all",
        y_title="training less held-out accuracy (points)",
        x_log=True,
        y_range=window,
    )
    return Sheet((panel,), note=note(result, ("accuracy", "recipe")), fingerprints=fingerprints(results))
