"""A second network in the Widths tab: groups and layers that correspond, and what was measured of it. No widgets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from analysis.measures.alignment import by_cells, by_rows, first_layer, matching_groups, same_names
from analysis.result import Result
from app.reading import numbers
from app.reading.comparing import compared_runs, counterpart, network_name, second_rows
from app.reading.depth import Floats, Ints
from app.reading.width_channels import METHOD as SCORES
from app.reading.width_check import BUNDLES, RANK, entropies, ranks
from app.reading.width_reading import WidthReading
from app.reading.width_reference import second_layers
from app.reading.width_search import SENSITIVITY, SHRINK, Sensitivity, Shrunk, floats
from app.workspace import Run, Workspace

EVALUATE = "evaluate"


@dataclass(frozen=True, slots=True, eq=False)
class SecondSensitivity:
    """A sensitivity study of the network that is compared with.

    Attributes
    ----------
    name
        Words for it, with its rule where that is another one.
    reading
        The study.
    rows, columns
        (group,), (ratio,) of the shown study: those that correspond, -1 for none.
    """

    name: str
    reading: Sensitivity
    rows: Ints
    columns: Ints

    def losses(self, measure: str) -> Floats:
        """Return its losses at the groups and ratios of the shown study, NaN where nothing corresponds."""
        return by_cells(self.reading.losses(measure), self.rows, self.columns)


@dataclass(frozen=True, slots=True, eq=False)
class SecondShrunk:
    """A shrinkage of the network that is compared with: words for it, the run, and (group,) its groups, -1 for none."""

    name: str
    shrunk: Shrunk
    rows: Ints

    @property
    def ratio(self) -> Floats:
        """Widths found by original widths, at the groups of the shown shrinkage; NaN where nothing corresponds."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return by_rows(self.shrunk.shown(-1) / self.shrunk.original, self.rows)


def second_sensitivity(workspace: Workspace, shown: Run | None) -> SecondSensitivity | None:
    """Read the sensitivity of the network that is compared with, None for none."""
    run = _other_run(workspace, SENSITIVITY, shown)
    if run is None or shown is None:
        return None
    ours, theirs = Sensitivity(shown.result), Sensitivity(run.result)
    rules = [str(dict(one.request.params).get("rule", "l1")) for one in (shown, run)]
    name = network_name(run) + (f" (kept by {rules[1]})" if rules[0] != rules[1] else "")
    columns = same_names(ours.ratios, theirs.ratios)
    return SecondSensitivity(name, theirs, group_rows(workspace, ours.names, theirs.names), columns)


def second_shrunk(workspace: Workspace, shown: Run | None) -> SecondShrunk | None:
    """Read the shrinkage of the network that is compared with, None for none."""
    run = _other_run(workspace, SHRINK, shown)
    if run is None or shown is None:
        return None
    names = Shrunk(shown.result).names
    return SecondShrunk(network_name(run), Shrunk(run.result), group_rows(workspace, names, run.result.names("group")))


def _other_run(workspace: Workspace, method: str, shown: Run | None) -> Run | None:
    return next((run for run in compared_runs(workspace, method) if run is not shown), None)


def group_rows(workspace: Workspace, ours: tuple[str, ...], theirs: tuple[str, ...]) -> Ints:
    """Find for width groups those of a second network: by name, else by the layers that correspond.

    Returns
    -------
    (group,) int64
        Places in `theirs`, -1 where nothing corresponds.
    """
    return matching_groups(ours, theirs, workspace.layers, second_layers(workspace))


def second_group_widths(reading: WidthReading, by_layer: Mapping[str, float]) -> dict[str, float]:
    """Widths of a second network by width group, of those groups that are all the channels of their first layer.

    Parameters
    ----------
    by_layer
        Its channels by the names of the layers of the open network.
    """
    whole = dict(zip(reading.names, reading.totals({}).tolist(), strict=True))
    names = ((group.name, first_layer(group.name), group.width) for group in reading.found.groups)
    return {name: by_layer[layer] for name, layer, width in names if layer in by_layer and whole.get(layer) == width}


# -- the check -------------------------------------------------------------------------------------------------------


def second_values(workspace: Workspace, method: str, names: tuple[str, ...]) -> tuple[str, Floats]:
    """Name of the network that is compared with, and its effective rank by width or bundle entropy at some layers.

    Returns
    -------
    tuple[str, (layer,) float64]
        ("", empty) if nothing of it was measured; NaN for layers that correspond to none.
    """
    run = counterpart(workspace, method)
    known = {} if run is None else ranks(run.result) if method == RANK else entropies(run.result)
    if run is None or not known:
        return "", np.empty(0)
    theirs, rows = second_rows(workspace)
    other = {ours.name: theirs[row].name for ours, row in zip(workspace.layers, rows, strict=True) if row >= 0}
    return network_name(run), np.array([known.get(other.get(name, ""), np.nan) for name in names])


def second_lines(workspace: Workspace, check: Result | None) -> dict[str, str]:
    """Texts of the network that is compared with for the rows of the table of the check, by the words of the row."""
    found: dict[str, str] = {}
    layers = second_layers(workspace)
    for words, name in (("parameters", "parameters"), ("MACs", "macs")):
        total = sum(getattr(layer, name) for layer in layers)
        found |= {words: numbers.short(total)} if total else {}
    run = counterpart(workspace, EVALUATE)
    if run is not None and check is not None and _same_pictures(run.result, check):
        top1, loss = (float(np.ravel(floats(run.result, name))[0]) for name in ("top1", "loss"))
        found |= {"top-1 accuracy": numbers.percent(top1), "cross-entropy": f"{loss:.3f}"}
    for method, words in ((RANK, "mean rank / width"), (BUNDLES, "conflicting points")):
        run = counterpart(workspace, method)
        if run is not None:
            values = list((ranks if method == RANK else entropies)(run.result).values())
            known = np.array([value for value in values if value == value])
            mean = f"{known.mean():.3f}" if known.size else ""
            count = f"{int((known > 0).sum())} of {known.size}" if known.size else ""
            found |= {words: mean if method == RANK else count}
    return {words: text for words, text in found.items() if text}


def _same_pictures(one: Result, other: Result) -> bool:
    seen = [result.prepared.samples.sha256 if result.prepared else "" for result in (one, other)]
    return bool(seen[0]) and seen[0] == seen[1]


# -- channels --------------------------------------------------------------------------------------------------------


def second_scores(workspace: Workspace, shown: Result | None, rule: str) -> tuple[str, Floats, str]:
    """Name of the network that is compared with, its scores of the same channels, and why there are none.

    Channels of networks with other groups or other numbers of channels do not correspond.

    Returns
    -------
    tuple[str, (class,) float64, str]
        ("", empty, "") if nothing is compared.
    """
    runs = [run for run in compared_runs(workspace, SCORES) if run.result is not shown]
    fits = [run for run in runs if dict(run.request.params).get("rule", "l1") == rule and run.state == "completed"]
    if not fits or shown is None:
        return "", np.empty(0), ""
    name, theirs = network_name(fits[0]), fits[0].result
    same = all(np.array_equal(shown[part], theirs[part]) for part in ("group", "variable", "channel"))
    if not same:
        return name, np.empty(0), "its groups have other channels"
    return name, theirs["score"].astype(np.float64), ""
