"""Which pictures there are: open a set, decode them one by one, choose among them, make thumbnails."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from analysis.cifar_files import cifar_batch, is_cifar, read_cifar
from analysis.picture_files import (
    SUFFIXES,
    Picture,
    Table,
    UnreadablePicture,
    area,
    decode,
    is_idx,
    read_idx,
    read_npz,
    read_parquet,
)
from analysis.problems import AnalysisError
from resources import FOLDER

DEMO = FOLDER / "demo"
NOISE_SHAPE = (3, 32, 32)

_FORMATS = (
    "Choose a folder with one subfolder per class, a folder of pictures, a picture, an .npz or .parquet file, "
    "a CIFAR batch, an idx file, demo:test, demo:train or noise:100."
)
_SPLITS = {"train", "training", "test", "testing", "val", "valid", "validation"}
_MOST_NOISE = 10_000_000


class Noise:
    """Pictures of independent uniform pixels, made when they are asked for.

    Picture i depends on i and the shape alone, so that noise:100 is the beginning of noise:1000.

    Parameters
    ----------
    count
        Number of pictures.
    shape
        (channels, height, width). One channel makes grey pictures.
    """

    def __init__(self, count: int, shape: tuple[int, ...]) -> None:
        self._count = count
        self._shape = shape[1:] if shape[0] == 1 else (*shape[1:], 3)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Picture:
        return np.random.RandomState([index]).randint(0, 256, self._shape, dtype=np.uint8)


class PictureSet:
    """Pictures in a fixed order, with labels if there are any. Pictures of files are decoded when asked for.

    Parameters
    ----------
    location
        As the user gave it.
    content
        An array (pictures, height, width[, 3]) uint8, or noise, or for each picture its file or its encoded bytes.
    labels
        (pictures,) int64, or None.
    classes
        Names in the order of the labels, empty if unknown.
    numbered
        True if the labels are numbers of the source itself, False if they only count the sorted names of folders.

    Attributes
    ----------
    array
        All pictures as one array where they are stored like that, else None.
    skipped
        Names of the pictures that were asked for and could not be read, with the reason.
    """

    def __init__(
        self,
        location: str,
        content: Picture | Noise | Sequence[Path | bytes],
        labels: NDArray[np.int64] | None = None,
        classes: tuple[str, ...] = (),
        numbered: bool = True,
    ) -> None:
        self.location = location
        self.labels = labels
        self.classes = classes
        self.numbered = numbered
        self.skipped: list[str] = []
        self.array = content if isinstance(content, np.ndarray) else None
        self._content = content

    def __len__(self) -> int:
        return len(self._content)

    def name(self, index: int) -> str:
        """File of a picture relative to the location, or its number."""
        entry = self._content[index] if not isinstance(self._content, Noise) else None
        if not isinstance(entry, Path):
            return f"{Path(self.location).name}#{index}"
        root = Path(self.location).expanduser()
        return entry.relative_to(root).as_posix() if root in entry.parents else entry.name

    def file(self, index: int) -> Path | None:
        """File of a picture; None where pictures lie together in one file, or are noise."""
        entry = self._content[index] if not isinstance(self._content, Noise) else None
        return entry if isinstance(entry, Path) else None

    def files(self) -> tuple[str, ...]:
        """Files of all pictures, relative to the location where they lie below it; empty where they have none."""
        if isinstance(self._content, (Noise, np.ndarray)):
            return ()
        root = os.path.join(os.path.expanduser(self.location), "")
        return tuple(os.fspath(entry).removeprefix(root) for entry in self._content if isinstance(entry, Path))

    def picture(self, index: int) -> Picture:
        """Decode one picture.

        Returns
        -------
        NDArray[np.uint8]
            (height, width) or (height, width, 3).

        Raises
        ------
        UnreadablePicture
            If it is damaged; its name is then in `skipped`.
        """
        entry = self._content[index]
        if isinstance(entry, np.ndarray):
            return entry
        try:
            return decode(entry)
        except UnreadablePicture as error:
            line = f"{self.name(index)}: {error}"
            if line not in self.skipped:
                self.skipped.append(line)
            raise

    def side(self, index: int) -> float:
        """Root of the area of a picture as it is recorded, in pixels; NaN where that cannot be read.

        Of a file only the head is read.
        """
        entry = self._content[index]
        if isinstance(entry, (Path, bytes)):
            return float(np.sqrt(area(entry)))
        return float(np.sqrt(entry.shape[0] * entry.shape[1]))

    def sha256(self, indices: NDArray[np.int64], labels: NDArray[np.int64] | None) -> str:
        """Hash the chosen pictures, as stored, and their labels: equal hash, equal data.

        Pixels are hashed for arrays, the bytes of the files for files.

        Returns
        -------
        str
            64 hexadecimal digits.
        """
        digest = hashlib.sha256()
        for index in indices.tolist():
            data = self._stored(index)
            digest.update(len(data).to_bytes(8, "little"))
            digest.update(data)
        digest.update(b"labels" if labels is not None else b"none")
        if labels is not None:
            digest.update(labels.astype("<i8").tobytes())
        return digest.hexdigest()

    def _stored(self, index: int) -> bytes:
        entry = self._content[index]
        if isinstance(entry, bytes):
            return entry
        if isinstance(entry, Path):
            try:
                return entry.read_bytes()
            except OSError:
                return b"unreadable"
        return np.array([entry.shape[0], entry.shape[1]], "<i8").tobytes() + entry.tobytes()


def open_pictures(location: str, shape: tuple[int, ...] = NOISE_SHAPE, demo_folder: Path = DEMO) -> PictureSet:
    """Find out what is at a location and list its pictures.

    Parameters
    ----------
    location
        A folder with one subfolder per class, a flat folder, a picture, an .npz or .parquet file, a CIFAR-10 or
        CIFAR-100 python batch, an MNIST-style idx file, "demo:test", "demo:train", "noise:N". Of a folder of batches
        or idx files the test pictures are taken.
    shape
        (channels, height, width) of noise.
    demo_folder
        Where the demo lies.

    Raises
    ------
    AnalysisError
        If there are no pictures; the message says what was found.
    """
    kind, _, rest = location.partition(":")
    if kind == "noise":
        return PictureSet(location, Noise(_noise_count(rest), shape or NOISE_SHAPE))
    if kind == "demo":
        if rest not in ("test", "train"):
            raise AnalysisError(f"The demo has no pictures called '{rest}'.", "Choose demo:test or demo:train.")
        return _of_table(location, read_npz(demo_folder / f"{rest}.npz"))
    path = Path(location).expanduser()
    if not location or not path.exists():
        raise AnalysisError(f"There is no file or folder '{location}'.", _FORMATS)
    try:
        return _open_folder(location, path) if path.is_dir() else _open_file(location, path)
    except PermissionError as error:
        raise AnalysisError(f"Reading {error.filename} is not allowed.", "Change its permissions.") from None


def _noise_count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text[:9]) <= _MOST_NOISE:
        raise AnalysisError(f"'noise:{text}' names no number of pictures.", "Write for example noise:100.")
    return int(text)


def _of_table(location: str, table: Table) -> PictureSet:
    if not len(table.pictures):
        raise AnalysisError(f"{location} holds no pictures.", _FORMATS)
    return PictureSet(location, table.pictures, table.labels, table.classes)


def _open_file(location: str, path: Path) -> PictureSet:
    suffix = path.suffix.lower()
    if not path.is_file():  # a pipe or a device could keep the reader waiting for ever
        raise AnalysisError(f"{path.name} is neither a file nor a folder.", _FORMATS)
    if suffix == ".npz":
        return _of_table(location, read_npz(path))
    if suffix == ".parquet":
        return _of_table(location, read_parquet(path))
    if is_idx(path.name):
        return _of_table(location, read_idx(path))
    if is_cifar(path):
        return _of_table(location, read_cifar(path))
    if suffix in SUFFIXES:
        return PictureSet(location, (path,))
    raise AnalysisError(f"{path.name} is not a kind of file that holds pictures.", _FORMATS)


def _open_folder(location: str, path: Path) -> PictureSet:
    idx = sorted(item for item in path.iterdir() if is_idx(item.name))
    if idx:
        return _of_table(location, read_idx(next((item for item in idx if not item.name.startswith("train")), idx[0])))
    batch = cifar_batch(path)
    if batch:
        return _of_table(location, read_cifar(batch))
    loose = _pictures_in(path)
    folders = {item.name: _pictures_below(item) for item in sorted(path.iterdir()) if _visible_folder(item)}
    folders = {name: files for name, files in folders.items() if files}
    if not loose and not folders:
        raise AnalysisError(f"There are no pictures in {location}.", _FORMATS)
    if not folders:
        return PictureSet(location, loose)
    if loose:
        items = tuple(item.name for item in loose[:5])
        message = f"{location} holds pictures both beside and inside its folders, so their classes are unclear."
        raise AnalysisError(message, "Move the loose pictures away, or name one folder.", items=items)
    if {name.lower() for name in folders} <= _SPLITS:
        raise AnalysisError(
            f"{location} holds the parts {', '.join(folders)}.", f"Name one, e.g. {path / min(folders)}."
        )
    files = [file for inside in folders.values() for file in inside]
    labels = np.repeat(np.arange(len(folders)), [len(inside) for inside in folders.values()])
    return PictureSet(location, files, labels.astype(np.int64), tuple(folders), numbered=False)


def _visible_folder(path: Path) -> bool:
    return path.is_dir() and not path.name.startswith((".", "__"))


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()


def _pictures_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if _is_picture(path))


def _pictures_below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if _is_picture(path))


def choose(labels: NDArray[np.int64] | None, count: int, limit: int, seed: int) -> NDArray[np.int64]:
    """Pick pictures so that classes are equally frequent and smaller picks are part of larger ones.

    The pictures of each class c, in ascending order of c, are shuffled by ``RandomState([seed, c])``; picks go round
    robin over the classes. Without labels all pictures are shuffled by ``RandomState([seed])``.

    Parameters
    ----------
    labels
        (pictures,) int64, or None.
    count
        Number of pictures in the set.
    limit
        How many to pick; 0, negative, or more than there are: all.
    seed
        From 0 to 2**32 - 1.

    Returns
    -------
    NDArray[np.int64]
        (picked,) positions in the set, ascending: the order of the set is kept.

    Raises
    ------
    AnalysisError
        If the seed is out of range.

    Examples
    --------
    >>> choose(np.array([0, 0, 0, 0, 1, 1]), 6, 4, seed=0).tolist()
    [0, 2, 4, 5]
    """
    if not 0 <= seed < 2**32:
        raise AnalysisError(f"{seed} cannot be a seed.", "Choose a whole number from 0 to 4294967295.")
    if limit <= 0 or limit >= count:
        return np.arange(count, dtype=np.int64)
    if labels is None:
        return np.sort(np.random.RandomState([seed]).permutation(count)[:limit]).astype(np.int64)
    rounds = np.empty(count, dtype=np.int64)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        order = np.random.RandomState([seed, int(label)]).permutation(len(members))
        rounds[members[order]] = np.arange(len(members))
    # Round k takes the k-th picture of every class that still has one, classes in ascending order.
    return np.sort(np.lexsort((labels, rounds))[:limit]).astype(np.int64)


def thumbnail(picture: Picture, size: int) -> Picture:
    """Shrink a picture, if it is larger, to fit into a square of `size` pixels; always RGB.

    Returns
    -------
    NDArray[np.uint8]
        (height, width, 3), the longer side at most `size`.
    """
    image = Image.fromarray(picture).convert("RGB")
    image.thumbnail((size, size), Image.Resampling.BOX)
    return np.array(image)
