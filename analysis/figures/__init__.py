"""Figures for papers and talks, from stored results. matplotlib is imported when the first one is drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from analysis.catalogue import Param, Value, nearest
from analysis.figures import (
    accuracy,
    attribution,
    bundles,
    configuration_sides,
    configurations,
    geometry,
    graph,
    profile,
    rank,
    rank_lab,
    ring_detail,
    sharing,
    width_search,
    widths,
)
from analysis.figures.second import COMPARED
from analysis.figures.sheet import Sheet
from analysis.figures.spec import FORMATS, PALETTES, SIZES, FigureSpec, Style
from analysis.problems import AnalysisError
from analysis.result import Result

__all__ = ["FIGURES", "FORMATS", "PALETTES", "SIZES", "FigureInfo", "FigureSpec", "Style", "figures_of", "make_sheet"]


@dataclass(frozen=True, slots=True)
class FigureInfo:
    """A figure: its name, what it shows, its options.

    Attributes
    ----------
    methods
        Methods whose runs it can show; empty for every method with a measure per layer.
    make
        Turns results and options into a sheet.
    """

    name: str
    title: str
    methods: tuple[str, ...]
    options: tuple[Param, ...]
    make: Callable[[list[Result], profile.Options], Sheet]


MEASURES = Param("measures", "", "Outputs from top to bottom, comma-separated; empty for the first six")

FIGURES = (
    FigureInfo(
        "profile",
        "One measure per layer",
        (),
        (profile.MEASURE, profile.LAYERS, profile.KINDS, COMPARED),
        profile.profile,
    ),
    FigureInfo(
        "tracks",
        "A stack of measures over depth",
        (),
        (MEASURES, profile.LAYERS, profile.KINDS, COMPARED),
        profile.tracks,
    ),
    FigureInfo(
        "spectrum",
        "Distribution of singular values",
        ("feature_rank",),
        (profile.LAYERS, profile.KINDS, rank.CENTRED),
        rank.spectrum,
    ),
    FigureInfo(
        "tolerance",
        "Rank against tolerance",
        ("feature_rank",),
        (profile.LAYERS, profile.KINDS, rank.CENTRED),
        rank.tolerance,
    ),
    FigureInfo("nuclear_norm", "Accuracy against nuclear norm", ("feature_rank", "evaluate"), (), rank.nuclear_norm),
    FigureInfo("class_accuracy", "Accuracy per class", ("evaluate",), (COMPARED,), accuracy.class_accuracy),
    FigureInfo("confusion", "Confusion matrix", ("evaluate",), (), accuracy.confusion),
    FigureInfo(
        "attribution",
        "Attributions of a picture",
        ("attribution",),
        (attribution.PICTURE, attribution.MAPS, attribution.SHARED),
        attribution.attribution,
    ),
    FigureInfo("widths", "Widths before and after", ("width_groups",), (widths.WIDTHS,), widths.widths),
    FigureInfo(
        "graph",
        "Architecture graph",
        (),
        (graph.FOLDED, graph.MEASURE, graph.CHECKPOINT, graph.DIFFERENCE),
        graph.graph,
    ),
    FigureInfo(
        "confidence",
        "Confidence of right and wrong",
        ("evaluate",),
        (accuracy.PICTURES, accuracy.CHOICE),
        accuracy.confidence,
    ),
    FigureInfo(
        "rank_lab",
        "Rank of random layers",
        ("rank_lab",),
        (rank_lab.LAYER, rank_lab.PUBLISHED, rank_lab.ZOOM),
        rank_lab.rank_lab,
    ),
    FigureInfo("bundle_depth", "Bundles over depth", ("conflicting_bundles",), (bundles.CHECKPOINT,), bundles.depth),
    FigureInfo(
        "bundle_heatmap",
        "Bundles over depth and training",
        ("conflicting_bundles",),
        (bundles.VALUE, bundles.KIND),
        bundles.heatmap,
    ),
    FigureInfo(
        "first_merge", "First merge of classes", ("conflicting_bundles",), (bundles.CHECKPOINT,), bundles.merges
    ),
    FigureInfo(
        "bundle_training", "Bundles over training", ("conflicting_bundles",), (bundles.POINT,), bundles.training
    ),
    FigureInfo(
        "critical_tolerance",
        "Critical tolerance over depth",
        ("conflicting_bundles",),
        (bundles.CHECKPOINT,),
        bundles.sensitivity,
    ),
    FigureInfo("block_removal", "Accuracy against removed blocks", ("block_removal",), (), bundles.removal),
    FigureInfo(
        "sharing_curve",
        "Accuracy against degrees of freedom",
        ("train_shared",),
        (sharing.AXIS, sharing.LAW),
        sharing.curve,
    ),
    FigureInfo("ring_projection", "What projection keeps", ("parameter_sharing",), (), sharing.projection),
    FigureInfo("ring_error", "Error per layer", ("parameter_sharing",), (sharing.RATIO, profile.LAYERS), sharing.error),
    FigureInfo("ring_usage", "Usage map of the ring", ("parameter_sharing",), (profile.LAYERS,), sharing.usage),
    FigureInfo("ring_correlation", "Likeness of layers", ("parameter_sharing",), (profile.LAYERS,), sharing.likeness),
    FigureInfo(
        "ring_agreement", "Agreement of gradients", ("parameter_sharing",), (profile.LAYERS,), ring_detail.agreement
    ),
    FigureInfo(
        "ring_spectrum",
        "Singular values before and after",
        ("parameter_sharing",),
        (sharing.RATIO, ring_detail.LAYER),
        ring_detail.spectrum,
    ),
    FigureInfo("sharing_gap", "Learnt by heart", ("train_shared",), (), ring_detail.gap),
    FigureInfo(
        "growth",
        "Oracle against number of configurations",
        ("dynamic_configurations", "chance_pools"),
        (),
        configurations.growth,
    ),
    FigureInfo("cost_map", "Accuracy against cost", ("dynamic_configurations",), (), configurations.cost_map),
    FigureInfo(
        "geometry",
        "Map sizes in another geometry",
        ("switch_points",),
        (geometry.GEOMETRY, geometry.POLICY),
        geometry.geometry,
    ),
    FigureInfo("cover", "Small sets of configurations", ("dynamic_configurations",), (), configurations.cover),
    FigureInfo("policies", "Rules without labels", ("dynamic_configurations",), (), configurations.policies),
    FigureInfo(
        "answer_matrix", "Which configurations help", ("dynamic_configurations",), (), configuration_sides.answers
    ),
    FigureInfo(
        "one_picture",
        "One picture under all configurations",
        ("dynamic_configurations",),
        (configuration_sides.PLACE,),
        configuration_sides.picture,
    ),
    FigureInfo("choices", "Choices per switch point", ("dynamic_configurations",), (), configuration_sides.choices),
    FigureInfo(
        "configuration_classes", "Oracle by class", ("dynamic_configurations",), (), configuration_sides.classes
    ),
    FigureInfo(
        "configuration_groups",
        "One configuration per group",
        ("dynamic_configurations",),
        (configuration_sides.BY,),
        configuration_sides.groups,
    ),
    FigureInfo(
        "configuration_agreement",
        "Agreement of configurations",
        ("dynamic_configurations",),
        (),
        configuration_sides.agreement,
    ),
    FigureInfo("width_profile", "Widths found", ("lw_dna",), (width_search.CONTROL,), width_search.width_profile),
    FigureInfo("width_ratio", "Width ratios", ("lw_dna",), (width_search.CONTROL,), width_search.width_ratio),
    FigureInfo("width_budget", "Cost against threshold", ("lw_dna",), (), width_search.width_budget),
    FigureInfo("width_scores", "Scores by depth", ("lw_dna",), (), width_search.width_scores),
    FigureInfo(
        "width_sensitivity",
        "Sensitivity of width groups",
        ("width_sensitivity",),
        (width_search.VALUE,),
        width_search.width_sensitivity,
    ),
)


def figures_of(method: str) -> tuple[FigureInfo, ...]:
    """Figures that can show a run of a method."""
    return tuple(figure for figure in FIGURES if not figure.methods or method in figure.methods)


def make_sheet(spec: FigureSpec, results: list[Result]) -> Sheet:
    """Turn a figure's description and the results of its runs into numbers in place.

    Raises
    ------
    AnalysisError
        For an unknown figure, an unknown option, or runs that it cannot show.
    """
    spec.style.check()
    info = next((figure for figure in FIGURES if figure.name == spec.name), None)
    if info is None:
        raise AnalysisError(f"There is no figure '{spec.name}'.", nearest(spec.name, [f.name for f in FIGURES]))
    if not results:
        raise AnalysisError("A figure needs at least one run.", "Name a run folder.")
    for result in results:
        method = result.request.method if result.request else ""
        if info.methods and method not in info.methods:
            raise AnalysisError(
                f"The figure '{spec.name}' cannot show a run of {method}.",
                f"Choose from {', '.join(figure.name for figure in figures_of(method))}.",
            )
        if result.declared is None:
            raise AnalysisError("This run ended before it had a result.", "Measure again.")
    return info.make(results, _options(info, dict(spec.options)))


def _options(info: FigureInfo, given: dict[str, Value]) -> dict[str, Value]:
    known = {param.name: param for param in info.options}
    for name in given:
        if name not in known:
            hint = nearest(name, list(known)) if known else "It has none."
            raise AnalysisError(f"The figure '{info.name}' has no option '{name}'.", hint)
    return {name: param.parse(given.get(name, param.default)) for name, param in known.items()}


def save(spec: FigureSpec, results: list[Result], path: Path) -> None:
    """Draw a figure into a file; the ending (.pdf, .svg, .png, .pgf) decides how. The bytes depend on nothing else.

    Raises
    ------
    AnalysisError
        For an unknown ending, or what :func:`make_sheet` raises.
    """
    from analysis.figures.draw import save_sheet

    save_sheet(make_sheet(spec, results), spec.style, path)
