"""What a forward pass costs on this device: the largest memory of its tensors at one time, and its time."""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode


class _Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch has no types for it
    """Adds up the memory of tensors as they come and go. Scratch memory inside an operation is not seen."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # as above
        self.now = self.peak = 0
        self._known: set[int] = set()

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Carry out one operation and look at what it returned."""
        result = func(*args, **(kwargs or {}))
        for tensor in result if isinstance(result, (tuple, list)) else (result,):
            if isinstance(tensor, Tensor):
                self.add(tensor)
        return result

    def add(self, tensor: Tensor) -> None:
        """Count a tensor's memory until nothing refers to it any more."""
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key in self._known:
            return
        size = storage.nbytes()
        self._known.add(key)
        self.now += size
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._gone, key, size)

    def known(self, net: nn.Module) -> None:
        """Leave out the tensors of a network."""
        self._known |= {t.untyped_storage()._cdata for t in (*net.parameters(), *net.buffers())}

    def _gone(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.now -= size


def peak_memory(net: nn.Module, pixels: Tensor) -> int:
    """Return the largest memory that tensors of a forward pass take at one time, in bytes, the pictures included.

    Weights do not count, nor does the scratch memory of single operations.
    """
    watch = _Watch()
    watch.known(net)
    watch.add(pixels)
    with torch.no_grad(), watch:
        net(pixels)
    return watch.peak


def timed(net: nn.Module, pixels: Tensor, repeats: int, warmup: int) -> Iterator[float]:
    """Yield the wall-clock time of one forward pass after the other, in milliseconds; NaN while warming up."""
    for number in range(warmup + repeats):
        _wait(pixels.device)
        begun = time.perf_counter()
        with torch.no_grad():
            net(pixels)
        _wait(pixels.device)
        yield 1e3 * (time.perf_counter() - begun) if number >= warmup else float("nan")


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
