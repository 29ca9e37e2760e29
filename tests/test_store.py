"""Runs on disk: what was announced can be read, whatever happens in between."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis import store
from analysis.arrays import ArrayFile
from analysis.config import LayerSpec
from analysis.events import Chunk, Declared, Event, Finished, Outcome, Output, Prepared, Progress, Samples, Started
from analysis.problems import AnalysisError, Problem, RunWarning
from analysis.request import ImageSource, ModelSource, Preprocessing, Request
from analysis.result import Result

OUTPUTS = (
    Output("rank", ("layer",), (2,), "float64", "directions"),
    Output("singular_values", ("layer", "component"), (2, 3)),
    Output("label", ("sample",), (4,), "int32"),
    Output("top1", (), ()),
)


def script(rows: int = 2) -> Iterator[Event]:
    request = Request("feature_rank", ModelSource("demo:x"), ImageSource("demo:test"), params=(("rtol", 0.1),))
    yield Started(request)
    yield Prepared(
        "3f9a1c" + "0" * 58,
        model="demo:x",
        preprocessing=Preprocessing((0.5,), (0.2,)),
        badges=("random weights",),
        samples=Samples(4, 10, "ab", "demo:test", ("a", "b")),
        versions=(("torch", "2"),),
        indices=np.array([1, 3, 5, 7]),
    )
    layers = (LayerSpec("conv1", "conv", shape=(3, 8, 8)), LayerSpec("fc", "linear", shape=(2,)))
    yield Declared(OUTPUTS, layers, facts=(("tolerance", "0.1"),))
    for i in range(rows):
        yield Chunk("rank", (i,), np.float64(i + 1))
        yield Chunk("singular_values", (i,), np.arange(2.0) + i)
        yield Progress(i + 1, 2)
    yield Chunk("label", (1,), np.array([7, 8], dtype=np.int32))
    yield Chunk("top1", (), np.float64(0.5))
    yield Finished(Outcome.COMPLETED, warnings=(RunWarning("w", "A warning.", ("conv1",)),))


def only_run(root: Path) -> store.StoredRun:
    (run,) = store.list_runs(root)
    return run


def test_a_stored_run_equals_the_live_one(tmp_path: Path) -> None:
    live = Result.of(store.record(script(), tmp_path))
    stored = store.load(only_run(tmp_path).folder)
    assert stored.request == live.request
    assert stored.declared == live.declared
    assert stored.finished == live.finished
    assert stored.arrived == live.arrived
    for name, array in live.arrays.items():
        np.testing.assert_array_equal(stored[name], array)
    assert stored.prepared is not None
    np.testing.assert_array_equal(stored.prepared.indices, [1, 3, 5, 7])
    assert stored.prepared.preprocessing == Preprocessing((0.5,), (0.2,))


def test_every_event_can_be_read_when_it_is_announced(tmp_path: Path) -> None:
    events = store.record(script(), tmp_path)
    for event in events:
        if isinstance(event, Chunk) and event.name == "rank":
            array = store.load(only_run(tmp_path).folder)["rank"]
            assert array[event.at[0]] == event.values


def test_empty_places_are_marked(tmp_path: Path) -> None:
    list(store.record(script(rows=1), tmp_path))
    result = store.load(only_run(tmp_path).folder)
    np.testing.assert_array_equal(result["rank"], [1, np.nan])
    np.testing.assert_array_equal(result["singular_values"], [[0, 1, np.nan], [np.nan] * 3])
    np.testing.assert_array_equal(result["label"], [-1, 7, 8, -1])
    assert result.arrived == {"rank": 1, "singular_values": 2, "label": 2, "top1": 1}


def test_numpy_alone_reads_an_output(tmp_path: Path) -> None:
    list(store.record(script(), tmp_path))
    np.testing.assert_array_equal(np.load(only_run(tmp_path).folder / "rank.npy"), [1, 2])


def test_json_holds_no_nan_and_names_the_run(tmp_path: Path) -> None:
    list(store.record(script(), tmp_path))
    run = only_run(tmp_path)
    text = (run.folder / "run.json").read_text()
    plain = json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))
    assert plain["outputs"][0] == {
        "name": "rank", "dims": ["layer"], "shape": [2], "dtype": "float64", "unit": "directions", "title": "",
        "empty": None, "arrived": 2,
    }  # fmt: skip
    assert run.name.split("-", 2)[2] == "feature_rank-demo_x-3f9a1c"
    assert not list(run.folder.glob("*.part"))


def test_names_of_runs_never_collide(tmp_path: Path) -> None:
    for _ in range(3):
        list(store.record(script(), tmp_path))
    assert len(store.list_runs(tmp_path)) == 3


def test_a_run_is_found_by_folder_name_or_end(tmp_path: Path) -> None:
    list(store.record(script(), tmp_path))
    run = only_run(tmp_path)
    for text in (str(run.folder), run.name, "3f9a1c"):
        assert store.find_run(text, tmp_path) == run.folder
    with pytest.raises(AnalysisError, match="no run 'nothing'"):
        store.find_run("nothing", tmp_path)


def test_a_closed_stream_is_a_cancelled_run(tmp_path: Path) -> None:
    events = store.record(script(), tmp_path)
    for event in events:
        if isinstance(event, Progress):
            break
    events.close()  # type: ignore[attr-defined]
    assert only_run(tmp_path).state == "cancelled"


def _run_until_killed(root: Path) -> None:
    for event in store.record(script(), root):
        if isinstance(event, Progress):
            time.sleep(60)


def test_a_killed_run_is_readable_and_interrupted(tmp_path: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(target=_run_until_killed, args=(tmp_path,))
    process.start()
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        runs = store.list_runs(tmp_path)
        if runs and runs[0].plain["outputs"] and store.load(runs[0].folder).arrived["singular_values"] == 2:
            break
        time.sleep(0.02)
    assert only_run(tmp_path).state == "running"
    assert process.pid
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    process.close()
    run = only_run(tmp_path)
    assert run.state == "interrupted"
    result = store.load(run.folder)
    assert result.finished is None
    np.testing.assert_array_equal(result["rank"], [1, np.nan])


@pytest.mark.parametrize("size", [64, 160, 400])
@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="mounting a small disk needs root on Linux")
def test_a_full_disk_is_one_sentence_and_no_half_written_json(tmp_path: Path, size: int) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}k", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if mount.returncode:
        pytest.skip("a tmpfs cannot be mounted here")
    try:
        big = Output("big", ("sample", "layer"), (1000, 100))
        events = [
            Declared((*OUTPUTS, big), e.layers) if isinstance(e, Declared) else e
            for e in script()
            if isinstance(e, (Started, Prepared, Declared, Finished))
        ]
        told = list(store.record(iter(events), disk / "runs"))
        assert isinstance(told[-1], Finished)
        assert told[-1].outcome == Outcome.FAILED
        assert told[-1].problem is not None
        assert "no room left" in told[-1].problem.message
        assert sum(isinstance(event, Finished) for event in told) == 1
        for path in disk.rglob("*.json"):
            json.loads(path.read_text())
        assert not list(disk.rglob("*.npy")) or store.list_runs(disk / "runs")[0].state == "failed"
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_disk_that_fills_up_during_a_run_still_takes_rows_and_the_end(tmp_path: Path) -> None:
    """Room was reserved, so rows and the final run.json need no more of it."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root on Linux")
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(disk)], check=False).returncode:
        pytest.skip("a tmpfs cannot be mounted here")
    try:
        told = []
        for event in store.record(script(), disk):
            told.append(event)
            if isinstance(event, Declared):
                with open(disk / "filler", "wb", buffering=0) as file:
                    try:
                        while file.write(b"x" * 512):
                            pass
                    except OSError:
                        pass
        assert told[-1] == Finished(Outcome.COMPLETED, warnings=(RunWarning("w", "A warning.", ("conv1",)),))
        assert only_run(disk).state == "completed"
        np.testing.assert_array_equal(store.load(only_run(disk).folder)["rank"], [1, 2])
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": 2}, "newer LayerScope"),
        ({"format": "1"}, "no format number"),
        ({"state": "dreaming"}, "unknown state"),
        ({"request": {"method": 3}}, "should be text"),
        ({"outputs": [{"name": "rank"}]}, "lacks the field"),
        ({"outputs": [{"name": "rank", "dims": ["layer"], "shape": [9], "dtype": "float64"}]}, "another shape"),
    ],
)
def test_a_damaged_run_is_one_sentence(tmp_path: Path, change: dict[str, object], words: str) -> None:
    list(store.record(script(), tmp_path))
    folder = only_run(tmp_path).folder
    plain = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(plain | change))
    with pytest.raises(AnalysisError, match=words):
        store.load(folder)


