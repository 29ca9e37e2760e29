"""What stands beside the badge "edited" is the size of the edited network, or says that it is the one before."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF
from pytestqt.qtbot import QtBot

from analysis.edits import Edits
from analysis.measures.widths.costs import CostModel
from analysis.measures.widths.description import from_bytes
from app.reading import numbers
from app.reading.network_size import BEFORE, size_of
from app.theme import Theme
from app.views.overview import Overview
from tests import scenes, width_scenes
from tests.gestures import settle, show, theme

__all__ = ["theme"]


def test_widths_count_as_they_are_edited() -> None:
    workspace = scenes.opened()
    plain = size_of(workspace)
    assert plain.after is None
    assert plain.known
    assert "→" not in plain.words
    result = scenes.play(workspace, width_scenes.width_events(workspace.layers, scenes.MODEL)).result
    model = CostModel(from_bytes(result["description"].astype(np.uint8)))
    group = next(one for one in model.found.groups if not one.locked)
    workspace.set_edits(Edits(widths=((group.name, group.width // 2),)))
    edited = size_of(workspace)
    expected = model.costs({group.name: group.width // 2}).totals
    assert edited.after == (expected.parameters, expected.macs)
    assert edited.facts == (numbers.short(expected.parameters), f"{numbers.short(expected.macs)} MACs")
    assert f"→ {expected.macs:,} multiply-adds" in edited.details
    assert edited.before == plain.before
    workspace.set_edits(Edits())
    assert size_of(workspace) == plain


def test_what_is_not_known_is_called_that_before() -> None:
    workspace = scenes.opened()
    conv = next(layer for layer in workspace.layers if layer.kind == "conv")
    workspace.set_edits(Edits(geometry=((conv.name, "dil2"),)))
    size = size_of(workspace)
    assert not size.known
    assert size.words.endswith(BEFORE)
    assert size.facts[1].endswith(BEFORE)


def test_the_overview_says_both(theme: Theme, qtbot: QtBot) -> None:
    workspace = scenes.opened()
    run = scenes.play(workspace, width_scenes.width_events(workspace.layers, scenes.MODEL))
    model = CostModel(from_bytes(run.result["description"].astype(np.uint8)))
    group = next(one for one in model.found.groups if not one.locked)
    view = Overview(workspace, theme)
    qtbot.addWidget(view)
    show(view)
    assert "→" not in view.title.text
    workspace.set_edits(Edits(widths=((group.name, group.width // 2),)))
    settle()
    assert "→" in view.title.text


def test_what_was_measured_before_the_edit_says_so_first(theme: Theme, qtbot: QtBot) -> None:
    workspace = scenes.full()
    view = Overview(workspace, theme)
    qtbot.addWidget(view)
    show(view, 750, 600)
    group = next(layer.name for layer in workspace.layers if layer.kind == "conv")
    workspace.set_edits(Edits(widths=((group, 8),)))
    settle()
    first = view.facts.text.split(" · ")[0]
    assert "before the last edit" in first
    assert "before the last edit" in view.facts.toolTip() or "before the last edit" in view.facts.tip_at(QPointF(20, 8))
