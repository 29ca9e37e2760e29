"""At what scale configurations look, what pictures are grouped by, and rows for zooms: cases with known answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from analysis import measure
from analysis.engine import run
from analysis.measures import oracles, scales
from analysis.measures.options import Option, SwitchPoint
from analysis.measures.stride_bounds import total_reductions
from analysis.pictures import open_pictures
from analysis.request import Compute, ImageSource, ModelSource, Request
from analysis.result import Result
from tests.tiny import ResidualNet, fill, pictures

POINTS = "layer2.0.conv1:dil1,2;layer3.0.conv1:dil1,2,3"


def small(**params: Any) -> Result:
    x = pictures((3, 16, 16), 12)
    return measure(
        "dynamic_configurations",
        fill(ResidualNet(width=4)),
        x,
        labels=np.arange(12) % 10,
        **{"points": POINTS} | params,
    )


# ---- scales ----------------------------------------------------------------------------------------------------------


def test_scale_of_each_family() -> None:
    field = np.array([[40.0, 40.0], [40.0, 90.0]])
    kernel = scales.scales_of(["ker:3|3", "ker:1|5"], field)
    assert [scale.values.tolist() for scale in kernel] == [[3.0, 3.0], [40.0, 60.0]]
    stride = scales.scales_of(["stride:K1|D2", "stride:K1|DV"], field, np.array([[8.0, 8.0], [8.0, 4.0]]))
    assert stride[0].values.tolist() == [3.0, 2.5]
    assert [scale.name for scale in scales.scales_of(["stride:K1", "stride:D2"], field)] == ["receptive field"]
    mixed = scales.scales_of(["mixed:dil1|strideD2", "mixed:dil2|strideD2"], field)
    assert [scale.name for scale in mixed] == ["receptive field"]


def test_total_reduction_counts_strides_and_enlargements() -> None:
    """ResNet-18 at 224 pixels: 4, 8, 16, 32 as it is (section 13.5 gives the maps of the others)."""
    maps = ((56, 56), (28, 28), (14, 14), (7, 7))
    before = ((56, 56), *maps[:3])
    points = [
        SwitchPoint(f"{n}", (3, 3), (1 if n == 0 else 2,) * 2, (1, 1), before[n], maps[n])  # type: ignore[arg-type]
        for n in range(4)
    ]
    own = [point.nominal("stride") for point in points]
    assert total_reductions(points, own, (224, 224)) == tuple((float(4 << n),) * 2 for n in range(4))
    other = [Option.read(f"stride{token}") for token in ("K1", "DV", "DH", "U2")]
    assert total_reductions(points, other, (224, 224)) == ((4.0, 4.0), (8.0, 4.0), (8.0, 8.0), (4.0, 4.0))


def test_pictures_that_want_larger_scales_correlate_with_them() -> None:
    size = np.arange(60, dtype=np.float64)
    wish = (size // 20).astype(int)  # 0, 1, 2
    loss = np.abs(wish[:, None] - np.arange(3)).astype(np.float64)
    correct = loss < 1
    correct[0] = False
    best, right = scales.chosen_scales(correct, loss, np.array([0.0, 1.0, 2.0]))
    assert best.tolist() == wish.tolist()
    assert np.isnan(right[0])
    assert right[1:].tolist() == wish[1:].tolist()
    value, low, high = scales.correlation(size, best)
    assert 0.9 < low <= value <= high <= 1
    assert scales.means_by_group(right, [np.arange(20), np.array([0])])[0] == 0
    assert np.isnan(scales.means_by_group(right, [np.array([0])])[0])


def test_rows_of_one_picture_are_drawn_together() -> None:
    """Ten pictures at six zooms: intervals over rows would be too narrow."""
    random = np.random.RandomState(0)
    own = np.repeat(random.standard_normal(10), 6)
    first, second = own + 0.1 * random.standard_normal(60), own + 0.1 * random.standard_normal(60)
    rows = scales.correlation(first, second)
    whole = scales.correlation(first, second, picture=np.repeat(np.arange(10), 6))
    assert whole[0] == rows[0]
    assert whole[2] - whole[1] > 1.5 * (rows[2] - rows[1])


def test_rank_curve_is_sorted_in_loss_and_ends_at_best_and_worst() -> None:
    random = np.random.RandomState(1)
    loss, correct = random.rand(40, 7), random.rand(40, 7) < 0.5
    found = oracles.by_loss(correct, loss)
    curve, losses = oracles.rank_curve(correct, loss), oracles.rank_means(loss, loss)
    assert (np.diff(losses) >= 0).all()
    assert (curve[0], curve[3], curve[-1]) == (found.best_accuracy, found.median_accuracy, found.worst_accuracy)
    assert losses[[0, 3, -1]] == pytest.approx([found.best_loss, found.median_loss, found.worst_loss])
    assert curve.mean() == pytest.approx(correct.mean())


# ---- what pictures are grouped by ------------------------------------------------------------------------------------


def test_sides_are_those_of_the_recorded_pictures(tmp_path: Path) -> None:
    for number, (wide, high) in enumerate(((8, 8), (16, 4), (32, 2))):
        Image.new("RGB", (wide, high)).save(tmp_path / f"{number}.png")
    (tmp_path / "3.png").write_bytes(b"no picture")
    found = open_pictures(str(tmp_path))
    assert [found.side(place) for place in range(3)] == [8.0, 8.0, 8.0]
    assert np.isnan(found.side(3))
    assert open_pictures("noise:2", (3, 4, 9)).side(0) == 6.0


def test_groups_by_size_and_class_are_measured(tmp_path: Path) -> None:
    random = np.random.RandomState(0)
    for number in range(100):
        folder = tmp_path / ("airplane", "automobile")[number % 2]
        folder.mkdir(exist_ok=True)
        side = 24 if number % 4 < 2 else 48
        Image.fromarray(random.randint(0, 256, (side, side, 3), dtype=np.uint8)).save(folder / f"{number}.png")
    result = Result.of(
        run(
            Request(
                "dynamic_configurations",
                ModelSource("cifar_resnet20", ("random",)),
                ImageSource(str(tmp_path), size=(16, 16)),
                params=(("points", "layer3.0.conv1:dil1,2"),),
                compute=Compute(threads=1),
            )
        )
    )
    assert result.finished is not None
    assert result.finished.problem is None, result.finished.problem
    assert set(result["size"]) == {24.0, 48.0}
    values = dict(zip(result.names("measure"), result["summary"], strict=True))
    assert np.isfinite(values["static gain by size"])
    assert np.isfinite(values["static gain by class, shuffled"])


def test_pictures_of_one_size_are_not_grouped_by_it() -> None:
    result = small()
    assert set(result["size"]) == {16.0}
    values = dict(zip(result.names("measure"), result["summary"], strict=True))
    assert np.isnan(values["static gain by size"])
    assert (result["reduction"] == 4).all()


def test_every_picture_at_every_zoom() -> None:
    result, plain = small(zooms="0.5,1,2", zoom_each=True), small()
    assert result["place"].tolist() == np.repeat(np.arange(12), 3).tolist()
    assert result["zoom"].tolist() == [0.5, 1.0, 2.0] * 12
    for name in ("prediction", "correct", "label", "size"):
        np.testing.assert_array_equal(result[name][1::3], plain[name], err_msg=name)
    np.testing.assert_allclose(result["loss"][1::3], plain["loss"])
    assert (result["loss"][::3] != plain["loss"]).any()
    assert "each picture at all of them" in result.facts["zoom"]
    assert "zoom_each" in {warning.code for warning in result.warnings}


def test_pools_are_zoomed_and_grouped_as_the_sweep_is() -> None:
    x = pictures((3, 16, 16), 100)
    labels = np.arange(100) % 10
    params = {"points": POINTS, "zooms": "0.7,1.4", "copies": 2, "target": 0.1}
    result = measure("chance_pools", fill(ResidualNet(width=4)), x, labels=labels, **params)
    table = dict(zip(result.names("grouping"), result["static_gain"][2], strict=True))
    assert np.isfinite(table["zoom"]).all()
    assert np.isnan(table["column"]).all()
    assert sorted(set(result["zoom"].tolist())) == [0.7, 1.4]
    plain = measure("chance_pools", fill(ResidualNet(width=4)), x, labels=labels, **params | {"zooms": "1"})
    assert (plain["prediction"][0, :, 0] != result["prediction"][0, :, 0]).any()


def test_a_subset_of_configurations_always_has_the_network_as_it_is() -> None:
    whole, part = small(), small(subset=3)
    names = part.names("configuration")
    assert len(names) == 3
    assert names[0] == whole.names("configuration")[0]
    places = [whole.names("configuration").index(name) for name in names]
    np.testing.assert_array_equal(part["prediction"], whole["prediction"][:, places])
    assert "drawn at random" in part.facts["subset"]
