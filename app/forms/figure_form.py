"""Export of figures: choose what it shows and how it looks, see it as it will be, write it.

The form only edits a :class:`analysis.figures.FigureSpec`. Preview, export and command line draw the same value, which
is why the window's file and the command line's are the same bytes.
"""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QGuiApplication, QImage, QResizeEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QFrame,
    QListWidget,
    QListWidgetItem,
    QScrollArea,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from analysis.catalogue import MethodInfo
from analysis.figures import FIGURES, PALETTES, SIZES, FigureInfo, FigureSpec, Style, make_sheet
from analysis.figures.sheet import Sheet
from analysis.problems import AnalysisError
from analysis.result import Result
from app.forms.figure_preview import FigurePreview
from app.forms.params_form import ParamsForm
from app.forms.widgets import GRID, button, column, label, row
from app.hints import told
from app.theme import Theme
from app.workspace import Run, Workspace

SIZE_WORDS = {"column": "Column, 89 mm", "page": "Page, 183 mm", "slide": "Slide, 254 × 143 mm"}
PALETTE_WORDS = {"okabe-ito": "Colour (safe for colour blindness)", "grey": "Grey (safe for print)"}
FILTER = "PDF (*.pdf);;SVG, text stays text (*.svg);;PNG (*.png);;PGF for TeX (*.pgf)"
REST = 150
"""Milliseconds without a change after which the preview is drawn anew."""


FIELDS = 380
"""Pixels that the fields take where the picture stands beside them."""


