"""What the pages have in common: one claim in words above, keys and values below, and what a click asks for."""

from __future__ import annotations

import math

from PySide6.QtCore import Signal

from app.drawing.readout import Entry
from app.forms.side_page import SidePage, definitions
from app.reading import numbers
from app.reading.bundles import Look, Reading
from app.reading.glossary import TERMS
from app.theme import Theme


class Page(SidePage):
    """One side of a run.

    Parameters
    ----------
    name
        Accessible name.
    """

    point_chosen = Signal(int)
    cell_chosen = Signal(int, int)
    """Checkpoint and point."""
    bundle_chosen = Signal(int, int)
    """Point and bundle."""

    def __init__(self, theme: Theme, name: str) -> None:
        super().__init__(theme, name)
        self.reading: Reading | None = None
        self.look = Look()

    def show_reading(self, reading: Reading, look: Look) -> None:
        """Show a run; called whenever anything of it, or what is looked at, may have changed."""
        self.reading, self.look = reading, look
        self.refresh()

    def refresh(self) -> None:
        """Draw. Nothing by default."""

    def define(self, *names: str) -> None:
        """Say what is drawn when the legend is pointed at."""
        self.legend.setToolTip(definitions(*names))

    def tell_point(self, point: int) -> None:
        """Tell the values of a point at the checkpoint that is looked at."""
        reading, checkpoint = self.reading, self.look.checkpoint
        if reading is None or not 0 <= point < len(reading.points) or checkpoint < 0:
            self.told.emit("", ())
        else:
            self.told.emit(reading.point_words(point), entries(reading, checkpoint, point))


def entries(reading: Reading, checkpoint: int, point: int) -> tuple[Entry, ...]:
    """List the values of a cell with their definitions."""

    def value(name: str) -> float:
        return float(reading.table(name)[checkpoint, point])

    if reading.table("bundles")[checkpoint, point] != reading.table("bundles")[checkpoint, point]:
        gone = bool(reading.non_finite()[checkpoint, point])
        return (Entry("", "not finite" if gone else "not measured yet", "text_soft"),)
    total = int(reading.counted()[checkpoint, point])
    found = [
        Entry("bundles", f"{value('bundles'):,.0f} of {total:,}", "text_soft", TERMS["bundles"].definition),
        Entry("H", entropy_words(reading, value("entropy")), "bundles", TERMS["entropy"].definition),
        Entry(
            "in conflict",
            f"{value('samples_in_conflict'):,.0f} pictures in {bundles(value('conflicting_bundles'))}",
            "bundles",
            TERMS["samples_in_conflict"].definition,
        ),
        Entry("largest", f"{value('largest_bundle'):,.0f}", "text_soft", TERMS["largest_bundle"].definition),
        Entry("error floor", numbers.percent(value("error_floor")), "text_soft", TERMS["error_floor"].definition),
    ]
    critical = critical_words(reading, checkpoint, point)
    if critical:
        found.append(Entry("critical", critical, "text_soft", TERMS["critical_tolerance"].definition))
    gaps = value("non_finite")
    if gaps > 0:
        found.append(Entry("not finite", f"{gaps:,.0f} pictures left out", "text_soft", TERMS["non_finite"].definition))
    state = reading.state_words(checkpoint, point)
    if state:
        found.append(Entry("", state, "text_soft"))
    return tuple(found)


def bundles(count: float) -> str:
    """Words for a number of bundles."""
    return f"{count:,.0f} bundle{'' if count == 1 else 's'}"


def entropy_words(reading: Reading, value: float) -> str:
    """Words for an entropy; that of pictures with one label says nothing."""
    if reading.single:
        return "0: all pictures have one label"
    return "0 nats" if value == 0 else numbers.with_unit(value, "nats")


def critical_words(reading: Reading, checkpoint: int, point: int) -> str:
    """Words for the critical tolerance of a cell, "" where it was not looked for."""
    if "critical_tolerance" not in reading.result:
        return ""
    value = float(reading.result["critical_tolerance"][checkpoint, point])
    if value != value:
        return "none found" if reading.last >= 0 and _critical_known(reading, checkpoint) else ""
    return "0: values are equal" if value == 0 else numbers.multiple(math.log2(value))


def _critical_known(reading: Reading, checkpoint: int) -> bool:
    finished = reading.result.finished is not None
    known = reading.result["critical_tolerance"][checkpoint]
    return finished or bool((known == known).any())
