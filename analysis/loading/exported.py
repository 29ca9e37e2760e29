"""Read the structure of an exported program (``.pt2``) from its archive, without loading it and without running code.

``torch.export.load`` falls back to unrestricted unpickling and evaluates expressions of the file, so that a program can
only be loaded from a trusted file. Its graph, however, is JSON: ``models/model.json`` holds every operation, with the
shapes of all tensors and the names of all weights. This module reads that much and nothing else.
"""

from __future__ import annotations

import io
import json
import math
import warnings
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from analysis.config import LayerSpec, Totals
from analysis.loading import weight_files
from analysis.problems import AnalysisError
from analysis.tracing.operations import ACTIVATIONS, spread

NEW_FILE = "Export the network anew: torch.export.save(torch.export.export(net, (x,)), FILE)."
DTYPES = {
    1: "uint8",
    2: "int8",
    3: "int16",
    4: "int32",
    5: "int64",
    6: "float16",
    7: "float32",
    8: "float64",
    12: "bool",
    13: "bfloat16",
}
"""Numbers of types in the archive that convolutional networks use."""
BYTES = {"float64": 8, "int64": 8, "float32": 4, "int32": 4, "float16": 2, "bfloat16": 2, "int16": 2}

FACTORS = {"linear": "weight", "addmm": "mat2", "mm": "mat2", "matmul": "other"}
"""Linear layers, and the argument that holds their weights."""

