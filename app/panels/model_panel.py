"""The forms behind the chips: which network with which weights, which pictures prepared how, and where to compute."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QScrollArea,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from analysis.problems import AnalysisError
from analysis.request import Compute, DeviceInfo, ImageSource, ModelSource, Preprocessing
from app.panels.top_bar import DEMO_IMAGES, DEMO_MODELS, DTYPES
from app.theme import Theme
from app.widgets import GRID, button, label, line, row
from app.workspace import Workspace

INTERPOLATIONS = ("", "nearest", "bilinear", "bicubic", "lanczos")
SOURCES = {
    "network": "goes with the network",
    "file": "written in the file",
    "user": "set here",
    "assumed": "assumed: nothing is known about it",
}


class ModelPanel(QWidget):
    """Three forms below each other: network, pictures, device."""

    model_chosen = Signal(object)
    """A :class:`analysis.request.ModelSource`."""
    images_chosen = Signal(object)
    """A :class:`analysis.request.ImageSource`."""
    compute_chosen = Signal(object)
    """A :class:`analysis.request.Compute`."""

    def __init__(self, workspace: Workspace, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._workspace, self._theme = workspace, theme
        self._devices: tuple[DeviceInfo, ...] = ()
        inner = QWidget()
        box = QVBoxLayout(inner)
        box.setContentsMargins(12, GRID // 2, 12, 12)
        box.setSpacing(GRID)
        for place, part in enumerate((self._model_form(), self._image_form(), self._compute_form())):
            if place:
                box.addSpacing(GRID)
                box.addWidget(line())
            box.addWidget(part)
        box.addStretch(1)
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setAccessibleName("Network, pictures, device")
        self._scroll.setWidget(inner)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self._scroll)
        workspace.model_changed.connect(self.show_model)
        workspace.model_changed.connect(self.show_preprocessing)
        workspace.run_finished.connect(self.show_preprocessing)
        workspace.images_changed.connect(self.show_images)
        workspace.compute_changed.connect(self.show_compute)
        self.show_model()
        self.show_images()
        self.show_compute()

    # -- network -----------------------------------------------------------------------------------------------------

    def _model_form(self) -> QWidget:
        self.model_name = QComboBox()
        self.model_name.setEditable(True)
        self.model_name.addItems(["auto", *DEMO_MODELS])
        self.model_name.setAccessibleName("Network")
        tip = "demo:NAME, timm:NAME, torchvision:NAME, PATH.py:FUNCTION, PATH.pt2, or auto: found from its weights"
        self.model_name.setToolTip(tip)
        self.weights = _field(
            "Weights", "a file, random or pretrained", "Files, a folder or a pattern; or random, pretrained"
        )
        self.input = _field("Input shape", "goes with the network", "Channels, height, width: 3,224,224")
        self.trust = QCheckBox("Trust code in these files")
        self.trust.setToolTip("Factories, pickles and exported programs can run any code when they are opened")
        self.download = QCheckBox("Allow download")
        self.download.setToolTip("Published weights that are not in the local cache")
        self._model_wrong = label("", "error", wrap=True)
        self._model_wrong.hide()
        form = _form("Network")
        form.addRow("Name", self.model_name)
        form.addRow("Weights", self._with_browse(self.weights, "Choose weights", self._browse_weights))
        form.addRow("Input", self.input)
        form.addRow(self.trust)
        form.addRow(self.download)
        form.addRow(self._model_wrong)
        form.addRow(button("Open", self.open_model, "primary", name="Open the network"))
        return _held(form)

    def show_model(self) -> None:
        """Fill in what is open."""
        source = self._workspace.model
        if source is None:
            return
        self.model_name.setEditText(source.name)
        self.weights.setText("; ".join(source.weights))
        self.input.setText(",".join(map(str, source.input)))
        self.trust.setChecked(source.trust)
        self.download.setChecked(source.download)

    def open_model(self) -> None:
        """Open what the form describes."""
        try:
            weights = tuple(part.strip() for part in self.weights.text().split(";") if part.strip())
            name = self.model_name.currentText().strip() or "auto"
            shape = _whole_numbers(self.input.text(), "The input shape", 3)
        except AnalysisError as error:
            self._model_wrong.setText(f"{error} {error.hint}")
            self._model_wrong.show()
            return
        self._model_wrong.hide()
        self.model_chosen.emit(ModelSource(name, weights, shape, self.trust.isChecked(), self.download.isChecked()))

    def _browse_weights(self) -> None:
        paths, _ = QFileDialog.getOpenFileNames(self, "Choose weights")
        if paths:
            self.weights.setText("; ".join(paths))

    # -- pictures ----------------------------------------------------------------------------------------------------

    def _image_form(self) -> QWidget:
        self.location = QComboBox()
        self.location.setEditable(True)
        self.location.addItems(["", *DEMO_IMAGES])
        self.location.setAccessibleName("Pictures")
        self.location.setToolTip(
            "A folder per class, a flat folder, .npz, CIFAR, MNIST or .parquet files; demo:test, noise:64"
        )
        self.classes = _field("Class names file", "the network's own", "A text file with one class name a line")
        self._in_use = label("", "soft", wrap=True)
        self.mean = _field("Mean", "", "One number per channel, of pixels from 0 to 1: 0.485,0.456,0.406")
        self.std = _field("Standard deviation", "", "One number per channel, of pixels from 0 to 1")
        self.size = _field("Size", "", "Height, width after resizing: 224,224")
        self.interpolation = QComboBox()
        self.interpolation.addItem("as for the network", "")
        for name in INTERPOLATIONS[1:]:
            self.interpolation.addItem(name, name)
        self.interpolation.setAccessibleName("Interpolation")
        self.grey = QComboBox()
        for text, value in (("as for the network", None), ("grey", True), ("colour", False)):
            self.grey.addItem(text, value)
        self.grey.setAccessibleName("Colours")
        self._images_wrong = label("", "error", wrap=True)
        self._images_wrong.hide()
        form = _form("Pictures")
        form.addRow("Location", self._with_browse(self.location, "Choose a folder of pictures", self._browse_images))
        form.addRow("Class names", self._with_browse(self.classes, "Choose class names", self._browse_classes))
        form.addRow(self._in_use)
        form.addRow("Mean", self.mean)
        form.addRow("Std", self.std)
        form.addRow("Size", self.size)
        form.addRow("Resize by", self.interpolation)
        form.addRow("Colours", self.grey)
        form.addRow(self._images_wrong)
        form.addRow(
            row(
                button("Apply", self.open_images, "primary", name="Apply to the pictures"),
                button("As for the network", self.clear_preprocessing, tip="Forget what was set here"),
                None,
            )
        )
        return _held(form)

    def show_images(self) -> None:
        """Fill in what is open."""
        source = self._workspace.images or ImageSource("")
        self.location.setEditText(source.location)
        self.classes.setText(source.classes)
        self.mean.setText(_listed(source.mean))
        self.std.setText(_listed(source.std))
        self.size.setText(_listed(source.size))
        self.interpolation.setCurrentIndex(max(self.interpolation.findData(source.interpolation), 0))
        self.grey.setCurrentIndex({None: 0, True: 1, False: 2}[source.grey])
        self.show_preprocessing()

    def show_preprocessing(self) -> None:
        """Say how pictures are prepared now, and who says so."""
        used = self._preprocessing()
        if used is None:
            self._in_use.setText("How pictures are prepared is known once a network is open.")
            return
        parts = [
            f"mean {_listed(used.mean)}" if used.mean else "no mean",
            f"std {_listed(used.std)}" if used.std else "no std",
            f"{used.size[0]}×{used.size[1]}, {used.interpolation}" if used.size else "size as it is",
            *(["grey"] if used.grey else []),
        ]
        self._in_use.setText(f"In use: {'; '.join(parts)} ({SOURCES.get(used.source, used.source)}).")
        self.mean.setPlaceholderText(_listed(used.mean) or "none")
        self.std.setPlaceholderText(_listed(used.std) or "none")
        self.size.setPlaceholderText(_listed(used.size) or "as it is")

    def _preprocessing(self) -> Preprocessing | None:
        """Return that of the newest run on these pictures, else the network's own."""
        workspace = self._workspace
        for run in sorted(workspace.runs.values(), key=lambda run: run.began, reverse=True):
            prepared = run.result.prepared
            if prepared and prepared.preprocessing and run.request.images == workspace.images and run.purpose != "open":
                return prepared.preprocessing
        prepared = workspace.structure.prepared if workspace.structure else None
        return prepared.preprocessing if prepared else None

    def open_images(self) -> None:
        """Use the pictures that the form describes, prepared as it says."""
        try:
            source = ImageSource(
                self.location.currentText().strip(),
                self.classes.text().strip(),
                _numbers(self.mean.text(), "The mean"),
                _numbers(self.std.text(), "The standard deviation"),
                _whole_numbers(self.size.text(), "The size", 2),
                self.interpolation.currentData(),
                self.grey.currentData(),
            )
            if not source.location:
                raise AnalysisError("No pictures are named.", "Choose a folder or a file.")
            if 0.0 in source.std:
                raise AnalysisError("A standard deviation of 0 cannot be divided by.", "Leave it empty for none.")
        except AnalysisError as error:
            self._images_wrong.setText(f"{error} {error.hint}")
            self._images_wrong.show()
            return
        self._images_wrong.hide()
        self.images_chosen.emit(source)

    def clear_preprocessing(self) -> None:
        """Prepare pictures as the network wants them."""
        source = self._workspace.images
        if source:
            self.images_chosen.emit(ImageSource(source.location, source.classes))

    def _browse_images(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Choose a folder of pictures")
        if path:
            self.location.setEditText(path)

    def _browse_classes(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Choose class names")
        if path:
            self.classes.setText(path)

    # -- device ------------------------------------------------------------------------------------------------------

    def _compute_form(self) -> QWidget:
        self.device = QComboBox()
        self.device.setAccessibleName("Device")
        self.device.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.device.setMinimumContentsLength(8)
        self.dtype = QComboBox()
        self.dtype.addItems(list(DTYPES))
        self.dtype.setAccessibleName("Precision")
        self.threads = _spin("Threads", "of the engine", "CPU threads; 0 leaves one core for the window", 1024)
        self.batch = _spin("Batch", "of the method", "Pictures per forward pass; 0 for the method's choice", 65536)
        self.channels_last = QCheckBox("Channels last")
        self.channels_last.setToolTip("Memory format of pictures and weights")
        form = _form("Device")
        form.addRow("Device", self.device)
        form.addRow("Precision", self.dtype)
        form.addRow("Threads", self.threads)
        form.addRow("Batch", self.batch)
        form.addRow(self.channels_last)
        for combo in (self.device, self.dtype):
            combo.activated.connect(lambda _index: self._choose_compute())
        for spin in (self.threads, self.batch):
            spin.editingFinished.connect(self._choose_compute)
        self.channels_last.clicked.connect(lambda _on: self._choose_compute())
        return _held(form)

    def set_devices(self, devices: tuple[DeviceInfo, ...]) -> None:
        """Take in what the engine can compute on."""
        self._devices = devices
        self.show_compute()

    def show_compute(self) -> None:
        """Fill in what is chosen."""
        compute = self._workspace.compute
        self.device.clear()
        for info in self._devices or (DeviceInfo(compute.device, ""),):
            memory = f", {info.free / 2**30:.1f} of {info.total / 2**30:.0f} GB free" if info.total else ""
            self.device.addItem(f"{info.name}  {info.title}{memory}".strip(), info.name)
        if self.device.findData(compute.device) < 0:
            self.device.addItem(f"{compute.device} (not here)", compute.device)
        self.device.setCurrentIndex(self.device.findData(compute.device))
        self.device.setToolTip(self.device.currentText())
        self.dtype.setCurrentText(compute.dtype)
        self.threads.setValue(compute.threads)
        self.batch.setValue(compute.batch)
        self.channels_last.setChecked(compute.channels_last)

    def _choose_compute(self) -> None:
        chosen = Compute(
            self.device.currentData(),
            self.dtype.currentText(),
            self.channels_last.isChecked(),
            self.threads.value(),
            self.batch.value(),
        )
        if chosen != replace(self._workspace.compute):
            self.compute_chosen.emit(chosen)

    # -- showing -----------------------------------------------------------------------------------------------------

    def show_part(self, part: str) -> None:
        """Bring "model", "images" or "device" into view and give it the focus."""
        widget = {"model": self.model_name, "images": self.location, "device": self.device}[part]
        self._scroll.ensureWidgetVisible(widget, 0, 160)
        widget.setFocus()

    def _with_browse(self, field: QWidget, name: str, call: Callable[[], None]) -> QHBoxLayout:
        browse = button("…", call, name=name, tip=name)
        browse.setFixedWidth(32)
        box = row(field, browse, spacing=4)
        box.setStretchFactor(field, 1)
        return box


def _form(title: str) -> QFormLayout:
    form = QFormLayout()
    form.setContentsMargins(0, 0, 0, 0)
    form.setHorizontalSpacing(12)
    form.setVerticalSpacing(GRID - 2)
    form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    form.addRow(label(title, "heading"))
    return form


def _held(form: QFormLayout) -> QWidget:
    box = QWidget()
    box.setLayout(form)
    for place in range(form.rowCount()):
        item = form.itemAt(place, QFormLayout.ItemRole.LabelRole)
        words = item.widget() if item else None
        if isinstance(words, QLabel):
            words.setMinimumWidth(72)
    return box


def _field(name: str, placeholder: str, tip: str) -> QLineEdit:
    made = QLineEdit()
    made.setAccessibleName(name)
    made.setPlaceholderText(placeholder)
    made.setToolTip(tip)
    return made


def _spin(name: str, zero: str, tip: str, high: int) -> QSpinBox:
    made = QSpinBox()
    made.setRange(0, high)
    made.setSpecialValueText(f"choice {zero}")
    made.setAccessibleName(name)
    made.setToolTip(tip)
    return made


def _listed(numbers: tuple[float, ...]) -> str:
    return ", ".join(f"{number:.10g}" for number in numbers)


def _numbers(text: str, what: str) -> tuple[float, ...]:
    """Read comma-separated numbers.

    Raises
    ------
    AnalysisError
        If one is no number.
    """
    try:
        return tuple(float(part) for part in text.replace(";", ",").split(",") if part.strip())
    except ValueError:
        raise AnalysisError(f"{what} should be numbers, not '{text}'.", "Separate them by commas.") from None


def _whole_numbers(text: str, what: str, count: int) -> tuple[int, ...]:
    """Read `count` comma-separated whole numbers, or none.

    Raises
    ------
    AnalysisError
        If there is another number of them, or one is no whole number above 0.
    """
    numbers = _numbers(text.replace("x", ",").replace("×", ","), what)
    if count == 2 and len(numbers) == 1:
        numbers = numbers * 2
    if numbers and (len(numbers) != count or any(n < 1 or n != int(n) for n in numbers)):
        raise AnalysisError(f"{what} should be {count} whole numbers, not '{text}'.", "Separate them by commas.")
    return tuple(int(number) for number in numbers)
