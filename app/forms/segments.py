"""Buttons of which exactly one is down: pages of a tab, values of a plot."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QButtonGroup, QGridLayout, QLayout, QToolButton, QWidget


class Segments(QWidget):
    """A row of buttons of which exactly one is down.

    Parameters
    ----------
    choices
        (value, words) pairs.
    name
        Accessible name.
    wraps
        True to go on in further rows where one is too narrow.
    """

    chosen = Signal(str)

    def __init__(self, choices: tuple[tuple[str, str], ...], name: str, wraps: bool = False) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(0)
        self._group = QButtonGroup(self)
        self._group.setExclusive(True)
        self._buttons: dict[str, QToolButton] = {}
        for place, (value, words) in enumerate(choices):
            button = QToolButton()
            button.setText(words)
            button.setCheckable(True)
            button.setProperty("role", "flat")
            button.setAccessibleName(f"{name}: {words}")
            self._group.addButton(button)
            self._buttons[value] = button
            self._grid.addWidget(button, 0, place)
        self._wraps, self.columns = wraps, len(choices)
        if wraps:
            self._grid.setSizeConstraint(QLayout.SizeConstraint.SetNoConstraint)
        self._group.buttonClicked.connect(self._clicked)
        next(iter(self._buttons.values())).setChecked(True)

    def _clicked(self, _button: object) -> None:
        self.chosen.emit(self.value)

    @property
    def value(self) -> str:
        """The value that is down."""
        return next(value for value, button in self._buttons.items() if button.isChecked())

    def set_value(self, value: str) -> None:
        """Press a button without announcing it; an unknown value is ignored."""
        if value in self._buttons:
            self._buttons[value].setChecked(True)

    # -- rows --------------------------------------------------------------------------------------------------------

    def _hints(self) -> list[QSize]:
        return [button.sizeHint() for button in self._buttons.values()]

    def _wide(self, columns: int) -> int:
        """Pixels of so many columns, each as wide as its widest button."""
        hints = self._hints()
        return sum(max(hint.width() for hint in hints[place::columns]) for place in range(columns))

    def _arrange(self) -> None:
        """Put as many buttons beside each other as have room."""
        count = len(self._buttons)
        columns = next((number for number in range(count, 1, -1) if self._wide(number) <= self.width()), 1)
        if columns != self.columns:
            self.columns = columns
            for place, button in enumerate(self._buttons.values()):
                self._grid.addWidget(button, *divmod(place, columns))
            self.updateGeometry()

    def sizeHint(self) -> QSize:
        """Ask for one row."""
        return QSize(self._wide(len(self._buttons)), self._high()) if self._wraps else super().sizeHint()

    def minimumSizeHint(self) -> QSize:
        """Ask for the widest button, if there can be further rows."""
        return QSize(self._wide(1), self._high()) if self._wraps else super().minimumSizeHint()

    def _high(self) -> int:
        return max(hint.height() for hint in self._hints()) * -(-len(self._buttons) // self.columns)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fit into another width."""
        super().resizeEvent(event)
        if self._wraps:
            self._arrange()

    def event(self, event: QEvent) -> bool:
        """Fit when the font has changed."""
        done = super().event(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange) and self._wraps:
            self._arrange()
        return done
