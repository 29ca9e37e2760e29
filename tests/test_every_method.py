"""The contract that every method keeps, run over all of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from analysis.engine import run
from analysis.events import Chunk, Declared, Event, Finished, Outcome, Prepared, Started
from analysis.methods import METHODS
from analysis.model_cache import ModelCache
from analysis.request import Compute, ImageSource, ModelSource, Request
from analysis.result import Result
from analysis.store import list_runs, load, record

NAMES = tuple(method.INFO.name for method in METHODS)
MODEL = ModelSource("demo:fashion_resnet@epoch-07")  # one checkpoint, also where a method wants several
ONE_POINT = (("points", "layer3.0.conv1:dil1,2"),)
QUICK = {
    "dynamic_configurations": ONE_POINT,
    "chance_pools": (*ONE_POINT, ("copies", 2), ("target", 0.9)),
    "configuration_chooser": (*ONE_POINT, ("steps", 20)),
    "block_removal": (("subsets", 1), ("repeats", 1), ("warmup", 0)),
    "rank_lab": (("networks", 1), ("layer", "depthwise")),
    "width_sensitivity": (("ratios", "0.5"), ("groups", "conv1")),
}
"""Parameters that make a method short enough to be run many times."""
HELP = Path(__file__).parents[1] / "resources" / "help"


def request(name: str, **changes: Any) -> Request:
    info = next(method.INFO for method in METHODS if method.INFO.name == name)
    images = ImageSource("demo:test") if "images" in info.needs else None
    model = MODEL if "model" in info.needs else None
    changes.setdefault("params", QUICK.get(name, ()))
    return Request(name, model, images, limit=changes.pop("limit", 24), **changes)


def fingerprint(net: nn.Module) -> dict[str, str]:
    """Everything about a network that a measurement must leave alone."""
    found: dict[str, str] = {}
    for path, module in net.named_modules():
        found[f"{path}.__dict__"] = str(sorted(module.__dict__))
        found[f"{path}.training"] = str(module.training)
        for name, value in module.__dict__.items():
            if "hooks" in name:
                found[f"{path}.{name}"] = str(list(value.items()) if value is not None else None)
    for name, tensor in net.state_dict(keep_vars=True).items():
        data = tensor.detach().cpu().numpy().tobytes()
        found[name] = f"{hashlib.sha256(data).hexdigest()} {tensor.requires_grad} {tensor.grad} {id(tensor)}"
    return found


def global_state() -> tuple[Any, ...]:
    modules = torch.nn.modules.module
    hooks = [len(getattr(modules, name)) for name in dir(modules) if name.startswith("_global") and "hooks" in name
             and isinstance(getattr(modules, name), dict)]  # fmt: skip
    return (
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        torch.get_num_threads(),
        torch.backends.cudnn.allow_tf32,
        torch.backends.cuda.matmul.allow_tf32,
        torch.backends.cudnn.deterministic,
        torch.is_autocast_enabled("cpu"),
        torch.get_rng_state().sum().item(),
        hashlib.sha256(torch.get_rng_state().numpy().tobytes()).hexdigest(),
        str(np.random.get_state()),
        *hooks,
    )


@pytest.fixture(scope="module")
def cache() -> ModelCache:
    return ModelCache()


@pytest.fixture
def net(cache: ModelCache) -> nn.Module:
    return cache.get(MODEL, request(NAMES[0]).compute, 0, trained=True).net


@pytest.mark.parametrize("name", NAMES)
def test_events_come_in_order(name: str, cache: ModelCache) -> None:
    events = list(run(request(name), cache=cache))
    assert isinstance(events[0], Started)
    assert events[-1] == Finished(Outcome.COMPLETED, None, events[-1].warnings)  # type: ignore[union-attr]
    for kind in (Started, Prepared, Declared, Finished):
        assert sum(isinstance(event, kind) for event in events) == 1
    kinds = [type(event) for event in events]
    assert kinds.index(Prepared) < kinds.index(Declared) < kinds.index(Chunk)


@pytest.mark.parametrize("name", NAMES)
def test_every_output_arrives(name: str, cache: ModelCache) -> None:
    result = Result.of(run(request(name), cache=cache))
    for output in result.outputs:
        assert result.arrived[output.name] > 0 or 0 in output.shape, output.name
        assert output.dtype in ("float64", "int64", "int32", "uint8")
        sizes = {"layer": len(result.layers), "sample": 24}
        for dim, size in zip(output.dims, output.shape, strict=True):
            assert sizes.setdefault(dim, size) == size, f"{output.name} has another {dim} size"


@pytest.mark.parametrize("name", NAMES)
def test_chunks_stay_small(name: str, cache: ModelCache) -> None:
    for event in run(request(name), cache=cache):
        if isinstance(event, Chunk):
            assert event.values.nbytes <= 1 << 20


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_changed_by_success(name: str, cache: ModelCache, net: nn.Module) -> None:
    before, world = fingerprint(net), global_state()
    list(run(request(name), cache=cache))
    assert fingerprint(net) == before
    assert global_state() == world


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_changed_by_stopping_at_any_step(name: str, cache: ModelCache, net: nn.Module) -> None:
    before, world = fingerprint(net), global_state()
    total = sum(1 for _ in run(request(name), cache=cache))
    for step in sorted({*range(min(total, 8)), *np.linspace(0, total - 1, 8).astype(int)}):
        events = run(request(name), cache=cache)
        for _ in range(step + 1):
            next(events)
        events.close()  # type: ignore[attr-defined]
        assert fingerprint(net) == before, f"closed after step {step}"
        assert global_state() == world, f"closed after step {step}"


@pytest.mark.parametrize("name", NAMES)
def test_cancelling_ends_the_run_in_so_many_words(name: str, cache: ModelCache, net: nn.Module) -> None:
    before = fingerprint(net)
    calls = iter(range(10**9))
    events = list(run(request(name), lambda: next(calls) >= 3, cache))
    assert events[-1] == Finished(Outcome.CANCELLED, None, events[-1].warnings)  # type: ignore[union-attr]
    assert fingerprint(net) == before


class Breaks(nn.Module):
    """Fails at its second call, after the recording has gone well."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(4, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.conv(x).relu()
        if x.shape[0] > 1 and not x.is_meta:
            raise RuntimeError("this layer is broken")
        return self.fc(self.pool(y).flatten(1))


