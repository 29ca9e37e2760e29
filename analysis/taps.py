"""Read activations while a network runs; nothing of the network is touched, and everything comes off at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from analysis.catalogue import nearest
from analysis.graph import Recording, Site
from analysis.problems import AnalysisError
from analysis.tracing.calls import CallStack, Frame, following, refuse_compiled, tensors_in
from analysis.tracing.operations import operation_name
from analysis.tracing.recorder import counted

Consume = Callable[[str, Tensor], None]
_Wanted = dict[tuple[str, int], dict[int, list[tuple[str, Site]]]]  # (module, call) -> order -> rows
_NOTHING: Mapping[int, list[tuple[str, Site]]] = {}


@contextmanager
def taps(net: nn.Module, recording: Recording, names: Iterable[str], consume: Consume) -> Iterator[None]:
    """Hand out the tensors of the wanted rows whenever `net` runs inside this block.

    Parameters
    ----------
    net
        The network that was recorded, or one of equal structure.
    recording
        What :func:`analysis.graph.record` found.
    names
        Names of rows.
    consume
        Called as ``consume(name, tensor)`` at the moment the tensor exists, before anything changes it in place. The
        tensor is no copy: reduce or clone it at once, and do not change it.

    Raises
    ------
    AnalysisError
        If a name is no row; at the end of a forward pass, if the network took another path than when it was recorded
        and a wanted row did not come. An exception in the network or in `consume` passes through.

    Examples
    --------
    >>> import torch
    >>> from analysis.graph import record
    >>> net = nn.Sequential(nn.Conv2d(1, 2, 1), nn.ReLU())
    >>> with taps(net, record(net, (1, 4, 4)), ["0"], lambda name, tensor: print(name, tuple(tensor.shape))):
    ...     output = net(torch.zeros(5, 1, 4, 4))
    0 (5, 2, 4, 4)
    """
    wanted = tuple(dict.fromkeys(names))
    _check(net, recording, wanted)
    reader = _Reader({name: recording.sites[name] for name in wanted}, consume)
    with following(net, reader.entered, reader.left) as reader.stack:
        try:
            yield
        finally:
            reader.stop()


def _check(net: nn.Module, recording: Recording, wanted: tuple[str, ...]) -> None:
    refuse_compiled(net)
    paths = {path for path, _ in net.named_modules()}
    for name in wanted:
        if name not in recording.sites:
            raise AnalysisError(f"The network has no row '{name}'.", nearest(name, list(recording.sites)), "layer")
        if recording.sites[name].module not in paths:
            hint = "Record the network again."
            raise AnalysisError(f"The network has no module '{recording.sites[name].module}'.", hint, "structure")


class _Reader(TorchFunctionMode):
    """Compares what runs with the wanted places.

    The mode is on only while the network runs, and only if some row is not the output of a module: a generator may
    pause between two passes, and what others compute meanwhile is none of our business.
    """

    def __init__(self, sites: Mapping[str, Site], consume: Consume) -> None:
        super().__init__()
        self.consume = consume
        self.stack: CallStack | None = None
        self._wanted: _Wanted = {}
        for name, site in sites.items():
            self._wanted.setdefault((site.module, site.call), {}).setdefault(site.order, []).append((name, site))
        self._watches_operations = any(site.order >= 0 for site in sites.values())
        self._names = tuple(sites)
        self._met: set[str] = set()
        self._current: Mapping[int, list[tuple[str, Site]]] = _NOTHING  # wanted in the innermost running call
        self._watch = ExitStack()
        self._on = False
        self._busy = False

    def entered(self, frame: Frame, module: nn.Module, args: tuple[Any, ...]) -> None:
        """Begin a call of a module."""
        if not frame.path:
            self._met.clear()
        if self._watches_operations and not self._on:
            self._watch.enter_context(self)
            self._on = True
        self._current = self._wanted.get((frame.path, frame.number), _NOTHING)
        for name, site in self._current.get(-1, ()):
            given = tensors_in(args)
            if 0 <= site.argument < len(given):
                self._hand_out(name, given[site.argument])

    def left(self, frame: Frame, module: nn.Module, result: Any) -> None:
        """End a call of a module. The result is None if it raised."""
        frames = self.stack.frames if self.stack else []
        if not frames:
            self.stop()
        for name, site in self._wanted.get((frame.path, frame.number), _NOTHING).get(-1, ()):
            if site.argument < 0 and isinstance(result, Tensor):
                self._hand_out(name, result)
        self._current = self._wanted.get((frames[-1].path, frames[-1].number), _NOTHING) if frames else _NOTHING
        if not frame.path and result is not None:
            self._check_complete()

    def stop(self) -> None:
        """Take the mode off, however the forward pass ended."""
        self._current = _NOTHING
        self._on = False
        self._watch.close()

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Call a torch function, and hand out what is wanted of it."""
        wanted = self._current
        if not wanted or self._busy or self.stack is None:
            return func(*args, **(kwargs or {}))
        frame = self.stack.frames[-1]
        here = wanted.get(frame.order, ())
        name = operation_name(func)
        for row, site in here:
            if site.argument >= 0 and site.operation == name:
                self._hand_out(row, tensors_in((args, kwargs))[site.argument])
        result = func(*args, **(kwargs or {}))
        if counted(name, result):
            frame.order += 1
            for row, site in here:
                if site.argument < 0 and site.operation == name:
                    # What returns nothing has changed its first argument: x[...] = y.
                    self._hand_out(row, tensors_in(args if result is None else result)[0])
        return result

    def _hand_out(self, name: str, tensor: Tensor) -> None:
        """Call the consumer, whose own operations do not count, here or for a network in another geometry."""
        self._met.add(name)
        self._busy = True
        try:
            with torch._C.DisableTorchFunction():
                self.consume(name, tensor)
        finally:
            self._busy = False

    def _check_complete(self) -> None:
        missing = tuple(name for name in self._names if name not in self._met)
        if missing:
            rows = f"'{missing[0]}'" + (f" and {len(missing) - 1} more" if len(missing) > 1 else "")
            hint = "Record it again with an input of the same form, or leave these rows out."
            raise AnalysisError(
                f"The network took another path than when it was recorded: {rows} did not come.", hint, "path", missing
            )
