"""The form of a method asks for exactly what it needs, and tells what is wrong beside the button."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtWidgets import QCheckBox, QLineEdit, QSpinBox

from analysis.catalogue import MethodInfo, Param
from analysis.problems import AnalysisError
from app.desk import Desk
from app.forms.params_form import ParamsForm
from app.panels.measure_panel import MeasurePanel
from tests.fake_engine import METHODS
from tests.panel_parts import button, heard, ready, settle

__all__ = ["ready"]


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


def test_check_box_of_a_form_is_a_check_box(form: ParamsForm) -> None:
    assert isinstance(form.fields["centred"].widget, QCheckBox)


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
