"""What each configuration reaches and what it costs."""

from __future__ import annotations

import numpy as np

from analysis.measures import selection
from analysis.measures.options import Option
from app.configuring.page import NO_LABELS, Page
from app.drawing.cost_plot import CostPlot, Dots
from app.drawing.legend import Key
from app.drawing.readout import Entry
from app.reading import numbers
from app.reading.configurations import Look, Pinned, Reading, macs_words, scatter
from app.reading.depth import Floats
from app.theme import Theme


class CostPage(Page):
    """The cost map."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, "Cost map")
        self.plot = CostPlot(theme)
        self.body.addWidget(self.plot, 1)
        self.define(self.plot, "pareto_front", "macs", "solved_alone")
        self.plot.dot_clicked.connect(self.configuration_chosen)
        self.plot.dot_hovered.connect(self._tell)

    def refresh(self, reading: Reading, look: Look) -> None:
        """Draw all configurations."""
        self.plot.set_note("" if reading.labelled else NO_LABELS)
        if not reading.labelled:
            self.claim.say("")
            self.plot.show_dots(None, 0)
            self.legend.show_keys(())
            return
        shade, words, ends = shade_of(reading)
        front = selection.pareto_front(reading.macs, reading.accuracy)
        listed = cost_alike(reading)
        x, by_hand_x = places(reading) if listed else (reading.macs.astype(np.float64), [p.macs for p in reading.pins])
        pins = tuple((p.label, float(at), p.accuracy) for p, at in zip(reading.pins, by_hand_x, strict=True))
        dots = Dots(x, reading.accuracy, reading.solved_alone, shade, front, pins, listed)
        other = self.other
        outline = None
        if other is not None:
            there = x if listed else other.aligned(other.reading.macs.astype(np.float64))
            outline = there, other.aligned(other.reading.accuracy)
        self.plot.show_dots(dots, look.configuration, outline)
        self.claim.say(claim(reading, front.tolist()))
        theme = self.theme
        keys = (
            Key("ring", "network as it is" if reading.own == "plain" else reading.own_network, theme.color("text")),
            Key("ring", "looked at", theme.color("accent")),
            Key("dot", f"{words} {ends[0]}", theme.heat(0.25)),
            Key("dot", ends[1], theme.heat(1.0)),
            Key("sizes", "larger: more pictures that it alone gets right", theme.color("text_soft")),
        )
        second = (Key("ring", other.name, theme.color("outline")),) if other is not None else ()
        by_hand = (Key("dot", "built by hand", theme.color("sharing")),) if reading.pins else ()
        self.legend.show_keys((*keys, *by_hand, *second))

    def _tell(self, number: int) -> None:
        """Tell what a dot reaches and costs, or a configuration built by hand."""
        place = number - len(self.reading.names) if self.reading is not None else -1
        if self.reading is None or not 0 <= place < len(self.reading.pins):
            self.tell_configuration(number)
        else:
            pin = self.reading.pins[place]
            self.told.emit(pin.label, pinned_entries(pin))


def cost_alike(reading: Reading) -> bool:
    """Tell whether everything costs the same; then cost orders nothing."""
    return len({int(macs) for macs in reading.macs} | {int(pin.macs) for pin in reading.pins}) == 1


def places(reading: Reading) -> tuple[Floats, list[float]]:
    """Place of every configuration, and of what was built by hand, in a list that falls by accuracy; from 1."""
    accuracy = np.append(reading.accuracy, [pin.accuracy for pin in reading.pins])
    place = np.empty(len(accuracy))
    place[np.argsort(-accuracy, kind="stable")] = np.arange(1, len(accuracy) + 1)
    count = len(reading.accuracy)
    return place[:count], place[count:].tolist()


def shade_of(reading: Reading) -> tuple[Floats, str, tuple[str, str]]:
    """Colour of each configuration between 0 and 1, what it means, and its two ends."""
    area = np.asarray(reading.result["last_map"], dtype=np.float64).prod(axis=1)
    field = np.asarray(reading.result["receptive_field"], dtype=np.float64).max(axis=1)
    if len(np.unique(area)) > 1:
        values, words = np.log2(np.maximum(area, 1)), "last map"
        ends = tuple(f"{value:.0f} positions" for value in (area.min(), area.max()))
    elif {name.partition(":")[0] for name in reading.names} == {"dil"}:
        values, words = total_dilation(reading), "total dilation"
        ends = tuple(f"{value:g}" for value in (values.min(), values.max()))
    else:
        values, words = field, "receptive field"
        ends = tuple(f"{value:,.0f} px" for value in (field.min(), field.max()))
    span = float(values.max() - values.min())
    shade = (values - values.min()) / span if span > 0 else np.zeros(len(values))
    return np.asarray(shade), words, (ends[0], ends[1])


def total_dilation(reading: Reading) -> Floats:
    """Sum of the dilations of all switch points, the mean of both axes, per configuration."""
    sizes = [[Option.read(f"dil{token}").size for token in name.partition(":")[2].split("|")] for name in reading.names]
    total: Floats = np.array(sizes, dtype=np.float64).mean(axis=2).sum(axis=1)
    return total


def pinned_entries(pin: Pinned) -> tuple[Entry, ...]:
    """List what is known of a configuration built by hand."""
    own = f"{numbers.percent(pin.plain)} {pin.reading.own}"
    reach = f"{numbers.percent(pin.accuracy)} ({own}, N = {len(pin.reading.rows):,})"
    return (
        Entry("", pin.details, "text_soft", term="by_hand"),
        Entry("accuracy", reach, "configurations", term="configuration_accuracy"),
        Entry("cost", macs_words(float(pin.macs)), "cost", term="macs"),
    )


def claim(reading: Reading, front: list[int]) -> str:
    """Say in one line where the network as it is lies."""
    best = front[-1]
    if cost_alike(reading):
        alike = f"All configurations cost the same, {macs_words(float(reading.macs[0]))}"
        place = int(places(reading)[0][0])
        return f"{alike} · sorted by accuracy, the {reading.own_network} is number {place} of {len(reading.names)}"
    words = "on the Pareto front" if 0 in front else "not on the Pareto front"
    top = f"best single one: {reading.names[best]}, {numbers.percent(float(reading.accuracy[best]))}"
    own = numbers.percent(float(reading.accuracy[0]))
    lead = float(reading.accuracy[best] - reading.accuracy[0])
    within = scatter(float(reading.accuracy[0]), reading.pictures_among(np.arange(len(reading.rows))))
    if lead < within:
        top = f"none is more accurate by more than the scatter of {100 * within:.1f} points"
        return f"The {reading.own_network} ({own}) is {words} · {top}"
    return f"The {reading.own_network} ({own}) is {words} · {top} on the same pictures, which flatters it"
