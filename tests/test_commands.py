"""The command line, as a user types it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis.__main__ import main
from analysis.store import list_runs, load

ROOT = Path(__file__).parents[1]
RESNET = "demo:fashion_resnet"
EVALUATE = ["run", "evaluate", "--model", RESNET, "--images", "demo:test", "--limit", "40"]


def shell(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "analysis", *arguments],
        capture_output=True, text=True, cwd=ROOT, timeout=240, check=False, **options,
    )  # fmt: skip


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("runs")
    command = ["run", "feature_rank", "--model", RESNET, "--images", "demo:test", "--limit", "64", "--out", str(root)]
    assert main(command) == 0
    return list_runs(root)[0].folder


def test_the_last_plain_line_is_the_run_folder(tmp_path: Path) -> None:
    done = shell(*EVALUATE, "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    folder = Path(done.stdout.splitlines()[-1])
    assert folder.parent == tmp_path
    result = load(folder)
    assert result.value("top1") == np.mean(result["label"] == result["prediction"])


def test_json_lines_hold_no_values_and_end_with_the_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*EVALUATE, "--out", str(tmp_path), "--json"]) == 0
    lines = [json.loads(line, parse_constant=pytest.fail) for line in capsys.readouterr().out.splitlines()]
    assert [line["event"] for line in lines[:1]] == ["started"]
    assert all(set(line) == {"event", "name", "at", "shape"} for line in lines if line.get("event") == "chunk")
    assert lines[-2]["event"] == "finished"
    assert load(Path(lines[-1]["folder"])).value("top1") > 0.5


def test_the_same_request_gives_the_same_numbers(tmp_path: Path) -> None:
    for _ in range(2):
        assert main([*EVALUATE, "--out", str(tmp_path), "--seed", "5"]) == 0
    first, second = (load(run.folder) for run in list_runs(tmp_path))
    for name, array in first.arrays.items():
        np.testing.assert_array_equal(array, second[name])


def test_reuse_gives_the_stored_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*EVALUATE, "--out", str(tmp_path)]) == 0
    first = capsys.readouterr().out
    assert main([*EVALUATE, "--out", str(tmp_path), "--reuse"]) == 0
    assert capsys.readouterr().out == first
    assert len(list_runs(tmp_path)) == 1


def test_a_request_file_is_a_run(tmp_path: Path) -> None:
    assert main([*EVALUATE, "--out", str(tmp_path / "a")]) == 0
    run = list_runs(tmp_path / "a")[0]
    (tmp_path / "request.json").write_text(run.request.to_json())
    assert main(["run", str(tmp_path / "request.json"), "--out", str(tmp_path / "b")]) == 0
    assert list_runs(tmp_path / "b")[0].fingerprint == run.fingerprint


def test_layers_can_be_selected(tmp_path: Path) -> None:
    command = ["run", "feature_rank", "--model", RESNET, "--images", "demo:test", "--limit", "16"]
    assert main([*command, "--layers", "layer1*conv2", "--out", str(tmp_path)]) == 0
    names = [layer.name for layer in load(list_runs(tmp_path)[0].folder).layers]
    assert names == ["layer1.0.conv2", "layer1.1.conv2", "layer1.2.conv2"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "feature_rnk", "--model", RESNET], "Did you mean feature_rank"),
        (["run", "evaluate", "--model", RESNET], "needs pictures"),
        (["run", "evaluate", "--images", "demo:test"], "needs a network"),
        (["run", "evaluate", "--weights", "x.pt", "--images", "demo:test"], "--model auto"),
        (["run", "feature_rank", "--model", RESNET, "--images", "demo:test", "--layers", "layr1*"], "No layer fits"),
        (["run", "feature_rank", "--model", RESNET, "--images", "demo:test", "--set", "enrgy=1"], "mean energy"),
        (["run", "feature_rank", "--model", RESNET, "--images", "demo:test", "--set", "energy"], "not name=value"),
        (
            ["run", "feature_rank", "--model", RESNET, "--images", "demo:test", "--set", "energy=7"],
            "outside its limits",
        ),
        (["run", "evaluate", "--model", "demo:fashion_resnt", "--images", "demo:test"], "fashion_resnet"),
        (["run", "evaluate", "--model", RESNET, "--images", "no/such/place"], "no/such/place"),
        (["run", "evaluate", "--model", RESNET, "--images", "demo:test", "--device", "cuda:9"], "cuda:9"),
        (["run", "nothing.json"], "nothing.json cannot be read"),
        (["export", "nothing", "--to", "x.pdf"], "There is no run 'nothing'"),
        (["inspect", "--model", "resnet"], "resnet"),
    ],
)
def test_wrong_input_is_one_line_and_status_one(
    arguments: list[str],
    words: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 1
    said = capsys.readouterr()
    assert words in said.err
    assert said.err.startswith("error: ")
    assert "Traceback" not in said.err
    assert not list(tmp_path.rglob("run.json"))


@pytest.mark.parametrize(
    "arguments", [[], ["measure"], ["run"], ["export", "x"], ["run", "evaluate", "--dtype", "int8"]]
)
def test_wrong_usage_is_status_two(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_methods_and_figures_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--json"]) == 0
    methods = json.loads(capsys.readouterr().out)["methods"]
    assert {"feature_rank", "evaluate", "weight_spectrum", "latency", "structure"} <= {m["name"] for m in methods}
    assert main(["list", "--figures", "feature_rank"]) == 0
    assert "spectrum" in capsys.readouterr().out


def test_inspect_adds_up(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", "--model", RESNET, "--json"]) == 0
    plain = json.loads(capsys.readouterr().out)
    for key in ("parameters", "macs"):
        assert sum(layer[key] for layer in plain["layers"]) <= plain["totals"][key]
    assert sum(layer["macs"] for layer in plain["layers"]) == plain["totals"]["macs"]
    assert main(["inspect", "--model", RESNET]) == 0
    assert "1 MAC = 2 FLOPs" in capsys.readouterr().out


def test_a_figure_with_its_numbers(stored: Path, tmp_path: Path) -> None:
    to, data = tmp_path / "a.pdf", tmp_path / "a.csv"
    command = ["export", stored.name[-6:], "--in", str(stored.parent), "--figure", "profile", "--set"]
    assert main([*command, "measure=effective_rank", "--to", str(to), "--data", str(data)]) == 0
    assert to.read_bytes().startswith(b"%PDF")
    values = [float(line.split(",")[6]) for line in data.read_text().splitlines()[1:] if line.split(",")[2] == "bars"]
    np.testing.assert_array_equal(values, load(stored)["effective_rank"])
    assert data.with_suffix(".py").exists()


def test_interrupting_stops_and_keeps_what_arrived(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "analysis", "run", "feature_rank", "--model", RESNET, "--images", "demo:train"]
    process = subprocess.Popen(
        [*command, "--set", "mode=positions", "--batch", "1", "--out", str(tmp_path), "--json"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout
    for line in process.stdout:
        if json.loads(line)["event"] == "declared":
            break
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert list_runs(tmp_path)[0].state == "cancelled"


def test_a_killed_run_is_readable_and_reported_as_interrupted(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "analysis", "run", "feature_rank", "--model", RESNET, "--images", "demo:train"]
    process = subprocess.Popen(
        [*command, "--batch", "1", "--out", str(tmp_path), "--json"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    for line in process.stdout:
        if json.loads(line)["event"] == "progress" and list_runs(tmp_path) and list_runs(tmp_path)[0].plain["outputs"]:
            break
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
    run = list_runs(tmp_path)[0]
    assert run.state == "interrupted"
    result = load(run.folder)
    assert set(result.arrays) >= {"rank", "effective_rank"}
    assert result.finished is None


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="mounting a small disk needs root on Linux")
def test_a_full_disk_is_one_sentence(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], check=False).returncode:
        pytest.skip("a tmpfs cannot be mounted here")
    try:
        (disk / "filler").write_bytes(b"x" * 950_000)
        done = shell(
            "run", "feature_rank", "--model", RESNET, "--images", "demo:test", "--limit", "64", "--out", str(disk)
        )
        assert done.returncode == 1
        assert done.stderr.count("\n") == 1
        assert "There is no room left on the disk" in done.stderr
        for path in disk.rglob("*.json"):
            json.loads(path.read_text())
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_help_needs_no_torch() -> None:
    code = "import sys; from analysis.__main__ import _parser; _parser(); print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True, timeout=60
    )
    assert done.stdout.strip() == "False"


def test_measuring_a_live_network(tmp_path: Path) -> None:
    import torch
    from torch import nn

    from analysis import measure

    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4)).train()
    pictures = torch.randn(64, 3, 12, 12)
    result = measure("feature_rank", net, pictures, out=tmp_path)
    sigma = torch.linalg.svdvals(net[0](pictures).transpose(0, 1).flatten(1).double())
    np.testing.assert_allclose(result["singular_values"][0, :8], sigma.detach().numpy(), rtol=1e-5)
    assert net.training
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(pictures, torch.arange(64) % 4), batch_size=10)
    again = measure("feature_rank", net, loader)
    np.testing.assert_allclose(again["singular_values"], result["singular_values"], rtol=1e-6, equal_nan=True)
    assert measure("evaluate", net, loader).value("top1") <= 1


def test_unreadable_pictures_are_skipped_counted_and_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from PIL import Image

    folder = tmp_path / "pictures" / "0"
    folder.mkdir(parents=True)
    for i in range(5):
        Image.fromarray(np.full((28, 28), 40 * i, dtype=np.uint8)).save(folder / f"{i}.png")
    (folder / "3.png").write_bytes(b"not a picture")
    command = [
        "run",
        "evaluate",
        "--model",
        RESNET,
        "--images",
        str(tmp_path / "pictures"),
        "--out",
        str(tmp_path / "r"),
    ]
    assert main(command) == 0
    said = "warning: 1 picture could not be read and was left out. (0/3.png: it is not a picture)"
    assert said in capsys.readouterr().err
    run = list_runs(tmp_path / "r")[0]
    assert [warning["code"] for warning in run.plain["warnings"]] == ["unreadable_pictures"]
    result = load(run.folder)
    assert result["prediction"][3] == -1
    assert np.count_nonzero(result["prediction"] >= 0) == 4
