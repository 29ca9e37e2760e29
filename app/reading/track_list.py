"""Which tracks are shown, in which order and how high: what the user has chosen, kept apart from any widget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.reading.measurements import Metric

FIRST = (
    "structure.width",
    "structure.macs",
    "feature_rank.effective_rank",
    "conflicting_bundles.entropy",
    "conflicting_bundles.critical_tolerance",
    "weight_spectrum.stable_rank",
    "latency.latency",
)
"""Tracks that are shown as soon as they are there, from top to bottom."""
QUIET = ("parameter_sharing",)
"""Methods whose tracks are offered and not shown by themselves: a tab of their own shows them better."""
POWERS = ("conflicting_bundles.critical_tolerance",)
"""Tracks whose values are powers, drawn on a scale of powers unless the user says otherwise."""


@dataclass(slots=True)
class Track:
    """One track.

    Attributes
    ----------
    key
        Of its metric.
    weight
        Height relative to the others.
    log
        True for powers of ten.
    """

    key: str
    weight: float = 1.0
    log: bool = False


class TrackList:
    """The tracks of one view.

    A metric that appears for the first time is shown if it is one of :data:`FIRST`, or the first one of a method that
    has none there and is not one of :data:`QUIET`. What the user has taken away stays away.
    """

    def __init__(self) -> None:
        self.tracks: list[Track] = []
        self._met: set[str] = set()

    def adopt(self, metrics: Sequence[Metric]) -> bool:
        """Take in what there is to show; True if that brings new tracks."""
        known = {key.partition(".")[0] for key in FIRST} | set(QUIET)
        new: list[str] = []
        for metric in metrics:
            if metric.key in self._met:
                continue
            method = metric.method
            met = any(key.startswith(f"{method}.") for key in self._met)
            self._met.add(metric.key)
            if metric.key in FIRST or (method not in known and not met and metric.run is None):
                new.append(metric.key)
        for key in new:
            self.tracks.insert(self._place(key), Track(key, log=key in POWERS))
        return bool(new)

    def _place(self, key: str) -> int:
        """Before the first track that comes later in :data:`FIRST`."""
        rank = FIRST.index(key) if key in FIRST else len(FIRST)
        for place, track in enumerate(self.tracks):
            if track.key in FIRST and FIRST.index(track.key) > rank:
                return place
        return len(self.tracks)

    def __contains__(self, key: object) -> bool:
        return any(track.key == key for track in self.tracks)

    def toggle(self, key: str) -> None:
        """Show a track at the bottom, or take it away."""
        if key in self:
            self.tracks = [track for track in self.tracks if track.key != key]
        else:
            self._met.add(key)
            self.tracks.append(Track(key))

    def arrange(self, keys_and_weights: Sequence[tuple[str, float]]) -> None:
        """Take over order and heights of the tracks that are shown; others keep their place at the end."""
        given = dict(keys_and_weights)
        by_key = {track.key: track for track in self.tracks}
        for key, weight in given.items():
            if key in by_key:
                by_key[key].weight = weight
        shown = [by_key[key] for key in given if key in by_key]
        self.tracks = shown + [track for track in self.tracks if track.key not in given]

    def move(self, key: str, step: int) -> None:
        """Move a track up (-1) or down (1)."""
        place = next((i for i, track in enumerate(self.tracks) if track.key == key), -1)
        target = place + step
        if place >= 0 and 0 <= target < len(self.tracks):
            self.tracks[place], self.tracks[target] = self.tracks[target], self.tracks[place]

    def state(self) -> list[dict[str, Any]]:
        """Return the tracks as JSON values."""
        return [{"key": track.key, "weight": round(track.weight, 3), "log": track.log} for track in self.tracks]

    def restore(self, state: object) -> None:
        """Take over what :meth:`state` returned; anything else is ignored."""
        if not isinstance(state, list):
            return
        found = [entry for entry in state if isinstance(entry, dict) and isinstance(entry.get("key"), str)]
        self.tracks = [
            Track(entry["key"], max(0.1, float(entry.get("weight", 1.0))), bool(entry.get("log", False)))
            for entry in found
        ]
        self._met |= {track.key for track in self.tracks} | set(FIRST)
