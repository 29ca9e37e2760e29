"""One line above the views: which network is compared with, and which checkpoint is shown. There only when needed."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSlider, QToolButton, QWidget

from app.forms.widgets import label
from app.reading.checkpoints import Checkpoint, checkpoints
from app.reading.comparing import compared_run, network_name
from app.theme import Theme
from app.workspace import Workspace


class ComparisonBar(QWidget):
    """A chip that ends the comparison, and a slider over checkpoints; what it says holds for all views."""

    def __init__(self, workspace: Workspace, theme: Theme) -> None:
        super().__init__()
        self.workspace, self.theme = workspace, theme
        self.found: tuple[Checkpoint, ...] = ()
        self.setAccessibleName("Comparison and checkpoints")
        self.chip, self.slider, self.title = QToolButton(), QSlider(Qt.Orientation.Horizontal), label("")
        self.chip.setToolTip("End the comparison in every view")
        self.chip.setAccessibleName("End the comparison")
        self.chip.clicked.connect(lambda: workspace.compare_with(None))
        self.words: QLabel = label("Checkpoint", "soft")
        self.slider.setAccessibleName("Checkpoint")
        self.slider.setPageStep(1)
        self.slider.setTickPosition(QSlider.TickPosition.TicksBelow)
        self.slider.setTickInterval(1)
        self.slider.setToolTip("Show the weights of another checkpoint in every view that has a run of it")
        self.slider.valueChanged.connect(self._slid)
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 4, 8, 2)
        row.setSpacing(8)
        row.addWidget(self.chip)
        row.addWidget(self.words)
        row.addWidget(self.slider, 1)
        row.addWidget(self.title)
        row.addStretch(1)
        self.slider.setMaximumWidth(280)
        for signal in (
            workspace.compared_changed, workspace.checkpoint_changed, workspace.runs_changed, workspace.model_changed,
        ):  # fmt: skip
            signal.connect(self.refresh)
        workspace.run_finished.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show what is compared and which checkpoint is shown."""
        workspace = self.workspace
        compared, self.found = compared_run(workspace), checkpoints(workspace)
        self.chip.setVisible(compared is not None)
        if compared is not None:
            self.chip.setText(f"Compared with {network_name(compared)}  ✕")
            self.chip.setAccessibleName(f"End the comparison with {network_name(compared)}")
        model = workspace.shown_model
        place = next((i for i, one in enumerate(self.found) if model and one.weights == model.weights), 0)
        for widget in (self.words, self.slider, self.title):
            widget.setVisible(bool(self.found))
        if self.found:
            self.slider.blockSignals(True)
            self.slider.setRange(0, len(self.found) - 1)
            self.slider.setValue(place)
            self.slider.blockSignals(False)
            self.title.setText(f"{self.found[place].title} · {place + 1} of {len(self.found)}")
        self.setVisible((compared is not None or bool(self.found)) and workspace.structure is not None)

    def _slid(self, place: int) -> None:
        if 0 <= place < len(self.found):
            self.workspace.show_checkpoint(self.found[place].weights)
