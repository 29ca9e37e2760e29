"""A workspace as one readable JSON file: what is open, where it was, and the names of its runs. Small, without data."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from analysis.edits import Edits
from analysis.problems import AnalysisError
from analysis.records import RecordError, from_plain, to_plain
from analysis.request import DEFAULT_COMPUTE, Compute, ImageSource, ModelSource
from app.workspace import Selection

FORMAT = 3
SUFFIX = ".layerscope.json"
NO_SELECTION = Selection()


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the edit history: the words of the Edit menu, and what it changed.

    Attributes
    ----------
    edits
        The edits after the step.
    images
        The pictures before and after a step that changed them, else empty.
    """

    text: str
    edits: Edits
    images: tuple[ImageSource | None, ...] = ()


@dataclass(frozen=True, slots=True)
class RunName:
    """A run that belongs to the workspace: its folder, and its name for people."""

    folder: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class Layout:
    """How the window looked.

    Attributes
    ----------
    tab
        Name of the view in front.
    docks
        Names of the panels that were open.
    state
        Qt's own description of the docks, base64.
    views
        View name to how it is arranged.
    """

    tab: str = ""
    docks: tuple[str, ...] = ()
    state: str = ""
    views: Mapping[str, Any] = field(default_factory=dict)


NO_LAYOUT = Layout()


@dataclass(frozen=True, slots=True)
class Document:
    """Content of a workspace file.

    Attributes
    ----------
    saved
        ISO time with time zone.
    file
        In an autosave: the file that the user had saved to, "" for none.
    model, images, compute, limit, seed
        As in a request.
    model_title, weights_sha256
        What the network was recognised as, and the hash of its weights; "" if unknown.
    steps, step
        Edit history, and how many of its steps are done.
    selection, span
        What was selected; the brushed range of layers.
    runs, compared
        Runs shown; folder of the run that is drawn as an outline.
    """

    saved: str = ""
    file: str = ""
    model: ModelSource | None = None
    model_title: str = ""
    weights_sha256: str = ""
    images: ImageSource | None = None
    compute: Compute = DEFAULT_COMPUTE
    limit: int = 0
    seed: int = 0
    steps: tuple[Step, ...] = ()
    step: int = 0
    selection: Selection = NO_SELECTION
    span: tuple[int, int] | None = None
    runs: tuple[RunName, ...] = ()
    compared: str = ""
    layout: Layout = NO_LAYOUT


def write(path: Path, document: Document) -> None:
    """Replace a workspace file in one step. Paths are written relative to its folder.

    Raises
    ------
    AnalysisError
        If it cannot be written; the old file then stays as it was.
    """
    stamped = replace(document, saved=datetime.now().astimezone().isoformat(timespec="seconds"))
    near = _with_paths(stamped, lambda name: _relative(name, path.parent))
    text = json.dumps({"layerscope": "workspace", "format": FORMAT} | to_plain(near), indent=1)
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError as error:
        part.unlink(missing_ok=True)
        reason = error.strerror or error
        raise AnalysisError(f"{path.name} could not be written: {reason}.", "Choose another place.") from None


def read(path: Path) -> Document:
    """Read a workspace file, of this format or an older one. Paths come out absolute.

    Raises
    ------
    AnalysisError
        If it cannot be read, is damaged, or was written by a newer LayerScope.
    """
    try:
        plain: Any = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise AnalysisError(f"{path.name} cannot be read: {error.strerror or error}.", "Is it still there?") from None
    except (ValueError, RecursionError):
        raise _damaged(path, "it is no JSON") from None
    if not isinstance(plain, dict) or plain.pop("layerscope", None) != "workspace":
        raise _damaged(path, "it is no workspace")
    number = plain.pop("format", None)
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise _damaged(path, "it has no format number")
    if number > FORMAT:
        text = f"{path.name} was saved by a newer LayerScope (format {number}; this one reads up to {FORMAT})."
        raise AnalysisError(text, "Update LayerScope.")
    try:
        document = from_plain(Document, migrate(plain, number), "the workspace")
    except RecordError as error:
        raise _damaged(path, str(error)) from None
    return _with_paths(document, lambda name: _absolute(name, path.parent))


def migrate(plain: dict[str, Any], number: int) -> dict[str, Any]:
    """Bring the content of an older file to the form of this one.

    Format 1 knew "network" for "model" and "pictures" for "images", runs without titles, and no edit history. Format 2
    knew neither bundle nor configuration in the selection.
    """
    if number >= 2:
        return plain
    names = {"network": "model", "pictures": "images"}
    moved = {names.get(name, name): value for name, value in plain.items()}
    edits = moved.pop("edits", None)
    if edits and any(edits.values()):
        moved |= {"steps": [{"text": "Edits of an older file", "edits": edits}], "step": 1}
    if isinstance(moved.get("runs"), list):
        moved["runs"] = [{"folder": folder} if isinstance(folder, str) else folder for folder in moved["runs"]]
    return moved


def _damaged(path: Path, reason: str) -> AnalysisError:
    return AnalysisError(f"{path.name} is damaged: {reason}.", "An autosaved copy may be offered on the start page.")


def _with_paths(document: Document, change: Callable[[str], str]) -> Document:
    model, images = document.model, document.images
    if model:
        model = replace(model, name=_model_name(model.name, change), weights=tuple(map(change, model.weights)))
    steps = tuple(replace(step, images=tuple(_images(i, change) for i in step.images)) for step in document.steps)
    images = _images(images, change)
    runs = tuple(replace(run, folder=change(run.folder)) for run in document.runs)
    file, compared = change(document.file), change(document.compared)
    return replace(document, file=file, model=model, images=images, steps=steps, runs=runs, compared=compared)


def _images(images: ImageSource | None, change: Callable[[str], str]) -> ImageSource | None:
    return images and replace(images, location=change(images.location), classes=change(images.classes))


def _model_name(name: str, change: Callable[[str], str]) -> str:
    path, colon, factory = name.rpartition(":")
    if colon and path.endswith(".py"):
        return f"{change(path)}:{factory}"
    return change(name) if name.endswith(".pt2") else name


def _relative(name: str, folder: Path) -> str:
    """Return a path as seen from a folder, with forward slashes; names that are no paths stay."""
    if not os.path.isabs(name):
        return name
    try:
        near = os.path.relpath(name, folder.absolute())
    except ValueError:  # another drive
        return name
    # The dot tells a path from a name such as "random" or "demo:test".
    return near.replace(os.sep, "/") if near.startswith("..") else "./" + near.replace(os.sep, "/")


def _absolute(name: str, folder: Path) -> str:
    if name.startswith("./") or name.startswith("../") or name in (".", ".."):
        return os.path.normpath(folder.absolute() / name)
    return name
