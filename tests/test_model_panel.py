"""Forms for network, pictures and device tell what is wrong in the panel, without a dialog."""

from __future__ import annotations

import gc
import threading
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytestqt.qtbot import QtBot

from analysis.picture_files import Picture
from analysis.problems import AnalysisError
from analysis.request import Compute, ImageSource, ModelSource, Preprocessing
from app.desk import Desk
from app.panels.fields import listed, numbers, whole_numbers
from app.panels.model_panel import ModelPanel
from app.panels.preview import PicturePreview, Wish
from tests.fake_engine import DEVICES
from tests.panel_parts import button, heard, ready

__all__ = ["ready"]


# -- network, pictures, device -----------------------------------------------------------------------------------------


@pytest.fixture
def setup(ready: Desk, qtbot: Any) -> ModelPanel:
    panel = ModelPanel(ready.workspace)
    qtbot.addWidget(panel)
    panel.device.set_devices(DEVICES)
    panel.show()
    return panel


def test_forms_show_what_is_open(setup: ModelPanel) -> None:
    assert setup.network.name.currentText() == "demo:a"
    assert setup.pictures.location.currentText() == "demo:test"
    assert setup.device.name.currentText() == "cpu"


def test_network_is_opened_as_described(setup: ModelPanel) -> None:
    chosen = heard(setup.network.chosen)
    setup.network.name.setEditText("auto")
    setup.network.weights.setText("/a b/c.pth; /d.pth")
    setup.network.input.setText("3 x 32 x 32")
    setup.network.trust.setChecked(True)
    button(setup.network, "Open").click()
    assert chosen == [ModelSource("auto", ("/a b/c.pth", "/d.pth"), (3, 32, 32), trust=True)]
    setup.network.input.setText("3,32")
    button(setup.network, "Open").click()
    assert len(chosen) == 1
    assert "3 whole numbers" in setup.network._wrong.text()


def test_preprocessing_is_set_and_forgotten(setup: ModelPanel, ready: Desk) -> None:
    form = setup.pictures
    assert "mean 0.5; std 0.25" in form._in_use.text()
    assert "goes with the network" in form._in_use.text()
    chosen = heard(form.chosen)
    form.mean.setText("0.485, 0.456, 0.406")
    form.std.setText("0.229; 0.224; 0.225")
    form.sides.setText("48")
    form.interpolation.setCurrentText("bicubic")
    form.grey.setCurrentText("colour")
    button(form, "Apply").click()
    assert chosen == [
        ImageSource("demo:test", "", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), (48, 48), "bicubic", False)
    ]
    ready.session.open_images(chosen[0])
    assert form.mean.text() == "0.485, 0.456, 0.406"
    button(form, "As for the network").click()
    assert chosen[1] == ImageSource("demo:test")


def test_assumed_preprocessing_is_called_that(setup: ModelPanel, ready: Desk) -> None:
    from analysis.request import Preprocessing

    structure = ready.workspace.structure
    assert structure is not None
    assert structure.prepared is not None
    structure.prepared = replace(structure.prepared, preprocessing=Preprocessing())
    setup.pictures.show_preprocessing()
    text = setup.pictures._in_use.text()
    assert "no mean; no std; size as it is" in text
    assert "assumed" in text


@pytest.mark.parametrize(
    ("field", "text", "word"),
    [("mean", "a", "should be numbers"), ("std", "0", "cannot be divided"), ("sides", "0", "2 whole numbers")],
)
def test_wrong_preprocessing_is_told_in_the_panel(setup: ModelPanel, field: str, text: str, word: str) -> None:
    chosen = heard(setup.pictures.chosen)
    getattr(setup.pictures, field).setText(text)
    button(setup.pictures, "Apply").click()
    assert not chosen
    assert word in setup.pictures._wrong.text()
    assert setup.pictures._wrong.isVisible()


