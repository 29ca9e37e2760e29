"""How many rows go through a network at once: from free memory, and half as many whenever memory runs out."""

from __future__ import annotations

import gc
import os

import torch

SHARE = 0.4
"""Share of the free memory that is planned for; the rest is for what cannot be foreseen."""
KEPT = 3.0
"""Bytes per byte of activations: outputs that the backward pass needs, gradients, work space. Our own choice."""
MOST = {"cpu": 16, "cuda": 256, "mps": 64}
"""Rows that are quick enough: more of them only grow the memory."""

CACHED = 1 << 23
"""Bytes of activations that a processor keeps at hand; a batch far above it is slower than its pictures alone."""


class Rows:
    """A number of rows that shrinks.

    Parameters
    ----------
    size
        Rows to begin with.

    Attributes
    ----------
    size
        Rows that have not failed yet.
    wanted
        Rows to begin with.
    """

    def __init__(self, size: int) -> None:
        self.size = self.wanted = max(1, size)

    def shrink(self, error: BaseException) -> None:
        """Halve the number after an error of memory; any other error, or one at a single row, is raised again."""
        if self.size == 1 or not out_of_memory(error):
            raise error
        self.size //= 2
        gc.collect()  # the failed pass hangs on the traceback
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def out_of_memory(error: BaseException) -> bool:
    """Tell whether an error says that memory ran out, on a GPU or not."""
    words = str(error)
    return (
        isinstance(error, (torch.OutOfMemoryError, MemoryError))
        or "not enough memory" in words
        or "can't allocate memory" in words
        or "out of memory" in words
    )


def free_memory(device: torch.device) -> int:
    """Bytes that can be had on a device, 0 where it cannot be told."""
    if device.type == "cuda":
        free, _total = torch.cuda.mem_get_info(device)
        return int(free)
    names = getattr(os, "sysconf_names", {})
    if "SC_AVPHYS_PAGES" in names and "SC_PAGE_SIZE" in names:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return 0


def fitting(per_row: float, device: torch.device, wanted: int = 0) -> int:
    """Choose how many rows to begin with.

    Parameters
    ----------
    per_row
        Bytes of all activations of one picture.
    device
        Where the network is.
    wanted
        What the user asked for, 0 for no wish.
    """
    most = wanted or MOST.get(device.type, 16)
    free = free_memory(device)
    if not free or per_row <= 0:
        return most
    return max(1, min(most, int(SHARE * free / (KEPT * per_row))))


def cached_rows(per_row: float, device: torch.device, most: int) -> int:
    """Choose how many rows of a plain pass go together: on a processor few enough for its caches.

    Parameters
    ----------
    per_row
        Bytes of all activations of one picture.
    device
        Where the network is.
    most
        Rows of a usual batch, never exceeded.

    Examples
    --------
    >>> [cached_rows(size, torch.device("cpu"), 64) for size in (1 << 10, 1 << 20, 1 << 30)]
    [64, 8, 1]
    """
    return max(1, min(most, int(CACHED // max(per_row, 1)))) if device.type == "cpu" else most
