"""One picture closely: its pixels, its most likely classes, and what is said of its preparation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from analysis.request import Preprocessing
from app.browsing.boxes import Percent
from app.browsing.sample_card import BAR, ROOM, GuessBars, Pixels, SampleCard
from app.browsing.thumbnails import image_of
from app.reading.sample_words import preparation_words
from app.reading.samples import Guess
from app.theme import Theme
from tests.gestures import settle, show, theme

__all__ = ["theme"]
FIVE = tuple(Guess(f"class {number}", 0.5 / 2**number, number == 1) for number in range(5))
BEYOND = Guess("rare", 0.001, True, beyond=True)


def picture(height: int, width: int) -> Any:
    return image_of(np.full((height, width, 3), 200, dtype=np.uint8))


def test_words_about_the_preparation() -> None:
    words = preparation_words(Preprocessing((0.5,), (0.25,), (224, 224), "bicubic", 0.875, source="network"))
    for part in ("224×224", "bicubic", "87.5 %", "mean 0.5", "std 0.25", "as the network was trained"):
        assert part in words
    assert preparation_words(Preprocessing()).endswith("assumed.")
    assert preparation_words(None) == ""


def test_a_picture_of_the_right_size_is_not_called_resized() -> None:
    wanted = Preprocessing((0.5,), (0.25,), (32, 32), "bilinear")
    assert "resized" not in preparation_words(wanted, (32, 32))
    assert "resized to 32×32" in preparation_words(wanted, (32, 40))
    cropped = Preprocessing((0.5,), (0.25,), (32, 32), "bilinear", 0.875)
    assert "central 87.5 %" in preparation_words(cropped, (32, 32))


@pytest.mark.parametrize(("size", "width", "high"), [((32, 32), 156, 128), ((32, 32), 900, 320), ((300, 600), 180, 90)])
def test_the_picture_takes_no_more_height_than_it_has(size: Any, width: int, high: int, qtbot: QtBot) -> None:
    pixels = Pixels()
    qtbot.addWidget(pixels)
    show(pixels, width, 300)
    pixels.show_image(picture(*size))
    assert pixels.height() == high <= ROOM
    assert pixels.factor == pytest.approx(high / size[0])


def test_a_scroll_bar_that_comes_and_goes_does_not_change_it_for_ever(qtbot: QtBot) -> None:
    pixels = Pixels()
    qtbot.addWidget(pixels)
    scaled: list[int] = []
    pixels.scaled.connect(lambda: scaled.append(pixels.height()))
    show(pixels, 164, 300)
    pixels.show_image(picture(32, 32))
    for width in (150, 164, 150, 164, 150 + BAR, 150):  # as a scroll bar takes and gives them
        pixels.resize(width, pixels.height())
    assert scaled == [160, 128]
    pixels.resize(164 + 2 * BAR, 128)
    assert pixels.height() == 192


def test_the_card_finds_its_size_at_every_height(theme: Theme, qtbot: QtBot) -> None:
    card = SampleCard(theme)
    qtbot.addWidget(card)
    show(card, 200, 700)
    card.show_sample("x", picture(28, 28), FIVE, ("Label: a", "", "Shown as stored, and a few words more."))
    scaled: list[int] = []
    card.pixels.scaled.connect(lambda: scaled.append(0))
    for height in range(300, 520, 4):
        card.resize(200 + height % 3, height)
        settle()
    assert len(scaled) < 20
    factor = f"shown {card.pixels.factor:.0f}×"
    assert factor in card.facts.words


def test_the_label_is_recognisable_without_its_colour(theme: Theme, qtbot: QtBot) -> None:
    bars = GuessBars(theme)
    qtbot.addWidget(bars)
    show(bars, 200, 200)
    bars.show_guesses(FIVE)
    assert [bars._font(guess).bold() for guess in bars.guesses] == [False, True, False, False, False]
    assert "class 1 25.0\xa0%, the label" in bars.accessibleDescription()
    plain = bars.sizeHint().height()
    bars.show_guesses((*(Guess(g.name, g.share, False) for g in FIVE), BEYOND))
    tops = [top for _, top, _ in bars._places()]
    steps = np.diff(tops)
    assert steps[:4] == pytest.approx(steps[0])
    assert steps[4] > steps[0]  # room for the dots
    assert bars.sizeHint().height() == pytest.approx(plain + steps[4], abs=1)


def test_confidence_is_set_finely_where_it_is_crowded(qtbot: QtBot) -> None:
    box = Percent("Least confidence", 0.0)
    qtbot.addWidget(box)
    seen = []
    for _ in range(45):
        box.stepBy(1)
        seen.append(box.value())
    assert seen[:2] == [5, 10]
    assert seen[17:20] == [90, 91, 92]
    assert seen[26:29] == pytest.approx([99, 99.1, 99.2])
    assert seen[35:38] == pytest.approx([99.9, 99.91, 99.92])
    assert seen[44] == 99.99
    for expected in reversed([0, *seen[:-1]]):
        box.stepBy(-1)
        assert box.value() == pytest.approx(expected)
    box.stepBy(1000)
    assert (box.value(), box.share) == (100, 1.0)
    for share, words in ((0.995, "99.5 %"), (0.99995, "99.995 %"), (0.0, "0 %"), (1.0, "100 %")):
        box.set_share(share)
        assert box.share == share
        assert box.text() == words
