"""What the weights string means: words, files, folders, patterns; and which checkpoints the demo brings."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable
from pathlib import Path

from analysis.catalogue import nearest
from analysis.loading.architectures import RESOURCES
from analysis.loading.constructors import demo_facts
from analysis.loading.weight_files import SUFFIXES
from analysis.problems import AnalysisError

WORDS = ("pretrained", "random")
DEMO = RESOURCES / "demo"


def natural(name: str) -> tuple[tuple[int, str, int], ...]:
    """Sort key under which "epoch-9" comes before "epoch-10".

    Examples
    --------
    >>> sorted(["epoch-10", "epoch-9"], key=natural)
    ['epoch-9', 'epoch-10']
    """
    parts = re.split(r"(\d+)", name.casefold())
    return tuple((1, "", int(part)) if part.isdecimal() else (0, part, 0) for part in parts if part)


def is_weight_file(name: str) -> bool:
    """Tell by its name whether a file may hold weights."""
    return name.lower().endswith(SUFFIXES)


def expand(weights: Iterable[str]) -> tuple[str, ...]:
    """Files that a weights string stands for, in natural order of their names, each once.

    Parameters
    ----------
    weights
        Files, folders (all weight files in them) or patterns such as ``runs/**/epoch-*.pt``.

    Raises
    ------
    AnalysisError
        If one of them fits no file, or a word such as "random" stands among files.
    """
    found: dict[str, str] = {}
    for item in weights:
        if item in WORDS:
            raise AnalysisError(f"'{item}' cannot be combined with files or other words.", "Give one or the other.")
        for path in _files(item):
            found.setdefault(os.path.abspath(path), path)
    return tuple(sorted(found.values(), key=lambda path: (natural(Path(path).name), natural(path))))


def _files(item: str) -> list[str]:
    try:
        if os.path.isdir(item):
            names = [name for name in os.listdir(item) if is_weight_file(name) and not name.startswith(".")]
            if not names:
                text = f"The folder {Path(item).name} holds no weight files."
                raise AnalysisError(text, f"Weight files end in {', '.join(SUFFIXES)}.")
            return [os.path.join(item, name) for name in names]
        if os.path.lexists(item) or not glob.has_magic(item):
            return [item]  # what is wrong with it, if anything, is told when it is read
        matching = [path for path in glob.glob(item, recursive=True) if not os.path.isdir(path)]
    except (OSError, ValueError) as error:
        raise AnalysisError(f"'{item}' cannot be read: {error}.", "Check the name and its permissions.") from None
    if not matching:
        raise AnalysisError(f"No file fits '{item}'.", "Check the pattern.")
    # A pattern may fit notes and logs beside the weights; those are left out unless there is nothing else.
    return [path for path in matching if is_weight_file(path)] or matching


def demo_checkpoints(name: str) -> tuple[str, ...]:
    """Checkpoints of a network of the demo, from untrained to finished; one of them for "demo:NAME@CHECKPOINT".

    Raises
    ------
    AnalysisError
        If the demo has no such network or checkpoint; the message names the nearest.
    """
    network, _, wanted = name.removeprefix("demo:").partition("@")
    networks = {item["name"]: item["checkpoints"] for item in demo_facts()["networks"]}
    if network not in networks:
        text = f"There is no network 'demo:{network}'."
        raise AnalysisError(text, nearest(network, list(networks)), "unknown_network")
    paths = [str(DEMO / item["file"]) for item in networks[network]]
    if not wanted:
        return tuple(paths)
    stems = {Path(path).stem: path for path in paths}
    if wanted not in stems:
        raise AnalysisError(f"demo:{network} has no checkpoint '{wanted}'.", nearest(wanted, list(stems)))
    return (stems[wanted],)
