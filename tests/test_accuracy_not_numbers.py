"""The accuracy view of a network whose outputs are not numbers: it says so instead of showing a chance hit rate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from analysis.events import Chunk, Event
from app.theme import Theme
from app.views.evaluate import EvaluateView, broken_words
from tests import scenes
from tests.gestures import show, theme

__all__ = ["theme"]


def broken(share: float) -> Iterator[Event]:
    """A run in which the first pictures have outputs that are not numbers."""
    for event in scenes.accuracy_events():
        if isinstance(event, Chunk) and event.name == "confidence":
            values = np.array(event.values, dtype=np.float64)
            values[: round(share * len(values))] = np.nan
            yield replace(event, values=values)
        else:
            yield event


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_what_is_no_number_is_said(share: float, theme: Theme, qtbot: QtBot) -> None:
    workspace = scenes.opened()
    run = scenes.play(workspace, broken(share))
    view = EvaluateView(workspace, theme)
    qtbot.addWidget(view)
    show(view)
    words = broken_words(run.result)
    assert bool(words) == (share > 0)
    assert words in view.facts.text
    assert (view.figures["top1"].text == "–") == (share == 1)
    assert ("recognises nothing" in view.matrix.note) == (share == 1)
    if 0 < share < 1:
        assert "25.0\xa0% of the pictures" in words
