"""`inspect`: every layer of a network with its costs."""

from __future__ import annotations

import argparse
import json

from analysis.commands import options as shared
from analysis.config import LayerSpec, Totals
from analysis.records import to_plain
from analysis.request import Compute

NAME = "inspect"
HELP = "print every layer of a network: type, shapes, parameters, multiply-adds"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    shared.add_model(parser, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--all", action="store_true", help="also rows without costs: branches, blocks, pooled feature")
    parser.add_argument("--json", action="store_true", help="as one JSON object: {layers, totals}")


def command(options: argparse.Namespace) -> int:
    """Print the table."""
    source = shared.model_source(options)
    assert source is not None  # --model is required
    if source.name.endswith(".pt2") and not source.trust:
        return _exported(source.name, options.json)
    from analysis.derive import derive
    from analysis.models import load

    model = load(source, Compute(), seed=options.seed, trained=False, derive=derive)
    layers, totals = model.recording.layers, model.recording.totals
    if options.json:
        plain = {
            "model": model.name,
            "badges": list(model.badges),
            "input": list(model.input_shape),
            "layers": to_plain(layers),
            "totals": to_plain(totals),
            "notes": list(model.recording.notes),
        }
        print(json.dumps(plain))
        return 0
    print(f"{model.name}   input {_by(model.input_shape)}   {' · '.join(model.badges)}".rstrip())
    _print_table([layer for layer in layers if options.all or layer.kind in ("conv", "linear", "activation")])
    _print_totals(totals)
    for note in model.recording.notes:
        print(f"note: {note}")
    for name, text in model.facts:
        print(f"{name}: {text}")
    return 0


def _print_table(layers: list[LayerSpec]) -> None:
    width = max([len(layer.name) for layer in layers], default=4)
    print(f"{'layer':<{width}}  {'type':<16} {'input':>14} {'output':>14} {'kernel':>7} {'stride':>6} {'groups':>6} "
          f"{'parameters':>11} {'MACs':>14} {'bytes':>11}")  # fmt: skip
    for layer in layers:
        stride = "×".join(map(str, dict.fromkeys(layer.stride)))
        print(f"{layer.name:<{width}}  {layer.type[:16]:<16} {_by(layer.input_shape):>14} {_by(layer.shape):>14} "
              f"{_by(layer.kernel):>7} {stride:>6} {layer.groups or '':>6} {layer.parameters:>11,} {layer.macs:>14,} "
              f"{layer.activation_bytes:>11,}")  # fmt: skip


def _print_totals(totals: Totals) -> None:
    print(f"parameters {totals.parameters:,} (shared tensors once; {totals.parameters_used:,} used)")
    print(f"multiply-adds {totals.macs:,} per picture, convolutions and linear layers (1 MAC = 2 FLOPs)")
    print(f"activations {totals.activation_bytes:,} bytes per picture")


def _by(sizes: tuple[int, ...]) -> str:
    return "×".join(map(str, sizes))


def _exported(path: str, as_json: bool) -> int:
    """Print what an exported program says about itself, without running any of it."""
    from analysis.loading.exported import inspect_exported

    described = inspect_exported(path)
    if as_json:
        print(json.dumps({"layers": to_plain(described.layers), "totals": to_plain(described.totals)}))
        return 0
    print(f"{path}   input {_by(described.input_shape)}   read without running it")
    _print_table(list(described.layers))
    _print_totals(described.totals)
    return 0
