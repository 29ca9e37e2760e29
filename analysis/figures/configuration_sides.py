"""Figures of one side of dynamic configurations each: answers, one picture, choices, classes, groups, agreement."""

from __future__ import annotations

import numpy as np

from analysis.catalogue import Param
from analysis.figures.configurations import correct_of, sweep_of
from analysis.figures.profile import Options, fingerprints, note
from analysis.figures.sheet import Bars, Floats, Line, Mark, Matrix, Panel, Points, Sheet
from analysis.measures import oracles, selection
from analysis.measures.choice_outputs import CHOICES, choice_table
from analysis.measures.findings import GROUPINGS, LABEL, grouped, groups_of, picture_of, why_no_gain
from analysis.measures.oracles import Bools, Integers
from analysis.problems import AnalysisError
from analysis.result import Result

PLACE = Param("picture", -1, "Place of the picture in its source; -1 for the mean of all")
BY = Param("by", "contrast", "What pictures are grouped by", choices=GROUPINGS)
MOST_ROWS = 400
"""Pictures above which the rows of the answer matrix are classes."""
UPPER = "upper bound"
OTHERS = (("opportunity", "neutral", "dash"), ("median", "sharing", "circle"), ("worst", "bundles", "diamond"))
"""What is marked over the bars of best choices: hue and shape."""


def answers(results: list[Result], options: Options) -> Sheet:
    """Draw which configurations help and which harm: pictures, or classes where pictures are many, by accuracy."""
    result, rows = sweep_of(results)
    correct = correct_of(result, rows)
    columns = np.concatenate([[0], 1 + np.argsort(-correct[:, 1:].mean(axis=0), kind="stable")])
    change = correct.astype(np.float64) - correct[:, :1]
    label = result["label"][rows].astype(np.int64)
    if len(rows) > MOST_ROWS:
        present = np.unique(label)
        values = 100 * np.stack([change[label == number].mean(axis=0) for number in present])[:, columns]
        names, blank, words = tuple(_class(result, int(one)) for one in present), None, "points more than as it is"
        told = "rows: classes"
    else:
        order = np.argsort(-correct.sum(axis=1), kind="stable")
        values, blank = change[order][:, columns], ~correct[order][:, columns] & ~correct[order, :1]
        names = tuple(str(place) for place in _places(result, rows)[order])
        told = "1: right, wrong as it is; −1: wrong, right as it is; 0: right in both; blank: wrong in both"
        words = "right here less as it is"
    configurations = tuple(result.names("configuration")[number] for number in columns)
    matrix = Matrix(values, names, configurations, words, "signed", blank)
    panel = Panel((matrix,), x_title="configuration, by accuracy", y_title="picture" if blank is not None else "class")
    return _sheet(panel, result, results, told)


def picture(results: list[Result], options: Options) -> Sheet:
    """Draw the probability of the label under every configuration, sorted: of one picture, or the mean of all."""
    result, rows = sweep_of(results)
    place = int(str(options["picture"]))
    found = np.flatnonzero(_places(result, rows) == place)
    if place >= 0 and not len(found):
        raise AnalysisError(f"The run has no picture {place}.", "Choose one of its finished pictures.", "picture")
    shares = np.asarray(result["true_probability"][rows], dtype=np.float64)
    values = shares[found[0]] if len(found) else shares.mean(axis=0)
    ranked = np.asarray(result["loss"][rows], dtype=np.float64)[found[0]] if len(found) else -values
    order = np.argsort(-values, kind="stable")
    where = np.argsort(order)
    best, median, worst = oracles.marked_by(ranked)
    marks: list[Line | Points] = [Line(np.arange(len(values), dtype=np.float64), values[order], "", "neutral")]
    chosen = (
        ("best", best, "widths"),
        ("median", median, "sharing"),
        ("worst", worst, "bundles"),
        ("plain", 0, "rank"),
    )
    for words, number, hue in chosen:
        name = f"{words}: {result.names('configuration')[number]}"
        marks.append(Points(where[[number]].astype(np.float64), values[[number]], name, hue))
    title = f"probability of the label, picture {place}" if len(found) else "probability of the label, mean"
    panel = Panel(tuple(marks), x_title="configurations, sorted", y_title=title, y_range=(0.0, 1.02))
    return _sheet(panel, result, results)


def choices(results: list[Result], options: Options) -> Sheet:
    """Draw how often each option of each switch point is best by loss, against how often it could have been."""
    result, rows = sweep_of(results)
    option = np.asarray(result["option"], dtype=np.int64)
    loss = np.asarray(result["loss"][rows], dtype=np.float64)
    table = 100 * choice_table(correct_of(result, rows), loss, option)
    first = result.names("configuration")
    panels = []
    for point, name in enumerate(result.names("point")):
        count = int(option[:, point].max()) + 1
        x = np.arange(count, dtype=np.float64)
        tokens = [_token(first[int(np.flatnonzero(option[:, point] == number)[0])], point) for number in range(count)]
        marks: list[Mark] = [Bars(x, table[0, point, :count], "best by loss", hue="widths")]
        for words, hue, shape in OTHERS:
            marks.append(Points(x, table[CHOICES.index(words), point, :count], words, hue, shape))
        panels.append(Panel(tuple(marks), name, x_names=tuple(tokens), y_title="share of pictures (%)"))
    return Sheet(tuple(panels), note=note(result, ("options",)), fingerprints=fingerprints(results))


