"""The layers of a network as a tree or a list for Qt's views: nothing is made before a view asks for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
from PySide6.QtCore import QAbstractItemModel, QModelIndex, QObject, QPersistentModelIndex, Qt
from PySide6.QtGui import QFont

from analysis.config import LayerSpec
from app.reading import numbers
from app.reading.depth import LAYER_KINDS, shown_name
from app.reading.glossary import LAYER_TERMS, SHORT, TERMS
from app.reading.measurements import NON_FINITE, NOT_APPLICABLE, NOT_MEASURED, STATE_WORDS, VALUE, ZERO, Metric, Values
from app.reading.switched import Change

Index = QModelIndex | QPersistentModelIndex
DELTA = ".delta"
"""End of the key of a column of differences."""
SWITCHED = "switched"
"""Key of the column of what the selected configuration changes."""
DIFFERENCE = "This network minus the one it is compared with."
HEAT = Qt.ItemDataRole.UserRole
"""Role of a number between 0 and 1 for coloured cells."""
FACTS = ("name", "type", "shape", "kernel")
FACT_TITLES = {"name": "Layer", "type": "Type", "shape": "Output", "kernel": "Kernel"}
MARKS = {NOT_MEASURED: "", NOT_APPLICABLE: "", NON_FINITE: "×", ZERO: "0"}


@dataclass(slots=True, eq=False)
class Node:
    """A module or a layer in the tree.

    Attributes
    ----------
    label, name
        Last part, and the whole name.
    row
        Row of the network, -1 for a module that is none.
    parent, children, place
        The tree; `place` is the number among the siblings that are shown.
    """

    label: str
    name: str
    row: int = -1
    parent: Node | None = None
    children: list[Node] = field(default_factory=list)
    place: int = 0

    @property
    def depth(self) -> int:
        """Number of nodes above it, the root included."""
        return 0 if self.parent is None else 1 + self.parent.depth

    def rows(self) -> Iterable[int]:
        """Rows of this node and of everything below it."""
        if self.row >= 0:
            yield self.row
        for child in self.children:
            yield from child.rows()


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One column of the table.

    A fact (no metric), a metric with its values or its difference to another network, or what a configuration changes.
    Of a metric that edits change, `after` holds the values of the edited network by layer.
    """

    key: str
    title: str
    metric: Metric | None = None
    values: Values | None = None
    low: float = 0.0
    high: float = 1.0
    delta: bool = False
    changes: Mapping[str, Change] | None = None
    after: Mapping[str, float] = field(default_factory=dict)

    @staticmethod
    def of_delta(metric: Metric, values: Values) -> Column:
        """Make a column of how much larger a metric is than in the network compared with."""
        shown = np.abs(values.values[values.states <= ZERO])
        return Column(f"{metric.key}{DELTA}", "Δ", metric, values, 0.0, float(shown.max(initial=0.0)), delta=True)

    @staticmethod
    def of_changes(changes: Mapping[str, Change]) -> Column:
        """Make a column of what the selected configuration changes, by layer."""
        return Column(SWITCHED, TERMS["switched"].title, changes=changes)

    def difference(self, value: float) -> str:
        """Write a difference: all of a column with the same decimals, so that small ones look small."""
        if self.high >= 1000:
            return ("+" if value > 0 else "") + numbers.short(value, self.metric.unit if self.metric else "")
        whole = self.values is not None and bool(np.all(np.nan_to_num(self.values.values) % 1 == 0))
        return numbers.signed(value, 0 if whole else min(3, numbers.decimals(self.high, 2)))

    @staticmethod
    def of(metric: Metric, values: Values, after: Mapping[str, float]) -> Column:
        """Make a column of a metric, with colours from 0 (or its least value) to its greatest."""
        shown = values.values[values.states <= ZERO]
        low = min(0.0, float(shown.min())) if shown.size else 0.0
        return Column(metric.key, metric.title, metric, values, low, max(low + 1e-12, values.largest()), after=after)


