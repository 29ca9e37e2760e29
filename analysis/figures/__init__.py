"""Figures for papers and talks, from stored results. matplotlib is imported when the first one is drawn."""

from __future__ import annotations

from collections.abc import Callable, Collection
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
    second,
    sharing,
    width_search,
    widths,
)
from analysis.figures.sheet import Sheet
from analysis.figures.spec import FORMATS, PALETTES, SIZES, FigureSpec, Style
from analysis.problems import AnalysisError
from analysis.result import Result

__all__ = ["FIGURES", "FORMATS", "PALETTES", "SIZES", "FigureInfo", "FigureSpec", "Style", "figures_of", "make_sheet"]

LAYERS_KNOWN = ("structure", "width_groups")
STRUCTURE = ("structure",)


@dataclass(frozen=True, slots=True)
class FigureInfo:
    """A figure: its name, what it shows, its options.

    Attributes
    ----------
    methods
        Methods whose runs it can show; empty for every method with a measure per layer.
    make
        Turns results and options into a sheet.
    why_alone
        Why a second network is not shown, one clause; "" if it is.
    several
        True if it takes several runs of one network, or of many; or the methods of which it does.
    beside
        Methods whose runs may stand beside the others: they tell which layers correspond.
    sized
        True if what stands where depends on the size of the figure: it is told beside the options.
    """

    name: str
    title: str
    methods: tuple[str, ...]
    options: tuple[Param, ...]
    make: Callable[[list[Result], profile.Options], Sheet]
    why_alone: str = ""
    several: bool | tuple[str, ...] = False
    beside: tuple[str, ...] = ()
    sized: bool = False

    @property
    def compares(self) -> bool:
        """True if the option "compared" adds a second network: as an outline, a difference, or a row below."""
        return any(option.name == "compared" for option in self.options)

    def fits(self, methods: Collection[str]) -> bool:
        """Tell whether it can show runs of some methods together."""
        own = [not self.methods or method in self.methods for method in methods]
        beside = [method in self.beside for method in methods]
        return not own or (any(own) and all(one or other for one, other in zip(own, beside, strict=True)))


MEASURES = Param("measures", "", "Outputs from top to bottom, comma-separated; empty for the first six")

