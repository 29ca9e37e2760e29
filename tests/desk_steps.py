"""Steps with the desk, which is the window without widgets: wait, read notices, press their buttons, open a network."""

from __future__ import annotations

from typing import Any

from analysis.request import ModelSource
from app.desk import Desk


def settle(desk: Desk, qtbot: Any) -> None:
    """Let everything that was submitted end."""
    qtbot.waitUntil(lambda: not any(run.open for run in desk.workspace.runs.values()))


def texts(desk: Desk) -> str:
    return "\n".join(f"{n.text} {n.hint}" for n in desk.notices.all().values())


def press(desk: Desk, label: str) -> None:
    """Press the button of a notice."""
    for number, notice in desk.notices.all().items():
        for action in notice.actions:
            if action.text == label:
                desk.notices.remove(number)
                action.call()
                return
    raise AssertionError(f"no button '{label}' in {texts(desk)}")


def opened(desk: Desk, qtbot: Any, name: str = "demo:a") -> Desk:
    desk.client.start()
    desk.client.tick()
    desk.session.open_model(ModelSource(name))
    settle(desk, qtbot)
    return desk
