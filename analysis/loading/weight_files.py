"""Read weight files without ever running code that they carry.

Two formats: safetensors, and what ``torch.save`` writes (zip archives since torch 1.6, a chain of pickles before). The
format is told from the content. Pickles are first read by torch's restricted unpickler (``weights_only=True``); one
that asks for anything else is refused and named, and read without restriction only where the user trusts the file.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import pickletools
import re
import stat
import struct
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import safetensors
import safetensors.torch
import torch

from analysis.problems import AnalysisError

SUFFIXES = (".safetensors", ".pt", ".pth", ".th", ".bin", ".ckpt", ".tar")
LARGEST_HEADER = 100_000_000
"""Bytes of a safetensors header; the limit of the format itself."""

HARMLESS = re.compile(
    r"torch\.(_utils|storage|nn\.parameter)\.|torch\.(\w+Storage|Size|device|serialization\._get_layout)$"
    r"|torch\.(float|bfloat|int|uint|bool|complex|double|half|long)\w*$|collections\.(OrderedDict|Counter)$|_codecs\.encode$"
)
"""What ordinary checkpoints ask for. Only for naming the culprit: what is allowed is decided by torch."""

OTHER_FILE = "Choose another file, or save the weights anew with torch.save(net.state_dict(), FILE)."


@dataclass(frozen=True, slots=True, eq=False)
class Content:
    """What a weight file holds.

    Attributes
    ----------
    value
        Name to tensor for safetensors; for other files whatever was saved, restricted to plain values and tensors
        unless the file was trusted.
    notes
        Texts from the header of a safetensors file, e.g. its own ``__metadata__``.
    """

    value: Any
    notes: Mapping[str, str]


def read(path: str | Path, trust: bool = False) -> Content:
    """Read a weight file, all tensors on the CPU.

    Parameters
    ----------
    path
        A file in one of the formats above.
    trust
        Unpickle without restriction where the restricted reader refuses. Such a file can run any code.

    Raises
    ------
    AnalysisError
        If the file cannot be read, is damaged or of another format; with code "needs_trust" if only unrestricted
        unpickling could read it.
    """
    data = read_bytes(path)
    name = Path(path).name
    if not data:
        raise AnalysisError(f"{name} is empty.", OTHER_FILE)
    if data.startswith(b"version https://git-lfs"):
        raise AnalysisError(f"{name} is only a Git LFS pointer to the weights.", "Fetch them with git lfs pull.")
    if name.endswith(".safetensors") or _looks_like_safetensors(data):
        return _read_safetensors(name, data)
    if data.startswith(b"PK"):
        _check_archive(name, data)
    return Content(_read_pickled(name, data, trust), {})


def read_bytes(path: str | Path) -> bytes:
    """Return the content of a regular file that fits into memory.

    Raises
    ------
    AnalysisError
        For everything else, in one sentence.
    """
    with _opened(path) as file:
        return file.read()


def read_notes(path: str | Path) -> Mapping[str, str]:
    """Return the texts in the header of a safetensors file without reading its tensors; empty for other files.

    Raises
    ------
    AnalysisError
        If the file cannot be read.
    """
    with _opened(path) as file:
        start = file.read(9)
        if len(start) < 9 or start[8:] != b"{":
            return {}
        (length,) = struct.unpack("<Q", start[:8])
        file.seek(0)
        try:
            notes = safetensors_header(file.read(8 + min(length, LARGEST_HEADER))).get("__metadata__")
        except (ValueError, RecursionError):
            return {}
    return {str(key): str(text) for key, text in notes.items()} if isinstance(notes, dict) else {}


@contextmanager
def _opened(path: str | Path) -> Iterator[BinaryIO]:
    name = Path(path).name or str(path)
    try:
        status = os.stat(path)
        if stat.S_ISDIR(status.st_mode):
            raise AnalysisError(f"{name} is a folder, not a file.", "Name a file in it.")
        if not stat.S_ISREG(status.st_mode):
            # Reading a pipe or a terminal would wait for ever.
            raise AnalysisError(f"{name} is not a regular file.", OTHER_FILE)
        if status.st_size > _memory():
            raise AnalysisError(f"{name} is larger than this computer's memory.", OTHER_FILE)
        with open(path, "rb") as file:
            yield file
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise AnalysisError(f"{name} cannot be read: {reason}.", "Check the name and its permissions.") from None
    except MemoryError:
        raise AnalysisError(f"{name} does not fit into memory.", OTHER_FILE) from None


def _memory() -> int:
    """Bytes of main memory; a large number where the system does not tell."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return 1 << 62


# ---- safetensors -----------------------------------------------------------------------------------------------------


def _looks_like_safetensors(data: bytes) -> bool:
    return len(data) > 8 and data[8:9] == b"{" and struct.unpack("<Q", data[:8])[0] <= len(data) - 8


def _read_safetensors(name: str, data: bytes) -> Content:
    try:
        tensors = safetensors.torch.load(data)
        header = safetensors_header(data)
    except Exception as error:
        # The library checks sizes, offsets and types; what it and the JSON reader raise differs from case to case.
        reason = _first_line(error).removeprefix("Error while deserializing: ")
        raise AnalysisError(f"{name} is not a valid safetensors file: {reason}.", OTHER_FILE) from None
    return Content(tensors, dict(header.get("__metadata__") or {}))


