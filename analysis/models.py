"""Load a network: from a model string and a weights string to a net in eval mode, with all that is known about it.

The strings are the same in the window, on the command line and in Python: see :class:`analysis.request.ModelSource`.
A loaded net is never changed afterwards. Code of the user's files runs only where the source says `trust`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from analysis.edits import Edits
from analysis.graph import Recording, record
from analysis.loading import architectures, constructors, factories, opening
from analysis.loading import checkpoints as files
from analysis.loading.checkpoints import Checkpoint, Saved
from analysis.loading.constructors import Labels
from analysis.loading.devices import devices, open_device, open_dtype
from analysis.loading.exported import Exported
from analysis.loading.opening import Draft
from analysis.loading.shared_weights import StoredRing, compress
from analysis.loading.sources import WORDS, demo_checkpoints, expand
from analysis.measures.ring_fits import unique_costs
from analysis.problems import AnalysisError
from analysis.request import NO_EDITS, Compute, ModelSource, Preprocessing

__all__ = [
    "Model",
    "checkpoints",
    "devices",
    "load",
    "model_from",
    "open_device",
    "save",
    "saved_edits",
]

ASSUMED = "input size assumed"
"""Badge of a network of which no input size is known."""
GUESSES = (224, 32, 28, 64, 96, 128, 299)
"""Sides of square pictures that are tried where nothing says what a network was made for."""


@dataclass(slots=True)
class Model:
    """A loaded network.

    Attributes
    ----------
    net
        In eval mode, on `device`, of `dtype`; gradients required as it was made.
    name
        As found, usable as a model string: "cifar_resnet20", "timm:rexnet_100".
    source
        What was asked for.
    recording
        Its layers, points and blocks.
    preprocessing
        What goes with it; `source` "assumed" (x/255 and nothing else) if nothing is known.
    classes
        Names of the outputs, () if unknown.
    input_shape
        (channels, height, width).
    weights_sha256
        Content hash of the weights, before any change of type.
    source_sha256
        Of a factory's file, else "".
    badges
        Short facts that belong beside every result: "random weights", "preprocessing assumed", …
    facts
        (name, text) pairs for whoever looks closer: file, epoch, metrics, prefixes removed.
    synsets
        WordNet identifiers of the outputs where `classes` are those of ImageNet, else ().
    exported
        True for an exported program, on which only `inspect` and `evaluate` work.
    shared
        Rings from which the weights were made, () for none.
    edits
        What was done to the network that `name` names, by whoever saved it and since it was opened.
    sized
        True if nothing was known about the input size, and that of the pictures of the run is taken.
    """

    net: nn.Module
    name: str
    source: ModelSource
    recording: Recording
    preprocessing: Preprocessing
    classes: tuple[str, ...]
    input_shape: tuple[int, ...]
    device: torch.device
    dtype: torch.dtype
    channels_last: bool
    weights_sha256: str
    source_sha256: str = ""
    badges: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    synsets: tuple[str, ...] = ()
    exported: bool = False
    shared: tuple[StoredRing, ...] = ()
    edits: Edits = NO_EDITS
    sized: bool = False


Derive = Callable[[Model, Edits], Model]


def load(
    source: ModelSource, compute: Compute, *, seed: int = 0, trained: bool = True, derive: Derive | None = None
) -> Model:
    """Load a network.

    Parameters
    ----------
    source, compute
        What, and where to.
    seed
        For random weights.
    trained
        False where random weights will do: `timm:` and `torchvision:` then need no weights.
    derive
        Applies edits; needed for files in which LayerScope saved an edited network.

    Raises
    ------
    AnalysisError
        In one sentence; codes: "needs_trust", "needs_weights", "not_cached", "mismatch", "ambiguous", "no_match",
        "several", "missing_package", "unknown_network", "no_device".

    Examples
    --------
    >>> model = load(ModelSource("cifar_resnet20", ("random",)), Compute())
    >>> model.badges
    ('random weights',)
    """
    device = open_device(compute.device)
    dtype = open_dtype(compute.dtype, device)
    draft = _open(source, seed, trained, derive)
    if draft.program is not None and (device.type != "cpu" or dtype != torch.float32):
        raise AnalysisError("An exported program runs on the CPU in float32 only.", "Load the network itself.")
    return _finish(draft, source, device, dtype, compute.channels_last)


def _open(source: ModelSource, seed: int, trained: bool, derive: Derive | None) -> Draft:
    """Find out which kind of string it is."""
    if opening.is_exported(source.name):
        return opening.open_exported(source)
    code = factories.split(source.name)
    if code is not None:
        return opening.open_factory(source, *code, seed)
    if opening.is_file_with_weights(source.name):
        name = Path(source.name).name
        source = opening.renamed(source)
        checkpoint = files.read(source.weights[0], source.trust)
        if checkpoint.module is not None:
            return opening.open_module(checkpoint, name)
    elif source.name != "auto":
        if constructors.is_known(source.name):
            return opening.open_known(source, seed, trained)
        text = f"'{source.name}' names no network."
        hint = "Use demo:NAME, timm:NAME, torchvision:NAME, PATH.py:FUNCTION, PATH.pt2, a weight file, or auto."
        raise AnalysisError(text, hint, "unknown_network")
    else:
        file = opening.weights_file(source)
        if not file:
            raise AnalysisError("auto finds the network from its weights, and no file is given.", "Add --weights FILE.")
        checkpoint = files.read(file, source.trust)
    if checkpoint.saved is not None:
        return _open_saved(source, checkpoint, checkpoint.saved, derive)
    return opening.open_auto(source, checkpoint, seed)


def _finish(draft: Draft, source: ModelSource, device: torch.device, dtype: torch.dtype, channels_last: bool) -> Model:
    """Bring a net to its device and record it."""
    net, guessed = draft.net, False
    state = net.state_dict()
    digest = files.content_sha256(state)
    bad = files.not_finite(state)
    if bad:
        draft.badges.append("weights not finite")
        draft.facts.append(("weights not finite", ", ".join(bad[:8]) + (" …" if len(bad) > 8 else "")))
    net.eval()
    net.to(device=device, dtype=dtype)
    if channels_last:
        net.to(memory_format=torch.channels_last)
    if source.input and draft.preprocessing.size:
        draft.preprocessing = replace(draft.preprocessing, size=source.input[-2:])
    if draft.preprocessing.source == "assumed":
        draft.badges.append("preprocessing assumed")
    if draft.program is not None:
        recording, shape = _recorded(draft.program), draft.program.input_shape
    else:
        wanted = source.input or draft.input
        guessed = not wanted
        recording = record(net, wanted) if wanted else _guess(net, draft.name)
        shape = recording.input_shape
    if guessed:
        draft.badges.append(ASSUMED)
    recording = _counted(recording, draft.shared)
    return Model(
        net,
        draft.name,
        source,
        recording,
        draft.preprocessing,
        draft.labels.names,
        shape,
        device,
        dtype,
        channels_last,
        digest,
        draft.source_sha256,
        tuple(draft.badges),
        tuple(draft.facts),
        draft.labels.synsets,
        draft.program is not None,
        draft.shared,
        draft.edits,
    )


def at_size(model: Model, size: tuple[int, ...]) -> Model:
    """Record a network of which no input size is known on that of its pictures, (height, width): they are what it sees.

    One that does not run on pictures of this size stays as it is.
    """
    shape = (model.input_shape[0], *size)
    if shape == model.input_shape:
        return model
    with suppress(AnalysisError):
        recording = _counted(record(model.net, shape), model.shared)
        badges = tuple(badge for badge in model.badges if badge != ASSUMED)
        return replace(model, recording=recording, input_shape=shape, badges=badges, sized=True)
    return model


def _counted(recording: Recording, shared: tuple[StoredRing, ...]) -> Recording:
    """Count weights that are read from rings once for each ring."""
    if not shared:
        return recording
    layers, totals = unique_costs(recording.layers, recording.totals, tuple(ring.bank for ring in shared))
    return replace(recording, layers=layers, totals=totals)


def _recorded(program: Exported) -> Recording:
    """Put what an archive tells in the form of a recording; it has no blocks, and no places to read tensors at."""
    return Recording(program.layers, program.totals, (), "", program.input_shape, program.output_shape, {})


def _guess(net: nn.Module, name: str) -> Recording:
    """Record a network of unknown input shape on the first of the usual sizes that it runs on.

    Raises
    ------
    AnalysisError
        If it runs on none of them.
    """
    first = next((module for module in net.modules() if isinstance(module, nn.Conv2d)), None)
    channels = first.in_channels if first is not None else 3
    state = {key: tuple(item.shape) for key, item in net.state_dict().items() if isinstance(item, torch.Tensor)}
    known = architectures.table()
    codes = {heads: architectures.layout(state, heads) for heads in {row.heads for row in known}}
    shapes = [row.input for row in known if row.layout == codes[row.heads]][:1]
    for shape in (*shapes, *((channels, side, side) for side in GUESSES)):
        with suppress(AnalysisError):
            return record(net, shape)
    sides = ", ".join(map(str, GUESSES))
    text = f"{name} runs on no square picture of {channels} channels and {sides} pixels."
    raise AnalysisError(text, "Give the shape of its input: --input C,H,W.")


def model_from(net: nn.Module, input_shape: tuple[int, ...] = ()) -> Model:
    """Describe a live network, which stays as it is: mode, device and type.

    Parameters
    ----------
    net
        Any network; the pictures that will be given to it need no further preparation.
    input_shape
        (channels, height, width), () to try the usual sizes.
    """
    tensors = [*net.parameters(), *net.buffers()]
    floating = [tensor for tensor in tensors if tensor.is_floating_point()]
    name = type(net).__name__
    recording = record(net, input_shape) if input_shape else _guess(net, name)
    return Model(
        net,
        name,
        ModelSource(name),
        recording,
        Preprocessing(source="user"),
        (),
        recording.input_shape,
        tensors[0].device if tensors else torch.device("cpu"),
        floating[0].dtype if floating else torch.float32,
        any(tensor.ndim == 4 and not tensor.is_contiguous() for tensor in floating),
        files.content_sha256(net.state_dict()),
    )


# ---- networks that LayerScope saved ----------------------------------------------------------------------------------


def saved_edits(path: str | Path) -> tuple[ModelSource, Edits] | None:
    """Say what a file that LayerScope saved was made from; reads its header only. None for other files.

    Returns
    -------
    tuple[ModelSource, Edits] | None
        The network before all edits, without its weights; and the edits, the latest with those `before` it.

    Raises
    ------
    AnalysisError
        If the file cannot be read, or was saved by a newer LayerScope.
    """
    saved = files.read_saved(path)
    return (ModelSource(saved.model, input=saved.input), saved.edits) if saved is not None else None


def save(model: Model, path: str | Path, edits: Edits) -> None:
    """Write a network so that ``--model auto --weights PATH`` opens it again, and a ``.json`` for people beside it.

    Parameters
    ----------
    model
        The network after the edits; its weights are what is written.
    edits
        Everything that was changed, counted from the network `model.name` names: `model.edits` of a network that
        :func:`analysis.derive.derive` made.

    Raises
    ------
    AnalysisError
        If it cannot be written.
    """
    full = {key: item for key, item in model.net.state_dict().items() if isinstance(item, torch.Tensor)}
    state = compress(full, model.shared)
    digest = files.content_sha256(state)
    saved = Saved(files.FORMAT, model.name, digest, edits, model.preprocessing, model.input_shape)
    files.save(path, state, saved)


def _open_saved(source: ModelSource, checkpoint: Checkpoint, saved: Saved, derive: Derive | None) -> Draft:
    """Make the network a saved file was made from, edit it as it was edited, and load the file's weights.

    Raises
    ------
    AnalysisError
        If the file was changed, its network cannot be made, or it has edits and `derive` is missing.
    """
    if checkpoint.sha256 != saved.weights_sha256:
        raise AnalysisError(
            f"{checkpoint.name} is damaged: its weights are not those it was saved with.", "Save it anew."
        )
    if not saved.edits.empty and derive is None:
        text = f"{checkpoint.name} holds an edited network ({saved.edits.summary()}), which cannot be made here."
        raise AnalysisError(text, "Open it with the window or the command line.", "edited")
    base = replace(source, name=saved.model, weights=(), input=saved.input)
    code = factories.split(saved.model)
    if code is None and saved.edits.empty:
        draft = opening.fill(constructors.describe(saved.model), checkpoint, 0)
    else:
        opened = (
            opening.open_factory(base, *code, 0)
            if code
            else opening.blank(constructors.describe(saved.model), checkpoint)
        )
        model = _finish(opened, base, torch.device("cpu"), torch.float32, False)
        edited = model
        if derive is not None:
            for step in saved.edits.steps:
                # The file holds the shared weights, or the rings themselves: sharing leaves nothing to be done.
                edited = derive(edited, replace(step, ring=()))
        prefix = files.fit(edited.net, checkpoint.tensors, checkpoint.name)
        labels = Labels(model.classes, model.synsets)
        draft = Draft(edited.net, model.name, labels=labels, source_sha256=model.source_sha256)
        draft.shared = checkpoint.shared
        draft.facts += opening.facts_of(checkpoint, prefix)
    if not saved.edits.empty:
        draft.facts.append(("edits", saved.edits.summary()))
        draft.badges.append("edited")
    draft.preprocessing, draft.input, draft.edits = saved.preprocessing, saved.input, saved.edits
    return draft


# ---- several checkpoints, and the last network -----------------------------------------------------------------------


def checkpoints(source: ModelSource) -> tuple[str, ...]:
    """Weight files that a source stands for, in natural order: those given, or all that the demo brings.

    Each can be loaded on its own: ``load(replace(source, weights=(file,)), compute)``.

    Raises
    ------
    AnalysisError
        If there are none.
    """
    if source.name.startswith("demo:") and source.weights in ((), ("pretrained",)):
        return demo_checkpoints(source.name)
    if not source.weights or source.weights[0] in WORDS:
        text = "Checkpoints are needed, and the source names none."
        raise AnalysisError(text, "Give files, a folder or a pattern with --weights.", "needs_weights")
    return expand(source.weights)
