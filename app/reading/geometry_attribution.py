"""Attributions of one picture under several configurations: which runs to ask for, and which have answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from analysis.edits import Edits
from analysis.measures import oracles
from analysis.request import Request
from app.reading.attribution_reading import METHOD, Explanation, Wish
from app.reading.configurations import Reading
from app.workspace import Run, Workspace

ALGORITHMS = ("grad_cam", "integrated_gradients")


def compared(reading: Reading, row: int) -> tuple[tuple[str, int], ...]:
    """Return (words, configuration) of the network as it is, and the best and the worst by loss of a picture."""
    values = reading.table("loss")[row] if reading.labelled else -reading.table("confidence")[row]
    best, _, worst = oracles.marked_by(values)
    return ((reading.own, 0), ("best", best), ("worst", worst))


def why_not(run: Run, reading: Reading) -> str:
    """Say why configurations of a run cannot be explained: no edit makes their network or picture; "" if they can."""
    params = dict(run.request.params)
    strides = reading.family in ("stride", "geometry")
    if params.get("recalibrate"):
        reason = "batch-norm statistics were estimated anew for each"
    elif strides and params.get("policy") == "resize":
        reason = "their shortcuts are resized"
    elif strides and params.get("upsample_gain") == "area":
        reason = "kernels of fractional strides have a gain"
    elif str(params.get("zooms", "1")) != "1":
        reason = "the pictures were zoomed"
    else:
        return ""
    return f"These configurations cannot be explained: {reason}, which an explanation cannot repeat."


def edits_of(reading: Reading, number: int, base: Edits) -> Edits:
    """Return the edits that give the network the geometry of a configuration, after those of the run."""
    sort = reading.names[number].partition(":")[0]
    before = "" if sort == "mixed" else sort
    changed = tuple(
        (name, f"{before}{reading.token(number, place)}")
        for place, name in enumerate(reading.points)
        if reading.options[number, place]
    )
    kept = tuple(pair for pair in base.geometry if pair[0] not in dict(changed))
    return replace(base, geometry=(*kept, *changed))


def request_of(workspace: Workspace, run: Run, reading: Reading, number: int, place: int) -> Request:
    """Make the request that explains a picture under a configuration: its label, or its answer without labels."""
    wish = Wish(ALGORITHMS, "label" if reading.labelled else "predicted")
    request = workspace.new_request(METHOD, **wish.params(place))
    edits = edits_of(reading, number, run.request.edits)
    return replace(request, model=run.request.model, images=run.request.images, edits=edits, limit=0)


def requests_of(workspace: Workspace, run: Run, reading: Reading, row: int) -> dict[int, Request]:
    """Return what has to be asked for to explain a picture, by configuration; {} for none (row -1) or if it cannot."""
    if row < 0 or why_not(run, reading):
        return {}
    wanted, place = {number for _, number in compared(reading, row)}, int(reading.places[row])
    return {number: request_of(workspace, run, reading, number, place) for number in sorted(wanted)}


def answers_of(
    workspace: Workspace, requests: Mapping[int, Request]
) -> tuple[dict[int, Explanation | None], dict[int, str]]:
    """Return what has been said, None while it is being computed, and why something could not be; by configuration."""
    answers: dict[int, Explanation | None] = {}
    failures: dict[int, str] = {}
    for number, request in requests.items():
        found = answering(workspace, request)
        why = failure_of(found) if found is not None else ""
        if why:
            failures[number] = why
        elif found is not None:
            answers[number] = explanation_of(found)
    return answers, failures


def answering(workspace: Workspace, request: Request) -> Run | None:
    """Return the newest run that was asked the same, finished or not."""
    found = [
        run
        for run in workspace.runs.values()
        if (run.request.method, run.request.model, run.request.images, run.request.edits, run.request.params)
        == (request.method, request.model, request.images, request.edits, request.params)
    ]
    return max(found, key=lambda run: (run.began, run.number), default=None)


def explanation_of(run: Run | None) -> Explanation | None:
    """Return what a run says of its picture, None before it has said anything."""
    if run is None or not run.result.declared or not run.result.arrived.get("picture"):
        return None
    return Explanation(run, 0)


def failure_of(run: Run) -> str:
    """Say why a run has ended without an answer; "" if it has one or may still give it."""
    if run.state not in ("failed", "cancelled", "interrupted"):
        return ""
    problem = run.result.finished.problem if run.result.finished is not None else None
    return problem.message if problem is not None else f"This run was {run.state}."
