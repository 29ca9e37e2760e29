"""What the width editor promises about its edits: inexact widening, saving again, snapshots, rules, locks, rounding."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from analysis.edits import Edits
from analysis.live import measure
from analysis.measures.widths import fitting, presets
from analysis.measures.widths.costs import CostModel
from analysis.measures.widths.fitting import Rounding
from analysis.measures.widths.legal import inexact
from analysis.surgery.choosing import choose
from analysis.surgery.dissecting import dissect
from analysis.surgery.editing import edit
from analysis.surgery.observing import observed
from app.reading.width_reading import WidthReading
from app.reading.width_search import Shrunk
from app.views.widths import WidthsView
from app.widening.editing import Surgery
from app.widening.network_panel import EDITED_FILE
from tests import width_searches
from tests.gestures import settle, theme
from tests.width_results import lw_dna_result
from tests.width_window import FOUND, INNER, NAMES, STREAM, asked, go, play, view, widths

__all__ = ["theme", "view"]


# -- layer norm over channels ----------------------------------------------------------------------------------------


class Normed(nn.Module):
    """Two convolutions with a layer norm over the channels of the first."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm, self.second = nn.Conv2d(3, 8, 3), nn.LayerNorm(8), nn.Conv2d(8, 8, 3)
        self.head = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.first(x).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        result: Tensor = self.head(self.second(x).mean((2, 3)))
        return result


def test_widening_below_a_layer_norm_is_said_to_be_inexact() -> None:
    found = dissect(Normed(), (3, 8, 8)).groups
    before, after = (group.name for group in found.free)
    assert before in inexact(found, {before: 12, after: 12})
    assert after not in inexact(found, {before: 12, after: 12})
    assert inexact(found, {before: 4}) == ""  # narrowing promises nothing
    assert inexact(found, {after: 12}) == ""


def test_the_panel_says_so_too(view: WidthsView) -> None:
    place = FOUND.index(INNER)
    groups = tuple(replace(group, approximate="mean" if at == place else "") for at, group in enumerate(FOUND.groups))
    view.editing.put({INNER: 40}, "wider")
    assert "not exact" not in view.network.said.text
    view.editing.reading = WidthReading(replace(FOUND, groups=groups))
    view.network.show_state()
    assert f"layer norm averages over the channels of {INNER}" in view.network.said.text


# -- a file that was edited before -----------------------------------------------------------------------------------


def test_what_was_edited_before_it_was_opened_is_told_and_saved_again(view: WidthsView) -> None:
    view.editing.put({INNER: 20}, "narrow")
    view.network.show_state()
    assert view.network.save.isEnabled()
    structure = view.workspace.structure
    assert structure is not None
    assert structure.prepared is not None
    structure.prepared = replace(structure.prepared, badges=("edited",))
    view.network.show_state()
    assert view.network.save.isEnabled()
    assert view.network.check.isEnabled()
    assert view.network.said.text.startswith(EDITED_FILE)
    assert "Not checked yet" in view.network.said.text


# -- snapshots -------------------------------------------------------------------------------------------------------


def test_a_snapshot_brings_its_channels_and_rules_back(view: WidthsView) -> None:
    whole = Edits(widths=((INNER, 30),), channels=((INNER, "1:30 0:2"),), keep="random:7", widen="zero")
    view.editing.put({INNER: 30}, "", Surgery(whole.channels, whole.keep, whole.widen))
    assert view.workspace.edits == whole
    view.snapshots.keep("mine")
    view.snapshots.restore(json.loads(json.dumps(view.snapshots.state())))
    view.editing.set_rules("", "")
    view.editing.put({STREAM: 20}, "other")
    count = view.workspace.undo.count()
    view.snapshots.go_back("mine")
    assert view.workspace.edits == whole
    assert view.workspace.undo.count() == count + 1


def test_snapshots_of_older_workspaces_leave_the_rules_alone(view: WidthsView) -> None:
    view.editing.set_rules("l2", "")
    view.snapshots.restore({"old": {INNER: 9}, "wrong": 3})
    view.snapshots.go_back("old")
    assert view.workspace.edits == Edits(widths=((INNER, 9),), keep="l2")
    assert view.snapshots.state() == {"old": {"widths": {INNER: 9}}}


def test_a_locked_group_keeps_its_channels_when_a_snapshot_returns(view: WidthsView) -> None:
    view.editing.put({INNER: 30}, "", Surgery(((INNER, "1:30 0:2"),)))
    view.editing.lock(frozenset({FOUND.index(INNER)}), True)
    view.editing.put({INNER: 4, STREAM: 20}, "snapshot", Surgery(((INNER, "1:4 0:28"),), "l2"))
    assert widths(view) == {INNER: 30, STREAM: 20}
    assert view.workspace.edits.channels == ((INNER, "1:30 0:2"),)


# -- sensitivity -----------------------------------------------------------------------------------------------------


def test_sensitivity_narrows_as_the_edits_do(view: WidthsView) -> None:
    found = asked(view)
    view.editing.set_rules("random:7", "")
    go(view, "sensitivity")
    view.sensitivity.run.click()
    view.editing.set_rules("taylor", "")
    settle()
    view.sensitivity.run.click()
    view.sensitivity.rule.setCurrentIndex(0)
    settle()
    view.sensitivity.run.click()
    requests = [request for request in found if request.method == "width_sensitivity"]
    told = [(request.seed, dict(request.params).get("rule", "l1")) for request in requests]
    assert told == [(7, "random"), (0, "taylor"), (0, "l1")]


