"""Weights from files to tensors: wrappers, prefixes, formats, key by key comparison, hashes, saved networks."""

import copy
import io
import json
import pickle
from collections import Counter, OrderedDict
from pathlib import Path

import pytest
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from analysis.edits import Edits
from analysis.loading import checkpoints, weight_files
from analysis.loading.checkpoints import Saved
from analysis.problems import AnalysisError
from analysis.request import Preprocessing


class Small(nn.Module):
    def __init__(self, tied: bool = False) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 3, 3)
        self.bn = nn.BatchNorm2d(3)
        self.loop = nn.Conv2d(3, 3, 1)
        if tied:
            self.again = self.loop

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.loop(self.bn(self.conv(x)))


def filled(net: nn.Module, seed: int = 1) -> nn.Module:
    """Give every number of a network, buffers included, a value of its own."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for tensor in net.state_dict().values():
            tensor.copy_(torch.rand(tensor.shape, generator=generator) + 0.5)
    return net


def equal(a: nn.Module, b: nn.Module) -> bool:
    ours, theirs = a.state_dict(), b.state_dict()
    return list(ours) == list(theirs) and all(torch.equal(ours[key], theirs[key]) for key in ours)


def written(folder: Path, value: object, name: str = "net.pth", legacy: bool = False) -> Path:
    path = folder / name
    if name.endswith(".safetensors"):
        safetensors.torch.save_file(value, path)
    else:
        torch.save(value, path, _use_new_zipfile_serialization=not legacy)
    return path


def loaded(path: Path) -> tuple[nn.Module, checkpoints.Checkpoint]:
    net = Small()
    checkpoint = checkpoints.read(path)
    checkpoints.fit(net, checkpoint.tensors, checkpoint.name)
    return net, checkpoint


# ---- formats and wrappers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.pt", "a.pth", "a.th", "a.bin", "a.ckpt", "a.pth.tar", "a.safetensors"])
@pytest.mark.parametrize("legacy", [False, True])
def test_every_format_gives_the_same_weights(name: str, legacy: bool, tmp_path: Path) -> None:
    net = filled(Small())
    path = written(tmp_path, net.state_dict(), name, legacy)
    again, checkpoint = loaded(path)
    assert equal(net, again)
    assert checkpoints.content_sha256(checkpoint.tensors) == checkpoints.content_sha256(net.state_dict())


@pytest.mark.parametrize("wrapper", [*checkpoints.WRAPPERS, "params"])
def test_wrappers_are_removed_and_named(wrapper: str, tmp_path: Path) -> None:
    net = filled(Small())
    value = {wrapper: net.state_dict(), "epoch": 17, "best_prec1": torch.tensor(91.5), "optimizer": {"state": {}}}
    again, checkpoint = loaded(written(tmp_path, value))
    assert equal(net, again)
    assert {"epoch": "17", "best_prec1": "91.5", "weights under": wrapper}.items() <= dict(checkpoint.facts).items()


def test_nested_wrappers(tmp_path: Path) -> None:
    net = filled(Small())
    again, checkpoint = loaded(written(tmp_path, {"model": {"state_dict": net.state_dict()}, "step": 5}))
    assert equal(net, again)
    assert dict(checkpoint.facts)["weights under"] == "model.state_dict"


def test_trained_weights_come_before_their_average(tmp_path: Path) -> None:
    plain, average = filled(Small(), 1), filled(Small(), 2)
    again, _ = loaded(written(tmp_path, {"state_dict_ema": average.state_dict(), "state_dict": plain.state_dict()}))
    assert equal(plain, again)


@pytest.mark.parametrize(
    "rename",
    [
        lambda key: f"module.{key}",
        lambda key: f"_orig_mod.{key}",
        lambda key: f"module._orig_mod.{key}",
        lambda key: f"model.{key}",
        lambda key: f"model.module.{key}",
        lambda key: f"net.backbone.{key}",
        lambda key: key.replace("conv.", "conv._orig_mod."),
    ],
)
def test_prefixes_are_removed_where_needed(rename, tmp_path: Path) -> None:
    net = filled(Small())
    again, _ = loaded(written(tmp_path, {rename(key): tensor for key, tensor in net.state_dict().items()}))
    assert equal(net, again)


def test_an_averaged_model_loads(tmp_path: Path) -> None:
    net = filled(Small())
    average = torch.optim.swa_utils.AveragedModel(net)
    again, _ = loaded(written(tmp_path, average.state_dict()))
    assert equal(net, again)


def test_a_prefix_that_belongs_to_the_network_stays(tmp_path: Path) -> None:
    net = nn.Sequential(OrderedDict(model=nn.Conv2d(1, 2, 1)))
    path = written(tmp_path, filled(net).state_dict())
    fresh = nn.Sequential(OrderedDict(model=nn.Conv2d(1, 2, 1)))
    assert checkpoints.fit(fresh, checkpoints.read(path).tensors, "net.pth") == ""
    assert equal(net, fresh)


def test_tensors_saved_on_a_gpu_load_on_the_cpu(tmp_path: Path) -> None:
    # The place is only a text in the pickle; "cuda:0" takes the place of a "cpu" of padded length.
    path = tmp_path / "net.pth"
    net = filled(Small())
    stream = io.BytesIO()
    torch.save(net.state_dict(), stream, _use_new_zipfile_serialization=False)
    data = stream.getvalue()
    assert data.count(b"X\x03\x00\x00\x00cpu") == 1
    path.write_bytes(data.replace(b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:0"))
    again, _ = loaded(path)
    assert equal(net, again)


def test_half_precision_weights_are_widened(tmp_path: Path) -> None:
    net = filled(Small())
    half = {key: tensor.half() if tensor.is_floating_point() else tensor for key, tensor in net.state_dict().items()}
    again, _ = loaded(written(tmp_path, half))
    assert again.conv.weight.dtype == torch.float32
    assert torch.equal(again.conv.weight, net.conv.weight.half().float())


def test_a_trusted_file_may_hold_a_whole_network(tmp_path: Path) -> None:
    net = filled(nn.Conv2d(2, 3, 3))
    path = written(tmp_path, net)
    with pytest.raises(AnalysisError, match="Conv2d"):
        checkpoints.read(path)
    checkpoint = checkpoints.read(path, trust=True)
    assert isinstance(checkpoint.module, nn.Conv2d)
    assert torch.equal(checkpoint.tensors["weight"], net.weight)


def test_metadata_of_safetensors_becomes_facts(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    safetensors.torch.save_file({"w": torch.zeros(2)}, path, metadata={"format": "pt", "epoch": "7\n\x1b[2J"})
    facts = dict(checkpoints.read(path).facts)
    assert "format" not in facts
    assert facts["epoch"].startswith("7")
    assert facts["epoch"].isprintable()


# ---- key by key ------------------------------------------------------------------------------------------------------


def test_every_difference_is_named_and_nothing_is_loaded() -> None:
    net = Small()
    before = copy.deepcopy(net)
    state = filled(Small()).state_dict()
    del state["bn.weight"]
    state["conv.weight"] = torch.zeros(3, 2, 5, 5)
    state["extra.bias"] = torch.zeros(4)
    state["loop.bias"] = torch.zeros(3, dtype=torch.int64)
    with pytest.raises(AnalysisError) as caught:
        checkpoints.fit(net, state, "net.pth")
    assert caught.value.code == "mismatch"
    assert caught.value.items == (
        "shape: conv.weight is (3, 2, 5, 5), the network has (3, 2, 3, 3)",
        "missing: bn.weight (3,)",
        "kind: loop.bias holds torch.int64, the network has torch.float32",
        "unexpected: extra.bias (4,)",
    )
    assert "1 missing, 1 unexpected, 1 of another shape, 1 no number" in str(caught.value)
    assert equal(net, before)


def test_counters_of_batch_normalisation_may_be_absent() -> None:
    state = filled(Small()).state_dict()
    del state["bn.num_batches_tracked"]
    net = Small()
    checkpoints.fit(net, state, "net.pth")
    assert torch.equal(net.bn.running_var, state["bn.running_var"])


def test_one_copy_of_shared_weights_is_enough() -> None:
    net = filled(Small(tied=True))
    state = {key: tensor for key, tensor in net.state_dict().items() if not key.startswith("again.")}
    fresh = Small(tied=True)
    checkpoints.fit(fresh, state, "net.pth")
    assert equal(net, fresh)
    assert fresh.again is fresh.loop


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 3)),
    st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 3)),
)
def test_differences_are_empty_only_for_equal_keys_and_shapes(ours: dict[str, int], theirs: dict[str, int]) -> None:
    a, b = ({key: torch.zeros(size) for key, size in sizes.items()} for sizes in (ours, theirs))
    lines = checkpoints.differences(a, b)
    assert (not lines) == (ours == theirs)
    reshaped = sum(ours[key] != theirs[key] for key in ours.keys() & theirs.keys())
    assert len(lines) == len(ours.keys() ^ theirs.keys()) + reshaped


# ---- hashes ----------------------------------------------------------------------------------------------------------


def test_the_hash_sees_every_bit_and_nothing_but_the_content() -> None:
    state = filled(Small()).state_dict()
    code = checkpoints.content_sha256(state)
    assert code == checkpoints.content_sha256(dict(reversed(state.items())))
    assert code == checkpoints.content_sha256({key: tensor.clone() for key, tensor in state.items()})
    strided = state | {"conv.weight": state["conv.weight"].to(memory_format=torch.channels_last)}
    assert code == checkpoints.content_sha256(strided)
    for key, tensor in state.items():
        other = tensor.clone().reshape(-1)
        other[-1] = other[-1] + 1
        assert code != checkpoints.content_sha256(state | {key: other.reshape(tensor.shape)})
    assert code != checkpoints.content_sha256(state | {"bn.weight": state["bn.weight"].double()})
    assert code != checkpoints.content_sha256({key.upper(): tensor for key, tensor in state.items()})


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.bool, torch.int8, torch.complex64])
def test_every_type_can_be_hashed(dtype: torch.dtype) -> None:
    tensors = [torch.ones(shape, dtype=dtype) for shape in ((), (0,), (2, 3))]
    assert len({checkpoints.content_sha256({"a": tensor}) for tensor in tensors}) == 3


def test_weights_that_are_not_finite_are_named() -> None:
    state = {"a": torch.tensor([1.0, float("nan")]), "b": torch.tensor([1]), "c": torch.tensor([float("-inf")])}
    assert checkpoints.not_finite(state) == ("a", "c")


# ---- what a pickle asks for ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", range(6))
def test_the_globals_of_a_pickle_are_listed_without_running_it(protocol: int) -> None:
    # The second mention of a class is a reference to the first; the names of a later one come from the memo.
    value = [print, OrderedDict(a=1), OrderedDict, Counter]
    names = weight_files.requested(io.BytesIO(pickle.dumps(value, protocol=protocol)))
    assert names[:2] == ["builtins.print", "collections.OrderedDict"]
    assert names[-1] == "collections.Counter"


# ---- saved networks --------------------------------------------------------------------------------------------------

SAVED = Saved(1, "demo:fashion_resnet", "", Edits(widths=(("layer1", 4),)), Preprocessing((0.5,), (0.25,)), (1, 28, 28))


def test_a_saved_network_says_how_it_was_made(tmp_path: Path) -> None:
    path = tmp_path / "edited.safetensors"
    net = filled(Small(tied=True))
    checkpoints.save(path, net.state_dict(), SAVED)
    assert checkpoints.read_saved(path) == SAVED
    checkpoint = checkpoints.read(path)
    assert checkpoint.saved == SAVED
    fresh = Small(tied=True)
    checkpoints.fit(fresh, checkpoint.tensors, "edited.safetensors")
    assert equal(net, fresh)
    assert json.loads(path.with_suffix(".json").read_text()) == json.loads(
        weight_files.read_notes(path)[checkpoints.HEADER_KEY]
    )
    assert sorted(item.name for item in tmp_path.iterdir()) == ["edited.json", "edited.safetensors"]


@pytest.mark.parametrize("name", ["edited.json", "edited.safetensors"])
def test_a_file_of_the_users_own_is_not_written_over(tmp_path: Path, name: str) -> None:
    mine, path = tmp_path / name, tmp_path / "edited.safetensors"
    if name.endswith("json"):
        mine.write_text('{"notes": "mine"}', encoding="utf-8")
    else:
        written(tmp_path, {"w": torch.zeros(2)}, name)
    before = mine.read_bytes()
    with pytest.raises(AnalysisError, match=f"{name} is there already"):
        checkpoints.save(path, {"w": torch.zeros(2)}, SAVED)
    assert [item.name for item in tmp_path.iterdir()] == [name]
    assert mine.read_bytes() == before


def test_files_from_elsewhere_were_not_saved_by_us(tmp_path: Path) -> None:
    assert checkpoints.read_saved(written(tmp_path, {"w": torch.zeros(2)}, "a.safetensors")) is None
    assert checkpoints.read_saved(written(tmp_path, {"w": torch.zeros(2)}, "a.pth")) is None


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(AnalysisError, match=r"cannot be written: .+\."):
        checkpoints.save(tmp_path / "absent" / "a.safetensors", {"w": torch.zeros(2)}, SAVED)


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.safetensors"
    checkpoints.save(path, {"w": torch.zeros(2)}, SAVED)
    before = path.read_bytes()

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(AnalysisError, match="No space left"):
        checkpoints.save(path, {"w": torch.ones(2)}, SAVED)
    assert path.read_bytes() == before
    assert sorted(item.name for item in tmp_path.iterdir()) == ["a.json", "a.safetensors"]
