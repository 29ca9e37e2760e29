"""Configurations that were built by hand and stand beside those of a run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.measures.configurations import read_extra
from app.reading.configuration_records import LOST, RIGHT, UNSEEN, WON, WRONG, Records


@dataclass(frozen=True, slots=True, eq=False)
class Pinned:
    """A configuration built by hand that stands beside those of the run.

    Attributes
    ----------
    text
        How it is written in a request, see :func:`analysis.measures.configurations.write_extra`.
    reading
        Its own run: number 0 is the network as it is, 1 this configuration.
    rows
        Row of each picture of the other run in this one, -1 for those it did not see.
    number
        Its place among those that are pinned, from 1.
    """

    text: str
    reading: Records
    rows: NDArray[np.int64]
    number: int = 1

    @property
    def label(self) -> str:
        """Name that fits a column: "hand 1"."""
        return f"hand {self.number}"

    @property
    def name(self) -> str:
        """Short name, with its options alone: "hand 1: dil2|strideK1"."""
        words = [word for _, word in read_extra(self.text)[0]]
        return f"{self.label}: " + "|".join([*words[:2], *([f"+{len(words) - 2}"] if len(words) > 2 else [])])

    @property
    def details(self) -> str:
        """Layers and options."""
        return short(read_extra(self.text)[0])

    @property
    def kinds(self) -> NDArray[np.uint8]:
        """(picture of the other run,) kind of its cell, 255 where it was not run."""
        right, own = self.reading.correct[:, -1], self.reading.correct[:, 0]
        kinds = np.where(right, np.where(own, RIGHT, WON), np.where(own, LOST, WRONG)).astype(np.uint8)
        return np.where(self.rows >= 0, kinds[np.maximum(self.rows, 0)], UNSEEN).astype(np.uint8)

    @property
    def accuracy(self) -> float:
        """Share right of the pictures it was run on."""
        return float(self.reading.accuracy[-1])

    @property
    def plain(self) -> float:
        """Share of the same pictures that the network as it is gets right."""
        return float(self.reading.accuracy[0])

    @property
    def macs(self) -> int:
        """Multiply-adds of a picture."""
        return int(self.reading.macs[-1])


def short(geometry: Iterable[tuple[str, str]]) -> str:
    """Write a geometry in few words: "layer2.0.conv1 dil2 · layer3.0.conv1 strideK1"."""
    return " · ".join(f"{name} {word}" for name, word in geometry) or "as it is"
