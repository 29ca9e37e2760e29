"""What views show of a second network is in the figures that they export, and the same bytes as of the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from analysis.figures import FIGURES, FigureSpec, make_sheet
from analysis.figures.draw import encode
from analysis.figures.redraw import table
from app.forms.figure_form import FigureForm
from app.theme import Theme
from app.views.attribution import AttributionView
from app.views.bundles import BundlesView
from app.views.configurations import ConfigurationsView
from app.views.evaluate import EvaluateView
from app.views.rank import RankView
from app.views.samples import SamplesView
from app.views.sharing import SharingView
from app.views.widths import WidthsView
from app.workspace import Workspace
from tests import bundle_scenes, configuration_scenes, scenes, sharing_scenes, width_scenes
from tests.comparing_scenes import NAME, OTHER, PICTURES, built, of_other
from tests.gestures import settle, theme
from tests.test_comparing_views import LABEL, OURS, THEIRS, answers

__all__ = ["theme"]


def compared() -> Workspace:
    """Two networks, both measured with every method, all runs stored."""
    workspace = scenes.opened()
    workspace.set_images(PICTURES)
    for number, model in enumerate((scenes.MODEL, OTHER)):
        layers = workspace.layers if not number else scenes.network(5)
        told = (
            scenes.rank_events(layers, seed=number, model=model),
            scenes.accuracy_events(scenes.confusion(seed=1 + number), model),
            scenes.attribution_events(12, model=model),
            width_scenes.width_events(layers, model),
            bundle_scenes.bundle_events(layers, model, PICTURES),
            bundle_scenes.removal_events(layers, model, PICTURES),
            sharing_scenes.projected_events(layers, model, PICTURES),
            sharing_scenes.trained_events(model, PICTURES),
            configuration_scenes.configuration_events(model, PICTURES, 220),
            configuration_scenes.points_events(model),
        )
        for place, events in enumerate(told):
            folder = f"runs/2026010{number}-00000{place}"
            run = scenes.play(workspace, of_other(events) if number else events, folder=folder)
    workspace.compare_with(run.number)
    workspace.select_sample(12)
    return workspace


def words_of(view: Any) -> str:
    """The numbers and titles of the figure that a view exports."""
    spec = view.figure_spec()
    assert isinstance(spec, FigureSpec)
    by_folder = {str(run.folder): run.result for run in view.workspace.runs.values()}
    sheet = make_sheet(spec, [by_folder[folder] for folder in spec.runs])
    titles = " ".join(panel.title for panel in sheet.panels)
    framed = " ".join(getattr(mark, "framed_label", "") for panel in sheet.panels for mark in panel.marks)
    return f"{table(sheet)} {titles} {framed}"


VIEWS = {
    "rank": (RankView, ()),
    "evaluate": (EvaluateView, ()),
    "widths": (WidthsView, ()),
    "bundles": (BundlesView, ("depth", "training", "bundle", "flow", "classes", "tolerance", "removal")),
    "configurations": (
        ConfigurationsView,
        ("oracle", "matrix", "picture", "choices", "cost", "rules", "cover", "classes", "groups", "agreement", "build"),
    ),
    "sharing": (SharingView, ("freedom", "ring", "layers", "likeness", "training")),
}


@pytest.mark.parametrize("name", VIEWS)
def test_every_side_exports_what_it_compares_with(name: str, theme: Theme, qtbot: QtBot) -> None:
    kind, sides = VIEWS[name]
    workspace = compared()
    view = built(kind, workspace, theme, qtbot)
    settle()
    for side in sides or ("",):
        if side:
            view.show_page(side)
            settle()
        holder = view.pages.get(side, view) if side else view
        switch = getattr(holder, "switch", None)
        if switch is not None:
            assert NAME not in words_of(view), f"{side}: the difference is not shown yet"
            assert switch.name, f"{side}: {getattr(holder, 'why_not', '')}"
            switch.setChecked(True)
            settle()
        assert NAME in words_of(view), side
    workspace.compare_with(None)
    settle()
    for side in sides or ("",):
        if side:
            view.show_page(side)
            settle()
        assert NAME not in words_of(view), side


def test_attributions_export_a_row_of_each_network(theme: Theme, qtbot: QtBot) -> None:
    workspace = compared()
    workspace.set_images(scenes.IMAGES)
    view = built(AttributionView, workspace, theme, qtbot)
    settle()
    assert NAME in words_of(view)
    workspace.compare_with(None)
    settle()
    assert NAME not in words_of(view)


@pytest.mark.parametrize("only_wrong", [False, True])
def test_confidences_of_the_shown_pictures_are_of_both_networks(only_wrong: bool, theme: Theme, qtbot: QtBot) -> None:
    workspace = scenes.opened()
    workspace.set_images(PICTURES)
    scenes.play(workspace, answers(scenes.MODEL, OURS, list(range(8))), folder="runs/first")
    other = scenes.play(workspace, of_other(answers(OTHER, THEIRS, list(range(8)))), folder="runs/second")
    workspace.compare_with(other.number)
    view = built(SamplesView, workspace, theme, qtbot)
    qtbot.waitUntil(lambda: view.thumbnails.pictures is not None)
    settle()
    if only_wrong:
        view.wishes.verdict.setCurrentIndex(view.wishes.verdict.findData("wrong"))
        view.wishes.changed.emit()
        settle()
    wrong = [i for i in range(8) if OURS[i] != LABEL[i]] if only_wrong else range(8)
    right_there = sum(THEIRS[i] == LABEL[i] for i in wrong)
    assert f"{NAME}, right ({right_there:,} pictures)" in words_of(view)


def test_preview_and_command_line_draw_the_same_second_network(theme: Theme, qtbot: QtBot, tmp_path: Path) -> None:
    workspace = compared()
    view = built(WidthsView, workspace, theme, qtbot)
    settle()
    spec = view.figure_spec()
    form = FigureForm(workspace, theme)
    qtbot.addWidget(form)
    form.show_spec(spec)
    assert form.spec().name == "widths"
    assert dict(form.spec().options)["compared"] == 1
    assert form.spec().runs == tuple(Path(folder).name for folder in spec.runs)
    assert "--set compared=1" in form.command()
    form.export(tmp_path / "figure.svg")
    form.finish()
    by_folder = {str(run.folder): run.result for run in workspace.runs.values()}
    wanted = encode(make_sheet(form.spec(), [by_folder[folder] for folder in spec.runs]), form.spec().style, ".svg")
    assert (tmp_path / "figure.svg").read_bytes() == wanted


def test_the_form_says_what_a_figure_refuses(theme: Theme, qtbot: QtBot) -> None:
    workspace = compared()
    runs = [run for run in workspace.runs.values() if run.request.method == "conflicting_bundles"]
    form = FigureForm(workspace, theme)
    qtbot.addWidget(form)
    form.show_spec(FigureSpec("bundle_depth", tuple(str(run.folder) for run in runs)))
    form._draw()
    assert "shows one run, and 2 are named" in form.message.text()
    form.options.set_values({"compared": 1})
    form._draw()
    assert form.message.text() == ""
    form.finish()


def test_runs_that_only_tell_layers_make_no_figure_alone() -> None:
    widths = next(figure for figure in FIGURES if figure.name == "widths")
    assert widths.fits(("width_groups",))
    assert widths.fits(("width_groups", "structure"))
    assert not widths.fits(("structure",))
    assert not widths.fits(("width_groups", "evaluate"))
