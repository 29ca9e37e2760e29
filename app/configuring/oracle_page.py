"""The oracle beside what it has to be compared with, and how it grows with the number of configurations."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QScrollArea, QSplitter

from analysis.measures import oracles
from analysis.measures.findings import ALIKE, GROUPINGS, LABEL
from app.configuring.offer import Offer
from app.configuring.page import NO_LABELS, Page, interval
from app.drawing.bar_rows import Bar, BarRow, BarRowsPlot
from app.drawing.count_axis import CountAxis
from app.drawing.curves import Curve, CurvePlot, Guide
from app.drawing.legend import Key
from app.reading import numbers
from app.reading.chance import POOLS, Gain, Pool, jitter_gain
from app.reading.configuration_comparison import SecondConfigurations, both
from app.reading.configurations import Look, Pinned, Reading, Row
from app.theme import Theme

SOON = "so far, {done:,} of {total:,} pictures · intervals and held-out measures come when all are finished"
LOWEST_CURVE = 130
"""Pixels of the height below which the curve says nothing, with letters of the usual size."""
LOWEST = -0.25
"""Where the axis begins at the latest: what lies below is cut, and its number stands beside."""
SHORT = {"perturbation": "disturbed", "jitter": "jittered"}
TERM_OF = {
    "plain accuracy": "plain_accuracy",
    "best static": "best_static",
    "mean of one configuration": "mean_configuration",
    "any-correct oracle": "any_correct",
    "best-loss oracle": "best_loss",
    "all-correct": "all_correct",
    "independence ceiling": "independence_ceiling",
    "matched list": "matched_list",
    "shuffled labels": "shuffled_labels",
    "oracle beyond list": "oracle_beyond_list",
    "kappa": "oracle_kappa",
}
"""Term of each measure in the glossary."""
ALONE = "One configuration alone: all oracles are its accuracy, and nothing grows."
HUES = {"perturbation": "sharing", "jitter": "bundles"}


class OraclePage(Page):
    """Numbers with intervals above, the growth curve below."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, "Oracle and chance")
        self.pools: tuple[Pool, ...] = ()
        self.rows = BarRowsPlot(theme, "Oracle beside its references", "", "share of pictures")
        self.growth = CurvePlot(
            theme, "Growth of the oracle", "configurations or copies", "right by at least one of k", log_x=True
        )
        self.growth.y_axis.text = _percent
        self.growth.y_axis.apart = 26.0  # the plot is low
        self.growth.axes.remove(self.growth.x_axis)
        self.growth.scene().removeItem(self.growth.x_axis)
        self.growth.x_axis = CountAxis(theme, "bottom", log=True, title="configurations or copies k")
        self.growth.add_axis(self.growth.x_axis)
        self.growth.item.axes = (self.growth.x_axis, self.growth.y_axis)
        halves = QSplitter(Qt.Orientation.Vertical)
        halves.setHandleWidth(3)
        halves.setChildrenCollapsible(False)
        halves.addWidget(self.rows)
        halves.addWidget(self.growth)
        halves.setSizes([300, 220])
        self.room = QScrollArea()  # in a low window both halves are scrolled to, and neither is squeezed
        self.room.setAccessibleName("Oracle, its references and its growth")
        self.room.setFrameShape(QFrame.Shape.NoFrame)
        self.room.setWidgetResizable(True)
        self.room.setWidget(halves)
        self.offer = Offer(theme, "Measure chance pools", lambda: self.measure_wanted.emit(POOLS))
        self.claim_row.addWidget(self.offer)
        self.body.addWidget(self.room, 1)
        self.define(self.rows, "any_correct", "matched_list", "static_gain", "oracle_kappa")
        self.define(self.growth, "oracle_growth", "chance_pool")

    def refresh(self, reading: Reading, look: Look) -> None:
        """Draw the header and the growth curve."""
        if not reading.labelled:
            self._show_unlabelled(reading)
            return
        total = len(reading.result["measured"])
        words = "" if reading.settled else SOON.format(done=len(reading.rows), total=total)
        self.rows.set_title(" · ".join(part for part in (words, pool_words(self.pools)) if part))
        self.rows.set_note("")
        rows = rows_of(reading, self.pools, self.other)
        self.rows.setMinimumHeight(self.rows.height_of(len(rows)))
        self.growth.setMinimumHeight(round(self.growth.grown(LOWEST_CURVE)))
        lowest = min((bar.low for row in rows for bar in row.bars if bar.low < 0), default=0.0)
        ends = [end for row in rows for bar in row.bars for end in (bar.value, bar.outline) if end < 0]
        lowest = min(lowest, *ends, 0.0)
        self.rows.show_rows(rows, (min(0.0, max(LOWEST, math.floor(20 * lowest) / 20)), 1.0))
        self._show_growth(reading)
        self.claim.say(claim(reading), compared_words(reading, self.other))
        self.why_not = self.other.why_no_choices if self.other is not None else ""
        theme = self.theme
        keys = (
            Key("bar", "one choice for all pictures", theme.color("widths")),
            Key("frame", "upper bound", theme.color("configurations")),
            Key("bar", "its chance references", theme.color("cost")),
            Key("bar", "what is left, held out or corrected", theme.color("configurations")),
            Key("dash", "95 % interval", theme.color("text")),
        )
        pools = tuple(
            Key("dash", f"{pool.name} pool" + ("" if pool.matched else f", {pool.why_not}"), theme.color(hue_of(pool)))
            for pool in self.pools
        )
        self.legend.show_keys((*keys, *pools, *self.outline_key()))

    def _show_growth(self, reading: Reading) -> None:
        if len(reading.names) == 1:
            self.growth.show_curves(())
            self.growth.set_note(ALONE)
            return
        curve = oracles.growth_curve(reading.correct[:, reading.effective])
        curves = [Curve(_log(len(curve)), curve, hue="configurations")]
        if self.other is not None and self.other.same_configurations:
            theirs = oracles.growth_curve(self.other.reading.correct[:, self.other.reading.effective])
            curves.insert(0, Curve(_log(len(theirs)), theirs, hue="outline"))
        for pool in self.pools:
            known = pool.growth[np.isfinite(pool.growth)]
            curves.append(Curve(_log(len(known)), known, hue=hue_of(pool), dashed=True))
        plain, chance = float(reading.accuracy[0]), oracles.shuffled_oracle(reading.prediction, reading.label)
        least = min(plain, *(float(drawn.y[0]) for drawn in curves))
        low = max(0.0, math.floor(20 * least - 1) / 20)
        below = f" {numbers.percent(chance)} ▾" if chance < low else ""
        references = (
            (plain, reading.own, "widths"),
            (reading.list_accuracy, f"equally long list of the {reading.own_network}", "cost"),
        )
        guides = merged((*references, (chance, f"shuffled labels{below}", "cost")), 0.16 * (1 - low))
        self.growth.show_curves(tuple(curves), guides)
        self.growth.set_note("")
        home = ((-0.02, float(np.log10(max(2, len(curve)))) * 1.02), (low, 1.0 + 0.06 * (1 - low)))
        if self.growth.home != home:
            self.growth.set_home(*home)

    def _show_unlabelled(self, reading: Reading) -> None:
        """Say what can be said of pictures without labels."""
        answers = oracles.distinct_answers(reading.prediction)
        equal = (reading.prediction == reading.prediction[:, :1]) & (reading.prediction >= 0)
        same = np.asarray(equal.mean(axis=1))
        entropy = reading.table("entropy")
        shares = (
            (f"answers like the {reading.own_network}", float(same.mean())),
            ("one answer only", float((answers == 1).mean())),
        )
        self.rows.set_note("")
        self.rows.show_rows(tuple(BarRow(name, (Bar(share, "widths"),), _percent(share)) for name, share in shares))
        self.growth.show_curves(())
        self.growth.set_note("Without labels there is no oracle.")
        spread = f"{answers.mean():.2f} different answers a picture · mean entropy {entropy[:, 0].mean():.2f} nats"
        self.claim.say(f"{spread} {reading.own}, {entropy.mean():.2f} over all", NO_LABELS)
        self.legend.show_keys(())


