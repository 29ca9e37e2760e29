"""Read CIFAR-10 and CIFAR-100 batches, which are Python pickles, without running what a pickle can ask for.

The reader knows dicts, lists, numbers, texts, bytes and plain NumPy arrays. NumPy's own functions are not called
either: inert records stand in for them, and the arrays are made from the bytes that the records collect. Any other name
in the file ends the reading.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.picture_files import Table, checked_labels
from analysis.problems import AnalysisError

_SIDE = 32
_ARRAY_MAKERS = ("numpy.core.multiarray", "numpy._core.multiarray", "numpy.core.numeric", "numpy._core.numeric")
_TEST_NAMES = ("test_batch", "test")
_TRAIN_NAMES = ("train", *(f"data_batch_{number}" for number in range(1, 6)))
_META_NAMES = ("batches.meta", "meta")


class _StoredType:
    """Stands in for numpy.dtype: keeps its name, e.g. "u1"."""

    def __init__(self, name: Any = "", *_: Any) -> None:
        self.name = name.decode("latin1") if isinstance(name, bytes) else name

    def __setstate__(self, state: Any) -> None:
        """Ignore byte order and the like: the arrays here are uint8, or labels in the usual byte order."""


class _StoredArray:
    """Stands in for numpy.ndarray: keeps shape, type and bytes."""

    def __init__(self, *_: Any) -> None:
        self.state: tuple[Any, ...] = ()

    def __setstate__(self, state: Any) -> None:
        self.state = tuple(state)

    def array(self) -> NDArray[Any]:
        """Make the array.

        Raises
        ------
        ValueError
            If it is not a plain array of whole numbers.
        """
        _, shape, kind, fortran, data = self.state
        if not isinstance(kind, _StoredType) or kind.name not in ("u1", "i8", "i4") or not isinstance(data, bytes):
            raise ValueError("not a plain array")
        return np.frombuffer(data, np.dtype(kind.name)).reshape(shape, order="F" if fortran else "C")


def _encode(text: str, encoding: str = "latin1") -> bytes:
    """Stand in for codecs.encode, by which old pickles store bytes."""
    if encoding != "latin1":
        raise ValueError("an unusual encoding")
    return text.encode("latin1")


def _reconstruct(*_: Any) -> _StoredArray:
    return _StoredArray()


def _from_buffer(data: Any, kind: Any, shape: Any, order: Any) -> _StoredArray:
    stored = _StoredArray()
    stored.state = (1, shape, kind, order == "F", bytes(data))
    return stored


# The Unpickler written in Python: the one in C reserves memory of any size that a damaged file names.
class _Reader(pickle._Unpickler):
    """An unpickler that resolves the five names of a plain array, and no other."""

    def find_class(self, module: str, name: str) -> Any:
        """Return what stands in for a name of the file."""
        if (module, name) == ("numpy", "ndarray"):
            return _StoredArray
        if (module, name) == ("numpy", "dtype"):
            return _StoredType
        if (module, name) == ("_codecs", "encode"):
            return _encode
        if module in _ARRAY_MAKERS and name == "_reconstruct":
            return _reconstruct
        if module in _ARRAY_MAKERS and name == "_frombuffer":
            return _from_buffer
        raise pickle.UnpicklingError(f"{module}.{name}")


def is_cifar(path: Path) -> bool:
    """Tell whether a file has the name of a CIFAR batch and begins like a pickle."""
    if path.name not in (*_TEST_NAMES, *_TRAIN_NAMES):
        return False
    with path.open("rb") as file:
        return file.read(1) in (b"\x80", b"(", b"}")


def cifar_batch(folder: Path) -> Path | None:
    """Find the test batch in a folder of CIFAR batches, or its training batch if that is all there is."""
    batches = (folder / name for name in (*_TEST_NAMES, *_TRAIN_NAMES))
    return next((path for path in batches if path.is_file() and is_cifar(path)), None)


def read_cifar(path: Path) -> Table:
    """Read a batch: pictures (N, 32, 32, 3), labels (of CIFAR-100 the hundred fine ones), names from the file beside.

    Raises
    ------
    AnalysisError
        If the file is damaged, or holds anything but plain arrays and lists.
    """
    batch = _read(path)
    data = batch.get("data")
    labels = next((batch[key] for key in ("labels", "fine_labels") if key in batch), None)
    if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.shape[1:] != (3 * _SIDE**2,):
        raise AnalysisError(f"{path.name} holds no pictures of 32 x 32 pixels.", "Name a CIFAR-10 or CIFAR-100 batch.")
    pictures = np.ascontiguousarray(data.reshape(-1, 3, _SIDE, _SIDE).transpose(0, 2, 3, 1))
    if labels is not None:
        labels = checked_labels(_numbers(labels), len(pictures), path.name)
    return Table(pictures, labels, _class_names(path.parent))


def _numbers(labels: Any) -> NDArray[Any]:
    whole = isinstance(labels, list) and all(type(label) is int and abs(label) < 2**31 for label in labels)
    return np.asarray(labels, dtype=np.int64 if whole else None) if whole or isinstance(labels, np.ndarray) else _NONE


_NONE = np.zeros((0, 0))


def _class_names(folder: Path) -> tuple[str, ...]:
    for path in (folder / name for name in _META_NAMES):
        if path.is_file():
            meta = _read(path)
            names = meta.get("label_names", meta.get("fine_label_names"))
            if isinstance(names, list) and all(isinstance(name, bytes | str) for name in names):
                return tuple(name.decode("utf-8", "replace") if isinstance(name, bytes) else name for name in names)
    return ()


def _read(path: Path) -> dict[str, Any]:
    """Read a pickled dict; keys become texts and stored arrays become arrays."""
    try:
        with path.open("rb") as file:
            found = _Reader(file, encoding="bytes").load()
        if not isinstance(found, dict):
            raise ValueError("not a dict")
        return {_key(key): value.array() if isinstance(value, _StoredArray) else value for key, value in found.items()}
    except pickle.UnpicklingError as error:
        if "." in str(error) and " " not in str(error):
            message = f"{path.name} asks for {error}, which a CIFAR batch has no use for. It was not read."
            raise AnalysisError(message, "Such a file could run code. Fetch the data set from its source.") from None
        raise _damaged(path) from None
    except Exception:  # damaged bytes can make an unpickler raise nearly anything
        raise _damaged(path) from None


def _key(key: Any) -> str:
    return key.decode("latin1") if isinstance(key, bytes) else str(key)


def _damaged(path: Path) -> AnalysisError:
    return AnalysisError(f"{path.name} is damaged or not a CIFAR batch.", "Fetch the file again.")
