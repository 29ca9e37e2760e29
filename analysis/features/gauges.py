"""From the tensor of a layer to the statistics of its feature matrix: its columns, and one gauge per tensor."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from analysis.config import LayerSpec
from analysis.features.moments import ColumnMoment, Extremes, Moment, SecondMoment, only
from analysis.problems import AnalysisError

MODES = ("auto", "positions", "sampled", "pooled", "flat")
ALL_POSITIONS = 256  # up to so many positions of a picture, `auto` uses them all
WIDEST = 4096  # rows of the largest matrix that is decomposed in full


@dataclass(frozen=True, slots=True)
class Point:
    """How the features of one layer become a matrix.

    Attributes
    ----------
    layer
        The row.
    mode
        "positions", "sampled", "pooled" or "flat".
    rows
        Rows of the matrix: channels, or all entries of the map for "flat".
    positions
        Columns per picture.
    channels_last
        True if the network keeps the channels of this tensor on the last axis; the row's shape has them first.
    """

    layer: LayerSpec
    mode: str
    rows: int
    positions: int
    channels_last: bool = False

    @property
    def source(self) -> str:
        """Name of the row whose tensor it is: rows that are one tensor share their statistics."""
        return self.layer.same_as or self.layer.name


def plan(layer: LayerSpec, mode: str, positions: int, channels_last: bool = False) -> Point | None:
    """Say how to read a layer, or None if it cannot be read this way: no channel axis, or too many rows.

    Parameters
    ----------
    layer
        The row.
    mode
        One of :data:`MODES`.
    positions
        Positions to draw where maps are sampled.
    channels_last
        True if the row's shape is (height, width, channels).
    """
    if channels_last and len(layer.shape) == 3:
        layer = replace(layer, shape=(layer.shape[2], *layer.shape[:2]))
    if len(layer.shape) not in (1, 3) or not layer.channels:
        return None
    if mode == "flat":
        point = Point(layer, "flat", layer.channels * layer.positions, 1)
    elif mode == "pooled" or layer.kind == "pooled" or len(layer.shape) == 1:
        point = Point(layer, "pooled", layer.channels, 1)
    elif mode == "sampled" or (mode == "auto" and layer.positions > ALL_POSITIONS):
        point = Point(layer, "sampled", layer.channels, min(positions, layer.positions))
    else:
        point = Point(layer, "positions", layer.channels, layer.positions)
    return replace(point, channels_last=channels_last) if point.rows <= WIDEST else None


def columns(features: Tensor, mode: str, drawn: Tensor | None = None) -> Tensor:
    """Columns of the feature matrix, channel axis second, so that no position is mistaken for a channel.

    Parameters
    ----------
    features
        Axes (picture, channel, height, width) or (picture, channel).
    mode
        See :class:`Point`.
    drawn
        Row-major positions for "sampled", axes (picture, position).

    Returns
    -------
    Tensor
        Axes (picture, row, position).
    """
    if mode == "flat" or features.ndim == 2:
        return features.flatten(1).unsqueeze(2)
    if mode == "pooled":
        return features.mean(dim=(2, 3)).unsqueeze(2)
    maps = features.flatten(2)
    if drawn is None:
        return maps
    return maps.gather(2, drawn[:, None, :].expand(-1, maps.shape[1], -1))


class Gauge:
    """Statistics of one tensor of the network.

    Parameters
    ----------
    point
        How it is read.
    pictures
        How many pictures will come.
    grouped
        Whether to keep what intervals need.
    """

    def __init__(self, point: Point, pictures: int, grouped: bool) -> None:
        self.point = point
        self.pictures = pictures
        self.grouped = grouped
        self.moment: Moment | None = None
        self.extremes: Extremes | None = None
        self.precision = "float32"

    def update(self, features: Tensor, first: int, drawn: Tensor | None) -> None:
        """Take in the features of a batch; nothing of the tensor is kept."""
        features = features.detach()
        if self.point.channels_last:
            features = features.movedim(-1, 1)
        if self.point.mode == "sampled" and features[0, 0].numel() < self.point.layer.positions:
            text = f"The maps of {self.point.layer.name} are smaller than those of the network as it was opened."
            raise AnalysisError(text, "Open it with the size of the pictures: --input channels,height,width.", "size")
        if self.moment is None or self.extremes is None:
            self.moment, self.extremes = self._begin(features)
        present = self.extremes.update(features, first)
        picked = only(columns(features, self.point.mode, drawn), present, 0.0)
        if picked.device.type == "mps":  # which has no float64
            picked, present = picked.cpu(), present.cpu()
        self.moment.update(picked, present, first)

    def _begin(self, features: Tensor) -> tuple[Moment, Extremes]:
        point, device = self.point, features.device
        self.precision = str(features.dtype).removeprefix("torch.")
        exact = torch.device("cpu") if device.type == "mps" else device
        few = point.positions == 1 and self.pictures < point.rows
        moment: Moment = (
            ColumnMoment(point.rows, self.pictures, exact)
            if few
            else SecondMoment(point.rows, self.pictures, exact, self.grouped)
        )
        return moment, Extremes(features.shape[1], self.pictures, device, features.dtype)
