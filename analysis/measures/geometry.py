"""What a network looks like in another geometry, worked out without running it: maps, multiply-adds, receptive field.

A *blueprint* holds of a recorded forward pass what decides sizes of maps: strides, kernels, paddings, pools, sums. Any
legal configuration can be laid out on it in closed form, fast enough for every movement of a hand. Free of torch.

Source of the rules: "Dynamic configurations", sections on padding, shortcuts, cost and receptive field.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from analysis.measures.blueprints import NO_MAP, ONES, Blueprint, Node
from analysis.measures.configurations import Option, Pair
from analysis.problems import AnalysisError


@dataclass(frozen=True, slots=True)
class Layout:
    """A network in one geometry.

    Attributes
    ----------
    maps
        (height, width) after each operation of the blueprint, (0, 0) for none or where it cannot be told.
    macs
        Multiply-adds of one picture in each operation.
    receptive_field
        (rows, columns) of the last convolution, pixels.
    last_map
        (height, width) of the last map.
    problem
        Why the network does not run so, "" if it does.
    unsure
        Name of the first operation whose size cannot be told without running it, "" for none.
    """

    maps: tuple[Pair, ...]
    macs: tuple[int, ...]
    receptive_field: tuple[float, float]
    last_map: Pair
    problem: str = ""
    unsure: str = ""

    @property
    def total(self) -> int:
        """Multiply-adds of one picture."""
        return sum(self.macs)


class LayoutError(Exception):
    """The network does not run in a geometry; the message says why."""


def chosen_nodes(blueprint: Blueprint, geometry: Mapping[str, str], strict: bool = True) -> dict[int, Option]:
    """Find the operations that a geometry changes: number to option. What the network has already is left out.

    Parameters
    ----------
    strict
        False to take also options that are not offered at their layer.

    Raises
    ------
    AnalysisError
        If a name is no layer of the blueprint, or an option is not possible there.
    """
    found: dict[int, Option] = {}
    for name, word in geometry.items():
        layer, option = blueprint.layer(name), Option.read(word)
        if layer is None:
            raise AnalysisError(f"'{name}' is no convolution whose geometry can be chosen.", "Open its network.")
        locked = next((offer.locked for offer in layer.offers if offer.word == option.word), "")
        if locked and strict:
            raise AnalysisError(f"{word} is not possible at {name}: {locked}.", "Choose another.", "geometry")
        if option != layer.point.nominal(option.family):
            found[layer.carrier if option.family == "stride" else layer.node] = option
    return found


def lay_out(blueprint: Blueprint, geometry: Mapping[str, str], resize: bool = False) -> Layout:
    """Work out sizes and costs of a network in a geometry.

    Parameters
    ----------
    geometry
        Layer to option, such as {"layer3.0.conv1": "dil2"}; layers that are not named stay as they are.
    resize
        Shortcut policy "resize" instead of "follow".

    Raises
    ------
    AnalysisError
        If a name is no layer, or an option is not possible there.

    Examples
    --------
    >>> from analysis.measures.blueprints import Layer
    >>> from analysis.measures.configurations import SwitchPoint
    >>> net = Blueprint((Node("input", "input", (), (8, 8)),
    ...     Node("conv", "conv", (0,), (4, 4), (3, 3), (2, 2), near=(1, 1), far=(1, 1), unit=6)), (),
    ...     (Layer(SwitchPoint("conv", (3, 3), (2, 2), (1, 1)), 1, 1, (1, 1), 1, (2, 3)),), 1)
    >>> layout = lay_out(net, {"conv": "strideK1"})
    >>> layout.last_map, layout.total
    ((8, 8), 3456)
    """
    options = chosen_nodes(blueprint, geometry)
    work = _Work(blueprint, options, resize)
    problem = ""
    try:
        work.parts = _plan(blueprint, options)
        for number in range(len(blueprint.nodes)):
            work.place(number)
    except LayoutError as error:
        problem = str(error)
    missing = len(blueprint.nodes) - len(work.maps)
    maps = (*work.maps, *([NO_MAP] * missing))
    macs = (*work.macs, *([0] * missing))
    return Layout(maps, macs, _field(blueprint, options), maps[blueprint.last], problem, work.unsure)


@dataclass(frozen=True, slots=True)
class _Part:
    """What an operation of a shortcut does: reduction and enlargement, and for a sum which side is brought along."""

    kind: str
    stride: Pair
    up: Pair
    argument: int = 0


def _plan(blueprint: Blueprint, options: Mapping[int, Option]) -> dict[int, _Part]:
    """Parts of shortcuts around layers whose stride is another."""
    strided = {number for number, option in options.items() if option.family == "stride"}
    found: dict[int, _Part] = {}
    for join in blueprint.joins:
        main = next((side for side in (0, 1) if strided & set(join.convs[side])), None)
        if main is None or join.source < 0:
            continue
        nodes = blueprint.nodes
        before, after = nodes[join.source].map, nodes[nodes[join.node].inputs[main]].map
        stride, up = [1, 1], [1, 1]
        for axis in (0, 1):
            own, scale = 1, 1.0
            for number in strided & set(join.convs[main]):
                own *= nodes[number].stride[axis]
                scale *= options[number].scale[axis]
            scale *= max(1, round(before[axis] / max(after[axis], 1) / own))
            stride[axis], up[axis] = max(1, round(scale)), max(1, round(1 / scale))
        side = 1 - main
        reducer, kind = join.reducers[side], join.kinds[side]
        sizes = (stride[0], stride[1]), (up[0], up[1])
        if kind and reducer in options:
            here = min(strided & set(join.convs[main]))
            text = f"the geometry of {nodes[reducer].name} follows that of {nodes[here].name}, on the other side"
            raise LayoutError(f"{text} of a residual sum")
        if kind:
            found[reducer] = _Part(kind, *sizes)
        found[join.node] = _Part("join" if kind else "whole", *sizes, side)
    return found


class _Work:
    """Goes through a blueprint once."""

    def __init__(self, blueprint: Blueprint, options: Mapping[int, Option], resize: bool) -> None:
        self.nodes, self.options, self.resize = blueprint.nodes, options, resize
        self.parts: Mapping[int, _Part] = {}
        self.maps: list[Pair] = []
        self.macs: list[int] = []
        self.unsure = ""
        self.lost: set[int] = set()  # operations whose size cannot be told

    def place(self, number: int) -> None:
        node = self.nodes[number]
        if any(given in self.lost for given in node.inputs) and node.kind not in ("fixed", "mean"):
            self.maps.append(NO_MAP)
            self.macs.append(0)
            self.lost.add(number)
            return
        size = self._size(number, node)
        if node.map != NO_MAP and size != NO_MAP and min(size) < 1:
            raise LayoutError(f"no positions are left after {node.name}")
        self.maps.append(size)
        self.macs.append(self._cost(number, node, size))

    def _size(self, number: int, node: Node) -> Pair:
        given = [self.maps[place] for place in node.inputs]
        same = all(size == self.nodes[place].map for size, place in zip(given, node.inputs, strict=True))
        match node.kind:
            case "input" | "fixed" | "mean" | "linear":
                if node.mode == "square" and given[0][0] != given[0][1]:
                    raise LayoutError(f"{node.name} needs a square map, not {_words(given[0])}")
                return node.map
            case "conv" | "pool" | "slice" | "pad" | "transposed":
                return self._moved(number, node, given[0])
            case "flat":
                if not same:
                    raise LayoutError(f"{node.name} needs a map of {_words(self.nodes[node.inputs[0]].map)}, "
                                      f"not {_words(given[0])}")  # fmt: skip
                return node.map
            case "keep":
                return self._kept(number, node, given)
        if not same:
            self.unsure = self.unsure or node.name
            self.lost.add(number)
            return NO_MAP
        return node.map

    def _kept(self, number: int, node: Node, given: list[Pair]) -> Pair:
        part, given = self.parts.get(number), list(given)
        if part is not None:
            side, main = given[part.argument], given[1 - part.argument]
            if self.resize:
                side = main
            else:
                stride = part.stride if part.kind == "whole" else ONES
                side = _each(lambda axis: -(-side[axis] // stride[axis]) * part.up[axis])
            given[part.argument] = side
        wide = [size for size, place in zip(given, node.inputs, strict=True) if self.nodes[place].map == node.map]
        if len(set(wide)) > 1:
            raise LayoutError(f"the two sides of {node.name} differ: {' and '.join(_words(size) for size in wide[:2])}")
        return wide[0] if wide else node.map

    def _moved(self, number: int, node: Node, size: Pair) -> Pair:
        part, option, stride = self.parts.get(number), self.options.get(number), node.stride
        if part is not None:
            if node.kind == "pool":
                if self.resize or part.stride == ONES or part.up != ONES:
                    return size
                return _each(lambda axis: -(-size[axis] // part.stride[axis]))
            stride = ONES if self.resize else part.stride
        if option is not None:
            self._check_border(node, option, size)
            if option.kind == "up":
                return _each(lambda axis: size[axis] * option.size[axis])
            stride = option.size if option.kind == "stride" else stride
        return _each(lambda axis: _side(node, axis, size[axis], stride[axis]))

    def _check_border(self, node: Node, option: Option, size: Pair) -> None:
        kernel, dilation = _applied(node, option)
        for axis in (0, 1):
            more = (dilation[axis] * (kernel[axis] - 1) - node.dilation[axis] * (node.kernel[axis] - 1)) // 2
            if node.mode == "reflect" and max(node.near[axis], node.far[axis]) + more >= size[axis]:
                raise LayoutError(f"the border of {node.name} would be larger than its map of {_words(size)}")

    def _cost(self, number: int, node: Node, size: Pair) -> int:
        if node.kind == "linear":
            return node.unit
        if node.kind not in ("conv", "transposed"):
            return 0
        option = self.options.get(number)
        kernel = option.size if option is not None and option.kind == "ker" else node.kernel
        given = self.maps[node.inputs[0]]
        place = given if node.kind == "transposed" or (option is not None and option.kind == "up") else size
        return node.unit * kernel[0] * kernel[1] * place[0] * place[1]


def _each(side: object) -> Pair:
    return side(0), side(1)  # type: ignore[operator]  # a function of the axis


def _applied(node: Node, option: Option) -> tuple[Pair, Pair]:
    """Kernel and dilation as an option has them."""
    kernel = option.size if option.kind == "ker" else node.kernel
    return kernel, option.size if option.kind == "dil" else node.dilation


def _side(node: Node, axis: int, side: int, stride: int) -> int:
    """One side of the output; a changed kernel or dilation keeps sizes, so that those of the network itself do."""
    if node.kind == "slice" or node.mode == "same":
        return -(-side // stride)
    around = node.near[axis] + node.far[axis]
    if node.kind == "pad":
        return side + around
    reach = node.dilation[axis] * (node.kernel[axis] - 1)
    if node.kind == "transposed":  # `far` holds what is added at the end instead
        return (side - 1) * stride - 2 * node.near[axis] + reach + node.far[axis] + 1
    room = side + around - reach - 1
    if room < 0:
        return 0
    count = -(-room // stride) + 1 if node.mode == "ceil" else room // stride + 1
    if node.mode == "ceil" and (count - 1) * stride >= side + node.near[axis]:
        count -= 1
    return count


def _words(size: Pair) -> str:
    return f"{size[0]} × {size[1]}"


def receptive_field(blueprint: Blueprint, geometry: Mapping[str, str]) -> tuple[float, float]:
    """Nominal receptive field of a geometry: (rows, columns) of the last convolution, pixels; see :class:`Layout`."""
    return _field(blueprint, chosen_nodes(blueprint, geometry, strict=False))


def _field(blueprint: Blueprint, options: Mapping[int, Option]) -> tuple[float, float]:
    """Nominal receptive field of the last spatial layer: the largest of all ways from the input.

    Per layer ``r += d (k - 1) j``, then ``j *= s`` with jump j; before a fractional stride ``j /= u``.
    """
    reach: list[tuple[tuple[float, float], tuple[float, float]]] = []  # per axis: field, jump
    last = (1.0, 1.0)
    for number, node in enumerate(blueprint.nodes):
        widest = max((reach[place] for place in node.inputs), key=lambda item: item[0][0] + item[1][0], default=None)
        option = options.get(number)
        kernel, dilation = _applied(node, option) if option is not None else (node.kernel, node.dilation)
        stride: tuple[float, float] = option.scale if option is not None and option.family == "stride" else node.stride
        spatial = node.kind in ("conv", "transposed", "pool")
        after: list[tuple[float, float]] = []
        for axis in (0, 1):
            field, jump = widest[axis] if widest is not None else (1.0, 1.0)
            if spatial:
                jump = jump * stride[axis] if stride[axis] < 1 else jump
                field += dilation[axis] * (kernel[axis] - 1) * jump
                jump = jump * stride[axis] if stride[axis] >= 1 else jump
            after.append((field, jump))
        reach.append((after[0], after[1]))
        if node.kind in ("conv", "transposed"):
            last = max(last[0], after[0][0]), max(last[1], after[1][0])
    return last
