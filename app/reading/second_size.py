"""How large the network that is compared with is, and how much of the open one corresponds to it. No widgets."""

from __future__ import annotations

from app.reading import numbers
from app.reading.comparing import (
    compared_run,
    compared_runs,
    is_open_network,
    knows_all_rows,
    network_name,
    second_rows,
)
from app.workspace import Run, Workspace

COUNTED = ("conv", "linear")
"""Kinds that count as layers."""


def size_words(workspace: Workspace) -> str:
    """Say layers, parameters and multiply-adds of the network that is compared with; "" if they are not known."""
    found = _totals(workspace)
    if found is None:
        return ""
    layers = sum(layer.kind in COUNTED for layer in second_rows(workspace)[0])
    return f"{layers} layers, {numbers.short(found[0])} parameters, {numbers.short(found[1])} MACs"


def second_total(workspace: Workspace, name: str) -> float:
    """Return a total of the network that is compared with, such as "macs"; NaN if it is not known."""
    run = _structure(workspace)
    known = run is not None and f"total_{name}" in run.result
    return float(run.result.value(f"total_{name}")) if run is not None and known else float("nan")


def how_much_corresponds(workspace: Workspace) -> str:
    """Say how many layers of the open network correspond to one there; "" if nothing is compared, or not all known."""
    run = compared_run(workspace)
    if run is None or not knows_all_rows(workspace) or is_open_network(workspace, run):
        return ""
    theirs, rows = second_rows(workspace)
    counted = [row >= 0 for layer, row in zip(workspace.layers, rows, strict=True) if layer.kind in COUNTED]
    there = sum(layer.kind in COUNTED for layer in theirs)
    return f"{sum(counted)} of {len(counted)} layers correspond, of {there} there"


def second_words(workspace: Workspace) -> str:
    """Say how much of the open network corresponds, and how large the other one is; "" if nothing is compared."""
    run, size = compared_run(workspace), size_words(workspace)
    words = (how_much_corresponds(workspace), f"{network_name(run)}: {size}" if run is not None and size else "")
    return " · ".join(word for word in words if word)


def _structure(workspace: Workspace) -> Run | None:
    return next((run for run in compared_runs(workspace, "structure") if run.state == "completed"), None)


def _totals(workspace: Workspace) -> tuple[float, float] | None:
    parameters, macs = second_total(workspace, "parameters"), second_total(workspace, "macs")
    return (parameters, macs) if parameters == parameters and macs == macs else None
