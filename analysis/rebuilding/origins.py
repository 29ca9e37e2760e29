"""Where an architecture comes from, as Python: torchvision, timm, this project's networks, or the user's factory."""

from __future__ import annotations

import ast
import inspect
import os
from dataclasses import dataclass
from pathlib import Path

from analysis import networks
from analysis.loading import constructors, factories
from analysis.loading.architectures import Architecture
from analysis.networks import DEMO_NETWORKS
from analysis.problems import AnalysisError
from analysis.rebuilding.differing import Unwritable


@dataclass(frozen=True, slots=True)
class Origin:
    """How to build the network before the edits.

    Attributes
    ----------
    imports
        Lines at the top.
    source
        Definitions, among them ``original()``.
    needs
        Packages beside torch and safetensors.
    """

    imports: tuple[str, ...]
    source: str
    needs: tuple[str, ...] = ()


HEAD = 'def original() -> nn.Module:\n    """Build the network before the edits, with random weights."""\n'


def origins(name: str, classes: int, folder: Path) -> list[Origin]:
    """Ways in which a network may have been made; the first whose modules are the same is the right one.

    Parameters
    ----------
    name
        A model string.
    classes
        Number of outputs of the network.
    folder
        Where the Python file will be, for the way to a factory's file.

    Raises
    ------
    Unwritable
        If the architecture is not code that could be called.
    """
    code = factories.split(name)
    if code is not None:
        return [_of_factory(*code, folder)]
    if not constructors.is_known(name):
        raise Unwritable(f"the architecture of {name} is in no code that could be imported")
    try:
        rows = constructors.describe(name)
    except AnalysisError as error:
        raise Unwritable(str(error)) from None
    found = [_of_row(row, classes) for row in rows]
    return list(dict.fromkeys(found))


def _of_row(row: Architecture, classes: int) -> Origin:
    family, _, rest = row.name.partition(":")
    other = classes if row.classes and classes != row.classes else 0
    options = {**dict(row.options), **({"num_classes": other} if other else {})}
    if family == "timm":
        call = _call("timm.create_model", rest, pretrained=False, **options)
        return Origin(("import timm",), f"{HEAD}    return {call}\n", ("timm",))
    if family == "torchvision":
        if rest in ("googlenet", "inception_v3"):
            options["init_weights"] = False  # all weights are read from the file; drawing them takes long
        call = _call("torchvision.models.get_model", rest, weights=None, **options)
        return Origin(("import torchvision",), f"{HEAD}    return {call}\n", ("torchvision",))
    return _own(row, other)


def _call(function: str, name: str, **options: object) -> str:
    given = ", ".join([repr(name), *(f"{key}={value!r}" for key, value in options.items())]).replace("'", '"')
    return f"{function}({given})"


# ---- networks of this project ----------------------------------------------------------------------------------------


def _own(row: Architecture, other: int) -> Origin:
    """Take along the classes of a network that LayerScope itself builds."""
    family, _, rest = row.name.partition(":")
    if family == "demo":
        maker = DEMO_NETWORKS[rest].__name__
        call, first = f"{maker}()", maker
    else:
        depth, _, kind = row.name.removeprefix("cifar_resnet").partition("_")
        option = "B" if kind else "A"
        call, first = f'CifarResNet({depth}, "{option}", classes={other or row.classes})', "CifarResNet"
    body = f"    return {call}\n"
    if other and family == "demo":
        body = f"    net = {call}\n    net.linear = nn.Linear(net.linear.in_features, {other})\n    return net\n"
    parts = "\n\n\n".join(_definitions(first))
    imports = ("from typing import Literal", "from torch import Tensor", "from torch.nn import functional as F")
    return Origin(imports, f"{parts}\n\n\n{HEAD}{body}")


def _definitions(first: str) -> list[str]:
    """Source of a class or function of this project's networks, and of all it uses, in the order of the file."""
    text = inspect.getsource(networks)
    parts = {
        node.name: node for node in ast.parse(text).body if isinstance(node, (ast.ClassDef, ast.FunctionDef))
    }  # fmt: skip
    wanted, found = [first], {first}
    while wanted:
        used = {node.id for node in ast.walk(parts[wanted.pop()]) if isinstance(node, ast.Name)}
        new = (used & set(parts)) - found
        found |= new
        wanted += sorted(new)
    lines = [line.partition("  # type: ignore")[0] for line in text.splitlines()]
    return ["\n".join(lines[node.lineno - 1 : node.end_lineno]) for name, node in parts.items() if name in found]


# ---- the user's own code ---------------------------------------------------------------------------------------------

_FACTORY = '''FACTORY = Path(__file__).parent / {path!r}


def original() -> nn.Module:
    """Build the network before the edits: call {factory} of {file}."""
    folder = str(FACTORY.resolve().parent)
    sys.path.insert(0, folder)  # for what the file imports from its own folder
    try:
        spec = importlib.util.spec_from_file_location({module!r}, FACTORY)
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        return module.{factory}()
    finally:
        sys.path.remove(folder)
'''


def _of_factory(path: Path, factory: str, folder: Path) -> Origin:
    try:
        way = Path(os.path.relpath(path.resolve(), folder.resolve()))
    except ValueError:  # another drive
        way = path.resolve()
    text = _FACTORY.format(path=way.as_posix(), factory=factory, file=path.name, module=f"original_{path.stem}")
    return Origin(("import importlib.util", "import sys"), text)
