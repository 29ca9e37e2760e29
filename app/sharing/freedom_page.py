"""Degrees of freedom against accuracy: trained networks above, what projection keeps of trained weights below."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QSplitter, QVBoxLayout, QWidget

from analysis.measures.ring_fits import Curve, Fit
from app.drawing.curves import Guide
from app.drawing.legend import Key, Legend
from app.drawing.readout import Entry
from app.drawing.ring_plots import FreedomPlot, Series
from app.reading import numbers
from app.reading.depth import Floats
from app.reading.glossary import TERMS
from app.reading.sharing import HUES, KIND_WORDS, Projected, Trained
from app.sharing.page import Page
from app.theme import Theme

COUNTED = {"total": "degrees of freedom in all", "shared": "degrees of freedom of the shared part"}
NO_TRAINING = "No networks trained with shared weights yet: training is the method, see Measure."
NO_PROJECTION = "No projection measured yet: it shows how little a ring keeps of weights that were trained without it."
KEPT = "kept of trained weights by projection (%)"
SAME_SIZE = "The network that is compared with; in brackets: points more here, with a ring of the same relative size"
DIAGNOSIS = "Projection is a diagnosis, training is the method"


class FreedomPage(Page):
    """Two plots with the same kind of x axis; each has its own keys, because they show different things."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, "Freedom and accuracy")
        self.curve = FreedomPlot(theme, "Accuracy of trained networks", "", "held-out accuracy of trained networks (%)")
        self.kept = FreedomPlot(theme, "What projection keeps", "", KEPT)
        self.kept.item.labels_at = 0.35  # between the accuracy as trained and what is kept
        self.keys = Legend(theme, wrap=True)
        self.define("energy_kept", "degrees_of_freedom")
        self.keys.setToolTip(TERMS["degrees_of_freedom"].definition)
        self.curve.hovered.connect(self._point_at_curve)
        self.kept.hovered.connect(self._point_at_kept)
        self.above = QWidget()
        column = QVBoxLayout(self.above)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.curve, 1)
        column.addWidget(self.keys)
        halves = QSplitter(Qt.Orientation.Vertical)
        halves.setHandleWidth(3)
        halves.setChildrenCollapsible(False)
        halves.addWidget(self.above)
        halves.addWidget(self.kept)
        halves.setSizes([270, 210])
        self.body.addWidget(halves, 1)

    def refresh(self) -> None:
        """Draw what there is of both."""
        self._show_trained(self.trained)
        self._show_projected(self.projected)
        trained, projected = self.trained, self.projected
        # Half of the room is not kept for a plot that has nothing to show.
        self.above.setVisible(trained is not None)
        self.kept.setVisible(projected is not None)
        words = [claim(trained)] if trained is not None else []
        if projected is not None:
            words.append(DIAGNOSIS if trained is not None else f"{DIAGNOSIS}, see the side Training")
        self.claim.say(" · ".join(word for word in words if word) or DIAGNOSIS, TERMS["energy_kept"].definition)

    # -- trained -----------------------------------------------------------------------------------------------------

    def _show_trained(self, trained: Trained | None) -> None:
        curves = trained.curves() if trained is not None else ()
        if trained is None or not curves:
            self.curve.set_note(NO_TRAINING if trained is None else "The first network is being trained …")
            self.curve.show_series((), (), (0.0, 100.0), "")
            self.keys.show_keys(())
            return
        self.curve.set_note("")
        count = self.look.count
        series = tuple(series_of(one, count) for one in curves if one.kind != "dense")
        laws = trained.laws()
        fitted = [law for law in (laws.linear, laws.power) if np.isfinite(law.r2)] if laws is not None else []
        if laws is not None and count == "total":
            series += tuple(_law(law, laws.curve) for law in fitted)
        guides = tuple(
            Guide("y", 100 * float(one.mean[0]), f"dense, {one.total[0]:,.0f} parameters", "dense")
            for one in curves
            if one.kind == "dense"
        )
        guides += _more_unshared(trained.unshared, count, series)
        second = self._second_curves()
        series = (*(outline_of(one, count, self._second_name) for one in second if one.kind != "dense"), *series)
        every = (*curves, *second)
        low = min(float(one.low.min()) for one in every)
        high = max(float(one.high.max()) for one in every)
        y = (max(0.0, 5 * np.floor(20 * low) - 2), min(101.0, 5 * np.ceil(20 * high) + 2))
        self.curve.show_series(series, guides, y, COUNTED[count])
        theme = self.theme
        drawn = [one.kind for one in curves if one.kind != "dense"]
        keys = [Key("dot", KIND_WORDS.get(kind, kind), theme.color(HUES.get(kind, "text"))) for kind in drawn]
        if any((one.count > 1).any() for one in curves):
            band = theme.color("sharing")
            band.setAlphaF(0.3)
            keys.append(Key("bar", "smallest to largest over seeds", band))
        if count == "total":
            keys += [Key("dash", law_words(law), theme.color(_law_hue(law))) for law in fitted]
        keys += [Key("dash", self._second_name, theme.color("outline"))] if second else []
        self.keys.show_keys(tuple(keys))

    @property
    def _second_name(self) -> str:
        return self.second.name if self.second is not None else ""

    def _second_curves(self) -> tuple[Curve, ...]:
        """Curves of the second network that are drawn: the full variant, else its first one, and the dense network."""
        trained = self.second.trained if self.second is not None else None
        found = trained.curves() if trained is not None else ()
        rings = [one for one in found if one.kind not in ("dense", "narrowed")]
        first = next((one for one in rings if one.kind == "full"), rings[0] if rings else None)
        dense = [one for one in found if one.kind == "dense"]
        return (first, *dense) if first is not None else ()

    # -- projected -----------------------------------------------------------------------------------------------------

    def _show_projected(self, projected: Projected | None) -> None:
        known = projected is not None and bool(np.isfinite(projected.table("energy_kept")).any())
        if projected is None or not known:
            self.kept.set_note(NO_PROJECTION if projected is None else "The weights are being projected …")
            self.kept.show_series((), (), (0.0, 103.0), "")
            self.legend.show_keys(())
            return
        self.kept.set_note("")
        count, theme = self.look.count, self.theme
        series = kept_series(projected, count)
        dense = projected.number("accuracy_dense")
        guides: tuple[Guide, ...] = ()
        if np.isfinite(dense):
            guides = (Guide("y", 100 * dense, "accuracy as trained", "as trained"),)
        guides += _more_unshared(projected.number("unshared"), count, series)
        second = self._second_kept(count)
        self.kept.show_series((*second, *series), guides, (0.0, 103.0), COUNTED[count])
        shapes = (("dash" if one.dashed else "dot", one) for one in (*series, *second))
        self.legend.show_keys(tuple(Key(shape, one.words, theme.color(one.hue)) for shape, one in shapes))

    def _second_kept(self, count: str) -> tuple[Series, ...]:
        """Energy that projection keeps of the second network."""
        theirs = self.second.projected if self.second is not None else None
        if theirs is None or not np.isfinite(theirs.table("energy_kept")).any():
            return ()
        kept = kept_series(theirs, count)[0]
        return (replace(kept, words=f"{self._second_name}, energy kept", hue="outline", dashed=True),)

    # -- pointing ----------------------------------------------------------------------------------------------------

    def _point_at_curve(self, place: tuple[float, float] | None) -> None:
        curves = self.trained.curves() if self.trained is not None else ()
        if place is None or not curves:
            self.told.emit("", ())
            return
        at, found = 10.0 ** place[0], []
        for one in curves:
            x = counted(one, self.look.count)
            i = int(np.abs(np.log(x / at)).argmin())
            spread = f" ({100 * one.low[i]:.1f} to {100 * one.high[i]:.1f})" if one.count[i] > 1 else ""
            hue = HUES.get(one.kind, "text_soft")
            words = KIND_WORDS.get(one.kind, one.kind)
            found.append(Entry(words, f"{100 * one.mean[i]:.1f} %{spread} at {x[i]:,.0f}", hue, term="held_accuracy"))
        for one in self._second_curves():
            i = int(np.abs(np.log(counted(one, self.look.count) / at)).argmin())
            ours = next((own for own in curves if own.kind == one.kind), None)
            same = np.flatnonzero(np.isclose(ours.ratio, one.ratio[i])) if ours is not None else np.empty(0)
            words = f"{100 * one.mean[i]:.1f} %"
            if ours is not None and len(same):
                words += f" ({numbers.signed(100 * float(ours.mean[same[0]] - one.mean[i]), 1)})"
            title = f"{self._second_name}, {KIND_WORDS.get(one.kind, one.kind)}, N / M = {one.ratio[i]:g}"
            found.append(Entry(title, words, "outline", SAME_SIZE, "compared"))
        self.told.emit("nearest", tuple(found))

    def _point_at_kept(self, place: tuple[float, float] | None) -> None:
        projected = self.projected
        if place is None or projected is None or not len(projected.ratios):
            self.told.emit("", ())
            return
        series = kept_series(projected, self.look.count)
        i = int(np.nan_to_num(np.abs(np.log10(series[0].x) - place[0]), nan=np.inf).argmin())
        found = [
            Entry(one.words, f"{one.y[i]:.1f} %", one.hue, term="energy_kept")
            for one in series
            if np.isfinite(one.y[i])
        ]
        found += self._second_entries(projected, i)
        found.append(Entry("N", f"{projected.table('size')[i]:,.0f}", "text_soft", term="degrees_of_freedom"))
        self.told.emit(f"N / M = {projected.ratios[i]}", tuple(found))

    def _second_entries(self, projected: Projected, place: int) -> list[Entry]:
        theirs = self.second.projected if self.second is not None else None
        ratio = projected.ratios[place]
        if theirs is None or ratio not in theirs.ratios:
            return []
        kept = 100 * float(theirs.table("energy_kept")[theirs.ratios.index(ratio)])
        ours = 100 * float(projected.table("energy_kept")[place])
        words = f"{kept:.1f} % ({numbers.signed(ours - kept, 1)})"
        return (
            [Entry(f"{self._second_name}, energy kept", words, "outline", SAME_SIZE, "compared")]
            if kept == kept
            else []
        )


