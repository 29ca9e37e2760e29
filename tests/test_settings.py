"""Settings: what is written is read, and nothing in the file can stop the start."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.settings import RECENT, Preferences, RecentModel, Settings, home, read_settings, write_settings

FULL = Settings(
    theme="dark", font_scale=1.21, device="cuda:0", dtype="float64", threads=3, runs_folder="/r", update_live=True,
    recent_models=(RecentModel("auto", ("/a/b.pth",), "resnet20"),), recent_images=("/p",), recent_workspaces=("/w",),
    geometry="AAA=", layout="BBB=", tab="rank", tried=True,
)  # fmt: skip


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "settings.json"
    assert write_settings(path, FULL) == ""
    assert read_settings(path) == (FULL, ())
    assert [p.name for p in path.parent.iterdir()] == ["settings.json"]


def test_no_file_is_no_complaint(tmp_path: Path) -> None:
    assert read_settings(tmp_path / "none.json") == (Settings(), ())


def test_unknown_and_damaged_keys_are_dropped_one_by_one_and_told(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text(json.dumps({"theme": "dark", "colour": 3, "threads": "many", "font_scale": 2, "tab": None}))
    settings, complaints = read_settings(path)
    assert settings == Settings(theme="dark", font_scale=2.0)
    assert len(complaints) == 3
    assert any("colour" in text for text in complaints)
    assert any("threads" in text for text in complaints)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_no_json_can_stop_the_start(tmp_path_factory: pytest.TempPathFactory, value: object) -> None:
    path = tmp_path_factory.mktemp("settings") / "settings.json"
    path.write_text(json.dumps(value))
    settings, _ = read_settings(path)
    assert isinstance(settings, Settings)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe\x00", b"null", b"[1, 2]"])
def test_broken_file_gives_defaults_and_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "settings.json"
    path.write_bytes(content)
    settings, complaints = read_settings(path)
    assert settings == Settings()
    assert len(complaints) == 1


def test_folder_in_place_of_the_file_is_told_not_raised(tmp_path: Path) -> None:
    (tmp_path / "settings.json").mkdir()
    assert len(read_settings(tmp_path / "settings.json")[1]) == 1
    assert "could not be written" in write_settings(tmp_path / "settings.json", FULL)


def test_recent_things_are_newest_first_without_doubles_and_bounded() -> None:
    settings = Settings()
    for number in range(RECENT + 3):
        settings = settings.with_images(f"/p{number}").with_model(RecentModel(f"demo:{number}"))
    settings = settings.with_images("/p5").with_model(RecentModel("demo:5", title="five"))
    assert settings.recent_images[0] == "/p5"
    assert settings.recent_images.count("/p5") == 1
    assert len(settings.recent_images) == len(settings.recent_models) == RECENT
    assert settings.recent_models[0].title == "five"
    assert [m.name for m in settings.recent_models].count("demo:5") == 1


def test_preferences_write_every_change_and_say_so_once(tmp_path: Path, qtbot: object) -> None:
    path = tmp_path / "settings.json"
    preferences = Preferences(path)
    said: list[int] = []
    preferences.changed.connect(lambda: said.append(1))
    preferences.change(theme="dark")
    preferences.change(theme="dark")
    assert said == [1]
    assert Preferences(path).settings.theme == "dark"


def test_home_is_what_the_environment_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LAYERSCOPE_HOME", str(tmp_path / "x"))
    assert home() == tmp_path / "x"
    monkeypatch.delenv("LAYERSCOPE_HOME")
    assert home().name == "layerscope"
