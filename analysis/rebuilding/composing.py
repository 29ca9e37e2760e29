"""The text of the Python file: how the original is built, what changes in it, and how the weights get in."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePath
from typing import Any

from analysis.edits import Edits
from analysis.models import Model
from analysis.rebuilding.differing import Difference
from analysis.rebuilding.forwards import Function
from analysis.rebuilding.origins import Origin
from analysis.request import Preprocessing

MARK = "Written by LayerScope; runs without it."
"""In the first lines of every such file: what does not have it is somebody's own and stays."""

TOP = (
    "from __future__ import annotations",
    "from pathlib import Path",
    "import torch",
    "from safetensors.torch import load_file",
    "from torch import nn",
)
WIDTH = 120


def compose(
    model: Model,
    edits: Edits,
    weights: str,
    origin: Origin,
    difference: Difference,
    functions: Mapping[str, Function],
) -> str:
    """Write the file.

    Parameters
    ----------
    model, edits, weights
        The edited network, what was changed, and the name of the file it was saved in.
    origin
        How the network before the edits is built.
    difference
        What must be done to it.
    functions
        Module path to its new forward.
    """
    lines = {line for function in functions.values() for line in function.imports} | set(origin.imports) | set(TOP)
    if functions:
        lines.add("from types import MethodType")
    parts = [
        _title(model, edits, weights, origin) + "\n\n" + _imports(lines),
        'WEIGHTS = Path(__file__).with_suffix(".safetensors")\n'
        f"INPUT = {tuple(model.input_shape)}  # channels, height, width of a picture",
        origin.source,
        *_listed(difference.gone),
        *_table(difference.changed),
        *_forwards(functions),
        *_change(difference, functions),
        _MAKE.format(change="    change(net)\n" if difference.changed or difference.gone or functions else ""),
    ]
    return "\n\n\n".join(part.strip("\n") for part in parts) + "\n"


def _title(model: Model, edits: Edits, weights: str, origin: Origin) -> str:
    name, stem = PurePath(model.name).name, weights.removesuffix(".safetensors")
    use = [f"python {stem}.py", "prints the shape of the outputs and the number of parameters"]
    lines = [
        f"{name}: {edits.summary()}. {MARK}",
        "",
        f"Needs {', '.join(('torch', 'safetensors', *origin.needs))}. The weights are in {weights}, beside this file.",
        f"    {use[0]}    {use[1]}",
        *([f"    from {stem} import make; net = make()"] if stem.isidentifier() else []),
        *_pictures(model.preprocessing, model.input_shape),
    ]
    text = "\n".join(lines).replace("\\", "/").replace('"""', "'''")
    return f'"""{text}\n"""'


def _pictures(way: Preprocessing, shape: tuple[int, ...]) -> Iterator[str]:
    """Say what the network is given."""
    sizes = " x ".join(map(str, shape))
    if way.mean and way.std:
        yield f"Pictures: {sizes}, values from 0 to 1, minus {_numbers(way.mean)}, divided by {_numbers(way.std)}."
    else:
        yield f"Pictures: {sizes}, values from 0 to 1."


