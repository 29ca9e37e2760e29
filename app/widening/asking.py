"""What the Widths tab asks of the engine: of the network before its widths are edited, or of both."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QObject, Signal

from analysis.catalogue import Value
from analysis.edits import Edits
from analysis.request import Request
from analysis.result import Result
from app.reading import width_runs
from app.reading.width_channels import DATA_RULES, missing
from app.reading.width_channels import METHOD as SCORES
from app.reading.width_reading import base_edits
from app.workspace import Run, Workspace

METHOD = "width_groups"


class Asking(QObject):
    """Finds runs of the network as it is, and asks for those that are not there.

    Parameters
    ----------
    workspace
        Where the runs are.
    """

    pictures_wanted = Signal()
    """Nothing can be measured without pictures."""

    def __init__(self, workspace: Workspace, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.workspace = workspace
        self._asked: object = None
        self._scored: set[Request] = set()

    @property
    def base(self) -> Edits:
        """Edits without those of widths."""
        return base_edits(self.workspace.edits)

    # -- width groups ------------------------------------------------------------------------------------------------

    def groups(self) -> Run | None:
        """Newest description of the network before its widths are edited; one that has come to its end first."""
        workspace, base = self.workspace, self.base
        fits = [
            run
            for run in workspace.runs.values()
            if run.request.method == METHOD and run.request.model == workspace.shown_model and run.request.edits == base
        ]
        return max(fits, key=lambda run: (bool(run.result.finished), run.began, run.number), default=None)

    def ask_groups(self) -> None:
        """Have the width groups found."""
        self.workspace.request_run(self._request(METHOD, {}))

    def ask_groups_quietly(self) -> None:
        """Have them found without a word when the tab is first shown with a network; once per network."""
        workspace = self.workspace
        wanted = (workspace.shown_model, self.base)
        if workspace.structure is not None and workspace.method(METHOD) is not None and self._asked != wanted:
            self._asked = wanted
            workspace.request_look(self._request(METHOD, {}))

    # -- scores of channels ------------------------------------------------------------------------------------------

    def scores(self, rule: str) -> Result | None:
        """Scores of the channels by a rule ("random:7" with its seed), None while there are none."""
        name, _, seed = rule.partition(":")
        base = self.base
        runs = (run for run in reversed(self.workspace.runs.values()) if run.request.method == SCORES)
        fits = (run for run in runs if run.request.edits == base and run.request.model == self.workspace.shown_model)
        asked = (run for run in fits if dict(run.request.params).get("rule", "l1") == name)
        drawn = (run for run in asked if name != "random" or run.request.seed == int(seed or 0))
        return next((run.result for run in drawn if run.state == "completed"), None)

    def ask_scores(self, page: str) -> None:
        """Ask without a word for the scores that the rule, or the page of channels, needs; once each."""
        workspace, edits = self.workspace, self.workspace.edits
        rule, _, seed = (edits.keep or "l1").partition(":")
        wanted = page == "channels" or bool(missing(edits))
        if not wanted or self.scores(edits.keep or "l1") is not None or workspace.method(SCORES) is None:
            return
        if rule in DATA_RULES and workspace.images is None:
            return
        request = self._request(SCORES, {} if rule == "l1" else {"rule": rule})
        request = replace(request, seed=int(seed or 0)) if rule == "random" else request
        if request not in self._scored:
            self._scored.add(request)
            workspace.request_look(request)

    # -- measurements ------------------------------------------------------------------------------------------------

    def runs(self, method: str) -> tuple[Run | None, Run | None]:
        """Newest run about the network before its widths are edited, and one that is on its way."""
        base = self.base
        return width_runs.newest(self.workspace, method, base), width_runs.waiting(self.workspace, method, base)

    def measure(self, method: str, params: dict[str, Value]) -> None:
        """Have something measured of the network before its widths are edited."""
        if self._has_pictures():
            request, (rule, _, seed) = self._request(method, params), self.workspace.edits.keep.partition(":")
            drawn = rule == "random" and params.get("rule") == rule and seed.isdigit()
            self.workspace.request_run(replace(request, seed=int(seed)) if drawn else request)

    def measure_both(self, method: str) -> None:
        """Ask for a method of the original and of the edited network, on the same pictures."""
        if self._has_pictures():
            request = self.workspace.new_request(method)
            for edits in (Edits(), self.workspace.edits):
                self.workspace.request_look(replace(request, edits=edits))

    def _has_pictures(self) -> bool:
        if self.workspace.images is None:
            self.pictures_wanted.emit()
        return self.workspace.images is not None

    def _request(self, method: str, params: dict[str, Value]) -> Request:
        return replace(self.workspace.new_request(method, **params), edits=self.base)
