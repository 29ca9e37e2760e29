"""From a loaded network and a user's edits to the network that is measured."""

from __future__ import annotations

from analysis.edits import Edits
from analysis.models import Model
from analysis.problems import AnalysisError


def derive(model: Model, edits: Edits) -> Model:
    """Return the network with the edits applied; without edits the network itself.

    Raises
    ------
    AnalysisError
        If the edits cannot be carried out.
    """
    if edits.empty:
        return model
    raise AnalysisError(
        f"This version of LayerScope cannot apply edits ({edits.summary()}).", "Measure the network without them."
    )
