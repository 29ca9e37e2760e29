"""Which module's forward is running: followed from outside, so that the network is not touched, not even its hooks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.nn.modules import module as torch_module

from analysis.problems import AnalysisError


@dataclass(slots=True)
class Frame:
    """One running call of a module.

    Attributes
    ----------
    path, number
        Path of the module, "" for the network itself; number of this call within the forward pass, from 1.
    order
        Number of operations that this forward has made itself so far.
    index
        Free for the follower.
    """

    path: str
    number: int
    order: int = 0
    index: int = -1


Entered = Callable[[Frame, nn.Module, tuple[Any, ...]], None]
Left = Callable[[Frame, nn.Module, Any], None]


class CallStack:
    """The running calls of one network, outermost first.

    Attributes
    ----------
    frames
        Empty while the network does not run.
    """

    def __init__(self, net: nn.Module, entered: Entered, left: Left) -> None:
        # The modules are kept beside their paths: an identity number is unique only while its object lives.
        self._paths = {id(module): (path, module) for path, module in net.named_modules()}
        self._entered = entered
        self._left = left
        self._counts: dict[str, int] = {}
        self.frames: list[Frame] = []

    def enter(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        """Note that a module is called. Signature of a forward pre-hook."""
        known = self._paths.get(id(module))
        if known is None:
            return
        path = known[0]
        if not path:
            self.frames.clear()  # a KeyboardInterrupt in an earlier pass ends calls without any hook
        if not self.frames:
            self._counts = {}
        number = self._counts.get(path, 0) + 1
        self._counts[path] = number
        frame = Frame(path, number)
        self.frames.append(frame)
        self._entered(frame, module, args)

    def leave(self, module: nn.Module, args: tuple[Any, ...], result: Any) -> None:
        """Note that a module returns, or None if it raised. Signature of a forward hook."""
        known = self._paths.get(id(module))
        if known is None:
            return
        for position in reversed(range(len(self.frames))):
            if self.frames[position].path == known[0]:
                frame = self.frames[position]
                del self.frames[position:]
                self._left(frame, module, result)
                return


@contextmanager
def following(net: nn.Module, entered: Entered, left: Left) -> Iterator[CallStack]:
    """Follow every call of a module of `net`, in this block only.

    Hooks that are common to all modules are used, because hooks of single modules would show in the network's own
    dictionaries, and would travel with it when it is copied or saved meanwhile.

    Parameters
    ----------
    net
        The network.
    entered, left
        Called with (frame, module, positional arguments) before, and with (frame, module, output) after a forward.
        The output is None if the forward raised.
    """
    stack = CallStack(net, entered, left)
    before = torch_module.register_module_forward_pre_hook(stack.enter)
    try:
        after = torch_module.register_module_forward_hook(stack.leave, always_call=True)
        try:
            yield stack
        finally:
            after.remove()
    finally:
        before.remove()


def refuse_compiled(net: nn.Module) -> None:
    """Refuse a network whose forward runs out of sight.

    Raises
    ------
    AnalysisError
        If the network, or a part of it, was given to torch.compile.
    """
    if any("_orig_mod" in module._modules or module._compiled_call_impl is not None for module in net.modules()):
        message = "The network is compiled, so its layers cannot be watched."
        raise AnalysisError(message, "Give the network as it was before torch.compile.", "compiled")


def tensors_in(value: Any) -> list[Tensor]:
    """Find the tensors inside nested lists, tuples and dictionaries, in order of appearance."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, (list, tuple)):
        return []
    # Most of what modules hold are numbers and texts: they are passed over without a call.
    return [tensor for item in value if not isinstance(item, _PLAIN) for tensor in tensors_in(item)]


_PLAIN = (bool, int, float, str, type(None))
