"""Which pixels one picture's score rests on under the network as it is, the best and the worst configuration."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout

from analysis.measures.attributions import algorithm
from app.configuring.page import Page
from app.drawing.attribution_board import AttributionBoard, Pane
from app.drawing.readout import Line
from app.forms.widgets import button
from app.reading import numbers
from app.reading.attribution_reading import Explanation, reaches
from app.reading.configuration_comparison import SecondConfigurations
from app.reading.configurations import Look, Reading
from app.reading.geometry_attribution import ALGORITHMS, compared
from app.theme import Theme

OPACITY = 0.8
HINT = "Select a picture in the matrix or in Samples, then press Explain."


class WhyPage(Page):
    """Grad-CAM above, integrated gradients below; one column per configuration."""

    explain_wanted = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, "Why")
        self.answers: dict[int, Explanation | None] = {}
        """What has been said so far, by configuration; None while it is being computed."""
        self.failures: dict[int, str] = {}
        """Why there is no answer for a configuration."""
        self.refusal = ""
        """Why these configurations cannot be explained, "" if they can."""
        self.board = AttributionBoard(theme)
        self.board.help_wanted.connect(self.help_wanted)
        self.explain = button("Explain", lambda: self.explain_wanted.emit(), tip="Attribute under these configurations")
        self.about = Line(theme)
        top = QHBoxLayout()
        top.setContentsMargins(12, 0, 8, 4)
        top.setSpacing(8)
        top.addWidget(self.explain)
        top.addWidget(self.about, 1)
        self.body.addLayout(top)
        self.body.addWidget(self.board, 1)

    def refresh(self, reading: Reading, look: Look) -> None:
        """Draw what has been explained."""
        self.explain.setEnabled(look.row >= 0 and not self.refusal)
        if self.refusal:
            self.claim.say("")
            self.about.say("")
            self.board.show_panes(None, (), OPACITY, self.refusal)
            return
        if look.row < 0:
            self.claim.say("")
            self.board.show_panes(None, (), OPACITY, HINT)
            return
        chosen = compared(reading, look.row)
        missing = [number for _, number in chosen if number not in self.answers]
        self.explain.setEnabled(bool(missing))
        scored = "the score of the label is explained" if reading.labelled else "the answer is explained"
        said, self.why_not = second_claim(self.other, look)
        self.about.say(
            said or f"{scored} · Grad-CAM above, integrated gradients (IG) below; best and worst by {by(reading)}"
        )
        self.claim.say(claim(reading, look, chosen))
        shown = [answer for answer in self.answers.values() if answer is not None]
        if not shown:
            words = "Press Explain to see which pixels count." if missing else "Explaining …"
            words = next(iter(self.failures.values()), words)
            self.board.show_panes(None, (), OPACITY, words)
            return
        self.board.show_panes(shown[0].picture, self.panes(reading, chosen), OPACITY)

    def panes(self, reading: Reading, chosen: tuple[tuple[str, int], ...]) -> tuple[Pane, ...]:
        """One pane for each algorithm and configuration, in rows of algorithms."""
        found = []
        for name in ALGORITHMS:
            for words, number in chosen:
                title, caption = f"{words} {reading.names[number]}", algorithm(name).title
                answer = self.answers.get(number)
                maps = {item.algorithm.name: item for item in answer.maps()} if answer is not None else {}
                if name in maps and maps[name].arrived:
                    item = maps[name]
                    reach = reaches((item,), shared=False)[0]
                    words = f"IG, {item.caption}" if item.caption else caption
                    found.append(Pane(title, words, item.values, reach, "", item.verdict, item.tip))
                else:
                    note = self.failures.get(number) or ("…" if number in self.answers else "Press Explain.")
                    found.append(Pane(title, caption, note=note))
        return tuple(found)


def by(reading: Reading) -> str:
    """Say what makes a configuration the best."""
    return "loss" if reading.labelled else "confidence"


def claim(reading: Reading, look: Look, chosen: tuple[tuple[str, int], ...]) -> str:
    """Say in one line what the three configurations answer."""
    place = int(reading.places[look.row])
    parts = [f"#{place}" + (f" {reading.class_name(int(reading.label[look.row]))}" if reading.labelled else "")]
    for words, number in chosen:
        answer = reading.class_name(int(reading.prediction[look.row, number]))
        share = numbers.percent(float(reading.table("confidence")[look.row, number]))
        parts.append(f"{words} {reading.names[number]}: {answer} {share}")
    return " · ".join(parts)


def second_claim(other: SecondConfigurations | None, look: Look) -> tuple[str, str]:
    """Say in one line what the best and worst configuration of the second network answer; and why nothing is said."""
    if other is None:
        return "", ""
    if other.why_no_pictures:
        return "", other.why_no_pictures
    row = int(other.rows[look.row])
    if row < 0:
        return "", "it has not seen this picture"
    said = claim(other.reading, Look(0, row), compared(other.reading, row)).partition(" · ")[2]
    return f"{other.name}: {said}", ""
