"""Take pictures of the real window, with the real engine and the demo.

``python -m tests.screenshots FOLDER`` takes those of docs/screenshots; ``python -m tests.screenshots FOLDER --all`` one
of every page of every tab.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
from PIL import Image
from PySide6.QtWidgets import QApplication, QToolButton

from analysis.remote import RemoteEngine
from analysis.request import ModelSource
from app.application import make_window, prepare
from app.log import LogBuffer
from app.main_window import MainWindow
from app.reading.asking_second import of_second
from app.views import bundles, configurations, sharing, widths

SIZES = {"": (1280, 800), "-large": (2560, 1440)}
PAGES = {"widths": ("line", "shrink", "sensitivity", "check"), "configurations": ("build",)}
"""Pages of tabs that have a picture beside the one of their tab."""
LIMIT = 240.0
EXACT = 96
"""Colours of a picture that are kept exactly."""


def wait(until: Callable[[], bool], what: str) -> None:
    """Let the window live until something is so."""
    end = time.monotonic() + LIMIT
    while not until():
        QApplication.processEvents()
        if time.monotonic() > end:
            raise TimeoutError(f"waited too long for {what}")
        time.sleep(0.005)


def rest(seconds: float = 0.6) -> None:
    """Let delayed drawing finish."""
    end = time.monotonic() + seconds
    wait(lambda: time.monotonic() > end, "the window to rest")


def idle(window: MainWindow) -> bool:
    """Tell whether the engine is there and has nothing to do."""
    workspace = window.workspace
    return window.desk.client.hello is not None and not any(run.open for run in workspace.runs.values())


def prepare_demo(window: MainWindow) -> None:
    """Open the demo, take the first look and wait for its end."""
    wait(lambda: window.desk.client.hello is not None, "the engine")
    window.desk.session.open_demo()
    wait(lambda: window.workspace.latest("evaluate") is not None and idle(window), "the first look")
    window.desk.measuring.measure(window.workspace.new_request("rank_lab", networks=40))
    wait(lambda: idle(window), "the rank lab")
    window.desk.notices.clear()
    convolutions = [layer.name for layer in window.workspace.layers if layer.kind == "conv"]
    window.workspace.select_layer(convolutions[len(convolutions) // 2])
    seen = window.workspace.latest("evaluate")
    prepared = seen.result.prepared if seen else None
    assert prepared is not None
    assert prepared.indices is not None
    sample = int(prepared.indices[3])
    window.workspace.select_sample(sample)
    window.workspace.request_run(window.workspace.new_request("attribution", algorithms="all", samples=str(sample)))
    wait(lambda: window.workspace.latest("attribution") is not None and idle(window), "the attributions")


def show_graph(window: MainWindow) -> None:
    """Open the architecture graph, coloured by the multiply-adds, with one block unfolded."""
    panel: Any = window.docks.show("graph")
    rest()
    panel.color_by("structure.macs")
    folded = [node.name for node in panel.canvas.shown.nodes if node.folded]
    if folded:
        panel.unfold(folded[0])
    rest()


def show_inspector(window: MainWindow) -> None:
    """Give the inspector room beside the pictures, for a layer with maps that are large enough to see."""
    window.tabs.show_view("samples")
    window.workspace.select_layer("layer1.1.conv2")
    rest()
    wait(lambda: idle(window), "the maps")
    window.docks.show("inspector")
    rest()


def prepare_methods(window: MainWindow) -> None:
    """Measure what the tabs of the larger methods show."""
    workspace = window.workspace
    for method, limit in (("parameter_sharing", 500), ("dynamic_configurations", 300)):
        if workspace.method(method):
            workspace.request_run(replace(workspace.new_request(method), limit=limit))
            wait(lambda: idle(window), method)
    window.desk.notices.clear()


def prepare_widths(window: MainWindow) -> None:
    """Shrink the network, narrow every group by itself, and check what the shrinkage makes."""
    window.tabs.show_view("widths")
    view: Any = window.tabs.view("widths")
    wait(lambda: view.editing.reading is not None and idle(window), "the width groups")
    view.show_page("shrink")
    rest()
    view.shrink.run.click()
    rest()
    wait(lambda: idle(window), "the shrinkage")
    view.use("shrink")
    rest()
    view.show_page("sensitivity")
    view.sensitivity.run.click()
    rest()
    wait(lambda: idle(window), "the sensitivities")
    view.show_page("check")
    view.network.run_check()
    rest()
    wait(lambda: idle(window) and window.workspace.latest("edited_check") is not None, "the check")
    view.show_page("profile")
    window.desk.notices.clear()


def prepare_build(window: MainWindow) -> None:
    """Try a network in a geometry that was put together by hand."""
    window.tabs.show_view("configurations")
    view: Any = window.tabs.view("configurations")
    view.show_page("build")
    rest()
    wait(lambda: view.build.bench.blueprint is not None and idle(window), "the layers")
    view.build.choose_option(next(word for word, made in view.build.options.buttons.items() if possible(made)))
    rest()
    view.build.run_now()
    rest()
    wait(lambda: idle(window), "the geometry by hand")
    window.desk.notices.clear()


def possible(button: QToolButton) -> bool:
    """Tell whether an option is one that the network does not have yet."""
    return button.isEnabled() and not button.isChecked() and not button.font().underline()


def prepare_plain(window: MainWindow) -> None:
    """Open the deep plain network of the demo, and count its bundles over its checkpoints."""
    window.desk.session.open_model(ModelSource("demo:fashion_plain"))
    wait(lambda: window.workspace.structure is not None and idle(window), "the plain network")
    window.workspace.request_run(window.workspace.new_request("conflicting_bundles"))
    wait(lambda: window.workspace.latest("conflicting_bundles") is not None and idle(window), "its bundles")
    window.desk.notices.clear()
    window.tabs.show_view("bundles")
    view: Any = window.tabs.view("bundles")
    rest()
    view.show_page("training")


def prepare_comparison(window: MainWindow) -> None:
    """Measure the other network of the demo, come back, and compare with it."""
    workspace, first = window.workspace, window.workspace.model
    other = ModelSource("demo:fashion_plain")
    for method in ("feature_rank", "evaluate"):
        shown = workspace.latest(method)
        assert shown is not None
        request = replace(shown.request, model=other)  # the same pictures
        window.desk.measuring.measure(request)
    wait(lambda: idle(window), "the other network")
    window.desk.notices.clear()
    run = next(r for r in workspace.runs.values() if r.request.model == other and r.request.method == "feature_rank")
    workspace.compare_with(run.number)
    shown = workspace.latest("attribution")
    asked = of_second(workspace, shown.request) if shown is not None else None
    assert asked is not None
    window.desk.measuring.measure(asked)
    wait(lambda: idle(window), "the attributions of the other network")
    window.desk.notices.clear()
    assert workspace.model == first


def take_compared(window: MainWindow, folder: Path, every: bool) -> None:
    """Take pictures of tabs and panels with a second network behind the first."""
    views = ("overview", "rank", "evaluate", "samples", "attribution")
    for name in (*views, *(("bundles", "widths", "sharing") if every else ())):
        window.tabs.show_view(name)
        rest()
        shots(window, folder, f"{name}-compared")
    show_graph(window)
    panel: Any = window.docks.show("graph")
    panel.show_difference(True)
    rest()
    shots(window, folder, "graph-compared")
    panel.show_difference(False)
    window.docks.set_open("graph", False)
    show_inspector(window)
    inspector: Any = window.docks.show("inspector")
    inspector.channels.second.ask.click()
    rest()
    wait(lambda: idle(window), "the maps of the other network")
    rest()
    shots(window, folder, "inspector-compared")


def show_palette(window: MainWindow) -> None:
    """Open the command palette with a few letters typed."""
    window.slots.show_palette()
    palette = window._palette
    assert palette is not None
    palette.line.setText("rank")
    rest()


def main(folder: Path, every: bool = False) -> None:
    """Write a picture of every view, light and dark, small and large; on demand one of every page."""
    folder.mkdir(parents=True, exist_ok=True)
    application = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(application, QApplication)
    prepare(application)
    with tempfile.TemporaryDirectory() as home:
        os.environ["LAYERSCOPE_HOME"] = home
        window = make_window(RemoteEngine(), Path(home), LogBuffer())
        window.resize(*SIZES[""])
        window.show()
        window.desk.client.start()
        rest()
        shots(window, folder, "start")
        prepare_demo(window)
        prepare_methods(window)
        take_views(window, folder, every)
        show_graph(window)
        shots(window, folder, "graph")
        window.docks.set_open("graph", False)
        prepare_comparison(window)
        take_compared(window, folder, every)
        window.workspace.compare_with(None)
        show_inspector(window)
        shots(window, folder, "inspector")
        for panel in ("settings", "shortcuts", "help"):
            window.panel(panel)
            rest()
            shots(window, folder, panel)
        shots(window, folder, "palette", show_palette)
        if window._palette is not None:
            window._palette.close_up()
        window.docks.show("inspector")
        take_edited(window, folder, every)
        prepare_plain(window)
        shots(window, folder, "bundles-plain")
        show_pages(window, folder, "bundles", every_page("bundles") if every else ("classes",))
        window.tabs.show_view("overview")
        window.slots.export_figure()
        rest(6)
        shots(window, folder, "figure")
        window.close()
        application.processEvents()


def take_views(window: MainWindow, folder: Path, every: bool) -> None:
    """Take a picture of every tab, on demand of every page of those that are not edited."""
    for name, _title in window.tabs.names():
        window.tabs.show_view(name)
        rest()
        shots(window, folder, name)
        if every and name == "sharing":
            show_pages(window, folder, name, every_page(name))


def take_edited(window: MainWindow, folder: Path, every: bool) -> None:
    """Take pictures of the pages that change the network, and put it back."""
    for name, ready in (("configurations", prepare_build), ("widths", prepare_widths)):
        ready(window)
        show_pages(window, folder, name, every_page(name) if every else PAGES[name])
        while window.workspace.undo.canUndo():
            window.workspace.undo.undo()
        rest()


def every_page(name: str) -> tuple[str, ...]:
    """Name the pages of a tab."""
    pages = {"bundles": bundles, "configurations": configurations, "sharing": sharing, "widths": widths}[name].PAGES
    return tuple(page for page, _title in pages)


def show_pages(window: MainWindow, folder: Path, name: str, pages: tuple[str, ...]) -> None:
    """Take a picture of some pages of a tab."""
    window.tabs.show_view(name)
    view: Any = window.tabs.view(name)
    for page in pages:
        view.show_page(page)
        rest()
        shots(window, folder, f"{name}-{page}")


def shots(
    window: MainWindow, folder: Path, name: str, ready: Callable[[MainWindow], None] = lambda _window: None
) -> None:
    """Grab the window in every size and both themes; what floats over it is made ready in each size."""
    for size, (width, height) in SIZES.items():
        window.resize(width, height)
        ready(window)
        for mode in ("light", "dark"):
            window.theme.set_mode(mode)
            rest()
            save(window, folder / f"{name}-{mode}{size}.png")
    window.resize(*SIZES[""])
    window.theme.set_mode("light")
    rest()


def save(window: MainWindow, path: Path) -> None:
    """Write what the window shows; a palette of 256 colours keeps the file small."""
    window.grab().save(str(path))
    with Image.open(path) as picture:
        small = reduced(picture.convert("RGB"))
    small.save(path, optimize=True)


def reduced(picture: Image.Image) -> Image.Image:
    """Reduce a picture to 256 colours: its most frequent ones as they are, the others by the median cut.

    Among the others frequent colours count by their root only: by their area, those of small places, such as the end
    of a scale, would be taken for their neighbours.
    """
    pixels = np.asarray(picture, dtype=np.int64)
    packed, which, counts = np.unique(pixels @ np.array([1 << 16, 1 << 8, 1]), return_inverse=True, return_counts=True)
    colours = np.stack([packed >> 16, packed >> 8 & 255, packed & 255], axis=1)
    order = np.argsort(-counts)
    others = np.repeat(colours[order[EXACT:]], np.sqrt(counts[order[EXACT:]]).astype(np.int64), axis=0)
    cut = (
        Image.fromarray(others[None].astype(np.uint8), "RGB").quantize(256 - EXACT).getpalette() if len(others) else []
    )
    palette = np.concatenate([colours[order[:EXACT]], np.array(cut, dtype=np.int64).reshape(-1, 3)[: 256 - EXACT]])
    portions = np.array_split(colours, 1 + len(colours) // 4096)
    nearest = np.concatenate([((part[:, None] - palette) ** 2).sum(axis=2).argmin(axis=1) for part in portions])
    small = Image.fromarray(nearest[which].reshape(pixels.shape[:2]).astype(np.uint8), "P")
    small.putpalette(palette.astype(np.uint8).tobytes())
    return small


if __name__ == "__main__":
    main(Path(sys.argv[1]), "--all" in sys.argv)
