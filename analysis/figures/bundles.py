"""Figures of conflicting bundles: over depth, over training, against the tolerance, and as blocks are removed."""

from __future__ import annotations

import numpy as np

from analysis.catalogue import Param, nearest
from analysis.figures.profile import Options, fingerprints, label_of, note, stages
from analysis.figures.sheet import Bars, Floats, Guide, Line, Mark, Matrix, Panel, Points, Sheet
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
    result = results[0]
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
    known = np.asarray(result["bundle_ids"][place] >= 0).sum(axis=1)
    share = np.divide(result["bundles"][place], known, out=np.full(len(points), np.nan), where=known > 0)
    bottom = Panel(
        (Bars(x, np.asarray(100 * share), hue="bundles"),),
        x_title="point, in order of execution",
        y_title="bundles / N (%)",
        x_names=names,
        y_range=(0.0, 105.0),
        height=0.6,
    )
    return Sheet((top, bottom), note=_note(result, place), fingerprints=fingerprints(results), linked=True)


def heatmap(results: list[Result], options: Options) -> Sheet:
    """Draw points (rows) against checkpoints: grey without any conflict, hatched with values that are not finite."""
    result, name = results[0], str(options["value"])
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
    panel = Panel((matrix,), x_title="checkpoint", y_title="point", height=1.6)
    return Sheet((panel,), note=_note(result, None), fingerprints=fingerprints(results))


def merges(results: list[Result], options: Options) -> Sheet:
    """Draw classes against classes: how many points of the network there are from the first that merges them on."""
    result = results[0]
    if "first_merge" not in result:
        raise AnalysisError("This run holds no merges of classes.", "It has more than 1,024 labels: use fewer.")
    place, count = _checkpoint(result, options), len(result.layers)
    first = np.asarray(result["first_merge"], dtype=np.int64)
    if place < len(result.names("checkpoint")) - 1:  # what is stored is of the last one
        labels = np.asarray(result["label"], dtype=np.int64)
        first = first_merge(np.asarray(result["bundle_ids"][place]), labels, len(first))[0].astype(np.int64)
    same = np.eye(len(first), dtype=bool)
    left = np.where((first >= 0) & ~same, 1.0 * count - first, np.nan)
    known = result.names("class") or tuple(str(number) for number in range(len(first)))
    names = (*known[: len(first)], *(str(number) for number in range(len(known), len(first))))
    label = "points from the first merge on; grey: never merged"
    matrix = Matrix(left, names, names, label, "bundles", blank=same, low=0.0)
    panel = Panel((matrix,), x_title="class", y_title="class", height=1.4)
    found = np.argwhere(np.triu((first >= 0) & ~same))
    met, words = len(found), ""
    if met:
        row, column = min(found.tolist(), key=lambda pair: int(first[pair[0], pair[1]]))
        words = f" · first: {names[row]} and {names[column]}, at {result.layers[int(first[row, column])].name}"
    pairs = len(first) * (len(first) - 1) // 2
    text = f"{_note(result, place)} · {met} of {pairs} pairs of classes merge{words}"
    return Sheet((panel,), note=text, fingerprints=fingerprints(results))


def training(results: list[Result], options: Options) -> Sheet:
    """Draw entropy at one point over the checkpoints, with loss, accuracy and what bounds them."""
    result = results[0]
    point = _point(result, options)
    x = np.arange(len(result.names("checkpoint")), dtype=np.float64)
    entropy = np.asarray(result["entropy"][:, point], dtype=np.float64)
    exact = result.facts.get("mode", "").startswith("exact")
    bound = ", floor of the loss" if exact else ""
    upper = Panel(
        (
            Line(x, entropy, f"H{bound}", "bundles"),
            Line(x, np.asarray(result["loss"], dtype=np.float64), "loss on the pictures", "series1", dashed=True),
            Guide("y", label_entropy(_labels(result)), "H(Y)"),
        ),
        y_title="nats",
        x_names=result.names("checkpoint"),
        title=result.layers[point].name,
    )
    marks: list[Mark] = [
        Line(x, 100 * np.asarray(result["accuracy"], dtype=np.float64), "accuracy on the pictures", "widths")
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
    return Sheet((upper, lower), note=_note(result, None), fingerprints=fingerprints(results), linked=True)


def sensitivity(results: list[Result], options: Options) -> Sheet:
    """Draw the critical tolerance of every point, and the grid that was used as a line."""
    result = results[0]
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
    words = f" · {equal} points have equal values of two classes and are not shown" if equal else ""
    return Sheet((panel,), note=_note(result, place) + words, fingerprints=fingerprints(results))


def removal(results: list[Result], options: Options) -> Sheet:
    """Draw accuracy against the number of removed blocks: random subsets with one standard deviation, and in order."""
    result = results[0]
    marks: list[Mark] = []
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
    return Sheet((panel,), note=note(result, facts), fingerprints=fingerprints(results))


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
