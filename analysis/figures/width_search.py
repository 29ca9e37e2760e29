"""Figures of channel configurations: widths before and after, their ratios, the budget, and sensitivities."""

from __future__ import annotations

import numpy as np

from analysis.catalogue import Param
from analysis.figures.profile import Options, fingerprints, note
from analysis.figures.sheet import Bars, Floats, Guide, Line, Mark, Matrix, Panel, Points, Sheet
from analysis.measures.widths.scores import score_shares
from analysis.result import Result

CONTROL = Param("control", True, "Also draw what a random draw gives in place of the scores")
VALUE = Param("value", "accuracy", "What is shown", choices=("accuracy", "loss"))
SHOWN = ("criterion", "budget")
FOUND, RANDOM, SECOND = range(3)


def _row(result: Result, name: str, place: int) -> Floats:
    """One profile, NaN where it has not been measured."""
    values = np.asarray(result[name][place], dtype=np.float64)
    return np.where(values < 0, np.nan, values)


def _places(result: Result) -> Floats:
    return np.arange(len(result.names("group")), dtype=np.float64)


def _likeness(result: Result, place: int) -> str:
    value = float(result["correlation"][place])
    return f", r = {value:.2f}" if np.isfinite(value) else ""


def width_profile(results: list[Result], options: Options) -> Sheet:
    """Draw the widths found over the groups, between the floor and the widened network."""
    result = results[0]
    x = _places(result)
    marks: list[Mark] = [
        Line(x, np.asarray(result["widened"], dtype=np.float64), "widened", "faint"),
        Line(x, np.asarray(result["floor"], dtype=np.float64), "floor", "faint", dashed=True),
        Line(x, np.asarray(result["original"], dtype=np.float64), "original", "neutral"),
        Line(x, _row(result, "width", FOUND), "found", "widths"),
    ]
    if options["control"]:
        marks.append(
            Points(
                x, _row(result, "width", RANDOM), f"random control{_likeness(result, RANDOM)}", "series3", hollow=True
            )
        )
    panel = Panel(
        tuple(marks), x_title="width group, in order of execution", y_title="Width (channels)",
        x_names=result.names("group"), y_range=(0.0, 1.45 * float(np.max(result["widened"]))),
    )  # fmt: skip
    return Sheet((panel,), note=note(result, SHOWN), fingerprints=fingerprints(results))


def width_ratio(results: list[Result], options: Options) -> Sheet:
    """Draw found over original width as bars, with the band in which chance would put them."""
    result = results[0]
    x = _places(result)
    mean, spread = (np.asarray(result[name], dtype=np.float64) for name in ("chance_ratio", "chance_spread"))
    marks: list[Mark] = [Bars(x, _row(result, "ratio", FOUND), "found", hue="widths"), Guide("y", 1.0)]
    if options["control"]:
        marks += [
            Line(x, mean, "chance, ±2 s.d.", "neutral", dashed=True, low=mean - 2 * spread, high=mean + 2 * spread),
            Points(
                x, _row(result, "ratio", RANDOM), f"random control{_likeness(result, RANDOM)}", "series3", hollow=True,
            ),
            Points(
                x, _row(result, "ratio", SECOND), f"second batch{_likeness(result, SECOND)}", "neutral", "diamond",
                hollow=True,
            ),
        ]  # fmt: skip
    panel = Panel(
        tuple(marks), x_title="width group, in order of execution", y_title="Width found / original width",
        x_names=result.names("group"),
    )  # fmt: skip
    return Sheet((panel,), note=note(result, SHOWN), fingerprints=fingerprints(results))


def width_budget(results: list[Result], options: Options) -> Sheet:
    """Draw multiply-adds and parameters as the threshold rises."""
    result = results[0]
    x = np.asarray(result["trace_threshold"], dtype=np.float64)
    above = x > 0
    marks: list[Mark] = []
    for name, title, hue in (("macs", "multiply-adds", "cost"), ("parameters", "parameters", "widths")):
        share = 100 * np.asarray(result[f"trace_{name}"], dtype=np.float64) / float(result[f"reference_{name}"][0])
        marks.append(Line(x[above], share[above], title, hue))
        reached = 100 * float(result[name][FOUND]) / float(result[f"reference_{name}"][0])
        threshold = float(result["threshold"][FOUND])
        if np.isfinite(threshold) and threshold > 0:
            marks.append(Points(np.array([threshold]), np.array([reached]), "", hue))
    marks.append(Guide("y", 100.0, "original"))
    if "target_share" in result:  # runs of older versions do not say it
        floor = 100 * float(result["floor_macs"]) / float(result["reference_macs"][0])
        marks.append(Guide("y", 100 * float(result["target_share"]), "target"))
        marks.append(Guide("y", floor, "multiply-adds of the floors"))
    panel = Panel(tuple(marks), x_title="threshold on the scores", y_title="Cost (% of the original)", x_log=True)
    return Sheet((panel,), note=note(result, SHOWN), fingerprints=fingerprints(results))


def width_scores(results: list[Result], options: Options) -> Sheet:
    """Draw the mean score of each group with the range of most of them, and the threshold that is one for all."""
    result = results[0]
    x, mean = _places(result), np.asarray(result["mean_score"], dtype=np.float64)
    scores, latent, owner = (
        np.asarray(result[name], dtype=np.float64) for name in ("scores", "score_latent", "latent_group")
    )
    low, high = score_shares(scores, latent, owner, len(x))
    above = mean > 0
    marks: list[Mark] = [
        Line(x[above], mean[above], "mean, 80 % of the scores", "rank", low=low[above], high=high[above]),
        Points(x[above], mean[above], "", "rank"),
    ]
    threshold = float(result["threshold"][FOUND])
    if np.isfinite(threshold) and threshold > 0:
        marks.append(Guide("y", threshold, "threshold"))
    panel = Panel(
        tuple(marks), x_title="width group, in order of execution", y_title="Score",
        x_names=result.names("group"), y_log=True,
    )  # fmt: skip
    return Sheet((panel,), note=note(result, SHOWN), fingerprints=fingerprints(results))


def width_sensitivity(results: list[Result], options: Options) -> Sheet:
    """Draw accuracy or loss with each group narrowed to each ratio."""
    result, name = results[0], str(options["value"])
    values = np.asarray(result[name], dtype=np.float64)
    whole = float(result["baseline"][0 if name == "accuracy" else 1])
    shown, label = (100 * values, "accuracy (%)") if name == "accuracy" else (values, "cross-entropy (nats)")
    before = f"{100 * whole:.1f} %" if name == "accuracy" else f"{whole:.3g}"
    matrix = Matrix(shown, result.names("group"), result.names("ratio"), f"{label}; whole network {before}", "widths")
    panel = Panel((matrix,), x_title="share of the group's width", y_title="width group", height=1.6)
    return Sheet((panel,), note=note(result, ("narrowing",)), fingerprints=fingerprints(results))
