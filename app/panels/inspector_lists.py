"""Which channels of the selected layer say nothing, or the same as another: lists whose numbers choose a channel."""

from __future__ import annotations

from html import escape

from PySide6.QtCore import Signal

from analysis.config import LayerSpec
from app.forms.term_label import TermText
from app.reading import activation_reading as reading
from app.reading.activation_reading import ChannelReading
from app.reading.depth import shown_name
from app.theme import Theme
from app.workspace import Workspace

NAMES = {"Dead": "channel_dead", "Constant": "constant_channels", "Duplicates": "duplicate_channels"}
"""Names of the lists, and their terms in the glossary."""
MOST_CHANNELS, MOST_GROUPS = 24, 12
ALL = "#all"
"""Where the link leads that asks for all pictures."""


class ChannelLists(TermText):
    """Dead, constant and duplicate channels of one layer, and over how many pictures they were looked for."""

    chosen = Signal(int)
    """Number of a channel."""
    all_wanted = Signal()
    """All pictures are to be read, not only some."""

    def __init__(self, workspace: Workspace, theme: Theme) -> None:
        super().__init__(theme, "", NAMES)
        self.workspace = workspace
        self._facts = ""
        self.setContentsMargins(12, 0, 12, 0)
        self.setAccessibleName("Dead, constant and duplicate channels")
        self.linkActivated.disconnect(self.help_wanted)
        self.linkActivated.connect(self._follow)

    def show_reading(self, layer: LayerSpec, found: ChannelReading | None) -> None:
        """Show the lists of a layer, as far as they are known."""
        self.setVisible(found is not None and found.known)
        if found is None or not found.known:
            return
        warned = {w.code: escape(w.text) for w in found.result.warnings if layer.name in w.items}
        groups = warned.pop("few_observations", f"{self.link('Duplicates')}: {_grouped(found)}")
        lines = [self._over(layer, found), self._dead(layer, found), self._constant(found), groups, *warned.values()]
        lines.append(escape(reading.second_counts(self.workspace, layer)))
        color = self.theme.readable("accent").name()
        text = "<br>".join(line for line in lines if line)
        self.setText(text.replace('<a href="#', f'<a style="color:{color}" href="#'))
        facts = found.result.facts
        titles = ("dead channel", "constant channel", "duplicate channel")
        self._facts = "\n".join(f"{title.capitalize()}: {facts[title]}" for title in titles if title in facts)
        self.setToolTip(self._facts)

    def _over(self, layer: LayerSpec, found: ChannelReading) -> str:
        """Say how many pictures were read, and offer the rest."""
        count, total = found.pictures
        if not count:
            return ""
        words, link = f"Over {reading.count_words(count, total)}", ""
        if count < total:
            waiting = reading.waits_for_all(self.workspace, layer)
            link = f" · reading all {total:,} …" if waiting else f' · <a href="{ALL}">all {total:,}</a>'
        return f'<span style="color:{self.theme.color("text_soft").name()}">{words}{link}</span>'

    def _dead(self, layer: LayerSpec, found: ChannelReading) -> str:
        """List dead channels; of a layer whose activation comes after it, those that are dead there too."""
        listed = found.listed("dead")
        words = f"{self.link('Dead')}: {_links(listed)}"
        after = reading.activation_after(self.workspace, layer)
        run = reading.find(self.workspace, after, -1) if after is not None else None
        theirs = reading.reading_of(run, after) if run is not None and after is not None else None
        if theirs is None or after is None or not theirs.known or theirs.channels != found.channels:
            return words
        return f"{words}; after {escape(shown_name(after.name))}: {_links(theirs.listed('dead'))}"

    def _constant(self, found: ChannelReading) -> str:
        return f"{self.link('Constant')}: {_links(found.listed('constant'))}"

    def _say(self, link: str) -> None:
        """Say what the name under the mouse means; elsewhere, what the words mean in this run."""
        super()._say(link)
        if not self.toolTip():
            self.setToolTip(self._facts)

    def _follow(self, link: str) -> None:
        """Choose the channel that was clicked, ask for all pictures, or open the definition of the name."""
        if link == ALL:
            self.all_wanted.emit()
        elif link.startswith("#"):
            self.chosen.emit(int(link[1:]))
        else:
            self.help_wanted.emit(link)


def _link(channel: int) -> str:
    return f'<a href="#{channel}">{channel}</a>'


def _links(channels: tuple[int, ...]) -> str:
    if not channels:
        return "none"
    text = ", ".join(_link(channel) for channel in channels[:MOST_CHANNELS])
    return f"{text} and {len(channels) - MOST_CHANNELS} more" if len(channels) > MOST_CHANNELS else text


def _grouped(found: ChannelReading) -> str:
    groups = found.groups()
    text = "; ".join(" = ".join(_link(channel) for channel in group) for group in groups[:MOST_GROUPS])
    more = f"; and {len(groups) - MOST_GROUPS} more" if len(groups) > MOST_GROUPS else ""
    return f"{text}{more}" if groups else "none"
