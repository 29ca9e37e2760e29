"""Which figure of a run of bundles shows what a side of the window shows."""

from __future__ import annotations

from analysis.catalogue import Value
from analysis.figures import FigureSpec
from app.reading.bundles import Look, Reading

FIGURE_OF = {
    "depth": "bundle_depth",
    "training": "bundle_heatmap",
    "bundle": "bundle_depth",
    "flow": "bundle_depth",
    "classes": "first_merge",
    "tolerance": "critical_tolerance",
    "removal": "block_removal",
}
OF_CHECKPOINT = ("bundle_depth", "critical_tolerance", "first_merge")
"""Figures that show one checkpoint."""
VALUE_OF = {"bundles": "bundles", "conflict": "samples_in_conflict"}


def figure_of(side: str, value: str, folder: str, reading: Reading | None, look: Look) -> FigureSpec:
    """Figure of a side: over training the curves of a point that was chosen, else the map.

    Parameters
    ----------
    value
        What the map over training shows.
    folder
        Where the run is stored.
    """
    name = FIGURE_OF[side]
    options: tuple[tuple[str, Value], ...] = ()
    if reading is not None and name in OF_CHECKPOINT and len(reading.checkpoints) > 1:
        options = (("checkpoint", reading.checkpoints[look.checkpoint]),)
    if side == "training" and reading is not None and look.chosen and len(reading.checkpoints) > 1:
        return FigureSpec("bundle_training", (folder,), (("point", reading.points[look.point].name),))
    if name == "bundle_heatmap" and value in VALUE_OF:
        options = (("value", VALUE_OF[value]),)
    return FigureSpec(name, (folder,), options)