def outline_of(one: Curve, count: str, name: str) -> Series:
    """Line of a second network, thin and without a band."""
    return Series(name, "outline", counted(one, count), 100 * one.mean, dashed=True)


def counted(one: Curve, count: str) -> Floats:
    """Degrees of freedom of a curve's points; networks without a ring have but one count."""
    return one.total if count == "total" or one.kind in ("dense", "narrowed") else one.shared


def series_of(one: Curve, count: str) -> Series:
    """Line of one kind in percent, with its band where there are several seeds."""
    several = bool((one.count > 1).any())
    low, high = (100 * one.low, 100 * one.high) if several else (None, None)
    words = KIND_WORDS.get(one.kind, one.kind)
    return Series(words, HUES.get(one.kind, "text"), counted(one, count), 100 * one.mean, low, high)


def kept_series(projected: Projected, count: str) -> tuple[Series, ...]:
    """Energy and accuracy of projection and pruning, and the law N / M, in percent."""
    x = projected.table("total_freedom" if count == "total" else "shared_freedom")
    lines = [
        Series("energy kept", "sharing", x, 100 * projected.table("energy_kept")),
        Series("energy of the N largest weights", "rank", x, 100 * projected.table("energy_pruned")),
        Series("law N / M", "text_soft", x, 100 * projected.share, dashed=True),
    ]
    if "energy_truncated" in projected.result:
        truncated = 100 * projected.table("energy_truncated")
        lines.insert(2, Series("energy of truncated SVDs of N numbers", "configurations", x, truncated))
    if "accuracy" in projected.result:
        lines.append(Series("accuracy after projection", "text", x, 100 * projected.table("accuracy")))
        lines.append(Series("accuracy after pruning", "widths", x, 100 * projected.table("accuracy_pruned")))
    return tuple(lines)


