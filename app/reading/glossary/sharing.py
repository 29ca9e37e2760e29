"""Weights read from a shared ring."""

from __future__ import annotations

from app.reading.glossary.term import Term

SHARING: dict[str, Term] = {
    "generated": Term(
        "Made by the ring", "weights", "Weights of the layer that are read off the ring.", "parameter_sharing"
    ),
    "scale": Term("Scale", "", "Root mean square of the layer's weights.", "parameter_sharing"),
    "distinct": Term("Different entries", "entries", "Entries of the ring that the layer reads.", "parameter_sharing"),
    "distinct_expected": Term(
        "Expected entries",
        "entries",
        "Different entries that a random layout reads on average.",
        "parameter_sharing?distinct#The numbers",
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
    "ring_part": Term(
        "Part of the ring",
        "entries",
        "Neighbouring entries of the ring that are counted together.",
        "parameter_sharing#The numbers",
    ),
    "held_accuracy": Term(
        "Held-out accuracy", "", "Share of the pictures held out of training that are recognised.", "train_shared"
    ),
    "train_accuracy": Term(
        "Training accuracy",
        "",
        "Share of the training pictures that are recognised: mean of the epoch's batches, each before its step.",
        "train_shared",
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
    "ring_entry": Term(
        "Entry of the ring",
        "",
        "One stored number; every weight that reads it is sign × scale × entry.",
        "parameter_sharing",
    ),
    "entry_gradient": Term(
        "Gradient of an entry",
        "",
        "Sum over the weights that read it of sign × scale × gradient of the loss.",
        "parameter_sharing",
    ),
    "ring_scale": Term("Factor", "", "Factor between entries of the ring and weights.", "parameter_sharing"),
}
