"""Studies of the rank lab in words: what they are, how far they came, what they reproduce, how long they take."""

from __future__ import annotations

from analysis.catalogue import Value
from analysis.measures import lab_words
from analysis.measures import rank_lab as lab
from app.reading import numbers
from app.workspace import Run


def verdict(run: Run | None, layer: str, overlay: bool) -> str:
    """Say what the study reproduces and what not, and how well the published points are known where they are drawn."""
    if run is None:
        return ""
    said = (lab_words.reproduced(lab_words.study_of(run.result), layer), lab_words.missed(run.result, layer))
    words = " ".join(filter(None, (lab.PANELS[layer], *said)))
    return f"{words} {lab_words.reading(layer)}" if overlay and lab.comparable(run.result, layer) else words


def time_words(params: dict[str, Value]) -> str:
    """Say about how long a study will take on one core."""
    layer, mode = str(params.get("layer", "all")), str(params.get("mode", "pointwise"))
    preset = lab.PRESETS[str(params.get("preset", "paper-like"))]
    networks = int(params.get("networks", lab.USUAL_NETWORKS))
    seconds = lab.expected_seconds(lab.chosen_types(layer), networks, mode == "patches", preset.precision)
    return f"about {numbers.duration(seconds)} for {networks:,} networks per point on one core"


def study_words(run: Run) -> str:
    """Name a study among others: its title, else its preset, and how many networks it drew."""
    return run.title or lab_words.named(run.result)


def key_of(run: Run) -> str:
    """Name of a study that it keeps when it is opened again."""
    return run.folder.name if run.folder is not None else f"run {run.number}"


def drawn_words(run: Run, layer: str) -> str:
    """Say on how many networks each point rests, "" before the first."""
    fewest, most = lab.drawn(run.result, layer)
    return f"{_range(fewest, most)} networks per point" if most else ""


def how_far(run: Run, layer: str) -> str:
    """Say how a study ended early, and after how many networks per point."""
    wanted = run.result["rank"].shape[2] if "rank" in run.result else 0
    count = _range(*lab.drawn(run.result, layer))
    return f"{run.state} after {count} of {wanted:,} networks per point" if wanted else run.state


def _range(fewest: int, most: int) -> str:
    return f"{most:,}" if fewest == most else f"{fewest:,} to {most:,}"
