"""All checkpoints of a folder as one run: offered where only one of them has been measured."""

from __future__ import annotations

from dataclasses import replace

from analysis.request import ModelSource
from app.forms.offer import Offer
from app.reading.bundles import METHOD, Reading
from app.reading.checkpoints import Folder, all_of
from app.workspace import Workspace


class SeriesOffer(Offer):
    """A line that is there only while it has something to offer."""

    def __init__(self, workspace: Workspace) -> None:
        super().__init__()
        self._workspace, self._folder = workspace, Folder()
        self.pressed.connect(self._measure)
        self.hide()

    def show_for(self, reading: Reading | None) -> None:
        """Offer a run over all checkpoints beside a reading of one; nothing for None."""
        alone = reading is not None and len(reading.checkpoints) == 1
        whole, waiting = self._whole() if alone else None, self._is_waiting()
        self.setVisible(whole is not None and not waiting)
        if whole is not None:
            count = len(whole.weights) or len(self._files())
            self.say("A map over training needs several checkpoints.", f"Measure all {count} of the folder")

    def _is_waiting(self) -> bool:
        return any(run.open and run.request.method == METHOD for run in self._workspace.runs.values())

    def _files(self) -> tuple[str, ...]:
        return self._folder.files(self._workspace.model)

    def _whole(self) -> ModelSource | None:
        return all_of(self._workspace, self._files())

    def _measure(self) -> None:
        whole = self._whole()
        if whole is not None:
            self._workspace.request_run(replace(self._workspace.new_request(METHOD), model=whole))
