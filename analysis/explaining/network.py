"""A copy of a network in which every call of a non-linearity is a module of its own, and the wanted layer is one too.

Captum hooks modules. It therefore misses functional activations, takes two calls of one module for one, replaces the
gradient of a shortcut that reads the same tensor, and loses the rule of a pooling right after an activation, whose hook
on the tensor between them comes first. The copy has none of these: while it runs, calls of functions such as ``relu``
are led through modules, one per call, each of which gets a tensor of its own. The weights are the network's own;
nothing of the network is changed.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from analysis.graph import Recording, Site
from analysis.models import Model
from analysis.outputs import class_scores
from analysis.problems import AnalysisError
from analysis.tracing.calls import Frame, following, refuse_compiled, tensors_in
from analysis.tracing.operations import ACTIVATIONS, operation_name
from analysis.tracing.recorder import counted

_Maker = Callable[..., nn.Module]
_MAKERS: dict[str, _Maker] = {
    "relu": lambda inplace=False: nn.ReLU(),
    "elu": lambda alpha=1.0, inplace=False: nn.ELU(alpha),
    "leaky_relu": lambda negative_slope=0.01, inplace=False: nn.LeakyReLU(negative_slope),
    "sigmoid": lambda: nn.Sigmoid(),
    "tanh": lambda: nn.Tanh(),
    "softplus": lambda beta=1.0, threshold=20.0: nn.Softplus(beta, threshold),
    "max_pool2d": lambda kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False: (
        nn.MaxPool2d(kernel_size, stride or kernel_size, padding, dilation, ceil_mode=ceil_mode)
    ),
}
"""Functions for which DeepLift has a rule, and how to make the module it knows."""
_TYPES = (nn.ReLU, nn.ELU, nn.LeakyReLU, nn.Sigmoid, nn.Tanh, nn.Softplus, nn.MaxPool2d)


PURPOSE = "Attribution"
_NO_GRADIENT = ("does not require grad", "doesn't require gradient", "not have been used in the graph")
"""What torch says where no gradient leads from the scores to what is looked at."""


_MADE: WeakKeyDictionary[nn.Module, tuple[Recording, dict[tuple[str, bool], Split]]] = WeakKeyDictionary()
"""Copies of networks that are open, by the layer of their probe and whether non-linearities are modules.

