"""Statistics of features that grow batch by batch: second moments and extremes. They add, so shards can be merged.

Products and sums are both made in float64: float32 products leave a floor of 2e-4 of the largest singular value, at
which a linear layer of rank 3 reads as 9. Only the statistics are kept, never the features of all pictures.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from analysis.measures.intervals import GROUPS

BLOCK = 128  # rows of a panel; only panels on and below the diagonal are computed
EXACT_COPIES = 256  # up to so many channels, the copies for intervals are float64, above float32
COLUMNS = 512  # observations that are multiplied at once: enough for full speed, small enough for the cache


@dataclass(frozen=True, slots=True)
class Decomposition:
    """A second moment in its own axes. All tensors are float64.

    Attributes
    ----------
    eigenvalues
        Of the sum of outer products, descending, clipped at 0, axes (component,).
    other
        The same without (or with) the mean, whichever was not asked for.
    vectors
        What :meth:`Moment.influences` needs: eigenvectors, axes (row, component), in the order of `eigenvalues`; no
        component if they were not asked for.
    counts
        Observations per group of pictures, axes (group,).
    """

    eigenvalues: Tensor
    other: Tensor
    vectors: Tensor
    counts: Tensor


class Moment(Protocol):
    """What the two ways to keep a second moment have in common."""

    def update(self, columns: Tensor, present: Tensor, first: int) -> None:
        """Take in some pictures, axes (picture, channel, position), in the order of the run."""
        ...

    def decompose(self, centred: bool, vectors: bool = True) -> Decomposition:
        """Eigenvalues with and without the mean, and if asked for, eigenvectors of the one asked for."""
        ...

    def influences(self, found: Decomposition, slopes: Tensor, centred: bool) -> Tensor | None:
        """Influence of each group of pictures, axes (group,), up to a constant."""
        ...


class SecondMoment:
    """Sum of outer products, sum and count of observations: C x C numbers, however many pictures.

    Parameters
    ----------
    channels
        Rows of the feature matrix.
    pictures
        How many pictures will come; eight contiguous groups of them serve the intervals.
    device
        Where to accumulate; it must know float64.
    grouped
        Keep a copy after each group, see :func:`copies_bytes`, so that :meth:`influences` can tell the groups apart.
    """

    def __init__(self, channels: int, pictures: int, device: torch.device, grouped: bool = True) -> None:
        self.channels = channels
        self.pictures = pictures
        self.grouped = grouped
        self.panels = _empty_panels(channels, device)
        self.sums = torch.zeros(GROUPS, channels, dtype=torch.float64, device=device)
        self.counts = torch.zeros(GROUPS, dtype=torch.int64, device=device)
        self.copies: list[list[Tensor]] = []
        self._group = 0
        self._buffer = torch.empty(channels, 0, dtype=torch.float64, device=device)
        self._filled = 0

    def update(self, columns: Tensor, present: Tensor, first: int) -> None:
        """Take in some pictures.

        Parameters
        ----------
        columns
            Features, axes (picture, channel, position), any floating dtype; pictures that are not present hold zeros.
        present
            Which pictures count, axes (picture,) bool.
        first
            Place of the first of them in the order of the run; calls come in ascending order.
        """
        for group, part in _by_group(first, columns.shape[0], self.pictures):
            self._enter(group)
            self.counts[group] += present[part].sum() * columns.shape[2]
            self._append(columns[part])

    def merge(self, other: SecondMoment) -> None:
        """Add what another shard of the same run has seen."""
        for moment in (self, other):
            moment._finish()
        for mine, theirs in zip(self.panels, other.panels, strict=True):
            mine += theirs
        self.sums += other.sums
        self.counts += other.counts
        for mine_then, theirs_then in zip(self.copies, other.copies, strict=True):
            for mine, theirs in zip(mine_then, theirs_then, strict=True):
                mine += theirs

    def matrix(self, centred: bool = False) -> Tensor:
        """Sum of outer products, of the features or of their deviations from the mean, axes (channel, channel)."""
        full, total = _assemble(self.panels), self.sums.sum(dim=0)
        if self._filled:  # looking must not change where the stream is cut, or a watched run would differ
            waiting = self._buffer[:, : self._filled]
            full.addmm_(waiting, waiting.T)
            total = total + waiting.sum(dim=1)
        if centred:
            full -= torch.outer(total, total) / self.counts.sum().clamp(min=1)
        return full

    def decompose(self, centred: bool, vectors: bool = True) -> Decomposition:
        """Eigenvalues with and without the mean, and if asked for, eigenvectors of the one asked for."""
        return _decompose(self.matrix(centred), self.matrix(not centred), self.counts, vectors)

    def influences(self, found: Decomposition, slopes: Tensor, centred: bool) -> Tensor | None:
        """Influence of each group of pictures, axes (group,), up to a constant; None if no copies were kept.

        ``tr(F M_g)`` with ``F = V diag(slopes) V'``, which is the sum over components of slope times ``v' M_g v``
        without the product for every group. About the mean m it is ``tr(F M_g) - 2 m' F m_g``.
        """
        if not self.grouped:
            return None
        self._finish()
        form = (found.vectors * slopes) @ found.vectors.T
        weights = [_panel(form, row) for row in range(0, self.channels, BLOCK)]
        traces = torch.stack([_inner(weights, then) for then in [*self.copies, self.panels]])
        shares = torch.diff(traces, prepend=traces.new_zeros(1))
        if centred:
            shares = shares - 2 * self.sums @ form @ (self.sums.sum(dim=0) / self.counts.sum().clamp(min=1))
        return shares / self.counts.clamp(min=1)

    def _enter(self, group: int) -> None:
        """Close the groups before this one: keep what had been summed up by their ends."""
        if group > self._group:
            self._flush()
        while self._group < group:
            if self.grouped:
                self.copies.append([panel.to(_copy_dtype(self.channels), copy=True) for panel in self.panels])
            self._group += 1

    def _finish(self) -> None:
        self._enter(GROUPS - 1)
        self._flush()

    def _append(self, columns: Tensor) -> None:
        """Multiply many observations at once; collect few of them first."""
        pictures, channels, positions = columns.shape
        if 2 * pictures * positions >= COLUMNS:
            step = max(1, COLUMNS // positions)
            for piece in torch.split(columns, step):
                flat = piece.transpose(0, 1).to(torch.float64, memory_format=torch.contiguous_format)
                self._multiply(flat.view(channels, -1))
            return
        if not self._buffer.shape[1]:
            self._buffer = self.sums.new_empty(channels, COLUMNS)
        if self._filled + pictures * positions > COLUMNS:
            self._flush()
        space = self._buffer[:, self._filled : self._filled + pictures * positions]
        space.view(channels, pictures, positions).copy_(columns.transpose(0, 1))
        self._filled += pictures * positions

    def _flush(self) -> None:
        if self._filled:
            self._multiply(self._buffer[:, : self._filled])
            self._filled = 0

    def _multiply(self, columns: Tensor) -> None:
        self.sums[self._group] += columns.sum(dim=1)
        _add_products(self.panels, columns)


class ColumnMoment:
    """The features themselves, for fewer pictures than channels: n x n products say the same as C x C ones.

    Parameters
    ----------
    channels, pictures, device
        As for :class:`SecondMoment`; one observation per picture, and fewer pictures than channels.
    """

    def __init__(self, channels: int, pictures: int, device: torch.device) -> None:
        self.pictures = pictures
        self.columns = torch.zeros(channels, pictures, dtype=torch.float64, device=device)
        self.present = torch.zeros(pictures, dtype=torch.bool, device=device)

    def update(self, columns: Tensor, present: Tensor, first: int) -> None:
        """Take in some pictures, axes (picture, channel, 1); see :meth:`SecondMoment.update`."""
        last = first + columns.shape[0]
        self.columns[:, first:last] = columns[:, :, 0].T
        self.present[first:last] = present

    def merge(self, other: ColumnMoment) -> None:
        """Add what another shard of the same run has seen."""
        self.columns += other.columns
        self.present |= other.present

    def decompose(self, centred: bool, vectors: bool = True) -> Decomposition:
        """Eigenvalues with and without the mean, and if asked for, eigenvectors of the one asked for."""
        counts = torch.stack([self.present[part].sum() for _, part in _by_group(0, self.pictures, self.pictures)])
        return _decompose(self._products(centred), self._products(not centred), counts, vectors)

    def influences(self, found: Decomposition, slopes: Tensor, centred: bool) -> Tensor | None:
        """Influence of each group of pictures, axes (group,): ``(v_j' y_i)^2 = lambda_j U_ij^2`` if ``Y = V S U'``."""
        shares = found.vectors**2 @ (slopes * found.eigenvalues)
        parts = [shares[part].sum() for _, part in _by_group(0, self.pictures, self.pictures)]
        return torch.stack(parts) / found.counts.clamp(min=1)

    def _products(self, centred: bool) -> Tensor:
        columns = self.columns
        if centred:
            mean = columns.sum(dim=1, keepdim=True) / self.present.sum().clamp(min=1)
            columns = torch.where(self.present, columns - mean, 0.0)
        return columns.T @ columns


class Extremes:
    """Which channels never fire and which always do, and which pictures are finite.

    Parameters
    ----------
    channels
        Width of the layer.
    pictures
        How many pictures will come.
    device, dtype
        Those of the features.

    Attributes
    ----------
    low, high
        Smallest and largest value of every channel, over the finite pictures up to the point from which no value could
        make a channel dead or always on any more.
    """

    def __init__(self, channels: int, pictures: int, device: torch.device, dtype: torch.dtype) -> None:
        self.low = torch.full((channels,), torch.inf, device=device, dtype=dtype)
        self.high = torch.full((channels,), -torch.inf, device=device, dtype=dtype)
        self.dropped = torch.zeros(pictures, dtype=torch.bool, device=device)
        self._settled = False

    def update(self, features: Tensor, first: int) -> Tensor:
        """Take in features, axes (picture, channel, ...), and tell which pictures are finite, axes (picture,) bool."""
        maps = features.flatten(2) if features.ndim > 2 else features.unsqueeze(2)
        finite = _finite(maps) if self._settled else self._look(maps)
        self.dropped[first : first + maps.shape[0]] = ~finite
        return finite

    def _look(self, maps: Tensor) -> Tensor:
        # Reductions over a short last axis are slow: small maps are reduced over the pictures first.
        ranges = _ranges(maps) if maps.shape[2] >= 64 else (maps, maps)
        lowest, highest = ranges[0].flatten(1).amin(dim=1), ranges[1].flatten(1).amax(dim=1)
        finite = torch.isfinite(lowest) & torch.isfinite(highest)
        low, high = (only(values, finite, fill) for values, fill in zip(ranges, (torch.inf, -torch.inf), strict=True))
        self.low = torch.minimum(self.low, low.amin(dim=0).amin(dim=1))
        self.high = torch.maximum(self.high, high.amax(dim=0).amax(dim=1))
        if maps.device.type == "cpu":  # elsewhere looking would mean waiting
            decided = (self.low <= 0) & ((self.low < 0) | (self.high > 0))
            self._settled = bool(decided.all())
        return finite

    def merge(self, other: Extremes) -> None:
        """Add what another shard of the same run has seen."""
        self.low = torch.minimum(self.low, other.low)
        self.high = torch.maximum(self.high, other.high)
        self.dropped |= other.dropped

    @property
    def dead(self) -> Tensor:
        """Channels that are zero at every position of every picture: after a ReLU, those that never fire."""
        return (self.low == 0) & (self.high == 0)

    @property
    def always_on(self) -> Tensor:
        """Channels that are above zero at every position of every picture."""
        return (self.low > 0) & torch.isfinite(self.low)


def lower_products(matrix: Tensor) -> Tensor:
    """Multiply a matrix of any floating dtype with its transpose, axes (row, row) float64.

    Only the entries on and below the diagonal can be relied on: decompositions of symmetric matrices read no others.
    """
    rows, columns = matrix.shape
    panels = _empty_panels(rows, matrix.device)
    room = torch.empty(rows * min(columns, 2 * COLUMNS), dtype=torch.float64, device=matrix.device)
    for piece in torch.split(matrix, 2 * COLUMNS, dim=1):
        exact = room[: piece.numel()].view(rows, -1)
        _add_products(panels, exact.copy_(piece))
    return _assemble(panels, mirrored=False)


def copies_bytes(channels: int) -> int:
    """Memory that the copies of one second moment take, in bytes."""
    numbers = sum(min(BLOCK, channels - row) * min(row + BLOCK, channels) for row in range(0, channels, BLOCK))
    return (GROUPS - 1) * numbers * _copy_dtype(channels).itemsize


def _copy_dtype(channels: int) -> torch.dtype:
    # Single precision is enough where the error of an entry is spread over many channels.
    return torch.float64 if channels <= EXACT_COPIES else torch.float32


def only(values: Tensor, keep: Tensor, fill: float) -> Tensor:
    """Replace the pictures that are not to be kept, axes (picture,) bool, by a value."""
    if keep.device.type == "cpu" and bool(keep.all()):  # elsewhere looking would mean waiting
        return values
    return torch.where(keep.reshape(-1, *[1] * (values.ndim - 1)), values, fill)


def _finite(maps: Tensor) -> Tensor:
    """Tell which pictures are finite, axes (picture,) bool: one sum instead of a look at both ends."""
    finite = torch.isfinite(maps.flatten(1).sum(dim=1))
    if not bool(finite.all()):  # or a sum of finite values is too large
        finite[~finite] = torch.isfinite(maps[~finite]).flatten(1).all(dim=1)
    return finite


def _ranges(maps: Tensor) -> tuple[Tensor, Tensor]:
    """Smallest and largest value of every picture and channel, axes (picture, channel, 1)."""
    # A few pictures at a time: the second pass then finds them in the cache.
    step = max(1, 2**18 // max(1, maps[0].numel()))
    parts = [(piece.amin(dim=2, keepdim=True), piece.amax(dim=2, keepdim=True)) for piece in torch.split(maps, step)]
    return torch.cat([low for low, _ in parts]), torch.cat([high for _, high in parts])


def _by_group(first: int, count: int, pictures: int) -> Iterator[tuple[int, slice]]:
    """Split pictures, from place `first` in the order of the run, by the group they belong to."""
    for group in range(GROUPS):
        start = max(-(-group * pictures // GROUPS) - first, 0)
        stop = min(-(-(group + 1) * pictures // GROUPS) - first, count)
        if start < stop:
            yield group, slice(start, stop)


def _empty_panels(size: int, device: torch.device) -> list[Tensor]:
    return [
        torch.zeros(min(BLOCK, size - row), min(row + BLOCK, size), dtype=torch.float64, device=device)
        for row in range(0, size, BLOCK)
    ]


def _add_products(panels: list[Tensor], columns: Tensor) -> None:
    for index, panel in enumerate(panels):
        row = index * BLOCK
        panel.addmm_(columns[row : row + BLOCK], columns[: row + BLOCK].T)


def _assemble(panels: list[Tensor], mirrored: bool = True) -> Tensor:
    """Full symmetric matrix of its panels on and below the diagonal."""
    if len(panels) == 1:
        return panels[0].clone()
    size = panels[-1].shape[1]
    full = panels[0].new_zeros(size, size)
    for index, panel in enumerate(panels):
        row = index * BLOCK
        full[row : row + BLOCK, : row + BLOCK] = panel
        if mirrored:
            full[:row, row : row + BLOCK] = panel[:, :row].T
    return full


def _panel(matrix: Tensor, row: int) -> Tensor:
    """Panel of a symmetric matrix, weighted so that sums over panels are sums over the full matrix."""
    panel = matrix[row : row + BLOCK, : row + BLOCK].clone()
    panel[:, :row] *= 2
    return panel


def _inner(weights: list[Tensor], panels: list[Tensor]) -> Tensor:
    return torch.stack([(w * panel).sum() for w, panel in zip(weights, panels, strict=True)]).sum()


def _decompose(matrix: Tensor, other: Tensor, counts: Tensor, vectors: bool) -> Decomposition:
    if vectors:
        values, basis = torch.linalg.eigh(matrix)
    else:
        values, basis = torch.linalg.eigvalsh(matrix), matrix.new_empty(matrix.shape[0], 0)
    others = torch.linalg.eigvalsh(other)
    return Decomposition(_descending(values), _descending(others), basis.flip(1), counts)


def _descending(eigenvalues: Tensor) -> Tensor:
    return eigenvalues.flip(0).clamp(min=0.0)
