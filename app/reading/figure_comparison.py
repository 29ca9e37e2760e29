"""Figures that show a second network beside the open one: which stored runs stand behind them. No widgets."""

from __future__ import annotations

from dataclasses import replace

from analysis.figures import FIGURES, FigureSpec
from analysis.result import Result
from app.reading.comparing import compared_runs
from app.workspace import Run, Workspace


def run_of(workspace: Workspace, result: Result | None) -> Run | None:
    """Find the run that a result belongs to, None for none."""
    return next((run for run in workspace.runs.values() if run.result is result), None) if result is not None else None


def with_second(spec: FigureSpec, *seconds: Run | None) -> FigureSpec:
    """Put runs of the network that is compared with behind a figure.

    A figure is drawn from stored runs: without the first of them stored, it is that of the open network alone.
    """
    if not seconds or seconds[0] is None or seconds[0].folder is None:
        return spec
    folders = [str(run.folder) for run in seconds if run is not None and run.folder is not None]
    theirs = tuple(folder for folder in dict.fromkeys(folders) if folder not in spec.runs)
    if folders[0] not in theirs:
        return spec
    return replace(spec, runs=(*spec.runs, *theirs), options=(*spec.options, ("compared", len(theirs))))


def with_layers(workspace: Workspace, spec: FigureSpec, second: Run | None) -> FigureSpec:
    """Put a run of the network that is compared with behind a figure, and beside both those that know all layers.

    With these the figure finds the layers that correspond as the window does; without one of them, as far as the runs
    that are drawn know layers. A figure that does not pair layers has no place for them.
    """
    ours = run_of(workspace, workspace.counted)
    theirs = next((run for run in compared_runs(workspace, "structure") if run is not ours), None)
    found, info = with_second(spec, second), next(figure for figure in FIGURES if figure.name == spec.name)
    pairs = not info.methods or "structure" in info.beside
    if not pairs or found is spec or ours is None or theirs is None or ours.folder is None or theirs.folder is None:
        return found
    *_, behind = found.runs
    runs = (*spec.runs, str(ours.folder), str(theirs.folder), behind)
    return replace(found, runs=runs, options=(*spec.options, ("compared", 2)))
