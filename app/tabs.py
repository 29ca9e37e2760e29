"""The views as tabs; each is built when its tab is first shown."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QTabWidget, QVBoxLayout, QWidget

from app.theme import Theme
from app.views import View, ViewInfo
from app.workspace import Workspace

MOST_STEPS = 50
"""Views that can be come back to."""


class ViewTabs(QTabWidget):
    """One tab per view."""

    made = Signal(object)
    """A view that has just been built."""
    way_changed = Signal()
    """There are more or fewer views to come back to."""

    def __init__(self, workspace: Workspace, theme: Theme, infos: tuple[ViewInfo, ...]) -> None:
        super().__init__()
        self._workspace, self._theme, self._infos = workspace, theme, infos
        self._states: dict[str, dict[str, Any]] = {}
        self._views: dict[str, QWidget] = {}
        self._places: list[QVBoxLayout] = []
        self._way: list[str] = []
        self.setDocumentMode(True)
        self.setAccessibleName("Views")
        self.tabBar().setAccessibleName("Views")
        self.tabBar().setDrawBase(False)
        for info in infos:
            place = QWidget()
            box = QVBoxLayout(place)
            box.setContentsMargins(0, 0, 0, 0)
            self._places.append(box)
            self.addTab(place, info.title)
        self.currentChanged.connect(self._make)

    def _make(self, place: int) -> None:
        """Build the view of a tab, once; only when it can be seen."""
        if place < 0 or not self.isVisible() or self._infos[place].name in self._views:
            return
        info = self._infos[place]
        view = info.make(self._workspace, self._theme)
        self._views[info.name] = view
        self._places[place].addWidget(view)
        if isinstance(view, View):
            view.restore(self._states.get(info.name, {}))
        self.made.emit(view)

    def showEvent(self, event: Any) -> None:
        """Build the view in front."""
        super().showEvent(event)
        self._make(self.currentIndex())

    @property
    def name(self) -> str:
        """Name of the view in front, "" if there is none."""
        place = self.currentIndex()
        return self._infos[place].name if place >= 0 else ""

    def view(self, name: str = "") -> QWidget | None:
        """Return a view if it has been built; the one in front without a name."""
        return self._views.get(name or self.name)

    def names(self) -> tuple[tuple[str, str], ...]:
        """Return name and title of every view."""
        return tuple((info.name, info.title) for info in self._infos)

    def show_view(self, name: str) -> None:
        """Bring a view to the front."""
        for place, info in enumerate(self._infos):
            if info.name == name:
                self.setCurrentIndex(place)
                self._make(place)

    def go_deep(self, name: str) -> None:
        """Show a view that shows more of what was double-clicked; :meth:`come_back` returns."""
        before = self.name
        self.show_view(name)
        if before and self.name == name != before:
            self._way.append(before)
            del self._way[:-MOST_STEPS]
            self.way_changed.emit()

    @property
    def can_come_back(self) -> bool:
        """True after a step into a view by a double click."""
        return bool(self._way)

    def come_back(self) -> None:
        """Return to the view from which the last step was taken."""
        if self._way:
            self.show_view(self._way.pop())
            self.way_changed.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Escape comes back, unless what has the focus has a use for it."""
        if event.key() == Qt.Key.Key_Escape and self._way:
            self.come_back()
            return
        super().keyPressEvent(event)

    def step(self, by: int) -> None:
        """Show the next view, or the one before; after the last comes the first."""
        if self.count():
            self.setCurrentIndex((self.currentIndex() + by) % self.count())
            self.tabBar().setFocus()

    def states(self) -> dict[str, dict[str, Any]]:
        """Return how the views are arranged, by name."""
        now = {name: view.state() for name, view in self._views.items() if isinstance(view, View)}
        return {name: state for name, state in (self._states | now).items() if state}

    def restore(self, states: dict[str, Any]) -> None:
        """Arrange the views, now or when they are built."""
        self._states = {name: state for name, state in states.items() if isinstance(state, dict)}
        for name, state in self._states.items():
            view = self._views.get(name)
            if isinstance(view, View):
                view.restore(state)
