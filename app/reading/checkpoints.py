"""Checkpoints of the open network: other weights of the same architecture, measured or not. No widgets."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from analysis.request import ModelSource, Request
from app.opening import WEIGHT_SUFFIXES
from app.weights import Weights, folder_of, stands_for
from app.workspace import Run, Workspace

MOST_ENTRIES = 5000
"""Names of a folder that are looked at: a folder with more is hardly one of checkpoints."""
MOST = 500
"""Files of a folder that become checkpoints."""
ONE_OFF = ("save_network", "edited_check", "train_shared")
"""Methods that make something instead of measuring the weights that are shown."""
MEASURED, PENDING, UNMEASURED = "measured", "pending", "unmeasured"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Weights of the open network.

    Attributes
    ----------
    weights
        As in a request.
    title
        Words: the file's name without folder and ending.
    state
        "measured" with at least one run, "pending" while the first one is awaited, else "unmeasured".
    """

    weights: Weights
    title: str
    state: str = MEASURED


def weight_files(folder: Path) -> tuple[str, ...]:
    """List the names of a folder's weight files in natural order; no file is opened.

    Empty if the folder cannot be read. Of a very large folder only a part is looked at.
    """
    return listed(folder)[0]


def listed(folder: Path) -> tuple[tuple[str, ...], str]:
    """List the names of a folder's weight files, and say what was left out of a very large folder, "" for nothing."""
    try:
        with os.scandir(folder) as entries:
            looked_at = list(islice(entries, MOST_ENTRIES + 1))
            names = sorted((entry.name for entry in looked_at[:MOST_ENTRIES] if _is_weight_file(entry)), key=natural)
    except OSError:
        return (), ""
    cut = [f"only its first {MOST_ENTRIES:,} entries were looked at"] if len(looked_at) > MOST_ENTRIES else []
    cut += [f"of {len(names):,} weight files the first {MOST:,} are listed"] if len(names) > MOST else []
    return tuple(names[:MOST]), "; ".join(cut)


def cut_short(model: ModelSource | None) -> str:
    """Say what of the folder of a network's weights is not listed, because it is very large; "" for all of it."""
    folder = folder_of(model) if model is not None else None
    cut = listed(folder)[1] if folder is not None else ""
    return f"{folder.name if folder is not None else ''}: {cut}." if cut else ""


def _is_weight_file(entry: os.DirEntry[str]) -> bool:
    if entry.name.startswith(".") or not entry.name.lower().endswith(WEIGHT_SUFFIXES):
        return False
    return entry.is_file()


def one_of(source: ModelSource) -> ModelSource:
    """Take the last of several weight files, for opening a network: a window shows one checkpoint at a time.

    Folders stand for the weight files in them; anything else is left as it is.
    """
    if not any(os.path.isdir(name) for name in source.weights):
        return source
    found: list[str] = []
    for name in source.weights:
        folder = Path(name)
        found += [str(folder / file) for file in weight_files(folder)] if folder.is_dir() else [name]
    return replace(source, weights=(found[-1],)) if found else source


def beside(model: ModelSource | None) -> tuple[str, ...]:
    """List the weight files beside those of a network, its own among them, in natural order.

    Of the demo its checkpoints. Empty for weights without a file, such as random ones.
    """
    if model is None:
        return ()
    folder = folder_of(model)
    return tuple(str(folder / name) for name in weight_files(folder)) if folder is not None else ()


class Folder:
    """The weight files beside the open network, listed once for each: a folder may lie on a slow disk.

    Attributes
    ----------
    cut
        What is not listed of a very large folder, "" for nothing.
    """

    def __init__(self) -> None:
        self._model: ModelSource | None = None
        self._files: tuple[str, ...] = ()
        self.cut = ""

    def files(self, model: ModelSource | None) -> tuple[str, ...]:
        """Return what :func:`beside` says of a network."""
        if model != self._model:
            self._model, self._files, self.cut = model, beside(model), cut_short(model)
        return self._files


def all_of(workspace: Workspace, files: tuple[str, ...]) -> ModelSource | None:
    """Name the open network with all weight files of its folder, for one run over them; None for fewer than two.

    Parameters
    ----------
    files
        See :func:`beside`; those that turned out not to fit are left out.
    """
    model = workspace.model
    if model is None or workspace.structure is None:
        return None
    wrong = left_out(workspace)
    found = tuple(file for file in files if (file,) not in wrong)
    if len(found) < 2:
        return None
    if model.name.startswith("demo:") and not model.weights and "@" not in model.name:
        return model  # it stands for all of its checkpoints
    return replace(model, weights=found)


