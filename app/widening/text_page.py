"""The configuration as text: to be edited, copied, pasted and opened."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtGui import QFontDatabase, QGuiApplication
from PySide6.QtWidgets import QFileDialog, QPlainTextEdit, QVBoxLayout, QWidget

from analysis.measures.widths.text import print_widths
from analysis.problems import AnalysisError
from app.forms.flow import Flow
from app.forms.widgets import GRID, button, label
from app.hints import told
from app.reading.width_texts import as_json, as_latex, read_widths
from app.widening.editing import Editing


class TextPage(QWidget):
    """A text field that follows the configuration until it is typed into, and buttons for other forms."""

    def __init__(self, editing: Editing) -> None:
        super().__init__()
        self.editing = editing
        self._shown = ""
        self.field = QPlainTextEdit()
        self.field.setAccessibleName("Configuration as text")
        self.field.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.field.textChanged.connect(self._typed)
        self.complaint = label("", "error", wrap=True)
        self.use = button("Use this text", self.apply, "primary", "One step that can be undone")
        self.buttons = (
            self.use,
            button("Open…", self._open),
            button("Copy text", lambda: _copy(self.field.toPlainText())),
            button("Copy JSON", lambda: self._copy_as(as_json)),
            button("Copy LaTeX table", lambda: self._copy_as(as_latex)),
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 4, 12, 4)
        layout.addWidget(self.field, 1)
        layout.addWidget(self.complaint)
        layout.addWidget(Flow(*self.buttons, gap=GRID, edges=(0, 4, 0, 0)))

    def show_widths(self) -> None:
        """Follow the configuration, unless the user has typed something else."""
        reading = self.editing.reading
        if reading is None:
            return
        text = print_widths(reading.found, self.editing.widths, everything=True)
        if text != self._shown and self.field.toPlainText() in (self._shown, ""):
            self._shown = text
            self.field.setPlainText(text)
        self._typed()

    def apply(self) -> None:
        """Make the text the configuration, or say which line is wrong."""
        reading = self.editing.reading
        if reading is None:
            return
        try:
            widths = read_widths(reading.found, self.field.toPlainText())
        except AnalysisError as error:
            self.complaint.setText(str(told(error)))
            return
        self.complaint.setText("")
        self._shown = self.field.toPlainText()
        self.editing.put(widths, "configuration from text")
        self._shown = print_widths(reading.found, self.editing.widths, everything=True)
        self.field.setPlainText(self._shown)

    def _typed(self) -> None:
        self.use.setEnabled(self.field.toPlainText() != self._shown)
        if not self.use.isEnabled():
            self.complaint.setText("")

    def _open(self) -> None:
        kinds = "Configurations (*.txt *.json);;All files (*)"
        path, _ = QFileDialog.getOpenFileName(self, "Open a configuration", "", kinds)
        if path:
            try:
                self.field.setPlainText(Path(path).read_text(encoding="utf-8"))
            except (OSError, UnicodeDecodeError) as error:
                self.complaint.setText(f"{path} cannot be read: {getattr(error, 'strerror', '') or 'it is no text'}.")

    def _copy_as(self, form: object) -> None:
        reading = self.editing.reading
        if reading is not None and callable(form):
            _copy(form(reading, self.editing.widths))


def _copy(text: str) -> None:
    QGuiApplication.clipboard().setText(text)
