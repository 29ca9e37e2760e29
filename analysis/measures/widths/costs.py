"""What a configuration costs, in closed form: no network, everything anew at each call, in fractions of a millisecond.

Parameters are products of axis lengths over distinct tensors; multiply-adds of a convolution or linear layer are the
elements of its weight times its positions; grouping is already inside the weight.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.config import Totals
from analysis.measures.widths.description import WidthGroups
from analysis.measures.widths.file_size import FileLayout
from analysis.measures.widths.legal import Ints, Widths, counts

MAX_DIMS = 5
"""Weights of 3-d convolutions have five dims; none have more."""


@dataclass(frozen=True, slots=True, eq=False)
class Costs:
    """Costs of a configuration for one picture. Arrays have the axes (row,).

    Attributes
    ----------
    width
        int64 channels.
    parameters, macs, activation_bytes
        int64; a shared tensor counts at its first row; 1 multiply-add = 2 FLOPs.
    totals
        Of the whole network, as for a recorded one.
    file_bytes
        Exact size of a safetensors file with the weights alone. A network that LayerScope saves has the description of
        its edits beside them, see :meth:`CostModel.file_bytes`, and tables of channels where forwards hold widths.
    """

    width: Ints
    parameters: Ints
    macs: Ints
    activation_bytes: Ints
    totals: Totals
    file_bytes: int


class CostModel:
    """Evaluates configurations of one network.

    Parameters
    ----------
    found
        Its width groups.

    Examples
    --------
    A network without groups costs what it costs:

    >>> empty = WidthGroups("", (3, 8, 8), "", (), (), (), (), (), (), ())
    >>> CostModel(empty).costs({}).totals.parameters
    0
    """

    def __init__(self, found: WidthGroups) -> None:
        self.found = found
        size = len(found.lengths)
        self._fixed = np.array([length.fixed for length in found.lengths], dtype=np.int64)
        self._times = np.zeros((size, len(found.variables)), dtype=np.int64)
        for place, length in enumerate(found.lengths):
            for variable, times in length.terms:
                self._times[place, variable] = times
        constants = {1: size}
        for store in found.stores:
            for extent in store.shape:
                constants.setdefault(extent, size + len(constants))
        for row in found.rows:
            constants.setdefault(row.width, size + len(constants))
        self._constants = np.array(list(constants), dtype=np.int64)
        dims = max((len(store.shape) for store in found.stores), default=1)
        self._dims = np.full((len(found.stores), max(dims, 1)), size, dtype=np.int64)
        for place, store in enumerate(found.stores):
            for dim, (extent, index) in enumerate(zip(store.shape, store.lengths, strict=True)):
                self._dims[place, dim] = index if index >= 0 else constants[extent]
        self._read_stores()
        self._read_rows(constants)

    def _read_stores(self) -> None:
        stores = self.found.stores
        self._trained = np.array([store.trained for store in stores], dtype=bool)
        self._file = FileLayout(stores)

    def _read_rows(self, constants: dict[int, int]) -> None:
        rows = self.found.rows
        self._widths = np.array([r.length if r.length >= 0 else constants[r.width] for r in rows], dtype=np.int64)
        self._per_channel = np.array([row.others * row.itemsize for row in rows], dtype=np.int64)
        self._macs = np.array([row.macs for row in rows], dtype=np.int64)
        pairs = [(place, store, times) for place, row in enumerate(rows) for store, times in row.products]
        self._products = np.array(pairs, dtype=np.int64).reshape(-1, 3).T
        owned = [(place, store) for place, row in enumerate(rows) for store in row.stores]
        self._owned = np.array(owned, dtype=np.int64).reshape(-1, 2).T

    def lengths(self, values: Ints) -> Ints:
        """Lengths of all axes, axes (length,), for the number of classes of each variable."""
        found: Ints = self._fixed + self._times @ values
        return found

    def costs(self, widths: Widths) -> Costs:
        """Cost of a configuration; groups that are not named keep their width.

        Raises
        ------
        AnalysisError
            If a width cannot be made up of whole classes.
        """
        return self.costs_of(counts(self.found, widths))

    def costs_of(self, values: Ints) -> Costs:
        """Cost for the number of classes of each variable, axes (variable,)."""
        extents = np.concatenate((self.lengths(values), self._constants))
        sizes: NDArray[np.int64] = extents[self._dims].prod(axis=1)
        macs, parameters = self._macs.copy(), np.zeros_like(self._macs)
        np.add.at(macs, self._products[0], sizes[self._products[1]] * self._products[2])
        np.add.at(parameters, self._owned[0], sizes[self._owned[1]])
        width = extents[self._widths]
        activation = width * self._per_channel
        trained = int(sizes[self._trained].sum())
        totals = Totals(
            trained,
            trained,
            int(sizes[~self._trained].sum()),
            int(macs.sum()) + self.found.macs,
            int(activation.sum()),
        )
        return Costs(width, parameters, macs, activation, totals, int(self._file.size(extents[self._dims], sizes)))

    def file_bytes(self, values: Ints, note: tuple[str, str]) -> int:
        """Exact size of a safetensors file for the number of classes of each variable, with a text in its header.

        Parameters
        ----------
        values
            Axes (variable,).
        note
            Key and text, as "layerscope" and the description of the edits.
        """
        extents = np.concatenate((self.lengths(values), self._constants))[self._dims]
        return int(self._file.size(extents, extents.prod(axis=1), note))

    def totals_of(self, values: Ints) -> dict[str, Ints]:
        """Costs of many configurations at once.

        Parameters
        ----------
        values
            Classes of each variable, axes (configuration, variable).

        Returns
        -------
        dict[str, Ints]
            "parameters", "macs", "activation_bytes" and "file", axes (configuration,); the last as `Costs.file_bytes`.
        """
        lengths = self._fixed + values @ self._times.T
        constants = np.broadcast_to(self._constants, (len(values), len(self._constants)))
        extents = np.concatenate((lengths, constants), axis=1)
        sizes = extents[:, self._dims].prod(axis=2)
        macs = sizes[:, self._products[1]] @ self._products[2]
        fixed = int(self._macs.sum()) + self.found.macs
        return {
            "parameters": sizes[:, self._trained].sum(axis=1),
            "macs": macs + fixed,
            "activation_bytes": extents[:, self._widths] @ self._per_channel,
            "file": self._file.size(extents[:, self._dims], sizes),
        }
