"""Run a network in another geometry, without touching it: strides, dilations and kernels are changed call by call.

The forward pass runs as the network wrote it; only the calls of torch functions that belong to a switch point, its
padding or its shortcuts are answered differently. A point that keeps its own geometry is not touched at all, so that
the network as it is comes out bit for bit.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from analysis.geometry.kernels import Convolution, brought_to, convolve, numbered, repeated, statistics_of, subsampled
from analysis.geometry.switches import Role, Switches, plan_switches, points_of
from analysis.graph import record
from analysis.measures.configurations import Option, Pair, options_of
from analysis.models import Model
from analysis.problems import AnalysisError
from analysis.tracing.calls import tensors_in
from analysis.tracing.operations import convolution_arguments, operation_name, spread
from analysis.tracing.recorder import counted, trace

Chosen = tuple[Option | None, ...]
Function = Callable[..., Any]


class OtherPathError(Exception):
    """A network did not call the functions that it called when it was recorded."""


class Reshaping(TorchFunctionMode):
    """Answers the calls of a forward pass in another geometry.

    Parameters
    ----------
    switches
        Operations and their parts.
    resize
        Shortcut policy "resize" instead of "follow".
    area_gain
        Multiply kernels of fractional strides by the enlargement of the area (ours; off in the source).
    calibration
        So many pictures at the front of every batch give the statistics of batch normalisation, 0 for those of
        training.

    Attributes
    ----------
    chosen
        Option of each switch point, None for its own.
    """

    def __init__(self, switches: Switches, resize: bool = False, area_gain: bool = False, calibration: int = 0) -> None:
        super().__init__()
        self.switches, self.resize, self.area_gain = switches, resize, area_gain
        self.calibration = calibration
        self.chosen: Chosen = (None,) * len(switches.points)
        self._at = 0

    def begin(self, chosen: Chosen) -> None:
        """Choose the geometry of the next forward pass."""
        self.chosen = chosen
        self._at = 0

    def __torch_function__(
        self, func: Function, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Answer one call of a torch function."""
        names, at = self.switches.names, self._at
        name = operation_name(func)
        if at >= len(names) or name != names[at]:
            self.look(name, args)
            result = func(*args, **(kwargs or {}))
            if counted(name, result) and name not in _FREE:
                raise OtherPathError(f"{name} was not called when the network was recorded")
            return result
        self._at = at + 1
        return self.step(at, func, args, kwargs or {})

    def look(self, name: str, args: tuple[Any, ...]) -> None:
        """See a call that makes no tensor, such as that of a size."""

    def step(self, at: int, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Answer the operation with a number."""
        role = self.switches.roles.get(at)
        if role is not None and self._acts(role):
            return self._answer(role, func, args, kwargs)
        if self.calibration and self.switches.names[at] == "batch_norm":
            return self._normalised(func, args, kwargs)
        if at in self.switches.sums:
            _check_sum(*tensors_in((args, kwargs))[:2])
        return func(*args, **kwargs)

    def _acts(self, role: Role) -> bool:
        if any(self.chosen[number] is not None for number in role.points):
            return True
        return self.resize and role.kind in ("project", "pool", "slice", "join")

    def _answer(self, role: Role, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        match role.kind:
            case "unpad":
                return args[0] if args else kwargs["input"]
            case "switch":
                return self._switched(role, args, kwargs)
            case "project":
                stride = (1, 1) if self.resize else self._reduction(role)[0]
                given = convolution_arguments("conv2d", args, kwargs)
                return func(**(given | {"stride": stride}))
            case "pool":
                stride, up = self._reduction(role)
                x = args[0] if args else kwargs["input"]
                if self.resize or stride == (1, 1) or up != (1, 1):
                    return x
                return functional.avg_pool2d(x, stride, stride, ceil_mode=True, count_include_pad=False)
            case "slice":
                stride = (1, 1) if self.resize else self._reduction(role)[0]
                picks = (*args[1][:2], slice(None, None, stride[0]), slice(None, None, stride[1]))
                return args[0][picks]
        return self._joined(role, func, args, kwargs)

    def _switched(self, role: Role, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
        option = self.chosen[role.points[0]]
        assert option is not None  # _acts has looked
        given = convolution_arguments("conv2d", args, kwargs)
        weight = given["weight"]
        kernel, dilation = (weight.shape[2], weight.shape[3]), _two(given.get("dilation", 1))
        gain = float(option.size[0] * option.size[1]) if self.area_gain and option.kind == "up" else 1.0
        conv = Convolution(
            _two(given.get("stride", 1)),
            numbered(given.get("padding", 0), kernel, dilation),
            dilation,
            int(given.get("groups", 1)),
            role.around,
            gain,
        )
        return convolve(given["input"], weight, given.get("bias"), conv, option)

    def _reduction(self, role: Role) -> tuple[Pair, Pair]:
        """Stride and enlargement of a shortcut, per axis, that go with those of its branch."""
        stride, up = [1, 1], [1, 1]
        for axis in (0, 1):
            scale = float(role.rest[axis])
            for number in role.points:
                option = self.chosen[number]
                scale *= option.scale[axis] if option else self.switches.points[number].stride[axis]
            stride[axis], up[axis] = max(1, round(scale)), max(1, round(1 / scale))
        return (stride[0], stride[1]), (up[0], up[1])

    def _joined(self, role: Role, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        operands = list(args)
        side, main = operands[role.argument], operands[1 - role.argument]
        if self.resize:
            side = brought_to(side, _two(main.shape[2:]))
        else:
            stride, up = self._reduction(role)
            if role.whole:
                side = subsampled(side, stride)
            if up != (1, 1):
                side = repeated(side, up)
        _check_sum(side, main)
        operands[role.argument] = side
        if role.argument == 0 and side is not args[0]:
            return torch.add(*operands[:2])  # the sum may be in place, and this is no longer its place
        return func(*operands, **kwargs)

    def _normalised(self, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
        names = ("input", "running_mean", "running_var", "weight", "bias", "training", "momentum", "eps")
        given = dict(zip(names, args, strict=False)) | kwargs
        if given.get("running_mean") is None:
            return func(*args, **kwargs)  # type: ignore[no-any-return]  # a torch function that has no types
        mean, variance = statistics_of(given["input"], self.calibration)
        return functional.batch_norm(
            given["input"], mean, variance, given.get("weight"), given.get("bias"), False, 0.0, given.get("eps", 1e-5)
        )


_FREE = frozenset({"detach", "alias", "clone"})
"""Calls that may come at any time, as from hooks of others."""


def _check_sum(first: Tensor, second: Tensor) -> None:
    """Refuse a sum of maps of different sizes; one of a single position would broadcast without a word."""
    if first.shape[1:] != second.shape[1:]:
        text = f"The two sides of a sum differ: {tuple(first.shape[1:])} and {tuple(second.shape[1:])}."
        raise AnalysisError(text, "Leave this configuration out.", "geometry")


def _two(size: Any) -> Pair:
    first, second = spread(tuple(size) if isinstance(size, torch.Size) else size, 2)
    return first, second


# ---- a network in another geometry -----------------------------------------------------------------------------------


def shadow(net: nn.Module) -> nn.Module:
    """Copy the modules of a network and share its weights: the copy is ready for inference and has no hooks.

    Activations of the copy do not work in place, so that what is kept of one pass is not changed by the next.

    Raises
    ------
    AnalysisError
        If the network cannot be copied.
    """
    memo: dict[int, Any] = {id(tensor): tensor for tensor in (*net.parameters(), *net.buffers())}
    try:
        twin = copy.deepcopy(net, memo)
    except Exception as error:  # whatever a user's module does when it is copied
        text = f"The network cannot be copied: {type(error).__name__}."
        raise AnalysisError(text, "Measure it as it is.", "geometry") from error
    for module in twin.modules():
        module.training = False
        for name, table in vars(module).items():
            if name.endswith(("_hooks", "_hooks_with_kwargs", "_hooks_always_called")) and table:
                table.clear()
        if getattr(module, "inplace", False) is True:
            module.inplace = False  # type: ignore[assignment]  # a plain attribute of every activation
    return twin


class _Reshaped:
    """Mixed into the class of a network, so that its names stay as they are."""

    _geometry: tuple[Switches, Chosen]

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Run the network in its new geometry."""
        switches, chosen = self._geometry
        mode = Reshaping(switches)
        mode.begin(chosen)
        try:
            with mode:
                return super().forward(*args, **kwargs)  # type: ignore[misc]  # the class that this is mixed into
        except OtherPathError as error:
            text = "The network takes another path than when its geometry was changed."
            raise AnalysisError(text, f"Measure it without this edit: {error}.", "path") from error


def reshape(model: Model, geometry: Sequence[tuple[str, str]]) -> Model:
    """Return a network with other geometries of some convolutions; weights are shared, the given one is not changed.

    Parameters
    ----------
    model
        A loaded network.
    geometry
        (convolution, option) pairs such as ("layer3.0.conv1", "dil2"). Shortcuts follow.

    Raises
    ------
    AnalysisError
        If a name is no convolution, or the network does not run in this geometry.
    """
    wanted = {name: Option.read(word) for name, word in geometry}
    seen = trace(model.net, model.input_shape)
    points = tuple(
        point
        for family in ("stride", "dil", "ker")
        for point in points_of(seen, [name for name, option in wanted.items() if option.family == family], family)
    )
    options = [options_of(point, [wanted[point.name].word]) for point in points]
    switches = plan_switches(seen, points, options)
    chosen = tuple(several[1] if len(several) > 1 else None for several in options)
    net = shadow(model.net)
    net.__class__ = type(f"Reshaped{type(net).__name__}", (_Reshaped, type(net)), {})
    net._geometry = switches, chosen  # type: ignore[assignment]  # plain data, no submodule
    _try(net, model, geometry)
    return replace(model, net=net, recording=record(net, model.input_shape))


def _try(net: nn.Module, model: Model, geometry: Sequence[tuple[str, str]]) -> None:
    pictures = torch.zeros((2, *model.input_shape), dtype=model.dtype, device=model.device)
    words = ", ".join(f"{name} {word}" for name, word in geometry)
    try:
        with torch.no_grad():
            output = net(pictures)
    except AnalysisError:
        raise
    except Exception as error:  # whatever the user's forward raises
        text = f"The network does not run with {words}."
        raise AnalysisError(text, f"Choose another geometry. The network says: {error}", "geometry") from error
    if isinstance(output, Tensor) and tuple(output.shape[1:]) != model.recording.output_shape:
        text = f"With {words} the output has another shape: {tuple(output.shape[1:])}."
        raise AnalysisError(text, "Choose a geometry that keeps the size of its maps.", "geometry")
