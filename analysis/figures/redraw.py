"""The numbers behind a figure as CSV, and a small Python script that redraws it from them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from analysis.figures.sheet import (
    Bars,
    Boxes,
    Guide,
    Hatched,
    Line,
    Mark,
    Matrix,
    Outline,
    Panel,
    Points,
    Sheet,
    ThinLine,
    Tiles,
)
from analysis.problems import AnalysisError

WIDE, TALL = 7.2, 3.5
"""Inches of a figure that a script draws, and of a panel of it of the usual height."""
HEADER = ("panel", "mark", "kind", "label", "name", "x", "y", "low", "high")


def table(sheet: Sheet) -> str:
    """Return the numbers of a figure as CSV, one row per value, with full precision.

    Columns: panel and mark (numbers from 0), kind and label of the mark, name (layer or class), x, y, and the ends of
    the interval where there is one. For a matrix and for tiles x and y are column and row, and low holds the value;
    high is 1 for framed cells of a matrix.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    for i, panel in enumerate(sheet.panels):
        for j, mark in enumerate(panel.marks):
            kind = type(mark).__name__.lower()
            writer.writerows((i, j, kind, mark.label, *row) for row in _rows(panel, mark))
    return text.getvalue()


def _rows(panel: Panel, mark: Mark) -> Iterator[tuple[str, ...]]:
    match mark:
        case Bars(x=x, y=y):
            low = mark.low if mark.low is not None else np.full(len(x), np.nan)
            high = mark.high if mark.high is not None else np.full(len(x), np.nan)
            for i, row in enumerate(zip(x, y, low, high, strict=True)):
                yield (_name(panel, x[i]), *map(_number, row))
        case Line(x=x, y=y):
            low = mark.low if mark.low is not None else np.full(len(x), np.nan)
            high = mark.high if mark.high is not None else np.full(len(x), np.nan)
            for row in zip(x, y, low, high, strict=True):
                yield ("", *map(_number, row))
        case Outline(x=x, y=y):
            for a, b in zip(x, y, strict=True):
                yield _name(panel, a), _number(a), _number(b), "", ""
        case ThinLine(x=x, y=y):
            for a, b in zip(x, y, strict=True):
                yield mark.of or _name(panel, a), _number(a), _number(b), "", ""
        case Points(x=x, y=y):
            for i, (a, b) in enumerate(zip(x, y, strict=True)):
                name = mark.names[i] if i < len(mark.names) else _name(panel, a)
                yield name, _number(a), _number(b), "", ""
        case Hatched(x=x):
            for a, bottom, top in zip(x, mark.bottom, mark.top, strict=True):
                yield _name(panel, a), _number(a), "", _number(bottom), _number(top)
        case Matrix(values=values):
            framed = mark.framed if mark.framed is not None else np.zeros(values.shape, dtype=bool)
            for (row, column), value in np.ndenumerate(values):
                there = "1" if framed[row, column] else ""
                yield f"{mark.rows[row]} / {mark.columns[column]}", str(column), str(row), _number(value), there
        case Boxes(names=names, values=values):
            middles = zip(mark.x + mark.width / 2, mark.y + mark.height / 2, strict=True)
            for name, (a, b), value in zip(names, middles, values, strict=True):
                yield name, _number(a), _number(b), _number(value), ""
        case Tiles():
            yield from _tile_rows(mark)
        case Guide(axis=axis, at=at):
            yield axis, _number(at) if axis == "x" else "", _number(at) if axis == "y" else "", "", ""


def _tile_rows(mark: Tiles) -> Iterator[tuple[str, ...]]:
    """Return the pixels of a picture, colour by colour, then those of every map over it."""
    if mark.picture.ndim == 3:
        for (row, column, colour), value in np.ndenumerate(mark.picture):
            yield f"Picture, {('red', 'green', 'blue')[colour]}", str(column), str(row), _number(value), ""
    tiles = zip(("Picture", *mark.names), (mark.picture, *mark.overlays), strict=True)
    for name, tile in tiles:
        for place, value in np.ndenumerate(tile) if tile.ndim == 2 else ():
            yield name, str(place[1]), str(place[0]), _number(value), ""


def _name(panel: Panel, x: float) -> str:
    place = round(float(x))
    return panel.x_names[place] if 0 <= place < len(panel.x_names) else ""


def _number(value: float) -> str:
    return repr(float(value)) if np.isfinite(value) else ""


