"""Figures of dynamic configurations. The oracle is never shown without its chance references."""

from __future__ import annotations

import numpy as np

from analysis.figures.configuration_runs import Tried, correct_of, opened, picture_rows, seed_of
from analysis.figures.profile import Options, fingerprints, note
from analysis.figures.second import split, with_second
from analysis.figures.sheet import Bars, Floats, Guide, Line, Mark, Outline, Panel, Points, Sheet, ThinLine
from analysis.measures import oracles, selection
from analysis.measures.oracles import Integers
from analysis.result import Result

SHOWN = ("options", "oracle")
MOST_SETS = 12


def growth(results: list[Result], options: Options) -> Sheet:
    """Draw the oracle against the number of configurations, beside chance pools and references."""
    ours, result, rows, theirs = opened(results, options)
    correct, prediction = correct_of(result, rows), result["prediction"][rows].astype(np.int64)
    rank, label = result["true_rank"][rows, 0].astype(np.int64), result["label"][rows].astype(np.int64)
    differ = oracles.known_effective(result["duplicate_of"])
    curve = oracles.growth_curve(correct[:, differ])
    marks: list[Mark] = [
        Line(
            np.linspace(1.0, len(curve), len(curve), dtype=np.float64),
            100 * curve,
            "configurations (upper bound)",
            "series0",
        ),
        Guide("y", 100 * float(correct[:, 0].mean()), "configuration 0" if "plain_correct" in result else "plain"),
        Guide("y", 100 * oracles.matched_list(rank, prediction), "equally long list"),
        Guide("y", 100 * oracles.shuffled_oracle(prediction, label), "shuffled labels"),
    ]
    if theirs is not None:
        theirs.insist_configurations()
        there = oracles.growth_curve(theirs.correct[:, oracles.known_effective(theirs.second["duplicate_of"])])
        marks.insert(0, ThinLine(np.arange(1.0, len(there) + 1), 100 * there, theirs.name, of="configurations"))
        for x, y, words, hue in _pools(split(results, options)[1]):
            marks.insert(0, ThinLine(x, y, f"{theirs.name}, {words}", hue, words, dashed=True))
    marks += [Line(x, y, words, hue, dashed=True) for x, y, words, hue in _pools(ours)]
    panel = Panel(
        tuple(marks),
        x_title="number of configurations or copies",
        y_title="right by at least one (%)",
        x_log=True,
        y_range=(0.0, 102.0),
    )
    return _sheet(panel, result, results, theirs, SHOWN)


def _pools(runs: list[Result]) -> list[tuple[Floats, Floats, str, str]]:
    """Sizes, oracles in %, words and hue of the chance pools of a network; configurations are not among them."""
    found = []
    for pool in (run for run in runs if "oracle_beyond" in run):
        names = pool.names("pool")
        single = np.asarray(pool["mean_accuracy"] if "mean_accuracy" in pool else np.full(len(names), np.nan))
        for row, name in list(enumerate(names))[1:]:
            values = np.asarray(pool["growth"][row], dtype=np.float64)
            known = np.flatnonzero(np.isfinite(values))
            apart = "" if oracles.matched(float(single[row]), float(single[0])) else ", accuracy not matched"
            if len(known):
                found.append(
                    (
                        np.asarray(known + 1, dtype=np.float64),
                        100 * values[known],
                        f"{name} pool{apart}",
                        f"series{row}",
                    )
                )
    return found


def cost_map(results: list[Result], options: Options) -> Sheet:
    """Draw accuracy against multiply-adds of every configuration, with the Pareto front."""
    _, result, rows, theirs = opened(results, options)
    accuracy = correct_of(result, rows).mean(axis=0)
    macs = np.asarray(result["macs"], dtype=np.int64)
    front = selection.pareto_front(macs, accuracy)
    names = result.names("configuration")
    behind = () if theirs is None else _second_costs(theirs)
    marks = (
        *behind,
        Points(macs / 1e6, 100 * accuracy, "configuration", "neutral", hollow=True),
        Line(macs[front] / 1e6, 100 * accuracy[front], "Pareto front", "series0"),
        Points(macs[:1] / 1e6, 100 * accuracy[:1], "network as it is", "series1", names=names[:1]),
    )
    panel = Panel(marks, x_title="million multiply-adds per picture", y_title="accuracy for all pictures (%)")
    return _sheet(panel, result, results, theirs)


