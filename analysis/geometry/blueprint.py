"""From a recorded forward pass to its blueprint: what decides the sizes of maps, and where geometry can be chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from analysis.geometry.kernels import new_padding, numbered
from analysis.geometry.switches import (
    Layers,
    Sides,
    carrier_in,
    default_points,
    layers_of,
    option_problem,
    padding_before,
    point_in,
    residual_sides,
    slice_steps,
)
from analysis.measures.blueprints import NO_MAP, ONES, Blueprint, Join, Layer, Node, Offer
from analysis.measures.configurations import FAMILIES, STRIDES, Option, Pair, SwitchPoint
from analysis.measures.geometry import lay_out
from analysis.problems import AnalysisError
from analysis.tracing.operations import (
    CONVOLUTIONS,
    ELEMENTWISE,
    LIGHT,
    POOLS,
    REDUCTIONS,
    TRANSPOSED,
    convolution_arguments,
    spread,
)
from analysis.tracing.trace import Op, Trace

WORDS = (*FAMILIES["dilation5"], *FAMILIES["kernel9"], *(f"stride{token}" for token in STRIDES))
"""Options that are offered at every layer."""
_MAX = ("input", "kernel_size", "stride", "padding", "dilation", "ceil_mode")
_MEAN = ("input", "kernel_size", "stride", "padding", "ceil_mode")
_KEEPING = ELEMENTWISE | LIGHT | frozenset({"cat", "batch_norm"})


def draw(seen: Trace) -> Blueprint:
    """Draw the blueprint of a recorded forward pass."""
    layers = layers_of(seen)
    convs = layers.convs
    named = {index: name for name, index in convs.items()}
    place: dict[int, int] = {0: 0}  # value of the recording to its node
    first = Node("input", "input", map=_map(seen, 0))
    nodes, of_op = [first], dict[int, int]()
    for op in seen.ops:
        for value in op.inputs:
            _rewritten(seen, value, place, nodes, of_op)
        inputs = tuple(dict.fromkeys(place[value] for value in op.inputs if value in place))
        if not inputs:
            continue
        node = _node(seen, op, named.get(op.index, ""), tuple(place[value] for value in op.inputs if value in place))
        around = padding_before(seen, op) if op.name == "conv2d" else None
        if around is not None:
            left, right, top, bottom = around.sides
            before = seen.ops[seen.values[op.inputs[0]].maker].inputs[0]
            near, far = (node.near[0] + top, node.near[1] + left), (node.far[0] + bottom, node.far[1] + right)
            mode = "same" if around.same else "reflect" if around.mode == "reflect" else ""
            node = replace(node, inputs=(place[before],), near=near, far=far, mode=mode)
        of_op[op.index] = len(nodes)
        place.update((value, len(nodes)) for value in op.outputs)
        nodes.append(node)
    blueprint = Blueprint(
        tuple(nodes),
        tuple(_join(sides, of_op, place) for sides in residual_sides(layers) if sides.op in of_op),
        tuple(_layer(layers, name, of_op) for name in sorted(convs, key=lambda name: convs[name])),
        of_op[last_convolution(seen)],
        default_points(seen),
    )
    return _checked(blueprint)


def _rewritten(seen: Trace, value: int, place: dict[int, int], nodes: list[Node], of_op: Mapping[int, int]) -> None:
    """Give a tensor that was changed through a view of it a place: it is what it was, and what was written into it."""
    known = seen.values[value]
    if value in place or known.before < 0:
        return
    _rewritten(seen, known.before, place, nodes, of_op)
    sources = (place.get(known.before, -1), of_op.get(known.maker, -1))
    inputs = tuple(dict.fromkeys(number for number in sources if number >= 0))
    if inputs:
        place[value] = len(nodes)
        nodes.append(Node(f"{nodes[inputs[-1]].name}, through a view", "keep", inputs, _map(seen, value)))


def last_convolution(seen: Trace) -> int:
    """Find the last convolution with a map of more than one position, or simply the last.

    Raises
    ------
    AnalysisError
        If the network has none.
    """
    convs = [op for op in seen.ops if op.name in CONVOLUTIONS and seen.values[op.inputs[0]].feature]
    if not convs:
        raise AnalysisError("The network has no convolution.", "Configurations are for convolutional networks.")
    wide = [op for op in convs if seen.values[op.outputs[0]].positions > 1]
    return (wide or convs)[-1].index


def _checked(blueprint: Blueprint) -> Blueprint:
    """Take what is not laid out as it was recorded for something that is not understood."""
    plain = lay_out(blueprint, {})
    nodes = tuple(
        node if found == node.map or node.kind in ("conv", "input") else replace(node, kind="other")
        for node, found in zip(blueprint.nodes, plain.maps, strict=True)
    )
    return replace(blueprint, nodes=nodes)


def _map(seen: Trace, value: int) -> Pair:
    shape = seen.values[value].shape
    return (shape[2], shape[3]) if len(shape) == 4 else NO_MAP


def _pair(size: Any) -> Pair:
    high, wide = spread(size, 2)
    return high, wide


def _node(seen: Trace, op: Op, name: str, inputs: tuple[int, ...]) -> Node:
    """Describe one operation."""
    size = _map(seen, op.outputs[0]) if op.outputs else NO_MAP
    given = [_map(seen, value) for value in op.inputs if seen.values[value].feature]
    source = given[0] if given else NO_MAP
    owner = seen.label(op.call)
    node = Node(name or f"{owner}:{op.name}".lstrip(":"), "other", inputs, size)
    if op.name in CONVOLUTIONS and size != NO_MAP:
        return _convolution(seen, op, node)
    if op.name == "linear":
        return replace(node, kind="linear" if size == NO_MAP else "other", unit=op.macs)
    if op.name in REDUCTIONS and (size in (NO_MAP, ONES)):
        return replace(node, kind="mean")
    if source == NO_MAP or size == NO_MAP:
        flat = source != NO_MAP and len(seen.values[op.outputs[0]].shape) == 2
        return replace(node, kind="flat" if flat else "other" if source != NO_MAP else "fixed")
    return _spatial(seen, op, node, given)


def _spatial(seen: Trace, op: Op, node: Node, given: list[Pair]) -> Node:
    """Describe an operation from a map to a map."""
    source = given[0]
    if op.name.startswith("adaptive_"):
        wanted = op.arguments[1] if len(op.arguments) > 1 else op.keywords.get("output_size")
        fixed = wanted is not None and None not in (wanted if isinstance(wanted, (tuple, list)) else (wanted,))
        return replace(node, kind="fixed" if fixed else "other")
    if op.name in POOLS and op.name.startswith(("max_pool2d", "avg_pool2d")):
        pool = dict(zip(_MAX if op.name.startswith("max") else _MEAN, op.arguments, strict=False)) | dict(op.keywords)
        kernel, step = _pair(pool.get("kernel_size", 1)), pool.get("stride")
        pad = _pair(pool.get("padding", 0))
        dilation = _pair(pool.get("dilation", 1)) if op.name.startswith("max") else ONES
        if kernel == source and node.map == ONES and seen.calls[op.call].path in seen.readers:
            # The forward pass asks for the size of the map, and pools over all of it.
            whole = isinstance(pool.get("kernel_size"), (tuple, list))
            return replace(node, kind="mean", mode="" if whole else "square")
        mode = "ceil" if pool.get("ceil_mode") else ""
        return Node(node.name, "pool", node.inputs, node.map, kernel, _pair(step) if step else kernel, dilation,
                    pad, pad, mode)  # fmt: skip
    if op.name in ("pad", "constant_pad_nd"):
        sides = op.arguments[1] if len(op.arguments) > 1 else op.keywords.get("pad", ())
        spatial = (*sides[:4], *([0] * (4 - len(sides[:4]))))
        return replace(node, kind="pad", near=(spatial[2], spatial[0]), far=(spatial[3], spatial[1]))
    if op.name == "getitem" and slice_steps(op):
        steps = tuple(item.step or 1 if isinstance(item, slice) else 1 for item in op.arguments[1][2:])
        return replace(node, kind="slice", stride=_pair(steps))
    if node.map == source and op.name in _KEEPING:
        return replace(node, kind="keep")
    if op.name in _KEEPING and source == ONES and node.map in given:  # a gate times its map
        return replace(node, kind="keep")
    return node


def _convolution(seen: Trace, op: Op, node: Node) -> Node:
    given = convolution_arguments(op.name, op.arguments, dict(op.keywords))
    shape = seen.values[op.inputs[1]].shape
    kernel, dilation = (shape[2], shape[3]), _pair(given.get("dilation", 1))
    stride, unit = _pair(given.get("stride", 1)), shape[0] * shape[1]
    if op.name in TRANSPOSED:
        near, far = _pair(given.get("padding", 0)), _pair(given.get("output_padding", 0))
        return Node(node.name, "transposed", node.inputs, node.map, kernel, stride, dilation, near, far, "", unit)
    try:
        pad = numbered(given.get("padding", 0), kernel, dilation)
        mode = ""
    except AnalysisError:  # an even kernel that is padded more on one side
        pad, mode = NO_MAP, "same"
    return Node(node.name, "conv", node.inputs, node.map, kernel, stride, dilation, pad, pad, mode, unit)


def _join(sides: Sides, of_op: Mapping[int, int], place: Mapping[int, int]) -> Join:
    convs = tuple(tuple(sorted(of_op[index] for index in side if index in of_op)) for side in sides.convs)
    reducers = tuple(of_op.get(item[0], -1) if item else -1 for item in sides.reducers)
    kinds = tuple(item[1] if item else "" for item in sides.reducers)
    source = place.get(sides.source, -1)
    return Join(of_op[sides.op], source, (convs[0], convs[1]), (reducers[0], reducers[1]), (kinds[0], kinds[1]))


def _layer(layers: Layers, name: str, of_op: Mapping[int, int]) -> Layer:
    seen, own = layers.seen, layers.convs[name]
    op, shape = seen.ops[own], seen.values[seen.ops[own].inputs[1]].shape
    if op.name != "conv2d":
        offers = tuple(Offer(word, "it is a transposed convolution") for word in WORDS)
        return Layer(SwitchPoint(name, _pair(shape[2:]), ONES, ONES), of_op[own], of_op[own], NO_MAP, 1, NO_MAP, offers)
    point, strided = point_in(layers, name), point_in(layers, name, "stride")
    given = convolution_arguments(op.name, op.arguments, dict(op.keywords))
    groups = int(given.get("groups", 1))
    try:
        pad = numbered(given.get("padding", 0), point.kernel, point.dilation)
    except AnalysisError:  # an even kernel that is padded more on one side
        pad = NO_MAP
    carrier = carrier_in(layers, name)
    offers = tuple(_offer(seen, op, seen.ops[carrier], (point, strided), word) for word in WORDS)
    point = replace(point, stride=strided.stride)
    return Layer(point, of_op[own], of_op[carrier], pad, groups, (shape[1] * groups, shape[0]), offers)


def _offer(seen: Trace, own: Op, carrier: Op, points: tuple[SwitchPoint, SwitchPoint], word: str) -> Offer:
    """Say whether an option is possible at a layer, or at the one that carries the stride of its branch."""
    option = Option.read(word)
    op, point = (carrier, points[1]) if option.family == "stride" else (own, points[0])
    if option == point.nominal(option.family):
        return Offer(word)
    if option.family == "dil" and max(point.kernel) == 1:
        return Offer(word, "a 1 x 1 kernel has nothing to spread")
    return Offer(word, option_problem(seen, op, point, option) or _border(seen, op, option, point))


def _border(seen: Trace, op: Op, option: Option, point: SwitchPoint) -> str:
    """Say if the padding of a layer is too small for another kernel or dilation."""
    if option.family == "stride":
        return ""
    given = convolution_arguments(op.name, op.arguments, dict(op.keywords))
    kernel = option.size if option.kind == "ker" else point.kernel
    dilation = option.size if option.kind == "dil" else point.dilation
    changed = ((point.kernel, kernel), (point.dilation, dilation))
    around = padding_before(seen, op)
    try:
        if around is None:
            new_padding(numbered(given.get("padding", 0), point.kernel, point.dilation), *changed)
        elif not around.same:
            left, right, top, bottom = around.sides
            new_padding((top, left), *changed)
            new_padding((bottom, right), *changed)
    except AnalysisError:
        return "it has too little padding for that"
    return ""
