"""`apply`: change the widths of a network and save what comes out."""

from __future__ import annotations

import argparse
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.commands import options as shared
from analysis.edits import Edits
from analysis.measures.widths.legal import inexact
from analysis.measures.widths.text import parse_widths
from analysis.problems import AnalysisError
from analysis.request import Compute

if TYPE_CHECKING:
    from analysis.coupling.analysis import Anatomy
    from analysis.models import Model
    from analysis.surgery.importance import Scores

NAME = "apply"
HELP = "narrow and widen a network by a text configuration, and save it"

SAMPLES, BATCH = 256, 32
"""Pictures by which channels are chosen where --limit says nothing; pictures per forward pass."""

KEEP = ("l1", "l2", "bn_scale", "random", "taylor", "activation", "activation_rank")
"""Rules by which narrowing chooses, named here so that help needs no torch."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("widths", metavar="WIDTHS", help="text configuration (see groups --text)")
    shared.add_model(parser, required=True)
    shared.add_images(parser)
    group = parser.add_argument_group("surgery")
    group.add_argument("--keep", metavar="RULE", default="l1", help=", ".join(KEEP))
    group.add_argument(
        "--widen", default="split", choices=["split", "uneven", "zero", "fresh"], help="how channels are added"
    )
    group.add_argument("--whole-groups", action="store_true", help="as groups --whole-groups, for grouped convolutions")
    group.add_argument("--seed", type=int, default=0, help="for random choices and new channels")
    group.add_argument("--out", metavar="FILE.safetensors", required=True)


def command(options: argparse.Namespace) -> int:
    """Edit, save, and say what changed."""
    source = shared.model_source(options)
    assert source is not None  # --model is required
    if not options.out.endswith(".safetensors"):
        raise AnalysisError("The network is saved as a safetensors file.", "Let --out end in .safetensors.")
    from analysis.derive import derive
    from analysis.models import load, save
    from analysis.rebuilding.file import write_python
    from analysis.surgery.choosing import channels_of, choose
    from analysis.surgery.dissecting import dissect

    model = load(source, Compute(), seed=options.seed, derive=derive)
    found = dissect(model.net, model.input_shape, model.name, whole=options.whole_groups)
    widths = parse_widths(found.groups, _read(options.widths))
    copies = choose(found, widths, _scores(model, found, options))
    keep = f"{options.keep}:{options.seed}" if options.seed else options.keep
    grouped = "whole" if options.whole_groups else ""
    edits = Edits(
        widths=tuple(widths.items()),
        channels=channels_of(found, copies),
        keep=keep,
        widen=options.widen,
        grouped=grouped,
    )
    edited = derive(model, edits)
    save(edited, options.out, edited.edits)
    _report(model, edited, options.out)
    approximate = inexact(found.groups, widths)
    if approximate:
        print(approximate)
    python = write_python(edited, options.out, edited.edits)
    print(python.reason or f"rebuilt without LayerScope by {python.path}")
    return 0


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise AnalysisError(f"{path} cannot be read: {reason}.", "Name a text configuration.") from None


def _scores(model: Model, found: Anatomy, options: argparse.Namespace) -> Scores:
    """Score the channels, with pictures where the rule needs them."""
    from analysis.surgery import importance as rules

    if options.keep not in rules.DATA_RULES:
        return rules.importance(model.net, found, options.keep, options.seed)
    source = shared.image_source(options)
    if source is None:
        raise AnalysisError(f"The rule {options.keep} needs pictures.", "Name some with --images.", "needs_images")
    from analysis.images import open_images
    from analysis.surgery.observing import observed

    images = open_images(
        source,
        model.preprocessing,
        model.input_shape,
        model.classes,
        options.limit or SAMPLES,
        options.seed,
        model.device,
        model.dtype,
        BATCH,
        model.channels_last,
        model.synsets,
        prod(model.recording.output_shape),
    )
    return observed(model.net, found, options.keep, ((batch.pixels, batch.labels) for batch in images))


def _report(before: Model, after: Model, path: str) -> None:
    old, new = before.recording.totals, after.recording.totals
    for name, one, other in (
        ("parameters", old.parameters, new.parameters),
        ("multiply-adds", old.macs, new.macs),
        ("activation bytes", old.activation_bytes, new.activation_bytes),
    ):
        print(f"{name:<16}  {one:>15,} -> {other:>15,}   ({other / max(one, 1):.3f})")
    print(f"{before.name}: {after.edits.summary()}; saved as {path}")
