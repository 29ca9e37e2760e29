"""What the pages have in common: one claim in words above, keys and values below, and what a click asks for."""

from __future__ import annotations

import math

from PySide6.QtCore import Signal

from app.drawing.legend import Key
from app.drawing.readout import Entry
from app.forms.side_page import SidePage, definitions
from app.reading import numbers
from app.reading.bundle_comparison import SecondReading
from app.reading.bundles import Look, Reading
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
        self.other: SecondReading | None = None
        """The network that is compared with, None for nothing."""
        self.look = Look()
        self.why_not = ""
        """Why the second network is not drawn here, "" if it is."""

    def show_reading(self, reading: Reading, look: Look, other: SecondReading | None = None) -> None:
        """Show a run, before a second one; called whenever anything of them, or what is looked at, may have changed."""
        self.reading, self.look, self.other, self.why_not = reading, look, other, ""
        self.refresh()

    def outline_key(self, words: str = "") -> tuple[Key, ...]:
        """Return the entry of the legend for the network that is compared with; () for none."""
        if self.other is None:
            return ()
        return (Key("frame", f"{self.other.name}{words}", self.theme.color("text")),)

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
            found = (*entries(reading, checkpoint, point), *differences(reading, self.other, checkpoint, point))
            self.told.emit(reading.point_words(point), found)


def entries(reading: Reading, checkpoint: int, point: int) -> tuple[Entry, ...]:
    """List the values of a cell with their definitions."""

    def value(name: str) -> float:
        return float(reading.table(name)[checkpoint, point])

    if reading.table("bundles")[checkpoint, point] != reading.table("bundles")[checkpoint, point]:
        gone = bool(reading.non_finite()[checkpoint, point])
        return (Entry("", "not finite" if gone else "not measured yet", "text_soft"),)
    total = int(reading.counted()[checkpoint, point])
    found = [
        Entry("bundles", f"{value('bundles'):,.0f} of {total:,}", "text_soft", term="bundles"),
        Entry("H", entropy_words(reading, value("entropy")), "bundles", term="entropy"),
        Entry(
            "in conflict",
            f"{value('samples_in_conflict'):,.0f} pictures in {bundles(value('conflicting_bundles'))}",
            "bundles",
            term="samples_in_conflict",
        ),
        Entry("largest", f"{value('largest_bundle'):,.0f}", "text_soft", term="largest_bundle"),
        Entry("error floor", numbers.percent(value("error_floor")), "text_soft", term="error_floor"),
    ]
    critical = critical_words(reading, checkpoint, point)
    if critical:
        found.append(Entry("critical", critical, "text_soft", term="critical_tolerance"))
    update = update_ratio(reading, checkpoint, point)
    if math.isfinite(update):
        found.append(Entry("max|a|·η/B", f"{update:.2g} W", "text_soft", term="update_ratio"))
    gaps = value("non_finite")
    if gaps > 0:
        found.append(Entry("not finite", f"{gaps:,.0f} pictures left out", "text_soft", term="non_finite"))
    state = reading.state_words(checkpoint, point)
    if state:
        found.append(Entry("", state, "text_soft"))
    return tuple(found)


def differences(reading: Reading, other: SecondReading | None, checkpoint: int, point: int) -> tuple[Entry, ...]:
    """Say by how much a cell differs from the one of a second network that corresponds to it."""
    if other is None:
        return ()
    theirs = float(other.values(other.reading.table("entropy"), checkpoint)[point])
    if theirs != theirs:
        return (Entry(other.name, "has no such point", "text_soft", term="compared"),)
    ours = float(reading.table("entropy")[checkpoint, point])
    conflict = 100 * float(reading.value("conflict")[checkpoint, point])
    conflict -= 100 * float(other.values(other.reading.value("conflict"), checkpoint)[point])
    entropy = numbers.with_unit(theirs, "nats") if theirs else "0 nats"
    why = other.why_no_difference(checkpoint)
    if why:
        tip = "Entropy grows with the number of pictures and the width of the grid"
        return (Entry(other.name, f"H {entropy}; no difference: {why}", "text", tip, "compared"),)
    words = f"H {entropy} ({numbers.signed(ours - theirs, 3)}), in conflict {numbers.signed(conflict, 1)} points"
    tip = "The network that is compared with; in brackets and as points: how much more it is here"
    return (Entry(other.name, words, "text", tip, "compared"),)


def update_ratio(reading: Reading, checkpoint: int, point: int) -> float:
    """Largest update of a cell over the largest weight, max|a|·η/B / W; NaN without a grid or weights."""
    if reading.mode not in ("", "update-grid"):
        return float("nan")
    eta, batch, amplitude = (
        float(reading.per_checkpoint(name)[checkpoint]) for name in ("eta", "training_batch", "amplitude")
    )
    return float(reading.table("magnitude")[checkpoint, point]) * eta / batch / amplitude if amplitude else float("nan")


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
