"""The architecture of a network as a graph whose blocks can be folded: read off its rows and their edges."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

import numpy as np

from analysis.config import LayerSpec
from analysis.measures.depth import shown_name
from analysis.measures.layering import Edge, ranks_of
from analysis.result import Result

SMALL = 40
"""A graph of at most so many nodes is shown unfolded at first."""
MOST_LETTERS = 22
"""Letters of a node's title."""


@dataclass(frozen=True, slots=True)
class Joint:
    """An operation that is a node of the graph though no row of results: a pool, a concatenation, a product of ways.

    Attributes
    ----------
    name
        As rows are named, by module path or ``owner:op``.
    type
        What it does, in words.
    shape
        Shape of its output without the batch axis.
    place
        Number of rows that come before it in the order of execution.
    """

    name: str
    type: str
    shape: tuple[int, ...]
    place: int


@dataclass(slots=True, eq=False)
class Group:
    """A module that holds several nodes, such as a block or a stage.

    Attributes
    ----------
    name
        Path of the module.
    parts
        Numbers of the rows and joints inside, in order of execution, those of inner groups too.
    outer
        The group around it, None at the top.
    """

    name: str
    parts: list[int] = field(default_factory=list)
    outer: Group | None = None

    @property
    def depth(self) -> int:
        """Number of groups around it."""
        return 0 if self.outer is None else 1 + self.outer.depth


@dataclass(frozen=True, slots=True)
class GraphNode:
    """A node that is shown: a row, a joint, or a folded group.

    Attributes
    ----------
    name
        Of the row, the joint or the group.
    rows
        The rows it stands for, in order of execution; none for a joint.
    folded
        True for a group.
    joints
        Numbers of the joints it stands for, from the number of rows on.
    """

    name: str
    rows: tuple[int, ...]
    folded: bool = False
    joints: tuple[int, ...] = ()

    @property
    def parts(self) -> tuple[int, ...]:
        """The rows and joints it stands for."""
        return self.rows + self.joints


@dataclass(frozen=True, slots=True)
class Shown:
    """A graph with some groups folded.

    Attributes
    ----------
    nodes
        In order of execution.
    edges
        (source, target) pairs of nodes.
    open_groups
        Names of the groups that are shown unfolded, from outside inwards.
    """

    nodes: tuple[GraphNode, ...]
    edges: tuple[Edge, ...]
    open_groups: tuple[str, ...]


class Architecture:
    """Rows, joints, edges and groups of a network.

    Parameters
    ----------
    layers
        Its rows.
    edges
        (source, target) pairs, as the method `structure` tells them; rows without any are left out.
    joints
        Nodes between rows; in the edges the first of them has the number of rows, and so on.
    """

    def __init__(self, layers: tuple[LayerSpec, ...], edges: Sequence[Edge], joints: Sequence[Joint] = ()) -> None:
        self.layers, self.joints = layers, tuple(joints)
        self.edges = tuple(edges)
        self.parts = tuple(sorted({part for edge in self.edges for part in edge}, key=self._order))
        self.groups: dict[str, Group] = {}
        self._inside: dict[int, Group] = {}
        self._blocks = {layer.name: layer.shape for layer in layers if layer.kind == "block"}
        for part in self.parts:
            self._put(part)
        self._drop_single()

    def _order(self, part: int) -> tuple[int, int]:
        """Place in the order of execution: a joint comes right after the rows before it."""
        number = part - len(self.layers)
        return (part, -1) if number < 0 else (self.joints[number].place - 1, number)

    def part(self, number: int) -> LayerSpec | Joint:
        """Return a row or a joint."""
        return self.layers[number] if number < len(self.layers) else self.joints[number - len(self.layers)]

    def _put(self, part: int) -> None:
        name = self.part(part).name
        owner = name.partition(":")[0] if ":" in name else name.rpartition(".")[0]
        outer: Group | None = None
        parts = [part for part in owner.split(".") if part]
        for length in range(1, len(parts) + 1):
            path = ".".join(parts[:length])
            group = self.groups.setdefault(path, Group(path, [], outer))
            group.parts.append(part)
            outer = group
        if outer is not None:
            self._inside[part] = outer

    def _drop_single(self) -> None:
        """Leave out groups that hold one part, or exactly what the group around them holds."""
        for name, group in list(self.groups.items()):
            same = group.outer is not None and len(group.outer.parts) == len(group.parts)
            if len(group.parts) < 2 or same:
                del self.groups[name]
                for other in self.groups.values():
                    other.outer = group.outer if other.outer is group else other.outer
                self._inside = {
                    part: inside
                    for part, before in self._inside.items()
                    if (inside := group.outer if before is group else before) is not None
                }

    def around(self, part: int) -> list[Group]:
        """List the groups that a row or joint lies in, from outside inwards."""
        found: list[Group] = []
        group = self._inside.get(part)
        while group is not None:
            found.insert(0, group)
            group = group.outer
        return found

    def first_folds(self) -> frozenset[str]:
        """Choose what is folded at first: nothing in a small network, else the innermost level that makes it small."""
        if len(self.parts) <= SMALL:
            return frozenset()
        deepest = max((group.depth for group in self.groups.values()), default=-1)
        folds = frozenset[str]()
        for depth in range(deepest, -1, -1):
            folds = self.level(depth)
            if len(self.show(folds).nodes) <= SMALL:
                break
        return folds

    def level(self, depth: int) -> frozenset[str]:
        """Name the groups that lie in so many others, and those further out that hold none."""
        holding = {id(group.outer) for group in self.groups.values()}
        return frozenset(
            name
            for name, group in self.groups.items()
            if group.depth == depth or (group.depth < depth and id(group) not in holding)
        )

    def show(self, folded: AbstractSet[str]) -> Shown:
        """Fold groups; where folding would make the edges go round in a circle, the largest group stays unfolded."""
        folds = {name for name in folded if name in self.groups}
        while True:
            shown = self._contract(folds)
            if ranks_of(len(shown.nodes), shown.edges) is not None:
                return shown
            folds.discard(max((n for n in shown.nodes if n.folded), key=lambda n: (len(n.parts), n.name)).name)

    def _contract(self, folds: AbstractSet[str]) -> Shown:
        place: dict[str, int] = {}
        inside: list[list[int]] = []
        names: list[tuple[str, bool]] = []
        node_of: dict[int, int] = {}
        opened: dict[str, None] = {}
        for part in self.parts:
            outer = self.around(part)
            fold = next((group.name for group in outer if group.name in folds), "")
            opened |= dict.fromkeys(_before(outer, fold))
            name = fold or self.part(part).name
            key = f"{'+' if fold else ''}{name}"
            if key not in place:
                place[key] = len(inside)
                inside.append([])
                names.append((name, bool(fold)))
            inside[place[key]].append(part)
            node_of[part] = place[key]
        pairs = {(node_of[source], node_of[target]) for source, target in self.edges}
        nodes = tuple(self._node(name, parts, fold) for (name, fold), parts in zip(names, inside, strict=True))
        return Shown(nodes, tuple(sorted(pair for pair in pairs if pair[0] != pair[1])), tuple(opened))

    def _node(self, name: str, parts: list[int], fold: bool) -> GraphNode:
        count = len(self.layers)
        rows, joints = (tuple(part for part in parts if (part < count) is is_row) for is_row in (True, False))
        return GraphNode(name, rows, fold, joints)

    def shape(self, node: GraphNode) -> tuple[int, ...]:
        """Output shape of a node; that of a folded group as its block says, else as the one part says that leaves it.

        Empty where several parts of a group are used outside and nothing says which of them is its output.
        """
        if not node.folded:
            return self.part(node.parts[0]).shape
        if node.name in self._blocks:
            return self._blocks[node.name]
        inside = set(node.parts)
        leaving = {source for source, target in self.edges if source in inside and target not in inside}
        ends = leaving or {max(inside, key=self._order)}
        return self.part(ends.pop()).shape if len(ends) == 1 else ()


