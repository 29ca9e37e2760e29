"""Figures over the depth of a network: one measure, or a stack of tracks."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Mapping

import numpy as np

from analysis.catalogue import Param, Value, nearest
from analysis.config import LayerSpec, matching
from analysis.events import Output
from analysis.figures.measured import RATIO, has, measures, pick, told_apart
from analysis.figures.point_tracks import point_marks, point_measures
from analysis.figures.second import insist, measured, method_of, named_once, outline, short_name, split, with_second
from analysis.figures.sheet import Bars, Floats, Hatched, Mark, Panel, Points, Sheet
from analysis.measures.spectra import linear_cap, sample_cap
from analysis.problems import AnalysisError
from analysis.result import Result

Options = Mapping[str, Value]

MEASURE = Param("measure", "", "Which output to show; empty for the first of the run")
LAYERS = Param("layers", "", "Glob patterns of layer names, comma-separated; empty for all")
CHECKPOINT = Param("checkpoint", "", "Which checkpoint of a run over several; empty for the last with numbers")
KINDS = Param("kinds", "", "Kinds of layers, comma-separated (conv, activation, block …); empty for all")
FACTS = {
    "effective_rank": ("mode", "effective rank", "interval"),
    RATIO: ("mode", "effective rank", "interval"),
    "rank": ("mode", "tolerance"),
    "rank_ratio": ("mode", "tolerance"),
    "energy_rank": ("mode", "energy"),
    "spectrum": ("mode", "spectrum"),
    "dead_channels": ("dead channel",),
    "always_on_channels": ("always-on channel",),
}
"""What a reader needs beside a measure, out of the facts of its run; all short facts for the others."""

HUES = {"feature_rank": "rank", "weight_spectrum": "rank", "evaluate": "widths"}
MEASURE_HUES = {"width": "widths", "channels": "widths"}


def profile(results: list[Result], options: Options) -> Sheet:
    """Draw one measure per layer, of one or several runs, in execution order."""
    ours, theirs = split(results, options)
    first = ours[0]
    results = ours if method_of(first) == "structure" else measured(ours)
    measure = _measure(first, str(options["measure"]))
    rows = chosen_rows(first, options)
    names = tuple(first.layers[i].name for i in rows)
    marks: list[Mark] = []
    labels = told_apart(results) if len(results) > 1 else [""]
    for number, result in enumerate(results):
        aligned = _align(result, measure, names)
        marks.append(_bars(result, aligned, measure, number, labels))
    if measure == "rank_ratio" and len(results) == 1:
        marks += _caps(first, rows)
    behind = outline(ours, theirs, method_of(first), measure, [first.layers[i] for i in rows])
    marks += [behind] if behind is not None else []
    panel = Panel(
        tuple(marks),
        x_title="layer, in order of execution",
        y_title=axis_title(measures(first)[measure]),
        x_names=names,
        stages=stages([first.layers[i] for i in rows]),
        y_range=(0.0, 1.05) if measure in ("rank_ratio", RATIO) else None,
    )
    insist(theirs, (panel,), method_of(first))
    words = with_second(note(first, FACTS.get(measure)), first, theirs)
    return Sheet((panel,), note=words, fingerprints=fingerprints([*ours, *theirs]))


def tracks(results: list[Result], options: Options) -> Sheet:
    """Draw a stack of measures over the same layers.

    A measure is named as its output, or as method.output where several runs have one of that name; "@2" behind it
    takes it from the second run of the figure.
    """
    results, theirs = split(results, options)
    found: dict[str, tuple[Result, str]] = {}
    for number, result in enumerate(results, 1):
        for name in along(result):
            for word in (name, f"{method_of(result)}.{name}"):
                found.setdefault(word, (result, name))
                found[f"{word}@{number}"] = (result, name)
    wanted = [word.strip() for word in str(options["measures"]).split(",") if word.strip()]
    names = wanted or [name for name in found if "." not in name and "@" not in name and not _is_end(name, found)][:6]
    for name in names:
        if name not in found:
            known = [word for word in found if "@" not in word]
            raise AnalysisError(f"No run has a measure '{name}' per layer.", nearest(name, known))
    rows = chosen_rows(results[0], options)
    layers = [results[0].layers[i] for i in rows]
    chosen = [found[name] for name in names]
    checkpoint = str(options.get("checkpoint", ""))
    over = [name for result in results for name in result.names("checkpoint")]
    if checkpoint and checkpoint not in over:
        raise AnalysisError(f"No run has a checkpoint '{checkpoint}'.", nearest(checkpoint, over))
    panels = named_once(
        [_track(*pair, _run_word(pair, chosen), layers, (results, theirs), checkpoint) for pair in chosen]
    )
    facts = tuple(dict.fromkeys(fact for _, name in chosen for fact in FACTS.get(name, ())))
    fullest = max(results, key=lambda result: result.prepared.samples.count if result.prepared else 0)
    insist(theirs, panels, "the methods that are drawn")
    words = with_second(note(fullest, facts), fullest, theirs)
    return Sheet(panels, note=words, fingerprints=fingerprints([*results, *theirs]), linked=True)


def _is_end(name: str, known: Collection[str]) -> bool:
    """Tell whether a measure is an end of another one's interval, which is drawn with it."""
    return any(name.endswith(end) and name.removesuffix(end) in known for end in ("_low", "_high"))


