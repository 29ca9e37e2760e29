"""Draw any sheet with matplotlib, without pyplot: the same bytes for the same sheet, in the window and without one."""

from __future__ import annotations

import io
import os
import shutil
import textwrap
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from analysis.figures.draw_boxes import draw_boxes, fit_letters, with_letter
from analysis.figures.draw_guides import put_apart, room_of_names, write_guides
from analysis.figures.draw_legend import BEHIND, free_data, room_above, write_legend
from analysis.figures.draw_tiles import draw_tiles, height_of
from analysis.figures.sheet import (
    Bars,
    Boxes,
    Guide,
    Hatched,
    Line,
    Matrix,
    Outline,
    Panel,
    Points,
    Sheet,
    ThinLine,
    Tiles,
)
from analysis.figures.spec import FORMATS, SIZES, Style
from analysis.problems import AnalysisError

STYLE_FILE = Path(__file__).parents[2] / "resources" / "figure.mplstyle"
MILLIMETRE = 1 / 25.4
LONG_NOTE = 10.0
"""Millimetres of the line below all panels that the usual height has room for; more lines make the figure higher."""

HUES = {
    "rank": "#0072B2",
    "bundles": "#D55E00",
    "widths": "#009E73",
    "configurations": "#8B5FBF",
    "sharing": "#E69F00",
    "cost": "#7F868C",
    "neutral": "#111111",
    "faint": "#C9CDD1",
    "edge": "#6F767D",
    "outline": "#111111",
}
PLAIN = {
    "neutral": "#000000",
    "outline": "#000000",
    "faint": "#D0D0D0",
    "edge": "#707070",
    "bundles": "#8F8F8F",
    "widths": "#5A5A5A",
    "sharing": "#9C9C9C",
    "cost": "#8A8A8A",
}
"""Greys of roles; those of measures also differ by their dashes where they are lines."""
ROLE_DASHES: dict[str, Any] = {
    "bundles": (0, (3, 1, 1, 1)),
    "sharing": ":",
    "cost": "-.",
    "configurations": (0, (5, 1)),
}
SERIES = ("#0072B2", "#D55E00", "#009E73", "#E69F00", "#CC79A7", "#56B4E9", "#8B5FBF", "#444444")
GREYS = ("#222222", "#7A7A7A", "#4D4D4D", "#A0A0A0", "#333333", "#8C8C8C", "#5F5F5F", "#B0B0B0")
EDGE = 0.5
"""Points of an edge of a graph."""
ARROW = ((-0.5, 1.0), (0.0, 0.0), (0.5, 1.0))
"""An arrow that points down at a place."""
AXES = 0.75
"""About the share of a figure's width that its axes take."""
DASHES = ("-", "--", ":", "-.", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)), (0, (7, 2)))
MARKERS = {"circle": "o", "dash": "_", "diamond": "D", "cross": "x", "square": "s", "triangle": "^"}


