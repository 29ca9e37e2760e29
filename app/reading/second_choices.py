"""Networks that can be compared with: one choice for each network, checkpoint and edit. No widgets."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import PurePath

from app.reading.comparing import is_open_network, network_name, same_network
from app.weights import stands_for
from app.workspace import Run, Workspace

MOST = 3
"""Methods that are named; more are counted."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A network to compare with.

    Attributes
    ----------
    run
        The run that stands for it: its newest one.
    name
        Words for the network, its checkpoint and edits; no two choices have the same.
    measured
        What was measured of it, with the number of pictures.
    """

    run: Run
    name: str
    measured: str

    @property
    def words(self) -> str:
        """Name, and what was measured."""
        return f"{self.name} · {self.measured}"

    @property
    def tip(self) -> str:
        """Network, files and edits in full."""
        model, edits = self.run.request.model, self.run.request.edits
        lines = [model.name, *model.weights] if model else []
        return "\n".join([*lines, *([] if edits.empty else [edits.summary()])])


def choices(workspace: Workspace) -> tuple[Choice, ...]:
    """List the networks of all runs that have given numbers, in order of the first one; not the one that is shown."""
    groups: list[list[Run]] = []
    for run in workspace.runs.values():
        if not _counts(run) or is_open_network(workspace, run) or _has_shown(workspace, run):
            continue
        group = next((group for group in groups if same_network(group[0], run)), None)
        if group is None:
            groups.append([run])
        else:
            group.append(run)
    found = [Choice(_standing_for(group), _name(group), _measured(workspace, group)) for group in groups]
    return _told_apart(found)


def is_chosen(workspace: Workspace, choice: Choice) -> bool:
    """Tell whether the network of a choice is the one that is compared with."""
    compared = workspace.runs.get(workspace.compared) if workspace.compared is not None else None
    return compared is not None and same_network(compared, choice.run)


def _counts(run: Run) -> bool:
    """Tell whether a run says something of a network: it has numbers, or it is its structure."""
    listed = run.purpose == "measure" or run.request.method == "structure"
    return run.request.model is not None and listed and any(run.result.arrived.values())


def _has_shown(workspace: Workspace, run: Run) -> bool:
    """Tell whether a run goes over several checkpoints, the one that is shown among them."""
    model, shown = run.request.model, workspace.shown_model
    alike = run.request.edits.steps == workspace.edits.steps
    return run.is_series and alike and model is not None and shown is not None and stands_for(model, shown)


def _standing_for(group: list[Run]) -> Run:
    return max(group, key=lambda run: (run.purpose == "measure", run.began, run.number))


def _name(group: list[Run]) -> str:
    run = _standing_for(group)
    count = len(run.request.model.weights) if run.request.model else 0
    return f"{network_name(run)} {count} checkpoints" if run.is_series and count > 1 else network_name(run)


def _measured(workspace: Workspace, group: list[Run]) -> str:
    runs = [run for run in group if run.purpose == "measure"]
    infos = {run.request.method: workspace.method(run.request.method) for run in runs}
    titles = [_plain(info.title) if info else name.replace("_", " ") for name, info in infos.items()]
    more = [f"{len(titles) - MOST} more"] if len(titles) > MOST else []
    counts = sorted({run.result.prepared.samples.count for run in runs if run.result.prepared} - {0})
    pictures = [f"N = {'–'.join(f'{n:,}' for n in (counts[0], *counts[1:][-1:]))}"] if counts else []
    return ", ".join([*titles[:MOST], *more, *pictures]) or "structure"


def _plain(title: str) -> str:
    """Write a title small in the middle of a line, but not an abbreviation."""
    return title if title[1:2].isupper() else f"{title[:1].lower()}{title[1:]}"


def _told_apart(found: list[Choice]) -> tuple[Choice, ...]:
    """Add edits, folder or number to names that are met twice."""
    for tell in (_edits, _folder, lambda choice: f"run {choice.run.number}"):
        names = Counter(choice.name for choice in found)
        found = [
            replace(choice, name=" ".join((choice.name, tell(choice))).strip()) if names[choice.name] > 1 else choice
            for choice in found
        ]
    return tuple(found)


def _edits(choice: Choice) -> str:
    edits = choice.run.request.edits
    return "" if edits.empty else f"({edits.summary()})"


def _folder(choice: Choice) -> str:
    model = choice.run.request.model
    path = PurePath(model.weights[-1].replace("\\", "/")) if model and model.weights else PurePath()
    return f"in {path.parent.name}" if path.parent.name else ""
