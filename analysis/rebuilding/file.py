"""The Python file beside a saved network: put together, tried against the network itself, and only then written."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from analysis.edits import Edits
from analysis.loading.constructors import quietly, seeded
from analysis.models import Model
from analysis.problems import AnalysisError
from analysis.rebuilding.composing import MARK, TOP, compose
from analysis.rebuilding.differing import Unwritable, compare
from analysis.rebuilding.forwards import forward_of
from analysis.rebuilding.origins import Origin, origins


@dataclass(frozen=True, slots=True)
class Written:
    """What came of writing the file.

    Attributes
    ----------
    path
        The file, "" if there is none.
    reason
        Why there is none, one sentence.
    """

    path: str
    reason: str = ""


def write_python(model: Model, weights: str | Path, edits: Edits) -> Written:
    """Write the Python file that rebuilds a saved network without LayerScope.

    Parameters
    ----------
    model
        The network after the edits.
    weights
        The safetensors file in which it was saved; the new file has the same name and ends in ``.py``.
    edits
        Everything that was changed.

    Returns
    -------
    Written
        A file is written only if what it builds has the same weights and gives the same outputs.

    Raises
    ------
    AnalysisError
        If it cannot be written to that place.
    """
    target = Path(weights).with_suffix(".py")
    try:
        _check(edits, target)
        text = source_of(model, Path(weights), edits)
    except Unwritable as error:
        with suppress(OSError):
            if _ours(target):
                target.unlink()  # it would rebuild what was saved here before
        return Written("", f"No Python file was written: {error}.")
    try:
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        text = f"{target.name} cannot be written: {error.strerror or error}."
        raise AnalysisError(text, "Choose another place.") from None
    return Written(str(target))


def _check(edits: Edits, target: Path) -> None:
    if any(step.geometry for step in edits.steps):
        raise Unwritable("convolutions with another dilation or stride are made while the network runs")
    if any(step.ring for step in edits.steps):
        raise Unwritable("its weights are read from a shared ring, which only LayerScope does")
    if target.exists() and not _ours(target):
        raise Unwritable(f"{target.name} is there already and was not written by LayerScope")


def _ours(target: Path) -> bool:
    if not target.is_file():
        return False
    with target.open(encoding="utf-8", errors="replace") as file:
        return MARK in file.read(2000)


def source_of(model: Model, weights: Path, edits: Edits) -> str:
    """Put the file together and try it.

    Parameters
    ----------
    model
        The network after the edits.
    weights
        The safetensors file, which is there already.
    edits
        Everything that was changed, for the words at the top.

    Raises
    ------
    Unwritable
        If there is no way to write it, or what it builds is not the same network.
    """
    reason = Unwritable("the network has no architecture that could be built")
    classes = model.recording.output_shape[0] if model.recording.output_shape else 0
    for origin in origins(model.name, classes, weights.parent):
        original = _built(origin, weights)
        try:
            difference = compare(original, model.net)
        except Unwritable as error:
            reason = error
            continue
        functions = {path: forward_of(model.net.get_submodule(path)) for path in difference.forwards}
        text = compose(model, edits, weights.name, origin, difference, functions)
        _try(text, original, model, weights)
        return text
    raise reason


def _built(origin: Origin, weights: Path) -> nn.Module:
    space = _run("\n".join((*TOP, *origin.imports, "", origin.source)), weights)
    try:
        with seeded(0), quietly():
            net = space["original"]()
    except Exception as error:  # whatever a constructor raises
        words = " ".join(str(error).split())
        raise Unwritable(f"its architecture cannot be built ({type(error).__name__}: {words[:200]})") from error
    assert isinstance(net, nn.Module)
    return net


def _run(text: str, weights: Path) -> dict[str, Any]:
    space: dict[str, Any] = {"__name__": "rebuilt", "__file__": str(weights.with_suffix(".py"))}
    exec(compile(text, space["__file__"], "exec"), space)
    return space


def _try(text: str, original: nn.Module, model: Model, weights: Path) -> None:
    """Let the file build the network from its weights, and compare tensors and outputs."""
    space = _run(text, weights)
    space["original"] = lambda: original  # building it once is enough
    try:
        net = space["make"]().to(device=model.device, dtype=model.dtype)
    except Exception as error:  # a table that does not fit
        words = " ".join(str(error).split())
        raise Unwritable(f"what it would build does not fit the weights ({words[:200]})") from error
    if model.channels_last:
        net.to(memory_format=torch.channels_last)
    generator = torch.Generator().manual_seed(0)
    picture = torch.rand((1, *model.input_shape), generator=generator).to(model.device, model.dtype)
    with torch.no_grad():
        one, other = _tensor(net(picture.clone())), _tensor(model.net(picture.clone()))
    same = torch.equal(one, other) if model.device.type == "cpu" else torch.allclose(one, other, rtol=1e-4, atol=1e-5)
    if not same:
        raise Unwritable("what it would build gives other outputs")


def _tensor(output: Any) -> Tensor:
    while not isinstance(output, Tensor):
        output = next(iter(output.values())) if isinstance(output, Mapping) else output[0]
    return output
