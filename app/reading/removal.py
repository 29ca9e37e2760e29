"""What a run of block removal says: which blocks may go, what accuracy is known without them, and what they cost."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analysis.config import LayerSpec
from analysis.result import Result
from app.reading.comparing import counterpart, network_name
from app.reading.depth import Floats, Ints
from app.workspace import Workspace

METHOD = "block_removal"
GROUPS = ("conflicting", "non-conflicting", "all")


class RemovalReading:
    """A run that has declared its outputs, possibly still open.

    Attributes
    ----------
    result
        The run.
    blocks
        Names of the blocks that can be removed, in network order.
    conflicting
        (blocks,) int: 1, 0, or -1 before it is known.
    entropy, tolerance
        (blocks,) of the branches; NaN for unknown, and for no conflict at any tolerance.
    """

    def __init__(self, result: Result) -> None:
        self.result = result
        self.blocks = result.names("block")
        self.conflicting: Ints = np.where(result["conflicting"] == 255, -1, result["conflicting"]).astype(np.int64)
        self.entropy: Floats = np.asarray(result["branch_entropy"], dtype=np.float64)
        self.tolerance: Floats = np.asarray(result["critical_tolerance"], dtype=np.float64)

    def group(self, name: str) -> tuple[Floats, Floats]:
        """Mean and standard deviation of the accuracy over the number of removed blocks; NaN for what is not known."""
        row = self.result.names("group").index(name)
        return _floats(self.result["accuracy_mean"][row]), _floats(self.result["accuracy_sd"][row])

    def order(self, row: int) -> Floats:
        """Accuracy as blocks go one by one: row 0 lowest critical tolerance first, row 1 highest first."""
        return _floats(self.result["ordered_accuracy"][row])

    def empty_groups(self) -> tuple[str, ...]:
        """Name the groups without a block, once it is known which blocks conflict."""
        if np.any(self.conflicting < 0):
            return ()
        counts = (int((self.conflicting == 1).sum()), int((self.conflicting == 0).sum()))
        return tuple(name for name, count in zip(GROUPS, counts, strict=False) if not count)

    def first(self, count: int) -> tuple[str, ...]:
        """Name the first blocks to go, lowest critical tolerance first."""
        order = np.asarray(self.result["removal_order"][0], dtype=np.int64)[:count]
        return tuple(self.blocks[i] for i in sorted(order.tolist()) if i >= 0)

    def bearable(self) -> int:
        """Blocks that may go in that order before the accepted loss is reached; 0 while unknown."""
        curve, lost = self.order(0), int(self.result["first_loss"][len(GROUPS)])
        if np.isnan(curve).any():
            return 0
        return lost - 1 if lost > 0 else len(self.blocks)

    def lost_at(self, group: str) -> int:
        """Blocks of a random subset at which the accepted loss is reached on the average; 0 if that never happens.

        -1 while it is not known, or where the group has no block.
        """
        row = self.result.names("group").index(group)
        lost, mean = int(self.result["first_loss"][row]), self.group(group)[0]
        members = {"conflicting": 1, "non-conflicting": 0}
        count = int((self.conflicting == members[group]).sum()) if group in members else len(self.blocks)
        if lost > 0:
            return lost
        return 0 if lost < 0 and count and np.isfinite(mean[: count + 1]).all() else -1

    def accuracy(self, blocks: frozenset[str]) -> float:
        """Accuracy without some blocks if it has been measured, else NaN."""
        chosen = np.array([name in blocks for name in self.blocks], dtype=bool)
        size = int(chosen.sum())
        if size != len(blocks):
            return float("nan")
        for row in range(len(self.result["ordered_accuracy"])):
            order = np.asarray(self.result["removal_order"][row], dtype=np.int64)
            if np.all(order >= 0) and set(order[:size].tolist()) == set(np.flatnonzero(chosen).tolist()):
                return float(self.order(row)[size])
        taken, found = self.result["subset_blocks"][:, size], self.result["subset_accuracy"][:, size]
        same = np.all(taken == chosen.astype(np.uint8), axis=-1) & np.isfinite(found)
        if same.any():
            return float(found[same][0])
        reduced = np.asarray(self.result["reduced"])
        return float(self.result["accuracy"][1]) if np.array_equal(reduced == 1, chosen) else float("nan")

    @property
    def whole(self) -> float:
        """Accuracy with all blocks, NaN before it is measured."""
        return self.accuracy(frozenset())

    def least(self) -> float:
        """Accuracy that is still accepted."""
        words = self.result.facts.get("accepted loss", "").split(" ")[0]
        try:
            return self.whole - float(words) / 100
        except ValueError:
            return float("nan")

    def cost(self, name: str, blocks: frozenset[str]) -> tuple[float, float]:
        """Parameters or multiply-adds of the whole network and without some blocks; NaN before they are known.

        Parameters
        ----------
        name
            "parameters" or "macs".
        """
        table, order = _floats(self.result[f"ordered_{name}"])[0], np.asarray(self.result["removal_order"][0])
        if np.isnan(table).any() or np.any(order < 0):
            return float("nan"), float("nan")
        saved = dict(zip(order.tolist(), (table[:-1] - table[1:]).tolist(), strict=True))
        gone = sum(saved[i] for i, block in enumerate(self.blocks) if block in blocks)
        return float(table[0]), float(table[0] - gone)

    def measured(self, name: str, column: int) -> tuple[float, float]:
        """Latency or peak memory of the original and of the reduced network of the run, at one batch size."""
        table = _floats(self.result[name])
        return float(table[0, column]), float(table[1, column])

    @property
    def reduced(self) -> frozenset[str]:
        """Blocks that the reduced network of the run lacks."""
        flags = np.asarray(self.result["reduced"])
        return frozenset(block for block, flag in zip(self.blocks, flags.tolist(), strict=True) if flag == 1)


def _floats(array: NDArray[np.generic]) -> Floats:
    values = array.astype(np.float64)
    if array.dtype.kind == "i":
        values[array == -1] = np.nan
    return values


def why_none(workspace: Workspace) -> tuple[str, str]:
    """Say why no study is shown, and what the button that gets one says, "" for no button."""
    sentence = "Removal shows how many residual blocks a trained network can do without, and which."
    if workspace.layers and not any(layer.kind == "branch" for layer in workspace.layers):
        return f"{sentence} This network has no residual blocks.", ""
    if any(run.open and run.request.method == METHOD for run in workspace.runs.values()):
        return "Removal is being measured …", ""
    if workspace.images is None:
        return f"{sentence} It needs pictures with labels.", ""
    words = effort(workspace.layers, workspace.limit, workspace.compute.device)
    return f"{sentence} {words}", "Measure removal"


def second_study(workspace: Workspace) -> tuple[str, RemovalReading] | None:
    """Name and study of the network that is compared with, None for nothing."""
    run = counterpart(workspace, METHOD)
    return (network_name(run), RemovalReading(run.result)) if run is not None else None


def effort(layers: tuple[LayerSpec, ...], limit: int, device: str) -> str:
    """Say about how long a study takes: it runs the network once for every subset that is tried."""
    blocks = len({layer.block for layer in layers if layer.kind == "branch"})
    networks = 30 * max(blocks - 2, 1) + 2 * blocks + 6
    speed = 3e11 if device.startswith(("cuda", "mps")) else 8e9
    # On the average subset half of the blocks are gone.
    minutes = networks * sum(layer.macs for layer in layers) * (limit if limit > 0 else 1000) / 2 / speed / 60
    size = f"about {minutes:.0f} min" if minutes >= 1.5 else "about a minute"
    return f"It runs about {networks:,} networks, {size} on {device}."
