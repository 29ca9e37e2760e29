"""Removal of blocks in the Bundles tab: what is ticked, measured, kept and undone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from analysis.edits import Edits
from analysis.request import Request
from app.bundling.removal_page import claim
from app.reading.removal import RemovalReading
from app.theme import Theme
from tests import scenes
from tests.bundle_views import opened, removal, view_of
from tests.gestures import settle, theme

__all__ = ["theme"]


# -- removal ---------------------------------------------------------------------------------------------------------


def test_ticks_show_accuracy_and_cost(theme: Theme, qtbot: QtBot) -> None:
    view = view_of(removal(), theme, qtbot, "removal")
    page = view.removal
    assert page.reading is not None
    assert len(page.reading.blocks) == 9
    page.tick(page.reading.blocks[:2])
    whole, without, change = (cell.text() for cell in page.cells["macs"])
    assert (whole, without) == ("1.00\N{NO-BREAK SPACE}M", "997\N{NO-BREAK SPACE}k")
    assert change == "−0.3 %"
    measured = 90.0 - 100 * (0.001 + 0.001 + 0.004)
    assert page.cells["accuracy"][1].text() == f"{measured:.1f}\N{NO-BREAK SPACE}%"
    (spot,) = page.plot.item.spots
    assert (spot.x[0], spot.y[0]) == (2.0, pytest.approx(measured))
    page.tick((page.reading.blocks[0], page.reading.blocks[8], page.reading.blocks[4]))
    assert page.cells["accuracy"][1].text() == ""
    assert page.measure.isEnabled()
    assert not page.plot.item.spots


def test_the_order_offers_what_can_go(theme: Theme, qtbot: QtBot) -> None:
    view = view_of(removal(), theme, qtbot, "removal")
    page = view.removal
    assert page.reading is not None
    loss = np.cumsum(0.001 + 0.004 * np.arange(9) ** 1.5)
    assert page.reading.bearable() == int((loss < 0.01).sum()) == 2
    page.first.click()
    assert page.ticked == page.reading.blocks[:2]
    assert page.cells["latency0"][1].text() == "4\N{NO-BREAK SPACE}ms"  # this is the network that the run has reduced
    assert page.claim.text.startswith("2 of 9 blocks can go at a loss below 1 percentage point ·")


def test_the_random_curve_of_conflicting_blocks_says_where_it_has_lost_too_much(theme: Theme, qtbot: QtBot) -> None:
    workspace = removal()
    run = workspace.latest("block_removal")
    assert run is not None
    reading = RemovalReading(run.result)
    lost = [run.result["first_loss"][row] for row in range(3)]
    mean = reading.group("conflicting")[0]
    run.result["first_loss"][0] = 3
    assert reading.lost_at("conflicting") == 3
    assert "random conflicting ones reach that loss at 3" in claim(reading)
    run.result["first_loss"][0] = -1
    assert np.isfinite(mean[: int((reading.conflicting == 1).sum()) + 1]).all()
    assert reading.lost_at("conflicting") == 0
    run.result["accuracy_mean"][0, 1] = np.nan
    assert reading.lost_at("conflicting") == -1
    run.result["first_loss"][0] = lost[0]
    view = view_of(workspace, theme, qtbot, "removal")
    spec = view.figure_spec()
    assert spec is not None
    assert spec.name == "block_removal"
    assert view.facts.text.endswith("seed 7 · mode update-grid")


def test_keeping_is_one_step_that_can_be_undone(theme: Theme, qtbot: QtBot) -> None:
    workspace = removal()
    workspace.set_edits(Edits(widths=(("g", 8),)))
    view = view_of(workspace, theme, qtbot, "removal")
    page = view.removal
    assert page.reading is not None
    chosen = page.reading.blocks[1:3]
    page.tick(chosen)
    page.keep.click()
    settle()
    assert workspace.edits == Edits(removed=chosen, widths=(("g", 8),))
    assert workspace.undo.count() == 1
    assert not page.keep.isEnabled()
    workspace.undo.undo()
    settle()
    assert workspace.edits.removed == ()
    assert page.ticked == ()
    workspace.undo.redo()
    settle()
    assert page.ticked == chosen
    page.tick(())
    assert page.keep.text() == "Put all blocks back"


def test_a_subset_can_be_measured(theme: Theme, qtbot: QtBot) -> None:
    workspace = removal()
    view = view_of(workspace, theme, qtbot, "removal")
    wanted: list[Request] = []
    workspace.run_wanted.connect(wanted.append)
    assert view.removal.reading is not None
    blocks = view.removal.reading.blocks
    workspace.set_edits(Edits(removed=blocks[:1]))
    view.removal.tick((blocks[0], blocks[3], blocks[8]))
    view.removal.measure.click()
    assert wanted[0].method == "block_removal"
    assert dict(wanted[0].params) == {"blocks": ",".join((blocks[0], blocks[3], blocks[8]))}
    assert wanted[0].edits.removed == ()  # the study removes blocks itself, from the whole network


@pytest.mark.parametrize(("conflicting", "words"), [(0, "no curve of conflicting"), (9, "no curve of non-conflicting")])
def test_an_empty_group_is_said_in_words(conflicting: int, words: str, theme: Theme, qtbot: QtBot) -> None:
    view = view_of(removal(conflicting), theme, qtbot, "removal")
    assert words in view.removal.claim.text
    assert sum(key.words.startswith("random") for key in view.removal.legend.keys) == 1
    assert any(key.words.endswith("at τ, so no curve") for key in view.removal.legend.keys)


def test_removal_asks_for_what_it_needs(theme: Theme, qtbot: QtBot) -> None:
    workspace = opened()
    view = view_of(workspace, theme, qtbot, "removal")
    wanted: list[Request] = []
    workspace.run_wanted.connect(wanted.append)
    assert "min" in view.removal.note.text()
    view.removal.ask.click()
    assert [request.method for request in wanted] == ["block_removal"]
    plain = tuple(replace(layer, block="") for layer in scenes.network() if layer.kind != "branch")
    other = view_of(scenes.opened(plain), theme, qtbot, "removal")
    assert "no residual blocks" in other.removal.note.text()
    assert not other.removal.ask.isVisible()
