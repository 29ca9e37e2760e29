"""The devices of this computer, and opening one by name."""

from __future__ import annotations

import os
import platform
import re

import torch

from analysis.catalogue import nearest
from analysis.problems import AnalysisError
from analysis.request import DeviceInfo

DTYPES = {
    "float32": torch.float32,
    "float64": torch.float64,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
}


def devices() -> tuple[DeviceInfo, ...]:
    """List the devices that a network can be measured on, the CPU first.

    Examples
    --------
    >>> devices()[0].name
    'cpu'
    """
    total, free = _main_memory()
    found = [DeviceInfo("cpu", platform.processor() or platform.machine() or "CPU", total, free)]
    for index in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        free, total = torch.cuda.mem_get_info(index)
        found.append(DeviceInfo(f"cuda:{index}", torch.cuda.get_device_name(index), total, free))
    if torch.backends.mps.is_available():
        found.append(DeviceInfo("mps", "Apple GPU", int(torch.mps.recommended_max_memory())))
    return tuple(found)


def _main_memory() -> tuple[int, int]:
    """Bytes of main memory, in all and free; 0 where the system does not tell."""
    try:
        page = os.sysconf("SC_PAGE_SIZE")
        return page * os.sysconf("SC_PHYS_PAGES"), page * os.sysconf("SC_AVPHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 0, 0


def open_device(name: str) -> torch.device:
    """Return the device of a name, with its index.

    Raises
    ------
    AnalysisError
        If there is no such device; the message names those that there are.
    """
    there = [info.name for info in devices()]
    if not re.fullmatch(r"cpu|mps|cuda(:\d+)?", name):
        raise AnalysisError(f"'{name}' is not a device.", nearest(name, there))
    full = "cuda:0" if name == "cuda" else name
    if full not in there:
        raise AnalysisError(f"This computer has no device '{name}'.", f"It has {', '.join(there)}.", "no_device")
    return torch.device(full)


def open_dtype(name: str, device: torch.device) -> torch.dtype:
    """Return the number type of a name.

    Raises
    ------
    AnalysisError
        If it is none of those above, or the device does not have it.
    """
    if name not in DTYPES:
        raise AnalysisError(f"'{name}' is not a number type.", nearest(name, tuple(DTYPES)))
    if device.type == "mps" and name == "float64":
        raise AnalysisError("Apple GPUs have no float64.", "Choose float32, or the CPU.")
    return DTYPES[name]
