"""The size of a weights file in closed form is the size of the file that is really written, byte for byte."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn

from analysis.derive import derive
from analysis.edits import Edits
from analysis.measures.widths.costs import CostModel
from analysis.measures.widths.legal import counts, nearest
from analysis.models import Model, load, model_from, save
from analysis.request import Compute, ModelSource
from analysis.surgery.dissecting import dissect
from analysis.surgery.editing import edit, rewritten_modules
from tests.test_coupling import Flattened, Residual, Tied
from tests.width_nets import Case, by_variable, sizes

FACTORS = (0.11, 0.5, 1.0, 1.7, 12.0)
"""From a tenth to twelve times as wide: numbers of one to seven digits."""


def widths(model: Model, factor: float) -> dict[str, int]:
    groups = dissect(model.net, model.input_shape, model.name).groups
    return {group.name: nearest(groups, group.name, group.width * factor) for group in groups.free}


def written(net: nn.Module) -> int:
    state = {name: tensor.contiguous().clone() for name, tensor in net.state_dict().items()}
    return len(safetensors.torch.save(state))


def tied_with_umlaut() -> nn.Module:
    net = nn.Sequential()
    net.add_module("größe", nn.Conv2d(3, 7, 1))
    net.add_module("norm", nn.BatchNorm2d(7, affine=False))
    net.add_module("last", nn.Conv2d(7, 5, 1))
    return net


NETS = {
    "tied": Tied,
    "residual": Residual,
    "flattened": Flattened,
    "names that are not ASCII": tied_with_umlaut,
    "half": lambda: Residual().half(),
    "double": lambda: Residual().double(),
    "mixed types": lambda: nn.Sequential(nn.Conv2d(3, 9, 1), nn.BatchNorm2d(9), nn.Conv2d(9, 5, 1).double()).half(),
    "no weights": lambda: nn.Sequential(nn.ReLU(), nn.Flatten()),
}


@pytest.mark.parametrize("name", NETS)
def test_small_networks(name: str) -> None:
    torch.manual_seed(0)
    net = NETS[name]().eval()
    found = dissect(net, (3, 8, 8))
    model = CostModel(found.groups)
    for seed in range(4):
        values = sizes(found, 0.2, 3.0, seed)
        assert model.costs_of(values).file_bytes == written(edit(net, found, by_variable(found, values)))
    assert model.costs({}).file_bytes == written(net)
    assert model.totals_of(values[None])["file"].tolist() == [model.costs_of(values).file_bytes]


@pytest.mark.parametrize("factor", FACTORS)
def test_networks_as_they_are_saved(factor: float, tmp_path: Path) -> None:
    """With the description of the edits in the header, and beside it for people."""
    model = load(ModelSource("demo:fashion_resnet"), Compute())
    wanted = widths(model, factor)
    edited = derive(model, Edits(widths=tuple(wanted.items()), keep="random:3"))
    path = tmp_path / "net.safetensors"
    save(edited, path, edited.edits)
    groups = dissect(model.net, model.input_shape, model.name).groups
    costs, note = CostModel(groups), ("layerscope", path.with_suffix(".json").read_text())
    alone = costs.costs(wanted).file_bytes
    tables = written(edited.net) - alone  # two shortcuts look places of channels up
    assert (tables > 0) == any("channels_" in name for name in edited.net.state_dict())
    if not tables:
        assert costs.file_bytes(counts(groups, wanted), note) == path.stat().st_size
    assert abs(costs.file_bytes(counts(groups, wanted), note) + tables - path.stat().st_size) <= 8


def test_a_live_network_as_it_is_saved(tmp_path: Path) -> None:
    model = model_from(Tied().eval(), (3, 8, 8))
    groups = dissect(model.net, model.input_shape, model.name).groups
    for width in (1, 5, 8, 300):
        edited = derive(model, Edits(widths=(("stem", width),)))
        path = tmp_path / "net.safetensors"
        save(edited, path, edited.edits)
        note = ("layerscope", path.with_suffix(".json").read_text())
        assert CostModel(groups).file_bytes(counts(groups, {"stem": width}), note) == path.stat().st_size


@pytest.mark.zoo
@pytest.mark.parametrize(
    "name",
    [
        "tv mobilenet_v2",
        pytest.param("tv densenet121", marks=pytest.mark.slow),
        pytest.param("timm rexnet_100", marks=pytest.mark.slow),
        pytest.param("tv shufflenet_v2_x1_0", marks=pytest.mark.slow),
        pytest.param("timm tf_efficientnet_lite0", marks=pytest.mark.slow),
    ],
)
def test_known_networks(name: str) -> None:
    net = Case(name).make().float()
    found = dissect(net, (3, 64, 64))
    costs = CostModel(found.groups)
    assert costs.costs({}).file_bytes == written(net)
    for seed in range(2):
        values = sizes(found, 0.3, 1.5, seed)
        edited = edit(net, found, by_variable(found, values))
        state = {key: item for key, item in edited.state_dict().items() if "channels_" not in key}
        alone = len(safetensors.torch.save({key: item.contiguous().clone() for key, item in state.items()}))
        assert costs.costs_of(values).file_bytes == alone
        assert bool(rewritten_modules(edited)) == any(word in name for word in ("rexnet", "shufflenet"))


def test_random_layouts() -> None:
    """Many tensors with random shapes, types and names, against the library that writes the format."""
    from analysis.measures.widths.description import Store
    from analysis.measures.widths.file_size import FileLayout

    rng = np.random.default_rng(0)
    kinds = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16,
             "I64": torch.int64, "I32": torch.int32, "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8,
             "BOOL": torch.bool}  # fmt: skip
    for _ in range(40):
        stores, state = [], {}
        for number in range(int(rng.integers(0, 14))):
            kind = str(rng.choice(list(kinds)))
            shape = tuple(int(size) for size in rng.integers(1, 12, int(rng.integers(0, 5))))
            name = f"{chr(int(rng.integers(97, 123)))}.{number}" + '"\\é'[: int(rng.integers(0, 4))]
            state[name] = torch.zeros(shape, dtype=kinds[kind])
            size = state[name].element_size()
            stores.append(Store(name, True, shape, (-1,) * len(shape), size, 1, kind, (name,)))
        rank = max([1, *(len(store.shape) for store in stores)])
        extents = np.ones((len(stores), rank), dtype=np.int64)
        for place, store in enumerate(stores):
            extents[place, : len(store.shape)] = store.shape
        layout, elements = FileLayout(stores), extents.prod(axis=1)
        assert int(layout.size(extents, elements)) == len(safetensors.torch.save(state))
        note = ("layerscope", '{\n  "a": "b\\c",\n  "ü": 1\n}' * int(rng.integers(1, 4)))
        assert int(layout.size(extents, elements, note)) == len(safetensors.torch.save(state, dict([note])))