They hold for one recording: who measures a network of a notebook again, perhaps changed, has it recorded again.
"""


class Scores(nn.Module):
    """The network itself, with class scores as its output.

    Parameters
    ----------
    net
        The user's network; it is called, not hooked.
    writes
        True if its forward writes into its input: it then gets a copy.
    """

    def __init__(self, net: nn.Module, writes: bool) -> None:
        super().__init__()
        self._net = [net]  # in a list, so that nothing that walks over modules finds the user's
        self._writes = writes

    def forward(self, pixels: Tensor) -> Tensor:
        """Return the class scores."""
        return class_scores(self._net[0](pixels.clone() if self._writes else pixels), PURPOSE)


def scores_of(net: nn.Module, pixels: Tensor) -> tuple[Tensor, bool]:
    """Run a network on a copy of the pixels; return the class scores, and whether it wrote into its input."""
    given = pixels.clone()
    before = given._version
    scores = class_scores(net(given), PURPOSE)
    return scores, given._version != before


class Split(nn.Module):
    """The copy.

    Parameters
    ----------
    net, recording
        The network and what was recorded of it.
    pixels
        One picture to try the copy on, axes (1, channel, height, width).
    layer
        Name of a row whose tensor passes through :attr:`probe`, "" for none.
    nonlinear
        True to lead every non-linearity through a module of its own.

    Attributes
    ----------
    probe
        An identity at the wanted layer.
    without_rule
        Names of activations that were met and for which there is no module that Captum knows.
    writes
        True if the network writes into its input: it then gets a copy.

    Raises
    ------
    AnalysisError
        If the network cannot be copied.
    """

    def __init__(
        self,
        net: nn.Module,
        recording: Recording,
        pixels: Tensor,
        layer: str = "",
        nonlinear: bool = False,
    ) -> None:
        super().__init__()
        refuse_compiled(net)
        self.copied = _copied(net)
        self.calls = nn.ModuleList()
        self.probe = nn.Identity()
        self.without_rule: set[str] = set()
        self.writes = False
        self._nonlinear = nonlinear
        self._site = recording.sites[layer] if layer else None
        self._sealed = False
        self._late = False  # the graph begins at the probe
        self._deep = False  # the graph goes down to the pixels even so
        self._call = 0  # non-linearities met in this forward
        self._visits = 0  # calls of the module that holds the wanted layer
        if nonlinear:
            for module in self.copied.modules():
                if type(module) in _TYPES:
                    # Its function is led through a module; hooked itself as well, a rule would apply twice.
                    module.__class__ = type(type(module).__name__, (nn.Module,), {"forward": type(module).forward})
        if self._site is not None and self._site.order < 0:
            self.copied.get_submodule(self._site.module).register_forward_hook(self._visited)
        if self._routes:  # the trial makes the modules
            with torch.no_grad():
                self(pixels.clone())
        self._sealed = True

    @property
    def _routes(self) -> bool:
        """True if functions are followed; a module's output is found by a hook on the copy alone."""
        return self._nonlinear or (self._site is not None and self._site.order >= 0)

    def compare(self, pixels: Tensor, wanted: Tensor) -> None:
        """Check that the copy says what the network says.

        Parameters
        ----------
        pixels, wanted
            One picture, axes (1, channel, height, width), and the network's scores of it, axes (1, class).

        Raises
        ------
        AnalysisError
            If its scores are other ones.
        """
        with torch.no_grad():
            found = self(pixels.clone())
        if not torch.allclose(wanted, found, rtol=1e-3, atol=1e-4 * float(wanted.abs().max())):
            text = "The network relies on something that its copy does not do: its scores are other ones."
            raise AnalysisError(text, "Use saliency, integrated gradients or occlusion, which need no copy.", "copy")

    def forward(self, pixels: Tensor) -> Tensor:
        """Return the class scores."""
        wanted = torch.is_grad_enabled()
        # Who looks at a layer alone needs no gradient below it: the graph begins at the probe.
        self._late = wanted and self._site is not None and not self._nonlinear and not self._deep
        with torch.set_grad_enabled(wanted and not self._late):
            scores = self._scores(pixels)
        if not self._late or scores.requires_grad:
            return scores
        self._late = False  # the probe met a view, or gradients were switched off again above it
        return self._scores(pixels)

    def _scores(self, pixels: Tensor) -> Tensor:
        self._call = self._visits = 0
        pixels = pixels.clone() if self.writes else pixels
        if not self._routes:
            scores = class_scores(self.copied(pixels), PURPOSE)
            if self._site is not None and self._visits < self._site.call:
                text = "The network took another path than when it was recorded: the layer was not reached."
                raise AnalysisError(text, "Choose another layer.", "path")
            return scores
        with following(self.copied, _ignore, _ignore) as stack, _Route(self, stack.frames):
            return class_scores(self.copied(pixels), PURPOSE)

    def _visited(self, module: nn.Module, args: Any, output: Any) -> Any:
        self._visits += 1
        return self.probed(output, args) if self._site is not None and self._visits == self._site.call else output

    def probed(self, output: Tensor, args: tuple[Any, ...]) -> Tensor:
        """Lead the wanted tensor, which was made of some arguments, through the probe."""
        if self._late and not output._is_view():  # views that were made without gradients cannot be written into
            torch.set_grad_enabled(True)  # until the end of forward
            if any(output is arg for arg in args):
                # Written into, not replaced: who called an in-place module goes on with the tensor it gave.
                output.copy_(output.detach().clone().requires_grad_())
            else:
                output.requires_grad_()
        result: Tensor = self.probe(output)
        return result

    @contextmanager
    def watched(self, deep: bool) -> Iterator[list[Tensor]]:
        """Collect the wanted tensors of the passes made meanwhile, each with its place in the graph.

        Parameters
        ----------
        deep
            True where gradients are wanted down to the pixels.
        """
        kept: list[Tensor] = []

        def keep(_module: nn.Module, _args: Any, layer: Tensor) -> Tensor:
            kept.append(layer)
            return layer.clone()  # what comes after may write into it

        handle = self.probe.register_forward_hook(keep)
        self._deep = deep
        try:
            yield kept
        finally:
            handle.remove()
            self._deep = False

    def next_call(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> nn.Module:
        """Return the module of the next non-linearity; while the copy is tried, it is made.

        Raises
        ------
        AnalysisError
            If there were fewer when the copy was tried.
        """
        if not self._sealed:
            self.calls.append(_MAKERS[name](*args[1:], **{k: v for k, v in kwargs.items() if k != "input"}))
        if self._call >= len(self.calls):
            text = "The network took another path than when it was tried."
            raise AnalysisError(text, "Use integrated gradients or occlusion, which do not need its modules.", "path")
        self._call += 1
        return self.calls[self._call - 1]

    @property
    def has_relu(self) -> bool:
        """True if a ReLU was met."""
        return any(isinstance(call, nn.ReLU) for call in self.calls)

    @property
    def is_split(self) -> bool:
        """True if non-linearities are led through modules."""
        return self._nonlinear

    def is_wanted(self, frame: Frame, name: str) -> bool:
        """Tell whether an operation that was just carried out makes the wanted tensor."""
        site = self._site
        if site is None or site.order < 0 or site.operation != name:
            return False
        return (frame.path, frame.number, frame.order) == (site.module, site.call, site.order)


class _Route(TorchFunctionMode):
    """Leads functions through modules while the copy runs."""

    def __init__(self, owner: Split, frames: list[Frame]) -> None:
        super().__init__()
        self.owner = owner
        self.frames = frames

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Carry out a torch function, perhaps through a module."""
        given = kwargs or {}
        name = operation_name(func)
        frame = self.frames[-1] if self.frames else None
        target: Tensor | None = None
        if frame is not None and self.owner.is_wanted(frame, name) and args and _in_place(func, given, args):
            # Carried out on a copy, so that what passed through the probe can be written over nothing that the
            # backward pass of the operation still reads.
            target, args = args[0], (args[0].clone(), *args[1:])
        if self.owner.is_split and frame is not None and name in _MAKERS and _is_plain(args, given):
            result = self._through(func, name, args, given)
        else:
            result = func(*args, **given)
            if self.owner.is_split and frame is not None and name in ACTIVATIONS and name not in _MAKERS:
                self.owner.without_rule.add(name)
        if frame is not None and counted(name, result):
            if self.owner.is_wanted(frame, name) and isinstance(result, Tensor):
                result = self.owner.probed(result, args)
            frame.order += 1
        return result if target is None else target.copy_(result)

    def _through(self, func: Callable[..., Any], name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        given = args[0] if args else kwargs["input"]
        module = self.owner.next_call(name, args, kwargs)
        if not _in_place(func, kwargs, args):
            return module(given.view_as(given))  # a tensor of its own: a shortcut may read the same one
        return given.copy_(module(given.clone()))


def _is_plain(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    given = args[0] if args else kwargs.get("input")
    return isinstance(given, Tensor) and not kwargs.get("return_indices", False) and "out" not in kwargs


def _in_place(func: Callable[..., Any], kwargs: dict[str, Any], args: tuple[Any, ...]) -> bool:
    name = getattr(func, "__name__", "")
    dunder = name.startswith("__")
    return (
        (name.endswith("_") and not dunder)
        or (dunder and name[2:3] == "i")
        or bool(kwargs.get("inplace", False))
        or (operation_name(func) in ("relu", "elu", "leaky_relu") and len(args) > 1 and args[-1] is True)
    )


def _ignore(*_: Any) -> None:
    """Take no notice of a call."""


def _copied(net: nn.Module) -> nn.Module:
    """Copy the modules of a network; weights and buffers are shared.

    Raises
    ------
    AnalysisError
        If it holds something that cannot be copied.
    """
    memo: dict[int, Any] = {id(item): item for module in net.modules() for item in tensors_in(vars(module))}
    try:
        return copy.deepcopy(net, memo)
    except Exception as error:  # anything that a user keeps in a module: files, locks, generators
        text = f"The network cannot be copied, which this needs: {error}."
        raise AnalysisError(text, "Use saliency, integrated gradients or occlusion.", "copy") from None


@contextmanager
def with_gradients() -> Iterator[None]:
    """Say in our words what torch says where there is no gradient.

    Raises
    ------
    AnalysisError
        If the scores do not depend on the pixels, or on the layer, through gradients.
    """
    try:
        yield
    except RuntimeError as error:
        if not any(words in str(error) for words in _NO_GRADIENT):
            raise
        text = "The class scores have no gradient with respect to the pixels or the layer."
        hint = "Use occlusion, which needs none; the network may detach a tensor or switch gradients off."
        raise AnalysisError(text, hint, "gradient") from None


@contextmanager
def splits_of(model: Model, pixels: Tensor) -> Iterator[Callable[[str, bool], Split]]:
    """Lend copies of a network: those of an earlier explanation, or new ones.

    Who explains picture after picture has the copy made and tried once. After a failure none is kept: hooks of Captum
    might have stayed on it.

    Parameters
    ----------
    model
        The network.
    pixels
        One picture to try a new copy on, axes (1, channel, height, width).

    Returns
    -------
    Callable
        From the name of a row, and whether non-linearities are to be modules, to a copy. It raises what :class:`Split`
        and :meth:`Split.compare` raise.
    """
    recording, made = _MADE.pop(model.net, (model.recording, {}))
    if recording is not model.recording:
        made = {}

    def get(layer: str, nonlinear: bool) -> Split:
        if (layer, nonlinear) not in made:
            with torch.no_grad():
                wanted, wrote = scores_of(model.net, pixels)
            split = Split(model.net, model.recording, pixels, layer, nonlinear)
            split.compare(pixels, wanted)
            split.writes = wrote
            made[layer, nonlinear] = split
        return made[layer, nonlinear]

    yield get
    _MADE[model.net] = model.recording, made


def can_be_probed(site: Site) -> bool:
    """Tell whether the tensor of a row can be led through a module: an output, not an argument."""
    return site.argument < 0
