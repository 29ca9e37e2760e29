"""Which term the words of an axis, of a lane or of a legend stand for, and terms of what plots are drawn over."""

from __future__ import annotations

from app.reading.glossary.term import Term

AXES_PAGE = "concepts#Axes"

PLACES: dict[str, Term] = {
    name: Term(title, unit, definition, page)
    for name, title, unit, definition, page in (
        ("axis_layer", "Layers in order", "", "Layers as they first run in a forward pass.", AXES_PAGE),
        ("axis_block", "Blocks in order", "", "Blocks of layers as they first run, counted from 1.", AXES_PAGE),
        ("axis_depth", "Share of depth", "", "(place − ½) / number of layers.", AXES_PAGE),
        ("axis_class", "Class", "", "Label of the pictures, in the order in which the source numbers them.", AXES_PAGE),
        ("axis_checkpoint", "Checkpoint", "", "Weight files of one training in natural order.", "concepts#Checkpoints"),
        ("axis_epoch", "Epoch", "epochs", "Passes over all training pictures.", "train_shared"),
        (
            "axis_share",
            "Share of pictures",
            "",
            "Number of pictures that fit what is said, divided by the number N that was used.",
            AXES_PAGE,
        ),
        (
            "axis_configuration",
            "Configuration",
            "",
            "One option for every switch point; its name lists them in order of the points.",
            "dynamic_configurations#Switch points and families",
        ),
        (
            "axis_marks",
            "Neutral marks",
            "",
            "Exactly zero, not measured, not applicable and not finite look different from every value.",
            "concepts#Neutral marks",
        ),
        (
            "axis_group",
            "Width group",
            "",
            "Channels of different layers that can only be kept, dropped or copied together.",
            "width_groups",
        ),
        (
            "axis_removed",
            "Removed blocks",
            "blocks",
            "How many residual blocks have given way to their shortcut.",
            "block_removal#The curves",
        ),
        (
            "axis_picture_group",
            "Group of pictures",
            "",
            "Pictures alike in what the page groups by, such as a range of sizes of the object.",
            "dynamic_configurations#Grouped static gain",
        ),
        (
            "label_entropy",
            "Label entropy H(Y)",
            "nats",
            "−Σ p ln p over the labels of all pictures: the bundle entropy if all of them were one bundle.",
            "conflicting_bundles#The numbers",
        ),
        (
            "grid_width",
            "Width of the grid",
            "τ",
            "Width of the cells within which values count as equal; τ is that of the update grid.",
            "conflicting_bundles#When values count as equal",
        ),
        (
            "time_average",
            "Mean over time",
            "",
            "Mean over all checkpoints of the run, each with the same weight.",
            "conflicting_bundles#Over training",
        ),
        (
            "singular_share",
            "Distribution of singular values",
            "",
            "Share of the width's directions whose σ / σ_max is at most x; missing ones count as 0.",
            "feature_rank#Formula",
        ),
        (
            "relative_singular_value",
            "Relative singular value",
            "",
            "σ / σ_max: a singular value divided by the largest of its layer.",
            "feature_rank#Formula",
        ),
        (
            "dimension_ratio",
            "Dimension ratio",
            "",
            "d_in / d_out: inputs of a random layer divided by its outputs.",
            "rank_lab#Definition",
        ),
        (
            "expansion_ratio",
            "Expansion ratio",
            "",
            "d_out / d_in: how many times as many outputs as inputs a random layer has.",
            "rank_lab#Definition",
        ),
        (
            "score_threshold",
            "Threshold on the scores",
            "",
            "The one score for the whole network below which elements go.",
            "lw_dna#Formula",
        ),
        (
            "cost_share",
            "Cost of the original",
            "%",
            "Parameters, or operations, of the narrowed network divided by those of the original.",
            "lw_dna#Formula",
        ),
        (
            "layer_kind",
            "Kind of layer",
            "",
            "Tells convolutions, their activations, outputs of blocks and the pooled feature apart.",
            "concepts#Layers",
        ),
        (
            "node_shape",
            "Numbers in nodes",
            "",
            "Channels × height × width of the output for one picture, and how many layers a folded block holds.",
            "concepts#Layers",
        ),
        (
            "axis_interval",
            "Interval",
            "",
            "How much a value would differ with other draws of the same size; each method says of what.",
            "concepts#Intervals",
        ),
        (
            "sharing_kind",
            "Kind of sharing",
            "",
            "How weights are read from the ring: shuffled or in order, with or without random signs.",
            "train_shared",
        ),
        ("seed_band", "Band over seeds", "", "From the smallest to the largest result over the seeds.", "train_shared"),
        (
            "freedom_law",
            "Laws of degrees of freedom",
            "",
            "Lines fitted to accuracy, and to the error above its floor, over log10 of the degrees of freedom.",
            "train_shared?two laws#The numbers",
        ),
        (
            "train_loss",
            "Training loss",
            "nats",
            "Mean cross-entropy over the batches of an epoch, each before its step.",
            "train_shared",
        ),
    )
}
"""What plots are drawn over, and numbers that only an axis has."""

