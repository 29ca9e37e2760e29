"""Networks that write over a tensor which their own gradients need: it is copied before, where it has to be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from torch.autograd.graph import allow_mutation_on_saved_tensors

from analysis.problems import AnalysisError

_WRITTEN_OVER = "modified by an inplace operation"
"""What torch says where a tensor is no longer what it was in the forward pass."""


class Saved:
    """How a run keeps the tensors that its backward passes read.

    They are copied only after a pass has failed for want of it: copying follows every operation of the network, which
    takes time that networks without such a step need not spend.

    Attributes
    ----------
    copied
        True once a pass has failed because a tensor had been written over.
    """

    def __init__(self) -> None:
        self.copied = False

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Keep what is saved meanwhile: a forward pass and its way back belong into one block."""
        with allow_mutation_on_saved_tensors() if self.copied else nullcontext():
            yield

    def copy_after(self, error: Exception) -> bool:
        """Copy from now on if a pass has failed for want of it, and tell so: the pass can then be made again.

        Raises
        ------
        AnalysisError
            If copying did not help.
        """
        if _WRITTEN_OVER not in str(error):
            return False
        if self.copied:
            text = "The network writes over a tensor that its gradients need, in an operation in place."
            raise AnalysisError(text, "Use occlusion, which needs no gradients.", "in_place") from None
        self.copied = True
        return True