def preview_of(setup: ModelPanel, qtbot: Any, word: str) -> str:
    """Wait until the preview says something with a word in it."""
    preview = setup.pictures.preview
    qtbot.waitUntil(lambda: word in preview.text.text())
    return str(preview.text.text())


def test_preview_shows_what_the_form_says_before_it_is_applied(setup: ModelPanel, qtbot: Any) -> None:
    assert preview_of(setup, qtbot, "values").startswith("2,000 pictures; 28×28, colour, values −2.00 to 2.00")
    assert [holder.isVisible() for holder in setup.pictures.preview._pictures] == [True] * 4
    setup.pictures.sides.setText("16, 20")
    assert "16×20" in preview_of(setup, qtbot, "16×20")
    setup.pictures.mean.setText("0")
    setup.pictures.std.setText("1")
    assert "values 0.00 to" in preview_of(setup, qtbot, "0.00")
    setup.pictures.sides.setText("half-")
    assert setup.pictures.preview.isHidden()


def test_preview_tells_why_there_is_none(setup: ModelPanel, qtbot: Any, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    setup.pictures.location.setEditText(str(tmp_path / "empty"))
    assert str(preview_of(setup, qtbot, "empty"))
    assert not [holder for holder in setup.pictures.preview._pictures if holder.isVisible()]


def test_pictures_of_a_folder_that_are_damaged_are_left_out(setup: ModelPanel, qtbot: Any, tmp_path: Path) -> None:
    from PIL import Image

    for number in range(3):
        Image.new("RGB", (40, 30), (80 * number, 0, 0)).save(tmp_path / f"{number}.png")
    (tmp_path / "0.png").write_bytes(b"no picture")
    setup.pictures.location.setEditText(str(tmp_path))
    assert preview_of(setup, qtbot, "3 pictures").startswith("3 pictures; 30×40")
    assert sum(holder.isVisible() for holder in setup.pictures.preview._pictures) == 2


def test_device_precision_and_threads(setup: ModelPanel) -> None:
    chosen = heard(setup.device.chosen)
    form = setup.device
    form.name.setCurrentIndex(form.name.findData("cuda:0"))
    form.name.activated.emit(1)
    assert chosen == [Compute("cuda:0")]
    form.threads.setValue(3)
    form.threads.editingFinished.emit()
    assert chosen[-1] == Compute("cuda:0", threads=3)


def test_memory_of_the_chosen_device_is_told(setup: ModelPanel, ready: Desk) -> None:
    ready.workspace.set_compute(Compute("cuda:0"))
    assert setup.device._about.text() == "Test GPU, 78.0 of 80 GB free"
    ready.workspace.set_compute(Compute("cuda:7"))
    assert setup.device.name.currentText() == "cuda:7 (not here)"


@given(st.lists(st.floats(-1e6, 1e6).map(lambda x: float(f"{x:.9g}")), max_size=4).map(tuple))
def test_lists_of_numbers_are_read_as_written(values: tuple[float, ...]) -> None:
    assert numbers(listed(values), "The list") == values


def test_whole_numbers_are_checked() -> None:
    assert whole_numbers("3×32x32", "The shape", 3) == (3, 32, 32)
    assert whole_numbers("", "The shape", 3) == ()
    for text in ("1.5,2", "0,2", "-1,2", "1,2,3"):
        with pytest.raises(AnalysisError):
            whole_numbers(text, "The size", 2)


def test_a_thread_that_reads_pictures_does_not_keep_the_preview(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    started, free = threading.Event(), threading.Event()

    def read(_reader: object, _wish: Wish) -> tuple[list[Picture], str]:
        started.set()
        free.wait(10)
        return [], "late"

    monkeypatch.setattr("app.panels.preview._Reader.read", read)
    made = PicturePreview()
    gone = weakref.ref(made)
    made.want(Wish("noise:4", Preprocessing(), (3, 8, 8)))
    qtbot.waitUntil(started.is_set)
    del made
    gc.collect()
    assert gone() is None, "a widget must not be deleted by the thread that held it last"
    free.set()
