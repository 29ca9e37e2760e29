"""What is seen first: go on where one was, open something, or look at the demo."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from analysis.request import ModelSource
from app.actions import ACTIONS
from app.forms.widgets import GRID, Elided, button, column, label, line, row
from app.keeping import LeftBehind
from app.settings import Preferences
from app.theme import Theme

WIDTH = 640
ICONS = {entry.id: entry.icon for entry in ACTIONS}


class StartPage(QWidget):
    """Recent networks and workspaces, the demo, and a place to drop a file.

    Parameters
    ----------
    theme, preferences
        Looks; recent things.
    actions
        The window's actions by id.
    """

    model_chosen = Signal(object)
    """A :class:`analysis.request.ModelSource`."""
    workspace_chosen = Signal(str)
    restore_chosen = Signal(object)
    """A :class:`app.keeping.LeftBehind`."""
    forget_chosen = Signal(object)
    """The same, to be deleted."""

    def __init__(self, theme: Theme, preferences: Preferences, actions: dict[str, QAction]) -> None:
        super().__init__()
        self.setObjectName("page")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._theme, self._preferences, self._actions = theme, preferences, actions
        self._left: list[LeftBehind] = []
        self._sheet = QWidget()
        self._sheet.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Maximum)
        self._column = QVBoxLayout(self._sheet)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setAccessibleName("Start page")
        middle = QWidget()
        # More room below than above: what stands a little over the middle looks centred.
        box = QVBoxLayout(middle)
        box.setContentsMargins(3 * GRID, 3 * GRID, 3 * GRID, 3 * GRID)
        box.addStretch(2)
        across = QHBoxLayout()
        across.addStretch(1)
        across.addWidget(self._sheet, 100)
        across.addStretch(1)
        box.addLayout(across)
        box.addStretch(3)
        scroll.setWidget(middle)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(scroll)
        preferences.changed.connect(self.refresh_later)
        theme.changed.connect(self.refresh)
        self._stale = False
        self.refresh()

    def refresh_later(self) -> None:
        """Note that recent things have changed; the page is made anew when it is next seen."""
        if self.isVisible():
            self.refresh()
        else:
            self._stale = True

    def showEvent(self, event: object) -> None:
        """Show what is recent now."""
        if self._stale:
            self.refresh()
        super().showEvent(event)  # type: ignore[arg-type]  # Qt passes its QShowEvent

    def set_left_behind(self, left: list[LeftBehind]) -> None:
        """Offer to go on with earlier sessions."""
        self._left = left
        self.refresh()

    def refresh(self) -> None:
        """Make the page anew."""
        self._stale = False
        focused = self.focusWidget()
        had_focus = focused is not None and focused.hasFocus()
        self._sheet.setMaximumWidth(round(WIDTH * max(self._theme.scale, 1.0)))
        while (item := self._column.takeAt(0)) is not None:
            _discard(item)
        settings = self._preferences.settings
        self._add(self._head())
        for left in [item for item in self._left if item.crashed][:3]:
            self._add(self._crashed(left), 2 * GRID)
        self._add(self._buttons(), 3 * GRID)
        entries: list[QPushButton] = [self._last(left) for left in self._left if not left.crashed]
        entries += [self._workspace(path) for path in settings.recent_workspaces[:4]]
        entries += [self._model(m.name, m.weights, m.title) for m in settings.recent_models[:5]]
        if entries:
            self._add(label("Recent", "heading"), 4 * GRID)
            self._add(line(), GRID)
            for place, entry in enumerate(entries):
                self._add(entry, GRID // 2 if place == 0 else 0)
        hint = "Or drop a file anywhere: weights, a network, pictures, a run, a workspace."
        self._add(label(hint, "soft", wrap=True), 4 * GRID)
        named = button("Choose a network by name…", self._actions["choose_model"].trigger, "link")
        held = QWidget()
        lab = button("Rank lab: random layers, no network needed", self._actions["show_rank_lab"].trigger, "link")
        held.setLayout(row(named, lab, None, spacing=3 * GRID))
        self._add(held, GRID // 2)
        if had_focus:
            self.focus_first()

    def focus_first(self) -> None:
        """Give the focus to the one primary button."""
        primary = (item for item in self._sheet.findChildren(QPushButton) if item.property("role") == "primary")
        first = next(primary, None)
        if first is not None:
            first.setFocus()

    def _add(self, item: QWidget, gap: int = 0) -> None:
        if gap:
            self._column.addSpacing(gap)
        self._column.addWidget(item)

    def _head(self) -> QWidget:
        mark = QLabel()
        mark.setPixmap(self._theme.icon("logo", "accent").pixmap(32, 32))
        mark.setFixedSize(40, 40)
        name = label("LayerScope", "title")
        what = label("Look inside trained convolutional networks, layer by layer.", "soft", wrap=True)
        head = QWidget()
        head.setLayout(row(mark, spacing=GRID))
        layout = head.layout()
        assert isinstance(layout, QHBoxLayout)
        layout.addLayout(column(name, what, spacing=2), 1)
        return head

    def _buttons(self) -> QWidget:
        eager = not self._preferences.settings.tried
        usual = "" if any(left.crashed for left in self._left) else "primary"
        demo = self._button("open_demo", "Open the demo", usual if eager else "")
        file = self._button("open_file", "Open…", "" if eager else usual)
        folder = self._button("open_folder", "Open folder…", "")
        box = QWidget()
        box.setLayout(row(*((demo, file) if eager else (file, demo)), folder, None))
        return box

    def _button(self, action: str, text: str, role: str) -> QPushButton:
        made = button(text, self._actions[action].trigger, role, self._actions[action].toolTip())
        self._theme.set_icon(made, ICONS[action], _ink(role))
        return made

    def _crashed(self, left: LeftBehind) -> QWidget:
        box = QWidget()
        mark = QLabel()
        mark.setPixmap(self._theme.icon("warning", "warning").pixmap(16, 16))
        text = Elided(f"Ended without saving: {left.title}, {_ago(left.when)}")
        box.setLayout(
            row(
                mark,
                text,
                button("Restore", lambda: self.restore_chosen.emit(left), "primary", name=f"Restore {left.title}"),
                button("Discard", lambda: self.forget_chosen.emit(left), "flat", name=f"Discard {left.title}"),
            )
        )
        layout = box.layout()
        assert isinstance(layout, QHBoxLayout)
        layout.setStretchFactor(text, 1)
        return box

    def _last(self, left: LeftBehind) -> QPushButton:
        call = self.restore_chosen.emit
        return self._entry("history", f"Last session: {left.title}", _ago(left.when), lambda: call(left))

    def _workspace(self, path: str) -> QPushButton:
        name = Path(path).name.removesuffix(".layerscope.json")
        return self._entry("workspace", name, _home(str(Path(path).parent)), lambda: self.workspace_chosen.emit(path))

    def _model(self, name: str, weights: tuple[str, ...], title: str) -> QPushButton:
        source = ModelSource(name, weights)
        shown = title or name
        where = _home(weights[0]) if weights else (name if name != shown else "")
        return self._entry(
            "network", Path(shown).name if "/" in shown else shown, where, lambda: self.model_chosen.emit(source)
        )

    def _entry(self, icon: str, text: str, where: str, call: Callable[[], object]) -> QPushButton:
        made = button("", call, "row", name=f"{text}, {where}" if where else text)
        mark = QLabel()
        mark.setPixmap(self._theme.icon(icon, "text_soft").pixmap(16, 16))
        words, place = label(text), Elided(where, "small", Qt.TextElideMode.ElideMiddle)
        place.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        for part in (mark, words, place):
            part.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        box = row(mark, words, 2 * GRID, place)
        box.setContentsMargins(GRID, 0, GRID, 0)
        box.setStretchFactor(place, 1)
        made.setLayout(box)
        made.setToolTip(where)
        return made


def _discard(item: object) -> None:
    widget = item.widget()  # type: ignore[attr-defined]  # a QLayoutItem
    if widget is not None:
        widget.hide()
        widget.deleteLater()


def _ink(role: str) -> str:
    return "on_accent" if role == "primary" else "text"


def _ago(when: float) -> str:
    """Return a time in words that suit how long ago it was."""
    then, now = datetime.fromtimestamp(when), datetime.now()
    if then.date() == now.date():
        return f"today, {then:%H:%M}"
    days = (now.date() - then.date()).days
    return f"yesterday, {then:%H:%M}" if days == 1 else f"{then:%Y-%m-%d, %H:%M}"


def _home(path: str) -> str:
    """Write the user's own folder as ~."""
    home = str(Path.home())
    return "~" + path[len(home) :] if path.startswith(home + "/") else path
