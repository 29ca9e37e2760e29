"""Which classes merge: the first point at which pictures of two classes share a bundle, as a matrix and as a list."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QAbstractItemView, QHBoxLayout, QHeaderView, QSplitter, QTreeWidget, QTreeWidgetItem

from app.bundling.page import Page
from app.drawing.bundle_map import shade, zero_color
from app.drawing.legend import Key
from app.drawing.merge_matrix import MergeMatrix
from app.drawing.readout import Entry, Line
from app.reading.bundles import Reading
from app.reading.depth import Ints
from app.reading.glossary import TERMS
from app.theme import Theme

MOST_ROWS = 500
"""Pairs of classes that are listed."""
UNKNOWN = "Which classes merge is known when this checkpoint has been measured, of pictures with at most 1,024 labels."
NEVER = "never"


class MergePage(Page):
    """Matrix at the left, pairs of classes at the right, earliest first.

    Attributes
    ----------
    pictures
        Places of the selected pictures; of two or more it is said where they first share a bundle.
    """

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, "First merge of classes")
        self.first: Ints | None = None
        self.pairs: Ints = np.zeros((0, 0), dtype=np.int64)
        self.there: Ints | None = None
        self._read: tuple[object, ...] = ()
        self._listed: tuple[object, ...] = ()
        self._cell = (-1, -1)
        self.pictures: tuple[int, ...] = ()
        self.shared = Line(theme)
        self.shared.hide()
        above = QHBoxLayout()
        above.setContentsMargins(12, 0, 8, 0)
        above.addWidget(self.shared)
        self.body.addLayout(above)
        self.matrix, self.list = MergeMatrix(theme), QTreeWidget()
        self.list.setRootIsDecorated(False)
        self.list.setUniformRowHeights(True)
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.list.setAccessibleName("Pairs of classes that merge, earliest first")
        self.list.header().setStretchLastSection(False)
        halves = QSplitter(Qt.Orientation.Horizontal)
        halves.setHandleWidth(3)
        halves.setChildrenCollapsible(False)
        halves.addWidget(self.matrix)
        halves.addWidget(self.list)
        halves.setSizes([356, 420])
        halves.setStretchFactor(0, 1)
        self.body.addWidget(halves, 1)
        self.define("first_merge", "samples_in_conflict")
        self.matrix.cell_clicked.connect(self._choose)
        self.matrix.cell_hovered.connect(self._hover)
        self.list.itemClicked.connect(lambda item, _column: self._choose(*item.data(0, Qt.ItemDataRole.UserRole)))
        self.list.itemActivated.connect(lambda item, _column: self._choose(*item.data(0, Qt.ItemDataRole.UserRole)))

    # -- showing -----------------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Draw the checkpoint that is looked at."""
        reading, number = self.reading, self.look.checkpoint
        if reading is None or number < 0:
            return
        words = shared_words(reading, number, self.pictures)
        self.shared.say(words)
        self.shared.setVisible(bool(words))
        self._take(reading, number)
        self.matrix.set_note("" if self.first is not None else UNKNOWN)
        if self.first is None:
            self.matrix.show_cells(None)
            self.list.clear()
            self._listed = ()
            self.claim.say(UNKNOWN)
            self.legend.show_keys(())
            return
        self.matrix.show_merges(self.first, self.pairs, len(reading.points), reading.classes, self.there)
        row, column = self._cell
        inside = 0 <= row < len(self.first) and int(self.first[row, column]) == self.look.point
        self.matrix.select(*(self._cell if inside else (-1, -1)))
        self._list_pairs(reading)
        self.claim.say(claim(reading, self.first, self.pairs))
        self._show_keys(reading)

    def _take(self, reading: Reading, number: int) -> None:
        """Read the merges of a checkpoint, only when something has changed: all bundles may have to be gone through."""
        arrived = reading.result.arrived
        read = (reading, number, arrived.get("bundle_ids", 0), arrived.get("merged_pairs", 0), self.other)
        if read == self._read:
            return
        self._read, self._listed = read, ()
        found = reading.first_merge(number)
        self.first, self.pairs = found if found is not None else (None, self.pairs)
        other = self.other
        self.there = None
        if other is not None and other.reading.classes == reading.classes:
            theirs = other.reading.first_merge(other.checkpoint(number))
            self.there = theirs[0] if theirs is not None else None

    def _list_pairs(self, reading: Reading) -> None:
        if self._listed:
            return
        self._listed = (reading,)
        titles = ["classes", "first at", "pairs"]
        if self.there is not None and self.other is not None:
            titles.append(self.other.name)
        self.list.clear()
        self.list.setColumnCount(len(titles))
        self.list.setHeaderLabels(titles)
        self.list.header().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header = self.list.headerItem()
        header.setTextAlignment(2, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        header.setToolTip(1, TERMS["first_merge"].definition)
        header.setToolTip(2, TERMS["merged_pairs"].definition)
        assert self.first is not None  # asked for after reading
        for row, column in ranked(self.first, self.pairs)[:MOST_ROWS]:
            self.list.addTopLevelItem(self._item(reading, row, column))

    def _item(self, reading: Reading, row: int, column: int) -> QTreeWidgetItem:
        assert self.first is not None
        names = f"{reading.classes[row]} – {reading.classes[column]}"
        point = reading.point_words(int(self.first[row, column]))
        texts = [names, point, f"{int(self.pairs[row, column]):,}"]
        if self.there is not None:
            texts.append(self._there_words(row, column))
        item = QTreeWidgetItem(texts)
        wide = self.list.fontMetrics().horizontalAdvance(names) + 16
        item.setSizeHint(0, QSize(wide, round(2.1 * self.theme.text_size)))
        item.setTextAlignment(2, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        item.setData(0, Qt.ItemDataRole.UserRole, (row, column))
        return item

    def _there_words(self, row: int, column: int) -> str:
        assert self.there is not None
        assert self.other is not None
        point = int(self.there[row, column])
        return self.other.reading.point_words(point) if point >= 0 else NEVER

    def _show_keys(self, reading: Reading) -> None:
        theme, merged = self.theme, self.first[self.first >= 0] if self.first is not None else np.empty(0)
        earliest = int(merged.min()) if len(merged) else 0
        keys = [
            Key("bar", "never", zero_color(theme)),
            Key("bar", "at the last point", shade(theme, 0.0)),
            Key("bar", f"at {reading.point_words(earliest)}, the earliest", shade(theme, 1.0)),
        ]
        if self.there is not None and self.other is not None:
            keys.append(Key("frame", f"merged in {self.other.name}, too", theme.color("text")))
        self.legend.show_keys(tuple(keys))

    # -- pointing ----------------------------------------------------------------------------------------------------

    def _choose(self, row: int, column: int) -> None:
        if self.first is None or not 0 <= row < len(self.first):
            return
        point = int(self.first[row, column])
        if point >= 0:
            self._cell = (row, column)
            self.point_chosen.emit(point)

    def _hover(self, row: int, column: int) -> None:
        reading = self.reading
        if reading is None or self.first is None or not 0 <= row < len(self.first):
            self.told.emit("", ())
            return
        first = int(self.first[row, column])
        words = reading.point_words(first) if first >= 0 else NEVER
        found = [Entry("first at", words, "bundles", term="first_merge")]
        if first >= 0:
            count = int(self.pairs[row, column])
            text = f"{count:,} pair{'' if count == 1 else 's'} of pictures"
            found.append(Entry("merged there", text, "text_soft", term="merged_pairs"))
        if self.there is not None and self.other is not None:
            found.append(Entry(self.other.name, self._there_words(row, column), "outline", term="first_merge"))
        names = reading.classes[row] if row == column else f"{reading.classes[row]} – {reading.classes[column]}"
        self.told.emit(names, tuple(found))


def shared_words(reading: Reading, checkpoint: int, pictures: tuple[int, ...]) -> str:
    """Say at which point the selected pictures first share a bundle; "" for fewer than two."""
    if len(pictures) < 2:
        return ""
    names = ", ".join(str(place) for place in pictures[:6]) + (" …" if len(pictures) > 6 else "")
    first = reading.first_shared(checkpoint, pictures)
    if first is None:
        return f"Selected pictures {names}: not all of them were measured"
    if first < 0:
        return f"Selected pictures {names}: never all in one bundle"
    return f"Selected pictures {names}: first all in one bundle at {reading.point_words(first)}"


def ranked(first: Ints, pairs: Ints) -> list[tuple[int, int]]:
    """List the pairs of different classes that merge: earliest point first, then most pairs of pictures."""
    rows, columns = np.nonzero(np.triu(first >= 0, 1))
    order = np.lexsort((-pairs[rows, columns], first[rows, columns]))
    return list(zip(rows[order].tolist(), columns[order].tolist(), strict=True))


def claim(reading: Reading, first: Ints, pairs: Ints) -> str:
    """Say in one line how many pairs of classes merge, and which first."""
    found = ranked(first, pairs)
    total = len(first) * (len(first) - 1) // 2
    if not found:
        return f"No two of {len(first)} classes share a bundle at any point."
    row, column = found[0]
    at = reading.point_words(int(first[row, column]))
    words = f"{len(found):,} of {total:,} pairs of classes merge"
    return f"{words} · first: {reading.classes[row]} and {reading.classes[column]}, at {at}"
