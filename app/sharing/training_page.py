"""Training as it goes: loss and accuracy of one network in front of all others, batch by batch and epoch by epoch."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QWidget

from app.drawing.axes import nice_top
from app.drawing.curves import Curve, CurvePlot, Spots
from app.drawing.legend import Key
from app.drawing.readout import Entry
from app.reading import numbers
from app.reading.depth import Floats
from app.reading.sharing import HUES, KIND_WORDS, Trained
from app.sharing.gap_plot import GapPlot
from app.sharing.page import Page, stacked
from app.theme import Theme

NEWEST = "newest network"
DENSE = "text"
"""Colour role of the dense network where it is not in front."""


class TrainingPage(Page):
    """Loss at the left, accuracy at the right, the gap of all networks below; a choice of the network in front."""

    run_chosen = Signal(int)
    """Number of a network, -1 for the newest."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, "Training")
        self.loss = CurvePlot(theme, "Loss over training", "epoch", "loss (nats)")
        self.accuracy = CurvePlot(theme, "Accuracy over training", "epoch", "accuracy (%)")
        self.gap = GapPlot(theme)
        self.gap.hovered.connect(self._point_at_gap)
        self.gap.run_chosen.connect(self.run_chosen)
        self.define("train_gap")
        self.runs = QComboBox()
        self.runs.setAccessibleName("Network in front")
        self.runs.setToolTip("Network whose curves are coloured")
        self.runs.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.runs.activated.connect(lambda row: self.run_chosen.emit(row - 1))
        head = QHBoxLayout()
        head.setContentsMargins(12, 0, 8, 4)
        head.addWidget(self.runs)
        head.addStretch(1)
        above = QWidget()
        plots = QHBoxLayout(above)
        plots.setContentsMargins(0, 0, 0, 0)
        plots.setSpacing(0)
        for plot in (self.loss, self.accuracy):
            plot.box.setMouseEnabled(x=False, y=False)
            plot.hovered.connect(self._point_at)
            plots.addWidget(plot, 1)
        self.body.addLayout(head)
        self.body.addWidget(stacked(above, self.gap, (235, 205)), 1)

    @property
    def front(self) -> int:
        """Network in front: the chosen one, else the newest of which something is known, -1 for none."""
        trained = self.trained
        if trained is None:
            return -1
        if 0 <= self.look.run < len(trained.runs):
            return self.look.run
        begun = trained.begun
        return int(begun[-1]) if len(begun) else -1

    def refresh(self) -> None:
        """Draw everything that has arrived."""
        trained = self.trained
        if trained is None:
            return
        self._list_runs(trained)
        front = self.front
        for plot in (self.loss, self.accuracy):
            plot.set_note("" if front >= 0 else "The first network is being built …")
        if front < 0:
            for plot in (self.loss, self.accuracy, self.gap):
                plot.show_curves(())
                plot.show_spots(())
            return
        hue = HUES.get(trained.kind_of(front), "text")
        number = self._second_run(trained, front)
        self._show_loss(trained, front, hue, number)
        self._show_accuracy(trained, front, hue, number)
        second = self.second
        self.gap.show_trained(trained, front, second)
        theme = self.theme
        kinds = tuple(one.kind for one in trained.gap_curves() if one.kind != "dense")
        keys = (
            Key("dot", "held out", theme.color(hue)),
            Key("ring", "training, mean of the epoch", theme.color(hue)),
            Key("dash", "batch by batch", theme.color("cost")),
            Key("dash", "held out, other networks", theme.color("not_measured")),
            Key("dash", "held out, dense", theme.color(DENSE)),
            *(Key("dot", KIND_WORDS.get(kind, kind), theme.color(HUES.get(kind, "text"))) for kind in kinds),
        )
        if second is not None and second.trained is not None:
            words = second.name if number >= 0 else f"{second.name}, gap"
            keys = (*keys, Key("dash", words, theme.color("outline")))
        self.legend.show_keys(keys)
        self.claim.say(claim(trained, front))

    def _second_run(self, trained: Trained, front: int) -> int:
        """Network of the second training that was trained like the one in front, -1 for none."""
        second = self.second
        if second is None or second.trained is None:
            return -1
        number = second.network(trained, front)
        self.why_not = "" if number >= 0 else f"it has no {trained.runs[front]}"
        return number

    def _second_held(self, name: str, number: int, scale: float = 1.0) -> tuple[Curve, ...]:
        """Held-out curve of the second network; () for none."""
        theirs = self.second.trained if self.second is not None else None
        if theirs is None or number < 0:
            return ()
        table = theirs.table(name)
        return (Curve(_epochs(table), scale * table[number], hue="outline"),)

    def _list_runs(self, trained: Trained) -> None:
        names = (NEWEST, *trained.runs)
        if tuple(self.runs.itemText(i) for i in range(self.runs.count())) != names:
            self.runs.clear()
            self.runs.addItems(list(names))
        self.runs.setCurrentIndex(self.look.run + 1 if self.look.run < len(trained.runs) else 0)

    def _show_loss(self, trained: Trained, front: int, hue: str, second: int) -> None:
        steps, held = trained.table("step_loss"), trained.table("held_loss")
        x, epochs = _step_places(steps, held), _epochs(held)
        others = _others(trained, front, epochs, held)
        own = (
            Curve(x, steps[front], hue="cost"),
            Curve(epochs, trained.table("train_loss")[front], hue=hue, dashed=True),
            Curve(epochs, held[front], hue=hue),
        )
        self.loss.show_curves((*others, *self._second_held("held_loss", second), *own))
        self.loss.show_spots(_ends(epochs, held[front], trained.table("train_loss")[front], hue))
        known = np.concatenate([steps[front], held[front], held[trained.begun].ravel()])
        known = known[np.isfinite(known)]
        # A few epochs with a large learning rate may be far above all others; they may leave the plot at the top.
        highest = 1.2 * float(np.percentile(known, 70)) if known.size else 1.0
        self._frame(self.loss, held.shape[1], (0.0, nice_top(highest)))

    def _show_accuracy(self, trained: Trained, front: int, hue: str, second: int) -> None:
        held, train = 100 * trained.table("held_accuracy"), 100 * trained.table("train_accuracy")
        epochs = _epochs(held)
        others = _others(trained, front, epochs, held)
        own = (Curve(epochs, train[front], hue=hue, dashed=True), Curve(epochs, held[front], hue=hue))
        self.accuracy.show_curves((*others, *self._second_held("held_accuracy", second, 100.0), *own))
        self.accuracy.show_spots(_ends(epochs, held[front], train[front], hue))
        self._frame(self.accuracy, held.shape[1], (0.0, 103.0))

    def _point_at_gap(self, place: tuple[float, float] | None) -> None:
        trained = self.trained
        curves = trained.gap_curves() if trained is not None else ()
        if place is None or not curves:
            self.told.emit("", ())
            return
        found = []
        for one in curves:
            i = int(np.abs(np.log10(one.total) - place[0]).argmin())
            words = KIND_WORDS.get(one.kind, one.kind)
            text = f"{numbers.signed(100 * float(one.mean[i]), 1)} points at {one.total[i]:,.0f}"
            found.append(Entry(words, text, HUES.get(one.kind, "text_soft"), term="train_gap"))
        second = self.second
        for one in second.gap_curves() if second is not None else ():
            i = int(np.abs(np.log10(one.total) - place[0]).argmin())
            text = f"{numbers.signed(100 * float(one.mean[i]), 1)} points at {one.total[i]:,.0f}"
            words = KIND_WORDS.get(one.kind, one.kind)
            found.append(Entry(f"{second.name if second else ''}, {words}", text, "outline", term="compared"))
        self.told.emit("gap, nearest", tuple(found))

    @staticmethod
    def _frame(plot: CurvePlot, epochs: int, y: tuple[float, float]) -> None:
        home = ((-0.02 * epochs, epochs * 1.03), y)
        if plot.home != home:
            plot.set_home(*home)

    def _point_at(self, place: tuple[float, float] | None) -> None:
        trained, front = self.trained, self.front
        if place is None or trained is None or front < 0:
            self.told.emit("", ())
            return
        epoch = min(max(round(place[0]), 1), trained.table("held_loss").shape[1])
        found = []
        for name, words in (("held_accuracy", "held out"), ("train_accuracy", "training")):
            share = numbers.percent(float(trained.table(name)[front, epoch - 1]))
            found.append(Entry(words, share, "sharing", term=name))
        for name, words in (("held_loss", "loss held out"), ("train_loss", "loss in training")):
            value = float(trained.table(name)[front, epoch - 1])
            found.append(Entry(words, numbers.with_unit(value, "nats"), "text_soft", term="loss"))
        self.told.emit(f"{trained.runs[front]}, epoch {epoch}", (*found, *self._second_entries(trained, front, epoch)))

    def _second_entries(self, trained: Trained, front: int, epoch: int) -> tuple[Entry, ...]:
        """Say what the second network reaches held out at an epoch, and how much more this one reaches."""
        second, number = self.second, self._second_run(trained, front)
        if second is None or second.trained is None or number < 0:
            return ()
        table = second.trained.table("held_accuracy")
        if epoch > table.shape[1] or not np.isfinite(table[number, epoch - 1]):
            return ()
        there = float(table[number, epoch - 1])
        gain = 100 * (float(trained.table("held_accuracy")[front, epoch - 1]) - there)
        return (
            Entry(
                f"{second.name}, held out",
                f"{numbers.percent(there)} ({numbers.signed(gain, 1)})",
                "outline",
                term="compared",
            ),
        )


