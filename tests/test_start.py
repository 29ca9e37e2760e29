"""Starting: nothing imported too early, bad versions and missing libraries told in one sentence."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from app import start

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("version", "python", "word"),
    [
        ("6.10.1", (3, 11), "too old"),
        ("6.9.2", (3, 13), "too old"),
        ("6.11.0", (3, 13), "known to fail"),
        ("6.11.1", (3, 11), "known to fail"),
        ("6.12.0", (3, 11), "abort"),
        ("6.13.2", (3, 11), "abort"),
        ("7.0.0", (3, 11), "abort"),
        ("6.12.0a1.dev1", (3, 11), "abort"),
    ],
)
def test_bad_versions_are_told_with_what_to_install(version: str, python: tuple[int, int], word: str) -> None:
    sentence = start.bad_version(version, python)
    assert word in sentence
    assert version in sentence
    assert "pip install" in sentence


@pytest.mark.parametrize(
    ("version", "python"), [("6.10.2", (3, 11)), ("6.11.2", (3, 11)), ("6.11.3", (3, 12)), ("6.12.0", (3, 12))]
)
def test_good_versions_pass(version: str, python: tuple[int, int]) -> None:
    assert start.bad_version(version, python) == ""


@pytest.mark.parametrize("library", ["libEGL.so.1", "libxkbcommon.so.0", "libGL.so.1", "libfontconfig.so.1"])
def test_missing_library_names_it_and_the_line_that_installs_it(library: str) -> None:
    sentence = start.missing_library(f"{library}: cannot open shared object file: No such file or directory")
    assert library.split(".so")[0] in sentence
    for package in ("libegl1", "libxkbcommon0", "libgl1", "libfontconfig1", "libdbus-1-3"):
        assert package in sentence


def test_missing_library_of_the_x_server_names_its_packages() -> None:
    assert "libxcb-cursor0" in start.missing_library("libxcb-cursor.so.0: cannot open shared object file")


@pytest.mark.parametrize("path", ["main.py", "app/start.py"])
def test_nothing_is_imported_at_module_level(path: str) -> None:
    body = ast.parse((ROOT / path).read_text()).body
    assert not [node for node in body if isinstance(node, ast.Import | ast.ImportFrom)]


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)


def test_importing_the_entry_point_imports_no_qt() -> None:
    names = "('PySide6', 'numpy', 'torch', 'argparse')"
    done = run_python(f"import sys; import app.start; print([name for name in {names} if name in sys.modules])")
    assert done.stdout.strip() == "[]"


def test_version_needs_no_screen_and_no_qt() -> None:
    lines = ("import sys", "from app.start import main", "try: main(['--version'])")
    done = run_python("\n".join([*lines, "except SystemExit: print('PySide6' in sys.modules)"]))
    assert done.stdout.split()[0] == "LayerScope"
    assert done.stdout.split()[-1] == "False"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems always have a screen")
def test_without_a_screen_there_is_a_sentence_and_status_1() -> None:
    names = "('DISPLAY', 'WAYLAND_DISPLAY', 'QT_QPA_PLATFORM')"
    forget = f"import os, sys; [os.environ.pop(name, None) for name in {names}]"
    done = run_python(f"{forget}; from app.start import main; sys.exit(main([]))")
    assert done.returncode == 1
    assert done.stderr.strip() == "LayerScope: there is no screen. Without one, use: python -m analysis --help"


def test_a_bad_version_ends_the_start_with_its_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import PySide6

    monkeypatch.setattr(PySide6, "__version__", "6.11.0")
    assert start.main([]) == 1
    assert "6.11.0 is known to fail" in capsys.readouterr().err
