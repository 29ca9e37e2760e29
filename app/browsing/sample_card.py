"""One picture closely: its pixels enlarged, what it is, what the network takes it for, and how it is prepared."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetricsF, QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QLabel, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from analysis.request import Preprocessing
from app.browsing.grid import fitted
from app.drawing.named import Name, NamedNumbers
from app.forms.term_label import TermText
from app.forms.widgets import GRID, label
from app.reading import numbers
from app.reading.glossary import TERMS
from app.reading.samples import Guess
from app.theme import Theme

ROOM = 224
"""Pixels for the picture."""


class Pixels(QWidget):
    """A picture whose pixels stay squares: enlarged by a whole number if it is small."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.theme = theme
        self.image = QImage()
        self.setFixedHeight(ROOM)
        self.setMinimumWidth(96)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Picture")

    def show_image(self, image: QImage) -> None:
        """Show another picture, a null image for none."""
        self.image = image
        self.update()

    @property
    def factor(self) -> float:
        """Pixels of the screen per pixel of the picture, 0 without one."""
        return fitted(self.image, self.rect()).width() / self.image.width() if not self.image.isNull() else 0.0

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the picture in the middle."""
        if self.image.isNull():
            return
        painter = QPainter(self)
        room = fitted(self.image, QRect(0, 0, self.width(), self.height()))
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, room.width() < self.image.width())
        painter.drawImage(room, self.image)


class GuessBars(NamedNumbers):
    """The most likely classes with bars: the true one in colour."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.theme = theme
        self.guesses: tuple[Guess, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Most likely classes")
        theme.changed.connect(self.updateGeometry)

    def show_guesses(self, found: tuple[Guess, ...]) -> None:
        """Show other classes."""
        self.guesses = found
        self.setAccessibleDescription(", ".join(f"{g.name} {numbers.percent(g.share)}" for g in found))
        self.updateGeometry()
        self.update()

    def _lines(self) -> tuple[float, float]:
        """Height of a line of text, and of an entry: text above its bar."""
        text = QFontMetricsF(self.theme.font()).height()
        return text, text + 8

    def names(self) -> tuple[Name, ...]:
        """Return the shares."""
        metrics, (text, entry) = QFontMetricsF(self.theme.font()), self._lines()
        wide = [metrics.horizontalAdvance(numbers.percent(guess.share)) for guess in self.guesses]
        known = TERMS["prediction_share"]
        return tuple(
            Name(QRectF(self.width() - width, row * entry, width, text), known.page, known.definition)
            for row, width in enumerate(wide)
        )

    def tip_at(self, place: QPointF) -> str:
        """Return all digits, and what they are."""
        return "\n".join((*(_exact(guess) for guess in self.guesses), super().tip_at(place))).strip()

    def sizeHint(self) -> QSize:
        """Return the room of all entries."""
        return QSize(160, round(len(self.guesses) * self._lines()[1]) + 2)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw name, share and bar of each class."""
        painter = QPainter(self)
        painter.setFont(self.theme.font())
        metrics = QFontMetricsF(painter.font())
        text, entry = self._lines()
        for place, guess in enumerate(self.guesses):
            top, share = place * entry, numbers.percent(guess.share)
            painter.setPen(self.theme.color("text"))
            wide = metrics.horizontalAdvance(share) + 8
            name = metrics.elidedText(guess.name, Qt.TextElideMode.ElideRight, self.width() - wide)
            line = QRectF(0, top, self.width(), text)
            painter.drawText(line, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, name)
            painter.drawText(line, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, share)
            painter.fillRect(QRectF(0, round(top + text), self.width(), 4), self.theme.color("unused"))
            color = self.theme.color("widths" if guess.right else "cost")
            filled = guess.share if guess.share == guess.share else 0.0
            painter.fillRect(QRectF(0, round(top + text), round(self.width() * filled), 4), color)
            if guess.other == guess.other:
                painter.setPen(self.theme.color("outline"))
                painter.drawRect(QRectF(0.5, round(top + text) - 0.5, max(1, round(self.width() * guess.other) - 1), 4))
        self.underline(painter)


TERM_OF = {"Prediction": "verdict", "Loss": "picture_loss"}
"""Names of facts and their terms in the glossary."""


class SampleCard(QScrollArea):
    """Everything about the chosen picture, from top to bottom."""

    help_wanted = Signal(str)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.theme = theme
        self.heading, self.facts = label("", wrap=True), TermText(theme, "soft", TERM_OF)
        self.verdict, self.note = label("", wrap=True), label("", "small", wrap=True)
        self.pixels, self.bars = Pixels(theme), GuessBars(theme)
        self.under, self.under_words = label("", "small", wrap=True), label("", "soft", wrap=True)
        self.under_bars = GuessBars(theme)
        self.under_bars.setAccessibleName("Most likely classes under the selected configuration")
        self.heading.setAccessibleName("Chosen picture")
        for part in (self.facts, self.bars, self.under_bars):
            part.help_wanted.connect(self.help_wanted)
        for words in (self.heading, self.note, self.under_words):
            words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(12, 8, 12, 12)
        column.setSpacing(GRID)
        under = (self.under, self.under_words, self.under_bars)
        for widget in (self.pixels, self.heading, self.facts, self.verdict, self.bars, *under, self.note):
            column.addWidget(widget)
        column.addStretch(1)
        self.setWidget(inner)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName("The chosen picture")

    def show_nothing(self, words: str) -> None:
        """Say why there is no picture."""
        self.pixels.hide()
        self.heading.hide()
        self.verdict.hide()
        self.bars.hide()
        self.note.hide()
        self.show_under("", "", ())
        self.facts.say(words)
        self.facts.show()

    def show_sample(self, name: str, image: QImage, guesses: tuple[Guess, ...], words: tuple[str, str, str]) -> None:
        """Show a picture.

        Parameters
        ----------
        name
            Its file, or its number.
        image
            Null if it cannot be read.
        words
            What is known of it, one fact a line; what was predicted; how it is prepared.
        """
        self.pixels.show_image(image)
        self.bars.show_guesses(guesses)
        self.heading.setFont(self.theme.font("code"))
        facts, verdict, note = words
        if not image.isNull():
            size = f"{image.height()}×{image.width()} pixels"
            factor = self.pixels.factor
            facts = f"{size}{f', shown {factor:.0f}×' if factor > 1 else ''}\n{facts}".strip()
        for widget, text in ((self.heading, name), (self.verdict, verdict), (self.note, note)):
            _say(widget, text)
        self.facts.say(facts)
        self.facts.setVisible(bool(facts))
        self.pixels.setVisible(not image.isNull())
        self.bars.setVisible(bool(guesses))

    def show_under(self, heading: str, words: str, guesses: tuple[Guess, ...]) -> None:
        """Show what the selected configuration says of the picture; without a heading, nothing."""
        _say(self.under, heading)
        _say(self.under_words, words)
        self.under_bars.show_guesses(guesses)
        self.under_bars.setVisible(bool(guesses))


def _exact(guess: Guess) -> str:
    label = ", the label" if guess.right else ""
    second = f"; outline, of the network compared with: {100 * guess.other:.6g} %" if guess.other == guess.other else ""
    return f"{guess.name}: {100 * guess.share:.6g} %{label}{second}"


def _say(widget: QLabel, text: str) -> None:
    widget.setText(text)
    widget.setVisible(bool(text))


def preparation_words(preprocessing: Preprocessing | None) -> str:
    """Say in one sentence how pictures become numbers for the network."""
    if preprocessing is None:
        return ""
    parts = []
    if preprocessing.size:
        crop = f", central {100 * preprocessing.crop:.3g} %" if preprocessing.crop < 1 else ""
        parts.append(f"resized to {numbers.shape(preprocessing.size)} ({preprocessing.interpolation}{crop})")
    if preprocessing.grey:
        parts.append("made grey")
    parts.append("scaled to 0..1")
    if preprocessing.mean:
        parts.append(f"minus mean {_list(preprocessing.mean)}")
    if preprocessing.std:
        parts.append(f"divided by std {_list(preprocessing.std)}")
    source = {"network": "as the network was trained", "file": "as its file says", "user": "as you chose"}
    return f"Shown as stored. The network sees it {', '.join(parts)}; {source.get(preprocessing.source, 'assumed')}."


def _list(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:.3g}" for value in values)
