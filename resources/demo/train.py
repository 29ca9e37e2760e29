"""Train the two networks of the demo on Fashion-MNIST and write everything that lies beside this file.

    python -m resources.demo.train --data FOLDER --out FOLDER

FOLDER holds the four idx files of the data set (Debian package ``dataset-fashion-mnist``). About a quarter of an hour
of processor time. README.md says what comes out.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from analysis.networks import DEMO_NETWORKS
from analysis.picture_files import read_idx
from analysis.pictures import choose

CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
MEAN, STD = 0.286, 0.353
CHOICE_SEED = 0
TRAINED_ON = 30_000
INCLUDED = 2_000


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one network is trained.

    Attributes
    ----------
    network
        Name in :data:`analysis.networks.DEMO_NETWORKS`.
    title
        One line for menus.
    optimiser
        What turns parameters into an optimiser, given the learning rate.
    lr
        Learning rate: the peak of the one cycle, or the constant one.
    one_cycle
        True for a rate that rises over the first fifth of the steps and then falls to nothing along a cosine.
    saved
        Epochs after which a checkpoint is written; 0 is the untrained network, the last one ends the training. An epoch
        is one pass over the 30,000 training pictures.
    batch
        Pictures per step.
    seed
        Of first weights, order and mirroring.
    """

    network: str
    title: str
    optimiser: Callable[[list[nn.Parameter], float], torch.optim.Optimizer]
    optimiser_name: str
    lr: float
    one_cycle: bool
    saved: tuple[int, ...]
    seed: int
    batch: int = 128

    @property
    def epochs(self) -> int:
        """Number of epochs."""
        return self.saved[-1]


def _sgd(parameters: list[nn.Parameter], lr: float) -> torch.optim.Optimizer:
    return torch.optim.SGD(parameters, lr, momentum=0.9, weight_decay=5e-4, nesterov=True)


def _adam(parameters: list[nn.Parameter], lr: float) -> torch.optim.Optimizer:
    return torch.optim.Adam(parameters, lr)


RECIPES = (
    Recipe(
        network="fashion_resnet",
        title="ResNet-20, 8-16-32 channels",
        optimiser=_sgd,
        optimiser_name="SGD, Nesterov momentum 0.9, weight decay 5e-4",
        lr=0.1,
        one_cycle=True,
        saved=(0, 1, 2, 3, 4, 5, 6, 7),
        seed=0,
    ),
    Recipe(
        network="fashion_plain",
        title="Plain network, 40 convolutions of 12 channels",
        optimiser=_adam,
        optimiser_name="Adam, gradient norm at most 1",
        lr=1e-4,
        one_cycle=False,
        saved=(0, 1, 2, 3, 5, 7, 9),
        # From many other seeds this network does not leave its start, at which all pictures look alike to it.
        seed=1,
    ),
)


def one_cycle(step: int, steps: int) -> float:
    """Share of the peak learning rate at a step: linear up for a fifth of the way, cosine down to zero."""
    rise = 0.2 * steps
    if step < rise:
        return 0.04 + 0.96 * step / rise
    return 0.5 * (1 + math.cos(math.pi * (step - rise) / (steps - rise)))


def as_input(images: NDArray[np.uint8]) -> Tensor:
    """Turn (pictures, height, width) uint8 into (pictures, 1, height, width) float32, normalised."""
    return torch.from_numpy(np.array(images)).float()[:, None].div_(255).sub_(MEAN).div_(STD)


@torch.no_grad()
def predictions(network: nn.Module, pictures: Tensor) -> NDArray[np.int64]:
    """Class of each picture, (pictures,) int64."""
    network.eval()
    batches = [network(batch.to(memory_format=torch.channels_last)).argmax(1) for batch in torch.split(pictures, 500)]
    return torch.cat(batches).numpy()


