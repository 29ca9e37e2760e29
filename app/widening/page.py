"""What the measured pages have in common: what is asked, how far the run is, stop and go on, and values on pointing."""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtWidgets import QComboBox, QDoubleSpinBox, QHBoxLayout, QMenu, QWidget

from analysis.catalogue import MethodInfo
from app.drawing.readout import Line, Readout
from app.forms.flow import Flow, together
from app.forms.side_page import SidePage
from app.forms.widgets import GRID, Bar, button, label
from app.reading import width_runs
from app.reading.continuing import continued
from app.theme import Theme
from app.workspace import Run

FIELD = 84


class RunStrip(QWidget):
    """How far a run is, with a button that stops it, or goes on where it was stopped."""

    stopped = Signal(int)
    """The number of the run that is to end."""
    continued = Signal(object)
    """The request that goes on with an unfinished run."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.said, self.bar = Line(theme), Bar(theme, 120)
        self.stop = button(
            "Stop", lambda: self.stopped.emit(self._number), "", "Stop at the next step; what has arrived is kept"
        )
        self.resume = button("Go on", self._go_on, "", "Measure only what is missing")
        self._request: object = None
        self._number = 0
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 0, 8, 0)
        layout.setSpacing(GRID)
        layout.addWidget(self.said, 1)
        layout.addWidget(self.bar)
        layout.addWidget(self.stop)
        layout.addWidget(self.resume)

    def show_run(self, run: Run | None, info: MethodInfo | None = None) -> None:
        """Show a run; it can be stopped while it is being carried out, and go on if `info` of its method says so."""
        self.setVisible(run is not None)
        if run is None:
            return
        self._number = run.number
        found = continued(run, info)
        self.said.say(" · ".join(part for part in (width_runs.words(run), found.words if found else "") if part))
        self.bar.setVisible(run.open)
        self.bar.set_share(width_runs.share(run))
        self.stop.setVisible(run.state == "running")
        self._request = found.request if found is not None else None
        self.resume.setVisible(self._request is not None)

    def _go_on(self) -> None:
        if self._request is not None:
            self.continued.emit(self._request)


class Page(SidePage):
    """One side of the tab that shows a run.

    Parameters
    ----------
    name
        Accessible name.
    page
        Help page that says more.
    """

    measured = Signal(object)
    """Parameters for a new run: name to value."""
    stopped = Signal(int)
    continued = Signal(object)
    used = Signal(str)
    """The user wants a configuration from what is shown; which."""
    group_chosen = Signal(str)
    help_wanted = Signal(str)
    changed = Signal()
    """Something has been arranged."""

    def __init__(self, theme: Theme, name: str, page: str, hint: str) -> None:
        super().__init__(theme, name)
        self.why_not = ""
        """Why nothing of the network that is compared with is drawn, set before a run is shown; "" if it is."""
        self.page = page
        self.strip, self.readout = RunStrip(theme), Readout(theme)
        self.readout.set_hint(hint)
        self.readout.help_wanted.connect(self.help_wanted)
        self.strip.stopped.connect(self.stopped)
        self.strip.continued.connect(self.continued)
        self.fields = Flow(gap=GRID, edges=(12, 2, 8, 2))
        self.body.addWidget(self.fields)
        self.body.addWidget(self.strip)
        column = self.layout()
        assert column is not None
        column.addWidget(self.readout)

    def add_field(self, words: str, field: QWidget, tip: str) -> None:
        """Put a field with its name into the row at the top."""
        field.setToolTip(tip)
        field.setAccessibleName(words)
        if isinstance(field, QDoubleSpinBox):
            field.lineEdit().setAccessibleName(words)
        self.fields.add(together(label(words, "small"), field, spacing=GRID))

    def contextMenuEvent(self, event: object) -> None:
        """Offer the page that says more."""
        place = getattr(event, "globalPos", QPoint)()
        self.show_menu(place)

    def show_menu(self, place: QPoint) -> None:
        """Offer the page that says more."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction("What is this?", lambda: self.help_wanted.emit(self.page))
        menu.popup(place)


def number_field(low: float, high: float, value: float, suffix: str = "", decimals: int = 2) -> QDoubleSpinBox:
    """Make a field for a number within limits."""
    made = QDoubleSpinBox()
    made.setRange(low, high)
    made.setDecimals(decimals)
    made.setValue(value)
    made.setSuffix(suffix)
    made.setSingleStep(5 if suffix else 0.25)
    made.setFixedWidth(FIELD)
    made.setKeyboardTracking(False)
    made.lineEdit().setTextMargins(4, 0, 0, 0)
    return made


def choice_field(choices: tuple[tuple[str, str], ...]) -> QComboBox:
    """Make a field for one of several values, given as (value, words)."""
    made = QComboBox()
    for value, words in choices:
        made.addItem(words, value)
    return made
