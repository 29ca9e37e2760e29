"""Which pictures, and how they are prepared for the network."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QFileDialog, QWidget

from analysis.preparation import with_overrides
from analysis.problems import AnalysisError
from analysis.request import ImageSource, Preprocessing
from app.forms.widgets import button, label, row
from app.hints import told
from app.panels.fields import Form, combo, field, listed, numbers, whole_numbers, with_browse, write
from app.panels.preview import PicturePreview, Wish
from app.panels.top_bar import DEMO_IMAGES
from app.workspace import Workspace

INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos")
SOURCES = {
    "network": "goes with the network",
    "file": "written in the file",
    "user": "set here",
    "assumed": "assumed: nothing is known about it",
}


class PicturesForm(QWidget):
    """Location, class names and preprocessing of pictures."""

    chosen = Signal(object)
    """A :class:`analysis.request.ImageSource`."""

    def __init__(self, workspace: Workspace) -> None:
        super().__init__()
        self._workspace = workspace
        self._fields()
        workspace.images_changed.connect(self.refresh)
        workspace.model_changed.connect(self.show_preprocessing)
        workspace.run_finished.connect(self.show_preprocessing)
        self.refresh()

    def _fields(self) -> None:
        self.location = combo()
        self.location.setEditable(True)
        self.location.addItems(["", *DEMO_IMAGES])
        self.location.setAccessibleName("Pictures")
        self.location.setToolTip(
            "A folder per class, a flat folder, .npz, CIFAR, MNIST or .parquet files; demo:test, noise:64"
        )
        self.classes = field("Class names file", "the network's own", "A text file with one class name a line")
        self._in_use = label("", "soft", wrap=True)
        self.mean = field("Mean", "", "One number per channel, of pixels from 0 to 1: 0.485,0.456,0.406")
        self.std = field("Standard deviation", "", "One number per channel, of pixels from 0 to 1")
        self.sides = field("Size", "", "Height, width after resizing: 224,224")
        self.interpolation = combo()
        self.interpolation.addItem("the network's", "")
        for name in INTERPOLATIONS:
            self.interpolation.addItem(name, name)
        self.interpolation.setAccessibleName("Interpolation")
        self.grey = combo()
        for text, value in (("the network's", None), ("grey", True), ("colour", False)):
            self.grey.addItem(text, value)
        self.grey.setAccessibleName("Colours")
        self._wrong = label("", "error", wrap=True)
        self._wrong.hide()
        self.preview = PicturePreview()
        for choice in (self.interpolation, self.grey):
            choice.currentIndexChanged.connect(self._show_preview)
        for line in (self.mean, self.std, self.sides):
            line.textChanged.connect(self._show_preview)
        self.location.editTextChanged.connect(self._show_preview)
        form = Form("Pictures", self)
        form.add("Location", with_browse(self.location, "Choose a folder of pictures", self._browse_images))
        form.add("Class names", with_browse(self.classes, "Choose class names", self._browse_classes))
        form.addRow(self._in_use)
        form.add("Mean", self.mean)
        form.add("Std", self.std)
        form.add("Size", self.sides)
        form.add("Resize by", self.interpolation)
        form.add("Colours", self.grey)
        form.addRow(self.preview)
        form.addRow(self._wrong)
        form.addRow(
            row(
                button("Apply", self.open_images, "primary", name="Apply to the pictures"),
                button("As for the network", self.clear_preprocessing, tip="Forget what was set here"),
                None,
            )
        )

    def refresh(self) -> None:
        """Fill in what is open."""
        source = self._workspace.images or ImageSource("")
        write(self.location, source.location)
        self.classes.setText(source.classes)
        self.mean.setText(listed(source.mean))
        self.std.setText(listed(source.std))
        self.sides.setText(listed(source.size))
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
            f"mean {listed(used.mean)}" if used.mean else "no mean",
            f"std {listed(used.std)}" if used.std else "no std",
            f"{used.size[0]}×{used.size[1]}, {used.interpolation}" if used.size else "size as it is",
            *(["grey"] if used.grey else []),
        ]
        self._in_use.setText(f"In use: {'; '.join(parts)} ({SOURCES.get(used.source, used.source)}).")
        usual = self._of_network() or used
        self.mean.setPlaceholderText(listed(usual.mean) or "none")
        self.std.setPlaceholderText(listed(usual.std) or "none")
        self.sides.setPlaceholderText(listed(usual.size) or "as it is")
        self._show_preview()

    def showEvent(self, event: QShowEvent) -> None:
        """Prepare some pictures as soon as someone looks."""
        super().showEvent(event)
        self._show_preview()

    def _show_preview(self) -> None:
        """Show what the form says now, before it is applied."""
        usual, layers = self._of_network(), self._workspace.layers
        wish = None
        try:
            source = self._described()
            if self.isVisible() and usual and layers and source.location:
                wish = Wish(source.location, with_overrides(usual, source), layers[0].input_shape or layers[0].shape)
        except AnalysisError:
            pass  # half-typed; Apply says what is wrong
        self.preview.want(wish)

    def _preprocessing(self) -> Preprocessing | None:
        """Return that of the newest run on these pictures, else the network's own."""
        workspace = self._workspace
        for run in sorted(workspace.runs.values(), key=lambda run: run.began, reverse=True):
            prepared = run.result.prepared
            if prepared and prepared.preprocessing and run.request.images == workspace.images and run.purpose != "open":
                return prepared.preprocessing
        return self._of_network()

    def _of_network(self) -> Preprocessing | None:
        """Return what goes with the network by itself."""
        structure = self._workspace.structure
        return structure.prepared.preprocessing if structure and structure.prepared else None

    def _described(self) -> ImageSource:
        """Return what the form says.

        Raises
        ------
        AnalysisError
            If a field is no list of numbers.
        """
        return ImageSource(
            self.location.currentText().strip(),
            self.classes.text().strip(),
            numbers(self.mean.text(), "The mean"),
            numbers(self.std.text(), "The standard deviation"),
            whole_numbers(self.sides.text(), "The size", 2),
            self.interpolation.currentData(),
            self.grey.currentData(),
        )

    def open_images(self) -> None:
        """Use the pictures that the form describes, prepared as it says."""
        try:
            source = self._described()
            if not source.location:
                raise AnalysisError("No pictures are named.", "Choose a folder or a file.")
            if 0.0 in source.std:
                raise AnalysisError("A standard deviation of 0 cannot be divided by.", "Leave it empty for none.")
        except AnalysisError as error:
            self._wrong.setText(str(told(error)))
            self._wrong.show()
            return
        self._wrong.hide()
        self.chosen.emit(source)

    def clear_preprocessing(self) -> None:
        """Prepare pictures as the network wants them."""
        source = self._workspace.images
        if source:
            self.chosen.emit(ImageSource(source.location, source.classes))

    def _browse_images(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Choose a folder of pictures")
        if path:
            write(self.location, path)

    def _browse_classes(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Choose class names")
        if path:
            self.classes.setText(path)
