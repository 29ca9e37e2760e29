"""Which channels a configuration keeps, from the scores of a run; and a choice written by hand. numpy only.

A choice is text, one run of classes after the other: "1:16 0:8 2:4" keeps sixteen classes of a group, drops eight, and
makes two of each of the last four. Scores do not depend on widths: one run of `channel_scores` serves all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from analysis.measures.widths.description import WidthGroups
from analysis.measures.widths.legal import check, counts
from analysis.problems import AnalysisError
from analysis.result import Result

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Channels = tuple[tuple[str, str], ...]
"""(width group, choice) pairs."""


def best(wanted: Ints, variable: Ints, scores: Floats) -> Ints:
    """Give every variable its number of classes: the highest scores stay, and are copied first.

    Parameters
    ----------
    wanted
        (variables,) classes after the edit.
    variable
        (classes,) variable of each class, -1 where nothing changes.
    scores
        (classes,) larger is kept first; ties go to the earlier class.

    Returns
    -------
    Ints
        (classes,) copies: 0 for dropped, 1 for kept, n for n copies.

    Examples
    --------
    >>> best(np.array([2]), np.array([0, 0, -1, 0]), np.array([3.0, 1.0, 0.0, 2.0])).tolist()
    [1, 0, 1, 1]
    """
    copies = np.ones(variable.size, dtype=np.int64)
    for place, target in enumerate(wanted.tolist()):
        classes = np.flatnonzero(variable == place)
        base, rest = divmod(target, classes.size)
        order = classes[np.argsort(-scores[classes], kind="stable")]
        copies[classes] = base
        copies[order[:rest]] += 1
    return copies


def chosen(found: WidthGroups, result: Result, widths: Mapping[str, int]) -> Channels:
    """Choose channels for a configuration by the scores of a run of `channel_scores`.

    Parameters
    ----------
    found
        The network's groups.
    result
        The run: `score`, `group` and `variable`, each with the axis class.
    widths
        By group; only these get a choice.

    Raises
    ------
    AnalysisError
        If a width is not legal, or the scores belong to another network.
    """
    check(found, widths)
    group, variable = result["group"].astype(np.int64), result["variable"].astype(np.int64)
    if not np.array_equal(np.bincount(variable, minlength=1), [v.count for v in found.variables] or [0]):
        text = "The scores of the channels belong to another network."
        raise AnalysisError(text, "Score the channels of this one.", "channels")
    copies = best(counts(found, widths), variable, result["score"].astype(np.float64))
    places = {name: found.index(name) for name in widths}
    return tuple((name, picked(copies[group == place].tolist())) for name, place in places.items())


def picked(copies: Sequence[int]) -> str:
    """Write a choice: one number of copies per class of a group, in the order of the classes.

    Examples
    --------
    >>> picked([1, 1, 0, 2])
    '1:2 0:1 2:1'
    """
    own = np.asarray(copies, dtype=np.int64)
    if not own.size:
        return ""
    starts = np.flatnonzero(np.diff(own, prepend=own[0] - 1))
    sizes = np.diff(starts, append=own.size)
    return " ".join(f"{number}:{size}" for number, size in zip(own[starts].tolist(), sizes.tolist(), strict=True))


def read(text: str) -> Ints:
    """Read a choice, axes (class,).

    Raises
    ------
    AnalysisError
        If it is none.

    Examples
    --------
    >>> read("1:2 0:1 2:1").tolist()
    [1, 1, 0, 2]
    """
    try:
        pairs = [(int(number), int(size)) for number, _, size in (run.partition(":") for run in text.split())]
    except ValueError:
        pairs = [(-1, 1)]
    if any(number < 0 or size < 1 for number, size in pairs) or sum(size for _, size in pairs) > MOST_CLASSES:
        raise AnalysisError(f"'{text[:40]}' is no choice of channels.", "Write runs such as 1:16 0:8.", "channels")
    return np.repeat([n for n, _ in pairs], [size for _, size in pairs]).astype(np.int64)


MOST_CLASSES = 1 << 20
"""More than the channels of any layer: a number that a damaged file could hold does not fill the memory."""


def classes(found: WidthGroups, name: str) -> int:
    """Count the classes of a group: how many numbers a choice of its channels has."""
    return sum(found.variables[place].count for place in found.groups[found.index(name)].variables)


def width_of(found: WidthGroups, copies: Sequence[int], variables: Sequence[int]) -> int:
    """Width of a group after a choice.

    Parameters
    ----------
    found
        The network's groups.
    copies, variables
        Of each class of the group: copies, and the variable it belongs to (rows of `channel_scores`).
    """
    return sum(number * found.variables[place].slots for number, place in zip(copies, variables, strict=True))
