"""Pieces that the three forms behind the chips share: fields, and reading lists of numbers."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QComboBox, QFormLayout, QHBoxLayout, QLabel, QLineEdit, QSpinBox, QWidget

from analysis.problems import AnalysisError
from app.forms.widgets import GRID, button, label, row, whole_number

LABEL_WIDTH = 72


class Form(QFormLayout):
    """A heading, and rows of a name and a field."""

    def __init__(self, title: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setContentsMargins(0, 0, 0, 0)
        self.setHorizontalSpacing(12)
        self.setVerticalSpacing(GRID - 2)
        self.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.addRow(label(title, "heading"))

    def add(self, name: str, field: QWidget | QHBoxLayout) -> None:
        """Add a row; names of all forms take the same room, so that the fields line up."""
        self.addRow(row_label(name, field), field)


def row_label(name: str, field: QWidget | QHBoxLayout) -> QLabel:
    """Make the name of a row, as high as its field so that both stand on one line."""
    words = label(name)
    words.setMinimumWidth(LABEL_WIDTH)
    # A layout knows its height only once it is in use; all its fields are as high as a line to type into.
    height = field.sizeHint().height() if isinstance(field, QWidget) else QLineEdit().sizeHint().height()
    words.setFixedHeight(height)
    return words


def field(name: str, placeholder: str, tip: str) -> QLineEdit:
    """Make a line to type into."""
    made = QLineEdit()
    made.setAccessibleName(name)
    made.setPlaceholderText(placeholder)
    made.setMinimumWidth(40)
    made.setToolTip(tip)
    return made


def combo() -> QComboBox:
    """Make a choice that may be narrower than its longest entry."""
    made = QComboBox()
    made.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    made.setMinimumContentsLength(6)
    return made


def write(choice: QComboBox, text: str) -> None:
    """Write into an editable choice, and show the beginning of what was written."""
    choice.setEditText(text)
    line = choice.lineEdit()
    if line is not None:
        line.setCursorPosition(0)


def spin(name: str, zero: str, tip: str, high: int) -> QSpinBox:
    """Make a field for a whole number whose 0 means a choice by someone else."""
    made = whole_number(0, high)
    made.setSpecialValueText(zero)
    made.setAccessibleName(name)
    made.setToolTip(tip)
    return made


def with_browse(widget: QWidget, name: str, call: Callable[[], None]) -> QHBoxLayout:
    """Put a button that opens a file dialog beside a field."""
    browse = button("…", call, "small", name=name, tip=name)
    box = row(widget, browse, spacing=4)
    box.setStretchFactor(widget, 1)
    return box


def listed(values: tuple[float, ...]) -> str:
    """Write numbers as a list."""
    return ", ".join(f"{value:.10g}" for value in values)


def numbers(text: str, what: str) -> tuple[float, ...]:
    """Read comma-separated numbers.

    Raises
    ------
    AnalysisError
        If one is no number.
    """
    try:
        return tuple(float(part) for part in text.replace(";", ",").split(",") if part.strip())
    except ValueError:
        raise AnalysisError(f"{what} should be numbers, not '{text}'.", "Separate them by commas.") from None


def whole_numbers(text: str, what: str, count: int) -> tuple[int, ...]:
    """Read `count` comma-separated whole numbers, or none; one number stands for both sides of a square.

    Raises
    ------
    AnalysisError
        If there is another number of them, or one is no whole number above 0.
    """
    found = numbers(text.replace("x", ",").replace("×", ","), what)
    if count == 2 and len(found) == 1:
        found = found * 2
    if found and (len(found) != count or any(n < 1 or n != int(n) for n in found)):
        raise AnalysisError(f"{what} should be {count} whole numbers, not '{text}'.", "Separate them by commas.")
    return tuple(int(number) for number in found)
