"""Everything of the window that is not a widget, put together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject

from analysis.remote import Engine
from app.engine_client import EngineClient
from app.history import History
from app.keeping import Keeper
from app.log import LogBuffer
from app.measuring import Measuring
from app.notices import Notices
from app.second import SecondNetwork
from app.session import Session
from app.settings import Preferences
from app.theme import Theme
from app.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Desk:
    """The parts, each of which knows only those below it.

    Attributes
    ----------
    root
        Owner of all of them in Qt's sense; deleting it deletes them.
    """

    root: QObject
    workspace: Workspace
    theme: Theme
    preferences: Preferences
    notices: Notices
    log: LogBuffer
    history: History
    keeper: Keeper
    client: EngineClient
    measuring: Measuring
    session: Session
    second: SecondNetwork

    def close(self) -> None:
        """End the session: keep what is open, stop the engine, and stop every clock."""
        self.keeper.end()
        self.history.stop()
        self.client.stop()
        self.notices.clear()
        self.workspace.undo.blockSignals(True)  # it speaks once more while it is deleted, when others are gone
        self.root.deleteLater()


def make_desk(engine: Engine, home: Path, log: LogBuffer) -> Desk:
    """Put the parts together; nothing is started or read but the settings.

    Parameters
    ----------
    engine
        Started later, by ``desk.client.start()``.
    home
        Folder of settings and autosaves.
    log
        The log.
    """
    root = QObject()
    preferences = Preferences(home / "settings.json", root)
    settings = preferences.settings
    workspace = Workspace(root)
    theme = Theme(settings.theme, settings.font_scale, root)
    notices = Notices(root)
    history = History(preferences.runs_folder, root)
    client = EngineClient(engine, workspace, root)
    keeper = Keeper(workspace, home / "autosave", parent=root)
    measuring = Measuring(workspace, client, history, notices, preferences, root)
    session = Session(workspace, client, measuring, keeper, notices, preferences, root)
    second = SecondNetwork(workspace, client, measuring, notices, root)
    return Desk(root, workspace, theme, preferences, notices, log, history, keeper, client, measuring, session, second)
