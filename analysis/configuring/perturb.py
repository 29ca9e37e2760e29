"""Disturb pictures or weights without changing what a picture shows: the chance references of configurations."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

ZOOM = math.log(1.25)  # at strength 1: zoom 0.8 to 1.25, shifts up to 8 % of the side
SHIFT = 0.08


def moved(pictures: Tensor, zoom: Tensor, shift: Tensor, mirror: Tensor | None = None) -> Tensor:
    """Zoom pictures about their centre and shift them; what comes in from outside repeats the border.

    Parameters
    ----------
    pictures
        (pictures, channels, height, width).
    zoom
        (pictures,) factors; above 1 shows objects larger. Exactly 1 without shift leaves a picture as it is.
    shift
        (pictures, 2) rows and columns, as shares of the side.
    mirror
        (pictures,) True to swap left and right.
    """
    scale = (1 / zoom).to(pictures)
    theta = torch.zeros(len(pictures), 2, 3, dtype=pictures.dtype, device=pictures.device)
    theta[:, 0, 0] = scale if mirror is None else torch.where(mirror.to(pictures.device), -scale, scale)
    theta[:, 1, 1] = scale
    theta[:, 0, 2], theta[:, 1, 2] = 2 * shift[:, 1].to(pictures), 2 * shift[:, 0].to(pictures)
    grid = functional.affine_grid(theta, list(pictures.shape), align_corners=False)
    made = functional.grid_sample(pictures, grid, padding_mode="border", align_corners=False)
    still = (zoom == 1) & (shift == 0).all(dim=1)
    if mirror is not None:
        still &= ~mirror
    return torch.where(still.to(pictures.device)[:, None, None, None], pictures, made)


def disturbed(
    pictures: Tensor, places: Tensor, copy: int, strength: float, kind: str, mirror: bool, seed: int
) -> Tensor:
    """Make one disturbed copy of pictures; copy 0 is the pictures themselves. Each picture has draws of its own.

    Parameters
    ----------
    places
        (pictures,) number of each picture in the run: the draws do not depend on the batch.
    strength
        1 for zoom 0.8 to 1.25 and shifts up to 8 %; the standard deviation for "noise".
    kind
        "zoom and shift" or "noise".
    """
    if copy == 0 or (strength == 0 and not mirror):
        return pictures
    if kind == "noise":
        rows = [_noise(tuple(pictures.shape[1:]), seed, copy, place) for place in places.tolist()]
        return pictures + strength * torch.stack(rows).to(pictures)
    draws = torch.stack([torch.rand(4, generator=_generator(seed, copy, place)) for place in places.tolist()])
    zoom = torch.exp((2 * draws[:, 0] - 1) * ZOOM * strength)
    shift = (2 * draws[:, 1:3] - 1) * min(SHIFT * strength, 1.0)
    return moved(pictures, zoom, shift, draws[:, 3] < 0.5 if mirror else None)


def _noise(shape: tuple[int, ...], seed: int, copy: int, place: int) -> Tensor:
    return torch.randn(shape, generator=_generator(seed, copy, place))


def _generator(seed: int, copy: int, place: int) -> torch.Generator:
    return torch.Generator().manual_seed((seed * 1009 + copy) * 1_000_003 + place)


def jittered(net: nn.Module, copy: int, strength: float, seed: int) -> dict[str, Tensor]:
    """Weights ``w + strength * std(w) * noise`` of all convolutions and linear layers; copy 0 changes none.

    Returns
    -------
    dict
        Name of a parameter to its replacement, for `torch.func.functional_call`.
    """
    if copy == 0 or strength == 0:
        return {}
    made = {}
    generator = torch.Generator().manual_seed(seed * 1009 + copy)
    for name, weight in net.named_parameters():
        if weight.ndim > 1 and weight.is_floating_point():
            noise = torch.randn(weight.shape, generator=generator).to(weight)
            made[name] = weight.detach() + strength * weight.detach().std() * noise
    return made
