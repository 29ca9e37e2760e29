"""Pictures in batches: chosen, prepared, with their labels, on the device of the network."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from analysis.events import Samples
from analysis.labels import UNFIT, class_names, label_outputs
from analysis.measures.picks import places_in
from analysis.picture_files import UnreadablePicture
from analysis.pictures import NOISE_SHAPE, PictureSet, choose, open_pictures
from analysis.preparation import checked, mean_and_std, prepare, resizes, shaped, with_overrides
from analysis.problems import AnalysisError
from analysis.request import ImageSource, Preprocessing

__all__ = ["DEFAULT_BATCH", "Batch", "Images", "images_from", "open_images", "prepare", "with_overrides"]

DEFAULT_BATCH = 64

Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Some pictures, ready for the network.

    Attributes
    ----------
    pixels
        (pictures, channels, height, width), on the device and in the dtype of the network.
    labels
        (pictures,) int64 on the same device, or None.
    index
        (pictures,) int64: positions in `Images.indices`.
    """

    pixels: Tensor
    labels: Tensor | None
    index: Places


@dataclass(frozen=True, slots=True, eq=False)
class ReadyPictures:
    """Pictures that are prepared already, in memory.

    Attributes
    ----------
    pixels
        (pictures, channels, height, width) of a floating-point type.
    """

    pixels: Tensor

    def __len__(self) -> int:
        return len(self.pixels)

    def sha256(self, labels: Places | None) -> str:
        """Hash numbers and labels: 64 hexadecimal digits."""
        digest = hashlib.sha256(str(tuple(self.pixels.shape)).encode())
        for row in self.pixels.detach().cpu():
            digest.update(row.to(torch.float64).numpy().tobytes())
        digest.update(labels.astype("<i8").tobytes() if labels is not None else b"none")
        return digest.hexdigest()


