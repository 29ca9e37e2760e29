"""The whole run: records against plain passes, cancelling and going on, memory, edge cases, real networks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from analysis import measure
from analysis.configuring import sweep
from analysis.engine import carry_out, run
from analysis.events import Chunk, Finished, Outcome
from analysis.figures import FigureSpec, make_sheet
from analysis.geometry.kernels import Convolution, convolve
from analysis.images import images_from
from analysis.measures.configurations import Option
from analysis.measures.findings import MEASURES
from analysis.models import model_from
from analysis.outcomes import records
from analysis.problems import AnalysisError
from analysis.request import ImageSource, ModelSource, Request
from analysis.result import Result
from analysis.store import list_runs, load, record
from tests.tiny import ResidualNet, fill, pictures, state_of

pytestmark = pytest.mark.usefixtures("one_thread")

POINTS = "layer2.0.conv1:dil1,2;layer3.0.conv1:dil1,2,3"


def small() -> nn.Module:
    return fill(ResidualNet(width=4))


def labels(count: int) -> np.ndarray:
    return np.arange(count) % 10


def swept(net: nn.Module, count: int = 12, **params: Any) -> Result:
    x = pictures((3, 16, 16), count)
    params.setdefault("points", POINTS)
    return measure("dynamic_configurations", net, x, labels=labels(count), **params)


def test_records_equal_plain_passes() -> None:
    net, x = small(), pictures((3, 16, 16), 12)
    result = swept(net, batch=5)
    names = result.names("configuration")
    assert names[0] == "dil:1|1"
    assert len(names) == 6
    column = names.index("dil:2|3")
    wanted = {net.layer2[0].conv1: Option.read("dil2"), net.layer3[0].conv1: Option.read("dil3")}
    for conv, option in wanted.items():
        geometry = Convolution(conv.stride, conv.padding, conv.dilation, 1)  # type: ignore[arg-type]  # pairs
        conv.forward = lambda x, w=conv.weight, g=geometry, o=option: convolve(x, w, None, g, o)  # type: ignore[method-assign]  # a copy of this test alone
    with torch.no_grad():
        logits = net(x).double()
    shares = torch.softmax(logits, dim=1).numpy()
    label = labels(12)
    assert result["prediction"][:, column].tolist() == shares.argmax(axis=1).tolist()
    assert result["confidence"][:, column] == pytest.approx(shares.max(axis=1), rel=1e-5)
    ordered = np.sort(shares, axis=1)
    assert result["margin"][:, column] == pytest.approx(ordered[:, -1] - ordered[:, -2], rel=1e-4, abs=1e-7)
    own = shares[np.arange(12), label]
    assert result["true_probability"][:, column] == pytest.approx(own, rel=1e-4)
    assert result["loss"][:, column] == pytest.approx(-np.log(own), rel=1e-5)
    assert result["true_rank"][:, column].tolist() == (1 + (shares > own[:, None]).sum(axis=1)).tolist()
    assert result["entropy"][:, column] == pytest.approx(-(shares * np.log(shares)).sum(axis=1), rel=1e-4)
    assert (result["correct"][:, column] == (result["prediction"][:, column] == label)).all()
    assert result["top5_probability"][:, column] == pytest.approx(ordered[:, :-6:-1], rel=1e-4)


def test_column_0_is_the_network() -> None:
    net = small()
    result = swept(net)
    plain = measure("evaluate", net, pictures((3, 16, 16), 12), labels=labels(12))
    assert result["accuracy"][0] == plain.value("top1")
    assert np.array_equal(result["prediction"][:, 0], plain["prediction"])
    assert result["loss"][:, 0] == pytest.approx(plain["sample_loss"])
    assert (result["macs"] == result["macs"][0]).all()
    assert result["tree_macs"].sum() < result["macs"].sum()


def test_the_network_is_left_alone() -> None:
    net = small()
    before = state_of(net)
    swept(net, family="stride_square", points="")
    assert state_of(net) == before


def test_strides_change_maps_costs_and_fields() -> None:
    result = swept(small(), family="stride_square", points="")
    names = result.names("configuration")
    assert len(names) == 13
    assert result["map_size"][0].tolist() == [[16, 16], [8, 8], [4, 4]]
    enlarged = names.index("stride:K1|K1|D2")
    assert result["map_size"][enlarged].tolist() == [[16, 16], [16, 16], [8, 8]]
    assert result["last_map"][enlarged].tolist() == [8, 8]
    # Stem and two layers at jump 1: 7; then 9 and 13 with the jump doubled in between; then 17 and 25.
    assert result["receptive_field"][0].tolist() == [25, 25]
    # 9 and 11 at jump 1, 13 and, with the jump doubled, 17.
    assert result["receptive_field"][enlarged].tolist() == [17, 17]
    assert {warning.code for warning in result.warnings} == {"left_out"}


def test_mean_and_vote_of_all_configurations() -> None:
    result = swept(small(), 10)
    votes = np.stack([np.bincount(row, minlength=10) for row in result["prediction"]])
    for picture, answer in enumerate(result["vote_prediction"]):
        assert votes[picture, answer] == votes[picture].max()
    assert set(result["mean_prediction"]) <= set(range(10))


def test_summary_is_read_off_the_records() -> None:
    result = swept(small(), 30)
    values = dict(zip(result.names("measure"), result["summary"], strict=True))
    right = result["correct"] == 1
    assert result.names("measure") == MEASURES
    assert values["any-correct oracle"] == pytest.approx(right.any(axis=1).mean())
    assert values["plain accuracy"] == pytest.approx(result["accuracy"][0])
    assert np.nanmax(result["growth"]) == pytest.approx(right.any(axis=1).mean())
    assert (result["summary_low"] <= result["summary"] + 1e-9)[:3].all()


# ---- going on, and memory --------------------------------------------------------------------------------------------


def events(net: nn.Module, count: int, stop_after: int, out: Path, resume: str = "", batch: int = 4) -> list[Any]:
    """Run in batches; ask to stop once so many chunks of finished pictures have come."""
    x = pictures((3, 16, 16), count)
    finished: list[int] = []
    request = Request("dynamic_configurations", params=(("points", POINTS),), resume=resume)

    def loader(_info: object) -> Any:
        return model_from(net, (3, 16, 16)), images_from(x, labels(count), net, batch)

    seen = []
    for event in record(carry_out(request, loader, lambda: len(finished) >= stop_after), out):
        seen.append(event)
        if isinstance(event, Chunk) and event.name == "measured":
            finished.append(event.at[0])
    return seen


def test_a_cancelled_run_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    net = small()
    whole = Result.of(events(net, 18, 99, tmp_path / "whole"))
    ending = events(net, 18, 2, tmp_path / "part")[-1]
    assert isinstance(ending, Finished)
    assert ending.outcome is Outcome.CANCELLED
    stored = list_runs(tmp_path / "part")[0]
    assert stored.state == "cancelled"
    kept = load(stored.folder)
    assert (kept["measured"] == 1).sum() == 8
    assert np.array_equal(kept["prediction"][:8], whole["prediction"][:8])
    ran: list[int] = []
    real = sweep.sweep_batch
    monkeypatch.setattr(
        "analysis.methods.dynamic_configurations.sweep_batch",
        lambda s, pixels, own: ran.append(len(pixels)) or real(s, pixels, own),
    )
    again = Result.of(events(net, 18, 99, tmp_path / "part", str(stored.folder)))
    assert ran == [4, 4, 2]
    for name, array in whole.arrays.items():
        np.testing.assert_array_equal(array, again[name], err_msg=name)
    assert again.prepared is not None
    assert again.prepared.fingerprint == kept.prepared.fingerprint  # type: ignore[union-attr]  # it was prepared
    assert (load(stored.folder)["measured"] == 1).sum() == 8


def test_a_run_that_goes_on_in_other_batches_leaves_no_picture_out(tmp_path: Path) -> None:
    net = small()
    events(net, 14, 2, tmp_path)
    stored = list_runs(tmp_path)[0]
    again = Result.of(events(net, 14, 99, tmp_path, str(stored.folder), batch=6))
    assert (again["measured"] == 1).all()
    assert (again["prediction"] >= 0).all()


def test_another_request_is_not_continued(tmp_path: Path) -> None:
    events(small(), 8, 1, tmp_path)
    stored = list_runs(tmp_path)[0]
    with pytest.raises(AnalysisError, match="measured something else"):
        swept(small(), 12, resume=stored.folder)


def test_batches_are_halved_when_memory_runs_out(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = swept(small(), 12, batch=3)
    sizes: list[int] = []
    real = sweep.Walker.run

    def scarce(self: sweep.Walker, given: Tensor, configuration: tuple[int, ...]) -> Any:
        sizes.append(len(given))
        if len(given) > 3 and any(configuration):
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(self, given, configuration)

    monkeypatch.setattr(sweep.Walker, "run", scarce)
    result = swept(small(), 12, batch=12)
    assert max(sizes) == 12
    assert sizes[-1] == 3
    for name, array in expected.arrays.items():
        np.testing.assert_array_equal(array, result[name], err_msg=name)


def test_one_picture_that_does_not_fit_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    real = sweep.Walker.run

    def none(self: sweep.Walker, given: Tensor, configuration: tuple[int, ...]) -> Any:
        if len(given) != 2:  # as in the trial before the sweep
            raise MemoryError
        return real(self, given, configuration)

    monkeypatch.setattr(sweep.Walker, "run", none)
    with pytest.raises(AnalysisError, match="out of memory"):
        swept(small(), 6)


def test_batches_fit_into_the_memory_given() -> None:
    x = images_from(pictures((3, 64, 64), 64), labels(64), None, 64)
    sizes = []
    for memory in (16, 1024):
        params = {param.name: param.default for param in sweep.PARAMS} | {"memory": memory, "points": POINTS}
        job = sweep.Job(Request("dynamic_configurations"), params, model_from(small(), (3, 64, 64)), x)
        steps = sweep.prepare(job)
        with torch.no_grad():
            while True:
                try:
                    next(steps)
                except StopIteration as end:
                    sizes.append(end.value.step)
                    break
    # 4 channels of 64 x 64 are the largest tensor: 64 KiB, counted four times, beside what prefixes hold.
    assert sizes[0] < sizes[1] == 64
    assert sizes[0] >= 16 * 1024 // (4 * 64 + 48 + 3 * 64 + 64)


# ---- edge cases ------------------------------------------------------------------------------------------------------


class Flat(nn.Module):
    """A head that takes maps of one size only."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, 2, 1)
        self.fc = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.b(F.relu(self.a(x))).view(-1, 64))


