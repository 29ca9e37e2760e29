"""What each layer of a network with rings contributes to the gradient of the entries."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from analysis.measures import ring_gradients, ring_projection
from analysis.measures.ring_gradients import Agreement
from analysis.outputs import class_scores
from analysis.sharing.nets import banks_of, flat, materialise


def ring_agreement(net: nn.Module, pixels: Tensor, labels: Tensor) -> Agreement | None:
    """Compare what the layers contribute to the gradient of the mean cross-entropy; None without rings.

    Parameters
    ----------
    net
        A network with rings; it stays as it is, and is read as when it is tested.
    pixels, labels
        (pictures, channels, height, width) and (pictures,) int64, on its device.
    """
    banks = banks_of(net)
    if not banks:
        return None
    dense = materialise(net).eval()
    weights = [dense.get_submodule(spots[0][0])._parameters[spots[0][1]] for bank in banks for spots in bank.places]
    tensors = [weight for weight in weights if weight is not None]
    with torch.enable_grad():
        loss = functional.cross_entropy(class_scores(dense(pixels), "Training"), labels)
        found = torch.autograd.grad(loss, tensors)
    starts = np.cumsum([0, *(bank.bank.size for bank in banks)])
    index = np.concatenate([bank.index.cpu().numpy() + at for bank, at in zip(banks, starts[:-1], strict=True)])
    sign = np.concatenate([bank.sign.cpu().numpy() for bank in banks])
    scale = np.concatenate([bank.scale.double().cpu().numpy() for bank in banks])
    sizes = tuple(tensor.numel() for tensor in tensors)
    each = ring_gradients.contributions(flat(found), sign, ring_projection.per_weight(scale, sizes))
    return ring_gradients.agreement(each, index.astype(np.int32), sizes, int(starts[-1]))