def save_sheet(sheet: Sheet, style: Style, path: Path) -> None:
    """Draw a sheet into a file, in one step: a failure leaves no part of it.

    Raises
    ------
    AnalysisError
        If the ending is unknown, the file cannot be written, or PGF is asked for without TeX.
    """
    data = encode(sheet, style, path.suffix.lower())
    part = path.with_name(path.name + ".part")
    try:
        part.write_bytes(data)
        os.replace(part, path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise AnalysisError(f"{path} cannot be written: {error.strerror}.", "Choose another place.") from None


def encode(sheet: Sheet, style: Style, ending: str) -> bytes:
    """Draw a sheet as the content of a file with this ending."""
    if ending not in FORMATS:
        raise AnalysisError(f"Figures cannot be written as '{ending}'.", f"Choose {', '.join(FORMATS[:3])}.")
    if ending == ".pgf" and not shutil.which("xelatex"):
        raise AnalysisError("PGF needs a TeX program (xelatex), and none was found.", "Export an SVG instead.")
    buffer = io.BytesIO()
    with mpl.rc_context(fname=str(STYLE_FILE)), mpl.rc_context(_sizes(style)):
        figure = draw(sheet, style)
        options: dict[str, Any] = {"format": ending[1:], "dpi": style.dpi}
        if ending != ".pgf":
            options["metadata"] = _metadata(ending, sheet)
        if ending == ".png":
            FigureCanvasAgg(figure)
        figure.savefig(buffer, **options)
    return buffer.getvalue()


def _metadata(ending: str, sheet: Sheet) -> dict[str, Any]:
    """Say which runs are behind a figure; leave out times and versions, so that the bytes repeat."""
    runs = "LayerScope runs " + " ".join(text[:16] for text in sheet.fingerprints)
    title = sheet.title or "LayerScope figure"
    if ending == ".pdf":
        return {"Title": title, "Keywords": runs, "Creator": "LayerScope", "Producer": None, "CreationDate": None}
    if ending == ".svg":
        return {"Title": title, "Description": runs, "Creator": "LayerScope", "Date": None}
    return {"Title": title, "Description": runs, "Software": None}


def _sizes(style: Style) -> Any:  # matplotlib types its parameters as literals
    font = style.points
    names = ("font.size", "axes.titlesize", "axes.labelsize", "legend.fontsize")
    sizes = dict.fromkeys(names, font) | {"xtick.labelsize": 0.92 * font, "ytick.labelsize": 0.92 * font}
    return sizes | ({"lines.linewidth": 1.8, "axes.linewidth": 1.0} if style.size == "slide" else {})


def draw(sheet: Sheet, style: Style) -> Figure:
    """Draw a sheet; the caller has set the style's parameters."""
    width, height = SIZES[style.size]
    heights = [_height(panel, width, height) for panel in sheet.panels]
    least = 0.3 if all(panel.bare for panel in sheet.panels) else 0.8
    total = height * max(sum(heights), least) + max(0.0, _note_height(sheet, style) - LONG_NOTE)
    if any(_tiles(panel) for panel in sheet.panels):
        total = height * sum(heights) + _note_height(sheet, style)
    names = room_above(sheet, width * MILLIMETRE) if style.legend else 0.0
    figure = Figure(figsize=(width * MILLIMETRE, total * MILLIMETRE + names), dpi=style.dpi, layout="constrained")
    axes = figure.subplots(
        len(sheet.panels), 1, sharex=sheet.linked, squeeze=False, gridspec_kw={"height_ratios": heights}
    )[:, 0]
    beside: list[list[Text]] = []
    for i, (panel, ax) in enumerate(zip(sheet.panels, axes, strict=True)):
        last, first = i == len(sheet.panels) - 1, i == 0 or not sheet.linked
        _draw_panel(figure, ax, panel, style, names=last or not sheet.linked, sizes=first)
        beside.append(write_guides(ax, panel, first))
    if sheet.title:
        figure.suptitle(sheet.title, x=0.01, ha="left", fontsize=mpl.rcParams["axes.titlesize"])
    if style.note and sheet.note:
        figure.supxlabel(
            _wrapped(sheet.note, width, mpl.rcParams["font.size"] * 0.8),
            fontsize=mpl.rcParams["font.size"] * 0.8,
            color="#666666",
            x=0.01,
            ha="left",
        )
    figure.align_ylabels()
    _settle(figure, list(zip(sheet.panels, axes, beside, strict=True)))
    return figure


def _settle(figure: Figure, parts: list[tuple[Panel, Axes, list[Text]]]) -> None:
    """Move and resize what depends on where everything stands: legends, names of guides, texts in boxes."""
    figure.draw_without_rendering()
    if free_data(figure, [ax for _, ax, _ in parts]):
        figure.draw_without_rendering()
    moved = [put_apart(ax, texts) for _, ax, texts in parts]
    if any(moved):
        figure.draw_without_rendering()
    for panel, ax, _ in parts:
        for mark in panel.marks:
            if isinstance(mark, Boxes):
                fit_letters(ax, mark)
    figure.set_layout_engine("none")  # everything stands where it is to stay


def _note_height(sheet: Sheet, style: Style) -> float:
    """Millimetres of the line below all panels."""
    font = mpl.rcParams["font.size"] * 0.8
    lines = _wrapped(sheet.note, SIZES[style.size][0], font).count("\n") + 1 if style.note and sheet.note else 0
    return float((1.4 * lines + 1) * font / 72 / MILLIMETRE)


def _tiles(panel: Panel) -> list[Tiles]:
    return [mark for mark in panel.marks if isinstance(mark, Tiles)]


def _height(panel: Panel, width: float, height: float) -> float:
    """Height of a panel relative to the usual one; those of drawings and tiles follow from what they show."""
    for tiles in _tiles(panel):
        return height_of(tiles, width, float(mpl.rcParams["xtick.labelsize"])) / height
    ratio = width / height
    if not panel.bare or panel.x_range is None or panel.y_range is None:
        return panel.height
    drawing = (panel.y_range[1] - panel.y_range[0]) / (panel.x_range[1] - panel.x_range[0]) * ratio
    coloured = any(isinstance(mark, Boxes) and np.isfinite(mark.values).any() for mark in panel.marks)
    lines = 6.5 if coloured else 2.5  # of the scale of colours, and of the note
    return float(drawing + lines * 1.2 * mpl.rcParams["font.size"] / 72 / MILLIMETRE / height)


def _wrapped(text: str, width: float, font: float) -> str:
    """Break a line between its parts where it can be; a letter is about half as wide as it is high."""
    room = int(width / (0.2 * font))
    lines = [""]
    for part in text.split(" · "):
        joined = f"{lines[-1]} · {part}" if lines[-1] else part
        if len(joined) > room and lines[-1]:
            lines.append(part)
        else:
            lines[-1] = joined
    return "\n".join(textwrap.fill(line, room) for line in lines)


def _draw_panel(figure: Figure, ax: Axes, panel: Panel, style: Style, *, names: bool, sizes: bool) -> None:
    for mark in panel.marks:
        match mark:
            case Bars():
                _draw_bars(ax, mark, style, len(panel.x_names))
            case Outline():
                there, words = np.isfinite(mark.y), mark.label or None
                ax.bar(mark.x[there], mark.y[there], 0.92, fc="none", ec="#111111", lw=0.6, label=words)
            case Line():
                _draw_line(ax, mark, style)
            case ThinLine():
                _draw_thin(ax, mark, style)
            case Points():
                _draw_points(ax, mark, style)
            case Hatched():
                ax.bar(
                    mark.x, mark.top - mark.bottom, 0.8, mark.bottom, fc="none", ec="#999999", hatch="////", lw=0,
                    label=mark.label or None,
                )  # fmt: skip
            case Matrix():
                _draw_matrix(figure, ax, mark, style)
            case Guide():
                across = ax.axvline if mark.axis == "x" else ax.axhline
                across(mark.at, color="#666666", lw=0.6, ls=(0, (4, 2)))
            case Boxes():
                draw_boxes(figure, ax, mark, _colour(mark.hue, style), style.palette == "grey")
            case Tiles():
                draw_tiles(ax, mark, style.palette == "grey", SIZES[style.size][0])
                ax.set_title(panel.title)
                return
    _finish(ax, panel, style, names=names, sizes=sizes)


def _colour(hue: str, style: Style) -> str:
    number = int(hue[6:]) % len(SERIES) if hue.startswith("series") else -1
    if style.palette == "grey":
        return GREYS[number] if number >= 0 else PLAIN.get(hue, "#6E6E6E")
    return SERIES[number] if number >= 0 else HUES.get(hue, HUES["neutral"])


def _dash(hue: str, style: Style) -> Any:
    if style.palette != "grey":
        return "-"
    return DASHES[int(hue[6:]) % len(DASHES)] if hue.startswith("series") else ROLE_DASHES.get(hue, "-")


def _draw_bars(ax: Axes, mark: Bars, style: Style, count: int) -> None:
    step = np.diff(mark.x).min() if len(mark.x) > 1 else 1.0
    shown = np.isfinite(mark.y)
    width = 0.8 * float(step) if not mark.hue.startswith("series") else 0.38
    colour, edge = _colour(mark.hue, style), 0.3 if count < 80 else 0.0
    ax.bar(mark.x[shown], mark.y[shown], width, color=colour, label=mark.label or None, edgecolor="white", lw=edge)
    if mark.low is not None and mark.high is not None:
        ends = np.isfinite(mark.low) & np.isfinite(mark.high) & shown
        spread = np.abs(np.array([mark.y[ends] - mark.low[ends], mark.high[ends] - mark.y[ends]]))
        ax.errorbar(mark.x[ends], mark.y[ends], spread, fmt="none", ecolor="#111111", elinewidth=0.7, capsize=1.2)
    for x in mark.x[~shown]:
        ax.plot([x], [0], marker="x", color="#999999", ms=2.5, clip_on=False)


def _draw_line(ax: Axes, mark: Line, style: Style) -> None:
    dash = "--" if mark.dashed else _dash(mark.hue, style)
    drawstyle = "steps-post" if mark.steps else "default"
    if mark.low is not None and mark.high is not None:
        ax.fill_between(mark.x, mark.low, mark.high, color=_colour(mark.hue, style), alpha=0.2, lw=0)
    look: dict[str, Any] = {"lw": EDGE} if mark.arrow else {}
    look |= {"color": _colour(mark.hue, style), "in_layout": not mark.arrow}
    ax.plot(mark.x, mark.y, ls=dash, drawstyle=drawstyle, label=mark.label or None, **look)
    if mark.arrow:
        ax.plot(mark.x[-1:], mark.y[-1:], marker=ARROW, ms=3.0, mew=EDGE, mfc="none", **look)


def _draw_thin(ax: Axes, mark: ThinLine, style: Style) -> None:
    """Draw half as thick as a line of the first network, and behind it; rings for values without neighbours."""
    colour, known = _colour(mark.hue, style), np.isfinite(mark.y)
    look: dict[str, Any] = {"color": colour, "zorder": BEHIND, "lw": 0.55 * mpl.rcParams["lines.linewidth"]}
    drawstyle = "steps-post" if mark.steps else "default"
    ax.plot(
        mark.x, mark.y, ls=(0, (4, 2)) if mark.dashed else "-", drawstyle=drawstyle, label=mark.label or None, **look
    )
    padded = np.concatenate([[False], known, [False]])
    alone = known & ~padded[:-2] & ~padded[2:]
    ax.plot(mark.x[alone], mark.y[alone], "o", mfc="none", mew=0.6, color=colour, zorder=BEHIND)


def _draw_points(ax: Axes, mark: Points, style: Style) -> None:
    shape = MARKERS[mark.shape]
    look: dict[str, Any] = {"ms": 7.0, "mew": 1.4} if mark.shape == "dash" else {}
    look |= {"mfc": "none", "mew": 0.8} if mark.hollow else {}
    ax.plot(mark.x, mark.y, shape, color=_colour(mark.hue, style), label=mark.label or None, **look)
    for x, y, name in zip(mark.x, mark.y, mark.names, strict=False):
        ax.annotate(name, (x, y), (3, 3), textcoords="offset points", fontsize=mpl.rcParams["xtick.labelsize"])


def _draw_matrix(figure: Figure, ax: Axes, mark: Matrix, style: Style) -> None:
    colours = LinearSegmentedColormap.from_list("depth", ["#FFFFFF", _colour(mark.hue, style), "#10222E"])
    reach = None
    if mark.hue == "signed":
        ends = ("#111111", "#9A9A9A") if style.palette == "grey" else (HUES["rank"], HUES["bundles"])
        colours = LinearSegmentedColormap.from_list("signed", [ends[0], "#FFFFFF", ends[1]])
        reach = float(np.nanmax(np.abs(mark.values), initial=0.0)) or 1.0
    image = ax.imshow(
        np.ma.masked_invalid(mark.values),
        cmap=colours.with_extremes(bad="#E4E4E4"),
        aspect="auto",
        interpolation="nearest",
        vmin=mark.low if reach is None else -reach,
        vmax=reach,
    )
    figure.colorbar(image, ax=ax, label=mark.label, pad=0.02)
    ax.spines[:].set_visible(False)
    for mask, hatch in ((mark.blank, ""), (mark.hatched, "//////")):
        for row, column in np.argwhere(mask) if mask is not None else ():
            edge = "#9A9A9A" if hatch else "none"
            ax.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, fc="white", ec=edge, lw=0, hatch=hatch))
    for row, column in np.argwhere(mark.framed) if mark.framed is not None else ():
        ax.add_patch(Rectangle((column - 0.44, row - 0.44), 0.88, 0.88, fc="none", ec="#111111", lw=0.6))
    if mark.framed_label:
        ax.add_patch(Rectangle((-9, -9), 0, 0, fc="none", ec="#111111", lw=0.6, label=mark.framed_label))
    _name_axis(ax.xaxis, mark.columns, ax.get_figure(True).get_size_inches()[0])  # type: ignore[union-attr]
    ax.set_yticks(range(len(mark.rows)) if len(mark.rows) <= 40 else [])
    if len(mark.rows) <= 40:
        ax.set_yticklabels(mark.rows)


