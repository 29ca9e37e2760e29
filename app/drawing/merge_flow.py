"""Where pictures join: bundles of consecutive points as blocks, and bands for the pictures that go from one to another.

Bundles of two pictures or more are shown, the largest of each point. Pictures that are alone, or in a smaller bundle,
come from and go to the grey block at the top.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPen

from analysis.measures.bundles import MOST_FLOWS
from analysis.measures.partitions import Ids, Integers, label_counts
from app.drawing.depth_plot import DepthItem, DepthPlot
from app.drawing.pixels import PlotBox, Scale
from app.reading.depth import Floats
from app.theme import Theme, mix

REST = -1
"""Stands for pictures that are alone or in a bundle that is not shown."""
BLOCK = 0.16
"""Half the width of a block, as a share of the distance of two points."""
GAP = 0.006
FRAME, NARROW = 5.0, 16.0
"""Pixels of the width of a second network's bundles, and the distance of two points below which there are none."""
FULL = 1.04
"""Height of the stack with all gaps."""


@dataclass(frozen=True, slots=True)
class Block:
    """One bundle at one point, or the rest.

    Attributes
    ----------
    bundle
        Its number, :data:`REST` for the rest.
    size
        Pictures.
    conflict
        True if it has several labels.
    low, high
        Its place from bottom to top, as shares of the pictures.
    """

    bundle: int
    size: int
    conflict: bool
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Band:
    """Pictures that go from one block to one of the next point.

    Attributes
    ----------
    source, target
        Blocks, by their place in the columns.
    count
        Pictures.
    splits
        True if a bundle falls apart: what was equal has become different again.
    start, end
        Lower edges at both sides.
    """

    source: int
    target: int
    count: int
    splits: bool
    start: float
    end: float


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """The blocks of one point, from bottom to top, and the bands to the next point."""

    blocks: tuple[Block, ...]
    bands: tuple[Band, ...] = ()


def columns_of(ids: tuple[Ids, ...], labels: Integers, classes: int, most: int = MOST_FLOWS) -> tuple[Column, ...]:
    """Lay out bundles and bands of consecutive points.

    Parameters
    ----------
    ids
        Bundles of the pictures, (pictures,) for each point; -1 for none.
    labels, classes
        (pictures,) labels; how many there are.
    most
        Bundles that are shown at each point, the largest.

    Examples
    --------
    >>> first, second = np.array([0, 1, 2, 3], dtype=np.int32), np.array([0, 0, 1, 1], dtype=np.int32)
    >>> columns = columns_of((first, second), np.array([0, 1, 0, 0]), 2)
    >>> [(block.bundle, block.size, block.conflict) for block in columns[1].blocks]
    [(0, 2, True), (1, 2, False)]
    """
    order: dict[int, float] = {}
    stacks, places = [], []
    for own in ids:
        blocks, place = _blocks(own, labels, classes, most, order)
        stacks.append(blocks)
        places.append(place)
        middles = np.array([(block.low + block.high) / 2 for block in blocks])
        order = dict(enumerate(middles[place].tolist())) if len(blocks) else {}
    columns = []
    for number, blocks in enumerate(stacks):
        after = number + 1 < len(stacks)
        bands = _bands(blocks, stacks[number + 1], places[number], places[number + 1]) if after else ()
        columns.append(Column(blocks, bands))
    return tuple(columns)


def _blocks(
    ids: Ids, labels: Integers, classes: int, most: int, before: dict[int, float]
) -> tuple[tuple[Block, ...], Integers]:
    """Blocks of one point, and the block of each picture; ordered by where their pictures were before."""
    total = max(len(ids), 1)
    counts = label_counts(ids, labels, classes)
    sizes = counts.sum(axis=1)
    large = [b for b in np.argsort(-sizes, kind="stable")[:most].tolist() if sizes[b] >= 2]
    if before:
        heights = np.array([before.get(i, 0.0) for i in range(len(ids))])
        large.sort(key=lambda b: float(heights[ids == b].mean()))
    place: Integers = np.full(len(ids), len(large), dtype=np.int64)
    blocks, low = [], 0.0
    for number, bundle in enumerate(large):
        high = low + float(sizes[bundle]) / total
        blocks.append(Block(bundle, int(sizes[bundle]), int(np.count_nonzero(counts[bundle])) > 1, low, high))
        place[ids == bundle] = number
        low = high + GAP
    rest = int((place == len(large)).sum())
    if rest:
        blocks.append(Block(REST, rest, False, low, low + rest / total))
    scale = 1.0 / max(1.0, blocks[-1].high if blocks else 1.0)
    return tuple(Block(b.bundle, b.size, b.conflict, b.low * scale, b.high * scale) for b in blocks), place


