"""Build the networks that have a name: demo, CIFAR ResNets, torchvision, timm.

The two packages are optional and slow to import: they are imported only when one of their networks is asked for.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import torch
from torch import nn

from analysis.catalogue import nearest
from analysis.loading import weight_files
from analysis.loading.architectures import RESOURCES, Architecture, named, table
from analysis.networks import DEMO_NETWORKS, CifarResNet
from analysis.problems import AnalysisError
from analysis.request import Preprocessing

CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
OFFLINE = "Add --download to fetch them, give --weights FILE, or choose --weights random."


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed torch's random numbers inside, and put their state back afterwards."""
    cuda = list(range(torch.cuda.device_count())) if torch.cuda.is_available() else []
    with torch.random.fork_rng(devices=cuda):
        torch.manual_seed(seed)
        yield


@contextmanager
def quietly() -> Iterator[None]:
    """Drop what packages say about their own future while they build."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def package(name: str) -> Any:
    """Import torchvision or timm.

    Raises
    ------
    AnalysisError
        With code "missing_package" if it is not installed or broken.
    """
    try:
        with quietly():
            return importlib.import_module(name)
    except Exception as error:  # a torchvision that does not match torch raises RuntimeError
        reason = "is not installed" if isinstance(error, ModuleNotFoundError) else f"cannot be imported ({error})"
        text = f"The package {name.partition('.')[0]} {reason}."
        raise AnalysisError(text, "pip install 'layerscope[zoo]' installs it.", "missing_package") from None


def is_known(name: str) -> bool:
    """Tell whether a model string names a network of this file, spelled right or not."""
    return name.startswith(("demo:", "cifar_resnet", "torchvision:", "timm:"))


def describe(name: str) -> tuple[Architecture, ...]:
    """Look a named network up: one row, or one per way to make it.

    Raises
    ------
    AnalysisError
        If there is no network of that name; the message names the nearest.
    """
    family, _, rest = name.partition(":")
    bare = name.partition("@")[0] if family == "demo" else name
    base = f"timm:{rest.partition('.')[0]}" if family == "timm" else bare
    rows = named(base)
    if rows and base == bare:
        return rows
    if family == "timm":
        return _of_tag(rest, rows)
    valid = [row.name for row in table() if row.name.startswith((f"{family}:", "cifar_") if ":" in name else "cifar_")]
    raise AnalysisError(f"There is no network '{bare}'.", nearest(bare, list(dict.fromkeys(valid))), "unknown_network")


def _of_tag(rest: str, rows: tuple[Architecture, ...]) -> tuple[Architecture, ...]:
    """Rows of a timm name with a tag, or of one that is newer than the table."""
    if not rows and not package("timm").is_model(rest.partition(".")[0]):
        valid = [row.name for row in table() if row.name.startswith("timm:")]
        text = f"There is no network 'timm:{rest}'."
        raise AnalysisError(text, nearest(f"timm:{rest}", valid), "unknown_network")
    known = package("timm").get_pretrained_cfg(rest)
    if known is None:
        tags = package("timm").list_pretrained(f"{rest.partition('.')[0]}.*")
        raise AnalysisError(f"timm knows no weights '{rest}'.", nearest(rest, tags) if tags else "", "unknown_network")
    way = Preprocessing(
        tuple(known.mean), tuple(known.std), tuple(known.input_size[1:]), known.interpolation, known.crop_pct
    )
    way = replace(way, source="network")
    if rows:
        return tuple(replace(row, name=f"timm:{rest}", preprocessing=way) for row in rows)
    return (Architecture(f"timm:{rest}", "", (), known.num_classes, tuple(known.input_size), way),)


def build(row: Architecture, classes: int = 0) -> nn.Module:
    """Make a network with random weights.

    Parameters
    ----------
    row
        Which.
    classes
        Number of outputs, 0 for as many as it is made with.
    """
    family, _, rest = row.name.partition(":")
    given = {"num_classes": classes} if classes and classes != row.classes else {}
    with quietly():
        if family == "torchvision":
            options: dict[str, Any] = dict(row.options) | given
            return _module(package("torchvision.models").get_model(rest, weights=None, **options))
        if family == "timm":
            return _module(package("timm").create_model(rest, pretrained=False, **given))
        if family == "demo":
            return _resized(DEMO_NETWORKS[rest](), classes, row)
        found = re.fullmatch(r"cifar_resnet(\d+)(_b)?", row.name)
        assert found is not None  # rows of the table have no other names
        return CifarResNet(int(found[1]), "B" if found[2] else "A", classes=classes or row.classes)


def _module(net: Any) -> nn.Module:
    assert isinstance(net, nn.Module)
    return net


def _resized(net: nn.Module, classes: int, row: Architecture) -> nn.Module:
    """Give a network of the demo, whose factory takes no arguments, another number of outputs."""
    last = net.linear
    if classes and classes != row.classes and isinstance(last, nn.Linear):
        net.linear = nn.Linear(last.in_features, classes)
    return net


# ---- published weights -----------------------------------------------------------------------------------------------


def pretrained(row: Architecture, download: bool) -> nn.Module:
    """Make a network with its published weights, from the local cache unless `download` allows the network.

    Raises
    ------
    AnalysisError
        If there are none, or none in the cache; the file in the cache is read safely first.
    """
    family, _, rest = row.name.partition(":")
    if family not in ("torchvision", "timm"):
        text = f"No weights of {row.name} are published for LayerScope to find."
        raise AnalysisError(text, "Give --weights FILE.")
    file = _torchvision_file(rest) if family == "torchvision" else _timm_file(rest)
    if file is None and not download:
        raise AnalysisError(f"The published weights of {row.name} are not in the local cache.", OFFLINE, "not_cached")
    if file is not None:
        weight_files.read(file)  # both packages would unpickle some files without restriction
    try:
        with quietly():
            if family == "torchvision":
                return _module(package("torchvision.models").get_model(rest, weights="DEFAULT"))
            # With the file named, timm has no reason to ask its hub.
            overlay = {"file": str(file)} if file is not None else None
            return _module(package("timm").create_model(rest, pretrained=True, pretrained_cfg_overlay=overlay))
    except AnalysisError:
        raise
    except Exception as error:  # network, disk, formats: whatever the packages meet
        reason = str(error).strip().splitlines()
        text = (
            f"The published weights of {row.name} cannot be had: {reason[0][:200] if reason else type(error).__name__}."
        )
        raise AnalysisError(text, "Give --weights FILE, or choose --weights random.") from None


def _torchvision_file(name: str) -> Path | None:
    url = package("torchvision.models").get_model_weights(name).DEFAULT.url
    return _in_torch_cache(url)


def _in_torch_cache(url: str) -> Path | None:
    file = Path(torch.hub.get_dir()) / "checkpoints" / Path(urlparse(url).path).name
    return file if file.is_file() else None


def _timm_file(name: str) -> Path | None:
    """Where the weights of a timm network lie: in the cache of its hub, or in torch's."""
    known = package("timm").get_pretrained_cfg(name)
    if known is None or not known.has_weights:
        raise AnalysisError(f"timm publishes no weights for {name}.", "Give --weights FILE, or --weights random.")
    if known.hf_hub_id:
        hub = package("huggingface_hub")
        repository, _, revision = known.hf_hub_id.partition("@")
        names = (known.hf_hub_filename,) if known.hf_hub_filename else ("model.safetensors", "pytorch_model.bin")
        for file in names:
            found = hub.try_to_load_from_cache(repository, file, revision=revision or None)
            if isinstance(found, str):
                return Path(found)
    return _in_torch_cache(known.url) if isinstance(known.url, str) and known.url else None