def one_alone(workspace: Workspace, files: tuple[str, ...]) -> ModelSource | None:
    """Name the open network with the one checkpoint that is shown; None for no network.

    The same as what is shown, but for the demo, which stands for all of its checkpoints where none is chosen.
    """
    shown = workspace.shown_model
    own = own_file(shown, files) if shown is not None and not shown.weights else ""
    return replace(shown, weights=(own,)) if shown is not None and own else shown


def takes_several(workspace: Workspace, method: str) -> bool:
    """Tell whether one run of a method goes over several checkpoints."""
    info = workspace.method(method)
    return info is not None and "checkpoints" in info.needs


def own_file(model: ModelSource, files: tuple[str, ...]) -> str:
    """Find the file among `files` that a network was opened with, "" for none; of the demo its last checkpoint."""
    if model.weights:
        wanted = os.path.abspath(os.path.expanduser(model.weights[-1]))
        return next((file for file in files if os.path.abspath(file) == wanted), "")
    if not model.name.startswith("demo:") or not files:
        return ""
    wanted = model.name.partition("@")[2]
    return next((file for file in files if Path(file).stem == wanted), "") if wanted else files[-1]


def checkpoints(workspace: Workspace, files: tuple[str, ...] = ()) -> tuple[Checkpoint, ...]:
    """List the weights of the open architecture, those it was opened with among them.

    In natural order of their names ("epoch-9" before "epoch-10"). Empty if there is only one.

    Parameters
    ----------
    files
        Weight files beside those of the open network, see :func:`beside`. They are shown without having been looked
        into; what turns out not to fit is left out, see :func:`left_out`.
    """
    model = workspace.model
    if model is None or workspace.structure is None:
        return ()
    own = own_file(model, files)
    titles: dict[Weights, str] = {model.weights: Path(own).stem if own else title_of(model.weights)}
    wrong = left_out(workspace)
    for file in files:
        if file != own and (file,) not in wrong:
            titles.setdefault((file,), title_of((file,)))
    measured = set()
    for run in workspace.runs.values():
        if run.request.model is not None and run.is_series and _fits(workspace, run):
            measured |= {one for one in titles if run.state == "completed" and _covers(run, model, one)}
        elif run.request.model is not None and run.purpose == "measure" and _fits(workspace, run):
            measured.add(run.request.model.weights)
            if run.request.model.weights:
                titles.setdefault(run.request.model.weights, title_of(run.request.model.weights))
    if len(titles) < 2:
        return ()
    runs = [run for run in workspace.runs.values() if run.purpose == "measure"]
    awaited = {weights for weights in titles if any(run.open and _covers(run, model, weights) for run in runs)}

    def state(weights: Weights) -> str:
        return MEASURED if weights in measured else PENDING if weights in awaited else UNMEASURED

    made = [Checkpoint(weights, title, state(weights)) for weights, title in titles.items()]
    return tuple(sorted(made, key=lambda checkpoint: (natural(checkpoint.title), checkpoint.weights)))


def _covers(run: Run, model: ModelSource, weights: Weights) -> bool:
    """Tell whether a run is of some weights of a network, alone or among others."""
    measured, one = run.request.model, replace(model, weights=weights)
    if measured is None or measured.weights == weights:
        return measured is not None
    return (run.is_series or len(measured.weights) > 1) and stands_for(measured, one)


def left_out(workspace: Workspace) -> dict[Weights, str]:
    """Say of weights that turned out not to be of the open network why: they could not be loaded, or are another."""
    found: dict[Weights, str] = {}
    opened = workspace.model
    if opened is None or workspace.structure is None:
        return found
    for run in workspace.runs.values():
        model, prepared, finished = run.request.model, run.result.prepared, run.result.finished
        if model is None or model.name != opened.name or model.weights == opened.weights:
            continue
        problem = finished.problem if finished is not None else None
        if len(model.weights) > 1:
            found |= _stopped_by(workspace, run)
        elif prepared is None and problem is not None and _is_about(model.weights, problem.message, problem.code):
            found[model.weights] = problem.message
        elif prepared is not None and _is_another(workspace, run):
            found[model.weights] = f"{title_of(model.weights)} is {prepared.model}, with other layers."
    return found


def was_told(workspace: Workspace, weights: Weights) -> bool:
    """Tell whether somebody who asked for a measurement of these weights was told that it failed."""
    runs = (run for run in workspace.runs.values() if run.request.model and run.request.model.weights == weights)
    return any(run.state == "failed" and run.purpose == "measure" for run in runs)