OVER_TIME = {
    "entropy h": "entropy",
    "bundles n/n": "bundles",
    "share of pictures in conflict": "samples_in_conflict",
    "mean over time": "time_average",
}
AXES: dict[str, dict[str, str]] = {
    "": {
        "layer": "axis_layer",
        "block": "axis_block",
        "share of depth": "axis_depth",
        "class": "axis_class",
        "label": "axis_class",
        "c×h×w": "node_shape",
        "prediction": "verdict",
        "checkpoint": "axis_checkpoint",
        "epoch": "axis_epoch",
        "share of pictures": "axis_share",
        "shares of pictures": "axis_share",
        "configuration": "axis_configuration",
        "configurations": "axis_configuration",
        "width group": "axis_group",
        "difference in": "compared",
        "degrees of freedom": "degrees_of_freedom",
        "tolerance": "tolerance",
    },
    # -- rank --------------------------------------------------------------------------------------------------------
    "Rank against tolerance": {"rank / width": "rank_ratio"},
    "Distribution of singular values": {
        "singular values up to x": "singular_share",
        "σ / σ_max": "relative_singular_value",
    },
    "Accuracy against nuclear norm": {"nuclear norm / √n": "nuclear_norm_scaled", "top-1 accuracy": "top1"},
    "Rank of random layers": {
        "dimension ratio": "dimension_ratio",
        "rank ratio": "lab_rank_ratio",
        "share of dead channels": "lab_dead",
        "share of always-on channels": "lab_always_on",
        "conditioning": "lab_condition",
        "expansion": "expansion_ratio",
    },
    # -- bundles -----------------------------------------------------------------------------------------------------
    "Bundles over depth": {"bundles n/n": "bundles", "entropy h": "entropy", "h(y)": "label_entropy"},
    "Pictures in conflict over depth": {"share of pictures": "samples_in_conflict"},
    "Loss over training": {"nats": "loss", "loss": "train_loss"},
    "Outputs over training": OVER_TIME,
    "Branches over training": OVER_TIME,
    "Merge flow over depth": {"share of pictures": "samples_bundled"},
    "First merge of two classes": {"first merge": "first_merge"},
    "Entropy against tolerance": {"entropy h": "entropy", "width of the grid": "grid_width"},
    "Critical tolerance over depth": {"critical tolerance": "critical_tolerance"},
    "Accuracy as blocks are removed": {"removed blocks": "axis_removed", "accuracy": "removal_accuracy"},
    # -- widths ------------------------------------------------------------------------------------------------------
    "Width profile": {"width": "width"},
    "Edited by original width": {"edited / original": "width_ratio"},
    "Widths of the blocks": {"channels at the output": "width"},
    "Widths found by LW-DNA": {"width": "found_width", "score": "latent_score"},
    "Widths found by original widths": {"found / original": "width_ratio"},
    "Costs over the threshold": {"threshold": "score_threshold", "% of original": "cost_share"},
    "Sorted scores": {"share of the group's channels": "latent_score", "score": "latent_score"},
    "Loss by group and share of its width": {"share of its width kept": "width_sensitivity"},
    "Rank or bundles, layer by layer": {"effective rank by width": "effective_rank_ratio", "bundle entropy": "entropy"},
    # -- sharing -----------------------------------------------------------------------------------------------------
    "What projection keeps": {"kept of trained weights": "energy_kept"},
    "Accuracy of trained networks": {"held-out accuracy": "held_accuracy"},
    "Uses of entries": {"entries": "reuse", "times used": "reuse"},
    "All layers together": {"all layers": "usage", "part of the ring": "ring_part"},
    "Usage of the ring by layers": {"part of the ring": "ring_part"},
    "Singular values before and after": {"singular value": "ring_spectrum", "singular values": "ring_spectrum"},
    "Projection layer by layer": {"relative squared error": "ring_error", "cosine": "ring_cosine"},
    "Correlation as trained": {"as trained": "ring_correlation"},
    "Correlation after projection": {"projected onto the ring": "ring_correlation"},
    "Overlap": {"share of the row's entries": "overlap"},
    "Agreement of gradients": {"cosine of two layers' gradients": "gradient_cosine"},
    "Gap between training and held-out accuracy": {"training accuracy less": "train_gap"},
    "Accuracy over training": {"accuracy": "held_accuracy"},
    # -- configurations ----------------------------------------------------------------------------------------------
    "Growth of the oracle": {"right by at least one": "oracle_growth", "configurations or copies": "oracle_growth"},
    "Oracle beside its references": {"chance pools": "chance_pool"},
    "Correctness": {"pictures": "correctness", "share right of each class": "class_accuracy"},
    "Prefix tree": {
        **dict.fromkeys(("rows", "first points", "last points"), "prefix_tree"),
        **dict.fromkeys(("dilation", "stride", "kernel"), "switch_point"),
    },
    "Probability under each configuration": {"probability": "true_probability"},
    "Rank curve": {"mean loss": "rank_curve", "label among the first five": "rank_curve"},
    "Choices per switch point": {"best ÷ opportunity": "opportunity"},
    "Accuracy against cost": {
        "multiply-adds": "macs",
        "place by accuracy": "configuration_accuracy",
        "accuracy on all pictures": "configuration_accuracy",
    },
    "Accuracy of rules": {"gap closed": "gap_closed", "accuracy": "policy_accuracy"},
    "Subsets of switch points": {"points that may choose": "point_subsets", "oracle": "any_correct"},
    "Chosen configurations": {"pictures added": "greedy_cover", "macs": "macs", "added": "greedy_cover"},
    "Cover": {"right by at least one": "any_correct", "configurations in the set": "greedy_cover"},
    "Classes": {"rescue": "rescue", "share of the pictures of a class": "class_accuracy"},
    "Scale by group": {
        **dict.fromkeys(("spearman ρ", "scale"), "scale_study"),
        "mean log₂": "scale_study",
        "log₂ of the total": "scale_study",
        "mean side": "scale_study",
        "receptive field": "reach_by_hand",
        "group of pictures": "axis_picture_group",
    },
    "Groups of pictures": {"choice": "static_gain", "accuracy on the half": "static_gain"},
    "Agreement": {"share of equal answers": "agreement"},
    # -- accuracy ----------------------------------------------------------------------------------------------------
    "Confusion matrix": {"class accuracy": "class_accuracy", "label": "confusion"},
}
"""Accessible name of a plot, to how parts of its titles begin, in small letters, and their terms; "" for all plots."""


def axis_term(part: str, plot: str = "") -> str:
    """Return the term that a part of a title stands for, "" for none.

    Parameters
    ----------
    part
        Words of an axis between two separators.
    plot
        Accessible name of the plot: what it says of itself comes before what all plots say.

    Examples
    --------
    >>> axis_term("entropy H of layer2.1 (nats)", "Entropy against tolerance")
    'entropy'
    >>> axis_term("layer"), axis_term("layers")
    ('axis_layer', '')
    """
    words = f"{part.lower()} "
    for known in (AXES.get(plot, {}), AXES[""]):
        found = max((name for name in known if words.startswith(f"{name} ")), key=len, default="")
        if found:
            return known[found]
    return ""
