"""The channels of one group, to be kept or dropped by hand."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import QComboBox, QScrollArea

from analysis.result import Result
from app.drawing.channel_grid import ChannelGrid
from app.drawing.legend import Key
from app.drawing.readout import Entry, Readout
from app.forms.flow import Flow, together
from app.forms.side_page import SidePage
from app.forms.widgets import GRID, button, label
from app.reading import numbers
from app.reading.depth import Floats, Ints
from app.reading.width_channels import Channels, channels
from app.theme import Theme
from app.widening.editing import Editing

HINT = "Click a channel to drop or keep it, drag over several · arrow keys and space do the same"


class ChannelsPage(SidePage):
    """A choice of the group, and a grid of its channels coloured by score."""

    group_chosen = Signal(int)

    def __init__(self, theme: Theme, editing: Editing) -> None:
        super().__init__(theme, "Channels by hand")
        self.editing = editing
        self.own: Channels | None = None
        self.place = -1
        self.second: tuple[str, Floats, str] = ("", np.empty(0), "")
        """Words for the network that is compared with, its scores of all channels, and why there are none."""
        self._theirs: Floats = np.empty(0)
        self.group = QComboBox()
        self.group.setAccessibleName("Width group")
        self.group.setMinimumContentsLength(22)
        self.group.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.group.activated.connect(lambda _row: self.group_chosen.emit(int(self.group.currentData())))
        self.every = button("Keep all", lambda: self._pick(np.ones_like(self.grid.copies)))
        self.invert = button("Invert", lambda: self._pick((self.grid.copies == 0).astype(np.int64)))
        self.rule = button("By the rule", self._unpick, "", "Let the rule for keeping channels choose again")
        self.grid = ChannelGrid(theme)
        self.grid.painted.connect(self._pick)
        self.grid.pointed.connect(self._point)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        area.setWidget(self.grid)
        self.readout = Readout(theme)
        self.readout.set_hint(HINT)
        chosen = together(label("group", "small"), self.group, spacing=GRID)
        flow = Flow(chosen, None, self.every, self.invert, self.rule, gap=GRID, edges=(12, 2, 8, 2))
        self.body.addWidget(flow)
        self.body.addWidget(area, 1)
        column = self.layout()
        assert column is not None
        column.addWidget(self.readout)

    def show_group(self, result: Result | None, rule: str) -> None:
        """Show the selected group, the first if none is; `result` has scores by `rule`, None while they are unknown."""
        reading = self.editing.reading
        if reading is None:
            return
        handles = sorted(reading.handles)
        chosen = [place for place in handles if place in self.editing.selected]
        self.place = chosen[0] if chosen else self.place if self.place in handles else handles[0]
        self._list_groups(handles)
        self.own = channels(reading.found, self.editing.workspace.edits, self.place, result) if result else None
        own = self.own
        for press in (self.every, self.invert):
            press.setEnabled(own is not None and self.editing.editable(self.place))
        self.rule.setEnabled(own is not None and own.by_hand)
        self.grid.setEnabled(own is not None and self.editing.editable(self.place))
        if own is None:
            self.grid.show_channels(np.zeros(0, dtype=np.int64), np.empty(0), ())
            self.claim.say("The channels are being scored …")
            self.legend.show_keys(())
            return
        self.grid.show_channels(own.copies, own.scores, own.labels)
        kept, more = int((own.copies > 0).sum()), int(np.maximum(own.copies - 1, 0).sum())
        words = f"{kept} of {len(own.copies)} channels kept" + (f", {more} copies added" if more else "")
        said = self.editing.refused or (f"{words} · named in the edits" if own.by_hand else f"{words} · by {rule}")
        name, scores, why = self.second
        known = result is not None and scores.size
        self._theirs = scores[result["group"].astype(np.int64) == self.place] if known and result else np.empty(0)
        self.claim.say(f"{said} · {name}: not compared, because {why}" if why else said)
        color, unused = self.theme.heat, self.theme.color("cost")
        keys = (Key("bar", f"low score ({rule})", color(0.0)), Key("bar", "high score", color(1.0)))
        self.legend.show_keys((*keys, Key("hatch", "dropped", unused)))

    def _list_groups(self, handles: list[int]) -> None:
        names = [self.editing.group(place).name for place in handles]
        with QSignalBlocker(self.group):
            if [self.group.itemText(row) for row in range(self.group.count())] != names:
                self.group.clear()
                for place, name in zip(handles, names, strict=True):
                    self.group.addItem(name, place)
            self.group.setCurrentIndex(self.group.findData(self.place))

    def _pick(self, copies: Ints) -> None:
        if self.own is not None:
            self.editing.pick(self.own, copies)

    def _unpick(self) -> None:
        if self.own is not None:
            self.editing.unpick(self.own.group)

    def _point(self, place: int) -> None:
        own = self.own
        if own is None or not 0 <= place < len(own.copies):
            self.readout.show_entries("", ())
            return
        copies = int(own.copies[place])
        state = "dropped" if not copies else "kept" if copies == 1 else f"{copies} copies"
        entries: tuple[Entry, ...] = (
            Entry("", state, "widths"),
            Entry("score", numbers.short(float(own.scores[place])), "text_soft", term="channel_score"),
        )
        if place < len(self._theirs):
            ours, theirs = float(own.scores[place]), float(self._theirs[place])
            words = f"score {numbers.short(theirs)} ({numbers.signed(ours - theirs, numbers.decimals(theirs, 3))})"
            entries = (*entries, Entry(self.second[0], words, "outline", term="compared"))
        self.readout.show_entries(f"{own.group}, channel {own.labels[place]}", entries)
