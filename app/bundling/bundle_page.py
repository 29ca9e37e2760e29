"""Bundles of one cell: a table, and the pictures of the chosen one."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QSplitter, QStackedLayout, QVBoxLayout, QWidget

from analysis.measures.bundles import Bundle, bundles_of, members
from app.browsing.bundle_table import BundleTable, zero
from app.browsing.members import MemberGrid
from app.browsing.thumbnails import Thumbnails
from app.bundling.page import Page, bundles, entropy_words
from app.drawing.readout import Line
from app.forms.widgets import button, label
from app.reading.bundle_comparison import SecondReading
from app.reading.bundles import Look, Reading
from app.reading.depth import Floats, Ints
from app.reading.glossary import TERMS
from app.theme import Theme

NOBODY = np.empty(0, dtype=np.int64)
HINT = "Choose a bundle to see its pictures."


class BundlePage(Page):
    """Table at the left, pictures at the right.

    Attributes
    ----------
    followed
        Rows of the run's pictures that are followed from point to point; empty for none.
    """

    followed_to = Signal(int, int)
    """Point and bundle (-1 if all of them are alone there) to which the pictures were followed."""
    sample_chosen = Signal(int, tuple)
    distances_wanted = Signal()
    """The user wants to know how far the pictures of the bundle are from its first one."""

    def __init__(self, theme: Theme, thumbnails: Thumbnails) -> None:
        super().__init__(theme, "Bundles of a point")
        self.followed: Ints = NOBODY
        self._shown: tuple[object, ...] = ()
        self._bundles: tuple[Bundle, ...] = ()
        self._sampled: tuple[object, ...] = ()
        self._compared: tuple[object, ...] = ()
        self.table, self.grid = BundleTable(theme), MemberGrid(theme, thumbnails)
        self.thumbnails = thumbnails
        self.head, self.trace = Line(theme, "text", "text"), Line(theme)
        self.before = button("◂ previous point", lambda: self._follow(-1), tip="The same pictures one point earlier")
        self.measure = button("distances", lambda: self.distances_wanted.emit())
        self.after = button("next point ▸", lambda: self._follow(1), tip="The same pictures one point later")
        self.table.chosen.connect(lambda bundle: self.bundle_chosen.emit(self.look.point, bundle))
        self.grid.chosen.connect(self.sample_chosen)
        self.note = label("", "soft", wrap=True)
        self.note.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._lay_out()

    def _lay_out(self) -> None:
        steps = QHBoxLayout()
        steps.setContentsMargins(8, 0, 8, 4)
        steps.setSpacing(8)
        steps.addWidget(self.before)
        steps.addWidget(self.after)
        steps.addWidget(self.measure)
        steps.addWidget(self.trace, 1)
        top = QHBoxLayout()
        top.setContentsMargins(8, 0, 8, 4)
        top.addWidget(self.head, 1)
        right = QWidget()
        column = QVBoxLayout(right)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(top)
        column.addLayout(steps)
        self.pictures = QStackedLayout()
        self.pictures.addWidget(self.grid)
        self.pictures.addWidget(self.note)
        column.addLayout(self.pictures, 1)
        halves = QSplitter(Qt.Orientation.Horizontal)
        halves.setHandleWidth(3)
        halves.setChildrenCollapsible(False)
        halves.addWidget(self.table)
        halves.addWidget(right)
        halves.setSizes([330, 446])
        halves.setStretchFactor(1, 1)
        self.body.addWidget(halves, 1)

    # -- showing -----------------------------------------------------------------------------------------------------

    def show_reading(self, reading: Reading, look: Look, other: SecondReading | None = None) -> None:
        """Show a run; pictures are followed as long as nobody looks at another bundle."""
        if look.checkpoint != self.look.checkpoint or (look.bundle < 0 and look.point != self.look.point):
            self.followed = NOBODY
        super().show_reading(reading, look, other)

    def refresh(self) -> None:
        """Show the bundles of the cell that is looked at."""
        reading, look = self.reading, self.look
        if reading is None or look.checkpoint < 0 or look.point < 0:
            self.table.show_bundles((), (), -1)
            self._show_nothing("Select a point to see its bundles.")
            return
        cell = (id(reading.result), look.checkpoint, look.point, reading.result.arrived.get("bundle_ids", 0))
        if cell != self._shown:
            self._shown = cell
            self._bundles = reading.bundles(look.checkpoint, look.point)
        self._show_together()
        self.table.show_bundles(self._bundles, reading.classes, look.bundle)
        self.claim.say(self._claim(reading))
        self._show_members(reading)

    def _show_together(self) -> None:
        """Count in the second network what the bundles of the cell are there."""
        other, look = self.other, self.look
        key = (self._shown, other)
        if key != self._compared:
            self._compared = key
            shown = tuple(bundle.id for bundle in self._bundles)
            together = other.together(look.checkpoint, look.point, shown) if other is not None else {}
            self.table.table.show_together(together, other.name if other is not None else "")

    def _claim(self, reading: Reading) -> str:
        look, found = self.look, self._bundles
        name = f"{reading.point_words(look.point)} · {reading.checkpoints[look.checkpoint]}"
        count = float(reading.table("bundles")[look.checkpoint, look.point])
        if count != count:
            return f"{name}: not measured"
        if not found:
            return f"{name}: no two pictures are equal here"
        entropy = entropy_words(reading, float(reading.table("entropy")[look.checkpoint, look.point]))
        conflicts = sum(bundle.entropy > 0 for bundle in found)
        words = f"{conflicts:,} of them in conflict" if conflicts else "none in conflict"
        return f"{name}: {bundles(len(found))} of two pictures or more, {words} · H = {entropy}"

    def rows(self) -> Ints:
        """Rows of the run's pictures that are shown: the bundle's, or those that were followed."""
        reading, look = self.reading, self.look
        if reading is None or look.checkpoint < 0 or look.point < 0:
            return NOBODY
        if look.bundle >= 0:
            return members(reading.ids(look.checkpoint, look.point), look.bundle)
        return self.followed

    def _show_members(self, reading: Reading) -> None:
        rows, look = self.rows(), self.look
        for step, press in ((-1, self.before), (1, self.after)):
            press.setEnabled(bool(len(rows)) and reading.neighbour(look.point, step) >= 0)
        self.trace.say(self._traced(reading))
        if not len(rows):
            self._show_nothing(HINT if self._bundles else "All pictures are told apart here.")
            return
        bundle = next((found for found in self._bundles if found.id == look.bundle), None)
        words = self.table.table.words(bundle) if bundle else f"{len(rows)} pictures, each alone here"
        # Parts that do not fit are left out from the end, and said on hovering.
        self.head.say(f"Bundle {look.bundle} · {words.replace(', ', ' · ')}" if bundle else words, words)
        if self.thumbnails.pictures is None:
            why = self.thumbnails.problem or "The pictures are being read …"
            self._show_nothing(why, keep=True)
            return
        places = reading.places[rows]
        if int(places.max()) >= len(self.thumbnails.pictures):
            self._show_nothing("These are not the pictures of the run: open those it was measured on.", keep=True)
            return
        sampled = (id(reading.result), look.checkpoint, reading.result.changes)
        if sampled != self._sampled:
            self._sampled, self._samples = sampled, reading.table_of_samples(look.checkpoint)
        self.pictures.setCurrentWidget(self.grid)
        self.grid.show_places(self._samples, places)

    def _show_nothing(self, why: str, keep: bool = False) -> None:
        self.note.setText(why)
        self.pictures.setCurrentWidget(self.note)
        if not keep:
            self.head.say("")

    def show_distances(self, found: dict[int, float], rows: dict[int, Floats], unit: str, why_not: str) -> None:
        """Show distances from the first picture and the values as rows of heat, or why they cannot be measured."""
        words = {place: f"{zero(value)} {unit}".strip() for place, value in found.items()}
        self.grid.show_values(words, rows)
        self.measure.setEnabled(self.look.bundle >= 0 and not why_not and not found)
        tip = TERMS["bundle_distance"].definition
        self.measure.setToolTip(
            why_not
            or (f"Shown in the pictures, above the values as a row of heat. {tip}" if found else f"Measure: {tip}")
        )

    # -- following ---------------------------------------------------------------------------------------------------

    def _follow(self, step: int) -> None:
        reading, rows = self.reading, self.rows()
        if reading is None or not len(rows):
            return
        if not len(self.followed):
            self.followed = rows
        point = reading.neighbour(self.look.point, step)
        if point >= 0:
            found = bundles_of(reading.ids(self.look.checkpoint, point), self.followed)
            largest = found[0] if found else (-1, NOBODY)
            self.followed_to.emit(point, largest[0] if len(largest[1]) > 1 else -1)

    def _traced(self, reading: Reading) -> str:
        """Say where the followed pictures are."""
        if not len(self.followed):
            return ""
        found = bundles_of(reading.ids(self.look.checkpoint, self.look.point), self.followed)
        total = len(self.followed)
        here = next((len(rows) for bundle, rows in found if bundle == self.look.bundle), 0)
        if here == total:
            return f"all {total} followed pictures are in this bundle"
        if here:
            return f"{here} of {total} followed pictures are here, the others in {bundles(len(found) - 1)}"
        return f"{total} followed pictures, in {bundles(len(found))}"
