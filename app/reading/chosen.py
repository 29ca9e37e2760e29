"""What a selected bundle or configuration stands for in the runs that are open now, or why in none of them."""

from __future__ import annotations

import numpy as np

from analysis.edits import Edits
from analysis.measures.bundles import members
from analysis.request import Request
from analysis.result import Result
from app.reading import building, bundles
from app.reading.configurations import Reading, is_ready
from app.reading.depth import Ints
from app.reading.geometry_attribution import edits_of
from app.workspace import ChosenBundle, ChosenConfiguration, Run, SampleFilter, Workspace

USUAL = {"policy": "follow", "upsample_gain": "none", "zooms": "1", "recalibrate": "0"}
"""What decides, beside its geometry, how a configuration answers; and what it is if nothing else is asked for."""
NOWHERE = -1
GONE = "the run that found it is not open"


# -- bundles ---------------------------------------------------------------------------------------------------------


def fingerprint_of(result: Result) -> str:
    """Fingerprint of a run, "" before it is prepared."""
    return result.prepared.fingerprint if result.prepared is not None else ""


def bundle_of(reading: bundles.Reading, checkpoint: int, point: int, number: int) -> ChosenBundle:
    """Name a bundle of a run, so that it can be selected."""
    name, run = reading.checkpoints[checkpoint], fingerprint_of(reading.result)
    return ChosenBundle(reading.points[point].name, name, number, run)


def cell_of(reading: bundles.Reading, chosen: ChosenBundle | None) -> tuple[int, int] | None:
    """Return (checkpoint, point) of a bundle, None if it is of another run or none is selected."""
    if chosen is None or chosen.run != fingerprint_of(reading.result) or chosen.checkpoint not in reading.checkpoints:
        return None
    point = reading.axis.row_of(chosen.layer)
    return (reading.checkpoints.index(chosen.checkpoint), point) if point >= 0 else None


def places_of(reading: bundles.Reading, chosen: ChosenBundle) -> Ints:
    """Places of the pictures of a bundle in their source; none where it is not of this run."""
    cell = cell_of(reading, chosen)
    return reading.places[members(reading.ids(*cell), chosen.number)] if cell else np.empty(0, dtype=np.int64)


def reading_of(workspace: Workspace, chosen: ChosenBundle) -> bundles.Reading | None:
    """Read the run that found a bundle, None if it is not open any more."""
    fits = [
        run
        for run in workspace.runs.values()
        if run.request.method == bundles.METHOD and fingerprint_of(run.result) == chosen.run
    ]
    found = [run for run in reversed(fits) if run.result.arrived.get("bundle_ids")]
    return bundles.Reading(found[0].result) if found else None


def filter_of(reading: bundles.Reading, chosen: ChosenBundle) -> SampleFilter:
    """Make the list of the pictures of a bundle, for showing them alone wherever pictures are browsed."""
    words = f"bundle {chosen.number} at {reading.point_words(reading.axis.row_of(chosen.layer))}"
    return SampleFilter(words, places_of(reading, chosen))


def bundle_words(workspace: Workspace) -> str:
    """Say in one line what bundle is selected; "" for none."""
    chosen = workspace.selection.bundle
    if chosen is None:
        return ""
    reading = reading_of(workspace, chosen)
    what = f"{len(places_of(reading, chosen)):,} pictures" if reading is not None else GONE
    at = f" of {chosen.checkpoint}" if chosen.checkpoint else ""
    return f"Bundle {chosen.number}{at}: {what}"


# -- configurations --------------------------------------------------------------------------------------------------


def rules_of(request: Request | None) -> str:
    """Return what a run of configurations asked for otherwise than usual, in words that can be compared."""
    params = dict(request.params) if request is not None else {}
    other = {name: str(params.get(name, usual)) for name, usual in USUAL.items()}
    return ", ".join(f"{name}={value}" for name, value in other.items() if value != USUAL[name])


def configuration_of(reading: Reading, number: int) -> ChosenConfiguration | None:
    """Name a configuration of a run, so that it can be selected; None for the network as it is."""
    request = reading.result.request
    geometry = edits_of(reading, number, request.edits if request is not None else Edits()).geometry
    return ChosenConfiguration(reading.names[number], geometry, rules_of(request)) if number else None


def number_of(reading: Reading, chosen: ChosenConfiguration | None) -> int:
    """Return the number of a configuration in a run, 0 for none, :data:`NOWHERE` if the run has not tried it."""
    if chosen is None:
        return 0
    if rules_of(reading.result.request) != chosen.rules:
        return NOWHERE
    if chosen.name in reading.names:  # names are unique in a run, but other runs have them for other layers
        named = reading.names.index(chosen.name)
        if _same(configuration_of(reading, named), chosen):
            return named
    numbers = range(1, len(reading.names))
    return next((k for k in numbers if _same(configuration_of(reading, k), chosen)), NOWHERE)


def _same(one: ChosenConfiguration | None, other: ChosenConfiguration) -> bool:
    return one is not None and set(one.geometry) == set(other.geometry)


def run_that_tried(workspace: Workspace, chosen: ChosenConfiguration) -> tuple[Run, Reading, int] | None:
    """Return the run to ask about a configuration, read, and its number there; None if no open run has tried it."""
    sweep = building.sweep_of(workspace)
    several = [*([sweep] if sweep is not None else []), *reversed(building.tried(workspace))]
    for run in several:
        if is_ready(run.result):
            reading = Reading(run.result)
            number = number_of(reading, chosen)
            if number > 0:
                return run, reading, number
    return None


def chosen_words(workspace: Workspace) -> str:
    """Say in a line each what bundle and what configuration are selected; "" for neither."""
    chosen = workspace.selection.configuration
    return "\n".join(part for part in (bundle_words(workspace), f"Under {chosen.name}" if chosen else "") if part)
