"""Which terms the words of a legend, and those of a line of numbers, stand for."""

from __future__ import annotations

import re
from collections.abc import Iterable

AMOUNT = re.compile(r"^(?:(?:[\d.,±+−%~]|\s)+(?:of\s(?=\d))?)+(?:[kMGT]\s)?(?=\D)")
"""Number before words: "8 % of the class", "40.6 M MACs", "7 of 20 points"."""
DIFFERENCE = re.compile(r"\b(less|more) than |^as in ")
"""Words of a scale of differences from the network that is compared with."""

LEGENDS: dict[str, str] = {
    # -- rank --------------------------------------------------------------------------------------------------------
    **dict.fromkeys(("convolution", "activation", "block output", "pooled", "before activation"), "layer_kind"),
    "after activation": "layer_kind",
    "reach of a linear layer": "linear_reach",
    "limit of the sample": "sample_cap",
    "interval": "axis_interval",
    "rank ratio = dimension ratio": "dimension_ratio",
    "standard error": "axis_interval",
    "published, read off": "lab_distance",
    # -- bundles -----------------------------------------------------------------------------------------------------
    "n/n": "bundles",
    **dict.fromkeys(("h of outputs", "h of branches", "floor h", "just above"), "entropy"),
    "nats = h(y)": "label_entropy",
    "exactly zero": "axis_marks",
    "another map size": "node_shape",
    "in conflict": "samples_in_conflict",
    **dict.fromkeys(("in bundles of one label", "alone"), "samples_bundled"),
    "bundle in conflict": "conflicting_bundles",
    "bundle of one label": "bundles",
    "ceiling 1 − e": "error_floor",
    **dict.fromkeys(("never", "at "), "first_merge"),
    "conflicts": "critical_tolerance",
    **dict.fromkeys(("random: ", "order: ", "ticked"), "removal_accuracy"),
    # -- widths ------------------------------------------------------------------------------------------------------
    "width in channels": "width",
    "locked": "axis_group",
    **dict.fromkeys(("its line", "straightened", "linear rule"), "width_line"),
    **dict.fromkeys(("found", "lw-dna, found", "second batch"), "found_width"),
    **dict.fromkeys(("floor", "lw-dna, floor"), "floor_width"),
    **dict.fromkeys(("random control", "lw-dna, random control"), "control_width"),
    **dict.fromkeys(("widened", "lw-dna, widened"), "widened_width"),
    "chance ± 2 s.d.": "width_chance",
    **dict.fromkeys(("points of accuracy lost", "little", "below the original"), "width_sensitivity"),
    **dict.fromkeys(("parameters", "macs", "target"), "cost_share"),
    # -- sharing -----------------------------------------------------------------------------------------------------
    **dict.fromkeys(("energy kept", "energy of", "law n / m"), "energy_kept"),
    **dict.fromkeys(("shuffled, ", "in order, ", "fewer channels"), "sharing_kind"),
    "smallest to largest over seeds": "seed_band",
    **dict.fromkeys(("α + β log", "error as a power"), "freedom_law"),
    **dict.fromkeys(("= even", "and more uses"), "usage"),
    **dict.fromkeys(("entries by number of uses", "if weights drew entries"), "reuse"),
    **dict.fromkeys(("error of the projection", "expected, 1 − n / m", "n largest weights kept"), "ring_error"),
    **dict.fromkeys(("cosine of the projection", "expected, √"), "ring_cosine"),
    "σ ": "ring_spectrum",
    **dict.fromkeys((": unrelated", "and more, |cos|"), "ring_correlation"),
    "held out": "held_accuracy",
    "training, mean": "train_accuracy",
    "batch by batch": "train_loss",
    # -- configurations ----------------------------------------------------------------------------------------------
    "one choice for all pictures": "configuration_accuracy",
    "upper bound": "any_correct",
    "its chance references": "shuffled_labels",
    "what is left": "oracle_beyond_list",
    **dict.fromkeys(("perturbation pool", "jitter pool"), "chance_pool"),
    **dict.fromkeys(("right, as ", "wrong, as ", "right where ", "wrong where "), "correctness"),
    **dict.fromkeys(("best", "median", "worst"), "rank_curve"),
    **dict.fromkeys(("best by loss", "median by loss", "worst by loss"), "choice_share"),
    "opportunity": "opportunity",
    "accuracy by rank": "rank_curve",
    "probability of the label": "true_probability",
    "plain": "plain_accuracy",
    "larger: more pictures": "solved_alone",
    "total ": "switch_point",
    "rule, on the half": "policy_accuracy",
    **dict.fromkeys(("half that the set", "other half"), "greedy_cover"),
    "equally long list": "matched_list",
    "one configuration chosen for the group": "static_gain",
    **dict.fromkeys(("scale of the configuration", "mean scale"), "scale_study"),
    "all answers equal": "agreement",
    # -- accuracy ----------------------------------------------------------------------------------------------------
    "accuracy": "top1",
    "loss": "loss",
    "of the class": "confusion",
}
"""How words of a legend begin, in small letters and without their number, and their terms."""

