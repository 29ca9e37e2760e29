"""Figures of shared weights: accuracy against degrees of freedom, who reads what, errors and likeness of layers."""

from __future__ import annotations

import numpy as np

from analysis.catalogue import Param, nearest
from analysis.figures.profile import Options, chosen_rows, fingerprints, note
from analysis.figures.sheet import Bars, Floats, Guide, Line, Mark, Matrix, Panel, Points, Sheet
from analysis.measures.ring_fits import Curve, curves, fits, unsaturated
from analysis.problems import AnalysisError
from analysis.result import Result

AXIS = Param(
    "freedom", "total", "Count all free numbers, or those of the shared part only", choices=("total", "shared")
)
LAW = Param("law", False, "Draw the log-linear law fitted to the first variant")
RATIO = Param("ratio", "", "Size of the ring N / M out of those of the run; empty for the one nearest to 0.2")

PER_LAYER = ("error", "error_expected", "error_pruned")
WORDS = {
    "full": "ring, shuffled, with signs",
    "perm": "ring, shuffled, no signs",
    "sign": "ring in order, with signs",
    "direct": "ring in order, no signs",
    "narrowed": "dense, fewer channels",
    "dense": "dense",
}
SHAPES = {"full": "circle", "perm": "square", "sign": "triangle", "direct": "diamond", "narrowed": "cross"}
HUES = {"full": "sharing", "perm": "series1", "sign": "series2", "direct": "series5", "narrowed": "neutral"}


def curve(results: list[Result], options: Options) -> Sheet:
    """Draw held-out accuracy against degrees of freedom, one line per kind, bands over seeds."""
    result = results[0]
    found = curves_of(result)
    if not found:
        raise AnalysisError("No network of this run is finished.", "Wait for the first, or train anew.")
    marks: list[Mark] = []
    for one in found:
        x = one.total if options["freedom"] == "total" or one.kind in ("dense", "narrowed") else one.shared
        if one.kind == "dense":
            marks += _dense(one, found)
            continue
        marks += _line(one, x)
    if options["law"]:
        marks += _law(found[0])
    lowest = min(float(one.low.min()) for one in found)
    highest = max(float(one.high.max()) for one in found)
    window = (max(0.0, 10 * np.floor(10 * lowest) - 2), min(101.0, 10 * np.ceil(10 * highest) + 2))
    words = {"total": "degrees of freedom in all", "shared": "degrees of freedom of the shared part"}
    panel = Panel(
        tuple(marks),
        x_title=words[str(options["freedom"])],
        y_title="held-out accuracy (%)",
        x_log=True,
        y_range=window,
    )
    facts = ("accuracy", "recipe")
    return Sheet((panel,), note=f"{note(result, facts)} · {_seeds(found)}", fingerprints=fingerprints(results))


def curves_of(result: Result) -> tuple[Curve, ...]:
    """Curves of a run of `train_shared`."""
    names = result.names("kind")
    arrays = (result[name] for name in ("kind", "ratio", "shared_freedom", "total_freedom", "accuracy"))
    return curves(names, *arrays)


def _dense(one: Curve, found: tuple[Curve, ...]) -> list[Mark]:
    """Draw the network without sharing as a level, with the band of its seeds."""
    level = 100 * one.mean[:1]
    marks: list[Mark] = [Guide("y", float(level[0]), f"dense, {int(one.total[0]):,} parameters")]
    if one.count[0] > 1:
        ends = np.array([min(c.total.min() for c in found), max(c.total.max() for c in found)])
        low, high = (100 * np.repeat(values[:1], 2) for values in (one.low, one.high))
        marks.append(Line(ends, np.repeat(level, 2), hue="faint", low=low, high=high))
    return marks


def _line(one: Curve, x: Floats) -> list[Mark]:
    several = bool((one.count > 1).any())
    low, high = (100 * one.low, 100 * one.high) if several else (None, None)
    hue = HUES.get(one.kind, "neutral")
    dashed = one.kind == "narrowed"
    line = Line(x, 100 * one.mean, WORDS.get(one.kind, one.kind), hue, dashed=dashed, low=low, high=high)
    return [line, Points(x, 100 * one.mean, hue=hue, shape=SHAPES.get(one.kind, "circle"))]


def _law(one: Curve) -> list[Mark]:
    degrees, accuracy = unsaturated(one)
    law = fits(degrees, accuracy)[0]
    if not np.isfinite(law.r2):
        return []
    x = np.geomspace(degrees.min(), degrees.max(), 32)
    text = f"α + β log10: β = {100 * law.beta:.1f} points a decade, R² {law.r2:.2f}"
    return [Line(x, 100 * law.predict(x), text, "cost", dashed=True)]


def _seeds(found: tuple[Curve, ...]) -> str:
    """Say how many networks stand behind the points, and what may look odd about rings in order."""
    most = {one.kind: int(one.count.max()) for one in found}
    counts = sorted(set(most.values()))
    words = f"{counts[0]} seed{'s' if counts[0] > 1 else ''} each"
    if len(counts) > 1:
        more = ", ".join(WORDS.get(kind, kind) for kind, count in most.items() if count == counts[-1])
        words = f"{counts[-1]} seeds: {more} (band: smallest to largest); {counts[0]} else"
    if {"sign", "direct"} & most.keys():
        words += " · a ring in order is read no further than the largest layer reaches"
    return words