FIGURES = (
    FigureInfo(
        "profile",
        "One measure per layer",
        (),
        (profile.MEASURE, profile.LAYERS, profile.KINDS, second.COMPARED),
        profile.profile,
        several=True,
    ),
    FigureInfo(
        "tracks",
        "A stack of measures over depth",
        (),
        (MEASURES, profile.LAYERS, profile.KINDS, profile.CHECKPOINT, second.COMPARED),
        profile.tracks,
        several=True,
    ),
    FigureInfo(
        "spectrum",
        "Distribution of singular values",
        ("feature_rank",),
        (profile.LAYERS, profile.KINDS, rank.CENTRED, second.COMPARED),
        rank.spectrum,
        several=True,
        beside=STRUCTURE,
    ),
    FigureInfo(
        "tolerance",
        "Rank against tolerance",
        ("feature_rank",),
        (profile.LAYERS, profile.KINDS, rank.CENTRED, second.COMPARED),
        rank.tolerance,
        several=True,
        beside=STRUCTURE,
    ),
    FigureInfo(
        "nuclear_norm",
        "Accuracy against nuclear norm",
        ("feature_rank", "evaluate"),
        (),
        rank.nuclear_norm,
        why_alone="every network is a point of its own already",
        several=True,
    ),
    FigureInfo("class_accuracy", "Accuracy per class", ("evaluate",), (second.COMPARED,), accuracy.class_accuracy),
    FigureInfo("confusion", "Confusion matrix", ("evaluate",), (second.DIFFERENCE,), accuracy.confusion),
    FigureInfo(
        "attribution",
        "Attributions of a picture",
        ("attribution",),
        (attribution.PICTURE, attribution.MAPS, attribution.SHARED, second.ROW),
        attribution.attribution,
        several=True,
    ),
    FigureInfo(
        "widths",
        "Widths before and after",
        ("width_groups",),
        (widths.WIDTHS, second.COMPARED),
        widths.widths,
        beside=LAYERS_KNOWN,
    ),
    FigureInfo(
        "graph",
        "Architecture graph",
        (),
        (graph.FOLDED, graph.MEASURE, profile.CHECKPOINT, second.DIFFERENCE),
        graph.graph,
        several=True,
        sized=True,
    ),
    FigureInfo(
        "confidence",
        "Confidence of right and wrong",
        ("evaluate",),
        (accuracy.PICTURES, accuracy.CHOICE, second.COMPARED),
        accuracy.confidence,
    ),
    FigureInfo(
        "rank_lab",
        "Rank of random layers",
        ("rank_lab",),
        (
            *(rank_lab.LAYER, rank_lab.PUBLISHED, rank_lab.ZOOM),
            *(rank_lab.QUANTITY, rank_lab.HIDDEN, rank_lab.OUTLINE),
        ),
        rank_lab.rank_lab,
        why_alone="it measures random layers and no network",
        several=True,
    ),
    FigureInfo(
        "bundle_depth",
        "Bundles over depth",
        ("conflicting_bundles",),
        (bundles.CHECKPOINT, second.COMPARED),
        bundles.depth,
        beside=STRUCTURE,
    ),
    FigureInfo(
        "bundle_heatmap",
        "Bundles over depth and training",
        ("conflicting_bundles",),
        (bundles.VALUE, bundles.KIND, second.DIFFERENCE),
        bundles.heatmap,
        beside=STRUCTURE,
    ),
    FigureInfo(
        "first_merge",
        "First merge of classes",
        ("conflicting_bundles",),
        (bundles.CHECKPOINT, second.COMPARED),
        bundles.merges,
        beside=STRUCTURE,
    ),
    FigureInfo(
        "bundle_training",
        "Bundles over training",
        ("conflicting_bundles",),
        (bundles.POINT, second.COMPARED),
        bundles.training,
        beside=STRUCTURE,
    ),
    FigureInfo(
        "critical_tolerance",
        "Critical tolerance over depth",
        ("conflicting_bundles",),
        (bundles.CHECKPOINT, second.COMPARED),
        bundles.sensitivity,
        beside=STRUCTURE,
    ),
    FigureInfo(
        "block_removal", "Accuracy against removed blocks", ("block_removal",), (second.COMPARED,), bundles.removal
    ),
    FigureInfo(
        "sharing_curve",
        "Accuracy against degrees of freedom",
        ("train_shared",),
        (sharing.AXIS, sharing.LAW, second.COMPARED),
        sharing.curve,
    ),
    FigureInfo(
        "ring_projection", "What projection keeps", ("parameter_sharing",), (second.COMPARED,), sharing.projection
    ),
    FigureInfo(
        "ring_error",
        "Error per layer",
        ("parameter_sharing",),
        (sharing.RATIO, profile.LAYERS, second.COMPARED),
        sharing.error,
        beside=STRUCTURE,
    ),
    FigureInfo(
        "ring_usage",
        "Usage map of the ring",
        ("parameter_sharing",),
        (profile.LAYERS, second.DIFFERENCE),
        sharing.usage,
        beside=STRUCTURE,
    ),
    FigureInfo(
        "ring_correlation",
        "Likeness of layers",
        ("parameter_sharing",),
        (profile.LAYERS, second.DIFFERENCE),
        sharing.likeness,
        beside=STRUCTURE,
    ),
    FigureInfo(
        "ring_agreement",
        "Agreement of gradients",
        ("parameter_sharing",),
        (profile.LAYERS, second.DIFFERENCE),
        ring_detail.agreement,
        beside=STRUCTURE,
    ),
    FigureInfo(
        "ring_spectrum",
        "Singular values before and after",
        ("parameter_sharing",),
        (sharing.RATIO, ring_detail.LAYER, second.COMPARED),
        ring_detail.spectrum,
        beside=STRUCTURE,
    ),
    FigureInfo("sharing_gap", "Learnt by heart", ("train_shared",), (second.COMPARED,), ring_detail.gap),
    FigureInfo(
        "growth",
        "Oracle against number of configurations",
        ("dynamic_configurations", "chance_pools"),
        (second.COMPARED,),
        configurations.growth,
        several=("chance_pools",),
    ),
    FigureInfo(
        "cost_map", "Accuracy against cost", ("dynamic_configurations",), (second.COMPARED,), configurations.cost_map
    ),
    FigureInfo(
        "geometry",
        "Map sizes in another geometry",
        ("switch_points",),
        (geometry.GEOMETRY, geometry.POLICY, second.COMPARED),
        geometry.geometry,
    ),
    FigureInfo(
        "cover", "Small sets of configurations", ("dynamic_configurations",), (second.COMPARED,), configurations.cover
    ),
    FigureInfo(
        "policies", "Rules without labels", ("dynamic_configurations",), (second.COMPARED,), configurations.policies
    ),
    FigureInfo(
        "answer_matrix",
        "Which configurations help",
        ("dynamic_configurations",),
        (second.DIFFERENCE,),
        configuration_sides.answers,
    ),
    FigureInfo(
        "one_picture",
        "One picture under all configurations",
        ("dynamic_configurations",),
        (configuration_sides.PLACE, second.COMPARED),
        configuration_sides.picture,
    ),
    FigureInfo(
        "choices",
        "Choices per switch point",
        ("dynamic_configurations",),
        (second.COMPARED,),
        configuration_sides.choices,
    ),
    FigureInfo(
        "configuration_classes",
        "Oracle by class",
        ("dynamic_configurations",),
        (second.COMPARED,),
        configuration_sides.classes,
    ),
    FigureInfo(
        "configuration_groups",
        "One configuration per group",
        ("dynamic_configurations",),
        (configuration_sides.BY, second.COMPARED),
        configuration_sides.groups,
    ),
    FigureInfo(
        "configuration_agreement",
        "Agreement of configurations",
        ("dynamic_configurations",),
        (second.DIFFERENCE,),
        configuration_sides.agreement,
    ),
    FigureInfo(
        "width_profile",
        "Widths found",
        ("lw_dna",),
        (width_search.CONTROL, second.COMPARED),
        width_search.width_profile,
        beside=LAYERS_KNOWN,
    ),
    FigureInfo(
        "width_ratio",
        "Width ratios",
        ("lw_dna",),
        (width_search.CONTROL, second.COMPARED),
        width_search.width_ratio,
        beside=LAYERS_KNOWN,
    ),
    FigureInfo(
        "width_budget",
        "Cost against threshold",
        ("lw_dna",),
        (second.COMPARED,),
        width_search.width_budget,
        beside=LAYERS_KNOWN,
    ),
    FigureInfo(
        "width_scores",
        "Scores by depth",
        ("lw_dna",),
        (second.COMPARED,),
        width_search.width_scores,
        beside=LAYERS_KNOWN,
    ),
    FigureInfo(
        "width_sensitivity",
        "Sensitivity of width groups",
        ("width_sensitivity",),
        (width_search.VALUE, second.DIFFERENCE),
        width_search.width_sensitivity,
        beside=LAYERS_KNOWN,
    ),
)


