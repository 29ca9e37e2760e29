"""Train networks whose layers share a ring of weights, and dense ones beside them: accuracy against degrees of freedom.

Wang et al., "Recurrent Parameter Generators", WACV 2023. Every network starts from fresh weights; networks of one
seed see the same pictures in the same order; what is held out tells the accuracy. After every epoch a checkpoint is
written into the run's folder, from which a run that was ended can be taken up.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from analysis.catalogue import MethodInfo, Param
from analysis.edits import Edits
from analysis.events import Array, Chunk, Declared, Output, Progress
from analysis.fresh_nets import fresh, narrowed
from analysis.job import Job, Step
from analysis.loading import checkpoints
from analysis.loading.checkpoints import Saved, content_sha256
from analysis.measures.rings import VARIANTS
from analysis.problems import AnalysisError
from analysis.result import empty_array
from analysis.sharing import Sharing, banks_of, freedom_of, plan, share
from analysis.sharing.choice import chosen_modules, read_ratios
from analysis.sharing.gradients import ring_agreement
from analysis.sharing.nets import SIGMA
from analysis.training import PARAMS, Places, Recipe, Trainer, hold_out

KINDS = (*VARIANTS, "dense", "narrowed")
"""What a trained network is: a variant of sharing, the network as it is, or the same with fewer channels."""
CHECKPOINT = "checkpoint.pt"
WEIGHTS = "weights.safetensors"

INFO = MethodInfo(
    name="train_shared",
    title="Train with shared weights",
    version=2,
    by_batch=True,
    resumes=("held_loss", "epochs"),
    summary="Accuracy against degrees of freedom: networks trained on rings of several sizes, dense ones beside them.",
    needs=frozenset({"model", "images", "labels"}),
    params=(
        Param("ratios", "0.2", "Sizes of the ring over the weights it makes (N / M), comma-separated"),
        Param("variants", "full", f"Kinds of sharing, comma-separated: {', '.join(VARIANTS)}"),
        Param("seeds", 1, "Networks per size of the first variant, each with its own ring and first weights", low=1),
        Param("other_seeds", 1, "Networks per size of every other kind", low=1),
        Param("dense", True, "Also train the network without sharing"),
        Param("narrowed", False, "Also train it with fewer channels, to the same total degrees of freedom"),
        Param("scope", "net", "One ring for the net, or one per stage or block", choices=("net", "stage", "block")),
        Param("include", "", "What is shared beside the usual convolutions: stem, linear, grouped"),
        Param("layout", "shuffle", "Order of the ring in the variants full and perm", choices=("shuffle", "laps")),
        Param(
            "sigma",
            0.0,
            "Standard deviation of a fresh ring, 0 for that of the weights it makes; the released code has 0.0208",
            low=0.0,
            high=10.0,
        ),
        Param("normalise", False, "Divide the gradient of each entry by the sum of squared scales of its uses"),
        *PARAMS,
    ),
    trained=False,
)

NUMBERS = (  # name, dtype, unit, title
    ("kind", "int32", "", "Kind of network"),
    ("ratio", "float64", "", "N / M"),
    ("seed", "int64", "", "Seed"),
    ("size", "int64", "", "Entries of all rings"),
    ("generated", "int64", "", "Weights made from rings"),
    ("shared_freedom", "int64", "", "Degrees of freedom of the shared part"),
    ("total_freedom", "int64", "", "Degrees of freedom in all"),
    ("width", "float64", "", "Factor of the widths"),
    ("accuracy", "float64", "", "Held-out accuracy after the last epoch"),
    ("gradient_together", "float64", "", "Squared length of all layers' gradients together, over that of each alone"),
)
CURVES = (
    ("train_loss", "nats", "Training loss, mean of the epoch's batches"),
    ("train_accuracy", "", "Training accuracy, mean of the epoch's batches"),
    ("held_loss", "nats", "Held-out loss"),
    ("held_accuracy", "", "Held-out accuracy"),
)


@dataclass(frozen=True, slots=True)
class Task:
    """One network to train.

    Attributes
    ----------
    kind
        Out of :data:`KINDS`.
    ratio
        N / M; for "narrowed" the ratio whose degrees of freedom it matches, 1 for "dense".
    seed
        Of first weights, ring, order of the pictures.
    """

    kind: str
    ratio: float
    seed: int

    @property
    def label(self) -> str:
        """Words for lists."""
        return (
            f"{self.kind} seed {self.seed}" if self.kind == "dense" else f"{self.kind} {self.ratio:g} seed {self.seed}"
        )


def tasks(job: Job) -> tuple[Task, ...]:
    """List the networks to train: the dense one, then kind by kind for each seed and size.

    Raises
    ------
    AnalysisError
        For sizes or variants that are none.
    """
    params = job.params
    ratios = read_ratios(str(params["ratios"]))
    variants = [word.strip() for word in str(params["variants"]).split(",") if word.strip()]
    unknown = [word for word in variants if word not in VARIANTS]
    if unknown or not variants:
        text = f"'{unknown[0]}' is no variant of sharing." if unknown else "No variant of sharing is given."
        raise AnalysisError(text, f"Choose {', '.join(VARIANTS)}.")
    others = range(job.request.seed, job.request.seed + int(params["other_seeds"]))
    first = range(job.request.seed, job.request.seed + int(params["seeds"]))
    found = [Task("dense", 1.0, seed) for seed in others] if params["dense"] else []
    for kind in (*variants, *(("narrowed",) if params["narrowed"] else ())):
        found += [Task(kind, ratio, seed) for seed in (first if kind == variants[0] else others) for ratio in ratios]
    return tuple(found)


def run(job: Job) -> Iterator[Step]:
    """Train one network after the other; numbers arrive batch by batch and epoch by epoch."""
    todo = tasks(job)
    recipe = Recipe.of(dict(job.params), job.request.compute.batch)
    trained, held = hold_out(job.images, float(job.params["held"]), job.request.seed)
    first = _build(job, todo[0])[0]
    steps = Trainer(first, recipe, job.images, trained, 0).steps * recipe.epochs
    yield (declared := _declared(job, todo, recipe, steps, (len(trained), len(held))))
    session = _Session(job, todo, recipe, (trained, held), declared)
    yield from session.taken_up()
    for number in range(session.number, len(todo)):
        yield from session.train(number)
    session.finish()


class _Session:
    """The networks of one run, and what has been found so far."""

    def __init__(
        self, job: Job, todo: tuple[Task, ...], recipe: Recipe, places: tuple[Places, Places], declared: Declared
    ) -> None:
        self.job, self.todo, self.recipe = job, todo, recipe
        self.trained, self.held = places
        self.arrays: dict[str, Array] = {output.name: empty_array(output) for output in declared.outputs}
        self.number = 0
        self.begun: dict[str, Any] | None = None
        self.best = -1.0
        self.skipped: list[str] = []

    def train(self, number: int) -> Iterator[Step]:
        task = self.todo[number]
        try:
            net, sharing, width = _build(self.job, task)
        except _NotNarrowed:
            self.skipped.append(task.label)
            return
        yield from self._describe(number, task, net, width)
        before = _normaliser(net) if self.job.params["normalise"] else None
        trainer = Trainer(net, self.recipe, self.job.images, self.trained, task.seed, before)
        if self.begun is not None:
            trainer.load_state(self.begun)
            self.begun = None
        while trainer.epoch < self.recipe.epochs:
            yield from self._epoch(number, trainer)
            if trainer.epoch == self.recipe.epochs:
                yield from self._agree(number, net)
            self._keep(number, trainer, sharing)

    def _describe(self, number: int, task: Task, net: nn.Module, width: float) -> Iterator[Chunk]:
        free = freedom_of(net)
        values = {
            "kind": KINDS.index(task.kind),
            "ratio": task.ratio,
            "seed": task.seed,
            "size": sum(bank.bank.size for bank in banks_of(net)),
            "generated": free.generated,
            "shared_freedom": free.shared,
            "total_freedom": free.total,
            "width": width,
        }
        for name, value in values.items():
            yield self._chunk(name, (number,), value)

    def _epoch(self, number: int, trainer: Trainer) -> Iterator[Step]:
        """Train for an epoch, then look at what is held out."""
        epoch, label = trainer.epoch, self.todo[number].label
        per_run = trainer.steps * self.recipe.epochs
        seen = []
        for step, (loss, right) in enumerate(trainer.run_epoch()):
            place = epoch * trainer.steps + step
            seen.append((loss, right))
            yield self._chunk("step_loss", (number, place), loss)
            text = f"{label}: epoch {epoch + 1} of {self.recipe.epochs}, loss {loss:.3f}"
            yield Progress(number * per_run + place + 1, len(self.todo) * per_run, text)
        loss, right, count = 0.0, 0.0, 0
        for batch_loss, batch_right, size in trainer.test(self.held):
            loss, right, count = loss + batch_loss, right + batch_right, count + size
            yield Progress(
                number * per_run + (epoch + 1) * trainer.steps, len(self.todo) * per_run, f"{label}: testing"
            )
        means = np.mean(seen, axis=0) if seen else (np.nan, np.nan)
        values = (*means, loss / count, right / count)
        for (name, _, _), value in zip(CURVES, values, strict=True):
            yield self._chunk(name, (number, epoch), float(value))
        if trainer.epoch == self.recipe.epochs:
            yield self._chunk("accuracy", (number,), right / count)

    def _agree(self, number: int, net: nn.Module) -> Iterator[Step]:
        """Say whether the layers of a trained network pull the ring the same way, on the first batch of pictures."""
        batch = next(iter(self.job.images.batches(self.trained[: self.recipe.batch])))
        assert batch.labels is not None  # asked in hold_out
        agreed = ring_agreement(net, batch.pixels, batch.labels)
        if agreed is not None:
            yield self._chunk("gradient_together", (number,), agreed.together)

    def _chunk(self, name: str, at: tuple[int, ...], value: float) -> Chunk:
        self.arrays[name][at] = value
        return Chunk(name, at, np.asarray(value, dtype=self.arrays[name].dtype))

    # ---- what lies in the folder -------------------------------------------------------------------------------------

    def _keep(self, number: int, trainer: Trainer, sharing: Sharing | None) -> None:
        """Write a checkpoint, and the weights of the best shared network that is finished."""
        folder = self.job.folder
        accuracy = float(self.arrays["accuracy"][number])
        if sharing is not None and accuracy > self.best:
            self.best = accuracy
            if folder is not None:
                _save(self.job, trainer.net, sharing, folder / WEIGHTS)
        if folder is not None:
            state = {
                "number": number,
                "best": self.best,
                "trainer": trainer.state(),
                "arrays": {name: torch.from_numpy(array) for name, array in self.arrays.items()},
            }
            _write(state, folder / CHECKPOINT)

    def taken_up(self) -> Iterator[Chunk]:
        """Go on after the last checkpoint of an earlier run of the same request: hand out what it had found."""
        prepared = self.job.earlier.prepared if self.job.earlier is not None else None
        if prepared is None or not prepared.folder or not (Path(prepared.folder) / CHECKPOINT).exists():
            return
        state = _read(Path(prepared.folder) / CHECKPOINT)
        for name, tensor in state["arrays"].items():
            self.arrays[name][...] = tensor.numpy()
            yield Chunk(name, (), self.arrays[name].copy())
        self.number, self.best, self.begun = int(state["number"]), float(state["best"]), state["trainer"]
        kept, own = Path(prepared.folder) / WEIGHTS, self.job.folder
        if own is not None and kept.exists():
            for ending in (".safetensors", ".json"):
                (own / WEIGHTS).with_suffix(ending).write_bytes(kept.with_suffix(ending).read_bytes())

    def finish(self) -> None:
        """Drop the checkpoint of a run that has come to its end."""
        if self.job.folder is not None:
            (self.job.folder / CHECKPOINT).unlink(missing_ok=True)
        if self.skipped:
            text = (
                "No widths of this network have about so many parameters, so some narrowed networks were not trained."
            )
            self.job.warn("not_narrowed", text, tuple(self.skipped))


class _NotNarrowed(Exception):
    """The family of the network is not known."""


def _build(job: Job, task: Task) -> tuple[nn.Module, Sharing | None, float]:
    """Make the network of a task: itself, how it shares, factor of its widths."""
    net, _ = fresh(job.model, task.seed)
    for parameter in net.parameters():
        parameter.requires_grad_(True)
    if task.kind == "dense":
        return net, None, 1.0
    sharing = _sharing(job, task)
    banks = plan(net, sharing, job.model.recording.layers)
    shared = share(net, banks, start="random", sigma=float(job.params["sigma"]))
    if task.kind != "narrowed":
        return shared, sharing, 1.0
    found = narrowed(job.model, freedom_of(shared).total, task.seed)
    if found is None:
        raise _NotNarrowed
    found[0].requires_grad_(True)
    return found[0], None, found[1]


def _sharing(job: Job, task: Task) -> Sharing:
    kind = task.kind if task.kind in VARIANTS else "full"
    params = job.params
    return Sharing(
        ratio=task.ratio,
        scope=str(params["scope"]),
        layers=chosen_modules(job.choose(())) if job.request.layers else "",
        include=str(params["include"]),
        variant=kind,
        layout=str(params["layout"]),
        seed=task.seed,
    )


def _normaliser(net: nn.Module) -> Any:
    """Return what divides the gradient of every ring entry by the squared length of its column."""
    pairs = [(bank.ring, bank.column_norms().clamp(min=1e-12)) for bank in banks_of(net)]

    def divide() -> None:
        for ring, norms in pairs:
            if ring.grad is not None:
                ring.grad /= norms

    return divide


def _save(job: Job, net: nn.Module, sharing: Sharing, path: Path) -> None:
    """Write the ring and what is not shared, so that `--model auto --weights PATH` opens the network again."""
    model = job.model
    state: dict[str, Tensor] = net.state_dict()
    edits = Edits(ring=sharing.to_pairs()).after(model.edits)
    saved = Saved(
        checkpoints.FORMAT, model.name, content_sha256(state), edits, job.images.preprocessing, model.input_shape
    )
    checkpoints.save(path, state, saved)


def _write(state: dict[str, Any], path: Path) -> None:
    """Replace a checkpoint in one step.

    Raises
    ------
    AnalysisError
        If it cannot be written.
    """
    data = io.BytesIO()
    torch.save(state, data)
    part = path.with_suffix(".part")
    try:
        part.write_bytes(data.getbuffer())
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        text = f"The checkpoint cannot be written: {error.strerror or error}."
        raise AnalysisError(text, "Free some space or choose another folder with --out.") from None


def _read(path: Path) -> dict[str, Any]:
    """Read a checkpoint.

    Raises
    ------
    AnalysisError
        If it is damaged.
    """
    try:
        state: dict[str, Any] = torch.load(path, weights_only=True)
    except Exception as error:  # whatever a damaged file makes torch raise
        name = path.parent.name
        raise AnalysisError(f"The checkpoint of {name} is damaged: {error}.", "Begin anew, without --resume.") from None
    return state


def _declared(job: Job, todo: tuple[Task, ...], recipe: Recipe, steps: int, counts: tuple[int, int]) -> Declared:
    size = len(todo)
    outputs = (
        *(Output(name, ("run",), (size,), dtype, unit, title) for name, dtype, unit, title in NUMBERS),
        *(
            Output(name, ("run", "epoch"), (size, recipe.epochs), "float64", unit, title)
            for name, unit, title in CURVES
        ),
        Output("step_loss", ("run", "step"), (size, steps), "float64", "nats", "Loss of each batch"),
    )
    sigma = float(job.params["sigma"])
    drawn = f"{sigma:g}" if sigma else "root mean square of the first weights it makes (our choice)"
    facts = (
        ("accuracy", f"share of {counts[1]:,} held-out pictures; trained on {counts[0]:,}"),
        ("degrees of freedom", "total: entries of the rings and all that is not shared; equal totals are compared"),
        (
            "recipe",
            f"{recipe.optimiser}, lr {recipe.lr:g}, {recipe.schedule}, {recipe.epochs} epochs of {recipe.batch}",
        ),
        ("weight decay", f"{recipe.decay:g} on the entries of a ring: about 1/r of that on the weights, r = M / N"),
        ("fresh ring", f"normal, standard deviation {drawn}; released code {SIGMA:.4f}"),
        ("first weights", fresh(job.model, todo[0].seed)[1]),
        ("gradients", "of layers on the entries they share: after the last epoch, on the first batch of pictures"),
        ("kept weights", "of the finished shared network with the best held-out accuracy"),
        ("sources", "method: Wang et al., WACV 2023; narrowed networks and seeds: our comparison"),
    )
    names = (("run", tuple(task.label for task in todo)), ("kind", KINDS))
    return Declared(outputs, names=names, facts=facts)
