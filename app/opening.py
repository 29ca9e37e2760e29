"""What is this file? Told from its content, without running or unpickling any of it."""

from __future__ import annotations

import ast
import json
import pickletools
import struct
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.problems import AnalysisError

WEIGHT_SUFFIXES = (".safetensors", ".pt", ".pth", ".th", ".bin", ".ckpt", ".tar")
PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
NAMED = ("demo:", "timm:", "torchvision:")
OWN = "cifar_resnet"
"""Beginning of the names of networks that LayerScope builds itself."""
SUPPORTED = "LayerScope opens weights, networks (.py, .pt2), pictures, runs and workspaces."
TORCH_MAGIC = 0x1950A86A20F9469CFC6C
"""First number of a file that torch.save wrote before version 1.6."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a path turned out to be.

    Attributes
    ----------
    kind
        "weights", "edited" (a network that LayerScope saved), "program" (.pt2), "code" (.py), "named" (demo:…),
        "images", "workspace", "run", "request".
    path
        The path, or the name for "named".
    choices
        Functions that could build the network, for "code".
    """

    kind: str
    path: str
    choices: tuple[str, ...] = ()


def recognise(text: str) -> Found:
    """Tell what a path or name stands for.

    Raises
    ------
    AnalysisError
        If there is no such file, it cannot be read, or it is nothing that can be opened.
    """
    if text.startswith(NAMED):
        is_images = text in ("demo:test", "demo:train")
        return Found("images" if is_images else "named", text)
    if text.startswith("noise:"):
        return Found("images", text)
    path, _, factory = text.rpartition(":") if ".py:" in text else (text, "", "")
    if factory:
        return Found("code", text, (factory,))
    found = Path(path).expanduser()
    try:
        if found.is_dir():
            return _folder(found.absolute())
        if not found.exists() and text.startswith(OWN):
            return Found("named", text)
        if not found.exists():
            raise AnalysisError(f"There is no file {found.name}.", "It may have been moved or deleted.")
        if not found.is_file():
            raise AnalysisError(f"{found.name} is not a regular file.", SUPPORTED)
        return _file(found.absolute())
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise AnalysisError(f"{found.name} cannot be read: {reason}.", "Check the name and its permissions.") from None


def _folder(path: Path) -> Found:
    if (path / "run.json").is_file():
        return Found("run", str(path))
    names = [entry.name for entry in path.iterdir()]
    weights = [name for name in names if name.lower().endswith(WEIGHT_SUFFIXES)]
    if weights and not any(name.lower().endswith(PICTURE_SUFFIXES) for name in names):
        return Found("weights", str(path))
    if not names:
        raise AnalysisError(f"The folder {path.name} is empty.", SUPPORTED)
    return Found("images", str(path))


def _file(path: Path) -> Found:
    with path.open("rb") as file:
        head = file.read(4096)
    if not head:
        raise AnalysisError(f"{path.name} is empty.", SUPPORTED)
    for fits, tell in _TESTS:
        if fits(path, head):
            return tell(path)
    raise AnalysisError(f"{path.name} is nothing that can be opened.", SUPPORTED)


def _is_safetensors(path: Path, head: bytes) -> bool:
    return path.suffix == ".safetensors" or (
        len(head) > 9 and head[8:9] == b"{" and struct.unpack("<Q", head[:8])[0] <= path.stat().st_size - 8
    )


def _safetensors(path: Path) -> Found:
    with path.open("rb") as file:
        length = struct.unpack("<Q", file.read(8).ljust(8, b"\0"))[0]
        header = file.read(min(length, 100_000_000, path.stat().st_size))
    try:
        notes = json.loads(header).get("__metadata__") or {}
    except (ValueError, AttributeError, RecursionError):
        notes = {}  # the engine says what is wrong with it
    return Found("edited" if "layerscope" in notes else "weights", str(path))


def _archive(path: Path) -> Found:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, NotImplementedError):
        raise AnalysisError(f"{path.name} is a damaged archive.", "Copy or download it again.") from None
    tails = {name.partition("/")[2] for name in names}
    if tails & {"archive_format", "models/model.json"}:
        return Found("program", str(path))
    if "constants.pkl" in tails:
        hint = "Save its weights: torch.save(torch.jit.load(FILE).state_dict(), OTHER)."
        raise AnalysisError(f"{path.name} is a TorchScript program, which LayerScope does not read.", hint)
    if "data.pkl" in tails:
        return Found("weights", str(path))
    if any(name.endswith(".npy") for name in names):
        return Found("images", str(path))
    raise AnalysisError(f"{path.name} is an archive of something else.", SUPPORTED)


