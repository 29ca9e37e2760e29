"""A workspace file arranges views that have nothing to choose from yet."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from analysis.request import ImageSource
from app.browsing.wish_row import WishRow
from app.reading.samples import DISAGREE, Wish
from app.tabs import ViewTabs
from app.theme import Theme
from app.views import VIEWS, View
from app.workspace import Workspace
from tests import scenes
from tests.gestures import settle, show, theme

__all__ = ["theme"]

STATES: dict[str, dict[str, Any]] = {
    "attribution": {
        "algorithms": ["saliency", "grad_cam"], "target": "dog", "layer": "layer2.0.conv1", "baseline": "blur",
        "steps": 80, "window": 6, "stride": 2, "shared": True, "opacity": 40,
    },
    "samples": {
        "label": 5, "verdict": "wrong", "low": 0.1, "high": 0.9, "words": "do", "order": "confidence", "falling": True,
        "prediction": 3,
    },
    "overview": {
        "axis": "depth", "rows": "points",
        "tracks": [
            {"key": "feature_rank.effective_rank", "weight": 2.0, "log": True},
            {"key": "structure.width", "weight": 1.0, "log": False},
        ],
    },
    "rank": {
        "measure": "rank_ratio", "centred": True, "rtol": 0.001, "energy": 0.9, "points": "conv",
        "beside": "nuclear_norm_scaled", "lanes": ["change", "weights"], "lower": "norm",
    },
    "rank_lab": {
        "type": "3x3", "zoom": True, "published": False, "settings": True, "params": {"seed": 3},
        "hidden": ["elu"], "outline": "3", "quantity": "dead",
    },
    "evaluate": {"order": "accuracy", "diagonal": True},
    "bundles": {"side": "flow", "value": "bundles"},
    "configurations": {"side": "cost", "pins": []},
    "sharing": {"side": "layers", "count": "shared", "value": "cosine", "likeness": "overlap"},
    "widths": {
        "page": "line", "columns": "blocks", "log": True, "multiple": 8, "minimum": 4, "locked": ["stage 1"],
        "target": ["parameters", 0.5],
        "line": {"axis": "depth", "table": "audit", "references": ["MobileNetV2"], "left_out": ["layer1.0"]},
        "shrink": {
            "beta": 1.5, "target": 90.0, "rho": 0.3, "tau": 0.4, "pictures": 32.0, "scores": True, "layers": True,
        },
        "sensitivity": {"ratios": "0.5", "measure": "accuracy"},
        "snapshots": {},
    },
}  # fmt: skip
"""What is chosen where there is something to choose from."""


def tabs_of(workspace: Workspace, theme: Theme, qtbot: QtBot, states: dict[str, Any]) -> ViewTabs:
    made = ViewTabs(workspace, theme, VIEWS)
    qtbot.addWidget(made)
    made.restore(copy.deepcopy(states))
    show(made, 900, 700)
    return made


def fill(workspace: Workspace) -> None:
    """Open in an existing workspace what :func:`scenes.full` opens."""
    full = scenes.full()
    workspace.set_model(full.model)
    workspace.set_images(full.images)
    for run in full.runs.values():
        workspace.add_run(run)
        workspace.announce(run.number)
    settle()


@pytest.mark.parametrize("name", list(STATES))
def test_what_is_kept_stays_until_there_is_something_to_choose_from(name: str, theme: Theme, qtbot: QtBot) -> None:
    workspace = Workspace()
    tabs = tabs_of(workspace, theme, qtbot, {name: STATES[name]})
    tabs.show_view(name)
    settle()
    assert tabs.states()[name] == STATES[name]  # as a save would keep it now
    fill(workspace)
    if name == "samples":  # it opens the pictures themselves
        workspace.set_images(ImageSource("demo:test"))
    view = tabs.view(name)
    assert isinstance(view, View)
    qtbot.waitUntil(lambda: view.content.isVisible(), timeout=5000)
    settle()
    assert tabs.states()[name] == STATES[name]


def test_a_verdict_of_two_networks_is_kept_while_there_is_one(qtbot: QtBot) -> None:
    row = WishRow()
    for widget in (row, row.ordering):  # the caller places the second one
        qtbot.addWidget(widget)
    row.show_wish(Wish(verdict=DISAGREE))
    assert (row.wish.verdict, row.kept.verdict) == ("all", DISAGREE)
    row.set_compared("another")
    assert row.wish.verdict == row.kept.verdict == DISAGREE
    row.verdict.setCurrentIndex(0)
    row.set_compared("")
    row.set_compared("another")
    assert row.kept.verdict == "all"  # what was chosen since
