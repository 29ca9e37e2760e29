"""What every number of the window means, in one line, and on which help page more is said."""

from __future__ import annotations

from app.reading.glossary.axes import PLACES
from app.reading.glossary.bundles import BUNDLES
from app.reading.glossary.configurations import CONFIGURATIONS
from app.reading.glossary.lists import LAYER_TERMS, RUN_TERMS
from app.reading.glossary.rank import CHANNELS, LAB, MEASURES, WEIGHT_TERMS
from app.reading.glossary.sharing import SHARING
from app.reading.glossary.term import Term, address
from app.reading.glossary.widths import WIDTHS

__all__ = ["HUES", "LAYER_TERMS", "RUN_TERMS", "SHORT", "TERMS", "WEIGHT_TERMS", "Term", "address", "hue", "term"]

TERMS: dict[str, Term] = MEASURES | BUNDLES | CHANNELS | SHARING | CONFIGURATIONS | LAB | WIDTHS | PLACES
"""Every measure by the name of its output."""

SHORT = {
    "Parameters": "Params",
    "Activation memory": "Memory",
    "Effective rank": "Eff. rank",
    "Effective rank / width": "Eff./width",
    "Participation ratio": "Particip.",
    "Nuclear norm / √n": "Nuclear/√n",
    "Always-on channels": "Always on",
    "Weight stable rank": "W. stable",
    "Weight effective rank": "W. eff.",
    "Switched": "Switch",
}
"""Titles for narrow columns; the whole title is said on hovering."""

HUES = {
    "feature_rank": "rank",
    "weight_spectrum": "rank",
    "rank_lab": "rank",
    "latency": "cost",
    "structure": "cost",
    "evaluate": "widths",
    "conflicting_bundles": "bundles",
    "dynamic_configurations": "configurations",
    "parameter_sharing": "sharing",
}
"""Colour role of each method."""


def term(method: str, output: str, title: str = "", unit: str = "") -> Term:
    """Return what is known of an output; for an unknown one, its own title and unit."""
    known = WEIGHT_TERMS.get(output) if method == "weight_spectrum" else None
    known = known or TERMS.get(output)
    if known is not None:
        return known
    words = title or output.replace("_", " ")
    return Term(words[:1].upper() + words[1:], unit, f"Output '{output}' of {method.replace('_', ' ')}.", method)


def hue(method: str) -> str:
    """Return the colour role of a method."""
    return HUES.get(method, "cost")
