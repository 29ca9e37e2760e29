"""What runs of lw_dna and width_sensitivity say about width groups, as far as they have come. No widgets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.events import EMPTY
from analysis.measures.shrinking import chi_square_limit
from analysis.measures.widths.scores import score_shares, sorted_scores
from analysis.result import Result
from app.reading.depth import Floats

SHRINK, SENSITIVITY = "lw_dna", "width_sensitivity"
FOUND, CONTROL, SECOND = range(3)
"""Rows of the profiles: what was found, the random control, a second mini-batch."""
STEP = "as it shrinks"
NO_BATCH = "second batch not measured, because these scores do not depend on a batch"
NOTHING = "these widths say nothing about layers"
BLIND = {
    "random": f"The scores are a random draw: {NOTHING}",
    "uniform": f"Uniform scores keep the same share of every group: {NOTHING}",
}
"""Criteria that know nothing of the network."""
ALIKE = 0.7
"""Correlation with the random control above which the profile is chance's, or that of the floors, whatever χ² says."""


def floats(result: Result, name: str) -> Floats:
    """Return an output as float64, NaN for what has not arrived or is not there."""
    if name not in result:
        return np.full((), np.nan)
    array = result[name]
    values = np.asarray(array, dtype=np.float64).copy()
    if array.dtype.kind in "iu":
        values[array == EMPTY[array.dtype.name]] = np.nan
    return values


@dataclass(frozen=True, slots=True)
class CostRow:
    """A configuration in the table of costs.

    Attributes
    ----------
    name
        Which.
    macs, published, parameters
        Our multiply-adds; operations as the published tables count them; parameters. NaN before they are known.
    likeness
        Correlation of its ratios with those found, NaN where there is none.
    """

    name: str
    macs: float
    published: float
    parameters: float
    likeness: float


