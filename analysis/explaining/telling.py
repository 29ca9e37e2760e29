"""What an explanation is asked for, and how it is told: outputs, numbers, facts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from analysis.config import LayerSpec
from analysis.events import Chunk, Declared, Output
from analysis.explaining.targets import as_seen
from analysis.measures.attributions import Algorithm, Floats
from analysis.measures.pieces import in_pieces
from analysis.request import Preprocessing


@dataclass(frozen=True, slots=True)
class Asked:
    """What a run is to do.

    Attributes
    ----------
    algorithms
        In the order asked for.
    layer
        The row that layered algorithms look at, None if none does.
    pixels, baselines
        (picture, channel, y, x), prepared.
    places
        (picture,) places in the source.
    labels
        (picture,) numbers of classes; None where there are none.
    classes
        Names of the classes, as far as they are known.
    target, baseline
        As they were asked for.
    outputs
        Number of classes that the network was recorded with, 0 if unknown.
    steps
        Of an integral.
    window, stride
        Of occlusion, in pixels.
    rows
        How many rows, steps or windows of a picture, go through the network at once, as long as memory allows.
    """

    algorithms: tuple[Algorithm, ...]
    layer: LayerSpec | None
    pixels: Tensor
    baselines: Tensor
    places: NDArray[np.int64]
    labels: NDArray[np.int64] | None
    classes: tuple[str, ...]
    target: str
    baseline: str
    outputs: int
    steps: int
    window: int
    stride: int
    rows: int

    @property
    def names(self) -> set[str]:
        """Names of the algorithms."""
        return {item.name for item in self.algorithms}

    def classes_of(self, outputs: int) -> tuple[str, ...]:
        """Return the names of the classes if there is one for each output, else none."""
        return self.classes if len(self.classes) == outputs else ()

    @property
    def complete(self) -> bool:
        """True if the maps of an algorithm should add up to the difference from the baseline."""
        return any(item.complete for item in self.algorithms)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known after the first pass.

    Attributes
    ----------
    predictions, targets
        (picture,) numbers of classes.
    confidences, scores, differences
        (picture,) softmax of the prediction (NaN for a network with one output, whose softmax says nothing), score of
        the target, and that less the baseline's score.
    """

    predictions: NDArray[np.int64]
    targets: NDArray[np.int64]
    confidences: Floats
    scores: Floats
    differences: Floats


def float64(values: Tensor) -> Floats:
    """Bring numbers of any device and precision to the one in which measures are stored."""
    return np.asarray(values.detach().cpu().double().numpy())


def map_chunks(row: int, place: int, item: Algorithm, raw: Tensor, asked: Asked, known: Known) -> Iterator[Chunk]:
    """Tell a map that has been made.

    Parameters
    ----------
    row, place
        Of the algorithm and of the picture among those of the run.
    item, raw
        The algorithm and its map, axes (channel, y, x), at the size of the picture or of the layer.
    asked, known
        Of the run.
    """
    values = float64(raw)
    joined = _joined(item, values)
    yield Chunk("attribution_sum", (row, place), np.asarray(joined.sum()))
    if item.complete:
        yield Chunk("convergence_delta", (row, place), np.asarray(joined.sum() - known.differences[place]))
    if item.layered and item.name != "guided_grad_cam":
        if item.name == "layer_conductance":
            yield Chunk("channel_conductance", (place,), values.sum(axis=(1, 2)))
        size = (asked.pixels.shape[2], asked.pixels.shape[3])
        layer = torch.from_numpy(joined)[None, None]
        joined = functional.interpolate(layer, size, mode="bilinear", align_corners=False)[0, 0].numpy()
    elif _by_colour(item, len(values)):
        yield from in_pieces("attribution_by_channel", (row, place), values)
    yield from in_pieces("attribution", (row, place), joined)


def _joined(item: Algorithm, values: Floats) -> Floats:
    """Bring the colours, or the channels of a layer, to one map."""
    if item.name == "saliency":  # as in its paper: the largest magnitude
        return np.asarray(np.abs(values).max(axis=0))
    if item.name == "occlusion":  # a window covers all colours at once, each of which has the whole fall
        return np.asarray(values.mean(axis=0))
    return np.asarray(values.sum(axis=0))


def _by_colour(item: Algorithm, channels: int) -> bool:
    """Tell whether the colours of a map are stored, too: of saliency also a single one, for its sign."""
    return (not item.layered or item.name == "guided_grad_cam") and (channels > 1 or not item.signed)


