"""Inspector and layers beside edited widths: which network their numbers are of."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot

from analysis.edits import Edits
from analysis.engine import run
from analysis.request import ModelSource, Request
from analysis.result import Result
from app.panels.inspector import Inspector
from app.panels.layers_panel import LayersPanel
from app.reading import edited_rows
from app.theme import Theme
from app.views.widths import WidthsView
from app.workspace import Workspace
from tests import scenes
from tests.gestures import settle, theme
from tests.width_window import INNER, STREAM, view

__all__ = ["theme", "view"]


def test_the_inspector_says_what_a_layer_has_been_edited_to(view: WidthsView, theme: Theme, qtbot: QtBot) -> None:
    inspector = Inspector(view.workspace, theme)
    qtbot.addWidget(inspector)
    inspector.show()
    view.workspace.select_layer(INNER)
    settle()
    assert "edited" not in inspector.kind.text()
    view.editing.put({INNER: 9}, "nine")
    settle()
    assert "edited to 9 channels" in inspector.kind.text()
    view.workspace.select_layer(STREAM)
    settle()
    assert "edited" not in inspector.kind.text()


def test_facts_are_those_before_and_after(view: WidthsView, theme: Theme, qtbot: QtBot) -> None:
    inspector, layers = Inspector(view.workspace, theme), LayersPanel(view.workspace, theme)
    for panel in (inspector, layers):
        qtbot.addWidget(panel)
        panel.show()
    view.workspace.select_layer(INNER)
    settle()
    before = inspector.facts.facts[2].texts[0]
    column = next(i for i, found in enumerate(layers.model.columns) if found.key == "structure.width")
    assert layers.model.index_of(INNER, column).data() == "32"
    view.editing.put({INNER: 8}, "eight")
    settle()
    facts = {fact.label: fact.texts[0] for fact in inspector.facts.facts}
    assert facts["Parameters"] == f"{before} → {int(before.replace(',', '')) // 4:,}"  # an output channel each
    assert "→" not in facts["Block"]
    qtbot.waitUntil(lambda: layers.model.index_of(INNER, column).data() == "32 → 8")
    assert layers.model.index_of("conv1", column).data() == "16"
    view.workspace.undo.undo()
    settle()
    qtbot.waitUntil(lambda: layers.model.index_of(INNER, column).data() == "32")
    assert "→" not in "".join(fact.texts[0] for fact in inspector.facts.facts)


@pytest.mark.parametrize("name", ["demo:fashion_resnet", "demo:fashion_plain"])
def test_rows_are_as_wide_as_those_of_the_network_that_is_made(name: str, qtbot: QtBot) -> None:
    source = ModelSource(name)
    workspace = Workspace()
    workspace.set_model(source)
    for method in ("structure", "width_groups"):
        scenes.play(workspace, run(Request(method, source)), purpose="open" if method == "structure" else "measure")
    groups = workspace.latest("width_groups")
    assert groups is not None
    read = groups.result
    free = [name for name, locked in zip(read.names("group"), read["locked"].tolist(), strict=True) if not locked]
    now = dict(zip(read.names("group"), read["width"].tolist(), strict=True))
    edits = Edits(widths=tuple((name, now[name] - 3) for name in free[::2]))
    workspace.set_edits(edits)
    made = Result.of(run(Request("structure", source, edits=edits)))
    assert made.finished is not None
    assert made.finished.problem is None
    for output in ("width", "macs"):
        known = edited_rows.by_layer(workspace, output)
        field = {"width": "channels"}.get(output, output)
        there = {layer.name: float(getattr(layer, field)) for layer in made.layers}
        assert {row: there[row] for row in known} == dict(known)
    changed = {old.name for old, new in zip(workspace.layers, made.layers, strict=True) if old.channels != new.channels}
    assert changed <= set(edited_rows.by_layer(workspace))
