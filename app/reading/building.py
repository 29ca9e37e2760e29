"""A configuration built by hand: what can be chosen where, what it costs, which runs tried it, and which are pinned."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from analysis.edits import Edits
from analysis.measures.blueprints import Blueprint, from_bytes
from analysis.measures.configurations import Geometry, Option, read_extra, write_extra
from analysis.measures.geometry import Layout, lay_out
from analysis.problems import AnalysisError
from analysis.request import Request
from app.reading.configurations import METHOD, Pinned, Reading, is_ready
from app.workspace import Run, Workspace

POINTS = "switch_points"


@dataclass(frozen=True, slots=True)
class Choice:
    """An option of the layer that is looked at.

    Attributes
    ----------
    word, token
        "strideD2", "D2".
    why_not
        Why it cannot be chosen, "" if it can.
    own, chosen
        True for what the network has, and for what is chosen now.
    """

    word: str
    token: str
    why_not: str
    own: bool
    chosen: bool


class Bench:
    """The blueprint of the open network, read once, with layouts of what was asked for."""

    def __init__(self) -> None:
        self._result: object = None
        self.blueprint: Blueprint | None = None
        self._layouts: dict[tuple[Geometry, bool], Layout | str] = {}

    def read(self, workspace: Workspace) -> Blueprint | None:
        """Return the blueprint of the open network, None before the engine has drawn it."""
        run = points_run(workspace)
        result = run.result if run is not None else None
        if result is not self._result:
            self._result, self.blueprint, self._layouts = result, None, {}
            if result is not None:
                self.blueprint = from_bytes(np.asarray(result["description"], dtype=np.uint8))
        return self.blueprint

    def layout(self, geometry: Geometry, resize: bool) -> Layout | str:
        """Lay a geometry out, or say why it is none."""
        assert self.blueprint is not None  # read before
        if (geometry, resize) not in self._layouts:
            try:
                self._layouts[geometry, resize] = lay_out(self.blueprint, dict(geometry), resize)
            except AnalysisError as error:
                self._layouts[geometry, resize] = str(error)
        return self._layouts[geometry, resize]

    def choices(self, name: str, geometry: Geometry, resize: bool) -> tuple[Choice, ...]:
        """List the options of a layer; those that do not go with the other choices are locked as well."""
        layer = self.blueprint.layer(name) if self.blueprint is not None else None
        if layer is None:
            return ()
        chosen, found = dict(geometry).get(name, ""), []
        for offer in layer.offers:
            option = Option.read(offer.word)
            own = option == layer.point.nominal(option.family)
            why = offer.locked
            if not why:
                there = self.layout(with_choice(geometry, name, "" if own else offer.word), resize)
                why = there if isinstance(there, str) else there.problem
            here = chosen == offer.word or (own and Option.read(chosen).family != option.family if chosen else own)
            found.append(Choice(offer.word, option.token, why, own, here))
        return tuple(found)


def with_choice(geometry: Geometry, name: str, word: str) -> Geometry:
    """Choose another option at a layer, "" for the network's own; one option a layer."""
    chosen = dict(geometry)
    chosen.pop(name, None)
    if word:
        chosen[name] = word
    return tuple(sorted(chosen.items()))


def points_request(workspace: Workspace) -> Request:
    """Make the request that draws the blueprint of the open network, before its geometry is changed."""
    request = workspace.new_request(POINTS)
    return replace(request, edits=replace(workspace.edits, geometry=()))


def points_run(workspace: Workspace) -> Run | None:
    """Return the newest finished run that drew the blueprint of the open network with its present edits."""
    edits = replace(workspace.edits, geometry=())
    found = [
        run
        for run in workspace.runs.values()
        if run.request.method == POINTS and run.request.edits == edits and run.request.model == workspace.shown_model
    ]
    return next((run for run in reversed(found) if run.state == "completed"), None)


def by_hand(run: Run) -> bool:
    """Tell whether a run tried configurations built by hand and no family."""
    return dict(run.request.params).get("family") == "none"


def sweep_of(workspace: Workspace) -> Run | None:
    """Return the newest run of a family; one of configurations by hand only if there is no other."""
    fits = [
        run
        for run in workspace.runs.values()
        if run.request.method == METHOD and not by_hand(run) and is_ready(run.result) and _is_open(workspace, run)
    ]
    return max(fits, key=lambda run: (run.began, run.number), default=None) or workspace.latest(METHOD)


def _is_open(workspace: Workspace, run: Run) -> bool:
    shown, model = workspace.shown_model, run.request.model
    return shown is not None and model is not None and (model.name, model.weights) == (shown.name, shown.weights)


def hand_request(workspace: Workspace, geometry: Geometry, resize: bool) -> Request:
    """Make the request that runs the network as it is and one geometry, on the pictures of the newest family if any.

    The geometry is asked for in `extra` and taken out of the edits: else the edited network would be the plain one.
    """
    params = {"family": "none", "extra": write_extra((geometry,))} | ({"policy": "resize"} if resize else {})
    request = workspace.new_request(METHOD, **params)
    edits = replace(workspace.edits, geometry=())
    sweep = sweep_of(workspace)
    if sweep is not None and not by_hand(sweep) and sweep.request.images == workspace.images:
        request = replace(request, limit=sweep.request.limit, seed=sweep.request.seed)
    return replace(request, edits=edits)


def tried(workspace: Workspace) -> tuple[Run, ...]:
    """Return runs of configurations by hand on the open network, newest last, one for each geometry."""
    found: dict[tuple[object, ...], Run] = {}
    for run in sorted(workspace.runs.values(), key=lambda run: (run.began, run.number)):
        if run.request.method == METHOD and by_hand(run) and _is_open(workspace, run):
            params = dict(run.request.params)
            key = (params.get("extra"), params.get("policy"), replace(run.request.edits, geometry=()))
            found.pop(key, None)
            found[key] = run
    return tuple(found.values())


def text_of(run: Run) -> str:
    """How the configuration of a run by hand is written, with its shortcut policy if that is not the usual one."""
    params = dict(run.request.params)
    return str(params.get("extra", "")) + (" (resize)" if params.get("policy") == "resize" else "")


def pinned(workspace: Workspace, reading: Reading, texts: Iterable[str]) -> tuple[Pinned, ...]:
    """Put pinned configurations beside a run, as far as they were tried on some of its pictures."""
    request = reading.result.request
    edits = replace(request.edits, geometry=()) if request is not None else None
    runs = {text_of(run): run for run in tried(workspace) if replace(run.request.edits, geometry=()) == edits}
    found: list[Pinned] = []
    for text in texts:
        run = runs.get(text)
        if run is None or not is_ready(run.result) or reading.result is run.result:
            continue
        if run.request.images != (request.images if request is not None else None):
            continue
        own = Reading(run.result)
        place = {int(number): row for row, number in enumerate(own.places)}
        rows = np.array([place.get(int(number), -1) for number in reading.places], dtype=np.int64)
        if own.labelled and (rows >= 0).any():
            found.append(Pinned(text.partition(" (")[0], own, rows, len(found) + 1))
    return tuple(found)


def is_geometry(text: str) -> bool:
    """Tell whether a text names exactly one configuration."""
    try:
        return len(read_extra(text.partition(" (")[0])) == 1
    except AnalysisError:
        return False


def changed(edits: Edits, known: Mapping[str, object]) -> Geometry:
    """Return the geometry of the edits, in the order of the layers; layers that are not known come last."""
    order = {name: place for place, name in enumerate(known)}
    return tuple(sorted(edits.geometry, key=lambda pair: order.get(pair[0], len(order))))