def known_chunks(asked: Asked, known: Known, preprocessing: Preprocessing) -> Iterator[Chunk]:
    """Say what is known before any map: pictures, predictions, targets."""
    yield Chunk("place", (), asked.places.astype(np.int64))
    yield Chunk("prediction", (), known.predictions.astype(np.int64))
    yield Chunk("confidence", (), known.confidences)
    yield Chunk("target", (), known.targets.astype(np.int64))
    yield Chunk("target_score", (), known.scores)
    if asked.complete:
        yield Chunk("difference", (), known.differences)
    if asked.labels is not None:
        yield Chunk("label", (), asked.labels.astype(np.int64))
    for number, picture in enumerate(asked.pixels):
        yield from in_pieces("picture", (number,), as_seen(picture, preprocessing))


def declared(asked: Asked) -> Declared:
    """Declare the outputs of a run and what holds for all of it."""
    count, channels, high, wide = asked.pixels.shape
    rows = len(asked.algorithms)
    outputs = [
        Output("attribution", ("algorithm", "picture", "y", "x"), (rows, count, high, wide), title="Attribution"),
        Output("attribution_sum", ("algorithm", "picture"), (rows, count), title="Sum of the attribution"),
        Output(
            "picture", ("picture", "channel", "y", "x"), (count, channels, high, wide), title="As the network saw it"
        ),
        Output("place", ("picture",), (count,), "int64", title="Place in the source"),
        Output("prediction", ("picture",), (count,), "int64", title="Prediction"),
        Output("confidence", ("picture",), (count,), title="Confidence"),
        Output("target", ("picture",), (count,), "int64", title="Class that is explained"),
        Output("target_score", ("picture",), (count,), title="Score of that class"),
    ]
    if asked.complete:
        title = "Score of the picture less score of the baseline"
        outputs.append(Output("convergence_delta", ("algorithm", "picture"), (rows, count), title="Convergence delta"))
        outputs.append(Output("difference", ("picture",), (count,), title=title))
    if asked.labels is not None:
        outputs.append(Output("label", ("picture",), (count,), "int64", title="Label"))
    names = asked.names
    if any(_by_colour(item, channels) for item in asked.algorithms):
        shape = (rows, count, channels, high, wide)
        dims = ("algorithm", "picture", "channel", "y", "x")
        outputs.append(Output("attribution_by_channel", dims, shape, title="Attribution by colour"))
    if "layer_conductance" in names and asked.layer:
        units = (count, asked.layer.channels)
        outputs.append(Output("channel_conductance", ("picture", "unit"), units, title="Conductance by channel"))
    classes = asked.classes_of(asked.outputs)
    named = [
        ("algorithm", tuple(item.name for item in asked.algorithms)),
        ("picture", tuple(str(place) for place in asked.places.tolist())),
        *((("class", classes),) if classes else ()),
    ]
    layers = (asked.layer,) if asked.layer else ()
    return Declared(tuple(outputs), layers, tuple(named), _facts(asked))


def _facts(asked: Asked) -> tuple[tuple[str, str], ...]:
    names = asked.names
    facts = [("values", "signed: above zero speaks for the class, below zero against it")]
    if "saliency" in names:
        facts.append(("saliency", "magnitude of the gradient, largest over colours; by colour with its sign"))
    facts.append(("target", asked.target or "predicted"))
    if asked.outputs == 1:
        facts.append(("one output", "its number is explained; there are no classes, and no confidence"))
    facts.append(("rows at a time", f"{asked.rows} of one picture, fewer where memory runs out"))
    if names - {"saliency", "grad_cam", "guided_grad_cam"}:
        facts.append(("baseline", asked.baseline))
    if names & {"integrated_gradients", "layer_conductance"}:
        facts.append(("steps", f"{asked.steps}, Gauss-Legendre"))
    if "occlusion" in names:
        facts.append(("occlusion", f"window {asked.window} px, stride {asked.stride} px"))
    if asked.layer:
        facts.append(("layer", asked.layer.name))
        facts.append(("layer maps", "summed over channels, enlarged bilinearly; Grad-CAM without its final ReLU"))
    if asked.complete:
        facts.append(("convergence delta", "sum of the attribution less difference of the scores; ideally 0"))
    return tuple(facts)
