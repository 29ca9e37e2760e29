"""Figures: the numbers are those of the result, the bytes repeat, wrong wishes are one sentence."""

from __future__ import annotations

import csv
import io
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
from PIL import Image

from analysis.figures import FIGURES, FigureSpec, Style, make_sheet, save
from analysis.figures.draw import encode
from analysis.figures.redraw import save_numbers, table
from analysis.figures.sheet import Bars, Hatched, Line, Matrix, Points, Sheet
from analysis.problems import AnalysisError
from analysis.request import ModelSource
from analysis.result import Result
from tests import bundle_scenes, configuration_scenes, scenes
from tests.results import accuracy_result, rank_result, structure_events
from tests.scenes import lab_events
from tests.sharing_results import sharing_result, trained_result
from tests.width_results import lw_dna_result, sensitivity_result
from tests.width_scenes import width_events

M = TypeVar("M")
SAMPLES: dict[str, list[Result]] = {
    "profile": [rank_result()],
    "tracks": [rank_result()],
    "spectrum": [rank_result()],
    "tolerance": [rank_result()],
    "nuclear_norm": [
        *(rank_result(seed, weights=f"w{seed}") for seed in range(3)),
        *(accuracy_result(0.5 + seed / 10, f"w{seed}") for seed in range(3)),
    ],
    "class_accuracy": [accuracy_result()],
    "confusion": [accuracy_result()],
    "graph": [Result.of(structure_events())],
    "confidence": [Result.of(scenes.accuracy_events())],
    "attribution": [Result.of(scenes.attribution_events())],
    **{
        name: [Result.of(bundle_scenes.bundle_events(scenes.network(), scenes.MODEL, scenes.IMAGES))]
        for name in ("bundle_depth", "bundle_heatmap", "bundle_training", "critical_tolerance", "first_merge")
    },
    "block_removal": [Result.of(bundle_scenes.removal_events(scenes.network(), scenes.MODEL, scenes.IMAGES))],
    "rank_lab": [Result.of(lab_events(3, ("1x1", "depthwise")))],
    **{
        name: [Result.of(configuration_scenes.configuration_events(scenes.MODEL, scenes.IMAGES))]
        for name in (
            "growth",
            "cost_map",
            "cover",
            "policies",
            "answer_matrix",
            "one_picture",
            "choices",
            "configuration_classes",
            "configuration_agreement",
        )
    },
    "configuration_groups": [Result.of(configuration_scenes.configuration_events(scenes.MODEL, scenes.IMAGES, 220))],
    "geometry": [Result.of(configuration_scenes.points_events(scenes.MODEL))],
    "sharing_curve": [trained_result()],
    **{name: [sharing_result()] for name in ("ring_projection", "ring_error", "ring_usage", "ring_correlation")},
    **{name: [sharing_result()] for name in ("ring_agreement", "ring_spectrum")},
    "sharing_gap": [trained_result()],
    **{name: [lw_dna_result()] for name in ("width_profile", "width_ratio", "width_budget", "width_scores")},
    "width_sensitivity": [sensitivity_result()],
    "widths": [Result.of(width_events(scenes.network(), ModelSource("demo:net")))],
}


def sheet(name: str, results: list[Result] | None = None, **options: str | bool) -> Sheet:
    return make_sheet(FigureSpec(name, options=tuple(options.items())), results or SAMPLES[name])


def only(sheet: Sheet, kind: type[M]) -> M:
    (mark,) = [mark for mark in sheet.panels[0].marks if isinstance(mark, kind)]
    return mark


def test_every_figure_has_a_sample_here() -> None:
    assert set(SAMPLES) == {figure.name for figure in FIGURES}


@pytest.mark.parametrize("ending", [".pdf", ".svg", ".png"])
@pytest.mark.parametrize("name", SAMPLES)
def test_the_same_figure_is_the_same_bytes(name: str, ending: str) -> None:
    assert encode(sheet(name), Style(), ending) == encode(sheet(name), Style(), ending)


@pytest.mark.parametrize("style", [Style("page", palette="grey"), Style("slide", dpi=72), Style(font=9, legend=False)])
@pytest.mark.parametrize("name", SAMPLES)
def test_every_style_draws_every_figure(name: str, style: Style) -> None:
    assert len(encode(sheet(name), style, ".png")) > 1000


def test_bytes_repeat_in_another_process(tmp_path: Path) -> None:
    save(FigureSpec("profile"), SAMPLES["profile"], tmp_path / "here.svg")
    code = (
        "import sys; from pathlib import Path; from analysis.figures import *; from analysis.figures import save;"
        "from tests.results import rank_result; save(FigureSpec('profile'), [rank_result()], Path(sys.argv[1]))"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "there.svg")], check=True, timeout=120)
    assert (tmp_path / "here.svg").read_bytes() == (tmp_path / "there.svg").read_bytes()