@pytest.mark.parametrize(
    "name", [n for n in NAMES if "images" in next(m.INFO for m in METHODS if m.INFO.name == n).needs]
)
def test_nothing_is_changed_by_a_failure(name: str) -> None:
    from analysis.live import measure
    from analysis.problems import AnalysisError

    net, pictures = Breaks().train(), torch.rand(8, 1, 8, 8)
    before, world = fingerprint(net), global_state()
    with pytest.raises(AnalysisError, match=r"this layer is broken|no residual block"):
        measure(name, net, pictures, labels=torch.arange(8))
    assert fingerprint(net) == before
    assert global_state() == world


@pytest.mark.parametrize("name", [name for name in NAMES if name != "latency"])
def test_same_seed_same_result(name: str, cache: ModelCache) -> None:
    first, second = (Result.of(run(request(name, seed=3), cache=cache)) for _ in range(2))
    assert first.prepared is not None
    assert second.prepared is not None
    assert first.prepared.fingerprint == second.prepared.fingerprint
    for key, array in first.arrays.items():
        if key != "latency":  # times are never the same
            np.testing.assert_array_equal(array, second[key], err_msg=key)


@pytest.mark.parametrize("name", NAMES)
def test_live_equals_stored(name: str, cache: ModelCache, tmp_path: Path) -> None:
    live = Result.of(record(run(request(name), cache=cache), tmp_path))
    stored = load(list_runs(tmp_path)[0].folder)
    assert stored.declared == live.declared
    assert stored.finished == live.finished
    for key, array in live.arrays.items():
        np.testing.assert_array_equal(array, stored[key], err_msg=key)


@pytest.mark.parametrize("name", NAMES)
def test_every_method_is_described(name: str) -> None:
    info = next(method.INFO for method in METHODS if method.INFO.name == name)
    assert info.title
    assert info.summary.endswith(".")
    assert (HELP / f"{name}.md").read_text(encoding="utf-8").startswith("# ")
    assert info.values({}) == {param.name: param.default for param in info.params}
    assert all(param.help for param in info.params)


def test_methods_are_listed_once() -> None:
    assert len(set(NAMES)) == len(NAMES)
    files = {path.stem for path in (Path(__file__).parents[1] / "analysis" / "methods").glob("[a-z]*.py")}
    assert files == {method.__name__.rpartition(".")[2] for method in METHODS}  # type: ignore[attr-defined]


def test_an_unknown_method_names_the_nearest() -> None:
    ending = list(run(Request("feature_rnk", MODEL)))[-1]
    assert isinstance(ending, Finished)
    assert ending.problem is not None
    assert "feature_rank" in ending.problem.hint


def test_an_unknown_layer_names_the_nearest(cache: ModelCache) -> None:
    ending = list(run(request("feature_rank", layers="layer9.0.conv1"), cache=cache))[-1]
    assert isinstance(ending, Finished)
    assert ending.problem is not None
    assert "No layer fits 'layer9.0.conv1'" in ending.problem.message
    assert "conv1" in ending.problem.hint


def test_the_wait_for_a_cancel_is_one_layer(cache: ModelCache) -> None:
    """A cancel in the middle of a forward pass stops it before the next layer, not after the batch."""
    seen: list[str] = []

    def watch(module: nn.Module, _inputs: Any) -> None:
        if not module._modules:
            seen.append(type(module).__name__)

    events: Iterator[Event] = run(request("evaluate", compute=Compute(batch=4)), lambda: len(seen) >= 5, cache)
    for event in events:
        if isinstance(event, Declared):
            break
    hook = torch.nn.modules.module.register_module_forward_pre_hook(watch)
    try:
        ending = list(events)[-1]
    finally:
        hook.remove()
    assert isinstance(ending, Finished)
    assert ending.outcome is Outcome.CANCELLED
    assert len(seen) <= 6
