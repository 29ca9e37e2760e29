"""What all views have in common: they wait while hidden, repaint once per announcement, and teach when empty."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QEvent, Qt, QTimer, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QLabel,
    QMenu,
    QPushButton,
    QStackedLayout,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from analysis.figures import FigureSpec
from app.drawing.legend import Legend
from app.drawing.plots import Plot
from app.drawing.readout import Line
from app.reading import numbers
from app.reading.glossary.legends import LINES
from app.theme import Theme
from app.workspace import Run, Workspace


@dataclass(frozen=True, slots=True)
class ViewInfo:
    """A view that the window can show.

    Attributes
    ----------
    name, title
        Name in code and workspace files; words of the tab.
    make
        Builds it; called when it is first shown.
    """

    name: str
    title: str
    make: Callable[[Workspace, Theme], QWidget]


class View(QWidget):
    """A widget that shows what is in the workspace.

    A view reads the workspace and listens to its signals. It paints once per turn of the event loop, however much was
    announced in it, and not at all while it is hidden.
    """

    view_wanted = Signal(str)
    """Name of another view that would show more of what was double-clicked."""
    help_wanted = Signal(str)
    """Name of a help page."""
    action_wanted = Signal(str)
    """Id of an entry of :data:`app.actions.ACTIONS`."""
    state_changed = Signal()
    """The user has arranged something that a workspace file should keep."""

    def __init__(self, workspace: Workspace, theme: Theme, name: str) -> None:
        super().__init__()
        self.workspace = workspace
        self.theme = theme
        self.stale = True
        self._leads = False
        """True once names in plots and legends open their definitions."""
        self.setObjectName("page")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName(name)
        self.content = QWidget()
        self.empty = EmptyState()
        self._stack = QStackedLayout(self)
        self._stack.addWidget(self.content)
        self._stack.addWidget(self.empty)
        self.empty.pressed.connect(self.fill)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(0)
        self._soon.timeout.connect(self._refresh_now)
        for signal in (
            workspace.model_changed, workspace.images_changed, workspace.edits_changed, workspace.runs_changed,
            workspace.span_changed, workspace.compared_changed, workspace.selection_changed, theme.changed,
        ):  # fmt: skip
            signal.connect(self.invalidate)
        workspace.run_changed.connect(self._run_changed)

    # -- for subclasses ----------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Show what is in the workspace now. Nothing by default."""

    def fill(self) -> None:
        """Do what the button of the empty state promises. Nothing by default."""

    def concerns(self, run: Run) -> bool:
        """Tell whether news of a run change what is shown. True by default."""
        return True

    def figure_spec(self) -> FigureSpec | None:
        """Return the figure of what is shown, None if there is nothing to export."""
        return None

    def why_no_figure(self) -> str:
        """Say why what is shown has no figure at all, "" if there is just nothing to export yet."""
        return ""

    def state(self) -> dict[str, Any]:
        """Return how the user has arranged the view, as JSON values. Nothing by default."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Arrange the view as :meth:`state` said; what is unknown is ignored."""

    # -- updates -----------------------------------------------------------------------------------------------------

    def invalidate(self) -> None:
        """Refresh soon, once; when hidden, as soon as the view is shown."""
        self.stale = True
        if self.isVisible() and not self._soon.isActive():
            self._soon.start()

    def _run_changed(self, number: int) -> None:
        run = self.workspace.runs.get(number)
        if run is not None and self.concerns(run):
            self.invalidate()

    def _refresh_now(self) -> None:
        if self.stale and self.isVisible():
            self.stale = False
            self.refresh()

    def showEvent(self, event: QShowEvent) -> None:
        """Catch up with what happened while hidden."""
        super().showEvent(event)
        self._lead_to_help()
        self._soon.stop()
        self._refresh_now()

    def _lead_to_help(self) -> None:
        """Open the definitions that plots, legends and lines of numbers lead to, on every page of the view."""
        if self._leads:
            return
        self._leads = True
        lines = self.findChildren(Line)
        for line in lines:
            line.know(LINES)
        parts: list[Plot | Legend | Line] = [*self.findChildren(Plot), *self.findChildren(Legend), *lines]
        for part in parts:
            part.help_wanted.connect(self.help_wanted)

    # -- empty state -------------------------------------------------------------------------------------------------

    def show_content(self) -> None:
        """Show the view itself."""
        if self._stack.currentWidget() is not self.content:
            self._stack.setCurrentWidget(self.content)

    def show_empty(self, sentence: str, button: str = "", note: str = "") -> None:
        """Say in one sentence what would be here and what it needs, with a button that gets it."""
        self.empty.say(sentence, button, note)
        if self._stack.currentWidget() is not self.empty:
            self._stack.setCurrentWidget(self.empty)


SENTENCE_WIDTH = 460


class EmptyState(QWidget):
    """What stands in an empty view: one sentence, one button, and how long it will take."""

    pressed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._sentence, self._note = QLabel(), QLabel()
        self._sentence.setWordWrap(True)
        self._sentence.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._sentence.setFixedWidth(SENTENCE_WIDTH)
        self._note.setProperty("role", "small")
        self._note.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._button = QPushButton()
        self._button.setProperty("role", "primary")
        self._button.clicked.connect(lambda: self.pressed.emit())
        layout = QVBoxLayout(self)
        layout.setSpacing(16)
        layout.addStretch(2)
        layout.addWidget(self._sentence, alignment=Qt.AlignmentFlag.AlignHCenter)
        layout.addWidget(self._button, alignment=Qt.AlignmentFlag.AlignHCenter)
        layout.addWidget(self._note, alignment=Qt.AlignmentFlag.AlignHCenter)
        layout.addStretch(3)

    def say(self, sentence: str, button: str, note: str) -> None:
        """Change the words; without words for the button there is none."""
        self._sentence.setText(sentence)
        self._make_room()
        self._button.setText(button)
        self._button.setVisible(bool(button))
        self._note.setText(note)
        self._note.setVisible(bool(note))

    def changeEvent(self, event: QEvent) -> None:
        """Make room for a larger font."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._make_room()

    def _make_room(self) -> None:
        """Make the sentence as high as it is: a layout does not ask a centred label."""
        self._sentence.setMinimumHeight(max(0, self._sentence.heightForWidth(SENTENCE_WIDTH)))

    @property
    def text(self) -> str:
        """The sentence."""
        return self._sentence.text()


def duration_words(workspace: Workspace, method: str) -> str:
    """Say about how long a measurement will take, from the network's multiply-adds; "" where nothing is known."""
    macs = sum(layer.macs for layer in workspace.layers)
    if not macs:
        return ""
    count = workspace.limit if workspace.limit > 0 else 1000
    speed = 3e11 if workspace.compute.device.startswith(("cuda", "mps")) else 8e9
    seconds = 2 + 1.5 * macs * count / speed
    return f"about {numbers.duration(seconds)} for {count:,} pictures on {workspace.compute.device}"


def menu_button(words: str, menu: QMenu) -> QToolButton:
    """Make a quiet button that opens a menu."""
    button = QToolButton()
    button.setText(f"{words} ▾")
    button.setAccessibleName(words)
    button.setProperty("role", "flat")
    button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
    button.setMenu(menu)
    return button
