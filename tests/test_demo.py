"""The demo as it is shipped: complete, small, and as accurate as its description says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from analysis.images import open_images
from analysis.networks import DEMO_NETWORKS
from analysis.pictures import choose, open_pictures
from analysis.request import ImageSource, Preprocessing
from resources import FOLDER
from resources.demo import train

DEMO = FOLDER / "demo"
FACTS: dict[str, Any] = json.loads((DEMO / "demo.json").read_text(encoding="utf-8"))
NETWORKS: dict[str, dict[str, Any]] = {network["name"]: network for network in FACTS["networks"]}
CHECKPOINTS = [(name, entry) for name, network in NETWORKS.items() for entry in network["checkpoints"]]
IDS = [entry["file"] for _, entry in CHECKPOINTS]


def accuracy(name: str, file: str, location: str, limit: int = 0) -> float:
    """Share of pictures that a checkpoint recognises, by the way that demo.json describes."""
    net = DEMO_NETWORKS[name]().eval()
    net.load_state_dict(load_file(DEMO / file), strict=True)
    way = Preprocessing(tuple(FACTS["preprocessing"]["mean"]), tuple(FACTS["preprocessing"]["std"]))
    source, classes = ImageSource(location), tuple(FACTS["classes"])
    images = open_images(source, way, (1, 28, 28), classes, limit, 0, torch.device("cpu"), torch.float32, 200)
    with torch.no_grad():
        hits = sum(int((net(batch.pixels).argmax(1) == batch.labels).sum()) for batch in images)
    return hits / images.count


def test_both_networks_go_from_untrained_to_finished() -> None:
    assert tuple(NETWORKS) == tuple(DEMO_NETWORKS)
    for network in NETWORKS.values():
        epochs = [entry["epoch"] for entry in network["checkpoints"]]
        assert epochs == sorted(set(epochs))
        assert epochs[0] == 0
        assert len(epochs) >= 6
        assert [entry["file"] for entry in network["checkpoints"]] == sorted(e["file"] for e in network["checkpoints"])
        assert abs(network["checkpoints"][0]["test_accuracy"] - 0.1) < 0.1
    good, bad = (network["checkpoints"][-1]["test_accuracy"] for network in NETWORKS.values())
    assert good >= 0.89
    assert 0.3 < bad < 0.8


@pytest.mark.parametrize(("name", "entry"), CHECKPOINTS, ids=IDS)
def test_every_checkpoint_fits_its_network_and_says_what_it_is(name: str, entry: dict[str, Any]) -> None:
    net = DEMO_NETWORKS[name]()
    net.load_state_dict(load_file(DEMO / entry["file"]), strict=True)
    assert all(torch.isfinite(value).all() for value in net.state_dict().values())
    with safe_open(DEMO / entry["file"], "pt") as file:
        header = file.metadata()
    assert header["network"] == name
    assert int(header["epoch"]) == entry["epoch"]
    assert float(header["test_accuracy"]) == entry["test_accuracy"]
    assert int(header["seed"]) == NETWORKS[name]["seed"]
    assert float(header["lr"]) == NETWORKS[name]["lr"]
    assert int(header["batch_size"]) == NETWORKS[name]["batch"]


@pytest.mark.parametrize("name", DEMO_NETWORKS)
def test_measured_accuracies_come_out_again(name: str) -> None:
    last = NETWORKS[name]["checkpoints"][-1]
    # One picture in 2,000 may fall the other way on another processor.
    assert accuracy(name, last["file"], "demo:test") == pytest.approx(last["included_test_accuracy"], abs=0.0011)
    assert accuracy(name, last["file"], "demo:train") == pytest.approx(last["included_train_accuracy"], abs=0.0011)


def test_accuracy_grows_over_the_checkpoints() -> None:
    entries = NETWORKS["fashion_resnet"]["checkpoints"]
    found = [accuracy("fashion_resnet", entries[place]["file"], "demo:test", limit=300) for place in (0, 1, -1)]
    assert found == sorted(found)
    assert found[-1] > 0.85


@pytest.mark.parametrize("part", ["train", "test"])
def test_pictures_are_balanced_and_their_own(part: str) -> None:
    pictures = open_pictures(f"demo:{part}")
    assert pictures.array is not None
    assert pictures.array.shape == (2000, 28, 28)
    assert pictures.labels is not None
    assert np.bincount(pictures.labels).tolist() == [200] * 10
    assert pictures.classes == tuple(FACTS["classes"]) == train.CLASSES
    assert len(np.unique(pictures.array.reshape(2000, -1), axis=0)) > 1990


def test_training_and_test_pictures_differ() -> None:
    one, two = (open_pictures(f"demo:{part}").array for part in ("train", "test"))
    assert one is not None
    assert two is not None
    shared = {picture.tobytes() for picture in one} & {picture.tobytes() for picture in two}
    assert len(shared) < 20


def test_the_description_names_what_is_there_and_the_whole_is_small() -> None:
    assert FACTS["input"] == [1, 28, 28]
    assert all((DEMO / file).is_file() for file in (*FACTS["pictures"].values(), *IDS))
    on_disk = {str(path.relative_to(DEMO).as_posix()) for path in DEMO.rglob("*.safetensors")}
    assert on_disk == set(IDS)
    assert sum(path.stat().st_size for path in DEMO.rglob("*") if path.is_file()) < 6_000_000
    text = (DEMO / "README.md").read_text(encoding="utf-8")
    assert "Zalando SE" in text
    for network in NETWORKS.values():
        assert f"{100 * network['checkpoints'][-1]['test_accuracy']:.1f} %" in text


def test_description_and_script_agree() -> None:
    for recipe in train.RECIPES:
        network = NETWORKS[recipe.network]
        assert (network["lr"], network["batch"], network["seed"]) == (recipe.lr, recipe.batch, recipe.seed)
        assert network["epochs"] == recipe.epochs
        assert tuple(entry["epoch"] for entry in network["checkpoints"]) == recipe.saved
    assert FACTS["preprocessing"] == {"mean": [train.MEAN], "std": [train.STD]}


def test_the_script_writes_what_the_demo_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A whole training on 60 pictures."""
    random = np.random.default_rng(0)
    for part, count in (("train", 60), ("t10k", 40)):
        images = random.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        labels = (np.arange(count) % 10).astype(np.uint8)
        for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
            head = bytes((0, 0, 8, array.ndim)) + np.array(array.shape, ">u4").tobytes()
            (tmp_path / f"{part}-{kind}-ubyte").write_bytes(head + array.tobytes())
    monkeypatch.setattr(train, "TRAINED_ON", 50)
    monkeypatch.setattr(train, "INCLUDED", 20)
    out = tmp_path / "out"
    arguments = ["train", "--data", str(tmp_path), "--out", str(out)]
    monkeypatch.setattr("sys.argv", [*arguments, "--only", "fashion_resnet"])
    train.main()
    facts = json.loads((out / "demo.json").read_text(encoding="utf-8"))
    assert [network["name"] for network in facts["networks"]] == ["fashion_resnet"]
    with np.load(out / "train.npz") as archive:
        assert archive["images"].shape == (20, 28, 28)
        assert np.bincount(archive["labels"]).tolist() == [2] * 10
    entries = facts["networks"][0]["checkpoints"]
    assert len(entries) == 8
    first, last = (load_file(out / entries[place]["file"]) for place in (0, -1))
    assert not torch.equal(first["conv1.weight"], last["conv1.weight"])
    torch.manual_seed(0)
    assert torch.equal(first["conv1.weight"], DEMO_NETWORKS["fashion_resnet"]().state_dict()["conv1.weight"])


def test_one_cycle_rises_then_falls_to_nothing() -> None:
    shares = [train.one_cycle(step, 100) for step in range(101)]
    assert max(shares) == shares[20] == 1
    assert shares[:21] == sorted(shares[:21])
    assert shares[20:] == sorted(shares[20:], reverse=True)
    assert shares[100] == pytest.approx(0, abs=1e-12)


def test_included_pictures_are_among_the_trained_ones() -> None:
    labels = np.arange(1000) % 10
    trained = choose(labels, 1000, 500, train.CHOICE_SEED)
    direct = choose(labels, 1000, 100, train.CHOICE_SEED)
    assert set(direct.tolist()) <= set(trained.tolist())
