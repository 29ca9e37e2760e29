"""Read pictures and labels out of files: picture files, npz, idx, CIFAR batches, parquet. No file runs code.

Pictures are uint8 arrays, (height, width) for grey and (height, width, 3) for colour.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import warnings
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from analysis.problems import AnalysisError

Picture = NDArray[np.uint8]

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm")

# Only decoders that do nothing but decode; EPS, for one, would start another program.
_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
_MOST_PIXELS = 64_000_000
_MOST_BYTES = 16 * 2**30
_IDX_NAME = re.compile(r"images[-.]idx3-ubyte(\.gz)?$")


class UnreadablePicture(Exception):
    """One picture of a set cannot be decoded; the message says why."""


@dataclass(frozen=True, slots=True)
class Table:
    """Pictures of a file that holds many.

    Attributes
    ----------
    pictures
        (pictures, height, width[, 3]) uint8, or one encoded picture per entry.
    labels
        (pictures,) int64, or None.
    classes
        Names in the order of the labels, empty if unknown.
    """

    pictures: Picture | tuple[bytes, ...]
    labels: NDArray[np.int64] | None = None
    classes: tuple[str, ...] = ()


def area(source: Path | bytes) -> float:
    """Read the number of pixels of a picture from the head of its file; NaN where that cannot be read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=_FORMATS) as image:
                return float(image.width * image.height)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, UnidentifiedImageError):
        return float("nan")


