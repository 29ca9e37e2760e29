"""The settings page: every setting has a row with its explanation, acts at once and survives a restart."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QAbstractButton, QLabel, QWidget
from pytestqt.qtbot import QtBot

from analysis.request import ImageSource, ModelSource
from analysis.store import record
from app.actions import ACTIONS
from app.forms.widgets import Elided
from app.main_window import MainWindow
from app.panels.palette import Entry, rating
from app.panels.settings_panel import SettingsPanel
from app.reading.checkpoints import Checkpoint
from app.reading.options import OPTIONS
from app.settings import RecentModel, Settings, read_settings
from tests import scenes
from tests.gestures import settle

NO_PREFERENCE = {"geometry", "layout", "tab", "tried"}
"""What the window remembers by itself."""
IN_ROWS = {"recent_models": "recent", "recent_images": "recent", "recent_workspaces": "recent"}


@pytest.fixture
def panel(window: MainWindow, qtbot: QtBot) -> SettingsPanel:
    window.desk.client.start()
    qtbot.waitUntil(lambda: window.desk.client.hello is not None)
    found = window.panel("settings")
    assert isinstance(found, SettingsPanel)
    return found


def button(panel: SettingsPanel, text: str) -> QAbstractButton:
    return next(b for b in panel.findChildren(QAbstractButton) if text in (b.text(), b.accessibleName()))


def stored(window: MainWindow) -> Settings:
    settings, complaints = read_settings(window.desk.preferences.path)
    assert complaints == ()
    return settings


def pick(panel: SettingsPanel, name: str, value: str) -> None:
    choice = getattr(panel, name)
    place = choice.findData(value) if choice.findData(value) >= 0 else choice.findText(value)
    choice.setCurrentIndex(place)
    choice.activated.emit(place)


def test_every_setting_has_a_row_with_its_explanation(panel: SettingsPanel) -> None:
    names = {IN_ROWS.get(field.name, field.name) for field in fields(Settings)} - NO_PREFERENCE
    assert names <= set(panel.rows)
    assert set(panel.rows) == {option.name for option in OPTIONS}
    for option in OPTIONS:
        words = [child.text() for child in panel.rows[option.name].findChildren(QLabel)]
        assert option.title in words
        assert option.help in words
        assert option.help.endswith(".")


def test_colours_and_text_change_at_once(window: MainWindow, panel: SettingsPanel) -> None:
    pick(panel, "theme", "dark")
    assert window.theme.dark
    assert window.actions_by_id["theme_dark"].isChecked()
    panel.scale.setValue(130)
    assert window.theme.scale == 1.3
    assert (stored(window).theme, stored(window).font_scale) == ("dark", 1.3)


def test_the_page_follows_what_is_changed_elsewhere(window: MainWindow, panel: SettingsPanel) -> None:
    window.slots.theme_light(True)
    window.slots.larger_text()
    assert panel.theme.currentData() == "light"
    assert panel.scale.value() == 110
    window.slots.update_live(True)
    assert panel.update_live.isChecked()


def test_device_precision_and_threads_hold_for_the_next_run(window: MainWindow, panel: SettingsPanel) -> None:
    name = window.desk.client.devices[-1].name
    pick(panel, "device", name)
    pick(panel, "dtype", "float64")
    panel.threads.setValue(3)
    compute = window.workspace.compute
    assert (compute.device, compute.dtype, compute.threads) == (name, "float64", 3)
    settings = stored(window)
    assert (settings.device, settings.dtype, settings.threads) == (name, "float64", 3)


def test_switches(window: MainWindow, panel: SettingsPanel) -> None:
    panel.update_live.click()
    panel.autosave.click()
    assert window.actions_by_id["update_live"].isChecked()
    assert not window.desk.keeper.enabled
    assert (stored(window).update_live, stored(window).autosave) == (True, False)


def test_without_autosave_nothing_is_written(window: MainWindow, panel: SettingsPanel, qtbot: QtBot) -> None:
    panel.autosave.click()
    window.desk.session.open_images(ImageSource("demo:test"))
    window.desk.session.open_model(ModelSource("demo:a"))
    qtbot.waitUntil(lambda: window.workspace.structure is not None)
    qtbot.wait(1000)
    assert not window.desk.keeper.autosave_path.exists()
    panel.autosave.click()
    window.desk.keeper.touch()
    qtbot.waitUntil(lambda: window.desk.keeper.autosave_path.exists())


def test_the_folder_of_runs_is_chosen_and_given_back(
    window: MainWindow, panel: SettingsPanel, tmp_path: Path, monkeypatch: Any
) -> None:
    from PySide6.QtWidgets import QFileDialog

    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *args, **named: str(tmp_path))
    button(panel, "Choose the folder of runs").click()
    assert window.desk.preferences.runs_folder == tmp_path
    assert window.desk.history.root == tmp_path
    assert panel.folder.full == str(tmp_path)
    panel.usual_folder.click()
    assert window.desk.preferences.runs_folder == window.desk.preferences.path.parent / "runs"
    assert window.desk.history.root == window.desk.preferences.runs_folder
    assert not panel.usual_folder.isEnabled()


def test_folders_are_opened(window: MainWindow, panel: SettingsPanel, monkeypatch: Any) -> None:
    opened: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toLocalFile()))
    button(panel, "Open folder").click()
    button(panel, "Open the folder of runs").click()
    assert opened == [str(window.desk.preferences.path.parent), str(window.desk.preferences.runs_folder)]
    assert window.desk.preferences.runs_folder.is_dir()


def test_the_file_is_named(window: MainWindow, panel: SettingsPanel) -> None:
    assert panel.file.full == str(window.desk.preferences.path)


def test_disk_use_counts_the_runs(window: MainWindow, panel: SettingsPanel, qtbot: QtBot) -> None:
    assert panel.disk_use.text().startswith("0 runs")
    folder = window.desk.preferences.runs_folder
    list(record(scenes.lab_events(1), folder))
    window.desk.history.refresh()
    qtbot.waitUntil(lambda: panel.disk_use.text().startswith("1 run,"))
    assert "kB" in panel.disk_use.text()


def test_the_engine_is_restarted(window: MainWindow, panel: SettingsPanel, monkeypatch: Any, qtbot: QtBot) -> None:
    assert panel.engine.text() == "ready"
    before = window.desk.client.hello
    button(panel, "Restart engine").click()
    qtbot.waitUntil(lambda: window.desk.client.hello is not None and window.desk.client.state == "ready")
    assert panel.engine.text() == "ready"
    assert before is not None


def test_recent_things_are_forgotten(window: MainWindow, panel: SettingsPanel) -> None:
    settings = Settings().with_images("/p").with_model(RecentModel("demo:a"))
    window.desk.preferences.replace(settings)
    assert panel.recent.text() == "2 remembered"
    button(panel, "Forget recent things").click()
    assert panel.recent.text() == "0 remembered"
    assert stored(window).recent_models == ()


def test_reset_asks_once_and_keeps_what_is_no_preference(window: MainWindow, panel: SettingsPanel) -> None:
    pick(panel, "theme", "dark")
    window.desk.preferences.change(recent_images=("/p",), shortcuts=(("quit", "F2"),))
    panel.reset.click()
    assert window.theme.mode == "dark"
    assert panel.reset.text() == "Reset really?"
    panel.reset.click()
    assert window.theme.mode == "system"
    settings = stored(window)
    assert (settings.shortcuts, settings.recent_images, settings.theme) == ((), ("/p",), "system")
    assert [keys.toString() for keys in window.actions_by_id["quit"].shortcuts()] == ["Ctrl+Q"]


def test_what_cannot_be_written_is_told(window: MainWindow, panel: SettingsPanel, monkeypatch: Any) -> None:
    monkeypatch.setattr("app.settings.write_settings", lambda *_: "Settings could not be written: no room.")
    panel.update_live.click()
    assert panel.complaint.isVisibleTo(panel)
    assert "no room" in panel.complaint.text()


def test_every_field_has_a_name(panel: SettingsPanel) -> None:
    from PySide6.QtCore import Qt
    from PySide6.QtWidgets import QWidget

    for child in panel.findChildren(QWidget):
        if child.focusPolicy() & Qt.FocusPolicy.TabFocus and child.isVisibleTo(panel) and child.parent() is not None:
            words = child.text() if isinstance(child, QAbstractButton) else ""
            inner = type(child).__name__ in ("QExpandingLineEdit", "QLineEdit", "QComboBoxPrivateScroller", "QLabel")
            assert child.accessibleName() or words or inner, child


# -- found by typing -------------------------------------------------------------------------------------------------


def found(window: MainWindow, words: str) -> list[Entry]:
    from app.contents import findable

    rated = [(rating(words, entry), entry) for entry in findable(window)]
    return [entry for rate, entry in sorted(rated, key=lambda pair: -pair[0]) if rate > 0]


@pytest.mark.parametrize(
    ("words", "kind", "text"),
    [
        ("go back click", "action", "Edit history"),
        ("text size", "setting", "Setting: Text size"),
        ("grows gpu frees", "none", ""),
        ("frees gpu", "setting", "Setting: Engine"),
        ("feature rank", "help", "Feature rank"),
        ("participation ratio", "help", "Feature rank"),
        ("rank lab", "view", "Rank lab"),
        ("overview", "view", "Overview"),
        ("participation ratio", "term", "Participation ratio"),
        ("captum", "help", "Attribution"),
        ("jackknife", "help", "Feature rank"),
        ("theme dark", "setting", "Setting: Colours"),
    ],
)
def test_search_finds_it(words: str, kind: str, text: str, window: MainWindow, qtbot: QtBot) -> None:
    window.build()
    entries = found(window, words)
    assert (any(entry.kind == kind and entry.text == text for entry in entries)) == (kind != "none")


@pytest.mark.parametrize(
    ("words", "kind", "text"),
    [
        ("nuclear norm", "term", "Nuclear norm"),
        ("convergence delta", "term", "Convergence delta"),
        ("macs", "term", "MACs"),
        ("theme dark", "action", "Dark colours"),
        ("theme light", "action", "Light colours"),
        ("checkpoint epoch-03", "checkpoint", "Checkpoint epoch-03"),
        ("epoch-03", "checkpoint", "Checkpoint epoch-03"),
        ("error floor", "term", "Error floor"),
        ("text size", "setting", "Setting: Text size"),
    ],
)
def test_what_fits_best_comes_first(words: str, kind: str, text: str, window: MainWindow, qtbot: QtBot) -> None:
    window.build()
    window.comparison.found = (Checkpoint(("a/epoch-02.pt",), "epoch-02"), Checkpoint(("a/epoch-03.pt",), "epoch-03"))
    entries = found(window, words)
    assert (entries[0].kind, entries[0].text) == (kind, text)


def test_back_finds_the_selection_before() -> None:
    action = next(action for action in ACTIONS if action.id == "step_back")
    assert rating("back", Entry(action.text, "action", lambda: None, also=action.help)) > 2


def test_words_of_texts_come_before_scattered_letters() -> None:
    def entry(text: str, also: str = "", within: str = "") -> Entry:
        return Entry(text, "help", lambda: None, also=also, within=within)

    order = [
        entry("MACs"),
        entry("Macs of all layers"),
        entry("Parameters and macsimum"),
        entry("Costs", also="how many macs it takes"),
        entry("Structure", within="a long text about macs"),
        entry("Measure Channel scores"),
    ]
    rated = [rating("macs", one) for one in order]
    assert rated == sorted(rated, reverse=True)
    assert len(set(rated)) == len(rated)
    assert rated[-1] > 0
    assert rating("macs", entry("Structure", also="emacs")) == 0, "within a word of a text is no place to find it"


def test_a_found_term_is_shown_at_its_row(window: MainWindow, panel: SettingsPanel) -> None:
    next(entry for entry in found(window, "convergence delta") if entry.kind == "term").call()
    shown = window.panel("help")
    assert shown.name == "attribution"
    assert shown.marked.startswith("Convergence delta")


def test_everything_found_has_a_name_of_its_own(window: MainWindow) -> None:
    window.build()
    entries = [(entry.kind, entry.text) for entry in found(window, "")]
    assert len(entries) == len(set(entries))
    assert [text for kind, text in entries if text == "Rank lab" and kind == "action"] == []


def test_runs_are_called_by_the_title_of_their_method(window: MainWindow, tmp_path: Path) -> None:
    scene = scenes.opened()
    events = scenes.rank_events(scene.layers)
    folder = window.desk.preferences.runs_folder
    list(record(events, folder))
    window.desk.history.refresh()
    while window.desk.history.reading:
        window.desk.history._slice()
    runs = [entry.text for entry in found(window, "feature rank") if entry.kind == "run"]
    assert [text.partition(" · ")[0] for text in runs] == ["Feature rank"]


def test_a_found_setting_is_shown(window: MainWindow, panel: SettingsPanel, qtbot: QtBot) -> None:
    window.docks.close("settings")
    entry = next(entry for entry in found(window, "reset setting") if entry.text == "Setting: Reset")
    entry.call()
    assert window.docks.is_open("settings")
    qtbot.waitUntil(lambda: panel.reset.visibleRegion().boundingRect().height() > 0)


# -- the rank lab without a network ----------------------------------------------------------------------------------


def test_the_rank_lab_needs_nothing_open(window: MainWindow, qtbot: QtBot) -> None:
    window.desk.client.start()
    window.slots.show_rank_lab()
    assert window.tabs.isVisible()
    assert window.tabs.name == "rank_lab"
    assert not window.docks.is_open("layers") or not window.docks.made("layers")
    assert window.actions_by_id["close_model"].isEnabled()
    window.slots.close_model()
    assert window.start_page.isVisible()
    window.slots.show_rank_lab()
    window.desk.session.open_images(ImageSource("demo:test"))
    window.desk.session.open_model(ModelSource("demo:a"))
    qtbot.waitUntil(lambda: window.workspace.structure is not None)
    assert window.tabs.isVisible()
    window.slots.close_model()
    assert window.start_page.isVisible()


def test_a_study_without_a_network_is_exported_and_copied(window: MainWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    export, copied = (window.actions_by_id[name] for name in ("export_figure", "copy_picture"))
    assert not export.isEnabled()
    window.slots.show_rank_lab()
    assert export.isEnabled()
    assert copied.isEnabled()
    scenes.play(window.workspace, scenes.lab_events(2), folder="runs/20260101-000000-rank_lab-bbbbbb")
    view = window.tabs.view("rank_lab")
    assert view is not None
    asked: list[object] = []
    monkeypatch.setattr(window, "show_figure", asked.append)
    export.trigger()
    assert [type(spec).__name__ for spec in asked] == ["FigureSpec"]
    copied.trigger()
    assert not QGuiApplication.clipboard().pixmap().isNull()
    window.slots.close_model()
    assert not export.isEnabled()


@pytest.mark.parametrize("scale", [1.0, 1.5])
def test_no_field_and_no_sentence_is_cut_however_narrow_the_page_is(
    scale: float, window: MainWindow, panel: SettingsPanel
) -> None:
    window.desk.preferences.change(font_scale=scale)
    window.resizeDocks([window.docks._docks["settings"]], [10], Qt.Orientation.Horizontal)
    settle()
    inner = panel._scroll.widget()
    assert inner.width() <= panel._scroll.viewport().width()
    for place in panel.rows.values():
        for child in place.findChildren(QWidget):
            if child.parentWidget() is place and not isinstance(child, Elided):
                assert child.geometry().right() < place.width()
                assert child.width() >= child.minimumSizeHint().width() or child.sizePolicy().hasHeightForWidth()