def test_only_groups_that_are_not_locked_count_for_the_exact_choice(view: WidthsView) -> None:
    go(view, "sensitivity")
    play(view, width_searches.sensitivity_events(FOUND))
    assert len(NAMES) == 12
    for most, locked, few in ((12, 0, True), (11, 0, False), (11, 1, True)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("app.widening.sensitivity_page.MOST_EXACT", most)
            patch.setattr("app.widening.preset_menu.sensitivity.MOST_EXACT", most)
            view.editing.lock(frozenset(map(FOUND.index, NAMES[:locked])), True)
            settle()
            view.invalidate()
            settle()
            view.presets.fill()
            offer = next(action for action in view.presets.actions() if "exact" in action.text())
            assert offer.isEnabled() == view.sensitivity.exact.isEnabled() == few


def test_rules_that_look_at_pictures_choose_for_sensitivity() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)
    ).eval()
    pictures, labels = torch.rand(12, 3, 8, 8), torch.arange(12) % 3
    found = dissect(net, (3, 8, 8))
    for rule in ("taylor", "activation", "activation_rank"):
        result = measure("width_sensitivity", net, pictures, labels=labels, rule=rule, ratios="0.5")
        scores = observed(net, found, rule, [(pictures, labels)])
        for row, name in enumerate(result.names("group")):
            narrow = edit(net, found, choose(found, {name: int(result["width"][row, 0])}, scores))
            with torch.no_grad():
                loss = float(nn.functional.cross_entropy(narrow(pictures), labels))
            assert float(result["loss"][row, 0]) == pytest.approx(loss, rel=1e-5)


# -- presets and targets ---------------------------------------------------------------------------------------------


def test_a_search_is_rounded_as_the_profile_is_and_says_what_that_costs() -> None:
    model = CostModel(FOUND)
    wished = [max(1, group.width - 3) for group in FOUND.free]
    names = [group.name for group in FOUND.free]
    plain = presets.from_search(model, names, wished)
    rounded = presets.from_search(model, names, wished, rounding=Rounding(8, 16))
    assert plain.notes == ()
    every = {name: rounded.widths.get(name, FOUND.groups[FOUND.index(name)].width) for name in names}
    assert all(width % 8 == 0 and width >= 16 for width in every.values())
    assert rounded.macs < plain.macs  # rounding goes down, so that the search's budget is kept
    assert "multiples of 8, at least 16: MACs −" in rounded.notes[-1]
    wider = presets.from_search(model, names, wished, rounding=Rounding(8, 32))
    assert wider.macs > plain.macs
    assert "multiples of 8, at least 32: MACs +" in wider.notes[-2]
    assert "More than the search allows" in wider.notes[-1]


def test_lw_dna_widths_take_the_rounding_of_the_profile(view: WidthsView) -> None:
    play(view, width_searches.shrink_events(FOUND))
    view.editing.set_rounding(Rounding(8, 8))
    view.presets.fill()
    next(action for action in view.presets.actions() if action.text() == "LW-DNA widths").trigger()
    assert widths(view)
    assert all(width % 8 == 0 for width in widths(view).values())


@pytest.mark.parametrize(
    ("unit", "words"),
    [("macs", "MACs"), ("parameters", "parameters"), ("file", "file size"), ("activation_bytes", "activations")],
)
def test_presets_keep_what_the_target_is_set_for(view: WidthsView, unit: str, words: str) -> None:
    view.profile.set_target(unit, 0.6)
    view.presets.fill()
    texts = [action.text() for action in view.presets.actions() if action.text().startswith("Keep the target")]
    assert texts == [f"Keep the target: 60 % of the {words}"]
    next(action for action in view.presets.actions() if action.text() == "Uniform multiplier").trigger()
    model = CostModel(FOUND)
    share = fitting.cost(model, widths(view), unit) / fitting.cost(model, {}, unit)
    assert 0.57 < share <= 0.6


# -- shrinkage -------------------------------------------------------------------------------------------------------


def test_the_budget_plot_has_target_and_floors(view: WidthsView) -> None:
    go(view, "shrink")
    play(view, width_searches.shrink_events(FOUND))
    heights = sorted(guide.at for guide in view.shrink.budget.item.guides if guide.axis == "y")
    assert heights == pytest.approx([100 * 27.0 / 40.8, 95, 100])
    assert {"target", "floor"} <= {key.words for key in view.shrink.legend.keys}
    assert "48.5 %" in view.shrink.costs.by_chance.text().replace("\u00a0", " ")
    assert f"χ² 88, by chance about {len(NAMES)}" in view.shrink.costs.by_chance.text()


def test_results_that_do_not_say_target_and_floors_are_shown_without() -> None:
    result = lw_dna_result()
    for name in ("target_share", "floor_macs", "keep_probability"):
        del result.arrays[name]
    shrunk = Shrunk(result)
    assert np.isnan([shrunk.target, shrunk.floor_cost]).all()
    assert shrunk.chance_words() == ""


def test_the_seed_of_new_channels_counts_for_every_rule(view: WidthsView) -> None:
    view.editing.put({INNER: 40}, "wider")
    panel = view.network
    panel.keep.setCurrentIndex(panel.keep.findData("taylor"))
    assert panel.seed.isEnabled()
    panel.seed.setValue(5)
    assert view.workspace.edits.keep == "taylor:5"
    panel.widen.setCurrentIndex(panel.widen.findData("fresh"))
    assert view.workspace.edits.keep == "taylor:5"
    settle()
    assert panel.keep.currentData() == "taylor"
    assert panel.seed.value() == 5
