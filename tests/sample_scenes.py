"""Pictures, answers to them, and the Samples view with both, for tests."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from analysis.events import Chunk, Declared, Event, Finished, Outcome, Output, Prepared, Samples, Started
from analysis.pictures import PictureSet, open_pictures
from analysis.request import ImageSource, Request
from analysis.result import Result
from app.browsing.thumbnails import Thumbnails
from app.reading.samples import sample_table
from app.theme import Theme
from app.views.samples import SamplesView
from tests import scenes
from tests.gestures import settle, show

CLASSES = ("cat", "dog", "tabby cat")


def run_events(
    label: list[int], prediction: list[int], confidence: list[float], places: list[int] | None = None,
    images: ImageSource = scenes.IMAGES, names: tuple[str, ...] = CLASSES,
) -> Iterator[Event]:  # fmt: skip
    count = len(label)
    indices = None if places is None else np.array(places)
    yield Started(Request("evaluate", scenes.MODEL, images))
    yield Prepared("c" * 64, "net", samples=Samples(count, 1000, "s", images.location), indices=indices)
    outputs = {
        "label": np.array(label, dtype=np.int32),
        "prediction": np.array(prediction, dtype=np.int32),
        "confidence": np.array(confidence),
        "sample_loss": -np.log(np.array(confidence)),
    }
    yield Declared(
        tuple(Output(name, ("sample",), (count,), str(array.dtype)) for name, array in outputs.items()),
        names=(("class", names),),
    )
    for name, array in outputs.items():
        yield Chunk(name, (), array)
    yield Finished(Outcome.COMPLETED)


def pictures(labels: list[int] | None, count: int = 6) -> PictureSet:
    array = np.zeros((count, 4, 4, 3), dtype=np.uint8)
    return PictureSet("x.npz", array, None if labels is None else np.array(labels), ())


RUN = Result.of(run_events([0, 1, 2, 0], [0, 2, 2, 1], [0.9, 0.6, 0.8, 0.7], places=[0, 2, 3, 5]))
TABLE = sample_table(pictures([0, 0, 1, 2, 2, 0]), RUN)


def wait(until: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not until():
        QApplication.processEvents()
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.002)


def still(thumbnails: Thumbnails) -> None:
    """Wait until nothing more is decoded."""
    before = -1
    while before != thumbnails.decoded:
        before = thumbnails.decoded
        end = time.monotonic() + 0.15
        wait(lambda end=end: time.monotonic() > end)


def view_of(theme: Theme, qtbot: QtBot, location: str, run: Iterator[Event] | None = None) -> SamplesView:
    workspace = scenes.opened()
    workspace.set_images(ImageSource(location))
    if run is not None:
        scenes.play(workspace, run, folder="runs/x")
    made = SamplesView(workspace, theme)
    qtbot.addWidget(made)
    show(made, 752, 620)
    wait(lambda: made.thumbnails.pictures is not None)
    settle()
    return made


def demo_run(count: int = 500) -> Iterator[Event]:
    labels = open_pictures("demo:test").labels
    assert labels is not None
    places = list(range(0, 2 * count, 2))
    label = [int(labels[place]) for place in places]
    prediction = [(value + (number % 5 == 0)) % 10 for number, value in enumerate(label)]
    confidence = np.linspace(0.2, 0.99, count).tolist()
    names = tuple(f"class {i}" for i in range(10))
    return run_events(label, prediction, confidence, places, ImageSource("demo:test"), names)