def _second_costs(theirs: Tried) -> tuple[Mark, ...]:
    """Accuracy against multiply-adds of a second network, of the configurations that both tried."""
    accuracy = theirs.aligned(theirs.correct.mean(axis=0))
    there = np.isfinite(accuracy)
    macs = theirs.aligned(np.asarray(theirs.second["macs"], dtype=np.float64))[there] / 1e6
    return (Points(macs, 100 * accuracy[there], theirs.name, "outline", "diamond", hollow=True),)


def cover(results: list[Result], options: Options) -> Sheet:
    """Draw how much of the oracle small sets of configurations reach, on the half they were not chosen on."""
    _, result, rows, theirs = opened(results, options)
    correct = correct_of(result, rows)
    found, report = _cover(result, rows)
    count = min(len(found.chosen), MOST_SETS)
    names = result.names("configuration")
    places = np.arange(count, dtype=np.float64)
    oracle = 100 * float(correct[report].any(axis=1).mean())
    behind: tuple[Mark, ...] = ()
    if theirs is not None:
        theirs.insist_configurations()
        there = 100 * np.array(_cover(theirs.second, theirs.rows)[0].reported[:count])
        behind = (ThinLine(np.arange(len(there), dtype=np.float64), there, f"{theirs.name}, other half", steps=True),)
    marks = (
        *behind,
        Line(places, 100 * np.array(found.selected[:count]), "half they were chosen on", "neutral", True, True),
        Line(places, 100 * np.array(found.reported[:count]), "other half", "series0", True),
        Guide("y", oracle, f"oracle of all {correct.shape[1]} (upper bound)"),
        Guide("y", 100 * float(correct[report, 0].mean()), "plain"),
    )
    panel = Panel(
        marks,
        x_names=tuple(names[number] for number in found.chosen[:count]),
        x_title="configuration added",
        y_title="right by at least one (%)",
    )
    return _sheet(panel, result, results, theirs)


def _cover(result: Result, rows: Integers) -> tuple[selection.Cover, Integers]:
    """Small sets chosen on one half of the pictures, and the rows of the other half."""
    label = result["label"][rows].astype(np.int64)
    select, report = selection.halves(label, seed_of(result), picture_rows(result, rows))
    macs = np.asarray(result["macs"], dtype=np.int64)
    return selection.greedy_cover(correct_of(result, rows), macs, 1.0, select=select, report=report), report


def policies(results: list[Result], options: Options) -> Sheet:
    """Draw the accuracy of rules that need no label, from the plain network to the oracle."""
    _, result, rows, theirs = opened(results, options)
    found = _policies(result, rows)
    places = np.arange(len(found), dtype=np.float64)
    marks: list[Mark] = [Bars(places, 100 * np.array([policy.accuracy for policy in found]), hue="rank")]
    if theirs is not None:
        theirs.insist_configurations()
        known = {policy.name: policy.accuracy for policy in _policies(theirs.second, theirs.rows)}
        there: Floats = 100 * np.array([known.get(policy.name, float("nan")) for policy in found])
        marks.append(Outline(places, there, theirs.name))
    marks.append(Guide("y", 100 * found[0].accuracy, "plain"))
    names = tuple(policy.name for policy in found)
    panel = Panel(tuple(marks), x_names=names, y_title="accuracy on the other half (%)", y_range=(0.0, 102.0))
    return _sheet(panel, result, results, theirs)


def _policies(result: Result, rows: Integers) -> tuple[selection.Policy, ...]:
    """Rules that need no label, of a run."""
    return selection.policies(
        correct_of(result, rows),
        {name: np.asarray(result[name][rows], dtype=np.float64) for name in ("confidence", "entropy", "margin")},
        result["label"][rows].astype(np.int64),
        {
            "mean of probabilities": result["mean_prediction"][rows].astype(np.int64),
            "majority vote": result["vote_prediction"][rows].astype(np.int64),
        },
        np.asarray(result["macs"], dtype=np.int64),
        seed_of(result),
        float(np.asarray(result["tree_macs"]).sum()),
        picture_rows(result, rows),
    )


def _sheet(
    panel: Panel, result: Result, results: list[Result], theirs: Tried | None, facts: tuple[str, ...] = ("options",)
) -> Sheet:
    words = with_second(note(result, facts), result, [theirs.second] if theirs is not None else [])
    return Sheet((panel,), note=words, fingerprints=fingerprints(results))
