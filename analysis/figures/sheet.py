"""A figure before it is drawn: panels with marks, all numbers in place, no colours yet. Free of matplotlib.

A figure is made in two steps: a method's file turns results into a :class:`Sheet`, then `draw.py` draws any sheet. The
numbers behind a figure (CSV) and the script that redraws it are read off the same sheet, so that they cannot differ.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Bars:
    """Bars over layers, with intervals where they are known.

    Attributes
    ----------
    x, y
        (n,) places and heights; NaN draws nothing.
    low, high
        (n,) ends of the intervals, or None.
    hue
        Role of the colour: "rank", "cost", …
    """

    x: Floats
    y: Floats
    label: str = ""
    low: Floats | None = None
    high: Floats | None = None
    hue: str = "rank"


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """Thin frames of a second network behind bars: (n,) places and heights; NaN draws nothing."""

    x: Floats
    y: Floats
    label: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """A line through points, or steps that rise at each x; with a band where `low` and `high` are known.

    With an arrow it is an edge of a graph: thin, and its end points down.
    """

    x: Floats
    y: Floats
    label: str = ""
    hue: str = ""
    steps: bool = False
    dashed: bool = False
    low: Floats | None = None
    high: Floats | None = None
    arrow: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class ThinLine:
    """A line of a second network behind those of the first.

    Attributes
    ----------
    x, y
        (n,) places and values; NaN interrupts the line, a value that stands alone is a ring.
    hue
        Role of the colour: that of the line it belongs to, where there are several.
    of
        What of the second network it shows, for the table of numbers.
    """

    x: Floats
    y: Floats
    label: str = ""
    hue: str = "outline"
    of: str = ""
    steps: bool = False
    dashed: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """Markers, for scatter plots and for reference values over bars."""

    x: Floats
    y: Floats
    label: str = ""
    hue: str = ""
    shape: str = "circle"
    names: tuple[str, ...] = ()
    hollow: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Hatched:
    """What could not have been reached: bars from `bottom` to `top`, hatched."""

    x: Floats
    bottom: Floats
    top: Floats
    label: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Matrix:
    """(rows, columns) values as colours; NaN is grey, unless it is said to be blank or hatched.

    Attributes
    ----------
    hue
        Role of the strongest colour; "signed" for one colour above zero and one below.
    blank, hatched, framed
        (rows, columns) bool: cells without any value, cells with values that are not finite, and cells where a second
        network has a value.
    low
        Value at which the colours begin, None for the least one.
    framed_label
        What the frames are.
    """

    values: Floats
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    label: str = ""
    hue: str = "rank"
    blank: Mask | None = None
    hatched: Mask | None = None
    low: float | None = None
    framed: Mask | None = None
    framed_label: str = ""


@dataclass(frozen=True, slots=True)
class Guide:
    """A thin line across the panel at a value, with its meaning."""

    axis: str
    at: float
    label: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Boxes:
    """Boxes with texts, filled with the colour of their values.

    Attributes
    ----------
    x, y, width, height
        (n,) lower left corners and sizes, in units of equal length on both axes.
    names
        Texts, possibly of two lines.
    values
        (n,) NaN for no colour.
    label
        What the values are, "" for none.
    signed
        True for differences: zero is in the middle of the colours.
    letters
        Size of the texts, in the units of the axes; they are never larger than the other texts of the figure.
    """

    x: Floats
    y: Floats
    width: Floats
    height: Floats
    names: tuple[str, ...]
    values: Floats
    label: str = ""
    hue: str = "rank"
    signed: bool = False
    letters: float = 14.0


@dataclass(frozen=True, slots=True, eq=False)
class Tiles:
    """A picture, and maps over it, side by side.

    Attributes
    ----------
    picture
        (y, x) grey values, or (y, x, colour) red, green and blue; 0 dark to 1 bright.
    overlays
        (y, x) maps: above zero for, below against; or magnitudes.
    reaches
        Magnitude of the strongest colour of each map.
    names, captions
        Words above and below each map.
    signed
        False for each map of magnitudes; a missing one is signed.
    columns
        Most tiles beside each other.
    titled
        False to leave the names away, which a row above has said.
    count
        Tiles of the fullest row of these that stand below each other, in which tiles have one size; 0 for its own.
    among
        True for one of several rows below each other: tiles are small, and stand below those of the other rows.
    """

    picture: Floats
    overlays: tuple[Floats, ...]
    reaches: tuple[float, ...]
    names: tuple[str, ...]
    captions: tuple[str, ...]
    label: str = ""
    signed: tuple[bool, ...] = ()
    columns: int = 4
    titled: bool = True
    count: int = 0
    among: bool = False


Mark = Tiles | Boxes | Bars | Outline | Line | ThinLine | Points | Hatched | Matrix | Guide


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """One pair of axes.

    Attributes
    ----------
    x_names
        Names at x = 0, 1, 2, …; empty for a numeric axis.
    stages
        (x, text) of stage boundaries, drawn as faint verticals.
    y_range, x_range
        Limits, or None to fit.
    bare
        True for a drawing without axes, with units of equal length.
    """

    marks: tuple[Mark, ...]
    title: str = ""
    x_title: str = ""
    y_title: str = ""
    x_names: tuple[str, ...] = ()
    stages: tuple[tuple[float, str], ...] = ()
    x_range: tuple[float, float] | None = None
    y_range: tuple[float, float] | None = None
    x_log: bool = False
    y_log: bool = False
    height: float = 1.0
    bare: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """A whole figure.

    Attributes
    ----------
    panels
        From top to bottom; the x axes are shared if `linked`.
    note
        One line below: sample size, mode, tolerance, conventions.
    fingerprints
        Of the runs behind it, for the metadata of the file.
    """

    panels: tuple[Panel, ...]
    title: str = ""
    note: str = ""
    fingerprints: tuple[str, ...] = ()
    linked: bool = False
