"""From the content of a weight file to the tensors of a network: unwrapping, comparing key by key, loading, saving."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn

from analysis.edits import Edits
from analysis.loading import weight_files
from analysis.loading.shared_weights import StoredRing, expand
from analysis.problems import AnalysisError
from analysis.records import RecordError, from_plain, to_plain
from analysis.request import Preprocessing

WRAPPERS = (
    "state_dict",
    "model_state_dict",
    "model_state",
    "model",
    "net",
    "network",
    "ema_state_dict",
    "state_dict_ema",
    "model_ema",
    "ema",
)
"""Keys under which training scripts put the weights; trained weights before their moving average."""

FORMAT = 1
HEADER_KEY = "layerscope"
COUNTERS = "num_batches_tracked"  # of batch normalisation; older checkpoints lack them and evaluation never reads them


@dataclass(frozen=True, slots=True)
class Saved:
    """What LayerScope writes into the header of a network that it saves.

    Attributes
    ----------
    format
        Version of this description.
    model
        Model string of the network before the edits.
    weights_sha256
        Content hash of the tensors in the file.
    edits, preprocessing, input
        What was changed, all of it counted from that network: the latest edits, with those that came before in their
        `before`; how pictures are prepared; input shape (channels, height, width).
    """

    format: int
    model: str
    weights_sha256: str
    edits: Edits
    preprocessing: Preprocessing
    input: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """The weights of one file.

    Attributes
    ----------
    name
        File name, for messages.
    tensors
        Key to tensor, on the CPU, without wrappers, prefixes still in place.
    facts
        (name, text) pairs: epoch, metrics, wrappers removed.
    saved
        How LayerScope saved it, None for a file from elsewhere.
    module
        The network itself where a trusted file holds one.
    sha256
        Content hash of the tensors as stored.
    shared
        Rings that made some of the tensors, where the file holds these in their place.
    """

    name: str
    tensors: Mapping[str, Tensor]
    facts: tuple[tuple[str, str], ...] = ()
    saved: Saved | None = None
    module: nn.Module | None = None
    sha256: str = ""
    shared: tuple[StoredRing, ...] = ()


def read(path: str | Path, trust: bool = False) -> Checkpoint:
    """Read the weights of a file.

    Raises
    ------
    AnalysisError
        If the file cannot be read safely (see :func:`analysis.loading.weight_files.read`) or holds no weights.
    """
    name = Path(path).name
    content = weight_files.read(path, trust)
    value, wrappers, facts = content.value, [], []
    module = None
    while True:
        if isinstance(value, nn.Module):
            module = value
            value = value.state_dict()
        if not isinstance(value, Mapping):
            raise AnalysisError(f"{name} holds no weights but {_kind(value)}.", weight_files.OTHER_FILE)
        facts += _scalars(value)
        wrapper = _wrapper(value, name)
        if not wrapper:
            break
        wrappers.append(wrapper)
        value = value[wrapper]
        if len(wrappers) > 8:  # a mapping that holds itself
            raise AnalysisError(f"{name} holds no weights, only wrappers.", weight_files.OTHER_FILE)
    tensors = {str(key): item for key, item in value.items() if isinstance(item, Tensor)}
    _check(tensors, name)
    halves = {str(tensor.dtype).removeprefix("torch.") for tensor in tensors.values()} & {"float16", "bfloat16"}
    if halves:
        facts.insert(0, ("stored as", " and ".join(sorted(halves))))
    if wrappers:
        facts.append(("weights under", ".".join(wrappers)))
    facts += [(key, _short(text)) for key, text in content.notes.items() if key not in (HEADER_KEY, "format")]
    saved = parse_saved(content.notes[HEADER_KEY], name) if HEADER_KEY in content.notes else None
    whole = module if not wrappers else None
    digest = content_sha256(tensors) if saved is not None else ""
    full, shared = expand(tensors, name)
    return Checkpoint(name, full, tuple(facts[:24]), saved, whole, digest, shared)


def _wrapper(value: Mapping[Any, Any], name: str) -> str:
    """Key of the entry that holds the weights, "" if this mapping holds them itself."""
    inner = [key for key, item in value.items() if isinstance(key, str) and _holds_tensors(item)]
    known = [key for key in WRAPPERS if key in inner]
    if known:
        return known[0]
    if any(isinstance(item, Tensor) and item.ndim for item in value.values()) or not inner:
        return ""
    if len(inner) > 1:
        text = f"{name} holds several sets of weights: {', '.join(sorted(inner))}."
        raise AnalysisError(text, "Save the one you want on its own.", items=tuple(sorted(inner)))
    return inner[0]


def _holds_tensors(item: Any) -> bool:
    if isinstance(item, nn.Module):
        return True
    if not isinstance(item, Mapping):
        return False
    # The state of an optimiser has tensors too, but under numbers and one level further down.
    direct = any(isinstance(key, str) and isinstance(value, Tensor) for key, value in item.items())
    return direct or any(isinstance(item.get(key), Mapping | nn.Module) for key in WRAPPERS)


def _scalars(value: Mapping[Any, Any]) -> list[tuple[str, str]]:
    """Epoch, accuracy and other single values beside the weights, as texts."""
    found = []
    for key, item in value.items():
        if isinstance(item, Tensor) and item.ndim == 0 and COUNTERS not in str(key) and not item.is_meta:
            item = item.item()
        if isinstance(item, bool | int | float | str):
            found.append((_short(str(key)), f"{item:g}" if isinstance(item, float) else _short(str(item))))
    return found


def _short(text: str, length: int = 80) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text[:length])


def _kind(value: Any) -> str:
    return f"a {type(value).__name__}"


def _check(tensors: Mapping[str, Tensor], name: str) -> None:
    """Refuse what is no plain array of numbers, or pretends to hold more numbers than the file has.

    Raises
    ------
    AnalysisError
        Naming the first such key.
    """
    if not any(tensor.ndim for tensor in tensors.values()):
        raise AnalysisError(f"{name} holds no weights.", weight_files.OTHER_FILE)
    for key, tensor in tensors.items():
        if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_meta:
            word = "quantised" if tensor.is_quantized else "without values" if tensor.is_meta else "sparse"
            raise AnalysisError(f"{name} holds a tensor that is {word}: {key}.", "Save plain dense weights.")
        if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
            text = f"{name} is damaged: {key} claims {tensor.numel():,} numbers, more than the file holds."
            raise AnalysisError(text, weight_files.OTHER_FILE)


# ---- keys ------------------------------------------------------------------------------------------------------------


def spellings(tensors: Mapping[str, Tensor]) -> list[tuple[str, dict[str, Tensor]]]:
    """Ways to read the keys, most likely first, as (prefix removed, tensors).

    ``_orig_mod.`` (torch.compile) and ``module.`` (data parallel, averaged models) never belong to a network's own
    keys. Any other first part that all keys share, such as ``model.``, may or may not.
    """
    clean = {key.replace("_orig_mod.", ""): tensor for key, tensor in tensors.items()}
    removed = "_orig_mod." if set(clean) != set(tensors) else ""
    if "n_averaged" in clean and all(key.startswith("module.") for key in clean if key != "n_averaged"):
        del clean["n_averaged"]
    found = []
    while True:
        heads = {key.partition(".")[0] for key in clean}
        head = heads.pop() if len(heads) == 1 and all("." in key for key in clean) else ""
        if head != "module":
            found.append((removed, clean))
        if not head or len(found) > 3:
            return found
        clean = {key.partition(".")[2]: tensor for key, tensor in clean.items()}
        removed += f"{head}."


def differences(expected: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> tuple[str, ...]:
    """Compare two sets of weights key by key.

    Returns
    -------
    tuple[str, ...]
        Lines "missing: …", "unexpected: …", "shape: …", "kind: …" in the order of `expected`; empty if the weights fit.

    Examples
    --------
    >>> differences({"fc.weight": torch.zeros(2, 3)}, {})
    ('missing: fc.weight (2, 3)',)
    """
    lines = []
    for key, tensor in expected.items():
        if key not in given:
            if not key.endswith(COUNTERS):
                lines.append(f"missing: {key} {_shape(tensor)}")
        elif given[key].shape != tensor.shape:
            lines.append(f"shape: {key} is {_shape(given[key])}, the network has {_shape(tensor)}")
        elif tensor.is_floating_point() and not given[key].is_floating_point():
            lines.append(f"kind: {key} holds {given[key].dtype}, the network has {tensor.dtype}")
    lines += [f"unexpected: {key} {_shape(given[key])}" for key in given if key not in expected]
    return tuple(lines)


def _shape(tensor: Tensor) -> str:
    return str(tuple(tensor.shape))


def fit(net: nn.Module, tensors: Mapping[str, Tensor], name: str) -> str:
    """Load weights into a network: all of them, or none.

    Parameters
    ----------
    net
        Changed in place.
    tensors
        As in the file.
    name
        Of the file, for the message.

    Returns
    -------
    str
        Prefix that had to be removed from the keys.

    Raises
    ------
    AnalysisError
        With code "mismatch" and one item per missing, unexpected or wrongly shaped key.
    """
    expected = {key: item for key, item in net.state_dict().items() if isinstance(item, Tensor)}
    best: tuple[str, ...] | None = None
    for prefix, candidate in spellings(tensors):
        given = _with_shared(net, candidate)
        lines = differences(expected, given)
        if not lines:
            net.load_state_dict(given, strict=False)
            return prefix
        best = lines if best is None or len(lines) < len(best) else best
    assert best is not None  # spellings always offers one
    raise mismatch(name, best)


def mismatch(name: str, lines: tuple[str, ...]) -> AnalysisError:
    """Make the error that says in one sentence how many keys do not fit, and lists them."""
    kinds = (("missing", "missing"), ("unexpected", "unexpected"), ("shape", "of another shape"), ("kind", "no number"))
    counts = [(sum(line.startswith(f"{kind}:") for line in lines), words) for kind, words in kinds]
    text = ", ".join(f"{count} {words}" for count, words in counts if count)
    hint = "Choose the network these weights were trained in, or --model auto to look for it."
    return AnalysisError(f"The weights in {name} do not fit the network: {text}.", hint, "mismatch", lines)


def _with_shared(net: nn.Module, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Complete weights of which some files keep only one copy: parameters that a network uses under several names."""
    names: dict[int, list[str]] = {}
    for key, parameter in net.named_parameters(remove_duplicate=False):
        names.setdefault(id(parameter), []).append(key)
    full = dict(tensors)
    for keys in names.values():
        there = next((key for key in keys if key in tensors), None)
        if there is not None:
            full.update({key: tensors[there] for key in keys if key not in tensors})
    return full


