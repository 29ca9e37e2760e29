"""Figures of channel configurations: widths before and after, their ratios, the budget, and sensitivities."""

from __future__ import annotations

import numpy as np

from analysis.catalogue import Param
from analysis.figures.profile import Options, fingerprints, note
from analysis.figures.second import difference, known_layers, name_of, refused, split, with_second
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
from analysis.measures.alignment import by_cells, by_rows, matching_groups, same_names
from analysis.measures.widths.scores import score_shares
from analysis.problems import AnalysisError
from analysis.result import Result

CONTROL = Param("control", True, "Also draw what a random draw gives in place of the scores")
VALUE = Param("value", "accuracy", "What is shown", choices=("accuracy", "loss"))
SHOWN = ("criterion", "budget")
FOUND, RANDOM, SECOND = range(3)
COSTS = (("macs", "multiply-adds", "cost"), ("parameters", "parameters", "widths"))
"""Output, words and colour of what the threshold decides."""


def _row(result: Result, name: str, place: int) -> Floats:
    """One profile, NaN where it has not been measured."""
    values = np.asarray(result[name][place], dtype=np.float64)
    return np.where(values < 0, np.nan, values)


def _places(result: Result) -> Floats:
    return np.arange(len(result.names("group")), dtype=np.float64)


def _likeness(result: Result, place: int) -> str:
    value = float(result["correlation"][place])
    return f", r = {value:.2f}" if np.isfinite(value) else ""


class _Second:
    """A run of a second network, with the groups and words that correspond to those of the first."""

    def __init__(self, ours: list[Result], theirs: list[Result]) -> None:
        self.first = ours[0]
        method = self.first.request.method if self.first.request else ""
        fits = [run for run in theirs if run.request is not None and run.request.method == method]
        if not fits:
            raise refused(theirs[0], f"it has no run of {method}")
        self.run = fits[0]
        self.name = name_of(self.run)
        groups = self.first.names("group"), self.run.names("group")
        self.rows = matching_groups(*groups, known_layers(ours), known_layers(theirs))
        if (self.rows < 0).all():
            raise refused(self.run, "no width group corresponds")

    def at_groups(self, values: Floats) -> Floats:
        """Values of its groups at those of the first network, NaN for none."""
        return by_rows(values, self.rows)


def _opened(results: list[Result], options: Options) -> tuple[Result, _Second | None]:
    ours, theirs = split(results, options)
    search = next((run for run in ours if run.names("group") and not run.layers), None)
    if search is None:
        raise AnalysisError("None of the runs of the first network is a search.", "Name it before the others.")
    first = [search, *(run for run in ours if run is not search)]
    return search, _Second(first, theirs) if theirs else None


def _told(result: Result, second: _Second | None, facts: tuple[str, ...]) -> str:
    return with_second(note(result, facts), result, [second.run] if second is not None else [])


def width_profile(results: list[Result], options: Options) -> Sheet:
    """Draw the widths found over the groups, between the floor and the widened network."""
    result, second = _opened(results, options)
    x = _places(result)
    marks: list[Mark] = [
        Line(x, np.asarray(result["widened"], dtype=np.float64), "widened", "faint"),
        Line(x, np.asarray(result["floor"], dtype=np.float64), "floor", "faint", dashed=True),
        Line(x, np.asarray(result["original"], dtype=np.float64), "original", "neutral"),
        Line(x, _row(result, "width", FOUND), "found", "widths"),
    ]
    top = float(np.max(result["widened"]))
    if second is not None:
        there = second.at_groups(_row(second.run, "width", FOUND))
        marks.insert(0, ThinLine(x, there, f"{second.name}, found", of="found"))
        top = max(top, float(np.nan_to_num(there).max()))
    if options["control"]:
        marks.append(
            Points(
                x, _row(result, "width", RANDOM), f"random control{_likeness(result, RANDOM)}", "series3", hollow=True
            )
        )
    panel = Panel(
        tuple(marks), x_title="width group, in order of execution", y_title="Width (channels)",
        x_names=result.names("group"), y_range=(0.0, 1.45 * top),
    )  # fmt: skip
    return Sheet((panel,), note=_told(result, second, SHOWN), fingerprints=fingerprints(results))


