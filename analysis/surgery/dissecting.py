"""The widths of a network, with a trial edit: what the forward pass computes with widths is found by doing it."""

from __future__ import annotations

import sys
from collections.abc import Iterable

import numpy as np
from torch import nn

from analysis.coupling.analysis import Anatomy, anatomy, sorted_out
from analysis.coupling.labels import Reason
from analysis.problems import AnalysisError
from analysis.surgery.editing import edit, rewritten_modules
from analysis.surgery.tape import Difference, differences
from analysis.tracing.recorder import trace
from analysis.tracing.standin import CannotCopyError, empty_copy
from analysis.tracing.trace import Trace


def dissect(net: nn.Module, input_shape: tuple[int, ...], model: str = "", *, whole: bool = False) -> Anatomy:
    """Find the coupled width groups of a network, and try an edit of all of them on a copy.

    Parameters
    ----------
    net
        Any network of torch modules; it is not changed.
    input_shape
        (channels, height, width) of a picture.
    model
        Its name, for the description.
    whole
        Grouped convolutions lose and gain whole groups; else the same places in every group.

    Returns
    -------
    Anatomy
        Its `groups` is the description for window, command line and files.

    Raises
    ------
    AnalysisError
        If the network does not run on such a picture.
    """
    found = anatomy(net, input_shape, model, whole=whole)
    if not _may_compute_with_widths(found):
        return found
    for attempt in range(len(found.groups.groups) + 3):
        if not found.groups.free or not _lock_arithmetic(net, input_shape, found, attempt):
            break
        found = sorted_out(found.coupling, net, model)
    return found


def evaluated(found: Anatomy) -> frozenset[int]:
    """Variables whose channels occur when the network classifies; those of auxiliary heads occur in training alone."""
    coupling = found.coupling
    seen = [np.unique(coupling.of(labels)) for labels in coupling.arrays.values() if labels is not None]
    if not seen:
        return frozenset()
    return frozenset(found.grouping.variable[np.unique(np.concatenate(seen))].tolist()) - {-1}


def _may_compute_with_widths(found: Anatomy) -> bool:
    """Tell whether a forward asks for sizes, or has numbers in its arithmetic; else there is nothing to try."""
    seen = found.coupling.seen
    if seen.readers:
        return True
    return any(
        isinstance(item, (int, float)) and not isinstance(item, bool) and not (op.name == "add" and item == 0)
        for op in seen.ops
        if op.name in _ARITHMETIC and not seen.calls[op.call].kind.__module__.startswith("torch.nn")
        for item in op.arguments
    )  # 0 is where Python's sum() begins


_ARITHMETIC = frozenset({"add", "sub", "mul", "div", "pow"})


def _lock_arithmetic(net: nn.Module, input_shape: tuple[int, ...], found: Anatomy, attempt: int) -> bool:
    """Double all free channels on a copy without numbers; lock what computes otherwise. True if anything was locked."""
    coupling = found.coupling
    try:
        edited, after = _tried(net, input_shape, found)
    except (AnalysisError, CannotCopyError) as error:
        return _lock_readers(found, attempt, " ".join(str(error).split()))
    several = differences(coupling.seen, after, rewritten_modules(edited))
    locked = [_lock(found, difference) for difference in several]
    return any(locked)


def _tried(net: nn.Module, input_shape: tuple[int, ...], found: Anatomy) -> tuple[nn.Module, Trace]:
    """Double all free channels, and record the result; with numbers only where it does not run without."""
    copies = np.where(found.coupling.locked, 1, 2).astype(np.int64)
    if "torch._dynamo" in sys.modules:
        try:
            edited = edit(empty_copy(net)[0], found, copies, spare=True)
            return edited, trace(edited, input_shape, spare=True)
        except (AnalysisError, CannotCopyError):
            if _runs_empty(net, input_shape):
                raise
    edited = edit(net, found, copies)
    return edited, trace(edited, input_shape)


def _runs_empty(net: nn.Module, input_shape: tuple[int, ...]) -> bool:
    """Tell whether a network runs on tensors without numbers at all."""
    try:
        trace(empty_copy(net)[0], input_shape, spare=True)
    except (AnalysisError, CannotCopyError):
        return False
    return True


def _lock_readers(found: Anatomy, attempt: int, error: str) -> bool:
    """Lock, after a failed trial, what enters modules that ask for sizes; first those with something not understood."""
    coupling, seen = found.coupling, found.coupling.seen
    for strict in (True, False) if attempt < len(seen.calls) else ():
        before = int(coupling.locked.sum())
        for call in seen.calls:
            ops = [seen.ops[index] for index in seen.own_ops[call.index]]
            blind = any(seen.values[v].feature and coupling.arrays.get(v) is None for op in ops for v in op.outputs)
            if call.path in seen.readers and (blind or not strict):
                reason = Reason("", seen.label(call.index), "it computes with the sizes of its input")
                _lock_values(found, call.inputs, reason)
        if int(coupling.locked.sum()) > before:
            return True
    before = int(coupling.locked.sum())
    coupling.lock(range(len(coupling.locked)), Reason("", "the network", f"a trial edit failed ({error})"))
    return int(coupling.locked.sum()) > before


def _lock(found: Anatomy, difference: Difference) -> bool:
    coupling = found.coupling
    before = int(coupling.locked.sum())
    call = coupling.seen.calls[difference.call]
    ops = [coupling.seen.ops[difference.op]] if difference.op >= 0 else coupling.seen.ops[call.first : call.last]
    name = ops[0].name if len(ops) == 1 else ""
    reason = Reason(name, coupling.seen.label(call.index), "computes with a width")
    _lock_values(found, [value for op in ops for value in (*op.inputs, *op.outputs)], reason)
    return int(coupling.locked.sum()) > before


def _lock_values(found: Anatomy, values: Iterable[int], reason: Reason) -> None:
    for value in values:
        labels = found.coupling.arrays.get(value)
        if labels is not None:
            found.coupling.lock(np.unique(found.coupling.of(labels)), reason)


def refuse_arithmetic(found: Anatomy, edited: nn.Module) -> None:
    """Compare what an edited network computes with what it was recorded to compute.

    Raises
    ------
    AnalysisError
        If it computes something else.
    """
    coupling = found.coupling
    after = trace(edited, found.groups.input_shape)
    for difference in differences(coupling.seen, after, rewritten_modules(edited)):
        place = coupling.seen.label(difference.call) or "the network"
        text = f"{place} computes with its width, so that it computes otherwise after this edit."
        raise AnalysisError(text, "Keep the widths that enter it.", "forward")
