"""Compare how much work functions are: process CPU time, one thread, taking turns, the least of many rounds.

Wall clock on a shared machine varies four-fold and is worthless; CPU time still varies with what the caches of the
machine are used for, which is why the functions take turns and only their best rounds are compared.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch

Work = Callable[[], object]


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch and the libraries below numpy use one thread in this block."""
    from threadpoolctl import threadpool_limits

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(before)


def alternate(works: Mapping[str, Work], rounds: int = 9) -> dict[str, float]:
    """Run the functions in turn and give the least CPU seconds of each.

    Parameters
    ----------
    works
        Name to function. A function that prepares something first returns the CPU seconds that count as a float; of
        any other function the whole call counts.
    rounds
        How often each is run, after one round that does not count.
    """
    least = dict.fromkeys(works, float("inf"))
    with one_thread():
        for turn in range(rounds + 1):
            for name, work in works.items():
                begun = time.process_time()
                own = work()
                spent = own if isinstance(own, float) else time.process_time() - begun
                if turn:
                    least[name] = min(least[name], spent)
    return least


def report(title: str, least: Mapping[str, float], ratios: Mapping[str, tuple[float, float | None]]) -> None:
    """Print seconds and ratios; each ratio stands beside its bar, None for no bar."""
    print(f"\n{title}")
    for name, seconds in least.items():
        print(f"  {name:<44} {seconds:9.4f} CPU-s")
    for name, (ratio, bar) in ratios.items():
        held = "" if bar is None else f"   bar {bar:g}x {'held' if ratio <= bar else 'MISSED'}"
        print(f"  {name:<44} {ratio:9.3f} x{held}")
