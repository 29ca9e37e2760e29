"""Parts of what a run of dynamic configurations says: what is looked at, groups of pictures, some switch points."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.measures import selection
from analysis.measures.oracles import Integers


@dataclass(frozen=True, slots=True)
class Look:
    """What the view looks at.

    Attributes
    ----------
    configuration
        Its number; 0 is the network as it is.
    row
        Row of the finished pictures, -1 for none.
    """

    configuration: int = 0
    row: int = -1


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Pictures that are alike in something that neither the network nor the labels say.

    Attributes
    ----------
    words
        Range of values.
    rows
        Its finished pictures.
    chosen
        Configuration that is best on one half of them; the network as it is where they are fewer than 40.
    plain, fixed, oracle
        Accuracy of the network as it is and of that configuration on the other half, and the upper bound there.
    pictures
        Number of its pictures, each counted once.
    """

    words: str
    rows: Integers
    chosen: int
    plain: float
    fixed: float
    oracle: float
    pictures: int

    @property
    def few(self) -> bool:
        """True if it is too small to choose a configuration for it."""
        return self.pictures < selection.FEWEST


@dataclass(frozen=True, slots=True)
class Subset:
    """Some switch points, the others as in the network.

    Attributes
    ----------
    letters, count
        "AC"; number of configurations.
    oracle, equal
        Share of pictures that one of them gets right; the same expected of as many random ones as the smallest subset
        has.
    """

    letters: str
    count: int
    oracle: float
    equal: float


def letter(point: int) -> str:
    """Letter of a switch point: A to Z, then A1, B1 and so on.

    Examples
    --------
    >>> letter(0), letter(25), letter(26), letter(53)
    ('A', 'Z', 'A1', 'B2')
    """
    return chr(ord("A") + point % 26) + (str(point // 26) if point >= 26 else "")
