"""Which pictures a user names: "3, 17, 20-29" as places in the source, and back."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from analysis.problems import AnalysisError

MOST = 100_000
"""Pictures that can be named at once."""
EXAMPLE = "Write places in the source, from 0: 3, 17, 20-29."


def read_picks(text: str) -> tuple[int, ...]:
    """Read places of pictures in their source.

    Parameters
    ----------
    text
        Whole numbers and ranges, both ends inclusive, separated by commas. Empty: none.

    Returns
    -------
    tuple[int, ...]
        Ascending, each once.

    Raises
    ------
    AnalysisError
        If the text says something else.

    Examples
    --------
    >>> read_picks("7, 3-5")
    (3, 4, 5, 7)
    """
    found: set[int] = set()
    for part in (part.strip() for part in text.split(",")):
        if not part:
            continue
        low, dash, high = part.partition("-")
        ends = (low.strip(), high.strip() if dash else low.strip())
        if not all(end.isascii() and end.isdigit() and len(end) < 12 for end in ends):
            raise AnalysisError(f"'{part}' names no picture.", EXAMPLE)
        first, last = int(ends[0]), int(ends[1])
        if last < first or last - first >= MOST:
            raise AnalysisError(f"'{part}' is no range of pictures.", EXAMPLE)
        found.update(range(first, last + 1))
    return tuple(sorted(found))


def write_picks(places: Iterable[int]) -> str:
    """Write places as :func:`read_picks` reads them, neighbours as a range.

    Examples
    --------
    >>> write_picks([7, 3, 4, 5])
    '3-5,7'
    """
    ends: list[list[int]] = []
    for place in sorted(set(places)):
        if ends and place == ends[-1][1] + 1:
            ends[-1][1] = place
        else:
            ends.append([place, place])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in ends)


def places_in(picks: Iterable[int], count: int) -> NDArray[np.int64]:
    """Check that a source of `count` pictures has all the named ones.

    Returns
    -------
    NDArray[np.int64]
        (named,) the places, ascending.

    Raises
    ------
    AnalysisError
        Names the first picture that is not there.
    """
    places = np.array(sorted(picks), dtype=np.int64)
    outside = places[places >= count]
    if outside.size:
        raise AnalysisError(
            f"There is no picture {outside[0]}: the source has {count:,}.", f"Choose from 0 to {count - 1}.", "sample"
        )
    return places
