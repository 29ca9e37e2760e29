"""Ask for one measurement: the method's parameters, how many pictures, which layers."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from analysis.catalogue import MethodInfo
from analysis.config import matching
from analysis.problems import AnalysisError
from analysis.request import ModelSource, Request
from analysis.store import StoredRun
from app.forms.params_form import LARGEST, ParamsForm
from app.forms.widgets import GRID, button, label, line, row, tool, whole_number
from app.hints import told
from app.history import History
from app.measuring import moment
from app.panels.fields import combo, row_label
from app.reading.checkpoints import Folder, all_of, one_alone, takes_several, title_of
from app.theme import Theme
from app.workspace import Workspace

WITHOUT = "none"
"""Choice of pictures for a method that takes them but can do without."""


class MeasurePanel(QWidget):
    """The form of one method, and the button that starts it.

    Parameters
    ----------
    workspace, theme
        What is open; looks.
    history
        Stored runs, one of which may hold the answer already.
    """

    wanted = Signal(object, bool)
    """A request, and whether to measure it even if there is a stored answer."""
    stored_wanted = Signal(object)
    """Folder of a stored run to show."""
    line_wanted = Signal(object)
    """A request whose command line is to be copied."""

    def __init__(self, workspace: Workspace, theme: Theme, history: History) -> None:
        super().__init__()
        self.setObjectName("panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._workspace, self._theme, self._history = workspace, theme, history
        self._form: ParamsForm | None = None
        self._stored: StoredRun | None = None
        self._folder = Folder()
        self._method = combo()
        self._method.setAccessibleName("Method")
        self._method.currentIndexChanged.connect(self._show_form)
        self._summary = label("", "soft", wrap=True)
        self._place = QVBoxLayout()
        self._place.setContentsMargins(0, 0, 0, 0)
        self._sampling = self._sampling_form()
        self._offer = QWidget()
        self._offer_text = label("", "soft", wrap=True)
        self._offer.setLayout(self._offer_row())
        self._go = button("Measure", self._submit, "primary")
        self._copy = tool(theme, "terminal", "Copy as command line", self._copy_line)
        self._lay_out()
        for signal in (
            workspace.model_changed,
            workspace.images_changed,
            workspace.compute_changed,
            workspace.edits_changed,
            history.changed,
        ):
            signal.connect(self._refresh)
        workspace.checkpoint_changed.connect(self._offer_checkpoints)
        workspace.model_changed.connect(self._offer_checkpoints)
        workspace.methods_changed.connect(self.fill)
        self.fill()

    def _lay_out(self) -> None:
        inner = QWidget()
        box = QVBoxLayout(inner)
        box.setContentsMargins(12, GRID // 2, 12, 12)
        box.setSpacing(GRID)
        box.addWidget(self._method)
        box.addWidget(self._summary)
        box.addWidget(self._sampling)
        box.addWidget(line())
        box.addLayout(self._place)
        box.addWidget(self._offer)
        box.addLayout(row(self._go, self._copy, None))
        box.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setAccessibleName("Measure")
        scroll.setWidget(inner)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(scroll)

    def _sampling_form(self) -> QWidget:
        box = QWidget()
        form = QFormLayout(box)
        form.setContentsMargins(0, 0, 0, 0)
        form.setHorizontalSpacing(12)
        form.setVerticalSpacing(GRID)
        self._limit = combo()
        self._limit.setEditable(True)
        self._limit.setAccessibleName("Pictures")
        self._limit.setToolTip("How many pictures; the choice is the same for every method, seed and machine")
        self._limit.editTextChanged.connect(self._refresh)
        self._seed = whole_number(0, LARGEST)
        self._seed.setAccessibleName("Seed")
        self._seed.setToolTip("Decides which pictures are taken, and every random step")
        self._seed.valueChanged.connect(self._refresh)
        self._layers = QLineEdit()
        self._layers.setPlaceholderText("the method's choice")
        self._layers.setAccessibleName("Layers")
        self._layers.setToolTip("Patterns such as layer3.*, *.conv2; comma-separated")
        self._layers.textChanged.connect(self._refresh)
        self._layers_count = label("", "small", wrap=True)
        self._weights = combo()
        self._weights.setAccessibleName("Checkpoints")
        self._weights.setToolTip("One checkpoint, or one run over all weight files of the folder in the order of names")
        self._weights.currentIndexChanged.connect(self._refresh)
        form.addRow(row_label("Checkpoints", self._weights), self._weights)
        form.addRow(row_label("Pictures", self._limit), self._limit)
        form.addRow(row_label("Layers", self._layers), self._layers)
        form.addRow("", self._layers_count)
        form.addRow(row_label("Seed", self._seed), self._seed)
        self._sampling_rows = form
        return box

    def _offer_row(self) -> QHBoxLayout:
        box = row(button("Use it", self._use, name="Use the stored result"))
        box.insertWidget(0, self._offer_text, 1)
        return box

    # -- methods -----------------------------------------------------------------------------------------------------

    def fill(self) -> None:
        """Offer what the engine can do."""
        name = self.method
        self._method.blockSignals(True)
        self._method.clear()
        for info in self._workspace.methods:
            if info.name not in ("structure", "save_network"):
                self._method.addItem(info.title, info.name)
        self._method.setCurrentIndex(max(self._method.findData(name), 0))
        self._method.blockSignals(False)
        self._show_form()

    @property
    def method(self) -> str:
        """Name of the method whose form is shown, "" before the engine is ready."""
        return str(self._method.currentData() or "")

    def show_method(self, name: str) -> None:
        """Show the form of a method."""
        place = self._method.findData(name)
        if place >= 0:
            self._method.setCurrentIndex(place)
        self._method.setFocus()

    def show_request(self, request: Request) -> None:
        """Show a form filled in as an earlier request."""
        self.show_method(request.method)
        if self._form:
            self._form.set_values(dict(request.params))
        self._layers.setText(request.layers)
        info = self._info()
        if request.model is not None and self._weights.count():
            self._weights.setCurrentIndex(int(request.model.weights == self._weights.itemData(1).weights))
        without = request.images is None and info is not None and "images" in info.takes
        self._limit.setEditText(WITHOUT if without else self._limit_text(request.limit))
        self._seed.setValue(request.seed)

    def _info(self) -> MethodInfo | None:
        return self._workspace.method(self.method)

    def _show_form(self) -> None:
        if self._form is not None:
            self._place.removeWidget(self._form)
            self._form.hide()
            self._form.deleteLater()
            self._form = None
        info = self._info()
        self._summary.setText(info.summary if info else "The engine is starting…")
        if info is None:
            self._refresh()
            return
        self._form = ParamsForm(info)
        self._form.changed.connect(self._refresh)
        self._place.addWidget(self._form)
        self._sampling_rows.setRowVisible(self._limit, "images" in info.needs | info.takes)
        self._limit.blockSignals(True)
        self._limit.clear()
        self._limit.addItems([self._limit_text(0), "200", "500", "1000", "all"])
        if "images" in info.takes:
            self._limit.addItem(WITHOUT)
        self._limit.blockSignals(False)
        self._seed.setValue(self._workspace.seed)
        self._offer_checkpoints()
        self._refresh()

    def _offer_checkpoints(self) -> None:
        """Offer all checkpoints of the folder where a method takes several; first what a plain request would take."""
        workspace = self._workspace
        files = self._folder.files(workspace.model) if takes_several(workspace, self.method) else ()
        whole, alone = all_of(workspace, files), one_alone(workspace, files)
        self._weights.blockSignals(True)
        self._weights.clear()
        if whole is not None and alone is not None:
            count = len(whole.weights or files)
            self._weights.addItem(f"{title_of(alone.weights)} alone", alone)
            self._weights.addItem(f"all {count} of the folder", whole)
            self._weights.setCurrentIndex(int(whole == workspace.shown_model))
        self._weights.blockSignals(False)
        self._sampling_rows.setRowVisible(self._weights, whole is not None)
        self._refresh()

    def _limit_text(self, limit: int) -> str:
        info = self._info()
        usual = info.limit if info else 0
        if limit == 0:
            return f"{usual} (usual)" if usual else "all (usual)"
        return "all" if limit < 0 else str(limit)

    def _chosen_limit(self) -> int:
        text = self._limit.currentText().strip().lower()
        if "usual" in text or not text:
            return 0
        if text == "all":
            return -1
        try:
            number = int(text.replace(",", "").replace(" ", ""))
        except ValueError:
            number = 0
        if number <= 0:
            raise AnalysisError(f"'{text}' is not a number of pictures.", "Write a number, or all.")
        return number

    # -- the request -------------------------------------------------------------------------------------------------

    def request(self) -> Request:
        """Return what the form asks for.

        Raises
        ------
        AnalysisError
            If a field is wrong.
        """
        values = self._form.values() if self._form else {}
        plain = self._workspace.new_request(self.method, **values)
        source = self._weights.currentData()
        if isinstance(source, ModelSource):
            plain = replace(plain, model=source)
        info = self._info()
        if info is not None and "images" in info.takes and self._limit.currentText().strip().lower() == WITHOUT:
            plain = replace(plain, images=None)
        limit = self._chosen_limit() if plain.images is not None else 0
        return replace(plain, layers=self._layers.text().strip(), limit=limit, seed=self._seed.value())

    def _refresh(self) -> None:
        """Show whether this can be measured, and whether it has been."""
        self._show_layers_count()
        complaint = ""
        stored = None
        missing = self._workspace.missing(self.method) if self.method else ("method",)
        try:
            if self._form is not None:
                request = self.request()
                stored = self._history.same_question(request) if not missing else None
        except AnalysisError as error:
            complaint = str(told(error))
        words = {"model": "a network", "images": "pictures"}
        if missing and missing != ("method",):
            complaint = f"This needs {' and '.join(words[need] for need in missing)}."
        self._go.setEnabled(not complaint and not missing)
        self._copy.setEnabled(not complaint and not missing)
        self._go.setToolTip(complaint)
        self._go.setText("Measure again" if stored else "Measure")
        text = f"Stored result of {moment(stored.started)}." if stored else complaint
        self._offer_text.setText(text)
        self._offer.setVisible(bool(text))
        for child in self._offer.findChildren(QWidget):
            if child is not self._offer_text:
                child.setVisible(stored is not None)
        self._stored = stored

    def _show_layers_count(self) -> None:
        pattern, layers = self._layers.text().strip(), self._workspace.layers
        if not pattern or not layers:
            self._layers_count.hide()
            return
        count = len(matching(layers, pattern))
        self._layers_count.setText(f"{count} of {len(layers)} layers and points" if count else "fits no layer")
        self._layers_count.show()

    def _submit(self) -> None:
        try:
            self.wanted.emit(self.request(), self._stored is not None)
        except AnalysisError as error:
            self._offer_text.setText(str(told(error)))
            self._offer.show()

    def _use(self) -> None:
        if self._stored is not None:
            self.stored_wanted.emit(self._stored.folder)

    def _copy_line(self) -> None:
        self.line_wanted.emit(self.request())
