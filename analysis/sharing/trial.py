"""A copy of a network whose shared weights are replaced: its accuracy, and the gradients of those weights."""

from __future__ import annotations

import copy
from collections.abc import Generator, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from analysis.events import Progress
from analysis.images import Images
from analysis.measures import rings
from analysis.measures.rings import Floats
from analysis.outputs import class_scores


class Trial:
    """A copy of a network, and the pictures to test it on. The network itself is not touched.

    Parameters
    ----------
    net
        Any network.
    tensors
        Those of its parameters that are replaced, in the order in which kernels are laid end to end.
    images
        Pictures with labels.
    recalibrate
        Pictures from which batch normalisation is measured anew, 0 for none.
    """

    def __init__(self, net: nn.Module, tensors: Sequence[Tensor], images: Images, recalibrate: int) -> None:
        self.images, self.recalibrate = images, recalibrate
        memo: dict[int, object] = {}
        self.net = copy.deepcopy(net, memo)
        found = [memo[id(tensor)] for tensor in tensors]
        self.copies = [tensor for tensor in found if isinstance(tensor, Tensor)]
        self.sizes = tuple(tensor.numel() for tensor in tensors)
        self.norms = [m for m in self.net.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
        self.norms = [norm for norm in self.norms if norm.track_running_stats]
        self.before = [copy.deepcopy(norm.state_dict()) for norm in self.norms]

    def score(self, kernels: Floats, anew: bool, text: str) -> Generator[Progress, None, float]:
        """Put weights in, measure batch normalisation anew if asked, and return the top-1 accuracy."""
        yield from self._put(kernels, anew, text)
        right, count = 0, 0
        labels = self.images.labels
        assert labels is not None  # the caller has asked
        for batch in self.images.batches():
            prediction = class_scores(self.net(batch.pixels), "Accuracy").argmax(1).cpu().numpy()
            right, count = right + int((prediction == labels[batch.index]).sum()), count + len(prediction)
            yield Progress(0, 0, f"Classifying, {text}")
        return right / count

    def gradients(self, kernels: Floats, pictures: int, text: str) -> Generator[Progress, None, Floats]:
        """Put weights in, with batch normalisation measured anew; return their gradients, (M,) float64.

        They are those of the mean cross-entropy over the first `pictures` pictures, in nats.
        """
        yield from self._put(kernels, True, text)
        count = min(pictures, self.images.count)
        sums = [torch.zeros(tensor.shape, dtype=torch.float64) for tensor in self.copies]
        for batch in self.images.batches(np.arange(count, dtype=np.int64)):
            with torch.enable_grad():
                for tensor in self.copies:
                    tensor.requires_grad_(True)
                scores = class_scores(self.net(batch.pixels), "The agreement of gradients")
                assert batch.labels is not None  # the caller has asked
                loss = functional.cross_entropy(scores, batch.labels, reduction="sum")
                found = torch.autograd.grad(loss, self.copies)
            for own, gradient in zip(sums, found, strict=True):
                own += gradient.detach().cpu()
            yield Progress(0, 0, f"Measuring gradients, {text}")
        return np.concatenate([(own / max(count, 1)).numpy().reshape(-1) for own in sums])

    def _put(self, kernels: Floats, anew: bool, text: str) -> Iterator[Progress]:
        ends = rings.offsets(self.sizes)[1:-1]
        with torch.no_grad():
            for holder, values in zip(self.copies, np.split(kernels, ends), strict=True):
                holder.copy_(torch.from_numpy(values).view(holder.shape))
        for norm, state in zip(self.norms, self.before, strict=True):
            norm.load_state_dict(state)
        if anew:
            yield from self._recalibrate(text)

    def _recalibrate(self, text: str) -> Iterator[Progress]:
        """Measure mean and variance of every batch normalisation with the weights that are in place."""
        wanted = min(self.recalibrate, self.images.count)
        if not wanted or not self.norms:
            return
        momenta = [norm.momentum for norm in self.norms]
        for norm in self.norms:
            norm.reset_running_stats()
            norm.momentum, norm.training = None, True  # None: the plain mean over batches
        try:
            for batch in self.images.batches(np.arange(wanted, dtype=np.int64)):
                if len(batch.index) > 1:
                    self.net(batch.pixels)
                yield Progress(0, 0, f"Measuring batch normalisation, {text}")
        finally:
            for norm, momentum in zip(self.norms, momenta, strict=True):
                norm.momentum, norm.training = momentum, False
