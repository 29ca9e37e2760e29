"""The panels: forms ask for exactly what the method or file needs, and tell what is wrong without a dialog."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QAbstractItemModel, Qt
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QAbstractButton, QApplication, QCheckBox, QLineEdit, QListWidget, QPlainTextEdit, QSpinBox

from analysis.catalogue import MethodInfo, Param
from analysis.problems import AnalysisError, Problem
from analysis.request import Compute, ImageSource, ModelSource, Request
from app.desk import Desk
from app.forms.params_form import ParamsForm
from app.panels.fields import listed, numbers, whole_numbers
from app.panels.help_panel import HelpPanel
from app.panels.log_panel import LogPanel
from app.panels.measure_panel import MeasurePanel
from app.panels.model_panel import ModelPanel
from app.panels.palette import score
from app.panels.question_panel import QuestionPanel
from app.panels.run_panel import RunPanel
from app.panels.runs_model import COLUMNS, SHARE, RunsModel, duration
from app.questions import question_of
from tests.fake_engine import DEVICES, METHODS, FakeEngine


@pytest.fixture
def ready(desk: Desk, qtbot: Any) -> Desk:
    """A network and pictures are open, the engine is ready."""
    desk.client.start()
    desk.client.tick()
    desk.session.open_images(ImageSource("demo:test"))
    desk.session.open_model(ModelSource("demo:a"))
    settle(desk, qtbot)
    return desk


def settle(desk: Desk, qtbot: Any) -> None:
    qtbot.waitUntil(lambda: not any(run.open for run in desk.workspace.runs.values()))


def button(panel: Any, text: str) -> QAbstractButton:
    """Return the button with these words, or with this name."""
    found: list[QAbstractButton] = panel.findChildren(QAbstractButton)
    return next(b for b in found if text in (b.text(), b.accessibleName()))


def heard(signal: Any) -> list[Any]:
    said: list[Any] = []
    signal.connect(lambda *arguments: said.append(arguments[0] if len(arguments) == 1 else arguments))
    return said


# -- parameters --------------------------------------------------------------------------------------------------------

RANK = METHODS[1]


@pytest.fixture
def form(qapp: Any, qtbot: Any) -> ParamsForm:
    made = ParamsForm(RANK)
    qtbot.addWidget(made)
    return made


def test_untouched_form_asks_for_the_defaults(form: ParamsForm) -> None:
    assert form.values() == {}
    assert form.complaint == ""


def test_every_kind_of_parameter_is_read_with_its_type(form: ParamsForm) -> None:
    given_values = {"mode": "pooled", "energy": 0.9, "rtol": 3e-9, "groups": 5, "centred": True}
    form.set_values(given_values)
    values = form.values()
    assert values == given_values
    assert {name: type(value) for name, value in values.items()} == {n: type(v) for n, v in given_values.items()}
    form.set_values({})
    assert form.values() == {}


def test_every_field_tells_what_it_does(form: ParamsForm) -> None:
    for param in RANK.params:
        widget = form.fields[param.name].widget
        assert param.help in (widget.toolTip(), widget.accessibleDescription())
        assert widget.accessibleName()


def test_wrong_value_is_told_at_once_and_refused(form: ParamsForm) -> None:
    field = form.fields["energy"].widget
    assert isinstance(field, QLineEdit)
    field.setText("2")
    assert "energy is 2.0, outside its limits." in form.complaint
    assert field.property("wrong")
    with pytest.raises(AnalysisError):
        form.values()
    field.setText("many")
    assert "should be a number" in form.complaint
    field.setText("0.6")
    assert form.complaint == ""
    assert form.values() == {"energy": 0.6}


def test_whole_numbers_cannot_leave_their_limits(form: ParamsForm) -> None:
    spin = form.fields["groups"].widget
    assert isinstance(spin, QSpinBox)
    spin.setValue(10_000)
    assert form.values() == {"groups": 64}


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_any_number_survives_the_form(qapp: Any, value: float) -> None:
    form = ParamsForm(MethodInfo("m", "M", "", params=(Param("x", 0.5, "Help"),)))
    form.set_values({"x": value})
    assert form.values().get("x", 0.5) == value
    form.deleteLater()


# -- measuring ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def measure(ready: Desk, qtbot: Any) -> MeasurePanel:
    panel = MeasurePanel(ready.workspace, ready.theme, ready.history)
    qtbot.addWidget(panel)
    panel.show()
    panel.show_method("feature_rank")
    return panel


def test_form_asks_for_what_is_open(measure: MeasurePanel, ready: Desk) -> None:
    wanted = heard(measure.wanted)
    assert measure._form is not None
    measure._form.set_values({"energy": 0.9})
    measure._layers.setText("layer1.*, layer2.*")
    measure._limit.setEditText("123")
    measure._seed.setValue(7)
    button(measure, "Measure").click()
    ((request, anew),) = wanted
    assert request == replace(
        ready.workspace.new_request("feature_rank", energy=0.9), layers="layer1.*, layer2.*", limit=123, seed=7
    )
    assert anew is False
    assert measure._layers_count.text() == "12 of 20 layers and points"


@pytest.mark.parametrize(("text", "limit"), [("all", -1), ("all (usual)", 0), ("1,000", 1000), ("5", 5), ("", 0)])
def test_number_of_pictures(measure: MeasurePanel, text: str, limit: int) -> None:
    measure._limit.setEditText(text)
    assert measure.request().limit == limit


@pytest.mark.parametrize("text", ["many", "-3", "0"])
def test_wrong_number_of_pictures_is_told_beside_the_button(measure: MeasurePanel, text: str) -> None:
    measure._limit.setEditText(text)
    go = button(measure, "Measure")
    assert not go.isEnabled()
    assert "is not a number of pictures" in measure._offer_text.text()


def test_stored_answer_is_offered_before_one_asks(measure: MeasurePanel, ready: Desk, qtbot: Any) -> None:
    ready.measuring.measure(measure.request())
    settle(ready, qtbot)
    assert measure._offer_text.text().startswith("Stored result of 20")
    shown = heard(measure.stored_wanted)
    button(measure, "Use the stored result").click()
    assert [path.name.split("-")[2] for path in shown] == ["feature_rank"]
    wanted = heard(measure.wanted)
    button(measure, "Measure again").click()
    assert wanted[0][1] is True
    measure._seed.setValue(1)
    assert not measure._offer_text.isVisible()


def test_what_is_missing_is_said(desk: Desk, qtbot: Any) -> None:
    desk.client.start()
    desk.client.tick()
    panel = MeasurePanel(desk.workspace, desk.theme, desk.history)
    qtbot.addWidget(panel)
    panel.show()
    panel.show_method("feature_rank")
    assert panel._offer_text.text() == "This needs a network and pictures."
    panel.show_method("weight_spectrum")
    assert panel._offer_text.text() == "This needs a network."
    assert not panel._limit.isVisible()


def test_panel_waits_for_the_engine(desk: Desk, qtbot: Any) -> None:
    panel = MeasurePanel(desk.workspace, desk.theme, desk.history)
    qtbot.addWidget(panel)
    assert panel.method == ""
    desk.client.start()
    desk.client.tick()
    assert panel.method == "feature_rank"


def test_earlier_request_fills_the_form(measure: MeasurePanel, ready: Desk) -> None:
    request = replace(
        ready.workspace.new_request("feature_rank", energy=0.8, centred=True), layers="conv1", limit=9, seed=3
    )
    measure.show_request(request)
    assert measure.request() == request


# -- network, pictures, device -----------------------------------------------------------------------------------------


@pytest.fixture
def setup(ready: Desk, qtbot: Any) -> ModelPanel:
    panel = ModelPanel(ready.workspace)
    qtbot.addWidget(panel)
    panel.device.set_devices(DEVICES)
    panel.show()
    return panel


def test_forms_show_what_is_open(setup: ModelPanel) -> None:
    assert setup.network.name.currentText() == "demo:a"
    assert setup.pictures.location.currentText() == "demo:test"
    assert setup.device.name.currentText() == "cpu"


def test_network_is_opened_as_described(setup: ModelPanel) -> None:
    chosen = heard(setup.network.chosen)
    setup.network.name.setEditText("auto")
    setup.network.weights.setText("/a b/c.pth; /d.pth")
    setup.network.input.setText("3 x 32 x 32")
    setup.network.trust.setChecked(True)
    button(setup.network, "Open").click()
    assert chosen == [ModelSource("auto", ("/a b/c.pth", "/d.pth"), (3, 32, 32), trust=True)]
    setup.network.input.setText("3,32")
    button(setup.network, "Open").click()
    assert len(chosen) == 1
    assert "3 whole numbers" in setup.network._wrong.text()


def test_preprocessing_is_set_and_forgotten(setup: ModelPanel, ready: Desk) -> None:
    form = setup.pictures
    assert "mean 0.5; std 0.25" in form._in_use.text()
    assert "goes with the network" in form._in_use.text()
    chosen = heard(form.chosen)
    form.mean.setText("0.485, 0.456, 0.406")
    form.std.setText("0.229; 0.224; 0.225")
    form.sides.setText("48")
    form.interpolation.setCurrentText("bicubic")
    form.grey.setCurrentText("colour")
    button(form, "Apply").click()
    assert chosen == [
        ImageSource("demo:test", "", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), (48, 48), "bicubic", False)
    ]
    ready.session.open_images(chosen[0])
    assert form.mean.text() == "0.485, 0.456, 0.406"
    button(form, "As for the network").click()
    assert chosen[1] == ImageSource("demo:test")


def test_assumed_preprocessing_is_called_that(setup: ModelPanel, ready: Desk) -> None:
    from analysis.request import Preprocessing

    structure = ready.workspace.structure
    assert structure is not None
    assert structure.prepared is not None
    structure.prepared = replace(structure.prepared, preprocessing=Preprocessing())
    setup.pictures.show_preprocessing()
    text = setup.pictures._in_use.text()
    assert "no mean; no std; size as it is" in text
    assert "assumed" in text


@pytest.mark.parametrize(
    ("field", "text", "word"),
    [("mean", "a", "should be numbers"), ("std", "0", "cannot be divided"), ("sides", "0", "2 whole numbers")],
)
def test_wrong_preprocessing_is_told_in_the_panel(setup: ModelPanel, field: str, text: str, word: str) -> None:
    chosen = heard(setup.pictures.chosen)
    getattr(setup.pictures, field).setText(text)
    button(setup.pictures, "Apply").click()
    assert not chosen
    assert word in setup.pictures._wrong.text()
    assert setup.pictures._wrong.isVisible()


def preview_of(setup: ModelPanel, qtbot: Any, word: str) -> str:
    """Wait until the preview says something with a word in it."""
    preview = setup.pictures.preview
    qtbot.waitUntil(lambda: word in preview.text.text())
    return str(preview.text.text())


def test_preview_shows_what_the_form_says_before_it_is_applied(setup: ModelPanel, qtbot: Any) -> None:
    assert preview_of(setup, qtbot, "values").startswith("2,000 pictures; 28×28, colour, values −2.00 to 2.00")
    assert [holder.isVisible() for holder in setup.pictures.preview._pictures] == [True] * 4
    setup.pictures.sides.setText("16, 20")
    assert "16×20" in preview_of(setup, qtbot, "16×20")
    setup.pictures.mean.setText("0")
    setup.pictures.std.setText("1")
    assert "values 0.00 to" in preview_of(setup, qtbot, "0.00")
    setup.pictures.sides.setText("half-")
    assert setup.pictures.preview.isHidden()


def test_preview_tells_why_there_is_none(setup: ModelPanel, qtbot: Any, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    setup.pictures.location.setEditText(str(tmp_path / "empty"))
    assert str(preview_of(setup, qtbot, "empty"))
    assert not [holder for holder in setup.pictures.preview._pictures if holder.isVisible()]


def test_pictures_of_a_folder_that_are_damaged_are_left_out(setup: ModelPanel, qtbot: Any, tmp_path: Path) -> None:
    from PIL import Image

    for number in range(3):
        Image.new("RGB", (40, 30), (80 * number, 0, 0)).save(tmp_path / f"{number}.png")
    (tmp_path / "0.png").write_bytes(b"no picture")
    setup.pictures.location.setEditText(str(tmp_path))
    assert preview_of(setup, qtbot, "3 pictures").startswith("3 pictures; 30×40")
    assert sum(holder.isVisible() for holder in setup.pictures.preview._pictures) == 2


def test_device_precision_and_threads(setup: ModelPanel) -> None:
    chosen = heard(setup.device.chosen)
    form = setup.device
    form.name.setCurrentIndex(form.name.findData("cuda:0"))
    form.name.activated.emit(1)
    assert chosen == [Compute("cuda:0")]
    form.threads.setValue(3)
    form.threads.editingFinished.emit()
    assert chosen[-1] == Compute("cuda:0", threads=3)


def test_memory_of_the_chosen_device_is_told(setup: ModelPanel, ready: Desk) -> None:
    ready.workspace.set_compute(Compute("cuda:0"))
    assert setup.device._about.text() == "Test GPU, 78.0 of 80 GB free"
    ready.workspace.set_compute(Compute("cuda:7"))
    assert setup.device.name.currentText() == "cuda:7 (not here)"


@given(st.lists(st.floats(-1e6, 1e6).map(lambda x: float(f"{x:.9g}")), max_size=4).map(tuple))
def test_lists_of_numbers_are_read_as_written(values: tuple[float, ...]) -> None:
    assert numbers(listed(values), "The list") == values


def test_whole_numbers_are_checked() -> None:
    assert whole_numbers("3×32x32", "The shape", 3) == (3, 32, 32)
    assert whole_numbers("", "The shape", 3) == ()
    for text in ("1.5,2", "0,2", "-1,2", "1,2,3"):
        with pytest.raises(AnalysisError):
            whole_numbers(text, "The size", 2)


# -- questions ---------------------------------------------------------------------------------------------------------


def panel_of(desk: Desk, qtbot: Any, code: str, details: str = "") -> QuestionPanel:
    source = ModelSource("auto", ("/w/net.pth",))
    made = QuestionPanel(question_of(source, Problem("Message.", "Hint.", details, code)), desk.theme)
    qtbot.addWidget(made)
    made.show()
    return made


def test_mismatch_report_is_key_by_key_and_can_be_copied(desk: Desk, qtbot: Any) -> None:
    lines = [f"missing: layer{n}.weight (3, 3)" for n in range(40)]
    panel = panel_of(desk, qtbot, "mismatch", "\n".join(lines))
    assert "… 36 more lines" in panel._facts.text()
    button(panel, "Details").click()
    assert panel.findChild(QPlainTextEdit).toPlainText().splitlines() == lines
    button(panel, "Copy report").click()
    assert lines[39] in QApplication.clipboard().text()


def test_choice_is_made_with_keyboard_or_mouse(desk: Desk, qtbot: Any) -> None:
    panel = panel_of(desk, qtbot, "ambiguous", "timm:x\ntimm:y")
    chosen = heard(panel.chosen)
    choices = panel.findChild(QListWidget)
    assert panel.first_button() is choices
    qtbot.keyClick(choices, Qt.Key.Key_Down)
    button(panel, "Open").click()
    assert chosen == [ModelSource("timm:y", ("/w/net.pth",))]


def test_network_can_be_named(desk: Desk, qtbot: Any) -> None:
    panel = panel_of(desk, qtbot, "no_match", "timm:x: 3 keys differ")
    chosen = heard(panel.chosen)
    field = panel.findChild(QLineEdit)
    qtbot.keyClicks(field, "timm:z")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert chosen == [ModelSource("timm:z", ("/w/net.pth",))]


def test_trust_question_explains_itself(desk: Desk, qtbot: Any) -> None:
    panel = panel_of(desk, qtbot, "needs_trust")
    button(panel, "What is this?").click()
    assert "could harm you" in panel.findChild(QPlainTextEdit).toPlainText()
    first = panel.first_button()
    assert isinstance(first, QAbstractButton)
    assert first.text() == "Cancel"


# -- runs --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def runs(ready: Desk, qtbot: Any) -> RunPanel:
    panel = RunPanel(ready.workspace, ready.history, ready.theme)
    qtbot.addWidget(panel)
    panel.resize(900, 240)
    panel.show()
    return panel


def rows(model: QAbstractItemModel) -> list[list[str]]:
    return [[model.index(r, c).data() for c in range(model.columnCount())] for r in range(model.rowCount())]


def test_model_keeps_the_rules_of_qt(ready: Desk, qtbot: Any, engine: FakeEngine) -> None:
    model = RunsModel(ready.workspace, ready.history, ready.theme)
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    engine.per_poll = 3
    for seed in range(3):
        ready.measuring.measure(replace(ready.workspace.new_request("feature_rank"), seed=seed))
    settle(ready, qtbot)
    model.rebuild()
    assert model.rowCount() == 4
    assert model.columnCount() == len(COLUMNS)
    tester.deleteLater()
    model.deleteLater()


def test_queue_stands_on_top_with_progress_and_time_left(
    runs: RunPanel, ready: Desk, engine: FakeEngine, qtbot: Any
) -> None:
    engine.per_poll = 0
    first = ready.measuring.measure(ready.workspace.new_request("feature_rank"))
    ready.measuring.measure(ready.workspace.new_request("evaluate"))
    engine.per_poll = 5
    ready.client.tick()
    engine.per_poll = 0
    assert first is not None
    runs.model.rebuild()
    table = rows(runs.model)
    assert table[0][0] == "Feature rank · a"
    assert table[0][1].startswith("250/1,000 · ")
    assert table[0][1].endswith("left")
    assert runs.model.index(0, 1).data(SHARE) == 0.25
    assert table[1][:2] == ["Accuracy", "queued"]
    assert table[2][1] == "completed"
    runs.table.selectRow(0)
    cancelled = heard(runs.cancel_wanted)
    button(runs, "Cancel").click()
    assert cancelled == [first.number]
    engine.per_poll = 1000
    settle(ready, qtbot)


def test_runs_on_disk_are_listed_shown_and_repeated(
    runs: RunPanel, ready: Desk, engine: FakeEngine, qtbot: Any
) -> None:
    ready.measuring.measure(ready.workspace.new_request("feature_rank"))
    settle(ready, qtbot)
    ready.session.close_model()
    runs.model.rebuild()
    assert {row[0] for row in rows(runs.model)} == {"feature_rank · a", "weight_spectrum · a"} or {
        row[0] for row in rows(runs.model)
    } == {"Feature rank · a", "Weight spectrum · a"}
    assert "2 stored runs" in runs._use.text()
    place = next(r for r, row in enumerate(rows(runs.model)) if "ank" in row[0])
    runs.table.selectRow(place)
    shown, again = heard(runs.show_wanted), heard(runs.again_wanted)
    button(runs, "Show").click()
    button(runs, "Run again").click()
    assert shown[0].name.split("-")[2] == "feature_rank"
    assert again[0].method == "feature_rank"
    ready.session.open_run(shown[0])
    settle(ready, qtbot)
    assert ready.workspace.model == ModelSource("demo:a")
    assert ready.workspace.latest("feature_rank") is not None


def test_run_is_renamed_in_place(runs: RunPanel, ready: Desk) -> None:
    runs.model.rebuild()
    index = runs.model.index(0, 0)
    assert runs.model.flags(index) & Qt.ItemFlag.ItemIsEditable
    assert runs.model.setData(index, "  mine ")
    assert index.data() == "mine"
    assert ready.history.runs()[0].title == "mine"
    assert not runs.model.setData(index, "mine")


def test_delete_asks_in_the_panel(runs: RunPanel, qtbot: Any) -> None:
    runs.model.rebuild()
    runs.table.selectRow(0)
    deleted = heard(runs.delete_wanted)
    qtbot.keyClick(runs.table, Qt.Key.Key_Delete)
    assert runs._confirm.isVisible()
    button(runs, "Keep the run").click()
    assert not runs._confirm.isVisible()
    assert deleted == []
    button(runs, "Move to the trash").click()
    button(runs, "Move the run to the trash").click()
    assert len(deleted) == 1


def test_filter_finds_as_one_types(runs: RunPanel, ready: Desk, qtbot: Any) -> None:
    ready.measuring.measure(ready.workspace.new_request("evaluate"))
    settle(ready, qtbot)
    runs.model.rebuild()
    qtbot.keyClicks(runs.filter, "accur")
    assert runs.table.model().rowCount() == 1
    runs.filter.clear()
    assert runs.table.model().rowCount() == 2


def test_selection_of_nothing_offers_nothing(runs: RunPanel) -> None:
    runs.table.clearSelection()
    for name in ("Show", "Cancel", "Run again", "Compare", "Copy as command line", "Rename (F2)"):
        assert not button(runs, name).isEnabled()


def test_line_of_a_run_is_copied(runs: RunPanel) -> None:
    runs.model.rebuild()
    runs.table.selectRow(0)
    wanted = heard(runs.line_wanted)
    button(runs, "Copy as command line").click()
    assert isinstance(wanted[0], Request)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "1 s"), (4.4, "4 s"), (89, "89 s"), (95, "2 min"), (3900, "1 h 05 min")]
)
def test_time_left_is_rough(seconds: float, text: str) -> None:
    assert duration(seconds) == text


# -- log, help, search -------------------------------------------------------------------------------------------------


def test_log_panel_follows_while_it_is_seen(desk: Desk, qtbot: Any) -> None:
    import logging

    panel = LogPanel(desk.log, desk.theme)
    qtbot.addWidget(panel)
    logger = logging.Logger("test")
    logger.addHandler(desk.log)
    logger.info("before")
    panel.show()
    assert "before" in panel._text.toPlainText()
    logger.info("later")
    qtbot.waitUntil(lambda: "later" in panel._text.toPlainText())
    panel.hide()
    logger.info("hidden")
    assert not panel._soon.isActive()


def test_help_shows_the_page_that_is_asked_for(desk: Desk, qtbot: Any) -> None:
    panel = HelpPanel(desk.theme)
    qtbot.addWidget(panel)
    panel.show_page("feature_rank")
    assert "rank" in panel._text.toPlainText().lower()
    before = panel._text.toPlainText()
    panel.show_page("no such page")
    assert panel._text.toPlainText() == before


@given(st.text("abl2. ", max_size=6), st.text("abl2.", min_size=1, max_size=9))
def test_search_finds_exactly_what_holds_the_letters_in_order(query: str, text: str) -> None:
    def holds(word: str) -> bool:
        letters = iter(text)
        return all(letter in letters for letter in word)

    assert (score(query, text) > 0) == all(holds(word) for word in query.split())


def test_whole_words_come_before_parts_and_scattered_letters() -> None:
    order = ["conv1", "layer1.conv1", "layer1.conv12", "c o n v 1"]
    rated = sorted(order, key=lambda text: score("conv1", text), reverse=True)
    assert rated == order


def test_check_box_of_a_form_is_a_check_box(form: ParamsForm) -> None:
    assert isinstance(form.fields["centred"].widget, QCheckBox)


def test_panels_can_be_thrown_away_in_the_middle_of_a_run(ready: Desk, engine: FakeEngine, qtbot: Any) -> None:
    engine.per_poll = 2
    panels = [
        RunPanel(ready.workspace, ready.history, ready.theme),
        MeasurePanel(ready.workspace, ready.theme, ready.history),
        ModelPanel(ready.workspace),
    ]
    for panel in panels:
        panel.show()
    ready.measuring.measure(ready.workspace.new_request("feature_rank"))
    ready.client.tick()
    for panel in panels:
        panel.close()
        panel.deleteLater()
    QApplication.sendPostedEvents(None, 52)  # deferred deletes
    settle(ready, qtbot)
    assert Path(ready.history.root).is_dir()