def _json(path: Path) -> Found:
    try:
        plain: Any = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        raise AnalysisError(f"{path.name} is damaged: it is no JSON.", "An earlier copy may be whole.") from None
    if isinstance(plain, dict):
        if plain.get("layerscope") == "workspace" or path.name.endswith(".layerscope.json"):
            return Found("workspace", str(path))
        if path.name == "run.json" and "request" in plain:
            return Found("run", str(path.parent))
        if isinstance(plain.get("method"), str):
            return Found("request", str(path))
        beside = path.with_suffix(".safetensors")
        if "weights_sha256" in plain and beside.is_file():
            return Found("edited", str(beside))
    raise AnalysisError(f"{path.name} is no workspace, run or request.", SUPPORTED)


def _code(path: Path) -> Found:
    choices = factories(path)
    if not choices:
        hint = "A network comes from a function or class that can be called without arguments."
        raise AnalysisError(f"{path.name} defines nothing that builds a network.", hint)
    return Found("code", str(path), choices)


def factories(path: Path) -> tuple[str, ...]:
    """Name the functions and classes of a Python file that can be called without arguments, without running it.

    Raises
    ------
    AnalysisError
        If it is no Python.
    """
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        where = f" in line {line}" if line else ""
        raise AnalysisError(f"{path.name} is no valid Python{where}.", "Correct it first.") from None
    public = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    return tuple(node.name for node in public if _needs_no_arguments(node) and not node.name.startswith("_"))


def _needs_no_arguments(node: ast.FunctionDef | ast.ClassDef) -> bool:
    if isinstance(node, ast.FunctionDef):
        return _required(node.args) == 0
    made = [item for item in node.body if isinstance(item, ast.FunctionDef) and item.name == "__init__"]
    return bool(node.bases) and (not made or _required(made[0].args) <= 1)


def _required(arguments: ast.arguments) -> int:
    positional = len(arguments.posonlyargs) + len(arguments.args) - len(arguments.defaults)
    return positional + sum(default is None for default in arguments.kw_defaults)


def _is_pickle(_path: Path, head: bytes) -> bool:
    return head[:1] in (b"\x80", b"(") or head[:2] in (b"}q", b"cc")


def _pickle(path: Path) -> Found:
    """Tell a batch of CIFAR pictures from weights by the words in it."""
    with path.open("rb") as file:
        texts = set(_first_texts(file))
    is_pictures = texts & {"batch_label", "fine_labels", "coarse_labels"} or texts >= {"data", "labels"}
    return Found("images" if is_pictures else "weights", str(path))


def _first_texts(file: Any, steps: int = 30_000) -> Iterator[str]:
    """Short texts at the beginning of a pickle; the labels of a batch of pictures alone are 10,000 steps."""
    try:
        for number, (_, argument, _) in enumerate(pickletools.genops(file)):
            if number > steps or argument == TORCH_MAGIC:
                return
            if isinstance(argument, str | bytes) and len(argument) < 200:
                yield argument.decode("latin1") if isinstance(argument, bytes) else argument
    except Exception:  # the disassembler raises many kinds of errors on damaged streams; the engine says what is wrong
        return


def _kind(kind: str) -> Callable[[Path], Found]:
    return lambda path: Found(kind, str(path))


def _starts(*marks: bytes) -> Callable[[Path, bytes], bool]:
    return lambda _path, head: head.startswith(marks)


def _ends(*suffixes: str) -> Callable[[Path, bytes], bool]:
    return lambda path, _head: path.name.lower().endswith(suffixes)


_TESTS: tuple[tuple[Callable[[Path, bytes], bool], Callable[[Path], Found]], ...] = (
    (_ends(".py"), _code),
    (_ends(".json"), _json),
    (_starts(b"PK"), _archive),
    (_starts(b"\x93NUMPY", b"PAR1"), _kind("images")),
    (_starts(b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"P5", b"P6"), _kind("images")),
    (lambda _path, head: head[:4] == b"RIFF" and head[8:12] == b"WEBP", _kind("images")),
    (_starts(b"\0\0\x08\x01", b"\0\0\x08\x03", b"\0\0\x08\x04"), _kind("images")),  # idx: MNIST and its relatives
    (lambda path, head: head[:2] == b"\x1f\x8b" and "idx" in path.name, _kind("images")),
    (_is_safetensors, _safetensors),
    (_is_pickle, _pickle),
    (_ends(*WEIGHT_SUFFIXES), _kind("weights")),
)
