"""Boxes of the controls above the grid: a share in per cent, a class."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QComboBox, QDoubleSpinBox, QSizePolicy

Classes = tuple[tuple[int, str], ...]
"""Number and name of each."""
BUTTONS = 34
"""Pixels of a number's arrows and edges."""
STEPS = ((10.0, 5.0), (1.0, 1.0), (0.1, 0.1), (0.0, 0.01))
"""What is left to 100 %, and the step that is taken there."""


class Percent(QDoubleSpinBox):
    """A share from 0 to 1, shown in per cent with as many decimals as it has.

    Parameters
    ----------
    name
        Spoken name.
    share
        What it begins with.
    """

    def __init__(self, name: str, share: float) -> None:
        super().__init__()
        self.setDecimals(3)
        self.setRange(0, 100)
        self.setSuffix(" %")
        self.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.setAccessibleName(name)
        self.setKeyboardTracking(False)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.set_share(share)

    def sizeHint(self) -> QSize:
        """Ask for room for all decimals, and no more."""
        return QSize(self.fontMetrics().horizontalAdvance("99.999 %") + BUTTONS, super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:
        """Ask for the same: part of a number says another one."""
        return self.sizeHint()

    @property
    def share(self) -> float:
        """The share, 0 to 1."""
        return round(self.value() / 100, 8)

    def set_share(self, share: float) -> None:
        """Show another share."""
        self.setValue(100 * share)

    def textFromValue(self, value: float) -> str:
        """Write no more decimals than there are."""
        return f"{value:.{self.decimals()}f}".rstrip("0").rstrip(".")

    def stepBy(self, steps: int) -> None:
        """Go by fives, and ever finer above 90 %, where most confidences of a good network lie."""
        for _ in range(abs(steps)):
            left = round(100 - self.value(), self.decimals())
            if steps > 0:
                size = next(step for most, step in STEPS if left > most or most == 0)
                self.setValue(100 - max(0.0, left - size))
            else:
                size = next(step for most, step in STEPS if left >= most)
                self.setValue(100 - left - size)


def percent_words(share: float) -> str:
    """Say a share as the box shows it: "99.5 %"."""
    return f"{100 * share:.6g} %"


class ClassBox(QComboBox):
    """One of some classes, or all.

    Parameters
    ----------
    name, anything
        Spoken name; words for all.
    """

    def __init__(self, name: str, anything: str) -> None:
        super().__init__()
        self._anything = anything
        self._offered: Classes = ()
        self.known = False
        """True once classes have been offered."""
        self.setAccessibleName(name)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(11)
        self.addItem(anything, -1)

    @property
    def chosen(self) -> int:
        """Number of the chosen class, -1 for all."""
        return int(self.currentData())

    def choose(self, number: int) -> None:
        """Choose a class, -1 for all; one that is not known yet waits for the classes to be offered."""
        if not self.known:
            self._fill((), number)
        self.setCurrentIndex(max(0, self.findData(number)))

    def offer(self, classes: Classes) -> None:
        """Offer classes; the chosen one stays if it is among them, or if there are none."""
        self.known = bool(classes)
        if classes != self._offered:
            self._offered, chosen = classes, self.chosen
            self._fill(classes, chosen)
            self.setCurrentIndex(max(0, self.findData(chosen)))

    def _fill(self, classes: Classes, waiting: int) -> None:
        self.clear()
        self.addItem(self._anything, -1)
        for number, name in classes:
            self.addItem(name, number)
        if not classes and waiting >= 0:
            self.addItem(f"class {waiting}", waiting)
