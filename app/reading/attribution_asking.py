"""Which run of `attribution` to ask for, how long it takes, and why one did not answer. No widgets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import ceil

from analysis.catalogue import nearest
from analysis.config import LayerSpec
from analysis.measures.attributions import NAMES, algorithm
from analysis.measures.picks import read_picks
from analysis.problems import AnalysisError, Problem
from analysis.request import Request
from app.reading.attribution_reading import METHOD
from app.reading.attribution_wish import INTEGRALS, Wish
from app.workspace import Run, Workspace

PATIENCE = 3.0
"""Seconds that explaining other pictures may take without having been asked for."""
PAGE = 24
"""Pictures of one page of the table."""
MOST_VALUES = 1 << 24
"""Numbers that the maps of one run may hold."""
LAYERED = tuple(name for name in NAMES if algorithm(name).layered)
MORE = 4
"""How many times more steps are offered where a delta is poor."""
MOST_STEPS = 2000
WORDS = ("", "predicted", "label")
"""Classes to explain that are none of a list."""


def request(workspace: Workspace, wish: Wish, *samples: int) -> Request:
    """Make the request that explains some pictures."""
    return replace(workspace.new_request(METHOD, **wish.params(*samples)), limit=0)


def asked_here(workspace: Workspace) -> list[Run]:
    """List the runs that are asked of the network, the edits and the pictures that are open."""
    shown = workspace.new_request(METHOD)
    asked = (run for run in workspace.runs.values() if run.request.method == METHOD)
    return [
        run
        for run in asked
        if (run.request.model, run.request.images, run.request.edits) == (shown.model, shown.images, shown.edits)
    ]


def asked_pictures(run: Run) -> tuple[int, ...]:
    """Return the pictures that a run names, () if it names none."""
    try:
        return read_picks(str(dict(run.request.params).get("samples", "")))
    except AnalysisError:  # a request of another hand, which fails by itself
        return ()


def answering(workspace: Workspace, places: Iterable[int]) -> Run | None:
    """Return the run that explains one of some pictures now, or waits to; None for none."""
    wanted = set(places)
    runs = (run for run in asked_here(workspace) if run.open)
    return next((run for run in runs if wanted & set(asked_pictures(run)) or not asked_pictures(run)), None)


def failure(workspace: Workspace, wish: Wish, places: Sequence[int]) -> Problem | None:
    """Return why the newest run that asked what is asked now failed, None if it did not.

    A run over several pictures answers for each of them.
    """
    wanted = dict(request(workspace, wish, *places).params) | {"samples": ""}
    runs = [
        run
        for run in asked_here(workspace)
        if dict(run.request.params) | {"samples": ""} == wanted and set(asked_pictures(run)) & set(places)
    ]
    newest = max(runs, key=lambda run: run.number, default=None)
    if newest is None or newest.state != "failed" or newest.result.finished is None:
        return None
    return newest.result.finished.problem


def unknown_class(target: str, classes: tuple[str, ...], outputs: int) -> str:
    """Say that a class is none of the network's; "" if it is one, or as long as its classes are not known.

    Parameters
    ----------
    outputs
        Number of outputs of the network, 0 if it is not known.
    """
    if target in WORDS or target in classes:
        return ""
    if target.isdecimal():
        return f"There is no class {target}: they go from 0 to {outputs - 1}." if 0 < outputs <= int(target) else ""
    return f"'{target}' is no class of this network. {nearest(target, classes)}" if classes else ""


def why_no_class(workspace: Workspace, target: str) -> str:
    """Say that a class is none of the open network's; "" if it is one, or as long as its classes are not known."""
    return unknown_class(target, classes_of(workspace), outputs_of(workspace))


def classes_of(workspace: Workspace) -> tuple[str, ...]:
    """Return the names of the classes of the open network: of a run that has them, else of the pictures if they fit."""
    for method in (METHOD, "evaluate"):
        run = workspace.latest(method)
        if run is not None and run.request.images == workspace.images and run.result.names("class"):
            return run.result.names("class")
    prepared = (run.result.prepared for run in workspace.runs.values() if run.request.images == workspace.images)
    names = next((one.samples.classes for one in prepared if one is not None and one.samples.classes), ())
    return names if len(names) == outputs_of(workspace) else ()


def outputs_of(workspace: Workspace) -> int:
    """Return the number of outputs of the open network, 0 as long as it is not known."""
    layers = [layer for layer in workspace.layers if layer.kind != "block"]
    return layers[-1].channels if layers and len(layers[-1].shape) == 1 else 0


def layers_of(workspace: Workspace) -> tuple[str, ...]:
    """Return the layers that are offered: those with maps of more than one position."""
    kinds = ("conv", "activation", "block")
    return tuple(layer.name for layer in workspace.layers if layer.kind in kinds and _has_maps(layer))


def has_no_maps(workspace: Workspace) -> bool:
    """Tell whether it is known that no layer of the network has maps."""
    layers = [layer for layer in workspace.layers if layer.kind != "input"]
    return bool(layers) and not any(len(layer.shape) == 3 for layer in layers)


def _has_maps(layer: LayerSpec) -> bool:
    return len(layer.shape) == 3 and layer.positions > 1


def page_size(workspace: Workspace, wish: Wish) -> int:
    """Return how many pictures the table shows at once: no more than one run can explain."""
    shape = workspace.input_shape
    if len(shape) != 3:
        return PAGE
    values = (shape[0] + 1) * shape[1] * shape[2] * max(1, len(wish.algorithms))
    return max(1, min(PAGE, MOST_VALUES // values))


def more_steps(wish: Wish, verdicts: Iterable[tuple[str, str]]) -> int:
    """Return the number of steps to try where the delta of an integral is poor; 0 where more would not help.

    Parameters
    ----------
    verdicts
        Name and verdict of every map that is shown.
    """
    poor = any(verdict == "poor" and name in INTEGRALS for name, verdict in verdicts)
    return min(MORE * wish.steps, MOST_STEPS) if poor and wish.steps < MOST_STEPS else 0


def _windows(workspace: Workspace, wish: Wish) -> int:
    """Return how many squares occlusion covers."""
    side = min(workspace.input_shape[1:], default=32)
    window = min(wish.window or max(1, side // 8), side)
    stride = wish.stride or max(1, window // 2)
    return int(ceil((side - window) / stride) + 1) ** 2


def seconds(workspace: Workspace, wish: Wish) -> float:
    """Estimate how long one picture takes: passes of the network, each with its way back."""
    macs = sum(layer.macs for layer in workspace.layers)
    speed = 3e11 if workspace.compute.device.startswith(("cuda", "mps")) else 8e9
    passes: dict[str, float] = {"integrated_gradients": wish.steps, "layer_conductance": wish.steps}
    passes["occlusion"] = _windows(workspace, wish) / 3  # without a way back
    return 3 * macs * sum(passes.get(name, 1) for name in wish.algorithms) / speed