def merged(references: tuple[tuple[float, str, str], ...], apart: float) -> tuple[Guide, ...]:
    """Make a line for every reference; those too close for two labels share one, the highest first."""
    found: list[Guide] = []
    for at, words, hue in sorted(references, reverse=True):
        if found and found[-1].at - at < apart:
            found[-1] = replace(found[-1], label=f"{found[-1].label} · {words}")
            words = ""
        found.append(Guide("y", at, words, hue=hue))
    return tuple(found)


def _log(count: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.asarray(np.log10(np.arange(1, count + 1, dtype=np.float64)))


def _percent(share: float) -> str:
    return f"{100 * share:.0f}{numbers.SPACE}%"


def _row(
    name: str, row: Row, hue: str, hollow: bool = False, rule: bool = False, theirs: float = math.nan, term: str = ""
) -> BarRow:
    text = " · ".join(words for words in (interval(row), both(row[0], theirs)) if words)
    return BarRow(name, (Bar(row[0], hue, row[1], row[2], hollow, theirs),), text, rule, term=term)


def hue_of(pool: Pool) -> str:
    """Colour of a pool: grey where it does not compare."""
    return HUES.get(pool.name, "cost") if pool.matched else "cost"


def pool_words(pools: tuple[Pool, ...]) -> str:
    """Say what chance pools were run on, and which of them do not compare; "" without any."""
    if not pools:
        return ""
    apart = ", ".join(pool.name for pool in pools if not pool.matched)
    first = f"chance pools: N = {pools[0].count:,}" if pools[0].count else "chance pools"
    if not apart:
        return first
    return f"{first} · a configuration {numbers.percent(pools[0].wanted)} · not matched, so no comparison: {apart}"


def _beside(pool: Pool) -> BarRow:
    """Row of a chance pool: how much more as many configurations reach, if the two compare."""
    name = f"oracle − {SHORT.get(pool.name, pool.name)}, k = {pool.guesses or len(pool.growth)}"
    if pool.matched:
        return _row(name, pool.beyond, "configurations", term="oracle_beyond_pool")
    return BarRow(
        name, (Bar(math.nan, "configurations"),), "not matched: no comparison", faint=True, term="oracle_beyond_pool"
    )


def _by_loss(reading: Reading, best: BarRow) -> list[BarRow]:
    """Rows of the configurations of least, middle and highest loss of each picture, with top-5 and mean loss."""
    found = []
    for sort, words in (("best", best.name), ("median", "median loss"), ("worst", "worst loss")):
        row = (
            best if sort == "best" else _row(words, reading.measure(f"{sort}-loss accuracy"), "cost", term="best_loss")
        )
        top, loss = (reading.measure(f"{sort}-loss {part}")[0] for part in ("top-5", "mean loss"))
        parts = [f"top-5 {numbers.percent(top)}"] * math.isfinite(top) + [f"loss {loss:.2f}"] * math.isfinite(loss)
        text = " · ".join((row.text, *parts))
        found += [replace(row, text=text)] if math.isfinite(row.bars[0].value) else []
    return found


def _rescue(reading: Reading) -> BarRow:
    """Row of what is wrong plain and right under some configuration, beside as many random guesses."""
    share, chance, corrected = (reading.measure(f"rescue{end}")[0] for end in ("", " by chance", " corrected"))
    if not math.isfinite(share):
        nothing = reading.settled and float(reading.accuracy[0]) == 1
        words = "nothing to rescue" if nothing else numbers.NOTHING
        return BarRow("rescue", (Bar(math.nan, "configurations"),), words, term="rescue")
    beside = f"chance {numbers.percent(chance)} · corrected {numbers.percent(corrected)}".replace("-", "−")
    return BarRow(
        "rescue: upper bound",
        (Bar(share, "configurations", hollow=True),),
        f"{numbers.percent(share)} · {beside}",
        term="rescue",
    )


def _pinned(pin: Pinned) -> BarRow:
    """Row of a configuration built by hand: its accuracy, and that of the plain network on the same pictures."""
    text = f"{numbers.percent(pin.accuracy)} · {100 * (pin.accuracy - pin.plain):+.1f} points".replace("-", "−")
    return BarRow(pin.name, (Bar(pin.accuracy, "sharing"),), text, term="by_hand")


def rows_of(reading: Reading, pools: tuple[Pool, ...], other: SecondConfigurations | None = None) -> tuple[BarRow, ...]:
    """Rows of the header: plain and static, oracles with their references, and what does not rise by chance.

    A second network that tried the same configurations is framed, and its numbers stand beside with the difference.
    """
    if not len(reading.rows):
        return ()
    measure = reading.measure
    second = other.reading if other is not None and other.same_configurations else None

    def row(words: str, name: str, hue: str, hollow: bool = False, rule: bool = False) -> BarRow:
        theirs = second.measure(name)[0] if second else math.nan
        gain = "static_gain_shuffled" if name.endswith("shuffled") else "static_gain"
        return _row(words, measure(name), hue, hollow, rule, theirs, TERM_OF.get(name, gain))

    effective = measure("effective configurations")[0]
    differ = f" · {effective:.0f} differ" if math.isfinite(effective) else ""
    top = row(f"any right of {len(reading.names)}: upper bound", "any-correct oracle", "configurations", True, True)
    own = reading.plain_accuracy
    found = [
        *([_row("plain accuracy", own, "widths", term="plain_accuracy")] if own is not None else []),
        row(f"{reading.own} accuracy", "plain accuracy", "widths"),
        row("best static, held out", "best static", "widths"),
        row("one configuration, mean", "mean of one configuration", "widths"),
        *(_pinned(pin) for pin in reading.pins),
        replace(top, text=f"{top.text}{differ}"),
        *_by_loss(reading, row("least loss: upper bound", "best-loss oracle", "configurations", True)),
        _rescue(reading),
        row("right under all", "all-correct", "widths"),
        row("if all were independent", "independence ceiling", "cost"),
        row("equally long list", "matched list", "cost"),
        row("shuffled labels", "shuffled labels", "cost"),
        row("oracle − list", "oracle beyond list", "configurations", rule=True),
        *(_beside(pool) for pool in pools),
        row("κ of the oracle", "kappa", "configurations"),
    ]
    rule = True
    for name in (name for name in GROUPINGS if name != LABEL):
        words, why_not = f"static gain by {name}", reading.why_no_gain(name)
        if reading.settled and why_not and why_not != ALIKE:
            bars = (Bar(math.nan, "configurations"),)
            found.append(BarRow(words, bars, why_not, rule, faint=True, term="static_gain"))
            rule = False
        elif not why_not and math.isfinite(measure(words)[0]):
            found.append(row(words, words, "configurations", rule=rule))
            found.append(row("shuffled groups", f"{words}, shuffled", "cost"))
            found += _jittered(jitter_gain(pools, name))
            rule = False
    return tuple(found)


def _jittered(gain: Gain | None) -> list[BarRow]:
    """Rows of the second control: jittered weights, and as many configurations on the same pictures."""
    if gain is None:
        return []
    term = "static_gain_shuffled"
    if gain.why_not:
        return [BarRow("jittered weights", (Bar(math.nan, "cost"),), gain.why_not, faint=True, term=term)]
    name = f"{gain.guesses} configurations, N = {gain.pictures:,}"
    same = [_row(name, gain.same, "configurations", term="static_gain")] if math.isfinite(gain.same[0]) else []
    return [*same, _row(f"{gain.guesses} jittered copies", gain.pool, "cost", term=term)]


def compared_words(reading: Reading, other: SecondConfigurations | None) -> str:
    """Say on hovering how the second network compares, and why nothing is drawn of it where nothing is."""
    if other is None:
        return ""
    if not other.same_configurations:
        return f"{other.name} was tried with other configurations, so that its oracle does not compare."
    return f"{other.name}: upper bound {both(reading.oracle, other.reading.oracle)}"


def claim(reading: Reading) -> str:
    """Say in one line what the oracle is worth."""
    top = numbers.percent(reading.oracle)
    early = (
        "" if reading.settled else f"So far, {len(reading.rows):,} of {len(reading.result['measured']):,} pictures: "
    )
    own = f"{numbers.percent(float(reading.accuracy[0]))} {reading.own}"
    words = f"{early}{'u' if early else 'U'}pper bound {top} from {own}"
    value, low, high = reading.measure("oracle beyond list")
    if not math.isfinite(value):
        return f"{words} · {numbers.percent(reading.list_accuracy)} by an equally long list"
    if low <= 0 <= high:
        return f"{words} · no more than an equally long list gives"
    side = "above" if value > 0 else "below"
    return f"{words} · {abs(100 * value):.1f} points {side} an equally long list"