class LayersModel(QAbstractItemModel):
    """Rows of a network with facts and metrics.

    Sorting and filtering happen here, on plain arrays: a proxy in Python would be asked for every cell.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.layers: tuple[LayerSpec, ...] = ()
        self.columns: list[Column] = [Column(name, FACT_TITLES[name]) for name in FACTS[:1]]
        self.flat = False
        self.pattern = ""
        self.rows_between: tuple[int, int] | None = None
        self.sorted_by: tuple[str, bool] = ("", False)
        self.code = QFont()
        self._root = Node("", "")
        self._nodes: dict[str, Node] = {}

    # -- content -----------------------------------------------------------------------------------------------------

    def set_layers(self, layers: tuple[LayerSpec, ...]) -> None:
        """Show another network."""
        self.layers = layers
        self.rebuild()

    def set_columns(self, columns: Sequence[Column]) -> bool:
        """Show other columns; True if the view has to begin anew, False if only values have changed."""
        same = [column.key for column in columns] == [column.key for column in self.columns]
        if same:
            self.columns = list(columns)
            last = self.rowCount() - 1
            if last >= 0:
                self.dataChanged.emit(self.index(0, 0), self.index(last, len(columns) - 1))
            return False
        self.beginResetModel()
        self.columns = list(columns)
        self.endResetModel()
        return True

    def rebuild(self) -> None:
        """Lay out rows again after the network, filter, span, order or form has changed."""
        self.beginResetModel()
        shown = self._shown_rows()
        self._root = Node("", "")
        self._nodes = {}
        if self.flat:
            self._root.children = [Node(shown_name(self.layers[row].name), self.layers[row].name, row) for row in shown]
            for node in self._root.children:
                node.parent = self._root
                self._nodes[node.name] = node
        else:
            for row in shown:
                self._add(self.layers[row].name, row)
        self._sort(self._root)
        self.endResetModel()

    def _shown_rows(self) -> list[int]:
        first, last = self.rows_between or (0, len(self.layers) - 1)
        words = self.pattern.lower().split()
        return [
            row
            for row, layer in enumerate(self.layers)
            if first <= row <= last and all(_fits(layer, word) for word in words)
        ]

    def _add(self, name: str, row: int) -> None:
        node = self._node(name)
        node.row = row

    def _node(self, name: str) -> Node:
        if name in self._nodes:
            return self._nodes[name]
        cut = max(name.rfind("."), name.rfind(":"))
        parent = self._node(name[:cut]) if cut > 0 else self._root
        node = Node(name[cut + 1 :] or name, name, parent=parent)
        parent.children.append(node)
        self._nodes[name] = node
        return node

    def _sort(self, node: Node) -> None:
        key, falling = self.sorted_by
        column = next((column for column in self.columns if column.key == key), None)
        if column is not None:
            known = [child for child in node.children if self._sort_key(child, column) is not None]
            known.sort(key=lambda child: self._sort_key(child, column), reverse=falling)  # type: ignore[arg-type,return-value]  # None was taken out
            node.children = known + [child for child in node.children if self._sort_key(child, column) is None]
        for place, child in enumerate(node.children):
            child.place = place
            if child.children:
                self._sort(child)

    def _sort_key(self, node: Node, column: Column) -> float | str | None:
        if column.metric is not None:
            value = self._number(node, column)
            return None if np.isnan(value) else value
        if column.changes is not None:
            return self.text(node, column) or None
        return _fact(self.layers[node.row], column.key).lower() if node.row >= 0 else node.name.lower()

    def _number(self, node: Node, column: Column) -> float:
        """Value of a node: its own, or for costs of a module the sum of what lies below."""
        if column.values is None or column.metric is None:
            return float("nan")
        if column.metric.combine == "sum" and node.children and not column.delta:
            rows = list(node.rows())
            there = [row for row in rows if column.values.states[row] <= ZERO]
            return float(column.values.values[there].sum()) if there else float("nan")
        return float(column.values.values[node.row]) if node.row >= 0 else float("nan")

    # -- what views ask ----------------------------------------------------------------------------------------------

    def node(self, index: Index) -> Node:
        """Node behind an index, the root for an invalid one."""
        found = index.internalPointer() if index.isValid() else None
        return found if isinstance(found, Node) else self._root

    def index_of(self, name: str, column: int = 0) -> QModelIndex:
        """Index of a layer, invalid if it is not shown."""
        node = self._nodes.get(name)
        return self.createIndex(node.place, column, node) if node is not None else QModelIndex()

    @property
    def comparing(self) -> bool:
        """True if there are columns of differences."""
        return any(column.delta for column in self.columns)

    @property
    def crowded(self) -> bool:
        """True if there are columns beside those that were chosen, so that long names have less room."""
        return self.comparing or any(column.changes is not None for column in self.columns)

    def count(self) -> int:
        """Count the layers that are shown."""
        return sum(node.row >= 0 for node in self._nodes.values())

    def names_below(self, index: Index) -> list[str]:
        """Name of a layer, or the layers proper of a module."""
        node = self.node(index)
        if node.row >= 0:
            return [node.name]
        return [self.layers[row].name for row in node.rows() if self.layers[row].kind in LAYER_KINDS]

    def index(self, row: int, column: int, parent: Index = QModelIndex()) -> QModelIndex:  # noqa: B008 - Qt's default
        """Return the index of a child."""
        children = self.node(parent).children
        inside = 0 <= row < len(children) and 0 <= column < len(self.columns)
        return self.createIndex(row, column, children[row]) if inside else QModelIndex()

    def parent(self, index: Index = QModelIndex()) -> QModelIndex:  # type: ignore[override]  # noqa: B008 - Qt overloads it
        """Return the index of the module around a node."""
        above = self.node(index).parent
        if above is None or above is self._root:
            return QModelIndex()
        return self.createIndex(above.place, 0, above)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's default
        """Count children."""
        return 0 if parent.column() > 0 else len(self.node(parent).children)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's default
        """Count columns."""
        return len(self.columns)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return text, colour, alignment or tool tip of a cell."""
        if not index.isValid():
            return None
        column, node = self.columns[index.column()], self.node(index)
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return self.text(node, column)
            case Qt.ItemDataRole.ToolTipRole:
                return self.tip(node, column)
            case Qt.ItemDataRole.TextAlignmentRole if column.metric is not None:
                return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            case Qt.ItemDataRole.FontRole if column.key == "name":
                return self.code
            case _ if role == HEAT:
                return self.heat(node, column)
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the title of a column, or its definition."""
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < len(self.columns):
            return None
        column = self.columns[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return SHORT.get(column.title, column.title)
        if role == Qt.ItemDataRole.ToolTipRole and column.metric is not None:
            unit = f" ({column.metric.unit})" if column.metric.unit else ""
            if column.delta:
                return f"{column.metric.title}{unit}: {DIFFERENCE}"
            return f"{column.title}{unit}: {column.metric.definition}"
        if role == Qt.ItemDataRole.ToolTipRole and column.changes is not None:
            return TERMS[column.key].definition
        if role == Qt.ItemDataRole.ToolTipRole and column.title in LAYER_TERMS:
            return LAYER_TERMS[column.title].definition
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if column.metric is not None else Qt.AlignmentFlag.AlignLeft
            return int(side | Qt.AlignmentFlag.AlignVCenter)
        return None

    # -- cells -------------------------------------------------------------------------------------------------------

    def text(self, node: Node, column: Column) -> str:
        """Return a cell as it is shown: three significant digits."""
        if column.metric is None or column.values is None:
            if column.changes is not None:
                return column.changes[node.name].short if node.name in column.changes else ""
            if column.key == "name":
                return node.label
            return _fact(self.layers[node.row], column.key) if node.row >= 0 else ""
        value = self._number(node, column)
        if not np.isnan(value):
            return column.difference(value) if column.delta else _with_after(value, node, column, numbers.short)
        return MARKS.get(int(column.values.states[node.row]), "") if node.row >= 0 else ""

    def exact(self, node: Node, column: Column) -> str:
        """Return a cell for another program: all digits."""
        if column.metric is None:
            return node.name if column.key == "name" else self.text(node, column)
        return numbers.plain(self._number(node, column))

    def tip(self, node: Node, column: Column) -> str:
        """Return what is said on hovering: the exact value and its definition."""
        if column.changes is not None and node.name in column.changes:
            return f"{node.name}\n{column.changes[node.name].sentence}\n{TERMS[SWITCHED].definition}"
        if column.metric is None or column.values is None:
            return node.name
        state = int(column.values.states[node.row]) if node.row >= 0 else VALUE
        value = self._number(node, column)
        if column.delta:
            words = "nothing to compare with" if np.isnan(value) else numbers.exact(value, column.metric.unit)
            return f"{node.name}\n{column.metric.title}: {words}\n{DIFFERENCE}"
        words = STATE_WORDS[state] if np.isnan(value) else _with_after(value, node, column, numbers.exact)
        low, high = column.values.low, column.values.high
        if node.row >= 0 and low is not None and high is not None and np.isfinite(low[node.row]):
            words += f", 95 % interval {low[node.row]:.6g} to {high[node.row]:.6g}"
        return f"{node.name}\n{column.title}: {words}\n{column.metric.definition}" if words else node.name

    def heat(self, node: Node, column: Column) -> float | None:
        """Return the place of a value between the least and the greatest of its column, None for no colour.

        Only what was measured is coloured: widths and costs are read as numbers.
        """
        if column.metric is None or column.values is None or column.metric.method == "structure" or node.row < 0:
            return None
        if column.delta:
            return None
        if column.values.states[node.row] > ZERO:
            return None
        value = float(column.values.values[node.row])
        return (value - column.low) / (column.high - column.low)

    def table(self, nodes: Sequence[Node]) -> str:
        """Return rows as tab-separated text with a header line; exact numbers."""
        titles = [f"{c.metric.title} difference" if c.delta and c.metric else c.title for c in self.columns]
        lines = ["\t".join(titles)]
        lines += ["\t".join(self.exact(node, column) for column in self.columns) for node in nodes]
        return "\n".join(lines) + "\n"

    def walk(self) -> list[Node]:
        """All nodes in the order in which they are shown."""
        found: list[Node] = []
        waiting = list(reversed(self._root.children))
        while waiting:
            node = waiting.pop()
            found.append(node)
            waiting += reversed(node.children)
        return found


def _fits(layer: LayerSpec, word: str) -> bool:
    """Tell whether a word, or a pattern with asterisks, is part of a layer's name, type or kind."""
    texts = (layer.name.lower(), layer.type.lower(), layer.kind)
    if "*" in word or "?" in word:
        return any(fnmatchcase(text, word) for text in texts)
    return any(word in text for text in texts)


def _with_after(value: float, node: Node, column: Column, write: Callable[[float, str], str]) -> str:
    """Write a value, and beside it that of the edited network where this is another one."""
    assert column.metric is not None  # only metrics have values
    of_many = column.metric.combine == "sum" and bool(node.children)
    after = value if of_many else column.after.get(node.name, value)
    values = (value,) if after == value else (value, after)
    return numbers.ARROW.join(write(one, column.metric.unit) for one in values)


def _fact(layer: LayerSpec, key: str) -> str:
    if key == "name":
        return layer.name
    if key == "type":
        return layer.type
    return numbers.shape(layer.shape if key == "shape" else layer.kernel)
