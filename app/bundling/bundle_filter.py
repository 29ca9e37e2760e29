"""The pictures of the selected bundle, shown alone wherever pictures are browsed."""

from __future__ import annotations

from PySide6.QtCore import QObject

from app.reading.chosen import filter_of, reading_of
from app.workspace import ChosenBundle, SampleFilter, Workspace


class BundleFilter(QObject):
    """The filter that the selected bundle has set; one that was ended by hand stays so until another is selected."""

    def __init__(self, workspace: Workspace, parent: QObject) -> None:
        super().__init__(parent)
        self.workspace = workspace
        self._filter: SampleFilter | None = None
        self._bundle: ChosenBundle | None = None
        workspace.selection_changed.connect(self.follow)

    def follow(self) -> None:
        """Show the pictures of the bundle that is selected now; without one, end the filter of the one before."""
        workspace, chosen = self.workspace, self.workspace.selection.bundle
        if chosen == self._bundle:
            return
        before, reading = self._filter, reading_of(workspace, chosen) if chosen is not None else None
        self._bundle = chosen if reading is not None else None  # a run that is not there yet may still be opened
        self._filter = filter_of(reading, chosen) if reading is not None and chosen is not None else None
        if self._filter is not None or (before is not None and workspace.sample_filter is before):
            workspace.filter_samples(self._filter)
