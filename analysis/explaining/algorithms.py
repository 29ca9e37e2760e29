"""The algorithms, each as a generator: it yields how many rows it has done, and returns the attribution.

Between two yields lies one pass of the network, so that a run can be watched and stopped, and only the rows that did
not fit into memory are done again. Integrated gradients and conductance hand Captum the steps of the integral in
portions, as Captum itself does for an internal batch; occlusion goes through its windows here for the same reason.
Their results are compared with plain calls of Captum in the tests.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from analysis.explaining.batching import Rows
from analysis.explaining.first_pass import ON_THE_WAY
from analysis.explaining.in_place import Saved
from analysis.explaining.network import Split, with_gradients
from analysis.problems import AnalysisError

Work = Generator[int, None, Tensor]
METHOD = "gausslegendre"


@dataclass(frozen=True, slots=True)
class Task:
    """One picture to explain.

    Attributes
    ----------
    scores
        From pixels to class scores, not hooked by anyone.
    split
        A copy with modules for non-linearities, for those who hook them, or None.
    layered
        A copy with a probe at the wanted layer, or None.
    made
        What came with the first pass, by the name of the algorithm; axes (channel, y, x).
    pixels, baseline
        Axes (1, channel, y, x).
    target
        Number of the class.
    steps
        Steps of an integral.
    window, stride
        Of occlusion, in pixels.
    rows
        How many rows fit into memory.
    saved
        How tensors are kept for the way back.
    """

    scores: nn.Module
    split: Split | None
    layered: Split | None
    made: Mapping[str, Tensor]
    pixels: Tensor
    baseline: Tensor
    target: int
    steps: int
    window: int
    stride: int
    rows: Rows
    saved: Saved


def amount(name: str, size: tuple[int, ...], steps: int, window: int, stride: int) -> int:
    """Count the rows that an algorithm has to do for a picture after the first pass.

    Parameters
    ----------
    name
        Of the algorithm.
    size
        Height and width of the picture.
    steps, window, stride
        See :class:`Task`.
    """
    if name in ON_THE_WAY:
        return 0
    if name == "occlusion":
        down, across = window_counts(size, window, stride)
        return down * across
    return {"integrated_gradients": steps, "layer_conductance": steps}.get(name, 1)


def explain(name: str, task: Task) -> Work:
    """Carry out an algorithm by name.

    Returns
    -------
    Tensor
        Axes (channel, y, x): channels and size of the picture, or of the layer for Grad-CAM and conductance.
    """
    if name in task.made:
        return task.made[name]
    work = _WORKS[name](task)
    while True:
        try:
            with _quiet(), with_gradients(), task.saved.kept():
                try:
                    done = next(work)
                except StopIteration as end:
                    found: Tensor = end.value
                    return found[0].detach()
        except RuntimeError as error:
            if not task.saved.copy_after(error):
                raise
            work = _WORKS[name](task)  # the first pass has failed: nothing of it is lost
            continue
        yield done


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep to ourselves that Captum hooks modules: they are those of a copy."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


def _integrated_gradients(task: Task) -> Work:
    from captum.attr import IntegratedGradients
    from captum.attr._utils.approximation_methods import approximation_parameters

    method = IntegratedGradients(task.scores)
    sizes, alphas = (make(task.steps) for make in approximation_parameters(METHOD))

    def part(first: int, last: int) -> Tensor:
        found = method._attribute(
            inputs=(task.pixels,),
            baselines=(task.baseline,),
            target=task.target,
            n_steps=last - first,
            method=METHOD,
            step_sizes_and_alphas=(sizes[first:last], alphas[first:last]),
        )
        return _tensor(found)

    return (yield from _summed(part, task.steps, task.rows))


def _layer_conductance(task: Task) -> Work:
    from captum.attr import LayerConductance
    from captum.attr._utils.approximation_methods import approximation_parameters

    split = _layered(task)
    method = LayerConductance(split, split.probe)
    sizes, alphas = (make(task.steps + 1) for make in approximation_parameters(METHOD))

    def part(first: int, last: int) -> Tensor:
        # Differences of neighbours: a portion begins with the last point of the one before it.
        found = method._attribute(
            inputs=(task.pixels,),
            baselines=(task.baseline,),
            target=task.target,
            n_steps=last - first,
            method=METHOD,
            step_sizes_and_alphas=(sizes[first : last + 1], alphas[first : last + 1]),
        )
        return _tensor(found)

    return (yield from _summed(part, task.steps, task.rows, ends=1))


def _summed(part: Callable[[int, int], Tensor], steps: int, rows: Rows, ends: int = 0) -> Work:
    """Add up the portions of an integral, each as large as memory allows; `ends` are rows beside those of its steps."""
    total: Tensor | None = None
    first = 0
    while first < steps:
        last = min(first + max(1, rows.size - ends), steps)
        try:
            found = part(first, last).detach()
        except (RuntimeError, MemoryError) as error:
            rows.shrink(error)
            continue
        total = found if total is None else total + found
        yield last - first
        first = last
    assert total is not None  # there is at least one step
    return total


def _deep_lift(task: Task) -> Work:
    from captum.attr import DeepLift

    assert task.split is not None  # made for this algorithm
    # One picture at a time: Captum's rule for max-pooling takes the gradient of the first one of a batch for all.
    found = DeepLift(task.split).attribute(task.pixels.clone(), task.baseline.clone(), target=task.target)
    yield 1
    return _tensor(found)


def _guided_grad_cam(task: Task) -> Work:
    """Multiply guided backpropagation with the positive part of Grad-CAM, which the first pass has made."""
    from captum.attr import GuidedBackprop, LayerAttribution

    assert task.split is not None  # made for this algorithm
    found = GuidedBackprop(task.split).attribute(task.pixels.clone(), target=task.target)
    yield 1
    cam = functional.relu(task.made["grad_cam"])[None]
    return _tensor(found) * _tensor(LayerAttribution.interpolate(cam, task.pixels.shape[2:], "bilinear"))


def _occlusion(task: Task) -> Work:
    """Cover windows with the baseline and see how far the score falls; where windows overlap, their mean."""
    pixels = task.pixels
    places = _windows(pixels.shape[2:], task.window, task.stride)
    whole = task.scores(pixels)[0, task.target]
    total, times = torch.zeros_like(pixels[0, 0]), torch.zeros_like(pixels[0, 0])
    first = 0
    while first < len(places):
        part = places[first : first + task.rows.size]
        try:
            covered = pixels.repeat(len(part), 1, 1, 1)
            for row, place in enumerate(part):
                covered[(row, slice(None), *place)] = task.baseline[(0, slice(None), *place)]
            falls = whole - task.scores(covered)[:, task.target]
        except (RuntimeError, MemoryError) as error:
            task.rows.shrink(error)
            continue
        for place, fall in zip(part, falls, strict=True):
            total[place] += fall
            times[place] += 1
        yield len(part)
        first += len(part)
    # What no window reached keeps 0. A window covers all channels at once, so each of them gets the whole fall.
    return (total / times.clamp(min=1)).expand_as(pixels)


def window_counts(size: tuple[int, ...], window: int, stride: int) -> tuple[int, int]:
    """Count the windows down and across a picture; the last ones may reach over its edge."""
    down, across = (1 + max(0, ceil((side - window) / stride)) for side in size)
    return down, across


def _windows(size: tuple[int, ...], window: int, stride: int) -> list[tuple[slice, slice]]:
    down, across = window_counts(size, window, stride)
    return [
        (slice(y * stride, y * stride + window), slice(x * stride, x * stride + window))
        for y in range(down)
        for x in range(across)
    ]


def _layered(task: Task) -> Split:
    assert task.layered is not None  # made for every algorithm that looks at a layer
    return task.layered


def _tensor(found: Any) -> Tensor:
    """Take the tensor out of what Captum returns.

    Raises
    ------
    AnalysisError
        If it has returned nothing for the input.
    """
    first = found[0] if isinstance(found, tuple) else found
    if not isinstance(first, Tensor) or not first.numel():
        raise AnalysisError("The layer's map could not be enlarged to the picture.", "Choose another layer.", "layer")
    return first.detach()


_WORKS: dict[str, Callable[[Task], Work]] = {
    "integrated_gradients": _integrated_gradients,
    "deep_lift": _deep_lift,
    "occlusion": _occlusion,
    "guided_grad_cam": _guided_grad_cam,
    "layer_conductance": _layer_conductance,
}
