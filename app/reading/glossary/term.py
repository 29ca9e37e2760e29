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
        Name of the help page (`resources/help/<page>.md`), or "page#Section". The title is added as the row to look
        for: "page?Title#Section", see :func:`address`.
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

    def __post_init__(self) -> None:
        """Say in the address which row of the page is meant."""
        if "?" not in self.page:
            name, sign, section = self.page.partition("#")
            object.__setattr__(self, "page", f"{name}?{self.title}{sign}{section}")


def address(place: str) -> tuple[str, str, str]:
    """Take an address of the help apart: page, row and section, "" for those that it does not name.

    Examples
    --------
    >>> address("latency"), address("feature_rank?Effective rank#Formula")
    (('latency', '', ''), ('feature_rank', 'Effective rank', 'Formula'))
    """
    path, _, section = place.partition("#")
    page, _, row = path.partition("?")
    return page, row, section