def test_a_head_of_fixed_size_takes_dilations_only() -> None:
    net, x = fill(Flat()), pictures((3, 8, 8), 4)
    result = measure("dynamic_configurations", net, x, labels=labels(4), points="b:dil1,2")
    assert len(result.names("configuration")) == 2
    with pytest.raises(AnalysisError, match="None of the configurations runs") as caught:
        measure("dynamic_configurations", net, x, labels=labels(4), points="b:strideD2,K1")
    assert "dilation" in caught.value.hint


def test_one_configuration_has_no_oracle_of_its_own() -> None:
    result = swept(small(), 8, points="layer1.0.conv1:dil1")
    assert result.names("configuration") == ("dil:1",)
    assert result["growth"].tolist() == [result["accuracy"][0]]


def test_without_labels_there_are_answers_only() -> None:
    result = measure("dynamic_configurations", small(), pictures((3, 16, 16), 6), points=POINTS)
    assert "correct" not in result
    assert "summary" not in result
    assert (result["distinct_answers"] >= 1).all()
    assert "no_labels" in {warning.code for warning in result.warnings}


def test_outputs_that_are_no_numbers_count_as_wrong() -> None:
    logits = torch.tensor([[1.0, float("nan"), 0.0], [0.0, 5.0, 1.0]])
    found = records(logits, torch.tensor([0, 1]))
    assert found["prediction"].tolist() == [-1, 1]
    assert found["correct"].tolist() == [0, 1]
    assert np.isinf(found["loss"][0])
    assert found["true_rank"].tolist() == [3, 1]