Node = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Weight:
    """One tensor of the weight table.

    Attributes
    ----------
    name, shape, dtype
        "layer1.0.conv1.weight", (16, 16, 3, 3), "float32".
    trained
        True for a parameter, False for a buffer or a constant.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    trained: bool


@dataclass(frozen=True, slots=True)
class Exported:
    """Structure of an exported program.

    Attributes
    ----------
    layers
        Convolutions, linear layers and activations in execution order, named as in a recorded network.
    totals
        Costs of one image.
    weights
        The weight table.
    operations
        (name, count) pairs of all operations, most frequent first.
    input_shape
        (channels, height, width).
    output_shape
        Without the batch axis.
    batch
        Pictures per call that the program was fixed to, 0 if any number will do.
    """

    layers: tuple[LayerSpec, ...]
    totals: Totals
    weights: tuple[Weight, ...]
    operations: tuple[tuple[str, int], ...]
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    batch: int


def inspect_exported(path: str | Path) -> Exported:
    """Read the structure of a ``.pt2`` file; runs no code of it.

    Raises
    ------
    AnalysisError
        If the file is damaged, no exported program, or written by a torch whose format differs.
    """
    name = Path(path).name
    plain = _program(weight_files.read_bytes(path), name)
    try:
        return _Graph(plain).read()
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError, RecursionError) as error:
        text = f"The program in {name} does not have the expected form ({type(error).__name__}: {str(error)[:100]})."
        raise AnalysisError(text, NEW_FILE) from None


def _program(data: bytes, name: str) -> Any:
    """Take the JSON of the graph out of the archive."""
    if not data:
        raise AnalysisError(f"{name} is empty.", NEW_FILE)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(info.file_size for info in archive.infolist()) > len(data):
                text = f"{name} claims to unpack to more bytes than it has; torch writes no such files."
                raise AnalysisError(text, NEW_FILE)
            tails = ("models/model.json", "serialized_exported_program.json")
            found = [info for info in archive.infolist() if info.filename.endswith(tails)]
            text = archive.read(found[0]).decode("utf-8") if found else ""
        plain = json.loads(text) if found else None
    except (
        zipfile.BadZipFile,
        zipfile.LargeZipFile,
        ValueError,
        RecursionError,
        EOFError,
        NotImplementedError,
    ) as error:
        reason = str(error).splitlines()[0][:100] if str(error) else type(error).__name__
        raise AnalysisError(f"{name} is damaged or no exported program: {reason}.", NEW_FILE) from None
    except (OSError, RuntimeError) as error:  # members that are encrypted or compressed in unknown ways
        raise AnalysisError(f"{name} is damaged: {str(error)[:100]}.", NEW_FILE) from None
    if not found:
        raise AnalysisError(f"{name} is an archive without an exported program.", NEW_FILE)
    return plain


class _Graph:
    """The graph of one program, read once from its JSON.

    Parameters
    ----------
    plain
        Content of ``models/model.json``.
    """

    def __init__(self, plain: Mapping[str, Any]) -> None:
        module = plain["graph_module"]
        self.nodes: list[Node] = module["graph"]["nodes"]
        self.values: Mapping[str, Any] = module["graph"]["tensor_values"]
        self.weights: dict[str, Weight] = {}
        self.inputs: list[str] = []
        for spec in module["signature"]["input_specs"]:
            self._input(spec)
        self._seen: set[str] = set()
        self._calls: Counter[str] = Counter()

    def _input(self, spec: Mapping[str, Any]) -> None:
        ((kind, body),) = spec.items()
        argument = body.get("arg", {})
        if kind == "user_input":
            if "as_tensor" in argument:
                self.inputs.append(argument["as_tensor"]["name"])
            return
        word = next((key for key in ("parameter_name", "buffer_name", "tensor_constant_name") if key in body), "")
        if word and argument.get("name") in self.values:
            value = argument["name"]
            dtype = DTYPES.get(self.values[value]["dtype"], f"type {self.values[value]['dtype']}")
            self.weights[value] = Weight(str(body[word]), self.shape(value), dtype, kind == "parameter")

    def shape(self, value: str) -> tuple[int, ...]:
        """Sizes of a tensor; for a size that is free, the one the program was exported with."""
        return tuple(_size(size)[0] for size in self.values[value]["sizes"])

    def read(self) -> Exported:
        """Go through all operations once."""
        if len(self.inputs) != 1:
            raise ValueError(f"{len(self.inputs)} input tensors instead of one")
        first = self.values[self.inputs[0]]["sizes"]
        batch, free = _size(first[0])
        layers = self._unique(list(self._layers()))
        names = Counter(_operation(node) for node in self.nodes)
        trained = [weight for weight in self.weights.values() if weight.trained]
        totals = Totals(
            parameters=sum(math.prod(weight.shape) for weight in trained),
            parameters_used=sum(layer.parameters_used for layer in layers),
            buffers=sum(math.prod(weight.shape) for weight in self.weights.values() if not weight.trained),
            macs=sum(layer.macs for layer in layers),
            activation_bytes=sum(layer.activation_bytes for layer in layers),
        )
        result = self.shape(self.nodes[-1]["outputs"][0]["as_tensor"]["name"]) if self.nodes else ()
        return Exported(
            layers,
            totals,
            tuple(self.weights.values()),
            tuple(sorted(names.items(), key=lambda pair: (-pair[1], pair[0]))),
            self.shape(self.inputs[0])[1:],
            result[1:],
            0 if free else batch,
        )

    def _layers(self) -> Iterator[LayerSpec]:
        for node in self.nodes:
            operation = _operation(node)
            if not node["outputs"] or "as_tensor" not in node["outputs"][0]:
                continue
            if operation.startswith(("conv1d", "conv2d", "conv3d", "conv_transpose", "convolution")):
                yield self._convolution(node, operation)
            elif operation in FACTORS and self._name_of(node, FACTORS[operation]) in self.weights:
                yield self._linear(node, operation)
            elif operation in ACTIVATIONS:
                path, kind = _innermost(node)
                leaf = kind.startswith("torch.nn.modules.activation.")
                name = path if leaf else f"{path}:{operation}"
                yield self._layer(node, "activation", name, path, kind.rpartition(".")[2] if leaf else operation)

    def _convolution(self, node: Node, operation: str) -> LayerSpec:
        given = _arguments(node)
        kernel = self.shape(self._name_of(node, "weight"))
        spec = self._weighted(node, "conv", operation, "weight")
        turned = "transpose" in operation or bool(given.get("transposed", {}).get("as_bool"))
        return replace(
            spec,
            kernel=kernel[2:],
            stride=_integers(given, "stride", len(kernel) - 2),
            dilation=_integers(given, "dilation", len(kernel) - 2),
            groups=int(given.get("groups", {}).get("as_int", 1)),
            macs=math.prod(spec.input_shape if turned else spec.shape) * math.prod(kernel[1:]),
            expands_from=spec.input_shape[0] if spec.input_shape else 0,
        )

    def _linear(self, node: Node, operation: str) -> LayerSpec:
        spec = self._weighted(node, "linear", operation, FACTORS[operation])
        # Both forms of the weight, (out, in) and (in, out), have as many inputs as numbers per output.
        weights = math.prod(self.shape(self._name_of(node, FACTORS[operation])))
        return replace(spec, macs=math.prod(spec.shape) * weights // max(spec.shape[-1], 1))

    def _weighted(self, node: Node, kind: str, operation: str, argument: str) -> LayerSpec:
        """Make the row of an operation that belongs to the module whose weight it uses."""
        path, type_ = _innermost(node)
        weight = self.weights.get(self._name_of(node, argument))
        owner = weight.name.rpartition(".")[0] if weight else path
        name, type_ = (owner, type_.rpartition(".")[2]) if weight else (f"{path}:{operation}", operation)
        used = [self.weights[value] for value in _tensors(node) if value in self.weights]
        used = [weight for weight in used if weight.trained]
        fresh = [weight for weight in used if weight.name not in self._seen]
        self._seen.update(weight.name for weight in fresh)
        return replace(
            self._layer(node, kind, name, owner, type_ or operation),
            parameters=sum(math.prod(weight.shape) for weight in fresh),
            parameters_used=sum(math.prod(weight.shape) for weight in used),
        )

    def _layer(self, node: Node, kind: str, name: str, module: str, type_: str) -> LayerSpec:
        output = node["outputs"][0]["as_tensor"]["name"]
        shape = self.shape(output)[1:]
        size = BYTES.get(DTYPES.get(self.values[output]["dtype"], ""), 1)
        features = [value for value in _tensors(node) if value not in self.weights]
        given = self.shape(features[0])[1:] if features else ()
        self._calls[name] += 1
        call = self._calls[name]
        return LayerSpec(name, kind, module, call, type_, shape, given, activation_bytes=math.prod(shape) * size)

    def _name_of(self, node: Node, argument: str) -> str:
        """Name of the tensor that an operation takes as `argument`."""
        return str(_arguments(node)[argument]["as_tensor"]["name"])

    def _unique(self, layers: list[LayerSpec]) -> tuple[LayerSpec, ...]:
        """Give the calls of names that occur several times their numbers."""
        several = {name for name, count in self._calls.items() if count > 1}
        return tuple(
            replace(layer, name=f"{layer.name}#{layer.call}") if layer.name in several else layer for layer in layers
        )


def _operation(node: Node) -> str:
    """Plain name of an operation: "torch.ops.aten.relu_.default" becomes "relu"."""
    parts = str(node["target"]).split(".")
    return parts[-2 if len(parts) > 1 else 0].strip("_")


def _arguments(node: Node) -> dict[str, Any]:
    return {item["name"]: item["arg"] for item in node["inputs"]}


def _tensors(node: Node) -> list[str]:
    return [item["arg"]["as_tensor"]["name"] for item in node["inputs"] if "as_tensor" in item["arg"]]


def _integers(given: Mapping[str, Any], word: str, count: int) -> tuple[int, ...]:
    """Read an option of a convolution; one number stands for all axes, none for 1."""
    return spread([int(value) for value in given.get(word, {}).get("as_ints", [])] or [1], count)


def _size(size: Mapping[str, Any]) -> tuple[int, bool]:
    """Return a size, and whether it is free."""
    if "as_int" in size:
        return int(size["as_int"]), False
    return int(size["as_expr"]["hint"]["as_int"]), True


def _innermost(node: Node) -> tuple[str, str]:
    """Path and class of the module whose forward made an operation."""
    stack = str((node.get("metadata") or {}).get("nn_module_stack", ""))
    parts = stack.split(";")[-1].split(",")
    return (parts[1], parts[-1]) if len(parts) > 2 else ("", "")


# ---- loading, only from trusted files --------------------------------------------------------------------------------


class FixedBatch(nn.Module):
    """An exported program behind the interface of a network: any number of pictures, `eval()` allowed.

    Parameters
    ----------
    program
        The loaded program.
    batch
        Pictures per call that it was fixed to, 0 for any.
    """

    def __init__(self, program: nn.Module, batch: int) -> None:
        super().__init__()
        self.program = program
        self.batch = batch

    def forward(self, x: Tensor) -> Tensor:
        """Run (pictures, channels, height, width) in pieces of the fixed size, the last one filled with zeros."""
        if not self.batch:
            return _first_tensor(self.program(x))
        pieces = []
        for piece in torch.split(x, self.batch):
            missing = self.batch - len(piece)
            full = torch.cat([piece, piece.new_zeros((missing, *piece.shape[1:]))]) if missing else piece
            pieces.append(_first_tensor(self.program(full))[: len(piece)])
        return torch.cat(pieces)


def _first_tensor(output: Any) -> Tensor:
    return output if isinstance(output, Tensor) else next(item for item in output if isinstance(item, Tensor))


def load_exported(path: str | Path, batch: int) -> nn.Module:
    """Load a program. The file can run any code: only for files that the user trusts.

    Raises
    ------
    AnalysisError
        If torch cannot load it.
    """
    name = Path(path).name
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about versions and places, nothing a user can act on
            program = torch.export.load(io.BytesIO(weight_files.read_bytes(path))).module()
    except AnalysisError:
        raise
    except Exception as error:  # what torch raises for damaged programs differs from case to case
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise AnalysisError(f"{name} cannot be loaded: {reason}.", NEW_FILE) from None
    # A program refuses train() and eval(), which would not change it: its mode was fixed when it was exported.
    for module in program.modules():
        for word in ("train", "eval"):
            module.__dict__.pop(word, None)
    return FixedBatch(program, batch)
