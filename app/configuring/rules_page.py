"""Rules that choose without the label: what is left of the oracle, and what it costs."""

from __future__ import annotations

import math

from analysis.measures.selection import Policy
from app.configuring.offer import Offer
from app.configuring.page import NO_LABELS, Page
from app.drawing.bar_rows import Bar, BarRow, BarRowsPlot
from app.drawing.legend import Key
from app.drawing.readout import Entry
from app.reading import numbers
from app.reading.chance import CHOOSER
from app.reading.configuration_comparison import both
from app.reading.configurations import Look, Reading, macs_words, scatter
from app.theme import Theme

OWN = "network as it is"
"""Name of the rule that always keeps configuration 0, see :func:`analysis.measures.selection.policies`."""


class RulesPage(Page):
    """Bars from the network as it is to the oracle."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, "Rules without labels")
        self.learned: tuple[Policy, ...] = ()
        self.plot = BarRowsPlot(theme, "Accuracy of rules", "gap closed and mean cost at the right", "accuracy")
        self.offer = Offer(theme, "Train a chooser", lambda: self.measure_wanted.emit(CHOOSER))
        self.body.addWidget(self.offer)
        self.body.addWidget(self.plot, 1)
        self.define(self.plot, "gap_closed", "policy_accuracy")
        self.plot.row_hovered.connect(self._hover)
        self._told: tuple[Policy, ...] = ()

    def refresh(self, reading: Reading, look: Look) -> None:
        """Draw all rules."""
        enough = reading.halvable
        self.plot.set_note("" if enough else NO_LABELS if not reading.labelled else "Too few pictures for two halves.")
        found = reading.policies if enough else ()
        learned = self.learned if enough else ()
        self._told = (*found, *learned)
        count = reading.pictures_among(reading.halves[1]) if enough else 0
        half = f" · N = {count:,}, half of the pictures" if enough else ""
        self.plot.set_title(f"gap closed and mean cost at the right{half}")
        theirs = self._second()
        own = OWN if reading.own == "plain" else reading.own_network
        rows = (
            *(_row(rule, own, theirs=theirs.get(rule.name, math.nan)) for rule in found),
            *(_row(rule, own, "chooser: ", n == 0) for n, rule in enumerate(learned)),
        )
        self.plot.show_rows(rows, (0.0, 1.0), ((found[0].accuracy, "text_soft"),) if found else ())
        self.claim.say(claim(found, learned, reading.own_network, count) if found else "")
        keys = (
            Key("bar", "rule, on the half that nothing was fitted on", self.theme.color("widths")),
            Key("frame", "upper bound: needs the label", self.theme.color("configurations")),
            Key("dash", reading.own_network, self.theme.color("text_soft")),
        )
        self.legend.show_keys((*keys, *(self.outline_key() if theirs else ())) if found else ())

    def _second(self) -> dict[str, float]:
        """Accuracy of the rules in the second network, by their names; {} where it does not compare."""
        other = self.other
        if other is None:
            return {}
        few = not other.reading.halvable
        self.why_not = other.why_no_choices or ("it has too few pictures for two halves" if few else "")
        return {} if self.why_not else {rule.name: rule.accuracy for rule in other.reading.policies}

    def _hover(self, row: int) -> None:
        if not 0 <= row < len(self._told):
            self.told.emit("", ())
            return
        rule = self._told[row]
        found: tuple[Entry, ...] = (
            Entry("accuracy", numbers.percent(rule.accuracy), "widths", term="policy_accuracy"),
            Entry("gap closed", gap_words(rule.gap_closed), "text_soft", term="gap_closed"),
            Entry("mean cost", macs_words(rule.macs), "cost", term="macs"),
        )
        outline = self.plot.rows[row].bars[0].outline
        if self.other is not None and math.isfinite(outline):
            found = (*found, Entry(self.other.name, both(rule.accuracy, outline), "outline", term="compared"))
        self.told.emit(rule.name, found)


def gap_words(gap: float) -> str:
    """Words for a part of the way to the oracle."""
    return f"{100 * gap:+.0f}{numbers.SPACE}%".replace("-", "−") if math.isfinite(gap) else numbers.NOTHING


def _row(rule: Policy, own: str, before: str = "", rule_above: bool = False, theirs: float = math.nan) -> BarRow:
    bound = rule.name.startswith("oracle")
    hue = "configurations" if bound else "widths"
    text = " · ".join((numbers.percent(rule.accuracy), gap_words(rule.gap_closed), macs_words(rule.macs)))
    short = {"oracle (upper bound)": "oracle", "oracle of candidates": "candidates", "oracle of all": "all", OWN: own}
    name = short.get(rule.name, rule.name)
    words = f"{before}{name}" if not bound else f"{before}{name}: upper bound".replace("chooser: ", "")
    return BarRow(words, (Bar(rule.accuracy, hue, hollow=bound, outline=theirs),), text, rule_above)


def claim(found: tuple[Policy, ...], learned: tuple[Policy, ...], own: str = "plain network", count: int = 0) -> str:
    """Say in one line whether any rule helps.

    Parameters
    ----------
    own
        Words for the network of configuration 0.
    count
        Pictures that accuracies are shares of: a difference within their scatter is called none; 0 to call none so.
    """
    # A chooser has halves of its own, so each rule is compared with configuration 0 of its own half.
    usable = [
        (rule.accuracy - several[0].accuracy, rule)
        for several in (found, learned)
        for rule in several
        if not rule.name.startswith(("oracle", "network"))
    ]
    lead, best = max(usable, key=lambda pair: pair[0])
    gain = 100 * lead
    if gain <= 0:
        return f"No rule is better than the {own} ({numbers.percent(found[0].accuracy)} on this half)"
    if count and lead < scatter(found[0].accuracy, count):
        within = f"within the ±{100 * scatter(found[0].accuracy, count):.1f} of {count:,} pictures"
        return f"No rule is clearly better than the {own}: the best, {best.name}, gains {gain:.1f} points, {within}"
    part = f", {gap_words(best.gap_closed)} of the way to the upper bound" if math.isfinite(best.gap_closed) else ""
    return f"Best rule: {best.name}, {gain:+.1f} points{part} · all numbers on the half that nothing was fitted on"