def test_ranks_of_equal_outputs_go_by_class() -> None:
    found = records(torch.zeros(3, 4), torch.tensor([0, 2, 3]))
    assert found["true_rank"].tolist() == [1, 3, 4]
    assert found["top5"].tolist() == [[0, 1, 2, 3]] * 3


def test_dilations_beyond_the_map_are_marked_as_equal() -> None:
    result = swept(small(), 6, points="layer3.0.conv1:dil1,9,11")
    assert result["duplicate_of"].tolist() == [0, 1, 1]


def test_two_classes_are_warned_of() -> None:
    net = small()
    net.linear = fill(nn.Linear(16, 2))
    result = measure("dynamic_configurations", net, pictures((3, 16, 16), 6), labels=np.arange(6) % 2, points=POINTS)
    assert "two_classes" in {warning.code for warning in result.warnings}


def test_maps_need_not_be_square() -> None:
    class Wide(ResidualNet):
        def forward(self, x: Tensor) -> Tensor:
            x = F.relu(self.bn1(self.conv1(x)))
            return self.linear(self.layer3(self.layer2(self.layer1(x))).mean((2, 3)))

    x = pictures((3, 12, 20), 3)
    result = measure("dynamic_configurations", fill(Wide(width=4)), x, labels=labels(3), family="stride_square")
    assert result["map_size"][0].tolist() == [[12, 20], [6, 10], [3, 5]]


def test_a_network_without_convolutions_is_refused() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(48, 10))
    with pytest.raises(AnalysisError, match="no spatial convolution"):
        measure("dynamic_configurations", net, pictures((3, 4, 4), 2), labels=labels(2))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"points": "layer9:dil2"}, "no convolution"),
        ({"points": "layer1.0.conv1:dil2,strideD2"}, "several families"),
        ({"zooms": "0,x"}, "zoom factors"),
        ({"family": "dilation9"}, "not a value of family"),
    ],
)
def test_wrong_parameters_are_told(params: dict[str, Any], message: str) -> None:
    with pytest.raises(AnalysisError, match=message):
        swept(small(), 4, **params)


