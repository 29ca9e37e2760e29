"""One picture closely: its pixels enlarged, what it is, what the network takes it for, and how it is prepared."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFont, QFontMetricsF, QImage, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QLabel, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from app.browsing.grid import fitted
from app.drawing.named import Name, NamedNumbers
from app.forms.name_label import NameLabel
from app.forms.term_label import TermText
from app.forms.widgets import GRID, label
from app.reading import numbers
from app.reading.glossary import TERMS
from app.reading.samples import Guess
from app.theme import Theme

ROOM = 336
"""Largest height and width of the picture in pixels."""
BAR = 24
"""More than the width of a scroll bar."""
GAP = 12
"""Room above a class that is less likely than all others between."""


class Pixels(QWidget):
    """A picture whose pixels stay squares: enlarged by a whole number if it is small; as high as it is then."""

    scaled = Signal()
    """It is drawn in another size."""

    def __init__(self) -> None:
        super().__init__()
        self.image = QImage()
        self._wide = 96
        """Pixels that the picture may take."""
        self.setMinimumWidth(96)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Picture")

    def show_image(self, image: QImage) -> None:
        """Show another picture, a null image for none."""
        self.image = image
        self._fit()
        self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Become as high as the picture is in the new width."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        # A scroll bar that comes and goes with the height must not change it: what it takes is given back late.
        if not self._room().width() <= self.width() <= self._wide + BAR:
            self._wide = self.width()
        height = self._room().height()
        if height and height != self.height():
            self.setFixedHeight(height)
            self.scaled.emit()

    def _room(self) -> QRect:
        """Return where the picture is drawn: at the left edge, as the words below it."""
        if self.image.isNull():
            return QRect()
        room = fitted(self.image, QRect(0, 0, min(self._wide, ROOM), ROOM))
        return QRect(0, 0, room.width(), room.height())

    @property
    def factor(self) -> float:
        """Pixels of the screen per pixel of the picture, 0 without one."""
        return self._room().width() / self.image.width() if not self.image.isNull() else 0.0

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the picture."""
        if self.image.isNull():
            return
        painter, room = QPainter(self), self._room()
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, room.width() < self.image.width())
        painter.drawImage(room, self.image)


class GuessBars(NamedNumbers):
    """The most likely classes with bars: the true one in bold, with a tick and in colour."""

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
        self.setAccessibleDescription(", ".join(_spoken(guess) for guess in found))
        self.updateGeometry()
        self.update()

    def _font(self, guess: Guess) -> QFont:
        font = QFont(self.theme.font())
        font.setBold(guess.right)
        return font

    def _places(self) -> list[tuple[Guess, float, float]]:
        """Return every class with the top of its text and that of its bar."""
        text = QFontMetricsF(self.theme.font()).height()
        entry = text + 8
        found: list[tuple[Guess, float, float]] = []
        for row, guess in enumerate(self.guesses):
            top = row * entry + (GAP if guess.beyond else 0)
            found.append((guess, top, round(top + text)))
        return found

    def names(self) -> tuple[Name, ...]:
        """Return the shares."""
        known, found = TERMS["prediction_share"], []
        for guess, top, bar in self._places():
            width = QFontMetricsF(self._font(guess)).horizontalAdvance(numbers.share(guess.share))
            found.append(Name(QRectF(self.width() - width, top, width, bar - top), known.page, known.definition))
        return tuple(found)

    def tip_at(self, place: QPointF) -> str:
        """Return all digits, and what they are."""
        return "\n".join((*(_exact(guess) for guess in self.guesses), super().tip_at(place))).strip()

    def sizeHint(self) -> QSize:
        """Return the room of all entries."""
        places = self._places()
        return QSize(160, round(places[-1][2]) + 10 if places else 2)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw name, share and bar of each class."""
        painter = QPainter(self)
        for guess, top, bar in self._places():
            if guess.beyond:
                self._paint_gap(painter, top - GAP / 2 - 2)
            self._paint_words(painter, guess, QRectF(0, top, self.width(), bar - top))
            self._paint_bar(painter, guess, bar)
        self.underline(painter)

    def _paint_gap(self, painter: QPainter, middle: float) -> None:
        """Draw three dots: less likely classes are left out."""
        for place in range(3):
            painter.fillRect(QRectF(place * 6, middle, 2, 2), self.theme.color("text_soft"))

    def _paint_words(self, painter: QPainter, guess: Guess, line: QRectF) -> None:
        painter.setFont(self._font(guess))
        painter.setPen(self.theme.color("text"))
        metrics, share = QFontMetricsF(painter.font()), numbers.share(guess.share)
        wide = self.width() - metrics.horizontalAdvance(share) - 8
        name = metrics.elidedText(f"✓ {guess.name}" if guess.right else guess.name, Qt.TextElideMode.ElideRight, wide)
        painter.drawText(line, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, name)
        painter.drawText(line, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, share)

    def _paint_bar(self, painter: QPainter, guess: Guess, top: float) -> None:
        painter.fillRect(QRectF(0, top, self.width(), 4), self.theme.color("unused"))
        color = self.theme.color("widths" if guess.right else "cost")
        filled = guess.share if guess.share == guess.share else 0.0
        painter.fillRect(QRectF(0, top, round(self.width() * filled), 4), color)
        if guess.other == guess.other:
            painter.setPen(self.theme.color("outline"))
            painter.drawRect(QRectF(0.5, top - 0.5, max(1, round(self.width() * guess.other) - 1), 4))


TERM_OF = {"Prediction": "verdict", "Loss": "picture_loss"}
"""Names of facts and their terms in the glossary."""


class SampleCard(QScrollArea):
    """Everything about the chosen picture, from top to bottom."""

    help_wanted = Signal(str)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.theme = theme
        self._facts = ""
        self.heading, self.facts = NameLabel(), TermText(theme, "soft", TERM_OF)
        self.verdict, self.note = NameLabel(), label("", "small", wrap=True)
        self.pixels, self.bars = Pixels(), GuessBars(theme)
        self.under, self.under_words = NameLabel("small"), NameLabel("soft")
        self.under_bars = GuessBars(theme)
        self.under_bars.setAccessibleName("Most likely classes under the selected configuration")
        self.heading.setAccessibleName("Chosen picture")
        self.pixels.scaled.connect(self._say_facts)
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
        self.pixels.show_image(QImage())
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
        self._facts, verdict, note = words
        for widget, text in ((self.heading, name), (self.verdict, verdict), (self.note, note)):
            _say(widget, text)
        self._say_facts()
        self.pixels.setVisible(not image.isNull())
        self.bars.setVisible(bool(guesses))

    def _say_facts(self) -> None:
        image, factor = self.pixels.image, self.pixels.factor
        size = f"{image.height()}×{image.width()} pixels{f', shown {factor:.0f}×' if factor > 1 else ''}"
        facts = (self._facts if image.isNull() else f"{size}\n{self._facts}").strip()
        self.facts.say(facts)
        self.facts.setVisible(bool(facts))

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


def _spoken(guess: Guess) -> str:
    return f"{guess.name} {numbers.share(guess.share)}{', the label' if guess.right else ''}"


def _say(widget: QLabel, text: str) -> None:
    widget.setText(text)
    widget.setVisible(bool(text))
