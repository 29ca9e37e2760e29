"""A network of which no input size is known: it is read on the size of the pictures that it sees."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis.engine import run
from analysis.request import ImageSource, ModelSource, Request
from analysis.result import Result
from app.desk import Desk
from tests.desk_steps import press, settle, texts
from tests.fake_engine import FakeEngine

FACTORY = """
import torch
from torch import nn

def make():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4),
    )
"""
BADGE = "input size assumed"


@pytest.fixture
def net(tmp_path: Path) -> str:
    path = tmp_path / "net.py"
    path.write_text(FACTORY)
    return f"{path}:make"


def pictures(folder: Path, side: int) -> str:
    path = folder / f"{side}.npz"
    rng = np.random.default_rng(side)
    np.savez(path, images=rng.integers(0, 255, (12, side, side, 3), dtype=np.uint8), labels=np.arange(12) % 4)
    return str(path)


def result_of(method: str, net: str, images: str = "", shape: tuple[int, ...] = (), **params: str) -> Result:
    source = ModelSource(net, trust=True, input=shape)
    pictures = ImageSource(images) if images else None
    result = Result.of(run(Request(method, source, pictures, params=tuple(params.items()), layers="2")))
    assert result.finished is not None
    return result


def measured(method: str, net: str, images: str = "", shape: tuple[int, ...] = (), **params: str) -> Result:
    result = result_of(method, net, images, shape, **params)
    assert result.finished is not None
    assert result.finished.problem is None, result.finished.problem
    return result


def badges(result: Result) -> tuple[str, ...]:
    assert result.prepared is not None
    return result.prepared.badges


def test_without_pictures_a_usual_size_is_tried_and_said(net: str) -> None:
    result = measured("structure", net)
    assert BADGE in badges(result)
    assert next(layer for layer in result.layers if layer.name == "2").shape == (8, 224, 224)


@pytest.mark.parametrize("side", [32, 20])
def test_with_pictures_layers_have_the_size_that_they_see(net: str, tmp_path: Path, side: int) -> None:
    result = measured("feature_rank", net, pictures(tmp_path, side))
    assert BADGE not in badges(result)
    (layer,) = result.layers
    assert layer.shape == (8, side, side)
    assert layer.macs == 8 * 8 * 9 * side * side


def test_maps_are_as_fine_as_they_are(net: str, tmp_path: Path) -> None:
    result = measured("activations", net, pictures(tmp_path, 32), samples="0,1")
    maps = result["maps"]
    assert maps.shape[-2:] == (32, 32)
    assert np.isfinite(maps).all()


def test_each_size_has_its_own_fingerprint_only_where_it_was_not_known(net: str, tmp_path: Path) -> None:
    small = pictures(tmp_path, 32)
    guessed, told = (measured("feature_rank", net, small, shape).prepared for shape in ((), (3, 32, 32)))
    assert guessed is not None
    assert told is not None
    assert guessed.fingerprint != told.fingerprint  # two questions: one says the size


def test_a_size_that_was_given_stays(net: str, tmp_path: Path) -> None:
    finished = result_of("feature_rank", net, pictures(tmp_path, 32), (3, 64, 64)).finished
    assert finished is not None
    assert finished.problem is not None
    assert finished.problem.code == "size"  # it is not silently another one


# -- in the window -----------------------------------------------------------------------------------------------------


def test_the_window_offers_the_size_of_the_pictures(
    net: str, tmp_path: Path, desk: Desk, engine: FakeEngine, qtbot: Any
) -> None:
    for method in ("structure", "feature_rank"):
        engine.scripts[method] = run  # the real one
    desk.client.start()
    desk.client.tick()
    desk.session.open_model(ModelSource(net, trust=True))
    desk.session.open_images(ImageSource(pictures(tmp_path, 32)))
    settle(desk, qtbot)
    workspace = desk.workspace
    assert workspace.input_shape == (3, 224, 224)
    assert "32" not in texts(desk)
    desk.measuring.measure(workspace.new_request("feature_rank"))
    settle(desk, qtbot)
    assert "The pictures are 3×32×32, and shapes and costs are counted for 3×224×224." in texts(desk)
    press(desk, "Count for 3×32×32")
    settle(desk, qtbot)
    assert workspace.input_shape == (3, 32, 32)
    desk.measuring.measure(workspace.new_request("feature_rank"))
    settle(desk, qtbot)
    assert workspace.latest("feature_rank") is not None
    assert "counted for" not in texts(desk)
