"""The architecture of a network as a graph whose blocks can be folded: read off its rows and their edges."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from analysis.config import LayerSpec
from analysis.measures.layering import Edge, ranks_of

SMALL = 40
"""A graph of at most so many nodes is shown unfolded at first."""
MOST_LETTERS = 22
"""Letters of a node's title."""


@dataclass(slots=True, eq=False)
class Group:
    """A module that holds several rows, such as a block or a stage.

    Attributes
    ----------
    name
        Path of the module.
    rows
        Rows inside, in order, those of inner groups too.
    outer
        The group around it, None at the top.
    """

    name: str
    rows: list[int] = field(default_factory=list)
    outer: Group | None = None

    @property
    def depth(self) -> int:
        """Number of groups around it."""
        return 0 if self.outer is None else 1 + self.outer.depth


@dataclass(frozen=True, slots=True)
class GraphNode:
    """A node that is shown: a row, or a folded group.

    Attributes
    ----------
    name
        Of the row, or of the group.
    rows
        The rows it stands for; the last one is its output.
    folded
        True for a group.
    """

    name: str
    rows: tuple[int, ...]
    folded: bool = False


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
    """Rows, edges and groups of a network.

    Parameters
    ----------
    layers
        Its rows.
    edges
        (source, target) pairs of rows, as the method `structure` tells them; rows without any are left out.
    """

    def __init__(self, layers: tuple[LayerSpec, ...], edges: Sequence[Edge]) -> None:
        self.layers = layers
        self.edges = tuple(edges)
        self.rows = tuple(sorted({row for edge in self.edges for row in edge}))
        self.groups: dict[str, Group] = {}
        self._inside: dict[int, Group] = {}
        for row in self.rows:
            self._put(row)
        self._drop_single()

    def _put(self, row: int) -> None:
        name = self.layers[row].name
        owner = name.partition(":")[0] if ":" in name else name.rpartition(".")[0]
        outer: Group | None = None
        parts = [part for part in owner.split(".") if part]
        for length in range(1, len(parts) + 1):
            path = ".".join(parts[:length])
            group = self.groups.setdefault(path, Group(path, [], outer))
            group.rows.append(row)
            outer = group
        if outer is not None:
            self._inside[row] = outer

    def _drop_single(self) -> None:
        """Leave out groups that hold one row, or exactly what the group around them holds."""
        for name, group in list(self.groups.items()):
            same = group.outer is not None and len(group.outer.rows) == len(group.rows)
            if len(group.rows) < 2 or same:
                del self.groups[name]
                for other in self.groups.values():
                    other.outer = group.outer if other.outer is group else other.outer
                self._inside = {
                    row: inside
                    for row, before in self._inside.items()
                    if (inside := group.outer if before is group else before) is not None
                }

    def around(self, row: int) -> list[Group]:
        """List the groups that a row lies in, from outside inwards."""
        found: list[Group] = []
        group = self._inside.get(row)
        while group is not None:
            found.insert(0, group)
            group = group.outer
        return found

    def first_folds(self) -> frozenset[str]:
        """Choose what is folded at first: nothing in a small network, else the innermost level that makes it small."""
        if len(self.rows) <= SMALL:
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
            folds.discard(max((n for n in shown.nodes if n.folded), key=lambda n: (len(n.rows), n.name)).name)

    def _contract(self, folds: AbstractSet[str]) -> Shown:
        place: dict[str, int] = {}
        rows: list[list[int]] = []
        names: list[tuple[str, bool]] = []
        node_of: dict[int, int] = {}
        opened: dict[str, None] = {}
        for row in self.rows:
            outer = self.around(row)
            fold = next((group.name for group in outer if group.name in folds), "")
            opened |= dict.fromkeys(_before(outer, fold))
            name = fold or self.layers[row].name
            key = f"{'+' if fold else ''}{name}"
            if key not in place:
                place[key] = len(rows)
                rows.append([])
                names.append((name, bool(fold)))
            rows[place[key]].append(row)
            node_of[row] = place[key]
        pairs = {(node_of[source], node_of[target]) for source, target in self.edges}
        nodes = tuple(GraphNode(name, tuple(inside), fold) for (name, fold), inside in zip(names, rows, strict=True))
        return Shown(nodes, tuple(sorted(pair for pair in pairs if pair[0] != pair[1])), tuple(opened))


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
    """
    name = node.name
    while len(name) > most and "." in name:
        name = name.partition(".")[2]
    return name if name == node.name else f"…{name}"


def subtitle(layers: tuple[LayerSpec, ...], node: GraphNode) -> str:
    """Type and output shape of a node: "Conv2d 3×3 · 16×32×32", or how much a folded group holds."""
    last = layers[node.rows[-1]]
    shape = "×".join(str(size) for size in last.shape)
    if node.folded:
        inside = sum(layers[row].kind in ("conv", "linear") for row in node.rows)
        what = f"{inside} layer{'' if inside == 1 else 's'}"
        return f"{what} · {shape}" if shape else what
    what = last.type or last.kind
    if last.kernel:
        what += " " + "×".join(str(size) for size in last.kernel)
    return f"{what} · {shape}" if shape else what
