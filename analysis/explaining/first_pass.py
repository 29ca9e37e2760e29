"""The first pass: the scores of every picture, and the maps that need no other pass on the way.

Saliency and Grad-CAM take one gradient of the score. The pass that gave the score is kept for them: Captum gets a
module that answers with what is known, so that no picture goes through the network twice.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from analysis.explaining.batching import Rows
from analysis.explaining.in_place import Saved
from analysis.explaining.network import Split, scores_of, with_gradients

Targets = Callable[[int, Tensor], Tensor]
"""From the place of the first picture and scores, axes (picture, class), to the classes that are explained."""
ON_THE_WAY = ("saliency", "grad_cam")
"""Algorithms whose maps come with the first pass."""


def on_the_way(names: set[str]) -> frozenset[str]:
    """Return the maps that the first pass makes for some algorithms: guided Grad-CAM is made of Grad-CAM.

    Examples
    --------
    >>> sorted(on_the_way({"guided_grad_cam", "occlusion"}))
    ['grad_cam']
    """
    wanted = names | ({"grad_cam"} if "guided_grad_cam" in names else set())
    return frozenset(ON_THE_WAY) & wanted


@dataclass(frozen=True, slots=True)
class Seen:
    """What the first pass has seen.

    Attributes
    ----------
    scores
        (picture, class).
    maps
        By the name of the algorithm: saliency of axes (picture, channel, y, x) with its sign, Grad-CAM at the size of
        its layer without the final ReLU, (picture, 1, y, x). Only what was asked for.
    writes
        True if the network writes into its input.
    """

    scores: Tensor
    maps: dict[str, Tensor]
    writes: bool


def first_pass(
    net: nn.Module,
    split: Split | None,
    pixels: Tensor,
    rows: Rows,
    names: frozenset[str],
    targets: Targets,
    saved: Saved,
) -> Generator[int, None, Seen]:
    """Run a network on pictures, in portions as large as memory allows.

    Parameters
    ----------
    net
        The user's network.
    split
        A copy with a probe at the layer that Grad-CAM looks at, None where it is not asked for.
    pixels
        Axes (picture, channel, y, x).
    rows
        How many pictures go together; halved where memory runs out.
    names
        The maps to make, out of :data:`ON_THE_WAY`.
    targets
        Which classes are explained.
    saved
        How tensors are kept for the way back.

    Yields
    ------
    int
        How many pictures are done.
    """
    parts: list[Seen] = []
    first = 0
    while first < len(pixels):
        part = pixels[first : first + rows.size]
        try:
            with saved.kept():
                parts.append(_pass(net, split, part, names, partial(targets, first)))
        except (RuntimeError, MemoryError) as error:
            if not saved.copy_after(error):
                rows.shrink(error)
            continue
        first += len(part)
        yield first
    return Seen(
        torch.cat([part.scores for part in parts]),
        {name: torch.cat([part.maps[name] for part in parts]) for name in names},
        any(part.writes for part in parts),
    )


def _pass(
    net: nn.Module, split: Split | None, pixels: Tensor, names: frozenset[str], targets: Callable[[Tensor], Tensor]
) -> Seen:
    if not names:
        scores, writes = scores_of(net, pixels)
        return Seen(scores, {}, writes)
    with with_gradients():
        return _with_maps(net, split, pixels, names, targets)


def _with_maps(
    net: nn.Module, split: Split | None, pixels: Tensor, names: frozenset[str], targets: Callable[[Tensor], Tensor]
) -> Seen:
    from captum.attr import LayerGradCam, Saliency

    deep = "saliency" in names  # whose gradient goes down to the pixels
    given = pixels.detach().clone().requires_grad_(deep or split is not None)
    replay, writes = _kept(net, split, given, deep)
    wanted = targets(replay.scores.detach())
    maps: dict[str, Any] = {}
    if split is not None:
        cam = LayerGradCam(replay, replay.probe)
        maps["grad_cam"] = cam.attribute(given, target=wanted, grad_kwargs={"retain_graph": deep})
    if deep:
        maps["saliency"] = Saliency(replay).attribute(given, target=wanted, abs=False)
    return Seen(replay.scores.detach(), {name: found.detach() for name, found in maps.items()}, writes)


class _Replay(nn.Module):
    """Answers with scores that are known, and leads the layer they rest on through a probe again."""

    def __init__(self, scores: Tensor, layer: Tensor) -> None:
        super().__init__()
        self.probe, self.scores, self._layer = nn.Identity(), scores, layer

    def forward(self, pixels: Tensor) -> Tensor:
        """Return the scores of the pass that was kept, axes (picture, class)."""
        self.probe(self._layer)
        return self.scores


def _kept(net: nn.Module, split: Split | None, pixels: Tensor, deep: bool) -> tuple[_Replay, bool]:
    """Make a pass with its graph; return what answers as it did, and whether the network wrote into its input."""
    with torch.enable_grad():
        if split is None:
            scores, wrote = scores_of(net, pixels)
            return _Replay(scores, pixels), wrote
        with split.watched(deep) as layer:
            scores = split(pixels)
    return _Replay(scores, layer[-1]), split.writes
