"""Find the architecture of a checkpoint from its keys and shapes, in a table; no network is built for that.

The table (``resources/networks.json``, made by ``resources/make_networks.py``) holds for every known network a hash of
its sorted (key, shape) list with the number of classes left open, its input shape and its preprocessing. The lists
themselves lie compressed beside it and are read only where nothing matches.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from torch import Tensor

from analysis.loading.checkpoints import COUNTERS, spellings
from analysis.records import from_plain
from analysis.request import Preprocessing

RESOURCES = Path(__file__).resolve().parents[2] / "resources"
TABLE = RESOURCES / "networks.json"
LISTS = RESOURCES / "networks.keys.xz"
HASH_DIGITS = 16

Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Architecture:
    """A known network.

    Attributes
    ----------
    name
        Model string: "demo:…", "cifar_resnet20", "torchvision:…", "timm:…".
    layout
        Hash of the sorted (key, shape) list, see :func:`layout`.
    heads
        Keys of the classifier; the first axis of each is the number of classes.
    classes
        Number of outputs the network is made with, 0 for one without classifier.
    input
        Input shape (channels, height, width).
    preprocessing
        What goes with its published weights.
    naming
        "" for the network's own keys, else one of :data:`NAMINGS`.
    options
        (name, value) pairs for its constructor.
    """

    name: str
    layout: str
    heads: tuple[str, ...]
    classes: int
    input: tuple[int, ...]
    preprocessing: Preprocessing
    naming: str = ""
    options: tuple[tuple[str, bool], ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Match:
    """An architecture that has exactly the keys and shapes of a checkpoint.

    Attributes
    ----------
    architecture, classes
        Which, and with how many outputs.
    prefix, tensors
        What was removed from the keys; the tensors under the remaining ones.
    """

    architecture: Architecture
    classes: int
    prefix: str
    tensors: Mapping[str, Tensor]


@cache
def table() -> tuple[Architecture, ...]:
    """Return all known networks: demo, CIFAR ResNets, torchvision, timm, in this order."""
    return read_table(TABLE.read_text(encoding="utf-8"))


def read_table(text: str) -> tuple[Architecture, ...]:
    """Read a table from its JSON."""
    plain = json.loads(text)
    ways = [from_plain(Preprocessing, way) for way in plain["preprocessing"]]
    heads = [tuple(keys) for keys in plain["heads"]]
    return tuple(
        Architecture(
            row["name"],
            row["layout"],
            heads[row["heads"]],
            row["classes"],
            tuple(row["input"]),
            ways[row["preprocessing"]],
            row.get("naming", ""),
            tuple(sorted(row.get("options", {}).items())),
        )
        for row in plain["networks"]
    )


def named(name: str) -> tuple[Architecture, ...]:
    """Rows of the table for one model string, e.g. with and without auxiliary heads."""
    return tuple(row for row in table() if row.name == name)


def lines_of(shapes: Shapes, heads: Iterable[str] = ()) -> list[str]:
    """One sorted line per key, with ``*`` for the number of classes; counters of batch normalisation left out.

    Examples
    --------
    >>> lines_of({"fc.weight": (10, 64), "bn.num_batches_tracked": ()}, ("fc.weight",))
    ['fc.weight *x64']
    """
    free = set(heads)
    lines = []
    for key, shape in shapes.items():
        sizes = [str(size) for size in shape]
        if key in free and sizes:
            sizes[0] = "*"
        if not key.endswith(COUNTERS):
            lines.append(f"{key} {'x'.join(sizes)}".rstrip())
    return sorted(lines)


def layout(shapes: Shapes, heads: Iterable[str] = ()) -> str:
    """Hash the (key, shape) list of a network, number of classes free."""
    return hashlib.sha256("\n".join(lines_of(shapes, heads)).encode()).hexdigest()[:HASH_DIGITS]


def find(tensors: Mapping[str, Tensor], rows: tuple[Architecture, ...] | None = None) -> tuple[Match, ...]:
    """Networks with exactly the keys and shapes of a checkpoint, in the order of the table.

    Parameters
    ----------
    tensors
        As in the file; prefixes that do not belong to a network are tried away.
    rows
        Where to look, the whole table if None.
    """
    rows = table() if rows is None else rows
    for prefix, candidate in spellings(tensors):
        shapes = {key: tuple(tensor.shape) for key, tensor in candidate.items()}
        hashes = {heads: layout(shapes, heads) for heads in {row.heads for row in rows}}
        found = [row for row in rows if row.layout == hashes[row.heads]]
        if found:
            return tuple(Match(row, _classes(row, shapes), prefix, candidate) for row in found)
    return ()


def _classes(row: Architecture, shapes: Shapes) -> int:
    return next((shapes[key][0] for key in row.heads if shapes.get(key)), 0)


# ---- nothing matches -------------------------------------------------------------------------------------------------


@cache
def _lists() -> dict[str, frozenset[str]]:
    """Layout hash to the lines behind it."""
    blocks = lzma.decompress(LISTS.read_bytes()).decode().split("\n\n")
    pairs = (block.split("\n") for block in blocks)
    return {lines[0]: frozenset(lines[1:]) for lines in pairs}


def nearest(tensors: Mapping[str, Tensor], count: int = 3, shown: int = 12) -> tuple[str, ...]:
    """Describe the known networks that come nearest to a checkpoint, and the keys that differ.

    Returns
    -------
    tuple[str, ...]
        For each network a line with its names and the number of keys that differ, then at most `shown` of those keys.
    """
    rows: dict[str, list[Architecture]] = {}
    for row in table():
        rows.setdefault(row.layout, []).append(row)
    scored = []
    for _, candidate in spellings(tensors):
        shapes = {key: tuple(tensor.shape) for key, tensor in candidate.items()}
        ours = {heads: frozenset(lines_of(shapes, heads)) for heads in {row.heads for row in table()}}
        for code, theirs in _lists().items():
            mine = ours[rows[code][0].heads]
            scored.append((len(mine & theirs) / len(mine | theirs), code, mine, theirs))
    best: dict[str, tuple[frozenset[str], frozenset[str]]] = {}
    for _, code, mine, theirs in sorted(scored, key=_by_likeness):
        best.setdefault(code, (mine, theirs))
        if len(best) == count:
            break
    return tuple(line for code, pair in best.items() for line in _describe(rows[code], *pair, shown))


def _by_likeness(scored: tuple[float, str, frozenset[str], frozenset[str]]) -> tuple[float, int]:
    """Most lines in common first; among equals, such as nothing at all in common, the most similar number of keys."""
    share, _, mine, theirs = scored
    return -share, abs(len(mine) - len(theirs))


def _describe(rows: list[Architecture], mine: frozenset[str], theirs: frozenset[str], shown: int) -> list[str]:
    ours, known = (dict(line.partition(" ")[::2] for line in lines) for lines in (mine, theirs))
    differing = [f"missing: {key} {known[key]}" for key in known if key not in ours]
    differing += [
        f"shape: {key} is {ours[key]}, not {known[key]}" for key in known if ours.get(key, known[key]) != known[key]
    ]
    differing += [f"unexpected: {key} {ours[key]}" for key in ours if key not in known]
    names = [row.name for row in rows]
    title = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
    more = [f"    … and {len(differing) - shown} more"] if len(differing) > shown else []
    word = "key differs" if len(differing) == 1 else "keys differ"
    return [f"{title}: {len(differing)} {word}", *(f"    {line}" for line in sorted(differing)[:shown]), *more]


# ---- the same network under other keys -------------------------------------------------------------------------------


def _efficientnet_pytorch(keys: Iterable[str]) -> dict[str, str]:
    """Keys of timm's EfficientNets to those of the older ports from TensorFlow (``_blocks.0._depthwise_conv``)."""
    own = list(keys)
    places = {tuple(map(int, key.split(".")[1:3])) for key in own if key.startswith("blocks.")}
    number = {place: index for index, place in enumerate(sorted(places))}
    stem = {"conv_stem": "_conv_stem", "bn1": "_bn0", "conv_head": "_conv_head", "bn2": "_bn1", "classifier": "_fc"}
    tail = {"conv_dw": "_depthwise_conv", "se.conv_reduce": "_se_reduce", "se.conv_expand": "_se_expand"}
    plain = tail | {"bn1": "_bn1", "conv_pw": "_project_conv", "bn2": "_bn2"}
    wide = tail | {"conv_pw": "_expand_conv", "bn1": "_bn0", "bn2": "_bn1", "conv_pwl": "_project_conv", "bn3": "_bn2"}
    names = {}
    for key in own:
        if not key.startswith("blocks."):
            module, _, leaf = key.rpartition(".")
            names[key] = f"{stem[module]}.{leaf}"
            continue
        _, stage, place, rest = key.split(".", 3)
        module, _, leaf = rest.rpartition(".")
        expands = f"blocks.{stage}.{place}.conv_pwl.weight" in own
        names[key] = f"_blocks.{number[int(stage), int(place)]}.{(wide if expands else plain)[module]}.{leaf}"
    return names


def _densenet_2017(keys: Iterable[str]) -> dict[str, str]:
    """Keys of torchvision's DenseNets to those in its published files, which keep a dot no module name may have."""
    return {key: re.sub(r"(denselayer\d+\.(?:norm|conv))([12])", r"\1.\2", key) for key in keys}


NAMINGS: dict[str, Callable[[Iterable[str]], dict[str, str]]] = {
    "efficientnet_pytorch": _efficientnet_pytorch,
    "densenet_2017": _densenet_2017,
}


def own_names(tensors: Mapping[str, Tensor], state: Mapping[str, Any], naming: str) -> dict[str, Tensor]:
    """Give the tensors of a checkpoint the keys of the network that they are for.

    Parameters
    ----------
    state
        State dict of the network.
    naming
        One of :data:`NAMINGS`, or "" if the keys are the network's own.
    """
    if not naming:
        return dict(tensors)
    return {own: tensors[other] for own, other in NAMINGS[naming](state).items() if other in tensors}
