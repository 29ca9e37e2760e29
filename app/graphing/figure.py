"""The graph as it is shown, as a figure: which stored runs it is drawn from, or why it cannot be exported."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from analysis.figures import FigureSpec
from app.reading.comparing import compared_run, counterpart, differences, network_name, same_network
from app.reading.figure_comparison import run_of
from app.reading.measurements import POINT, Metric, source
from app.weights import place_of
from app.workspace import Run, Workspace


@dataclass(frozen=True, slots=True)
class GraphFigure:
    """What is shown of the graph.

    Attributes
    ----------
    metric
        What colours the nodes, None for nothing.
    differing
        True if it is the difference from the network that is compared with.
    folded
        Names of the folded groups.
    """

    workspace: Workspace
    metric: Metric | None
    differing: bool
    folded: AbstractSet[str]

    def why_not(self) -> str:
        """Say in a few words why it cannot be exported, "" if it can: a figure is drawn from stored runs."""
        missing = [words for words, run in self._behind() if run is None or run.folder is None]
        return f"{missing[0]} is not stored" if missing else ""

    def spec(self) -> FigureSpec | None:
        """Return the figure, None if :meth:`why_not` knows why."""
        behind = [run for _, run in self._behind() if run is not None and run.folder is not None]
        if self.why_not():
            return None
        metric = self.metric
        measured = source(self.workspace, metric) if metric is not None else None
        names = measured.result.names("checkpoint") if measured and metric and metric.combine == POINT else ()
        place = place_of(names, self.workspace.shown_weights)
        options = (
            ("folded", ",".join(sorted(self.folded))),
            ("measure", metric.output if metric is not None else ""),
            ("checkpoint", names[place] if place >= 0 else ""),
            ("compared", int(len(behind) > (1 if measured is None else 2))),
        )
        return FigureSpec("graph", tuple(str(run.folder) for run in behind), options)

    def _behind(self) -> list[tuple[str, Run | None]]:
        """Words for the runs that the picture is made of, and the runs: structure, measure, that of the second."""
        workspace, metric = self.workspace, self.metric
        found = [("the structure", run_of(workspace, workspace.structure))]
        if metric is None:
            return found
        if metric.method != "structure":
            found.append((metric.title.lower(), source(workspace, metric)))
        compared = compared_run(workspace)
        if self.differing and compared is not None and differences(workspace, metric) is not None:
            found.append((f"that of {network_name(compared)}", self._second_run(metric)))
        return found

    def _second_run(self, metric: Metric) -> Run | None:
        """Run of the second network that the difference is from; of costs the one that knows most of its layers."""
        if metric.method != "structure":
            return counterpart(self.workspace, metric.method)
        compared = compared_run(self.workspace)
        fits = [run for run in self.workspace.runs.values() if compared and same_network(run, compared)]
        known = {"structure": 1}
        order = [(known.get(run.request.method, 0), len(run.result.layers), run.number) for run in fits if run.folder]
        return self.workspace.runs[max(order)[2]] if order else None