def script(sheet: Sheet, csv_name: str) -> str:
    """Return a Python script that redraws the figure from its CSV with matplotlib alone."""
    panels = [
        {
            "title": panel.title,
            "x_title": panel.x_title,
            "y_title": panel.y_title,
            "x_names": list(panel.x_names),
            "x_log": panel.x_log,
            "y_log": panel.y_log,
            "x_range": panel.x_range,
            "y_range": panel.y_range,
            "height": _height(panel),
            "letters": _letters(panel),
            "steps": [i for i, mark in enumerate(panel.marks) if isinstance(mark, Line | ThinLine) and mark.steps],
            "dashed": [i for i, mark in enumerate(panel.marks) if isinstance(mark, Line | ThinLine) and mark.dashed],
            "edges": [i for i, mark in enumerate(panel.marks) if isinstance(mark, Line) and mark.arrow],
            "framed": [mark.framed_label for mark in panel.marks if isinstance(mark, Matrix) and mark.framed_label],
        }
        for panel in sheet.panels
    ]
    lines = ",\n".join(f"    {panel!r}" for panel in panels)
    note = sheet.note.replace("\\", "/").replace('"', "'")  # within the script's own text
    return _SCRIPT.format(csv=csv_name, panels=lines, note=note, wide=WIDE, tall=TALL)


def _height(panel: Panel) -> float:
    """Height relative to the usual one; that of a drawing follows from its limits."""
    if not panel.bare or panel.x_range is None or panel.y_range is None:
        return panel.height
    return WIDE / TALL * (panel.y_range[1] - panel.y_range[0]) / (panel.x_range[1] - panel.x_range[0])


def _letters(panel: Panel) -> float:
    """Points of texts in boxes, where the figure is as wide as the script makes it."""
    boxes = [mark for mark in panel.marks if isinstance(mark, Boxes)]
    if not boxes or panel.x_range is None:
        return 0.0
    return min(9.0, 72 * WIDE * boxes[0].letters / (panel.x_range[1] - panel.x_range[0]))


