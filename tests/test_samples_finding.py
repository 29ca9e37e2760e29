"""Going to a picture by its number or its file, and going on from it: search, grid, menu, command palette."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QMenu
from pytestqt.qtbot import QtBot

from analysis.request import ImageSource, ModelSource
from app.main_window import MainWindow
from app.reading.samples import Wish
from app.theme import Theme
from app.views.samples import SamplesView
from app.workspace import SampleFilter
from tests import scenes
from tests.gestures import click, settle, show, theme
from tests.sample_scenes import demo_run, view_of, wait

__all__ = ["theme"]


@pytest.fixture
def view(theme: Theme, qtbot: QtBot) -> SamplesView:
    return view_of(theme, qtbot, "demo:test", demo_run())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six pictures in folders for two classes."""
    for label in ("boot", "shirt"):
        (tmp_path / label).mkdir()
        for number in range(3):
            Image.fromarray(np.full((8, 8, 3), 40 * number, np.uint8)).save(tmp_path / label / f"img_{number}.png")
    return tmp_path


def search(view: SamplesView, words: str) -> None:
    view.wishes.search.setText(words)
    settle()


def enter(view: SamplesView) -> None:
    QTest.keyClick(view.wishes.search, Qt.Key.Key_Return)
    settle()


@pytest.fixture
def menus(monkeypatch: pytest.MonkeyPatch) -> list[QMenu]:
    """Menus that were opened."""
    found: list[QMenu] = []
    monkeypatch.setattr(QMenu, "popup", lambda menu, *_place: found.append(menu))
    return found


def menu_of(view: SamplesView, menus: list[QMenu]) -> QMenu:
    view.grid.customContextMenuRequested.emit(QPoint(20, 20))
    return menus[-1]


def act(menu: QMenu, words: str) -> None:
    next(action for action in menu.actions() if action.text() == words).trigger()
    menu.close()
    settle()


# -- by number and by file -------------------------------------------------------------------------------------------


def test_a_number_in_the_search_goes_there_and_hides_nothing(view: SamplesView) -> None:
    search(view, "#1234")
    assert "Enter" in view.summary.text
    assert "#1234" in view.summary.text
    assert len(view.grid.samples.places) == 2000
    assert view.workspace.selection.sample == -1
    enter(view)
    assert view.workspace.selection.sample == 1234
    assert view.grid.visualRect(view.grid.samples.index(1234)).intersects(view.grid.viewport().rect())
    assert view.grid.hasFocus() or not view.isActiveWindow()
    assert view.summary.text.startswith("2,000 pictures")
    view.grid.verticalScrollBar().setValue(0)
    enter(view)  # again, after it was scrolled away
    assert view.grid.visualRect(view.grid.samples.index(1234)).intersects(view.grid.viewport().rect())


def test_a_number_beyond_the_last_says_how_they_are_numbered(view: SamplesView) -> None:
    view.workspace.select_sample(3)
    search(view, "#2000")
    assert view.summary.text == "There is no picture #2000: they are numbered from #0 to #1999."
    enter(view)
    assert view.workspace.selection.sample == 3


def test_a_picture_beyond_the_filter_is_shown_and_says_so(view: SamplesView) -> None:
    view.wishes.show_wish(Wish(verdict="wrong"))
    view.workspace.filter_samples(SampleFilter("a bundle", np.arange(40)))
    settle()
    hidden = next(place for place in range(40) if place not in view.grid.samples.places)
    assert not view.outside.isVisible()
    search(view, f"#{hidden}")
    enter(view)
    assert view.workspace.selection.sample == hidden
    assert view.outside.isVisible()
    assert view.card.heading.text().endswith(f"#{hidden}")
    view.outside.pressed.emit()
    settle()
    assert not view.outside.isVisible()
    assert len(view.grid.samples.places) == 2000
    assert view.workspace.selection.sample == hidden
    assert [index.row() for index in view.grid.selectedIndexes()] == [hidden]


def test_enter_goes_to_the_first_picture_that_is_found(theme: Theme, qtbot: QtBot, folder: Path) -> None:
    view = view_of(theme, qtbot, str(folder))
    search(view, "img_2")
    assert view.grid.samples.places.tolist() == [2, 5]
    enter(view)
    assert view.workspace.selection.sample == 2
    search(view, "shirt img_0")
    enter(view)
    assert view.workspace.selection.sample == 3
    search(view, "no such file")
    enter(view)
    assert view.workspace.selection.sample == 3


def test_a_picture_can_be_asked_for_before_they_are_read(theme: Theme, qtbot: QtBot) -> None:
    workspace = scenes.opened()
    workspace.set_images(ImageSource("demo:test"))
    view = SamplesView(workspace, theme)
    qtbot.addWidget(view)
    view.go_to(77)
    show(view)
    wait(lambda: workspace.selection.sample == 77)
    settle()
    assert [index.row() for index in view.grid.selectedIndexes()] == [77]


