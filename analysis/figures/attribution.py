"""Figure of attributions: pictures, and maps over each of them, side by side."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from analysis.catalogue import Param, nearest
from analysis.figures.profile import Options, fingerprints, note
from analysis.figures.second import name_of, refused, split, why_other_pictures
from analysis.figures.sheet import Floats, Panel, Sheet, Tiles
from analysis.measures.attributions import ALGORITHMS, NAMES, algorithm, delta_words, relative_delta, scale_of
from analysis.problems import AnalysisError
from analysis.result import Result

PICTURE = Param("picture", "", "Places of the pictures in their source, such as 3, 17; empty for the first of the run")
SHARED = Param("shared", False, "One colour scale for all maps")
MAPS = Param("algorithms", "", f"Maps to draw, comma-separated, out of {', '.join(NAMES)}; empty for all of the run")
ALONE = 4
"""Tiles beside each other of one picture; several pictures have a row each."""
FACTS = ("baseline", "steps", "layer", "occlusion")


def attribution(results: list[Result], options: Options) -> Sheet:
    """Draw pictures with their maps, each with its convergence delta and from the first run that has it.

    The maps of a second network are rows of their own, in the same order.
    """
    ours, theirs = split(results, options)
    places = _places(ours, str(options["picture"]))
    names = _names(ours, str(options["algorithms"]))
    panels, words = [], _about(ours[0])
    for number, place in enumerate(places):
        drawn = _row(ours, place, names, options, alone=len(places) == 1, titled=not number or bool(theirs))
        panels.append(drawn.panel)
        words += _facts(drawn.sources)
        if theirs:
            below, missing = _second_row(place, drawn, theirs, options)
            panels.append(below)
            words += [f"not computed of {name_of(theirs[0])}: {name}" for name in missing]
    said = " · ".join(dict.fromkeys(word for word in words if word))
    return Sheet(tuple(panels), note=said, fingerprints=fingerprints(results))


@dataclass(frozen=True, slots=True, eq=False)
class _Drawn:
    """A row of tiles, and the algorithms and runs that it is from."""

    tiles: Tiles
    title: str
    names: list[str]
    sources: list[Result]

    @property
    def panel(self) -> Panel:
        """The row as it is drawn."""
        return Panel((self.tiles,), title=self.title)


def _second_row(place: int, drawn: _Drawn, theirs: list[Result], options: Options) -> tuple[Panel, list[str]]:
    """Draw the maps of the same picture of a second network, and name those that it lacks."""
    runs = [run for run in theirs if place in run["place"].tolist()]
    if not runs:
        raise refused(theirs[0], "it has not explained this picture")
    known = {name for run in runs for name in run.names("algorithm")}
    if known.isdisjoint(drawn.names):
        raise refused(theirs[0], "none of these maps was computed of it")
    found = _row(runs, place, drawn.names, options, alone=not drawn.tiles.among, titled=True)
    for run in found.sources:
        why = next(filter(None, (why_other_pictures(one, run, by_place=True) for one in drawn.sources)), "")
        if why:
            raise refused(run, why)
    titles = {item.name: item.title for item in ALGORITHMS}
    tiles = replace(found.tiles, columns=drawn.tiles.columns, among=drawn.tiles.among, count=drawn.tiles.count)
    below = replace(found, tiles=tiles, title=f"{name_of(runs[0])}, {found.title}")
    return below.panel, [titles[name] for name in drawn.names if name not in known]


def _row(results: list[Result], place: int, names: list[str], options: Options, *, alone: bool, titled: bool) -> _Drawn:
    """Draw a picture with its maps."""
    explained = [one for one in results if place in one["place"].tolist()]
    there = [name for name in names if any(name in one.names("algorithm") for one in explained)]
    sources = [next(one for one in explained if name in one.names("algorithm")) for name in there]
    rows = [
        (one, one.names("algorithm").index(name), one["place"].tolist().index(place))
        for one, name in zip(sources, there, strict=True)
    ]
    maps = [np.asarray(one["attribution"][row, own], dtype=np.float64) for one, row, own in rows]
    reaches = tuple(scale_of(values) for values in maps)
    if options["shared"] and maps:
        reaches = (scale_of(np.concatenate([values.ravel() for values in maps])),) * len(maps)
    items = [algorithm(name) for name in there]
    own = explained[0]["place"].tolist().index(place)
    tiles = Tiles(
        _picture(explained[0], own),
        tuple(maps),
        reaches,
        tuple(item.title for item in items),
        tuple(_caption(*row) for row in rows),
        "one scale for all maps" if options["shared"] else "each map on its own scale",
        tuple(item.signed for item in items),
        ALONE if alone else len(names) + 1,
        titled,
        among=not alone,
        count=len(there if alone else names) + 1,
    )
    return _Drawn(tiles, _title(explained[0], own), there, sources)


def _picture(result: Result, place: int) -> Floats:
    """Return a picture as (y, x, colour), or as (y, x) where it has one channel or more than three."""
    picture = np.asarray(result["picture"][place], dtype=np.float64)
    return picture.transpose(1, 2, 0) if len(picture) == 3 else picture.mean(axis=0)


def _about(result: Result) -> list[str]:
    """Say what a reader has to know of the network; how many pictures there are is seen."""
    return [word for word in note(result, ()).split(" · ") if not word.startswith("N = ")]


def _facts(sources: list[Result]) -> list[str]:
    """Say how maps were computed."""
    return [f"{name}: {one.facts[name]}" for one in sources for name in FACTS if name in one.facts]


def _places(results: list[Result], text: str) -> list[int]:
    """Return the pictures to draw, in the order in which they are named.

    Raises
    ------
    AnalysisError
        If no run explains one of them.
    """
    known = [place for result in results for place in result["place"].tolist()]
    words = [word.strip() for word in text.split(",") if word.strip()]
    for word in words:
        if word not in (str(place) for place in known):
            raise AnalysisError(f"The run does not explain the picture '{word}'.", nearest(word, [*map(str, known)]))
    return [int(word) for word in words] or known[:1]


def _names(results: list[Result], text: str) -> list[str]:
    there = {name for result in results for name in result.names("algorithm")}
    wanted = [word.strip() for word in text.split(",") if word.strip()] or [name for name in NAMES if name in there]
    for name in wanted:
        if name not in there:
            raise AnalysisError(f"The run has no attribution by '{name}'.", nearest(name, sorted(there)))
    return wanted


def _caption(result: Result, row: int, place: int) -> str:
    if "convergence_delta" not in result:
        return ""
    share = relative_delta(float(result["convergence_delta"][row, place]), float(result["difference"][place]))
    words = delta_words(share)
    return f"delta {100 * share:.1f} %: {words}" if words else ""


def _title(result: Result, place: int) -> str:
    classes = result.names("class")

    def name(output: str) -> str:
        number = int(result[output][place])
        return classes[number] if 0 <= number < len(classes) else f"class {number}"

    picture, confidence = f"picture #{int(result['place'][place])}", float(result["confidence"][place])
    if not np.isfinite(confidence):  # of a network with one output, which predicts nothing but this number
        return f"{picture}: explained {name('target')}, output {float(result['target_score'][place]):.3g}"
    return f"{picture}: explained {name('target')}, predicted {name('prediction')} ({100 * confidence:.1f} %)"