def projection(results: list[Result], options: Options) -> Sheet:
    """Draw what a projection keeps against the size of the ring: energy, and accuracy where it was measured."""
    result = results[0]
    x = np.asarray(result["size"], dtype=np.float64) / result.value("total_generated")
    energy: list[Mark] = [
        Line(x, _percent(result, "energy_kept"), "projection", "sharing"),
        Points(x, _percent(result, "energy_kept"), hue="sharing"),
        Line(x, _percent(result, "energy_expected"), "expected, N / M", "cost", dashed=True),
        Line(x, _percent(result, "energy_pruned"), "N largest weights", "rank"),
    ]
    if "energy_truncated" in result:
        energy.append(Line(x, _percent(result, "energy_truncated"), "truncated SVDs of N numbers", "configurations"))
    panels = [Panel(tuple(energy), x_title="N / M", y_title="energy kept (%)", x_log=True, y_range=(0.0, 105.0))]
    if "accuracy" in result:
        right: list[Mark] = [
            Line(x, _percent(result, "accuracy"), "projection", "sharing"),
            Points(x, _percent(result, "accuracy"), hue="sharing"),
            Line(x, _percent(result, "accuracy_pruned"), "N largest weights", "rank"),
            Guide("y", 100 * result.value("accuracy_dense"), "as trained"),
        ]
        panels.append(Panel(tuple(right), x_title="N / M", y_title="accuracy (%)", x_log=True, y_range=(0.0, 105.0)))
    facts = ("variant", "scale", "batch normalisation")
    return Sheet(tuple(panels), note=f"not trained · {note(result, facts)}", fingerprints=fingerprints(results))


def error(results: list[Result], options: Options) -> Sheet:
    """Draw the relative squared error of each layer at one size, with the expected one and that of pruning."""
    result = results[0]
    place = chosen_ratio(result, str(options["ratio"]))
    rows = chosen_rows(result, options)
    x = np.arange(len(rows), dtype=np.float64)
    values = {name: np.asarray(result[name][place], dtype=np.float64)[rows] for name in PER_LAYER}
    marks: tuple[Mark, ...] = (
        Bars(x, values["error"], "projection", hue="sharing"),
        Points(x, values["error_expected"], "expected", "neutral", "dash"),
        Points(x, values["error_pruned"], "N largest weights", "rank", "diamond"),
    )
    names = tuple(result.layers[row].name for row in rows)
    title = f"N / M = {result.names('ratio')[place]}"
    panel = Panel(marks, title, "layer, in order of execution", "relative squared error", names)
    return Sheet((panel,), note=note(result, ("variant", "scale", "gain")), fingerprints=fingerprints(results))


def usage(results: list[Result], options: Options) -> Sheet:
    """Draw which layer (rows) reads which part of the ring (columns)."""
    result = results[0]
    rows = chosen_rows(result, options)
    values = np.asarray(result["usage"], dtype=np.float64)[rows]
    size = int(result.value("detail_size"))
    columns = tuple(f"{place * size // values.shape[1]:,}" for place in range(values.shape[1]))
    names = tuple(result.layers[row].name for row in rows)
    matrix = Matrix(values, names, columns, "uses over those of an even spread", "sharing")
    panel = Panel((matrix,), x_title="entry of the ring", height=1.4)
    return Sheet((panel,), note=note(result, ("variant", "detail")), fingerprints=fingerprints(results))


def likeness(results: list[Result], options: Options) -> Sheet:
    """Draw how alike the weights of two layers are, as trained and projected, in units of 1/√n."""
    result = results[0]
    rows = chosen_rows(result, options)
    names = tuple(result.layers[row].name for row in rows)
    panels = []
    for name, title in (("correlation_before", "as trained"), ("correlation_after", "projected onto the ring")):
        values = np.asarray(result[name], dtype=np.float64)[np.ix_(rows, rows)]
        panels.append(Panel((Matrix(values, names, names, "|cos| √n", "sharing"),), title, height=1.2))
    return Sheet(tuple(panels), note=note(result, ("variant", "detail")), fingerprints=fingerprints(results))


def chosen_ratio(result: Result, text: str) -> int:
    """Place of a size among those of a run.

    Raises
    ------
    AnalysisError
        If the run has no such size.
    """
    names = result.names("ratio")
    if text:
        found = [place for place, name in enumerate(names) if name == text or float(name) == _number(text)]
        if not found:
            raise AnalysisError(f"This run has no ring of N / M = {text}.", nearest(text, names))
        return found[0]
    return int(np.argmin([abs(np.log(float(name) / 0.2)) for name in names]))


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _percent(result: Result, name: str) -> Floats:
    return np.asarray(100 * np.asarray(result[name], dtype=np.float64))
