"""A Bundles tab to test: a residual network with a run of bundles, and the tab that shows it."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from PySide6.QtCore import QPoint
from pytestqt.qtbot import QtBot

from analysis.events import Event
from analysis.request import ImageSource
from app.drawing.depth_plot import DepthPlot
from app.reading.bundles import Reading
from app.theme import Theme
from app.views.bundles import BundlesView
from app.workspace import Workspace
from tests import bundle_scenes, scenes
from tests.gestures import settle, show

COUNT, CHECKPOINTS = 60, 4
PICTURES = ImageSource("demo:test")
EPOCH = str(Path(__file__).parent.parent / "resources/demo/fashion_plain/epoch-01.safetensors")


def events(workspace: Workspace, **how: object) -> list[Event]:
    return list(bundle_scenes.bundle_events(workspace.layers, scenes.MODEL, PICTURES, **how))  # type: ignore[arg-type]


def opened(**how: object) -> Workspace:
    """A residual network with a run of bundles."""
    workspace = scenes.opened()
    workspace.set_images(PICTURES)
    scenes.play(workspace, iter(events(workspace, **how)), folder="runs/bundles")
    return workspace


def view_of(workspace: Workspace, theme: Theme, qtbot: QtBot, page: str = "depth") -> BundlesView:
    view = BundlesView(workspace, theme)
    qtbot.addWidget(view)
    show(view, 777, 640)
    view.show_page(page)
    settle()
    return view


def reading_of(view: BundlesView) -> Reading:
    assert view.reading is not None
    return view.reading


def entropy(ids: np.ndarray, labels: np.ndarray) -> float:
    """Bundle entropy, picture by picture: what an independent reader would compute."""
    found = 0.0
    for i, label in enumerate(labels.tolist()):
        mates = labels[ids == ids[i]].tolist()
        found -= math.log(mates.count(label) / len(mates))
    return found / len(labels)


def pixel(plot: DepthPlot, point: int, height: float = 0.5) -> QPoint:
    area, (left, right) = plot.area(), plot.box.viewRange()[0]
    return QPoint(
        round(area.left() + (point - left) / (right - left) * area.width()),
        round(area.bottom() - height * area.height()),
    )


def removal(conflicting: int = 4) -> Workspace:
    workspace = opened()
    study = bundle_scenes.removal_events(workspace.layers, scenes.MODEL, PICTURES, conflicting)
    scenes.play(workspace, study, folder="runs/removal")
    return workspace
