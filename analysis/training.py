"""Train a network on the loaded pictures, batch by batch, so that a run can be watched, stopped and taken up again.

Nothing outside the network changes: torch's random numbers have a state of their own here, and gradients are on only
inside :meth:`Trainer.step`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from analysis.catalogue import Param, Value
from analysis.images import Batch, Images
from analysis.outputs import class_scores
from analysis.pictures import choose
from analysis.problems import AnalysisError

Places = NDArray[np.int64]
SCHEDULES = ("one cycle", "released", "constant")
OPTIMISERS = ("sgd", "adam")
DEFAULT_BATCH = 128

PARAMS = (
    Param("epochs", 5, "Passes over the training pictures", low=1, high=10_000),
    Param("lr", 0.1, "Learning rate: the peak of the one cycle, else the first", low=1e-9, high=1e3),
    Param(
        "schedule",
        "one cycle",
        "one cycle: up for a fifth of the steps, then down along a cosine; released: x 0.1 every 45 epochs, continuous",
        choices=SCHEDULES,
    ),
    Param("optimiser", "sgd", "sgd: Nesterov momentum 0.9; adam", choices=OPTIMISERS),
    Param("decay", 5e-4, "Weight decay, on the entries of a ring, not on the weights it makes", low=0.0, high=10.0),
    Param("clip", 0.0, "Largest norm of the gradient, 0 for no limit", low=0.0),
    Param("mirror", True, "Mirror half of the pictures at random"),
    Param("held", 0.2, "Share of the pictures that is held out and tells the accuracy", low=0.01, high=0.9),
)
"""What can be set about training, for methods that train."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a network is trained; the fields are those of :data:`PARAMS`, and the pictures per step.

    Examples
    --------
    >>> Recipe().epochs
    5
    """

    epochs: int = 5
    lr: float = 0.1
    schedule: str = "one cycle"
    optimiser: str = "sgd"
    decay: float = 5e-4
    clip: float = 0.0
    mirror: bool = True
    batch: int = DEFAULT_BATCH

    @staticmethod
    def of(params: dict[str, Value], batch: int) -> Recipe:
        """Read the parameters of a run."""
        return Recipe(
            int(params["epochs"]),
            float(params["lr"]),
            str(params["schedule"]),
            str(params["optimiser"]),
            float(params["decay"]),
            float(params["clip"]),
            bool(params["mirror"]),
            batch or DEFAULT_BATCH,
        )

    def rate(self, step: int, steps: int) -> float:
        """Learning rate at one of `steps` steps."""
        if self.schedule == "released":
            return float(self.lr * 0.1 ** (step * self.epochs / max(steps, 1) / 45))
        if self.schedule == "constant":
            return self.lr
        rise = 0.2 * steps
        share = (
            0.04 + 0.96 * step / rise if step < rise else 0.5 * (1 + math.cos(math.pi * (step - rise) / (steps - rise)))
        )
        return self.lr * share

    def make(self, net: nn.Module) -> torch.optim.Optimizer:
        """Make the optimiser of everything that is trainable; a ring is one parameter of N numbers."""
        parameters = [parameter for parameter in net.parameters() if parameter.requires_grad]
        if self.optimiser == "adam":
            return torch.optim.Adam(parameters, self.lr, weight_decay=self.decay)
        return torch.optim.SGD(parameters, self.lr, momentum=0.9, weight_decay=self.decay, nesterov=True)


def hold_out(images: Images, share: float, seed: int) -> tuple[Places, Places]:
    """Divide labelled pictures into those trained on and those held out, alike in classes, (pictures,) int64 each.

    Raises
    ------
    AnalysisError
        If there are no labels, or too few pictures to divide.
    """
    if images.labels is None:
        raise AnalysisError("Training needs labels, and the pictures have none.", "Use one folder per class.")
    held = choose(images.labels, images.count, max(1, round(share * images.count)), seed)
    trained = np.setdiff1d(np.arange(images.count, dtype=np.int64), held)
    if len(trained) < 2:
        raise AnalysisError(f"{images.count} pictures are too few to train on.", "Raise --limit, or hold out fewer.")
    return trained, held


class Trainer:
    """One network being trained.

    Parameters
    ----------
    net
        Changed in place.
    recipe
        How.
    images, places
        The pictures, and which of them are trained on.
    seed
        Of order, mirroring, and of what the network itself draws.
    before_step
        Called between the gradient and the step, for methods that change gradients.
    """

    def __init__(
        self,
        net: nn.Module,
        recipe: Recipe,
        images: Images,
        places: Places,
        seed: int,
        before_step: Callable[[], None] | None = None,
    ) -> None:
        self.net, self.recipe, self.images, self.places = net, recipe, images, places
        self.seed = seed
        self.before_step = before_step
        self.optimiser = recipe.make(net)
        self.epoch = 0
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self._random = torch.get_rng_state()

    @property
    def steps(self) -> int:
        """Steps of an epoch; a last batch of one picture is left out, as batch normalisation needs two."""
        whole, rest = divmod(len(self.places), self.recipe.batch)
        return whole + (rest > 1)

    def run_epoch(self) -> Iterator[tuple[float, float]]:
        """Train for one epoch; yield mean loss in nats and accuracy of each batch, before its step."""
        order = self.places[np.random.RandomState([self.seed, 1, self.epoch]).permutation(len(self.places))]
        self.net.train()
        for number, batch in enumerate(self.images.batches(order, self.recipe.batch)):
            if number >= self.steps or len(batch.index) < 2:
                continue
            rate = self.recipe.rate(self.epoch * self.steps + number, self.recipe.epochs * self.steps)
            for group in self.optimiser.param_groups:
                group["lr"] = rate
            yield self.step(batch)
        self.epoch += 1

    def step(self, batch: Batch) -> tuple[float, float]:
        """Take one step; return loss in nats and accuracy of the batch."""
        assert batch.labels is not None  # asked in hold_out
        with torch.enable_grad(), self._own_random():
            pixels = self._mirrored(batch.pixels) if self.recipe.mirror else batch.pixels
            scores = class_scores(self.net(pixels), "Training")
            loss = functional.cross_entropy(scores, batch.labels)
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]  # torch has no types there
            if self.before_step is not None:
                self.before_step()
            if self.recipe.clip:
                nn.utils.clip_grad_norm_(self.net.parameters(), self.recipe.clip)
            self.optimiser.step()
        return loss.item(), float((scores.argmax(1) == batch.labels).double().mean())

    def test(self, places: Places) -> Iterator[tuple[float, float, int]]:
        """Yield the summed loss, the number of pictures that are right, and their number, batch by batch."""
        self.net.eval()
        for batch in self.images.batches(places):
            assert batch.labels is not None  # asked in hold_out
            scores = class_scores(self.net(batch.pixels), "Training").double()
            loss = functional.cross_entropy(scores, batch.labels, reduction="sum")
            yield float(loss), float((scores.argmax(1) == batch.labels).sum()), len(batch.index)

    def state(self) -> dict[str, Any]:
        """Return everything needed to go on after this epoch, as tensors, numbers and texts."""
        return {
            "net": self.net.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "epoch": self.epoch,
            "random": self._random,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from what :meth:`state` gave."""
        self.net.load_state_dict(state["net"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.epoch, self._random = int(state["epoch"]), state["random"]

    def _mirrored(self, pixels: Tensor) -> Tensor:
        flipped = (torch.rand(len(pixels)) < 0.5).to(pixels.device)
        return torch.where(flipped[:, None, None, None], pixels.flip(3), pixels)

    @contextmanager
    def _own_random(self) -> Iterator[None]:
        """Draw random numbers from this network's own state, and leave the process's as it is."""
        device = next(self.net.parameters()).device
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.set_rng_state(self._random)
            yield
            self._random = torch.get_rng_state()
