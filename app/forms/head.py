"""The row above a view: words at the left, controls at the right, in two rows where one is too narrow."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QHBoxLayout, QLayout, QWidget

GAP = 8


class Head(QWidget):
    """Puts the controls below the words as soon as both do not fit beside each other.

    Parameters
    ----------
    words
        What stands at the left.
    controls
        What stands at the right, from left to right.
    """

    def __init__(self, words: QWidget, *controls: QWidget) -> None:
        super().__init__()
        self._words, self._controls = words, QWidget()
        row = QHBoxLayout(self._controls)
        row.setContentsMargins(0, 0, 0, 0)
        row.addStretch(1)
        for control in controls:
            row.addWidget(control)
        self._box = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._box.setContentsMargins(8, 6, 8, 2)
        self._box.setSpacing(GAP)
        self._box.setSizeConstraint(QLayout.SizeConstraint.SetNoConstraint)
        self._box.addWidget(words, 1)
        self._box.addWidget(self._controls)

    @property
    def in_two_rows(self) -> bool:
        """True if the controls stand below the words."""
        return self._box.direction() == QBoxLayout.Direction.TopToBottom

    def arrange(self) -> None:
        """Choose one row or two, after words, controls, width or font have changed."""
        edges = self._box.contentsMargins()
        # A line that leaves parts out where it is narrow says itself how wide it would like to be.
        words = int(getattr(self._words, "room", self._words.sizeHint().width()))
        narrow = words + GAP + self._controls.sizeHint().width() + edges.left() + edges.right() > self.width()
        direction = QBoxLayout.Direction.TopToBottom if narrow else QBoxLayout.Direction.LeftToRight
        if direction != self._box.direction():
            self._box.setDirection(direction)
            self._box.setSpacing(2 if narrow else GAP)

    def minimumSizeHint(self) -> QSize:
        """Ask for the wider of the two, since they can stand below each other."""
        hint, edges = self._box.minimumSize(), self._box.contentsMargins()
        parts = (self._words.minimumSizeHint().width(), self._controls.minimumSizeHint().width())
        return QSize(max(parts) + edges.left() + edges.right(), hint.height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fit into another width."""
        super().resizeEvent(event)
        self.arrange()

    def event(self, event: QEvent) -> bool:
        """Fit when a font, a word or the set of controls has changed."""
        done = super().event(event)
        if event.type() in (QEvent.Type.LayoutRequest, QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self.arrange()
        return done


def activate(widget: QWidget) -> None:
    """Lay a widget out now, with those inside it, rather than when Qt comes round to it."""
    for inner in (*widget.findChildren(QWidget, options=Qt.FindChildOption.FindDirectChildrenOnly), widget):
        layout = inner.layout()
        if layout is not None:
            layout.activate()
