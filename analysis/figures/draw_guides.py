"""Guides and their names: beside and above the axes, where they lie over no data, and apart from each other."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.text import Text

from analysis.figures.sheet import Guide, Panel

INK = "#444444"
AWAY = 3.0
"""Points between the axes and a name."""
SHARE, LETTER = 0.16, 0.55
"""Share of the figure's width for names beside the axes, and width of a letter as a share of its height."""
LINE = 1.3
"""Height of a line of text as a share of that of its letters."""


def room_of_names(panel: Panel, sizes: bool) -> float:
    """Points that names of upright guides take above the axes, where the title stands else; with the sizes of maps."""
    names = len(_named(panel, "x"))
    return LINE * float(mpl.rcParams["xtick.labelsize"]) * (names + (sizes and bool(panel.stages)))


def write_guides(ax: Axes, panel: Panel, sizes: bool) -> list[Text]:
    """Write the names of guides; those of level ones, beside the axes, are returned to be put apart.

    Parameters
    ----------
    ax
        With its final limits.
    panel
        Whose guides have been drawn.
    sizes
        True if the sizes of maps stand right above the axes.
    """
    small = float(mpl.rcParams["xtick.labelsize"])
    low, high = ax.transData.inverted().transform(ax.transAxes.transform([(0, 0), (1, 1)]))[:, 0]
    for number, guide in enumerate(_named(panel, "x")):
        share = ax.transAxes.inverted().transform(ax.transData.transform((guide.at, ax.get_ylim()[0])))[0]
        align = "left" if share < 0.3 else "right" if share > 0.7 else "center"
        up = AWAY + LINE * small * (number + (sizes and bool(panel.stages)))
        if min(low, high) <= guide.at <= max(low, high):
            ax.annotate(
                guide.label, (guide.at, 1.0), (0, up), ax.get_xaxis_transform(), "offset points",
                ha=align, va="bottom", color=INK, fontsize=small, annotation_clip=False,
            )  # fmt: skip
    figure = ax.get_figure(True)
    assert figure is not None  # the axes were made by a figure
    letters = max(8, int(SHARE * figure.get_size_inches()[0] * 72 / (LETTER * small)))
    return [
        ax.annotate(
            textwrap.fill(guide.label, letters, break_long_words=False), (1.0, guide.at), (AWAY, 0),
            ax.get_yaxis_transform(), "offset points",
            va="center", color=INK, fontsize=small, linespacing=1.05, annotation_clip=False,
        )
        for guide in _named(panel, "y")
    ]  # fmt: skip


def put_apart(ax: Axes, texts: Sequence[Text]) -> bool:
    """Move names beside the axes until none lies over another; the figure has been laid out.

    A name that was moved is led to its guide by a thin line.

    Returns
    -------
    bool
        True if any was moved, so that the figure has to be laid out again.
    """
    if len(texts) < 2:
        return False
    pixels = ax.get_figure(True).dpi / 72  # type: ignore[union-attr]  # the axes were made by a figure
    boxes = [text.get_window_extent() for text in texts]
    wanted = [(box.y0 + box.y1) / 2 for box in boxes]
    found = apart(wanted, [box.height + 1.5 * pixels for box in boxes])
    any_moved = False
    for text, old, new in zip(texts, wanted, found, strict=True):
        moved = (new - old) / pixels
        if abs(moved) < 0.5:
            continue
        any_moved = True
        text.set_position((3.0 * AWAY, moved))
        ax.annotate(
            "", (1.0, text.xy[1]), (2.6 * AWAY, moved), ax.get_yaxis_transform(), "offset points",  # type: ignore[attr-defined]
            arrowprops={"arrowstyle": "-", "lw": 0.4, "color": INK, "shrinkA": 0, "shrinkB": 0}, annotation_clip=False,
        )  # fmt: skip
    return any_moved


def apart(wanted: Sequence[float], sizes: Sequence[float]) -> list[float]:
    """Move middles as little as it takes until intervals of some sizes meet no longer; their order stays.

    Examples
    --------
    >>> apart([0.0, 1.0, 9.0], [4.0, 4.0, 4.0])
    [-1.5, 2.5, 9.0]
    """
    order = sorted(range(len(wanted)), key=lambda number: (wanted[number], number))
    groups: list[list[int]] = []
    places: list[float] = []
    for number in order:
        group, middle = [number], wanted[number]
        while groups and _top(places[-1], groups[-1], sizes) > middle - sum(sizes[i] for i in group) / 2:
            group, _ = groups.pop() + group, places.pop()
            middle = _middle(group, wanted, sizes)
        groups.append(group)
        places.append(middle)
    found = list(wanted)
    for group, middle in zip(groups, places, strict=True):
        low = middle - sum(sizes[i] for i in group) / 2
        for number in group:
            found[number] = low + sizes[number] / 2
            low += sizes[number]
    return found


def _top(middle: float, group: Sequence[int], sizes: Sequence[float]) -> float:
    return middle + sum(sizes[number] for number in group) / 2


def _middle(group: Sequence[int], wanted: Sequence[float], sizes: Sequence[float]) -> float:
    """Middle of intervals that lie one on the other, for which they move least in the sense of squares."""
    low, moves = 0.0, []
    for number in group:
        moves.append(wanted[number] - low - sizes[number] / 2)
        low += sizes[number]
    return sum(moves) / len(moves) + low / 2


def _named(panel: Panel, axis: str) -> list[Guide]:
    return [mark for mark in panel.marks if isinstance(mark, Guide) and mark.label and mark.axis == axis]
