"""Maps of the network that is compared with, below those of the open one: same picture, same scale."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from analysis.config import LayerSpec
from app.drawing.map_grid import MapGrid, Tile
from app.drawing.map_image import MapScale
from app.forms.widgets import button
from app.reading import activation_reading as reading
from app.reading.comparing import compared_run, network_name
from app.reading.depth import Floats, shown_name
from app.reading.layer_comparison import second_layer
from app.reading.numbers import short
from app.theme import Theme
from app.workspace import Workspace


class SecondMaps(QWidget):
    """A title and a grid, or a button that asks for what stands there; hidden while nothing is compared."""

    def __init__(self, workspace: Workspace, theme: Theme) -> None:
        super().__init__()
        self.workspace = workspace
        self.layer: LayerSpec | None = None
        self.maps: Floats = np.empty((0, 0, 0))
        self._own: LayerSpec | None = None
        self._picture = -1
        self.title = QLabel()
        self.title.setWordWrap(True)
        self.title.setContentsMargins(12, 0, 12, 0)
        self.title.setProperty("role", "soft")
        self.grid = MapGrid(theme, "Activation maps of the network that is compared with")
        tip = "Computes this layer there: its maps of this picture, and statistics"
        self.ask = button("Show its maps", self._ask, "link", tip)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.title)
        column.addWidget(self.grid)
        column.addWidget(self.ask, alignment=Qt.AlignmentFlag.AlignHCenter)
        self.hide()

    def show_nothing(self) -> None:
        """Show nothing: there are no maps to stand below."""
        self.maps = np.empty((0, 0, 0))
        self.hide()

    def look_for(self, layer: LayerSpec, picture: int) -> Floats:
        """Look for the maps of the layer that corresponds, (channel, y, x), before they are shown; empty for none."""
        self._own, self.layer, self._picture = layer, second_layer(self.workspace, layer), picture
        run = reading.find_second(self.workspace, self.layer, picture) if self.layer is not None else None
        found = reading.reading_of(run, self.layer) if run is not None and self.layer is not None else None
        self.maps = found.maps if found is not None else np.empty((0, 0, 0))
        return self.maps

    def show_maps(self, numbers: tuple[int, ...], channels: int, scale: MapScale, chosen: int) -> None:
        """Show what was found, or offer it.

        Parameters
        ----------
        numbers, channels
            Channels that are shown of the open network, and how many it has: of as many the same ones are shown.
        scale
            What colours mean, for both.
        chosen
            Selected channel, -1 for none.
        """
        run = compared_run(self.workspace)
        self.setVisible(run is not None)
        if run is None:
            return
        name, same = network_name(run), len(self.maps) == channels
        self.grid.setVisible(bool(self.maps.size))
        waiting = self.layer is not None and reading.find_second(self.workspace, self.layer, self._picture) is not None
        self.ask.setVisible(self.layer is not None and not waiting)
        if self.layer is None:
            self.title.setText(f"{name}: not compared, because it has no layer that corresponds")
        elif not self.maps.size:
            self.title.setText(f"{name}: " + ("being computed …" if waiting else "maps of this picture are not known"))
        else:
            which = "the same channels" if same else f"strongest first of {len(self.maps)} channels"
            self.title.setText(f"{name}, {shown_name(self.layer.name)}: {which}, same scale")
            shown = numbers if same else tuple(reading.order(self.maps)[: len(numbers)].tolist())
            tiles = (Tile(number, self.maps[number], "", _tip(name, number, self.maps[number])) for number in shown)
            self.grid.show_tiles(tuple(tiles), scale)
            self.grid.select(chosen if same else -1)

    def _ask(self) -> None:
        """Ask quietly for the maps of the picture and for the statistics, which the lists and the histogram need."""
        if self.layer is not None:
            overall = reading.find(self.workspace, self._own, -1) if self._own is not None else None
            like = overall.request if overall is not None else None
            for request in reading.second_requests(self.workspace, self.layer, self._picture, like):
                self.workspace.request_glance(request)


def _tip(name: str, number: int, values: Floats) -> str:
    low, high, mean = (short(float(value)) for value in (values.min(), values.max(), values.mean()))
    return f"{name}, channel {number}\n{low} to {high}, mean {mean}"
