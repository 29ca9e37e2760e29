"""Run a network once and write down every torch function that it calls.

The run happens on a copy without numbers (meta tensors), or, where that fails or would be slower, on a full copy. The
network itself runs only if it cannot be copied.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Hashable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import batch_norm
from torch.nn.parameter import is_lazy
from torch.overrides import TorchFunctionMode

from analysis.problems import AnalysisError
from analysis.tracing.calls import CallStack, Frame, following, refuse_compiled, tensors_in
from analysis.tracing.operations import CONTRACTIONS, CONVOLUTIONS, CREATORS, multiply_adds, operation_name
from analysis.tracing.standin import CannotCopyError, as_it_was, empty_copy, full_copy, storage_key, without
from analysis.tracing.trace import Call, Op, Ref, Trace, Value

SMALL_NETWORK = 30_000_000
"""Weights up to which one real forward pass is quicker than the import that the first meta operation causes (2 s)."""
SMALL_PICTURE = 3 * 256 * 256

_CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)


def counted(name: str, result: Any) -> bool:
    """Tell whether a call of a torch function is an operation: it makes a tensor, or changes one."""
    if isinstance(result, (tuple, list)):
        return any(isinstance(item, Tensor) for item in result)
    return isinstance(result, Tensor) or name == "setitem"


def trace(
    net: nn.Module,
    input_shape: tuple[int, ...],
    meta: bool | None = None,
    *,
    guarded: bool = False,
    training: bool = False,
    spare: bool = False,
) -> Trace:
    """Record a forward pass of one picture in eval mode.

    Parameters
    ----------
    net
        The network. Its state, hooks, modes and attributes, and the random generators, are the same afterwards.
    input_shape
        Shape of a picture, (channels, height, width).
    meta
        True to try a copy without numbers first, False for a real one; None for the quicker of the two.
    guarded
        Also write down, as "unseen", what is computed without torch functions, as by scripted activations. Slower.
    training
        Record two pictures in training mode instead, on a copy only: the way to auxiliary classifiers.
    spare
        Nobody needs the network any more, and it has no numbers: no copy is made of it.

    Raises
    ------
    AnalysisError
        If the network does not run on such a picture, or cannot be watched.
    """
    refuse_compiled(net)
    _refuse_unfinished(net)
    device = next((parameter.device for parameter in net.parameters()), torch.device("cpu"))
    # Before CUDA is initialised there is no state to keep, and perhaps no device either.
    gpus = [device] if device.type == "cuda" and torch.cuda.is_initialized() else []  # type: ignore[no-untyped-call]
    with torch.random.fork_rng(gpus), torch.inference_mode(False), torch.no_grad():
        if not spare and (_meta_is_quicker(net, input_shape) if meta is None else meta):
            try:
                twin, table = empty_copy(net)
                with without(net):
                    return _Recorder(net, twin, table, guarded).run(input_shape, training)
            except Exception:  # numbers are needed somewhere, or there is a true mistake, which comes again below
                pass
        try:
            if spare:
                return _Recorder(net, net, {}, guarded).run(input_shape, training)
            return _trace_real(net, input_shape, guarded, training)
        except Exception as error:  # whatever the user's forward raises
            hint = f"Check the input shape (--input C,H,W). The network says: {_one_line(error)}"
            shape = " x ".join(str(size) for size in input_shape)
            raise AnalysisError(f"The network does not run on an input of {shape}.", hint, code="input") from error


def _trace_real(net: nn.Module, input_shape: tuple[int, ...], guarded: bool, training: bool) -> Trace:
    try:
        twin, table = full_copy(net)
        with without(net):
            return _Recorder(net, twin, table, guarded).run(input_shape, training)
    except CannotCopyError:
        if training:  # it would change the running statistics
            raise
        with as_it_was(net):
            return _Recorder(net, net, {}, guarded).run(input_shape)


def _refuse_unfinished(net: nn.Module) -> None:
    lazy = [name for name, p in net.named_parameters() if is_lazy(p)]
    if lazy:
        message, hint = "The network has layers whose size is not known yet.", "Run it once on a picture."
        raise AnalysisError(message, hint, items=tuple(lazy))


def _meta_is_quicker(net: nn.Module, input_shape: tuple[int, ...]) -> bool:
    weights = sum(parameter.numel() for parameter in net.parameters())
    return "torch._dynamo" in sys.modules or weights > SMALL_NETWORK or prod(input_shape) > SMALL_PICTURE


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 300 else text[:299] + "…"


def signature(module: nn.Module) -> Hashable:
    """Describe a module so that repeated units compare equal: its class; for a plain container also its contents."""
    if type(module) in _CONTAINERS:
        return type(module), tuple(signature(child) for child in module.children())
    return (kind_of(module),)


def kind_of(module: nn.Module) -> type:
    """Class of a module; of one that was given another forward, the class it had before."""
    kind: type = getattr(type(module), "rewritten_from", type(module))
    return kind


DECIDING = frozenset({"bool", "item", "int", "float", "index", "tolist", "is_nonzero", "equal", "allclose"})
"""Functions that take numbers out of a tensor, mostly to branch on them."""


class _Recorder(TorchFunctionMode):
    """Watches one forward pass. All recorded tensors are kept alive, so that their identity numbers stay unique."""

    def __init__(self, net: nn.Module, twin: nn.Module, memo: dict[int, Any], guarded: bool) -> None:
        super().__init__()
        self.net, self.twin = net, twin
        self._guarded = guarded
        self._buffers: dict[tuple[Hashable, ...], str] = {}  # storage -> first name
        self._state: dict[int, str] = {}
        self._readers: set[str] = set()
        self._decisions: dict[tuple[str, int], None] = {}
        self.ops: list[Op] = []
        self.values: list[Value] = []
        self.calls: list[Call] = []
        self.unseen: list[str] = []
        self._tick = 0
        self._alive: list[Tensor] = []
        self._known: dict[int, tuple[int, int]] = {}  # identity number -> (value, version of the tensor)
        self._changed: dict[Hashable, int] = {}  # storage -> operation that changed it last
        self._memo = memo
        self._stack: CallStack | None = None
        self._weights: dict[tuple[Hashable, ...], tuple[int, str, int]] = {}  # storage -> (index, first name, elements)
        self._quiet = False

    def run(self, shape: tuple[int, ...], training: bool = False) -> Trace:
        """Run the network on a picture of this shape and give what was seen."""
        state = (*self.twin.parameters(), *self.twin.buffers())
        like = next((tensor for tensor in state if tensor.is_floating_point()), torch.empty(0))
        picture = torch.zeros((2 if training else 1, *shape), dtype=like.dtype, device=like.device)
        self._keep(picture, Value(tuple(picture.shape), picture.element_size(), feature=True))
        self._know_state()
        for module in self.twin.modules():
            module.training = module.training or training
        with self._guard(), following(self.twin, self._entered, self._left) as self._stack, self:
            self.twin(picture)
        return Trace(
            tuple(self.ops),
            tuple(self.values),
            tuple(self.calls),
            tuple((name, size) for _, name, size in self._weights.values()),
            sum(buffer.numel() for buffer in self.net.buffers()),
            self.calls[0].outputs,
            tuple(f"what {path or 'the network'} computes cannot be recorded" for path in dict.fromkeys(self.unseen)),
            self._state,
            self._overlapping(),
            frozenset(self._readers),
            tuple(self._decisions),
        )

    def _know_state(self) -> None:
        for name, parameter in self.net.named_parameters():
            key = storage_key(parameter)
            index, *_ = self._weights.setdefault(key, (len(self._weights), name, parameter.numel()))
            twin = self._memo.get(id(parameter), parameter)
            if id(twin) not in self._known:
                number = self._keep(twin, _value(twin, weights=frozenset({index})))
                self._state[number] = self._weights[key][1]
        for name, buffer in self.net.named_buffers():
            first = self._buffers.setdefault(storage_key(buffer), name)
            twin = self._memo.get(id(buffer), buffer)
            if id(twin) not in self._known:
                self._state[self._keep(twin, _value(twin))] = first
        for tensor in (tensor for module in self.twin.modules() for tensor in tensors_in(vars(module))):
            if id(tensor) not in self._known:
                self._keep(tensor, _value(tensor))

    def _overlapping(self) -> frozenset[str]:
        """Find the tensors that lie in the same memory as others and are read differently."""
        places: dict[Hashable, set[str]] = {}
        for key, name in [(key, row[1]) for key, row in self._weights.items()] + list(self._buffers.items()):
            places.setdefault(key[0], set()).add(name)
        return frozenset().union(*(names for names in places.values() if len(names) > 1))

    def _guard(self) -> AbstractContextManager[Any]:
        """Watch what is computed below torch functions, if asked to."""
        if not self._guarded:
            return nullcontext()
        # Imported here because it brings in the compiler, which most networks never need.
        from analysis.tracing.guard import Guard

        return Guard(lambda: self._quiet, self._hidden)

    def _hidden(self, given: list[Tensor], made: list[Tensor], versions: list[int]) -> None:
        """Write down a computation that no torch function announced."""
        fresh = [tensor for tensor in made if id(tensor) not in self._known]
        inputs = tuple(self._number(tensor, version) for tensor, version in zip(given, versions, strict=True))
        changed = [tensor for tensor, version in zip(given, versions, strict=True) if tensor._version != version]
        if not any(self.values[number].feature for number in inputs) or not (fresh or changed):
            return
        frame = self._stack.frames[-1] if self._stack and self._stack.frames else Frame("", 1)
        self.unseen.append(frame.path)
        index = len(self.ops)
        outputs = [self._keep(tensor, self._derived(tensor, inputs, index)) for tensor in (*fresh, *changed)]
        call = max(frame.index, 0)
        self.ops.append(Op(index, "unseen", call, -1, self._time(), inputs, tuple(outputs), len(fresh)))

    def _keep(self, tensor: Tensor, value: Value) -> int:
        self._alive.append(tensor)
        self.values.append(value)
        self._known[id(tensor)] = (len(self.values) - 1, tensor._version)
        return len(self.values) - 1

    def _number(self, tensor: Tensor, version: int | None = None) -> int:
        """Value that a tensor holds now, or held when it was at `version`."""
        version = tensor._version if version is None else version
        known = self._known.get(id(tensor))
        if known is None:
            self.unseen.append(self._path())
            return self._keep(tensor, _value(tensor, feature=True))
        if known[1] == version:
            return known[0]
        maker = self._changed.get(_memory(tensor), -1)  # changed through a view of it
        inputs = (known[0], *(self.ops[maker].inputs if maker >= 0 else ()))
        return self._keep(tensor, replace(self._derived(tensor, inputs, maker), before=known[0]))

    def _derived(self, tensor: Tensor, inputs: tuple[int, ...], maker: int) -> Value:
        feature = any(self.values[number].feature for number in inputs)
        weights = frozenset[int]().union(*(self.values[number].weights for number in inputs))
        return _value(tensor, maker, feature, frozenset() if feature else weights)

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Write down one call of a torch function."""
        kwargs = kwargs or {}
        if self._quiet:
            return func(*args, **kwargs)
        given = tensors_in((args, kwargs))
        versions = [tensor._version for tensor in given]
        name = operation_name(func)
        self._quiet = self._guarded
        try:
            result, macs = _call_counting(name, func, args, kwargs)
        finally:
            self._quiet = False
        if not counted(name, result):
            if name in ("shape", "size"):
                self._readers.add(self._path())
            elif name in DECIDING and any(self._is_feature(tensor) for tensor in given):
                frame = self._stack.frames[-1] if self._stack and self._stack.frames else Frame("", 1)
                self._decisions[name, max(frame.index, 0)] = None
            return result
        inputs = tuple(self._number(tensor, version) for tensor, version in zip(given, versions, strict=True))
        changed = [tensor for tensor, version in zip(given, versions, strict=True) if tensor._version != version]
        self._write(name, (args, kwargs), inputs, tensors_in(result), changed, macs)
        return result

    def _is_feature(self, tensor: Tensor) -> bool:
        known = self._known.get(id(tensor))
        return known is not None and self.values[known[0]].feature

    def _write(
        self, name: str, given: Any, inputs: tuple[int, ...], made: list[Tensor], changed: list[Tensor], macs: int
    ) -> None:
        frame = self._stack.frames[-1] if self._stack and self._stack.frames else Frame("", 1)
        call = max(frame.index, 0)
        index = len(self.ops)
        arguments, keywords = _with_refs(given, iter(inputs))
        # The operation is listed first, since its outputs refer to it; what they are is filled in after.
        self.ops.append(Op(index, name, call, frame.order, self._time(), inputs, (), 0))
        before = () if name in CREATORS else inputs
        outputs = [self._output(tensor, before, index, changed) for tensor in made]
        returned = len(outputs)
        for tensor in changed:
            self._changed[_memory(tensor)] = index
            if not any(tensor is other for other in made):
                outputs.append(self._output(tensor, inputs, index, changed))
        shapes = tuple(self.values[number].shape for number in inputs)
        if name in CONVOLUTIONS or name == "linear":
            macs = multiply_adds(name, shapes, self.values[outputs[0]].shape)
        self.ops[index] = Op(
            index, name, call, frame.order, self._tick, inputs, tuple(outputs), returned, arguments, keywords, macs
        )
        frame.order += 1

    def _output(self, tensor: Tensor, inputs: tuple[int, ...], op: int, changed: list[Tensor]) -> int:
        """Value of a result: a new one, except for a tensor that is handed through unchanged."""
        known = self._known.get(id(tensor))
        if known is not None and known[1] == tensor._version and not any(tensor is other for other in changed):
            return known[0]
        return self._keep(tensor, self._derived(tensor, inputs, op))

    def _entered(self, frame: Frame, module: nn.Module, args: tuple[Any, ...]) -> None:
        self._quiet = True
        frames = self._stack.frames if self._stack else []
        parent = frames[-2].index if len(frames) > 1 else -1
        frame.index = len(self.calls)
        inputs = tuple(self._number(tensor) for tensor in tensors_in(args))
        call = Call(
            *(frame.index, frame.path, frame.number, parent, kind_of(module), signature(module), len(self.ops)),
            inputs=inputs,
        )
        self.calls.append(call)
        if parent >= 0:
            self.calls[parent].inner += 1
        self._quiet = False

    def _left(self, frame: Frame, module: nn.Module, result: Any) -> None:
        self._quiet = True
        call = self.calls[frame.index]
        made = tensors_in(result)
        unknown = [tensor for tensor in made if id(tensor) not in self._known]
        if unknown:
            self._write_unseen(call, unknown)
        call.outputs = tuple(self._number(tensor) for tensor in made)
        call.single = isinstance(result, Tensor)
        call.last = len(self.ops)
        call.tick = self._time()
        self._quiet = False

    def _write_unseen(self, call: Call, made: list[Tensor]) -> None:
        """Stand in for what a module computed out of sight."""
        self.unseen.append(call.path)
        index = len(self.ops)
        outputs = tuple(self._keep(tensor, self._derived(tensor, call.inputs, index)) for tensor in made)
        self.ops.append(Op(index, "unseen", call.index, -1, self._time(), call.inputs, outputs, len(outputs)))

    def _path(self) -> str:
        return self._stack.frames[-1].path if self._stack and self._stack.frames else ""

    def _time(self) -> int:
        self._tick += 1
        return self._tick


