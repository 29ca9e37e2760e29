"""Pages of the width editor: searches, the line, channels by hand, rules that need pictures, and the check."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
from PySide6.QtCore import QPoint

from analysis.edits import Edits
from analysis.events import Chunk, Progress
from analysis.measures.shrinking import chi_square_limit
from analysis.measures.widths import straight
from analysis.measures.widths.costs import CostModel
from analysis.methods import width_sensitivity
from app.reading import edited_rows
from app.reading.depth import depth_axis
from app.reading.measurements import structure_metric
from app.reading.width_check import Pair, lines
from app.reading.width_columns import columns_of
from app.reading.width_reading import WidthReading
from app.views.widths import PAGES, SEARCHED, WidthsView
from tests import scenes, width_searches
from tests.gestures import drag, settle, theme
from tests.width_window import FOUND, INNER, NAMES, STREAM, WHOLE, asked, go, play, view, widths

__all__ = ["theme", "view"]

# -- every page ------------------------------------------------------------------------------------------------------


def test_every_page_shows_something_in_both_themes(view: WidthsView) -> None:
    play(view, width_searches.shrink_events(FOUND))
    play(view, width_searches.sensitivity_events(FOUND))
    play(view, width_searches.score_events(FOUND))
    for mode in ("light", "dark"):
        view.theme.set_mode(mode)
        for name, _ in PAGES:
            go(view, name)
            image = view.grab().toImage()
            colors = {image.pixel(x, y) for x in range(0, image.width(), 7) for y in range(0, image.height(), 7)}
            assert len(colors) > 8, name


def test_what_is_arranged_comes_back(view: WidthsView) -> None:
    view.line.toggle("FBNet-C")
    view.shrink.asked.beta.setValue(1.5)
    view.profile.mode.setCurrentIndex(2)
    view.sensitivity.measure.setCurrentIndex(1)
    state = json.loads(json.dumps(view.state()))
    view.line.toggle("FBNet-C")
    view.shrink.asked.beta.setValue(2)
    view.profile.mode.setCurrentIndex(0)
    view.restore(state)
    assert "FBNet-C" in view.line.references
    assert view.shrink.asked.beta.value() == 1.5
    assert view.profile.mode.currentData() == "blocks"
    assert view.sensitivity.measure.currentData() == "loss"
    view.restore({"line": 3, "shrink": {"beta": "x"}, "sensitivity": None, "columns": "nothing"})


# -- columns ---------------------------------------------------------------------------------------------------------


def test_blocks_have_the_width_that_leaves_them() -> None:
    layers = scenes.network()
    reading = WidthReading(FOUND)
    found = columns_of(reading, layers, "blocks")
    names = [row.name for row in found.rows]
    assert [name for name in names if name.startswith("layer")] == [
        f"layer{s}.{b}" for s in (1, 2, 3) for b in range(3)
    ]
    outputs = {layer.name: layer.channels for layer in layers if layer.kind == "block"}
    totals = reading.totals({})
    for column, name in zip(found.columns, names, strict=True):
        if name in outputs:
            assert totals[column] == outputs[name]


def test_a_handle_among_blocks_changes_the_stream(view: WidthsView) -> None:
    view.profile.mode.setCurrentIndex(view.profile.mode.findData("blocks"))
    settle()
    group = FOUND.index(STREAM)
    assert group in view.profile.plot.columns.profile.handles
    assert FOUND.index(INNER) not in view.profile.plot.columns.profile.handles
    start = view.profile.plot.handle_place(group).toPoint()
    drag(view.profile.plot.viewport(), start, start + QPoint(0, 30))
    assert set(widths(view)) == {STREAM}


def test_any_number_of_profiles_can_be_drawn_over(view: WidthsView) -> None:
    for number, width in enumerate((8, 12, 20)):
        view.profile.show_reference(f"s{number}", {INNER: width})
    settle()
    view.profile.set_compared("other", {"conv1": 5.0, "layer1.0.conv1": 7.0})
    assert view.editing.reading is not None
    view.profile.show_widths(view.editing.reading, view.workspace.layers)
    outlines = view.profile.plot.columns.profile.outlines
    assert [outline.name for outline in outlines] == ["s0", "s1", "s2", "other"]
    place = view.editing.reading.names.index(INNER)
    assert [outline.widths[place] for outline in outlines[:3]] == [8, 12, 20]
    assert np.isfinite(outlines[3].widths).sum() == 2
    view.profile.show_reference("s1", None)
    settle()
    assert [outline.name for outline in view.profile.plot.columns.profile.outlines][:2] == ["s0", "s2"]


def test_a_snapshot_has_the_name_that_is_typed(view: WidthsView) -> None:
    view.editing.put({INNER: 9}, "nine")
    view.snapshots.fill()
    view.snapshots._keep_named("narrow one")
    assert view.snapshots.kept == {"narrow one": {INNER: 9}}


# -- LW-DNA ----------------------------------------------------------------------------------------------------------


def test_a_shrinkage_is_asked_of_the_network_before_its_widths_change(view: WidthsView) -> None:
    view.editing.put({INNER: 9}, "nine")
    found = asked(view)
    go(view, "shrink")
    view.shrink.asked.beta.setValue(1.5)
    view.shrink.run.click()
    request = next(one for one in found if one.method == "lw_dna")
    assert request.edits == Edits()
    assert request.params == (("beta", 1.5),)


def test_the_profile_follows_the_threshold(view: WidthsView) -> None:
    go(view, "shrink")
    play(view, width_searches.shrink_events(FOUND))
    shrunk = view.shrink.shrunk
    assert shrunk is not None
    bars = view.shrink.widths.item.series
    found = next(one.values for one in bars if one.style == "bars")
    np.testing.assert_array_equal(found, shrunk.width(0))
    assert {one.words for one in bars} >= {"random control", "second batch", "widened", "floor", "original"}
    view.shrink._move(np.log10(shrunk.thresholds[-1]), True)
    moved = next(one.values for one in view.shrink.widths.item.series if one.style == "bars")
    np.testing.assert_array_equal(moved, shrunk.widths_at(len(shrunk.thresholds) - 1))
    view.shrink._move(float(np.log10(shrunk.result["threshold"][0])), True)
    assert view.shrink.step == -1


def test_what_was_not_measured_is_named() -> None:
    known, unknown = np.array([0.5, 0.0]), np.full(2, np.nan)
    pair = Pair(("conv1", "conv2"), known, unknown)
    rank, bundles = lines(None, pair, pair)
    assert (rank.original, rank.edited) == ("0.250", "not measured")
    assert (bundles.original, bundles.edited) == ("1 of 2", "not measured")


def test_values_of_a_group_are_defined(view: WidthsView) -> None:
    go(view, "shrink")
    play(view, width_searches.shrink_events(FOUND))
    view.shrink._point(0)
    entries = view.shrink.readout._entries
    assert len(entries) == 7
    assert all(entry.words and entry.section for entry in entries)


def test_both_counts_and_the_control_stand_in_the_table(view: WidthsView) -> None:
    go(view, "shrink")
    play(view, width_searches.shrink_events(FOUND))
    texts = [[cell.text().replace("\u00a0", " ") for cell in row] for row in view.shrink.costs.cells]
    assert [row[0] for row in texts] == ["original", "widened", "found", "random control", "second batch"]
    assert texts[2][1].endswith("95 %")
    assert texts[2][2].endswith("96 %")
    assert texts[3][4] == "0.10"
    assert view.shrink.shrunk is not None
    limit = chi_square_limit(len(NAMES))
    verdict = f"These widths differ from chance (χ² 88, chance up to {limit:.0f})"
    words = f"{verdict} · random control r = 0.10, second batch r = 0.93"
    assert view.shrink.shrunk.claim() == words


def test_a_run_is_drawn_while_it_arrives(view: WidthsView) -> None:
    go(view, "shrink")
    events = list(width_searches.shrink_events(FOUND))
    last = next(i for i, event in enumerate(events) if isinstance(event, Chunk) and event.name == "width")
    play(view, iter([*events[:last], Progress(2, 4, "Searching the threshold")]))
    shrunk = view.shrink.shrunk
    assert shrunk is not None
    bars = next(one.values for one in view.shrink.widths.item.series if one.style == "bars")
    np.testing.assert_array_equal(bars, shrunk.widths_at(shrunk.step))
    assert view.shrink.strip.stop.isVisibleTo(view.shrink)
    assert not view.shrink.run.isEnabled()


def test_widths_found_become_the_configuration_in_one_step(view: WidthsView) -> None:
    go(view, "shrink")
    play(view, width_searches.shrink_events(FOUND))
    view.shrink.use.click()
    settle()
    assert view.pages.value == "profile"
    shrunk = view.presets.shrunk()
    assert shrunk is not None
    wanted = dict(zip(shrunk.names, shrunk.width(0).astype(int).tolist(), strict=True))
    original = {group.name: group.width for group in FOUND.groups}
    assert widths(view) == {name: width for name, width in wanted.items() if width != original[name]}
    assert view.workspace.undo.count() == 1
    view.snapshots.fill()
    assert set(view.snapshots.searched) == set(SEARCHED)


def test_a_block_can_be_left_out_of_the_line(view: WidthsView) -> None:
    go(view, "line")
    whole = view.line.found
    assert whole is not None
    view.line.blocks.list.aboutToShow.emit()
    names = [action.text() for action in view.line.blocks.list.actions() if action.isCheckable()]
    assert tuple(names) == whole.every == whole.blocks
    view.line.blocks.list.actions()[-3].trigger()
    settle()
    fewer = view.line.found
    assert fewer is not None
    assert fewer.blocks == whole.blocks[:-1]
    assert fewer.every == whole.every
    state = json.loads(json.dumps(view.state()))
    view.line.use.click()
    settle()
    assert whole.layers[-1] not in widths(view) or whole.layers[-1] in fewer.layers
    view.line.blocks.leave_out(())
    view.restore(state)
    assert view.line.blocks.left_out == {whole.blocks[-1]}


# -- sensitivity -----------------------------------------------------------------------------------------------------


def test_a_stopped_sensitivity_goes_on_where_it_was(view: WidthsView, tmp_path: Path) -> None:
    go(view, "sensitivity")
    (tmp_path / "run.json").write_text("{}", encoding="utf-8")
    view.workspace.set_methods((width_sensitivity.INFO,))
    run = play(view, width_searches.sensitivity_events(FOUND, rows=4), folder=str(tmp_path))
    assert view.sensitivity.reading is not None
    assert view.sensitivity.reading.done == 12
    found = asked(view)
    view.sensitivity.strip.resume.click()
    assert [request.resume for request in found] == [str(tmp_path)]
    total = run.result["loss"].size
    assert view.sensitivity.strip.said.text.endswith(f"12 of {total} narrowed networks are on disk")
    assert replace(found[0], resume="") == run.request


def test_the_preset_narrows_what_hurts_least(view: WidthsView) -> None:
    go(view, "sensitivity")
    play(view, width_searches.sensitivity_events(FOUND))
    view.sensitivity.share.setValue(70)
    assert view.profile.target == ("macs", 0.7)
    view.sensitivity.exact.click()
    settle()
    exact = widths(view)
    loss = view.presets.told.scale if view.presets.told else 0.0
    assert CostModel(FOUND).costs(exact).totals.macs <= 0.7 * WHOLE
    view.workspace.undo.undo()
    go(view, "sensitivity")
    view.sensitivity.greedy.click()
    settle()
    assert CostModel(FOUND).costs(widths(view)).totals.macs <= 0.7 * WHOLE
    assert view.presets.told is not None
    assert loss <= view.presets.told.scale + 1e-9
    assert view.workspace.undo.count() == 1


def test_a_target_that_is_kept_already_says_so(view: WidthsView) -> None:
    problems: list[object] = []
    view.workspace.problem_raised.connect(problems.append)
    play(view, width_searches.sensitivity_events(FOUND))
    view.use("greedy")
    assert widths(view) == {}
    assert "keeps the target" in str(problems[0])


def test_a_cell_selects_its_group(view: WidthsView) -> None:
    go(view, "sensitivity")
    play(view, width_searches.sensitivity_events(FOUND))
    view.sensitivity.plot.cell_clicked.emit(NAMES.index(INNER), 1)
    assert [view.editing.group(place).name for place in view.editing.selected] == [INNER]
    assert view.workspace.selection.layers == (INNER,)


# -- the line --------------------------------------------------------------------------------------------------------


def test_the_line_is_that_of_the_rule_and_is_used_in_one_step(view: WidthsView) -> None:
    go(view, "line")
    found = view.line.found
    assert found is not None
    assert found.straightened is not None
    fit = straight.line_fit(found.original)
    assert found.fits[0] == fit
    assert f"R² {fit.r2:.3f}" in found.claim()
    view.line.use.click()
    settle()
    assert view.pages.value == "profile"
    assert view.workspace.undo.count() == 1
    go(view, "line")
    again = view.line.found
    assert again is not None
    np.testing.assert_array_equal(again.edited, found.straightened)


def test_published_staircases_name_their_source(view: WidthsView) -> None:
    assert straight.REXNET == (16, 27, 38, 50, 61, 72, 84, 95, 106, 117, 128, 140, 151, 162, 174, 185)
    assert all(source for _, _, source in straight.REFERENCES)
    go(view, "line")
    words = [key.words for key in view.line.legend.keys]
    assert "MobileNetV2 (Table 1 of Han et al. 2021)" in words
    view.line.toggle("MobileNetV2")
    assert not any("MobileNetV2" in key.words for key in view.line.legend.keys)


def test_the_tables_of_the_line(view: WidthsView) -> None:
    go(view, "line")
    rows = view.line.table.rowCount()
    assert rows == sum(layer.kind == "conv" and layer.expands_from > 0 for layer in view.workspace.layers)
    view.line.flagged.click()
    assert view.line.table.rowCount() < rows
    view.line.kind.setCurrentIndex(1)
    assert view.line.table.rowCount() == 9


def test_the_overview_draws_edited_rows_behind_the_original(view: WidthsView) -> None:
    workspace = view.workspace
    axis = depth_axis(workspace.layers)
    width, macs = (structure_metric(name) for name in ("width", "macs"))
    assert edited_rows.outline(workspace, axis, width) is None
    view.editing.put({STREAM: 20}, "wider")
    outline = edited_rows.outline(workspace, axis, width)
    assert outline is not None
    by_name = {slot.name: value for slot, value in zip(axis.slots, outline[2].tolist(), strict=True)}
    assert [by_name[f"layer2.{block}.conv2"] for block in range(3)] == [20.0] * 3
    assert by_name["conv1"] == 16
    costs = edited_rows.outline(workspace, axis, macs)
    assert costs is not None
    size = edited_rows.totals(workspace)
    assert size is not None
    assert np.nansum(costs[2]) == size[1]  # the lanes add up to what stands above them
    workspace.set_edits(replace(workspace.edits, geometry=(("layer2.0.conv1", "dil2"),)))
    assert edited_rows.totals(workspace) is None
    assert edited_rows.outline(workspace, axis, macs) is None  # nothing is said to be known of parts either
    assert edited_rows.outline(workspace, axis, width) is not None
    assert set(edited_rows.of_layer(workspace, "layer2.0.conv2")) == {"width"}
    spectrum = replace(macs, method="feature_rank")
    assert edited_rows.outline(workspace, axis, spectrum) is None


# -- costs of many configurations at once ----------------------------------------------------------------------------


def test_costs_of_many_configurations_are_those_of_each() -> None:
    model, random = CostModel(FOUND), np.random.default_rng(3)
    values = np.array([[random.integers(1, 2 * v.count) for v in FOUND.variables] for _ in range(20)], dtype=np.int64)
    totals = model.totals_of(values)
    costs = [model.costs_of(row) for row in values]
    each = [one.totals for one in costs]
    assert totals["macs"].tolist() == [one.macs for one in each]
    assert totals["parameters"].tolist() == [one.parameters for one in each]
    assert totals["activation_bytes"].tolist() == [one.activation_bytes for one in each]
    narrow = (values <= [variable.count for variable in FOUND.variables]).all(axis=1)
    exact = np.array([one.file_bytes for one in costs])
    assert (totals["file"] >= exact)[narrow].all()
    np.testing.assert_allclose(totals["file"], exact, rtol=1e-2)


# -- in a low window ---------------------------------------------------------------------------------------------------


def test_ratios_make_room_for_the_profile_in_a_low_window(view: WidthsView) -> None:
    page = view.profile
    heights = {}
    for height in (900, 480):
        view.resize(760, height)
        settle()
        heights[height] = page.height()
        assert page.strip.isVisible() == (height == 900)
        assert page.plot.area().height() > 60
    assert heights[480] < heights[900]
