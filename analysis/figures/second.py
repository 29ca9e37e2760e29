"""A second network in figures: which of the runs are its own, and its values behind those of the first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from analysis.catalogue import Param, Value
from analysis.config import LayerSpec
from analysis.figures.measured import has, pick
from analysis.figures.sheet import Outline, Panel
from analysis.measures.depth import matching_rows
from analysis.problems import AnalysisError
from analysis.result import Result

COMPARED = Param("compared", 0, "How many of the last runs are of a second network: thin outlines behind", low=0)


def split(results: list[Result], options: Mapping[str, Value]) -> tuple[list[Result], list[Result]]:
    """Tell the runs of the network of a figure from those of the one that it is compared with.

    Raises
    ------
    AnalysisError
        If no run would be left.
    """
    count = int(options.get("compared", 0))
    if count >= len(results):
        raise AnalysisError(
            f"Of {len(results)} run{'s' if len(results) != 1 else ''}, {count} are to be of a second network.",
            "Name a run of the first network before them.",
        )
    return results[: len(results) - count], results[len(results) - count :]


def outline(theirs: Sequence[Result], method: str, measure: str, layers: Sequence[LayerSpec]) -> Outline | None:
    """Values of a second network at the layers that correspond: by name, else by relative depth within the stage.

    Parameters
    ----------
    method
        Of the run that is drawn: only a run of the same method has the same measure.
    """
    fits = (one for one in theirs if one.request is not None and one.request.method == method and has(one, measure))
    result = next(fits, None)
    if result is None:
        return None
    rows = matching_rows(tuple(layers), result.layers).tolist()
    return Outline(np.arange(len(layers), dtype=np.float64), pick(result, measure, rows), name_of(result))


def named_once(panels: list[Panel]) -> tuple[Panel, ...]:
    """Take the name off every outline but the first, so that the legend of a stack says it once."""
    found, named = [], False
    for panel in panels:
        marks = tuple(replace(mark, label="") if named and isinstance(mark, Outline) else mark for mark in panel.marks)
        named = named or any(isinstance(mark, Outline) for mark in marks)
        found.append(replace(panel, marks=marks))
    return tuple(found)


def name_of(result: Result) -> str:
    """Words for the second network: its name, "(edited)" if it was."""
    name = result.prepared.model if result.prepared else "second network"
    edited = result.request is not None and not result.request.edits.empty
    return f"{name} (edited)" if edited else name


def pictures_of(first: Result, theirs: Sequence[Result]) -> str:
    """Say that a second network saw other pictures, "" if it saw the same or none."""
    ours = first.prepared.samples if first.prepared else None
    for result in theirs:
        there = result.prepared.samples if result.prepared else None
        if ours and there and ours.sha256 and there.sha256 and ours.sha256 != there.sha256:
            return f"{name_of(result)}: other pictures, N = {there.count:,}"
    return ""
