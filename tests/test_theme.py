"""Colours and fonts: every role in both themes, text that can be read, icons in the right ink."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QToolButton

from app.theme import LARGEST, READABLE, RESOURCES, SMALLEST, Theme, contrast, load_bundled_fonts, mix

TEXT = ("text", "text_soft", "accent", "good", "warning", "error")
HUES = ("rank", "bundles", "widths", "configurations", "sharing", "cost")
MARKS = ("zero", "not_measured", "not_applicable", "non_finite")
BEHIND = ("window", "surface", "raised", "selected", "hover")


@pytest.fixture(params=["light", "dark"])
def theme(qapp: Any, request: pytest.FixtureRequest) -> Iterator[Theme]:
    made = Theme(request.param)
    yield made
    made.deleteLater()


def test_both_themes_have_the_same_roles() -> None:
    plain = json.loads((RESOURCES / "themes.json").read_text())
    assert set(plain) == {"light", "dark"}
    assert set(plain["light"]) == set(plain["dark"])
    assert len(plain["light"]["heat"]) == len(plain["dark"]["heat"])
    for roles in plain.values():
        for value in roles.values():
            for color in [value] if isinstance(value, str) else value:
                assert QColor(color).isValid(), color


@pytest.mark.parametrize("role", ["text", "text_soft"])
@pytest.mark.parametrize("behind", BEHIND)
def test_text_can_be_read_on_every_surface(theme: Theme, role: str, behind: str) -> None:
    assert contrast(theme.color(role), theme.color(behind)) >= READABLE


@pytest.mark.parametrize("role", [*TEXT[2:], *HUES])
def test_readable_moves_a_colour_until_it_can_be_read(theme: Theme, role: str) -> None:
    for behind in ("window", "surface"):
        assert contrast(theme.readable(role, behind), theme.color(behind)) >= READABLE


def test_primary_button_can_be_read(theme: Theme) -> None:
    assert contrast(theme.color("on_accent"), theme.color("accent")) >= READABLE


def test_hues_are_seen_against_the_plots(theme: Theme) -> None:
    for hue in HUES:
        assert contrast(theme.color(hue), theme.color("surface")) >= 1.9, hue


def test_marks_differ_from_each_other_and_from_the_heat_scale(theme: Theme) -> None:
    colors = [theme.color(mark).name() for mark in MARKS]
    assert len(set(colors)) == len(MARKS)
    assert not set(colors) & {color.name() for color in theme.heat_stops()}
    for mark in MARKS:
        assert theme.color(mark).saturationF() < 0.25, f"{mark} is not neutral"


def test_heat_runs_one_way_in_lightness_and_stays_inside(theme: Theme) -> None:
    lightness = [theme.heat(step / 40).lightnessF() for step in range(41)]
    steps = [b - a for a, b in pairwise(lightness)]
    assert all(step <= 1e-3 for step in steps) or all(step >= -1e-3 for step in steps)
    assert theme.heat(-3.0) == theme.heat(0.0)
    assert theme.heat(7.0) == theme.heat(1.0)


def test_text_on_a_colour_is_black_or_white_whichever_reads_better(theme: Theme) -> None:
    assert theme.text_on(QColor("#ffffff")).name() == "#000000"
    assert theme.text_on(QColor("#00406b")).name() == "#ffffff"


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast(QColor("#000000"), QColor("#ffffff")) == pytest.approx(21.0)
    assert contrast(QColor("#777777"), QColor("#ffffff")) == pytest.approx(4.48, abs=0.01)
    assert mix(QColor("#000000"), QColor("#ffffff"), 0.5).name() == "#808080"


def test_unknown_role_is_an_error(theme: Theme) -> None:
    with pytest.raises(KeyError):
        theme.color("pink")


def test_scale_changes_every_font_and_stays_within_limits(theme: Theme) -> None:
    before = theme.font().pointSizeF()
    said: list[int] = []
    theme.changed.connect(lambda: said.append(1))
    theme.set_scale(1.5)
    theme.set_scale(1.5)
    assert len(said) == 1
    for kind in ("text", "small", "bold", "title", "code", "small_code"):
        assert theme.font(kind).pointSizeF() > 0
    assert theme.font().pointSizeF() == pytest.approx(1.5 * before)
    theme.set_scale(100)
    assert theme.scale == LARGEST
    theme.set_scale(0)
    assert theme.scale == SMALLEST
    theme.set_scale(1.0)


def test_mode_changes_colours_palette_and_icons(qapp: Any) -> None:
    theme = Theme("light")
    button = QToolButton()
    theme.set_icon(button, "close")
    before = button.icon().pixmap(16).toImage()
    theme.set_mode("dark")
    assert theme.dark
    assert qapp.palette().window().color() == theme.color("window")
    assert button.icon().pixmap(16).toImage() != before
    theme.set_mode("neon")
    assert theme.mode == "dark"
    qapp.setStyleSheet("")
    theme.deleteLater()
    button.deleteLater()


def test_icon_is_drawn_in_the_ink_of_its_role(theme: Theme) -> None:
    image = theme.icon("stop", "error").pixmap(32).toImage()
    inks = {
        image.pixelColor(x, y).name() for x in range(32) for y in range(32) if image.pixelColor(x, y).alpha() == 255
    }
    assert theme.color("error").name() in inks


def test_every_role_in_the_style_sheet_exists(theme: Theme) -> None:
    sheet = theme.style_sheet()
    assert "@" not in sheet
    assert "$" not in sheet


def test_bundled_fonts_are_found_without_importing_their_package(qapp: Any) -> None:
    import sys

    had = "matplotlib" in sys.modules
    assert load_bundled_fonts()
    assert ("matplotlib" in sys.modules) == had