class Shrunk:
    """A run of `lw_dna` that has declared its outputs, possibly still open.

    Attributes
    ----------
    names
        Width groups in order of execution.
    original, widened, floor
        (group,) channels.
    """

    def __init__(self, result: Result) -> None:
        self.result = result
        self.names = result.names("group")
        self.original, self.widened, self.floor = (floats(result, name) for name in ("original", "widened", "floor"))
        self._trace = floats(result, "trace_widths")

    def width(self, row: int) -> Floats:
        """Widths of a profile, (group,)."""
        return np.asarray(floats(self.result, "width")[row])

    def ratio(self, row: int) -> Floats:
        """Divide the widths of a profile by the original ones, (group,)."""
        return np.asarray(floats(self.result, "ratio")[row])

    @property
    def chance(self) -> tuple[Floats, Floats]:
        """Mean and standard deviation of the ratios if every element were kept with one probability, (group,)."""
        return floats(self.result, "chance_ratio"), floats(self.result, "chance_spread")

    def score_spread(self) -> Floats:
        """Return the ends between which most scores of a group lie, (2, group), NaN where there are none yet."""
        told = self._scores()
        return score_shares(*told, len(self.names)) if told is not None else np.full((2, len(self.names)), np.nan)

    def sorted_scores(self) -> tuple[Floats, ...]:
        """Return the scores of each group, the largest first; empty arrays where there are none yet."""
        told = self._scores()
        return sorted_scores(*told, len(self.names)) if told is not None else (np.empty(0),) * len(self.names)

    def _scores(self) -> tuple[Floats, Floats, Floats] | None:
        """Scores of the elements, the latent of each, the group of each latent; None before they are known."""
        owner, latent, scores = (floats(self.result, name) for name in ("latent_group", "score_latent", "scores"))
        if scores.ndim != 1 or owner.ndim != 1 or not np.isfinite(owner).all():
            return None
        return scores, latent, owner

    @property
    def mean_score(self) -> Floats:
        """Mean score of each group, (group,)."""
        return floats(self.result, "mean_score")

    def threshold_at(self, step: int) -> float:
        """Threshold at a place of the trace; at -1 the one that was found, NaN where it is not known."""
        if step >= 0:
            return float(self.thresholds[step])
        return float(floats(self.result, "threshold")[FOUND])

    # -- the threshold -----------------------------------------------------------------------------------------------

    @property
    def thresholds(self) -> Floats:
        """Thresholds of the trace, (threshold,)."""
        return floats(self.result, "trace_threshold")

    def trace(self, name: str) -> Floats:
        """Return "macs" or "parameters" along the trace, in percent of the original's, (threshold,)."""
        whole = float(floats(self.result, f"reference_{name}")[0])
        return 100 * floats(self.result, f"trace_{name}") / whole

    @property
    def step(self) -> int:
        """Newest place of the trace that has arrived, -1 for none."""
        there = np.flatnonzero(np.isfinite(self.thresholds))
        return int(there[-1]) if there.size else -1

    def nearest(self, exponent: float) -> int:
        """Place of the trace whose threshold comes nearest to a power of ten, -1 for none."""
        with np.errstate(divide="ignore", invalid="ignore"):
            away = np.abs(np.log10(self.thresholds) - exponent)
        return int(np.nanargmin(away)) if np.isfinite(away).any() else -1

    def widths_at(self, step: int) -> Floats:
        """Widths at a place of the trace, (group,)."""
        return np.asarray(self._trace[step])

    def shown(self, step: int) -> Floats:
        """Widths at a place of the trace; at -1 those found, or the newest of the trace while there are none."""
        if step < 0 and np.isfinite(self.width(FOUND)).all():
            return self.width(FOUND)
        place = self.step if step < 0 else step
        return self.widths_at(place) if place >= 0 else np.full(len(self.names), np.nan)

    @property
    def target(self) -> float:
        """Budget in percent of the original, in what the budget counts; NaN in runs that do not say it."""
        return 100 * float(floats(self.result, "target_share"))

    @property
    def floor_cost(self) -> float:
        """Multiply-adds of the floors in percent of the original's; NaN in runs that do not say it."""
        return 100 * float(floats(self.result, "floor_macs")) / float(floats(self.result, "reference_macs")[0])

    def chance_words(self) -> str:
        """Say what chance would keep, and how far the profile is from that; "" before it is known."""
        share, away = (float(floats(self.result, name)) for name in ("keep_probability", "chi_square"))
        if not np.isfinite([share, away]).all():
            return ""
        latents = len(floats(self.result, "latent_group"))
        limit = f"in 99 % up to {self.chance_limit:,.0f}"
        return f"Chance keeps {100 * share:.1f} % · χ² {away:,.0f}, by chance about {latents}, {limit}"

    # -- numbers -----------------------------------------------------------------------------------------------------

    def costs(self) -> tuple[CostRow, ...]:
        """Costs of the original, the widened and the three profiles."""
        rows = []
        for place, name in enumerate(("original", "widened")):
            values = [float(floats(self.result, f"reference_{unit}")[place]) for unit in UNITS]
            rows.append(CostRow(name, values[0], values[1], values[2], float("nan")))
        for place, name in enumerate(("found", "random control", "second batch")):
            values = [float(floats(self.result, unit)[place]) for unit in UNITS]
            likeness = float(floats(self.result, "correlation")[place]) if place else float("nan")
            rows.append(CostRow(name, values[0], values[1], values[2], likeness))
        return tuple(rows)

    def claim(self) -> str:
        """Say in one line whether the widths differ from chance, and how like them chance and another batch are."""
        likeness = floats(self.result, "correlation")
        if not (np.isfinite(self.width(FOUND)).all() and np.isfinite(self.width(CONTROL)).all()):
            return "The widened network is being shrunk …" if self.result.finished is None else "Nothing was found"
        criterion = self.result.facts.get("criterion", "grad")
        second = "no second batch" if criterion == "grad" else NO_BATCH
        if np.isfinite(likeness[SECOND]) and criterion == "grad":
            second = f"second batch r = {_signed(likeness[SECOND])}"
        words = f"random control r = {_signed(likeness[CONTROL])}{self._draws()}, {second}"
        return " · ".join(part for part in (BLIND.get(criterion) or self._verdict(likeness[CONTROL]), words) if part)

    def _verdict(self, likeness: float) -> str:
        """Compare χ² with what chance stays below; "" where a run does not say it."""
        away, limit = float(floats(self.result, "chi_square")), self.chance_limit
        if not np.isfinite([away, limit]).all():
            return f"Chance repeats this profile: {NOTHING}" if likeness > ALIKE else ""
        told = f"χ² {away:,.0f}, chance up to {limit:,.0f}"
        if away <= limit:
            return f"These widths do not differ from chance ({told}) and say nothing about layers"
        if likeness > ALIKE:
            return f"Chance with the same floors repeats this profile ({told}): {NOTHING}"
        return f"These widths differ from chance ({told})"

    def _draws(self) -> str:
        """Spread of the likeness of all random draws; "" for runs with one."""
        several = np.atleast_1d(floats(self.result, "control_correlation"))
        if len(several) < 2 or not np.isfinite(several).all():
            return ""
        return f" ({_signed(several.min())} to {_signed(several.max())} in {len(several)} draws)"

    @property
    def chance_limit(self) -> float:
        """χ² that 99 % of chance draws stay below; NaN before the run says it.

        The quantile for as many degrees of freedom as latents. Where floors bind, random draws are away from one common
        probability as well, and the limit moves up by what they have more than the number of latents.
        """
        latents = len(np.atleast_1d(floats(self.result, "latent_group")))
        limit = chi_square_limit(latents)
        draws = np.atleast_1d(floats(self.result, "control_chi_square"))
        return limit + max(float(draws.mean()) - latents, 0.0) if np.isfinite(draws).all() else limit


