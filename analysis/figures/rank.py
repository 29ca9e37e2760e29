"""Figures of feature rank: singular values, rank against tolerance, accuracy against nuclear norm."""

from __future__ import annotations

import numpy as np

from analysis.catalogue import Param
from analysis.config import LayerSpec
from analysis.figures.profile import FACTS, Options, chosen_rows, fingerprints, label_of, note
from analysis.figures.second import key, measured, name_of, needs, refused, rows_between, split, with_second
from analysis.figures.sheet import Guide, Line, Mark, Panel, Points, Sheet, ThinLine
from analysis.measures.spectra import CURVE_RTOLS, correlation, distribution, elbow, rank_curve
from analysis.problems import AnalysisError
from analysis.result import Result

CENTRED = Param("centred", False, "Take the mean off first")
MOST_LINES = 8


def spectrum(results: list[Result], options: Options) -> Sheet:
    """Draw the share of singular values up to a size, one step curve per layer (rows) and run."""
    ours, theirs = split(results, options)
    shown = measured(ours)
    marks: list[Mark] = []
    name = "singular_values_centred" if options["centred"] else "singular_values"
    several = len(shown) > 1
    for result in shown:
        _need(result, name)
        for row in _few(chosen_rows(result, options)):
            layer = result.layers[row]
            x, y = distribution(_known(result, name, row), layer.channels)
            label = f"{label_of(result)} {layer.name}" if several else layer.name
            marks.append(Line(x, 100 * y, label, f"series{len(marks)}", steps=True))
    lines = len(marks)
    marks += _guides(shown[0], _few(chosen_rows(shown[0], options))) if lines == 1 else []
    for second in measured(theirs):
        for number, layer, values in _second_values(ours, theirs, second, options, name):
            x, y = distribution(values, layer.channels)
            of = f"{name_of(second)}: {layer.name}"
            marks.append(ThinLine(x, 100 * y, hue=_hue(number, several), of=of, steps=True))
        marks += key(second)
    panel = Panel(
        tuple(marks),
        x_title="σ / σ_max",
        y_title="singular values up to x (%)",
        x_log=True,
        x_range=(1e-4, 1.2),
        y_range=(0.0, 102.0),
    )
    words = with_second(note(shown[0], FACTS["spectrum"]), shown[0], theirs)
    return Sheet((panel,), note=words, fingerprints=fingerprints(results))


def _second_values(
    ours: list[Result], theirs: list[Result], second: Result, options: Options, name: str
) -> list[tuple[int, LayerSpec, np.ndarray[tuple[int], np.dtype[np.float64]]]]:
    """Layers of a second network that correspond to the drawn ones: which of these, which, and its singular values."""
    needs(second, name)
    first = measured(ours)[0]
    layers = [first.layers[row] for row in _few(chosen_rows(first, options))]
    rows = rows_between(ours, theirs, layers, second)
    if (rows < 0).all():
        raise refused(second, "no layer corresponds")
    places = ((number, row) for number, row in enumerate(rows.tolist()) if row >= 0)
    return [(number, second.layers[row], _known(second, name, row)) for number, row in places]


def _hue(number: int, several: bool) -> str:
    """Colour of the layer of the first network; none in particular where that is of several networks."""
    return "outline" if several else f"series{number}"


def _guides(result: Result, rows: list[int]) -> list[Mark]:
    layer = result.layers[rows[0]]
    marks: list[Mark] = []
    if "tolerance" in result and result["tolerance"][rows[0]] >= 1e-4:
        marks.append(Guide("x", float(result["tolerance"][rows[0]]), "tolerance"))
    if 0 < layer.expands_from < layer.channels:
        marks.append(Guide("y", 100 * elbow(layer.expands_from, layer.channels), "1 − (d_in+1)/d_out"))
    return marks


