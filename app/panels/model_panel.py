"""The forms behind the chips: which network, which pictures prepared how, and where to compute."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QScrollArea, QVBoxLayout, QWidget

from app.forms.widgets import GRID, line
from app.panels.device_form import DeviceForm
from app.panels.network_form import NetworkForm
from app.panels.pictures_form import PicturesForm
from app.workspace import Workspace


class ModelPanel(QWidget):
    """Three forms below each other.

    Attributes
    ----------
    network, pictures, device
        The forms; each has a signal `chosen`.
    """

    def __init__(self, workspace: Workspace) -> None:
        super().__init__()
        self.setObjectName("panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.network = NetworkForm(workspace)
        self.pictures = PicturesForm(workspace)
        self.device = DeviceForm(workspace)
        inner = QWidget()
        box = QVBoxLayout(inner)
        box.setContentsMargins(12, GRID // 2, 12, 12)
        box.setSpacing(2 * GRID)
        for place, form in enumerate((self.network, self.pictures, self.device)):
            if place:
                box.addWidget(line())
            box.addWidget(form)
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

    def show_part(self, part: str) -> None:
        """Bring "model", "images" or "device" into view and give it the focus."""
        form, first = {
            "model": (self.network, self.network.name),
            "images": (self.pictures, self.pictures.location),
            "device": (self.device, self.device.name),
        }[part]
        self._scroll.verticalScrollBar().setValue(form.y() - GRID)
        first.setFocus()
