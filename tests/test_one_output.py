"""Networks with one output, or few: no confidence, no accuracy, no top-5; their number instead."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from pytestqt.qtbot import QtBot
from torch import Tensor, nn

from analysis import measure
from analysis.events import Event, Started
from analysis.figures import accuracy as accuracy_figures
from analysis.figures import attribution as attribution_figures
from analysis.problems import AnalysisError
from analysis.request import Request
from analysis.result import Result
from app.reading.attribution_reading import Explanation
from app.reading.sample_comparison import SecondAnswers
from app.reading.sample_words import fact_words
from app.reading.samples import Wish, fitting, guesses, sample_table
from app.theme import Theme
from app.views.evaluate import EvaluateView
from tests import scenes, tiny
from tests.gestures import settle, show, theme
from tests.sample_scenes import RUN, TABLE, pictures

__all__ = ["theme"]
COUNT = 6


class Scorer(nn.Module):
    """A small network with as many outputs as asked for."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.conv, self.fc = nn.Conv2d(3, 4, 3, padding=1), nn.Linear(4, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(torch.relu(self.conv(x)).mean(dim=(2, 3)))


def events(method: str, outputs: int, labelled: bool = True, **params: Any) -> list[Event]:
    """Measure such a network, as if it were the one that is open."""
    found: list[Event] = []
    labels = np.arange(COUNT) % outputs if labelled else None
    images = tiny.pictures((3, 8, 8), COUNT)
    measure(method, tiny.fill(Scorer(outputs)), images, labels=labels, progress=found.append, **params)
    request = Request(method, scenes.MODEL, scenes.IMAGES)
    return [replace(event, request=request) if isinstance(event, Started) else event for event in found]


def scores(outputs: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    with torch.no_grad():
        return tiny.fill(Scorer(outputs))(tiny.pictures((3, 8, 8), COUNT)).double().numpy()


def view_of(found: list[Event], theme: Theme, qtbot: QtBot) -> EvaluateView:
    workspace = scenes.opened()
    scenes.play(workspace, iter(found))
    view = EvaluateView(workspace, theme)
    qtbot.addWidget(view)
    show(view)
    return view


# -- the engine --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["dynamic_configurations", "configuration_chooser", "chance_pools"])
def test_configurations_of_one_output_are_refused(method: str) -> None:
    net, params = tiny.fill(Scorer(1)), {"points": "conv:dil1,2"}
    with pytest.raises(AnalysisError, match="has one output, and configurations need classes"):
        measure(method, net, tiny.pictures((3, 8, 8), 12), labels=np.zeros(12, dtype=np.int64), **params)


def test_attribution_of_one_output_explains_its_number() -> None:
    found = Result.of(iter(events("attribution", 1, algorithms="saliency,occlusion")))
    np.testing.assert_allclose(found["target_score"], scores(1)[:4, 0], rtol=1e-5)
    assert np.isnan(found["confidence"]).all()
    assert np.abs(found["attribution"]).max() > 0
    assert [warning.code for warning in found.warnings] == ["one_output"]
    several = Result.of(iter(events("attribution", 2, algorithms="saliency")))
    assert np.isfinite(several["confidence"]).all()
    assert "one output" not in several.facts


# -- the window --------------------------------------------------------------------------------------------------------


def test_the_accuracy_tab_says_why_it_is_empty(theme: Theme, qtbot: QtBot) -> None:
    view = view_of(events("evaluate", 1), theme, qtbot)
    assert view.matrix.note == "The network has one output: there is no accuracy and no confidence, only its number."
    assert not any(figure.isVisibleTo(view) for figure in view.figures.values())
    assert "not numbers" not in view.facts.text
    assert not view.sorting.isVisibleTo(view), "there is no matrix to be put into order"
    assert view_of(events("evaluate", 2), theme, qtbot).sorting.isVisible()


def test_a_run_without_accuracy_says_so_when_it_ends(theme: Theme, qtbot: QtBot) -> None:
    found = events("evaluate", 3, labelled=False)
    view = view_of(events("evaluate", 3), theme, qtbot)
    run = scenes.play(view.workspace, iter(found), steps=len(found) - 2)
    settle()
    assert "follows when all pictures" in view.matrix.note
    for event in found[-2:]:
        view.workspace.apply(run.number, event)
    view.workspace.announce(run.number)
    settle()
    assert "no accuracy" in view.matrix.note


def test_pictures_without_accuracy_leave_nothing_of_the_run_before(theme: Theme, qtbot: QtBot) -> None:
    view = view_of(events("evaluate", 3), theme, qtbot)
    assert "→" in view.readout.text
    scenes.play(view.workspace, iter(events("evaluate", 3, labelled=False)))
    settle()
    assert view.matrix.note == "The pictures have no labels: there are predictions, but no accuracy."
    assert view.readout.text == ""


@pytest.mark.parametrize(("outputs", "shown"), [(5, False), (6, True)])
def test_top5_is_shown_above_five_outputs(outputs: int, shown: bool, theme: Theme, qtbot: QtBot) -> None:
    view = view_of(events("evaluate", outputs), theme, qtbot)
    assert view.figures["top1"].isVisibleTo(view)
    assert view.figures["top5"].isVisibleTo(view) == shown


def test_top5_of_an_earlier_run_says_as_little(theme: Theme, qtbot: QtBot) -> None:
    matrix = np.array([[3, 1], [0, 4]])
    stored: Iterator[Event] = scenes.accuracy_events(matrix, names=("ant", "bee"))
    view = view_of(list(stored), theme, qtbot)
    assert view.figures["top1"].text == "87.5\xa0%"
    assert not view.figures["top5"].isVisibleTo(view)


def test_samples_show_the_number_instead_of_a_confidence() -> None:
    result = Result.of(iter(events("evaluate", 1, labelled=False)))
    table = sample_table(pictures([0, 1, 0, 1, 0, 1]), result)
    assert table.one_output
    assert table.measured
    assert table.predicted == ()
    assert np.isnan(table.confidence).all()
    np.testing.assert_allclose(table.score, scores(1)[:, 0], rtol=1e-5)
    said = fact_words(table, 1, None)
    number = f"{table.score[1]:.3g}".replace("-", "−")
    assert said.splitlines() == ["Label: 1", f"Output: {number}, the only one, so that there is no confidence"]
    assert guesses(table, result, 1) == ()
    assert fitting(table, Wish(label=1)).tolist() == [1, 3, 5]
    assert fitting(table, Wish(verdict="wrong")).size == 0
    second = SecondAnswers("other", table, result)
    assert not second.disagrees(TABLE).any(), "a number is no class"
    assert not SecondAnswers("other", TABLE, RUN).disagrees(table).any()
    assert second.words(TABLE, 0) == f"other: {table.prediction_name(0)}"
    assert "100" not in second.words(TABLE, 0)


def test_explained_pictures_show_the_number() -> None:
    workspace = scenes.opened()
    run = scenes.play(workspace, iter(events("attribution", 1, algorithms="saliency")))
    found = Explanation(run, 0)
    assert found.words().startswith("explained: the network's one output ")
    assert found.lines() == ((found.confidence,), False)
    assert "%" not in found.words() + found.confidence


def test_figures_claim_no_confidence() -> None:
    with pytest.raises(AnalysisError, match="one output"):
        accuracy_figures.confidence([Result.of(iter(events("evaluate", 1)))], {"pictures": ""})
    found = Result.of(iter(events("attribution", 1, algorithms="saliency")))
    assert attribution_figures._title(found, 2).endswith(f"output {float(found['target_score'][2]):.3g}")
