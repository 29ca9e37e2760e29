"""What the original, the widened and the profiles of a shrinkage cost, in both ways of counting."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QLabel, QWidget

from app.forms.widgets import label
from app.reading import numbers
from app.reading.width_search import CostRow, Shrunk

HEADS = (
    ("", ""),
    ("MACs", "Multiply-adds of convolutions and linear layers, ours"),
    ("published", "Operations as the published tables count them: also 2 per output of batch norm, and 1 per ReLU"),
    ("parameters", "All trained numbers"),
    ("r", "Correlation of the width ratios with those found"),
)
ROWS = 5
CHANCE = (
    "Keep probability: with which every element would be kept by chance at this budget. Chi-square: how far the counts "
    "found are from that, about the number of latents if the profile were chance"
)


class ShrinkCosts(QWidget):
    """A table of five configurations.

    Parameters
    ----------
    use
        The button below.
    """

    def __init__(self, use: QWidget) -> None:
        super().__init__()
        self.cells: list[list[QLabel]] = []
        grid = QGridLayout(self)
        grid.setContentsMargins(8, 4, 12, 4)
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(1)
        for column, (words, tip) in enumerate(HEADS):
            head = label(words, "small")
            head.setToolTip(tip)
            grid.addWidget(head, 0, column, Qt.AlignmentFlag.AlignRight)
        for row in range(1, ROWS + 1):
            cells = [label("", "small") for _ in HEADS]
            for column, cell in enumerate(cells):
                side = Qt.AlignmentFlag.AlignLeft if column == 0 else Qt.AlignmentFlag.AlignRight
                grid.addWidget(cell, row, column, side)
            self.cells.append(cells)
        self.by_chance = label("", "small")
        self.by_chance.setToolTip(CHANCE)
        grid.addWidget(self.by_chance, ROWS + 1, 0, 1, len(HEADS))
        grid.setRowStretch(ROWS + 2, 1)
        grid.addWidget(use, ROWS + 3, 0, 1, len(HEADS), Qt.AlignmentFlag.AlignRight)

    def show_costs(self, shrunk: Shrunk) -> None:
        """Show other costs."""
        rows = shrunk.costs()
        for cells, cost in zip(self.cells, rows, strict=True):
            for cell, text in zip(cells, cost_texts(cost, rows[0]), strict=True):
                cell.setText(text)
        self.by_chance.setText(shrunk.chance_words())


def cost_texts(row: CostRow, original: CostRow) -> tuple[str, ...]:
    """Texts of a row: both counts with their share of the original's, parameters, likeness."""
    texts = [row.name]
    for name in ("macs", "published", "parameters"):
        value, whole = getattr(row, name), getattr(original, name)
        share = f" {100 * value / whole:.0f} %" if row.name != original.name and whole > 0 and value == value else ""
        texts.append(numbers.short(value) + share)
    return (*texts, f"{row.likeness:.2f}".replace("-", "−") if row.likeness == row.likeness else "")
