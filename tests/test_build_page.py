"""Building a configuration by hand: choosing, undoing, costs, running, pinning, saving, and a column of one's own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QGuiApplication, QKeyEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from analysis.edits import Edits
from analysis.measures.geometry import lay_out
from analysis.request import Request
from app.configuring.build_page import BuildPage, claim
from app.configuring.cost_page import CostPage
from app.configuring.groups_page import GroupsPage
from app.configuring.matrix_page import MatrixPage, columns_of, kinds_of, name_of
from app.configuring.oracle_page import OraclePage
from app.drawing.readout import Entry
from app.reading import building
from app.reading.configurations import Reading
from app.theme import Theme
from app.workspace import Workspace
from tests import configuration_scenes, scenes
from tests.configuration_views import reading_of, view_of
from tests.gestures import settle, theme

__all__ = ["theme"]

FIRST, SECOND, THIRD = configuration_scenes.POINTS
EXTRA = f"{FIRST}:dil2+{THIRD}:ker5"
COUNT = 60


OPENED: list[Workspace] = []


@pytest.fixture(autouse=True)
def forgotten_steps() -> Iterator[None]:
    """Empty the undo stacks of a test while everything that they belong to is still there."""
    yield
    for workspace in OPENED:
        workspace.undo.clear()
    OPENED.clear()


def opened(sweep: bool = True, points: bool = True) -> Workspace:
    workspace = scenes.opened()
    OPENED.append(workspace)
    if points:
        scenes.play(workspace, configuration_scenes.points_events(scenes.MODEL))
    if sweep:
        events = configuration_scenes.configuration_events(scenes.MODEL, scenes.IMAGES, COUNT)
        scenes.play(workspace, events, folder="runs/configurations")
    return workspace


def tried(workspace: Workspace, extra: str = EXTRA) -> None:
    scenes.play(workspace, configuration_scenes.hand_events(scenes.MODEL, scenes.IMAGES, extra))


def test_the_page_needs_no_run(theme: Theme, qtbot: QtBot) -> None:
    workspace = opened(sweep=False)
    view = view_of(workspace, theme, qtbot, "oracle")
    assert view.empty.isVisible()
    view.by_hand.click()
    settle()
    assert view.build.strip.isVisible()
    assert [stop.name for stop in view.build.strip.stops] == list(configuration_scenes.POINTS)
    assert "network as it is" in view.build.claim.text


def test_the_blueprint_is_asked_for_once(theme: Theme, qtbot: QtBot) -> None:
    workspace = opened(points=False)
    asked: list[Request] = []
    workspace.look_wanted.connect(asked.append)
    view = view_of(workspace, theme, qtbot, "build")
    view.invalidate()
    settle()
    assert [request.method for request in asked] == ["switch_points"]
    assert "being read" in view.build.claim.text
    scenes.play(workspace, configuration_scenes.points_events(scenes.MODEL))
    settle()
    assert len(view.build.strip.stops) == 3


def test_a_choice_shows_maps_and_costs_at_once_and_is_undone(theme: Theme, qtbot: QtBot) -> None:
    workspace = opened()
    page = view_of(workspace, theme, qtbot, "build").build
    page.look_at(SECOND)
    page.options.buttons["strideK1"].click()
    settle()
    assert workspace.edits == Edits(geometry=((SECOND, "strideK1"),))
    layout = lay_out(configuration_scenes.chain(), {SECOND: "strideK1"})
    plain = lay_out(configuration_scenes.chain(), {})
    assert [stop.size for stop in page.strip.stops] == [(32, 32)] * 3
    assert sum(stop.macs for stop in page.strip.stops) == layout.total
    assert f"{layout.total / plain.total:.2f} × plain" in page.claim.text
    assert page.options.buttons["strideK1"].isChecked()
    page.look_at(THIRD)
    page.options.buttons["dil2"].click()
    page.options.buttons["ker5"].click()  # one option a layer: it takes the place of the dilation
    settle()
    assert dict(workspace.edits.geometry) == {SECOND: "strideK1", THIRD: "ker5"}
    page.undo.click()
    page.undo.click()
    settle()
    assert dict(workspace.edits.geometry) == {SECOND: "strideK1"}
    page.clear.click()
    settle()
    assert workspace.edits == Edits()
    workspace.undo.undo()
    settle()
    assert page.strip.stops[1].option == "strideK1"


def test_choosing_what_the_network_has_is_no_change(theme: Theme, qtbot: QtBot) -> None:
    workspace = opened()
    page = view_of(workspace, theme, qtbot, "build").build
    page.look_at(SECOND)
    page.options.buttons["strideK1"].click()
    page.options.buttons["strideD2"].click()
    settle()
    assert workspace.edits == Edits()
    assert not page.run.isEnabled()


def test_locked_options_say_why(theme: Theme, qtbot: QtBot) -> None:
    page = view_of(opened(), theme, qtbot, "build").build
    page.look_at(FIRST)
    locked = page.options.buttons["strideU2"]
    assert not locked.isEnabled()
    assert "it may not" in locked.toolTip()


def test_a_layer_is_chosen_by_click_key_and_list(theme: Theme, qtbot: QtBot) -> None:
    workspace = opened()
    page = view_of(workspace, theme, qtbot, "build").build
    wide = page.strip.width()
    qtbot.mouseClick(page.strip, Qt.MouseButton.LeftButton, pos=QPoint(wide - 30, 40))
    assert page.layer == THIRD
    assert workspace.selection.layer == THIRD
    page.strip.keyPressEvent(QKeyEvent(QEvent.Type.KeyPress, Qt.Key.Key_Left, Qt.KeyboardModifier.NoModifier))
    assert page.layer == SECOND
    page.layers.activated.emit(0)
    assert page.layer == FIRST


def test_run_asks_for_the_plain_network_and_this_configuration_on_the_pictures_of_the_family(
    theme: Theme, qtbot: QtBot
) -> None:
    workspace = opened()
    view = view_of(workspace, theme, qtbot, "build")
    asked: list[Request] = []
    workspace.run_wanted.connect(asked.append)
    view.build.choose(((FIRST, "dil2"), (THIRD, "ker5")))
    view.build.policy.setCurrentIndex(1)
    view.build.run.click()
    (request,) = asked
    assert request.method == "dynamic_configurations"
    assert dict(request.params) == {"family": "none", "extra": EXTRA, "policy": "resize"}
    assert request.edits == Edits()  # the geometry is not also that of the plain network
    assert view.build.pins == [f"{EXTRA} (resize)"]


def test_the_request_that_is_saved_is_the_one_that_is_run(theme: Theme, qtbot: QtBot, tmp_path: Path) -> None:
    workspace = opened()
    page = view_of(workspace, theme, qtbot, "build").build
    page.choose(((FIRST, "dil2"),))
    asked: list[Request] = []
    workspace.run_wanted.connect(asked.append)
    page.run_now()
    page.save_to(str(tmp_path / "mine.json"))
    assert Request.from_json((tmp_path / "mine.json").read_text()) == asked[0]
    assert "analysis run mine.json" in page.said.text
    page.copy_command()
    line = QGuiApplication.clipboard().text()
    assert "--set family=none" in line
    assert f"extra={FIRST}:dil2" in line
    page.save_to(str(tmp_path / "no" / "such.json"))
    assert "could not be written" in page.said.text


def test_a_run_by_hand_does_not_take_the_place_of_the_family(theme: Theme, qtbot: QtBot) -> None:
    workspace = opened()
    tried(workspace)
    view = view_of(workspace, theme, qtbot, "oracle")
    assert len(reading_of(view).names) == 27
    run = building.sweep_of(workspace)
    assert run is not None
    assert not building.by_hand(run)


def test_what_was_tried_is_listed_with_its_accuracy_and_taken_up_again(theme: Theme, qtbot: QtBot) -> None:
    workspace = opened()
    tried(workspace)
    page = view_of(workspace, theme, qtbot, "build").build
    assert page.tried.rows is not None
    (row,) = page.tried.rows
    assert row.key == EXTRA
    run = building.tried(workspace)[0]
    own = Reading(run.result)
    assert row.texts[1].startswith(f"{100 * own.accuracy[1]:.1f}")
    page.tried.cellClicked.emit(0, 1)
    settle()
    assert workspace.edits.geometry == ((FIRST, "dil2"), (THIRD, "ker5"))


def test_a_pinned_configuration_is_a_column_behind_the_plain_one(theme: Theme, qtbot: QtBot) -> None:
    workspace = opened()
    tried(workspace)
    view = view_of(workspace, theme, qtbot, "build")
    item = view.build.tried.item(0, 0)
    assert item is not None
    item.setCheckState(Qt.CheckState.Checked)
    view.show_page("matrix")
    settle()
    page, reading = view.pages["matrix"], reading_of(view)
    assert isinstance(page, MatrixPage)
    assert columns_of(reading).tolist()[:2] == [0, 27]
    assert name_of(reading, 27) == "hand 1"
    kinds = kinds_of(reading)
    np.testing.assert_array_equal(kinds[:40, 27], reading.kinds[:40, 5])  # the made-up run repeats this column
    assert np.isnan(kinds[40:, 27]).all()  # pictures that it did not see
    row = int(np.flatnonzero(reading.order < 40)[3])
    page.matrix.cell_clicked.emit(row, 1)
    settle()
    assert page.card.card is not None
    assert [answer.heading for answer in page.card.card.answers] == ["plain network", "mixed:hand"]
    assert view.look.configuration == 0
    page.matrix.cell_clicked.emit(row, 4)
    settle()
    assert page.card.card.answers[1].heading != "mixed:hand"


def test_a_run_by_hand_on_an_edited_network_is_no_column_of_the_unedited_one(theme: Theme, qtbot: QtBot) -> None:
    workspace = opened()
    tried(workspace)
    run = building.tried(workspace)[0]
    reading = reading_of(view_of(workspace, theme, qtbot, "oracle"))
    for edits, known in ((Edits(widths=(("layer1.0.conv1", 8),)), False), (Edits(geometry=((FIRST, "dil2"),)), True)):
        run.request = replace(run.request, edits=edits)
        assert bool(building.pinned(workspace, reading, [EXTRA])) == known


def test_a_pinned_configuration_is_a_row_of_the_oracle_page_and_in_no_oracle(theme: Theme, qtbot: QtBot) -> None:
    workspace = opened()
    tried(workspace)
    view = view_of(workspace, theme, qtbot, "oracle")
    page = view.pages["oracle"]
    assert isinstance(page, OraclePage)
    before = {row.name: row.bars[0].value for row in page.rows.rows}
    view.build.pin(EXTRA, True)
    settle()
    after = {row.name: row.bars[0].value for row in page.rows.rows}
    assert after.keys() - before.keys() == {"hand 1: dil2|ker5"}
    assert {name: after[name] for name in before} == before


def test_a_pinned_configuration_is_a_diamond_of_the_cost_map(theme: Theme, qtbot: QtBot) -> None:
    workspace = opened()
    tried(workspace)
    view = view_of(workspace, theme, qtbot, "cost")
    page = view.pages["cost"]
    assert isinstance(page, CostPage)
    before = page.plot.dots.dots
    assert before is not None
    assert not before.pinned
    view.build.pin(EXTRA, True)
    settle()
    dots, reading = page.plot.dots.dots, reading_of(view)
    assert dots is not None
    # The made-up run repeats column 5 on the first 40 pictures.
    ((name, cost, share),) = dots.pinned
    assert (name, cost, share) == ("hand 1", reading.macs[5], reading.correct[:40, 5].mean())
    assert dots.front.tolist() == before.front.tolist()  # it is no configuration of the sweep
    told: list[tuple[str, tuple[Entry, ...]]] = []
    page.told.connect(lambda heading, found: told.append((heading, found)))
    page.plot.hovered.emit((cost, share))
    assert told[-1][0] == "hand 1"
    assert any("N = 40" in entry.text for entry in told[-1][1])
    page.plot.clicked.emit(cost, share, False)
    settle()
    assert 0 < view.look.configuration < 27  # a dot below it, as a diamond is none of the family


def test_pins_are_kept_with_the_view_and_damaged_ones_are_dropped(theme: Theme, qtbot: QtBot) -> None:
    workspace = opened()
    tried(workspace)
    view = view_of(workspace, theme, qtbot, "build")
    view.build.pin(EXTRA, True)
    state = view.state()
    other = view_of(workspace, theme, qtbot, "build")
    other.restore(state | {"pins": [*state["pins"], "nonsense", 7, "a:dil2;b:dil2"]})
    assert other.build.pins == [EXTRA]


def test_a_geometry_that_does_not_run_cannot_be_run(theme: Theme, qtbot: QtBot) -> None:
    workspace = opened()
    page = view_of(workspace, theme, qtbot, "build").build
    page.choose(((FIRST, "strideU2"),))
    assert "not possible" in page.claim.text
    assert not page.run.isEnabled()
    assert page.clear.isEnabled()


def test_a_problem_of_the_network_is_said() -> None:
    plain = lay_out(configuration_scenes.chain(), {})
    broken = lay_out(configuration_scenes.chain(), {FIRST: "strideD2", SECOND: "strideD2"})
    assert "0.0" not in claim(broken, plain, ((FIRST, "strideD2"),))
    assert claim("why", plain, ()) == "why"


def test_light_and_dark_fit_the_usual_width(theme: Theme, qtbot: QtBot, qapp: QApplication) -> None:
    view = view_of(opened(), theme, qtbot, "build")
    assert isinstance(view.build, BuildPage)
    assert view.minimumSizeHint().width() <= 777
    assert view.build.strip.width() > 600


def test_groups_by_a_table_of_the_user(theme: Theme, qtbot: QtBot, tmp_path: Path) -> None:
    workspace = opened()
    view = view_of(workspace, theme, qtbot, "groups")
    page, reading = view.pages["groups"], reading_of(view)
    assert isinstance(page, GroupsPage)
    (tmp_path / "own.csv").write_text("\n".join(["age", *(str(place % 3) for place in range(1000))]))
    page.take_table(str(tmp_path / "own.csv"))
    settle()
    assert page.kinds.currentText() == "age (yours)"
    assert [row.name for row in page.plot.rows] == ["0", "1", "2"][: len(page.plot.rows)]
    np.testing.assert_array_equal(reading.values("age (yours)"), reading.places % 3)
    (tmp_path / "bad.csv").write_text("1\n2\n")
    page.take_table(str(tmp_path / "bad.csv"))
    assert "2 values" in page.control.text
    assert page.kinds.findText("age (yours)") >= 0
