"""One line above the views: which network is compared with, and which checkpoint is shown. There only when needed."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QPointF, QRect, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QMenu,
    QSizePolicy,
    QSlider,
    QStyle,
    QStyleOptionSlider,
    QToolButton,
    QWidget,
)

from analysis.problems import Problem
from app.forms import menus
from app.forms.widgets import Elided, label
from app.reading.checkpoints import (
    MEASURED,
    PENDING,
    UNMEASURED,
    Checkpoint,
    Folder,
    checkpoints,
    left_out,
    requests_for_all,
    takes_several,
    was_told,
)
from app.reading.comparing import compared_run, is_open_network, network_name
from app.reading.second_size import second_words
from app.theme import Theme
from app.workspace import Run, Workspace

STATE_WORDS = {MEASURED: "", PENDING: "being measured", UNMEASURED: "not measured"}
SLIDE = "Show the weights of another checkpoint in every view; what is not measured of it can be measured there"
NEAR = 7.0
"""Pixels from mark to mark below which only one in several is drawn."""
CHOOSE = "Compare with ▾"
NAME_WIDTH = 150
"""Most pixels of the second network's name at normal text size; the tool tip has all of it."""
NARROW, WIDE = 560, 900
"""Pixels below which the slider goes without the word before it, and from which on the chip speaks in whole words."""
ROOM = 20
"""Pixels of the slider's height with its marks."""


class CheckpointSlider(QSlider):
    """A slider with one mark per checkpoint: filled where there are results, hollow where there are none yet."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self.theme = theme
        self.found: tuple[Checkpoint, ...] = ()
        self.setAccessibleName("Checkpoint")
        self.setPageStep(1)
        self.setToolTip(SLIDE)
        self.setMinimumHeight(ROOM + 6)

    def show_checkpoints(self, found: tuple[Checkpoint, ...], place: int) -> None:
        """Show other checkpoints, without announcing it."""
        self.found = found
        self.blockSignals(True)
        self.setRange(0, max(0, len(found) - 1))
        self.setValue(place)
        self.blockSignals(False)
        self.update()

    def mark_at(self, place: int) -> float:
        """Middle of a mark in pixels from the left edge."""
        option = QStyleOptionSlider()
        self.initStyleOption(option)
        style, part = self.style(), QStyle.SubControl.SC_SliderHandle
        handle: QRect = style.subControlRect(QStyle.ComplexControl.CC_Slider, option, part, self)
        groove: QRect = style.subControlRect(
            QStyle.ComplexControl.CC_Slider, option, QStyle.SubControl.SC_SliderGroove, self
        )
        room = groove.width() - handle.width()
        left = groove.left() + handle.width() / 2
        return left + QStyle.sliderPositionFromValue(0, self.maximum(), place, room, False)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the slider, and the marks below it."""
        super().paintEvent(event)
        count = len(self.found)
        if count < 2:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        step = max(1, round(NEAR * (count - 1) / max(1.0, self.mark_at(count - 1) - self.mark_at(0))))
        for place in range(0, count, step):
            measured = self.found[place].state == MEASURED
            painter.setPen(QPen(self.theme.color("text_soft"), 1))
            painter.setBrush(self.theme.color("text_soft" if measured else "surface"))
            painter.drawEllipse(QPointF(self.mark_at(place), self.height() - 3.5), 2.25, 2.25)


