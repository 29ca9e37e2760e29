"""Draw pictures and signed maps side by side, each with its colour scale below."""

from __future__ import annotations

import textwrap

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap

from analysis.figures.sheet import Floats, Tiles

NEGATIVE, POSITIVE = "#0072B2", "#D55E00"
FADED = 0.45
"""How far a picture below a map fades towards white."""
MOST_COLUMNS = 4
ACROSS, DOWN = 1.12, 1.6
"""Distance of two tiles, in widths of a tile: room for title, scale and caption."""


def draw_tiles(ax: Axes, mark: Tiles, grey: bool) -> None:
    """Draw a picture, then every map over it, in rows of at most four."""
    high, wide = mark.picture.shape
    side = (wide / max(high, wide), high / max(high, wide))
    small = mpl.rcParams["xtick.labelsize"]
    colours = LinearSegmentedColormap.from_list("signed", ["#000000" if grey else NEGATIVE, "#F4F4F2",
                                                           "#FFFFFF" if grey else POSITIVE])  # fmt: skip
    columns = min(MOST_COLUMNS, len(mark.overlays) + 1)
    for index in range(len(mark.overlays) + 1):
        left, top = (index % columns) * ACROSS, -(index // columns) * DOWN
        place = (left, left + side[0], top - side[1], top)
        title = textwrap.fill(mark.names[index - 1], 14) if index else "Picture"
        ax.text(left, top + 0.03, title, fontsize=small, va="bottom")
        if not index:
            ax.imshow(mark.picture, cmap="gray", vmin=0, vmax=1, extent=place, interpolation="nearest")
            continue
        reach = mark.reaches[index - 1]
        image = _over(mark.picture, mark.overlays[index - 1], reach, colours)
        ax.imshow(image, extent=place, interpolation="nearest")
        bottom = top - side[1] - 0.04
        ax.imshow(np.linspace(0, 1, 64)[None], cmap=colours, extent=(left, left + side[0], bottom - 0.04, bottom))
        ax.text(left, bottom - 0.05, f"−{reach:.2g}", fontsize=small, va="top", color="#444444")
        ax.text(left + side[0], bottom - 0.05, f"{reach:.2g}", fontsize=small, va="top", ha="right", color="#444444")
        ax.text(left, bottom - 0.16, mark.captions[index - 1], fontsize=small, va="top", color="#444444")
    rows = -(-(len(mark.overlays) + 1) // columns)
    ax.set_xlim(-0.02, columns * ACROSS - (ACROSS - 1) + 0.02)
    ax.set_ylim(-rows * DOWN + 0.26, 0.3)
    ax.set_aspect("equal")
    ax.set_axis_off()


def _over(picture: Floats, values: Floats, reach: float, colours: LinearSegmentedColormap) -> Floats:
    """Mix a faded picture with the colours of a map: the stronger a value, the less of the picture."""
    share = np.clip(np.nan_to_num(values) / (reach or 1.0), -1.0, 1.0)
    faded = np.repeat((picture + FADED * (1 - picture))[:, :, None], 3, axis=2)
    weight = 0.85 * np.abs(share)[:, :, None]
    mixed: Floats = np.asarray((1 - weight) * faded + weight * colours(0.5 + 0.5 * share)[:, :, :3], dtype=np.float64)
    return np.clip(mixed, 0.0, 1.0)
