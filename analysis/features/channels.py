"""Statistics of the channels of one tensor while pictures stream by; memory does not grow with their number."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from analysis.events import Array
from analysis.measures import channels as measures

POSITIONS = 256
"""Positions of a picture, evenly spread, over which correlations are summed."""
WIDE, FEW = 1024, 64
"""Above so many channels only so many positions are used: the products cost channels squared."""


class ChannelWatch:
    """Mean, extremes, share of positive positions, correlations and strongest pictures of every channel.

    Parameters
    ----------
    top
        Number of pictures kept per channel.
    tolerance
        Magnitude of the correlation from which channels count as duplicates.
    """

    def __init__(self, top: int, tolerance: float) -> None:
        self.top = top
        self.tolerance = tolerance
        self.pictures = 0
        self.dropped = 0
        self._count = 0  # positions of all pictures
        self._seen = 0  # those of them in the products
        # Made when the first tensor shows how many channels there are, and where it is.
        self._low: Tensor
        self._high: Tensor
        self._best: Tensor
        self._places: Tensor

    def update(self, features: Tensor, places: NDArray[np.int64]) -> None:
        """Take in the features of a batch; nothing of the tensor is kept.

        Parameters
        ----------
        features
            Axes (picture, channel, y, x) or (picture, channel).
        places
            (picture,) places of the pictures in their source.
        """
        values = features.detach().flatten(2) if features.ndim > 2 else features.detach()[:, :, None]
        values = values.cpu() if values.device.type == "mps" else values  # which has no float64
        fine = torch.isfinite(values).flatten(1).all(dim=1)
        if not bool(fine.all()):
            self.dropped += int((~fine).sum())
            values, places = values[fine], places[fine.cpu().numpy()]
        if not len(values):
            return
        if not self.pictures:
            self._begin(values)
        self.pictures += len(values)
        self._count += values.shape[0] * values.shape[2]
        self._sum += values.sum(dim=2, dtype=torch.float64).sum(dim=0)
        self._positive += (values > 0).sum(dim=(0, 2))
        self._low = torch.minimum(self._low, values.amin(dim=(0, 2)))
        peaks = values.amax(dim=2)
        self._high = torch.maximum(self._high, peaks.amax(dim=0))
        self._correlate(values)
        self._rank(peaks, torch.as_tensor(places, device=values.device))

    def _begin(self, values: Tensor) -> None:
        channels, device = values.shape[1], values.device
        self._sum = torch.zeros(channels, dtype=torch.float64, device=device)
        self._positive = torch.zeros(channels, dtype=torch.int64, device=device)
        self._low = torch.full((channels,), float("inf"), dtype=values.dtype, device=device)
        self._high = -self._low
        # Taking a first mean off keeps the products small where a channel varies little about a large value.
        self._shift = values.double().mean(dim=(0, 2))[:, None]
        self._products = torch.zeros((channels, channels), dtype=torch.float64, device=device)
        self._moments = torch.zeros(channels, dtype=torch.float64, device=device)
        self._best = torch.empty((0, channels), dtype=values.dtype, device=device)
        self._places = torch.empty((0, channels), dtype=torch.int64, device=device)

    def _correlate(self, values: Tensor) -> None:
        most = POSITIONS if values.shape[1] <= WIDE else FEW
        if values.shape[2] > most:
            step = torch.linspace(0, values.shape[2] - 1, most, device=values.device).round().long()
            values = values[:, :, step]
        columns = values.double().movedim(1, 0).flatten(1) - self._shift
        self._products += columns @ columns.T
        self._moments += columns.sum(dim=1)
        self._seen += columns.shape[1]

    def _rank(self, peaks: Tensor, places: Tensor) -> None:
        values = torch.cat([self._best, peaks])
        whose = torch.cat([self._places, places[:, None].expand(-1, peaks.shape[1])])
        # A stable sort: of equally strong pictures the one that came first stays.
        order = torch.sort(values, dim=0, descending=True, stable=True).indices[: self.top]
        self._best, self._places = values.gather(0, order), whose.gather(0, order)

    @property
    def enough(self) -> bool:
        """True if there are enough observations for correlations."""
        return self._seen >= measures.ENOUGH

    def found(self) -> dict[str, Array]:
        """Return what is known so far, output name to (channel,) or (channel, place) values; nothing at first."""
        if not self.pictures:
            return {}
        low, high = self._low.double().cpu().numpy(), self._high.double().cpu().numpy()
        correlation = np.eye(len(low))
        if self.enough:
            products, sums = self._products.cpu().numpy(), self._moments.cpu().numpy()
            correlation = measures.correlations(products, sums, self._seen)
        first, value = measures.duplicates(correlation, self.tolerance)
        states = measures.states(low, high)
        return {
            "mean": (self._sum / self._count).cpu().numpy(),
            "minimum": low,
            "maximum": high,
            "positive_share": (self._positive.double() / self._count).cpu().numpy(),
            "dead": (states == measures.DEAD).astype(np.uint8),
            "constant": (states == measures.CONSTANT).astype(np.uint8),
            "duplicate_of": first,
            "duplicate_correlation": value,
            "top_pictures": self._places.T.cpu().numpy(),
            "top_values": self._best.T.double().cpu().numpy(),
        }
