"""Export from the window: the preview is the file, the file is the command line's."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from analysis.__main__ import main
from analysis.figures import FigureSpec, Style
from analysis.store import list_runs, load, record
from app.forms.figure_form import FigureForm
from app.theme import Theme
from app.workspace import Workspace
from tests.results import accuracy_events, rank_events


@pytest.fixture
def form(qtbot: QtBot, tmp_path: Path) -> FigureForm:
    workspace = Workspace()
    for events in (rank_events(0), rank_events(1), accuracy_events()):
        list(record(events, tmp_path / "runs"))
    for run in list_runs(tmp_path / "runs"):
        workspace.add_stored(run.folder, run.request, load(run.folder), run.state)
    form = FigureForm(workspace, Theme("light"))
    qtbot.addWidget(form)
    form.resize(1000, 600)
    form.show()
    yield form
    form.finish()


def folders(form: FigureForm, method: str) -> tuple[str, ...]:
    return tuple(run.folder.name for run in form._runs() if run.request.method == method and run.folder)


def shown(form: FigureForm, qtbot: QtBot, spec: FigureSpec) -> None:
    with qtbot.waitSignal(form.preview.drawn, timeout=30_000):
        form.show_spec(spec)


def test_a_spec_comes_back_as_it_was_shown(form: FigureForm, qtbot: QtBot) -> None:
    runs = tuple(sorted(folders(form, "feature_rank")))
    options = (("measure", "rank_ratio"), ("layers", "layer2*"))
    spec = FigureSpec("profile", runs, options, Style("page", 150, "grey", 9.0, False, True))
    shown(form, qtbot, spec)
    found = form.spec()
    assert (found.name, sorted(found.runs), found.style) == (spec.name, sorted(spec.runs), spec.style)
    assert dict(found.options) == dict(spec.options)


@pytest.mark.parametrize("ending", [".pdf", ".svg", ".png"])
def test_the_windows_file_is_the_command_lines(form: FigureForm, qtbot: QtBot, tmp_path: Path, ending: str) -> None:
    run = folders(form, "feature_rank")[0]
    style = Style("page", palette="grey", font=9.0, note=False)
    shown(form, qtbot, FigureSpec("profile", (run,), (("measure", "effective_rank"),), style))
    form.numbers.setChecked(True)
    form.export(tmp_path / f"window{ending}")
    words = shlex.split(form.command())
    assert words[:3] == ["python", "-m", "analysis"]
    words[words.index("--to") + 1] = str(tmp_path / f"command{ending}")
    assert main([*words[3:], "--data", str(tmp_path / "command.csv")]) == 0
    assert (tmp_path / f"window{ending}").read_bytes() == (tmp_path / f"command{ending}").read_bytes()
    assert (tmp_path / "window.csv").read_bytes() == (tmp_path / "command.csv").read_bytes()


def test_only_figures_that_can_show_the_runs_are_offered(form: FigureForm, qtbot: QtBot) -> None:
    shown(form, qtbot, FigureSpec("confusion", folders(form, "evaluate")))
    names = [form.figure.itemData(i) for i in range(form.figure.count())]
    assert "confusion" in names
    assert "spectrum" not in names


def test_another_figure_brings_its_own_options(form: FigureForm, qtbot: QtBot) -> None:
    shown(form, qtbot, FigureSpec("profile", folders(form, "feature_rank")[:1]))
    with qtbot.waitSignal(form.preview.drawn, timeout=30_000):
        form.figure.setCurrentIndex(form.figure.findData("spectrum"))
    assert set(form.options.fields) == {"layers", "kinds", "centred", "compared"}


def test_what_cannot_be_drawn_is_said_and_cannot_be_exported(form: FigureForm, qtbot: QtBot) -> None:
    shown(form, qtbot, FigureSpec("profile", folders(form, "feature_rank")[:1]))
    form.options.set_values({"layers": "nothing*"})
    qtbot.waitUntil(form.message.isVisible, timeout=10_000)
    assert "No layer of the run fits" in form.message.text()
    assert form.preview.empty
    assert not form.export_button.isEnabled()
    with qtbot.waitSignal(form.preview.drawn, timeout=30_000):
        form.options.set_values({})
    assert form.export_button.isEnabled()


def test_no_run_is_one_sentence(form: FigureForm, qtbot: QtBot) -> None:
    shown(form, qtbot, FigureSpec("profile", folders(form, "feature_rank")[:1]))
    for i in range(form.runs.count()):
        form.runs.item(i).setCheckState(Qt.CheckState.Unchecked)
    qtbot.waitUntil(form.message.isVisible, timeout=10_000)
    assert "at least one run" in form.message.text()


def test_a_file_that_cannot_be_written_becomes_a_notice(form: FigureForm, qtbot: QtBot, tmp_path: Path) -> None:
    shown(form, qtbot, FigureSpec("profile", folders(form, "feature_rank")[:1]))
    with qtbot.waitSignal(form._workspace.problem_raised) as raised:
        form.export(tmp_path / "no" / "such" / "folder.pdf")
    assert "cannot be written" in raised.args[0].message


def test_the_picture_on_the_clipboard_has_its_full_size(form: FigureForm, qtbot: QtBot) -> None:
    shown(form, qtbot, FigureSpec("profile", folders(form, "feature_rank")[:1], style=Style("column", dpi=254)))
    form.copy_picture()
    assert QGuiApplication.clipboard().image().width() == pytest.approx(890, abs=2)


def test_fast_typing_draws_the_last_state_only(form: FigureForm, qtbot: QtBot) -> None:
    drawings = []
    form.preview.drawn.connect(lambda: drawings.append(form.dpi.value()))
    with qtbot.waitSignal(form.preview.drawn, timeout=30_000):
        form.show_spec(FigureSpec("profile", folders(form, "feature_rank")[:1]))
        for dpi in range(100, 130):
            form.dpi.setValue(dpi)
    assert drawings == [129]


@pytest.mark.parametrize("turned", [False, True])
def test_the_order_of_the_runs_is_part_of_the_figure(form: FigureForm, turned: bool) -> None:
    first, second = folders(form, "feature_rank")
    runs = (second, first) if turned else (first, second)
    form.show_spec(FigureSpec("profile", runs, (("measure", "rank_ratio"),)))
    assert form.spec().runs == runs
    command = form.command()
    assert command.index(runs[0]) < command.index(runs[1])
    form._list_runs()
    assert form.spec().runs == runs, "a run that arrives changes nothing"