def figures_of(method: str) -> tuple[FigureInfo, ...]:
    """Figures that can show a run of a method."""
    return tuple(figure for figure in FIGURES if figure.fits((method,)))


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
        if info.methods and method not in (*info.methods, *info.beside):
            raise AnalysisError(
                f"The figure '{spec.name}' cannot show a run of {method}.",
                f"Choose from {', '.join(figure.name for figure in figures_of(method))}.",
            )
        if result.declared is None:
            raise AnalysisError("This run ended before it had a result.", "Measure again.")
    given = dict(spec.options)
    if not info.compares and second.COMPARED.parse(given.pop("compared", 0)):
        raise AnalysisError(
            f"The figure '{info.name}' shows no second network: {info.why_alone}.", second.ALONE, "compared"
        )
    options = _options(info, given)
    _check_counts(info, results, options)
    return info.make(results, options | spec.style.room if info.sized else options)


def _check_counts(info: FigureInfo, results: list[Result], options: dict[str, Value]) -> None:
    """Refuse runs that a figure would leave out without a word."""
    if info.several is True:
        return
    single = [method for method in info.methods if not info.several or method not in info.several]
    parts = second.split(results, options) if info.compares else (results, [])
    for runs, words in zip(parts, ("", " of a second network"), strict=True):
        count = sum(1 for run in runs if second.method_of(run) in ("", *single))
        if count > 1:
            more = info.compares and not parts[1]
            hint = "Name one alone" + (", or add compared=1 if the last is of a second network." if more else ".")
            raise AnalysisError(f"The figure '{info.name}' shows one run{words}, and {count} are named.", hint)


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
