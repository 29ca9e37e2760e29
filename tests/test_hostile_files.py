"""Broken and malicious files: one clear sentence each, and nothing that they carry is ever run."""

import gzip
import io
import json
import os
import pickle
import struct
import subprocess
import sys
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from analysis import models
from analysis.loading.exported import inspect_exported
from analysis.problems import AnalysisError
from analysis.request import Compute, ModelSource

CANARY = "canary"


class Payload:
    """Pickles to a call; unpickling it without restriction makes a file."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


def touch(folder: Path) -> Payload:
    return Payload(os.system, f"{sys.executable} -c \"open(r'{folder / CANARY}', 'w').close()\"")


def evaluate(folder: Path) -> Payload:
    return Payload(eval, f"open(r'{folder / CANARY}', 'w').close()")


def hub(folder: Path) -> Payload:
    repository = folder / "repository"
    repository.mkdir()
    (repository / "hubconf.py").write_text(f"open(r'{folder / CANARY}', 'w').close()\n")
    # torch.hub.load runs the repository's hubconf.py, and its name begins with an innocent "torch."
    return Payload(torch.hub.load, str(repository), "entry", "local")


def saved(value: object, legacy: bool = False) -> bytes:
    stream = io.BytesIO()
    torch.save(value, stream, _use_new_zipfile_serialization=not legacy)
    return stream.getvalue()


def weights() -> dict[str, torch.Tensor]:
    return {"conv.weight": torch.zeros(4, 3, 3, 3), "conv.bias": torch.zeros(4)}


def archive(members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return stream.getvalue()


def tensor(start: int, end: int, shape: list[int], dtype: str = "F32") -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


def safe(header: object, data: bytes = b"", length: int | None = None, raw: bytes | None = None) -> bytes:
    text = json.dumps(header).encode() if raw is None else raw
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def described(text: str) -> bytes:
    return safe({"__metadata__": {"layerscope": text}, "conv.weight": tensor(0, 8, [2])}, bytes(8))


def circular() -> dict[str, object]:
    inner: dict[str, object] = {}
    inner["model"] = inner
    return inner


def with_giant_storage() -> bytes:
    """Make a file of the older format that announces a petabyte."""
    return saved({"a": torch.zeros(3)}, legacy=True).replace(b"K\x03N", b"\x8a\x08" + struct.pack("<q", 1 << 50) + b"N")


def with_giant_view() -> bytes:
    """Make a tensor of 2**40 numbers that all lie at the same place."""
    return saved({"a": torch.zeros(1).expand(1 << 20, 1 << 20)})


def whole_network() -> bytes:
    return saved(torch.nn.Conv2d(1, 1, 1))


BYTES: dict[str, Callable[[Path], bytes]] = {
    # malicious pickles
    "zip with os.system.pth": lambda folder: saved(touch(folder)),
    "zip with nested payload.pt": lambda folder: saved({"state_dict": weights() | {"x": [{"y": (touch(folder),)}]}}),
    "zip with eval.pth": lambda folder: saved(weights() | {"epoch": evaluate(folder)}),
    "legacy with os.system.th": lambda folder: saved(touch(folder), legacy=True),
    "legacy with nested payload.pth": lambda folder: saved(OrderedDict(weights(), x=evaluate(folder)), legacy=True),
    "hub.bin": lambda folder: saved(hub(folder)),
    **{
        f"protocol {number}.{suffix}": lambda folder, number=number: pickle.dumps(touch(folder), protocol=number)
        for number, suffix in enumerate(("pt", "pth", "th", "bin", "ckpt", "pt"))
    },
    "text pickle.pth": lambda folder: f"cos\nsystem\n(S'touch {folder / CANARY}'\ntR.".encode(),
    "payload behind the weights.pth": lambda folder: saved(weights(), legacy=True)[:-200] + pickle.dumps(touch(folder)),
    "payload as the pickle of an archive.pth": lambda folder: archive({"a/data.pkl": pickle.dumps(touch(folder))}),
    "pickle named safetensors.safetensors": lambda folder: pickle.dumps(touch(folder)),
    "whole network.pth": lambda _: whole_network(),
    # pickles that promise too much, or the wrong thing
    "giant storage.pth": lambda _: with_giant_storage(),
    "giant view.pth": lambda _: with_giant_view(),
    "circular.pth": lambda _: saved(circular()),
    "a list.pth": lambda _: saved([torch.zeros(3)]),
    "one tensor.pth": lambda _: saved(torch.zeros(3)),
    "no tensors.pth": lambda _: saved({"epoch": 3}),
    "only an optimiser.pth": lambda _: saved({"state": {0: {"step": torch.zeros(())}}, "param_groups": [{"lr": 0.1}]}),
    "two networks.pth": lambda _: saved({"generator": weights(), "discriminator": weights()}),
    "sparse.pth": lambda _: saved({"a": torch.eye(3).to_sparse()}),
    "without values.pth": lambda _: saved({"a": torch.zeros(3, device="meta")}),
    # archives
    "bomb.pth": lambda _: archive({"a/data.pkl": bytes(30_000_000)}, zipfile.ZIP_DEFLATED),
    "other archive.pt": lambda _: archive({"readme.txt": b"hello"}),
    "climbing out.pt": lambda _: archive({"../../data.pkl": b"\x80\x02}."}),
    "TorchScript.pt": lambda _: archive({"a/data.pkl": b"\x80\x02}.", "a/constants.pkl": b"\x80\x02)."}),
    "exported as weights.pth": lambda _: archive({"a/models/model.json": b"{}", "a/archive_format": b"pt2"}),
    # damaged
    "empty.pth": lambda _: b"",
    "empty.safetensors": lambda _: b"",
    "truncated zip.pth": lambda _: saved(weights())[:-300],
    "truncated legacy.pth": lambda _: saved(weights(), legacy=True)[:-30],
    "first bytes.pth": lambda _: saved(weights())[:7],
    "flipped.pth": lambda _: saved(weights()).replace(b"_rebuild_tensor_v2", b"_rebuild_tensor_v9"),
    "text.pth": lambda _: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
    "page.pth": lambda _: b"<!DOCTYPE html><html>404</html>",
    "noise.bin": lambda _: bytes((37 * i * i + 11 * i) % 256 for i in range(5000)),
    "compressed.pth": lambda _: gzip.compress(saved(weights())),
    # safetensors
    "header of 2**63 bytes.safetensors": lambda _: safe({}, length=1 << 63),
    "header of 2**64-1 bytes.safetensors": lambda _: safe({}, length=(1 << 64) - 1),
    "header longer than file.safetensors": lambda _: safe({}, length=5000),
    "not utf-8.safetensors": lambda _: safe(None, raw=b'{"\xff\xfe": 1}'),
    "not json.safetensors": lambda _: safe(None, raw=b'{"a": '),
    "a list.safetensors": lambda _: safe([1, 2]),
    "deep.safetensors": lambda _: safe(None, raw=b'{"a":' + b"[" * 9000 + b"]" * 9000 + b"}"),
    "overlapping.safetensors": lambda _: safe({"a": tensor(0, 8, [2]), "b": tensor(4, 12, [2])}, bytes(12)),
    "out of range.safetensors": lambda _: safe({"a": tensor(0, 800, [200])}, bytes(8)),
    "backwards.safetensors": lambda _: safe({"a": tensor(8, 0, [2])}, bytes(8)),
    "negative.safetensors": lambda _: safe({"a": tensor(-8, 0, [2])}, bytes(8)),
    "hole.safetensors": lambda _: safe({"a": tensor(8, 16, [2])}, bytes(16)),
    "key twice.safetensors": lambda _: safe(
        None, bytes(8), raw=b'{"a":%s,"a":%s}' % ((json.dumps(tensor(0, 8, [2])).encode(),) * 2)
    ),
    "unknown type.safetensors": lambda _: safe({"a": tensor(0, 8, [2], "F99")}, bytes(8)),
    "overflowing shape.safetensors": lambda _: safe({"a": tensor(0, 8, [1 << 33, 1 << 33])}, bytes(8)),
    "overflow times zero.safetensors": lambda _: safe({"a": tensor(0, 0, [1 << 62, 8, 0])}),
    "numbers as metadata.safetensors": lambda _: safe({"__metadata__": {"epoch": 3}}),
    "nothing inside.safetensors": lambda _: safe({}),
    # headers of networks that LayerScope saved
    "broken description.safetensors": lambda _: described("{"),
    "description of nothing.safetensors": lambda _: described("[]"),
    "half a description.safetensors": lambda _: described('{"format": 1, "model": "demo:fashion_resnet"}'),
    "deep description.safetensors": lambda _: described("[" * 100_000),
    "from the future.safetensors": lambda _: described('{"format": 99}'),
    "describing code.safetensors": lambda folder: described_code(folder),
}


def described_code(folder: Path) -> bytes:
    """Make a saved network whose model string names code to run."""
    code = folder / "code.py"
    code.write_text(f"open(r'{folder / CANARY}', 'w').close()\n")
    state = {"conv.weight": torch.zeros(2)}
    plain = {
        "format": 1,
        "model": f"{code}:make",
        "weights_sha256": models.files.content_sha256(state),
        "edits": {},
        "preprocessing": {},
        "input": [3, 8, 8],
    }
    return described(json.dumps(plain))


def refusal(name: str, *weights: str) -> AnalysisError:
    """Load without trust and return the sentence it is refused with."""
    with pytest.raises(AnalysisError) as caught:
        models.load(ModelSource(name, weights), Compute())
    return caught.value


def assert_one_sentence(error: AnalysisError) -> None:
    text = str(error)
    assert text.endswith(".")
    assert "\n" not in text
    assert "Traceback" not in text
    assert len(text) < 400
    assert error.hint


@pytest.mark.parametrize("name", BYTES)
def test_a_bad_file_is_refused_in_one_sentence_and_runs_nothing(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(BYTES[name](tmp_path))
    error = refusal("auto", str(path))
    assert_one_sentence(error)
    assert name in str(error) or "code.py" in str(error)
    # The same file given as the network, or with the network named, fares no better.
    assert_one_sentence(refusal(str(path)))
    assert_one_sentence(refusal("cifar_resnet20", str(path)))
    assert not (tmp_path / CANARY).exists()


@pytest.mark.parametrize(
    ("name", "culprit"),
    [
        ("zip with os.system.pth", "system"),
        ("zip with eval.pth", "builtins.eval"),
        ("legacy with nested payload.pth", "builtins.eval"),
        ("hub.bin", "torch.hub.load"),
        ("protocol 0.pt", "system"),
        ("protocol 2.th", "system"),
        ("protocol 4.ckpt", "system"),
        ("protocol 5.pt", "system"),
        ("whole network.pth", "torch.nn.modules.conv.Conv2d"),
    ],
)
def test_what_a_pickle_asks_for_is_named(name: str, culprit: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(BYTES[name](tmp_path))
    error = refusal("auto", str(path))
    assert error.code == "needs_trust"
    assert culprit in str(error)
    assert "--trust" in error.hint


def test_the_payloads_are_real(tmp_path: Path) -> None:
    # Without this, the tests above would also pass for payloads that do nothing.
    path = tmp_path / "payload.pth"
    path.write_bytes(saved(weights() | {"epoch": evaluate(tmp_path)}))
    with pytest.raises(AnalysisError, match="No known network"):
        models.load(ModelSource("auto", (str(path),), trust=True), Compute())
    assert (tmp_path / CANARY).exists()


def test_an_optimiser_beside_the_weights_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "training.pth"
    net = torch.nn.Conv2d(3, 4, 3)
    state = torch.optim.Adam(net.parameters()).state_dict()
    path.write_bytes(saved({"model": {"conv.weight": torch.zeros(2, 2)}, "optimizer": state}))
    assert refusal("auto", str(path)).code == "no_match"


# ---- things that are no files ----------------------------------------------------------------------------------------


def test_a_folder_in_place_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "weights.pth").mkdir()
    assert_one_sentence(refusal("auto", str(tmp_path / "weights.pth")))
    assert "is a folder" in str(refusal(str(tmp_path / "weights.pth")))


def test_a_missing_file(tmp_path: Path) -> None:
    error = refusal("auto", str(tmp_path / "absent.pth"))
    assert_one_sentence(error)
    assert "No such file" in str(error)


def test_links_in_a_circle(tmp_path: Path) -> None:
    (tmp_path / "a.pth").symlink_to(tmp_path / "b.pth")
    (tmp_path / "b.pth").symlink_to(tmp_path / "a.pth")
    assert_one_sentence(refusal("auto", str(tmp_path / "a.pth")))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.pth")
    assert "not a regular file" in str(refusal("auto", str(tmp_path / "pipe.pth")))


@pytest.mark.skipif(sys.platform == "win32", reason="permissions work differently")
def test_a_file_without_permission(tmp_path: Path) -> None:
    path = tmp_path / "secret.pth"
    path.write_bytes(saved(weights()))
    path.chmod(0)
    root = os.geteuid() == 0
    try:
        if root:
            os.seteuid(65534)  # the superuser may read everything
        error = refusal("auto", str(path))
    finally:
        if root:
            os.seteuid(0)
    assert_one_sentence(error)
    assert "denied" in str(error)


@pytest.mark.parametrize("name", ["a\0b.pth", "x" * 5000 + ".pth"])
def test_names_that_no_file_can_have(name: str) -> None:
    with pytest.raises(AnalysisError) as caught:
        models.load(ModelSource("auto", (name,)), Compute())
    assert caught.value.hint


def test_a_file_larger_than_memory_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.safetensors"
    with path.open("wb") as file:
        file.write(safe({"a": tensor(0, 1 << 43, [1 << 41])}))
        try:
            file.truncate(1 << 43)
        except OSError:
            pytest.skip("this file system keeps no sparse file of 8 TB")
    assert "larger than this computer's memory" in str(refusal("auto", str(path)))


# ---- code and exported programs --------------------------------------------------------------------------------------


def test_a_factory_is_not_even_imported_without_trust(tmp_path: Path) -> None:
    code = tmp_path / "net.py"
    code.write_text(f"open(r'{tmp_path / CANARY}', 'w')\ndef make():\n    return None\n")
    error = refusal(f"{code}:make")
    assert_one_sentence(error)
    assert error.code == "needs_trust"
    assert not (tmp_path / CANARY).exists()


PROGRAMS: dict[str, Callable[[Path], bytes]] = {
    "empty": lambda _: b"",
    "text": lambda _: b"hello",
    "no program": lambda _: archive({"a/data.txt": b"hello"}),
    "not json": lambda _: archive({"a/models/model.json": b"{"}),
    "no object": lambda _: archive({"a/models/model.json": b"[1]"}),
    "other object": lambda _: archive({"a/models/model.json": b'{"graph_module": {"graph": {}}}'}),
    "deep": lambda _: archive({"a/models/model.json": b"[" * 100_000}),
    "bomb": lambda _: archive({"a/models/model.json": bytes(30_000_000)}, zipfile.ZIP_DEFLATED),
    "payload as weights": lambda folder: archive(
        {
            "a/archive_format": b"pt2",
            "a/models/model.json": b"{}",
            "a/data/weights/weight_0": saved(touch(folder)),
            "a/data/weights/model_weights_config.json": json.dumps(
                {"config": {"w": {"path_name": "weight_0", "is_param": True, "use_pickle": True}}}
            ).encode(),
        }
    ),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_bad_program_is_refused_and_runs_nothing(name: str, tmp_path: Path) -> None:
    path = tmp_path / f"{name}.pt2"
    path.write_bytes(PROGRAMS[name](tmp_path))
    assert_one_sentence(refusal(str(path)))
    with pytest.raises(AnalysisError) as caught:
        inspect_exported(path)
    assert_one_sentence(caught.value)
    assert not (tmp_path / CANARY).exists()


def test_a_program_with_a_payload_can_be_inspected_but_not_loaded(tmp_path: Path) -> None:
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU()).eval()
    good, bad = tmp_path / "good.pt2", tmp_path / "bad.pt2"
    torch.export.save(torch.export.export(net, (torch.zeros(1, 3, 8, 8),)), good)
    with zipfile.ZipFile(good) as file:
        members = {info.filename: file.read(info) for info in file.infolist()}
    inputs = next(name for name in members if name.endswith("sample_inputs/model.pt"))
    bad.write_bytes(archive(members | {inputs: saved(evaluate(tmp_path))}))
    assert [layer.kind for layer in inspect_exported(bad).layers] == ["conv", "activation"]
    assert refusal(str(bad)).code == "needs_trust"
    assert not (tmp_path / CANARY).exists()


# ---- the same in a real process --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["zip with os.system.pth", "overlapping.safetensors"])
def test_the_command_line_ends_with_status_1_and_one_line(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(BYTES[name](tmp_path))
    line = [sys.executable, "-m", "analysis", "inspect", "--model", "auto", "--weights", str(path)]
    done = subprocess.run(line, capture_output=True, text=True, cwd=Path(__file__).parents[1])
    assert done.returncode == 1
    assert "Traceback" not in done.stderr + done.stdout
    assert name in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 3
    assert not (tmp_path / CANARY).exists()
