"""The axis that everything shares, as the window uses it: see :mod:`analysis.measures.depth`. No Qt."""

from analysis.measures.depth import (
    EMPTY_AXIS,
    LAYER_KINDS,
    MODES,
    DepthAxis,
    Floats,
    Ints,
    Slot,
    Stage,
    align,
    depth_axis,
    find_stages,
    matching_rows,
    shown_name,
    split_name,
)

__all__ = [
    "EMPTY_AXIS",
    "LAYER_KINDS",
    "MODES",
    "DepthAxis",
    "Floats",
    "Ints",
    "Slot",
    "Stage",
    "align",
    "depth_axis",
    "find_stages",
    "matching_rows",
    "shown_name",
    "split_name",
]
