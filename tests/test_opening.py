"""What is this file? Told from its content, without running any of it."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from analysis.problems import AnalysisError
from app.opening import factories, recognise


def archive(path: Path, *names: str) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        for name in names:
            file.writestr(name, b"x")
    return path


def safetensors(path: Path, notes: dict[str, str] | None = None) -> Path:
    header = {"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}} | ({"__metadata__": notes} if notes else {})
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"\0\0\0\0")
    return path


def png(path: Path) -> Path:
    from PIL import Image

    Image.new("RGB", (2, 2)).save(path, "PNG")
    return path


def npz(path: Path) -> Path:
    np.savez(path, images=np.zeros((2, 4, 4), np.uint8), labels=np.zeros(2, np.int64))
    return path


CASES = {
    "names.safetensors": ("weights", safetensors),
    "renamed.dat": ("weights", safetensors),
    "edited.safetensors": ("edited", lambda path: safetensors(path, {"layerscope": "{}"})),
    "zip.pth": ("weights", lambda path: archive(path, "net/data.pkl", "net/data/0")),
    "program.pt2": ("program", lambda path: archive(path, "net/models/model.json", "net/archive_format")),
    "pictures.npz": ("images", npz),
    "picture.png": ("images", png),
    "renamed_picture": ("images", png),
    "train-images-idx3-ubyte": ("images", lambda path: path.write_bytes(b"\0\0\x08\x03" + bytes(12))),
    "train-images-idx3-ubyte.gz": ("images", lambda path: path.write_bytes(gzip.compress(b"\0\0\x08\x03" + bytes(12)))),
    "table.parquet": ("images", lambda path: path.write_bytes(b"PAR1....PAR1")),
    "data_batch_1": (
        "images",
        lambda path: path.write_bytes(
            pickle.dumps({b"batch_label": b"x", b"labels": list(range(300)), b"data": b"1"}, 2)
        ),
    ),
    "legacy.th": (
        "weights",
        lambda path: path.write_bytes(pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2)),
    ),
    "plain.pkl": ("weights", lambda path: path.write_bytes(pickle.dumps({"fc.weight": [1.0]}, 2))),
    "w.layerscope.json": ("workspace", lambda path: path.write_text('{"layerscope": "workspace", "format": 2}')),
    "damaged.layerscope.json": ("workspace", lambda path: path.write_text("{}")),
    "request.json": ("request", lambda path: path.write_text('{"method": "structure"}')),
    "net.py": ("code", lambda path: path.write_text("def build():\n    return 1\n")),
}


@pytest.mark.parametrize("name", CASES)
def test_files_are_told_by_their_content(tmp_path: Path, name: str) -> None:
    kind, make = CASES[name]
    path = tmp_path / name
    make(path)
    found = recognise(str(path))
    assert (found.kind, found.path) == (kind, str(path))


def test_every_name_of_a_weight_file_is_offered_to_the_engine(tmp_path: Path) -> None:
    path = tmp_path / "what.pth"
    path.write_bytes(b"not weights at all")
    assert recognise(str(path)).kind == "weights"  # and the engine says what is wrong with it


@pytest.mark.parametrize("name", ["demo:fashion_resnet", "timm:resnet18", "torchvision:resnet18", "cifar_resnet20"])
def test_names_of_networks(name: str) -> None:
    assert recognise(name).kind == "named"


@pytest.mark.parametrize("name", ["demo:test", "demo:train", "noise:64"])
def test_names_of_pictures(name: str) -> None:
    assert recognise(name).kind == "images"


def test_folders(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text('{"request": {}}')
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "epoch-1.pth").write_bytes(b"x")
    (tmp_path / "classes" / "cat").mkdir(parents=True)
    assert recognise(str(tmp_path / "run")).kind == "run"
    assert recognise(str(tmp_path / "run" / "run.json")).path == str(tmp_path / "run")
    assert recognise(str(tmp_path / "checkpoints")).kind == "weights"
    assert recognise(str(tmp_path / "classes")).kind == "images"


def test_relative_paths_become_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    png(tmp_path / "a.png")
    monkeypatch.chdir(tmp_path)
    assert recognise("a.png").path == str(tmp_path / "a.png")


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("empty.pth", b"", "empty"),
        ("text.txt", b"hello there", "nothing that can be opened"),
        ("broken.json", b"{", "damaged"),
        ("other.json", b"[]", "no workspace"),
        ("broken.zip", b"PK\x03\x04" + bytes(40), "damaged archive"),
        ("broken.py", b"def f(:\n", "no valid Python in line 1"),
        ("nothing.py", b"x = 1\n", "defines nothing"),
    ],
)
def test_what_cannot_be_opened_is_one_sentence_with_a_way_on(
    tmp_path: Path, name: str, content: bytes, word: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(AnalysisError, match=word) as caught:
        recognise(str(tmp_path / name))
    assert caught.value.hint


def test_other_archives_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AnalysisError, match="something else"):
        recognise(str(archive(tmp_path / "a.zip", "readme.txt")))
    with pytest.raises(AnalysisError, match="TorchScript"):
        recognise(str(archive(tmp_path / "a.pt", "net/constants.pkl", "net/data.pkl")))


def test_missing_and_unreadable(tmp_path: Path) -> None:
    with pytest.raises(AnalysisError, match="no file"):
        recognise(str(tmp_path / "gone.pth"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(AnalysisError, match="is empty"):
        recognise(str(tmp_path / "empty"))


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(AnalysisError, match="not a regular file"):
        recognise(str(tmp_path / "pipe"))


def test_a_malicious_pickle_is_not_run(tmp_path: Path) -> None:
    class Bad:
        def __reduce__(self) -> tuple[object, tuple[Path]]:
            return Path.touch, (tmp_path / "touched",)

    stream = io.BytesIO()
    pickle.Pickler(stream, 2).dump({"labels": Bad(), "data": 1})
    (tmp_path / "bad").write_bytes(stream.getvalue())
    recognise(str(tmp_path / "bad"))
    assert not (tmp_path / "touched").exists()


def test_code_is_read_not_run(tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    path.write_text(
        f"open({str(tmp_path / 'touched')!r}, 'w')\n"
        "class Net(Module):\n    def __init__(self, width=3): pass\n"
        "class Plain(Module): pass\n"
        "class NotANet: pass\n"
        "class Needs(Module):\n    def __init__(self, width): pass\n"
        "def build(): pass\n"
        "def build_wide(width=3, *, deep=True): pass\n"
        "def needs(width): pass\n"
        "def needs_key(*, width): pass\n"
        "def _hidden(): pass\n"
    )
    assert factories(path) == ("Net", "Plain", "build", "build_wide")
    assert not (tmp_path / "touched").exists()


def test_factory_in_the_name_is_kept() -> None:
    found = recognise("/a/net.py:build")
    assert (found.kind, found.path, found.choices) == ("code", "/a/net.py:build", ("build",))