def _bands(
    before: tuple[Block, ...], after: tuple[Block, ...], sources: Integers, targets: Integers
) -> tuple[Band, ...]:
    pairs, counts = np.unique(np.stack([sources, targets]), axis=1, return_counts=True)
    ways = np.bincount(pairs[0], minlength=len(before))
    starts, ends = [block.low for block in before], [block.low for block in after]
    bands = []
    for (source, target), count in zip(pairs.T.tolist(), counts.tolist(), strict=True):
        one, other = before[source], after[target]
        splits = one.bundle != REST and ways[source] > 1
        bands.append(Band(source, target, count, bool(splits), starts[source], ends[target]))
        starts[source] += (one.high - one.low) * count / one.size
        ends[target] += (other.high - other.low) * count / other.size
    return tuple(bands)


class FlowItem(DepthItem):
    """Blocks and bands."""

    def __init__(self, box: PlotBox, theme: Theme) -> None:
        super().__init__(box, theme)
        self.columns: tuple[Column, ...] = ()
        self.outlines: tuple[tuple[Block, ...], ...] = ()
        """Blocks of a second network at each point, () where none corresponds."""
        self.chosen: tuple[int, int] = (-1, -1)

    def color(self, block: Block) -> QColor:
        """Colour of a block: the rest, one label, several labels."""
        theme = self.theme
        if block.bundle == REST:
            return theme.color("unused")
        base = theme.color("bundles")
        return base if block.conflict else mix(base, theme.color("surface"), 0.62)

    def draw_values(self, painter: QPainter, scale: Scale, centres: Floats, step: float) -> None:
        """Paint bands, then blocks over them."""
        wide = max(1.5, min(BLOCK * step, 14.0))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        last = len(self.columns) - 1
        for number, column in enumerate(self.columns):
            if number < last and self._seen(float(centres[number]), step, scale):
                for band in column.bands:
                    self._draw_band(
                        painter, scale, (number, band), (centres[number] + wide, centres[number + 1] - wide)
                    )
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        for number, column in enumerate(self.columns):
            if self._seen(float(centres[number]), step, scale):
                self._draw_blocks(painter, scale, number, column, float(centres[number]), wide)

        for number, blocks in enumerate(self.outlines):
            if step >= NARROW and self._seen(float(centres[number]), step, scale):
                self._draw_outline(painter, scale, blocks, float(centres[number]) + wide)

    def _draw_outline(self, painter: QPainter, scale: Scale, blocks: tuple[Block, ...], left: float) -> None:
        """Frame the bundles of a second network, to the right of those that are shown."""
        painter.setPen(QPen(self.theme.color("text"), 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for block in blocks:
            if block.bundle != REST:
                top, bottom = round(scale.y_of(block.high)), round(scale.y_of(block.low))
                painter.drawRect(QRectF(round(left) + 2.5, top + 0.5, FRAME, max(1, bottom - top - 1)))

    @staticmethod
    def _seen(x: float, step: float, scale: Scale) -> bool:
        return -step <= x <= scale.width + step

    def _draw_band(self, painter: QPainter, scale: Scale, item: tuple[int, Band], ends: tuple[float, float]) -> None:
        number, band = item
        one, other = self.columns[number].blocks[band.source], self.columns[number + 1].blocks[band.target]
        if one.bundle == REST and other.bundle == REST:
            color = mix(self.theme.color("unused"), self.theme.color("surface"), 0.55)
        else:
            color = mix(self.color(other if other.bundle != REST else one), self.theme.color("surface"), 0.6)
        tall = [(b.high - b.low) * band.count / b.size for b in (one, other)]
        (left, right), middle = ends, (ends[0] + ends[1]) / 2
        path = QPainterPath(QPointF(left, scale.y_of(band.start)))
        path.cubicTo(middle, scale.y_of(band.start), middle, scale.y_of(band.end), right, scale.y_of(band.end))
        path.lineTo(right, scale.y_of(band.end + tall[1]))
        top = (scale.y_of(band.end + tall[1]), scale.y_of(band.start + tall[0]))
        path.cubicTo(middle, top[0], middle, top[1], left, top[1])
        path.closeSubpath()
        color.setAlphaF(0.4 if band.splits else 0.85)
        painter.setBrush(color)
        edge = self.theme.color("text_soft")
        # Hundreds of single pictures that leave a bundle must not hide the large bands.
        edge.setAlphaF(0.8 if scale.per_y * min(tall) >= 3 else 0.3)
        painter.setPen(QPen(edge, 1, Qt.PenStyle.DashLine) if band.splits else Qt.PenStyle.NoPen)
        painter.drawPath(path)

    def _draw_blocks(self, painter: QPainter, scale: Scale, number: int, column: Column, x: float, wide: float) -> None:
        for block in column.blocks:
            top, bottom = round(scale.y_of(block.high)), round(scale.y_of(block.low))
            rect = QRectF(round(x - wide), min(top, bottom - 1), round(2 * wide), max(1, bottom - top))
            painter.fillRect(rect, self.color(block))
            if (number, block.bundle) == self.chosen:
                painter.setPen(QPen(self.theme.color("accent"), 2))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawRect(rect)


class FlowPlot(DepthPlot):
    """Bundles of the points of a line and what joins them."""

    bundle_clicked = Signal(int, int)
    """Point (by its place on the axis) and bundle."""
    block_hovered = Signal(int, object)
    """Point and :class:`Block` under the mouse; -1 and None for none."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, "Merge flow over depth")
        self.flow = FlowItem(self.box, theme)
        self.show_item(self.flow)
        self.set_title("share of pictures")
        self._under: tuple[int, Block | None] = (-1, None)
        self.clicked.connect(self._choose)
        self.hovered.connect(self._point)

    def show_columns(self, columns: tuple[Column, ...], outlines: tuple[tuple[Block, ...], ...] = ()) -> None:
        """Draw other bundles, and those of a second network as thin frames."""
        self.flow.columns, self.flow.outlines = columns, outlines
        self.flow.update()
        drawn = (*(column.blocks for column in columns), *outlines)
        highs = [block.high for blocks in drawn for block in blocks if block.bundle != REST]
        both = ((*column.blocks, *(outlines[i] if outlines else ())) for i, column in enumerate(columns))
        joined = [i for i, blocks in enumerate(both) if any(block.bundle != REST for block in blocks)]
        top = min(FULL, max(highs, default=1.0) * 1.12)
        self.set_home(self.home[0], (0.0, top))
        if joined and not self.is_near(joined):
            self.box.setRange(xRange=(joined[0] - 1.5, joined[-1] + 1.5), padding=0)

    @staticmethod
    def is_near(joined: list[int]) -> bool:
        """Tell whether showing everything shows the joins as well as zooming to them would."""
        return joined[-1] - joined[0] > 40

    def choose(self, point: int, bundle: int) -> None:
        """Frame a bundle, -1 for none."""
        self.flow.chosen = (point, bundle) if bundle >= 0 else (-1, -1)
        self.flow.update()

    def block_at(self, x: float, y: float) -> tuple[int, Block | None]:
        """Point and block at a place of the plot."""
        point = self.axis.slot_at(x)
        if not 0 <= point < len(self.flow.columns):
            return -1, None
        found = (block for block in self.flow.columns[point].blocks if block.low <= y <= block.high)
        return point, next(found, None)

    def _choose(self, x: float, y: float, _extend: bool) -> None:
        point, block = self.block_at(x, y)
        if block is not None and block.bundle != REST:
            self.bundle_clicked.emit(point, block.bundle)

    def _point(self, place: tuple[float, float] | None) -> None:
        under = self.block_at(*place) if place else (-1, None)
        if under != self._under:
            self._under = under
            self.block_hovered.emit(*under)