LINES: dict[str, str] = {
    **dict.fromkeys(("N =", "pictures"), "pictures"),
    "layers": "axis_layer",
    "parameters": "parameters",
    "MACs": "macs",
    "tolerance": "tolerance",
    **dict.fromkeys(("right", "wrong"), "verdict"),
    # -- bundles -----------------------------------------------------------------------------------------------------
    **dict.fromkeys(("η =", "B =", "W =", "τ ="), "grid_width"),
    **dict.fromkeys(("First conflict", "points in conflict"), "entropy"),
    "points conflict": "critical_tolerance",
    **dict.fromkeys(("floor and ceiling",), "error_floor"),
    "Pictures first join": "samples_bundled",
    "pairs of classes merge": "first_merge",
    "blocks can go": "removal_accuracy",
    # -- widths ------------------------------------------------------------------------------------------------------
    "width groups": "axis_group",
    **dict.fromkeys(("c ≈", "R²", "straightened"), "width_line"),
    # -- sharing -----------------------------------------------------------------------------------------------------
    **dict.fromkeys(("N / M =", "of the energy"), "energy_kept"),
    "Every entry is used": "reuse",
    "largest error": "ring_error",
    "Mean likeness": "ring_correlation",
    "held out": "held_accuracy",
    "points better in training": "train_gap",
    "degrees of freedom": "degrees_of_freedom",
    # -- configurations ----------------------------------------------------------------------------------------------
    "K =": "axis_configuration",
    "Maps after each point": "map_size",
    "Upper bound": "any_correct",
    "right under": "right_under",
    "right under all": "all_correct",
    "right plain": "plain_accuracy",
    "probability": "true_probability",
    "The plain network": "plain_accuracy",
    "Best rule": "policy_accuracy",
    "rescue": "rescue",
    "Static gain": "static_gain",
    **dict.fromkeys(("Two configurations answer", "least like"), "agreement"),
}
"""How parts of a line of numbers begin, after their number, and their terms."""


def opening(part: str, names: Iterable[str]) -> tuple[int, str]:
    """Find the longest name that a part begins with, straight away or after a number.

    Returns
    -------
    tuple
        Where the name begins, and the name; (0, "") for none.

    Examples
    --------
    >>> opening("7 of 20 points in conflict", ("points in conflict", "points"))
    (8, 'points in conflict')
    >>> opening("N = 1,000", ("N =",)), opening("pictures of cats", ("picture",))
    ((0, 'N ='), (0, ''))
    """
    number, known = AMOUNT.match(part), list(names)
    for start in (0, number.end() if number else 0):
        rest = f"{part[start:]} "
        found = max((name for name in known if rest.startswith(f"{name} ")), key=len, default="")
        if found:
            return start, found
    return 0, ""


def legend_term(words: str) -> str:
    """Return the term that an entry of a legend stands for, "" for none.

    Examples
    --------
    >>> legend_term("8 % of the class"), legend_term("0.2 nats less than resnet56"), legend_term("resnet56")
    ('confusion', 'compared', '')
    """
    if DIFFERENCE.search(words):
        return "compared"
    rest = AMOUNT.sub("", words.lower())
    found = max((name for name in LEGENDS if rest.startswith(name)), key=len, default="")
    return LEGENDS[found] if found else ""
