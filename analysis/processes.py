"""Is a process still there? Needed to tell a run that is going on from one that was interrupted."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def start_time(pid: int) -> str:
    """When a process began, in ticks since the machine started; "" where the system does not tell.

    With the number of the process it names a process for good: numbers are given again, starts are not.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    # The second field is the program's name in brackets and may hold spaces; "starttime" is field 22.
    return stat.rpartition(")")[2].split()[19]


def is_alive(pid: int, started: str) -> bool:
    """Tell whether the process `pid` that began at `started` still runs."""
    if pid <= 0:
        return False
    if started:
        return start_time(pid) == started
    if sys.platform == "win32":
        return _alive_on_windows(pid)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _alive_on_windows(pid: int) -> bool:
    import ctypes

    still_active = 259
    kernel = getattr(ctypes, "windll").kernel32  # noqa: B009 - the name exists on Windows only
    process = kernel.OpenProcess(0x1000, False, pid)
    if not process:
        return False
    code = ctypes.c_ulong()
    kernel.GetExitCodeProcess(process, ctypes.byref(code))
    kernel.CloseHandle(process)
    return code.value == still_active
