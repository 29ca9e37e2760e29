"""The panels around the views: made when first shown, closed, moved, saved and restored."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QByteArray, QObject, Qt, Signal
from PySide6.QtWidgets import QDockWidget, QMainWindow, QWidget

from app.forms.widgets import PanelTitle
from app.theme import Theme

VERSION = 1
"""Raised when the docks change so much that an old layout makes no sense."""
SIDE, DEEP = 264, 200
"""Width of the panels at the sides and height of those below, at first; larger letters widen those up to a quarter."""


@dataclass(frozen=True, slots=True)
class DockInfo:
    """A panel.

    Attributes
    ----------
    name, title
        Name in code and files; words of its head.
    area
        Where it is at first.
    make
        Builds its content; called when it is first shown.
    shown
        True if it is open at first.
    lone
        True if it takes the place of the other such panels of its side, so that tabs stay few enough to be read.
    """

    name: str
    title: str
    area: Qt.DockWidgetArea
    make: Callable[[], QWidget]
    shown: bool = False
    lone: bool = False


class Docks(QObject):
    """The docks of a window."""

    changed = Signal()
    """A panel was opened, closed or moved."""

    def __init__(self, window: QMainWindow, theme: Theme, infos: tuple[DockInfo, ...]) -> None:
        super().__init__(window)
        self._window, self._theme = window, theme
        self._infos = {info.name: info for info in infos}
        self._docks: dict[str, QDockWidget] = {}
        self._open: set[str] = {info.name for info in infos if info.shown}
        self._visible = False
        for corner, area in (
            (Qt.Corner.TopLeftCorner, Qt.DockWidgetArea.LeftDockWidgetArea),
            (Qt.Corner.TopRightCorner, Qt.DockWidgetArea.RightDockWidgetArea),
        ):
            window.setCorner(corner, area)
        window.setDockOptions(QMainWindow.DockOption.AllowTabbedDocks | QMainWindow.DockOption.AllowNestedDocks)
        for info in infos:
            self._add(info)
        self._arrange()

    def _add(self, info: DockInfo) -> None:
        dock = QDockWidget(info.title, self._window)
        dock.setObjectName(f"dock_{info.name}")
        dock.setAccessibleName(info.title)
        title = PanelTitle(info.title, self._theme)
        title.closed.connect(dock.close)
        dock.setTitleBarWidget(title)
        dock.hide()
        self._window.addDockWidget(info.area, dock)
        dock.visibilityChanged.connect(lambda visible, name=info.name: self._on_visibility(name, visible))
        dock.dockLocationChanged.connect(self.changed)
        self._docks[info.name] = dock

    def _arrange(self) -> None:
        """Put panels of the same side over each other, as tabs."""
        first: dict[Qt.DockWidgetArea, QDockWidget] = {}
        for name, info in self._infos.items():
            if info.area in first:
                self._window.tabifyDockWidget(first[info.area], self._docks[name])
            else:
                first[info.area] = self._docks[name]
        sides = [
            dock
            for name, dock in self._docks.items()
            if self._infos[name].area != Qt.DockWidgetArea.BottomDockWidgetArea
        ]
        below = [dock for dock in self._docks.values() if dock not in sides]
        most = max(SIDE, self._window.width() // 4)
        wide = min(most, round(SIDE * max(1.0, self._theme.scale)))
        self._window.resizeDocks(sides, [wide] * len(sides), Qt.Orientation.Horizontal)
        self._window.resizeDocks(below, [DEEP] * len(below), Qt.Orientation.Vertical)

    def _on_visibility(self, name: str, visible: bool) -> None:
        if visible:
            self.content(name)
        self.changed.emit()

    # -- contents ----------------------------------------------------------------------------------------------------

    def content(self, name: str) -> QWidget:
        """Return the content of a panel, built now if it was not before."""
        dock = self._docks[name]
        if dock.widget() is None:
            dock.setWidget(self._infos[name].make())
        widget = dock.widget()
        assert widget is not None  # just set
        return widget

    def made(self, name: str) -> QWidget | None:
        """Return the content of a panel if it has been built."""
        return self._docks[name].widget()

    # -- open and closed ---------------------------------------------------------------------------------------------

    def set_visible(self, visible: bool) -> None:
        """Hide all panels for the start page, or bring back those that are open."""
        if visible == self._visible:
            return
        if not visible:
            self._open = {name for name in self._docks if self.is_open(name)}
        self._visible = visible
        for name, dock in self._docks.items():
            dock.setVisible(visible and name in self._open)
        if visible:
            for name, info in self._infos.items():
                if info.shown and name in self._open:
                    self._docks[name].raise_()

    def is_open(self, name: str) -> bool:
        """Tell whether a panel is open; it may be behind another one."""
        if not self._visible:
            return name in self._open
        return not self._docks[name].isHidden()

    def show(self, name: str) -> QWidget:
        """Open a panel and bring it to the front; return its content."""
        content = self.content(name)
        if self._infos[name].lone:
            for other, info in self._infos.items():
                if other != name and info.lone and not self._docks[other].isFloating():
                    self.close(other)
        self._visible = True
        self._docks[name].show()
        self._docks[name].raise_()
        self.changed.emit()
        return content

    def close(self, name: str) -> None:
        """Close a panel."""
        self._open.discard(name)
        self._docks[name].close()

    def set_open(self, name: str, is_open: bool) -> None:
        """Open or close a panel."""
        if is_open:
            self.show(name)
        else:
            self.close(name)

    def open_names(self) -> tuple[str, ...]:
        """Names of the panels that are open."""
        return tuple(name for name in self._docks if self.is_open(name))

    # -- layout ------------------------------------------------------------------------------------------------------

    def state(self) -> str:
        """Return the layout as text."""
        return base64.b64encode(bytes(self._window.saveState(VERSION).data())).decode()

    def restore(self, state: str, names: tuple[str, ...] | None = None) -> bool:
        """Bring back a layout; return False, and change nothing, if it makes no sense.

        Parameters
        ----------
        state
            What :meth:`state` returned.
        names
            Panels to open; None for those that the layout says.
        """
        try:
            data = QByteArray(base64.b64decode(state, validate=True))
        except (binascii.Error, ValueError):
            return False
        if not state or not self._window.restoreState(data, VERSION):
            return False
        wanted = set(names) if names is not None else {n for n, dock in self._docks.items() if not dock.isHidden()}
        self._open = wanted & set(self._docks)
        for name, dock in self._docks.items():
            dock.setVisible(self._visible and name in self._open)
        return True

    def reset(self) -> None:
        """Bring back the layout of the first start."""
        for name, dock in self._docks.items():
            dock.setFloating(False)
            self._window.addDockWidget(self._infos[name].area, dock)
        self._arrange()
        self._open = {name for name, info in self._infos.items() if info.shown}
        for name, dock in self._docks.items():
            dock.setVisible(self._visible and name in self._open)
