"""What is known of a measure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Term:
    """A measure.

    Attributes
    ----------
    title, unit
        Words for headings and axes.
    definition
        One line.
    page
        Name of the help page (`resources/help/<page>.md`).
    combine
        How values of several layers become one of a block: "sum" for costs, "last" for what is said of its output.
    ceiling
        Measure that is its largest possible value, drawn as the unused part behind it: "width", "one", an output of
        the same run, or "".
    """

    title: str
    unit: str
    definition: str
    page: str
    combine: str = "last"
    ceiling: str = ""
