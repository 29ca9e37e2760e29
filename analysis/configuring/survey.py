"""Try every configuration on two pictures: which of them run, what they cost, and how large their maps are."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from analysis.configuring.walk import Configuration, Walker
from analysis.events import Progress
from analysis.geometry.blueprint import draw, last_convolution
from analysis.geometry.receptive import receptive_field
from analysis.geometry.reshape import OtherPathError
from analysis.measures.configurations import Pair, Space
from analysis.measures.stride_bounds import total_reductions
from analysis.outcomes import scores_of
from analysis.problems import AnalysisError
from analysis.tracing.trace import Trace

COMPARED = 3  # configurations that are run both ways before a sweep


@dataclass(frozen=True, slots=True)
class Survey:
    """What every configuration costs and looks like, from a pass on two pictures.

    Attributes
    ----------
    macs
        (configuration,) multiply-adds of one picture.
    tree_macs
        (configuration,) multiply-adds that it adds to the walk.
    maps
        (configuration, point, 2) height and width after each switch point.
    last_map, receptive_field
        (configuration, 2) of the last convolution, rows and columns; pixels.
    reduction
        (configuration, 2) total reduction T after the last switch point, rows and columns.
    """

    macs: NDArray[np.int64]
    tree_macs: NDArray[np.int64]
    maps: NDArray[np.int64]
    last_map: NDArray[np.int64]
    receptive_field: NDArray[np.float64]
    reduction: NDArray[np.float64]


def survey(
    walker: Walker, trial: Tensor, space: Space, seen: Trace, plain: Tensor
) -> Generator[Progress, None, tuple[Space, Survey]]:
    """Run every configuration on two pictures; those that do not run are left out.

    Parameters
    ----------
    walker, space
        What runs them, and which there are.
    trial
        (pictures, …): two, behind those that give batch-norm statistics, if any.
    seen, plain
        The recorded forward pass; (2, class) scores of the network as it is.

    Yields
    ------
    Progress
        How many configurations were tried so far.

    Returns
    -------
    tuple
        The space with those that run, and their survey.

    Raises
    ------
    AnalysisError
        If no configuration but the network's own runs, or not even that one.
    NotShareableError
        If prefixes cannot be shared after all.
    """
    last = _shown(seen)[last_convolution(seen)]
    switched = {role.points[0]: at for at, role in walker.switches.roles.items() if role.kind == "switch"}
    kept: list[Configuration] = []
    dropped = list(space.dropped)
    rows: list[tuple[int, int, list[Pair], Pair]] = []
    for number, configuration in enumerate(space.configurations):
        reason = _why_not(walker, trial, configuration, plain)
        if not reason:
            maps = [_map(walker.sizes[switched[point]]) for point in range(len(space.points))]
            rows.append((sum(walker.macs), _added(walker, kept, configuration), maps, _map(walker.sizes[last])))
            kept.append(configuration)
        elif not any(configuration):
            raise AnalysisError(f"The network does not run: {reason}.", "Measure accuracy first.", "geometry")
        else:
            walker.clear()
            dropped.append((space.name(configuration), reason))
        yield Progress(number + 1, 0, "Trying configurations")
    if len(kept) == 1 and len(space.configurations) > 1:
        reason = dropped[-1][1]
        hint = (
            "Sizes of maps cannot be changed here; try --set family=dilation3." if space.resizes else "Choose others."
        )
        raise AnalysisError(f"None of the configurations runs: {reason}.", hint, "geometry")
    plan = draw(seen)
    fields = [receptive_field(seen, walker.switches, walker.options(configuration), plan) for configuration in kept]
    survey = Survey(
        np.array([row[0] for row in rows], dtype=np.int64),
        np.array([row[1] for row in rows], dtype=np.int64),
        np.array([row[2] for row in rows], dtype=np.int64),
        np.array([row[3] for row in rows], dtype=np.int64),
        np.array(fields, dtype=np.float64),
        np.array([_reduction(space, one, _map(trial.shape[2:])) for one in kept], dtype=np.float64),
    )
    return replace(space, configurations=tuple(kept), dropped=tuple(dropped)), survey


def _reduction(space: Space, configuration: Configuration, input_map: Pair) -> tuple[float, float]:
    chosen = [several[index] for several, index in zip(space.options, configuration, strict=True)]
    return total_reductions(space.points, chosen, input_map)[-1] if chosen else (1.0, 1.0)


def _added(walker: Walker, before: Sequence[Configuration], configuration: Configuration) -> int:
    """Multiply-adds that a configuration adds to the walk, after those before it."""
    if walker.flow is None or not before:
        return sum(walker.macs)
    shared = next(level for level, (old, new) in enumerate(zip(before[-1], configuration, strict=True)) if old != new)
    return sum(macs for macs, level in zip(walker.macs, walker.flow.levels, strict=True) if level > shared)


def _shown(seen: Trace) -> dict[int, int]:
    """Operation of the recording to its number among those that torch functions show."""
    return {op.index: number for number, op in enumerate(op for op in seen.ops if op.order >= 0)}


def _map(size: Sequence[int]) -> Pair:
    return (size[0], size[1]) if len(size) == 2 else (1, 1)


def _why_not(walker: Walker, trial: Tensor, configuration: Configuration, plain: Tensor) -> str:
    try:
        output = scores_of(walker.run(trial, configuration), len(trial))
    except AnalysisError as error:
        return str(error).rstrip(".")
    except OtherPathError as error:
        return f"the network takes another path, {error}"
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        if out_of_memory(error):
            raise
        return " ".join(str(error).split())[:200] or type(error).__name__
    if output.shape[1] != plain.shape[1]:
        return f"the network gives {output.shape[1]} outputs instead of {plain.shape[1]}"
    if not torch.isfinite(output).all() and torch.isfinite(plain).all():
        return "its outputs are not finite"
    return ""


def difference(walker: Walker, trial: Tensor, space: Space) -> str:
    """Run some configurations without sharing; say so if they give other outputs, "" if they do not."""
    if walker.flow is None:
        return ""
    naive = walker.alone()
    count = len(space.configurations)
    chosen = sorted({count // 3, 2 * count // 3, count - 1})[:COMPARED]
    walker.clear()
    for number, configuration in enumerate(space.configurations):
        if number in chosen or number + 1 in chosen:
            shared = scores_of(walker.run(trial, configuration), len(trial))
        if number in chosen:
            alone = scores_of(naive.run(trial, configuration), len(trial))
            if not torch.allclose(
                shared, alone, rtol=1e-4, atol=0 if trial.device.type == "cpu" else 1e-5, equal_nan=True
            ):
                return "shared prefixes give other outputs than whole passes"
    return ""


def out_of_memory(error: BaseException) -> bool:
    """Tell whether an error says that there is too little memory."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return "not enough memory" in str(error) or "can't allocate memory" in str(error)
