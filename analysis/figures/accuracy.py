"""Figures of accuracy: per class, and who is taken for whom."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analysis.catalogue import Param
from analysis.figures.profile import Options, fingerprints, note
from analysis.figures.second import name_of, pictures_of, split
from analysis.figures.sheet import Bars, Guide, Line, Matrix, Outline, Panel, Sheet
from analysis.measures.class_names import class_rows
from analysis.measures.picks import read_picks
from analysis.problems import AnalysisError
from analysis.result import Result


def class_accuracy(results: list[Result], options: Options) -> Sheet:
    """Draw the accuracy per class, with the overall accuracy as a line."""
    ours, theirs = split(results, options)
    result = ours[0]
    values = 100 * np.asarray(result["class_accuracy"], dtype=np.float64)
    names = result.names("class") or tuple(str(i) for i in range(len(values)))
    bars = Bars(np.arange(len(values), dtype=np.float64), values, hue="widths")
    overall = Guide("y", 100 * result.value("top1"), f"all {100 * result.value('top1'):.1f} %")
    behind = [_second_classes(result, other) for other in theirs if "class_accuracy" in other]
    panel = Panel((bars, *behind, overall), y_title="top-1 accuracy (%)", x_names=names, y_range=(0.0, 105.0))
    words = " · ".join(word for word in (note(result, ()), pictures_of(result, theirs)) if word)
    return Sheet((panel,), note=words, fingerprints=fingerprints(results))


def _second_classes(result: Result, other: Result) -> Outline:
    """Accuracies of a second network at the classes of the same names."""
    theirs = 100 * np.asarray(other["class_accuracy"], dtype=np.float64)
    count = len(result["class_accuracy"])
    rows = class_rows(result.names("class"), other.names("class"), count, len(theirs))
    found = np.full(count, np.nan)
    found[rows >= 0] = theirs[rows[rows >= 0]]
    return Outline(
        np.arange(count, dtype=np.float64), found, f"{name_of(other)}, all {100 * other.value('top1'):.1f} %"
    )


def confusion(results: list[Result], options: Options) -> Sheet:
    """Draw the share of each class (rows) that is taken for each class (columns), in %."""
    result = results[0]
    counts = np.asarray(result["confusion"], dtype=np.float64)
    total = counts.sum(axis=1, keepdims=True)
    share = np.divide(100 * counts, total, out=np.full_like(counts, np.nan), where=total > 0)
    names = result.names("class") or tuple(str(i) for i in range(len(counts)))
    matrix = Matrix(share, names, names, "share of the class (%)", "widths")
    panel = Panel((matrix,), x_title="predicted class", y_title="true class", height=1.4)
    return Sheet((panel,), note=note(result, ()), fingerprints=fingerprints(results))


BINS = 20
PICTURES = Param("pictures", "", "Places of the pictures, such as 3, 17, 20-29; empty for all of the run")
CHOICE = Param("choice", "", "What those pictures have in common, for the note")


def confidence(results: list[Result], options: Options) -> Sheet:
    """Draw how sure the network is of what it gets right, and of what it gets wrong: shares of each, in %."""
    result = results[0]
    if "confidence" not in result or "label" not in result:
        raise AnalysisError("This run has no confidences.", "Measure the accuracy again, on pictures with labels.")
    values = np.asarray(result["confidence"], dtype=np.float64)
    labels, predictions = (np.asarray(result[name], dtype=np.int64) for name in ("label", "prediction"))
    known = np.isfinite(values) & (labels >= 0) & (predictions >= 0) & _among(result, str(options["pictures"]))
    right = labels == predictions
    middles = (np.arange(BINS) + 0.5) / BINS
    lines = []
    for chosen, words, hue in ((known & right, "right", "widths"), (known & ~right, "wrong", "bundles")):
        counts, _ = np.histogram(values[chosen], BINS, (0.0, 1.0))
        share = 100 * counts / max(int(counts.sum()), 1)
        lines.append(Line(middles, share, f"{words} ({int(counts.sum()):,} pictures)", hue))
    titles = ("confidence of the predicted class", "share of these pictures (%)")
    panel = Panel(tuple(lines), x_title=titles[0], y_title=titles[1], x_range=(0.0, 1.0))
    shown = f"{int(known.sum()):,} of them shown" if options["pictures"] else ""
    shown += f": {options['choice']}" if shown and options["choice"] else ""
    words = " · ".join(word for word in (note(result, ()), shown) if word)
    return Sheet((panel,), note=words, fingerprints=fingerprints(results))


def _among(result: Result, text: str) -> NDArray[np.bool_]:
    """Tell which pictures of a run are named, all of them by no text."""
    count, prepared = len(result["label"]), result.prepared
    if not text.strip():
        return np.ones(count, dtype=bool)
    places = prepared.indices if prepared is not None and prepared.indices is not None else np.arange(count)
    return np.isin(places, np.array(read_picks(text), dtype=np.int64))
