"""A form made from what a method says about its parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QFormLayout, QLineEdit, QWidget

from analysis.catalogue import MethodInfo, Param, Value
from analysis.problems import AnalysisError
from app.forms.widgets import label, whole_number
from app.hints import told

LARGEST = 2_147_483_647
"""What a spin box can hold."""


@dataclass(frozen=True, slots=True)
class Field:
    """A widget of the form, and how to read and write its value as text."""

    param: Param
    widget: QWidget
    read: Callable[[], Value]
    write: Callable[[Value], None]


class ParamsForm(QWidget):
    """Fields for all parameters of a method, with their defaults, limits and one-line explanations.

    Parameters
    ----------
    info
        The method.
    """

    changed = Signal()

    def __init__(self, info: MethodInfo) -> None:
        super().__init__()
        self.info = info
        layout = QFormLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setHorizontalSpacing(12)
        layout.setVerticalSpacing(4)
        layout.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self._complaint = label("", "error", wrap=True)
        self._complaint.hide()
        self.fields: dict[str, Field] = {}
        for param in info.params:
            field = self._field(param)
            field.widget.setToolTip(param.help)
            field.widget.setAccessibleName(words(param.name))
            field.widget.setAccessibleDescription(param.help)
            self.fields[param.name] = field
            if isinstance(field.widget, QCheckBox):
                layout.addRow(field.widget)
            else:
                name = label(words(param.name))
                name.setFixedHeight(field.widget.sizeHint().height())
                layout.addRow(name, field.widget)
            layout.addRow(label(param.help, "small", wrap=True))
        layout.addRow(self._complaint)

    def _field(self, param: Param) -> Field:
        if isinstance(param.default, bool):
            return self._check_box(param)
        if param.choices:
            return self._combo(param)
        if isinstance(param.default, int) and param.low is not None:
            return self._spin(param)
        return self._line(param)

    def _check_box(self, param: Param) -> Field:
        box = QCheckBox(words(param.name))
        box.setChecked(bool(param.default))
        box.toggled.connect(self.changed)
        return Field(param, box, box.isChecked, lambda value: box.setChecked(bool(value)))

    def _combo(self, param: Param) -> Field:
        combo = QComboBox()
        combo.addItems(list(param.choices))
        combo.setCurrentText(str(param.default))
        combo.currentTextChanged.connect(self.changed)
        return Field(param, combo, combo.currentText, lambda value: combo.setCurrentText(str(value)))

    def _spin(self, param: Param) -> Field:
        low = param.low if param.low is not None else 0
        spin = whole_number(int(low), int(param.high) if param.high is not None else LARGEST)
        spin.setValue(int(param.default))
        spin.setGroupSeparatorShown(True)
        spin.valueChanged.connect(self.changed)
        return Field(param, spin, spin.value, lambda value: spin.setValue(int(value)))

    def _line(self, param: Param) -> Field:
        # Numbers too: a spin box with decimals would cut 1e-7 down to 0.
        edit = QLineEdit(shown(param.default))
        edit.textChanged.connect(self._check)
        return Field(param, edit, edit.text, lambda value: edit.setText(shown(value)))

    def _check(self) -> None:
        complaint = ""
        for field in self.fields.values():
            wrong = ""
            try:
                field.param.parse(field.read())
            except AnalysisError as error:
                wrong = str(told(error))
            if isinstance(field.widget, QLineEdit):
                _mark(field.widget, bool(wrong))
            complaint = complaint or wrong
        self._complaint.setText(complaint)
        self._complaint.setVisible(bool(complaint))
        self.changed.emit()

    @property
    def complaint(self) -> str:
        """What is wrong with the first wrong value, "" if all are right."""
        return self._complaint.text()

    def values(self) -> dict[str, Value]:
        """Return the parameters that differ from their defaults.

        Raises
        ------
        AnalysisError
            If a value is outside its limits or no number.
        """
        parsed = {name: field.param.parse(field.read()) for name, field in self.fields.items()}
        return {name: value for name, value in parsed.items() if value != self.fields[name].param.default}

    def set_values(self, values: dict[str, Value]) -> None:
        """Fill in parameters; those not named get their defaults."""
        for name, field in self.fields.items():
            field.write(values.get(name, field.param.default))


def _mark(edit: QLineEdit, wrong: bool) -> None:
    if edit.property("wrong") != wrong:
        edit.setProperty("wrong", wrong)
        edit.style().unpolish(edit)
        edit.style().polish(edit)


def words(name: str) -> str:
    """Turn a parameter's name into words for a label: "max_iter" becomes "Max iter"."""
    text = name.replace("_", " ")
    return text[:1].upper() + text[1:]


def shown(value: Value) -> str:
    """Write a value so that reading it gives the same value."""
    return repr(value) if isinstance(value, float) else str(value)
