"""What the tests of a second network in the views have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from pytestqt.qtbot import QtBot

from analysis.events import Chunk, Event, Prepared
from analysis.request import ImageSource, ModelSource
from app.theme import Theme
from app.workspace import Workspace
from tests.gestures import settle, show

PICTURES = ImageSource("demo:test")
OTHER = ModelSource("auto", ("resnet56.th",))
NAME = "cifar_resnet56"


def of_other(events: Iterator[Event]) -> Iterator[Event]:
    """Tell a run as one of the second network."""
    return (replace(event, model=NAME) if isinstance(event, Prepared) else event for event in events)


def unlike(events: Iterator[Event], changes: Mapping[str, Callable[[np.ndarray], np.ndarray]]) -> Iterator[Event]:
    """The same run with other values in some outputs."""
    for event in events:
        if isinstance(event, Chunk) and event.name in changes:
            values = np.asarray(event.values)
            yield replace(event, values=changes[event.name](values).astype(values.dtype))
        else:
            yield event


def built(kind: Any, workspace: Workspace, theme: Theme, qtbot: QtBot) -> Any:
    made = kind(workspace, theme)
    qtbot.addWidget(made)
    show(made)
    return made


def page(view: Any, name: str) -> Any:
    view.show_page(name)
    settle()
    return view.pages[name]
