"""Forwards of single modules as readable Python: those with new numbers in them, and shortcuts of removed blocks."""

from __future__ import annotations

import ast
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import torch
from torch import nn
from torch.overrides import resolve_name

from analysis.blocks.removal import ModuleStep, Shortcut
from analysis.rebuilding.differing import Unwritable
from analysis.tracing.trace import Ref


@dataclass(frozen=True, slots=True)
class Function:
    """A forward.

    Attributes
    ----------
    body
        The function without its name: from the bracket of its arguments on.
    imports
        Lines that it needs beside ``import torch``.
    """

    body: str
    imports: tuple[str, ...] = ()

    def named(self, name: str) -> str:
        """Write the function under a name."""
        return f"def {name}{self.body}"


def forward_of(module: nn.Module) -> Function:
    """Write the forward of a module that an edit has given another one.

    Raises
    ------
    Unwritable
        If it uses something that cannot be imported by its name.
    """
    kind: Any = type(module)
    if hasattr(kind, "forward_code"):
        return _tidied(kind.forward_code, kind.forward_names)
    assert isinstance(module, Shortcut)  # there are no other new forwards
    return _of_shortcut(module)


# ---- forwards with new numbers ---------------------------------------------------------------------------------------


def _tidied(code: str, names: Mapping[str, Any]) -> Function:
    tree = ast.parse(code)
    function = next(node for node in tree.body if isinstance(node, ast.FunctionDef))
    tidy = ast.fix_missing_locations(_Tidy().visit(function))
    used = {node.id for node in ast.walk(tidy) if isinstance(node, ast.Name)}
    imports = tuple(sorted({_import(name, names[name]) for name in used & set(names) if names[name] is not torch}))
    return Function(ast.unparse(tidy).partition(function.name)[2], imports)


class _Tidy(ast.NodeTransformer):
    """Takes out what only frees memory or repeats types, and writes slices as people do."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        """Drop types and the setting of names to None."""
        self.generic_visit(node)
        node.returns = None
        for argument in (*node.args.args, *node.args.kwonlyargs):
            argument.annotation = None
        node.body = [part for part in node.body if not _frees(part)]
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        """Turn ``x[slice(None, 3, None)]`` into ``x[:3]``."""
        self.generic_visit(node)
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        new = [_slice(part) for part in parts]
        node.slice = ast.Tuple(new, ast.Load()) if isinstance(node.slice, ast.Tuple) else new[0]
        return node


def _frees(part: ast.stmt) -> bool:
    return isinstance(part, ast.Assign) and isinstance(part.value, ast.Constant) and part.value.value is None


def _slice(part: ast.expr) -> ast.expr:
    if not (isinstance(part, ast.Call) and isinstance(part.func, ast.Name) and part.func.id == "slice"):
        return part
    low, high, step = (None if isinstance(a, ast.Constant) and a.value is None else a for a in part.args)
    return ast.Slice(low, high, step)


def _import(name: str, value: Any) -> str:
    """Write the line that makes a name mean a value."""
    if isinstance(value, float) and name in ("inf", "nan"):
        return f"from math import {name}"
    if isinstance(value, ModuleType):
        return f"import {value.__name__}" if value.__name__ == name else f"import {value.__name__} as {name}"
    home, own = getattr(value, "__module__", None) or "", getattr(value, "__qualname__", "")
    first = home.partition(".")[0]
    if first in ("analysis", "app") or home.startswith("layerscope_user_"):
        home = ""  # not there where the file is run
    if not home or not own.isidentifier() or getattr(sys.modules.get(home), own, None) is not value:
        raise Unwritable(f"a forward uses {own or name}, which cannot be imported by its name")
    return f"from {home} import {own}" + (f" as {name}" if name != own else "")


# ---- shortcuts of removed blocks -------------------------------------------------------------------------------------


def _of_shortcut(module: Shortcut) -> Function:
    """Write the steps of a shortcut; tensors are named by where the recorded pass made them."""
    given = [f"x{number}" for number in module.inputs]
    lines = []
    for step in module.steps:
        if isinstance(step, ModuleStep):
            inputs = ", ".join(f"x{number}" for number in step.inputs)
            lines.append(f"x{step.output} = self.get_submodule({step.path!r})({inputs})")
            continue
        arguments = [_written(item) for item in step.arguments]
        if step.changes:  # the tensor before the block is not this block's to change
            arguments[0] += ".clone()"
        arguments += [f"{key}={_written(item)}" for key, item in step.keywords.items()]
        name = resolve_name(step.call)
        if name is None or not name.startswith("torch.") or "__" in name.replace("__getitem__", ""):
            raise Unwritable(f"a shortcut uses {getattr(step.call, '__name__', 'a function')}, which has no plain name")
        lines.append(f"x{step.output} = {name}({', '.join(arguments)})")
    body = "\n    ".join((*lines, f"return x{module.output}"))
    return Function(f"(self, {', '.join(given)}):\n    {body}")


def _written(item: Any) -> str:
    if isinstance(item, Ref):
        return f"x{item.value}"
    if isinstance(item, tuple):
        return f"({', '.join(map(_written, item))}{',' if len(item) == 1 else ''})"
    if item is None or item is Ellipsis or isinstance(item, (bool, int, float, str, torch.dtype)):
        return repr(item)
    if isinstance(item, slice):
        return f"slice({_written(item.start)}, {_written(item.stop)}, {_written(item.step)})"
    raise Unwritable(f"a shortcut uses a {type(item).__name__}")
