"""Size of a safetensors file in closed form, byte for byte.

The format: eight bytes with the length of the header, the header as JSON, filled up with spaces to a multiple of eight,
then the tensors without gaps, ordered by type (wide ones first) and name. The header names type, shape and place of
each tensor, so that its length depends on how many digits these numbers have.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from analysis.measures.widths.description import Store

Ints = NDArray[np.int64]
ORDER = (
    *("U64", "I64", "F64", "F32", "U32", "I32", "BF16", "F16", "U16", "I16"),
    *("F8_E4M3", "F8_E5M2", "I8", "U8", "BOOL"),
)
"""Types in the order in which their tensors come."""
_POWERS = 10 ** np.arange(1, 19, dtype=np.int64)
_FRAME = len('"":{"dtype":"","shape":[],"data_offsets":[,]}')
NOTE = "__metadata__"


class FileLayout:
    """The tensors of a file in their order; sizes come in with each configuration.

    Parameters
    ----------
    stores
        Parameters and buffers; those that no name saves are left out.
    """

    def __init__(self, stores: Sequence[Store]) -> None:
        entries = [
            (ORDER.index(store.dtype), name, place)
            for place, store in enumerate(stores)
            for name in store.saved or (store.name,) * store.names  # descriptions of earlier versions name one
        ]
        entries.sort(key=lambda entry: (entry[0], entry[1].encode()))
        self._store = np.array([place for *_, place in entries], dtype=np.int64)
        self._itemsize = np.array([stores[place].itemsize for *_, place in entries], dtype=np.int64)
        dims = max([len(store.shape) for store in stores], default=0)
        ranks = np.array([len(stores[place].shape) for *_, place in entries], dtype=np.int64).reshape(-1, 1)
        self._there = np.arange(max(dims, 1)) < ranks
        fixed = sum(_FRAME + len(_quoted(name)) - 2 + len(ORDER[kind]) for kind, name, _ in entries)
        commas = int(np.maximum(ranks - 1, 0).sum()) + max(len(entries) - 1, 0)
        self._fixed = 2 + fixed + commas

    def size(self, extents: Ints, elements: Ints, note: tuple[str, str] | None = None) -> Ints:
        """Bytes of the file.

        Parameters
        ----------
        extents
            (…, store, dim) shape of each tensor; what is beyond its number of dims does not matter.
        elements
            (…, store) numbers of each tensor.
        note
            Key and text of what is written into the header beside the tensors, None for nothing.

        Returns
        -------
        ndarray of int64
            (…).

        Examples
        --------
        >>> layout = FileLayout([Store("w", True, (2, 3), (-1, -1), 4, 1, "F32", ("w",))])
        >>> int(layout.size(np.array([[2, 3]]), np.array([6])))
        96
        """
        sizes = elements[..., self._store] * self._itemsize
        ends = np.cumsum(sizes, axis=-1)
        shape = (_digits(extents[..., self._store, :]) * self._there).sum(axis=(-2, -1))
        header = self._fixed + shape + (_digits(ends) + _digits(ends - sizes)).sum(axis=-1)
        if note is not None:
            words = len(f'"{NOTE}":{{:}}') + sum(len(_quoted(part)) for part in note)
            header = header + words + (1 if self._store.size else 0)
        found: Ints = 8 + -(-header // 8) * 8 + sizes.sum(axis=-1)
        return found


def _digits(numbers: Ints) -> Ints:
    found: Ints = np.searchsorted(_POWERS, numbers, side="right") + 1
    return found


def _quoted(text: str) -> bytes:
    return json.dumps(text, ensure_ascii=False).encode()
