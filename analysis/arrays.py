"""One array on disk: its full size is reserved at once, then rows are written as they come."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from analysis.events import EMPTY, Array, Output
from analysis.result import region


class ArrayFile:
    """A `.npy` file of known shape that is filled piece by piece.

    Parameters
    ----------
    path
        The file, made anew.
    output
        Shape and type.

    Raises
    ------
    OSError
        If there is no room for the whole array; the file is then removed again.
    """

    def __init__(self, path: Path, output: Output) -> None:
        self.path = path
        self.shape = output.shape
        self.dtype = np.dtype(output.dtype)
        self._file = open(path, "w+b")  # noqa: SIM115 - kept open until close()
        self._seen = np.zeros(int(np.prod(output.shape, dtype=np.int64)), dtype=bool)
        try:
            np.lib.format.write_array_header_1_0(
                self._file,
                {"descr": np.lib.format.dtype_to_descr(self.dtype), "fortran_order": False, "shape": output.shape},
            )
            self._start = self._file.tell()
            self._reserve(EMPTY[output.dtype])
        except OSError:
            self.discard()
            raise

    def _reserve(self, empty: float) -> None:
        """Fill the whole file with the mark for "nothing here yet"; only then can later writes not lack room."""
        left = self._seen.size
        if left and hasattr(os, "posix_fallocate"):
            self._file.flush()
            os.posix_fallocate(self._file.fileno(), self._start, left * self.dtype.itemsize)
        block = np.full(min(left, 1 << 16), empty, dtype=self.dtype)
        while left > 0:
            self._file.write(block[:left].tobytes())
            left -= len(block)
        self._file.flush()

    def write(self, at: tuple[int, ...], values: Array) -> int:
        """Write a chunk, see :func:`analysis.result.region`.

        Returns
        -------
        int
            Number of elements that were written for the first time.
        """
        values = np.asarray(values, dtype=self.dtype, order="C")
        flat, fresh = values.reshape(-1), 0
        for first, part in _stretches(self.shape, at, values.shape):
            piece = flat[part]
            self._file.seek(self._start + first * self.dtype.itemsize)
            self._file.write(piece.tobytes())
            seen = self._seen[first : first + piece.size]
            fresh += int(piece.size - np.count_nonzero(seen))
            seen[:] = True
        self._file.flush()
        return fresh

    def close(self) -> None:
        """Close the file; later calls do nothing."""
        self._file.close()

    def discard(self) -> None:
        """Close and delete the file."""
        self._file.close()
        self.path.unlink(missing_ok=True)


def _stretches(shape: tuple[int, ...], at: tuple[int, ...], values: tuple[int, ...]) -> Iterator[tuple[int, slice]]:
    """Cut a chunk into pieces that lie in one stretch of the file.

    Yields
    ------
    (int, slice)
        First element in the array, elements of the flat values.
    """
    place = region(shape, at, values)
    starts = [item.start if isinstance(item, slice) else item for item in place]
    strides = [int(np.prod(shape[i + 1 :], dtype=np.int64)) for i in range(len(shape))]
    base = sum(start * stride for start, stride in zip(starts, strides, strict=True))
    # Trailing dims that the chunk covers whole lie in one stretch, together with the dim before them.
    cut = len(values)
    while cut > 1 and values[cut - 1] == shape[len(shape) - len(values) + cut - 1]:
        cut -= 1
    outer = values[: max(cut - 1, 0)]
    length = int(np.prod(values[len(outer) :], dtype=np.int64))
    if length == 0:
        return
    lead = len(shape) - len(values)
    for number, index in enumerate(np.ndindex(*outer)):
        offset = sum(i * stride for i, stride in zip(index, strides[lead:], strict=False))
        yield base + offset, slice(number * length, (number + 1) * length)