UNITS = ("macs", "table", "parameters")


def _signed(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")


class Sensitivity:
    """A run of `width_sensitivity` that has declared its outputs, possibly still open.

    Attributes
    ----------
    names, ratios
        Width groups in order of execution; the shares that are tried, in words.
    """

    def __init__(self, result: Result) -> None:
        self.result = result
        self.names, self.ratios = result.names("group"), result.names("ratio")

    def losses(self, measure: str) -> Floats:
        """Say what is lost, (group, ratio): points of accuracy, or nats of cross-entropy; below 0 for a gain."""
        baseline = floats(self.result, "baseline")
        lost = floats(self.result, "loss") - baseline[1]
        if measure == "accuracy":
            lost = 100 * (baseline[0] - floats(self.result, "accuracy"))
        return np.asarray(lost, dtype=np.float64)

    def free(self, locked: frozenset[str]) -> int:
        """Count the groups that the user has not locked."""
        return sum(name not in locked for name in self.names)

    @property
    def baseline(self) -> tuple[float, float]:
        """Accuracy in percent, and cross-entropy, of the whole network."""
        accuracy, loss = floats(self.result, "baseline").tolist()
        return 100 * accuracy, loss

    @property
    def widths(self) -> Floats:
        """Widths that are tried, (group, ratio)."""
        return floats(self.result, "width")

    @property
    def done(self) -> int:
        """Cells that have been measured."""
        return int(np.isfinite(floats(self.result, "loss")).sum())

    def claim(self) -> str:
        """Say in one line which group loses most and which least when it is narrowed furthest."""
        losses = self.losses("accuracy")
        last = losses[:, -1] if losses.size else np.empty(0)
        if np.isfinite(last).sum() < 2:
            return "The groups are being narrowed …" if self.result.finished is None else "Hardly anything was measured"
        most, least = int(np.nanargmax(last)), int(np.nanargmin(last))
        words = f"At {self.ratios[-1]} of its width {self.names[most]} loses most ({last[most]:.1f} points)"
        return f"{words}, {self.names[least]} least ({last[least]:.1f})".replace("-", "−")