def _stopped_by(workspace: Workspace, run: Run) -> dict[Weights, str]:
    """Name the file for which a run over several failed: the one that is named, or the last if that is another net."""
    model, prepared, finished = run.request.model, run.result.prepared, run.result.finished
    if model is None or finished is None or finished.problem is None or workspace.structure is None:
        return {}
    text, opened = finished.problem.message, workspace.structure.prepared
    if prepared is not None and opened is not None and prepared.model != opened.model:
        # A run over several is opened as its last one; the file that is named then is one that differs from it.
        last = max(model.weights, key=lambda name: natural(Path(name).name))
        return {(last,): f"{title_of((last,))} is {prepared.model}, with other layers."}
    named = (name for name in model.weights if re.search(rf"(?<![\w.-]){re.escape(Path(name).name)}", text))
    return {(name,): text for name in named}


def _is_another(workspace: Workspace, run: Run) -> bool:
    """Tell whether a run shows that its weights are of another network; rows of an edited one differ by intention."""
    prepared, opened = run.result.prepared, workspace.structure.prepared if workspace.structure else None
    if not run.request.edits.empty or prepared is None:
        return False
    if opened is not None and prepared.model != opened.model:
        return True  # also of a run without rows, such as one of the accuracy
    return run.result.declared is not None and bool(run.result.layers) and not _fits(workspace, run)


def _is_about(weights: Weights, message: str, code: str) -> bool:
    """Tell whether a problem is one of the weights, not of pictures or of the machine."""
    return code in ("mismatch", "no_match", "ambiguous") or bool(weights and Path(weights[-1]).name in message)


def requests_for_all(workspace: Workspace, found: tuple[Checkpoint, ...]) -> tuple[Request, ...]:
    """Ask what was asked last, and is not known of all, of every checkpoint without an answer; () for nothing to ask.

    One request for each; a single one where a method goes over several by itself.

    Parameters
    ----------
    found
        What :func:`checkpoints` returned.
    """
    opened = workspace.model
    runs = [run for run in workspace.runs.values() if run.purpose == "measure" and _can_repeat(run, opened)]
    if not runs or opened is None:
        return ()
    newest = {run.request.method: run.request for run in sorted(runs, key=lambda run: (run.began, run.number))}
    order = sorted(
        newest, key=lambda method: max((run.began, run.number) for run in runs if run.request.method == method)
    )
    asked = (_for_all(workspace, found, newest[method], runs) for method in reversed(order))
    return next((requests for requests in asked if requests), ())


def _for_all(
    workspace: Workspace, found: tuple[Checkpoint, ...], last: Request, runs: list[Run]
) -> tuple[Request, ...]:
    """Ask one question of every checkpoint that has no answer to its method yet."""
    opened = workspace.model
    assert opened is not None  # asked for by the caller
    if takes_several(workspace, last.method):
        whole = all_of(workspace, tuple(one.weights[0] for one in found if len(one.weights) == 1))
        done = any(
            run.request.method == last.method and (run.open or run.state == "completed")
            and all(_covers(run, opened, one.weights) for one in found)
            for run in runs
        )  # fmt: skip
        return () if whole is None or done else (replace(last, model=whole),)
    known = {
        run.request.model.weights
        for run in runs
        if run.request.model and run.request.method == last.method and (run.open or run.state == "completed")
    }
    wanted = (checkpoint.weights for checkpoint in found if checkpoint.weights not in known)
    return tuple(replace(last, model=replace(opened, weights=weights)) for weights in wanted)


def _can_repeat(run: Run, opened: ModelSource | None) -> bool:
    model = run.request.model
    return model is not None and opened is not None and model.name == opened.name and run.request.method not in ONE_OFF


def _fits(workspace: Workspace, run: Run) -> bool:
    """Tell whether a run is of the open architecture: same name of the network, and rows that it has, too."""
    model, prepared, structure = run.request.model, run.result.prepared, workspace.structure
    assert structure is not None  # asked for by the caller
    if model is None or workspace.model is None or model.name != workspace.model.name or prepared is None:
        return False
    if structure.prepared is None or prepared.model != structure.prepared.model or not run.result.declared:
        return False
    shapes = {layer.name: layer.shape for layer in structure.layers}
    return all(shapes.get(layer.name) == layer.shape for layer in run.result.layers)


def title_of(weights: Weights) -> str:
    """Name weights by their file.

    Examples
    --------
    >>> title_of(("runs/a/epoch-12.pt",)), title_of(())
    ('epoch-12', 'as opened')
    """
    return Path(weights[-1]).stem if weights else "as opened"


def natural(name: str) -> tuple[tuple[str, int], ...]:
    """Key by which numbers in names count as numbers.

    Examples
    --------
    >>> sorted(["epoch-10", "epoch-9"], key=natural)
    ['epoch-9', 'epoch-10']
    """
    return tuple((text.lower(), int(digits or -1)) for text, digits in re.findall(r"(\D*)(\d*)", name))
