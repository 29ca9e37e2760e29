"""Nothing is deleted outside the thread of the window."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from typing import ClassVar

import pytest
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from app.collecting import Collecting

MANY = 5_000


class Ring:
    """Garbage that only the collector finds; it says in which thread."""

    threads: ClassVar[list[str]] = []

    def __init__(self) -> None:
        self.own = self

    def __del__(self) -> None:
        Ring.threads.append(threading.current_thread().name)


def litter() -> None:
    """Make more garbage than Python lets lie."""
    for _ in range(MANY):
        Ring()


def work() -> None:
    thread = threading.Thread(target=litter, name="thumbnails")
    thread.start()
    thread.join()


@pytest.fixture
def collecting(qapp: object) -> Iterator[Collecting]:
    owner = QObject()
    made = Collecting(owner)
    yield made
    made.stop()
    made.setParent(None)


def test_python_alone_deletes_in_any_thread() -> None:
    gc.collect()
    Ring.threads.clear()
    work()
    assert "thumbnails" in Ring.threads


def test_garbage_of_a_thread_is_deleted_in_that_of_the_window(collecting: Collecting, qtbot: QtBot) -> None:
    gc.collect()
    Ring.threads.clear()
    work()
    assert Ring.threads == []
    qtbot.waitUntil(lambda: len(Ring.threads) == MANY, timeout=10_000)
    assert set(Ring.threads) == {threading.main_thread().name}


def test_python_collects_again_afterwards(collecting: Collecting) -> None:
    assert not gc.isenabled()
    collecting.stop()
    assert gc.isenabled()
