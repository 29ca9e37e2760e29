"""Prepare configurations of a network and run them on pictures: shared by the methods about configurations."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, nullcontext
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from analysis.catalogue import Param
from analysis.configuring.survey import Survey, difference, out_of_memory, survey
from analysis.configuring.walk import Flow, NotShareableError, Walker, scout
from analysis.events import Progress
from analysis.geometry.blueprint import last_convolution
from analysis.geometry.reshape import OtherPathError, shadow
from analysis.geometry.switches import (
    Switches,
    check_layers,
    default_points,
    layers_of,
    plan_switches,
    point_in,
    points_of,
)
from analysis.images import Images
from analysis.job import Job
from analysis.measures.configurations import (
    FAMILIES,
    MOST,
    Option,
    Pair,
    Space,
    SwitchPoint,
    combinations,
    draw_space,
    enumerate_space,
    options_of,
    read_extra,
    read_points,
    with_extra,
)
from analysis.outcomes import records, scores_of
from analysis.outputs import refuse_one_output
from analysis.problems import AnalysisError
from analysis.tracing.recorder import trace
from analysis.tracing.trace import Trace

Array = NDArray[Any]

PARAMS = (
    Param("family", "dilation3", "Options of every switch point; none for those of extra alone",
          choices=(*FAMILIES, "none")),
    Param("points", "", "Switch points, as layer3.0.conv1:dil1,2,3;layer4.0.conv1:strideD2,K1; empty for four"),
    Param("policy", "follow", "Shortcuts follow their branch, or are resized", choices=("follow", "resize")),
    Param("upsample_gain", "none", "Factor on kernels of fractional strides (ours)", choices=("none", "area")),
    Param("recalibrate", 0, "Pictures that give new batch-norm statistics per configuration, 0 to keep them", 0, 4096),
    Param("memory", 1024, "MiB that a batch may take; it is made smaller to fit", 16, 1 << 20, shapes_result=False),
    Param("extra", "", "Further configurations, as layer2.0.conv1:dil2+layer3.0.conv1:strideK1;layer3.1.conv2:ker5"),
    Param("subset", 0, "Configurations drawn at random from the family, always with the network's own; 0 for all", 0),
)  # fmt: skip


@dataclass(slots=True)
class Sweep:
    """A network with its configurations, ready to run.

    Attributes
    ----------
    walker, space, survey
        What runs them, which there are, what they cost.
    seen
        The recorded forward pass.
    classes
        Number of outputs.
    shared
        True if prefixes are computed once.
    why_not
        Why they are not, "" if they are.
    step
        Pictures of a batch; halved when memory runs out.
    calibration
        (pictures, …) for batch-norm statistics, or None.
    apart
        True if those are not among the pictures that are scored.
    """

    walker: Walker
    space: Space
    survey: Survey
    seen: Trace
    classes: int
    shared: bool
    why_not: str
    step: int
    calibration: Tensor | None = None
    apart: bool = False


def two_pictures(images: Images) -> Tensor:
    """Take the first two readable pictures, or one of them twice."""
    for batch in images.batches(size=min(max(images.batch, 2), 8)):
        return torch.cat([batch.pixels, batch.pixels])[:2]
    raise AnalysisError("There are no pictures.", "Give at least one.")


def prepare(job: Job) -> Generator[Progress, None, Sweep]:
    """Find the switch points, try every configuration on two pictures, and choose a batch that fits into memory.

    Yields
    ------
    Progress
        How many configurations were tried so far.

    Raises
    ------
    AnalysisError
        If no configuration but the network's own can be run, or that one is not the network bit for bit.
    """
    pictures = two_pictures(job.images)
    net = shadow(job.model.net)
    seen = trace(net, tuple(pictures.shape[1:]))
    space, switches = _space(seen, job.params, (pictures.shape[2], pictures.shape[3]), job.request.seed)
    calibration, apart = _calibration(job.images, int(job.params["recalibrate"]))
    options: dict[str, Any] = {
        "resize": job.params["policy"] == "resize" and space.resizes,
        "area_gain": job.params["upsample_gain"] == "area",
        "calibration": 0 if calibration is None else len(calibration),
    }
    flow, why_not = _flow(net, switches, pictures)
    walker = Walker(net, switches, flow, **options)
    trial = pictures if calibration is None else torch.cat([calibration, pictures])
    with quiet(pictures.device):
        plain = scores_of(job.model.net(pictures.clone()), 2)
        refuse_one_output(plain.shape[1], "configurations")
        exact = not options["resize"] and calibration is None
        try:
            valid, found, other = yield from _tried(walker, plain, trial, space, seen, exact)
            why_not = why_not or other
        except NotShareableError as error:
            walker, why_not = walker.alone(), str(error)
            valid, found, _ = yield from _tried(walker, plain, trial, space, seen, exact)
    space = valid
    if why_not and walker.flow:
        walker, found = walker.alone(), replace(found, tree_macs=found.macs)
    walker.clear()
    each = walker.held + 4 * walker.largest + pictures[0].numel() * pictures.element_size()
    extra = 0 if calibration is None else len(calibration)
    step = max(1, min(job.images.batch, (int(job.params["memory"]) << 20) // max(each, 1) - extra))
    return Sweep(walker, space, found, seen, plain.shape[1], not why_not, why_not, step, calibration, apart)


def _space(seen: Trace, params: Any, size: Pair, seed: int) -> tuple[Space, Switches]:
    extra = read_extra(str(params.get("extra", "")))
    family = str(params["family"])
    if family == "none" and not extra:
        text = "There is no configuration to run."
        raise AnalysisError(text, "Choose a family, or name some with --set extra=LAYER:dil2.", "geometry")
    if family == "none":
        space = Space((), (), ((),))
    else:
        points, options = _points(seen, str(params["points"]), family)
        last = seen.values[seen.ops[last_convolution(seen)].outputs[0]].shape[2:]
        # Pools take no more of a family than their copies, and need no list of it either.
        wanted, copies = int(params.get("subset", 0)), int(params.get("copies", 0))
        several, large = wanted or copies, combinations(options) > MOST
        if several and large:
            space = draw_space(points, options, size, (last[0], last[1]), several, seed)
        else:
            space = enumerate_space(points, options, size, (last[0], last[1]))
        if not large and 0 < wanted < len(space.configurations):
            chosen = drawn(len(space.configurations), wanted, seed)
            space = replace(space, configurations=tuple(space.configurations[number] for number in chosen))
    if extra:
        layers = layers_of(seen)
        families = {name: Option.read(word).family for geometry in extra for name, word in geometry}
        check_layers(layers, tuple(families))
        described = {name: point_in(layers, name, family) for name, family in families.items()}
        space = with_extra(space, extra, described, layers.convs)
    return space, plan_switches(seen, space.points, space.options, params["policy"] == "resize")


def drawn(count: int, wanted: int, seed: int) -> tuple[int, ...]:
    """Draw configurations without replacement, always with number 0, the network as it is; ascending."""
    others = np.random.RandomState([seed, count]).permutation(np.arange(1, count))[: wanted - 1]
    return (0, *sorted(int(number) for number in others))


def _points(seen: Trace, text: str, family: str) -> tuple[list[SwitchPoint], list[tuple[Option, ...]]]:
    """Switch points and their options; points of the default choice that the family does not fit are left out."""
    named = read_points(text)
    wanted = named or dict.fromkeys(default_points(seen), ())
    points: list[SwitchPoint] = []
    options: list[tuple[Option, ...]] = []
    refusals: list[AnalysisError] = []
    for name in [point.name for point in points_of(seen, tuple(wanted))]:
        words = wanted[name] or FAMILIES[family]
        point = points_of(seen, [name], Option.read(words[0]).family)[0]
        try:
            several = options_of(point, words)
            plan_switches(seen, [point], [several])
        except AnalysisError as error:
            if named:
                raise
            refusals.append(error)
            continue
        points.append(point)
        options.append(several)
    if not points:
        reason = str(refusals[0]) if refusals else "The network has no spatial convolution of two dimensions."
        raise AnalysisError(f"No switch point is possible: {reason}", "Try --set family=dilation3.", "geometry")
    return points, options


def _flow(net: nn.Module, switches: Switches, pictures: Tensor) -> tuple[Flow | None, str]:
    try:
        return scout(net, switches, pictures), ""
    except NotShareableError as error:
        return None, str(error)
    except OtherPathError as error:
        text = "The network takes another path for two pictures than for one."
        raise AnalysisError(text, f"Its geometry cannot be changed: {error}.", "path") from error


def _tried(
    walker: Walker, plain: Tensor, trial: Tensor, space: Space, seen: Trace, exact: bool
) -> Generator[Progress, None, tuple[Space, Survey, str]]:
    """Give what runs, what it costs, and what shared prefixes get wrong, "" for nothing."""
    if exact:
        _check_identity(walker, plain, trial, space)
    space, found = yield from survey(walker, trial, space, seen, plain)
    return space, found, difference(walker, trial, space)


def _check_identity(walker: Walker, plain: Tensor, trial: Tensor, space: Space) -> None:
    own = scores_of(walker.run(trial, space.configurations[0]), len(trial))[-2:]
    if not torch.equal(torch.nan_to_num(own), torch.nan_to_num(plain)):
        raise AnalysisError(
            "The configuration that changes nothing does not give the network's own outputs.",
            "Its forward pass is not the same every time, so configurations cannot be compared.",
            "identity",
        )


def calibrating(images: Images, count: int) -> tuple[Images, bool]:
    """Choose pictures for batch-norm statistics, without labels: of those of the source that are not run, if enough.

    Returns
    -------
    tuple
        The pictures, at most `count`; True if none of them is among those of the run.
    """
    held_out = np.setdiff1d(np.arange(len(images.pictures)), images.indices)
    apart = len(held_out) >= count
    several = held_out if apart else np.unique(images.indices)
    made = copy(images)
    made.labels = None
    made.indices = np.sort(np.random.RandomState([len(several), 0]).permutation(several)[:count])
    made.__dict__.pop("samples", None)
    return made, apart


def _calibration(images: Images, count: int) -> tuple[Tensor | None, bool]:
    if not count:
        return None, False
    chosen, apart = calibrating(images, count)
    return torch.cat([batch.pixels for batch in chosen.batches()]), apart


def calibrated_on(sweep: Sweep) -> str:
    """Say which pictures gave batch-norm statistics."""
    count = 0 if sweep.calibration is None else len(sweep.calibration)
    whose = (
        "other pictures of the source" if sweep.apart else "the pictures that are scored, as there are too few others"
    )
    return f"{count} of {whose}, without their labels"


def quiet(device: torch.device) -> AbstractContextManager[Any]:
    """Let kernels of a GPU be the same every time, and not be tuned for each of many shapes."""
    if device.type != "cuda":
        return nullcontext()
    return torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False)


# ---- running ---------------------------------------------------------------------------------------------------------


def sweep_batch(sweep: Sweep, pixels: Tensor, labels: Tensor | None) -> Generator[int, None, dict[str, Array]]:
    """Run all configurations on some pictures; when memory runs out, on half as many at a time.

    Yields
    ------
    int
        Multiply-adds of one picture times pictures, done since the last step; negative for work that is thrown away.

    Returns
    -------
    dict
        Records with axes (picture, configuration, …), and "mean_prediction" and "vote_prediction", axes (picture,).
    """
    parts: list[dict[str, Array]] = []
    first = 0
    while first < len(pixels):
        last = min(first + sweep.step, len(pixels))
        walk = _configurations(sweep, pixels[first:last], None if labels is None else labels[first:last])
        done = 0
        try:
            while True:
                step = next(walk)
                done += step
                yield step
        except StopIteration as end:
            parts.append(end.value)
        except NotShareableError as error:
            fall_back(sweep, str(error))
            yield -done
            continue
        except (RuntimeError, MemoryError) as error:
            make_smaller(sweep, last - first, error)
            yield -done
            continue
        first = last
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def fall_back(sweep: Sweep, why_not: str) -> None:
    """Run every configuration on its own from now on."""
    sweep.walker, sweep.shared, sweep.why_not = sweep.walker.alone(), False, why_not


def make_smaller(sweep: Sweep, size: int, error: BaseException) -> None:
    """Halve the batches after one of `size` pictures failed for want of memory; any other error is raised again."""
    sweep.walker.clear()
    if size == 1 or not out_of_memory(error):
        raise error
    sweep.step = max(1, size // 2)


def _configurations(sweep: Sweep, pixels: Tensor, labels: Tensor | None) -> Generator[int, None, dict[str, Array]]:
    extra = 0 if sweep.calibration is None else len(sweep.calibration)
    given = pixels if sweep.calibration is None else torch.cat([sweep.calibration, pixels])
    columns: list[dict[str, Array]] = []
    total = np.zeros((len(pixels), sweep.classes))
    votes = np.zeros((len(pixels), sweep.classes), dtype=np.int64)
    for number, configuration in enumerate(sweep.space.configurations):
        with quiet(pixels.device):
            logits = scores_of(sweep.walker.run(given, configuration), len(given))[extra:]
        found = records(logits, labels)
        total += found.pop("shares")
        known = found["prediction"] >= 0
        votes[np.flatnonzero(known), found["prediction"][known]] += 1
        columns.append(found)
        yield int(sweep.survey.tree_macs[number]) * len(pixels)
    sweep.walker.clear()
    stacked = {name: np.stack([column[name] for column in columns], axis=1) for name in columns[0]}
    most = np.where(votes == votes.max(axis=1, keepdims=True), total, -1.0)
    return stacked | {"mean_prediction": total.argmax(axis=1), "vote_prediction": most.argmax(axis=1)}


def batches_of(sweep: Sweep, images: Images, done: NDArray[np.bool_] | None = None) -> Iterator[Any]:
    """Yield batches of a size that is the same for the whole run, without the pictures that are done.

    Parameters
    ----------
    done
        (picture,) True for what an earlier, unfinished run has measured.
    """
    step = sweep.step
    for first in range(0, images.count, step):
        places = np.arange(first, min(first + step, images.count), dtype=np.int64)
        if done is not None:
            places = places[~done[places]]
        if len(places):
            try:
                yield from images.batches(order=places, size=step)
            except AnalysisError as error:
                if not images.skipped or "None of the pictures" not in str(error):
                    raise