class FigureForm(QWidget):
    """Edits one figure and exports it.

    Parameters
    ----------
    workspace
        Its runs are what figures can show.
    theme
        For the preview's surroundings.
    """

    exported = Signal(str)
    """The file that was written."""

    def __init__(self, workspace: Workspace, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self._filling = False
        self._sheet: Sheet | None = None
        self.figure = QComboBox()
        self.figure.setAccessibleName("Figure")
        _may_shrink(self.figure)
        self.figure.currentIndexChanged.connect(self._figure_chosen)
        self.runs = QListWidget()
        self.runs.setAccessibleName("Runs the figure shows")
        self.runs.setMaximumHeight(72)
        self.runs.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.runs.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.runs.itemChanged.connect(self._changed)
        self.options = ParamsForm(_info(FIGURES[0]))
        self._style_fields()
        self.preview = FigurePreview(theme)
        self.preview.failed.connect(self._failed)
        self.message = label("", "error", wrap=True)
        self.message.hide()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(REST)
        self._timer.timeout.connect(self._draw)
        self._lay_out()
        workspace.runs_changed.connect(self._list_runs)
        workspace.run_finished.connect(self._list_runs)
        self._list_runs()

    # -- the widgets -------------------------------------------------------------------------------------------------

    def _style_fields(self) -> None:
        self.page_size = _combo("Size", {name: SIZE_WORDS[name] for name in SIZES})
        self.palette_choice = _combo("Palette", {name: PALETTE_WORDS[name] for name in PALETTES})
        self.dpi = QSpinBox()
        self.dpi.setRange(30, 2400)
        self.dpi.setValue(Style().dpi)
        self.dpi.setSuffix(" dpi")
        self.dpi.setAccessibleName("Dots per inch of a PNG")
        self.font_size = QDoubleSpinBox()
        self.font_size.setRange(0, 40)
        self.font_size.setSingleStep(0.5)
        self.font_size.setDecimals(1)
        self.font_size.setSuffix(" pt")
        self.font_size.setSpecialValueText("as the size")
        self.font_size.setAccessibleName("Text size")
        self.legend = QCheckBox("Legend")
        self.legend.setChecked(True)
        self.note = QCheckBox("Sample size and conventions")
        self.note.setChecked(True)
        self.numbers = QCheckBox("With its numbers and a script")
        self.numbers.setToolTip("A CSV beside the figure, and a script that redraws it with matplotlib alone")
        for combo in (self.page_size, self.palette_choice):
            combo.currentIndexChanged.connect(self._changed)
        for spin in (self.dpi, self.font_size):
            spin.valueChanged.connect(self._changed)
        for box in (self.legend, self.note):
            box.toggled.connect(self._changed)

    def _lay_out(self) -> None:
        self._options_place = QVBoxLayout()
        self._options_place.addWidget(self.options)
        style = QFormLayout()
        style.setHorizontalSpacing(12)
        style.setVerticalSpacing(4)
        style.addRow("Size", self.page_size)
        style.addRow("Text", self.font_size)
        style.addRow("Colours", self.palette_choice)
        style.addRow("PNG", self.dpi)
        style.addRow(self.legend)
        style.addRow(self.note)
        style.addRow(self.numbers)
        inner = QWidget()
        box = column(
            self.figure, label("Runs", "heading"), self.runs, label("Shows", "heading"), self._options_place,
            label("Looks", "heading"), style, None,
        )  # fmt: skip
        box.setContentsMargins(0, 0, GRID, 0)
        inner.setLayout(box)
        self._fields = QScrollArea()
        self._fields.setWidget(inner)
        self._fields.setWidgetResizable(True)
        self._fields.setFrameShape(QFrame.Shape.NoFrame)
        self._fields.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.export_button = button("Export…", self.ask_and_export, "primary", "Write PDF, SVG or PNG")
        self.copy_button = button("Copy", self.copy_picture, "", "Put the picture on the clipboard", "Copy picture")
        self.command_button = button(
            "Command", self.copy_command, "", "Copy the command that draws the same file without the window",
            "Copy as command line",
        )  # fmt: skip
        picture = QWidget()
        picture.setLayout(column(self.preview, self.message))
        self._sides = QBoxLayout(QBoxLayout.Direction.TopToBottom)
        self._sides.setSpacing(GRID)
        self._sides.addWidget(picture, 3)
        self._sides.addWidget(self._fields, 4)
        outer = column(self._sides, row(self.command_button, self.copy_button, None, self.export_button))
        outer.setContentsMargins(GRID, GRID, GRID, GRID)
        self.setLayout(outer)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Put the picture beside the fields where there is room, else above them."""
        wide = event.size().width() >= 2 * FIELDS
        self._sides.setDirection(QBoxLayout.Direction.RightToLeft if wide else QBoxLayout.Direction.TopToBottom)
        self._fields.setMaximumWidth(FIELDS if wide else 16_777_215)
        super().resizeEvent(event)

    # -- what is edited ----------------------------------------------------------------------------------------------

    def show_spec(self, spec: FigureSpec) -> None:
        """Edit another figure."""
        self._filling = True
        spec = replace(spec, runs=tuple(Path(name).name for name in spec.runs))
        self._offer_figures(spec)
        self._tick_runs(spec.runs)
        self.options.set_values(dict(spec.options))
        style = spec.style
        self.page_size.setCurrentIndex(self.page_size.findData(style.size))
        self.palette_choice.setCurrentIndex(self.palette_choice.findData(style.palette))
        self.dpi.setValue(style.dpi)
        self.font_size.setValue(style.font)
        self.legend.setChecked(style.legend)
        self.note.setChecked(style.note)
        self._filling = False
        self._changed()

    def spec(self) -> FigureSpec:
        """Return the figure as it stands.

        Raises
        ------
        AnalysisError
            If an option has no possible value.
        """
        style = Style(
            self.page_size.currentData(),
            self.dpi.value(),
            self.palette_choice.currentData(),
            self.font_size.value(),
            self.legend.isChecked(),
            self.note.isChecked(),
        )
        options = tuple(self.options.values().items())
        return FigureSpec(str(self.figure.currentData() or ""), self._ticked(), options, style)

    def _offer_figures(self, spec: FigureSpec) -> None:
        """List the figures that can show the methods of the runs; the wanted one is chosen."""
        methods = {run.request.method for run in self._runs() if _name(run) in spec.runs}
        fits = [info for info in FIGURES if info.fits(methods)]
        self.figure.clear()
        for info in fits:
            self.figure.addItem(info.title, info.name)
        self.figure.setCurrentIndex(max(self.figure.findData(spec.name), 0))
        self._build_options()

    def _figure_chosen(self) -> None:
        if not self._filling:
            self._build_options()
            self._changed()

    def _build_options(self) -> None:
        name = self.figure.currentData()
        info = next((figure for figure in FIGURES if figure.name == name), FIGURES[0])
        old, self.options = self.options, ParamsForm(_info(info))
        self.options.changed.connect(self._changed)
        self._options_place.replaceWidget(old, self.options)
        old.hide()
        old.deleteLater()

    def _runs(self) -> list[Run]:
        return [run for run in self._workspace.runs.values() if run.folder is not None and run.result.declared]

    def _list_runs(self, _number: int = 0) -> None:
        self._tick_runs(self._ticked())
        if not self._filling and self._ticked():
            self._changed()

    def _tick_runs(self, names: tuple[str, ...]) -> None:
        self.runs.blockSignals(True)
        self.runs.clear()
        # A figure's first run is what the others are drawn beside: the order is part of the figure.
        order = {name: place for place, name in enumerate(names)}
        for run in sorted(self._runs(), key=lambda run: order.get(_name(run), len(order))):
            item = QListWidgetItem(run.name)
            item.setToolTip(_name(run))
            item.setData(Qt.ItemDataRole.UserRole, _name(run))
            item.setCheckState(Qt.CheckState.Checked if _name(run) in names else Qt.CheckState.Unchecked)
            self.runs.addItem(item)
        self.runs.blockSignals(False)

    def _ticked(self) -> tuple[str, ...]:
        items = [self.runs.item(i) for i in range(self.runs.count())]
        return tuple(str(i.data(Qt.ItemDataRole.UserRole)) for i in items if i.checkState() == Qt.CheckState.Checked)

    # -- drawing -----------------------------------------------------------------------------------------------------

    def _changed(self) -> None:
        if not self._filling:
            self._timer.start()

    def _draw(self) -> None:
        try:
            spec = self.spec()
            self._sheet = make_sheet(spec, self._results(spec))
        except AnalysisError as error:
            self.preview.clear()
            self._failed(told(error))
            return
        self._say("")
        self.preview.show_sheet(self._sheet, spec.style)

    def _results(self, spec: FigureSpec) -> list[Result]:
        found = {_name(run): run.result for run in self._runs()}
        return [found[name] for name in spec.runs if name in found]

    def _failed(self, problem: object) -> None:
        self._sheet = None
        self._say(str(problem))

    def _say(self, text: str) -> None:
        self.message.setText(text)
        self.message.setVisible(bool(text))
        for widget in (self.export_button, self.copy_button, self.command_button):
            widget.setEnabled(not text)

    # -- what leaves the window --------------------------------------------------------------------------------------

    def ask_and_export(self) -> None:
        """Ask for a file and write the figure into it."""
        start = f"{self.figure.currentData()}.pdf"
        path, _ = QFileDialog.getSaveFileName(self, "Export figure", start, FILTER)
        if path:
            self.export(Path(path))

    def export(self, path: Path) -> None:
        """Write the figure, and its numbers if that is ticked; tell problems below the preview."""
        from analysis.figures.draw import save_sheet
        from analysis.figures.redraw import save_numbers

        try:
            spec = self.spec()
            sheet = make_sheet(spec, self._results(spec))
            self.preview.finish()
            save_sheet(sheet, spec.style, path)
            if self.numbers.isChecked():
                save_numbers(sheet, path.with_suffix(".csv"))
        except AnalysisError as error:
            self._workspace.raise_problem(told(error))
            return
        self.exported.emit(str(path))

    def copy_picture(self) -> None:
        """Put the figure on the clipboard, at its full resolution."""
        from analysis.figures.draw import encode

        try:
            spec = self.spec()
            self.preview.finish()
            data = encode(make_sheet(spec, self._results(spec)), spec.style, ".png")
        except AnalysisError as error:
            self._workspace.raise_problem(told(error))
            return
        QGuiApplication.clipboard().setImage(QImage.fromData(data))

    def copy_command(self) -> None:
        """Put a command on the clipboard that draws the same file without the window."""
        QGuiApplication.clipboard().setText(self.command())

    def command(self) -> str:
        """Return a command line that draws the same file."""
        spec = self.spec()
        words = ["python", "-m", "analysis", "export", *self._folders(spec), "--figure", spec.name]
        for name, value in spec.options:
            words += ["--set", f"{name}={value}"]
        style, plain = spec.style, Style()
        words += ["--size", style.size]
        for name in ("dpi", "palette", "font"):
            if getattr(style, name) != getattr(plain, name):
                words += [f"--{name}", str(getattr(style, name))]
        words += [f"--no-{name}" for name in ("legend", "note") if not getattr(style, name)]
        return shlex.join([*words, "--to", f"{spec.name}.pdf"])

    def _folders(self, spec: FigureSpec) -> list[str]:
        folders = {_name(run): str(run.folder) for run in self._runs()}
        return [folders[name] for name in spec.runs if name in folders]

    def finish(self) -> None:
        """Wait for a drawing that is under way; called before the window closes."""
        self._timer.stop()
        self.preview.finish()


def _info(figure: FigureInfo) -> MethodInfo:
    return MethodInfo(figure.name, figure.title, figure.title, needs=frozenset(), params=figure.options)


def _name(run: Run) -> str:
    return run.folder.name if run.folder else ""


def _may_shrink(combo: QComboBox) -> None:
    """Let a combo box be narrower than its longest entry, so that the form fits a narrow panel."""
    combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    combo.setMinimumContentsLength(10)


def _combo(name: str, words: dict[str, str]) -> QComboBox:
    combo = QComboBox()
    combo.setAccessibleName(name)
    _may_shrink(combo)
    for key, text in words.items():
        combo.addItem(text, key)
    return combo
