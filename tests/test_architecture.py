"""What may be loaded where: no torch in the window's process, no Qt in the engine's, the first paint before either."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = ("torch", "torchvision", "timm", "captum")


def run_python(code: str, home: Path) -> Any:
    """Run code in a fresh process that prints JSON as its last line."""
    environment = os.environ | {"QT_QPA_PLATFORM": "offscreen", "LAYERSCOPE_HOME": str(home)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


WINDOW = """
import argparse, json, sys
from pathlib import Path
from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtWidgets import QApplication

application = QApplication([])
from analysis.remote import RemoteEngine
from app import application as start
from app.log import LogBuffer
from app.settings import home

start.prepare(application)
window = start.make_window(RemoteEngine(threads=1), home(), LogBuffer())
heavy = ("torch", "torchvision", "timm", "captum", "pyqtgraph", "matplotlib")
loaded = lambda: sorted(name for name in heavy if name in sys.modules)
seen = {}

class Watch(QObject):
    def eventFilter(self, watched, event):
        if event.type() == QEvent.Type.Paint and "paint" not in seen:
            seen["paint"] = [loaded(), window.desk.client.state]
        return False

watch = Watch()
window.start_page.installEventFilter(watch)
window.painted.connect(lambda: start.after_first_paint(window, argparse.Namespace(files=FILES, demo=False)))
window.show()

def maps(pid, words):
    text = Path(f"/proc/{pid}/maps").read_text() if sys.platform.startswith("linux") else ""
    return sorted(word for word in words if word in text)

def look():
    if window.workspace.structure is None and FILES or window.desk.client.state != "ready":
        return
    clock.stop()
    for name in ("setup", "measure", "history", "help", "shortcuts", "figure", "runs", "log"):
        window.docks.show(name)
    for name, _ in window.tabs.names():
        window.tabs.show_view(name)
    application.processEvents()
    seen["window"] = [name for name in loaded() if name != "pyqtgraph"]
    seen["window_maps"] = maps("self", ("libtorch", "libc10"))
    seen["engine_maps"] = maps(window.desk.client.engine.pid, ("libQt6", "PySide6", "shiboken"))
    seen["engine_torch"] = maps(window.desk.client.engine.pid, ("libtorch_cpu",))
    window.close()

clock = QTimer()
clock.timeout.connect(look)
clock.start(20)
application.exec()
start.end(window, application)
print(json.dumps(seen))
"""


def test_window_holds_no_torch_and_the_engine_no_qt(tmp_path: Path) -> None:
    seen = run_python(WINDOW.replace("FILES", "['cifar_resnet20']"), tmp_path)
    assert seen["paint"] == [[], "off"]  # painted before anything heavy, and before the engine was started
    assert seen["window"] == []
    assert seen["window_maps"] == []
    assert seen["engine_maps"] == []
    if sys.platform.startswith("linux"):
        assert seen["engine_torch"] == ["libtorch_cpu"]


def test_every_file_of_the_window_can_be_imported_without_torch(tmp_path: Path) -> None:
    code = f"""
import importlib, json, pkgutil, sys
import app
for module in pkgutil.walk_packages(app.__path__, "app."):
    importlib.import_module(module.name)
print(json.dumps([name for name in {HEAVY} if name in sys.modules]))
"""
    assert run_python(code, tmp_path) == []


def test_engine_can_be_imported_without_qt(tmp_path: Path) -> None:
    code = """
import importlib, json, pkgutil, sys
import analysis
for module in pkgutil.walk_packages(analysis.__path__, "analysis."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
print(json.dumps([name for name in sys.modules if name.split(".")[0] in ("PySide6", "shiboken6", "pyqtgraph")]))
"""
    assert run_python(code, tmp_path) == []


@pytest.mark.parametrize("entry", ["main.py", "-m"])
def test_spawned_process_of_either_entry_point_has_no_qt(tmp_path: Path, entry: str) -> None:
    """Spawn imports the main script again: it must not bring the window along."""
    script = tmp_path / "entry.py"
    text = (ROOT / "main.py").read_text() if entry == "main.py" else "import sys\nfrom app.start import main\n"
    script.write_text(text.replace("sys.exit(main())", "pass"))
    code = f"""
import json, runpy, sys
runpy.run_path({str(script)!r}, run_name="__mp_main__")
print(json.dumps([name for name in sys.modules if name.startswith("PySide6")]))
"""
    assert run_python(code, tmp_path) == []
