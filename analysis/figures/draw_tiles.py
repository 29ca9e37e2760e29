"""Draw pictures and maps side by side, each with its colour scale below. Lengths are in widths of a tile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap

from analysis.figures.sheet import Floats, Tiles

NEGATIVE, POSITIVE, MAGNITUDE, NOTHING = "#0072B2", "#D55E00", "#CC79A7", "#F4F4F2"
SOFT = "#444444"
FADED = 0.45
"""How far a picture below a map fades towards white."""
GAP = 0.12
"""Between two tiles, in widths of one."""
SMALLEST = 17.0
"""Millimetres of the side of a tile before a row is broken."""
LARGEST = {True: 24.0, False: 44.0}
"""Millimetres of the side of a tile: of one picture among several, of one alone."""
POINT = 25.4 / 72
MARGIN = 2.4
"""Millimetres between two rows of tiles that figures leave by themselves."""
LETTER, NARROW = 0.58, 0.5
"""Width of a digit or a broad letter, and of letters on average, in heights of the font."""
SCALE = 0.045
"""Height of a colour scale."""
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True, slots=True)
class Grid:
    """Where tiles stand.

    Attributes
    ----------
    columns, rows
        Tiles beside and below each other.
    side
        Millimetres of the side of a tile.
    line
        Height of a line of text.
    titles
        Lines of the titles.
    """

    columns: int
    rows: int
    side: float
    line: float
    titles: int

    @property
    def pitch(self) -> float:
        """Distance of two rows of tiles: title, tile, colour scale, its ends, caption."""
        return 1 + (self.titles + 2.3) * self.line + 2 * SCALE + 0.1

    @property
    def height(self) -> float:
        """All rows together."""
        return self.rows * self.pitch


def grid_of(mark: Tiles, width: float, font: float) -> Grid:
    """Choose how large tiles are.

    Parameters
    ----------
    width
        Of the figure, in millimetres.
    font
        Size of the text in points.
    """
    own = len(mark.overlays) + 1
    count = max(mark.count, own)
    most = max(1, int((width + GAP * SMALLEST) / ((1 + GAP) * SMALLEST)))
    rows = -(-count // min(mark.columns, most))
    columns = min(mark.columns, -(-count // rows)) if rows > 1 and most < mark.columns else min(mark.columns, count)
    rows = -(-own // columns)
    side = min((0.96 * width) / (columns + (columns - 1) * GAP), LARGEST[mark.among])
    letters = side / (LETTER * font * POINT)
    titled = mark.titled or rows > 1
    titles = max((len(_wrapped(name, letters)) for name in mark.names), default=1) if titled else 0
    return Grid(columns, rows, side, 1.3 * font * POINT / side, titles)


def height_of(mark: Tiles, width: float, font: float) -> float:
    """Return the height of tiles with the title above them, in millimetres."""
    grid = grid_of(mark, width, font)
    return 1.02 * grid.height * grid.side + 2.2 * font * POINT + MARGIN


def draw_tiles(ax: Axes, mark: Tiles, grey: bool, width: float) -> None:
    """Draw a picture, then every map over it, in rows.

    Parameters
    ----------
    width
        Of the figure, in millimetres.
    """
    small = float(mpl.rcParams["xtick.labelsize"])
    grid = grid_of(mark, width, small)
    high, wide = mark.picture.shape[:2]
    across, down = wide / max(high, wide), high / max(high, wide)
    for index in range(len(mark.overlays) + 1):
        left, top = (index % grid.columns) * (1 + GAP), -(index // grid.columns) * grid.pitch
        place = (left, left + across, top - down, top)
        if grid.titles:
            title = "\n".join(
                _wrapped(mark.names[index - 1] if index else "Picture", grid.side / (LETTER * small * POINT))
            )
            ax.text(left, top + 0.2 * grid.line, title, fontsize=small, va="bottom", linespacing=1.05)
        if not index:
            shown = np.broadcast_to(mark.picture, (high, wide, 3)) if mark.picture.ndim == 3 else mark.picture
            ax.imshow(np.clip(shown, 0, 1), cmap="gray", vmin=0, vmax=1, extent=place, interpolation="nearest")
            continue
        number = index - 1
        signed = number >= len(mark.signed) or mark.signed[number]
        colours = _colours(signed, grey)
        ax.imshow(
            _over(mark.picture, mark.overlays[number], mark.reaches[number], colours, signed),
            extent=place,
            interpolation="nearest",
        )
        _draw_scale(ax, (left, top - down - 0.05, across), mark.reaches[number], colours, signed, grid)
        below = top - down - 0.07 - SCALE - 1.1 * grid.line
        caption = _caption(mark.captions[number], grid.side / (NARROW * small * POINT))
        ax.text(left, below, caption, fontsize=small, va="top", color=SOFT)
    ax.set_xlim(-0.01, width / grid.side - 0.01 if mark.among else grid.columns + (grid.columns - 1) * GAP + 0.01)
    above = grid.titles * grid.line + 0.02
    ax.set_ylim(above - grid.height, above)
    ax.set_aspect("equal", anchor="NW")
    ax.set_axis_off()


def _colours(signed: bool, grey: bool) -> LinearSegmentedColormap:
    """Colours from against to for, or from nothing on."""
    if not signed:
        return LinearSegmentedColormap.from_list("magnitude", [NOTHING, "#000000" if grey else MAGNITUDE])
    ends = ("#000000", "#FFFFFF") if grey else (NEGATIVE, POSITIVE)
    return LinearSegmentedColormap.from_list("signed", [ends[0], NOTHING, ends[1]])


def _draw_scale(
    ax: Axes, at: tuple[float, float, float], reach: float, colours: LinearSegmentedColormap, signed: bool, grid: Grid
) -> None:
    """Draw a colour scale with its ends; they become one number where both have no room."""
    (left, top, across), small = at, float(mpl.rcParams["xtick.labelsize"])
    ax.imshow(np.linspace(0, 1, 64)[None], cmap=colours, extent=(left, left + across, top - SCALE, top), aspect="auto")
    end, below = short(reach), top - SCALE - 0.02
    start = f"−{end}" if signed else "0"
    style: dict[str, Any] = {"fontsize": small, "va": "top", "color": SOFT}
    if (len(start) + len(end) + 1) * LETTER * small * POINT <= across * grid.side:
        ax.text(left, below, start, **style)
        ax.text(left + across, below, end, ha="right", **style)
    else:
        ax.text(left + across / 2, below, f"±{end}" if signed else f"0 to {end}", ha="center", **style)


def _caption(words: str, letters: float) -> str:
    """Leave away the first word, then the last one, of "delta 0.8 %: good" where they have no room."""
    for shorter in (words, words.removeprefix("delta "), words.removeprefix("delta ").partition(":")[0]):
        if len(shorter) <= letters:
            return shorter
    return ""


def _wrapped(title: str, letters: float) -> list[str]:
    """Break a title into lines of so many letters; a word is never cut."""
    lines = [""]
    for word in title.split(" "):
        joined = f"{lines[-1]} {word}".strip()
        if len(joined) > letters and lines[-1]:
            lines.append(word)
        else:
            lines[-1] = joined
    return lines


def short(value: float) -> str:
    """Return a number with three significant digits, small ones as mantissa and power of ten.

    Examples
    --------
    >>> short(0.66912), short(9.999), short(1234.0), short(5.3e-10)
    ('0.669', '10.0', '1,230', '5.3×10⁻¹⁰')
    """
    if not value or not np.isfinite(value):
        return "0"
    rounded = float(f"{value:.2e}")  # first: 9.999 has one digit before its point, 10.0 has two
    power = int(np.floor(np.log10(abs(rounded))))
    if power < -3:
        mantissa, _, exponent = f"{value:.1e}".partition("e")
        return f"{mantissa}×10{str(int(exponent)).translate(RAISED)}".replace("-", "−")
    return f"{rounded:,.{max(0, 2 - power)}f}".replace("-", "−")


def _over(picture: Floats, values: Floats, reach: float, colours: LinearSegmentedColormap, signed: bool) -> Floats:
    """Mix a faded picture with the colours of a map: the stronger a value, the less of the picture."""
    share = np.clip(np.nan_to_num(values) / (reach or 1.0), -1.0, 1.0)
    grey = picture.mean(axis=2) if picture.ndim == 3 else picture
    faded = np.repeat((grey + FADED * (1 - grey))[:, :, None], 3, axis=2)
    place = 0.5 + 0.5 * share if signed else np.abs(share)
    weight = 0.85 * np.abs(share)[:, :, None]
    mixed: Floats = np.asarray((1 - weight) * faded + weight * colours(place)[:, :, :3], dtype=np.float64)
    return np.clip(mixed, 0.0, 1.0)
