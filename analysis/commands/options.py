"""Options that several verbs share, and how they become descriptions."""

from __future__ import annotations

import argparse
from typing import Any

from analysis.catalogue import Value
from analysis.problems import AnalysisError
from analysis.request import Compute, ImageSource, ModelSource

DTYPES = ("float32", "float64", "float16", "bfloat16")


def add_model(parser: argparse.ArgumentParser, required: bool = False) -> None:
    """Add --model and what goes with it."""
    group = parser.add_argument_group("network")
    group.add_argument(
        "--model",
        metavar="M",
        required=required,
        help="demo:NAME, timm:NAME, torchvision:NAME, PATH.py:FACTORY, PATH.pt2, or auto (found from the weights)",
    )
    group.add_argument(
        "--weights", metavar="W", nargs="+", default=(), help="files, a folder or a pattern; or pretrained, or random"
    )
    group.add_argument("--input", type=_numbers(int), metavar="C,H,W", default=(), help="input shape")
    group.add_argument("--trust", action="store_true", help="allow code of these files to run (factories, pickles)")
    group.add_argument("--download", action="store_true", help="allow pretrained weights to be downloaded")


def add_images(parser: argparse.ArgumentParser) -> None:
    """Add --images and what goes with it."""
    group = parser.add_argument_group("pictures")
    group.add_argument(
        "--images",
        metavar="I",
        help="a folder (one folder per class, or flat), .npz, CIFAR or MNIST files, .parquet, demo:test, noise:N",
    )
    group.add_argument("--classes", metavar="FILE", default="", help="class names, one a line, in the network's order")
    group.add_argument("--limit", type=int, metavar="N", default=0, help="number of pictures, -1 for all")
    group.add_argument("--mean", type=_numbers(float), metavar="A,B,C", default=(), help="per channel, of 0..1 pixels")
    group.add_argument("--std", type=_numbers(float), metavar="A,B,C", default=(), help="per channel, of 0..1 pixels")
    group.add_argument("--size", type=_numbers(int), metavar="H,W", default=(), help="resize to this")
    group.add_argument("--interpolation", default="", choices=["", "nearest", "bilinear", "bicubic", "lanczos"])
    group.add_argument("--grey", action="store_true", default=None, help="average the colours into one channel")


def add_compute(parser: argparse.ArgumentParser) -> None:
    """Add --device and what goes with it."""
    group = parser.add_argument_group("computing")
    group.add_argument("--device", default="cpu", metavar="D", help="cpu, cuda, cuda:1, mps")
    group.add_argument("--dtype", default="float32", choices=DTYPES)
    group.add_argument("--channels-last", action="store_true", help="memory format of pictures and weights")
    group.add_argument("--threads", type=int, default=0, metavar="T", help="CPU threads, 0 for all but one")
    group.add_argument("--batch", type=int, default=0, metavar="N", help="pictures per forward pass")


def model_source(options: argparse.Namespace) -> ModelSource | None:
    """Return what --model and its companions describe."""
    if not options.model:
        if options.weights:
            raise AnalysisError("Weights were given without a network.", "Add --model auto to find it from them.")
        return None
    return ModelSource(
        options.model, tuple(options.weights), tuple(options.input), trust=options.trust, download=options.download
    )


def image_source(options: argparse.Namespace) -> ImageSource | None:
    """Return what --images and its companions describe."""
    if not options.images:
        return None
    return ImageSource(
        options.images,
        options.classes,
        tuple(options.mean),
        tuple(options.std),
        tuple(options.size) * (2 if len(options.size) == 1 else 1),
        options.interpolation,
        options.grey,
    )


def compute(options: argparse.Namespace) -> Compute:
    """Return what --device and its companions describe."""
    return Compute(options.device, options.dtype, options.channels_last, options.threads, options.batch)


def settings(pairs: list[str]) -> tuple[tuple[str, Value], ...]:
    """Read the name=value pairs of --set."""
    found: dict[str, Value] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise AnalysisError(f"'{pair}' is not name=value.", "For example --set energy=0.95.")
        found[name.strip()] = value.strip()
    return tuple(found.items())


def _numbers(kind: type) -> Any:
    def read(text: str) -> tuple[Any, ...]:
        return tuple(kind(part) for part in text.replace("x", ",").split(","))

    read.__name__ = "comma-separated numbers"
    return read