def test_zooms_are_dealt_out_evenly_and_1_changes_nothing() -> None:
    net = small()
    plain, zoomed = swept(net, 20), swept(net, 20, zooms="1,2")
    assert zoomed["zoom"].tolist().count(2.0) == 10
    same = zoomed["zoom"] == 1
    assert np.array_equal(plain["prediction"][same], zoomed["prediction"][same])
    assert not np.array_equal(plain["loss"][~same], zoomed["loss"][~same])


def test_recalibration_is_labelled_and_is_another_run() -> None:
    plain, other = swept(small(), 12), swept(small(), 12, recalibrate=8)
    assert "recalibrated" in {warning.code for warning in other.warnings}
    assert "batch norm" in other.facts
    assert not np.array_equal(plain["loss"][:, 0], other["loss"][:, 0])
    assert plain.prepared is not None
    assert other.prepared is not None
    assert plain.prepared.fingerprint != other.prepared.fingerprint
    assert "plain_accuracy" not in plain
    assert plain.facts["configuration 0"] == "the network as it is"
    assert "batch-norm" in other.facts["configuration 0"]
    # Column 0 is another network there; the one that is open stands beside.
    np.testing.assert_array_equal(other["plain_correct"], plain["correct"][:, 0])
    assert other["plain_accuracy"] == plain["accuracy"][0]


def test_resized_shortcuts_are_not_called_the_network_as_it_is() -> None:
    points = "layer2.0.conv1:strideD2,K1"
    own, resized = swept(small(), 12, points=points), swept(small(), 12, points=points, policy="resize")
    assert not np.array_equal(own["loss"][:, 0], resized["loss"][:, 0])
    assert "resized" in resized.facts["configuration 0"]
    np.testing.assert_array_equal(resized["plain_correct"], own["correct"][:, 0])


def test_growth_counts_configurations_that_differ() -> None:
    """A dilation beyond the map twice: four configurations, of which two differ."""
    result = swept(small(), 12, points="layer3.0.conv1:dil1,9,11,13")
    own = np.flatnonzero(result["duplicate_of"] == np.arange(4))
    assert len(own) == 2
    right = result["correct"] == 1
    wanted = [right[:, own].mean(), right.any(axis=1).mean()]
    np.testing.assert_allclose(result["growth"], [*wanted, np.nan, np.nan])


@pytest.mark.parametrize("name", ["growth", "cost_map", "cover", "policies"])
def test_figures_show_the_numbers_of_the_run(name: str) -> None:
    result = swept(small(), 30)
    sheet = make_sheet(FigureSpec(name), [result])
    assert sheet.fingerprints
    lines = {mark.label: mark for mark in sheet.panels[0].marks}
    if name == "growth":
        known = result["growth"][np.isfinite(result["growth"])]
        np.testing.assert_allclose(lines["configurations (upper bound)"].y, 100 * known)
        assert {"plain", "equally long list", "shuffled labels"} <= set(lines)
    if name == "cost_map":
        assert lines["network as it is"].y.tolist() == pytest.approx([100 * result["accuracy"][0]])


def test_figures_of_runs_without_labels_say_why_not() -> None:
    result = measure("dynamic_configurations", small(), pictures((3, 16, 16), 6), points=POINTS)
    with pytest.raises(AnalysisError, match="no labels"):
        make_sheet(FigureSpec("growth"), [result])


@pytest.mark.data
def test_resnet20_on_cifar(data: Path) -> None:
    """The plain column is the evaluated network, distance from it costs accuracy, and much of the oracle is chance."""
    model = ModelSource("auto", (str(data / "weights" / "resnet20-12fca82f.th"),))
    images = ImageSource(str(data / "cifar10" / "cifar_test1000.npz"))
    points = (("points", "layer2.0.conv1:dil1,2,3;layer3.0.conv1:dil1,2,3"),)
    result = Result.of(run(Request("dynamic_configurations", model, images, params=points, limit=200)))
    plain = Result.of(run(Request("evaluate", model, images, limit=200)))
    assert result["accuracy"][0] == plain.value("top1")
    assert result["accuracy"].argmax() == 0 or result["accuracy"].max() - result["accuracy"][0] < 0.03
    distance = result["option"].sum(axis=1)
    near, far = result["accuracy"][distance == 1].mean(), result["accuracy"][distance == 4].mean()
    assert far < near < result["accuracy"][0] + 0.02
    values = dict(zip(result.names("measure"), result["summary"], strict=True))
    assert values["any-correct oracle"] > values["plain accuracy"]
    assert abs(values["oracle beyond list"]) < values["any-correct oracle"] - values["plain accuracy"]