class ComparisonBar(QWidget):
    """A chip that ends the comparison, and a slider over checkpoints; what it says holds for all views."""

    def __init__(self, workspace: Workspace, theme: Theme) -> None:
        super().__init__()
        self.workspace, self.theme = workspace, theme
        self.found: tuple[Checkpoint, ...] = ()
        self._folder = Folder()
        self.setAccessibleName("Comparison and checkpoints")
        self.chip, self.slider, self.title = QToolButton(), CheckpointSlider(theme), Elided()
        self.chip.setAccessibleName("End the comparison")
        self.chip.clicked.connect(lambda: workspace.compare_with(None))
        self.others = QMenu(self)
        self.others.aboutToShow.connect(lambda: menus.fill_compare(self.others, workspace))
        self.choose = QToolButton()
        self.choose.setText(CHOOSE)
        self.choose.setAccessibleName("Compare with another run")
        self.choose.setToolTip("Choose the run that stands behind the open network, in every view")
        self.choose.clicked.connect(self.open_menu)
        self.words: QLabel = label("Checkpoint", "soft")
        self.slider.valueChanged.connect(self._slid)
        self.all = QToolButton()
        self.all.setText("Measure all")
        self.all.setAccessibleName("Measure all checkpoints")
        self.all.clicked.connect(self._measure_all)
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 4, 8, 2)
        row.setSpacing(8)
        for widget in (self.chip, self.choose, self.words):
            row.addWidget(widget)
        row.addWidget(self.slider, 100)  # before the empty rest of the line, up to its largest width
        row.addWidget(self.title)
        row.addWidget(self.all)
        row.addStretch(1)
        self.title.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.slider.setMaximumWidth(280)
        self.slider.setMinimumWidth(80)
        for signal in (
            workspace.compared_changed, workspace.checkpoint_changed, workspace.runs_changed, workspace.model_changed,
            theme.changed,
        ):  # fmt: skip
            signal.connect(self.refresh)
        workspace.run_finished.connect(self.refresh)
        self.refresh()

    def open_menu(self) -> None:
        """Offer the runs to compare with, at the left above the views, also while nothing is compared."""
        if self.workspace.structure is None:
            return
        above = self.parentWidget() or self
        corner = self.mapToGlobal(self.rect().bottomLeft()) if self.isVisible() else above.mapToGlobal(QPoint(8, 8))
        self.others.popup(corner)

    def refresh(self) -> None:
        """Show what is compared and which checkpoint is shown."""
        workspace = self.workspace
        wrong = left_out(workspace)
        if workspace.checkpoint is not None and workspace.checkpoint in wrong:
            if not was_told(workspace, workspace.checkpoint):
                hint = f"The slider leaves it out; “{CHOOSE}” puts it beside this network."
                workspace.raise_problem(Problem(wrong[workspace.checkpoint], hint))
            workspace.show_checkpoint(None)  # comes back here
            return
        files = self._folder.files(workspace.model)
        compared, self.found = compared_run(workspace), checkpoints(workspace, files)
        self.chip.setVisible(compared is not None)
        self.choose.setText(CHOOSE if compared is None else CHOOSE[-1])  # the chip says the rest
        for widget in (self.slider, self.title, self.all):
            widget.setVisible(bool(self.found))
        if compared is not None:
            self._explain(compared)
        self._fit()
        if self.found:
            self._show_checkpoint(tuple(why for weights, why in wrong.items() if set(weights) & set(files)))
        self.setVisible(workspace.structure is not None)

    def _name(self, name: str) -> None:
        """Write the name of the second network on the chip: of a long one the middle is left out."""
        wide = self.width() >= WIDE * self.theme.scale
        most = round(NAME_WIDTH * self.theme.scale) * (2 if wide else 1)
        short = self.fontMetrics().elidedText(name, Qt.TextElideMode.ElideMiddle, most)
        self.chip.setText(f"{'Compared with' if wide else 'vs'} {short}  ✕")

    def _explain(self, compared: Run) -> None:
        """Say on hovering the chip what is compared, and how much of it corresponds."""
        name = network_name(compared)
        self.chip.setAccessibleName(f"End the comparison with {name}")
        itself = "It is the network that is shown: nothing differs."
        known = itself if is_open_network(self.workspace, compared) else second_words(self.workspace)
        words = (f"Compared with {name}", known, "A click ends it in every view.")
        self.chip.setToolTip("\n".join(word for word in words if word))

    def _fit(self) -> None:
        compared = compared_run(self.workspace)
        if compared is not None:
            self._name(network_name(compared))
        self.words.setVisible(bool(self.found) and self.width() >= NARROW * self.theme.scale)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave out the word before the slider where there is no room for it."""
        super().resizeEvent(event)
        self._fit()

    def minimumSizeHint(self) -> QSize:
        """Let docks beside the views keep their room: names are cut before the slider is."""
        return QSize(300, super().minimumSizeHint().height())

    def _show_checkpoint(self, reasons: tuple[str, ...]) -> None:
        model = self.workspace.shown_model
        place = next((i for i, one in enumerate(self.found) if model and one.weights == model.weights), 0)
        self.slider.show_checkpoints(self.found, place)
        shown = self.found[place]
        cut = "folder cut short" if self._folder.cut else ""
        words = (shown.title, f"{place + 1} of {len(self.found)}", STATE_WORDS[shown.state], cut)
        self.title.set_text(" · ".join(word for word in words if word))
        left = "\n".join(("Left out:", *reasons)) if reasons else ""
        marks = "Filled marks are measured, hollow ones are not."
        self.slider.setToolTip("\n".join(part for part in (SLIDE, marks, left, self._folder.cut) if part))
        self.title.setToolTip("\n".join(word for word in (self.title.full, self._folder.cut) if word))
        self._offer()

    def _offer(self) -> None:
        wanted = requests_for_all(self.workspace, self.found)
        self.all.setEnabled(bool(wanted))
        if wanted:
            info = self.workspace.method(wanted[0].method)
            title = info.title if info else wanted[0].method
            count = len(wanted)
            of = f"of {count} checkpoint{'' if count == 1 else 's'} without it; one after the other"
            if takes_several(self.workspace, wanted[0].method):
                of = "as one run over all checkpoints"
            self.all.setToolTip(f"{title}, as it was measured last, {of}")
        elif any(run.purpose == "measure" and run.request.model for run in self.workspace.runs.values()):
            self.all.setToolTip("What was measured last is measured of all checkpoints")
        else:
            self.all.setToolTip("Measure something of one checkpoint first: it is then measured of all")

    def _measure_all(self) -> None:
        for request in requests_for_all(self.workspace, self.found):
            self.workspace.request_look(request)

    def _slid(self, place: int) -> None:
        if 0 <= place < len(self.found):
            self.workspace.show_checkpoint(self.found[place].weights)
