"""Figure of attributions: a picture and signed maps over it, side by side."""

from __future__ import annotations

import numpy as np

from analysis.catalogue import Param, nearest
from analysis.figures.profile import Options, fingerprints, note
from analysis.figures.sheet import Panel, Sheet, Tiles
from analysis.measures.attributions import ALGORITHMS, NAMES, delta_words, relative_delta, scale_of
from analysis.problems import AnalysisError
from analysis.result import Result

PICTURE = Param("picture", "", "Place of the picture in its source; empty for the first of the run")
SHARED = Param("shared", False, "One colour scale for all maps")
MAPS = Param("algorithms", "", f"Maps to draw, comma-separated, out of {', '.join(NAMES)}; empty for all of the run")
MOST_COLUMNS = 4
FACTS = ("baseline", "steps", "layer", "occlusion")


def attribution(results: list[Result], options: Options) -> Sheet:
    """Draw one picture with its maps, each with its convergence delta and from the first run that has it."""
    result = results[0]
    picture = str(options["picture"]).strip()
    place = _place(result, picture)
    names = _names(results, str(options["algorithms"]))
    sources = [next(one for one in results if name in one.names("algorithm")) for name in names]
    wanted = str(int(result["place"][place]))
    rows = [
        (one, one.names("algorithm").index(name), _place(one, wanted)) for one, name in zip(sources, names, strict=True)
    ]
    maps = [np.asarray(one["attribution"][row, own], dtype=np.float64) for one, row, own in rows]
    own = tuple(scale_of(values) for values in maps)
    shared = scale_of(np.concatenate([values.ravel() for values in maps]))
    grey = np.asarray(result["picture"][place], dtype=np.float64).mean(axis=0)
    titles = {item.name: item.title for item in ALGORITHMS}
    tiles = Tiles(
        grey,
        tuple(maps),
        tuple(shared for _ in maps) if options["shared"] else own,
        tuple(titles[name] for name in names),
        tuple(_caption(*row) for row in rows),
        "one scale for all maps" if options["shared"] else "each map on its own scale",
    )
    lines = -(-(len(maps) + 1) // MOST_COLUMNS)
    panel = Panel((tiles,), title=_title(result, place), height=0.2 + 0.58 * lines)
    return Sheet((panel,), note=_note(results, sources), fingerprints=fingerprints(results))


def _note(results: list[Result], sources: list[Result]) -> str:
    """Say how the maps were computed, naming what is the same in several runs once."""
    words = [note(results[0], FACTS if any(one is results[0] for one in sources) else ())]
    for one in sources:
        facts = [f"{name}: {one.facts[name]}" for name in FACTS if name in one.facts]
        words += [fact for fact in facts if not any(fact in said for said in words)]
    return " · ".join(words)


def _place(result: Result, text: str) -> int:
    places = [str(place) for place in result["place"].tolist()]
    if text and text not in places:
        raise AnalysisError(f"The run does not explain the picture '{text}'.", nearest(text, places))
    return places.index(text) if text else 0


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

    words = f"picture #{int(result['place'][place])}: explained {name('target')}, predicted {name('prediction')}"
    return f"{words} ({100 * float(result['confidence'][place]):.1f} %)"
