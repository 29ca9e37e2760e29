"""What a figure shows and how it looks: one frozen value that the window edits and the command line reads."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from analysis.catalogue import Value
from analysis.problems import AnalysisError
from analysis.records import RecordError, from_plain, to_plain

SIZES = {"column": (89.0, 72.0), "page": (183.0, 90.0), "slide": (254.0, 143.0)}
"""Width and height in millimetres of one panel's figure: a journal's column, its page, a 16:9 slide."""

FONTS = {"column": 7.0, "page": 8.0, "slide": 14.0}
"""Size of the text in points that goes with a figure's size."""

PALETTES = ("okabe-ito", "grey")
FORMATS = (".pdf", ".svg", ".png", ".pgf")


@dataclass(frozen=True, slots=True)
class Style:
    """How a figure looks.

    Attributes
    ----------
    size
        A name out of :data:`SIZES`.
    dpi
        Dots per inch of a PNG.
    palette
        "okabe-ito" (safe for colour blindness) or "grey" (safe for grey print).
    font
        Size of the text in points, 0 for the one that goes with the size.
    legend
        False to leave the legend away.
    note
        False to leave away the line with sample size and conventions.
    """

    size: str = "column"
    dpi: int = 300
    palette: str = "okabe-ito"
    font: float = 0.0
    legend: bool = True
    note: bool = True

    @property
    def points(self) -> float:
        """Size of the text in points."""
        return self.font or FONTS.get(self.size, FONTS["column"])

    @property
    def room(self) -> dict[str, Value]:
        """What a figure has to know that fits its parts into a page: the name of its size, and its points of text."""
        return {"size": self.size, "points": self.points}

    def check(self) -> None:
        """Refuse impossible styles.

        Raises
        ------
        AnalysisError
            Naming what is allowed.
        """
        if self.size not in SIZES:
            raise AnalysisError(f"There is no figure size '{self.size}'.", f"Choose {', '.join(SIZES)}.")
        if self.palette not in PALETTES:
            raise AnalysisError(f"There is no palette '{self.palette}'.", f"Choose {', '.join(PALETTES)}.")
        if not 30 <= self.dpi <= 2400:
            raise AnalysisError(f"{self.dpi} dots per inch is out of range.", "Choose from 30 to 2400.")
        if self.font and not 3 <= self.font <= 40:
            raise AnalysisError(f"A font of {self.font:g} points is out of range.", "Choose from 3 to 40.")


@dataclass(frozen=True, slots=True)
class FigureSpec:
    """A figure: its name, the runs it shows, its options, its style.

    Attributes
    ----------
    name
        Out of `python -m analysis list --figures METHOD`.
    runs
        Run folders, their names, or unique ends of their names.
    options
        (name, value) pairs that differ from the figure's defaults.
    """

    name: str
    runs: tuple[str, ...] = ()
    options: tuple[tuple[str, Value], ...] = ()
    style: Style = field(default_factory=Style)

    def to_json(self) -> str:
        """Return the figure as indented JSON."""
        return json.dumps(to_plain(self), indent=2)

    @staticmethod
    def from_json(text: str) -> FigureSpec:
        """Read what :meth:`to_json` wrote.

        Raises
        ------
        AnalysisError
            If the text is no figure.
        """
        try:
            return from_plain(FigureSpec, json.loads(text), "figure")
        except (json.JSONDecodeError, RecordError) as error:
            raise AnalysisError(f"This is not a figure: {error}.", "Save one from the window's export panel.") from None