def classes(results: list[Result], options: Options) -> Sheet:
    """Draw each class: the network as it is, the upper bound, and an equally long list."""
    result, rows = sweep_of(results)
    correct, label = correct_of(result, rows), result["label"][rows].astype(np.int64)
    rank, prediction = (result[name][rows].astype(np.int64) for name in ("true_rank", "prediction"))
    listed = oracles.listed(rank[:, 0], prediction)
    present = np.unique(label)
    parts = [_shares(correct, listed, label == number) for number in present]
    names = tuple(_class(result, int(number)) for number in present)
    return _sheet(_panel(np.array(parts), names, "equally long list", "class"), result, results)


def groups(results: list[Result], options: Options) -> Sheet:
    """Draw one configuration per group, chosen on one half and scored on the other, beside plain and upper bound."""
    result, rows = sweep_of(results)
    by, seed = str(options["by"]), result.request.seed if result.request else 0
    source = "label" if by == LABEL else by
    if source not in result:
        raise AnalysisError(f"This run has no {by} to group by.", "Choose another grouping.", "by")
    values, correct = np.asarray(result[source][rows], dtype=np.float64), correct_of(result, rows)
    own = picture_of({name: np.asarray(result[name][rows]) for name in ("place",) if name in result})
    why_not = why_no_gain(values, by == LABEL, own)
    if why_not:
        raise AnalysisError(f"The gain by {by} cannot be drawn: {why_not}.", "Choose another grouping.", "by")
    (gain, low, high), control = grouped(correct, values, seed, each=by == LABEL, picture=own)
    among = groups_of(values, each=by == LABEL)
    select, report = selection.halves(among, seed, own)
    large = {group for group, count in selection.pictures_in(among, own).items() if count >= selection.FEWEST}
    parts, names = [], []
    for number in np.unique(among[among >= 0]).tolist():
        pick = int(np.argmax(correct[select[among[select] == number]].mean(axis=0))) if number in large else 0
        here = report[among[report] == number]
        parts.append(_shares(correct, correct[:, pick], np.isin(np.arange(len(correct)), here)))
        ends = values[among == number]
        words = _class(result, int(ends[0])) if by == LABEL else f"{ends.min():.3g} to\n{ends.max():.3g}"
        names.append(f"{words}\n{result.names('configuration')[pick]}")
    told = f"static gain {100 * gain:+.1f} points [{100 * low:+.1f}, {100 * high:+.1f}], "
    told += f"shuffled groups {100 * control[0]:+.1f}"
    return _sheet(_panel(np.array(parts), tuple(names), "chosen for the group", by), result, results, told)


def agreement(results: list[Result], options: Options) -> Sheet:
    """Draw the share of pictures that each two configurations answer alike, in %; the run may lack labels."""
    result, rows = sweep_of(results, labelled=False)
    alike = 100 * selection.agreement(result["prediction"][rows].astype(np.int64))
    names = result.names("configuration")
    matrix = Matrix(alike, names, names, "equal answers (%)", "configurations", low=float(alike.min()))
    return _sheet(Panel((matrix,), x_title="configuration", y_title="configuration", height=1.4), result, results)


def _shares(correct: Bools, other: Bools, rows: Bools) -> tuple[float, float, float]:
    part = correct[rows]
    if not len(part):
        return (float("nan"),) * 3
    return float(part[:, 0].mean()), float(part.any(axis=1).mean()), float(other[rows].mean())


def _panel(parts: Floats, names: tuple[str, ...], words: str, x_title: str) -> Panel:
    """Bars of the network as it is, with its upper bound and another number of the same pictures."""
    x = np.arange(len(parts), dtype=np.float64)
    marks = (
        Bars(x, 100 * parts[:, 0], "network as it is", hue="widths"),
        Points(x, 100 * parts[:, 1], UPPER, "configurations", hollow=True),
        Points(x, 100 * parts[:, 2], words, "cost" if words.startswith("equally") else "sharing", "diamond"),
    )
    return Panel(marks, x_title=x_title, y_title="share of pictures (%)", x_names=names, y_range=(0.0, 105.0))


def _sheet(panel: Panel, result: Result, results: list[Result], told: str = "") -> Sheet:
    words = " · ".join(part for part in (note(result, ("options",)), told) if part)
    return Sheet((panel,), note=words, fingerprints=fingerprints(results))


def _places(result: Result, rows: Integers) -> Integers:
    """Places of the pictures in their source."""
    if "place" in result:
        return np.asarray(result["place"], dtype=np.int64)[rows]
    indices = result.prepared.indices if result.prepared is not None else None
    return rows if indices is None else np.asarray(indices, dtype=np.int64)[rows]


def _class(result: Result, number: int) -> str:
    names = result.names("class")
    return names[number] if 0 <= number < len(names) else str(number)


def _token(name: str, point: int) -> str:
    return name.partition(":")[2].split("|")[point]
