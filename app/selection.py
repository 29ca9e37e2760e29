"""What is selected, what was selected before, and which pictures are asked to be seen. Plain values, no Qt."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from analysis.measures.configurations import Geometry

LONGEST = 500
"""Past selections that are kept."""


@dataclass(frozen=True, slots=True)
class ChosenBundle:
    """Pictures that a layer merges. Its number means nothing outside its run, which is named with it.

    Attributes
    ----------
    layer, checkpoint
        Name of the point and of the checkpoint at which it was found.
    number
        As the run counts.
    run
        Fingerprint of the run: equal ones have equal bundles.
    """

    layer: str
    checkpoint: str
    number: int
    run: str


@dataclass(frozen=True, slots=True)
class ChosenConfiguration:
    """The network in another geometry, told by what it changes, so that any run which tried the same finds it.

    Attributes
    ----------
    name
        What the run in which it was chosen calls it.
    geometry
        Layers and their options, from the input on; never empty.
    rules
        What else decides how it answers, such as "policy=resize"; "" where all is as usual.
    """

    name: str
    geometry: Geometry
    rules: str = ""


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
    bundle
        One of the current layer.
    configuration
        None for the network as it is.
    """

    layers: tuple[str, ...] = ()
    channel: int = -1
    sample: int = -1
    samples: tuple[int, ...] = ()
    bundle: ChosenBundle | None = None
    configuration: ChosenConfiguration | None = None

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

    def with_bundle(self, bundle: ChosenBundle | None) -> Selection:
        """Return the same with a bundle, and the layer it is of; None for no bundle, which leaves the layer."""
        if bundle is None or bundle.layer == self.layer:
            return replace(self, bundle=bundle)
        return replace(self, layers=(bundle.layer,), channel=-1, bundle=bundle)

    @property
    def consistent(self) -> Selection:
        """The same without a bundle of another layer than the current one."""
        fits = self.bundle is None or self.bundle.layer == self.layer
        return self if fits else replace(self, bundle=None)


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
