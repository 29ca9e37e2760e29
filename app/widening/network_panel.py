"""From a configuration to a network: which channels stay, how new ones are made, does it run, where is it saved."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QFileDialog, QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from analysis.measures.widths.legal import inexact
from analysis.result import Result
from app.drawing.readout import Line
from app.forms.widgets import button, label, whole_number
from app.reading import numbers
from app.reading.width_channels import LABELLED, METHOD, missing
from app.reading.width_runs import waiting
from app.theme import Theme
from app.widening.editing import Editing
from app.workspace import Run, Workspace

CHECK, SAVE = "edited_check", "save_network"
ENDING = ".safetensors"
KEEP = (
    ("l1", "largest L1 norm"),
    ("l2", "largest L2 norm"),
    ("bn_scale", "batch-norm scale"),
    ("random", "random"),
    ("taylor", "first-order Taylor"),
    ("activation", "activation energy"),
    ("activation_rank", "activation rank"),
)
WIDEN = (
    ("split", "split copies"),
    ("uneven", "uneven copies"),
    ("zero", "new, read by 0"),
    ("fresh", "new, random"),
)
KEEP_TIP = (
    "Channels that stay: those with the largest score stay when a group is narrowed.\n"
    "Taylor (|weight × gradient|, needs labels), energy (mean square of activations) and rank (mean rank of the map) "
    "look at pictures"
)
WIDEN_TIP = (
    "New channels: split copies keep the function, copies share out the weights that read them (Net2Net);\n"
    "uneven copies do so in random shares, so that training tells them apart;\n"
    "not exactly where a layer norm averages over the channels, because its mean and variance move"
)
EDITED_FILE = "Original here: the file as opened, which was edited before"
"""What widths, costs and the check are compared with."""
SAVE_TIP = "One safetensors file with the edits in its header, and JSON"
SAVE_AGAIN_TIP = f"{SAVE_TIP}: first those that this file was opened with, then the new ones"
WIDTH, NARROW = 330, 84


class NetworkPanel(QWidget):
    """Rules of surgery, which are part of the edits and undone with them; a check; and saving.

    Attributes
    ----------
    said
        One line with what came of it, which the view places below everything, so that nothing moves.
    """

    action_wanted = Signal(str)

    def __init__(self, workspace: Workspace, theme: Theme, editing: Editing) -> None:
        super().__init__()
        self.workspace, self.editing, self._theme = workspace, editing, theme
        self._taking = False
        self.keep, self.widen, self.seed = QComboBox(), QComboBox(), whole_number(0, 9999)
        for box, choices, name in ((self.keep, KEEP, KEEP_TIP), (self.widen, WIDEN, WIDEN_TIP)):
            box.setAccessibleName(name.partition(":")[0])
            box.setToolTip(name)
            for value, words in choices:
                box.addItem(words, value)
        self.seed.setAccessibleName("Seed")
        self.seed.lineEdit().setAccessibleName("Seed")
        self.seed.setToolTip("Seed of random choices and of new channels")
        self.recalibrate = QComboBox()
        self.recalibrate.setAccessibleName("Batch norm in the check")
        self.recalibrate.addItem("as it is", 0)
        self.recalibrate.addItem("from 256 pictures", 256)
        self.recalibrate.setToolTip("Measure the statistics of batch norm anew in a further copy")
        self.check = button("Check", self.run_check, "primary", "Runs the edited network beside the original")
        self.save = button("Save…", self.choose_file, "", SAVE_TIP)
        for item in (self.seed, self.check, self.save):
            item.setFixedWidth(NARROW)
        self.said = Line(theme)
        for signal in (self.keep.currentIndexChanged, self.widen.currentIndexChanged, self.seed.valueChanged):
            signal.connect(lambda _value: self._take_rules())
        self._lay_out()

    def _lay_out(self) -> None:
        form = QGridLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(4)
        form.setColumnStretch(1, 1)
        rows = (("keep", self.keep), ("add", self.widen), ("batch norm", self.recalibrate))
        for row, (words, box) in enumerate(rows):
            form.addWidget(label(words, "small"), row, 0)
            form.addWidget(box, row, 1)
        form.addWidget(self.seed, 0, 2)
        form.addWidget(self.check, 1, 2)
        form.addWidget(self.save, 2, 2)
        head = QHBoxLayout()
        head.addWidget(label("Make it a network", "heading"))
        head.addStretch(1)
        head.addWidget(label("seed", "small"))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(head)
        layout.addLayout(form)
        layout.addStretch(1)
        self._keep_width()
        self._theme.changed.connect(self._keep_width)

    def _keep_width(self) -> None:
        """Give larger letters more room; only the words of the choices need it."""
        self.setFixedWidth(round(WIDTH * (0.7 + 0.3 * max(1.0, self._theme.scale))))

    # -- showing -----------------------------------------------------------------------------------------------------

    def show_state(self) -> None:
        """Show the rules of the present edits, and what the newest check or saving said."""
        edits = self.workspace.edits
        rule, _, seed = (edits.keep or "l1").partition(":")
        self._taking = True
        self.keep.setCurrentIndex(max(self.keep.findData(rule), 0))
        self.widen.setCurrentIndex(max(self.widen.findData(edits.widen or "split"), 0))
        self.seed.setValue(int(seed) if seed.isdigit() else 0)
        self._taking = False
        lacking = bool(missing(edits))
        ready = not edits.empty and not lacking
        self.check.setEnabled(ready)
        self.save.setEnabled(ready)
        self.save.setToolTip(SAVE_AGAIN_TIP if self.reopened else SAVE_TIP)
        self.said.say(self._words())

    def _words(self) -> str:
        lacking = self._lacking_words()
        if lacking:
            return lacking
        runs = [run for run in self.workspace.runs.values() if run.request.method in (CHECK, SAVE) and self._is_of(run)]
        newest = max(runs, key=lambda run: run.number, default=None)
        if newest is None:
            words = "" if self.workspace.edits.empty else self._unchecked_words()
            return " · ".join(part for part in (EDITED_FILE if self.reopened else "", words) if part)
        finished = newest.result.finished
        if newest.open:
            return "Saving …" if newest.request.method == SAVE else "Checking …"
        if finished is not None and finished.problem is not None:
            return str(finished.problem)
        if newest.state != "completed":
            return "Stopped."
        if newest.request.method == SAVE:
            return _saved_words(newest)
        return " · ".join(part for part in (check_words(newest.result), self._inexact()) if part)

    def _unchecked_words(self) -> str:
        return " · ".join(
            part for part in ("Not checked yet: Check runs it beside the original", self._inexact()) if part
        )

    def _inexact(self) -> str:
        """Say that a layer norm makes widening inexact, "" where it is exact or nothing is widened."""
        reading = self.editing.reading
        return inexact(reading.found, self.editing.widths) if reading is not None else ""

    @property
    def reopened(self) -> bool:
        """True if the open file holds a network that was edited before it was saved."""
        structure = self.workspace.structure
        prepared = structure.prepared if structure is not None else None
        return prepared is not None and "edited" in prepared.badges

    def _lacking_words(self) -> str:
        """Say what the rule for keeping channels still waits for, "" for nothing."""
        workspace = self.workspace
        if not missing(workspace.edits):
            return ""
        if workspace.images is None:
            return "This rule looks at pictures: open some, or take another rule."
        rule = workspace.edits.keep.partition(":")[0]
        failed = [
            run.result.finished.problem
            for run in workspace.runs.values()
            if run.request.method == METHOD and dict(run.request.params).get("rule") == rule
            and run.result.finished is not None and run.result.finished.problem is not None
        ]  # fmt: skip
        if failed and waiting(workspace, METHOD) is None:
            return str(failed[-1])
        needs = "pictures and labels" if rule in LABELLED else "pictures"
        return f"The channels are being scored on {needs} …"

    def _is_of(self, run: Run) -> bool:
        return run.request.model == self.workspace.shown_model and run.request.edits == self.workspace.edits

    # -- doing -------------------------------------------------------------------------------------------------------

    def _take_rules(self) -> None:
        if self._taking:
            return
        rule, seed = str(self.keep.currentData()), self.seed.value()
        keep = f"{rule}:{seed}" if seed else ("" if rule == "l1" else rule)
        widen = str(self.widen.currentData())
        self.editing.set_rules(keep, "" if widen == "split" else widen)

    def run_check(self) -> None:
        """Run the edited network beside the original; without pictures, ask for some."""
        if self.workspace.images is None:
            self.said.say("The check needs pictures.")
            self.action_wanted.emit("choose_images")
            return
        count = int(self.recalibrate.currentData())
        params = {"recalibrate": count} if count else {}
        self.workspace.request_run(self.workspace.new_request(CHECK, **params))

    def choose_file(self) -> None:
        """Ask where to, and save there."""
        path, _ = QFileDialog.getSaveFileName(self, "Save the edited network", "edited.safetensors", f"*{ENDING}")
        if path:
            self.save_to(path)

    def save_to(self, path: str) -> None:
        """Have the engine write the edited network."""
        path = path if path.endswith(ENDING) else path + ENDING
        self.workspace.request_glance(self.workspace.new_request(SAVE, path=path))


def _saved_words(run: Run) -> str:
    size = numbers.short(run.result.value("file_bytes"), "bytes")
    facts = run.result.facts
    words = f"Saved as {Path(facts.get('file', '')).name} ({size})"
    if facts.get("python"):
        return f"{words}; {Path(facts['python']).name} rebuilds it without LayerScope."
    return f"{words}. {facts.get('python_reason', '')}".strip()


def check_words(result: Result) -> str:
    """Say in one line what a check has found."""
    words = ["runs" if bool(result["runs"][1]) else "outputs are not all numbers"]
    if "top1" in result:
        before, after, *again = (numbers.percent(float(value)) for value in result["top1"])
        words.append(f"accuracy {before} → {after}" + (f", batch norm measured anew {again[0]}" if again else ""))
    words.append(f"{numbers.percent(float(result['agreement'][1]))} of the predictions agree")
    words.append(f"largest difference of outputs {result['difference'][1]:.2g} of the largest")
    return "Check: " + " · ".join(words)
