"""What a user does to widths: every gesture becomes one step that can be undone. No widgets."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from PySide6.QtCore import QObject, Signal

from analysis.edits import Edits
from analysis.measures.widths.description import WidthGroup
from analysis.measures.widths.fitting import Rounding
from app.commands import SetEdits
from app.reading.depth import Ints
from app.reading.width_channels import Channels, Scores, completed, with_pick
from app.reading.width_reading import Rules, WidthReading, changed, with_widths
from app.workspace import Workspace

PAUSE = 1.0
"""Seconds after which a further turn of the wheel is a step of its own."""
LARGE = 8
"""Steps at a time with shift."""


@dataclass(frozen=True, slots=True)
class Surgery:
    """How widths become a network: channels that are chosen, and rules for keeping and adding (see `Edits`)."""

    channels: tuple[tuple[str, str], ...] = ()
    keep: str = ""
    widen: str = ""


def surgery_of(edits: Edits) -> Surgery:
    """Return that part of edits."""
    return Surgery(edits.channels, edits.keep, edits.widen)


class Editing(QObject):
    """Edits the widths of the open network.

    Parameters
    ----------
    workspace
        Where the edits are.

    Attributes
    ----------
    reading
        The width groups, None while they are not known.
    rules
        Rounding, minimum and locks.
    selected
        Places of the groups that are edited together.
    refused
        Why the last wish could not be carried out, "" if it was.
    scores
        From a rule that needs pictures to its scores, None while there are none.
    """

    changed = Signal()
    """Selection, rules or the sentence of a refusal have changed; edits announce themselves."""

    def __init__(self, workspace: Workspace, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.workspace = workspace
        self.reading: WidthReading | None = None
        self.rules = Rules()
        self.selected: frozenset[int] = frozenset()
        self.refused = ""
        self.scores: Scores = lambda _rule: None
        self._gesture = self._ruled = 0
        self._start: dict[str, int] = {}
        self._nudged = 0.0

    # -- what is there -----------------------------------------------------------------------------------------------

    def take(self, reading: WidthReading | None) -> None:
        """Edit the groups of another network."""
        if reading is not self.reading:
            self.reading = reading
            self.selected = frozenset()
            self.refused = ""

    @property
    def widths(self) -> dict[str, int]:
        """Widths that are changed, by group; what the network has no group for is left out."""
        if self.reading is None:
            return {}
        known = {group.name: group for group in self.reading.found.groups if not group.locked}
        return {name: width for name, width in self.workspace.edits.widths if name in known}

    def width(self, group: int) -> int:
        """Present width of a group."""
        about = self.group(group)
        return self.widths.get(about.name, about.width)

    def group(self, place: int) -> WidthGroup:
        """Return a group of the network."""
        assert self.reading is not None
        return self.reading.found.groups[place]

    def editable(self, place: int) -> bool:
        """Tell whether the user can change a group."""
        group = self.group(place)
        return not group.locked and group.name not in self.rules.locked

    # -- selection and rules -----------------------------------------------------------------------------------------

    def select(self, groups: tuple[int, ...], add: bool = False) -> None:
        """Select groups; with `add` put them to, or take them from, those that are selected."""
        new = self.selected ^ frozenset(groups) if add else frozenset(groups)
        if new != self.selected:
            self.selected = new
            self._nudged = 0.0
            self.changed.emit()

    def step_selection(self, steps: int) -> None:
        """Select the handle to the right or left of the one that is selected."""
        if self.reading is None or not self.reading.handles:
            return
        order = sorted(self.reading.handles, key=lambda group: self._handle(group))
        at = [order.index(group) for group in self.selected if group in order]
        place = (max(at) if steps > 0 else min(at)) + steps if at else (0 if steps > 0 else len(order) - 1)
        self.select((order[min(max(place, 0), len(order) - 1)],))

    def _handle(self, group: int) -> int:
        assert self.reading is not None
        return self.reading.handles[group]

    def set_rounding(self, rounding: Rounding) -> None:
        """Round coming edits to something else."""
        self.rules = Rules(rounding, self.rules.locked)
        self.changed.emit()

    def lock(self, groups: frozenset[int], locked: bool) -> None:
        """Keep groups as they are, or let them change again."""
        names = frozenset(self.group(place).name for place in groups)
        self.rules = Rules(self.rules.rounding, self.rules.locked | names if locked else self.rules.locked - names)
        self.changed.emit()

    # -- edits -------------------------------------------------------------------------------------------------------

    def grab(self, group: int) -> None:
        """Begin a drag at a group's handle; others that are selected go along."""
        if group not in self.selected:
            self.select((group,))
        self._gesture += 1
        self._start = {self.group(place).name: self.width(place) for place in self.selected}

    def drag(self, piece: int, channels: float) -> None:
        """Go on with a drag: the piece should have so many channels, and the others change in proportion."""
        assert self.reading is not None
        group = self.group(self.reading.pieces[piece].group)
        before = self._start.get(group.name, group.width)
        factor = max(self.reading.width_at(piece, channels), 0.0) / max(before, 1)
        self._wish({name: width * factor for name, width in self._start.items()}, self._gesture)

    def nudge(self, steps: int, large: bool) -> None:
        """Make what is selected wider or narrower by steps of rounding and legality."""
        now = time.monotonic()
        if now - self._nudged > PAUSE:
            self._gesture += 1
        self._nudged = now
        wishes = {}
        for place in self.selected:
            step = max(self.group(place).step, 1)
            size = max(step, self.rules.rounding.multiple) * (LARGE if large else 1)
            wishes[self.group(place).name] = float(self.width(place) + steps * size)
        self._wish(wishes, self._gesture)

    def type_width(self, width: int) -> None:
        """Give all that is selected a width."""
        self._wish({self.group(place).name: float(width) for place in self.selected})

    def scale(self, factor: float) -> None:
        """Multiply the widths of all that is selected."""
        self._wish({self.group(place).name: self.width(place) * factor for place in self.selected})

    def _wish(self, wishes: Mapping[str, float], gesture: int = 0) -> None:
        if self.reading is None or not wishes:
            return
        new, refused = changed(self.reading.found, self.widths, wishes, self.rules)
        names = list(wishes)
        words = f"width of {names[0]}" if len(names) == 1 else f"{len(names)} widths"
        self._push(new, words, gesture)
        self._refuse(refused)

    def put(self, widths: Mapping[str, int], words: str, surgery: Surgery | None = None) -> None:
        """Replace the whole configuration in one step; groups that the user has locked keep their width.

        Parameters
        ----------
        widths, words
            Groups that change; what the step is called.
        surgery
            Channels and rules to go with it; None leaves the present rules. Locked groups keep their channels.
        """
        kept = {name: width for name, width in self.widths.items() if name in self.rules.locked}
        free = {name: width for name, width in widths.items() if name not in self.rules.locked}
        self._push(free | kept, words, 0, surgery)
        self._refuse("")

    def _push(self, widths: dict[str, int], words: str, gesture: int, surgery: Surgery | None = None) -> None:
        assert self.reading is not None
        order = [group.name for group in self.reading.found.groups]
        widths = {name: widths[name] for name in order if name in widths}
        if surgery is not None:
            self._set(self._with_surgery(widths, surgery), words, gesture)
        elif widths != self.widths:
            self._set(with_widths(self.workspace.edits, widths), words, gesture)

    def _with_surgery(self, widths: dict[str, int], surgery: Surgery) -> Edits:
        """Put widths with their channels and rules into the edits."""
        edits, locked = with_widths(self.workspace.edits, widths), self.rules.locked
        assert self.reading is not None
        free = {group.name for group in self.reading.found.free} - locked
        own = tuple(pair for pair in edits.channels if pair[0] in locked)
        channels = (*own, *(pair for pair in surgery.channels if pair[0] in free))
        return replace(edits, channels=channels, keep=surgery.keep, widen=surgery.widen)

    def _set(self, new: Edits, words: str, gesture: int = 0) -> None:
        """Replace the edits in one step; a rule that needs pictures chooses the channels of what has changed."""
        assert self.reading is not None
        new = completed(self.reading.found, new, self.scores)
        if new != self.workspace.edits:
            self.workspace.undo.push(SetEdits(self.workspace, new, words, gesture))

    # -- channels ----------------------------------------------------------------------------------------------------

    def pick(self, own: Channels, copies: Ints) -> None:
        """Choose the channels of a group by hand: one step."""
        assert self.reading is not None
        new, refused = with_pick(self.reading.found, self.workspace.edits, own, copies)
        if not refused:
            self._set(new, f"channels of {own.group}")
        self._refuse(refused)

    def unpick(self, name: str) -> None:
        """Let the rule choose the channels of a group again; its width stays."""
        edits = self.workspace.edits
        self._set(
            replace(edits, channels=tuple(pair for pair in edits.channels if pair[0] != name)), "channels by rule"
        )

    def set_rules(self, keep: str, widen: str) -> None:
        """Choose how channels are kept and added; another rule chooses all channels anew, another seed those drawn."""
        edits = self.workspace.edits
        rule, before = keep.partition(":")[0], edits.keep.partition(":")[0]
        channels = edits.channels if rule == before and (rule != "random" or keep == edits.keep) else ()
        self._gesture += 1
        self._ruled = self._gesture
        self._set(replace(edits, keep=keep, widen=widen, channels=channels), "how the network is made", self._ruled)

    def complete(self) -> None:
        """Put in the channels of a rule once its scores have come; with the choice of the rule it is one step.

        Not where something has been undone: a new step there would keep the user from undoing further.
        """
        if self.reading is not None and not self.workspace.undo.canRedo():
            self._set(self.workspace.edits, "how the network is made", self._ruled)

    def _refuse(self, words: str) -> None:
        if words != self.refused:
            self.refused = words
            self.changed.emit()