def _finish(ax: Axes, panel: Panel, style: Style, *, names: bool, sizes: bool) -> None:
    if panel.bare:
        ax.set_axis_off()
        ax.set_aspect("equal", anchor="N")
    ax.set_title(panel.title, pad=mpl.rcParams["axes.titlepad"] + room_of_names(panel, sizes))
    ax.set_xlabel(panel.x_title if names else "")
    ax.set_ylabel(panel.y_title)
    if panel.x_log:
        ax.set_xscale("log")
    if panel.y_log:
        ax.set_yscale("log")
    if panel.x_names and not any(isinstance(mark, Matrix) for mark in panel.marks):
        ax.set_xlim(-0.7, len(panel.x_names) - 0.3)
        _name_axis(ax.xaxis, panel.x_names, ax.get_figure(True).get_size_inches()[0])  # type: ignore[union-attr]
        ax.tick_params(axis="x", length=0, labelbottom=names)
    if panel.x_range:
        ax.set_xlim(*panel.x_range)
    if panel.x_log:
        _name_few_decades(ax)
    elif not panel.x_names and _counts(panel):
        ax.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))
    if panel.y_range:
        ax.set_ylim(*panel.y_range)
    elif not panel.y_log and not any(isinstance(mark, Matrix) for mark in panel.marks):
        _from_zero(ax)
    for x, text in panel.stages:
        ax.axvline(x, color="#D0D4D8", lw=0.6, zorder=0)
        if sizes:
            ax.text(x + 0.15, 1.01, text, transform=ax.get_xaxis_transform(), va="bottom", color="#777777",
                    fontsize=mpl.rcParams["xtick.labelsize"])  # fmt: skip
    if style.legend and ax.get_legend_handles_labels()[0]:
        write_legend(ax, panel)


