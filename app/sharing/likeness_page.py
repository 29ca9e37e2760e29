"""How alike layers are: correlation of their weights before and after projection, and entries that they share."""

from __future__ import annotations

import numpy as np
from PySide6.QtWidgets import QHBoxLayout

from app.drawing.legend import Key
from app.drawing.matrix import Cells, MatrixPlot
from app.drawing.readout import Entry
from app.drawing.signed_matrix import SignedCells, difference_keys, largest
from app.forms.difference import DifferenceSwitch
from app.reading import numbers
from app.reading.depth import Floats
from app.reading.sharing import Projected
from app.sharing import agreement
from app.sharing.page import Page
from app.theme import Theme

BEFORE, AFTER = "correlation_before", "correlation_after"


class LikenessPage(Page):
    """Two matrices beside each other, or the one of overlaps or of gradients."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, "Likeness of layers")
        self.before = MatrixPlot(theme, "Correlation as trained", "as trained", "layer")
        self.after = MatrixPlot(theme, "Correlation after projection", "projected onto the ring", "layer")
        self.overlap = MatrixPlot(theme, "Overlap", "share of the row's entries that the column reads", "layer")
        self.gradients = agreement.make_plot(theme)
        self.define("ring_correlation", "overlap", "gradient_cosine", "gradient_together")
        row = QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        self.plots = {BEFORE: self.before, AFTER: self.after, "overlap": self.overlap, "gradients": self.gradients}
        for name, plot in self.plots.items():
            row.addWidget(plot, 1)
            plot.cell_hovered.connect(lambda a, b, of=name: self._point_at(of, a, b))
            plot.cell_clicked.connect(lambda a, _b: self._choose(a))
        self.switch = DifferenceSwitch(self.refresh)
        self.claim_row.addWidget(self.switch)
        self.body.addLayout(row, 1)

    def refresh(self) -> None:
        """Draw what is looked at."""
        projected = self.projected
        if projected is None:
            return
        wanted = {"correlation": (BEFORE, AFTER)}.get(self.look.likeness, (self.look.likeness,))
        for name, plot in self.plots.items():
            plot.setVisible(name in wanted)
        self._offer_difference(projected, wanted)
        if self.switch.on:
            self._show_difference(projected, wanted)
        elif self.look.likeness == "gradients":
            self.legend.show_keys(agreement.show_agreement(self.gradients, projected))
            self.claim.say(agreement.claim(projected))
        elif self.look.likeness == "correlation":
            self._show_correlation(projected)
        else:
            self._show_overlap(projected)

    def _offer_difference(self, projected: Projected, wanted: tuple[str, ...]) -> None:
        second = self.second
        there = second is not None and second.projected is not None
        tables = [self._difference(projected, name) for name in wanted]
        known = any(np.isfinite(table).any() for table in tables)
        self.why_not = "it was not measured there" if there and not known else ""
        self.switch.offer(second.name if second is not None and known else "")

    def _difference(self, projected: Projected, name: str) -> Floats:
        """How much more alike layers are here than in the second network, (layer, layer); empty for nothing."""
        name = agreement.COSINE if name == "gradients" else name
        ours = projected.table(name)
        theirs = self.second.likeness(projected, name) if self.second is not None else np.empty((0, 0))
        return ours - theirs if ours.shape == theirs.shape else np.empty((0, 0))

    def _show_difference(self, projected: Projected, wanted: tuple[str, ...]) -> None:
        tables = {name: self._difference(projected, name) for name in wanted}
        top = max(largest(table) for table in tables.values())
        for name, table in tables.items():
            self.plots[name].set_note("")
            self.plots[name].show_cells(SignedCells(table, top), projected.names, projected.names)
        unit = " / √n" if BEFORE in wanted else ""
        words = f"{numbers.short(top)}{unit}"
        self.legend.show_keys(difference_keys(self.theme, self.switch.name, f"{words} less", f"{words} more"))
        means = [float(np.nanmean(table)) for table in tables.values() if np.isfinite(table).any()]
        said = ", ".join(f"{numbers.signed(mean, 3)}{unit}" for mean in means)
        self.claim.say(f"Mean difference to {self.switch.name}: {said}" + (" (projected)" if len(means) > 1 else ""))

    def _show_correlation(self, projected: Projected) -> None:
        tables = {name: projected.table(name) for name in (BEFORE, AFTER)}
        top = _top(tables)
        for name, table in tables.items():
            known = bool(np.isfinite(table).any())
            plot = self.plots[name]
            plot.set_note("" if known else "Layers are being compared …")
            plot.show_cells(Cells(table, top) if known else None, projected.names, projected.names)
        theme = self.theme
        at = ((1.0, "1: unrelated"), (top / 2, f"{top / 2:.2g}"), (top, f"{top:.2g} and more, |cos| in units of 1/√n"))
        self.legend.show_keys(tuple(Key("bar", words, theme.heat(min(value / top, 1.0))) for value, words in at))
        self.claim.say(claim(projected))

    def _show_overlap(self, projected: Projected) -> None:
        table = projected.table("overlap")
        known = bool(np.isfinite(table).any())
        self.overlap.set_note("" if known else "Layers are being compared …")
        self.overlap.show_cells(Cells(table, 1.0) if known else None, projected.names, projected.names)
        theme = self.theme
        steps = ((0.25, "25 %"), (0.5, "50 %"), (1.0, "all entries of the row are read by the column as well"))
        self.legend.show_keys(tuple(Key("bar", words, theme.heat(at)) for at, words in steps))
        other = table[~np.eye(len(table), dtype=bool)]
        if np.isfinite(other).any():
            mean = numbers.percent(float(np.nanmean(other)))
            self.claim.say(f"Of what a layer reads, another one reads {mean} as well on average · {projected.variant}")

    def _point_at(self, of: str, row: int, column: int) -> None:
        projected = self.projected
        if projected is None or row < 0:
            self.told.emit("", ())
            return
        names = projected.names
        found: list[Entry] | tuple[Entry, ...]
        if of == "gradients":
            found = agreement.entries(projected, row, column)
        elif of == "overlap":
            value = float(projected.table("overlap")[row, column])
            found = [Entry("overlap", numbers.percent(value), "sharing", term="overlap")]
        else:
            values = [
                (words, projected.table(name)[row, column])
                for words, name in (("as trained", BEFORE), ("projected", AFTER))
            ]
            found = [
                Entry(words, f"{numbers.short(float(value))} / √n", "sharing", term="ring_correlation")
                for words, value in values
            ]
        self.told.emit(f"{names[row]} and {names[column]}", (*found, *self._second_entries(of, row, column)))

    def _second_entries(self, of: str, row: int, column: int) -> tuple[Entry, ...]:
        """Say how alike the two layers that correspond are in the second network, and how much more these are."""
        projected, second = self.projected, self.second
        if projected is None or second is None:
            return ()
        shown = {BEFORE: "as trained", AFTER: "projected", "overlap": "overlap", "gradients": "cosine"}
        wanted = (BEFORE, AFTER) if of in (BEFORE, AFTER) else (of,)
        found = []
        for name in wanted:
            gain = self._difference(projected, name)
            if gain.size and np.isfinite(gain[row, column]):
                own = projected.table(agreement.COSINE if name == "gradients" else name)[row, column]
                words = f"{float(own - gain[row, column]):.2f} ({numbers.signed(float(gain[row, column]), 2)})"
                found.append(Entry(f"{second.name}, {shown[name]}", words, "outline", term="compared"))
        return tuple(found)

    def _choose(self, row: int) -> None:
        if self.projected is not None:
            self.layer_chosen.emit(self.projected.layers[row].name)


def _top(tables: dict[str, Floats]) -> float:
    """Value of the strongest colour: that of nearly all pairs, so that one pair does not hide the others."""
    known = np.concatenate([table[np.isfinite(table)] for table in tables.values()])
    return max(3.0, float(np.ceil(np.percentile(known, 98)))) if known.size else 3.0


def claim(projected: Projected) -> str:
    """Say in one line how alike layers are before and after."""
    before, after = projected.table(BEFORE), projected.table(AFTER)
    if not np.isfinite(after).any():
        return "Layers are being compared …"
    words = f"Mean likeness {np.nanmean(before):.2f} / √n as trained, {np.nanmean(after):.2f} / √n projected"
    return f"{words} (unrelated layers: 0.80) · {projected.variant}"
