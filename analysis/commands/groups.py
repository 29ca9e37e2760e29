"""`groups`: the coupled width groups of a network: what is tied, what is legal, what is locked and why."""

from __future__ import annotations

import argparse
import json

from analysis.commands import options as shared
from analysis.measures.widths.description import WidthGroup, WidthGroups
from analysis.request import Compute

NAME = "groups"
HELP = "print the coupled width groups of a network: what is tied, which widths are legal"
WHOLE = "grouped convolutions lose and gain whole groups, not the same places in every group"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    shared.add_model(parser, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--why", action="store_true", help="also which widths of each group are legal, and what ties its channels"
    )
    parser.add_argument("--text", action="store_true", help="as a text configuration, to be edited and given to apply")
    parser.add_argument("--whole-groups", action="store_true", help=WHOLE)
    parser.add_argument("--json", action="store_true", help="as one JSON object: {groups, …}")


def command(options: argparse.Namespace) -> int:
    """Print the groups."""
    source = shared.model_source(options)
    assert source is not None  # --model is required
    from analysis.derive import derive
    from analysis.models import load
    from analysis.surgery.dissecting import dissect

    model = load(source, Compute(), seed=options.seed, trained=False, derive=derive)
    found = dissect(model.net, model.input_shape, model.name, whole=options.whole_groups).groups
    if options.json:
        print(json.dumps(found.to_plain()))
    elif options.text:
        from analysis.measures.widths.text import print_widths

        print(print_widths(found, {}, everything=True), end="")
    else:
        _print(found, options.why)
    return 0


def _print(found: WidthGroups, why: bool) -> None:
    free, variables = len(found.free), len(found.variables)
    print(f"{found.model}   {free} groups, {variables} variables, {len(found.clusters)} clusters, "
          f"{len(found.groups) - free} locked")  # fmt: skip
    size = max([len(group.name) for group in found.groups], default=4)
    print(f"{'group':<{size}}  {'width':>6} {'least':>6} {'step':>5}  channels are also in")
    for group in found.groups:
        least, step = ("", "") if group.locked else (group.minimum, group.step)
        print(f"{group.name:<{size}}  {group.width:>6} {least:>6} {step:>5}  {_others(group)}".rstrip())
        for line in _details(group, why):
            print(f"{'':<{size}}  {line}")
    for note in found.notes:
        print(f"note: {note}")


def _details(group: WidthGroup, why: bool) -> list[str]:
    """Say which widths are legal where that is more than least width and step, and what ties the channels."""
    legal = [f"legal: {group.legal}"] if group.legal and (why or group.nested) else []
    return [*legal, *(f"tied by {line}" for line in group.why if why)]


def _others(group: WidthGroup) -> str:
    if group.locked:
        return f"locked: {group.reason}"
    layers = dict.fromkeys(f"{member.layer} ({member.side})" for member in group.members if member.layer != group.name)
    shown = list(layers)[:4]
    flag = [f"widening is approximate: {group.approximate}"] if group.approximate else []
    return ", ".join([*shown, *(["…"] if len(layers) > 4 else []), *flag])