# ---- names of outputs ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Labels:
    """Names of a network's outputs.

    Attributes
    ----------
    names
        In the order of the outputs, empty if unknown.
    synsets
        Identifiers of WordNet such as "n01440764" in the same order, for folders that are named so; or empty.
    """

    names: tuple[str, ...] = ()
    synsets: tuple[str, ...] = ()


def labels(row: Architecture, classes: int) -> Labels:
    """Names of the outputs of a network with the classes it was published with."""
    family = row.name.partition(":")[0]
    if classes != row.classes or not classes:
        return Labels()
    if family == "demo":
        return Labels(tuple(demo_facts()["classes"]))
    if family.startswith("cifar_"):
        return Labels(CIFAR10 if classes == len(CIFAR10) else ())
    return imagenet() if classes == 1000 else Labels()


@cache
def imagenet() -> Labels:
    """Name the 1,000 classes of ImageNet, from the data of the packages at hand; timm need not be imported for that."""
    found = importlib.util.find_spec("timm")
    if found is not None and found.submodule_search_locations:
        folder = Path(found.submodule_search_locations[0]) / "data" / "_info"
        try:
            synsets = (folder / "imagenet_synsets.txt").read_text(encoding="utf-8").split()
            lines = (folder / "imagenet_synset_to_lemma.txt").read_text(encoding="utf-8").splitlines()
            words = dict(line.split("\t", 1) for line in lines)
            return Labels(tuple(words[synset] for synset in synsets), tuple(synsets))
        except (OSError, KeyError, ValueError):
            pass  # another version keeps them elsewhere; torchvision has the names, too
    try:
        weights = package("torchvision.models").get_model_weights("resnet18").DEFAULT
    except AnalysisError:
        return Labels()
    return Labels(tuple(weights.meta["categories"]))


# ---- the demo --------------------------------------------------------------------------------------------------------


@cache
def demo_facts() -> dict[str, Any]:
    """Read ``resources/demo/demo.json``: networks with their checkpoints, preprocessing, classes, input.

    Raises
    ------
    AnalysisError
        If it is missing or damaged.
    """
    try:
        facts = json.loads((RESOURCES / "demo" / "demo.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise AnalysisError(f"This installation lacks its demo ({error}).", "Install LayerScope anew.") from None
    assert isinstance(facts, dict)
    return facts
