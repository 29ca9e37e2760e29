"""Activations: maps of chosen pictures, what every channel does over all pictures, and the weights that make it."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from analysis.catalogue import MethodInfo, Param
from analysis.config import LayerSpec
from analysis.events import Array, Chunk, Declared, Output, Progress
from analysis.features.channels import ChannelWatch
from analysis.job import Job, Step
from analysis.measures.channels import ENOUGH, block_side
from analysis.measures.picks import read_picks
from analysis.measures.pieces import in_pieces
from analysis.problems import AnalysisError
from analysis.taps import taps

INFO = MethodInfo(
    name="activations",
    title="Activations",
    summary="Maps of chosen pictures, dead, constant and duplicate channels, top pictures, filters.",
    params=(
        Param("samples", "", "Places of the pictures in their source, such as 3, 17, 20-29; empty for a seeded choice"),
        Param("maps", 1, "Pictures whose maps are kept, the first of the run", low=0, high=64),
        Param("map_side", 64, "Longest side of a kept map; larger ones are averaged over blocks", low=4, high=512),
        Param("tolerance", 0.999, "Magnitude of the correlation from which channels are duplicates", 0.5, 1.0),
        Param("top", 9, "Pictures kept per channel, those with the largest activation", low=1, high=100),
    ),
    limit=200,
)

BINS = 41
MOST_VALUES = 1 << 23
"""Numbers of all kept maps together: 64 MB."""
MOST_WEIGHTS = 1 << 22
"""Weights of all kept filters together: 32 MB."""

COUNTS = (  # name, title
    ("channels", "Channels"),
    ("dead_channels", "Dead channels"),
    ("constant_channels", "Constant channels"),
    ("duplicate_channels", "Duplicate channels"),
)
MEASURES = (
    ("mean", "float64", "Mean activation"),
    ("minimum", "float64", "Smallest activation"),
    ("maximum", "float64", "Largest activation"),
    ("positive_share", "float64", "Share of positions above zero"),
    ("dead", "uint8", "Zero at every position of every picture"),
    ("constant", "uint8", "One value, not zero, at every position of every picture"),
    ("duplicate_of", "int64", "First channel that says the same; itself for none"),
    ("duplicate_correlation", "float64", "Correlation with that channel"),
)


@dataclass(frozen=True, slots=True)
class Reading:
    """One layer, and how its maps are kept.

    Attributes
    ----------
    layer
        The row.
    shape
        (channels, height, width) of its tensor, channels first; (channels, 1, 1) for a vector, and for tokens.
    block
        Side of the blocks that are averaged.
    channels_last
        True if the tensor has its channels on the last axis.
    """

    layer: LayerSpec
    shape: tuple[int, int, int]
    block: int
    channels_last: bool

    @property
    def kept(self) -> tuple[int, int, int]:
        """Shape of a kept map."""
        channels, height, width = self.shape
        return channels, -(-height // self.block), -(-width // self.block)


def run(job: Job) -> Iterator[Step]:
    """Read the chosen layers on the pictures of the run."""
    readings = _readings(job)
    weights = [_weight(job, reading.layer) for reading in readings]
    positions = _positions(job)
    kept = min(int(job.params["maps"]), len(positions))
    yield _declared(job, readings, weights, kept, len(positions))
    for row, weight in enumerate(weights):
        if weight is not None:
            yield from _weight_chunks(row, weight, _filter_shape(weights))
    sources = {reading.layer.same_as or reading.layer.name: reading for reading in readings}
    watches = {name: ChannelWatch(int(job.params["top"]), float(job.params["tolerance"])) for name in sources}
    maps: dict[str, dict[int, Array]] = {name: {} for name in sources}
    done = 0
    with closing(_stream(job, positions, kept, sources, watches, maps)) as stream:  # however this ends, taps come off
        for seen in stream:
            for row, reading in enumerate(readings):
                for place, values in maps[reading.layer.same_as or reading.layer.name].items():
                    yield from in_pieces("maps", (row, place), values)
            for waiting in maps.values():
                waiting.clear()
            done += seen
            yield Progress(done, len(positions), "Reading activations")
    for row, reading in enumerate(readings):
        yield from _found(row, watches[reading.layer.same_as or reading.layer.name])
    _warn(job, readings, watches)


def _stream(
    job: Job,
    positions: Array,
    kept: int,
    sources: dict[str, Reading],
    watches: dict[str, ChannelWatch],
    maps: dict[str, dict[int, Array]],
) -> Generator[int, None, None]:
    """Run the pictures through the network; after each batch, say how many it were."""
    images, model = job.images, job.model
    order = np.asarray(positions, dtype=np.int64)
    rank = {int(position): number for number, position in enumerate(order[:kept])}
    index = np.empty(0, dtype=np.int64)

    def consume(name: str, tensor: Tensor) -> None:
        features = tensor.movedim(-1, 1) if sources[name].channels_last else tensor
        watches[name].update(features, images.indices[index])
        for row, position in enumerate(index.tolist()):
            if position in rank:
                maps[name][rank[position]] = reduced(features[row], sources[name].block)

    with taps(model.net, model.recording, tuple(sources), consume):
        for batch in images.batches(order=order):
            index = batch.index
            model.net(batch.pixels)
            yield len(index)


def reduced(features: Tensor, block: int) -> Array:
    """Average the map of one picture over blocks; blocks at the far edge may be smaller.

    Tokens have no places beside each other, so that all of them are one block.

    Parameters
    ----------
    features
        Axes (channel, y, x), (channel, token), or (channel,).
    block
        Side of the blocks.

    Returns
    -------
    NDArray[np.float64]
        Axes (channel, y, x).
    """
    values = features.detach().float()
    values = values.mean(dim=1) if values.ndim == 2 else values
    maps = values if values.ndim == 3 else values.reshape(-1, 1, 1)
    if block > 1:
        maps = functional.avg_pool2d(maps[None], block, ceil_mode=True, count_include_pad=False)[0]
    return maps.double().cpu().numpy() if maps.device.type != "mps" else maps.cpu().double().numpy()


# -- what is read ------------------------------------------------------------------------------------------------------


def _readings(job: Job) -> tuple[Reading, ...]:
    """Plan every chosen layer; without a choice, the last convolution.

    Raises
    ------
    AnalysisError
        If none of them has channels, or their maps are too many to keep.
    """
    recording = job.model.recording
    layers = job.choose(("conv",))
    if not job.request.layers:
        layers = layers[-1:] or recording.layers[-1:]
    plain = [_shape(layer, layer.name in recording.channels_last) for layer in layers]
    fine = [
        (layer, shape)
        for layer, shape in zip(layers, plain, strict=True)
        if shape is not None and layer.name not in recording.folded
    ]
    left_out = tuple(layer.name for layer in layers if layer not in [known for known, _ in fine])
    if not fine:
        text = "None of the chosen layers has channels: they hold windows instead of maps."
        raise AnalysisError(text, "Choose a layer with channels, such as a convolution.", "layer", left_out)
    if left_out:
        job.warn("not_measured", f"{len(left_out)} layers hold windows instead of channels with maps.", left_out)
    side = _side(job, [shape for _, shape in fine])
    return tuple(
        Reading(layer, shape, block_side(max(shape[1:]), side), layer.name in recording.channels_last)
        for layer, shape in fine
    )


def _shape(layer: LayerSpec, channels_last: bool) -> tuple[int, int, int] | None:
    shape = layer.shape
    if channels_last and len(shape) == 3:
        shape = (shape[2], *shape[:2])
    if channels_last and len(shape) == 2 and shape[1]:
        return shape[1], 1, 1  # tokens: what a channel does over all of them
    if len(shape) == 1 and shape[0]:
        return shape[0], 1, 1
    return (shape[0], shape[1], shape[2]) if len(shape) == 3 and shape[0] else None


def _side(job: Job, shapes: list[tuple[int, int, int]]) -> int:
    """Find the largest side at which all kept maps fit into memory."""
    side, kept = int(job.params["map_side"]), int(job.params["maps"])
    channels = max(shape[0] for shape in shapes)
    largest = max(max(shape[1:]) for shape in shapes)
    while True:
        across = -(-largest // block_side(largest, side))
        if len(shapes) * kept * channels * across**2 <= MOST_VALUES:
            return side
        if side <= 4:
            text = f"The maps of {len(shapes)} layers and {kept} pictures are too many to keep."
            raise AnalysisError(text, "Choose fewer layers, or a smaller maps.")
        side //= 2


def _positions(job: Job) -> Array:
    """Positions of the run's pictures that are to be read.

    Raises
    ------
    AnalysisError
        If a named picture is not among them.
    """
    picks = np.array(read_picks(str(job.params["samples"])), dtype=np.int64)
    indices = job.images.indices
    missing = picks[~np.isin(picks, indices)]
    if missing.size:
        text = f"There is no picture {missing[0]} among the {len(indices):,} of this run."
        raise AnalysisError(text, f"Choose from {indices.min()} to {indices.max()}.", "sample")
    return np.flatnonzero(np.isin(indices, picks)) if picks.size else np.arange(len(indices))


def _weight(job: Job, layer: LayerSpec) -> Array | None:
    """Weight of a layer with axes (out, in, y, x), None for a layer without."""
    module = dict(job.model.net.named_modules()).get(layer.module)
    tensor = getattr(module, "weight", None)
    if layer.kind not in ("conv", "linear") or not isinstance(tensor, Tensor) or tensor.ndim not in (2, 4):
        return None
    if isinstance(module, nn.ConvTranspose2d):
        tensor = tensor.transpose(0, 1)
    exact = tensor.detach().cpu().to(torch.float64).numpy()
    return exact if exact.ndim == 4 else exact[:, :, None, None]


def _filter_shape(weights: list[Array | None]) -> tuple[int, ...]:
    """Find a common shape (out, in, y, x) for the kept filters; inputs are left out where they are too many."""
    shapes = [weight.shape for weight in weights if weight is not None]
    if not shapes:
        return 0, 0, 0, 0
    out, inputs, high, wide = (max(shape[axis] for shape in shapes) for axis in range(4))
    room = MOST_WEIGHTS // max(1, len(weights) * out * high * wide)
    return out, max(1, min(inputs, room)), high, wide


# -- what is said ------------------------------------------------------------------------------------------------------


def _weight_chunks(row: int, weight: Array, shape: tuple[int, ...]) -> Iterator[Chunk]:
    kept = weight[:, : shape[1]]
    padded = np.full((kept.shape[0], shape[1], shape[2], shape[3]), np.nan)
    padded[:, : kept.shape[1], : kept.shape[2], : kept.shape[3]] = kept
    yield from in_pieces("filters", (row,), padded)
    finite = weight[np.isfinite(weight)].astype(np.float64)
    if not finite.size:
        return
    reach = float(np.abs(finite).max()) or 1.0
    counts, edges = np.histogram(finite, BINS, (-reach, reach))
    yield Chunk("weight_histogram", (row,), counts.astype(np.int64))
    yield Chunk("weight_edges", (row,), edges)
    yield Chunk("weight_mean", (row,), np.asarray(finite.mean()))
    yield Chunk("weight_std", (row,), np.asarray(finite.std()))
    yield Chunk("weight_zeros", (row,), np.asarray((finite == 0).mean()))


def _found(row: int, watch: ChannelWatch) -> Iterator[Chunk]:
    found = watch.found()
    if not found:
        return
    duplicates = found["duplicate_of"] != np.arange(len(found["duplicate_of"]))
    counts = (len(duplicates), found["dead"].sum(), found["constant"].sum(), duplicates.sum())
    for (name, _), value in zip(COUNTS, counts, strict=True):
        yield Chunk(name, (row,), np.asarray(value, dtype=np.int64))
    for name, values in found.items():
        yield from in_pieces(name, (row,), values)


def _declared(job: Job, readings: tuple[Reading, ...], weights: list[Array | None], kept: int, count: int) -> Declared:
    rows = len(readings)
    channels, high, wide = (max(reading.kept[axis] for reading in readings) for axis in range(3))
    top = min(int(job.params["top"]), count)
    outputs = [
        *(Output(name, ("layer",), (rows,), "int64", "channels", title) for name, title in COUNTS),
        *(Output(name, ("layer", "channel"), (rows, channels), kind, "", title) for name, kind, title in MEASURES),
        Output("top_pictures", ("layer", "channel", "place"), (rows, channels, top), "int64", "", "Strongest pictures"),
        Output("top_values", ("layer", "channel", "place"), (rows, channels, top), title="Their largest activation"),
        Output("maps", ("layer", "picture", "channel", "y", "x"), (rows, kept, channels, high, wide), title="Maps"),
    ]
    if any(weight is not None for weight in weights):
        shape = _filter_shape(weights)
        outputs += [
            Output("filters", ("layer", "out", "in", "ky", "kx"), (rows, *shape), title="Weights"),
            Output("weight_histogram", ("layer", "bin"), (rows, BINS), "int64", "weights", "Weights per bin"),
            Output("weight_edges", ("layer", "edge"), (rows, BINS + 1), title="Ends of the bins"),
            Output("weight_mean", ("layer",), (rows,), title="Mean weight"),
            Output("weight_std", ("layer",), (rows,), title="Standard deviation of the weights"),
            Output("weight_zeros", ("layer",), (rows,), title="Share of weights that are zero"),
        ]
    places = job.images.indices[_positions(job)[:kept]]
    names = ("picture", tuple(str(place) for place in places.tolist()))
    return Declared(
        tuple(outputs), tuple(reading.layer for reading in readings), (names,), _facts(job, readings, weights)
    )


def _facts(job: Job, readings: tuple[Reading, ...], weights: list[Array | None]) -> tuple[tuple[str, str], ...]:
    blocks = sorted({reading.block for reading in readings})
    kept = "as they are" if blocks == [1] else f"means of blocks of side {', '.join(map(str, blocks))}"
    kept += ", of tokens their mean" if any(len(reading.layer.shape) == 2 for reading in readings) else ""
    inputs = max((weight.shape[1] for weight in weights if weight is not None), default=0)
    shown = _filter_shape(weights)[1]
    return (
        ("maps", kept),
        ("dead channel", "zero at every position of every picture"),
        ("constant channel", "one value, not zero, at every position of every picture"),
        ("duplicate channel", f"|correlation| >= {float(job.params['tolerance']):g} with a channel before it"),
        ("correlation", "over at most 256 evenly spread positions of each picture (64 above 1,024 channels)"),
        ("top pictures", "by the largest activation at any position"),
        ("filters", "all" if shown == inputs else f"the first {shown} of {inputs} inputs"),
    )


def _warn(job: Job, readings: tuple[Reading, ...], watches: dict[str, ChannelWatch]) -> None:
    few, broken = [], []
    for reading in readings:
        watch = watches[reading.layer.same_as or reading.layer.name]
        if watch.pictures and not watch.enough:
            few.append(reading.layer.name)
        if watch.dropped:
            broken.append(reading.layer.name)
    if few:
        text = f"Duplicates were not looked for: there are fewer than {ENOUGH} observations."
        job.warn("few_observations", text, tuple(few))
    if broken:
        job.warn(
            "non_finite", "Pictures whose activations are not finite were left out of the statistics.", tuple(broken)
        )
