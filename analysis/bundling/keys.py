"""When two pictures count as equal at a layer: values are put on the grid of one weight update and hashed, row by row.

Two pictures share a bundle if one update of the coarsest weight would come out the same for both: every value a is
replaced by W - (a · eta) · (1 / B), each operation rounded to float32 by itself, and the rows are compared bit by bit
(Peer et al., "Conflicting Bundles", WACV 2021; order of operations as in the authors' reference code). Rows are reduced
to keys of 128 bits at once, so that no activations are kept.

On the CPU a key is the XXH3 hash of the row's bytes. On an accelerator it is made where the tensor is: each value is
added to a constant of its column, mixed by a bijection, and the results are summed, twice with different constants.
Without the mixing, rows that are permutations of each other would fall together. Keys of the two routes do not compare.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import xxhash
from numpy.typing import NDArray
from torch import Tensor, nn

from analysis.problems import AnalysisError

MODES = ("update-grid", "exact", "close")
ROUTES = ("xxh3_128", "mixer")
CLOSE_RELATIVE, CLOSE_ABSOLUTE = 1e-5, 1e-8
CHUNK = 1 << 17  # values that are worked on at a time: they stay in the cache between the operations
MIXED = 1 << 22  # the same on an accelerator, where few large operations are better

Keys = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Ruler:
    """The grid of one weight update.

    Attributes
    ----------
    amplitude
        W, the largest magnitude of a weight, a float32 number.
    eta
        Learning rate.
    batch
        Batch size of the training.
    """

    amplitude: float
    eta: float
    batch: int

    @property
    def tau(self) -> float:
        """Width of a cell of the grid, in units of the activations."""
        return spacing_below(self.amplitude) * self.batch / self.eta

    @property
    def one_step(self) -> bool:
        """True if values times eta / B are the same numbers as values times eta, rounded, times 1 / B, rounded.

        Dividing by a power of two changes no digit. Only numbers at the end of the range of float32 could differ, and
        next to a weight that is not tiny they count for nothing.
        """
        return self.batch & (self.batch - 1) == 0 and self.eta <= 1 and self.amplitude > 1e-20


def spacing_below(amplitude: float) -> float:
    """Return the distance from a float32 number to the next smaller one.

    Examples
    --------
    >>> spacing_below(1.0) == 2.0**-24, spacing_below(1.5) == 2.0**-23
    (True, True)
    """
    value = np.float32(amplitude)
    below = np.nextafter(value, np.float32(-np.inf))
    return float(np.float64(value) - np.float64(below))


def weight_amplitude(net: nn.Module) -> tuple[float, str]:
    """Return the largest magnitude of a trainable weight as float32, and the name of the tensor it is in.

    All tensors count: kernels, biases, scales and offsets of norms. A network with all gradients off counts with all of
    its parameters; one without parameters has 0 and "".
    """
    named = list(net.named_parameters())
    trained = [(name, tensor) for name, tensor in named if tensor.requires_grad] or named
    best, where = 0.0, ""
    for name, tensor in trained:
        size = float(tensor.detach().abs().max().float()) if tensor.numel() else 0.0
        if size > best or not np.isfinite(size):
            best, where = size, name
    return best, where


def not_finite(net: nn.Module) -> tuple[str, ...]:
    """Names of parameters and buffers with values that are no numbers or infinite."""
    tensors = (*net.named_parameters(), *net.named_buffers())
    return tuple(n for n, t in tensors if t.is_floating_point() and not bool(torch.isfinite(t).all()))


def route_of(device: torch.device) -> str:
    """How keys are made for tensors on a device."""
    return ROUTES[0] if device.type == "cpu" else ROUTES[1]


def on_grid(values: Tensor, ruler: Ruler) -> Tensor:
    """Return float32 values as the weights they would leave: W - (values · eta) · (1 / B), rounded at each step."""
    weight = torch.tensor(ruler.amplitude, dtype=torch.float32, device=values.device)
    return weight - values.float() * ruler.eta * (1.0 / ruler.batch)


class KeyReader:
    """Keys of all pictures at one point, for several widths of the grid at once.

    Parameters
    ----------
    count
        Number of pictures.
    ruler
        The grid; None compares the values themselves.
    factors
        Widths of the grid in units of the ruler's; powers of two, so that their grids are exact as well.
    scale
        Factor that the values are multiplied by first, in float32.
    route
        Out of :data:`ROUTES`, "" for the one that goes with the tensor's device.

    Raises
    ------
    AnalysisError
        If the widest grid does not fit into the range of float32.

    Attributes
    ----------
    keys
        (factors, pictures, 2) int64.
    seen, finite
        (pictures,) whether a picture has come, and whether all its values were finite.
    magnitude
        Largest magnitude of a finite value.
    """

    def __init__(
        self,
        count: int,
        ruler: Ruler | None,
        factors: tuple[float, ...] = (1.0,),
        scale: float | None = None,
        route: str = "",
    ) -> None:
        if ruler is not None and ruler.amplitude * max(factors) > float(np.finfo(np.float32).max):
            text = f"Weights as large as {ruler.amplitude:.2g} leave no room for a grid {max(factors):g} times as wide."
            raise AnalysisError(text, "Measure with the mode exact, which needs no grid.", "amplitude")
        self.ruler, self.factors, self.scale, self.route = ruler, factors, scale, route
        self.keys: Keys = np.zeros((len(factors), count, 2), dtype=np.int64)
        self.seen = np.zeros(count, dtype=bool)
        self.finite = np.zeros(count, dtype=bool)
        self.magnitude = 0.0
        self._buffers: tuple[Any, ...] = ()

    def update(self, values: Tensor, places: NDArray[np.int64]) -> None:
        """Take in the rows of one batch.

        Parameters
        ----------
        values
            Axes (picture, ...) of any floating-point type; not changed.
        places
            (pictures,) their places among all pictures.
        """
        rows = values.reshape(len(values), -1)
        self.seen[places] = True
        self.finite[places] = True
        hashes = (self.route or route_of(values.device)) == ROUTES[0]
        step = max(1, (CHUNK if hashes else MIXED) // max(rows.shape[1], 1))
        # Numbers that are not finite, or leave the range of float32 when they are scaled, are set aside below.
        with np.errstate(over="ignore", invalid="ignore"):
            for start in range(0, len(rows), step):
                exact, where = rows[start : start + step].float(), places[start : start + step]
                # For pieces that fit into a cache, the calls of numpy cost less than those of torch.
                part, ops = (exact.numpy(), np) if hashes else (exact, torch)
                part = self._scaled(part, ops)
                self._look_for_gaps(part, where, ops)
                for number, grid in enumerate(self._grids(part, ops)):
                    self.keys[number, where] = hashed(grid) if hashes else mixed(grid)

    def _scaled(self, part: Any, ops: Any) -> Any:
        return part if self.scale is None else ops.multiply(part, self.scale, out=self._space(part, ops)[0])

    def _look_for_gaps(self, part: Any, places: NDArray[np.int64], ops: Any) -> None:
        if 0 in part.shape:
            return
        low, high = float(part.min()), float(part.max())
        if not (np.isfinite(low) and np.isfinite(high)):
            whole = ops.isfinite(part).all(1)
            self.finite[places] = np.asarray(whole.tolist())
            part = part[whole]
            if not len(part):
                return
            low, high = float(part.min()), float(part.max())
        self.magnitude = max(self.magnitude, -low, high)

    def _grids(self, part: Any, ops: Any) -> Iterator[Any]:
        """Yield the values on each grid, times its width in units of the ruler's; the next one overwrites it.

        Rows that are equal on a grid are equal times a power of two, and W · factor - step is one operation less than
        W - step / factor. W - x is never -0, so that equal numbers have equal bits.
        """
        if self.ruler is None:
            yield part + 0.0  # -0 becomes +0
            return
        step, out = self._space(part, ops)
        if self.ruler.one_step:
            ops.multiply(part, float(np.float32(self.ruler.eta)) / self.ruler.batch, out=step)
        else:
            ops.multiply(part, self.ruler.eta, out=step)
            ops.multiply(step, 1.0 / self.ruler.batch, out=step)
        for factor in self.factors:
            weight = np.float32(self.ruler.amplitude * factor)
            yield ops.subtract(weight if ops is np else torch.tensor(weight, device=step.device), step, out=out)

    def _space(self, part: Any, ops: Any) -> tuple[Any, Any]:
        """Two arrays in the shape of a part; one and the same where a single grid needs no more."""
        size = int(np.prod(part.shape))
        if not self._buffers or self._buffers[0].shape[0] < size:
            like = {} if ops is np else {"device": part.device}
            self._buffers = tuple(ops.empty(size, dtype=ops.float32, **like) for _ in self.factors[:2])
        first, last = (buffer[:size].reshape(part.shape) for buffer in (self._buffers[0], self._buffers[-1]))
        return first, last


def hashed(rows: NDArray[np.float32]) -> Keys:
    """Hash the bytes of each row, axes (row, column), to 128 bits: (rows, 2) int64."""
    digests = b"".join(map(xxhash.xxh3_128_digest, np.ascontiguousarray(rows)))
    return np.frombuffer(digests, dtype="<i8").reshape(-1, 2)


def mixed(rows: Tensor) -> Keys:
    """Hash each row of float32 numbers on their own device to 128 bits: (rows, 2) int64."""
    bits = rows.contiguous().view(torch.int32)
    total = torch.zeros((2, len(rows)), dtype=torch.int64, device=rows.device)
    step = max(1, MIXED // max(len(rows), 1))
    for start in range(0, bits.shape[1], step):
        wide = bits[:, start : start + step].long()
        columns = torch.arange(start, start + wide.shape[1], device=rows.device)
        for number, constant in enumerate(_CONSTANTS):
            total[number] += _mix(wide + _mix(columns + constant)).sum(dim=1)
    return total.T.contiguous().cpu().numpy()


_CONSTANTS = (0x1F83D9ABFB41BD6B, 0x5BE0CD19137E2179)
"""Where the constants of the columns begin; digits of square roots, without further meaning."""
_FACTORS = (-0x40A7B892E31B1A47, -0x6B2FB644ECCEEE15)


def _mix(values: Tensor) -> Tensor:
    """Send 64-bit numbers to 64-bit numbers, one to one, so that near ones part (the finaliser of SplitMix64)."""
    values = (values ^ _shifted(values, 30)) * _FACTORS[0]
    values = (values ^ _shifted(values, 27)) * _FACTORS[1]
    return values ^ _shifted(values, 31)


def _shifted(values: Tensor, places: int) -> Tensor:
    """Shift to the right without the sign, which torch has for signed numbers only."""
    return (values >> places) & ((1 << (64 - places)) - 1)


class CloseScan:
    """Bundles by closeness: each picture joins the first leader it is close to, or else leads itself.

    Close means ``|leader - value| <= 1e-8 + 1e-5 |value|`` in every component. This is not transitive, so that the
    bundles depend on the order of the pictures. Leaders are kept: memory grows with the number of bundles.

    Attributes
    ----------
    ids
        (pictures,) int32, -1 for pictures with values that are not finite.
    """

    def __init__(self, count: int, scale: float | None = None) -> None:
        self.ids: NDArray[np.int32] = np.full(count, -1, dtype=np.int32)
        self.seen = np.zeros(count, dtype=bool)
        self.finite = np.zeros(count, dtype=bool)
        self.magnitude = 0.0
        self.scale = scale
        self._leaders: list[NDArray[np.float32]] = []
        self._heights: NDArray[np.float64] = np.empty(0)  # each leader seen from one random direction
        self._direction: NDArray[np.float64] = np.empty(0)

    def update(self, values: Tensor, places: NDArray[np.int64]) -> None:
        """Take in the rows of one batch; batches must come in the order of the pictures."""
        tensor = values.reshape(len(values), -1).float()
        rows = (tensor * self.scale if self.scale is not None else tensor).cpu().numpy()
        if not len(self._direction):
            self._direction = np.random.RandomState([0]).standard_normal(rows.shape[1:])
        self.seen[places] = True
        self.finite[places] = np.isfinite(rows).all(axis=1)
        for place, row in zip(places.tolist(), rows, strict=True):
            if self.finite[place]:
                self.magnitude = max(self.magnitude, float(np.abs(row).max(initial=0)))
                self.ids[place] = self._place(row)

    def _place(self, row: NDArray[np.float32]) -> int:
        height = float(np.dot(row.astype(np.float64), self._direction))
        limits = CLOSE_ABSOLUTE + CLOSE_RELATIVE * np.abs(row.astype(np.float64))
        # Whoever is close is close from every direction; the small share covers the rounding of the sums.
        steep = np.abs(self._direction)
        reach = float(steep @ limits) * (1 + 1e-9) + 1e-12 * float(steep @ np.abs(row))
        away = np.abs(self._heights[: len(self._leaders)] - height)
        for leader in np.flatnonzero(away <= reach).tolist():
            if np.all(np.abs(self._leaders[leader].astype(np.float64) - row) <= limits):
                return int(leader)
        if len(self._leaders) == len(self._heights):
            self._heights = np.concatenate([self._heights, np.empty(max(64, len(self._heights)))])
        self._heights[len(self._leaders)] = height
        self._leaders.append(row.copy())
        return len(self._leaders) - 1
