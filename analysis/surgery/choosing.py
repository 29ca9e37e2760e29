"""Which channels: from widths to one number of copies per class, and back to text."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from analysis.coupling.analysis import Anatomy
from analysis.coupling.layout import Ints
from analysis.measures.widths.channels import Channels, best, picked, read
from analysis.measures.widths.legal import check, counts
from analysis.problems import AnalysisError
from analysis.surgery.importance import Scores


def choose(found: Anatomy, widths: Mapping[str, int], scores: Scores) -> Ints:
    """Choose channels for given widths: narrowing keeps the highest scores, widening copies them.

    Parameters
    ----------
    found
        The network's anatomy.
    widths
        By group; groups that are not named keep theirs.
    scores
        (classes,) see :mod:`analysis.surgery.importance`. Ties go to the earlier channel.

    Returns
    -------
    Ints
        (classes,) number of copies.

    Raises
    ------
    AnalysisError
        If a width is not legal.
    """
    check(found.groups, widths)
    return best(counts(found.groups, widths), found.grouping.variable, scores)


def widths_of(found: Anatomy, copies: Ints) -> dict[str, int]:
    """Widths of the groups that an edit changes."""
    changed = {}
    for index, group in enumerate(found.groups.groups):
        if group.locked:
            continue
        width = sum(
            found.groups.variables[variable].slots * int(copies[found.grouping.variable == variable].sum())
            for variable in group.variables
        )
        if width != group.width or (copies[found.grouping.group == index] != 1).any():
            changed[group.name] = width
    return changed


def channels_of(found: Anatomy, copies: Ints) -> Channels:
    """Write a choice of channels as text, for groups that are touched."""
    pairs = []
    for index, group in enumerate(found.groups.groups):
        own = copies[(found.grouping.group == index) & (found.grouping.variable >= 0)]
        if own.size and (own != 1).any():
            pairs.append((group.name, picked(own.tolist())))
    return tuple(pairs)


def read_channels(found: Anatomy, channels: Channels, copies: Ints) -> Ints:
    """Put a written choice of channels over `copies`.

    Raises
    ------
    AnalysisError
        If it does not fit the network.
    """
    copies = copies.copy()
    for name, text in channels:
        index = found.groups.index(name)
        classes = np.flatnonzero((found.grouping.group == index) & (found.grouping.variable >= 0))
        own = read(text)
        if own.size != classes.size:
            message = f"The channels chosen for {name} do not fit this network."
            raise AnalysisError(message, "They were chosen on another network; choose them anew.", "channels")
        copies[classes] = own
    return copies
