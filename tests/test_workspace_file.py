"""Workspace files: readable, relative, atomic; older ones migrated, newer and damaged ones refused."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.edits import Edits
from analysis.problems import AnalysisError
from analysis.request import Compute, ImageSource, ModelSource
from app.workspace import Selection
from app.workspace_file import FORMAT, SUFFIX, Document, Layout, RunName, Step, read, write


def full(folder: Path) -> Document:
    return Document(
        model=ModelSource("auto", (str(folder / "nets" / "a.pth"),), (3, 32, 32), trust=True),
        model_title="resnet20",
        weights_sha256="ab" * 32,
        images=ImageSource(str(folder.parent / "pictures"), str(folder / "names.txt"), (0.5,), (0.25,), grey=False),
        compute=Compute("cuda:1", "float64", True, 3, 16),
        limit=-1,
        seed=7,
        steps=(Step("layer1 to 8", Edits(widths=(("g1", 8),))), Step("remove", Edits(("layer2.0",), (("g1", 8),)))),
        step=1,
        selection=Selection(("layer1.0.conv1", "fc"), 3, 417),
        span=(2, 9),
        runs=(RunName(str(folder / "runs" / "a"), "first"), RunName("/elsewhere/runs/b")),
        compared=str(folder / "runs" / "a"),
        layout=Layout("rank", ("layers", "runs"), "AAA=", {"overview": {"tracks": ["rank"], "zoom": [0.5, 2]}}),
    )


def same(one: Document, other: Document) -> bool:
    from dataclasses import replace

    return replace(one, saved="") == replace(other, saved="")


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "w" / f"mine{SUFFIX}"
    document = full(tmp_path / "w")
    write(path, document)
    assert same(read(path), document)


def test_paths_are_relative_and_the_file_can_move_with_its_folder(tmp_path: Path) -> None:
    write(tmp_path / "old" / f"mine{SUFFIX}", full(tmp_path / "old"))
    text = (tmp_path / "old" / f"mine{SUFFIX}").read_text()
    assert "./nets/a.pth" in text
    assert "../pictures" in text
    assert str(tmp_path) not in text
    os.rename(tmp_path / "old", tmp_path / "new")
    moved = read(tmp_path / "new" / f"mine{SUFFIX}")
    assert same(moved, full(tmp_path / "new"))


def test_file_is_readable_by_people(tmp_path: Path) -> None:
    path = tmp_path / f"mine{SUFFIX}"
    write(path, full(tmp_path))
    plain = json.loads(path.read_text())
    assert plain["layerscope"] == "workspace"
    assert plain["format"] == FORMAT
    assert plain["saved"][:2] == "20"
    assert plain["model"]["input"] == [3, 32, 32]
    assert len(path.read_text().splitlines()) > 40


@pytest.mark.parametrize(
    "model",
    [
        ModelSource("demo:fashion_resnet"),
        ModelSource("timm:resnet18", ("random",)),
        ModelSource("/home/x/net.py:build", trust=True),
        ModelSource("/home/x/net.pt2"),
        ModelSource("auto", ("/home/x/*.pth",)),
    ],
)
def test_every_kind_of_model_string_survives(tmp_path: Path, model: ModelSource) -> None:
    path = tmp_path / f"mine{SUFFIX}"
    write(path, Document(model=model, images=ImageSource("demo:test")))
    assert read(path).model == model
    assert read(path).images == ImageSource("demo:test")


names = st.text("abc/.: é_", max_size=12)


@given(st.builds(Document, model=st.builds(ModelSource, names, st.tuples(names)), seed=st.integers(0, 9)))
def test_any_name_survives(tmp_path_factory: pytest.TempPathFactory, document: Document) -> None:
    path = tmp_path_factory.mktemp("w") / f"mine{SUFFIX}"
    write(path, document)
    again = read(path)
    write(path, again)
    assert same(read(path), again)  # the second time nothing changes any more
    assert again.seed == document.seed


FORMAT_1 = {
    "layerscope": "workspace",
    "format": 1,
    "network": {"name": "auto", "weights": ["./a.pth"]},
    "pictures": {"location": "demo:test"},
    "edits": {"removed": [], "widths": [["g1", 8]], "geometry": [], "ring": []},
    "runs": ["./runs/a", "./runs/b"],
    "seed": 3,
}


def test_older_format_is_migrated(tmp_path: Path) -> None:
    path = tmp_path / f"old{SUFFIX}"
    path.write_text(json.dumps(FORMAT_1))
    document = read(path)
    assert document.model == ModelSource("auto", (str(tmp_path / "a.pth"),))
    assert document.images == ImageSource("demo:test")
    assert [step.edits.widths for step in document.steps] == [(("g1", 8),)]
    assert document.step == 1
    assert [run.folder for run in document.runs] == [str(tmp_path / "runs" / "a"), str(tmp_path / "runs" / "b")]
    assert document.seed == 3


def test_older_format_without_edits_has_no_history(tmp_path: Path) -> None:
    path = tmp_path / f"old{SUFFIX}"
    path.write_text(json.dumps({**FORMAT_1, "edits": {"removed": [], "widths": [], "geometry": [], "ring": []}}))
    assert read(path).steps == ()


def test_newer_format_is_refused_in_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / f"new{SUFFIX}"
    path.write_text(json.dumps({"layerscope": "workspace", "format": FORMAT + 1, "dreams": []}))
    with pytest.raises(AnalysisError, match="newer LayerScope") as caught:
        read(path)
    assert caught.value.hint == "Update LayerScope."


@pytest.mark.parametrize(
    "change",
    [
        {"layerscope": "run"},
        {"format": "2"},
        {"format": True},
        {"format": 0},
        {"format": None},
        {"model": 3},
        {"seed": "many"},
        {"runs": [{"title": "no folder"}]},
        {"selection": {"layers": "conv1"}},
        {"unknown": 1},
    ],
)
def test_damaged_files_are_told_not_raised(tmp_path: Path, change: dict[str, Any]) -> None:
    path = tmp_path / f"bad{SUFFIX}"
    path.write_text(json.dumps({"layerscope": "workspace", "format": FORMAT} | change))
    with pytest.raises(AnalysisError, match="damaged"):
        read(path)


def test_truncated_file_at_every_length(tmp_path: Path) -> None:
    path = tmp_path / f"mine{SUFFIX}"
    write(path, full(tmp_path))
    data = path.read_bytes()
    for length in range(0, len(data) - 1, 37):
        path.write_bytes(data[:length])
        with pytest.raises(AnalysisError):
            read(path)


def test_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / f"mine{SUFFIX}"
    write(path, Document(seed=1))

    def full_disk(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(AnalysisError, match="No space left"):
        write(path, Document(seed=2))
    assert read(path).seed == 1
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_steps_that_change_pictures_keep_relative_paths(tmp_path: Path) -> None:
    before, after = ImageSource(str(tmp_path / "a")), ImageSource(str(tmp_path / "a"), mean=(0.5,))
    document = Document(images=after, steps=(Step("preprocessing", Edits(), (before, after)),), step=1)
    path = tmp_path / "x.layerscope.json"
    write(path, document)
    assert str(tmp_path) not in path.read_text()
    assert read(path).steps == document.steps
