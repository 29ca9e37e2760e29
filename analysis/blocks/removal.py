"""Take residual blocks out of a network: each gives way to its shortcut, with the activation it has after its sum.

Nothing is retrained. The shortcut is what the recorded forward pass did on that way: modules of the block are kept
under their names, so that their weights stay where they are in a saved file; functions are called again.
Source: the study of removal in the reference code of Peer et al. (block replaced by ReLU of its shortcut).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from analysis.blocks.shortcuts import Residual, removable, residuals
from analysis.catalogue import nearest
from analysis.graph import record
from analysis.models import Model
from analysis.problems import AnalysisError
from analysis.tracing.calls import CallStack, Frame, following, tensors_in
from analysis.tracing.recorder import counted, trace
from analysis.tracing.trace import Call, Op, Ref, Trace

_Place = tuple[str, int, int]  # module, number of its call, number of the operation in it


@dataclass(frozen=True, slots=True)
class FunctionStep:
    """A torch function as the block's forward called it, tensors replaced by references."""

    call: Callable[..., Any]
    arguments: tuple[Any, ...]
    keywords: Mapping[str, Any]
    output: int
    changes: bool

    def __deepcopy__(self, _memo: dict[int, Any]) -> FunctionStep:
        return self  # nothing in here can change


@dataclass(frozen=True, slots=True)
class ModuleStep:
    """A call of a module inside the block."""

    path: str
    inputs: tuple[int, ...]
    output: int


class Shortcut(nn.Module):
    """What is left of a residual block: its shortcut, and the activation after its sum if it has one."""

    def __init__(self, steps: tuple[FunctionStep | ModuleStep, ...], inputs: tuple[int, ...], output: int) -> None:
        super().__init__()
        self.steps = steps
        self.inputs = inputs
        self.output = output

    def forward(self, *args: Any) -> Tensor:
        """Compute what the shortcut alone would give."""
        given = tensors_in(args)
        values = dict(zip(self.inputs, given, strict=True))
        for step in self.steps:
            if isinstance(step, ModuleStep):
                values[step.output] = self.get_submodule(step.path)(*(values[number] for number in step.inputs))
                continue
            arguments = list(_filled(step.arguments, values))
            if step.changes and any(_shares(arguments[0], tensor) for tensor in given):
                arguments[0] = arguments[0].clone()  # the tensor before the block is not this block's to change
            result = step.call(*arguments, **_filled(step.keywords, values))
            values[step.output] = arguments[0] if result is None else result
        return values[self.output]


def remove_blocks(model: Model, names: tuple[str, ...]) -> Model:
    """Return a network without some of its residual blocks; the given one is not changed.

    Parameters
    ----------
    model
        A loaded network.
    names
        Names of residual blocks, as in ``model.recording.blocks``.

    Raises
    ------
    AnalysisError
        If a name is no block, or the shortcut of a block cannot stand for it.
    """
    wanted = tuple(dict.fromkeys(names))
    net = Removal(model, wanted).without(wanted)
    return replace(model, net=net, recording=record(net, model.input_shape))


def removable_blocks(model: Model) -> tuple[str, ...]:
    """Names of the residual blocks that can be removed, in order."""
    return removable(residuals(trace(model.net, model.input_shape)))


class Removal:
    """A copy of a network in which blocks and their shortcuts can be exchanged at once.

    Parameters
    ----------
    model
        A loaded network; it is not changed.
    names
        Blocks that may be removed.

    Attributes
    ----------
    kept
        Block to the paths of the modules that its shortcut keeps.

    Raises
    ------
    AnalysisError
        If a name is no block, or the shortcut of a block cannot stand for it.
    """

    def __init__(self, model: Model, names: tuple[str, ...]) -> None:
        seen = trace(model.net, model.input_shape)
        found = residuals(seen)
        for name in names:
            _check(name, found)
        self._net = _copy(model.net)
        functions = _functions(self._net, model)
        self._paths = {name: seen.calls[found[name].unit.call].path for name in names}
        self._blocks = {name: self._net.get_submodule(path) for name, path in self._paths.items()}
        self._shortcuts = {name: _left_over(name, self._net, seen, found[name], functions) for name in names}
        self.kept = {
            name: tuple(f"{self._paths[name]}.{step.path}" for step in made.steps if isinstance(step, ModuleStep))
            for name, made in self._shortcuts.items()
        }
        _try(self.without(names), model, names)

    def without(self, names: Collection[str]) -> nn.Module:
        """Return the copy without some blocks, the others in place. The next call changes it again."""
        outer_first = sorted(self._paths, key=lambda name: self._paths[name].count("."))
        for name in outer_first:
            _put(self._net, self._paths[name], self._blocks[name])
        for name in reversed(outer_first):
            if name in names:
                _put(self._net, self._paths[name], self._shortcuts[name])
        return self._net


