"""Structure, latency, feature rank and accuracy; weights as matrices; channels; the rank lab."""

from __future__ import annotations

from app.reading.glossary.term import Term

MEASURES: dict[str, Term] = {
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
    "channels": Term("Channels", "channels", "Rows of the matrix: channels of the output.", "concepts?output#Layers"),
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
    "linear_reach": Term(
        "Reach of a linear layer",
        "",
        "d_in / d_out: the rank ratio that a linear layer with so many inputs can reach at most.",
        "feature_rank#Formula",
    ),
    "sample_cap": Term("Limit of the sample", "", "min(C, n) / C: more pictures raise it.", "feature_rank#Limits"),
    "tolerance": Term(
        "Tolerance", "", "Singular values up to this share of the largest count as zero.", "feature_rank#Tolerance"
    ),
    # -- evaluate ----------------------------------------------------------------------------------------------------
    "top1": Term(
        "Top-1", "", "Share of pictures whose most probable class is right; in brackets 95 % over pictures.", "evaluate"
    ),
    "top5": Term(
        "Top-5",
        "",
        "Share of pictures whose right class is among the five most probable; of more than five outputs only.",
        "evaluate",
    ),
    "loss": Term("Loss", "nats", "Mean cross-entropy between prediction and label, natural logarithm.", "evaluate"),
    "class_accuracy": Term("Class accuracy", "", "Share of a class's pictures that are recognised.", "evaluate"),
    "attribution": Term(
        "Attribution",
        "",
        "How much each pixel, or each unit of a layer, speaks for or against the class that is explained.",
        "attribution#Definition",
    ),
    "target_score": Term(
        "Score",
        "",
        "Output of the network for the class that is explained, before the softmax.",
        "attribution?score network output softmax#Definition",
    ),
    "target": Term("Explained class", "", "The class whose score is explained.", "attribution#Definition"),
    "convergence_delta": Term(
        "Convergence delta",
        "",
        "Sum of the attribution less the difference of the scores, as a share of that: 0 for an exact one.",
        "attribution#Convergence delta",
    ),
    "prediction_share": Term(
        "Probability",
        "",
        "Softmax of the class: what the network gives it of a whole; sure is not the same as right.",
        "evaluate#Formula",
    ),
    "picture_loss": Term(
        "Loss of a picture", "nats", "−ln of the probability that the label is given.", "evaluate#Formula"
    ),
    "verdict": Term("Prediction", "", "The most probable class, and whether it is the label.", "evaluate#Formula"),
    "compared": Term(
        "Compared network",
        "",
        "The network that is compared with; in brackets: how much more it is here.",
        "concepts#Comparing",
    ),
    "pictures": Term("Pictures", "pictures", "How many pictures a number is of.", "concepts#Sample size"),
    "confusion": Term("Confusion", "pictures", "How many pictures of a class are taken for each class.", "evaluate"),
}

CHANNELS: dict[str, Term] = {
    "activation_maps": Term(
        "Activation maps",
        "",
        "Output of a channel for one picture, at every position; sorted by mean magnitude, all in one colour scale.",
        "activations#Definition",
    ),
    "channel_mean": Term(
        "Mean of a channel", "", "Mean activation over all positions of all pictures.", "activations#Definition"
    ),
    "channel_maximum": Term(
        "Largest activation", "", "Largest activation at any position of any picture.", "activations#Definition"
    ),
    "channel_positive_share": Term(
        "Share above zero",
        "",
        "Share of positions with an activation above zero: how often the channel fires.",
        "activations#Definition",
    ),
    "channel_pictures": Term(
        "Top pictures",
        "",
        "The pictures with the largest activation of the channel at any position.",
        "activations#Definition",
    ),
    "channel_dead": Term(
        "Dead channels",
        "channels",
        "Channels that are zero at every position of every picture.",
        "activations#Definition",
    ),
    "channel_filter": Term(
        "Filter", "", "Weights of the channel, one kernel for each input.", "activations#Definition"
    ),
    "weight_count": Term("Weights", "", "Number of weights of the layer, and how they are distributed.", "activations"),
    "weight_sigma": Term(
        "Singular values of the weights", "", "Of the weights as a matrix C_out × (C_in·k·k).", "weight_spectrum"
    ),
    "constant_channels": Term(
        "Constant channels", "channels", "Channels with one and the same value everywhere.", "activations"
    ),
    "duplicate_channels": Term(
        "Duplicate channels", "channels", "Channels that go together with an earlier one everywhere.", "activations"
    ),
    "weight_mean": Term("Mean weight", "", "Mean of all weights of the layer.", "activations"),
    "weight_std": Term("Spread of weights", "", "Standard deviation of all weights of the layer.", "activations"),
    "weight_zeros": Term("Zero weights", "", "Share of weights that are exactly zero.", "activations"),
}

LAB: dict[str, Term] = {
    "lab_distance": Term(
        "Distance from the published points",
        "",
        "Mean distance of a line from the points that were read off the published figure.",
        "rank_lab#Definition",
    ),
    "lab_rank_ratio": Term(
        "Rank ratio", "", "Numerical rank of a random layer's output divided by its width, averaged.", "rank_lab"
    ),
    "lab_dead": Term(
        "Dead channels",
        "",
        "Share of channels that are never positive where they enter the last nonlinearity, averaged.",
        "rank_lab#Definition",
    ),
    "lab_always_on": Term(
        "Always-on channels",
        "",
        "Share of channels that are never negative where they enter the last nonlinearity, averaged.",
        "rank_lab#Definition",
    ),
    "lab_condition": Term(
        "Conditioning",
        "",
        "σ_min / σ_max of a random layer's output, geometric mean; below 1e-16 counts as 1e-16.",
        "rank_lab#Definition",
    ),
}

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