def architecture_of(result: Result) -> Architecture | None:
    """Read the graph off a run of `structure`; None for one that was stored without edges.

    Runs of earlier versions know rows only: pools and concatenations are passed through.
    """
    if "edge" not in result:
        return None
    pairs = result["flow"] if "flow" in result else result["edge"]
    joints = []
    if "flow" in result:
        kinds = result.names("kind")
        columns = zip(result.names("joint"), *(result[f"joint_{of}"] for of in ("kind", "place", "shape")), strict=True)
        joints = [
            Joint(name, kinds[int(kind)], tuple(int(size) for size in shape if size >= 0), int(place))
            for name, kind, place, shape in columns
        ]
    edges = [(int(source), int(target)) for source, target in np.asarray(pairs)]
    return Architecture(result.layers, edges, joints)


def _before(groups: Iterable[Group], name: str) -> list[str]:
    """Names of the groups outside of a folded one; all of them if none is folded."""
    found = []
    for group in groups:
        if group.name == name:
            break
        found.append(group.name)
    return found


def title(node: GraphNode, most: int = MOST_LETTERS) -> str:
    """Name of a node, or as many of its last parts as fit into some letters.

    Examples
    --------
    >>> title(GraphNode("layer1.0.conv1", (3,))), title(GraphNode("features.denseblock3.denselayer24.conv2", (9,)))
    ('layer1.0.conv1', '…denselayer24.conv2')
    >>> title(GraphNode(":add", (3,)))
    'add'
    """
    whole = name = shown_name(node.name)
    while len(name) > most and "." in name:
        name = name.partition(".")[2]
    return name if name == whole else f"…{name}"


def subtitle(architecture: Architecture, node: GraphNode) -> str:
    """Type and output shape of a node: "Conv2d 3×3 · 16×32×32", or how much a folded group holds."""
    shape = "×".join(str(size) for size in architecture.shape(node))
    if node.folded:
        inside = sum(architecture.layers[row].kind in ("conv", "linear") for row in node.rows)
        count, of = (inside, "layer") if inside else (len(node.parts), "operation")
        what = f"{count} {of}{'' if count == 1 else 's'}"
        return f"{what} · {shape}" if shape else what
    part = architecture.part(node.parts[0])
    what = part.type or (part.kind if isinstance(part, LayerSpec) else "")
    if isinstance(part, LayerSpec) and part.kernel:
        what += " " + "×".join(str(size) for size in part.kernel)
    return f"{what} · {shape}" if shape else what