def test_a_profile_shows_the_numbers_of_the_run() -> None:
    result = rank_result()
    bars = only(sheet("profile", [result], measure="effective_rank"), Bars)
    np.testing.assert_array_equal(bars.y, result["effective_rank"])
    assert bars.low is not None
    np.testing.assert_array_equal(bars.low, result["effective_rank_low"])


def test_tracks_of_the_same_name_are_told_apart_by_their_method() -> None:
    first, second = rank_result(0), rank_result(1)
    assert second.request is not None
    second.request = replace(second.request, method="weight_spectrum")
    measures = "weight_spectrum.effective_rank,feature_rank.effective_rank,rank_ratio"
    found = make_sheet(FigureSpec("tracks", options=(("measures", measures),)), [first, second])
    drawn = [panel.marks[0].y for panel in found.panels]  # type: ignore[union-attr]
    np.testing.assert_array_equal(drawn[0], second["effective_rank"])
    np.testing.assert_array_equal(drawn[1], first["effective_rank"])
    np.testing.assert_array_equal(drawn[2], first["rank_ratio"])


def test_layers_can_be_chosen_and_overlaid_by_name() -> None:
    found = sheet("profile", [rank_result(0), rank_result(1)], measure="rank_ratio", layers="layer2*", kinds="conv")
    first, second = (mark for mark in found.panels[0].marks if isinstance(mark, Bars))
    np.testing.assert_array_equal(first.y, rank_result(0)["rank_ratio"][4:8])
    np.testing.assert_array_equal(second.y, rank_result(1)["rank_ratio"][4:8])
    assert found.panels[0].x_names[0] == "layer2.0.conv1"
    assert (first.label, second.label) == ("net0", "net1")


def test_ranks_above_the_number_of_samples_are_hatched() -> None:
    assert not [m for m in sheet("profile", measure="rank_ratio").panels[0].marks if isinstance(m, Hatched)]
    few = only(sheet("profile", [rank_result(observations=4)], measure="rank_ratio"), Hatched)
    np.testing.assert_array_equal(few.bottom, [0.5] * 4 + [0.25] * 5)


def test_expanding_layers_carry_the_reach_of_a_linear_layer() -> None:
    caps = only(sheet("profile", measure="rank_ratio"), Points)
    np.testing.assert_array_equal(caps.x, [4, 8])
    np.testing.assert_array_equal(caps.y, [0.5, 0.5])


def test_a_spectrum_ends_at_all_values_and_at_the_largest() -> None:
    line = only(sheet("spectrum", layers="layer3.0.conv1"), Line)
    assert line.y[-1] == 100
    assert line.x[-1] == 1
    assert np.all(np.diff(line.y) >= 0)


def test_rank_falls_with_the_tolerance() -> None:
    line = only(sheet("tolerance", layers="layer3.0.conv1"), Line)
    assert line.y[0] == 1
    assert np.all(np.diff(line.y) <= 0)


def test_networks_are_paired_by_their_weights() -> None:
    points = only(sheet("nuclear_norm"), Points)
    np.testing.assert_allclose(points.x, [2, 3, 4])
    np.testing.assert_allclose(points.y, [50, 60, 70])
    assert "Pearson 1.00, Spearman 1.00, 3 networks" in sheet("nuclear_norm").panels[0].title


def test_nuclear_norms_of_other_sample_counts_are_refused() -> None:
    runs = [rank_result(0, 100, "a"), rank_result(1, 200, "b"), accuracy_result(0.1, "a"), accuracy_result(0.2, "b")]
    with pytest.raises(AnalysisError, match="cannot be compared"):
        sheet("nuclear_norm", runs)


def test_confusion_is_the_share_of_the_true_class() -> None:
    matrix = only(sheet("confusion"), Matrix)
    np.testing.assert_array_equal(matrix.values, [[80, 20, 0], [10, 90, 0], [np.nan] * 3])
    assert matrix.rows == ("cat", "dog", "ship")


@pytest.mark.parametrize("name", SAMPLES)
def test_the_table_holds_what_is_drawn(name: str) -> None:
    drawn = sheet(name)
    rows = list(csv.DictReader(io.StringIO(table(drawn))))
    for i, panel in enumerate(drawn.panels):
        for j, mark in enumerate(panel.marks):
            mine = [row for row in rows if (row["panel"], row["mark"]) == (str(i), str(j))]
            if isinstance(mark, Bars):
                assert [float(row["y"] or "nan") for row in mine] == pytest.approx(list(mark.y), nan_ok=True, rel=0)
            if isinstance(mark, Matrix):
                assert len(mine) == mark.values.size


