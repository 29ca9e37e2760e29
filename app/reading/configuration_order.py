"""In which order configurations are drawn: by their prefixes, or similar ones beside each other."""

from __future__ import annotations

import numpy as np

from analysis.measures.oracles import Floats, Integers


def tree_layout(options: Integers) -> tuple[Integers, tuple[int, ...], tuple[int, ...]]:
    """Lay configurations out by their prefixes: the first half of the points makes rows, the rest columns.

    Returns
    -------
    tuple
        (rows, columns) number of the configuration in each cell, -1 where there is none; points of rows, of columns.
    """
    points, sizes = options.shape[1], options.max(axis=0) + 1
    cut = points // 2
    first, second = tuple(range(cut)), tuple(range(cut, points))

    def number(chosen: tuple[int, ...]) -> Integers:
        found = np.zeros(len(options), dtype=np.int64)
        for point in chosen:
            found = found * sizes[point] + options[:, point]
        return found

    shape = tuple(int(np.prod(sizes[list(chosen)])) if chosen else 1 for chosen in (first, second))
    table = np.full(shape, -1, dtype=np.int64)
    table[number(first), number(second)] = np.arange(len(options))
    # Prefixes that no valid configuration has are left out.
    table = table[(table >= 0).any(axis=1)][:, (table >= 0).any(axis=0)]
    return table, first, second


def chain(alike: Floats) -> Integers:
    """Order configurations so that similar ones are neighbours: from the first on, always the most similar one left.

    Ours. Ties go to the lower number.

    Parameters
    ----------
    alike
        (configuration, configuration) share of equal answers.
    """
    left = np.ones(len(alike), dtype=bool)
    order = [0]
    left[0] = False
    while left.any():
        order.append(int(np.argmax(np.where(left, alike[order[-1]], -1.0))))
        left[order[-1]] = False
    return np.asarray(order, dtype=np.int64)
