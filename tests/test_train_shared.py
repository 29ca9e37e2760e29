"""Method train_shared and what trains in it: splits, steps, kinds of networks, kept weights, a killed run taken up."""

from __future__ import annotations

import copy
import subprocess
import sys
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from analysis import measure, models
from analysis.derive import derive
from analysis.engine import run
from analysis.events import Chunk, Event
from analysis.figures import FigureSpec, make_sheet, save
from analysis.figures.sharing import curves_of
from analysis.figures.sheet import Guide, Line
from analysis.fresh_nets import fresh, narrowed
from analysis.images import images_from
from analysis.methods import train_shared
from analysis.models import model_from
from analysis.networks import CifarResNet, PlainCnn
from analysis.problems import AnalysisError
from analysis.request import Compute, ImageSource, ModelSource, Request
from analysis.result import Result
from analysis.sharing import banks_of
from analysis.store import list_runs, load, open_run, record
from analysis.training import Recipe, Trainer, hold_out
from resources.studies.sharing import full, quick, small_resnet


def tiny(seed: int = 0) -> CifarResNet:
    torch.manual_seed(seed)
    return CifarResNet(8, "B", (4, 8, 8), 1, 4)


def data(count: int = 96) -> tuple[torch.Tensor, torch.Tensor]:
    """Pictures of 8 x 8 with a bright quarter; the class says which."""
    random = torch.Generator().manual_seed(0)
    x, y = 0.3 * torch.randn(count, 1, 8, 8, generator=random), torch.arange(count) % 4
    for picture, label in zip(x, y.tolist(), strict=True):
        picture[0, 4 * (label // 2) :, 4 * (label % 2) :][:4, :4] += 1
    return x, y


def trained(net: nn.Module, **params: Any) -> Result:
    x, y = data()
    given: dict[str, Any] = {"epochs": 3, "mirror": False, "ratios": "0.3", "dense": True, "narrowed": True}
    return measure("train_shared", net, x, labels=y, batch=16, **(given | params))


def test_held_out_pictures_are_alike_in_classes() -> None:
    x, y = data(40)
    images = images_from(x, y)
    train, held = hold_out(images, 0.2, 3)
    assert sorted([*train, *held]) == list(range(40))
    assert np.bincount(y.numpy()[held]).tolist() == [2, 2, 2, 2]
    assert (hold_out(images, 0.2, 3)[1] == held).all()
    assert (hold_out(images, 0.2, 4)[1] != held).any()
    with pytest.raises(AnalysisError, match="labels"):
        hold_out(images_from(x), 0.2, 0)
    with pytest.raises(AnalysisError, match="too few"):
        hold_out(images_from(x[:2], y[:2]), 0.5, 0)


@pytest.mark.parametrize("schedule", ["one cycle", "released", "constant"])
def test_rates(schedule: str) -> None:
    recipe = Recipe(lr=0.5, schedule=schedule, epochs=90)
    rates = [recipe.rate(step, 900) for step in range(900)]
    if schedule == "constant":
        assert set(rates) == {0.5}
    elif schedule == "released":  # lr x 0.1^(epoch / 45), continuous
        assert rates[0] == 0.5
        assert rates[450] == pytest.approx(0.05)
        assert all(a > b for a, b in pairwise(rates))
    else:
        assert max(rates) == pytest.approx(0.5)
        assert np.argmax(rates) == 180
        assert rates[-1] < 1e-4


def test_a_step_is_that_of_torch() -> None:
    """The trainer's epoch against the same steps written out."""
    x, y = data(33)
    net = tiny()
    twin = copy.deepcopy(net).train()
    recipe = Recipe(epochs=1, lr=0.05, schedule="constant", mirror=False, batch=16)
    trainer = Trainer(net, recipe, images_from(x, y), np.arange(33), 5)
    state = torch.get_rng_state()
    with torch.no_grad():  # as in a run
        losses = [loss for loss, _ in trainer.run_epoch()]
    assert torch.equal(torch.get_rng_state(), state)
    assert trainer.steps == len(losses) == 2, "a batch of one picture is left out"
    optimiser = torch.optim.SGD(twin.parameters(), 0.05, momentum=0.9, weight_decay=5e-4, nesterov=True)
    order = np.random.RandomState([5, 1, 0]).permutation(33)
    for number in range(2):
        rows = order[16 * number : 16 * number + 16]
        loss = F.cross_entropy(twin(x[rows]), y[rows])
        assert loss.item() == pytest.approx(losses[number], rel=1e-6)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    for own, other in zip(net.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(own, other)


def test_networks_with_dropout_train_the_same_twice() -> None:
    def net() -> nn.Module:
        torch.manual_seed(1)
        return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Dropout(0.5), nn.Flatten(), nn.Linear(144, 4))

    x, y = data(32)
    found = []
    for _ in range(2):
        trainer = Trainer(net(), Recipe(epochs=1, optimiser="adam", clip=1.0), images_from(x, y), np.arange(32), 2)
        found.append([loss for loss, _ in trainer.run_epoch()])
        torch.rand(3)
    assert found[0] == found[1]


def test_fresh_networks() -> None:
    model = model_from(tiny(7), (1, 8, 8))
    first, words = fresh(model, 3)
    again, _ = fresh(model, 3)
    other, _ = fresh(model, 4)
    assert words == "as its constructor draws them"
    assert torch.equal(first.state_dict()["conv1.weight"], again.state_dict()["conv1.weight"])
    assert not torch.equal(first.state_dict()["conv1.weight"], other.state_dict()["conv1.weight"])
    assert [tuple(p.shape) for p in first.parameters()] == [tuple(p.shape) for p in model.net.parameters()]
    foreign = model_from(nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(144, 4)), (1, 8, 8))
    copied, words = fresh(foreign, 3)
    assert words == "drawn anew by each module"
    assert not torch.equal(copied[0].weight, foreign.net[0].weight)  # type: ignore[index]
    assert narrowed(foreign, 5, 0) is None  # it would be left without channels


def test_any_network_can_be_narrowed_by_its_groups() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 16, 3), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 16, 3), nn.Flatten())
    net = nn.Sequential(*net, nn.Linear(256, 4)).eval()
    model = model_from(net, (1, 8, 8))
    before = copy.deepcopy(net.state_dict())
    for parameters in (500, 1500):
        cut = narrowed(model, parameters, 0)
        assert cut is not None
        assert sum(p.numel() for p in cut[0].parameters()) == pytest.approx(parameters, rel=0.2)
        assert cut[0](torch.zeros(2, 1, 8, 8)).shape == (2, 4)
        assert cut[1] < 1
        twin = narrowed(model, parameters, 0)
        assert twin is not None
        assert torch.equal(cut[0][0].weight, twin[0][0].weight)  # type: ignore[index]
    assert all(torch.equal(before[key], tensor) for key, tensor in net.state_dict().items())