def _check(name: str, found: Mapping[str, Residual]) -> None:
    names = removable(found)
    if name not in found:
        hint = nearest(name, names) if names else "The network has no residual blocks."
        raise AnalysisError(f"'{name}' cannot be removed: it has no shortcut to stand for it.", hint, "removal")
    if found[name].problem:
        hint = nearest(name, names) if names else "No block of this network can be removed."
        raise AnalysisError(f"The block {name} cannot be removed: {found[name].problem}.", hint, "removal")


def _copy(net: nn.Module) -> nn.Module:
    try:
        return copy.deepcopy(net)
    except Exception as error:  # whatever a user's module does when it is copied
        text = f"The network cannot be copied, so no block of it can be removed: {type(error).__name__}."
        raise AnalysisError(text, "Measure it as it is.", "removal") from error


class _Watch(TorchFunctionMode):
    """Notes which function was called where in a forward pass, and whether it changed its first argument."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[_Place, tuple[Callable[..., Any], bool]] = {}
        self.stack: CallStack | None = None

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Call a torch function and note it."""
        first = args[0] if args and isinstance(args[0], Tensor) else None
        before = first._version if first is not None else 0
        result = func(*args, **(kwargs or {}))
        name = getattr(func, "__name__", "").strip("_")
        if counted("setitem" if name == "setitem" else name, result) and self.stack and self.stack.frames:
            frame = self.stack.frames[-1]
            changed = first is not None and first._version != before
            self.found[frame.path, frame.number, frame.order] = (func, changed)
            frame.order += 1
        return result


def _functions(net: nn.Module, model: Model) -> dict[_Place, tuple[Callable[..., Any], bool]]:
    """Run the network once more, this time with an eye on the functions themselves."""
    picture = torch.zeros((1, *model.input_shape), dtype=model.dtype, device=model.device)
    watch = _Watch()
    with torch.no_grad(), following(net, _nothing, _nothing) as watch.stack, watch:
        net(picture)
    return watch.found


def _nothing(_frame: Frame, _module: nn.Module, _tensors: Any) -> None:
    """Follow without doing anything: the stack is all that is wanted."""


def _left_over(
    name: str,
    net: nn.Module,
    seen: Trace,
    residual: Residual,
    functions: Mapping[_Place, tuple[Callable[..., Any], bool]],
) -> Shortcut:
    """Make what stands for a block."""
    plan = _Plan(name, seen, residual, functions)
    output = plan.need(residual.unit.output)
    home = seen.calls[residual.unit.call]
    made = Shortcut(tuple(plan.steps), home.inputs, output)
    block = net.get_submodule(home.path)
    for step in plan.steps:
        if isinstance(step, ModuleStep):
            part = block.get_submodule(step.path)
            for module in part.modules():
                if getattr(module, "inplace", False) is True:
                    module.inplace = False  # type: ignore[assignment]  # a plain attribute of every activation
            _keep(made, step.path, part)
    return made.train(block.training)


