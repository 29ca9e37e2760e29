"""Approved pictures of the shell: start page, bars, forms, questions and notices, light and dark."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QWidget

import app.theme as themes
from analysis.problems import Problem
from analysis.request import ImageSource, ModelSource
from app.application import make_window, prepare
from app.keeping import LeftBehind
from app.log import LogBuffer
from app.main_window import MainWindow
from app.notices import NoticeAction
from app.questions import question_of
from app.settings import RecentModel, Settings, write_settings
from tests.fake_engine import DEVICES, FakeEngine
from tests.gestures import settle
from tests.snapshots import check

SETTINGS = Settings(
    tried=True,
    recent_models=(
        RecentModel("demo:fashion_resnet", (), "demo:fashion_resnet"),
        RecentModel("auto", ("/nets/cifar/resnet20-12fca82f.th",), "cifar_resnet20"),
    ),
    recent_workspaces=("/work/thesis/chapter3.layerscope.json",),
)


@pytest.fixture(params=["light", "dark"])
def fixed(
    request: pytest.FixtureRequest, qapp: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[MainWindow]:
    """A window whose looks depend on nothing of this computer."""
    themes.load_bundled_fonts()
    monkeypatch.setattr(themes, "_base_font", lambda: QFont("DejaVu Sans", 10))
    monkeypatch.setattr(themes, "_code_families", lambda: ["DejaVu Sans Mono"])
    prepare(qapp)
    write_settings(tmp_path / "settings.json", SETTINGS)
    made = make_window(FakeEngine(devices=DEVICES), tmp_path, LogBuffer())
    made.theme.set_mode(request.param)
    made.resize(1280, 800)
    made.show()
    made.build()
    made.desk.client.start()
    made.desk.client.tick()
    yield made
    made.close()
    made.deleteLater()
    qapp.setStyleSheet("")


def opened(window: MainWindow) -> None:
    window.desk.session.open_images(ImageSource("/pictures/cifar_test1000.npz"))
    window.desk.session.open_model(ModelSource("demo:fashion_resnet"))
    window.desk.client.tick()
    window.desk.client.tick()
    settle()


def start_page(window: MainWindow) -> QWidget:
    window.start_page.set_left_behind([LeftBehind(Path("x"), "cifar_resnet20 · 2 edits · 3 runs", True, 1e9)])
    return window


def question(window: MainWindow) -> QWidget:
    opened(window)
    keys = "\n".join(f"missing: layer{n}.conv.weight (64, 64, 3, 3)" for n in range(40))
    problem = Problem("The weights in net.pth do not fit the network: 40 missing.", "", keys, "mismatch")
    source = ModelSource("timm:resnet18", ("/nets/net.pth",))
    window.desk.session.ask(question_of(source, problem, ModelSource("demo:fashion_resnet")))
    assert window._question is not None
    return window._question


def measure(window: MainWindow) -> QWidget:
    opened(window)
    window.show_method("feature_rank")
    return window.docks.content("measure")


def setup(window: MainWindow) -> QWidget:
    opened(window)
    window.slots.choose_model()
    return window.docks.content("setup")


def notices(window: MainWindow) -> QWidget:
    problem = Problem("The engine was killed, most often because the computer ran out of memory.",
                      "What had arrived is kept. Use a smaller batch, and run it again.", "details")  # fmt: skip
    window.desk.notices.problem(problem, NoticeAction("Restart engine", lambda: None))
    window.desk.notices.say("Saved as chapter3.layerscope.json.")
    return window.notice_stack


def top_bar(window: MainWindow) -> QWidget:
    opened(window)
    return window.top_bar


SCENES: tuple[Callable[[MainWindow], QWidget], ...] = (start_page, question, measure, setup, notices, top_bar)


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
def test_picture_is_the_approved_one(
    fixed: MainWindow, scene: Callable[[MainWindow], QWidget], request: pytest.FixtureRequest
) -> None:
    widget = scene(fixed)
    focused = fixed.focusWidget()
    if focused is not None:
        focused.clearFocus()  # a text cursor blinks
    settle()
    check(widget, f"shell-{scene.__name__}{'-dark' if fixed.theme.dark else ''}", request)
