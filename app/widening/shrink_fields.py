"""What a shrinkage asks for: width of the search space, budget, scores, floors, mini-batch."""

from __future__ import annotations

from typing import Any

from PySide6.QtWidgets import QDoubleSpinBox, QVBoxLayout, QWidget

from analysis.catalogue import Value
from app.forms.flow import Flow, together
from app.forms.widgets import GRID, button, label
from app.widening.page import choice_field, number_field

COUNTS = (("macs", "MACs"), ("table", "as published"))
CRITERIA = (
    ("grad", "gradient of latents"),
    ("latent_magnitude", "size of latents"),
    ("random", "chance"),
    ("uniform", "all alike"),
)
USUAL: dict[str, Value] = {
    "beta": 2.0, "target": 0.95, "count": "macs", "criterion": "grad", "rho": 0.4, "tau": 0.45, "pictures": 64,
}  # fmt: skip
"""What `lw_dna` takes where nothing is said."""
RHO = (
    "Floor ρ: least share of a widened width that stays (0.4 in the released code). "
    "Beside the original width it is ρ·β, so 0.8 at β = 2"
)
TAU = "The same for the features that the classifier reads (0.45 in the released code)"


class ShrinkFields(QWidget):
    """Two groups: what is asked often, and the floors and the mini-batch, which stay hidden until they are wanted."""

    def __init__(self) -> None:
        super().__init__()
        self.beta, self.target = number_field(1, 8, 2), number_field(1, 6400, 95, " %", 1)
        self.count, self.criterion = choice_field(COUNTS), choice_field(CRITERIA)
        self.rho, self.tau = number_field(0, 1, 0.4), number_field(0, 1, 0.45)
        for share in (self.rho, self.tau):
            share.setSingleStep(0.05)
        self.pictures = number_field(2, 4096, 64, "", 0)
        self.pictures.setSingleStep(16)
        self.more = button(
            "More …", self._toggle, "", "Scores and floors of the search, and pictures of its mini-batch"
        )
        self.more.setCheckable(True)
        self.first, self.below = (Flow(gap=GRID, edges=(12, 2, 8, 2)) for _row in range(2))
        self._lay_out()

    def _lay_out(self) -> None:
        first, second = self.first, self.below
        _add(first, "widen by", self.beta, "Width multiplier β of the search space")
        _add(first, "budget", self.target, "Share of what the network costs now")
        _add(first, "of", self.count, "What the budget counts")
        first.add(self.more)
        _add(second, "scores", self.criterion, "What says which channels stay")
        _add(second, "floor ρ", self.rho, RHO)
        _add(second, "classifier τ", self.tau, TAU)
        _add(second, "mini-batch", self.pictures, "Pictures whose gradients are the scores; a second batch is as large")
        second.setVisible(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(first)
        layout.addWidget(second)

    def _toggle(self) -> None:
        self.below.setVisible(self.more.isChecked())

    def wanted(self) -> dict[str, Value]:
        """Parameters that differ from the usual ones."""
        values: dict[str, Value] = {
            "beta": self.beta.value(),
            "target": round(self.target.value() / 100, 4),
            "count": str(self.count.currentData()),
            "criterion": str(self.criterion.currentData()),
            "rho": self.rho.value(),
            "tau": self.tau.value(),
            "pictures": int(self.pictures.value()),
        }
        return {name: value for name, value in values.items() if value != USUAL[name]}

    def _numbers(self) -> tuple[tuple[str, QDoubleSpinBox], ...]:
        return (
            ("beta", self.beta), ("target", self.target), ("rho", self.rho), ("tau", self.tau),
            ("pictures", self.pictures),
        )  # fmt: skip

    def state(self) -> dict[str, Any]:
        """Return what is asked."""
        return {name: field.value() for name, field in self._numbers()}

    def restore(self, state: Any) -> None:
        """Take over what :meth:`state` returned; what is unknown is ignored."""
        for name, field in self._numbers():
            value = state.get(name) if isinstance(state, dict) else None
            if isinstance(value, (int, float)):
                field.setValue(float(value))
        self.more.setChecked(any(name in self.wanted() for name in ("criterion", "rho", "tau", "pictures")))
        self._toggle()


def _add(flow: Flow, words: str, field: QWidget, tip: str) -> None:
    """Put a field with its name into rows."""
    field.setToolTip(tip)
    field.setAccessibleName(words)
    if isinstance(field, QDoubleSpinBox):
        field.lineEdit().setAccessibleName(words)
    flow.add(together(label(words, "small"), field, spacing=GRID))
