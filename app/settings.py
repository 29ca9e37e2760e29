"""What the user prefers, in one JSON file: typed, tolerant, never a reason not to start."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import platformdirs
from PySide6.QtCore import QObject, Signal

from analysis.records import RecordError, from_plain, to_plain

RECENT = 8
"""How many recent networks, pictures and workspaces are remembered."""


@dataclass(frozen=True, slots=True)
class RecentModel:
    """A network that was opened before.

    Attributes
    ----------
    name, weights
        As in :class:`analysis.request.ModelSource`.
    title
        What it was recognised as, e.g. "resnet20".
    """

    name: str
    weights: tuple[str, ...] = ()
    title: str = ""


@dataclass(frozen=True, slots=True)
class Settings:
    """Preferences of one user.

    Attributes
    ----------
    theme
        "system", "light" or "dark".
    font_scale
        Font size relative to the system's.
    device, dtype, threads
        Where to compute; "" for the engine's choice, 0 threads likewise.
    runs_folder
        Where runs are written, "" for the default.
    update_live
        Measure again by itself half a second after an edit.
    recent_models, recent_images, recent_workspaces
        Newest first.
    geometry, layout
        Place of the window and of its docks, as Qt's base64 texts.
    tab
        The view that was shown last.
    autosave
        Keep what is open, so that it survives a crash.
    shortcuts
        (action, keys) pairs that differ from the table of actions; keys as portable text, "" for none.
    tried
        True once the demo has been opened; the start page is then less eager to offer it.
    """

    theme: str = "system"
    font_scale: float = 1.0
    device: str = ""
    dtype: str = "float32"
    threads: int = 0
    runs_folder: str = ""
    update_live: bool = False
    recent_models: tuple[RecentModel, ...] = ()
    recent_images: tuple[str, ...] = ()
    recent_workspaces: tuple[str, ...] = ()
    geometry: str = ""
    layout: str = ""
    tab: str = ""
    autosave: bool = True
    shortcuts: tuple[tuple[str, str], ...] = ()
    tried: bool = False

    @property
    def keys(self) -> dict[str, str]:
        """Action to the keys that the user has given it."""
        return dict(self.shortcuts)

    def with_keys(self, changes: dict[str, str | None]) -> Settings:
        """Give actions other keys; None brings back those of the table."""
        keys: dict[str, str | None] = {**self.keys, **changes}
        return replace(self, shortcuts=tuple(sorted((name, own) for name, own in keys.items() if own is not None)))

    def as_new(self) -> Settings:
        """Return the defaults; recent things, the place of the window and its panels are no preferences and stay."""
        kept = ("recent_models", "recent_images", "recent_workspaces", "geometry", "layout", "tab", "tried")
        return replace(Settings(), **{name: getattr(self, name) for name in kept})

    def with_model(self, model: RecentModel) -> Settings:
        """Put a network at the head of the recent ones."""
        others = tuple(m for m in self.recent_models if (m.name, m.weights) != (model.name, model.weights))
        return replace(self, recent_models=(model, *others)[:RECENT])

    def with_images(self, location: str) -> Settings:
        """Put pictures at the head of the recent ones."""
        return replace(self, recent_images=_at_head(location, self.recent_images))

    def with_workspace(self, path: str) -> Settings:
        """Put a workspace file at the head of the recent ones."""
        return replace(self, recent_workspaces=_at_head(path, self.recent_workspaces))


def _at_head(entry: str, entries: tuple[str, ...]) -> tuple[str, ...]:
    return (entry, *(other for other in entries if other != entry))[:RECENT]


def home() -> Path:
    """Folder of settings, autosaves and runs: the system's usual place, or what LAYERSCOPE_HOME says."""
    given = os.environ.get("LAYERSCOPE_HOME")
    return Path(given) if given else Path(platformdirs.user_data_dir("layerscope", appauthor=False))


def read_settings(path: Path) -> tuple[Settings, tuple[str, ...]]:
    """Read settings; what cannot be understood falls back to its default.

    Returns
    -------
    (Settings, tuple of str)
        The settings, and one sentence for each thing that was dropped.
    """
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Settings(), ()
    except (OSError, ValueError) as error:
        return Settings(), (f"The settings file {path.name} could not be read ({_reason(error)}); defaults are used.",)
    if not isinstance(plain, dict):
        return Settings(), (f"The settings file {path.name} is damaged; defaults are used.",)
    return _keep_what_fits(plain)


def _keep_what_fits(plain: dict[str, Any]) -> tuple[Settings, tuple[str, ...]]:
    settings, dropped = Settings(), []
    known = {field.name for field in fields(Settings)}
    for name, value in plain.items():
        if name not in known:
            dropped.append(f"The unknown setting '{name}' was dropped.")
            continue
        try:
            settings = replace(settings, **{name: getattr(from_plain(Settings, {name: value}, "settings"), name)})
        except RecordError:
            dropped.append(f"The setting '{name}' was damaged; its default is used.")
    return settings, tuple(dropped)


def _reason(error: Exception) -> str:
    return error.strerror or "unreadable" if isinstance(error, OSError) else "it is no JSON"


def write_settings(path: Path, settings: Settings) -> str:
    """Replace the settings file in one step.

    Returns
    -------
    str
        "" or one sentence that says why it could not be written; settings are never worth an exception.
    """
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(to_plain(settings), indent=1), encoding="utf-8")
        os.replace(part, path)
    except OSError as error:
        return f"Settings could not be written: {error.strerror or error}."
    return ""


class Preferences(QObject):
    """The settings of this window: read once, written at every change.

    Attributes
    ----------
    settings
        What is preferred now.
    complaints
        Sentences about what had to be dropped on reading; to be said once.
    """

    changed = Signal()

    def __init__(self, path: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.path = path
        self.settings, self.complaints = read_settings(path)

    def change(self, **changes: Any) -> str:
        """Prefer something else; return "" or why it could not be written."""
        return self.replace(replace(self.settings, **changes))

    def replace(self, settings: Settings) -> str:
        """Prefer these settings; return "" or why they could not be written."""
        if settings == self.settings:
            return ""
        self.settings = settings
        self.changed.emit()
        return write_settings(self.path, settings)

    @property
    def runs_folder(self) -> Path:
        """Where runs are written: beside the settings, unless another folder is preferred."""
        return Path(self.settings.runs_folder) if self.settings.runs_folder else self.path.parent / "runs"

    @property
    def structures_folder(self) -> Path:
        """Where the structures of opened networks are kept, so that figures of them can be drawn without the window."""
        return self.path.parent / "structures"
