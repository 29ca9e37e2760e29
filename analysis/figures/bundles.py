"""Figures of conflicting bundles: over depth, over training, against the tolerance, and as blocks are removed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from analysis.catalogue import Param, nearest
from analysis.figures.bundles_second import Aligned
from analysis.figures.profile import Options, fingerprints, label_of, note, stages
from analysis.figures.second import difference, found_something, key, name_of, needs, pair, refused, split, with_second
from analysis.figures.sheet import (
    Bars,
    Floats,
    Guide,
    Line,
    Mark,
    Matrix,
    Outline,
    Panel,
    Points,
    Sheet,
    ThinLine,
)
from analysis.measures.alignment import by_rows
from analysis.measures.bundles import first_merge
from analysis.measures.partitions import label_entropy, onset
from analysis.problems import AnalysisError
from analysis.result import Result

CHECKPOINT = Param("checkpoint", "", "Which checkpoint; empty for the last")
KIND = Param("kinds", "", "Kinds of points, comma-separated (input, branch, block, pooled …); empty for all")
VALUE = Param(
    "value", "entropy", "Which output to show", choices=("entropy", "entropy_ratio", "bundles", "samples_in_conflict")
)
POINT = Param("point", "", "Name of the point; empty for the last")
FACTS = ("mode", "seed", "η", "B", "branches")
LINES = (("branch", "branches"), ("block", "block outputs"), ("activation", "activations"))


def depth(results: list[Result], options: Options) -> Sheet:
    """Draw entropy and share of bundles over depth at one checkpoint, branches and outputs as lines of their own."""
    result, second = pair(results, options)
    place = _checkpoint(result, options)
    points = result.layers
    x = np.arange(len(points), dtype=np.float64)
    entropy = np.asarray(result["entropy"][place], dtype=np.float64)
    lines: list[Mark] = []
    for kind, label in LINES:
        rows = [i for i, point in enumerate(points) if point.kind == kind]
        if rows:
            lines.append(Line(x[rows], entropy[rows], label, f"series{len(lines)}", dashed=kind == "branch"))
    rows = [i for i, point in enumerate(points) if point.kind not in dict(LINES)]
    if rows:
        lines.append(Points(x[rows], entropy[rows], "input and pooled feature", "neutral"))
    theirs = None if second is None else Aligned(*split(results, options))
    if theirs is not None:
        lines += _second_entropies(theirs, place, x)
    lines.append(Guide("y", label_entropy(_labels(result)), "H(Y)"))
    first = onset(entropy)
    if first >= 0:
        lines.append(Guide("x", float(first), f"onset: {points[first].name}"))
    names = tuple(point.name for point in points)
    top = Panel(
        tuple(lines),
        y_title="bundle entropy H (nats)",
        x_names=names,
        stages=stages(list(points)),
    )
    below: list[Mark] = [Bars(x, _shares(result, place), hue="bundles")]
    if theirs is not None:
        below.append(Outline(x, by_rows(_shares(theirs.second, theirs.checkpoint(place)), theirs.points)))
    bottom = Panel(
        tuple(below),
        x_title="point, in order of execution",
        y_title="bundles / N (%)",
        x_names=names,
        y_range=(0.0, 105.0),
        height=0.6,
    )
    words = with_second(_note(result, place), result, results[1:])
    return Sheet((top, bottom), note=words, fingerprints=fingerprints(results), linked=True)


def _second_entropies(theirs: Aligned, place: int, x: Floats) -> list[Mark]:
    """Entropies of a second network at the points that correspond, a thin line for each of ours."""
    values = found_something(theirs.second, theirs.values("entropy", place), "point")
    kinds = [point.kind for point in theirs.first.layers]
    lines: list[Mark] = []
    number, name = 0, name_of(theirs.second)
    for kind, label in (*LINES, ("", "input and pooled feature")):
        rows = [i for i, own in enumerate(kinds) if (own == kind if kind else own not in dict(LINES))]
        if rows and np.isfinite(values[rows]).any():
            hue = f"series{number}" if kind else "neutral"
            if kind:
                lines.append(ThinLine(x[rows], values[rows], "", hue, f"{name}: {label}", dashed=kind == "branch"))
            else:
                lines += [ThinLine(x[[row]], values[[row]], "", hue, f"{name}: {label}") for row in rows]
        number += bool(rows)
    return [*lines, *key(theirs.second)]


def _shares(result: Result, place: int) -> Floats:
    """Bundles of every point by pictures with one, in %."""
    known = np.asarray(result["bundle_ids"][place] >= 0).sum(axis=1)
    share = np.divide(result["bundles"][place], known, out=np.full(len(known), np.nan), where=known > 0)
    return np.asarray(100 * share, dtype=np.float64)


def heatmap(results: list[Result], options: Options) -> Sheet:
    """Draw points (rows) against checkpoints: grey without any conflict, hatched with values that are not finite."""
    (result, second), name = pair(results, options), str(options["value"])
    wanted = {word.strip() for word in str(options["kinds"]).split(",") if word.strip()}
    rows = [i for i, point in enumerate(result.layers) if not wanted or point.kind in wanted]
    if not rows:
        raise AnalysisError("No point is of these kinds.", nearest(str(options["kinds"]), _kinds(result)))
    values = np.asarray(result[name], dtype=np.float64)[:, rows].T
    # Zero or not is the decision: it gets no colour of the scale at all.
    shown = np.where(values > 0, values, np.nan)
    output = result.output(name)
    label = f"{output.title} ({output.unit}); grey: exactly 0" if output.unit else f"{output.title}; grey: exactly 0"
    broken = np.asarray(result["non_finite"], dtype=np.int64)[:, rows].T > 0
    names = tuple(result.layers[i].name for i in rows)
    matrix = Matrix(
        shown, names, result.names("checkpoint"), label, "bundles", blank=np.isnan(values) & ~broken, hatched=broken
    )
    if second is not None:
        theirs = Aligned(*split(results, options))
        theirs.insist(range(len(matrix.columns)))
        there = np.stack([theirs.values(name, place)[rows] for place in range(len(matrix.columns))], axis=1)
        matrix = difference(replace(matrix, values=values, blank=np.isnan(values - there) & ~broken), there, second)
    panel = Panel((matrix,), x_title="checkpoint", y_title="point", height=1.6)
    words = with_second(_note(result, None), result, results[1:])
    return Sheet((panel,), note=words, fingerprints=fingerprints(results))


def merges(results: list[Result], options: Options) -> Sheet:
    """Draw classes against classes: how many points of the network there are from the first that merges them on."""
    result, second = pair(results, options)
    if "first_merge" not in result:
        raise AnalysisError("This run holds no merges of classes.", "It has more than 1,024 labels: use fewer.")
    place, count = _checkpoint(result, options), len(result.layers)
    first = _first_merges(result, place)
    same = np.eye(len(first), dtype=bool)
    left = np.where((first >= 0) & ~same, 1.0 * count - first, np.nan)
    names = _classes(result)
    label = "points from the first merge on; grey: never merged"
    matrix = Matrix(left, names, names, label, "bundles", blank=same, low=0.0)
    matrix = matrix if second is None else _framed(matrix, Aligned(*split(results, options)), place)
    panel = Panel((matrix,), x_title="class", y_title="class", height=1.4)
    found = np.argwhere(np.triu((first >= 0) & ~same))
    met, words = len(found), ""
    if met:
        row, column = min(found.tolist(), key=lambda pair: int(first[pair[0], pair[1]]))
        words = f" · first: {names[row]} and {names[column]}, at {result.layers[int(first[row, column])].name}"
    pairs = len(first) * (len(first) - 1) // 2
    text = f"{_note(result, place)} · {met} of {pairs} pairs of classes merge{words}"
    text = with_second(text, result, results[1:])
    return Sheet((panel,), note=text, fingerprints=fingerprints(results))


def _first_merges(result: Result, place: int) -> NDArray[np.int64]:
    """Point at which two classes first merge at a checkpoint, -1 for never; axes (class, class)."""
    first = np.asarray(result["first_merge"], dtype=np.int64)
    if place < len(result.names("checkpoint")) - 1:  # what is stored is of the last one
        labels = np.asarray(result["label"], dtype=np.int64)
        first = first_merge(np.asarray(result["bundle_ids"][place]), labels, len(first))[0].astype(np.int64)
    return first


def _classes(result: Result) -> tuple[str, ...]:
    count = len(result["first_merge"])
    known = result.names("class") or tuple(str(number) for number in range(count))
    return (*known[:count], *(str(number) for number in range(len(known), count)))


def _framed(matrix: Matrix, theirs: Aligned, place: int) -> Matrix:
    """Frame the pairs of classes that a second network merges, too."""
    second = theirs.second
    needs(second, "first_merge")
    if _classes(second) != matrix.rows:
        raise refused(second, "it knows other classes")
    there = _first_merges(second, theirs.checkpoint(place)) >= 0
    words = f"merged in {name_of(second)}, too"
    return replace(matrix, framed=there & ~np.eye(len(there), dtype=bool), framed_label=words)


def training(results: list[Result], options: Options) -> Sheet:
    """Draw entropy at one point over the checkpoints, with loss, accuracy and what bounds them."""
    result, second = pair(results, options)
    point = _point(result, options)
    x = np.arange(len(result.names("checkpoint")), dtype=np.float64)
    entropy = np.asarray(result["entropy"][:, point], dtype=np.float64)
    exact = result.facts.get("mode", "").startswith("exact")
    bound = ", floor of the loss" if exact else ""
    above, below = _second_training(Aligned(*split(results, options)), point) if second is not None else ((), ())
    upper = Panel(
        (
            *above,
            Line(x, entropy, f"H{bound}", "bundles"),
            Line(x, np.asarray(result["loss"], dtype=np.float64), "loss on the pictures", "series1", dashed=True),
            Guide("y", label_entropy(_labels(result)), "H(Y)"),
        ),
        y_title="nats",
        x_names=result.names("checkpoint"),
        title=result.layers[point].name,
    )
    marks: list[Mark] = [
        *below,
        Line(x, 100 * np.asarray(result["accuracy"], dtype=np.float64), "accuracy on the pictures", "widths"),
    ]
    if exact:
        marks.append(
            Line(
                x, 100 * (1 - np.asarray(result["error_floor"][:, point], dtype=np.float64)), "ceiling 1 − e", "bundles"
            )
        )
    lower = Panel(
        tuple(marks),
        x_title="checkpoint",
        y_title="accuracy (%)",
        x_names=result.names("checkpoint"),
        y_range=(0.0, 105.0),
        height=0.7,
    )
    words = with_second(_note(result, None), result, results[1:])
    return Sheet((upper, lower), note=words, fingerprints=fingerprints(results), linked=True)


def _second_training(theirs: Aligned, point: int) -> tuple[tuple[Mark, ...], tuple[Mark, ...]]:
    """Thin lines of a second network over its checkpoints: entropy at the point that corresponds, and accuracy."""
    second, row = theirs.second, int(theirs.points[point])
    if row < 0:
        raise refused(second, f"no point corresponds to {theirs.first.layers[point].name}")
    x, entropy = theirs.series(np.asarray(second["entropy"][:, row], dtype=np.float64))
    _, accuracy = theirs.series(100 * np.asarray(second["accuracy"], dtype=np.float64))
    name = name_of(second)
    above = ThinLine(
        x, found_something(second, entropy, "checkpoint"), f"{name}, H", "bundles", second.layers[row].name
    )
    return (above,), (ThinLine(x, accuracy, f"{name}, accuracy", "widths", "accuracy"),)


def sensitivity(results: list[Result], options: Options) -> Sheet:
    """Draw the critical tolerance of every point, and the grid that was used as a line."""
    result, second = pair(results, options)
    if "critical_tolerance" not in result:
        raise AnalysisError("This run holds no critical tolerances.", "Measure with mode=update-grid and critical=yes.")
    place = _checkpoint(result, options)
    x = np.arange(len(result.layers), dtype=np.float64)
    found = np.asarray(result["critical_tolerance"][place], dtype=np.float64)
    marks: list[Mark] = []
    for kind in dict.fromkeys(point.kind for point in result.layers):
        rows = [i for i, point in enumerate(result.layers) if point.kind == kind and found[i] > 0]
        if rows:
            marks.append(Points(x[rows], found[rows], kind, f"series{len(marks)}"))
    if second is not None:
        needs(second, "critical_tolerance")
        there = Aligned(*split(results, options)).values("critical_tolerance", place)
        there = found_something(second, np.where(there > 0, there, np.nan), "point")
        marks.insert(0, ThinLine(x, there, name_of(second)))
    marks.append(Guide("y", 1.0, "τ"))
    equal = int((found == 0).sum())
    panel = Panel(
        tuple(marks),
        x_title="point, in order of execution",
        y_title="critical tolerance (τ), ours",
        x_names=tuple(point.name for point in result.layers),
        stages=stages(list(result.layers)),
        y_log=True,
    )
    words = f" · not shown for equal values of two classes: {equal} point{'s' if equal != 1 else ''}" if equal else ""
    text = with_second(_note(result, place) + words, result, results[1:])
    return Sheet((panel,), note=text, fingerprints=fingerprints(results))


def removal(results: list[Result], options: Options) -> Sheet:
    """Draw accuracy against the number of removed blocks: random subsets with one standard deviation, and in order."""
    result, second = pair(results, options)
    marks: list[Mark] = list(_second_removal(second)) if second is not None else []
    x = np.arange(result["accuracy_mean"].shape[1], dtype=np.float64)
    means, spreads = (100 * np.asarray(result[name], dtype=np.float64) for name in ("accuracy_mean", "accuracy_sd"))
    drawn: list[Floats] = []
    for row, group in enumerate(result.names("group")):
        known = np.isfinite(means[row])
        if known.any() and not any(np.array_equal(means[row], other, equal_nan=True) for other in drawn):
            drawn.append(means[row])
            marks += _band(x[known], means[row][known], spreads[row][known], f"random, {group}", f"series{row}")
    for row, order in enumerate(result.names("order")):
        curve = 100 * np.asarray(result["ordered_accuracy"][row], dtype=np.float64)
        marks.append(Line(x, curve, order, f"series{3 + row}", dashed=bool(row)))
    lost = int(result["first_loss"][0])
    if lost > 0:
        marks.append(Guide("x", float(lost), f"conflicting: accepted loss at {lost}"))
    panel = Panel(
        tuple(marks),
        x_title="removed blocks",
        y_title="accuracy (%)",
        y_range=(0.0, 105.0),
        title=label_of(result),
    )
    facts = ("mode", "pictures", "seed", "η", "B", "W", "τ", "accepted loss")
    words = with_second(note(result, facts), result, results[1:])
    return Sheet((panel,), note=words, fingerprints=fingerprints(results))


def _second_removal(second: Result) -> tuple[Mark, ...]:
    """Thin lines of a second network: random subsets of all blocks, and the first order dashed."""
    name, order = name_of(second), second.names("order")[0]
    groups = second.names("group")
    mean = 100 * np.asarray(second["accuracy_mean"][groups.index("all")], dtype=np.float64)
    curve = 100 * np.asarray(second["ordered_accuracy"][0], dtype=np.float64)
    drawn = ((mean, f"{name}, random, all", "random, all", False), (curve, f"{name}, {order}", order, True))
    marks = [
        ThinLine(np.arange(len(values), dtype=np.float64), values, label, "outline", of, dashed=dashed)
        for values, label, of, dashed in drawn
        if np.isfinite(values).any()
    ]
    if not marks:
        raise refused(second, "nothing of it has been measured")
    return tuple(marks)


def _band(x: Floats, mean: Floats, spread: Floats, label: str, hue: str) -> list[Mark]:
    edges = (Line(x, mean - spread, "", hue, dashed=True), Line(x, mean + spread, "", hue, dashed=True))
    return [Line(x, mean, f"{label} ± 1 sd", hue), *edges]


def _labels(result: Result) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    labels = np.asarray(result["label"]).astype(np.int64)
    return labels[labels >= 0]


def _kinds(result: Result) -> list[str]:
    return list(dict.fromkeys(point.kind for point in result.layers))


def _checkpoint(result: Result, options: Options) -> int:
    names, wanted = result.names("checkpoint"), str(options["checkpoint"])
    if wanted and wanted not in names:
        raise AnalysisError(f"This run has no checkpoint '{wanted}'.", nearest(wanted, names))
    return names.index(wanted) if wanted else len(names) - 1


def _point(result: Result, options: Options) -> int:
    names, wanted = [point.name for point in result.layers], str(options["point"])
    if wanted and wanted not in names:
        raise AnalysisError(f"This run has no point '{wanted}'.", nearest(wanted, names))
    return names.index(wanted) if wanted else len(names) - 1


def _note(result: Result, place: int | None) -> str:
    """Say N, seed, mode, η, B, and W and τ of the checkpoint that is shown."""
    words = note(result, FACTS)
    if place is None:
        return words
    tensor = int(result["amplitude_tensor"][place])
    where = f" ({result.names('parameter')[tensor]})" if tensor >= 0 else ""
    grid = float(result["tau"][place])
    tau = f" · τ: {grid:.3g}" if np.isfinite(grid) else ""
    name = f" · {result.names('checkpoint')[place]}" if len(result.names("checkpoint")) > 1 else ""
    return f"{words}{name} · W: {float(result['amplitude'][place]):.4g}{where}{tau}"
