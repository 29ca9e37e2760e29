"""Compare how much work things are: process CPU time, one thread, taking turns, the least of many rounds.

Wall clock on a shared machine varies four-fold and is worthless. CPU time varies too, with what others do to the
caches, and a machine that is busy all day grants quiet moments only. So the works take turns step by step, and of every
step the best round counts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch

Work = Callable[[], object]
Steps = Callable[[], Iterator[object]]


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
    """Run functions in turn and give the least CPU seconds of each.

    Parameters
    ----------
    works
        Name to function. A function that prepares something first returns the CPU seconds that count, as a float; of
        any other function the whole call counts.
    rounds
        How often each is run, after one round that does not count.

    Examples
    --------
    >>> least = alternate({"short": lambda: sum(range(100)), "long": lambda: sum(range(100_000))})
    >>> least["short"] < least["long"]
    True
    """
    return alternate_steps({name: _single(work) for name, work in works.items()}, rounds)


def alternate_steps(works: Mapping[str, Steps], rounds: int = 9) -> dict[str, float]:
    """Like :func:`alternate`, for works in steps: in each round they take turns after every step.

    Parameters
    ----------
    works
        Name to a function that makes an iterator with the same number of steps in every round. A step that yields a
        float says how many CPU seconds count; of any other step all count.
    rounds
        How often each is run, after one round that does not count.

    Returns
    -------
    dict[str, float]
        Sum over the steps of the least CPU seconds each took.
    """
    least: dict[str, list[float]] = {name: [] for name in works}
    with one_thread():
        for turn in range(rounds + 1):
            # Who begins changes: what runs after a greedy neighbour finds the caches and the heap in disorder.
            first = turn % len(works)
            names = [*works][first:] + [*works][:first]
            for name, times in _one_round({name: works[name] for name in names}).items():
                if turn == 1:
                    least[name] = times
                elif turn:
                    least[name] = [min(pair) for pair in zip(least[name], times, strict=True)]
    return {name: sum(times) for name, times in least.items()}


def _one_round(works: Mapping[str, Steps]) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in works}
    running = {name: iter(work()) for name, work in works.items()}
    while running:
        for name in tuple(running):
            begun = time.process_time()
            try:
                own = next(running[name])
            except StopIteration:
                del running[name]
                own = None
            times[name].append(own if isinstance(own, float) else time.process_time() - begun)
    return times


def _single(work: Work) -> Steps:
    def steps() -> Iterator[object]:
        yield work()

    return steps


def report(title: str, least: Mapping[str, float], ratios: Mapping[str, tuple[float, float | None]]) -> bool:
    """Print seconds and ratios, each ratio beside its bar (None for no bar), and tell whether all bars hold."""
    print(f"\n{title}")
    for name, seconds in least.items():
        print(f"  {name:<44} {seconds:9.4f} CPU-s")
    for name, (ratio, bar) in ratios.items():
        held = "" if bar is None else f"   bar {bar:g}x {'held' if ratio <= bar else 'MISSED'}"
        print(f"  {name:<44} {ratio:9.3g} x{held}")
    return all(bar is None or ratio <= bar for ratio, bar in ratios.values())
