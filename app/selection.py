"""What is selected, what was selected before, and which pictures are asked to be seen. Plain values, no Qt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LONGEST = 500
"""Past selections that are kept."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What is selected, everywhere at once. Empty fields are nothing.

    Attributes
    ----------
    layers
        Names; the last one is the current one.
    channel, sample
        Channel of the current layer; place of a picture in its source. -1 for none.
    samples
        Places of all selected pictures if there are several, the current one among them; else empty.
    """

    layers: tuple[str, ...] = ()
    channel: int = -1
    sample: int = -1
    samples: tuple[int, ...] = ()

    @property
    def layer(self) -> str:
        """The current layer, "" for none."""
        return self.layers[-1] if self.layers else ""

    @property
    def pictures(self) -> tuple[int, ...]:
        """Places of all selected pictures, one or several; empty for none."""
        if self.sample < 0:
            return ()
        return self.samples if self.sample in self.samples else (self.sample,)


@dataclass(frozen=True, slots=True, eq=False)
class SampleFilter:
    """A list of pictures that something elsewhere stands for: a bundle, a configuration, a cell of a matrix.

    Attributes
    ----------
    name
        Words for it, e.g. "cat taken for dog".
    places
        (n,) int64, their places in the source of the pictures; ascending.
    """

    name: str
    places: NDArray[np.int64]


class Trail:
    """Selections before and after the current one: each step back can be undone."""

    def __init__(self) -> None:
        self._past: list[Selection] = []
        self._future: list[Selection] = []

    def clear(self) -> None:
        """Forget everything, because another network is open."""
        self._past.clear()
        self._future.clear()

    def leave(self, selection: Selection) -> None:
        """Note the selection that is being left for a new one; what was stepped back from is forgotten."""
        self._past.append(selection)
        del self._past[:-LONGEST]
        self._future.clear()

    @property
    def has_past(self) -> bool:
        """True if there is a selection before this one."""
        return bool(self._past)

    @property
    def has_future(self) -> bool:
        """True if a step back can be undone."""
        return bool(self._future)

    def back(self, now: Selection) -> Selection:
        """Return the selection before, and keep the one now for :meth:`forward`."""
        self._future.append(now)
        return self._past.pop()

    def forward(self, now: Selection) -> Selection:
        """Return the selection that was stepped back from last."""
        self._past.append(now)
        return self._future.pop()
