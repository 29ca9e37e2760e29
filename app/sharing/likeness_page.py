"""How alike layers are: correlation of their weights before and after projection, and entries that they share."""

from __future__ import annotations

import numpy as np
from PySide6.QtWidgets import QHBoxLayout

from app.drawing.matrix import Cells, MatrixPlot
from app.drawing.readout import Entry, Key
from app.reading import numbers
from app.reading.depth import Floats
from app.reading.glossary import TERMS
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
        self.body.addLayout(row, 1)

    def refresh(self) -> None:
        """Draw what is looked at."""
        projected = self.projected
        if projected is None:
            return
        wanted = {"correlation": (BEFORE, AFTER)}.get(self.look.likeness, (self.look.likeness,))
        for name, plot in self.plots.items():
            plot.setVisible(name in wanted)
        if self.look.likeness == "gradients":
            self.legend.show_keys(agreement.show_agreement(self.gradients, projected))
            self.claim.say(agreement.claim(projected))
        elif self.look.likeness == "correlation":
            self._show_correlation(projected)
        else:
            self._show_overlap(projected)

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
            found = [Entry("overlap", numbers.percent(value), "sharing", TERMS["overlap"].definition)]
        else:
            tip = TERMS["ring_correlation"].definition
            values = [
                (words, projected.table(name)[row, column])
                for words, name in (("as trained", BEFORE), ("projected", AFTER))
            ]
            found = [Entry(words, f"{numbers.short(float(value))} / √n", "sharing", tip) for words, value in values]
        self.told.emit(f"{names[row]} and {names[column]}", tuple(found))

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