def _others(trained: Trained, front: int, epochs: Floats, held: Floats) -> tuple[Curve, ...]:
    """Held-out curves of all networks but the one in front; the dense ones last, over the others."""
    rest = [i for i in trained.begun.tolist() if i != front]
    order = sorted(rest, key=lambda i: trained.kind_of(i) == "dense")
    hues = {i: DENSE if trained.kind_of(i) == "dense" else "not_measured" for i in order}
    return tuple(Curve(epochs, held[i], hue=hues[i]) for i in order)


def _epochs(table: Floats) -> Floats:
    return np.arange(1, table.shape[1] + 1, dtype=np.float64)


def _step_places(steps: Floats, held: Floats) -> Floats:
    """Places of the batches in epochs: the last batch of an epoch is where its held-out numbers stand."""
    return np.asarray(np.arange(1, steps.shape[1] + 1) * held.shape[1] / max(steps.shape[1], 1))


def _ends(epochs: Floats, held: Floats, train: Floats, hue: str) -> tuple[Spots, ...]:
    pairs = ((train, True), (held, False))
    return tuple(
        Spots(epochs[known], values[known], hue=hue, hollow=hollow)
        for values, hollow in pairs
        if (known := np.isfinite(values)).any()
    )


def claim(trained: Trained, front: int) -> str:
    """Say in one line which network is in front, how far it is, and how much it has learnt by heart."""
    name = trained.runs[front]
    held = trained.table("held_accuracy")[front]
    done = int(np.isfinite(held).sum())
    kind = trained.kind_of(front)
    words = [f"{name} ({KIND_WORDS.get(kind, kind)})" if kind else name]
    if done:
        words.append(f"{numbers.percent(float(held[done - 1]))} held out after epoch {done} of {len(held)}")
        words.append(gap_words(100 * trained.gap(front)))
    else:
        words.append("first epoch")
    total = trained.table("total_freedom")[front]
    if np.isfinite(total):
        words.append(f"{total:,.0f} degrees of freedom")
    together = trained.together(front)
    if np.isfinite(together):
        words.append(together_words(together))
    return " · ".join(words)


def gap_words(points: float) -> str:
    """Say how much better a network is in training than held out."""
    if abs(points) < 0.05:
        return "as good in training"
    return f"{abs(points):.1f} points {'better' if points > 0 else 'worse'} in training"


def together_words(together: float) -> str:
    """Say how the layers pull the entries that they share: the squared length of the sum over the sum of squares."""
    how = "agree" if together > 1.15 else "conflict" if together < 0.85 else "neither agree nor conflict"
    return f"gradients of layers {how} ({together:.2f}; unrelated: 1)"
