"""Measure a network that lives in a notebook: the same methods, the same result, no files needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from analysis.engine import carry_out
from analysis.events import Event, Finished, Outcome
from analysis.images import Images, images_from
from analysis.models import Model, model_from
from analysis.problems import AnalysisError
from analysis.request import Compute, Request
from analysis.result import Result
from analysis.store import record


def measure(
    method: str,
    net: nn.Module | None,
    images: Any = None,
    *,
    labels: Any = None,
    layers: str = "",
    seed: int = 0,
    batch: int = 0,
    out: str | Path | None = None,
    resume: str | Path = "",
    progress: Callable[[Event], None] | None = None,
    **params: Any,
) -> Result:
    """Run a method on a live network.

    Parameters
    ----------
    method
        Name of a method, see ``python -m analysis list``.
    net
        The network, on whatever device it is. It is put into eval mode while it is measured and left as it was.
    images
        (N, C, H, W) tensor or array that is ready for the network (nothing is normalised), or an iterable of such
        batches, or of (batch, labels) pairs such as a DataLoader.
    labels
        (N,) class numbers, for images given as one tensor or array.
    layers
        Glob patterns of layer names, "" for the method's choice.
    out
        Folder in which the run is stored, None to keep it in memory only.
    resume
        Folder of an unfinished run of the same request to go on with.
    progress
        Called with every event.
    params
        Parameters of the method.

    Returns
    -------
    Result
        Arrays by name: ``result["effective_rank"]``.

    Raises
    ------
    AnalysisError
        If the method fails or its input is wrong.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU())
    >>> result = measure("feature_rank", net, torch.randn(64, 3, 16, 16))
    >>> result["channels"]
    array([8, 8])
    """
    described = tuple(params.items())
    request = Request(method, params=described, layers=layers, seed=seed, compute=Compute(batch=batch))
    request = replace(request, resume=str(resume))

    def loader(_info: object) -> tuple[Model | None, Images | None]:
        pictures = images_from(images, labels, net, batch) if images is not None else None
        shape = pictures.input_shape if pictures else ()
        return (model_from(net, shape) if net is not None else None), pictures

    events = carry_out(request, loader, lambda: False)
    result = Result()
    for event in record(events, Path(out)) if out else events:
        result.apply(event)
        if progress:
            progress(event)
    ending = result.finished or Finished(Outcome.FAILED)
    if ending.problem:
        raise AnalysisError(ending.problem.message, ending.problem.hint)
    return result
