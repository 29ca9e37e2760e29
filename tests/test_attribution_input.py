"""What an explanation is asked for: targets, layers, baselines, pictures, and what is refused; copies of networks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from analysis.engine import run
from analysis.events import Declared, Finished
from analysis.explaining import algorithms as work
from analysis.explaining.network import Split, splits_of
from analysis.explaining.targets import as_seen, baseline_of, read_target
from analysis.graph import record
from analysis.live import measure
from analysis.measures import attributions
from analysis.models import model_from
from analysis.problems import AnalysisError
from analysis.request import Preprocessing
from analysis.result import Result
from tests import tiny
from tests.attribution_nets import (
    SHAPE,
    InPlaceModules,
    Modules,
    explained,
    linear,
    pictures,
    request,
)

__all__ = ["pictures"]


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"algorithms": "salience"}, "no attribution algorithm 'salience'"),
        ({"algorithms": " , "}, "No algorithm is chosen"),
        ({"layer": "conv9"}, "There is no layer 'conv9'"),
        ({"layer": "fc"}, "'fc' cannot be attributed to: it has no maps"),
        ({"layer": "input"}, "'input' cannot be attributed to"),
        ({"target": "7"}, "'7' is no class"),
        ({"target": "cat"}, "'cat' is no class"),
        ({"target": "label"}, "no labels to explain"),
        ({"samples": "3-7"}, "There is no picture 3"),
        ({"samples": "a"}, "'a' names no picture"),
        ({"steps": 1}, "outside its limits"),
        ({"baseline": "noise"}, "'noise' is not a value"),
    ],
)
def test_wrong_input_is_one_sentence(params: dict[str, Any], words: str, pictures: Tensor) -> None:
    with pytest.raises(AnalysisError, match=words) as caught:
        measure("attribution", tiny.fill(Modules()), pictures, **params)
    assert caught.value.hint


def test_a_network_without_maps_says_so() -> None:
    with pytest.raises(AnalysisError, match="No layer of the network has maps"):
        explained(linear(), tiny.pictures((1, 4, 4), 2), "grad_cam")


def test_what_is_no_classifier_is_refused(pictures: Tensor) -> None:
    with pytest.raises(AnalysisError, match="not one score per class"):
        explained(nn.Sequential(nn.Conv2d(3, 2, 1)), pictures, "saliency")


def test_a_picture_beyond_the_sample_can_be_named() -> None:
    found = Result.of(run(request(algorithms="saliency", samples="2,1999")))
    assert found["place"].tolist() == [2, 1999]
    assert found.prepared is not None
    assert found.prepared.samples.count == 2
    assert found.names("picture") == ("2", "1999")
    other = Result.of(run(request(algorithms="saliency", samples="2,1998")))
    assert other.prepared is not None
    assert other.prepared.fingerprint != found.prepared.fingerprint
    ending = list(run(request(samples="2000")))[-1]
    assert isinstance(ending, Finished)
    assert ending.problem is not None
    assert "There is no picture 2000: the source has 2,000." in str(ending.problem)


def test_the_default_layer_is_the_last_with_maps() -> None:
    declared = next(event for event in run(request(algorithms="grad_cam")) if isinstance(event, Declared))
    assert declared.layers[0].name == "layer3.24"
    assert dict(declared.facts)["layer"] == "layer3.24"


def test_targets_are_read_by_name_number_and_word() -> None:
    classes, predictions, labels = ("cat", "dog", "7"), np.array([1, 0]), np.array([2, 2])
    read = lambda text: read_target(text, classes, 3, predictions, labels).tolist()  # noqa: E731
    assert read("predicted") == read("") == [1, 0]
    assert read("label") == [2, 2]
    assert read("dog") == read("DOG") == [1, 1]
    assert read("7") == [2, 2]  # a name comes before a number
    assert read("0") == [0, 0]
    with pytest.raises(AnalysisError, match="'doog' is no class") as caught:
        read("doog")
    assert "dog" in caught.value.hint


def test_baselines_are_what_they_are_called() -> None:
    preprocessing = Preprocessing(mean=(0.5, 0.4, 0.3), std=(0.2, 0.25, 0.5))
    pixels = tiny.pictures((3, 16, 16), 2)
    white, black = (baseline_of(pixels, kind, preprocessing) for kind in ("white", "black"))
    np.testing.assert_allclose(as_seen(white[0], preprocessing), 1, atol=1e-6)
    np.testing.assert_allclose(as_seen(black[0], preprocessing), 0, atol=1e-6)
    zero = as_seen(baseline_of(pixels, "zero", preprocessing)[0], preprocessing)
    np.testing.assert_allclose(zero[:, 0, 0], (0.5, 0.4, 0.3), atol=1e-6)
    flat = torch.full((1, 3, 16, 16), 0.7)
    torch.testing.assert_close(baseline_of(flat, "blur", preprocessing), flat)
    assert baseline_of(pixels, "blur", preprocessing).std() < 0.5 * pixels.std()


@pytest.mark.parametrize(("share", "words"), [(0.0, "good"), (0.01, "good"), (0.03, "fair"), (0.2, "poor")])
def test_deltas_have_words(share: float, words: str) -> None:
    assert attributions.delta_words(share) == words
    assert attributions.delta_words(attributions.relative_delta(-2 * share, 2.0)) == words


def test_a_delta_without_a_difference_has_no_good_words() -> None:
    assert attributions.delta_words(attributions.relative_delta(float("nan"), 1.0)) == ""
    assert attributions.delta_words(attributions.relative_delta(0.1, 0.0)) == "poor"
    assert attributions.delta_words(attributions.relative_delta(0.0, 0.0)) == "good"


def test_a_scale_does_not_follow_single_pixels() -> None:
    maps = np.full((100, 100), -1.0)
    maps[0, 0] = 1000
    assert attributions.scale_of(maps) == 1.0
    assert attributions.scale_of(np.zeros((3, 3))) == 1.0
    lone = np.zeros((100, 100))
    lone[4, 4] = -3
    assert attributions.scale_of(lone) == 3.0


def test_the_copy_shares_the_weights_and_says_the_same(pictures: Tensor) -> None:
    net = tiny.fill(InPlaceModules())
    split = Split(net, record(net, SHAPE), pictures[:1], nonlinear=True)
    assert {id(tensor) for tensor in split.copied.parameters()} == {id(tensor) for tensor in net.parameters()}
    torch.testing.assert_close(split(pictures), net(pictures))
    assert len(split.calls) == 3
    assert work.window_counts((8, 8), 3, 2) == (4, 4)


class Locked(Modules):
    def __init__(self) -> None:
        super().__init__()
        self.generator = (item for item in range(3))


def test_what_cannot_be_copied_is_refused_with_the_reason_and_a_way_on(pictures: Tensor) -> None:
    net = tiny.fill(Modules())
    recording = record(net, SHAPE)
    with pytest.raises(AnalysisError, match="cannot be copied") as caught:
        Split(tiny.fill(Locked()), recording, pictures[:1], nonlinear=True)
    assert "saliency" in caught.value.hint


def test_copies_are_kept_for_the_next_picture_but_not_after_a_failure() -> None:
    model = model_from(nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(72, 3)).eval(), (1, 8, 8))
    pixels = torch.randn(1, 1, 8, 8)
    with torch.no_grad():
        given = model, pixels
        with splits_of(*given) as split:
            first = split("0", False)
        with splits_of(*given) as split:
            assert split("0", False) is first
            assert split("0", True) is not first
        again = model_from(model.net, (1, 8, 8))  # recorded anew: it may have changed
        with splits_of(again, pixels) as split:
            assert split("0", False) is not first
        with splits_of(*given) as split:
            second = split("0", False)
        with pytest.raises(KeyError), splits_of(*given) as split:
            split("nowhere", False)
        with splits_of(*given) as split:
            assert split("0", False) is not second
