"""What to compute: a frozen description that the window, the command line and Python make in the same form."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any

from analysis.catalogue import MethodInfo, Value
from analysis.edits import Edits
from analysis.problems import AnalysisError
from analysis.records import RecordError, from_plain, to_plain


@dataclass(frozen=True, slots=True)
class ModelSource:
    """Where a network comes from.

    Attributes
    ----------
    name
        "demo:NAME", "timm:NAME", "torchvision:NAME", "PATH.py:FACTORY", "PATH.pt2", or "auto".
    weights
        Files, folders or patterns; or the words "pretrained" or "random". Empty: what the source itself brings.
    input
        Input shape (channels, height, width), empty for the one that goes with the network.
    trust
        Allow code of the user's files to run: factories, pickles, exported programs.
    download
        Allow the network (pretrained weights that are not in the local cache).
    """

    name: str
    weights: tuple[str, ...] = ()
    input: tuple[int, ...] = ()
    trust: bool = False
    download: bool = False


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How a picture becomes an input: resize, scale to 0..1, subtract mean, divide by std.

    Attributes
    ----------
    mean, std
        One value per channel, in units of 0..1 pixels. Empty: none.
    size
        (height, width) after resizing, empty for the pictures as they are.
    interpolation
        "nearest", "bilinear", "bicubic" or "lanczos".
    crop
        Share of the shorter side that a central crop keeps before resizing, 1 for all.
    grey
        True to average the colours into one channel.
    source
        Who says so: "network", "file", "user" or "assumed".
    """

    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    size: tuple[int, ...] = ()
    interpolation: str = "bilinear"
    crop: float = 1.0
    grey: bool = False
    source: str = "assumed"


@dataclass(frozen=True, slots=True)
class ImageSource:
    """Which pictures, and what the user says about preparing them.

    Attributes
    ----------
    location
        A folder, a file, "demo:test", "demo:train" or "noise:N".
    classes
        A text file with one class name a line, for labels that do not follow the network's order.
    mean, std, size, interpolation, grey
        Overrides of the network's own preprocessing; empty, "" or None leave it.
    """

    location: str
    classes: str = ""
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    size: tuple[int, ...] = ()
    interpolation: str = ""
    grey: bool | None = None


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """A device of this computer.

    Attributes
    ----------
    name, title
        "cuda:0", "NVIDIA H100".
    total, free
        Memory in bytes, 0 where it is unknown.
    """

    name: str
    title: str
    total: int = 0
    free: int = 0


@dataclass(frozen=True, slots=True)
class Compute:
    """On what to compute.

    Attributes
    ----------
    device
        "cpu", "cuda", "cuda:1", "mps".
    dtype
        "float32", "float64", "float16" or "bfloat16".
    channels_last
        Memory format of pictures and weights.
    threads
        Threads on the CPU, 0 for the engine's choice.
    batch
        Pictures per forward pass, 0 for the method's choice.
    """

    device: str = "cpu"
    dtype: str = "float32"
    channels_last: bool = False
    threads: int = 0
    batch: int = 0


NO_EDITS = Edits()
DEFAULT_COMPUTE = Compute()


@dataclass(frozen=True, slots=True)
class Request:
    """One run: method, network, pictures, parameters.

    Attributes
    ----------
    layers
        Comma-separated glob patterns of layer names, "" for the method's choice.
    params
        Parameters that differ from their default.
    limit
        Number of pictures, 0 for the method's default, -1 for all.
    resume
        Folder of an unfinished run of the same request that this one goes on with, "" for none.
    """

    method: str
    model: ModelSource | None = None
    images: ImageSource | None = None
    edits: Edits = NO_EDITS
    params: tuple[tuple[str, Value], ...] = ()
    layers: str = ""
    limit: int = 0
    seed: int = 0
    compute: Compute = DEFAULT_COMPUTE
    resume: str = ""

    def to_json(self) -> str:
        """Return the request as indented JSON."""
        return json.dumps(to_plain(self), indent=2)

    @staticmethod
    def from_json(text: str) -> Request:
        """Read what :meth:`to_json` wrote.

        Raises
        ------
        AnalysisError
            If the text is no request.
        """
        try:
            return from_plain(Request, json.loads(text), "request")
        except (json.JSONDecodeError, RecordError) as error:
            raise AnalysisError(f"This is not a request: {error}.", "See docs/requests.md for the format.") from None

    def fingerprint(self, info: MethodInfo, ingredients: Mapping[str, Any]) -> str:
        """Hash everything that decides the answer; equal fingerprint, equal answer.

        Parameters
        ----------
        info
            The method, for its version and for parameters that do not shape the result.
        ingredients
            Content hashes and versions: weights, pictures, labels, source file, files named by parameters, torch.

        Returns
        -------
        str
            64 hexadecimal digits.
        """
        quiet = {param.name for param in info.params if not param.shapes_result}
        given = {name: value for name, value in info.values(dict(self.params)).items() if name not in quiet}
        files = {param.name: param.file_of(given[param.name]) for param in info.params if param.name in given}
        given |= {name: _without_folder(given[name], file) for name, file in files.items() if file}
        plain = to_plain(replace(self, params=tuple(sorted(given.items()))))
        plain.pop("resume")
        if self.model:
            plain["model"] = {"name": without_path(self.model.name), "input": list(self.model.input)}
        if self.images:
            plain["images"] = plain["images"] | {"location": "", "classes": ""}
        compute = self.compute
        plain["compute"] = [compute.device.split(":")[0], compute.dtype, compute.channels_last]
        if info.by_batch:
            plain["compute"].append(compute.batch)
        text = json.dumps([plain, info.version, dict(ingredients)], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def _without_folder(value: Value, file: str) -> str:
    """Drop the folders of the file with which a value begins."""
    return PurePath(file.replace("\\", "/")).name + str(value)[len(file) :]


def without_path(name: str) -> str:
    """Drop the folders of a file named in a model string: "/a/b/net.py:make" becomes "net.py:make"."""
    if name.startswith(("demo:", "timm:", "torchvision:")) or name == "auto":
        return name
    return PurePath(name.replace("\\", "/")).name
