"""Classes of two networks that correspond: by their names, never by their places alone where there are names."""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray


def class_rows(ours: tuple[str, ...], theirs: tuple[str, ...], count: int, other: int) -> NDArray[np.int64]:
    """Find for the classes of a network those of another one.

    Parameters
    ----------
    ours, theirs
        Names of the outputs in their order, () where a network does not name them.
    count, other
        Numbers of outputs.

    Returns
    -------
    (class,) int64
        Outputs of the other network, -1 where none has the name. Networks that do not both name their outputs
        correspond output by output if they have equally many, else not at all. A name that one of them gives twice
        stands for nothing, unless all names are equal.

    Examples
    --------
    >>> class_rows(("cat", "dog"), ("dog", "fox", "cat"), 2, 3).tolist()
    [2, 0]
    >>> class_rows((), ("dog", "cat"), 2, 2).tolist(), class_rows((), ("dog",), 2, 1).tolist()
    ([0, 1], [-1, -1])
    """
    named = len(ours) == count and len(theirs) == other and count > 0
    if (named and ours == theirs) or (not named and count == other):
        return np.arange(count, dtype=np.int64)
    if not named:
        return np.full(count, -1, dtype=np.int64)
    own, other_names = Counter(ours), Counter(theirs)
    places = {name: place for place, name in enumerate(theirs) if other_names[name] == 1}
    found = [places.get(name, -1) if own[name] == 1 else -1 for name in ours]
    return np.array(found, dtype=np.int64)
