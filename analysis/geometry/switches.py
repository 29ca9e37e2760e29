"""Where the geometry of a network can be switched, and what else of a block has to follow.

Read off a recorded forward pass, so that any network of torch functions will do: the convolution itself, the padding
that a layer adds before it, and the shortcuts around it. Which layers are switched by default is our rule; for ResNets
it gives the layers of the public code of M. Inkawhich (2020).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analysis.catalogue import nearest
from analysis.geometry.kernels import Padding, same_padding
from analysis.measures.configurations import Option, Pair, SwitchPoint
from analysis.problems import AnalysisError
from analysis.tracing.operations import CONVOLUTIONS, POOLS, convolution_arguments, spread
from analysis.tracing.points import activation_points, layer_points, weighted_ops
from analysis.tracing.residual import Addition, additions
from analysis.tracing.trace import Op, Ref, Trace

MOST_POINTS = 4


@dataclass(frozen=True, slots=True)
class Role:
    """What happens to an operation when switch points leave their own geometry.

    Attributes
    ----------
    kind
        "switch" for the convolution itself; "unpad" for a padding before it, which it then brings itself; in a
        shortcut "project" for a convolution, "pool", or "slice"; "join" for the sum.
    points
        Numbers of the switch points that it depends on.
    around
        For "switch": what the network adds around the map beforehand.
    argument
        For "join": which argument of the sum is the shortcut.
    rest
        Factor by which the shortcut reduces the map on account of other layers.
    whole
        For "join": True if nothing else of the shortcut reduces the map, so that it is subsampled here.
    """

    kind: str
    points: tuple[int, ...]
    around: Padding | None = None
    argument: int = 0
    rest: Pair = (1, 1)
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Switches:
    """A network's operations, and the parts they play for given switch points.

    Attributes
    ----------
    points
        From input to output.
    options
        Options of each point; the first is its own.
    names
        Name of every operation in the order of a forward pass.
    roles
        Number of an operation to its part.
    complete
        False if the network computes something that torch functions do not show.
    sums
        Numbers of the sums of two maps of one shape, whose operands must not differ in any geometry.
    """

    points: tuple[SwitchPoint, ...]
    options: tuple[tuple[Option, ...], ...]
    names: tuple[str, ...]
    roles: Mapping[int, Role]
    complete: bool = True
    sums: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Layers:
    """What a recording says of convolutions and sums, read once.

    Attributes
    ----------
    convs
        Name of a row of a convolution of two dimensions to its operation.
    sums
        Residual additions.
    """

    seen: Trace
    convs: Mapping[str, int]
    sums: tuple[Addition, ...]


@dataclass(frozen=True, slots=True)
class Sides:
    """The two sides of a residual sum.

    Attributes
    ----------
    op, source
        The sum; value where its sides part.
    convs
        For each argument, the convolutions that only it passes.
    reducers
        For each argument, (operation, part) of what reduces its map if it is the shortcut, or None.
    """

    op: int
    source: int
    convs: tuple[frozenset[int], frozenset[int]]
    reducers: tuple[tuple[int, str] | None, tuple[int, str] | None]


def layers_of(seen: Trace) -> Layers:
    """Read convolutions and residual sums off a recorded forward pass."""
    weighted = weighted_ops(seen)
    activations = activation_points(seen, weighted)
    convs = {
        point.name: point.op
        for point in layer_points(seen, weighted, activations)
        if point.kind == "conv" and len(seen.values[seen.ops[point.op].inputs[1]].shape) == 4
    }
    return Layers(seen, convs, additions(seen, weighted, activations))


def default_points(seen: Trace) -> tuple[str, ...]:
    """Choose the first spatial convolution of each of the last four stages.

    A new stage begins wherever the size of the map changes on the way from the picture, so that parallel branches are
    in one stage. The convolution that reads the picture counts only where its stage holds no other.
    """
    layers, number = layers_of(seen), _stages(seen)
    stages: dict[int, list[str]] = {}
    for name, index in sorted(layers.convs.items(), key=lambda item: item[1]):
        op = seen.ops[index]
        if op.name == "conv2d" and max(seen.values[op.inputs[1]].shape[2:]) > 1:
            stages.setdefault(number[op.outputs[0]], []).append(name)
    first = min(layers.convs.items(), key=lambda item: item[1], default=("", 0))[0]
    chosen = [next((name for name in stages[at] if name != first), stages[at][0]) for at in sorted(stages)]
    return tuple(chosen[-MOST_POINTS:])


def _stages(seen: Trace) -> dict[int, int]:
    """Count for every value how often convolutions and poolings have changed the size of the map on the way to it."""
    found: dict[int, tuple[int, tuple[int, ...]]] = {}  # value to its stage, and the size of the map there

    def known(value: int) -> tuple[int, tuple[int, ...]]:
        before = seen.values[value].before
        own = (0, seen.values[value].shape[2:])
        return found.get(value, known(before) if before >= 0 else own)

    for op in seen.ops:
        given = [known(value) for value in op.inputs if seen.values[value].feature]
        for value in op.outputs if given else ():
            size = seen.values[value].shape[2:]
            # A gate of one position goes where its map goes.
            stage, before = max([item for item in given if item[1] == size] or given)
            spatial = op.name in CONVOLUTIONS or op.name in POOLS
            found[value] = (stage + 1, size) if spatial and size != before else (stage, before)
    return {value: stage for value, (stage, _) in found.items()}


def points_of(seen: Trace, names: Sequence[str], family: str = "") -> tuple[SwitchPoint, ...]:
    """Describe convolutions as switch points, in the order of execution.

    Parameters
    ----------
    seen
        A recorded forward pass.
    names
        Rows of convolutions.
    family
        "stride" to describe the layer that carries the stride of the block, where that is another one.

    Raises
    ------
    AnalysisError
        If a name is no convolution of two dimensions.
    """
    layers = layers_of(seen)
    check_layers(layers, names)
    ordered = sorted(dict.fromkeys(names), key=lambda name: layers.convs[name])
    return tuple(point_in(layers, name, family) for name in ordered)


def check_layers(layers: Layers, names: Sequence[str]) -> None:
    """Refuse names whose geometry cannot be changed.

    Raises
    ------
    AnalysisError
        If a name is no ordinary convolution of two dimensions.
    """
    for name in names:
        if name not in layers.convs and _is_pool(layers.seen, name):
            text = f"{name} is a pooling; only the geometry of convolutions can be chosen."
            raise AnalysisError(text, "Choose the convolution before or after it.", "geometry")
        if name not in layers.convs:
            hint = nearest(name, list(layers.convs)) if layers.convs else "The network has none."
            raise AnalysisError(f"'{name}' is no convolution of two dimensions.", hint, "geometry")
        if layers.seen.ops[layers.convs[name]].name != "conv2d":
            text = f"The geometry of {name}, a transposed convolution, cannot be changed."
            raise AnalysisError(text, "Choose an ordinary convolution.", "geometry")


def _is_pool(seen: Trace, name: str) -> bool:
    return any(op.name in POOLS and seen.calls[op.call].path == name for op in seen.ops)


def point_in(layers: Layers, name: str, family: str = "") -> SwitchPoint:
    """Describe one convolution as a switch point, see :func:`points_of`."""
    seen, op = layers.seen, layers.seen.ops[carrier_in(layers, name) if family == "stride" else layers.convs[name]]
    given = convolution_arguments(op.name, op.arguments, dict(op.keywords))
    around = padding_before(seen, op)
    source = seen.ops[seen.values[op.inputs[0]].maker].inputs[0] if around else op.inputs[0]
    return SwitchPoint(
        name,
        _pair(seen.values[op.inputs[1]].shape[2:]),
        _pair(spread(given.get("stride", 1), 2)),
        _pair(spread(given.get("dilation", 1), 2)),
        _pair(seen.values[source].shape[2:]),
        _pair(seen.values[op.outputs[0]].shape[2:]),
    )


def _pair(size: Iterable[int]) -> Pair:
    high, wide = size
    return high, wide


def carrier_in(layers: Layers, name: str) -> int:
    """Operation that carries the stride: the layer itself, or the strided 1 x 1 convolution before it in its block."""
    seen, own = layers.seen, layers.convs[name]
    if _stride(seen.ops[own]) != (1, 1):
        return own
    for addition in layers.sums:
        if own in addition.path:
            before = seen.behind((seen.ops[own].inputs[0],), addition.source)
            for index in sorted(before & set(layers.convs.values()) & addition.path):
                op = seen.ops[index]
                if op.name == "conv2d" and _stride(op) != (1, 1) and max(seen.values[op.inputs[1]].shape[2:]) == 1:
                    return index
    return own


def _stride(op: Op) -> Pair:
    given = convolution_arguments(op.name, op.arguments, dict(op.keywords))
    return _pair(spread(given.get("stride", 1), 2))


def padding_before(seen: Trace, op: Op) -> Padding | None:
    """Find a padding of the map right before a convolution, used by nothing else."""
    maker = seen.values[op.inputs[0]].maker
    if maker < 0 or seen.ops[maker].name not in ("pad", "constant_pad_nd"):
        return None
    pad = seen.ops[maker]
    given = dict(zip(("input", "pad", "mode", "value"), pad.arguments, strict=False)) | dict(pad.keywords)
    sides, mode = given.get("pad", ()), str(given.get("mode", "constant"))
    alone = seen.consumers.get(pad.outputs[0], ()) == (op.index,)
    if len(sides) != 4 or not alone or given.get("value") not in (None, 0, 0.0):
        return None
    arguments = convolution_arguments(op.name, op.arguments, dict(op.keywords))
    kernel, dilation = seen.values[op.inputs[1]].shape[2:], spread(arguments.get("dilation", 1), 2)
    maps = seen.values[pad.inputs[0]].shape[2:]
    rule = [same_padding(maps[axis], _stride(op)[axis], kernel[axis], dilation[axis]) for axis in (1, 0)]
    same = mode == "constant" and [*rule[0], *rule[1]] == list(sides)
    left, right, top, bottom = sides
    return Padding((left, right, top, bottom), mode, same)


def plan_switches(
    seen: Trace, points: Sequence[SwitchPoint], options: Sequence[Sequence[Option]], resize: bool = False
) -> Switches:
    """Find the part that every operation plays.

    Parameters
    ----------
    seen
        A recorded forward pass.
    points, options
        Switch points and the options of each.
    resize
        True for the shortcut policy "resize": shortcuts run at stride 1 and are brought to size at the sum.

    Raises
    ------
    AnalysisError
        If an option does not fit its layer; the message names it.
    """
    layers = layers_of(seen)
    shown = [op for op in seen.ops if op.order >= 0]
    place = {op.index: number for number, op in enumerate(shown)}
    roles: dict[int, Role] = {}
    for number, (point, several) in enumerate(zip(points, options, strict=True)):
        family = several[0].family
        op = seen.ops[carrier_in(layers, point.name) if family == "stride" else layers.convs[point.name]]
        for option in several[1:]:
            _check_option(seen, op, point, option)
        around = padding_before(seen, op)
        if around:
            roles[place[seen.values[op.inputs[0]].maker]] = Role("unpad", (number,))
        if place[op.index] in roles:
            text = f"The switch points {points[roles[place[op.index]].points[0]].name} and {point.name} overlap."
            raise AnalysisError(text, "Name one of them.", "geometry")
        roles[place[op.index]] = Role("switch", (number,), around)
    strided = {
        number: carrier_in(layers, point.name)
        for number, point in enumerate(points)
        if options[number][0].family == "stride"
    }
    for addition in layers.sums:
        for index, role in _shortcut_roles(layers, addition, strided, points, resize):
            other = roles.get(place[index])
            if other is not None and other.kind == "switch":
                first, second = points[other.points[0]].name, points[role.points[0]].name
                text = f"The geometry of {first} follows that of {second}, on the other side of a residual sum."
                raise AnalysisError(text, "Change one of them.", "geometry")
            roles[place[index]] = role
    return Switches(
        tuple(points),
        tuple(tuple(several) for several in options),
        tuple(op.name for op in shown),
        roles,
        len(shown) == len(seen.ops) and not seen.notes,
        frozenset(place[op.index] for op in shown if _adds_maps(seen, op)),
    )


def _adds_maps(seen: Trace, op: Op) -> bool:
    """Tell whether an operation is the sum or difference of two maps of one shape."""
    maps = [seen.values[value] for value in op.inputs if seen.values[value].feature]
    if op.name not in ("add", "sub") or len(maps) != 2:
        return False
    return len(maps[0].shape) == 4 and maps[0].shape == maps[1].shape


def _check_option(seen: Trace, op: Op, point: SwitchPoint, option: Option) -> None:
    problem = option_problem(seen, op, point, option)
    if problem:
        text = f"{option.word} is not possible at {point.name}: {problem}."
        raise AnalysisError(text, "Choose another layer, or dilation.", "geometry")


def option_problem(seen: Trace, op: Op, point: SwitchPoint, option: Option) -> str:
    """Say why an option does not fit the kernel of a layer, "" if it does."""
    kernel = seen.values[op.inputs[1]].shape[2:]
    problem = ""
    if option.kind in ("up", "ker") and (min(kernel) == 1 or any(side % 2 == 0 for side in kernel)):
        problem = "needs a kernel with odd sides above 1"
    elif option.kind == "ker" and any(side % 2 == 0 for side in option.size):
        problem = "is no kernel with odd sides"
    elif option.kind == "dil" and any(
        (new - old) * (k - 1) % 2 for new, old, k in zip(option.size, point.dilation, kernel, strict=True)
    ):
        problem = "needs a kernel with odd sides"
    return f"it {problem}, not {kernel[0]} x {kernel[1]}" if problem else ""


def _shortcut_roles(
    layers: Layers,
    addition: Addition,
    strided: Mapping[int, int],
    points: Sequence[SwitchPoint],
    resize: bool,
) -> Iterable[tuple[int, Role]]:
    """Parts that the shortcut of one sum plays; none if no switch point with strides lies in its branch."""
    seen, op = layers.seen, layers.seen.ops[addition.op]
    sides = [seen.between(addition.source, op.inputs[side]) for side in (0, 1)]
    main = next((side for side in (0, 1) if set(strided.values()) & sides[side] - sides[1 - side]), None)
    if main is None:
        return
    inside = tuple(number for number, index in strided.items() if index in sides[main] - sides[1 - main])
    before, after = (seen.values[value].shape[2:] for value in (addition.source, op.inputs[main]))
    own = [1, 1]
    for number in inside:
        own = [own[axis] * points[number].stride[axis] for axis in (0, 1)]
    rest = tuple(max(1, round(before[axis] / max(after[axis], 1) / own[axis])) for axis in (0, 1))
    reducer = _reducer(seen, sorted(sides[1 - main]))
    if reducer is not None:
        yield reducer[0], Role(reducer[1], inside, rest=_pair(rest))
    yield addition.op, Role("join", inside, argument=1 - main, rest=_pair(rest), whole=reducer is None)


def residual_sides(layers: Layers) -> tuple[Sides, ...]:
    """Describe both sides of every residual sum, whichever may be the branch."""
    seen, convs = layers.seen, frozenset(layers.convs.values())
    found = []
    for addition in layers.sums:
        op = seen.ops[addition.op]
        first, second = (seen.between(addition.source, op.inputs[side]) for side in (0, 1))
        own = convs & (first - second), convs & (second - first)
        found.append(
            Sides(
                addition.op,
                addition.source,
                (frozenset(own[0]), frozenset(own[1])),
                (_reducer(seen, sorted(first)), _reducer(seen, sorted(second))),
            )
        )
    return tuple(found)


def _reducer(seen: Trace, passed: Sequence[int]) -> tuple[int, str] | None:
    """Find the operation of a shortcut that reduces the map, or that could: (operation, its part)."""
    convs = [index for index in passed if seen.ops[index].name == "conv2d"]
    strided = [index for index in convs if _stride(seen.ops[index]) != (1, 1)]
    pools = [index for index in passed if seen.ops[index].name in POOLS]
    slices = [index for index in passed if seen.ops[index].name == "getitem" and slice_steps(seen.ops[index])]
    for found, kind in ((strided, "project"), (pools, "pool"), (slices, "slice"), (convs, "project")):
        if found:
            return found[0], kind
    return None


def slice_steps(op: Op) -> bool:
    """Tell whether an indexing keeps every n-th sample of a map."""
    place: Any = op.arguments[1] if len(op.arguments) > 1 else ()
    if not isinstance(place, tuple) or len(place) != 4 or isinstance(place[0], Ref):
        return False
    return any(isinstance(item, slice) and item.step not in (None, 1) for item in place[2:])
