"""Make the table of known networks: ``python -m resources.make_networks [demo] [cifar] [torchvision] [timm]``.

Writes ``networks.json`` (one row per network) and ``networks.keys.xz`` (its keys and shapes) beside this file. Networks
are built on the meta device, without memory for their weights; all of timm takes about six minutes on one core. Sources
that are not named keep their rows.
"""

from __future__ import annotations

import argparse
import json
import lzma
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import nn

from analysis.loading.architectures import LISTS, NAMINGS, TABLE, Architecture, Shapes, layout, lines_of, read_table
from analysis.networks import DEMO_NETWORKS, CifarResNet
from analysis.records import to_plain
from analysis.request import Preprocessing

IMAGENET = Preprocessing((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), source="network")
Row = tuple[Architecture, list[str]]


def shapes_of(build: Callable[[], nn.Module]) -> dict[str, tuple[int, ...]]:
    """Keys and shapes of a network, built on the meta device where its constructor allows it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with torch.device("meta"):
                net = build()
        except (NotImplementedError, RuntimeError):  # constructors that compute with tensors
            net = build()
    return {key: tuple(item.shape) for key, item in net.state_dict().items() if isinstance(item, torch.Tensor)}


def row(name: str, shapes: Shapes, heads: tuple[str, ...], given: tuple[int, ...], way: Preprocessing) -> Row:
    """Make one row: the network, and the lines behind its hash."""
    classes = shapes[heads[0]][0] if heads else 0
    return Architecture(name, layout(shapes, heads), heads, classes, given, way), lines_of(shapes, heads)


def renamed(made: Row, shapes: Shapes, naming: str, way: Preprocessing) -> Row:
    """Make the row of a network whose checkpoints also go about under other keys."""
    names = NAMINGS[naming](shapes)
    heads = tuple(names[key] for key in made[0].heads)
    other = {names[key]: shape for key, shape in shapes.items()}
    code = layout(other, heads)
    return replace(made[0], layout=code, heads=heads, naming=naming, preprocessing=way), lines_of(other, heads)


def demo() -> Iterator[Row]:
    """Make the rows of the networks of the demo; how their pictures are prepared stands in demo.json."""
    facts = json.loads((TABLE.parent / "demo" / "demo.json").read_text(encoding="utf-8"))
    mean, std = (tuple(facts["preprocessing"][key]) for key in ("mean", "std"))
    channels, height, width = facts["input"]
    way = Preprocessing(mean, std, (height, width), grey=channels == 1, source="network")
    for name, build in DEMO_NETWORKS.items():
        heads = ("linear.weight", "linear.bias")
        yield row(f"demo:{name}", shapes_of(build), heads, (channels, height, width), way)


def cifar() -> Iterator[Row]:
    """Make the rows of the residual networks for 32 px pictures, 20 to 110 layers, both kinds of shortcut."""
    way = replace(IMAGENET, size=(32, 32))
    for option, suffix in (("A", ""), ("B", "_b")):
        for depth in range(20, 111, 6):
            shapes = shapes_of(partial(CifarResNet, depth, option))
            yield row(f"cifar_resnet{depth}{suffix}", shapes, ("linear.weight", "linear.bias"), (3, 32, 32), way)


def torchvision() -> Iterator[Row]:
    """Make the rows of the classifiers of torchvision, those with auxiliary heads also without them."""
    from torchvision import models

    for name in models.list_models(module=models):
        options: tuple[dict[str, bool], ...] = ({},)
        if name in ("googlenet", "inception_v3"):
            options = ({}, {"aux_logits": False})
        for chosen in options:
            shapes = shapes_of(partial(models.get_model, name, **chosen))
            other = shapes_of(partial(models.get_model, name, num_classes=1009, **chosen))
            heads = tuple(key for key in shapes if shapes[key] != other[key])
            preset = models.get_model_weights(name).DEFAULT.transforms()
            (side,), (resized,) = preset.crop_size, preset.resize_size
            way = Preprocessing(
                tuple(preset.mean),
                tuple(preset.std),
                (side, side),
                preset.interpolation.value,
                round(side / resized, 4),
                source="network",
            )
            made = row(f"torchvision:{name}", shapes, heads, (3, side, side), way)
            yield replace(made[0], options=tuple(chosen.items())), made[1]
            if name.startswith("densenet"):
                yield renamed(made, shapes, "densenet_2017", way)


def timm() -> Iterator[Row]:
    """Make the rows of all networks of timm."""
    import timm as package

    for name in package.list_models():
        shapes = shapes_of(partial(package.create_model, name, pretrained=False))
        known = package.get_pretrained_cfg(name)
        assert known is not None  # only None for names that timm does not list
        modules = (known.classifier,) if isinstance(known.classifier, str) else tuple(known.classifier or ())
        heads = tuple(key for key in shapes if key.rpartition(".")[0] in modules and known.num_classes)
        way = Preprocessing(
            tuple(known.mean),
            tuple(known.std),
            tuple(known.input_size[1:]),
            known.interpolation,
            known.crop_pct,
            source="network",
        )
        made = row(f"timm:{name}", shapes, heads, tuple(known.input_size), way)
        yield made
        family, _, member = name.removeprefix("tf_").partition("_")
        if name.startswith("tf_") and family == "efficientnet" and (member[0] in "bl" and member != "l2"):
            # The ports to lite networks subtract 127 and divide by 128; the others use the means of ImageNet.
            lite = replace(way, mean=(127 / 255,) * 3, std=(128 / 255,) * 3)
            yield renamed(made, shapes, "efficientnet_pytorch", lite if member.startswith("lite") else way)


SOURCES: dict[str, Callable[[], Iterator[Row]]] = {
    "demo": demo,
    "cifar": cifar,
    "torchvision": torchvision,
    "timm": timm,
}


def stored() -> Iterator[Row]:
    """Rows of the table as it is."""
    blocks = lzma.decompress(LISTS.read_bytes()).decode().split("\n\n")
    lines = {block.split("\n")[0]: block.split("\n")[1:] for block in blocks}
    for known in read_table(TABLE.read_text(encoding="utf-8")):
        yield known, lines[known.layout]


def source_of(name: str) -> str:
    """Which of :data:`SOURCES` a network is from."""
    return "cifar" if name.startswith("cifar_") else name.partition(":")[0]


def as_plain(rows: list[Architecture]) -> Iterator[str]:
    """Lines of the JSON file: what many rows share stands once, then one line per network."""
    ways = list(dict.fromkeys(known.preprocessing for known in rows))
    heads = list(dict.fromkeys(known.heads for known in rows))
    yield '{"versions": ' + json.dumps({name: version(name) for name in ("torch", "torchvision", "timm")})
    yield ',"preprocessing": [' + "\n,".join(json.dumps(to_plain(way)) for way in ways) + "]"
    yield ',"heads": [' + "\n,".join(json.dumps(keys) for keys in heads) + "]"
    yield ',"networks": ['
    for index, known in enumerate(rows):
        plain: dict[str, Any] = {"name": known.name, "layout": known.layout, "classes": known.classes}
        plain |= {"input": known.input, "heads": heads.index(known.heads)}
        plain["preprocessing"] = ways.index(known.preprocessing)
        if known.naming:
            plain["naming"] = known.naming
        if known.options:
            plain["options"] = dict(known.options)
        yield ("," if index else "") + json.dumps(plain)
    yield "]}"


def main() -> None:
    """Build what is asked for and write both files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sources", nargs="*", metavar="SOURCE", help=", ".join(SOURCES))
    wanted = parser.parse_args().sources or list(SOURCES)
    torch.set_num_threads(1)
    kept = list(stored()) if Path(TABLE).exists() else []
    rows: list[Row] = []
    for source, make in SOURCES.items():
        fresh = make() if source in wanted else (made for made in kept if source_of(made[0].name) == source)
        rows += fresh
        print(source, sum(source_of(made[0].name) == source for made in rows), flush=True)
    TABLE.write_text("\n".join(as_plain([made[0] for made in rows])) + "\n", encoding="utf-8")
    lists = {made[0].layout: "\n".join([made[0].layout, *made[1]]) for made in rows}
    LISTS.write_bytes(lzma.compress("\n\n".join(lists.values()).encode(), preset=9 | lzma.PRESET_EXTREME))


if __name__ == "__main__":
    main()