class Images:
    """The pictures of one run, in a fixed order.

    Parameters
    ----------
    pictures
        The set they are taken from.
    indices
        (count,) positions in the set, ascending.
    preprocessing
        Carried out for every picture, see :func:`analysis.preparation.prepare`.
    input_shape
        (channels, height, width) of the network; only the channels are enforced.
    device, dtype, channels_last
        What the batches are made for.
    batch
        Pictures per batch unless a method asks for another size; 0 for the default.
    labels
        (pictures of the set,) int64 numbers of outputs, or None.
    classes
        Names in the order of the labels.
    unfit
        Why the pictures have no labels here though their source has some: they fit no output. None where nothing was
        left out.

    Attributes
    ----------
    labels
        (count,) int64, aligned with `indices`, or None.
    skipped
        Pictures that could not be read so far, each with the reason. Batches are smaller by them.

    Raises
    ------
    AnalysisError
        If the preprocessing cannot be carried out.

    Examples
    --------
    >>> noise = open_pictures("noise:5", (1, 4, 4))
    >>> images = Images(noise, np.arange(5), Preprocessing(), (1, 4, 4), torch.device("cpu"), torch.float32, batch=2)
    >>> [tuple(batch.pixels.shape) for batch in images]
    [(2, 1, 4, 4), (2, 1, 4, 4), (1, 1, 4, 4)]
    """

    def __init__(
        self,
        pictures: PictureSet | ReadyPictures,
        indices: Places,
        preprocessing: Preprocessing,
        input_shape: tuple[int, ...],
        device: torch.device,
        dtype: torch.dtype,
        batch: int,
        channels_last: bool = False,
        labels: Places | None = None,
        classes: tuple[str, ...] = (),
        unfit: AnalysisError | None = None,
    ) -> None:
        self.pictures = pictures
        self.indices = np.asarray(indices, dtype=np.int64)
        self.channels = input_shape[0] if input_shape else 3
        self.preprocessing = (
            checked(preprocessing, self.channels) if isinstance(pictures, PictureSet) else preprocessing
        )
        self.input_shape = input_shape
        self.device = device
        self.dtype = dtype
        self.batch = batch if batch > 0 else DEFAULT_BATCH
        self.channels_last = channels_last
        self.labels = None if labels is None else labels[self.indices]
        self.classes = classes
        self.unfit = unfit
        self._size: tuple[int, ...] = ()
        self.skipped: list[str] = pictures.skipped if isinstance(pictures, PictureSet) else []

    @property
    def count(self) -> int:
        """Number of chosen pictures, unreadable ones among them."""
        return len(self.indices)

    @cached_property
    def samples(self) -> Samples:
        """Which pictures these are; the hash is computed once, when first asked for."""
        if isinstance(self.pictures, ReadyPictures):
            return Samples(self.count, len(self.pictures), self.pictures.sha256(self.labels))
        sha256 = self.pictures.sha256(self.indices, self.labels)
        return Samples(self.count, len(self.pictures), sha256, self.pictures.location, self.classes)

    def sides(self, places: Places) -> NDArray[np.float64]:
        """Root of the area of recorded pictures in pixels, before anything is done to them, axes (picture,).

        Parameters
        ----------
        places
            Positions in `indices`.
        """
        if isinstance(self.pictures, ReadyPictures):
            high, wide = self.pictures.pixels.shape[-2:]
            return np.full(len(places), float(np.sqrt(high * wide)))
        return np.array([self.pictures.side(index) for index in self.indices[places].tolist()], dtype=np.float64)

    def repeated(self, times: int) -> Images:
        """Return the same pictures, each so many times in a row."""
        made = copy(self)
        made.indices = np.repeat(self.indices, times)
        made.labels = None if self.labels is None else np.repeat(self.labels, times)
        made.__dict__.pop("samples", None)  # worked out anew for the longer list
        return made

    def __len__(self) -> int:
        return -(-self.count // self.batch)

    def __iter__(self) -> Iterator[Batch]:
        return self.batches()

    def batches(self, order: Places | None = None, size: int = 0) -> Iterator[Batch]:
        """Yield the pictures in batches; pictures that cannot be read are left out and named in `skipped`.

        Parameters
        ----------
        order
            Positions in `indices`, int64, in the order wanted; None for all as they are.
        size
            Pictures per batch, 0 for the usual number.

        Raises
        ------
        AnalysisError
            If the pictures have different sizes and none is set, or not one of them can be read.
        """
        places = np.arange(self.count, dtype=np.int64) if order is None else np.asarray(order, dtype=np.int64)
        step = size or self.batch
        found = False
        for start in range(0, len(places), step):
            pixels, kept = self._pixels(places[start : start + step])
            if pixels is None:
                continue
            found = True
            layout = torch.channels_last if self.channels_last else torch.contiguous_format
            labels = None if self.labels is None else torch.from_numpy(self.labels[kept]).to(self.device)
            ready = pixels.to(device=self.device, dtype=self.dtype).contiguous(memory_format=layout)
            yield Batch(ready, labels, kept)
        if len(places) and not found:
            raise AnalysisError("None of the pictures can be read.", "Details name them.", items=tuple(self.skipped))

    @property
    def size(self) -> tuple[int, ...]:
        """(height, width) of the pictures as the network gets them; that of its input where none can be read."""
        try:
            return tuple(next(self.batches(size=1)).pixels.shape[2:])
        except (AnalysisError, StopIteration):  # the method says so as soon as it reads
            return self.input_shape[1:]

    def _pixels(self, places: Places) -> tuple[Tensor | None, Places]:
        """Return prepared pictures and the places of the readable ones; None if there are none."""
        if isinstance(self.pictures, ReadyPictures):
            return self.pictures.pixels[torch.from_numpy(self.indices[places])], places
        array = self.pictures.array
        if array is not None and not self._changes_shape(array):
            return self._normalised(array[self.indices[places]]), places
        return self._decoded(self.pictures, places)

    def _changes_shape(self, array: NDArray[np.uint8]) -> bool:
        """Tell whether pictures of an array have to be resized or averaged one by one."""
        greys = array.ndim == 4 and (self.channels == 1 or self.preprocessing.grey)
        return greys or resizes(self.preprocessing, array.shape[1:])

    def _decoded(self, pictures: PictureSet, places: Places) -> tuple[Tensor | None, Places]:
        rows, kept = [], []
        for place in places.tolist():
            try:
                picture = pictures.picture(int(self.indices[place]))
            except UnreadablePicture:
                continue
            rows.append(shaped(picture, self.preprocessing, self.channels))
            kept.append(place)
        if not rows:
            return None, np.empty(0, dtype=np.int64)
        self._size = self._size or rows[0].shape[:2]
        for row in rows:
            self._refuse_other_size(row.shape[:2])
        return self._normalised(np.stack(rows)), np.array(kept, dtype=np.int64)

    def _refuse_other_size(self, size: tuple[int, ...]) -> None:
        if size != self._size:
            (high, wide), (other_high, other_wide) = self._size, size
            wanted = ",".join(str(side) for side in self.input_shape[1:]) or "224,224"
            raise AnalysisError(
                f"The pictures have different sizes, e.g. {wide} x {high} and {other_wide} x {other_high} pixels.",
                f"Set one size for all, e.g. --size {wanted}.",
            )

    def _normalised(self, rows: NDArray[np.uint8]) -> Tensor:
        """Turn (pictures, height, width[, channels]) uint8 into (pictures, channels, height, width) float32."""
        pixels = torch.from_numpy(rows)
        pixels = pixels[:, None] if pixels.ndim == 3 else pixels.permute(0, 3, 1, 2)
        if pixels.shape[1] != self.channels:
            pixels = pixels.expand(-1, self.channels, -1, -1)
        mean, std = (torch.tensor(values)[:, None, None] for values in mean_and_std(self.preprocessing, self.channels))
        return pixels.to(torch.float32, memory_format=torch.contiguous_format).div_(255).sub_(mean).div_(std)


def open_images(
    source: ImageSource,
    preprocessing: Preprocessing,
    input_shape: tuple[int, ...],
    classes: tuple[str, ...],
    limit: int,
    seed: int,
    device: torch.device,
    dtype: torch.dtype,
    batch: int,
    channels_last: bool = False,
    synsets: tuple[str, ...] = (),
    outputs: int = 0,
    picks: tuple[int, ...] = (),
    labelled: bool = True,
) -> Images:
    """Open pictures for a network: match the labels, choose, prepare.

    Parameters
    ----------
    source
        What the user says about the pictures.
    preprocessing, input_shape, classes, synsets, outputs
        What the network says: its preprocessing, input (channels, height, width), names and WordNet ids of its outputs,
        and their number, empty or 0 where unknown.
    limit, seed
        How many pictures, 0 for all, and which, see :func:`analysis.pictures.choose`.
    picks
        Places of pictures in the source: these and no others. Empty for those that limit and seed choose.
    labelled
        False for those who can do without labels: where they fit no output they are left out, see `Images.unfit`,
        unless the user has said with a file which is which.
    device, dtype, batch, channels_last
        See :class:`Images`.

    Raises
    ------
    AnalysisError
        If the pictures cannot be opened or prepared, or their labels matched to the network.
    """
    wanted = with_overrides(preprocessing, source)
    shape = (input_shape[0], *wanted.size) if input_shape and wanted.size else input_shape
    noise = shape if len(shape) == 3 and shape[0] in (1, 3) else NOISE_SHAPE
    if source.location.startswith("noise:"):
        wanted = replace(wanted, size=(), crop=1.0)  # noise is made in the size that is wanted
    pictures = open_pictures(source.location, noise)
    labels, unfit = None, None
    try:
        labels = label_outputs(pictures, classes, source.classes, synsets, outputs)
    except AnalysisError as error:
        if labelled or source.classes or error.code != UNFIT:
            raise
        unfit = error
    names = class_names(pictures, classes, labels, source.classes)
    # Classes that fit no output are no less classes: they are picked from in turn all the same.
    turns = pictures.labels if unfit else labels
    indices = places_in(picks, len(pictures)) if picks else choose(turns, len(pictures), limit, seed)
    return Images(pictures, indices, wanted, input_shape, device, dtype, batch, channels_last, labels, names, unfit)


def images_from(images: Any, labels: Any = None, net: nn.Module | None = None, batch: int = 0) -> Images:
    """Wrap pictures of a notebook, which are ready for the network and stay in memory.

    Parameters
    ----------
    images
        (pictures, channels, height, width) tensor or array, or an iterable of such batches or of (batch, labels) pairs,
        such as a DataLoader. Nothing is normalised.
    labels
        (pictures,) whole numbers, for pictures given as one tensor or array.
    net
        Whose device and dtype to take.
    batch
        Pictures per batch, 0 for the default.

    Raises
    ------
    AnalysisError
        If these are no pictures; the message says what they are.

    Examples
    --------
    >>> images_from(torch.zeros(3, 1, 8, 8)).input_shape
    (1, 8, 8)
    """
    pixels, found = _gathered(images)
    found = _label_numbers(labels, len(pixels)) if labels is not None else found
    first = next(net.parameters(), None) if net is not None else None
    device = first.device if first is not None else torch.device("cpu")
    dtype = first.dtype if first is not None and first.is_floating_point() else torch.float32
    ready = ReadyPictures(pixels)
    preprocessing = Preprocessing(source="user")
    return Images(
        ready, np.arange(len(pixels)), preprocessing, tuple(pixels.shape[1:]), device, dtype, batch, labels=found
    )


def _gathered(images: Any) -> tuple[Tensor, Places | None]:
    if isinstance(images, (Tensor, np.ndarray)):
        return _pixels(images), None
    try:
        items = list(images)
    except TypeError:
        message = f"Pictures cannot be taken from {type(images).__name__}."
        raise AnalysisError(message, "Give a tensor with axes (picture, channel, height, width).") from None
    pairs = [item if isinstance(item, (tuple, list)) else (item,) for item in items]
    if not pairs or any(not pair for pair in pairs):
        raise AnalysisError("There are no pictures.", "Give at least one batch.")
    batches = [_pixels(pair[0]) for pair in pairs]
    if len({batch.shape[1:] for batch in batches}) > 1:
        raise AnalysisError("The batches hold pictures of different sizes.", "Give pictures of one size.")
    labelled = all(len(pair) > 1 for pair in pairs)
    labels = [_label_numbers(pair[1], len(rows)) for pair, rows in zip(pairs, batches, strict=True) if labelled]
    return torch.cat(batches), np.concatenate(labels) if labelled else None


def _pixels(images: Any) -> Tensor:
    pixels = torch.as_tensor(images).detach() if isinstance(images, (Tensor, np.ndarray)) else None
    if pixels is None or pixels.ndim != 4 or not len(pixels):
        found = f"the shape {tuple(pixels.shape)}" if pixels is not None else f"the type {type(images).__name__}"
        raise AnalysisError(f"The pictures have {found}.", "Give the axes (picture, channel, height, width).")
    if not pixels.is_floating_point():
        raise AnalysisError(f"The pictures are {pixels.dtype} numbers.", "Normalise them as the network was trained.")
    return pixels


def _label_numbers(labels: Any, count: int) -> Places:
    numbers = torch.as_tensor(labels).detach().cpu().numpy()
    if numbers.shape != (count,) or numbers.dtype.kind not in "iu":
        raise AnalysisError(
            f"The labels have the shape {numbers.shape} and the type {numbers.dtype}.", f"Give {count} whole numbers."
        )
    return numbers.astype(np.int64)
