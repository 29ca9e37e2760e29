"""Fresh networks of the same kind as a given one: other first weights, or other widths, for training from the start."""

from __future__ import annotations

import copy
from collections.abc import Callable

from torch import nn

from analysis.edits import Edits
from analysis.loading import constructors, factories
from analysis.measures.widths.costs import CostModel
from analysis.measures.widths.fitting import Budget
from analysis.measures.widths.presets import uniform_to
from analysis.models import Model
from analysis.networks import CifarResNet, PlainCnn
from analysis.problems import AnalysisError
from analysis.surgery.dissecting import dissect
from analysis.surgery.step import change_widths

Widen = Callable[[float], nn.Module]


def fresh(model: Model, seed: int) -> tuple[nn.Module, str]:
    """Make a network like a loaded one, with the first weights of its own constructor.

    Parameters
    ----------
    model
        The network; it stays as it is.
    seed
        Of the weights. A network whose constructor cannot be called again is copied, and every module that knows how
        draws its weights anew.

    Returns
    -------
    tuple
        The network, on the device and in the dtype of the given one, and how its weights were drawn.
    """
    with constructors.seeded(seed), constructors.quietly():
        net, words = _made(model)
    net.to(device=model.device, dtype=model.dtype)
    return net, words


def _made(model: Model) -> tuple[nn.Module, str]:
    wide = _family(model.net)
    if wide is not None:
        return wide(1.0), "as its constructor draws them"
    name, outputs = model.source.name, model.recording.output_shape
    edited = "edited" in model.badges
    if not edited and constructors.is_known(name):
        classes = outputs[0] if len(outputs) == 1 else 0
        return constructors.build(constructors.describe(name)[0], classes), "as its constructor draws them"
    code = factories.split(name)
    if not edited and code is not None and model.source.trust:
        return factories.make(*code, True)[0], "as the function draws them"
    return _drawn_anew(copy.deepcopy(model.net)), "drawn anew by each module"


def _drawn_anew(net: nn.Module) -> nn.Module:
    for module in net.modules():
        draw = getattr(module, "reset_parameters", None)
        if callable(draw):
            draw()
    return net


def narrowed(model: Model, parameters: int, seed: int) -> tuple[nn.Module, float] | None:
    """Make a network of the same kind whose widths are multiplied so that it has about so many parameters.

    Networks that LayerScope builds itself are built anew. Any other is cut by its width groups, coupled ones together,
    and every module draws its weights anew.

    Returns
    -------
    tuple | None
        The network and the factor; None if no widths come within a fifth of so many parameters.
    """
    wide = _family(model.net)
    if wide is None:
        return _cut(model, parameters, seed)
    with constructors.seeded(seed):
        low, high = 0.0, 4.0
        for _ in range(40):
            middle = (low + high) / 2
            low, high = (middle, high) if _count(wide(middle)) < parameters else (low, middle)
        factor = min((low, high), key=lambda value: abs(_count(wide(value)) - parameters))
    with constructors.seeded(seed):
        net = wide(factor)
    net.to(device=model.device, dtype=model.dtype)
    return net, factor


def _cut(model: Model, parameters: int, seed: int) -> tuple[nn.Module, float] | None:
    try:
        found = dissect(model.net, model.input_shape, model.name).groups
        proposal = uniform_to(CostModel(found), Budget("parameters", parameters))
        widths = tuple(sorted(proposal.widths.items()))
        if abs(proposal.gap) > 0.2 or not widths:
            return None
        net = change_widths(model, Edits(widths=widths, keep=f"random:{seed}")).net
    except AnalysisError:
        return None
    with constructors.seeded(seed):
        return _drawn_anew(net), proposal.scale


def _count(net: nn.Module) -> int:
    return sum(parameter.numel() for parameter in net.parameters())


def _family(net: nn.Module) -> Widen | None:
    """Return what builds this network with other widths, if it is of one of our own families."""
    if type(net) is CifarResNet:
        stages = [net.layer1, net.layer2, net.layer3]
        if any(len(stage) != len(net.layer1) for stage in stages):
            return None
        widths = [_outputs(stage) for stage in stages]
        option = "B" if any("shortcut.0" in name for name, _ in net.layer2.named_modules()) else "A"
        depth, inputs, classes = 6 * len(net.layer1) + 2, net.conv1.in_channels, net.linear.out_features

        def residual(factor: float) -> nn.Module:
            first, second, third = (max(1, round(factor * width)) for width in widths)
            return CifarResNet(depth, option, (first, second, third), inputs, classes)

        return residual
    if type(net) is PlainCnn:
        depths = (len(net.layer1), len(net.layer2), len(net.layer3))
        width, inputs = net.linear.in_features, _first(net.layer1).in_channels
        classes = net.linear.out_features
        return lambda factor: PlainCnn(depths, max(1, round(factor * width)), inputs, classes)
    return None


def _outputs(stage: nn.Sequential) -> int:
    return _first(stage).out_channels


def _first(stage: nn.Sequential) -> nn.Conv2d:
    return next(module for module in stage.modules() if isinstance(module, nn.Conv2d))
