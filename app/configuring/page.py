"""What the pages have in common: one claim in words above, keys below, and what a click asks for."""

from __future__ import annotations

import math

from PySide6.QtCore import QPoint, Signal
from PySide6.QtWidgets import QMenu

from app.drawing.legend import Key
from app.drawing.plots import Plot
from app.drawing.readout import Entry
from app.forms.side_page import SidePage, definitions
from app.reading import numbers
from app.reading.configuration_comparison import SecondConfigurations, both
from app.reading.configurations import METHOD, Look, Reading, Row, macs_words
from app.theme import Theme

NO_LABELS = "These pictures have no labels, so nothing can be right or wrong."


class Page(SidePage):
    """One side of a run.

    Parameters
    ----------
    name
        Accessible name.
    """

    configuration_chosen = Signal(int)
    cell_chosen = Signal(int, int)
    """Row of a finished picture and configuration."""
    pictures_chosen = Signal(str, object)
    """Words for pictures and their rows: they are shown wherever pictures are browsed."""
    help_wanted = Signal(str)
    measure_wanted = Signal(str)
    """Name of a method whose run would stand beside."""

    def __init__(self, theme: Theme, name: str) -> None:
        super().__init__(theme, name)
        self.reading: Reading | None = None
        self.other: SecondConfigurations | None = None
        """The network that is compared with, set before a run is shown; None for nothing."""
        self.look = Look()
        self.why_not = ""
        """Why the second network is not drawn here, "" if it is."""

    def show_reading(self, reading: Reading, look: Look) -> None:
        """Show a run; called whenever anything of it, or what is looked at, may have changed."""
        self.reading, self.look, self.why_not = reading, look, ""
        self.refresh(reading, look)

    def refresh(self, reading: Reading, look: Look) -> None:
        """Draw. Nothing by default."""

    def define(self, plot: Plot, *names: str) -> None:
        """Say what is drawn when the legend is pointed at, and lead from a plot to its definition."""
        self.legend.setToolTip("\n".join(text for text in (self.legend.toolTip(), definitions(*names)) if text))
        plot.menu_wanted.connect(self._show_menu)

    def _show_menu(self, place: QPoint) -> None:
        menu = QMenu(self)
        menu.addAction("What is this?", lambda: self.help_wanted.emit(METHOD))
        menu.popup(place)

    def tell_configuration(self, number: int) -> None:
        """Tell what one configuration reaches and costs; -1 for none."""
        reading = self.reading
        if reading is None or not 0 <= number < len(reading.names):
            self.told.emit("", ())
        else:
            found = (*entries(reading, number), *differences(self.other, number))
            self.told.emit(reading.names[number], found)

    def outline_key(self) -> tuple[Key, ...]:
        """Return the entry of the legend for the network that is compared with; () for none."""
        return (Key("frame", self.other.name, self.theme.color("outline")),) if self.other is not None else ()


def entries(reading: Reading, number: int) -> tuple[Entry, ...]:
    """List what is known of a configuration."""
    field, (high, wide) = reading.result["receptive_field"][number], reading.maps(number)[-1]
    found: list[Entry] = []
    if reading.labelled:
        accuracy = numbers.percent(float(reading.accuracy[number]))
        alone = f"{int(reading.solved_alone[number]):,} pictures"
        found = [
            Entry("accuracy", accuracy, "configurations", term="configuration_accuracy"),
            Entry("right alone", alone, "text_soft", term="solved_alone"),
            Entry("shared credit", f"{float(reading.shared_credit[number]):.1f}", "text_soft", term="shared_credit"),
        ]
    repeats = int(reading.result["duplicate_of"][number]) if "duplicate_of" in reading.result else number
    return (
        *found,
        Entry("cost", macs_words(float(reading.macs[number])), "cost", term="macs"),
        Entry("last map", f"{high}×{wide}", "text_soft", term="last_map"),
        Entry(
            "receptive field", f"{float(field[0]):,.0f}×{float(field[1]):,.0f} px", "text_soft", term="reach_by_hand"
        ),
        *([Entry("", f"answers like {reading.names[repeats]}", "text_soft")] if 0 <= repeats != number else []),
    )


def differences(other: SecondConfigurations | None, number: int) -> tuple[Entry, ...]:
    """Say what a configuration reaches in a second network, and how much more it reaches in the shown one."""
    if other is None:
        return ()
    theirs = float(other.aligned(other.reading.accuracy)[number])
    words = both(float(other.shown.accuracy[number]), theirs) or "has no such configuration"
    return (
        Entry(
            other.name, words, "outline", "The network that is compared with; in brackets: points more here", "compared"
        ),
    )


def interval(row: Row) -> str:
    """Words for a share with its interval, where it has one."""
    value, low, high = row
    if not math.isfinite(value):
        return numbers.NOTHING
    if not (math.isfinite(low) and math.isfinite(high)):
        return numbers.percent(value).replace("-", "−")
    return f"{numbers.percent(value)} [{100 * low:.1f}, {100 * high:.1f}]".replace("-", "−")
