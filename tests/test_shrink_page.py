"""The page of a shrinkage: bars per group or per layer, floors, the linear rule beside it, sorted scores."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.measures.widths import straight
from analysis.measures.widths.costs import CostModel
from analysis.measures.widths.fitting import Budget
from app.reading.width_reading import WidthReading
from app.reading.width_rows import by_group, by_layer
from app.views.widths import SEARCHED, WidthsView
from tests import width_searches
from tests.gestures import settle, theme
from tests.width_window import FOUND, INNER, NAMES, STREAM, asked, go, play, view

__all__ = ["theme", "view"]


@pytest.fixture
def shrunk(view: WidthsView) -> WidthsView:
    go(view, "shrink")
    play(view, width_searches.shrink_events(FOUND))
    return view


def bars(view: WidthsView) -> np.ndarray:
    return next(one.values for one in view.shrink.ratios.item.series if one.style == "bars")


def test_one_bar_per_layer_repeats_what_is_tied(shrunk: WidthsView) -> None:
    page = shrunk.shrink
    assert page.shrunk is not None
    by_name = dict(zip(NAMES, bars(shrunk).tolist(), strict=True))
    page.layered.setChecked(True)
    settle()
    assert len(page.rows.names) > len(NAMES)
    drawn = dict(zip(page.rows.names, bars(shrunk).tolist(), strict=True))
    assert drawn[INNER] == by_name[INNER]
    tied = [name for name in page.rows.names if name.startswith("layer2.") and name.endswith("conv2")]
    assert len(tied) == 3
    assert {drawn[name] for name in tied} == {by_name[STREAM]}
    page._point(page.rows.names.index(tied[-1]))
    assert page.readout._entries
    assert page.readout._heading == STREAM


def test_rows_of_layers_add_up_to_the_widths_of_the_network() -> None:
    reading = WidthReading(FOUND)
    rows = by_layer(reading, NAMES)
    own = np.array([float(FOUND.groups[FOUND.index(name)].width) for name in NAMES])
    totals = dict(zip(reading.names, reading.totals({}).tolist(), strict=True))
    assert rows.widths(own).tolist() == [totals[name] for name in rows.names]
    wider = {NAMES[2]: 24}
    changed = np.array([float(wider.get(name, width)) for name, width in zip(NAMES, own.tolist(), strict=True)])
    totals = dict(zip(reading.names, reading.totals(wider).tolist(), strict=True))
    assert rows.widths(changed).tolist() == [totals[name] for name in rows.names]
    np.testing.assert_allclose(rows.ratios(changed / own, own), rows.widths(changed) / rows.widths(own))


def test_groups_that_a_run_names_and_the_network_lacks_have_no_layers() -> None:
    rows = by_layer(WidthReading(FOUND), ("gone", NAMES[0]))
    assert set(rows.first) == {1}
    assert by_group(("gone",)).widths(np.array([3.0])).tolist() == [3.0]


def test_bars_on_their_floor_are_hatched_and_narrow_ones_have_another_colour(shrunk: WidthsView) -> None:
    found = shrunk.shrink.shrunk
    assert found is not None
    drawn = next(one for one in shrunk.shrink.ratios.item.series if one.style == "bars")
    assert drawn.hatched is not None
    assert drawn.hatched.tolist() == (found.width(0) <= found.floor).tolist()
    assert drawn.hatched.any()
    assert drawn.under
    assert drawn.under != drawn.hue


def test_the_linear_rule_has_the_multiply_adds_of_what_was_found(shrunk: WidthsView) -> None:
    line = next(one for one in shrunk.shrink.widths.item.series if one.words == "linear rule")
    model, macs = CostModel(FOUND), 38_700_000
    layers = shrunk.workspace.layers
    assert model.costs(dict(zip(NAMES, line.values.astype(int).tolist(), strict=True))).totals.macs <= macs
    expected = straight.straighten(model, layers, Budget("macs", macs)).proposal
    assert expected.gap < 0.05
    assert dict(zip(NAMES, line.values.tolist(), strict=True))[STREAM] == expected.widths[STREAM]


def test_sorted_scores_take_the_place_of_the_ratios(shrunk: WidthsView) -> None:
    page = shrunk.shrink
    page.scored.setChecked(True)
    settle()
    assert page.sorted.isVisibleTo(page)
    assert not page.ratios.isVisibleTo(page)
    result = page.shrunk.result if page.shrunk else None
    assert result is not None
    scores = np.asarray(result["scores"]).reshape(len(NAMES), -1)
    for own, curve in zip(scores, page.sorted.item.curves, strict=True):
        assert np.allclose(10**curve.y, np.sort(own)[::-1])
        assert (np.diff(curve.x) > 0).all()
    (line,) = page.sorted.item.guides
    assert 10**line.at == pytest.approx(float(result["threshold"][0]))
    page._point(3)
    assert np.allclose(10 ** page.sorted.item.curves[-1].y, np.sort(scores[3])[::-1])
    assert page.sorted.item.curves[-1].hue != page.sorted.item.curves[0].hue


def test_floors_and_the_mini_batch_are_asked_for(view: WidthsView) -> None:
    go(view, "shrink")
    fields, wanted = view.shrink.asked, asked(view)
    assert not fields.below.isVisibleTo(fields)
    fields.more.click()
    assert fields.below.isVisibleTo(fields)
    fields.rho.setValue(0.3)
    fields.pictures.setValue(128)
    view.shrink.run.click()
    assert dict(wanted[-1].params) == {"rho": 0.3, "pictures": 128}
    state = view.shrink.state()
    fields.rho.setValue(0.5)
    view.shrink.restore(state)
    assert fields.rho.value() == 0.3
    assert fields.more.isChecked()


def test_what_was_found_is_drawn_over_the_profile_until_it_is_taken_away(shrunk: WidthsView) -> None:
    go(shrunk, "profile")
    profile = shrunk.profile.plot.columns.profile
    drawn = {outline.name: outline.widths for outline in profile.outlines}
    assert set(drawn) == set(SEARCHED)
    found = shrunk.shrink.shrunk
    assert found is not None
    by_group = dict(zip(NAMES, found.floor.tolist(), strict=True))
    columns = [shrunk.editing.reading.names[column] for column in shrunk.profile.columns]  # type: ignore[union-attr]
    floors = dict(zip(columns, drawn["LW-DNA, floor"].tolist(), strict=True))
    assert floors[INNER] == by_group[INNER]
    assert np.isnan(floors[columns[-1]])  # the classifier has no floor: its width never changes
    shrunk.profile.show_reference("LW-DNA, widened", None)
    settle()
    shrunk.editing.put({INNER: 9}, "nine")
    settle()
    names = {outline.name for outline in shrunk.profile.plot.columns.profile.outlines}
    assert names == set(SEARCHED) - {"LW-DNA, widened"}
