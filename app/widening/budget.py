"""What a configuration costs beside the original, with the budget it should keep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetricsF, QHelpEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from analysis.measures.widths.costs import Costs
from app.reading import numbers
from app.reading.glossary import TERMS
from app.theme import Theme

REACH = 1.5
"""Share of the original at the right end of the bars; they grow with wider networks."""
GAP, LEAST = 10.0, 30.0
"""Pixels between two columns, and of the shortest bar beside both numbers of a cost."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """A cost: its name, its words, its unit, its definition."""

    name: str
    title: str
    unit: str
    about: str

    def of(self, costs: Costs) -> int:
        """Its value."""
        if self.name == "file":
            return costs.file_bytes
        return int(getattr(costs.totals, self.name))


QUANTITIES = (
    Quantity("parameters", "Parameters", "", TERMS["parameters"].definition),
    Quantity("macs", "MACs", "", TERMS["macs"].definition),
    Quantity("activation_bytes", "Activations", "bytes", TERMS["activation_bytes"].definition),
    Quantity("file", "File", "bytes", "Size of a safetensors file with the weights."),
)


class BudgetBars(QWidget):
    """One bar per cost; a line marks the original, another the target."""

    chosen = Signal(str)
    """A cost was clicked: the target is to be set for it."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.theme = theme
        self.before: Costs | None = None
        self.after: Costs | None = None
        self.target = ("macs", 1.0)
        self.second, self.costs = "", dict[str, float]()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Costs of the edited network beside the original")
        theme.changed.connect(self.updateGeometry)

    def show_costs(self, before: Costs, after: Costs, target: tuple[str, float]) -> None:
        """Show other costs; the target is a cost and its share of the original."""
        self.before, self.after, self.target = before, after, target
        self.setAccessibleDescription("; ".join(self.words(quantity) for quantity in QUANTITIES))
        self.update()

    def show_second(self, name: str, costs: Mapping[str, float]) -> None:
        """Frame what the network that is compared with costs, by names of quantities; "" for none."""
        self.second, self.costs = name, {known: value for known, value in costs.items() if value == value}
        self.update()

    def share(self, quantity: Quantity) -> float:
        """Cost of the edited network by that of the original."""
        if self.before is None or self.after is None:
            return 1.0
        return quantity.of(self.after) / max(quantity.of(self.before), 1)

    def words(self, quantity: Quantity) -> str:
        """Return the exact numbers of a cost."""
        if self.before is None or self.after is None:
            return ""
        before, after = quantity.of(self.before), quantity.of(self.after)
        words = f"{quantity.title}: {after:,} {quantity.unit} of {before:,} ({100 * after / max(before, 1):.2f} %)"
        there = self.costs.get(quantity.name)
        share = f" ({100 * there / max(before, 1):.0f} %)" if there is not None else ""
        return words if there is None else f"{words}; {self.second}: {there:,.0f}{share}"

    def _line(self) -> float:
        return QFontMetricsF(self.theme.font()).height() + 5

    def sizeHint(self) -> QSize:
        """Room for all costs."""
        return QSize(340, round(len(QUANTITIES) * self._line() + 4))

    def _at(self, y: float) -> Quantity:
        return QUANTITIES[min(max(int(y // self._line()), 0), len(QUANTITIES) - 1)]

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw names, numbers and bars."""
        if self.before is None or self.after is None:
            return
        painter, theme = QPainter(self), self.theme
        painter.setFont(theme.font())
        metrics, line = QFontMetricsF(painter.font()), self._line()
        title = max(metrics.horizontalAdvance(q.title) for q in QUANTITIES) + GAP
        text = metrics.horizontalAdvance("888.8 MB → 888.8 MB") + GAP
        percent = metrics.horizontalAdvance("1,888 %") + GAP
        both = title + text + percent + LEAST <= self.width()
        if not both:  # what it was is said on hovering
            text = metrics.horizontalAdvance("888.8 MB") + GAP
        left = title + text + percent
        reach = max(REACH, *(1.1 * self.share(quantity) for quantity in QUANTITIES), 1.1 * self.target[1])
        room = max(0.0, self.width() - left - GAP)
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        for row, quantity in enumerate(QUANTITIES):
            top, share = row * line, self.share(quantity)
            before, after = quantity.of(self.before), quantity.of(self.after)
            old, new = numbers.short(before, quantity.unit), numbers.short(after, quantity.unit)
            painter.setPen(theme.color("text_soft"))
            painter.drawText(QRectF(0, top, title, line), Qt.AlignmentFlag.AlignVCenter, quantity.title)
            painter.setPen(theme.color("text"))
            words = f"{old} → {new}" if both and old != new else new
            painter.drawText(QRectF(title, top, text - GAP, line), right, words)
            painter.drawText(QRectF(title + text, top, percent - GAP, line), right, f"{100 * share:,.0f} %")
            bar = QRectF(left, top + 4, room, line - 9)
            painter.fillRect(bar, theme.color("unused"))
            over = quantity.name == self.target[0] and share > self.target[1] * 1.0005
            hue = theme.color("bundles" if over else "widths")
            painter.fillRect(QRectF(bar.left(), bar.top(), room * min(share / reach, 1.0), bar.height()), hue)
            self._mark(painter, bar, 1.0 / reach, "text_soft", 1)
            there = self.costs.get(quantity.name)
            if there is not None:
                self._frame(painter, bar, there / max(before, 1) / reach)
            if quantity.name == self.target[0]:
                self._mark(painter, bar, self.target[1] / reach, "text", 2)
        painter.end()

    def _frame(self, painter: QPainter, bar: QRectF, share: float) -> None:
        """Frame a share of a bar; one that goes on beyond its end is open there."""
        painter.save()
        painter.setClipRect(bar.adjusted(0, 0, 1, 1))
        painter.setPen(QPen(self.theme.color("outline"), 1))
        painter.drawRect(QRectF(bar.left() + 0.5, bar.top() + 0.5, bar.width() * min(share, 1.5), bar.height() - 1))
        painter.restore()

    def _mark(self, painter: QPainter, bar: QRectF, share: float, hue: str, width: int) -> None:
        x = round(bar.left() + share * bar.width())
        painter.setPen(QPen(self.theme.color(hue), width))
        painter.drawLine(x, round(bar.top()) - 3, x, round(bar.bottom()) + 3)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Choose the cost for which the target is set."""
        self.chosen.emit(self._at(event.position().y()).name)

    def event(self, event: QEvent) -> bool:
        """Say the exact numbers and what the cost means."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            quantity = self._at(event.pos().y())
            QToolTip.showText(event.globalPos(), f"{self.words(quantity)}\n{quantity.about}", self)
            return True
        return super().event(event)