def tolerance(results: list[Result], options: Options) -> Sheet:
    """Draw the numerical rank against the tolerance: a plateau means that the rank is well defined."""
    ours, theirs = split(results, options)
    shown = measured(ours)
    marks: list[Mark] = []
    name = "singular_values_centred" if options["centred"] else "singular_values"
    for result in shown:
        _need(result, name)
        for row in _few(chosen_rows(result, options)):
            layer = result.layers[row]
            ranks = rank_curve(_known(result, name, row)) / max(layer.channels, 1)
            marks.append(Line(np.asarray(CURVE_RTOLS), ranks, layer.name, f"series{len(marks)}"))
    for second in measured(theirs):
        for number, layer, values in _second_values(ours, theirs, second, options, name):
            ranks = rank_curve(values) / max(layer.channels, 1)
            of = f"{name_of(second)}: {layer.name}"
            marks.append(ThinLine(np.asarray(CURVE_RTOLS), ranks, hue=_hue(number, len(shown) > 1), of=of))
        marks += key(second)
    panel = Panel(tuple(marks), x_title="tolerance σ / σ_max", y_title="rank ratio", x_log=True, y_range=(0.0, 1.05))
    words = with_second(note(shown[0], FACTS["spectrum"]), shown[0], theirs)
    return Sheet((panel,), note=words, fingerprints=fingerprints(results))


def nuclear_norm(results: list[Result], options: Options) -> Sheet:
    """Draw top-1 accuracy against the scaled nuclear norm of the final feature, one point per network.

    Runs of `feature_rank` and `evaluate` are paired by their weights.
    """
    ranks = [result for result in results if "nuclear_norm_scaled" in result]
    scores = {_key(result): result.value("top1") for result in results if "top1" in result}
    pairs = [(result, scores[_key(result)]) for result in ranks if _key(result) in scores]
    if len(pairs) < 2:
        raise AnalysisError(
            "Fewer than two networks have both a feature rank and an accuracy.",
            "Run feature_rank and evaluate for each of them on the same pictures.",
        )
    _same_conditions([result for result, _ in pairs])
    x = np.array([_final(result) for result, _ in pairs])
    y = np.array([100 * top1 for _, top1 in pairs])
    found = correlation(x, y)
    text = f"Pearson {found.pearson:.2f}, Spearman {found.spearman:.2f}, {found.count} networks"
    points = Points(x, y, hue="rank", names=tuple(label_of(result) for result, _ in pairs))
    panel = Panel((points,), x_title="nuclear norm / √n of the final feature", y_title="top-1 accuracy (%)", title=text)
    return Sheet(
        (panel,), note=note(pairs[0][0], FACTS["spectrum"]), fingerprints=fingerprints([result for result, _ in pairs])
    )


def _key(result: Result) -> str:
    return result.prepared.weights_sha256 if result.prepared else ""


def _final(result: Result) -> float:
    return float(result["nuclear_norm_scaled"][_final_row(result)])


def _final_row(result: Result) -> int:
    rows = [i for i, layer in enumerate(result.layers) if layer.kind == "pooled"]
    return rows[-1] if rows else len(result.layers) - 1


def _same_conditions(results: list[Result]) -> None:
    """Nuclear norms of other widths, pictures or sample counts cannot be compared."""
    conditions = {
        (
            result.layers[_final_row(result)].channels,
            result.prepared.samples.sha256 if result.prepared else "",
            int(result["observations"][_final_row(result)]),
        )
        for result in results
    }
    if len(conditions) > 1:
        raise AnalysisError(
            "These runs differ in final width, pictures or sample count, so their nuclear norms cannot be compared.",
            "Choose runs of networks with the same final width on the same pictures.",
        )


def _known(result: Result, name: str, row: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    values = np.asarray(result[name][row], dtype=np.float64)
    return values[np.isfinite(values)]


def _few(rows: list[int]) -> list[int]:
    """At most eight curves can be told apart: take them evenly over depth."""
    if len(rows) <= MOST_LINES:
        return rows
    places = np.linspace(0, len(rows) - 1, MOST_LINES).round().astype(int)
    return [rows[i] for i in places]


def _need(result: Result, name: str) -> None:
    if name not in result:
        raise AnalysisError(f"This run holds no {name.replace('_', ' ')}.", "Choose a run of feature_rank.")
