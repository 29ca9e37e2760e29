"""Conflicting bundles."""

from __future__ import annotations

from app.reading.glossary.term import Term

BUNDLES: dict[str, Term] = {
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
}
