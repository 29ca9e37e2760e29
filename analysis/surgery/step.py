"""The step of `derive` that changes widths."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from analysis.coupling.analysis import Anatomy
from analysis.coupling.layout import Ints
from analysis.edits import Edits
from analysis.graph import record
from analysis.models import Model
from analysis.problems import AnalysisError
from analysis.surgery.choosing import channels_of, choose, read_channels, widths_of
from analysis.surgery.dissecting import dissect, refuse_arithmetic
from analysis.surgery.editing import edit
from analysis.surgery.importance import importance

GROUPED = ("", "whole")


def change_widths(model: Model, edits: Edits) -> Model:
    """Return the network with other widths; the given one stays as it is.

    Channels are those that `edits.channels` names; for other groups the rule `edits.keep` chooses ("l1" if empty,
    "random:SEED" for a seed). `edits.widen` says how channels are added ("split" if empty), `edits.grouped` whether
    grouped convolutions change by whole groups.

    Raises
    ------
    AnalysisError
        If the widths are not legal, or channels were chosen on another network.
    """
    if edits.grouped not in GROUPED:
        text = f"'{edits.grouped}' is no way to change grouped convolutions."
        raise AnalysisError(text, "Choose whole, or leave it out.", "grouped")
    found = dissect(model.net, model.input_shape, model.name, whole=bool(edits.grouped))
    widths = dict(edits.widths)
    rule, _, seed = (edits.keep or "l1").partition(":")
    if set(widths) <= {name for name, _ in edits.channels}:  # nothing is left to a rule, which may need pictures
        scores = np.zeros(len(found.coupling.locked))
    else:
        scores = importance(model.net, found, rule, int(seed or 0))
    copies = read_channels(found, edits.channels, choose(found, widths, scores))
    _agree(found, widths, edits, copies)
    net = edit(model.net, found, copies, edits.widen or "split", int(seed or 0)).eval()
    refuse_arithmetic(found, net)
    # A rule would choose otherwise on other weights: what was chosen is written down.
    told = replace(model.edits, channels=channels_of(found, copies))
    return replace(model, net=net, recording=record(net, model.input_shape), edits=told)


def _agree(found: Anatomy, widths: dict[str, int], edits: Edits, copies: Ints) -> None:
    """Refuse a choice of channels that gives another width than the one that is written beside it."""
    real = widths_of(found, copies)
    for name, _ in edits.channels:
        group = found.groups.groups[found.groups.index(name)]
        given, wanted = real.get(name, group.width), widths.get(name, group.width)
        if given != wanted:
            text = f"The channels chosen for {name} are {given}, but its width is {wanted}."
            raise AnalysisError(text, "Choose the channels anew, or let a rule choose them.", "channels")
