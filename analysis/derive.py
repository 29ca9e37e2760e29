"""From a loaded network and a user's edits to the network that is measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from analysis.blocks.removal import remove_blocks
from analysis.edits import Edits
from analysis.geometry.reshape import reshape
from analysis.models import Model
from analysis.problems import AnalysisError
from analysis.sharing.step import share_weights
from analysis.surgery.step import change_widths

Step = Callable[[Model, Any], Model]
"""Applies one part of :class:`Edits`: (network, value of that part) to a new network; the given one stays as it is."""

STEPS: tuple[tuple[str, Step | None], ...] = (
    ("removed", remove_blocks),
    ("widths", change_widths),
    ("geometry", reshape),
    ("ring", share_weights),
)
"""Parts of :class:`Edits` in the order of applying, each with what applies it, None if nothing can yet."""


def derive(model: Model, edits: Edits) -> Model:
    """Return the network with the edits applied; without edits the network itself.

    Edits with others before them are applied one after the other. The network returned says in its `edits` how it was
    made from the one that its `name` names, with the channels that rules have chosen.

    Raises
    ------
    AnalysisError
        If the edits cannot be carried out.
    """
    for step in edits.steps:
        model = _applied(model, step)
    return model


def _applied(model: Model, edits: Edits) -> Model:
    """Apply the edits of one step."""
    wanted = [(name, step) for name, step in STEPS if getattr(edits, name)]
    for name, step in wanted:
        if step is None:
            part = replace(Edits(), **{name: getattr(edits, name)})
            text = f"This version of LayerScope cannot apply this edit: {part.summary()}."
            raise AnalysisError(text, "Measure the network without it.", "edits")
    model = replace(model, edits=edits.after(model.edits))
    for name, step in wanted:
        if step is not None:
            # Widths go with the choice of channels, which is another part.
            model = step(model, edits if step is change_widths else getattr(edits, name))
    return replace(
        model,
        badges=tuple(dict.fromkeys((*model.badges, "edited"))),
        facts=(*(fact for fact in model.facts if fact[0] != "edits"), ("edits", model.edits.summary())),
    )