def safetensors_header(data: bytes) -> dict[str, Any]:
    """Return the header of a safetensors file as JSON values.

    Raises
    ------
    ValueError
        If it is too long, no JSON object, or names a tensor twice.
    """
    if len(data) < 8:
        raise ValueError("header too small")
    (length,) = struct.unpack("<Q", data[:8])
    if length > min(LARGEST_HEADER, len(data) - 8):
        raise ValueError("header too large")
    header = json.loads(data[8 : 8 + length].decode("utf-8"), object_pairs_hook=_unique)
    if not isinstance(header, dict):
        raise ValueError("the header is no object")
    return header


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key occurs twice in the header")
    return found


# ---- pickles ---------------------------------------------------------------------------------------------------------


def _check_archive(name: str, data: bytes) -> None:
    """Refuse archives that are not weights, or that unpack to more than they are."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {info.filename: info.file_size for info in archive.infolist()}
            total = sum(info.file_size for info in archive.infolist())
    except Exception as error:
        raise AnalysisError(f"{name} is a damaged archive: {_first_line(error)}.", OTHER_FILE) from None
    tails = {member.partition("/")[2] for member in members}
    if total > len(data):
        # torch.save stores, it never compresses. More content than file means compressed or overlapping members.
        text = f"{name} claims to unpack to {total:,} bytes, more than its {len(data):,}; torch writes no such files."
        raise AnalysisError(text, OTHER_FILE)
    if "archive_format" in tails or "models/model.json" in tails:
        text = f"{name} is an exported program, not a weight file."
        raise AnalysisError(text, f"Use it as the network: --model {name} (loading it needs --trust).")
    if "constants.pkl" in tails:
        text = f"{name} is a TorchScript program, which LayerScope does not read."
        raise AnalysisError(text, "Save its weights: torch.save(torch.jit.load(FILE).state_dict(), OTHER).")
    if "data.pkl" not in tails:
        raise AnalysisError(f"{name} is an archive without weights.", OTHER_FILE)


def _read_pickled(name: str, data: bytes, trust: bool) -> Any:
    """Read by torch's restricted unpickler; only then, and only if trusted, by the unrestricted one."""
    try:
        return _torch_load(data, weights_only=True)
    except Exception as error:  # damaged files raise nearly every kind of error
        refused = isinstance(error, pickle.UnpicklingError) and _asks_for(data)
        reason = _first_line(error)
    if not refused:
        raise AnalysisError(f"{name} is damaged or not a weight file ({_in_plain_words(reason)}).", OTHER_FILE)
    if not trust:
        raise AnalysisError(
            f"{name} holds more than weights: its pickle asks for {refused}, which could run any code.",
            "Load it with --trust only if you know where it comes from.",
            code="needs_trust",
        )
    try:
        return _torch_load(data, weights_only=False)
    except Exception as error:
        text = f"{name} cannot be unpickled: {type(error).__name__}: {_first_line(error)}."
        raise AnalysisError(text, "The code it was saved with has to be importable.") from None


def _torch_load(data: bytes, weights_only: bool) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about storages and source changes, nothing a user can act on
        return torch.load(io.BytesIO(data), map_location="cpu", weights_only=weights_only)


def _asks_for(data: bytes) -> str:
    """Name the first thing a file's pickles ask for beyond tensors; "" for a file that holds no whole pickle."""
    wanted: list[str] = []
    try:
        stream = io.BytesIO(_pickle_of_archive(data) if data.startswith(b"PK") else data)
        wanted += requested(stream)
    except Exception:  # the disassembler raises many kinds of errors on damaged streams
        return ""
    with suppress(Exception):  # the older format is five pickles in a row, then raw numbers
        for _ in range(4):
            wanted += requested(stream)
    foreign = [name for name in wanted if not HARMLESS.match(name)]
    return foreign[0] if foreign else "more than torch's restricted reader knows"


def _pickle_of_archive(data: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return archive.read(next(name for name in archive.namelist() if name.endswith("/data.pkl")))


def requested(stream: io.BytesIO) -> list[str]:
    """Names of the classes and functions that one pickle asks for, without running it.

    Examples
    --------
    >>> import pickle
    >>> requested(io.BytesIO(pickle.dumps(print, protocol=4)))
    ['builtins.print']
    """
    found: list[str] = []
    texts: list[str] = []  # of the stack only the texts matter: STACK_GLOBAL takes the last two
    memo: list[str] = []
    last = ""
    for opcode, argument, _ in pickletools.genops(stream):
        text = argument if isinstance(argument, str) else ""
        if opcode.name in ("GLOBAL", "INST"):
            found.append(text.replace(" ", ".").replace("__builtin__.", "builtins."))
        elif opcode.name == "STACK_GLOBAL":
            found.append(".".join(texts[-2:]))
        elif opcode.name == "MEMOIZE":
            memo.append(last)
        elif opcode.name in ("BINGET", "LONG_BINGET") and isinstance(argument, int) and argument < len(memo):
            texts.append(memo[argument])
        elif opcode.name.startswith("EXT"):
            found.append("a registered extension")
        elif text:
            texts.append(text)
        last = text
    return found


def _in_plain_words(reason: str) -> str:
    """Say what torch found; not its advice to lift the restriction, which is for the user to decide."""
    known = (
        ("EOF", "it ends too early"),
        ("Ran out of input", "it ends too early"),
        ("Weights only load failed", "no pickle that torch has written"),
        ("alloc", "it announces more numbers than fit into memory"),
        ("hasRecord", "parts of the archive are missing"),
    )
    return next((words for part, words in known if part in reason), reason)


def _first_line(error: BaseException) -> str:
    text = str(error).strip()
    return (text.splitlines()[0][:200] if text else type(error).__name__).rstrip(".")