class Demo:
    """The pictures, and the folder that is being written.

    Parameters
    ----------
    data, out
        Folder of the idx files, folder to write.
    """

    def __init__(self, data: Path, out: Path) -> None:
        self.out = out
        files = [sorted(data.glob(f"{part}-images-idx3-ubyte*")) for part in ("train", "t10k")]
        if not all(files):
            raise SystemExit(f"{data} lacks the files of pictures.")
        train, test = (read_idx(found[0]) for found in files)
        if train.labels is None or test.labels is None:
            raise SystemExit(f"{data} lacks the files of labels.")
        used = choose(train.labels, len(train.labels), TRAINED_ON, CHOICE_SEED)
        self.train_images, self.train_labels = np.asarray(train.pictures)[used], train.labels[used]
        self.test_images, self.test_labels = np.asarray(test.pictures), test.labels
        # Subsets of one seed are nested, so every included training picture is one the networks were trained on.
        self.train_part = choose(self.train_labels, len(self.train_labels), INCLUDED, CHOICE_SEED)
        self.test_part = choose(self.test_labels, len(self.test_labels), INCLUDED, CHOICE_SEED)

    def write_pictures(self) -> None:
        """Write train.npz and test.npz."""
        parts = (
            ("train", self.train_images, self.train_labels, self.train_part),
            ("test", self.test_images, self.test_labels, self.test_part),
        )
        for name, images, labels, part in parts:
            np.savez_compressed(
                self.out / f"{name}.npz", images=images[part], labels=labels[part].astype(np.uint8), classes=CLASSES
            )

    def train(self, recipe: Recipe) -> dict[str, Any]:
        """Train one network, write its checkpoints, and describe them."""
        torch.manual_seed(recipe.seed)
        network = DEMO_NETWORKS[recipe.network]().to(memory_format=torch.channels_last)
        optimiser = recipe.optimiser(list(network.parameters()), recipe.lr)
        checkpoints = [self.checkpoint(network, recipe, 0, 0.0)]
        for epoch in range(1, recipe.epochs + 1):
            started = time.process_time()
            loss = self.epoch(network, optimiser, recipe, epoch)
            print(
                f"{recipe.network}: epoch {epoch}, loss {loss:.3f}, {time.process_time() - started:.0f} s", flush=True
            )
            if epoch in recipe.saved:
                checkpoints.append(self.checkpoint(network, recipe, epoch, loss))
        return {
            "name": recipe.network,
            "title": recipe.title,
            "input": [1, *self.train_images.shape[1:]],
            "optimiser": recipe.optimiser_name,
            "lr": recipe.lr,
            "schedule": "one cycle" if recipe.one_cycle else "constant",
            "batch": recipe.batch,
            "epochs": recipe.epochs,
            "seed": recipe.seed,
            "checkpoints": checkpoints,
        }

    def epoch(self, network: nn.Module, optimiser: torch.optim.Optimizer, recipe: Recipe, epoch: int) -> float:
        """Go once over the training pictures; return the mean loss in nats."""
        network.train()
        pictures, labels = as_input(self.train_images), torch.from_numpy(self.train_labels)
        batches = torch.split(torch.randperm(len(labels)), recipe.batch)
        total = 0.0
        for number, batch in enumerate(batches):
            if recipe.one_cycle:
                share = one_cycle((epoch - 1) * len(batches) + number, recipe.epochs * len(batches))
                for group in optimiser.param_groups:
                    group["lr"] = recipe.lr * share
            inputs = pictures[batch]
            mirrored = torch.rand(len(batch)) < 0.5
            inputs[mirrored] = inputs[mirrored].flip(3)
            loss = F.cross_entropy(network(inputs.to(memory_format=torch.channels_last)), labels[batch])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch has no types there
            if not recipe.one_cycle:
                nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            total += loss.item() * len(batch)
        return total / len(labels)

    def checkpoint(self, network: nn.Module, recipe: Recipe, epoch: int, loss: float) -> dict[str, Any]:
        """Write one file of weights and return what demo.json says about it."""
        right = predictions(network, as_input(self.test_images)) == self.test_labels
        on_train = (
            predictions(network, as_input(self.train_images[self.train_part])) == self.train_labels[self.train_part]
        )
        folder = self.out / recipe.network
        folder.mkdir(parents=True, exist_ok=True)
        entry = {
            "file": f"{recipe.network}/epoch-{epoch:02d}.safetensors",
            "epoch": epoch,
            "test_accuracy": round(float(right.mean()), 4),
            "included_test_accuracy": round(float(right[self.test_part].mean()), 4),
            "included_train_accuracy": round(float(on_train.mean()), 4),
            "train_loss": round(loss, 4) if epoch else None,
        }
        path = folder / f"epoch-{epoch:02d}.safetensors"
        header = {
            "network": recipe.network,
            "epoch": str(epoch),
            "seed": str(recipe.seed),
            "test_accuracy": str(entry["test_accuracy"]),
            "lr": str(recipe.lr),
            "batch_size": str(recipe.batch),
            "data": "Fashion-MNIST",
        }
        weights = {name: value.contiguous() for name, value in network.state_dict().items()}
        save_file(weights, path, metadata=header)
        path.chmod(0o644)
        return entry


def main() -> None:
    """Read the command line, train, write."""
    parser = argparse.ArgumentParser(description="Train the networks of the demo on Fashion-MNIST.")
    parser.add_argument("--data", type=Path, required=True, help="folder of the idx files")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--only", choices=sorted(DEMO_NETWORKS), help="train this network and keep the other one")
    given = parser.parse_args()
    torch.set_num_threads(1)  # with more, sums come in another order and the results differ slightly
    demo = Demo(given.data, given.out)
    given.out.mkdir(parents=True, exist_ok=True)
    file = given.out / "demo.json"
    networks = {}
    if given.only and file.exists():
        networks = {entry["name"]: entry for entry in json.loads(file.read_text(encoding="utf-8"))["networks"]}
    demo.write_pictures()
    for recipe in RECIPES:
        if given.only in (None, recipe.network):
            networks[recipe.network] = demo.train(recipe)
    description = {
        "format": 1,
        "data": "Fashion-MNIST",
        "licence": "MIT, Copyright 2017 Zalando SE, https://tech.zalando.com; the full text is in README.md",
        "classes": list(CLASSES),
        "input": [1, 28, 28],
        "preprocessing": {"mean": [MEAN], "std": [STD]},
        "pictures": {"train": "train.npz", "test": "test.npz"},
        "pictures_seed": CHOICE_SEED,
        "networks": [networks[recipe.network] for recipe in RECIPES if recipe.network in networks],
    }
    file.write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
