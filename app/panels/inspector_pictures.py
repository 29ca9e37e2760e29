"""What excites the chosen channel: the pictures with its largest activations, and how often it fires."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from analysis.config import LayerSpec
from app.browsing.thumbnails import Thumbnails
from app.drawing.picture_strip import PictureStrip, Thumb
from app.forms.term_label import TermText
from app.panels.inspector_second_pictures import SecondPictures
from app.reading import numbers
from app.reading.activation_reading import ChannelReading, count_words
from app.theme import Theme
from app.workspace import Workspace

NAMES = {
    "pictures that excite it most": "channel_pictures",
    "mean": "channel_mean",
    "largest": "channel_maximum",
    "above zero": "channel_positive_share",
}
"""Names in the lines, and their terms in the glossary."""


class ExcitingPictures(QWidget):
    """A title, what the channel does over all pictures, and the pictures that excite it most."""

    help_wanted = Signal(str)

    def __init__(self, workspace: Workspace, theme: Theme) -> None:
        super().__init__()
        self.workspace = workspace
        self.thumbnails = Thumbnails(self)
        self._shown: tuple[ChannelReading, int, str] | None = None
        self.title, self.facts = (TermText(theme, role, NAMES, within=True) for role in ("heading", "soft"))
        self.strip = PictureStrip(theme, "Pictures that excite the channel most")
        self.strip.chosen.connect(workspace.select_sample)
        self.second = SecondPictures(workspace, theme)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        for words in (self.title, self.facts):
            words.setContentsMargins(12, 0, 12, 0)
            words.help_wanted.connect(self.help_wanted)
        for widget in (self.title, self.facts, self.strip, self.second):
            column.addWidget(widget)
        for signal in (self.thumbnails.opened, self.thumbnails.arrived):
            signal.connect(self._show_thumbs)

    def show_channel(self, layer: LayerSpec, found: ChannelReading | None, channel: int, name: str = "") -> None:
        """Show another channel, as far as its statistics are known.

        Parameters
        ----------
        name
            Of the class that the channel stands for, "" for none.
        """
        known = found is not None and found.known and 0 <= channel < found.channels
        self.setVisible(known)
        self._shown = (found, channel, name) if found is not None and known else None
        if self._shown is not None:
            self._show_words(layer.positions, *self._shown)
            self.second.show_channel(layer, found, channel)
            self._show_thumbs()

    def _show_words(self, positions: int, found: ChannelReading, channel: int, name: str) -> None:
        who = f"Channel {channel}{f', {name}' if name else ''}"
        count = count_words(*found.pictures)
        mark = found.marks()[channel]
        self.strip.setVisible(mark not in ("dead", "constant"))
        mean, high, share = (float(found.values(item)[channel]) for item in ("mean", "maximum", "positive_share"))
        if mark == "dead":
            self.title.say(f"{who}: no picture excites it")
            self.facts.say(f"Zero at every position of {count or 'every picture'}.")
        elif mark == "constant":
            self.title.say(f"{who}: no picture excites it more than another")
            self.facts.say(f"{numbers.short(mean)} at every position of {count or 'every picture'}.")
        else:
            self.title.say(f"{who}: pictures that excite it most")
            where = "for" if positions == 1 else "at"
            fires = f"above zero {where} {numbers.percent(share)} of {'pictures' if positions == 1 else 'positions'}"
            of = f"of {count} · " if count else ""
            self.facts.say(f"{of}mean {numbers.short(mean)} · largest {numbers.short(high)} · {fires}")

    def _show_thumbs(self) -> None:
        if self._shown is None:
            return
        found, channel, _ = self._shown
        top = [] if self.strip.isHidden() else found.top(channel)
        if not top and not self.second.top:
            return
        if self.workspace.images is not None:
            self.thumbnails.open(self.workspace.images.location, self.workspace.input_shape)
        self.thumbnails.want([place for place, _ in (*top, *self.second.top)])
        self.second.show_thumbs(self.thumbnails)
        thumbs = tuple(
            Thumb(
                place, text := numbers.short(value), f"#{place}: largest activation {text}", self.thumbnails.get(place)
            )
            for place, value in top
        )
        self.strip.show_thumbs(thumbs, self.workspace.selection.sample)
