"""Where to compute: device with its memory, precision, threads, batch."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QWidget

from analysis.request import Compute, DeviceInfo
from app.forms.widgets import label
from app.panels.fields import Form, combo, spin
from app.panels.top_bar import DTYPES
from app.workspace import Workspace


class DeviceForm(QWidget):
    """Device, precision, threads and batch size."""

    chosen = Signal(object)
    """A :class:`analysis.request.Compute`."""

    def __init__(self, workspace: Workspace) -> None:
        super().__init__()
        self._workspace = workspace
        self._devices: tuple[DeviceInfo, ...] = ()
        self._fields()
        workspace.compute_changed.connect(self.refresh)
        self.refresh()

    def _fields(self) -> None:
        self.name = combo()
        self.name.setAccessibleName("Device")
        self.dtype = combo()
        self.dtype.addItems(list(DTYPES))
        self.dtype.setAccessibleName("Precision")
        self.threads = spin("Threads", "automatic", "CPU threads; 0 leaves one core for the window", 1024)
        self.batch = spin("Batch", "automatic", "Pictures per forward pass; 0 for the method's choice", 65536)
        self.channels_last = QCheckBox("Channels last")
        self.channels_last.setToolTip("Memory format of pictures and weights")
        form = Form("Device", self)
        self._about = label("", "small", wrap=True)
        form.add("Device", self.name)
        form.addRow(self._about)
        form.add("Precision", self.dtype)
        form.add("Threads", self.threads)
        form.add("Batch", self.batch)
        form.addRow(self.channels_last)
        for choice in (self.name, self.dtype):
            choice.activated.connect(self._choose_compute)
        for count in (self.threads, self.batch):
            count.editingFinished.connect(self._choose_compute)
        self.channels_last.clicked.connect(self._choose_compute)

    def set_devices(self, devices: tuple[DeviceInfo, ...]) -> None:
        """Take in what the engine can compute on."""
        self._devices = devices
        self.refresh()

    def refresh(self) -> None:
        """Fill in what is chosen."""
        compute = self._workspace.compute
        self.name.clear()
        for info in self._devices or (DeviceInfo(compute.device, ""),):
            self.name.addItem(info.name, info.name)
        if self.name.findData(compute.device) < 0:
            self.name.addItem(f"{compute.device} (not here)", compute.device)
        self.name.setCurrentIndex(self.name.findData(compute.device))
        chosen = next((device for device in self._devices if device.name == compute.device), None)
        self._about.setText(_described(chosen) if chosen else "")
        self.dtype.setCurrentText(compute.dtype)
        self.threads.setValue(compute.threads)
        self.batch.setValue(compute.batch)
        self.channels_last.setChecked(compute.channels_last)

    def _choose_compute(self) -> None:
        chosen = Compute(
            self.name.currentData(),
            self.dtype.currentText(),
            self.channels_last.isChecked(),
            self.threads.value(),
            self.batch.value(),
        )
        if chosen != self._workspace.compute:
            self.chosen.emit(chosen)


def _described(info: DeviceInfo) -> str:
    memory = f"{info.free / 2**30:.1f} of {info.total / 2**30:.0f} GB free" if info.total else ""
    return ", ".join(part for part in (info.title, memory) if part)
