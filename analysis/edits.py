"""What a user changes about a network: one immutable value that undo, requests, runs and saved files carry."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Edits:
    """Changes to a network, in the order in which they are applied.

    Attributes
    ----------
    removed
        Names of residual blocks that are replaced by their shortcut.
    widths
        (width group, width) pairs.
    geometry
        (convolution, option) pairs such as ("layer3.0.conv1", "dil2").
    ring
        Parameter sharing as (key, value) texts, empty for none.
    channels
        (width group, choice) pairs: which channels `widths` keeps and copies, as "copies:classes" runs; groups that are
        not named are chosen by `keep`.
    keep, widen
        Rule by which narrowing chooses ("" for "l1"; "random:7" with a seed); how channels are added ("" for "split").
    grouped
        How widths of grouped convolutions change: "" for the same places in every group, "whole" for whole groups.
    before
        Edits that come first, in their order: each counts from the network that those before it made. A network that
        was edited, saved, opened and edited again has them.
    """

    removed: tuple[str, ...] = ()
    widths: tuple[tuple[str, int], ...] = ()
    geometry: tuple[tuple[str, str], ...] = ()
    ring: tuple[tuple[str, str], ...] = ()
    channels: tuple[tuple[str, str], ...] = ()
    keep: str = ""
    widen: str = ""
    grouped: str = ""
    before: tuple[Edits, ...] = ()

    @property
    def empty(self) -> bool:
        """True if nothing is changed."""
        return not self.steps

    @property
    def steps(self) -> tuple[Edits, ...]:
        """All edits one after the other, none with `before`; those that change nothing are left out.

        Examples
        --------
        >>> first, second = Edits(widths=(("conv1", 8),)), Edits(widths=(("conv1", 12),))
        >>> second.after(first).steps == (first, second)
        True
        """
        own = replace(self, before=()) if self.removed or self.widths or self.geometry or self.ring else None
        earlier = tuple(step for edits in self.before for step in edits.steps)
        return earlier if own is None else (*earlier, own)

    def after(self, earlier: Edits) -> Edits:
        """Put these edits behind others: the whole way from the network that the others count from."""
        return replace(self, before=(*earlier.steps, *self.before))

    def summary(self) -> str:
        """Say in words how much is changed, e.g. "2 blocks removed, 5 widths edited, then 1 width edited"."""
        return ", then ".join(step._words() for step in self.steps) or "no edits"

    def _words(self) -> str:
        parts = (
            (len(self.removed), "block", "removed"),
            (len(self.widths), "width", "edited"),
            (len(self.geometry), "convolution", "reshaped"),
        )
        words = [f"{n} {noun}{'s' if n > 1 else ''} {verb}" for n, noun, verb in parts if n]
        return ", ".join([*words, *(["weights shared"] if self.ring else [])])
