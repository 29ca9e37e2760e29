"""Figures of one side of dynamic configurations each: answers, one picture, choices, classes, groups, agreement."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from analysis.catalogue import Param
from analysis.figures.configuration_runs import Tried, correct_of, opened, picture_rows, places_of, seed_of
from analysis.figures.profile import Options, fingerprints, note
from analysis.figures.second import difference, found_something, needs, refused, with_second
from analysis.figures.sheet import Bars, Floats, Line, Mark, Matrix, Outline, Panel, Points, Sheet, ThinLine
from analysis.measures import oracles, selection
from analysis.measures.alignment import by_cells, by_rows
from analysis.measures.choice_outputs import CHOICES, choice_table
from analysis.measures.findings import GROUPINGS, LABEL, grouped, groups_of, why_no_gain
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


@dataclass(frozen=True, slots=True, eq=False)
class _Answers:
    """Colours of the answer matrix: (rows, configurations) values, names of the rows, cells without any value, words.

    Attributes
    ----------
    row
        What a row is.
    """

    values: Floats
    names: tuple[str, ...]
    blank: Bools | None
    label: str
    told: str
    row: str


def answers(results: list[Result], options: Options) -> Sheet:
    """Draw which configurations help and which harm: pictures, or classes where pictures are many, by accuracy.

    With a second network: where only one of the two is right.
    """
    _, result, rows, theirs = opened(results, options)
    correct = correct_of(result, rows)
    found = _answers_alone(result, rows, correct) if theirs is None else _answers_apart(theirs, correct)
    columns = np.concatenate([[0], 1 + np.argsort(-correct[:, 1:].mean(axis=0), kind="stable")])
    configurations = tuple(result.names("configuration")[number] for number in columns)
    blank = None if found.blank is None else found.blank[:, columns]
    matrix = Matrix(found.values[:, columns], found.names, configurations, found.label, "signed", blank)
    panel = Panel((matrix,), x_title="configuration, by accuracy", y_title=found.row)
    return _sheet(panel, result, results, found.told, theirs)


def _answers_alone(result: Result, rows: Integers, correct: Bools) -> _Answers:
    """Tell where a configuration is right and the network as it is wrong, and the other way round."""
    change = correct.astype(np.float64) - correct[:, :1]
    if len(rows) > MOST_ROWS:
        label = result["label"][rows].astype(np.int64)
        present = np.unique(label)
        values = 100 * np.stack([change[label == number].mean(axis=0) for number in present])
        names = tuple(_class(result, int(one)) for one in present)
        return _Answers(values, names, None, "points more than as it is", "rows: classes", "class")
    order = np.argsort(-correct.sum(axis=1), kind="stable")
    names = tuple(str(place) for place in places_of(result, rows)[order])
    blank = (~correct & ~correct[:, :1])[order]
    told = "1: right, wrong as it is; −1: wrong, right as it is; 0: right in both; blank: wrong in both"
    return _Answers(change[order], names, blank, "right here less as it is", told, "picture")


def _answers_apart(theirs: Tried, correct: Bools) -> _Answers:
    """Tell where only one of two networks is right."""
    result, rows, name = theirs.first, theirs.shown, theirs.name
    theirs.insist_some_configuration()
    if len(rows) > MOST_ROWS:
        theirs.insist_classes()
        label = result["label"][rows].astype(np.int64)
        present = np.unique(label)
        there = by_rows(_shares_by_class(theirs.correct, theirs.label, present).T, theirs.columns).T
        values = 100 * (_shares_by_class(correct, label, present) - there)
        names = tuple(_class(result, int(one)) for one in present)
        return _Answers(values, names, np.isnan(values), f"points, difference from {name}", "rows: classes", "class")
    order = np.argsort(-correct.sum(axis=1), kind="stable")
    there = theirs.cells("correct")
    values = (correct - np.where(there < 2, there, np.nan))[order]
    blank = np.isnan(values) | ((values == 0) & ~correct[order])
    names = tuple(str(place) for place in places_of(result, rows)[order])
    told = f"1: right only here; −1: right only in {name}; 0: right in both; blank: wrong in both, or not tried there"
    return _Answers(values, names, blank, f"right here less right in {name}", told, "picture")


def _shares_by_class(correct: Bools, label: Integers, present: Integers) -> Floats:
    """Share right of every class (rows) under every configuration (columns), NaN for a class without pictures."""
    nothing = np.full(correct.shape[1], np.nan)
    rows = (correct[label == number] for number in present)
    return np.array([part.mean(axis=0) if len(part) else nothing for part in rows], dtype=np.float64)


def picture(results: list[Result], options: Options) -> Sheet:
    """Draw the probability of the label under every configuration, sorted: of one picture, or the mean of all."""
    _, result, rows, theirs = opened(results, options)
    place = int(str(options["picture"]))
    found = np.flatnonzero(places_of(result, rows) == place)
    if place >= 0 and not len(found):
        raise AnalysisError(f"The run has no picture {place}.", "Choose one of its finished pictures.", "picture")
    shares = np.asarray(result["true_probability"][rows], dtype=np.float64)
    values = shares[found[0]] if len(found) else shares.mean(axis=0)
    ranked = np.asarray(result["loss"][rows], dtype=np.float64)[found[0]] if len(found) else -values
    order = np.argsort(-values, kind="stable")
    where = np.argsort(order)
    best, median, worst = oracles.marked_by(ranked)
    x = np.arange(len(values), dtype=np.float64)
    marks: list[Mark] = [Line(x, values[order], "", "neutral")]
    if theirs is not None:
        marks.insert(0, ThinLine(x, _second_shares(theirs, found)[order], theirs.name))
    chosen = (
        ("best", best, "widths"),
        ("median", median, "sharing"),
        ("worst", worst, "bundles"),
        ("plain", 0, "rank"),
    )
    for number in dict.fromkeys(number for _, number, _ in chosen):
        words = ", ".join(word for word, other, _ in chosen if other == number)
        name = f"{words}: {result.names('configuration')[number]}"
        hue = next(hue for _, other, hue in chosen if other == number)
        marks.append(Points(where[[number]].astype(np.float64), values[[number]], name, hue))
    title = f"probability of the label, picture {place}" if len(found) else "probability of the label, mean"
    panel = Panel(tuple(marks), x_title="configurations, sorted", y_title=title, y_range=(0.0, 1.02))
    return _sheet(panel, result, results, "", theirs)


def _second_shares(theirs: Tried, found: Integers) -> Floats:
    """Probability of the label in a second network, of a picture that both saw or the mean of all of these."""
    rows = theirs.pictures[found] if len(found) else theirs.pictures
    rows = rows[rows >= 0]
    if not len(rows):
        raise refused(theirs.second, "it was not tried on this picture")
    return theirs.aligned(np.asarray(theirs.second["true_probability"][rows], dtype=np.float64).mean(axis=0))


def choices(results: list[Result], options: Options) -> Sheet:
    """Draw how often each option of each switch point is best by loss, against how often it could have been."""
    _, result, rows, theirs = opened(results, options)
    option = np.asarray(result["option"], dtype=np.int64)
    table = _choices(result, rows)
    if theirs is not None:
        theirs.insist_configurations()
    there = _choices(theirs.second, theirs.rows) if theirs is not None else None
    first = result.names("configuration")
    panels = []
    for point, name in enumerate(result.names("point")):
        count = int(option[:, point].max()) + 1
        x = np.arange(count, dtype=np.float64)
        tokens = [_token(first[int(np.flatnonzero(option[:, point] == number)[0])], point) for number in range(count)]
        marks: list[Mark] = [Bars(x, table[0, point, :count], "best by loss", hue="widths")]
        if theirs is not None and there is not None:
            marks.append(Outline(x, there[0, point, :count], f"{theirs.name}, best by loss"))
        for words, hue, shape in OTHERS:
            marks.append(Points(x, table[CHOICES.index(words), point, :count], words, hue, shape))
        panels.append(Panel(tuple(marks), name, x_names=tuple(tokens), y_title="share of pictures (%)"))
    words = with_second(note(result, ("options",)), result, [theirs.second] if theirs is not None else [])
    return Sheet(tuple(panels), note=words, fingerprints=fingerprints(results))


def _choices(result: Result, rows: Integers) -> Floats:
    """Shares of pictures in %, axes (what, point, option), see :func:`choice_table`."""
    loss = np.asarray(result["loss"][rows], dtype=np.float64)
    return 100 * choice_table(correct_of(result, rows), loss, np.asarray(result["option"], dtype=np.int64))


def classes(results: list[Result], options: Options) -> Sheet:
    """Draw each class: the network as it is, the upper bound, and an equally long list."""
    _, result, rows, theirs = opened(results, options)
    present = np.unique(result["label"][rows].astype(np.int64))
    names = tuple(_class(result, int(number)) for number in present)
    panel = _panel(_by_class(result, rows, present), names, "equally long list", "class")
    if theirs is not None:
        theirs.insist_classes()
        there = _by_class(theirs.second, theirs.rows, present)
        if not theirs.same_configurations():
            there[:, 1:] = np.nan  # oracles of other configurations do not compare
        panel = _before(panel, theirs, there)
    return _sheet(panel, result, results, "", theirs)


def _by_class(result: Result, rows: Integers, present: Integers) -> Floats:
    """Plain accuracy, upper bound and that of an equally long list; axes (class, what), NaN for a class without."""
    correct, label = correct_of(result, rows), result["label"][rows].astype(np.int64)
    rank, prediction = (result[name][rows].astype(np.int64) for name in ("true_rank", "prediction"))
    listed = oracles.listed(rank[:, 0], prediction)
    return np.array([_shares(correct, listed, label == number) for number in present], dtype=np.float64)


def _before(panel: Panel, theirs: Tried, there: Floats) -> Panel:
    """Add to bars the frames of a second network, and its upper bounds and third numbers as thin marks."""
    x = np.arange(len(there), dtype=np.float64)
    plain = Outline(x, found_something(theirs.second, 100 * there[:, 0], panel.x_title), theirs.name)
    marks: list[Mark] = [panel.marks[0], plain, *panel.marks[1:]]
    for column, (mark, shape) in enumerate(zip(panel.marks[1:], ("circle", "diamond"), strict=True), 1):
        if np.isfinite(there[:, column]).any():
            words = f"{theirs.name}, {mark.label}"
            marks.append(Points(x + 0.3, 100 * there[:, column], words, "outline", shape, hollow=True))
    return replace(panel, marks=tuple(marks))


def groups(results: list[Result], options: Options) -> Sheet:
    """Draw one configuration per group, chosen on one half and scored on the other, beside plain and upper bound."""
    _, result, rows, theirs = opened(results, options)
    by, seed = str(options["by"]), seed_of(result)
    source = "label" if by == LABEL else by
    if source not in result:
        raise AnalysisError(f"This run has no {by} to group by.", "Choose another grouping.", "by")
    values, correct = np.asarray(result[source][rows], dtype=np.float64), correct_of(result, rows)
    own = picture_rows(result, rows)
    why_not = why_no_gain(values, by == LABEL, own)
    if why_not:
        raise AnalysisError(f"The gain by {by} cannot be drawn: {why_not}.", "Choose another grouping.", "by")
    (gain, low, high), control = grouped(correct, values, seed, each=by == LABEL, picture=own)
    found = _by_group(result, rows, by)
    parts = np.array([shares for _, _, shares in found])
    names = tuple(f"{words}\n{result.names('configuration')[pick]}" for words, pick, _ in found)
    panel = _panel(parts, names, "chosen for the group", by)
    panel = panel if theirs is None else _second_groups(panel, theirs, by, found)
    told = f"static gain {100 * gain:+.1f} points [{100 * low:+.1f}, {100 * high:+.1f}], "
    told += f"shuffled groups {100 * control[0]:+.1f}"
    return _sheet(panel, result, results, told, theirs)


Group = tuple[str, int, tuple[float, float, float]]
"""Words, configuration that is chosen, and the shares that are drawn."""


def _by_group(result: Result, rows: Integers, by: str) -> list[Group]:
    """Find the groups of a run: a configuration chosen on one half of each, scored on the other."""
    own, correct = picture_rows(result, rows), correct_of(result, rows)
    values = np.asarray(result["label" if by == LABEL else by][rows], dtype=np.float64)
    among = groups_of(values, each=by == LABEL)
    select, report = selection.halves(among, seed_of(result), own)
    large = {group for group, count in selection.pictures_in(among, own).items() if count >= selection.FEWEST}
    found: list[Group] = []
    for number in np.unique(among[among >= 0]).tolist():
        pick = int(np.argmax(correct[select[among[select] == number]].mean(axis=0))) if number in large else 0
        here = report[among[report] == number]
        shares = _shares(correct, correct[:, pick], np.isin(np.arange(len(correct)), here))
        ends = values[among == number]
        words = _class(result, int(ends[0])) if by == LABEL else f"{ends.min():.3g} to\n{ends.max():.3g}"
        found.append((words, pick, shares))
    return found


def _second_groups(panel: Panel, theirs: Tried, by: str, ours: list[Group]) -> Panel:
    """Add the groups of a second network with the same pictures, by what they are called."""
    needs(theirs.second, "label" if by == LABEL else by)
    theirs.insist_pictures()
    known = {words: shares for words, _, shares in _by_group(theirs.second, theirs.rows, by)}
    there = np.array([known.get(words, (np.nan,) * 3) for words, _, _ in ours], dtype=np.float64)
    if not np.isfinite(there[:, 0]).any():
        raise refused(theirs.second, "its pictures fall into other groups")
    return _before(panel, theirs, there)


def agreement(results: list[Result], options: Options) -> Sheet:
    """Draw the share of pictures that each two configurations answer alike, in %; the run may lack labels."""
    _, result, rows, theirs = opened(results, options, labelled=False)
    alike = 100 * selection.agreement(result["prediction"][rows].astype(np.int64))
    names = result.names("configuration")
    matrix = Matrix(alike, names, names, "equal answers (%)", "configurations", low=float(alike.min()))
    if theirs is not None:
        there = 100 * selection.agreement(theirs.second["prediction"][theirs.rows].astype(np.int64))
        theirs.insist_some_configuration()
        matrix = difference(matrix, by_cells(there, theirs.columns, theirs.columns), theirs.second)
    panel = Panel((matrix,), x_title="configuration", y_title="configuration", height=1.4)
    return _sheet(panel, result, results, "", theirs)


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


def _sheet(panel: Panel, result: Result, results: list[Result], told: str, theirs: Tried | None) -> Sheet:
    words = " · ".join(part for part in (note(result, ("options",)), told) if part)
    words = with_second(words, result, [theirs.second] if theirs is not None else [])
    return Sheet((panel,), note=words, fingerprints=fingerprints(results))


def _class(result: Result, number: int) -> str:
    names = result.names("class")
    return names[number] if 0 <= number < len(names) else str(number)


def _token(name: str, point: int) -> str:
    return name.partition(":")[2].split("|")[point]
