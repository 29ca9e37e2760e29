"""What a user changes about a network: one immutable value that undo, requests, runs and saved files carry."""

from __future__ import annotations

from dataclasses import dataclass


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
    """

    removed: tuple[str, ...] = ()
    widths: tuple[tuple[str, int], ...] = ()
    geometry: tuple[tuple[str, str], ...] = ()
    ring: tuple[tuple[str, str], ...] = ()
    channels: tuple[tuple[str, str], ...] = ()
    keep: str = ""
    widen: str = ""

    @property
    def empty(self) -> bool:
        """True if nothing is changed."""
        return not (self.removed or self.widths or self.geometry or self.ring)

    def summary(self) -> str:
        """Say in words how much is changed, e.g. "2 blocks removed, 5 widths edited"."""
        parts = (
            (len(self.removed), "block", "removed"),
            (len(self.widths), "width", "edited"),
            (len(self.geometry), "convolution", "reshaped"),
        )
        words = [f"{n} {noun}{'s' if n > 1 else ''} {verb}" for n, noun, verb in parts if n]
        return ", ".join([*words, *(["weights shared"] if self.ring else [])]) or "no edits"