def _law(law: Fit, curve: Curve) -> Series:
    few = curve.total[curve.ratio <= 0.5]
    x = np.geomspace(few.min(), few.max(), 24)
    return Series(law.kind, _law_hue(law), x, 100 * law.predict(x), dashed=True)


def _law_hue(law: Fit) -> str:
    return "cost" if law.kind == "log-linear" else "configurations"


def law_words(law: Fit) -> str:
    """Say a fitted law with its R²."""
    if law.kind == "log-linear":
        return f"α + β log DoF: {100 * law.beta:.1f} points a decade, R² {law.r2:.3f}"
    return f"error as a power of DoF: exponent −{law.beta:.2f}, R² {law.r2:.3f}".replace("−-", "")


def _more_unshared(unshared: float, count: str, series: tuple[Series, ...]) -> tuple[Guide, ...]:
    """Mark where what is not shared outnumbers the ring, if that is within the plot."""
    at = 2 * unshared if count == "total" else unshared
    places = np.concatenate([one.x for one in series]) if series else np.empty(0)
    inside = np.isfinite(at) and places.size and np.nanmin(places) < at < np.nanmax(places)
    return (Guide("x", at, "left of here more is unshared than in the ring", "unshared > ring"),) if inside else ()


def claim(trained: Trained) -> str:
    """Say in one line how far the smallest ring comes."""
    curves = trained.curves()
    first = next((one for one in curves if one.kind == "full"), None)
    dense = next((one for one in curves if one.kind == "dense"), None)
    done = f"{trained.finished} of {len(trained.runs)} networks are trained" if trained.result.finished is None else ""
    if first is None or dense is None:
        return done
    near = np.abs(np.log(first.ratio / 0.2)).argmin()
    lost = 100 * float(dense.mean[0] - first.mean[near])
    share = numbers.percent(float(first.total[near] / dense.total[0]))
    points = f"{abs(lost):.1f} points {'below' if lost > 0 else 'above'} the dense network"
    return " · ".join(
        word for word in (f"N / M = {first.ratio[near]:g}: {share} of the free numbers, {points}", done) if word
    )
