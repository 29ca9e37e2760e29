"""Names of what a panel shows: inside its axes, or above them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from analysis.figures.sheet import Bars, Guide, Matrix, Outline, Panel, Sheet, ThinLine

BEHIND = 1.5
"""Where the lines of a second network lie: over bars, below lines."""
MOST_INSIDE = 5
"""Lines of two networks whose names find room between them."""
MOST_COLUMNS, HANDLE = 3, 7
"""Columns of names, and the letters that have room where the picture of a line or a bar stands."""
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
    handles, labels = _entries(ax)
    if _is_above(panel, len(labels)):
        _write_above(ax, handles, labels)
    else:
        ax.legend(handles, labels, loc="best")


def _entries(ax: Axes) -> tuple[list[Any], list[str]]:
    found = sorted(zip(*ax.get_legend_handles_labels(), strict=True), key=lambda pair: _is_thin(pair[0]))
    return [handle for handle, _ in found], [words for _, words in found]


def _write_above(ax: Axes, handles: list[Any], labels: list[str]) -> int:
    """Write names above all axes, in one legend with those of other panels; return how many rows that adds."""
    figure = ax.get_figure(True)
    assert figure is not None  # the axes were made by a figure
    before = {
        text.get_text(): handle
        for legend in figure.legends
        for text, handle in zip(legend.get_texts(), legend.legend_handles, strict=True)
    }
    found = before | {words: handle for words, handle in zip(labels, handles, strict=True) if words not in before}
    if len(found) == len(before):  # several panels may need the same names
        return 0
    for legend in list(figure.legends):
        legend.remove()
    wide = figure.get_size_inches()[0]
    columns = _columns([*found], wide)
    figure.legend([*found.values()], [*found], loc="outside upper left", ncols=columns)
    return -(-len(found) // columns) - (-(-len(before) // _columns([*before], wide)) if before else 0)


def free_data(figure: Figure, axes: Sequence[Axes]) -> bool:
    """Move names out of axes where they lie over data, and make room for them; the figure has been laid out.

    Returns
    -------
    bool
        True if any was moved, so that the figure has to be laid out again.
    """
    moved = 0.0
    for ax in axes:
        legend = ax.get_legend()
        if legend is None or not _hides(ax, legend.get_window_extent().padded(-1.0)):
            continue
        legend.remove()
        rows = _write_above(ax, *_entries(ax))
        moved += rows * 1.5 * mpl.rcParams["legend.fontsize"] / 72
    if moved:
        width, height = figure.get_size_inches()
        figure.set_size_inches(width, height + moved)
    return moved > 0


def _hides(ax: Axes, place: Bbox) -> bool:
    """Tell whether a line or a marker passes through a place, in pixels."""
    for line in ax.lines:
        if not str(line.get_label()).startswith("_"):
            path = line.get_transform().transform_path(line.get_path())
            joined = line.get_linestyle() not in ("None", "none", "")
            if path.intersects_bbox(place, filled=False) if joined else place.count_contains(path.vertices):
                return True
    return False


def _is_thin(handle: Any) -> bool:
    return bool(getattr(handle, "zorder", 0) == BEHIND)


def _is_above(panel: Panel, count: int) -> bool:
    """Tell where there is no free place inside: beside bars, in a matrix, and where a second network doubles lines."""
    crowded = count > MOST_INSIDE and any(isinstance(mark, ThinLine) for mark in panel.marks)
    return crowded or any(isinstance(mark, (Bars, Matrix)) for mark in panel.marks)


def _columns(labels: list[str], inches: float) -> int:
    """Columns in which names fit side by side in any order; a letter is about half as wide as it is high."""
    letters = inches * 72 / (0.55 * mpl.rcParams["legend.fontsize"])
    widest = sorted((len(label) + HANDLE for label in labels), reverse=True)
    counts = range(1, min(MOST_COLUMNS, len(labels)) + 1)
    return max((count for count in counts if sum(widest[:count]) <= letters), default=1)