class _Plan:
    """Steps from the inputs of a block to its output, with the shortcut in place of the sum."""

    def __init__(
        self,
        name: str,
        seen: Trace,
        residual: Residual,
        functions: Mapping[_Place, tuple[Callable[..., Any], bool]],
    ) -> None:
        self.name, self.seen, self.functions = name, seen, functions
        self.residual = residual
        self.home = seen.calls[residual.unit.call]
        self.sum = seen.ops[residual.addition.op].outputs[0]
        self.steps: list[FunctionStep | ModuleStep] = []
        self._known = {number: number for number in self.home.inputs}

    def need(self, value: int) -> int:
        """Plan a value and everything before it; returns the value that holds it."""
        if value not in self._known:
            self._known[value] = self.need(self.residual.shortcut) if value == self.sum else self._made(value)
        return self._known[value]

    def _made(self, value: int) -> int:
        maker = self.seen.values[value].maker
        if not self.home.first <= maker < self.home.last:
            raise self._refusal("its shortcut uses tensors from elsewhere")
        op = self.seen.ops[maker]
        call = self._module_call(op, value)
        if call is not None:
            inputs = tuple(self.need(number) for number in call.inputs)
            path = call.path[len(self.home.path) :].lstrip(".")
            self.steps.append(ModuleStep(path, inputs, value))
        elif op.call == self.home.index:
            self.steps.append(self._function(op, value))
        else:
            raise self._refusal("its shortcut cannot be told apart from its branch")
        return value

    def _module_call(self, op: Op, value: int) -> Call | None:
        """Find the outermost module call in the block that returns the value, unless it holds the sum as well."""
        found, index = None, op.call
        while index > self.home.index:
            call = self.seen.calls[index]
            if call.single and call.outputs[0] == value and not call.first <= self.residual.addition.op < call.last:
                found = call
            index = call.parent
        return found

    def _function(self, op: Op, value: int) -> FunctionStep:
        for number in op.inputs:
            self.need(number)
        known = self.functions.get((self.home.path, self.home.number, op.order))
        if known is None:
            raise self._refusal("its shortcut is computed out of sight")
        return FunctionStep(
            known[0], _renamed(op.arguments, self._known), _renamed(dict(op.keywords), self._known), value, known[1]
        )

    def _refusal(self, reason: str) -> AnalysisError:
        return AnalysisError(f"The block {self.name} cannot be removed: {reason}.", "Choose other blocks.", "removal")


def _put(net: nn.Module, path: str, module: nn.Module) -> None:
    parent, _, name = path.rpartition(".")
    setattr(net.get_submodule(parent), name, module)


def _keep(made: nn.Module, path: str, part: nn.Module) -> None:
    """Register a part of the block under the name it had, so that its weights keep theirs."""
    *around, last = path.split(".")
    for name in around:
        if name not in made._modules:
            made.add_module(name, nn.Module())
        made = made.get_submodule(name)
    made.add_module(last, part)


def _try(net: nn.Module, model: Model, names: tuple[str, ...]) -> None:
    """Run the result on two pictures: a shortcut may have been computed for one picture alone."""
    pictures = torch.zeros((2, *model.input_shape), dtype=model.dtype, device=model.device)
    try:
        with torch.no_grad():
            net(pictures)
    except Exception as error:  # whatever the user's forward raises
        text = f"The network does not run without {', '.join(names)}."
        raise AnalysisError(text, f"Choose other blocks. The network says: {error}", "removal") from error


def _filled(given: Any, values: Mapping[int, Tensor]) -> Any:
    """Put tensors in the place of references."""
    if isinstance(given, Ref):
        return values[given.value]
    if isinstance(given, tuple):
        return tuple(_filled(item, values) for item in given)
    return {key: _filled(item, values) for key, item in given.items()} if isinstance(given, dict) else given


def _renamed(given: Any, known: Mapping[int, int]) -> Any:
    """Let references point to the values that hold what is wanted."""
    if isinstance(given, Ref):
        return Ref(known[given.value])
    if isinstance(given, tuple):
        return tuple(_renamed(item, known) for item in given)
    return {key: _renamed(item, known) for key, item in given.items()} if isinstance(given, dict) else given


def _shares(first: Any, second: Tensor) -> bool:
    return isinstance(first, Tensor) and first.untyped_storage().data_ptr() == second.untyped_storage().data_ptr()