_SCRIPT = '''"""Redraw a LayerScope figure from its numbers. Needs matplotlib. {note}"""

import csv
from collections import defaultdict
from pathlib import Path

import matplotlib.pyplot as plt

CSV = Path(__file__).with_name("{csv}")
PANELS = [
{panels},
]

marks = defaultdict(list)
with open(CSV, encoding="utf-8", newline="") as file:
    for row in csv.DictReader(file):
        marks[int(row["panel"]), int(row["mark"]), row["kind"], row["label"]].append(row)


def column(rows, name):
    return [float(row[name]) if row[name] else float("nan") for row in rows]


heights = [panel["height"] for panel in PANELS]
size = ({wide}, {tall} * sum(heights))
figure, axes = plt.subplots(len(PANELS), 1, squeeze=False, figsize=size, layout="constrained", height_ratios=heights)
for (number, place, kind, label), rows in marks.items():
    ax, panel = axes[number, 0], PANELS[number]
    look = dict(ls="--" if place in panel["dashed"] else "-", label=label or None)
    look["drawstyle"] = "steps-post" if place in panel["steps"] else "default"
    x, y, low, high = (column(rows, name) for name in ("x", "y", "low", "high"))
    if kind == "bars":
        ax.bar(x, y, label=label or None)
        if any(value == value for value in low):
            errors = [[b - a for a, b in zip(low, y)], [b - a for a, b in zip(y, high)]]
            ax.errorbar(x, y, errors, fmt="none", ecolor="black", elinewidth=0.8, capsize=2)
    elif kind == "outline":
        ax.bar(x, y, 0.92, fc="none", ec="black", lw=0.6, label=label or None)
    elif kind == "line" and place in panel["edges"]:
        ax.plot(x, y, lw=0.5, color="grey")
        ax.plot(x[-1:], y[-1:], marker=((-0.5, 1.0), (0.0, 0.0), (0.5, 1.0)), ms=3, mew=0.5, mfc="none", color="grey")
    elif kind == "line":
        ax.fill_between(x, low, high, alpha=0.2, lw=0)
        ax.plot(x, y, **look)
    elif kind == "thinline":
        ax.plot(x, y, lw=0.6, color="black", zorder=1.5, **look)
        gaps = [True, *(value != value for value in y), True]  # NaN on both sides: no line shows the value
        alone = [i for i, value in enumerate(y) if value == value and gaps[i] and gaps[i + 2]]
        ax.plot([x[i] for i in alone], [y[i] for i in alone], "o", mfc="none", ms=3, color="black", zorder=1.5)
    elif kind == "points":
        ax.plot(x, y, "o" if len(x) < 30 else ".", label=label or None)
    elif kind == "hatched":
        ax.bar(x, [b - a for a, b in zip(low, high)], bottom=low, fc="none", ec="grey", hatch="////", label=label)
    elif kind == "matrix":
        shape = (int(max(y)) + 1, int(max(x)) + 1)
        grid = [[float("nan")] * shape[1] for _ in range(shape[0])]
        for a, b, value in zip(x, y, low):
            grid[int(b)][int(a)] = value
        figure.colorbar(ax.imshow(grid, aspect="auto"), ax=ax, label=label)
        frames = [(a - 0.44, b - 0.44) for a, b, framed in zip(x, y, high) if framed == 1]
        for i, corner in enumerate(frames):
            words = panel["framed"][0] if panel["framed"] and not i else None
            ax.add_patch(plt.Rectangle(corner, 0.88, 0.88, fc="none", ec="black", lw=0.6, label=words))
    elif kind == "boxes":
        frame = dict(boxstyle="square,pad=0.3", ec="grey", lw=0.5)
        known = [value for value in low if value == value]
        norm = plt.Normalize(min(known, default=0), max(known, default=1))
        for row, a, b, value in zip(rows, x, y, low):
            colour = plt.cm.Blues(norm(value)) if value == value else "white"
            ink = "white" if value == value and norm(value) > 0.55 else "black"
            style = dict(ha="center", va="center", fontsize=panel["letters"], bbox=dict(fc=colour, **frame))
            ax.text(a, b, row["name"], color=ink, **style)
        if known:
            colours = plt.cm.ScalarMappable(norm, plt.cm.Blues)
            figure.colorbar(colours, ax=ax, label=label, location="bottom", shrink=0.6, aspect=40)
        ax.set_axis_off()
    elif kind == "tiles":
        for place, name in enumerate(dict.fromkeys(row["name"].split(", ")[0] for row in rows)):
            own = [row for row in rows if row["name"].split(", ")[0] == name]
            wide = 1 + max(int(row["x"]) for row in own)
            values = [float(row["low"] or "nan") for row in own]
            reach = max(abs(value) for value in values if value == value) or 1
            signed = min(values) < 0
            if "," in own[0]["name"]:
                values = list(zip(values[0::3], values[1::3], values[2::3]))
            grid = [values[at : at + wide] for at in range(0, len(values), wide)]
            style = dict(cmap="RdBu_r", vmin=-reach) if signed else dict(cmap="Purples", vmin=0)
            if name == "Picture":
                reach, style = 1, dict(cmap="gray", vmin=0)
            part = ax.inset_axes([place / 8, 0, 0.115, 1])
            part.imshow(grid, vmax=reach, **style)
            part.set_title(name, fontsize=5)
            part.set_axis_off()
        ax.set_axis_off()
    elif rows[0]["name"] == "x":
        ax.axvline(x[0], color="grey", lw=0.8)
    else:
        ax.axhline(y[0], color="grey", lw=0.8)
for panel, ax in zip(PANELS, axes[:, 0]):
    ax.set(title=panel["title"], xlabel=panel["x_title"], ylabel=panel["y_title"])
    ax.set_xscale("log" if panel["x_log"] else "linear")
    if panel["x_names"]:
        ax.set_xticks(range(len(panel["x_names"])), panel["x_names"], rotation=90)
    if panel["x_range"]:
        ax.set_xlim(panel["x_range"])
    if panel["y_range"]:
        ax.set_ylim(panel["y_range"])
    if ax.get_legend_handles_labels()[0]:
        ax.legend(frameon=False)
figure.savefig(CSV.with_suffix(".redrawn.pdf"))
'''


def save_numbers(sheet: Sheet, path: Path) -> None:
    """Write the numbers of a figure as CSV, and beside it a script of the same name that redraws it.

    Raises
    ------
    AnalysisError
        If a file cannot be written.
    """
    try:
        path.write_text(table(sheet), encoding="utf-8", newline="")
        path.with_suffix(".py").write_text(script(sheet, path.name), encoding="utf-8", newline="\n")
    except OSError as error:
        raise AnalysisError(f"{path} cannot be written: {error.strerror}.", "Choose another place.") from None