@pytest.mark.parametrize("option", ["A", "B"])
def test_narrowed_networks_have_as_many_parameters_as_asked(option: str) -> None:
    model = model_from(CifarResNet(14, option, (8, 16, 32), 1, 10), (1, 8, 8))
    whole = sum(p.numel() for p in model.net.parameters())
    for share in (0.1, 0.5, 1.0):
        found = narrowed(model, round(share * whole), 0)
        assert found is not None
        assert sum(p.numel() for p in found[0].parameters()) == pytest.approx(share * whole, rel=0.12)
        assert found[0](torch.zeros(2, 1, 8, 8)).shape == (2, 10)
    assert type(narrowed(model_from(PlainCnn((1, 2, 1), 8, 1, 4), (1, 8, 8)), 300, 0)[0]) is PlainCnn  # type: ignore[index]


def test_all_kinds_are_trained_and_counted() -> None:
    net = tiny()
    before = copy.deepcopy(net.state_dict())
    result = trained(net, variants="full,perm,sign,direct", ratios="0.05,0.3", seeds=2, epochs=1)
    names = result.names("run")
    assert len(names) == 1 + 2 * 2 + 3 * 2 + 2
    kinds = [result.names("kind")[kind] for kind in result["kind"]]
    assert kinds == ["dense"] + ["full"] * 4 + ["perm"] * 2 + ["sign"] * 2 + ["direct"] * 2 + ["narrowed"] * 2
    full_size = sum(p.numel() for p in net.parameters())
    assert result["total_freedom"][0] == full_size
    generated = result["generated"][1]
    assert result["shared_freedom"][1:3].tolist() == [round(0.05 * generated), round(0.3 * generated)]
    assert (result["total_freedom"][1:5] == result["shared_freedom"][1:5] + full_size - generated).all()
    np.testing.assert_allclose(result["total_freedom"][-2:], result["total_freedom"][1:3], rtol=0.2)
    assert np.isfinite(result["accuracy"]).all()
    assert np.isfinite(result["step_loss"]).all()
    ringed = np.isin(kinds, ["full", "perm", "sign", "direct"])
    assert (np.isfinite(result["gradient_together"]) == ringed).all()
    np.testing.assert_allclose(result["train_loss"][:, 0], result["step_loss"].mean(axis=1))
    np.testing.assert_allclose(result["held_accuracy"][:, -1], result["accuracy"])
    for name, tensor in net.state_dict().items():
        assert torch.equal(tensor, before[name])
    sheet = make_sheet(FigureSpec("sharing_curve", options=(("law", True),)), [result])
    lines = [mark for mark in sheet.panels[0].marks if isinstance(mark, Line)]
    assert lines[0].low is not None
    assert any(isinstance(mark, Guide) for mark in sheet.panels[0].marks)
    assert [curve.kind for curve in curves_of(result)] == ["full", "perm", "sign", "direct", "dense", "narrowed"]


