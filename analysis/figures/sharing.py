"""Figures of shared weights: accuracy against degrees of freedom, who reads what, errors and likeness of layers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analysis.catalogue import Param, nearest
from analysis.figures.profile import Options, chosen_rows, fingerprints, note
from analysis.figures.second import (
    difference,
    found_something,
    name_of,
    pair,
    refused,
    rows_between,
    split,
    with_second,
)
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
from analysis.measures.alignment import by_cells, by_rows
from analysis.measures.ring_fits import Curve, curves, fits, unsaturated
from analysis.problems import AnalysisError
from analysis.result import Result

AXIS = Param(
    "freedom", "total", "Count all free numbers, or those of the shared part only", choices=("total", "shared")
)
LAW = Param("law", False, "Draw the log-linear law fitted to the first variant")
RATIO = Param("ratio", "", "Size of the ring N / M out of those of the run; empty for the one nearest to 0.2")

FACTS = ("variant", "scale", "batch normalisation")
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
    result, second = pair(results, options)
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
    behind = () if second is None else curves_of(second)
    if second is not None:
        marks = [*second_curves(second, behind, str(options["freedom"])), *marks]
    lowest = min(float(one.low.min()) for one in (*found, *behind))
    highest = max(float(one.high.max()) for one in (*found, *behind))
    window = (max(0.0, 10 * np.floor(10 * lowest) - 2), min(101.0, 10 * np.ceil(10 * highest) + 2))
    words = {"total": "degrees of freedom in all", "shared": "degrees of freedom of the shared part"}
    panel = Panel(
        tuple(marks),
        x_title=words[str(options["freedom"])],
        y_title="held-out accuracy (%)",
        x_log=True,
        y_range=window,
    )
    told = with_second(f"{note(result, ('accuracy', 'recipe'))} · {_seeds(found)}", result, results[1:])
    return Sheet((panel,), note=told, fingerprints=fingerprints(results))


def second_curves(second: Result, found: tuple[Curve, ...], freedom: str) -> list[Mark]:
    """Thin line of a second network: its full variant, else its first one; and its dense network.

    Raises
    ------
    AnalysisError
        If it has none.
    """
    rings = [one for one in found if one.kind not in ("dense", "narrowed")]
    chosen = [one for one in rings if one.kind == "full"][:1] or rings[:1]
    if not chosen:
        raise refused(second, "no network of it is finished")
    one, name = chosen[0], name_of(second)
    x = one.total if freedom == "total" else one.shared
    words = WORDS.get(one.kind, one.kind)
    marks: list[Mark] = [ThinLine(x, 100 * one.mean, f"{name}, {words}", "outline", words)]
    dense = next((one for one in found if one.kind == "dense"), None)
    if dense is not None:
        ends = np.array([x.min(), x.max()]) if len(x) > 1 else np.array([x[0] / 2, x[0] * 2])
        marks.append(ThinLine(ends, np.repeat(100 * dense.mean[:1], 2), f"{name}, dense", of="dense", dashed=True))
    return marks


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
    result, second = pair(results, options)
    if second is not None:
        alike(result, second)
    x = np.asarray(result["size"], dtype=np.float64) / result.value("total_generated")
    energy: list[Mark] = [
        Line(x, _percent(result, "energy_kept"), "projection", "sharing"),
        Points(x, _percent(result, "energy_kept"), hue="sharing"),
        Line(x, _percent(result, "energy_expected"), "expected, N / M", "cost", dashed=True),
        Line(x, _percent(result, "energy_pruned"), "N largest weights", "rank"),
    ]
    if "energy_truncated" in result:
        energy.append(Line(x, _percent(result, "energy_truncated"), "truncated SVDs of N numbers", "configurations"))
    energy = [*_second_kept(second, "energy_kept"), *energy]
    panels = [Panel(tuple(energy), x_title="N / M", y_title="energy kept (%)", x_log=True, y_range=(0.0, 105.0))]
    if "accuracy" in result:
        right: list[Mark] = [
            *_second_kept(second, "accuracy"),
            Line(x, _percent(result, "accuracy"), "projection", "sharing"),
            Points(x, _percent(result, "accuracy"), hue="sharing"),
            Line(x, _percent(result, "accuracy_pruned"), "N largest weights", "rank"),
            Guide("y", 100 * result.value("accuracy_dense"), "as trained"),
        ]
        panels.append(Panel(tuple(right), x_title="N / M", y_title="accuracy (%)", x_log=True, y_range=(0.0, 105.0)))
    words = with_second(f"not trained · {note(result, FACTS)}", result, results[1:])
    return Sheet(tuple(panels), note=words, fingerprints=fingerprints(results))


def _second_kept(second: Result | None, name: str) -> tuple[Mark, ...]:
    """Thin line of what projection keeps of a second network; () without one."""
    if second is None or name not in second:
        return ()
    x = np.asarray(second["size"], dtype=np.float64) / second.value("total_generated")
    return (ThinLine(x, found_something(second, _percent(second, name), "size"), name_of(second)),)


def alike(result: Result, second: Result) -> None:
    """Insist that two networks were projected in the same way.

    Raises
    ------
    AnalysisError
        If they were not.
    """
    ways = [
        (dict(run.request.params).get("whitened", True) if run.request else True, run.facts.get("gain"))
        for run in (result, second)
    ]
    if ways[0] != ways[1]:
        raise refused(second, "its projection was made in another way")


def second_ratio(result: Result, place: int, second: Result) -> int:
    """Place of the same size of ring in a second projection, made in the same way.

    Raises
    ------
    AnalysisError
        If it has none.
    """
    alike(result, second)
    name, names = result.names("ratio")[place], second.names("ratio")
    if name not in names:
        raise refused(second, f"it has no ring of N / M = {name}")
    return names.index(name)


def second_rows(results: list[Result], options: Options, rows: list[int]) -> NDArray[np.int64]:
    """Rows of a second projection that correspond to some of the first, -1 for none.

    Raises
    ------
    AnalysisError
        If no layer corresponds, or it was made in another way.
    """
    result, second = pair(results, options)
    assert second is not None  # asked only where there is one
    alike(result, second)
    found = rows_between(*split(results, options), [result.layers[row] for row in rows], second)
    if (found < 0).all():
        raise refused(second, "no layer corresponds")
    return found


def error(results: list[Result], options: Options) -> Sheet:
    """Draw the relative squared error of each layer at one size, with the expected one and that of pruning."""
    result, second = pair(results, options)
    place = chosen_ratio(result, str(options["ratio"]))
    rows = chosen_rows(result, options)
    x = np.arange(len(rows), dtype=np.float64)
    values = {name: np.asarray(result[name][place], dtype=np.float64)[rows] for name in PER_LAYER}
    behind: tuple[Mark, ...] = ()
    if second is not None:
        there = np.asarray(second["error"][second_ratio(result, place, second)], dtype=np.float64)
        behind = (Outline(x, by_rows(there, second_rows(results, options, rows)), name_of(second)),)
    marks: tuple[Mark, ...] = (
        Bars(x, values["error"], "projection", hue="sharing"),
        *behind,
        Points(x, values["error_expected"], "expected", "neutral", "dash"),
        Points(x, values["error_pruned"], "N largest weights", "rank", "diamond"),
    )
    names = tuple(result.layers[row].name for row in rows)
    title = f"N / M = {result.names('ratio')[place]}"
    panel = Panel(marks, title, "layer, in order of execution", "relative squared error", names)
    return Sheet((panel,), note=note(result, ("variant", "scale", "gain")), fingerprints=fingerprints(results))


def usage(results: list[Result], options: Options) -> Sheet:
    """Draw which layer (rows) reads which part of the ring (columns)."""
    result, second = pair(results, options)
    rows = chosen_rows(result, options)
    values = np.asarray(result["usage"], dtype=np.float64)[rows]
    size = int(result.value("detail_size"))
    columns = tuple(f"{place * size // values.shape[1]:,}" for place in range(values.shape[1]))
    names = tuple(result.layers[row].name for row in rows)
    matrix = Matrix(values, names, columns, "uses over those of an even spread", "sharing")
    if second is not None:
        there = np.asarray(second["usage"], dtype=np.float64)
        if there.shape[1] != values.shape[1]:
            raise refused(second, "its ring was read in other parts")
        matrix = difference(matrix, by_rows(there, second_rows(results, options, rows)), second)
    panel = Panel((matrix,), x_title="entry of the ring", height=1.4)
    return Sheet((panel,), note=note(result, ("variant", "detail")), fingerprints=fingerprints(results))


def likeness(results: list[Result], options: Options) -> Sheet:
    """Draw how alike the weights of two layers are, as trained and projected, in units of 1/√n."""
    result, second = pair(results, options)
    rows = chosen_rows(result, options)
    names = tuple(result.layers[row].name for row in rows)
    panels = []
    for name, title in (("correlation_before", "as trained"), ("correlation_after", "projected onto the ring")):
        values = np.asarray(result[name], dtype=np.float64)[np.ix_(rows, rows)]
        matrix = Matrix(values, names, names, "|cos| √n", "sharing")
        if second is not None:
            there = second_rows(results, options, rows)
            matrix = difference(matrix, by_cells(np.asarray(second[name], dtype=np.float64), there, there), second)
        panels.append(Panel((matrix,), title, height=1.2))
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
