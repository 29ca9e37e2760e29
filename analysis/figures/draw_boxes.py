"""Boxes with texts, as the nodes of a graph."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter

from analysis.figures.sheet import Boxes


def draw_boxes(figure: Figure, ax: Axes, mark: Boxes, hue: str, grey: bool) -> None:
    """Draw boxes, their texts and a scale of their colours; the texts get their size by :func:`fit_letters`."""
    colours = LinearSegmentedColormap.from_list("depth", _scale(mark, hue, grey))
    known = mark.values[np.isfinite(mark.values)]
    least, most = min(0.0, float(known.min(initial=0.0))), float(known.max(initial=0.0))
    if mark.signed:
        most = max(most, -least) or 1.0
        least = -most
    norm = Normalize(least, most or 1.0)
    first, span = (0.1, 0.8) if mark.signed else (0.05, 0.75)
    places = zip(mark.x, mark.y, mark.width, mark.height, mark.names, mark.values, strict=True)
    for x, y, width, height, name, value in places:
        share = first + span * float(norm(value)) if np.isfinite(value) else 0.0
        face = colours(share) if np.isfinite(value) else "#FFFFFF"
        frame = ax.add_patch(Rectangle((x, y), width, height, fc=face, ec="#8A9199", lw=0.5, zorder=3))
        ink = "#FFFFFF" if _is_dark(face) else "#111111"
        text = ax.text(x + width / 2, y + height / 2, name, ha="center", va="center", color=ink, fontsize=1, zorder=4)
        frame.set_in_layout(False)  # all lie inside the axes: it takes long to ask each
        text.set_in_layout(False)
    if known.size:
        used = LinearSegmentedColormap.from_list("used", colours(np.linspace(first, first + span, 64)))
        image = ScalarMappable(norm, used)
        figure.colorbar(image, ax=ax, label=mark.label, location="bottom", pad=0.02, shrink=0.6, aspect=40,
                        format=FuncFormatter(lambda value, _: with_letter(value)))  # fmt: skip


def fit_letters(ax: Axes, mark: Boxes) -> None:
    """Give texts the size that boxes have room for, at most that of the figure's, and make lines as much thinner.

    The figure has been laid out.
    """
    box, (low, high) = ax.get_window_extent(), ax.get_xlim()
    points = box.width / (high - low) * 72 / ax.get_figure(True).dpi  # type: ignore[union-attr]  # it was made by one
    letters = min(mark.letters * points, mpl.rcParams["font.size"])
    for text in ax.texts:
        text.set_fontsize(letters)
    smaller = max(0.3, letters / mpl.rcParams["font.size"])
    for frame in ax.patches:
        frame.set_linewidth(frame.get_linewidth() * smaller)
    for line in ax.lines:
        line.set_linewidth(line.get_linewidth() * smaller)
        line.set_markersize(line.get_markersize() * smaller)
        line.set_markeredgewidth(line.get_markeredgewidth() * smaller)


def with_letter(value: float) -> str:
    """Write a number with an SI letter.

    Examples
    --------
    >>> with_letter(41_200_000), with_letter(0.25)
    ('41.2 M', '0.25')
    """
    for size, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g} {letter}".replace("-", "−")
    return f"{value:g}".replace("-", "−")


def _scale(mark: Boxes, hue: str, grey: bool) -> list[str]:
    """Colours from the least to the greatest value; of differences those of both signs, white between them."""
    if not mark.signed:
        return ["#FFFFFF", hue, "#10222E"]
    return ["#FFFFFF", "#B4B4B4", "#3C3C3C"] if grey else ["#005A8F", "#FFFFFF", "#C44E00"]


def _is_dark(face: Any) -> bool:
    """Tell whether white text is the one to read on a colour."""
    red, green, blue = to_rgb(face)
    return 0.3 * red + 0.59 * green + 0.11 * blue < 0.55
