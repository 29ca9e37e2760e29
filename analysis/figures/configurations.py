"""Figures of dynamic configurations. The oracle is never shown without its chance references."""

from __future__ import annotations

import numpy as np

from analysis.figures.profile import Options, fingerprints, note
from analysis.figures.sheet import Bars, Guide, Line, Mark, Panel, Points, Sheet
from analysis.measures import oracles, selection
from analysis.measures.findings import picture_of
from analysis.measures.oracles import Bools, Integers
from analysis.problems import AnalysisError
from analysis.result import Result

SHOWN = ("options", "oracle")
MOST_SETS = 12


def sweep_of(results: list[Result], labelled: bool = True) -> tuple[Result, Integers]:
    """Return the first run of configurations, and the rows of its finished pictures; with labels, if they are needed.

    Raises
    ------
    AnalysisError
        If there is none.
    """
    for result in results:
        if "measured" in result and "option" in result:
            if labelled and "correct" not in result:
                raise AnalysisError("This run has no labels, so there is no oracle.", "Use labelled pictures.")
            rows = np.flatnonzero(np.asarray(result["measured"]) == 1)
            if len(rows) < 2:
                raise AnalysisError("No picture of this run is finished.", "Go on with it, or measure again.")
            return result, rows
    raise AnalysisError("None of the runs is one of dynamic configurations.", "Choose one.")


def correct_of(result: Result, rows: Integers) -> Bools:
    """Tell which configurations are right, axes (picture, configuration)."""
    return np.asarray(result["correct"][rows] == 1)


def _picture(result: Result, rows: Integers) -> Integers | None:
    """Which picture each row is of, where pictures come in several rows."""
    return picture_of({name: np.asarray(result[name][rows]) for name in ("place",) if name in result})


def growth(results: list[Result], options: Options) -> Sheet:
    """Draw the oracle against the number of configurations, beside chance pools and references."""
    result, rows = sweep_of(results)
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
    for pool in (found for found in results if "oracle_beyond" in found):
        for row, name in enumerate(pool.names("pool")):
            values = np.asarray(pool["growth"][row], dtype=np.float64)
            finite = np.flatnonzero(np.isfinite(values))
            single = np.asarray(pool["mean_accuracy"], dtype=np.float64) if "mean_accuracy" in pool else np.zeros(9)
            apart = "" if oracles.matched(float(single[row]), float(single[0])) else ", accuracy not matched"
            if row and len(finite):
                marks.append(
                    Line(
                        np.asarray(finite + 1, dtype=np.float64),
                        100 * values[finite],
                        f"{name} pool{apart}",
                        f"series{row}",
                        dashed=True,
                    )
                )
    panel = Panel(
        tuple(marks),
        x_title="number of configurations or copies",
        y_title="right by at least one (%)",
        x_log=True,
        y_range=(0.0, 102.0),
    )
    return Sheet((panel,), note=note(result, SHOWN), fingerprints=fingerprints(results))


def cost_map(results: list[Result], options: Options) -> Sheet:
    """Draw accuracy against multiply-adds of every configuration, with the Pareto front."""
    result, rows = sweep_of(results)
    accuracy = correct_of(result, rows).mean(axis=0)
    macs = np.asarray(result["macs"], dtype=np.int64)
    front = selection.pareto_front(macs, accuracy)
    names = result.names("configuration")
    marks = (
        Points(macs / 1e6, 100 * accuracy, "configuration", "neutral", hollow=True),
        Line(macs[front] / 1e6, 100 * accuracy[front], "Pareto front", "series0"),
        Points(macs[:1] / 1e6, 100 * accuracy[:1], "network as it is", "series1", names=names[:1]),
    )
    panel = Panel(marks, x_title="million multiply-adds per picture", y_title="accuracy for all pictures (%)")
    return Sheet((panel,), note=note(result, ("options",)), fingerprints=fingerprints(results))


def cover(results: list[Result], options: Options) -> Sheet:
    """Draw how much of the oracle small sets of configurations reach, on the half they were not chosen on."""
    result, rows = sweep_of(results)
    correct, label = correct_of(result, rows), result["label"][rows].astype(np.int64)
    select, report = selection.halves(label, result.request.seed if result.request else 0, _picture(result, rows))
    found = selection.greedy_cover(correct, np.asarray(result["macs"]), 1.0, select=select, report=report)
    count = min(len(found.chosen), MOST_SETS)
    names = result.names("configuration")
    places = np.arange(count, dtype=np.float64)
    oracle = 100 * float(correct[report].any(axis=1).mean())
    marks = (
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
    return Sheet((panel,), note=note(result, ("options",)), fingerprints=fingerprints(results))


def policies(results: list[Result], options: Options) -> Sheet:
    """Draw the accuracy of rules that need no label, from the plain network to the oracle."""
    result, rows = sweep_of(results)
    found = selection.policies(
        correct_of(result, rows),
        {name: np.asarray(result[name][rows], dtype=np.float64) for name in ("confidence", "entropy", "margin")},
        result["label"][rows].astype(np.int64),
        {
            "mean of probabilities": result["mean_prediction"][rows].astype(np.int64),
            "majority vote": result["vote_prediction"][rows].astype(np.int64),
        },
        np.asarray(result["macs"], dtype=np.int64),
        result.request.seed if result.request else 0,
        float(np.asarray(result["tree_macs"]).sum()),
        _picture(result, rows),
    )
    places = np.arange(len(found), dtype=np.float64)
    bars = Bars(places, 100 * np.array([policy.accuracy for policy in found]), hue="rank")
    plain = Guide("y", 100 * found[0].accuracy, "plain")
    names = tuple(policy.name for policy in found)
    panel = Panel((bars, plain), x_names=names, y_title="accuracy on the other half (%)", y_range=(0.0, 102.0))
    return Sheet((panel,), note=note(result, ("options",)), fingerprints=fingerprints(results))