def along(result: Result) -> dict[str, Output]:
    """Find what a run has one value per layer, or per point between layers, of."""
    return measures(result) | point_measures(result)


def _run_word(pair: tuple[Result, str], chosen: list[tuple[Result, str]]) -> str:
    """Words that tell a track from those of the same measure of other runs; "" if there are none."""
    runs = list(
        {id(run): run for run, name in chosen if (method_of(run), name) == (method_of(pair[0]), pair[1])}.values()
    )
    return told_apart(runs)[runs.index(pair[0])] if len(runs) > 1 else ""


def _track(
    result: Result,
    measure: str,
    run: str,
    layers: list[LayerSpec],
    runs: tuple[list[Result], list[Result]],
    checkpoint: str,
) -> Panel:
    names = tuple(layer.name for layer in layers)
    if measure in point_measures(result):
        marks = point_marks(result, measure, layers, *runs, checkpoint)
    else:
        behind = outline(*runs, method_of(result), measure, layers)
        bars: Mark = _bars(result, _align(result, measure, names), measure, 0, [""])
        marks = (bars,) if behind is None else (bars, behind)
    title = "\n".join(textwrap.fill(words, 18) for words in (axis_title(along(result)[measure]), run) if words)
    return Panel(marks, y_title=title, x_names=names, stages=stages(layers), height=0.55)


def _measure(result: Result, name: str) -> str:
    names = list(measures(result))
    if not names:
        raise AnalysisError("This run has no measure per layer.", "Choose another figure.")
    if name and name not in names:
        raise AnalysisError(f"This run has no measure '{name}' per layer.", nearest(name, names))
    preferred = [word for word in ("effective_rank", "median_ms", "stable_rank") if word in names]
    return name or (preferred or names)[0]


def chosen_rows(result: Result, options: Options) -> list[int]:
    """Rows that the options "layers" and "kinds" leave.

    Raises
    ------
    AnalysisError
        If none is left.
    """
    pattern, kinds = str(options.get("layers", "")), str(options.get("kinds", ""))
    fits = matching(result.layers, pattern) if pattern else result.layers
    words = {word.strip() for word in kinds.split(",") if word.strip()}
    rows = [i for i, layer in enumerate(result.layers) if layer in fits and (not words or layer.kind in words)]
    if not rows:
        raise AnalysisError("No layer of the run fits.", nearest(pattern, [layer.name for layer in result.layers]))
    return rows


