"""What is said below attributions: how they were made, what has to be minded, and what can be done next."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.drawing.readout import Line
from app.forms.attribution_links import AttributionLinks
from app.forms.second_offer import SecondOffer
from app.reading import attribution_answers as answering
from app.reading import attribution_asking as asking
from app.reading import attribution_reading as reading
from app.reading import conditions
from app.reading.asking_second import of_second
from app.reading.attribution_answers import Answers
from app.reading.attribution_turn import Turn
from app.reading.attribution_wish import Wish
from app.theme import Theme
from app.workspace import Run, Workspace

OWN_SCALES = "each map has its own colour scale"
SHARED = {1: "one colour scale for all maps", 2: "one colour scale for each network"}
"""What is said of a shared scale, by the number of networks that are shown."""


class AttributionFooter(QWidget):
    """Links, then badges, then facts; each there only while it says something."""

    def __init__(self, workspace: Workspace, theme: Theme) -> None:
        super().__init__()
        self.workspace = workspace
        self.links = AttributionLinks(theme)
        self.badges, self.facts = Line(theme, "small", "warning"), Line(theme)
        self.ask_second = SecondOffer(workspace, "Show its attributions")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 0, 12, 6)
        layout.setSpacing(0)
        for part in (self.links, self.badges, self.facts):
            layout.addWidget(part)
        layout.addWidget(self.ask_second, alignment=Qt.AlignmentFlag.AlignLeft)

    def show_words(
        self, turn: Turn, answers: Answers, busy: Run | None, wish: Wish, unknown: str, shared: bool
    ) -> None:
        """Say it of the pictures that are shown.

        Parameters
        ----------
        busy
            The run that explains one of them now.
        unknown
            Why the class that is wanted is none, "" if it is one.
        shared
            True if all maps of a network have one colour scale.
        """
        own = answering.own_of(answers)
        shown = answering.maps_of(own)
        parts = [
            _progress(busy),
            *reading.facts_of(shown),
            (SHARED[max(map(len, answers.values()))] if shared else OWN_SCALES) if shown else "",
            self._say_second(answers, wish),
        ]
        details = conditions.details(own[0].found.run.result) if own else ""
        self.facts.say(" · ".join(part for part in parts if part), details)
        known = busy is None and (bool(own) or turn.several)
        failed = answering.failure_words(self.workspace, wish, turn.places) if known else ""
        self.badges.say(answering.badges(self.workspace, wish, own, unknown, failed))
        self.badges.setVisible(bool(self.badges.text))
        alone = own[0].maps.get("layer_conductance") if own and not turn.several else None
        verdicts = [(item.algorithm.name, item.verdict) for item in shown]
        self.links.show_links(alone, asking.more_steps(wish, verdicts) if busy is None else 0)

    def _say_second(self, answers: Answers, wish: Wish) -> str:
        """Offer what is missing of a second network; return why it is missing."""
        workspace = self.workspace
        missing = [place for place, found in answers.items() if len(found) == 1]
        second = reading.second_explanation(workspace, missing[0]) if missing else None
        asked = second is not None and bool(wish.algorithms)
        self.ask_second.offer(of_second(workspace, asking.request(workspace, wish, *missing)) if asked else None)
        return second[2] if second is not None else ""


def _progress(run: Run | None) -> str:
    step = run.result.progress if run else None
    if step is None or not step.total:
        return "" if run is None else "waiting" if run.state == "queued" else "reading"
    return f"{step.text}, {step.done:,} of {step.total:,}"