def _counts(panel: Panel) -> bool:
    """Tell whether all places along x are whole numbers, so that there is nothing between them."""
    places = [mark.x for mark in panel.marks if isinstance(mark, Bars | Line | ThinLine | Points)]
    return bool(places) and not panel.bare and all(np.array_equal(x, np.round(x)) for x in places)


def _name_few_decades(ax: Axes) -> None:
    """Name 1, 2 and 5 of every power of ten in plain numbers where a log axis spans little more than one of them."""
    low, high = ax.get_xlim()
    if low > 0 and high / low < 200:
        ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
        ax.xaxis.set_minor_formatter(NullFormatter())


def _from_zero(ax: Axes) -> None:
    low, high = ax.get_ylim()
    if low > 0 or (low < 0 and all(y >= 0 for line in ax.containers for y in _heights(line))):
        ax.set_ylim(0, high)
    ax.yaxis.set_major_locator(MaxNLocator(nbins=5))
    if high >= 1e4:
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: with_letter(value)))


def _heights(container: Any) -> list[float]:
    return [patch.get_height() for patch in container if hasattr(patch, "get_height")]


def _name_axis(axis: Any, names: tuple[str, ...], inches: float) -> None:
    """Write names beside each other where they fit, else upright; where these are too many, some of them."""
    small = mpl.rcParams["xtick.labelsize"]
    step = max(1, int(np.ceil(len(names) / (inches * 72 / (small * 1.25)))))
    places = list(range(0, len(names), step))
    letters = max((len(line) for name in names for line in name.split("\n")), default=0)
    upright = step > 1 or len(names) > 8 or (letters + 1) * 0.58 * small > AXES * inches * 72 / max(len(names), 1)
    axis.set_ticks(places)
    axis.set_ticklabels([names[i] for i in places], rotation=90 if upright else 0)