def test_training_learns_and_live_numbers_arrive(tmp_path: Path) -> None:
    events: list[Event] = []
    result = trained(tiny(), epochs=6, narrowed=False, progress=events.append, out=tmp_path)
    assert (result["accuracy"] > 0.9).all()
    assert (result["train_loss"][:, -1] < 0.5 * result["train_loss"][:, 0]).all()
    steps = [event for event in events if isinstance(event, Chunk) and event.name == "step_loss"]
    assert len(steps) == result["step_loss"].size
    save(FigureSpec("sharing_curve"), [result], tmp_path / "curve.svg")


@pytest.mark.parametrize("params", [{"normalise": True}, {"sigma": 0.0208}, {"optimiser": "adam", "lr": 0.01},
                                    {"scope": "block", "layout": "laps"}, {"include": "stem,linear"}])  # fmt: skip
def test_choices_train(params: dict[str, Any]) -> None:
    result = trained(tiny(), epochs=1, dense=False, narrowed=False, **params)
    assert np.isfinite(result["accuracy"]).all()


def test_normalised_gradients_are_divided_by_the_uses() -> None:
    from analysis.sharing import Sharing, plan, share

    net = tiny()
    shared = share(net, plan(net, Sharing(0.3)), start="random")
    shared(data(4)[0]).square().sum().backward()
    (bank,) = banks_of(shared)
    assert bank.ring.grad is not None
    before = bank.ring.grad.clone()
    train_shared._normaliser(shared)()
    torch.testing.assert_close(bank.ring.grad * bank.column_norms(), before)


def test_a_network_cut_by_its_groups_is_trained_even_if_it_came_frozen() -> None:
    torch.manual_seed(0)
    convs = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 3)
    net = nn.Sequential(*convs, nn.Flatten(), nn.Linear(64, 4)).requires_grad_(False)
    result = trained(net, epochs=1)
    assert "not_narrowed" not in {warning.code for warning in result.warnings}
    assert np.isfinite(result["accuracy"]).all()
    assert not any(parameter.requires_grad for parameter in net.parameters())


def test_what_cannot_be_narrowed_is_said() -> None:
    torch.manual_seed(0)
    one = nn.Conv2d(1, 1, 3), nn.BatchNorm2d(1), nn.ReLU(), nn.Conv2d(1, 1, 3)
    net = nn.Sequential(*one, nn.Flatten(), nn.Linear(16, 4))
    result = trained(net, epochs=1)
    assert [warning.code for warning in result.warnings] == ["not_narrowed"]
    assert np.isnan(result["accuracy"]).tolist() == [False, False, True]


@pytest.mark.parametrize(
    ("params", "words"),
    [({"variants": "hash"}, "no variant"), ({"variants": ""}, "No variant"), ({"ratios": "0"}, "list of sizes")],
)
def test_wrong_parameters_are_one_sentence(params: dict[str, Any], words: str) -> None:
    with pytest.raises(AnalysisError, match=words):
        trained(tiny(), **params)


# ---- what lies in the folder -----------------------------------------------------------------------------------------