def _numbers(values: Iterable[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)


def _imports(lines: set[str]) -> str:
    """Sort imports as is usual: the future, the standard library, packages; plain ones first."""
    if "from torch import Tensor" in lines:
        lines = lines - {"from torch import Tensor", "from torch import nn"} | {"from torch import Tensor, nn"}
    groups: dict[int, list[str]] = {}
    for line in sorted(lines, key=lambda line: (line.startswith("from"), line.lower())):
        first = line.split()[1].partition(".")[0]
        groups.setdefault(0 if first == "__future__" else 1 if first in sys.stdlib_module_names else 2, []).append(line)
    return "\n\n".join("\n".join(groups[place]) for place in sorted(groups))


# ---- tables ----------------------------------------------------------------------------------------------------------


def _listed(gone: tuple[str, ...]) -> Iterator[str]:
    if gone:
        lines = "".join(f"    {_text(path)},\n" for path in gone)
        yield f"# What the original has and the edited network does not.\nGONE = (\n{lines})"


def _table(changed: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Write one line for each module."""
    if not changed:
        return
    lines = []
    for path, values in changed.items():
        pairs = [f"{_text(name)}: {_value(value)}" for name, value in values.items()]
        line = f"    {_text(path)}: {{{', '.join(pairs)}}},"
        if len(line) > WIDTH:
            line = "\n".join((f"    {_text(path)}: {{", *(f"        {pair}," for pair in pairs), "    },"))
        lines.append(line)
    note = "# Modules that differ from the original: their sizes, and the shapes of their parameters and buffers."
    yield "\n".join((note, "CHANGED = {", *lines, "}"))


def _text(value: str) -> str:
    return '"' + repr(value)[1:-1].replace('"', '\\"') + '"'


def _value(value: Any) -> str:
    return _text(value) if isinstance(value, str) else repr(value)


# ---- forwards --------------------------------------------------------------------------------------------------------


def _forwards(functions: Mapping[str, Function]) -> Iterator[str]:
    """Write every distinct forward once, named after the first module that has it."""
    if not functions:
        return
    names: dict[str, str] = {}
    for path, function in functions.items():
        if function.body not in names:
            name = f"forward_of_{re.sub(r'[^0-9a-zA-Z]', '_', path) or 'the_network'}"
            while name in names.values():
                name += "_"
            names[function.body] = name
            yield function.named(name)
    lines = [f"    {_text(path)}: {names[function.body]}," for path, function in functions.items()]
    note = "# Modules whose forward has widths written into it, or is what is left of a removed block."
    yield "\n".join((note, "FORWARDS = {", *lines, "}"))


def _change(difference: Difference, functions: Mapping[str, Function]) -> Iterator[str]:
    parts = [
        _GONE if difference.gone else "",
        _SIZES if difference.changed else "",
        _NEW_FORWARDS if functions else "",
    ]
    if any(parts):
        yield _CHANGE + "".join(parts)


_CHANGE = '''def change(net: nn.Module) -> None:
    """Give the original the sizes and forwards of the edited network; its weights are still to be loaded."""
'''
_GONE = """    for path in GONE:
        owner, _, name = path.rpartition(".")
        delattr(net.get_submodule(owner), name)
"""
_SIZES = """    renewed = {}  # parameters that are shared stay shared
    for path, values in CHANGED.items():
        module = net.get_submodule(path)
        for name, value in values.items():
            old = getattr(module, name, None)
            if isinstance(old, nn.Parameter):
                new = nn.Parameter(torch.zeros(value, dtype=old.dtype), old.requires_grad)
                setattr(module, name, renewed.setdefault(old, new))
            elif isinstance(old, torch.Tensor):
                setattr(module, name, torch.zeros(value, dtype=old.dtype))
            elif name in vars(module):
                setattr(module, name, value)
            else:  # places of channels, which a new forward looks up
                module.register_buffer(name, torch.zeros(value, dtype=torch.int64))
"""
_NEW_FORWARDS = """    for path, forward in FORWARDS.items():
        module = net.get_submodule(path)
        module.forward = MethodType(forward, module)
"""

_MAKE = '''def make(weights: str | Path = WEIGHTS) -> nn.Module:
    """Build the edited network with its weights, in eval mode."""
    tensors = load_file(weights)
    net = original()
{change}    net.to(next((tensor.dtype for tensor in tensors.values() if tensor.is_floating_point()), torch.float32))
    net.load_state_dict(tensors)
    return net.eval()


if __name__ == "__main__":
    net = make()
    parameters = sum(parameter.numel() for parameter in net.parameters())
    with torch.no_grad():
        output = net(torch.rand(1, *INPUT, dtype=next(net.parameters()).dtype))
    print(f"outputs {{tuple(output.shape)}}, {{parameters:,}} parameters")
'''