def content_sha256(state: Mapping[str, Any]) -> str:
    """Hash weights by content: names, types, shapes and numbers, whatever file they came from.

    Examples
    --------
    >>> content_sha256({"a": torch.zeros(1)}) == content_sha256({"a": torch.zeros(2)})
    False
    """
    digest = hashlib.sha256()
    for key in sorted(state):
        tensor = state[key]
        if isinstance(tensor, Tensor):
            plain = tensor.detach().cpu().contiguous()
            digest.update(f"{key} {plain.dtype} {tuple(plain.shape)}\n".encode())
            digest.update(plain.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def not_finite(state: Mapping[str, Any]) -> tuple[str, ...]:
    """Keys of weights that hold NaN or infinity."""
    tensors = {key: item for key, item in state.items() if isinstance(item, Tensor) and item.is_floating_point()}
    return tuple(key for key, tensor in tensors.items() if not torch.isfinite(tensor).all())


# ---- networks that LayerScope saved ----------------------------------------------------------------------------------


def parse_saved(text: str, name: str) -> Saved:
    """Read the description in a saved network's header.

    Raises
    ------
    AnalysisError
        If it is damaged or of a later format.
    """
    try:
        plain = json.loads(text)
        version = plain.get("format") if isinstance(plain, dict) else None
        if isinstance(version, int) and version > FORMAT:
            text = f"{name} was saved by a newer LayerScope (format {version}; this one reads up to {FORMAT})."
            raise AnalysisError(text, "Update LayerScope.")
        return from_plain(Saved, plain, "the description")
    except (ValueError, RecursionError, RecordError) as error:
        text = f"{name} has a damaged LayerScope header: {str(error).splitlines()[0][:200]}."
        raise AnalysisError(text, weight_files.OTHER_FILE) from None


def read_saved(path: str | Path) -> Saved | None:
    """Read only the header of a file; None if LayerScope did not save it.

    Raises
    ------
    AnalysisError
        If the file cannot be read or its header is damaged.
    """
    notes = weight_files.read_notes(path)
    return parse_saved(notes[HEADER_KEY], Path(path).name) if HEADER_KEY in notes else None


def save(path: str | Path, state: Mapping[str, Tensor], saved: Saved) -> None:
    """Write a network: one safetensors file, and the same description beside it as ``.json`` for people.

    Raises
    ------
    AnalysisError
        If it cannot be written, or a file of the user's would be lost; nothing half-written stays behind.
    """
    target = Path(path)
    _refuse_foreign(target)
    text = json.dumps(to_plain(saved), indent=2)
    # Shared parameters are stored once per name: the format knows no sharing, and names must not get lost.
    tensors = {key: tensor.detach().cpu().contiguous().clone() for key, tensor in state.items()}
    data = safetensors.torch.save(tensors, {HEADER_KEY: text})
    _replace(target, data)
    _replace(target.with_suffix(".json"), text.encode())


def _refuse_foreign(target: Path) -> None:
    """Refuse to write over files that LayerScope has not written."""
    beside = target.with_suffix(".json")
    for file, ours in ((target, _holds_edits), (beside, _describes)):
        if file.exists() and not ours(file):
            text = f"{file.name} is there already and was not written by LayerScope."
            raise AnalysisError(text, "Choose another name, or move that file away.", "exists")


def _holds_edits(path: Path) -> bool:
    try:
        return HEADER_KEY in weight_files.read_notes(path)
    except AnalysisError:
        return False


def _describes(path: Path) -> bool:
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(plain, dict) and {"format", "model", "edits"} <= plain.keys()


def _replace(target: Path, data: bytes) -> None:
    part = target.with_name(f".{target.name}.part")
    try:
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    except OSError as error:
        part.unlink(missing_ok=True)
        text = f"{target.name} cannot be written: {error.strerror or error}."
        raise AnalysisError(text, "Choose another place.") from None
