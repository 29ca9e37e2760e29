"""Figures of accuracy: per class, and who is taken for whom."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analysis.catalogue import Param
from analysis.figures.profile import Options, fingerprints, note
from analysis.figures.second import (
    difference,
    found_something,
    name_of,
    needs,
    pair,
    refused,
    same_pictures,
    with_second,
)
from analysis.figures.sheet import Bars, Floats, Guide, Line, Mark, Matrix, Outline, Panel, Sheet, ThinLine
from analysis.measures.accuracy import one_output
from analysis.measures.alignment import by_cells, by_rows
from analysis.measures.class_names import class_rows
from analysis.measures.picks import read_picks
from analysis.problems import AnalysisError
from analysis.result import Result


def class_accuracy(results: list[Result], options: Options) -> Sheet:
    """Draw the accuracy per class, with the overall accuracy as a line."""
    result, second = pair(results, options)
    values = 100 * np.asarray(result["class_accuracy"], dtype=np.float64)
    names = result.names("class") or tuple(str(i) for i in range(len(values)))
    bars = Bars(np.arange(len(values), dtype=np.float64), values, hue="widths")
    overall = Guide("y", 100 * result.value("top1"), f"all {100 * result.value('top1'):.1f} %")
    behind = (_second_classes(result, second),) if second is not None else ()
    panel = Panel((bars, *behind, overall), y_title="top-1 accuracy (%)", x_names=names, y_range=(0.0, 105.0))
    words = with_second(note(result, ()), result, results[1:])
    return Sheet((panel,), note=words, fingerprints=fingerprints(results))


def _second_classes(result: Result, other: Result) -> Outline:
    """Accuracies of a second network at the classes of the same names."""
    needs(other, "class_accuracy", "top1")
    theirs = 100 * np.asarray(other["class_accuracy"], dtype=np.float64)
    rows = class_rows(result.names("class"), other.names("class"), len(result["class_accuracy"]), len(theirs))
    found = found_something(other, by_rows(theirs, rows), "class")
    words = f"{name_of(other)}, all {100 * other.value('top1'):.1f} %"
    return Outline(np.arange(len(rows), dtype=np.float64), found, words)


def confusion(results: list[Result], options: Options) -> Sheet:
    """Draw the share of each class (rows) that is taken for each class (columns), in %."""
    result, second = pair(results, options)
    share = _shares(result)
    names = result.names("class") or tuple(str(i) for i in range(len(share)))
    matrix = Matrix(share, names, names, "share of the class (%)", "widths")
    matrix = matrix if second is None else difference(matrix, _second_shares(result, second), second)
    panel = Panel((matrix,), x_title="predicted class", y_title="true class", height=1.4)
    return Sheet((panel,), note=note(result, ()), fingerprints=fingerprints(results))


def _shares(result: Result) -> Floats:
    counts = np.asarray(result["confusion"], dtype=np.float64)
    total = counts.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(100 * counts, total, out=np.full_like(counts, np.nan), where=total > 0))


def _second_shares(result: Result, second: Result) -> Floats:
    """Shares of a second network at the classes of the same names: it has to know all of them, and no others."""
    needs(second, "confusion")
    same_pictures(result, second)
    theirs = _shares(second)
    count = len(result["confusion"])
    rows = class_rows(result.names("class"), second.names("class"), count, len(theirs))
    if len(theirs) != count or (rows < 0).any():
        raise refused(second, "it knows other classes")
    return by_cells(theirs, rows, rows)


BINS = 20
MIDDLES: Floats = (np.arange(BINS) + 0.5) / BINS
PICTURES = Param("pictures", "", "Places of the pictures, such as 3, 17, 20-29; empty for all of the run")
CHOICE = Param("choice", "", "What those pictures have in common, for the note")


def confidence(results: list[Result], options: Options) -> Sheet:
    """Draw how sure the network is of what it gets right, and of what it gets wrong: shares of each, in %."""
    result, second = pair(results, options)
    if "confidence" not in result or "label" not in result:
        raise AnalysisError("This run has no confidences.", "Measure the accuracy again, on pictures with labels.")
    if one_output(result):
        text = "The network has one output, of which there is no confidence."
        raise AnalysisError(text, "Choose a network with several classes.")
    lines: list[Mark] = []
    if second is not None:
        needs(second, "confidence", "label")
        for words, share, count, hue in _confidences(second, str(options["pictures"])):
            label = f"{name_of(second)}, {words} ({count:,} pictures)"
            lines.append(ThinLine(MIDDLES, share, label, hue, words))
        if not any(np.any(line.y > 0) for line in lines if isinstance(line, ThinLine)):
            raise refused(second, "it has no answers to these pictures")
    shown_of = _confidences(result, str(options["pictures"]))
    lines += [Line(MIDDLES, share, f"{words} ({count:,} pictures)", hue) for words, share, count, hue in shown_of]
    titles = ("confidence of the predicted class", "share of these pictures (%)")
    panel = Panel(tuple(lines), x_title=titles[0], y_title=titles[1], x_range=(0.0, 1.0))
    shown = f"{sum(count for _, _, count, _ in shown_of):,} of them shown" if options["pictures"] else ""
    shown += f": {options['choice']}" if shown and options["choice"] else ""
    words = " · ".join(word for word in (note(result, ()), shown) if word)
    words = with_second(words, result, results[1:])
    return Sheet((panel,), note=words, fingerprints=fingerprints(results))


def _confidences(result: Result, pictures: str) -> list[tuple[str, Floats, int, str]]:
    """Words, shares by confidence in %, number of pictures and hue of what is right, and of what is wrong."""
    values = np.asarray(result["confidence"], dtype=np.float64)
    labels, predictions = (np.asarray(result[name], dtype=np.int64) for name in ("label", "prediction"))
    known = np.isfinite(values) & (labels >= 0) & (predictions >= 0) & _among(result, pictures)
    right = labels == predictions
    found = []
    for chosen, words, hue in ((known & right, "right", "widths"), (known & ~right, "wrong", "bundles")):
        counts, _ = np.histogram(values[chosen], BINS, (0.0, 1.0))
        share = np.asarray(100 * counts / max(int(counts.sum()), 1), dtype=np.float64)
        found.append((words, share, int(counts.sum()), hue))
    return found


def _among(result: Result, text: str) -> NDArray[np.bool_]:
    """Tell which pictures of a run are named, all of them by no text."""
    count, prepared = len(result["label"]), result.prepared
    if not text.strip():
        return np.ones(count, dtype=bool)
    places = prepared.indices if prepared is not None and prepared.indices is not None else np.arange(count)
    return np.isin(places, np.array(read_picks(text), dtype=np.int64))
