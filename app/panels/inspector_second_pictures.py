"""What excites the same channel of the network that is compared with: a second strip below the first."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from analysis.config import LayerSpec
from app.browsing.thumbnails import Thumbnails
from app.drawing.picture_strip import PictureStrip, Thumb
from app.forms.widgets import button
from app.reading import activation_reading as reading
from app.reading import numbers
from app.reading.activation_reading import ChannelReading
from app.reading.comparing import compared_run, network_name
from app.reading.depth import shown_name
from app.reading.layer_comparison import second_layer
from app.theme import Theme
from app.workspace import Workspace


class SecondPictures(QWidget):
    """A title and a strip, or a button that asks for what stands there; hidden while nothing is compared.

    Attributes
    ----------
    top
        Pictures that are shown: place in the source, largest activation there.
    """

    def __init__(self, workspace: Workspace, theme: Theme) -> None:
        super().__init__()
        self.workspace = workspace
        self.top: list[tuple[int, float]] = []
        self._layer: LayerSpec | None = None
        self._own: ChannelReading | None = None
        self.title = QLabel()
        self.title.setWordWrap(True)
        self.title.setContentsMargins(12, 0, 12, 0)
        self.title.setProperty("role", "soft")
        self.strip = PictureStrip(theme, "Pictures that excite the channel most in the network that is compared with")
        self.strip.chosen.connect(workspace.select_sample)
        tip = "Computes this layer there: statistics of its channels over as many pictures, drawn alike"
        self.ask = button("Show its pictures", self._ask, "link", tip)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.title)
        column.addWidget(self.strip)
        column.addWidget(self.ask, alignment=Qt.AlignmentFlag.AlignHCenter)
        self.hide()

    def show_channel(self, layer: LayerSpec | None, own: ChannelReading | None, channel: int) -> None:
        """Show the pictures of a channel, or say why there are none.

        Parameters
        ----------
        layer, own
            Layer of the open network and what is known of its channels; None for nothing.
        channel
            Number of the channel, which is the same in both.
        """
        run = compared_run(self.workspace)
        self._layer, self._own, self.top = None, own, []
        self.setVisible(run is not None and layer is not None and own is not None)
        if run is None or layer is None or own is None:
            return
        self._layer = second_layer(self.workspace, layer)
        theirs = reading.second_statistics(self.workspace, layer)
        if theirs is not None and theirs.channels == own.channels:
            self.top = theirs.top(channel)
        self.title.setText(f"{network_name(run)}{self._words(theirs, own, channel)}")
        self.strip.setVisible(bool(self.top))
        self.ask.setVisible(self._layer is not None and theirs is None and not self._waiting())

    def _waiting(self) -> bool:
        return self._layer is not None and reading.find_second(self.workspace, self._layer, -1) is not None

    def _words(self, theirs: ChannelReading | None, own: ChannelReading, channel: int) -> str:
        """Say what stands below, or why nothing does."""
        if self._layer is None:
            return ": not compared, because it has no layer that corresponds"
        if theirs is None:
            return ": being computed …" if self._waiting() else ": what excites this channel is not known"
        where = f", {shown_name(self._layer.name)}"
        if theirs.channels != own.channels:
            return f"{where}: not compared, because it has {theirs.channels} channels"
        mark = theirs.marks()[channel]
        if mark in ("dead", "constant") or not self.top:
            self.top = []
            return f"{where}: no picture excites channel {channel}" + (" more than another" * (mark == "constant"))
        count = reading.count_words(*theirs.pictures)
        return f"{where}, channel {channel}: what excites it most{f', of {count}' if count else ''}"

    def show_thumbs(self, thumbnails: Thumbnails) -> None:
        """Show the pictures, as far as they have been read."""
        name, thumbs = self.title.text().partition(",")[0], []
        for place, value in self.top:
            text = numbers.short(value)
            tip = f"{name}, #{place}: largest activation {text}"
            thumbs.append(Thumb(place, text, tip, thumbnails.get(place)))
        self.strip.show_thumbs(tuple(thumbs), self.workspace.selection.sample)

    def _ask(self) -> None:
        """Ask quietly for statistics over as many pictures, drawn with the same seed."""
        like = self._own.result.request if self._own is not None else None
        if self._layer is not None:
            for request in reading.second_requests(self.workspace, self._layer, -1, like):
                self.workspace.request_glance(request)
