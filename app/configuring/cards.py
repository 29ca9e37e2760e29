"""The card of a picture under the configuration that is looked at, beside the network as it is."""

from __future__ import annotations

from app.browsing.thumbnails import Thumbnails
from app.drawing.answer_card import Answer, AnswerCard, Card, Ranked, Step
from app.reading import numbers
from app.reading.configurations import Look, Records, letter, macs_words
from app.theme import Theme

HINT = "Click a cell to see its picture, the most likely classes, and the sizes of the maps."


class PictureCard(AnswerCard):
    """A card that reads its picture when it is there.

    Parameters
    ----------
    thumbnails
        Where pictures come from.
    """

    def __init__(self, theme: Theme, thumbnails: Thumbnails) -> None:
        super().__init__(theme)
        self.thumbnails = thumbnails
        self._reading: Records | None = None
        self._look = Look()
        thumbnails.arrived.connect(self._again)

    def show_look(self, reading: Records, look: Look) -> None:
        """Show what is looked at."""
        self._reading, self._look = reading, look
        if look.row < 0:
            self.show_card(None, HINT)
            return
        place = int(reading.places[look.row])
        pictures = self.thumbnails.pictures
        if pictures is not None and place < len(pictures):
            self.thumbnails.want([place])
        self.show_card(card_of(reading, look, self.thumbnails))

    def _again(self) -> None:
        if self._reading is not None and self._look.row >= 0:
            self.show_card(card_of(self._reading, self._look, self.thumbnails))


def card_of(reading: Records, look: Look, thumbnails: Thumbnails) -> Card:
    """Collect what a card shows."""
    row, number = look.row, look.configuration
    place = int(reading.places[row])
    label = int(reading.label[row])
    name = reading.class_name(label) if label >= 0 else "no label"
    shown = (0,) if number == 0 else (0, number)
    answers = tuple(
        Answer(reading.own_network if k == 0 else reading.names[k], _ranked(reading, row, k, label)) for k in shown
    )
    return Card(f"#{place} · {name}", thumbnails.get(place), answers, steps_of(reading, number), _notes(reading, look))


def _ranked(reading: Records, row: int, number: int, label: int) -> tuple[Ranked, ...]:
    likely = reading.likely(row, number)
    return tuple(Ranked(reading.class_name(kind), share, kind == label) for kind, share in likely)


def steps_of(reading: Records, number: int) -> tuple[Step, ...]:
    """List the maps after every switch point, and the last one, beside those of the network as it is."""
    own, plain = reading.maps(number), reading.maps(0)
    names = [*(letter(place) for place in range(len(reading.points))), "last"]
    sort = reading.names[number].partition(":")[0]
    sort = "" if sort in ("mixed", "stride") else f"{sort} "
    tokens = [*(f"{sort}{reading.token(number, place)}" for place in range(len(reading.points))), ""]
    return tuple(Step(*parts) for parts in zip(names, tokens, own, plain, strict=True))


def _notes(reading: Records, look: Look) -> tuple[tuple[str, str], ...]:
    number = look.configuration
    ratio = float(reading.macs[number] / max(int(reading.macs[0]), 1))
    cost = macs_words(float(reading.macs[number])) + ("" if number == 0 else f" ({ratio:.2f} × {reading.own})")
    found = [(cost, "macs")]
    if reading.labelled:
        share = numbers.percent(float(reading.result["true_probability"][int(reading.rows[look.row]), number]))
        found.append((f"probability of the label: {share}", "true_probability"))
        found.append((f"right under {int(reading.right[look.row])} of {len(reading.names)}", "right_under"))
    return tuple(found)
