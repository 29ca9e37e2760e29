"""Turn a picture into the numbers a network was trained on: channels, size, range, mean and standard deviation.

In this order: colours to grey if need be, resize so that the shorter side fits, crop the centre, divide by 255,
subtract the mean, divide by the standard deviation. This is what networks on ImageNet are evaluated with: for a size of
224 and a crop of 0.875, the shorter side becomes 256 pixels, of which the central 224 remain.
"""

from __future__ import annotations

from dataclasses import replace
from math import floor

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from analysis.catalogue import nearest
from analysis.picture_files import Picture
from analysis.problems import AnalysisError
from analysis.request import ImageSource, Preprocessing

_FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}

# A picture that is resized to more than this many times the area of the crop is cropped first.
_LONGEST = 32


def prepare(picture: Picture, preprocessing: Preprocessing, channels: int) -> NDArray[np.float32]:
    """Prepare one picture.

    Parameters
    ----------
    picture
        (height, width) or (height, width, 3) uint8.
    preprocessing
        What to do, see the docstring of this file.
    channels
        Channels of the network's input, 1 or 3.

    Returns
    -------
    NDArray[np.float32]
        (channels, height, width).

    Examples
    --------
    >>> prepare(np.full((1, 1), 255, np.uint8), Preprocessing(mean=(0.5,), std=(0.25,)), 1).item()
    2.0
    """
    pixels = shaped(picture, preprocessing, channels).transpose(2, 0, 1).astype(np.float32)
    mean, std = mean_and_std(preprocessing, channels)
    pixels /= np.float32(255)
    pixels -= mean[:, None, None]
    pixels /= std[:, None, None]
    return np.ascontiguousarray(pixels)


def shaped(picture: Picture, preprocessing: Preprocessing, channels: int) -> Picture:
    """Give a picture the channels and the size that the network wants, still as bytes.

    Colours become grey if the network takes one channel or `preprocessing.grey` says so: the weighted mean
    0.299 R + 0.587 G + 0.114 B (ITU-R BT.601). Grey pictures are repeated for networks of three channels. Resizing is
    Pillow's, which smooths when it shrinks. Without a size nothing is resized or cropped.

    Returns
    -------
    NDArray[np.uint8]
        (height, width, channels).
    """
    if picture.ndim == 3 and (channels == 1 or preprocessing.grey):
        picture = np.asarray(Image.fromarray(picture).convert("L"))
    if preprocessing.size:
        picture = _resized(picture, preprocessing)
    if picture.ndim == 2:
        return np.repeat(picture[:, :, None], channels, axis=2)
    return picture


def _resized(picture: Picture, preprocessing: Preprocessing) -> Picture:
    high, wide = preprocessing.size
    before_high, before_wide = picture.shape[:2]
    full_high, full_wide = _full_size(before_high, before_wide, preprocessing)
    if (full_high, full_wide) == (before_high, before_wide) == (high, wide):
        return picture
    top, left = round((full_high - high) / 2), round((full_wide - wide) / 2)
    image, how = Image.fromarray(picture), _FILTERS[preprocessing.interpolation]
    if full_high * full_wide <= _LONGEST * high * wide:
        whole = np.asarray(image.resize((full_wide, full_high), how))
        return whole[top : top + high, left : left + wide]
    # Of a very long picture only the part that the crop keeps is computed; Pillow then rounds some pixels otherwise.
    down, across = before_high / full_high, before_wide / full_wide
    box = (left * across, top * down, min((left + wide) * across, before_wide), min((top + high) * down, before_high))
    return np.asarray(image.resize((wide, high), how, box=box))


def _full_size(high: int, wide: int, preprocessing: Preprocessing) -> tuple[int, int]:
    """Size of the whole picture after resizing: the side that is short for the target fits, the other follows."""
    fit_high, fit_wide = (floor(side / preprocessing.crop) for side in preprocessing.size)
    if fit_high * wide >= fit_wide * high:
        return fit_high, fit_high * wide // high
    return fit_wide * high // wide, fit_wide


