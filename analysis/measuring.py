"""The state torch is put into while a method computes, and put back from at every step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn.modules.module import register_module_forward_pre_hook

from analysis.problems import Cancelled


@contextmanager
def measuring(cancelled: Callable[[], bool], threads: int) -> Iterator[None]:
    """Compute in full precision and repeatably, without gradients, and stop inside a forward if asked to.

    No TF32, no autocast, deterministic kernels of cuDNN only, and `threads` CPU threads.

    TF32 keeps 10 bits of the mantissa: its rounding noise fills the null space and a linear expansion then appears to
    have more directions than inputs. Autocast, and kernels that add up in another order at every call, move values
    across the borders of a fine grid. All settings are process-wide and are restored on the way out, also on errors.
    """
    cudnn, matmul = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    deterministic = torch.backends.cudnn.deterministic
    before = torch.get_num_threads()
    stop = register_module_forward_pre_hook(_stopper(cancelled))
    try:
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.deterministic = True
        if threads != before:
            torch.set_num_threads(threads)
        with torch.no_grad(), ExitStack() as plain:
            for device in ("cpu", "cuda"):
                plain.enter_context(torch.autocast(device, enabled=False))
            yield
    finally:
        stop.remove()
        torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = cudnn, matmul
        torch.backends.cudnn.deterministic = deterministic
        if threads != before:
            torch.set_num_threads(before)


def _stopper(cancelled: Callable[[], bool]) -> Callable[[nn.Module, Any], None]:
    def stop(module: nn.Module, _inputs: Any) -> None:
        # Leaves only: a container's hook would run just before that of its first leaf.
        if not module._modules and cancelled():
            raise Cancelled

    return stop


@contextmanager
def evaluating(net: nn.Module) -> Iterator[None]:
    """Put every module into eval mode, and each one back into its own mode afterwards."""
    training = [module for module in net.modules() if module.training]
    net.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True
