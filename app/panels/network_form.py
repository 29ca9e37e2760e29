"""Which network: its name, its weights, and what it may do when it is opened."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QFileDialog, QWidget

from analysis.problems import AnalysisError
from analysis.request import ModelSource
from app.forms.widgets import button, label
from app.hints import told
from app.panels.fields import Form, combo, field, whole_numbers, with_browse, write
from app.panels.top_bar import DEMO_MODELS
from app.workspace import Workspace


class NetworkForm(QWidget):
    """Name, weights and input shape of a network."""

    chosen = Signal(object)
    """A :class:`analysis.request.ModelSource`."""

    def __init__(self, workspace: Workspace) -> None:
        super().__init__()
        self._workspace = workspace
        self._fields()
        workspace.model_changed.connect(self.refresh)
        self.refresh()

    def _fields(self) -> None:
        self.name = combo()
        self.name.setEditable(True)
        self.name.addItems(["auto", *DEMO_MODELS])
        self.name.setAccessibleName("Network")
        tip = "demo:NAME, timm:NAME, torchvision:NAME, PATH.py:FUNCTION, PATH.pt2, or auto: found from its weights"
        self.name.setToolTip(tip)
        self.weights = field(
            "Weights", "a file, random or pretrained", "Files, a folder or a pattern; or random, pretrained"
        )
        self.input = field("Input shape", "the network's", "Channels, height, width: 3,224,224")
        self.trust = QCheckBox("Trust code in these files")
        self.trust.setToolTip("Factories, pickles and exported programs can run any code when they are opened")
        self.download = QCheckBox("Allow download")
        self.download.setToolTip("Published weights that are not in the local cache")
        self._wrong = label("", "error", wrap=True)
        self._wrong.hide()
        form = Form("Network", self)
        form.add("Name", self.name)
        form.add("Weights", with_browse(self.weights, "Choose weights", self._browse_weights))
        form.add("Input", self.input)
        form.addRow(self.trust)
        form.addRow(self.download)
        form.addRow(self._wrong)
        form.addRow(button("Open", self.open_model, "primary", name="Open the network"))

    def refresh(self) -> None:
        """Fill in what is open."""
        source = self._workspace.model
        if source is None:
            return
        write(self.name, source.name)
        self.weights.setText("; ".join(source.weights))
        self.input.setText(",".join(map(str, source.input)))
        self.trust.setChecked(source.trust)
        self.download.setChecked(source.download)

    def open_model(self) -> None:
        """Open what the form describes."""
        try:
            weights = tuple(part.strip() for part in self.weights.text().split(";") if part.strip())
            name = self.name.currentText().strip() or "auto"
            shape = whole_numbers(self.input.text(), "The input shape", 3)
        except AnalysisError as error:
            self._wrong.setText(str(told(error)))
            self._wrong.show()
            return
        self._wrong.hide()
        self.chosen.emit(ModelSource(name, weights, shape, self.trust.isChecked(), self.download.isChecked()))

    def _browse_weights(self) -> None:
        paths, _ = QFileDialog.getOpenFileNames(self, "Choose weights")
        if paths:
            self.weights.setText("; ".join(paths))
