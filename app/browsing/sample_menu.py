"""The menu of the grid: what can be done with the chosen pictures."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QMenu, QWidget

from analysis.pictures import PictureSet
from app.reading import numbers
from app.reading.samples import SampleTable
from app.selection import Selection


class SampleMenu(QMenu):
    """What can be done with the chosen pictures; the caller adds what can be done with all."""

    explain_wanted = Signal(int)
    """Show what in a picture the answer depends on."""
    like_wanted = Signal(int, int)
    """Show only pictures with this label that are taken for this class, -1 for any."""
    only_wanted = Signal(tuple)
    """Show only these places."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)

    def offer(self, pictures: PictureSet, table: SampleTable, selection: Selection, explainable: bool) -> None:
        """Add what fits to the chosen pictures; nothing if none is chosen."""
        current, chosen = selection.sample, selection.pictures
        if not 0 <= current < table.count:
            return
        if explainable:
            self.addAction(f"Explain picture #{current}", lambda: self.explain_wanted.emit(current))
        label, wrong = int(table.labels[current]), table.right[current] == 0
        if label >= 0:
            prediction = int(table.predictions[current]) if wrong else -1
            taken = f"{numbers.ARROW}{table.prediction_name(current)}" if wrong else ""
            words = f"Show only {table.label_name(current)}{taken}"
            self.addAction(words, lambda: self.like_wanted.emit(label, prediction))
        several = len(chosen) > 1
        if several:
            self.addAction(f"Show only the {len(chosen):,} selected", lambda: self.only_wanted.emit(chosen))
        self.addSeparator()
        places = ",".join(str(place) for place in chosen)
        self.addAction("Copy numbers" if several else "Copy number", lambda: _copy(places))
        files = [str(file) for file in (pictures.file(place) for place in chosen) if file is not None]
        if files:
            self.addAction("Copy paths" if several else "Copy path", lambda: _copy("\n".join(files)))
        self.addSeparator()


def _copy(text: str) -> None:
    QGuiApplication.clipboard().setText(text)
