"""Frozen dataclasses to plain JSON values and back.

The one rule for everything that is stored or sent: a description is a frozen dataclass whose fields are numbers,
texts, booleans, ``None``, tuples, mappings with text keys, or further descriptions. Reading checks every field, so
that a damaged file is one clear sentence and never a half-built object.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


class RecordError(ValueError):
    """A stored description does not have the expected form."""


def to_plain(value: Any) -> Any:
    """Turn a description into JSON values: dict, list, str, int, float, bool, None.

    Examples
    --------
    >>> to_plain((1, "a", None))
    [1, 'a', None]
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [to_plain(item) for item in value]
    return value


def from_plain(cls: type[T], plain: Any, where: str = "") -> T:
    """Build the frozen dataclass `cls` from JSON values.

    Parameters
    ----------
    cls
        A dataclass.
    plain
        What :func:`to_plain` made, possibly read from a file.
    where
        Name of the place in the file, for the error message.

    Raises
    ------
    RecordError
        If a field is unknown, missing, or of the wrong type.
    """
    where = where or cls.__name__
    if not isinstance(plain, Mapping):
        raise RecordError(f"{where} should be an object, not {_kind(plain)}")
    hints = get_type_hints(cls)
    fields = {f.name: f for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
    unknown = sorted(set(plain) - set(fields))
    if unknown:
        raise RecordError(f"{where} has no field '{unknown[0]}'; it has {', '.join(fields)}")
    values = {name: _read(hints[name], plain[name], f"{where}.{name}") for name in fields if name in plain}
    for name, field in fields.items():
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if required and name not in values:
            raise RecordError(f"{where} lacks the field '{name}'")
    return cls(**values)


def _read(hint: Any, value: Any, where: str) -> Any:
    origin = get_origin(hint)
    if hint is Any:
        return value
    if origin in (Union, types.UnionType):
        return _read_union(get_args(hint), value, where)
    if origin is tuple:
        return _read_tuple(get_args(hint), value, where)
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        if not isinstance(value, Mapping):
            raise RecordError(f"{where} should be an object, not {_kind(value)}")
        return {str(key): _read(get_args(hint)[1], item, f"{where}.{key}") for key, item in value.items()}
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return from_plain(hint, value, where)
    return _read_scalar(hint, value, where)


def _read_scalar(hint: Any, value: Any, where: str) -> Any:
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, bool) and hint is not bool:
        raise RecordError(f"{where} should be {_name(hint)}, not {_kind(value)}")
    if not isinstance(value, hint):
        raise RecordError(f"{where} should be {_name(hint)}, not {_kind(value)}")
    return value


def _read_union(options: tuple[Any, ...], value: Any, where: str) -> Any:
    if value is None and type(None) in options:
        return None
    problems = []
    for option in options:
        if option is type(None):
            continue
        try:
            return _read(option, value, where)
        except RecordError as error:
            problems.append(error)
    raise problems[0]


def _read_tuple(items: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, (list, tuple)):
        raise RecordError(f"{where} should be a list, not {_kind(value)}")
    if len(items) == 2 and items[1] is Ellipsis:
        return tuple(_read(items[0], item, f"{where}[{i}]") for i, item in enumerate(value))
    if len(items) != len(value):
        raise RecordError(f"{where} should have {len(items)} entries, not {len(value)}")
    return tuple(_read(hint, item, f"{where}[{i}]") for i, (hint, item) in enumerate(zip(items, value, strict=True)))


def _name(hint: Any) -> str:
    return {str: "text", int: "a whole number", float: "a number", bool: "true or false"}.get(hint, str(hint))


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, (list, tuple)):
        return "a list"
    return f"{value!r}"[:60]
