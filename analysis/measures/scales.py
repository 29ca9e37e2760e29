"""At what scale a configuration looks, and whether pictures that differ choose different scales. numpy only.

The scale of a configuration is log2 of the total reduction T of its strides, the mean of log2 of its dilations, or the
mean side of its kernels; for any family, its nominal receptive field. That pictures with larger objects choose larger
scales is a hypothesis, which these measures test; it is not a published result.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.measures.options import Option
from analysis.measures.oracles import Bools, Floats, Integers, bootstrap, loss_order
from analysis.measures.selection import rank_correlation

RESAMPLES = 200
Row = tuple[float, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Scale:
    """One way to say at what scale configurations look.

    Attributes
    ----------
    name, unit
        Words for an axis.
    values
        (configuration,).
    """

    name: str
    unit: str
    values: Floats


def scales_of(names: Sequence[str], receptive_field: Floats, reduction: Floats | None = None) -> tuple[Scale, ...]:
    """List the scales that configurations of one family have; of mixed ones only the receptive field.

    Parameters
    ----------
    names
        Canonical names: ``dil:1|2|3``.
    receptive_field, reduction
        (configuration, 2) pixels; total reduction T after the last switch point, None where a run did not record it.

    Examples
    --------
    >>> field = np.array([[40.0, 40.0], [60.0, 60.0]])
    >>> [(scale.name, scale.values.tolist()) for scale in scales_of(["dil:1|1", "dil:1|4"], field)]
    [('mean log₂ of the dilations', [0.0, 1.0]), ('receptive field', [40.0, 60.0])]
    """
    field = Scale("receptive field", "px", np.sqrt(receptive_field.prod(axis=1)))
    sort = {name.partition(":")[0] for name in names}
    if sort == {"stride"} and reduction is not None and np.isfinite(reduction).all():
        return Scale("log₂ of the total reduction T", "", np.log2(reduction).mean(axis=1)), field
    if sort <= {"dil", "ker"} and len(sort) == 1:
        family = sort.pop()
        sizes = np.array([[Option.read(family + token).size for token in _tokens(name)] for name in names], dtype=float)
        if family == "dil":
            return Scale("mean log₂ of the dilations", "", np.log2(sizes).mean(axis=(1, 2))), field
        return Scale("mean side of the kernels", "", sizes.mean(axis=(1, 2))), field
    return (field,)


def _tokens(name: str) -> list[str]:
    return name.partition(":")[2].split("|")


def chosen_scales(correct: Bools, loss: Floats, scale: Floats) -> tuple[Floats, Floats]:
    """Scale of the configuration of least loss, and mean over the right configurations, per picture.

    Returns
    -------
    tuple
        (picture,) each; the second is NaN where no configuration is right.
    """
    right = correct.sum(axis=1)
    mean = np.divide(correct @ scale, right, out=np.full(len(right), np.nan), where=right > 0)
    return scale[loss_order(loss)[:, 0]], mean


def correlation(first: Floats, second: Floats, seed: int = 0, picture: Integers | None = None) -> Row:
    """Spearman's rank correlation with a bootstrap interval of 95 % over pictures; rows with a NaN are left out.

    Parameters
    ----------
    picture
        (row,) which picture each row is of, where pictures come several times; they are drawn as wholes.
    """
    known = np.flatnonzero(np.isfinite(first) & np.isfinite(second))
    one, other = first[known], second[known]
    own = None if picture is None else picture[known]
    value = rank_correlation(one, other) if (len(known) if own is None else len(np.unique(own))) >= 3 else float("nan")

    def drawn(rows: Integers) -> float:
        return rank_correlation(one[rows], other[rows])

    return (value, *bootstrap(drawn, len(known), RESAMPLES, seed, own)) if np.isfinite(value) else (float("nan"),) * 3


def means_by_group(values: Floats, groups: Sequence[Integers]) -> Floats:
    """Mean of a number per picture in each group of rows, axes (group,); pictures with a NaN are left out."""
    parts = (values[rows][np.isfinite(values[rows])] for rows in groups)
    return np.array([part.mean() if len(part) else np.nan for part in parts])
