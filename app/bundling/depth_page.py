"""Depth profile of one checkpoint."""

from __future__ import annotations

import numpy as np

from app.bundling.page import Page
from app.drawing.bundle_profile import Profile, ProfileLine, ProfilePlot, SharesPlot
from app.drawing.legend import Key
from app.reading import numbers
from app.reading.bundle_comparison import SecondReading
from app.reading.bundles import Reading
from app.reading.measurements import NON_FINITE, ZERO
from app.theme import Theme


class DepthPage(Page):
    """Lines of n/N and H above, where the pictures are below."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, "Depth profile")
        self.lines, self.bars = ProfilePlot(theme), SharesPlot(theme)
        self.define("bundles", "entropy", "samples_in_conflict", "samples_bundled")
        self.bars.box.setXLink(self.lines.box)
        self.body.addWidget(self.lines, 5)
        self.body.addWidget(self.bars, 4)
        for plot, other in ((self.lines, self.bars), (self.bars, self.lines)):
            plot.point_clicked.connect(self.point_chosen)
            plot.point_hovered.connect(self.tell_point)
            plot.point_hovered.connect(other.show_crosshair)
            plot.point_hovered.connect(plot.show_crosshair)
            plot.stepped.connect(self._step)

    def refresh(self) -> None:
        """Draw the checkpoint that is looked at."""
        reading, checkpoint = self.reading, self.look.checkpoint
        if reading is None or checkpoint < 0:
            return
        profile = profile_of(reading, checkpoint, self.other)
        for plot in (self.lines, self.bars):
            plot.set_axis(reading.axis)
            plot.select(self.look.point)
        self.lines.show_profile(profile)
        other = self.other
        self.bars.show_shares(
            reading.shares(checkpoint),
            other.values(other.reading.value("conflict"), checkpoint) if other is not None else None,
        )
        self.claim.say(claim(reading, checkpoint))
        self._show_keys(reading, profile)

    def _show_keys(self, reading: Reading, profile: Profile) -> None:
        theme, entropy = self.theme, reading.table("entropy")[self.look.checkpoint]
        hue = theme.color("text_disabled" if profile.grey else "bundles")
        keys = [Key("dash", "n/N", theme.color("outline")), Key("dot", "H", hue)]
        if len(profile.lines) > 1:
            keys = [
                Key("dash", "n/N (branches dotted)", theme.color("outline")),
                Key("dot", "H of outputs", hue),
                Key("ring", "H of branches", hue),
            ]
        alone, pure, conflict = self.bars.bars.colors()
        keys += [
            Key("bar", "in conflict", conflict),
            Key("bar", "in bundles of one label", pure),
            Key("bar", "alone", alone),
        ]
        keys += self.outline_key(" (H thin, n/N dashed)")
        states = ((ZERO,) if np.any(entropy == 0) else ()) + ((NON_FINITE,) if profile.broken.any() else ())
        self.legend.show_keys(tuple(keys), states)

    def _step(self, by: int, _shift: bool) -> None:
        if self.reading is not None and self.reading.points:
            point = min(max(self.look.point + by, 0), len(self.reading.points) - 1)
            self.point_chosen.emit(point)


def profile_of(reading: Reading, checkpoint: int, other: SecondReading | None = None) -> Profile:
    """Lines of one checkpoint, and those of a second network."""
    share, entropy = reading.value("bundles")[checkpoint], reading.table("entropy")[checkpoint]
    highest = reading.highest
    ratio = entropy / highest if highest > 0 else entropy
    lines = tuple(ProfileLine(line.name, line.points, share[line.points], ratio[line.points]) for line in reading.lines)
    broken = reading.non_finite()[checkpoint]
    onset = -1 if reading.single else reading.onset(checkpoint)
    return Profile(lines, highest, onset, reading.single, broken, outline_of(reading, checkpoint, other))


def outline_of(reading: Reading, checkpoint: int, other: SecondReading | None) -> tuple[ProfileLine, ...]:
    """Lines of a second network at the points that correspond; its entropy on the scale of the first one."""
    if other is None:
        return ()
    share = other.values(other.reading.value("bundles"), checkpoint)
    entropy = other.values(other.reading.table("entropy"), checkpoint)
    ratio = entropy / reading.highest if reading.highest > 0 else entropy
    return tuple(ProfileLine(line.name, line.points, share[line.points], ratio[line.points]) for line in reading.lines)


def claim(reading: Reading, checkpoint: int) -> str:
    """Say in one line what the profile shows."""
    entropy = reading.table("entropy")[checkpoint]
    known = np.isfinite(entropy)
    if not known.any():
        return "Nothing is measured at this checkpoint yet."
    if reading.single:
        return "All pictures have one label: bundles are counted, but there is nothing to be in conflict."
    count, onset = int((entropy[known] > 0).sum()), reading.onset(checkpoint)
    if onset < 0:
        return f"No conflict at any of {int(known.sum())} points{_nearest(reading, checkpoint)}"
    if onset == 0 and reading.points[0].kind == "input":
        return f"The pictures themselves conflict: equal ones have different labels. {count} points in conflict."
    last = int(np.flatnonzero(known)[-1])
    words = f"First conflict at {reading.point_words(onset)} · {count} of {int(known.sum())} points in conflict"
    if entropy[last] == 0:
        return f"{words} · none at the last point"
    share = numbers.percent(float(entropy[last] / reading.highest))
    return f"{words} · at the last one {share} of the label entropy is lost"


def _nearest(reading: Reading, checkpoint: int) -> str:
    critical = reading.table("critical_tolerance")[checkpoint]
    if not np.any(critical > 0):
        return ""
    point = int(np.nanargmin(critical))
    return f" · nearest: {reading.point_words(point)}, at {numbers.multiple(float(np.log2(critical[point])))}"
