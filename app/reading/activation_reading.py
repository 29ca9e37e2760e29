"""What runs of `activations` say about one layer, and which run to ask for. No widgets."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from analysis.config import LayerSpec
from analysis.measures.channels import by_strength, groups_of
from analysis.request import Request
from analysis.result import Result
from app.reading.comparing import compared_run, compared_runs, network_name
from app.reading.depth import Floats, Ints
from app.reading.layer_comparison import second_layer
from app.workspace import Run, Workspace

METHOD = "activations"
ALL = -1
"""Limit of a request for all pictures."""
LOOK = 200
"""Pictures of a look that is taken without asking."""
FEWEST = 32
"""With fewer pictures than these a look says too little to be taken by itself."""
PATIENCE = 5.0
"""Seconds that a look may take without having been asked for."""
SPEED = {"cpu": 8e9}
FAST = 3e11
KEPT = 24
"""Looks that are kept; older ones are taken out of the window."""


@dataclass(frozen=True, slots=True, eq=False)
class ChannelReading:
    """One row of a result.

    Attributes
    ----------
    result, row
        Where it stands.
    channels
        Number of channels.
    """

    result: Result
    row: int
    channels: int

    def values(self, name: str) -> Floats:
        """Return a measure per channel, (channel,); NaN for what is missing."""
        array = self.result[name][self.row, : self.channels]
        values = array.astype(np.float64)
        if array.dtype.kind in "iu":
            values[array == (255 if array.dtype.kind == "u" else -1)] = np.nan
        return values

    @property
    def maps(self) -> Floats:
        """(channel, y, x) maps of the first picture, without what pads them; empty if there are none."""
        if "maps" not in self.result or not self.result["maps"].shape[1]:
            return np.empty((0, 0, 0))
        maps = np.asarray(self.result["maps"][self.row, 0, : self.channels], dtype=np.float64)
        _, down, across = np.nonzero(np.isfinite(maps))
        if not down.size:
            return np.empty((0, 0, 0))
        return maps[:, : int(down.max()) + 1, : int(across.max()) + 1]

    @property
    def picture(self) -> int:
        """Place in its source of the picture whose maps these are, -1 for none."""
        names = self.result.names("picture")
        return int(names[0]) if names else -1

    @property
    def known(self) -> bool:
        """True if the statistics of the channels have arrived."""
        return bool(np.isfinite(self.values("mean")).any())

    @property
    def pictures(self) -> tuple[int, int]:
        """Pictures that were read, and how many there are; zeros until it is known."""
        prepared = self.result.prepared
        return (prepared.samples.count, prepared.samples.total) if prepared else (0, 0)

    def marks(self) -> list[str]:
        """Say what is special about each channel: "dead", "constant", "duplicate" or ""."""
        dead, constant, first = self.values("dead"), self.values("constant"), self.values("duplicate_of")
        found = []
        for channel in range(self.channels):
            twin = np.isfinite(first[channel]) and first[channel] != channel
            found.append(
                "dead" if dead[channel] == 1 else "constant" if constant[channel] == 1 else "duplicate" if twin else ""
            )
        return found

    def listed(self, mark: str) -> tuple[int, ...]:
        """Return the channels that are "dead" or "constant"."""
        return tuple(np.flatnonzero(self.values(mark) == 1).tolist())

    def groups(self) -> list[tuple[int, ...]]:
        """Return the groups of channels that say the same."""
        first = self.values("duplicate_of")
        return groups_of(np.where(np.isfinite(first), first, -1).astype(np.int64))

    def top(self, channel: int) -> list[tuple[int, float]]:
        """Return the pictures that excite a channel most: place in the source, largest activation."""
        if not 0 <= channel < self.channels:
            return []
        places, values = self.result["top_pictures"][self.row, channel], self.result["top_values"][self.row, channel]
        return [
            (int(place), float(value))
            for place, value in zip(places, values, strict=True)
            if place >= 0 and np.isfinite(value)
        ]

    def filters(self, channel: int) -> Floats:
        """Return the filter of a channel, (in, y, x); empty if the layer has none."""
        if "filters" not in self.result or channel < 0:
            return np.empty((0, 0, 0))
        kept = np.asarray(self.result["filters"][self.row], dtype=np.float64)
        if channel >= len(kept) or not np.isfinite(kept[channel]).any():
            return np.empty((0, 0, 0))
        fine = np.isfinite(kept[channel])
        inputs = fine.any(axis=(1, 2))
        high, wide = fine.any(axis=(0, 2)), fine.any(axis=(0, 1))
        return np.asarray(kept[channel][inputs][:, high][:, :, wide])


def order(maps: Floats) -> Ints:
    """Order channels by the strength of their maps: the mean magnitude, strongest first."""
    return by_strength(np.abs(maps).mean(axis=(1, 2)) if maps.size else np.empty(0))


def reading_of(run: Run, layer: LayerSpec) -> ChannelReading | None:
    """Find a layer in a run, None if it is not there."""
    names = run.result.names("layer")
    if layer.name not in names or "channels" not in run.result:
        return None
    row = names.index(layer.name)
    count = int(run.result["channels"][row])
    if count < 0:  # statistics follow at the end; the maps of the first picture are there before
        count = run.result["mean"].shape[1]
    return ChannelReading(run.result, row, count)


def fits(run: Run, workspace: Workspace) -> bool:
    """Tell whether a run is of the network, the edits and the pictures that are open."""
    asked, shown = run.request, workspace.new_request(METHOD)
    return (
        asked.method == METHOD
        and (asked.model, asked.images, asked.edits) == (shown.model, shown.images, shown.edits)
        and run.state in ("queued", "running", "completed")
    )


def find(workspace: Workspace, layer: LayerSpec, sample: int) -> Run | None:
    """Return the newest run with statistics of a layer, or with its maps of one picture.

    Parameters
    ----------
    sample
        Place of the picture, -1 for the statistics over all of the run's pictures.
    """
    found = []
    for run in workspace.runs.values():
        picks = str(dict(run.request.params).get("samples", ""))
        wanted = picks == str(sample) if sample >= 0 else not picks
        if wanted and _names(run, layer) and fits(run, workspace):
            found.append(run)
    return max(found, key=lambda run: (run.state == "completed", _count(run), run.number), default=None)


def _names(run: Run, layer: LayerSpec) -> bool:
    """Tell whether a layer was asked for by its name, or has been read."""
    return layer.name in run.request.layers.split(",") or layer.name in run.result.names("layer")


def _count(run: Run) -> int:
    return run.result.prepared.samples.count if run.result.prepared else 0


def find_second(workspace: Workspace, layer: LayerSpec, sample: int) -> Run | None:
    """Return the newest run with the maps of one picture, or statistics (-1), of the network that is compared with.

    Parameters
    ----------
    layer
        One of its layers.
    """
    found = []
    for run in compared_runs(workspace, METHOD):
        picks = str(dict(run.request.params).get("samples", ""))
        wanted = picks == str(sample) if sample >= 0 else not picks
        same = run.request.images == workspace.images
        if wanted and same and _names(run, layer) and run.state in ("queued", "running", "completed"):
            found.append(run)
    return max(found, key=lambda run: (run.state == "completed", run.number), default=None)


def second_requests(
    workspace: Workspace, layer: LayerSpec, sample: int, like: Request | None = None
) -> tuple[Request, ...]:
    """Make the requests for maps of one picture and for statistics of the network compared with, as far as they lack.

    Parameters
    ----------
    layer
        One of its layers.
    like
        Run of the open network whose number of pictures and seed statistics are to have; None for a look.
    """
    compared = compared_run(workspace)
    if compared is None or compared.request.model is None:
        return ()
    limit = like.limit if like is not None else look_size(workspace) or FEWEST
    lacking = [place for place in (sample, -1) if find_second(workspace, layer, place) is None]
    looks = (look_request(workspace, layer, place, 0 if place >= 0 else limit) for place in dict.fromkeys(lacking))
    model, edits = compared.request.model, compared.request.edits
    seed = like.seed if like is not None else workspace.seed
    return tuple(replace(one, model=model, edits=edits, layers=layer.name, seed=seed) for one in looks)


def second_statistics(workspace: Workspace, layer: LayerSpec) -> ChannelReading | None:
    """Read the statistics of the layer that corresponds in the network compared with; None until they have arrived."""
    other = second_layer(workspace, layer)
    run = find_second(workspace, other, -1) if other is not None else None
    found = reading_of(run, other) if run is not None and other is not None else None
    return found if found is not None and found.known else None


def second_counts(workspace: Workspace, layer: LayerSpec) -> str:
    """Say how many dead, constant and duplicate channels the layer has that corresponds in the network compared with.

    Returns
    -------
    str
        Its name and number of pictures with the counts, "" if they are not known.
    """
    found, compared = second_statistics(workspace, layer), compared_run(workspace)
    if found is None or compared is None:
        return ""
    duplicate = sum(len(group) - 1 for group in found.groups())
    prepared = found.result.prepared
    over = f" over {prepared.samples.count:,} pictures" if prepared and prepared.samples.count else ""
    dead, constant = len(found.listed("dead")), len(found.listed("constant"))
    return f"{network_name(compared)}{over}: {dead} dead, {constant} constant, {duplicate} duplicate"


def look_size(workspace: Workspace) -> int:
    """Pictures that a look may take without having been asked for, 0 where it would take too long."""
    macs = sum(layer.macs for layer in workspace.layers)
    speed = FAST if workspace.compute.device.startswith(("cuda", "mps")) else SPEED["cpu"]
    affordable = int(PATIENCE * speed / (1.5 * macs)) if macs else LOOK
    return 0 if affordable < FEWEST else min(LOOK, affordable)


def look_request(workspace: Workspace, layer: LayerSpec, sample: int, limit: int) -> Request:
    """Make the request for a layer: the maps of one picture, or statistics over `limit` pictures, -1 for all.

    Statistics are read of the activation behind it too: only there a channel that never fires is zero.
    """
    if sample >= 0:
        return replace(workspace.new_request(METHOD, samples=str(sample)), layers=layer.name)
    after = activation_after(workspace, layer)
    names = layer.name if after is None else f"{layer.name},{after.name}"
    return replace(workspace.new_request(METHOD), layers=names, limit=limit)


def waits_for_all(workspace: Workspace, layer: LayerSpec) -> bool:
    """Tell whether the statistics of a layer over all pictures are being measured."""
    runs = (run for run in workspace.runs.values() if run.open and run.request.limit == ALL)
    return any(_names(run, layer) and fits(run, workspace) for run in runs)


def activation_after(workspace: Workspace, layer: LayerSpec) -> LayerSpec | None:
    """Return the activation that follows a convolution or linear layer and nothing else does, None for none."""
    structure, layers = workspace.structure, workspace.layers
    if layer.kind not in ("conv", "linear") or structure is None or "edge" not in structure or layer not in layers:
        return None
    row = layers.index(layer)
    behind = [layers[int(end)] for start, end in structure["edge"] if int(start) == row]
    fits = len(behind) == 1 and behind[0].kind == "activation" and behind[0].shape == layer.shape
    return behind[0] if fits else None


def count_words(count: int, total: int) -> str:
    """Say how many pictures were read of how many: "200 of 1,000 pictures"; "" for none.

    Examples
    --------
    >>> count_words(200, 1000), count_words(200, 200), count_words(0, 0)
    ('200 of 1,000 pictures', '200 pictures', '')
    """
    if not count:
        return ""
    return f"{count:,} of {total:,} pictures" if count < total else f"{count:,} pictures"


def outdated(workspace: Workspace, method: str = METHOD, shown: frozenset[int] = frozenset()) -> list[int]:
    """Return the numbers of quiet looks that can go, because there are many newer ones.

    What else has been asked for quietly stays, such as the structure of a shared network.

    Parameters
    ----------
    method
        Whose looks: those at layers, or explanations.
    shown
        Numbers of runs that are on screen, which stay.
    """
    quiet = [run for run in workspace.runs.values() if run.purpose == "glance" and not run.open]
    glances = [run for run in quiet if run.request.method == method]
    numbers = [run.number for run in sorted(glances, key=lambda run: run.number)[:-KEPT]]
    return [number for number in numbers if number not in shown]