def _align(result: Result, measure: str, names: tuple[str, ...]) -> list[int]:
    """Row of each name in a run, -1 where the run does not have it (or did not measure this)."""
    if not has(result, measure):
        return [-1] * len(names)
    places = {layer.name: i for i, layer in enumerate(result.layers)}
    return [places.get(name, -1) for name in names]


def _bars(result: Result, rows: list[int], measure: str, number: int, labels: list[str]) -> Bars:
    count = len(labels)
    x: Floats = np.arange(len(rows), dtype=np.float64) + (number - (count - 1) / 2) * 0.8 / count
    low, high = (f"{measure}_{end}" for end in ("low", "high"))
    return Bars(
        x,
        pick(result, measure, rows),
        label=labels[number],
        low=pick(result, low, rows) if has(result, low) else None,
        high=pick(result, high, rows) if has(result, high) else None,
        hue=MEASURE_HUES.get(measure, HUES.get(method_of(result), "cost")) if count == 1 else f"series{number}",
    )


def _caps(result: Result, rows: list[int]) -> list[Mark]:
    """Draw what could not be reached: above min(C, n)/C for want of pictures, and the reach of a linear layer."""
    x = np.arange(len(rows), dtype=np.float64)
    layers = [result.layers[i] for i in rows]
    channels, seen = pick(result, "channels", rows), pick(result, "observations", rows)
    known = np.isfinite(channels) & np.isfinite(seen)
    cap = np.array([sample_cap(int(c), int(n)) if k else 1.0 for c, n, k in zip(channels, seen, known, strict=True)])
    marks: list[Mark] = []
    if np.any(cap < 1):
        marks.append(Hatched(x[cap < 1], cap[cap < 1], np.ones(int(np.sum(cap < 1))), "beyond the number of samples"))
    expands = np.array([bool(layer.expands_from) and layer.expands_from < layer.channels for layer in layers])
    if expands.any():
        reach = np.array([linear_cap(layer.expands_from, layer.channels) for layer in layers])
        marks.append(Points(x[expands], reach[expands], "reach of a linear layer, d_in/d_out", "neutral", "dash"))
    return marks


def stages(layers: list[LayerSpec]) -> tuple[tuple[float, str], ...]:
    """Places where the map size changes, with the new size."""
    found = []
    before: tuple[int, ...] | None = None
    for i, layer in enumerate(layers):
        size = layer.shape[1:]
        if len(size) == 2 and size != before:
            if before is not None or i == 0:
                found.append((i - 0.5, f"{size[0]}×{size[1]}"))
            before = size
    return tuple(found)


def axis_title(output: Output) -> str:
    """Words for an axis: title and unit."""
    title = output.title or output.name.replace("_", " ")
    return f"{title} ({output.unit})" if output.unit else title


def label_of(result: Result) -> str:
    """Words by which a run is known in a legend."""
    return result.prepared.model if result.prepared else ""


def fingerprints(results: list[Result]) -> tuple[str, ...]:
    """Fingerprints of the runs behind a figure."""
    return tuple(result.prepared.fingerprint for result in results if result.prepared)


def note(result: Result, facts: tuple[str, ...] | None = None) -> str:
    """Say what a reader has to know: network, pictures, badges, and the named facts (all short ones if None)."""
    words = []
    if result.prepared:
        prepared = result.prepared
        words.append(short_name(prepared.model))
        if prepared.samples.count:
            words.append(f"N = {prepared.samples.count:,} picture{'s' if prepared.samples.count != 1 else ''}")
        words += prepared.badges
    wanted = tuple(name for name, text in result.facts.items() if len(text) < 60) if facts is None else facts
    words += [f"{name}: {result.facts[name]}" for name in wanted if name in result.facts]
    if result.finished is None or str(result.finished.outcome) != "completed":
        words.append("not finished")
    return " · ".join(word for word in words if word)
