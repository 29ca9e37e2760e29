"""Which weight files a source stands for, told by names alone: nothing is opened, no folder is listed."""

from __future__ import annotations

import os
from fnmatch import fnmatchcase
from glob import has_magic
from pathlib import Path

from analysis.request import ModelSource

Weights = tuple[str, ...]
WORDS = ("random", "pretrained")
DEMO = Path(__file__).resolve().parent.parent / "resources" / "demo"


def folder_of(model: ModelSource) -> Path | None:
    """Name the folder in which the one weight file of a network lies; of the demo that of its checkpoints.

    None for weights without a file, such as random ones, and for several.
    """
    if not model.weights and model.name.startswith("demo:"):
        return DEMO / model.name.removeprefix("demo:").partition("@")[0]
    if len(model.weights) == 1 and model.weights[0] not in WORDS:
        return Path(model.weights[0]).expanduser().parent
    return None


def stands_for(several: ModelSource, one: ModelSource) -> bool:
    """Tell whether a source of several weight files has that of another source among them.

    Parameters
    ----------
    several
        Files, folders or patterns; of the demo no weights for all of its checkpoints.
    one
        The same network with one file; of the demo no weights for its last checkpoint.

    Examples
    --------
    >>> one = ModelSource("auto", ("runs/epoch-9.pt",))
    >>> [stands_for(ModelSource("auto", (name,)), one) for name in ("runs", "runs/epoch-*.pt", "runs/other.pt")]
    [True, True, False]
    """
    if several.name != one.name or (several.weights and several.weights[0] in WORDS):
        return False
    if not several.weights:
        whole = several.name.startswith("demo:") and "@" not in several.name
        return whole and (not one.weights or _absolute(str(folder_of(one))) == _absolute(str(folder_of(several))))
    if not one.weights and one.name.startswith("demo:"):
        return one.name.partition("@")[2] in {Path(item).stem for item in several.weights}
    if len(one.weights) != 1 or one.weights[0] in WORDS:
        return False
    file = _absolute(one.weights[0])
    return one.weights[0] in several.weights or any(_fits(file, _absolute(item)) for item in several.weights)


def place_of(names: tuple[str, ...], weights: Weights) -> int:
    """Find a file among the names that a run gives its checkpoints: without folder and ending, or whole.

    Returns
    -------
    int
        Place, -1 if it is not among them, or if `weights` are not one file.
    """
    if len(weights) != 1:
        return -1
    for wanted in (Path(weights[0]).stem, weights[0]):
        if wanted in names:
            return names.index(wanted)
    return -1


def _absolute(name: str) -> str:
    return os.path.abspath(os.path.expanduser(name))


def _fits(file: str, item: str) -> bool:
    """Tell whether a file is what an item names, lies in that folder, or fits that pattern."""
    if item in (file, os.path.dirname(file)):
        return True
    return has_magic(item) and _matches(Path(file).parts, Path(item).parts)


def _matches(parts: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    """Match folder by folder; ``**`` stands for any number of folders."""
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return any(_matches(parts[skipped:], pattern[1:]) for skipped in range(len(parts) + 1))
    return bool(parts) and fnmatchcase(parts[0], pattern[0]) and _matches(parts[1:], pattern[1:])