def resizes(preprocessing: Preprocessing, shape: tuple[int, ...]) -> bool:
    """Tell whether pictures of shape (height, width, …) are resized or cropped."""
    wanted = tuple(preprocessing.size)
    return bool(wanted) and (preprocessing.crop != 1 or wanted != tuple(shape[:2]))


def mean_and_std(preprocessing: Preprocessing, channels: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return mean and standard deviation per channel, (channels,) each, 0 and 1 where there are none."""
    mean = np.asarray(preprocessing.mean or (0.0,), dtype=np.float32)
    std = np.asarray(preprocessing.std or (1.0,), dtype=np.float32)
    return np.broadcast_to(mean, (channels,)), np.broadcast_to(std, (channels,))


def checked(preprocessing: Preprocessing, channels: int) -> Preprocessing:
    """Return the preprocessing unchanged if it can be carried out for a network of so many channels.

    Raises
    ------
    AnalysisError
        If it cannot; the message names the option to change.
    """
    if channels not in (1, 3):
        raise AnalysisError(f"The network takes {channels} channels; pictures have 1 or 3.", "Choose another network.")
    for option, values in (("mean", preprocessing.mean), ("std", preprocessing.std)):
        if len(values) not in (0, 1, channels):
            raise AnalysisError(
                f"There are {len(values)} values of --{option} for {channels} channel{'s' if channels > 1 else ''}.",
                f"Give one value, or one per channel, e.g. --{option} {','.join(['0.5'] * channels)}.",
            )
    if not all(value > 0 for value in preprocessing.std):
        raise AnalysisError("A value of --std is not above zero.", "Give standard deviations of pixels from 0 to 1.")
    if preprocessing.interpolation not in _FILTERS:
        message = f"'{preprocessing.interpolation}' is not a way to resize."
        raise AnalysisError(message, nearest(preprocessing.interpolation, tuple(_FILTERS)))
    if preprocessing.size and (
        len(preprocessing.size) != 2 or not all(0 < side <= 8192 for side in preprocessing.size)
    ):
        size = ",".join(str(side) for side in preprocessing.size)
        raise AnalysisError(f"--size {size} is not a size.", "Give height and width in pixels, e.g. --size 224,224.")
    if not 0 < preprocessing.crop <= 1:
        raise AnalysisError(f"A crop of {preprocessing.crop:g} is not possible.", "Give a share above 0, up to 1.")
    return preprocessing


def with_overrides(preprocessing: Preprocessing, source: ImageSource) -> Preprocessing:
    """Put what the user says in the place of what the network says; its `source` then is "user".

    One number for the size means a square.

    Raises
    ------
    AnalysisError
        If means or deviations are given in units of 0 to 255.
    """
    _refuse_bytes(source)
    said: dict[str, object] = {
        name: value
        for name, value in (("mean", source.mean), ("std", source.std), ("interpolation", source.interpolation))
        if value
    }
    if source.size:
        said["size"] = source.size * 2 if len(source.size) == 1 else source.size
    if source.grey is not None:
        said["grey"] = source.grey
    return replace(preprocessing, **said, source="user") if said else preprocessing  # type: ignore[arg-type]  # by name


def _refuse_bytes(source: ImageSource) -> None:
    if any(abs(value) > 1 for value in source.mean) or any(value > 2 for value in source.std):
        given = [f"--{name} {_list(values)}" for name, values in _pairs(source) if values]
        meant = [f"--{name} {_list(value / 255 for value in values)}" for name, values in _pairs(source) if values]
        message = f"{' '.join(given)} is in units of pixels from 0 to 255; here pixels go from 0 to 1."
        raise AnalysisError(message, f"Write {' '.join(meant)}.")


def _pairs(source: ImageSource) -> tuple[tuple[str, tuple[float, ...]], ...]:
    return ("mean", source.mean), ("std", source.std)


def _list(values: object) -> str:
    return ",".join(f"{value:.6g}" for value in values)  # type: ignore[attr-defined]  # any iterable of numbers
