"""What two configurations say of one picture: their most likely classes, and the sizes of the maps between."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QImage, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy

from app.drawing.map_image import draw_fitted
from app.drawing.named import Name, NamedNumbers
from app.reading.glossary import TERMS
from app.theme import Theme

PAD, SIDE, STRIP = 10.0, 96.0, 46.0


@dataclass(frozen=True, slots=True)
class Ranked:
    """A class that a configuration finds likely."""

    name: str
    share: float
    true: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """Most likely classes of one configuration.

    Attributes
    ----------
    heading
        Name of the configuration.
    ranked
        From the most likely on.
    """

    heading: str
    ranked: tuple[Ranked, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """A map after a switch point: its name, option, size, and its size in the network as it is."""

    name: str
    option: str
    size: tuple[int, int]
    plain: tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Card:
    """Everything that is shown.

    Attributes
    ----------
    title
        Words above.
    image
        None while it is being read.
    notes
        Lines below the maps, each with its term in the glossary.
    """

    title: str
    image: QImage | None
    answers: tuple[Answer, ...]
    steps: tuple[Step, ...]
    notes: tuple[tuple[str, str], ...] = ()


class AnswerCard(NamedNumbers):
    """A picture, bars of the most likely classes, and the geometry strip."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._names: list[Name] = []
        self.theme = theme
        self.card: Card | None = None
        self.note = ""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Picture under two configurations")
        theme.changed.connect(self.update)

    def show_card(self, card: Card | None, note: str = "") -> None:
        """Show another picture, or say what to do to see one."""
        self.card, self.note = card, note
        words = (
            [card.title, *(a.heading for a in card.answers), *(words for words, _ in card.notes)] if card else [note]
        )
        self.setAccessibleDescription(", ".join(words))
        self.update()

    def names(self) -> tuple[Name, ...]:
        """Return the numbers as they were painted last."""
        return tuple(self._names)

    def _name(self, place: QRectF, term: str) -> None:
        if term:
            self._names.append(Name(place, TERMS[term].page, TERMS[term].definition))

    def sizeHint(self) -> QSize:
        """Return room for all parts."""
        return QSize(220, 420)

    def minimumSizeHint(self) -> QSize:
        """Return what is readable."""
        return QSize(170, 100)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw from top to bottom what fits."""
        painter = QPainter(self)
        painter.setFont(self.theme.font("small"))
        metrics = QFontMetricsF(painter.font())
        room = QRectF(self.rect()).adjusted(PAD, PAD, -PAD, -PAD)
        self._names = []
        if self.card is None:
            painter.setPen(self.theme.color("text_soft"))
            painter.drawText(room, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, self.note)
            return
        y = room.top()
        y = self._write(painter, metrics, self.card.title, y, "text") + 2
        if self.card.image is not None:
            draw_fitted(painter, self.card.image, QRectF(room.left(), y, SIDE, SIDE))
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
        y += SIDE + 8
        for answer in self.card.answers:
            y = self._draw_answer(painter, metrics, answer, y) + 6
        if self.card.steps:
            y = self._draw_steps(painter, metrics, y) + 4
        for note, term in self.card.notes:
            self._name(QRectF(PAD, y, min(metrics.horizontalAdvance(note), room.width()), metrics.height()), term)
            y = self._write(painter, metrics, note, y, "text_soft")
        self.underline(painter)

    def _write(self, painter: QPainter, metrics: QFontMetricsF, text: str, y: float, role: str) -> float:
        painter.setPen(self.theme.color(role))
        width = self.width() - 2 * PAD
        rect = QRectF(PAD, y, width, metrics.height())
        painter.drawText(rect, 0, metrics.elidedText(text, Qt.TextElideMode.ElideRight, width))
        return y + metrics.height()

    def _draw_answer(self, painter: QPainter, metrics: QFontMetricsF, answer: Answer, y: float) -> float:
        y = self._write(painter, metrics, answer.heading, y, "text_soft")
        width, height = self.width() - 2 * PAD, metrics.height()
        for ranked in answer.ranked:
            color = self.theme.color("widths" if ranked.true else "zero")
            painter.fillRect(QRectF(PAD, y + 1, max(1.0, round(0.42 * width * ranked.share)), height - 2), color)
            painter.setPen(self.theme.color("text"))
            number = f"{100 * ranked.share:.1f} %"
            left = PAD + 0.45 * width
            painter.drawText(QRectF(PAD, y, width, height), Qt.AlignmentFlag.AlignRight, number)
            wide = metrics.horizontalAdvance(number)
            self._name(QRectF(PAD + width - wide, y, wide, height), "prediction_share")
            free = PAD + width - left - metrics.horizontalAdvance(number) - 6
            name = metrics.elidedText(ranked.name, Qt.TextElideMode.ElideRight, free)
            painter.drawText(QRectF(left, y, free + 2, height), 0, name)
            y += height
        return y

    def _draw_steps(self, painter: QPainter, metrics: QFontMetricsF, y: float) -> float:
        """Draw a square per map, its side in proportion; the plain one as an outline where it differs."""
        steps = self.card.steps if self.card else ()
        width = (self.width() - 2 * PAD) / max(1, len(steps))
        largest = max(max(*step.size, *step.plain) for step in steps)
        for place, step in enumerate(steps):
            left = PAD + place * width
            for size, hue, filled in ((step.size, "configurations", True), (step.plain, "outline", False)):
                high, wide = (max(3.0, STRIP * side / largest) for side in size)
                wide = min(wide, width - 6)
                rect = QRectF(round(left), round(y + STRIP - high), round(wide), round(high))
                if filled:
                    painter.fillRect(rect, self.theme.color(hue))
                else:
                    painter.setPen(QPen(self.theme.color(hue), 1))
                    painter.setBrush(Qt.BrushStyle.NoBrush)
                    painter.drawRect(rect.adjusted(0.5, 0.5, -0.5, -0.5))
            words = (step.name, step.option, f"{step.size[0]}×{step.size[1]}")
            painter.setPen(self.theme.color("text_soft"))
            below = y + STRIP + 2 + 2 * metrics.height()
            self._name(QRectF(left, below, metrics.horizontalAdvance(words[2]), metrics.height()), "map_size")
            for line, word in enumerate(words):
                rect = QRectF(left, y + STRIP + 2 + line * metrics.height(), width, metrics.height())
                painter.drawText(rect, 0, metrics.elidedText(word, Qt.TextElideMode.ElideRight, width - 2))
        return y + STRIP + 2 + 3 * metrics.height()