def width_ratio(results: list[Result], options: Options) -> Sheet:
    """Draw found over original width as bars, with the band in which chance would put them."""
    result, second = _opened(results, options)
    x = _places(result)
    mean, spread = (np.asarray(result[name], dtype=np.float64) for name in ("chance_ratio", "chance_spread"))
    marks: list[Mark] = [Bars(x, _row(result, "ratio", FOUND), "found", hue="widths"), Guide("y", 1.0)]
    if second is not None:
        marks.insert(1, Outline(x, second.at_groups(_row(second.run, "ratio", FOUND)), f"{second.name}, found"))
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
    return Sheet((panel,), note=_told(result, second, SHOWN), fingerprints=fingerprints(results))


def width_budget(results: list[Result], options: Options) -> Sheet:
    """Draw multiply-adds and parameters as the threshold rises."""
    result, second = _opened(results, options)
    marks: list[Mark] = []
    if second is not None:
        lines = ((*_trace(second.run, name), f"{second.name}, {title}", hue, title) for name, title, hue in COSTS)
        marks += [ThinLine(*line) for line in lines]
    for name, title, hue in COSTS:
        marks.append(Line(*_trace(result, name), title, hue))
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
    return Sheet((panel,), note=_told(result, second, SHOWN), fingerprints=fingerprints(results))


def width_scores(results: list[Result], options: Options) -> Sheet:
    """Draw the mean score of each group with the range of most of them, and the threshold that is one for all."""
    result, second = _opened(results, options)
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
    if second is not None:
        if second.run.facts.get("criterion") != result.facts.get("criterion"):
            raise refused(second.run, "its scores are of another criterion")
        there = second.at_groups(np.asarray(second.run["mean_score"], dtype=np.float64))
        marks.insert(0, ThinLine(x, np.where(there > 0, there, np.nan), f"{second.name}, mean", of="mean"))
    threshold = float(result["threshold"][FOUND])
    if np.isfinite(threshold) and threshold > 0:
        marks.append(Guide("y", threshold, "threshold"))
    panel = Panel(
        tuple(marks), x_title="width group, in order of execution", y_title="Score",
        x_names=result.names("group"), y_log=True,
    )  # fmt: skip
    return Sheet((panel,), note=_told(result, second, SHOWN), fingerprints=fingerprints(results))


def width_sensitivity(results: list[Result], options: Options) -> Sheet:
    """Draw accuracy or loss with each group narrowed to each ratio."""
    (result, second), name = _opened(results, options), str(options["value"])
    values = np.asarray(result[name], dtype=np.float64)
    whole = float(result["baseline"][0 if name == "accuracy" else 1])
    shown, label = (100 * values, "accuracy (%)") if name == "accuracy" else (values, "cross-entropy (nats)")
    before = f"{100 * whole:.1f} %" if name == "accuracy" else f"{whole:.3g}"
    matrix = Matrix(shown, result.names("group"), result.names("ratio"), f"{label}; whole network {before}", "widths")
    if second is not None:
        columns = same_names(result.names("ratio"), second.run.names("ratio"))
        there = by_cells(np.asarray(second.run[name], dtype=np.float64), second.rows, columns)
        matrix = difference(matrix, 100 * there if name == "accuracy" else there, second.run)
    panel = Panel((matrix,), x_title="share of the group's width", y_title="width group", height=1.6)
    return Sheet((panel,), note=_told(result, second, ("narrowing",)), fingerprints=fingerprints(results))


def _trace(result: Result, name: str) -> tuple[Floats, Floats]:
    """Thresholds above zero, and a cost at each in % of the original."""
    x = np.asarray(result["trace_threshold"], dtype=np.float64)
    share = 100 * np.asarray(result[f"trace_{name}"], dtype=np.float64) / float(result[f"reference_{name}"][0])
    return x[x > 0], np.asarray(share[x > 0])
