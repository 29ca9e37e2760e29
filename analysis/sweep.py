"""Prepare configurations of a network and run them on pictures: shared by the methods about configurations."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from analysis.blueprint import last_convolution
from analysis.catalogue import Param
from analysis.events import Progress
from analysis.images import Images
from analysis.job import Job
from analysis.measures.configurations import (
    FAMILIES,
    Option,
    Pair,
    Space,
    SwitchPoint,
    enumerate_space,
    options_of,
    read_extra,
    read_points,
    with_extra,
)
from analysis.outcomes import records, scores_of
from analysis.problems import AnalysisError
from analysis.reshape import OtherPathError, shadow
from analysis.survey import Survey, difference, out_of_memory, survey
from analysis.switches import (
    Switches,
    check_layers,
    default_points,
    layers_of,
    plan_switches,
    point_in,
    points_of,
)
from analysis.tracing.recorder import trace
from analysis.tracing.trace import Trace
from analysis.walk import Flow, NotShareableError, Walker, scout

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
    calibration = _calibration(job.images, int(job.params["recalibrate"]))
    options: dict[str, Any] = {
        "resize": job.params["policy"] == "resize" and space.resizes,
        "area_gain": job.params["upsample_gain"] == "area",
        "calibration": 0 if calibration is None else len(calibration),
    }
    flow, why_not = _flow(net, switches, pictures)
    walker = Walker(net, switches, flow, **options)
    trial = pictures if calibration is None else torch.cat([calibration, pictures])
    with quiet(pictures.device):
        plain = scores_of(job.model.net(pictures), 2)
        if not options["resize"] and calibration is None:
            _check_identity(walker, plain, trial, space)
        space, found = yield from survey(walker, trial, space, seen, plain)
        why_not = why_not or difference(walker, Walker(net, switches, None, **options), trial, space)
    if why_not and flow:
        walker = Walker(net, switches, None, **options)
        found = replace(found, tree_macs=found.macs)
    walker.clear()
    each = walker.held + 4 * walker.largest + pictures[0].numel() * pictures.element_size()
    extra = 0 if calibration is None else len(calibration)
    step = max(1, min(job.images.batch, (int(job.params["memory"]) << 20) // max(each, 1) - extra))
    return Sweep(walker, space, found, seen, plain.shape[1], not why_not, why_not, step, calibration)


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
        space = enumerate_space(points, options, size, (last[0], last[1]))
        wanted = int(params.get("subset", 0))
        if 0 < wanted < len(space.configurations):
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


def _check_identity(walker: Walker, plain: Tensor, trial: Tensor, space: Space) -> None:
    own = scores_of(walker.run(trial, space.configurations[0]), len(trial))[-2:]
    if not torch.equal(torch.nan_to_num(own), torch.nan_to_num(plain)):
        raise AnalysisError(
            "The configuration that changes nothing does not give the network's own outputs.",
            "Its forward pass is not the same every time, so configurations cannot be compared.",
            "identity",
        )


def _calibration(images: Images, count: int) -> Tensor | None:
    if not count:
        return None
    order = np.random.RandomState([images.count, 0]).permutation(images.count)[:count]
    return torch.cat([batch.pixels for batch in images.batches(order=np.sort(order))])


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
        Multiply-adds of one picture times pictures, done since the last step.

    Returns
    -------
    dict
        Records with axes (picture, configuration, …), and "mean_prediction" and "vote_prediction", axes (picture,).
    """
    parts: list[dict[str, Array]] = []
    first = 0
    while first < len(pixels):
        last = min(first + sweep.step, len(pixels))
        try:
            part = yield from _configurations(sweep, pixels[first:last], None if labels is None else labels[first:last])
        except (RuntimeError, MemoryError) as error:
            sweep.walker.clear()
            if sweep.step == 1 or last - first == 1 or not out_of_memory(error):
                raise
            sweep.step = max(1, (last - first) // 2)
            continue
        parts.append(part)
        first = last
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _configurations(sweep: Sweep, pixels: Tensor, labels: Tensor | None) -> Generator[int, None, dict[str, Array]]:
    extra = 0 if sweep.calibration is None else len(sweep.calibration)
    given = pixels if sweep.calibration is None else torch.cat([sweep.calibration, pixels])
    columns: list[dict[str, Array]] = []
    total = np.zeros((len(pixels), sweep.classes))
    votes = np.zeros((len(pixels), sweep.classes), dtype=np.int64)
    for configuration in sweep.space.configurations:
        with quiet(pixels.device):
            logits = scores_of(sweep.walker.run(given, configuration), len(given))[extra:]
        found = records(logits, labels)
        total += found.pop("shares")
        known = found["prediction"] >= 0
        votes[np.flatnonzero(known), found["prediction"][known]] += 1
        columns.append(found)
        yield sweep.walker.computed * len(pixels)
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