def test_letters_typed_into_the_grid_search(view: SamplesView) -> None:
    QTest.keyClicks(view.grid, "c")
    settle()
    assert view.wishes.search.text() == "c"


# -- from a picture on -----------------------------------------------------------------------------------------------


def test_a_double_click_and_enter_go_deep(view: SamplesView) -> None:
    wanted: list[str] = []
    view.view_wanted.connect(wanted.append)
    view.workspace.select_sample(0)
    settle()
    click(view.grid.viewport(), view.grid.visualRect(view.grid.samples.index(2)).center(), double=True)
    assert (wanted, view.workspace.selection.sample) == (["attribution"], 2)
    QTest.keyClick(view.grid, Qt.Key.Key_Return)
    assert wanted == ["attribution"] * 2


def test_the_menu_knows_the_picture(view: SamplesView, menus: list[QMenu]) -> None:
    table = view.table
    assert table is not None
    wrong = int(np.flatnonzero(table.right == 0)[0])
    view.workspace.select_sample(wrong)
    settle()
    wanted: list[str] = []
    view.view_wanted.connect(wanted.append)
    act(menu_of(view, menus), f"Explain picture #{wrong}")
    assert wanted == ["attribution"]
    act(menu_of(view, menus), "Copy number")
    assert QGuiApplication.clipboard().text() == str(wrong)
    label, prediction = table.label_name(wrong), table.prediction_name(wrong)
    act(menu_of(view, menus), f"Show only {label} → {prediction}")
    shown = view.grid.samples.places
    assert wrong in shown
    assert {(table.label_name(i), table.prediction_name(i)) for i in shown.tolist()} == {(label, prediction)}
    assert view.wishes.words(True) == f"{label}, taken for {prediction}"
    act(menu_of(view, menus), "Show all pictures")
    assert len(view.grid.samples.places) == 2000


def test_the_menu_knows_several_pictures(theme: Theme, qtbot: QtBot, folder: Path, menus: list[QMenu]) -> None:
    view = view_of(theme, qtbot, str(folder))
    view.workspace.select_sample(4, (1, 4))
    settle()
    act(menu_of(view, menus), "Copy numbers")
    assert QGuiApplication.clipboard().text() == "1,4"
    act(menu_of(view, menus), "Copy paths")
    paths = QGuiApplication.clipboard().text().split("\n")
    assert paths == [str(folder / "boot" / "img_1.png"), str(folder / "shirt" / "img_1.png")]
    act(menu_of(view, menus), "Show only the 2 selected")
    assert view.grid.samples.places.tolist() == [1, 4]
    assert "selected pictures (2)" in view.chip.text()


def test_without_a_picture_the_menu_is_about_all(view: SamplesView, menus: list[QMenu]) -> None:
    menu = menu_of(view, menus)
    assert [action.text() for action in menu.actions()] == ["Select all", "Show all pictures", "What is this?"]
    menu.close()


# -- the command palette ---------------------------------------------------------------------------------------------


def opened(window: MainWindow, location: str) -> MainWindow:
    window.desk.session.open_images(ImageSource(location))
    window.desk.session.open_model(ModelSource("demo:a"))
    wait(lambda: window.workspace.structure is not None and not any(r.open for r in window.workspace.runs.values()))
    return window


def typed(window: MainWindow, words: str) -> list[str]:
    window.slots.show_palette()
    palette = window._palette
    assert palette is not None
    palette.line.setText(words)
    return [entry.text for entry in palette._shown if entry.kind == "picture"]


def test_the_palette_goes_to_a_picture_before_samples_was_seen(window: MainWindow) -> None:
    opened(window, "demo:test")
    assert typed(window, "12") == []
    assert typed(window, "picture 12") == ["Picture #12"]
    assert window._palette is not None
    QTest.keyClick(window._palette.line, Qt.Key.Key_Return)
    wait(lambda: window.workspace.selection.sample == 12)
    assert window.tabs.name == "samples"
    assert typed(window, "#1999") == ["Picture #1999"]
    assert typed(window, "#2000") == []  # now it is known how many there are


def test_the_palette_finds_files_that_samples_has_listed(window: MainWindow, folder: Path) -> None:
    opened(window, str(folder))
    window.tabs.show_view("samples")
    view: Any = window.tabs.view("samples")
    wait(lambda: view.thumbnails.pictures is not None)
    assert typed(window, "im") == []
    assert typed(window, "shirt/img_1") == ["Picture #4  shirt/img_1.png"]
    assert window._palette is not None
    QTest.keyClick(window._palette.line, Qt.Key.Key_Return)
    assert window.workspace.selection.sample == 4
