"""A network made by a function in the user's own file, ``PATH.py:FACTORY``. Runs that code, so only when trusted."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import inspect
import re
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from analysis.catalogue import nearest
from analysis.loading.weight_files import read_bytes
from analysis.problems import AnalysisError

FORM = "Write PATH.py:FUNCTION, where the function needs no arguments and returns the network."


def split(name: str) -> tuple[Path, str] | None:
    r"""Split ``PATH.py:FACTORY`` at its last colon; None if the text is nothing like it.

    Examples
    --------
    >>> split(r"C:\nets\mine.py:make")[1]
    'make'
    >>> split("timm:resnet18") is None
    True
    """
    found = re.fullmatch(r"(?P<path>.+\.py)(?::(?P<factory>[^:/\\]*))?", name, flags=re.DOTALL)
    return (Path(found["path"]), found["factory"] or "") if found else None


def make(path: Path, factory: str, trust: bool) -> tuple[nn.Module, str]:
    """Call a factory.

    Parameters
    ----------
    path, factory
        The file, and the name of the function or class in it.
    trust
        Whether the user allows the file to run.

    Returns
    -------
    tuple[nn.Module, str]
        The network as made, and the SHA-256 of the file.

    Raises
    ------
    AnalysisError
        With code "needs_trust" without trust; otherwise if the file or the function is missing, needs arguments, fails,
        or returns something else.
    """
    source = read_bytes(path)
    names = _definitions(source, path)
    if not factory:
        raise AnalysisError(f"{path.name} is given without a function.", _choices(names))
    if not trust:
        text = f"{path.name} is code that would run with your rights."
        raise AnalysisError(text, "Add --trust if you know what it does.", code="needs_trust")
    with _importable(path.parent):
        module = _import(source, path)
        maker = getattr(module, factory, None)
        if maker is None:
            raise AnalysisError(f"{path.name} has no function '{factory}'.", nearest(factory, names) if names else FORM)
        net = _call(maker, path, factory)
    return net, hashlib.sha256(source).hexdigest()


def _definitions(source: bytes, path: Path) -> list[str]:
    """Names of the functions and classes of a file, without running it."""
    try:
        tree = ast.parse(source, filename=str(path))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        where = f" in line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        reason = error.msg if isinstance(error, SyntaxError) else str(error)
        raise AnalysisError(f"{path.name} is not valid Python{where}: {reason}.", "Correct the file.") from None
    return [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]


def _choices(names: list[str]) -> str:
    return f"It has {', '.join(names)}. {FORM}" if names else FORM


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """Let the file import its neighbours; what it imported from its folder is read afresh the next time."""
    before = set(sys.modules)
    place = str(folder.resolve())
    sys.path.insert(0, place)
    try:
        yield
    finally:
        sys.path.remove(place)
        for name in set(sys.modules) - before:
            origin = getattr(sys.modules[name], "__file__", None) or ""
            ours = name.partition(".")[0] == __package__ or "site-packages" in origin
            if origin and Path(origin).is_relative_to(place) and not ours:
                del sys.modules[name]


def _import(source: bytes, path: Path) -> ModuleType:
    name = f"layerscope_user_{path.stem}"
    spec = importlib.util.spec_from_loader(name, loader=None, origin=str(path))
    assert spec is not None  # only None for a missing name
    module = importlib.util.module_from_spec(spec)
    module.__file__ = str(path.resolve())
    sys.modules[name] = module  # dataclasses and pickle look a class's module up
    try:
        exec(compile(source, str(path), "exec"), module.__dict__)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a script may even call sys.exit
        raise AnalysisError(
            f"{path.name} fails {_where(error, path)}.", "Correct the file.", items=_trace(error)
        ) from None
    return module


def _call(maker: Any, path: Path, factory: str) -> nn.Module:
    if isinstance(maker, nn.Module):
        text = f"'{factory}' in {path.name} is a network itself, not a function that makes one."
        raise AnalysisError(text, FORM)
    if not callable(maker):
        raise AnalysisError(f"'{factory}' in {path.name} is no function but a {type(maker).__name__}.", FORM)
    required = _required(maker)
    if required:
        text = f"{factory} in {path.name} needs arguments: {', '.join(required)}."
        raise AnalysisError(text, "Add a function without arguments that calls it.")
    try:
        net = maker()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        text = f"{factory} in {path.name} fails {_where(error, path)}."
        raise AnalysisError(text, "Correct the function.", items=_trace(error)) from None
    if not isinstance(net, nn.Module):
        raise AnalysisError(f"{factory} in {path.name} returns a {type(net).__name__}, not a network.", FORM)
    return net


def _required(maker: Any) -> list[str]:
    try:
        parameters = inspect.signature(maker).parameters.values()
    except (TypeError, ValueError):
        return []
    open_ended = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [item.name for item in parameters if item.default is item.empty and item.kind not in open_ended]


def _where(error: BaseException, path: Path) -> str:
    """Say in which line of the user's file an exception arose, and what it was."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    words = str(error).strip().splitlines()
    what = f"{type(error).__name__}: {words[0][:200]}" if words else type(error).__name__
    return f"{f'in line {lines[-1]} ' if lines else ''}with {what}".rstrip(".")


def _trace(error: BaseException) -> tuple[str, ...]:
    return tuple(line.rstrip() for line in traceback.format_exception(error))
