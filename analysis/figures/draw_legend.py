"""Names of what a panel shows: inside its axes, or above them."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes

from analysis.figures.sheet import Bars, Guide, Matrix, Outline, Panel, Sheet, ThinLine

BEHIND = 1.5
"""Where the lines of a second network lie: over bars, below lines."""
MOST_INSIDE = 5
"""Lines of two networks whose names find room between them."""
FREE_ROWS = 2
"""Rows of names that the usual height of a figure has room for."""


def room_above(sheet: Sheet, inches: float) -> float:
    """Inches that names above the axes take in a figure of a width, where a second network makes them many."""
    line, most = 1.5 * mpl.rcParams["legend.fontsize"] / 72, 0.0
    for panel in sheet.panels:
        labels = [mark.label for mark in panel.marks if mark.label and not isinstance(mark, (Guide, Matrix))]
        second = any(isinstance(mark, (Outline, ThinLine)) for mark in panel.marks)
        if second and _is_above(panel, len(labels)):
            rows = -(-len(labels) // _columns(labels, inches))
            most = max(most, max(0, rows - FREE_ROWS) * line)
    return most


def write_legend(ax: Axes, panel: Panel) -> None:
    """Write the names of a panel, those of a second network after those of the first."""
    found = sorted(zip(*ax.get_legend_handles_labels(), strict=True), key=lambda pair: _is_thin(pair[0]))
    handles, labels = [handle for handle, _ in found], [words for _, words in found]
    if not _is_above(panel, len(labels)):
        ax.legend(handles, labels, loc="best")
        return
    figure = ax.get_figure(True)
    assert figure is not None  # the axes were made by a figure
    said = [[text.get_text() for text in legend.get_texts()] for legend in figure.legends]
    if labels not in said:  # several panels may need the same one
        columns = _columns(labels, figure.get_size_inches()[0])
        figure.legend(handles, labels, loc="outside upper left", ncols=columns)


def _is_thin(handle: Any) -> bool:
    return bool(getattr(handle, "zorder", 0) == BEHIND)


def _is_above(panel: Panel, count: int) -> bool:
    """Tell where there is no free place inside: beside bars, in a matrix, and where a second network doubles lines."""
    crowded = count > MOST_INSIDE and any(isinstance(mark, ThinLine) for mark in panel.marks)
    return crowded or any(isinstance(mark, (Bars, Matrix)) for mark in panel.marks)


def _columns(labels: list[str], inches: float) -> int:
    """Columns in which names fit side by side; a letter is about half as wide as it is high."""
    letters = inches * 72 / (0.55 * mpl.rcParams["legend.fontsize"])
    return 1 if max(map(len, labels), default=0) + 6 > letters / 2 else 2
