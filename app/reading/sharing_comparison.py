"""Shared weights of a second network behind those of the open one. No widgets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from analysis.config import LayerSpec
from analysis.edits import Edits
from analysis.measures.alignment import by_cells, by_rows
from analysis.measures.ring_fits import Curve
from app.reading.comparing import (
    compared_run,
    compared_runs,
    named_rows,
    network_name,
    second_names,
    why_not_compared,
)
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
    names
        Layer of the open network to the one of it that corresponds.
    """

    name: str
    projected: Projected | None
    trained: Trained | None
    names: Mapping[str, str]

    def layers(self, shown: Projected, ratio: str, value: str) -> Floats:
        """Error or cosine of its layers at the layers of a shown projection, NaN where none corresponds.

        Empty where it was not projected, or not onto a ring of this relative size.
        """
        theirs = self.projected
        if theirs is None or ratio not in theirs.ratios or value not in theirs.result:
            return np.empty(0)
        values = theirs.table(value)[theirs.ratios.index(ratio)]
        return by_rows(values, named_rows(self.names, shown.layers, theirs.layers))

    def usage(self, shown: Projected) -> Floats:
        """Return the uses of the parts of its ring at the layers of a shown projection, (layer, bin); empty for none.

        Parts are of the same relative size: rings may differ in their number of entries.
        """
        theirs = self.projected
        if theirs is None or theirs.table("usage").shape[1:] != shown.table("usage").shape[1:]:
            return np.empty((0, 0))
        return by_rows(theirs.table("usage"), named_rows(self.names, shown.layers, theirs.layers))

    def likeness(self, shown: Projected, name: str) -> Floats:
        """Return a (layer, layer) table of it at the layers of a shown projection; empty for none."""
        theirs = self.projected
        if theirs is None or theirs.table(name).ndim != 2:
            return np.empty((0, 0))
        rows = named_rows(self.names, shown.layers, theirs.layers)
        return by_cells(theirs.table(name), rows, rows)

    def gap_curves(self) -> tuple[Curve, ...]:
        """Return the curves of its gaps that are drawn: the full variant, else its first one."""
        found = self.trained.gap_curves() if self.trained is not None else ()
        rings = [one for one in found if one.kind not in ("dense", "narrowed")]
        return tuple([one for one in rings if one.kind == "full"][:1] or rings[:1])

    def network(self, shown: Trained, run: int) -> int:
        """Network of its training that was trained like one of a shown training: by name, else kind and size; or -1."""
        theirs = self.trained
        if theirs is None or not 0 <= run < len(shown.runs):
            return -1
        if shown.runs[run] in theirs.runs:
            return theirs.runs.index(shown.runs[run])
        alike = np.isclose(theirs.table("ratio"), shown.table("ratio")[run], equal_nan=True)
        fits = [i for i in np.flatnonzero(alike).tolist() if theirs.kind_of(i) == shown.kind_of(run)]
        return fits[0] if fits else -1


def why_not_shared(workspace: Workspace, method: str, second: SecondSharing | None) -> str:
    """Say in one sentence why nothing of the network that is compared with can be drawn; "" if it can, or none is."""
    theirs = None if second is None else second.trained if method == TRAINED else second.projected
    if theirs is not None:
        return ""
    runs = compared_runs(workspace, method)
    if runs and runs[0] is not workspace.latest(method):
        return f"{network_name(runs[0])}: not compared, because its projection was made in another way"
    return why_not_compared(workspace, method)


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
        second_names(workspace),
    )


def second_network(workspace: Workspace) -> tuple[str, tuple[LayerSpec, ...], float]:
    """Name, rows and number of parameters of the network that is compared with.

    ("", (), 0) if none is, or its rows are those of the open one; no rows if its structure is not known.
    """
    compared = compared_run(workspace)
    runs = compared_runs(workspace, "structure", Edits())
    if compared is None or (runs and runs[0].result is workspace.structure):
        return "", (), 0.0
    if not runs:
        return network_name(compared), (), 0.0
    structure = runs[0].result
    known = "total_parameters" in structure
    parameters = structure.value("total_parameters") if known else sum(layer.parameters for layer in structure.layers)
    return network_name(runs[0]), structure.layers, float(parameters)


def _alike(one: Run, other: Run) -> bool:
    ways = [(dict(run.request.params).get("whitened", True), run.result.facts.get("gain")) for run in (one, other)]
    return ways[0] == ways[1]
