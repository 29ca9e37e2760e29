"""Everything that can be preferred, each with one line of explanation, applied at once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QCheckBox, QComboBox, QLayout, QScrollArea, QVBoxLayout, QWidget

from app.desk import Desk
from app.forms.widgets import GRID, Elided, button, column, label, row, whole_number
from app.panels.fields import combo
from app.panels.top_bar import DTYPES
from app.reading import numbers
from app.reading.options import OPTIONS, Option

MODES = (("system", "System"), ("light", "Light"), ("dark", "Dark"))
SCALES = (70, 250)
"""Percent between which the size of text can be chosen; the theme's own limits."""
SURE = 4000
"""Milliseconds for which a button that asks whether one is sure waits for the second click."""
STATES = {"off": "not running", "starting": "starting", "ready": "ready"}


class SettingsPanel(QWidget):
    """The settings page. Not modal: every change acts at once, and can be seen beside the page.

    Parameters
    ----------
    desk
        What the settings act on.
    """

    shortcuts_wanted = Signal()
    """The list of keyboard shortcuts."""
    folder_wanted = Signal()
    """A dialog that chooses the folder of runs."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.setObjectName("panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._desk = desk
        self.rows: dict[str, QWidget] = {}
        self._sure = QTimer(self)
        self._sure.setSingleShot(True)
        self._sure.setInterval(SURE)
        self._sure.timeout.connect(self._unsure)
        self._make_fields()
        self._lay_out()
        for signal in (desk.preferences.changed, desk.workspace.compute_changed, desk.client.state_changed):
            signal.connect(self.refresh)
        desk.client.ready.connect(lambda _hello: self.refresh())
        desk.history.changed.connect(self.refresh)
        self.refresh()

    # -- parts -------------------------------------------------------------------------------------------------------

    def _make_fields(self) -> None:
        desk = self._desk
        self.theme = combo()
        for value, words in MODES:
            self.theme.addItem(words, value)
        self.theme.activated.connect(lambda _place: self._change("theme", self.theme.currentData()))
        self.scale = whole_number(*SCALES)
        self.scale.setSuffix(" %")
        self.scale.setSingleStep(10)
        # Only when the field is left or a step is made: text that grows while one types moves away from the mouse.
        self.scale.setKeyboardTracking(False)
        self.scale.valueChanged.connect(lambda percent: self._change("font_scale", percent / 100))
        self.device, self.dtype = combo(), combo()
        self.dtype.addItems(list(DTYPES))
        self.device.activated.connect(lambda _place: self._compute(device=str(self.device.currentData())))
        self.dtype.activated.connect(lambda _place: self._compute(dtype=self.dtype.currentText()))
        self.threads = whole_number(0, 1024)
        self.threads.setSpecialValueText("automatic")
        self.threads.setKeyboardTracking(False)
        self.threads.valueChanged.connect(lambda count: self._compute(threads=count))
        self.update_live, self.autosave = QCheckBox("on"), QCheckBox("on")
        self.update_live.clicked.connect(lambda on: self._change("update_live", on))
        self.autosave.clicked.connect(lambda on: self._change("autosave", on))
        self.engine, self.disk_use, self.recent = label(""), label(""), label("")
        self.folder = Elided("", where=Qt.TextElideMode.ElideMiddle)
        self.file = Elided(str(desk.preferences.path), where=Qt.TextElideMode.ElideMiddle)
        self.usual_folder = button("Usual", lambda: self._change("runs_folder", ""), tip="Beside the settings file")
        self.reset = button("Reset all settings", self._reset)
        self.complaint = label("", "error", wrap=True)
        self.complaint.hide()

    def _fields(self) -> dict[str, QWidget | QLayout]:
        """Field of every option, by its name."""
        desk = self._desk
        return {
            "theme": self.theme,
            "font_scale": self.scale,
            "shortcuts": row(button("Show and change", self.shortcuts_wanted.emit), None),
            "device": self.device,
            "dtype": self.dtype,
            "threads": self.threads,
            "update_live": self.update_live,
            "engine": row(self.engine, None, button("Restart", desk.client.restart, name="Restart engine")),
            "runs_folder": column(
                self.folder,
                row(
                    button("Choose…", self.folder_wanted.emit, name="Choose the folder of runs"),
                    self.usual_folder,
                    button("Open", self._open_runs, name="Open the folder of runs"),
                    None,
                ),
                spacing=4,
            ),
            "disk_use": self.disk_use,
            "autosave": self.autosave,
            "recent": row(self.recent, None, button("Forget", self._forget, name="Forget recent things")),
            "file": column(
                self.file,
                row(button("Open folder", lambda: show_folder(desk.preferences.path.parent)), None),
                spacing=4,
            ),
            "reset": row(self.reset, None),
        }

    def _lay_out(self) -> None:
        inner = QWidget()
        box = QVBoxLayout(inner)
        box.setContentsMargins(12, 0, 12, 12)
        box.setSpacing(2 * GRID)
        fields, group = self._fields(), ""
        for option in OPTIONS:
            if option.group != group:
                group = option.group
                box.addWidget(label(group, "heading"))
            self.rows[option.name] = _row(option, fields[option.name])
            box.addWidget(self.rows[option.name])
        box.addWidget(self.complaint)
        box.addStretch(1)
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setAccessibleName("Settings")
        self._scroll.setWidget(inner)
        inner.installEventFilter(self)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self._scroll)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Ask for as much width as the fields need, also when the size of text has changed."""
        if event.type() == QEvent.Type.LayoutRequest and isinstance(watched, QWidget):
            bar = self._scroll.verticalScrollBar().sizeHint().width()
            self._scroll.setMinimumWidth(watched.minimumSizeHint().width() + bar)
        return super().eventFilter(watched, event)

    # -- showing -----------------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Show what is preferred now."""
        desk = self._desk
        settings, history = desk.preferences.settings, desk.history
        self.theme.setCurrentIndex(max(0, self.theme.findData(settings.theme)))
        for spin, value in ((self.scale, round(100 * settings.font_scale)), (self.threads, settings.threads)):
            spin.blockSignals(True)
            spin.setValue(value)
            spin.blockSignals(False)
        self._show_devices(settings.device)
        self.dtype.setCurrentText(settings.dtype)
        self.update_live.setChecked(settings.update_live)
        self.autosave.setChecked(settings.autosave)
        self.engine.setText(STATES.get(desk.client.state, desk.client.state))
        self.folder.set_text(str(desk.preferences.runs_folder))
        self.usual_folder.setEnabled(bool(settings.runs_folder))
        count = len(history.runs())
        words = f"{count:,} run{'' if count == 1 else 's'}, {numbers.with_unit(history.total_size, 'bytes')}"
        self.disk_use.setText(words)
        known = len(settings.recent_models) + len(settings.recent_images) + len(settings.recent_workspaces)
        self.recent.setText(f"{known} remembered")

    def _show_devices(self, preferred: str) -> None:
        self.device.clear()
        self.device.addItem("automatic", "")
        for info in self._desk.client.devices:
            self.device.addItem(f"{info.name}  {info.title}".strip(), info.name)
        if preferred and self.device.findData(preferred) < 0:
            self.device.addItem(f"{preferred} (not here)", preferred)
        self.device.setCurrentIndex(max(0, self.device.findData(preferred)))

    def show_option(self, name: str) -> None:
        """Bring a setting into view and give its field the keyboard."""
        place = self.rows.get(name)
        if place is None:
            return
        self._scroll.ensureWidgetVisible(place)
        first = next((w for w in place.findChildren(QWidget) if w.focusPolicy() & Qt.FocusPolicy.TabFocus), None)
        if first is not None:
            first.setFocus()

    # -- changing ----------------------------------------------------------------------------------------------------

    def _change(self, name: str, value: object) -> None:
        self._tell(self._desk.preferences.change(**{name: value}))

    def _tell(self, complaint: str) -> None:
        self.complaint.setText(complaint)
        self.complaint.setVisible(bool(complaint))

    def _compute(self, **changes: str | int) -> None:
        """Prefer another device, precision or number of threads, and use it from the next run on."""
        desk = self._desk
        self._tell(desk.preferences.change(**changes))
        settings = desk.preferences.settings
        names = [info.name for info in desk.client.devices]
        gpu = next((name for name in names if name.startswith(("cuda", "mps"))), "cpu")
        device = settings.device if settings.device in names else gpu
        now = replace(desk.workspace.compute, device=device, dtype=settings.dtype, threads=settings.threads)
        desk.workspace.set_compute(now)

    def _open_runs(self) -> None:
        folder = self._desk.preferences.runs_folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            self._tell(f"{folder} cannot be opened: {error.strerror or error}.")
        else:
            show_folder(folder)

    def _forget(self) -> None:
        self._tell(self._desk.preferences.change(recent_models=(), recent_images=(), recent_workspaces=()))

    def _reset(self) -> None:
        """Ask once more on the button itself, then go back to the defaults."""
        if not self._sure.isActive():
            self.reset.setText("Reset really?")
            self._sure.start()
            return
        self._unsure()
        self._tell(self._desk.preferences.replace(self._desk.preferences.settings.as_new()))
        self._compute()

    def _unsure(self) -> None:
        self._sure.stop()
        self.reset.setText("Reset all settings")


def _row(option: Option, field: QWidget | QLayout) -> QWidget:
    """Put title, field and explanation below each other, so that the page can be as narrow as a panel."""
    place = QWidget()
    box = QVBoxLayout(place)
    box.setContentsMargins(0, 0, 0, 0)
    box.setSpacing(4)
    title = label(option.title)
    if isinstance(field, (QCheckBox, QComboBox)) or (isinstance(field, QWidget) and hasattr(field, "valueChanged")):
        field.setAccessibleName(option.title)
        field.setAccessibleDescription(option.help)
        field.setToolTip(option.help)
        line = row(title, None)
        line.addWidget(field, 1)
        box.addLayout(line)
    elif isinstance(field, QWidget):
        line = row(title, None)
        line.addWidget(field)
        box.addLayout(line)
    else:
        box.addWidget(title)
        box.addLayout(field)
    box.addWidget(label(option.help, "small", wrap=True))
    return place


def show_folder(folder: Path) -> None:
    """Open a folder in the system's own browser of files."""
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))
