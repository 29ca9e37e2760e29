"""Where things stand in figures: columns of a graph, names of guides, legends, ticks, greys of measures."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

import matplotlib as mpl
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from analysis import measure
from analysis.figures import SIZES, FigureSpec, Style, draw_legend, make_sheet
from analysis.figures.draw import STYLE_FILE, _sizes, draw, encode
from analysis.figures.draw_guides import apart
from analysis.figures.redraw import script
from analysis.figures.sheet import Bars, Boxes, Line, Sheet, ThinLine
from analysis.networks import CifarResNet
from analysis.request import ModelSource
from analysis.result import Result
from tests import configuration_scenes, scenes
from tests.test_figures import SAMPLES, sheet
from tests.test_second_in_figures import drawn, second


@contextmanager
def laid_out(found: Sheet, style: Style) -> Iterator[Figure]:
    """Draw a sheet with the style's parameters in place, as an export does."""
    with mpl.rc_context(fname=str(STYLE_FILE)), mpl.rc_context(_sizes(style)):
        figure = draw(found, style)
        figure.draw_without_rendering()
        yield figure


@pytest.fixture(scope="module")
def residual() -> Result:
    return measure("structure", CifarResNet(32).eval(), torch.zeros(1, 3, 16, 16))


def graph_of(result: Result, size: str, folded: str = "") -> Sheet:
    return make_sheet(FigureSpec("graph", options=(("folded", folded),), style=Style(size)), [result])


# -- graph -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("folded", ["", "auto"])
def test_a_graph_fits_a_page_and_its_texts_their_boxes(residual: Result, size: str, folded: str) -> None:
    found, style = graph_of(residual, size, folded), Style(size, dpi=100)
    boxes = next(mark for mark in found.panels[0].marks if isinstance(mark, Boxes))
    assert len(set(np.round(boxes.x + boxes.width / 2))) > 1, "a long chain stands in columns"
    with laid_out(found, style) as figure:
        ax = figure.axes[0]
        for text, frame in zip(ax.texts, ax.patches, strict=True):
            assert float(text.get_fontsize()) <= style.points
            inner, outer = text.get_window_extent(), frame.get_window_extent()
            assert inner.width <= outer.width
            assert inner.height <= outer.height + 1, text.get_text()
        wide, tall = figure.get_size_inches() * 25.4
        letters = float(ax.texts[0].get_fontsize())
    assert wide == pytest.approx(SIZES[size][0])
    assert tall < (144 if size == "slide" else 245)
    assert letters > (0.8 * style.points if folded else 2.5)
    if abs(letters - 5) > 0.2:  # margins take a little of what the note knows
        assert ("fold modules" in found.note) is (letters < 5)


def test_the_script_of_a_graph_knows_its_height_letters_and_edges(residual: Result) -> None:
    found = graph_of(residual, "column", "auto")
    panel = found.panels[0]
    assert panel.x_range is not None
    assert panel.y_range is not None
    ratio = (panel.y_range[1] - panel.y_range[0]) / (panel.x_range[1] - panel.x_range[0])
    text = script(found, "figure.csv")
    assert f"'height': {7.2 / 3.5 * ratio!r}"[:16] in text
    lines = [number for number, mark in enumerate(panel.marks) if isinstance(mark, Line)]
    assert f"'edges': {lines}" in text


# -- names of guides and legends -------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(1, 30)), max_size=8))
def test_names_are_moved_apart_and_keep_their_order(pairs: list[tuple[float, float]]) -> None:
    wanted, sizes = [place for place, _ in pairs], [size for _, size in pairs]
    found = apart(wanted, sizes)
    order = sorted(range(len(pairs)), key=lambda number: (wanted[number], number))
    for low, high in pairwise(order):
        assert found[high] - found[low] >= (sizes[low] + sizes[high]) / 2 - 1e-9
    far = [1000.0 * number for number in range(len(pairs))]
    assert apart(far, sizes) == pytest.approx(far)


def beside(figure: Figure) -> list[Text]:
    """Texts that stand right of the axes of the first panel."""
    ax = figure.axes[0]
    right = ax.get_window_extent().x1
    return [text for text in ax.texts if text.get_text() and text.get_window_extent().x0 > right]


@pytest.mark.parametrize(
    ("name", "count"), [("class_accuracy", 1), ("policies", 1), ("growth", 3), ("width_budget", 3), ("cover", 2)]
)
@pytest.mark.parametrize("size", ["column", "page"])
def test_names_of_guides_lie_over_no_data_and_not_on_each_other(name: str, count: int, size: str) -> None:
    with laid_out(sheet(name), Style(size, dpi=100)) as figure:
        texts = beside(figure)
        assert len(texts) == count
        boxes = sorted((text.get_window_extent() for text in texts), key=lambda box: box.y0)
        assert all(low.y1 <= high.y0 + 1 for low, high in pairwise(boxes))
        assert max(box.x1 for box in boxes) <= figure.bbox.x1 + 1, "none is cut"


@pytest.mark.parametrize("name", ["block_removal", "bundle_depth", "rank_lab"])
def test_names_of_upright_guides_stand_above_the_axes(name: str) -> None:
    with laid_out(sheet(name), Style(dpi=100)) as figure:
        ax = figure.axes[0]
        top = ax.get_window_extent().y1
        words = ("conflicting", "onset", "expansion")
        named = [text for text in ax.texts if text.get_text().startswith(words)]
        assert len(named) == 1
        assert named[0].get_window_extent().y0 > top
        title = ax.title if ax.title.get_text() else ax._left_title  # type: ignore[attr-defined]
        if title.get_text():
            assert title.get_window_extent().y0 >= named[0].get_window_extent().y1 - 1


