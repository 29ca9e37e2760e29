"""The step of `derive` that shares weights: the trained network projected onto rings, as a plain network."""

from __future__ import annotations

from dataclasses import replace

from analysis.measures.ring_fits import unique_costs
from analysis.models import Model
from analysis.sharing.choice import Sharing, plan
from analysis.sharing.nets import materialise, share, stored_rings


def share_weights(model: Model, ring: tuple[tuple[str, str], ...]) -> Model:
    """Project the weights of a network onto rings, as `Edits.ring` says.

    The result is a plain network that every method takes; its rows count each ring once. The projection is not trained:
    see :mod:`analysis.measures.ring_projection` for how little of the weights it keeps.

    Raises
    ------
    AnalysisError
        If the text describes no sharing, or nothing can be shared.
    """
    sharing = Sharing.from_pairs(ring)
    banks = plan(model.net, sharing, model.recording.layers)
    shared = share(model.net, banks, whitened=sharing.whitened)
    net = materialise(shared)
    net.train(model.net.training)
    layers, totals = unique_costs(model.recording.layers, model.recording.totals, banks)
    recording = replace(model.recording, layers=layers, totals=totals)
    return replace(model, net=net, recording=recording, shared=stored_rings(shared))
