"""Run many configurations of a network on the same pictures, and compute what they share once.

The configurations form a prefix tree: what lies before a switch point does not depend on its option. It is walked
depth first. Every leaf is a whole forward pass in which the answers of earlier passes are handed out again, operation
by operation, so that the cut between prefix and rest is as fine as the network's operations: inside a block, the layers
before the switch point and the shortcut belong to the prefix. Of a prefix only the tensors that a later level reads
are kept; the others are stood in for by tensors without memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from analysis.geometry.reshape import Chosen, Function, OtherPathError, Reshaping
from analysis.geometry.switches import Switches
from analysis.tracing.calls import tensors_in
from analysis.tracing.operations import CONVOLUTIONS, multiply_adds, operation_name

Configuration = tuple[int, ...]


class NotShareableError(Exception):
    """Configurations of this network cannot share their prefixes."""


@dataclass(frozen=True, slots=True)
class Flow:
    """What a scouting pass found out about the operations of a network.

    Attributes
    ----------
    levels
        For each operation the number of the last switch point that it depends on, from 1; 0 for none.
    kept
        For each operation whether a later level reads its result.
    changes
        Operation to the earlier operations whose kept result it changes in place.
    """

    levels: tuple[int, ...]
    kept: tuple[bool, ...]
    changes: dict[int, tuple[int, ...]]


class _Scout(Reshaping):
    """Follows tensors through one pass of the network as it is. All are kept alive, so that identities are unique."""

    def __init__(self, switches: Switches) -> None:
        super().__init__(switches)
        self.alive: list[Any] = []
        self.level: dict[int, int] = {}  # tensor to its level
        self.made: dict[int, list[int]] = {}  # tensor to the operations that returned it
        self.levels: list[int] = []
        self.uses: list[tuple[tuple[int, ...], ...]] = []  # operations that returned each tensor that is read
        self.told: set[int] = set()  # operations whose numbers the forward pass has looked at
        self.floor = 0  # level of those numbers: what comes after may depend on them
        self.changes: dict[int, tuple[int, ...]] = {}

    def look(self, name: str, args: tuple[Any, ...]) -> None:
        if name not in _ABOUT:
            for tensor in tensors_in(args):
                self.told.update(self.made.get(id(tensor), ()))
                self.floor = max(self.floor, self.level.get(id(tensor), 0))

    def step(self, at: int, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        given = tensors_in((args, kwargs))
        versions = [tensor._version for tensor in given]
        role = self.switches.roles.get(at)
        own = [self.level.get(id(tensor), 0) for tensor in given]
        level = max([*own, *((number + 1 for number in role.points) if role else ())], default=0)
        level = max(level, self.floor)
        result = func(*args, **kwargs)
        self.uses.append(tuple(tuple(self.made.get(id(tensor), ())) for tensor in given))
        changed = [tensor for tensor, before in zip(given, versions, strict=True) if tensor._version != before]
        self._change(at, level, changed)
        self.alive.append((given, result))
        for tensor in (*tensors_in(result), *changed):
            self.level[id(tensor)] = max(level, self.level.get(id(tensor), 0))
        for tensor in tensors_in(result):
            self.made.setdefault(id(tensor), []).append(at)
        self.levels.append(level)
        return result

    def _change(self, at: int, level: int, changed: list[Tensor]) -> None:
        earlier: list[int] = []
        for tensor in changed:
            if id(tensor) not in self.made:
                raise NotShareableError(f"{self.switches.names[at]} changes the pictures")
            makers = [maker for maker in self.made.get(id(tensor), ()) if self.levels[maker] < level]
            earlier += makers
            memory = tensor.untyped_storage()._cdata
            for items in self.alive:
                for other in tensors_in(items):
                    lower = self.level.get(id(other), 0) < level and id(other) in self.made
                    if other is not tensor and lower and other.untyped_storage()._cdata == memory:
                        raise NotShareableError(f"{self.switches.names[at]} changes a tensor of which there are views")
        if earlier:
            self.changes[at] = tuple(earlier)

    def flow(self, output: Any) -> Flow:
        kept = [at in self.told for at in range(len(self.levels))]
        for at, several in enumerate(self.uses):
            for makers in several:
                for maker in makers:
                    kept[maker] = kept[maker] or self.levels[maker] < self.levels[at]
        for tensor in tensors_in(output):
            for maker in self.made.get(id(tensor), ()):
                kept[maker] = True
        for items in self.made.values():  # one tensor returned by several operations is kept for all or none
            if any(kept[maker] for maker in items):
                for maker in items:
                    kept[maker] = True
        return Flow(tuple(self.levels), tuple(kept), self.changes)


def scout(net: nn.Module, switches: Switches, pictures: Tensor) -> Flow:
    """Find out which operation of a network depends on which switch point.

    Raises
    ------
    NotShareableError
        If the network computes something out of sight, or changes a tensor below its views.
    OtherPathError
        If it calls other functions than when it was recorded.
    """
    if not switches.complete:
        raise NotShareableError("some of what the network computes is not made of torch functions")
    follower = _Scout(switches)
    follower.begin((None,) * len(switches.points))
    with torch.no_grad(), follower:
        output = net(pictures.clone())
    if len(follower.levels) != len(switches.names):
        raise OtherPathError("the network ended early")
    return follower.flow(output)


class Walker(Reshaping):
    """Runs configurations of a network, one after the other.

    Parameters
    ----------
    net
        A shadow of the user's network, see :func:`analysis.geometry.reshape.shadow`.
    switches
        Its operations and their parts.
    flow
        What :func:`scout` found; None to compute every configuration on its own.
    resize, area_gain, calibration
        See :class:`analysis.geometry.reshape.Reshaping`.

    Attributes
    ----------
    macs, sizes
        Multiply-adds of one picture in each operation, and (height, width) of each map, in the last pass.
    computed
        Multiply-adds of one picture that the last pass really cost.
    largest, held
        Bytes per picture of the largest tensor so far, and of what the prefixes hold at the most.
    """

    def __init__(
        self,
        net: nn.Module,
        switches: Switches,
        flow: Flow | None,
        *,
        resize: bool = False,
        area_gain: bool = False,
        calibration: int = 0,
    ) -> None:
        super().__init__(switches, resize, area_gain, calibration)
        self.net, self.flow = net, flow
        count = len(switches.names)
        self.macs = [0] * count
        self.sizes: list[tuple[int, ...]] = [()] * count
        self.computed = 0
        self.largest = self.held = 0
        self._results: list[Any] = [None] * count
        self._versions: dict[int, int] = {}  # version of each result that is kept
        self._level = 0  # of the operation before
        self._bytes = [0] * count
        self._valid = -1  # levels below this are as the next pass needs them; -1 before the first pass
        self._last: tuple[Tensor, Configuration] | None = None
        self._ghosts: dict[tuple[Any, ...], Tensor] = {}
        self._ghost_ids: set[int] = set()
        self._pictures = 1

    def options(self, configuration: Configuration) -> Chosen:
        """Return the option of every point, None where it is the network's own."""
        several = self.switches.options
        return tuple(options[index] if index else None for options, index in zip(several, configuration, strict=True))

    def run(self, pictures: Tensor, configuration: Configuration) -> Any:
        """Give the network's output in one configuration.

        What earlier calls with the very same tensor computed is used again.
        """
        self._valid = self._shared(pictures, configuration)
        self._last = None
        self._pictures = len(pictures)
        self.computed = 0
        self._forget(self._valid)
        self.begin(self.options(configuration))
        with self:
            # Without prefixes nothing is known of what the network does to its pictures.
            output = self.net(pictures if self.flow else pictures.clone())
        if self._at != len(self.switches.names):
            raise OtherPathError("the network ended early")
        if self.flow:
            self._guard()
            self._last = pictures, configuration
            self.held = max(self.held, sum(self._bytes))
        return output

    def clear(self) -> None:
        """Forget the pictures; their memory is free again."""
        self._last = None
        self._forget(-1)

    def alone(self) -> Walker:
        """Return what runs the same configurations, every one on its own."""
        how, gain, pictures = self.resize, self.area_gain, self.calibration
        return Walker(self.net, self.switches, None, resize=how, area_gain=gain, calibration=pictures)

    def _forget(self, valid: int) -> None:
        self._level = 0
        for at, level in enumerate(self.flow.levels if self.flow else ()):
            if level > valid:
                self._results[at] = None
                self._bytes[at] = 0
                self._versions.pop(at, None)

    def _guard(self) -> None:
        """See that operations of one level left alone what is kept of the levels before."""
        assert self.flow is not None
        for at, version in self._versions.items():
            now = _version(self._results[at])
            if now != version and self.flow.levels[at] < self._level:
                name = self.switches.names[at]
                raise NotShareableError(f"the result of {name} was changed by what depends on a later switch point")
            self._versions[at] = now

    def _shared(self, pictures: Tensor, configuration: Configuration) -> int:
        """Highest level that this configuration shares with the last one."""
        if self.flow is None or self._last is None or self._last[0] is not pictures:
            return -1
        before = self._last[1]
        equal = (old == new for old, new in zip(before, configuration, strict=True))
        # What depends on the last point is not kept, since no other configuration could use it.
        return next((level for level, same in enumerate(equal) if not same), len(configuration) - 1)

    def look(self, name: str, args: tuple[Any, ...]) -> None:
        """Refuse to read numbers of a tensor that has none."""
        if name not in _ABOUT and any(id(tensor) in self._ghost_ids for tensor in tensors_in(args)):
            raise NotShareableError(f"{name} reads a tensor that was not kept")

    def step(self, at: int, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Answer an operation from memory, or compute it."""
        flow = self.flow
        if flow is None:
            return self._computed(at, super().step(at, func, args, kwargs), args, kwargs)
        if flow.levels[at] <= self._valid:
            return self._results[at]
        if self._ghost_ids and any(id(tensor) in self._ghost_ids for tensor in tensors_in((args, kwargs))):
            raise NotShareableError(f"{operation_name(func)} reads a tensor that was not kept")
        if flow.levels[at] != self._level:
            self._guard()
            self._level = flow.levels[at]
        if at in flow.changes:
            self._save(flow.changes[at])
        result = self._computed(at, super().step(at, func, args, kwargs), args, kwargs)
        if flow.levels[at] < len(self.switches.points):
            self._results[at] = self._remembered(at, result)
        return result

    def _save(self, makers: Sequence[int]) -> None:
        """Put copies in the place of results that are about to be changed."""
        copies: dict[int, Tensor] = {}
        for maker in makers:
            result = self._results[maker]
            if isinstance(result, Tensor) and id(result) not in self._ghost_ids:
                self._results[maker] = copies.setdefault(id(result), result.clone())
                self._versions[maker] = self._results[maker]._version

    def _remembered(self, at: int, result: Any) -> Any:
        assert self.flow is not None
        if not isinstance(result, Tensor) or self.flow.kept[at]:
            self._bytes[at] = sum(_bytes(tensor) for tensor in tensors_in(result)) // max(self._pictures, 1)
            self._versions[at] = _version(result)
            return result
        key = (result.shape, result.dtype, result.device, result.layout)
        if key not in self._ghosts:
            self._ghosts[key] = result.new_full((), float("nan") if result.is_floating_point() else 0).expand(key[0])
            self._ghost_ids.add(id(self._ghosts[key]))
        return self._ghosts[key]

    def _computed(self, at: int, result: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not isinstance(result, Tensor):
            return result
        self.largest = max(self.largest, _bytes(result) // max(self._pictures, 1))
        self.sizes[at] = tuple(result.shape[2:])
        name = self.switches.names[at]
        if name in CONVOLUTIONS or name == "linear":
            self.macs[at] = self._cost(at, name, result, tensors_in((args, kwargs)))
            self.computed += self.macs[at]
        return result

    def _cost(self, at: int, name: str, result: Tensor, given: list[Tensor]) -> int:
        """Multiply-adds of one picture: for a fractional stride those with samples, not with stuffed zeros."""
        x, weight = given[:2]
        role = self.switches.roles.get(at)
        option = self.chosen[role.points[0]] if role and role.kind == "switch" else None
        shape = tuple(weight.shape)
        if option is not None and option.kind == "ker":
            shape = (*shape[:2], *option.size)
        place = (1, *result.shape[1:])
        if option is not None and option.kind == "up":
            place = (1, result.shape[1], *x.shape[2:])
        if len(place) != 4 and name != "linear":
            place = (1, *result.shape[1:])
        return multiply_adds(name, ((1, *x.shape[1:]), shape), place)


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def _version(result: Any) -> int:
    """How often the tensors of a result were changed in place."""
    return result._version if isinstance(result, Tensor) else sum(tensor._version for tensor in tensors_in(result))


_ABOUT = frozenset(
    {
        *("size", "shape", "dim", "ndim", "ndimension", "numel", "nelement", "dtype", "device", "layout", "is_cuda"),
        *("requires_grad", "is_floating_point", "is_complex", "stride", "is_contiguous", "get_device", "len"),
        *(
            "element_size",
            "itemsize",
            "is_sparse",
            "is_quantized",
            "is_meta",
            "is_leaf",
            "is_mps",
            "is_nested",
            "names",
        ),
        *("is_inference", "is_nested", "version", "grad_fn", "is_xpu", "is_cpu", "data_ptr"),
    }
)
"""What may be asked of a tensor without looking at its numbers."""


def node_counts(configurations: Sequence[Configuration]) -> tuple[int, ...]:
    """Count the distinct prefixes of each length, from 0.

    Examples
    --------
    >>> node_counts([(0, 0), (0, 1), (1, 0)])
    (1, 2, 3)
    """
    points = len(configurations[0])
    return tuple(len({configuration[:length] for configuration in configurations}) for length in range(points + 1))
