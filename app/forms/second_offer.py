"""A button that has the network that is compared with measured, where a view lacks its run."""

from __future__ import annotations

from PySide6.QtWidgets import QPushButton

from analysis.request import Request
from app.workspace import Workspace


class SecondOffer(QPushButton):
    """There only while something is missing that can be measured."""

    def __init__(self, workspace: Workspace, words: str) -> None:
        super().__init__(words)
        self.request: Request | None = None
        self.setProperty("role", "link")
        self.setAutoDefault(False)
        self.setToolTip("Measures the network that is compared with, as the open one was measured")
        self.workspace = workspace
        self.clicked.connect(lambda: self._ask())
        self.hide()

    def _ask(self) -> None:
        if self.request is not None:
            self.workspace.request_run(self.request)

    def offer(self, request: Request | None) -> None:
        """Offer a run, None for nothing."""
        self.request = request
        self.setVisible(request is not None)