def _value(tensor: Tensor, maker: int = -1, feature: bool = False, weights: frozenset[int] = frozenset()) -> Value:
    return Value(tuple(tensor.shape), tensor.element_size(), maker, feature, weights)


def _memory(tensor: Tensor) -> Hashable:
    return storage_key(tensor)[0]


def _call_counting(
    name: str, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Any, int]:
    """Call a torch function; count the multiply-adds of those whose inside is torch's own affair."""
    if name == "batch_norm" and function is batch_norm and args and _passes(*args, **kwargs):
        return _passed(*args, **kwargs), 0
    if name not in CONTRACTIONS:
        return function(*args, **kwargs), 0
    # Imported here because it brings in the compiler, which most networks never need.
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as flops:
        result = function(*args, **kwargs)
    return result, flops.get_total_flops() // 2


def _passes(
    picture: Tensor,
    mean: Tensor | None,
    variance: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    *_settings: Any,
    **_more: Any,
) -> bool:
    """Tell whether a batch norm, called as in `torch.nn.functional`, gives a tensor of the same kind without numbers.

    Without numbers torch computes it step by step in Python, which would take half the time of a recording.
    """
    channels = picture.shape[1] if picture.ndim > 1 else -1
    given = [tensor for tensor in (mean, variance, weight, bias) if tensor is not None]
    plain = picture.is_meta and mean is not None and variance is not None
    return plain and all(tensor.shape == (channels,) and tensor.dtype == picture.dtype for tensor in given)


def _passed(
    picture: Tensor,
    mean: Tensor,
    variance: Tensor,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    *_settings: Any,
    **_more: Any,
) -> Tensor:
    """Give the result of such a batch norm; in training it changes its statistics, which have no numbers either."""
    if training:
        mean.zero_()
        variance.zero_()
    return torch.empty_like(picture)


def _with_refs(given: Any, numbers: Iterator[int]) -> Any:
    """Replace the tensors in nested arguments, in order of appearance, by references to their values."""
    if isinstance(given, Tensor):
        return Ref(next(numbers))
    if isinstance(given, (list, tuple)):
        return tuple(_with_refs(item, numbers) for item in given)
    if isinstance(given, dict):
        return {key: _with_refs(item, numbers) for key, item in given.items()}
    return given
