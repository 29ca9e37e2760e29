"""Every figure shows a second network as an outline or as a difference, or says in one sentence why it does not."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest

from analysis.catalogue import Value
from analysis.events import Array
from analysis.figures import FIGURES, FigureInfo, FigureSpec, Style, make_sheet
from analysis.figures.draw import encode
from analysis.figures.redraw import table
from analysis.figures.sheet import Bars, Boxes, Guide, Line, Mark, Matrix, Outline, Points, Sheet, ThinLine, Tiles
from analysis.problems import AnalysisError
from analysis.result import Result
from tests import scenes
from tests.comparing_scenes import NAME, OTHER
from tests.results import rank_result
from tests.test_figures import SAMPLES
from tests.width_scenes import width_events

OUTLINED = {
    "profile": "effective_rank",
    "tracks": "effective_rank",
    "spectrum": "singular_values",
    "tolerance": "singular_values",
    "class_accuracy": "class_accuracy",
    "widths": "",
    "confidence": "confidence",
    "bundle_depth": "entropy",
    "first_merge": "first_merge",
    "bundle_training": "entropy",
    "critical_tolerance": "critical_tolerance",
    "block_removal": "accuracy_mean",
    "sharing_curve": "accuracy",
    "ring_projection": "energy_kept",
    "ring_error": "error",
    "ring_spectrum": "sigma",
    "sharing_gap": "train_accuracy",
    "growth": "correct",
    "cost_map": "correct",
    "geometry": "",
    "cover": "correct",
    "policies": "correct",
    "one_picture": "true_probability",
    "choices": "loss",
    "configuration_classes": "correct",
    "configuration_groups": "correct",
    "width_profile": "width",
    "width_ratio": "ratio",
    "width_budget": "trace_macs",
    "width_scores": "mean_score",
}
"""Figures with a thin outline of a second network, and an output that it shows."""
DIFFERENT = {
    "confusion": "confusion",
    "graph": "",
    "bundle_heatmap": "entropy",
    "ring_usage": "usage",
    "ring_correlation": "correlation_before",
    "ring_agreement": "gradient_cosine",
    "answer_matrix": "correct",
    "configuration_agreement": "prediction",
    "width_sensitivity": "accuracy",
}
"""Figures whose colours become the difference, and an output that it is of."""
BELOW = {"attribution": "attribution"}
"""Figures with a row for each network."""
REFUSED = {"rank_lab": "random layers", "nuclear_norm": "point of its own"}
"""Figures in which a second network has no meaning, and what they say."""
OPTIONS: dict[str, dict[str, Value]] = {"graph": {"measure": "macs"}}


def second(name: str) -> list[Result]:
    """The same run, told as one of another network."""
    found = copy.deepcopy(SAMPLES[name][0])
    assert found.prepared is not None
    assert found.request is not None
    found.prepared = replace(found.prepared, model=NAME)
    found.request = replace(found.request, model=OTHER)
    return [found]


def drawn(name: str, theirs: list[Result] | None = None, **options: Value) -> Sheet:
    options = OPTIONS.get(name, {}) | options
    if theirs is not None:
        options["compared"] = len(theirs)
    ours = SAMPLES[name][:1] if name not in ("nuclear_norm",) else SAMPLES[name]
    return make_sheet(FigureSpec(name, options=tuple(options.items())), [*ours, *(theirs or [])])


def marks(sheet: Sheet) -> list[Mark]:
    return [mark for panel in sheet.panels for mark in panel.marks]


def unlike(values: Array) -> Array:
    """Other values in the same order, of the same sign."""
    return np.asarray(np.sign(values) * np.abs(values) ** 1.3)


def shuffled(values: Array) -> Array:
    """The same values at other places."""
    return np.random.default_rng(5).permutation(values.ravel()).reshape(values.shape)


def is_thin(mark: Mark) -> bool:
    framed = isinstance(mark, Matrix) and mark.framed is not None
    return isinstance(mark, (Outline, ThinLine)) or (isinstance(mark, Points) and mark.hue == "outline") or framed


def test_every_figure_is_decided_here() -> None:
    decided = [*OUTLINED, *DIFFERENT, *BELOW, *REFUSED]
    assert sorted(decided) == sorted(figure.name for figure in FIGURES)
    assert {figure.name for figure in FIGURES if figure.why_alone} == set(REFUSED)
    assert {figure.name for figure in FIGURES if not figure.compares} == set(REFUSED)


@pytest.mark.parametrize("name", OUTLINED)
def test_the_outline_of_a_network_lies_on_it(name: str) -> None:
    plain, both = drawn(name), drawn(name, second(name))
    thin = [mark for mark in marks(both) if is_thin(mark)]
    named = [getattr(mark, "framed_label", "") or mark.label for mark in thin]
    assert any(NAME in words for words in named)
    assert len([mark for mark in marks(both) if not is_thin(mark)]) >= len(marks(plain)) - 1
    ours = [mark.y for mark in marks(plain) if isinstance(mark, (Bars, Line, Points))]
    ours += [np.array([mark.at]) for mark in marks(plain) if isinstance(mark, Guide)]
    for mark in thin:
        if isinstance(mark, Matrix):
            assert mark.framed is not None
            np.testing.assert_array_equal(mark.framed, np.isfinite(mark.values))
            continue
        assert isinstance(mark, (Outline, ThinLine, Points))
        known = mark.y[np.isfinite(mark.y)]
        assert all(any(np.isclose(values, value).any() for values in ours) for value in known)
    assert len(both.fingerprints) == 2


@pytest.mark.parametrize("name", ["class_accuracy", "critical_tolerance", "first_merge", "sharing_curve"])
@pytest.mark.parametrize("palette", ["okabe-ito", "grey"])
def test_frames_and_thin_lines_are_drawn(name: str, palette: str) -> None:
    style = Style(dpi=60, palette=palette)
    plain, both = (encode(drawn(name, theirs), style, ".png") for theirs in (None, second(name)))
    assert plain != both
    assert both == encode(drawn(name, second(name)), style, ".png")


@pytest.mark.parametrize("name", DIFFERENT)
def test_a_network_does_not_differ_from_itself(name: str) -> None:
    for mark in marks(drawn(name, second(name))):
        if isinstance(mark, Line):
            continue
        values = mark.values  # type: ignore[union-attr]
        assert NAME in mark.label
        assert not np.any(values[np.isfinite(values)])
        assert np.isfinite(values).any()
        assert isinstance(mark, Matrix) is (name != "graph")
        assert mark.hue == "signed" if isinstance(mark, Matrix) else mark.signed  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("name", "output"), [*OUTLINED.items(), *DIFFERENT.items(), *BELOW.items()], ids=[*OUTLINED, *DIFFERENT, *BELOW]
)
def test_what_the_second_network_measured_is_what_is_shown(name: str, output: str) -> None:
    if not output:
        return  # what these show is read off the description of the network: see below
    theirs = second(name)
    before = table(drawn(name, theirs))
    values = theirs[0][output]
    theirs[0].arrays[output] = unlike(values) if values.dtype.kind == "f" else shuffled(values)
    if output == "loss":  # which configuration is best does not depend on the scale of losses
        theirs[0].arrays[output] = shuffled(values)
    if output == "first_merge":
        theirs[0].arrays[output] = np.where(values > np.median(values), -1, values).astype(values.dtype)
    assert table(drawn(name, theirs)) != before


def test_a_second_network_of_other_depth_is_aligned_by_layer() -> None:
    """Widths and geometry are read off descriptions: their layers correspond by name, else by depth."""
    deep = Result.of(width_events(scenes.network(9, widths=(32, 64, 128)), scenes.MODEL))
    both = drawn("widths", [deep])
    (line,) = [mark for mark in marks(both) if isinstance(mark, ThinLine)]
    known = {layer.name: layer.channels for layer in deep.layers}
    names = both.panels[0].x_names
    there = [known[name] for name in names if name in known]
    assert len(there) > 15
    np.testing.assert_array_equal([y for name, y in zip(names, line.y, strict=True) if name in known], there)
    alone = Result.of(scenes.structure_events(scenes.network(9, widths=(32, 64, 128)), scenes.MODEL))
    (same,) = [mark for mark in marks(drawn("widths", [alone])) if isinstance(mark, ThinLine)]
    np.testing.assert_array_equal(same.y, line.y)


def test_colours_of_the_graph_are_from_the_run_of_the_same_measure() -> None:
    (structure,), theirs = SAMPLES["graph"], second("graph")
    ranks, their_ranks = rank_result(0), rank_result(1)
    runs = [structure, ranks, *theirs, their_ranks]
    found = make_sheet(FigureSpec("graph", options=(("measure", "effective_rank"), ("compared", 2))), runs)
    (boxes,) = [mark for mark in marks(found) if isinstance(mark, Boxes)]
    assert boxes.signed
    wanted = ranks["effective_rank"] - their_ranks["effective_rank"]
    known = boxes.values[np.isfinite(boxes.values)]
    assert len(known)
    assert all(np.isclose(wanted, value).any() for value in known)
    options = (("measure", "effective_rank"), ("compared", 1))
    with pytest.raises(AnalysisError, match="it was measured without 'effective_rank'"):
        make_sheet(FigureSpec("graph", options=options), [structure, ranks, *theirs])
    with pytest.raises(AnalysisError, match="no measure is chosen"):
        make_sheet(FigureSpec("graph", options=(("compared", 1),)), [structure, *theirs])


def test_maps_of_the_second_network_are_a_row_of_their_own() -> None:
    theirs = second("attribution")
    upper, lower = drawn("attribution", theirs).panels
    assert lower.title.startswith(NAME)
    (above,), (below,) = upper.marks, lower.marks
    assert isinstance(above, Tiles)
    assert isinstance(below, Tiles)
    assert above.names == below.names
    theirs[0].arrays["place"] = theirs[0]["place"] + 1
    with pytest.raises(AnalysisError, match="has not explained this picture"):
        drawn("attribution", theirs)


@pytest.mark.parametrize("name", REFUSED)
def test_figures_in_which_it_means_nothing_refuse_it(name: str) -> None:
    with pytest.raises(AnalysisError, match=f"shows no second network.*{REFUSED[name]}"):
        drawn(name, second(name))
    assert drawn(name, None, compared=0).panels


@pytest.mark.parametrize("figure", [figure for figure in FIGURES if not figure.several], ids=lambda one: one.name)
def test_no_figure_leaves_a_run_out_without_a_word(figure: FigureInfo) -> None:
    spec, runs = FigureSpec(figure.name), [*SAMPLES[figure.name][:1], *second(figure.name)]
    with pytest.raises(AnalysisError, match="shows one run, and 2 are named") as caught:
        make_sheet(spec, runs)
    assert ("compared=1" in caught.value.hint) is figure.compares
    if figure.compares:
        with pytest.raises(AnalysisError, match="one run of a second network, and 2"):
            drawn(figure.name, second(figure.name) * 2)


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("confusion", {"samples": "other"}, "it saw other pictures"),
        ("bundle_heatmap", {"facts": ("mode", "exact")}, "mode update-grid here, exact there"),
        ("growth", {"configuration": "another"}, "tried with other configurations"),
        ("configuration_agreement", {"configuration": "another"}, "tried with other configurations"),
        ("answer_matrix", {"samples": "other"}, "the pictures have changed since"),
        ("width_ratio", {"group": "another"}, "no width group corresponds"),
        ("width_scores", {"facts": ("criterion", "norm")}, "of another criterion"),
        ("ring_error", {"facts": ("gain", "unlike")}, "made in another way"),
        ("confidence", {"measure": "confidence"}, "its run holds no confidence"),
    ],
)
def test_what_does_not_compare_is_refused_in_one_sentence(name: str, change: dict[str, object], words: str) -> None:
    theirs = second(name)
    (kind, value), result = next(iter(change.items())), theirs[0]
    assert result.prepared is not None
    assert result.declared is not None
    ours = SAMPLES[name][0]
    assert ours.prepared is not None
    if kind == "samples":
        samples = result.prepared.samples
        result.prepared = replace(result.prepared, samples=replace(samples, sha256=str(value)))
    elif kind == "facts":
        assert isinstance(value, tuple)
        rest = tuple(pair for pair in result.declared.facts if pair[0] != value[0])
        result.declared = replace(result.declared, facts=(*rest, value))
    elif kind == "measure":
        del result.arrays[str(value)]
    else:
        names = tuple(
            (dim, tuple(f"{value} {i}" for i in range(len(of))) if dim == kind else of)
            for dim, of in result.declared.names
        )
        result.declared = replace(result.declared, names=names)
    with pytest.raises(AnalysisError, match=f"^{NAME}: not compared, because .*{words}"):
        drawn(name, theirs)