def test_a_failed_run_keeps_its_reason(tmp_path: Path) -> None:
    ending = Finished(Outcome.FAILED, Problem("It broke.", "Mend it.", "Traceback"))
    events = [event for event in script() if not isinstance(event, Finished)]
    list(store.record(iter([*events, ending]), tmp_path))
    assert store.load(only_run(tmp_path).folder).finished == ending


def test_a_new_title_survives(tmp_path: Path) -> None:
    list(store.record(script(), tmp_path))
    store.rename(only_run(tmp_path).folder, "first try")
    assert only_run(tmp_path).title == "first try"


@st.composite
def chunks(draw: st.DrawFn) -> tuple[tuple[int, ...], list[tuple[tuple[int, ...], np.ndarray]]]:
    shape = tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=3)))
    pieces = []
    for _ in range(draw(st.integers(1, 5))):
        lead = draw(st.integers(0, len(shape)))
        depth = draw(st.integers(lead, len(shape)))
        at = [draw(st.integers(0, size - 1)) for size in shape[:depth]]
        first = [at[i] if i < len(at) else 0 for i in range(lead, len(shape))]
        sizes = [draw(st.integers(0, full - f)) for f, full in zip(first, shape[lead:], strict=True)]
        pieces.append((tuple(at), draw(st.integers(0, 9)) + np.arange(int(np.prod(sizes))).reshape(sizes) * 1.0))
    return shape, pieces


@settings(max_examples=150, deadline=None)
@given(chunks())
def test_chunks_on_disk_equal_chunks_in_memory(
    tmp_path_factory: pytest.TempPathFactory, case: tuple[tuple[int, ...], list[tuple[tuple[int, ...], np.ndarray]]]
) -> None:
    shape, pieces = case
    output = Output("x", tuple("abc")[: len(shape)], shape)
    path = tmp_path_factory.mktemp("chunks") / "x.npy"
    file, result = ArrayFile(path, output), Result()
    result.apply(Declared((output,)))
    arrived = 0
    for at, values in pieces:
        arrived += file.write(at, values)
        result.apply(Chunk("x", at, values))
    file.close()
    np.testing.assert_array_equal(np.load(path), result["x"])
    assert arrived == result.arrived["x"]
