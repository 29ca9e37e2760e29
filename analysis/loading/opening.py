"""The ways from a model string to a net with its weights: named networks, `auto`, factories, exported programs."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from analysis.edits import Edits
from analysis.loading import architectures, checkpoints, constructors, exported, factories
from analysis.loading.architectures import Architecture, Match
from analysis.loading.checkpoints import Checkpoint
from analysis.loading.constructors import Labels
from analysis.loading.exported import Exported
from analysis.loading.shared_weights import StoredRing
from analysis.loading.sources import WORDS, demo_checkpoints, expand, is_weight_file
from analysis.problems import AnalysisError
from analysis.request import NO_EDITS, ModelSource, Preprocessing

ASSUMED = Preprocessing()
CHOICES = "Choose --weights FILE, --weights pretrained (from the local cache) or --weights random."
SAME = 1e-5
"""Two networks are the same if their logits differ by no more than this share of the largest."""


@dataclass(slots=True)
class Draft:
    """A net with its weights, not yet on its device.

    Attributes
    ----------
    net, name
        The net; its name as found.
    input
        Input shape that goes with it, () if unknown.
    preprocessing, labels
        What goes with it, or nothing known.
    facts, badges
        See :class:`analysis.models.Model`.
    source_sha256
        Of a factory's file.
    program
        Structure of an exported program.
    shared
        Rings that its weights were made from.
    edits
        What was done to the network of that name.
    """

    net: nn.Module
    name: str
    input: tuple[int, ...] = ()
    preprocessing: Preprocessing = ASSUMED
    labels: Labels = field(default_factory=Labels)
    facts: list[tuple[str, str]] = field(default_factory=list)
    badges: list[str] = field(default_factory=list)
    source_sha256: str = ""
    program: Exported | None = None
    shared: tuple[StoredRing, ...] = ()
    edits: Edits = NO_EDITS


def weights_file(source: ModelSource) -> str:
    """Return the one file that holds the weights; "" for none or for a word.

    Raises
    ------
    AnalysisError
        With code "several" if the string stands for more than one file.
    """
    if not source.weights or (len(source.weights) == 1 and source.weights[0] in WORDS):
        return ""
    found = expand(source.weights)
    if len(found) > 1:
        names = tuple(Path(path).name for path in found)
        text = f"{len(found)} weight files are given where one network is measured."
        raise AnalysisError(
            text, f"Choose one: {', '.join(names[:6])}{' …' if len(names) > 6 else ''}", "several", names
        )
    return found[0]


def open_known(source: ModelSource, seed: int, trained: bool) -> Draft:
    """Open a network that has a name.

    Raises
    ------
    AnalysisError
        If the name is unknown, weights are missing, or do not fit.
    """
    rows = constructors.describe(source.name)
    own = source.name.startswith("demo:") and source.weights in ((), ("pretrained",))
    file = demo_checkpoints(source.name)[-1] if own else weights_file(source)
    if file:
        return fill(rows, checkpoints.read(file, source.trust), seed)
    if source.weights == ("pretrained",):
        net = constructors.pretrained(rows[0], source.download)
        draft = _draft(net, rows[0], rows[0].classes)
        draft.facts.append(("weights", "as published"))
        return draft
    if not source.weights and trained:
        raise AnalysisError(f"{source.name} brings no weights of its own.", CHOICES, "needs_weights")
    with constructors.seeded(seed):
        draft = _draft(constructors.build(rows[0]), rows[0], rows[0].classes)
    draft.facts.append(("weights", f"random, seed {seed}"))
    draft.badges.append("random weights")
    return draft


def _draft(net: nn.Module, row: Architecture, classes: int) -> Draft:
    return Draft(net, row.name, row.input, row.preprocessing, constructors.labels(row, classes))


def fill(rows: tuple[Architecture, ...], checkpoint: Checkpoint, seed: int) -> Draft:
    """Make the named network, with as many outputs as the checkpoint has, and load the checkpoint."""
    found = architectures.find(checkpoint.tensors, rows)
    if found:
        return _loaded(found[0], checkpoint, seed)
    with constructors.seeded(seed):
        net = constructors.build(rows[0])
    prefix = checkpoints.fit(net, checkpoint.tensors, checkpoint.name)
    draft = _draft(net, rows[0], rows[0].classes)
    draft.shared = checkpoint.shared
    draft.facts += facts_of(checkpoint, prefix)
    return draft


def blank(rows: tuple[Architecture, ...], checkpoint: Checkpoint) -> Draft:
    """Make the network that a file with other widths was made from, with the classifiers and classes of the file."""
    tensors = checkpoint.tensors
    row = next((row for row in rows if all(head in tensors for head in row.heads)), rows[0])
    classes = int(tensors[row.heads[0]].shape[0]) if row.heads and row.heads[0] in tensors else row.classes
    with constructors.seeded(0):
        return _draft(constructors.build(row, classes), row, classes)


def _loaded(match: Match, checkpoint: Checkpoint, seed: int) -> Draft:
    row = match.architecture
    with constructors.seeded(seed):
        net = constructors.build(row, match.classes)
    own = architectures.own_names(match.tensors, net.state_dict(), row.naming)
    checkpoints.fit(net, own, checkpoint.name)
    draft = _draft(net, row, match.classes)
    draft.shared = checkpoint.shared
    draft.facts += facts_of(checkpoint, match.prefix)
    if row.naming:
        draft.facts.append(("keys", f"renamed from {row.naming}"))
    if match.classes != row.classes:
        draft.facts.append(("classes", f"{match.classes}, as in the file"))
    return draft


def facts_of(checkpoint: Checkpoint, prefix: str) -> list[tuple[str, str]]:
    """List what a checkpoint says about itself, and what had to be done to its keys."""
    removed = [("prefix removed", prefix)] if prefix else []
    return [("weights", checkpoint.name), *checkpoint.facts, *removed]


# ---- auto ------------------------------------------------------------------------------------------------------------


def open_auto(source: ModelSource, checkpoint: Checkpoint, seed: int) -> Draft:
    """Open the network that a checkpoint is from.

    Raises
    ------
    AnalysisError
        With code "no_match" and the nearest networks as items if no known network has these keys; with code "ambiguous"
        and the candidates as items if several have, and do not compute the same.
    """
    matches = architectures.find(checkpoint.tensors)
    if not matches:
        text = f"No known network has the {len(checkpoint.tensors)} keys and shapes of {checkpoint.name}."
        hint = "Name the network with --model, or give a factory: --model PATH.py:FUNCTION --trust."
        raise AnalysisError(text, hint, "no_match", architectures.nearest(checkpoint.tensors))
    if len(matches) == 1:
        return _loaded(matches[0], checkpoint, seed)
    return _decide(matches, checkpoint, source.input, seed)


def _decide(matches: tuple[Match, ...], checkpoint: Checkpoint, given: tuple[int, ...], seed: int) -> Draft:
    """Take the first of several networks with the same keys, if all compute the same."""
    shape = given or matches[0].architecture.input
    x = torch.randn(1, *shape, generator=torch.Generator().manual_seed(0))
    first = _loaded(matches[0], checkpoint, seed)
    answers = {matches[0].architecture.name: _answer(first.net, x)}
    equal = []
    for match in matches[1:]:
        answer = _answer(_loaded(match, checkpoint, seed).net, x)
        if not any(same(answer, other) for other in answers.values()):
            answers[match.architecture.name] = answer
        else:
            equal.append(match.architecture.name)
    if len(answers) > 1:
        names = tuple(answers)
        text = f"The weights in {checkpoint.name} fit {len(names)} networks that do not compute the same."
        raise AnalysisError(text, f"Choose one with --model: {', '.join(names)}.", "ambiguous", names)
    first.facts.append(("same network as", ", ".join(equal)))
    return first


def _answer(net: nn.Module, x: Tensor) -> Tensor:
    """Compute the logits; empty for a network that does not run on this input."""
    net.eval()
    try:
        with torch.no_grad():
            output = net(x)
    except Exception:  # e.g. a position table made for another picture size
        return x.new_empty(0)
    while not isinstance(output, Tensor):
        output = next(iter(output.values() if isinstance(output, dict) else output))
    return output


def same(a: Tensor, b: Tensor) -> bool:
    """Tell whether two answers are equal up to rounding; answers that are empty or not finite never are."""
    if a.shape != b.shape or not a.numel() or not torch.isfinite(a).all() or not torch.isfinite(b).all():
        return False
    return bool((a - b).abs().max() <= SAME * a.abs().max())


# ---- the user's own code ---------------------------------------------------------------------------------------------


def open_factory(source: ModelSource, path: Path, factory: str, seed: int) -> Draft:
    """Open a network that a function in the user's file makes.

    Raises
    ------
    AnalysisError
        See :func:`analysis.loading.factories.make`; also if weights are given and do not fit.
    """
    file = weights_file(source)
    with constructors.seeded(seed), constructors.quietly():
        net, digest = factories.make(path, factory, source.trust)
    if source.weights == ("pretrained",):
        raise AnalysisError(
            f"{path.name} has no published weights.", "Give --weights FILE, or leave them to the function."
        )
    draft = Draft(net, source.name, source_sha256=digest)
    if file:
        checkpoint = checkpoints.read(file, source.trust)
        draft.facts += facts_of(checkpoint, checkpoints.fit(net, checkpoint.tensors, checkpoint.name))
        draft.shared = checkpoint.shared
    elif source.weights:
        draft.facts.append(("weights", f"random, seed {seed}"))
        draft.badges.append("random weights")
    else:
        draft.facts.append(("weights", f"as {factory} made them, seed {seed}"))
    return draft


def open_module(checkpoint: Checkpoint, name: str) -> Draft:
    """Open a network that was pickled whole, in a file the user trusts."""
    assert checkpoint.module is not None  # asked before
    return Draft(checkpoint.module, name, facts=facts_of(checkpoint, ""))


def open_exported(source: ModelSource) -> Draft:
    """Open an exported program.

    Raises
    ------
    AnalysisError
        With code "needs_trust" without trust; also if it is damaged or weights are given.
    """
    name = Path(source.name).name
    program = exported.inspect_exported(source.name)
    if source.weights:
        raise AnalysisError(f"{name} brings its own weights.", "Leave out --weights.")
    if not source.trust:
        text = f"Loading {name} could run any code: torch unpickles exported programs without restriction."
        raise AnalysisError(text, "Add --trust if you know where it comes from; inspect needs none.", "needs_trust")
    net = exported.load_exported(source.name, program.batch)
    return Draft(net, name, program.input_shape, badges=["exported program"], program=program)


def is_exported(name: str) -> bool:
    """Tell whether a model string names an exported program."""
    return name.lower().endswith(".pt2")


def is_file_with_weights(name: str) -> bool:
    """Tell whether a model string is a weight file, so that the network is found from it."""
    return is_weight_file(name) and not constructors.is_known(name)


def renamed(source: ModelSource) -> ModelSource:
    """Read a weight file given as the network as `auto` with these weights.

    Raises
    ------
    AnalysisError
        If weights are given as well.
    """
    if source.weights:
        text = f"{Path(source.name).name} is a weight file, and weights are given as well."
        raise AnalysisError(text, "Name the network with --model and the file with --weights.")
    return replace(source, name="auto", weights=(source.name,))
