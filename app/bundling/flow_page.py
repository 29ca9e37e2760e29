"""Merge flow over depth."""

from __future__ import annotations

import numpy as np

from app.bundling.page import Page, bundles
from app.drawing.legend import Key
from app.drawing.merge_flow import REST, Block, FlowPlot, columns_of
from app.drawing.readout import Entry
from app.reading import numbers
from app.reading.bundles import Reading, outputs_axis
from app.theme import Theme, mix

NOTHING = "No two pictures are equal at any output: there is nothing to join."


class FlowPage(Page):
    """Bundles of consecutive outputs, and which of them join."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, "Merge flow")
        self.plot = FlowPlot(theme)
        self.body.addWidget(self.plot, 1)
        self._drawn: tuple[object, ...] = ()
        self.define("bundles", "samples_in_conflict")
        self.plot.point_clicked.connect(lambda place: self.point_chosen.emit(self._point(place)))
        self.plot.bundle_clicked.connect(lambda place, bundle: self.bundle_chosen.emit(self._point(place), bundle))
        self.plot.block_hovered.connect(self._tell)
        self.plot.point_hovered.connect(self.plot.show_crosshair)

    def _point(self, place: int) -> int:
        return int(self.reading.lines[0].points[place]) if self.reading is not None else -1

    def refresh(self) -> None:
        """Draw the checkpoint that is looked at."""
        reading, checkpoint = self.reading, self.look.checkpoint
        if reading is None or checkpoint < 0:
            return
        line = reading.lines[0]
        drawn = (id(reading.result), checkpoint, reading.result.arrived.get("bundle_ids", 0), self.other)
        if drawn != self._drawn:
            self._drawn = drawn
            self.plot.set_axis(outputs_axis(reading.axis, line))
            known = np.all(reading.labels >= 0)
            ids = tuple(reading.ids(checkpoint, int(point)) for point in line.points)
            columns = columns_of(ids, reading.labels, reading.class_count) if known else ()
            joined = any(block.bundle != REST for column in columns for block in column.blocks)
            self.plot.show_columns(columns if joined else (), self._outlines(reading, checkpoint) if joined else ())
            self.plot.set_note("" if joined else NOTHING)
        place = np.flatnonzero(line.points == self.look.point)
        here = int(place[0]) if len(place) else -1
        self.plot.select(here)
        self.plot.choose(here, self.look.bundle)
        self.claim.say(self._claim(reading, checkpoint))
        self._show_keys(bool(self.plot.flow.columns))

    def _claim(self, reading: Reading, checkpoint: int) -> str:
        columns = self.plot.flow.columns
        joined = [i for i, column in enumerate(columns) if any(block.bundle != REST for block in column.blocks)]
        if not joined:
            return NOTHING
        splits = sum(band.splits for column in columns for band in column.bands)
        points = reading.lines[0].points
        words = f"Pictures first join at {reading.point_words(int(points[joined[0]]))}"
        if splits:
            words += f" · {splits:,} bands of bundles that fall apart again"
        elif reading.exact:
            words += " · in exact mode bundles never fall apart"
        words += self._second_claim(reading)
        hidden = " · branches are left out" if len(reading.lines) > 1 else ""
        return words + hidden

    def _outlines(self, reading: Reading, checkpoint: int) -> tuple[tuple[Block, ...], ...]:
        """Bundles of the second network at the points that correspond; () without any."""
        other, points = self.other, reading.lines[0].points
        number = other.checkpoint(checkpoint) if other is not None else -1
        if other is None or number < 0 or not np.all(other.reading.labels >= 0):
            return ()
        there = np.flatnonzero(other.points[points] >= 0)
        ids = tuple(other.reading.ids(number, int(other.points[points[place]])) for place in there)
        found = columns_of(ids, other.reading.labels, other.reading.class_count)
        blocks: list[tuple[Block, ...]] = [() for _ in points]
        for place, column in zip(there.tolist(), found, strict=True):
            blocks[place] = column.blocks
        return tuple(blocks)

    def _second_claim(self, reading: Reading) -> str:
        """Say where pictures first join in the second network."""
        if self.other is None:
            return ""
        outlines = self.plot.flow.outlines
        joined = [place for place, blocks in enumerate(outlines) if any(block.bundle != REST for block in blocks)]
        first = reading.point_words(int(reading.lines[0].points[joined[0]])) if joined else "at no point here"
        return f" · {self.other.name}: first {'at ' if joined else ''}{first}"

    def _show_keys(self, joined: bool) -> None:
        theme = self.theme
        if not joined:
            self.legend.show_keys(())
            return
        base = theme.color("bundles")
        self.legend.show_keys(
            (
                Key("bar", "bundle in conflict", base),
                Key("bar", "bundle of one label", mix(base, theme.color("surface"), 0.62)),
                Key("bar", "alone, or in smaller bundles than the largest 30", theme.color("unused")),
                Key("frame", "dashed: falls apart", theme.color("text_soft")),
                *(self.outline_key(", its bundles") if any(self.plot.flow.outlines) else ()),
            )
        )

    def _tell(self, place: int, block: Block | None) -> None:
        reading = self.reading
        if reading is None or place < 0 or block is None:
            self.tell_point(self._point(place) if place >= 0 else -1)
            return
        point = self._point(place)
        if block.bundle == REST:
            found: tuple[Entry, ...] = (
                Entry("alone or in smaller bundles", f"{block.size:,} pictures", "text_soft", term="bundle_size"),
            )
        else:
            what = "in conflict" if block.conflict else "one label"
            found = (
                Entry(f"bundle {block.bundle}", f"{block.size:,} pictures, {what}", "bundles", term="bundle_size"),
            )
            found += self._second_entries(point, block)
        total = float(reading.table("bundles")[self.look.checkpoint, point])
        self.told.emit(reading.point_words(point), (*found, Entry("of", bundles(total), "text_soft", term="bundles")))

    def _second_entries(self, point: int, block: Block) -> tuple[Entry, ...]:
        """Say how many pictures of a bundle the second network merges into one as well."""
        other = self.other
        together = other.together(self.look.checkpoint, point, (block.bundle,)) if other is not None else {}
        if other is None or block.bundle not in together:
            return ()
        count = together[block.bundle]
        tip = "Largest number of its pictures that are in one bundle there; in brackets: less the bundle here"
        words = f"{count:,} of them in one bundle ({numbers.signed(count - block.size, 0)})"
        return (Entry(other.name, words, "text", tip, "compared"),)