@pytest.mark.parametrize("name", SAMPLES)
def test_the_script_redraws_from_the_table_alone(name: str, tmp_path: Path) -> None:
    save_numbers(sheet(name), tmp_path / "figure.csv")
    script = (tmp_path / "figure.py").read_text()
    compile(script, "figure.py", "exec")
    if name in ("profile", "confusion"):  # starting Python and matplotlib takes seconds: two kinds stand for all
        subprocess.run(
            [sys.executable, str(tmp_path / "figure.py")], check=True, timeout=120, env={"MPLBACKEND": "agg"}
        )
        assert (tmp_path / "figure.redrawn.pdf").stat().st_size > 1000


def test_svg_text_stays_text_and_names_the_run() -> None:
    data = encode(sheet("profile"), Style(), ".svg").decode()
    words = "".join(ET.fromstring(data).itertext())
    assert "layer1.0.conv1" in words
    assert "net0" in words
    assert "0" * 16 in words


def test_pdf_embeds_its_fonts_and_names_no_time() -> None:
    data = encode(sheet("profile"), Style(), ".pdf")
    assert b"/FontFile2" in data
    assert b"/CreationDate" not in data
    assert b"LayerScope runs 0000000000000000" in data


@pytest.mark.parametrize(("size", "width"), [("column", 89), ("page", 183), ("slide", 254)])
def test_sizes_are_in_millimetres(size: str, width: int) -> None:
    picture = Image.open(io.BytesIO(encode(sheet("profile"), Style(size, dpi=254), ".png")))
    assert picture.width == pytest.approx(width * 10, abs=2)


def test_grey_figures_hold_no_colour() -> None:
    data = encode(sheet("spectrum"), Style("page", palette="grey"), ".svg").decode()
    colours = set(re.findall(r"#[0-9a-f]{6}", data))
    assert colours
    assert all(c[1:3] == c[3:5] == c[5:7] for c in colours)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (FigureSpec("spectum"), "no figure 'spectum'. Did you mean spectrum"),
        (FigureSpec("profile", options=(("mesure", "x"),)), "no option 'mesure'. Did you mean measure"),
        (FigureSpec("profile", options=(("measure", "rank_ration"),)), "no measure 'rank_ration'"),
        (FigureSpec("profile", options=(("layers", "nothing*"),)), "No layer of the run fits"),
        (FigureSpec("confusion"), "cannot show a run of feature_rank"),
        (FigureSpec("profile", style=Style("poster")), "no figure size 'poster'"),
        (FigureSpec("profile", style=Style(dpi=1)), "out of range"),
    ],
)
def test_a_wrong_wish_is_one_sentence(spec: FigureSpec, words: str) -> None:
    with pytest.raises(AnalysisError) as raised:
        make_sheet(spec, [rank_result()])
    assert words.split(". ")[0] in str(raised.value)
    assert [*words.split(". "), ""][1] in raised.value.hint


def test_an_unknown_ending_is_refused_and_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(AnalysisError, match=r"cannot be written as '\.gif'"):
        save(FigureSpec("profile"), [rank_result()], tmp_path / "x.gif")
    assert not list(tmp_path.iterdir())


def test_a_spec_survives_json() -> None:
    spec = FigureSpec("profile", ("a", "b"), (("measure", "rank_ratio"), ("centred", True)), Style("page", 150, font=9))
    assert FigureSpec.from_json(spec.to_json()) == spec


def test_bundles_that_are_zero_missing_or_not_finite_look_different() -> None:
    events = list(bundle_scenes.bundle_events(scenes.network(), scenes.MODEL, scenes.IMAGES))
    result = Result.of(events)
    result["entropy"][0, 1], result["entropy"][1, 2], result["non_finite"][1, 2] = np.nan, np.nan, 3
    matrix = only(sheet("bundle_heatmap", [result]), Matrix)
    assert matrix.blank is not None
    assert matrix.hatched is not None
    assert [tuple(cell) for cell in np.argwhere(matrix.hatched)] == [(2, 1)]
    assert (1, 0) in [tuple(cell) for cell in np.argwhere(matrix.blank)]
    assert not (matrix.blank & matrix.hatched).any()
    marked, whole = sheet("bundle_heatmap", [result]), sheet("bundle_heatmap")
    assert encode(marked, Style(), ".svg") != encode(whole, Style(), ".svg")
