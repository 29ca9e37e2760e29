"""Shared weights of a second network behind those of the open one. No widgets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.reading.comparing import compared_runs, matching_rows, network_name
from app.reading.depth import Floats
from app.reading.sharing import METHOD, TRAINED, Projected, Trained
from app.workspace import Run, Workspace


@dataclass(frozen=True, slots=True, eq=False)
class SecondSharing:
    """Runs of the network that is compared with.

    Attributes
    ----------
    name
        Words for it.
    projected, trained
        Its projection, made in the same way as the one that is shown; its training. None for none.
    """

    name: str
    projected: Projected | None
    trained: Trained | None

    def layers(self, shown: Projected, ratio: str, value: str) -> Floats:
        """Error or cosine of its layers at the layers of a shown projection, NaN where none corresponds.

        Empty where it was not projected, or not onto a ring of this relative size.
        """
        theirs = self.projected
        if theirs is None or ratio not in theirs.ratios or value not in theirs.result:
            return np.empty(0)
        values = theirs.table(value)[theirs.ratios.index(ratio)]
        rows = matching_rows(shown.layers, theirs.layers)
        found = np.full(len(rows), np.nan)
        found[rows >= 0] = values[rows[rows >= 0]]
        return found


def second_sharing(workspace: Workspace, projection: Run | None) -> SecondSharing | None:
    """Read what was measured of sharing in the network that is compared with, None for nothing.

    Parameters
    ----------
    projection
        The projection that is shown: only one made in the same way compares.
    """
    projections = [run for run in compared_runs(workspace, METHOD) if projection is None or _alike(run, projection)]
    trainings = compared_runs(workspace, TRAINED)
    if not projections and not trainings:
        return None
    return SecondSharing(
        network_name((projections or trainings)[0]),
        Projected(projections[0].result) if projections else None,
        Trained(trainings[0].result) if trainings else None,
    )


def _alike(one: Run, other: Run) -> bool:
    ways = [(dict(run.request.params).get("whitened", True), run.result.facts.get("gain")) for run in (one, other)]
    return ways[0] == ways[1]