SETTINGS = (("ratios", "0.1,0.3"), ("epochs", 3), ("dense", False), ("narrowed", True))
REQUEST = Request(
    "train_shared", ModelSource("demo:fashion_resnet"), ImageSource("demo:train"), params=SETTINGS, limit=60,
    compute=Compute(threads=1, batch=24),
)  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """A run that nobody ended."""
    return Result.of(record(run(REQUEST), tmp_path_factory.mktemp("whole")))


def test_kept_weights_open_as_a_network(whole: Result) -> None:
    assert whole.prepared is not None
    folder = Path(whole.prepared.folder)
    assert not (folder / "checkpoint.pt").exists()
    file = folder / "weights.safetensors"
    model = models.load(ModelSource("auto", (str(file),)), Compute(), derive=derive)
    assert model.name == "demo:fashion_resnet"
    best = int(np.nanargmax(np.where(whole["size"] > 0, whole["accuracy"], np.nan)))
    assert model.recording.totals.parameters == whole["total_freedom"][best]
    assert file.stat().st_size < 4 * 68_642
    again = Result.of(run(replace(REQUEST, method="evaluate", model=ModelSource("auto", (str(file),)), params=())))
    assert again.finished is not None
    assert again.finished.problem is None


def test_a_killed_run_goes_on_and_ends_the_same(whole: Result, tmp_path: Path) -> None:
    """A real process, killed after its first checkpoint; the run that goes on from it has the very same numbers."""
    file = tmp_path / "request.json"
    file.write_text(REQUEST.to_json(), encoding="utf-8")
    root = tmp_path / "runs"
    process = subprocess.Popen(
        [sys.executable, "-m", "analysis", "run", str(file), "--out", str(root)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=Path(__file__).parents[1],
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 120
        while not list(root.glob("*/checkpoint.pt")):
            assert process.poll() is None, "the run ended before it was killed"
            assert time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        process.kill()
        process.wait()
    folder = next(root.glob("*/checkpoint.pt")).parent
    assert open_run(folder).state == "interrupted"
    lost = np.isnan(load(folder)["accuracy"]).sum()
    assert lost > 0, "killed too late to show anything"
    progress = []
    events = record(run(replace(REQUEST, resume=str(folder))), root)
    result = Result()
    for event in events:
        result.apply(event)
        if isinstance(event, Chunk) and event.name == "step_loss" and event.at:
            progress.append(event.at)
    assert result.finished is not None
    assert result.finished.problem is None
    assert progress
    assert progress[0] > (0, 0), "what was done is not done again"
    for name, array in whole.arrays.items():
        np.testing.assert_array_equal(result[name], array, err_msg=name)
    assert result.prepared is not None
    assert whole.prepared is not None
    one, two = (Path(r.prepared.folder) / "weights.safetensors" for r in (result, whole) if r.prepared)
    assert one.read_bytes() == two.read_bytes()


def test_a_damaged_checkpoint_is_one_sentence(whole: Result, tmp_path: Path) -> None:
    events = record(run(REQUEST), tmp_path)
    for event in events:
        if isinstance(event, Chunk) and event.name == "held_loss" and event.at == (0, 1):
            break
    events.close()  # type: ignore[attr-defined]
    (stored,) = list_runs(tmp_path)
    assert stored.state == "cancelled"
    (stored.folder / "checkpoint.pt").write_bytes(b"nonsense")
    ending = Result.of(run(replace(REQUEST, resume=str(stored.folder)))).finished
    assert ending is not None
    assert ending.problem is not None
    assert "damaged" in ending.problem.message


def test_the_study_is_what_the_readme_says() -> None:
    assert sum(p.numel() for p in small_resnet().parameters()) == 25_060
    given = dict(quick().params)
    assert given["ratios"] == "0.02,0.05,0.1,0.2,0.5,1"
    assert (given["seeds"], given["other_seeds"], given["epochs"]) == (3, 1, 8)
    assert len(full()) == 3


@pytest.mark.slow
def test_accuracy_rises_with_the_ring_and_direct_reuse_is_worst() -> None:
    """Everything shared, batch normalisation without weights of its own: steep at first, then flat (three seeds)."""
    result = trained(
        tiny(), epochs=6, ratios="0.005,0.05,0.5", variants="full,direct", seeds=3, other_seeds=3,
        include="stem,linear", dense=False, narrowed=False,
    )  # fmt: skip
    ring, direct = curves_of(result)[:2]
    assert ring.mean[-1] > ring.mean[0]
    assert ring.mean[0] >= direct.mean[0]