def decode(source: Path | bytes) -> Picture:
    """Decode one picture to grey or RGB, upright, 8 bits.

    Transparency is dropped, palettes, CMYK and other colour spaces become RGB, 16-bit grey is divided by 257 and
    rounded, of animations the first picture counts, and the camera's rotation mark (EXIF) is applied.

    Parameters
    ----------
    source
        A file, or the bytes of one.

    Returns
    -------
    NDArray[np.uint8]
        (height, width) or (height, width, 3).

    Raises
    ------
    UnreadablePicture
        If it is no picture, damaged, or larger than 64 million pixels.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a remark about a picture's metadata is no concern of its pixels
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=_FORMATS) as image:
                if image.width * image.height > _MOST_PIXELS:
                    raise UnreadablePicture(f"{image.width} x {image.height} pixels are more than fit")
                return _as_bytes(ImageOps.exif_transpose(image))
    except UnreadablePicture:
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise UnreadablePicture("it has more pixels than fit") from None
    except Exception as error:  # broken bytes can make a decoder raise nearly anything
        raise UnreadablePicture(_reason(error)) from None


def _as_bytes(image: Image.Image) -> Picture:
    if image.mode == "F":
        raise UnreadablePicture("its pixels are floating-point numbers without a known range")
    if image.mode.startswith("I"):
        values = np.asarray(image).astype(np.int64)
        if values.min() < 0 or values.max() > 65535:
            raise UnreadablePicture("its pixels have more than 16 bits")
        return ((values + 128) // 257).astype(np.uint8)
    grey = image.mode in ("1", "L", "LA", "La")
    return np.array(image.convert("L" if grey else "RGB"), dtype=np.uint8)


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "it is not a picture"
    if isinstance(error, FileNotFoundError):
        return "the file is gone"
    if isinstance(error, PermissionError):
        return "reading it is not allowed"
    if isinstance(error, MemoryError):
        return "it does not fit into memory"
    return "it is damaged"


def read_npz(path: Path) -> Table:
    """Read ``images`` (N, H, W[, 1 or 3]) uint8, ``labels`` (N,) and ``classes`` from a NumPy archive.

    Raises
    ------
    AnalysisError
        If the file is no such archive; the message says what is wrong with it.
    """
    arrays = _npz_arrays(path)
    if "images" not in arrays:
        found = ", ".join(sorted(arrays)) or "nothing"
        raise AnalysisError(f"{path.name} holds no array 'images', but {found}.", "Name the arrays images and labels.")
    images = arrays["images"]
    if images.dtype != np.uint8:
        raise AnalysisError(
            f"The images in {path.name} are {images.dtype}, not uint8.", "Store pixels as whole numbers from 0 to 255."
        )
    if images.ndim not in (3, 4) or (images.ndim == 4 and images.shape[3] not in (1, 3)) or 0 in images.shape:
        shape = " x ".join(str(size) for size in images.shape)
        raise AnalysisError(
            f"The images in {path.name} have the shape {shape}.",
            "Store them as N, height, width or N, height, width, 3.",
        )
    if images.ndim == 4 and images.shape[3] == 1:
        images = images[..., 0]
    labels = checked_labels(arrays["labels"], len(images), path.name) if "labels" in arrays else None
    return Table(images, labels, _class_names(arrays.get("classes"), path.name))


def _npz_arrays(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(item.file_size for item in archive.infolist()) > _MOST_BYTES:
                raise AnalysisError(f"{path.name} unpacks to more than 16 GiB.", "Split it, or use a folder.")
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in ("images", "labels", "classes") if name in archive} or {
                name: np.empty(0) for name in archive.files
            }
    except MemoryError:
        raise AnalysisError(f"{path.name} does not fit into memory.", "Split it, or use a folder.") from None
    except (OSError, ValueError, EOFError, KeyError, SyntaxError, zipfile.BadZipFile, zlib.error) as error:
        if "allow_pickle" in str(error):
            message = f"{path.name} holds Python objects, which are not read because that could run code."
            raise AnalysisError(message, "Store plain arrays: images as uint8, labels as integers.") from None
        raise AnalysisError(f"{path.name} is damaged or not an npz file.", "Write it anew with numpy.savez.") from None


def checked_labels(labels: NDArray[Any], count: int, name: str) -> NDArray[np.int64]:
    """Return labels as int64, one per picture.

    Raises
    ------
    AnalysisError
        If they are not `count` whole numbers from 0 on.
    """
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        axes = "axis" if labels.ndim == 1 else "axes"
        message = f"The labels in {name} are no whole numbers but {labels.dtype}, with {labels.ndim} {axes}."
        raise AnalysisError(message, "Store one whole number per picture.")
    if len(labels) != count:
        raise AnalysisError(f"{name} has {count} pictures but {len(labels)} labels.", "Store one label per picture.")
    if labels.size and (labels.min() < 0 or labels.max() > 2**31):
        raise AnalysisError(f"The labels in {name} are outside 0 to 2147483648.", "Number the classes from 0.")
    return labels.astype(np.int64)


def _class_names(names: NDArray[Any] | None, file: str) -> tuple[str, ...]:
    if names is None:
        return ()
    if names.ndim != 1 or names.dtype.kind not in "US":
        raise AnalysisError(f"The classes in {file} are not a list of names.", "Store them as an array of texts.")
    return tuple(_text(name) for name in names.tolist())


def _text(name: str | bytes) -> str:
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)


def is_idx(name: str) -> bool:
    """Tell whether a file name is the one of MNIST-style pictures, e.g. t10k-images-idx3-ubyte.gz."""
    return _IDX_NAME.search(name) is not None


def read_idx(path: Path) -> Table:
    """Read MNIST-style pictures, and their labels from the file beside them if there is one.

    Raises
    ------
    AnalysisError
        If a file is damaged or the numbers of pictures and labels differ.
    """
    images = _idx_array(path, 3)
    stem = _IDX_NAME.sub("", path.name)
    names = [f"{stem}labels{mark}idx1-ubyte{end}" for mark in "-." for end in ("", ".gz")]
    beside = [path.with_name(name) for name in names if path.with_name(name).is_file()]
    labels = checked_labels(_idx_array(beside[0], 1), len(images), path.name) if beside else None
    return Table(images, labels)


def _idx_array(path: Path, dims: int) -> Picture:
    damaged = AnalysisError(f"{path.name} is damaged or not an idx file.", "Fetch the file again.")
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            head = file.read(4 + 4 * dims)
            if len(head) < 4 + 4 * dims or head[:4] != bytes((0, 0, 8, dims)):
                raise damaged
            shape = tuple(int(size) for size in np.frombuffer(head, ">u4", offset=4))
            size = int(np.prod(shape, dtype=object))
            if 0 in shape or size > _MOST_BYTES:
                raise damaged
            data = file.read(size + 1)
    except (OSError, EOFError, zlib.error, MemoryError):
        raise damaged from None
    if len(data) != size:
        raise damaged
    return np.frombuffer(data, np.uint8).reshape(shape)


def read_parquet(path: Path) -> Table:
    """Read a table with a column of encoded pictures and, where there is one, a column of labels.

    The columns are found by type: pictures are bytes, or records with the field ``bytes``; labels are whole numbers in
    a column called label, labels or fine_label. Class names come from the table's metadata.

    Raises
    ------
    AnalysisError
        If there are no pictures, or the package pyarrow is missing.
    """
    try:
        import pyarrow as arrow
        import pyarrow.parquet as parquet
    except ImportError:
        hint = 'Install it with: pip install "layerscope[parquet]"'
        raise AnalysisError("Reading parquet files needs the package pyarrow.", hint) from None
    try:
        table = parquet.read_table(path)
    except (OSError, ValueError, MemoryError, arrow.ArrowException):
        raise AnalysisError(f"{path.name} is damaged or not a parquet file.", "Fetch the file again.") from None
    for column in table.schema:
        values = table[column.name]
        if arrow.types.is_struct(column.type) and column.type.get_field_index("bytes") >= 0:
            rows = [row and row["bytes"] for row in values.to_pylist()]
        elif arrow.types.is_binary(column.type) or arrow.types.is_large_binary(column.type):
            rows = values.to_pylist()
        else:
            continue
        labels, classes = _parquet_labels(table, path.name)
        return Table(tuple(row or b"" for row in rows), labels, classes)
    found = ", ".join(table.column_names)
    raise AnalysisError(f"{path.name} has no column of pictures, but {found}.", "Pictures are stored as bytes.")


def _parquet_labels(table: Any, file: str) -> tuple[NDArray[np.int64] | None, tuple[str, ...]]:
    name = next((name for name in ("label", "labels", "fine_label") if name in table.column_names), "")
    if not name:
        return None, ()
    if table[name].null_count:
        raise AnalysisError(f"Some pictures in {file} have no label.", "Leave out the pictures without a label.")
    labels = checked_labels(np.asarray(table[name].to_pylist()), table.num_rows, file)
    try:
        features = json.loads((table.schema.metadata or {})[b"huggingface"])["info"]["features"]
        return labels, tuple(str(entry) for entry in features[name]["names"])
    except (KeyError, TypeError, ValueError):
        return labels, ()
