"""Where on a help page a term is defined: the row of a table, or the paragraph, that its title fits best."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

WORD = re.compile(r"[^\W_]+|[√σκτ]")
IDLE = frozenset(("a", "an", "and", "at", "by", "for", "if", "in", "is", "it", "less", "of", "on", "or", "the", "to"))
"""Words that say nothing of what a text is about."""
ENOUGH = 0.5
"""Share of the words of a title that a row has to name."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table, or a paragraph.

    Attributes
    ----------
    heading
        The section it stands in, "" before the first.
    lead
        First cell of a row, "" for a paragraph.
    text
        All of it.
    """

    heading: str
    lead: str
    text: str


def best_row(title: str, heading: str, rows: Sequence[Row]) -> int:
    """Find the row that defines a term, within a section where one is named; -1 for none.

    Examples
    --------
    >>> rows = [Row("", "rank", "rank: how many"), Row("", "effective rank", "exp of the entropy")]
    >>> best_row("Weight effective rank", "", rows), best_row("Latency", "", rows)
    (1, -1)
    """
    within = [(place, row) for place, row in enumerate(rows) if not heading or row.heading.lower() == heading.lower()]
    rated = [(_fit(title, row), -place) for place, row in within]
    best, place = max(rated, default=(0.0, 0))
    return -place if best > 0 else -1


def _fit(title: str, row: Row) -> float:
    wanted, lead, text = words(title), words(row.lead), words(row.text)
    if not wanted:
        return 0.0
    named = len(wanted & lead) / len(wanted)
    if named >= ENOUGH:
        return 2 * named + len(wanted & lead) / len(lead)
    said = len(wanted & text) / len(wanted)
    first = wanted & words(" ".join(row.text.split()[:8]))
    return said + 0.3 * len(first) / len(wanted) if said == 1 else 0.0


def words(text: str) -> frozenset[str]:
    """Return the words that a text is about, in the singular.

    Examples
    --------
    >>> sorted(words("Number of the singular values"))
    ['number', 'singular', 'value']
    """
    found = (word.rstrip("s") or word for word in WORD.findall(text.lower()))
    return frozenset(word for word in found if word not in IDLE)