@pytest.mark.parametrize("name", ["spectrum", "tolerance", "rank_lab", "sharing_curve", "growth"])
def test_a_legend_hides_no_line(name: str) -> None:
    with laid_out(sheet(name), Style(dpi=100)) as figure:
        for ax in figure.axes:
            legend = ax.get_legend()
            for line in ax.lines if legend is not None else ():
                assert legend is not None
                named = not str(line.get_label()).startswith("_")
                points = ax.transData.transform(line.get_xydata()) if named else np.empty((0, 2))
                assert legend.get_window_extent().padded(-1.0).count_contains(points) == 0


@given(st.lists(st.text("abcdef ", min_size=1, max_size=40), min_size=1, max_size=12))
def test_columns_of_a_legend_are_never_wider_than_the_figure(labels: list[str]) -> None:
    with mpl.rc_context({"legend.fontsize": 7.0}):
        count = draw_legend._columns(labels, 3.5)
    parts = np.array_split(np.array([len(label) for label in labels]), count)
    assert count == 1 or sum(max(part) for part in parts) * 0.55 * 7.0 < 3.5 * 72


@pytest.mark.parametrize("name", ["width_budget", "block_removal", "sharing_curve"])
def test_a_legend_of_two_networks_is_not_cut_and_leaves_the_axes_their_height(name: str) -> None:
    with laid_out(drawn(name, second(name)), Style(dpi=100)) as figure:
        for legend in figure.legends:
            assert legend.get_window_extent().x1 <= figure.bbox.x1
        assert figure.axes[0].get_window_extent().height > 0.35 * figure.get_size_inches()[0] * 100


def test_names_beside_each_other_never_meet() -> None:
    with laid_out(sheet("ring_agreement"), Style(dpi=100)) as figure:
        boxes = [label.get_window_extent() for label in figure.axes[0].get_xticklabels()]
        assert all(left.x1 < right.x0 for left, right in pairwise(boxes))


# -- what is drawn ---------------------------------------------------------------------------------------------------


def test_pools_of_a_second_network_are_thin_lines() -> None:
    other = ModelSource("demo:net", weights=("other.pth",))
    ours, theirs = (
        [
            Result.of(configuration_scenes.configuration_events(model, scenes.IMAGES)),
            Result.of(configuration_scenes.pool_events(model, scenes.IMAGES)),
        ]
        for model in (scenes.MODEL, other)
    )
    found = make_sheet(FigureSpec("growth", options=(("compared", 2),)), [*ours, *theirs])
    lines = [mark for mark in found.panels[0].marks if isinstance(mark, Line) and mark.dashed]
    thin = {mark.of: mark for mark in found.panels[0].marks if isinstance(mark, ThinLine) and mark.dashed}
    assert [line.label for line in lines] == ["perturbation pool", "jitter pool"]
    assert set(thin) == {line.label for line in lines}
    for row, line in enumerate(lines, start=1):
        np.testing.assert_allclose(thin[line.label].y, 100 * theirs[1]["growth"][row])
        assert thin[line.label].hue == line.hue


def test_a_stack_of_measures_leaves_ends_of_intervals_to_their_bars() -> None:
    found = sheet("tracks")
    titles = " ".join(panel.y_title for panel in found.panels)
    assert " low" not in titles
    assert " high" not in titles
    assert any(bar.low is not None for panel in found.panels for bar in panel.marks if isinstance(bar, Bars))


@pytest.mark.parametrize("name", ["width_budget", "confidence", "ring_projection"])
def test_lines_of_several_measures_differ_in_grey(name: str) -> None:
    with laid_out(make_sheet(FigureSpec(name), SAMPLES[name]), Style(palette="grey", dpi=100)) as figure:
        named = [line for line in figure.axes[0].lines if not str(line.get_label()).startswith("_")]
        looks = {f"{line.get_color()} {line._dash_pattern}" for line in named}  # type: ignore[attr-defined]
    assert len(looks) == len(named)


def test_a_picture_of_a_graph_is_as_wide_as_its_size(residual: Result) -> None:
    picture = Image.open(io.BytesIO(encode(graph_of(residual, "page", "auto"), Style("page", dpi=127), ".png")))
    assert picture.width == pytest.approx(183 * 5, abs=2)


def test_names_moved_out_of_several_panels_make_one_legend() -> None:
    with mpl.rc_context({"legend.fontsize": 7.0}):
        figure = Figure(figsize=(3.4, 3.0), layout="constrained")
        above, below = figure.subplots(2, 1)
        for ax, names in ((above, ("entropy", "loss")), (below, ("accuracy", "loss", "ceiling"))):
            for number, name in enumerate(names):
                ax.plot([0, 1], [number, number], label=name)
        rows = [draw_legend._write_above(ax, *ax.get_legend_handles_labels()) for ax in (above, below, above)]
        (legend,) = figure.legends
        assert [text.get_text() for text in legend.get_texts()] == ["entropy", "loss", "accuracy", "ceiling"]
        assert rows[0] > 0
        assert rows[2] == 0
        figure.draw_without_rendering()
        assert legend.get_window_extent().y0 >= above.get_window_extent().y1
