"""Figures of shared weights in detail: agreement of gradients, singular values, what is learnt by heart."""

from __future__ import annotations

import numpy as np

from analysis.catalogue import Param, nearest
from analysis.figures.profile import Options, chosen_rows, fingerprints, note
from analysis.figures.second import difference, key, name_of, needs, pair, with_second
from analysis.figures.sharing import HUES, SHAPES, WORDS, chosen_ratio, second_curves, second_ratio, second_rows
from analysis.figures.sheet import Floats, Guide, Line, Mark, Matrix, Panel, Points, Sheet, ThinLine
from analysis.measures.alignment import by_cells
from analysis.measures.ring_fits import Curve, curves
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
    result, second = pair(results, options)
    if "gradient_cosine" not in result:
        reason = result.facts.get("gradients", "not measured")
        raise AnalysisError(f"Agreement of gradients: {reason}.", "Measure it on pictures with labels.")
    rows = chosen_rows(result, options)
    names = tuple(result.layers[row].name for row in rows)
    values = np.asarray(result["gradient_cosine"], dtype=np.float64)[np.ix_(rows, rows)]
    matrix = Matrix(values, names, names, "cosine of gradients on the ring", "signed")
    if second is not None:
        needs(second, "gradient_cosine")
        there = second_rows(results, options, rows)
        matrix = difference(
            matrix, by_cells(np.asarray(second["gradient_cosine"], dtype=np.float64), there, there), second
        )
    panel = Panel((matrix,), height=1.2)
    together = f"together {result.value('gradient_together'):.2f} of unrelated gradients"
    words = with_second(f"{note(result, ('gradients', 'variant'))} · {together}", result, results[1:])
    return Sheet((panel,), note=words, fingerprints=fingerprints(results))


def spectrum(results: list[Result], options: Options) -> Sheet:
    """Draw the singular values of one layer's weights before and after."""
    result, second = pair(results, options)
    if "sigma" not in result:
        raise AnalysisError("This run has no singular values.", "Measure parameter sharing again.")
    names = [layer.name for layer in result.layers]
    wanted = str(options["layer"]) or names[0]
    if wanted not in names:
        raise AnalysisError(f"The ring makes no weights of '{wanted}'.", nearest(wanted, names))
    row, place = names.index(wanted), chosen_ratio(result, str(options["ratio"]))
    marks: list[Mark] = [*_second_spectra(results, options, row, place)] if second is not None else []
    for name, words, hue in SPECTRA:
        known = _sigma(result, name, row, place)
        marks.append(Line(np.arange(1, len(known) + 1, dtype=np.float64), known, words, hue))
    title = f"{wanted}, N / M = {result.names('ratio')[place]}"
    panel = Panel(tuple(marks), title, "singular value, by size", "singular values")
    return Sheet((panel,), note=note(result, ("variant", "scale", "gain")), fingerprints=fingerprints(results))


def _sigma(result: Result, name: str, row: int, place: int) -> Floats:
    """Singular values of a layer, largest first, as trained or at one size."""
    table = np.asarray(result[name], dtype=np.float64)
    values = table[row] if name == "sigma" else table[place, row]
    return np.asarray(values[np.isfinite(values)])


def _second_spectra(results: list[Result], options: Options, row: int, place: int) -> list[ThinLine]:
    """Thin lines of the layer of a second network that corresponds."""
    result, second = pair(results, options)
    assert second is not None  # asked only where there is one
    needs(second, "sigma")
    there, size = int(second_rows(results, options, [row])[0]), second_ratio(result, place, second)
    marks = [*key(second)]
    for name, words, hue in SPECTRA:
        known = _sigma(second, name, there, size)
        x, of = np.arange(1, len(known) + 1, dtype=np.float64), f"{name_of(second)}: {words}"
        marks.append(ThinLine(x, known, "", hue, of))
    return marks


def gap(results: list[Result], options: Options) -> Sheet:
    """Draw training accuracy less held-out accuracy against degrees of freedom, bands over seeds."""
    result, second = pair(results, options)
    gaps, found = _gaps(result)
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
    if second is not None:
        there, behind = _gaps(second)
        marks = [*second_curves(second, tuple(one for one in behind if one.kind != "dense"), "total"), *marks]
        gaps = np.concatenate([gaps, there])
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
    words = with_second(note(result, ("accuracy", "recipe")), result, results[1:])
    return Sheet((panel,), note=words, fingerprints=fingerprints(results))


def _gaps(result: Result) -> tuple[Floats, tuple[Curve, ...]]:
    """Training accuracy less held-out accuracy of every finished network, and the same as curves."""
    names = ("train_accuracy", "held_accuracy", "accuracy")
    train, held, final = (np.asarray(result[name], dtype=np.float64) for name in names)
    gaps: Floats = np.where(np.isfinite(final), (train - held)[:, -1], np.nan)
    kind, ratio, size, total = (result[name] for name in ("kind", "ratio", "shared_freedom", "total_freedom"))
    return gaps, curves(result.names("kind"), kind, ratio, size, total, gaps)
