"""The forward pass of one module as code, with its operations matched to those that were recorded.

All children are leaves: only the module's own forward is read. Matching is by the order inside the forward, never by a
count over the whole network, so that one more operation elsewhere shifts nothing.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence

from torch import fx, nn
from torch.fx.node import Node

from analysis.tracing.operations import operation_name

_PLAIN = frozenset({"size", "dim", "numel", "len", "ndimension", "item", "int", "float", "getattr"})
_SEVERAL = frozenset({"chunk", "split", "tensor_split", "split_with_sizes", "unbind"})
_IN_PLACE = {"iadd": "add", "isub": "sub", "imul": "mul", "itruediv": "div", "ifloordiv": "floordiv"}


class Unreadable(Exception):
    """The forward of a module cannot be read as a sequence of operations that fits what was recorded."""


class _OwnForward(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Take every child as one operation."""
        return True


def read(module: nn.Module) -> fx.Graph:
    """Read a module's own forward.

    Raises
    ------
    Unreadable
        If it branches on numbers, assigns into tensors, or does anything else that cannot be followed by symbols.
    """
    try:
        return _OwnForward().trace(module)
    except Exception as error:  # whatever the user's forward raises when it meets symbols instead of numbers
        raise Unreadable(str(error)) from error


def match(graph: fx.Graph, names: Sequence[str]) -> list[Node]:
    """Give the node of each recorded operation of one call of the forward.

    Parameters
    ----------
    graph
        The forward.
    names
        Normalised names of the recorded operations in their order.

    Raises
    ------
    Unreadable
        If they are not the same operations.
    """
    kinds: dict[Node, str] = {}
    found = []
    for node in graph.nodes:
        kinds[node] = _kind(node, kinds)
        if node.op in ("call_function", "call_method") and kinds[node] in ("tensor", "tensors"):
            if node_name(node) == "getitem" and kinds.get(node.args[0]) == "tensors":  # an entry of a tuple
                continue
            found.append(node)
    if [node_name(node) for node in found] != list(names):
        raise Unreadable("the operations are not those that were recorded")
    return found


def node_name(node: Node) -> str:
    """Name of a node's operation as in a recording."""
    if node.op == "call_method":
        return operation_name(_Named(str(node.target)))
    if node.target is getattr:
        return str(node.args[1])
    name = operation_name(node.target)
    return _IN_PLACE.get(name, name) if node.target in vars(operator).values() else name


class _Named:
    """Something with a name, for `operation_name`."""

    def __init__(self, name: str) -> None:
        self.__name__ = name

    def __call__(self) -> None:
        """Do nothing; an operation is something that can be called."""


def _kind(node: Node, kinds: dict[Node, str]) -> str:
    """Tell what a node yields: "tensor", "tensors" (a tuple of them), or "plain" numbers."""
    if node.op in ("placeholder", "call_module", "get_attr"):
        return "tensor"
    if node.op == "output":
        return "plain"
    if node.target is getattr:
        return "tensor" if node.args[1] in ("T", "mT", "data") else "plain"
    if node_name(node) in _PLAIN:
        return "plain"
    inputs = [kinds.get(other, "plain") for other in node.all_input_nodes]
    if node_name(node) == "getitem":
        base = kinds.get(node.args[0], "plain")  # type: ignore[arg-type]
        return "tensor" if base == "tensors" else base
    if all(kind == "plain" for kind in inputs):
        return "plain"
    return "tensors" if node_name(node) in _SEVERAL else "tensor"
