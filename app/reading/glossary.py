"""What every number of the window means, in one line, and on which help page more is said."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Term:
    """A measure.

    Attributes
    ----------
    title, unit
        Words for headings and axes.
    definition
        One line.
    page
        Name of the help page (`resources/help/<page>.md`).
    combine
        How values of several layers become one of a block: "sum" for costs, "last" for what is said of its output.
    ceiling
        Measure that is its largest possible value, drawn as the unused part behind it: "width", "one", an output of
        the same run, or "".
    """

    title: str
    unit: str
    definition: str
    page: str
    combine: str = "last"
    ceiling: str = ""


TERMS: dict[str, Term] = {
    # -- structure ---------------------------------------------------------------------------------------------------
    "width": Term("Width", "channels", "Number of channels of the output.", "structure"),
    "parameters": Term(
        "Parameters",
        "",
        "Number of weights; a tensor shared by layers counts at the first of them.",
        "structure",
        "sum",
    ),
    "parameters_used": Term(
        "Parameters used", "", "Number of weights the layer computes with, shared or not.", "structure", "sum"
    ),
    "channels": Term("Channels", "channels", "Rows of the matrix: channels of the output.", "concepts#Layers"),
    "macs": Term(
        "MACs",
        "MACs",
        "Multiply-adds of convolutions and linear layers for one picture; 1 MAC = 2 FLOPs.",
        "structure",
        "sum",
    ),
    "activation_bytes": Term(
        "Activation memory",
        "bytes",
        "Bytes of the output for one picture, in the network's precision.",
        "structure",
        "sum",
    ),
    # -- latency -----------------------------------------------------------------------------------------------------
    "latency": Term(
        "Latency",
        "ms",
        "Median time of the layer's own forward, with the quartiles of its repetitions.",
        "latency",
        "last",
    ),
    # -- feature rank ------------------------------------------------------------------------------------------------
    "effective_rank_ratio": Term(
        "Effective rank / width", "", "Effective rank divided by the number of channels.", "feature_rank", "last", "one"
    ),
    "effective_rank": Term(
        "Effective rank",
        "directions",
        "exp(−Σ p ln p) with p = σ / Σσ: how many directions are really used (Roy and Vetterli 2007).",
        "feature_rank",
        "last",
        "width",
    ),
    "rank_ratio": Term(
        "Rank ratio", "", "Numerical rank divided by the number of channels.", "feature_rank", "last", "one"
    ),
    "rank": Term(
        "Numerical rank",
        "directions",
        "Number of singular values above tolerance × largest.",
        "feature_rank",
        "last",
        "width",
    ),
    "energy_rank": Term(
        "Energy rank",
        "directions",
        "Smallest number of components that hold 99 % of the energy Σσ².",
        "feature_rank",
        "last",
        "width",
    ),
    "stable_rank": Term(
        "Stable rank",
        "directions",
        "Σσ² / σ_max²: energy relative to the strongest direction.",
        "feature_rank",
        "last",
        "width",
    ),
    "participation_ratio": Term(
        "Participation ratio",
        "directions",
        "(Σσ²)² / Σσ⁴: how evenly the energy is spread.",
        "feature_rank",
        "last",
        "width",
    ),
    "nuclear_norm_scaled": Term(
        "Nuclear norm / √n",
        "",
        "Σσ divided by the root of the number of observations, comparable across sample sizes.",
        "feature_rank",
    ),
    "nuclear_norm": Term("Nuclear norm", "", "Sum of the singular values, Σσ.", "feature_rank"),
    "dead_channels": Term(
        "Dead channels",
        "channels",
        "Channels that are zero at every position of every picture.",
        "feature_rank",
        "last",
        "width",
    ),
    "always_on_channels": Term(
        "Always-on channels",
        "channels",
        "Channels that are above zero everywhere: they act linearly.",
        "feature_rank",
        "last",
        "width",
    ),
    "observations": Term("Observations", "", "Feature vectors that the spectrum was made of.", "feature_rank"),
    "tolerance": Term(
        "Tolerance", "", "Singular values up to this share of the largest count as zero.", "feature_rank"
    ),
    # -- evaluate ----------------------------------------------------------------------------------------------------
    "top1": Term("Top-1", "", "Share of pictures whose most probable class is the right one.", "evaluate"),
    "top5": Term("Top-5", "", "Share of pictures whose right class is among the five most probable.", "evaluate"),
    "loss": Term("Loss", "nats", "Mean cross-entropy between prediction and label, natural logarithm.", "evaluate"),
    "class_accuracy": Term("Class accuracy", "", "Share of a class's pictures that are recognised.", "evaluate"),
    "confusion": Term("Confusion", "pictures", "How many pictures of a class are taken for each class.", "evaluate"),
    # -- conflicting bundles -----------------------------------------------------------------------------------------
    "entropy": Term(
        "Bundle entropy",
        "nats",
        "Mean over pictures of the label entropy of their bundle; above 0: classes merge (Peer et al. 2021).",
        "conflicting_bundles",
    ),
    "entropy_ratio": Term(
        "Entropy / H(Y)",
        "",
        "Bundle entropy as a share of the label entropy of all pictures.",
        "conflicting_bundles",
        "last",
        "one",
    ),
    "critical_tolerance": Term(
        "Critical tolerance",
        "τ",
        "Ours: the smallest 2^k τ at which pictures of two classes share a bundle.",
        "conflicting_bundles",
    ),
    "bundles": Term(
        "Bundles",
        "bundles",
        "Groups of pictures that a layer cannot tell apart; one alone counts.",
        "conflicting_bundles",
    ),
    "conflicting_bundles": Term(
        "Conflicting bundles", "bundles", "Bundles with at least two labels.", "conflicting_bundles"
    ),
    "samples_in_conflict": Term(
        "In conflict", "pictures", "Pictures in bundles with at least two labels.", "conflicting_bundles"
    ),
    "samples_bundled": Term("Bundled", "pictures", "Pictures that are not alone.", "conflicting_bundles"),
    "largest_bundle": Term("Largest bundle", "pictures", "Pictures in the largest bundle.", "conflicting_bundles"),
    "error_floor": Term(
        "Error floor",
        "",
        "Share of pictures that no classifier on top can get right: those not of their bundle's most frequent label.",
        "conflicting_bundles",
    ),
    "non_finite": Term(
        "Not finite",
        "pictures",
        "Pictures left out because a value is infinite or not a number.",
        "conflicting_bundles",
    ),
    "magnitude": Term("Largest magnitude", "", "Largest magnitude of any value at the point.", "conflicting_bundles"),
    "bundle_size": Term("Size", "pictures", "Pictures in the bundle.", "conflicting_bundles"),
    "bundle_label_entropy": Term(
        "Label entropy h",
        "nats",
        "−Σ p ln p of the labels in the bundle; 0 if they are all the same.",
        "conflicting_bundles",
    ),
    "bundle_distance": Term(
        "Distance",
        "τ",
        "Largest difference of any value from the bundle's first picture, in widths of the grid.",
        "conflicting_bundles",
    ),
    "first_merge": Term(
        "First merge of two classes", "", "First point at which pictures of both share a bundle.", "conflicting_bundles"
    ),
    "merged_pairs": Term(
        "Pairs merged", "pairs", "Pairs of pictures of the two that share a bundle there.", "conflicting_bundles"
    ),
    "bundle_contribution": Term(
        "Contribution", "nats", "What the bundle adds to the layer's entropy: size · h / N.", "conflicting_bundles"
    ),
    # -- activations -------------------------------------------------------------------------------------------------
    "constant_channels": Term(
        "Constant channels", "channels", "Channels with one and the same value everywhere.", "activations"
    ),
    "duplicate_channels": Term(
        "Duplicate channels", "channels", "Channels that go together with an earlier one everywhere.", "activations"
    ),
    "weight_mean": Term("Mean weight", "", "Mean of all weights of the layer.", "activations"),
    "weight_std": Term("Spread of weights", "", "Standard deviation of all weights of the layer.", "activations"),
    "weight_zeros": Term("Zero weights", "", "Share of weights that are exactly zero.", "activations"),
    # -- parameter sharing -------------------------------------------------------------------------------------------
    "generated": Term(
        "Made by the ring", "weights", "Weights of the layer that are read off the ring.", "parameter_sharing"
    ),
    "scale": Term("Scale", "", "Root mean square of the layer's weights.", "parameter_sharing"),
    "distinct": Term("Different entries", "entries", "Entries of the ring that the layer reads.", "parameter_sharing"),
    "distinct_expected": Term(
        "Expected entries", "entries", "Different entries that a random layout reads on average.", "parameter_sharing"
    ),
    "degrees_of_freedom": Term(
        "Degrees of freedom",
        "",
        "Free numbers: entries of the ring in use, and all that is not shared.",
        "train_shared",
    ),
    "energy_kept": Term(
        "Energy kept",
        "",
        "Share of the squared weights that a projection keeps; N/M on average for random signs, whatever the weights.",
        "parameter_sharing",
    ),
    "ring_error": Term(
        "Error of projection", "", "‖T − K‖² / ‖T‖² of trained weights T and projected ones K.", "parameter_sharing"
    ),
    "ring_cosine": Term(
        "Cosine of projection",
        "",
        "Between the trained weights of a layer and the projected ones.",
        "parameter_sharing",
    ),
    "usage": Term(
        "Usage", "", "Uses of a part of the ring by a layer, over those of an even spread.", "parameter_sharing"
    ),
    "reuse": Term("Reuse", "entries", "How many entries of the ring are used 0, 1, 2, … times.", "parameter_sharing"),
    "overlap": Term(
        "Overlap", "", "Share of the entries a layer reads that another layer reads as well.", "parameter_sharing"
    ),
    "ring_correlation": Term(
        "Likeness of layers",
        "1/√n",
        "Absolute cosine of two layers' weights, cut to the shorter, times √n: about 1 is unrelated.",
        "parameter_sharing",
    ),
    "train_gap": Term(
        "Gap",
        "points",
        "Training accuracy (mean of the epoch's batches, each before its step) less held-out accuracy.",
        "train_shared",
    ),
    "gradient_length": Term(
        "Gradient on the ring",
        "",
        "Length of what the layer contributes to the gradient of the ring's entries.",
        "parameter_sharing",
    ),
    "gradient_cosine": Term(
        "Agreement of gradients",
        "",
        "Cosine between what two layers contribute to the gradient of the entries: below 0 they pull apart.",
        "parameter_sharing",
    ),
    "gradient_together": Term(
        "Gradients together",
        "",
        "|Σ g|² / Σ |g|² over the layers' contributions g: 1 if unrelated, above if they agree, 0 if they cancel "
        "(our measure).",
        "parameter_sharing",
    ),
    "ring_spectrum": Term(
        "Singular values",
        "",
        "Of the kernel as a matrix of filters: as trained, read off the ring, and with its largest weights alone.",
        "parameter_sharing",
    ),
    "ring_scale": Term("Factor", "", "Factor between entries of the ring and weights.", "parameter_sharing"),
    # -- dynamic configurations --------------------------------------------------------------------------------------
    **{
        name: Term(title, "", definition, "dynamic_configurations")
        for name, title, definition in (
            ("any_correct", "Any-correct oracle", "Upper bound: share of pictures that some configuration gets right."),
            (
                "matched_list",
                "Equally long list",
                "Accuracy of the plain network with as many answers for a picture as the configurations gave (ours).",
            ),
            (
                "static_gain",
                "Grouped static gain",
                "Gain of one configuration per group of pictures, chosen on one half and scored on the other (ours).",
            ),
            (
                "oracle_kappa",
                "κ of the oracle",
                "(oracle − chance) / (1 − chance), with chance from labels dealt out anew (ours).",
            ),
            (
                "rescue",
                "Rescue",
                "Share of the pictures wrong under the plain network that some configuration gets right.",
            ),
            (
                "oracle_growth",
                "Growth of the oracle",
                "Expected oracle of k configurations drawn at random; it rises with k by chance alone.",
            ),
            (
                "chance_pool",
                "Chance pool",
                "As many guesses by disturbed pictures or jittered weights, as accurate one by one (ours).",
            ),
            (
                "configuration_accuracy",
                "Accuracy of a configuration",
                "Share of all pictures that it gets right if it is used for every one.",
            ),
            (
                "switch_point",
                "Switch point",
                "A convolution whose stride, dilation or kernel size can be another, with its weights as they are.",
            ),
            (
                "by_hand",
                "Configuration by hand",
                "Options chosen layer by layer; its maps, receptive field and MACs are worked out before it is run.",
            ),
            ("solved_alone", "Right alone", "Pictures that this configuration alone gets right."),
            (
                "correctness",
                "Correctness matrix",
                "Right or wrong of every picture under every configuration, beside the plain network.",
            ),
            (
                "true_probability",
                "Probability of the label",
                "Softmax probability that a configuration gives the true class.",
            ),
            (
                "prefix_tree",
                "Prefix tree",
                "Configurations in rows and columns that share the options of their first or last switch points.",
            ),
            (
                "choice_share",
                "Choices",
                "How often an option is in the configuration of least, middle or highest loss of a picture.",
            ),
            (
                "opportunity",
                "Opportunity",
                "Share of an option if each picture spread one vote over its right configurations (ours).",
            ),
            ("pareto_front", "Pareto front", "Configurations that no other beats in both accuracy and multiply-adds."),
            ("policy_accuracy", "Accuracy of a rule", "On the half of the pictures on which nothing was fitted."),
            ("gap_closed", "Gap closed", "(rule − plain) / (oracle − plain): the part of the way to the upper bound."),
            (
                "greedy_cover",
                "Cover",
                "Small sets, each time adding the configuration that makes most still wrong pictures right.",
            ),
            (
                "point_subsets",
                "Subsets of switch points",
                "Oracle if only these points may choose and the others stay as they are.",
            ),
            ("agreement", "Agreement", "Share of pictures that two configurations answer alike."),
            ("double_fault", "Double fault", "Share of pictures that two configurations both get wrong."),
        )
    },
    # -- rank lab ----------------------------------------------------------------------------------------------------
    "lab_rank_ratio": Term(
        "Rank ratio", "", "Numerical rank of a random layer's output divided by its width, averaged.", "rank_lab"
    ),
}

LAYER_TERMS: dict[str, Term] = {
    "Layer": Term(
        "Layer", "", "Path of its module; #k for the k-th call, owner:op for an operation.", "concepts#Layers"
    ),
    "Type": Term("Type", "", "Class of the module, or name of the operation.", "concepts#Layers"),
    "Output": Term("Output", "", "Shape of the output for one picture: channels, height, width.", "concepts#Layers"),
    "Kernel": Term(
        "Kernel",
        "",
        "Kernel of a convolution, with stride, dilation and groups where they are not 1.",
        "concepts#Layers",
    ),
}
"""Columns of the list of layers that are no measures."""

RUN_TERMS: dict[str, Term] = {
    "Run": Term("Run", "", "The name you gave it, or method and network.", "concepts#Runs"),
    "State": Term("State", "", "Queued, running, completed, cancelled, failed, or interrupted.", "concepts#Runs"),
    "Pictures": Term("Pictures", "", "How many pictures were used.", "concepts#Sample size"),
    "Device": Term("Device", "", "Where it was computed.", "concepts#Runs"),
    "Started": Term("Started", "", "When it began.", "concepts#Runs"),
    "Size": Term("Size", "bytes", "Bytes on disk.", "concepts#Runs"),
}
"""Columns of the list of runs."""

_WEIGHTS = "the weights as a matrix C_out × (C_in·k·k)"
WEIGHT_TERMS: dict[str, Term] = {
    name: Term(title, unit, definition, "weight_spectrum", "last", ceiling)
    for name, title, unit, definition, ceiling in (
        (
            "rank",
            "Weight rank",
            "directions",
            f"Singular values above tolerance × largest, of {_WEIGHTS}.",
            "components",
        ),
        ("rank_ratio", "Weight rank ratio", "", "Rank of the weights divided by the largest possible.", "one"),
        (
            "energy_rank",
            "Weight energy rank",
            "directions",
            "Components that hold 99 % of the energy Σσ².",
            "components",
        ),
        (
            "effective_rank",
            "Weight effective rank",
            "directions",
            f"exp(−Σ p ln p), p = σ / Σσ, of {_WEIGHTS}.",
            "components",
        ),
        (
            "participation_ratio",
            "Weight participation ratio",
            "directions",
            "(Σσ²)² / Σσ⁴ of the weights.",
            "components",
        ),
        ("stable_rank", "Weight stable rank", "directions", f"Σσ² / σ_max² of {_WEIGHTS}.", "components"),
        ("nuclear_norm", "Weight nuclear norm", "", "Sum of the singular values of the weights.", ""),
        ("spectral_norm", "Weight spectral norm", "", "Largest singular value of the weights.", ""),
        (
            "tolerance",
            "Weight rank tolerance",
            "",
            "Singular values of the weights up to this share count as zero.",
            "",
        ),
        ("columns", "Weight columns", "", "Columns of the weights as a matrix: C_in·k·k.", ""),
        ("components", "Weight components", "", "Number of singular values of the weights.", ""),
    )
}

SHORT = {
    "Parameters": "Params",
    "Activation memory": "Memory",
    "Effective rank": "Eff. rank",
    "Effective rank / width": "Eff./width",
    "Participation ratio": "Particip.",
    "Nuclear norm / √n": "Nuclear/√n",
    "Always-on channels": "Always on",
    "Weight stable rank": "W. stable",
    "Weight effective rank": "W. eff.",
}
"""Titles for narrow columns; the whole title is said on hovering."""

HUES = {
    "feature_rank": "rank",
    "weight_spectrum": "rank",
    "rank_lab": "rank",
    "latency": "cost",
    "structure": "cost",
    "evaluate": "widths",
    "conflicting_bundles": "bundles",
    "dynamic_configurations": "configurations",
    "parameter_sharing": "sharing",
}
"""Colour role of each method."""


def term(method: str, output: str, title: str = "", unit: str = "") -> Term:
    """Return what is known of an output; for an unknown one, its own title and unit."""
    known = WEIGHT_TERMS.get(output) if method == "weight_spectrum" else None
    known = known or TERMS.get(output)
    if known is not None:
        return known
    words = title or output.replace("_", " ")
    return Term(words[:1].upper() + words[1:], unit, f"Output '{output}' of {method.replace('_', ' ')}.", method)


def hue(method: str) -> str:
    """Return the colour role of a method."""
    return HUES.get(method, "cost")
