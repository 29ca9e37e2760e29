"""What a method gets, and what it gives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from analysis.catalogue import MethodInfo, Value, nearest
from analysis.config import LayerSpec, matching
from analysis.events import Chunk, Declared, Progress
from analysis.images import Images
from analysis.models import Model
from analysis.problems import AnalysisError, RunWarning
from analysis.request import Request
from analysis.result import Result
from analysis.series import Series

Step = Declared | Chunk | Progress
LEFT_OUT = "labels left out"
"""Badge of runs on pictures whose labels fit no output of the network."""


@dataclass(slots=True)
class Job:
    """One run from the inside.

    Attributes
    ----------
    request
        What was asked for.
    params
        All parameters of the method, checked and completed with defaults.
    model, images
        What the request names; None where the method needs none (see `MethodInfo.needs`).
    folder
        Where a method that trains may write checkpoints, or None.
    series
        Checkpoints where a method needs them and the request names several; `model` is the last one.
    earlier
        What an unfinished run of the same request has found, None to begin anew. A method that streams batch by batch
        sends the finished ones again and goes on with the others.
    warnings
        Grows by :meth:`warn`; becomes part of the result.
    """

    request: Request
    params: Mapping[str, Value]
    loaded: Model | None = None
    pictures: Images | None = None
    folder: Path | None = None
    warnings: list[RunWarning] = field(default_factory=list)
    series: Series | None = None
    earlier: Result | None = None

    @property
    def model(self) -> Model:
        """The loaded network."""
        if self.loaded is None:
            raise AnalysisError("This method needs a network.", "Name one with --model.")
        return self.loaded

    @property
    def images(self) -> Images:
        """The pictures, in batches."""
        if self.pictures is None:
            raise AnalysisError("This method needs pictures.", "Name some with --images.")
        return self.pictures

    @property
    def badges(self) -> tuple[str, ...]:
        """Short facts that belong beside the result; what the user has said about the pictures is not assumed."""
        badges = self.loaded.badges if self.loaded else ()
        said = self.pictures is not None and self.pictures.preprocessing.source == "user"
        found = tuple(badge for badge in badges if not (said and badge == "preprocessing assumed"))
        return (*found, LEFT_OUT) if self.pictures is not None and self.pictures.unfit else found

    @property
    def unlabelled(self) -> str:
        """Why there are no labels, as the beginning of a sentence."""
        unfit = self.pictures is not None and self.pictures.unfit
        return "The labels of the pictures fit no output" if unfit else "The pictures have no labels"

    def warn(self, code: str, text: str, items: tuple[str, ...] = ()) -> None:
        """Tell the readers of the result something."""
        self.warnings.append(RunWarning(code, text, items))

    def choose(self, kinds: tuple[str, ...]) -> tuple[LayerSpec, ...]:
        """Layers the user selected, or else all of the given kinds.

        Raises
        ------
        AnalysisError
            If the user's pattern fits no layer; the message names the nearest.
        """
        layers = self.model.recording.layers
        if not self.request.layers:
            return tuple(layer for layer in layers if layer.kind in kinds)
        return select(layers, self.request.layers)


def select(layers: tuple[LayerSpec, ...], pattern: str) -> tuple[LayerSpec, ...]:
    """Layers whose names fit each of the comma-separated patterns.

    Raises
    ------
    AnalysisError
        If one of the patterns fits no layer; the message names the nearest.
    """
    for part in pattern.split(","):
        if part.strip() and not matching(layers, part):
            names = [layer.name for layer in layers]
            raise AnalysisError(f"No layer fits '{part.strip()}'.", nearest(part.strip("*. "), names))
    return matching(layers, pattern)


class Method(Protocol):
    """A module of `analysis.methods`."""

    INFO: MethodInfo

    def run(self, job: Job) -> Iterator[Step]:
        """Yield Declared first, then Chunk and Progress; at least one step per batch."""
        ...
