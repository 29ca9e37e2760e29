"""Conflicting bundles."""

from __future__ import annotations

from app.reading.glossary.term import Term

BUNDLES: dict[str, Term] = {
    "entropy": Term(
        "Bundle entropy",
        "nats",
        "Mean over pictures of the label entropy of their bundle; above 0: classes merge (Peer et al. 2021).",
        "conflicting_bundles#The numbers",
    ),
    "entropy_ratio": Term(
        "Entropy / H(Y)",
        "",
        "Bundle entropy as a share of the label entropy of all pictures.",
        "conflicting_bundles#The numbers",
        "last",
        "one",
    ),
    "critical_tolerance": Term(
        "Critical tolerance",
        "τ",
        "Ours: the smallest 2^k τ at which pictures of two classes share a bundle.",
        "conflicting_bundles#Tolerances",
    ),
    "bundles": Term(
        "Bundles",
        "bundles",
        "Groups of pictures that a layer cannot tell apart; one alone counts.",
        "conflicting_bundles#The numbers",
    ),
    "conflicting_bundles": Term(
        "Conflicting bundles", "bundles", "Bundles with at least two labels.", "conflicting_bundles#The numbers"
    ),
    "samples_in_conflict": Term(
        "In conflict", "pictures", "Pictures in bundles with at least two labels.", "conflicting_bundles#The numbers"
    ),
    "samples_bundled": Term("Bundled", "pictures", "Pictures that are not alone.", "conflicting_bundles#The numbers"),
    "largest_bundle": Term(
        "Largest bundle", "pictures", "Pictures in the largest bundle.", "conflicting_bundles#The numbers"
    ),
    "error_floor": Term(
        "Error floor",
        "",
        "Share of pictures that no classifier on top can get right: those not of their bundle's most frequent label.",
        "conflicting_bundles#The numbers",
    ),
    "non_finite": Term(
        "Not finite",
        "pictures",
        "Pictures left out because a value is infinite or not a number.",
        "conflicting_bundles#The numbers",
    ),
    "magnitude": Term(
        "Largest magnitude",
        "",
        "Largest magnitude of any value at the point.",
        "conflicting_bundles#When values count as equal",
    ),
    "bundle_size": Term("Size", "pictures", "Pictures in the bundle.", "conflicting_bundles#The numbers"),
    "bundle_label_entropy": Term(
        "Label entropy h",
        "nats",
        "−Σ p ln p of the labels in the bundle; 0 if they are all the same.",
        "conflicting_bundles#The numbers",
    ),
    "bundle_distance": Term(
        "Distance",
        "τ",
        "Largest difference of any value from the bundle's first picture, in widths of the grid.",
        "conflicting_bundles#When values count as equal",
    ),
    "first_merge": Term(
        "First merge of two classes",
        "",
        "First point at which pictures of both share a bundle.",
        "conflicting_bundles#Which classes merge",
    ),
    "merged_pairs": Term(
        "Pairs merged",
        "pairs",
        "Pairs of pictures of the two that share a bundle there.",
        "conflicting_bundles#Which classes merge",
    ),
    "bundle_contribution": Term(
        "Contribution",
        "nats",
        "What the bundle adds to the layer's entropy: size · h / N.",
        "conflicting_bundles#The numbers",
    ),
    "update_ratio": Term(
        "Largest update",
        "W",
        "Largest value times η/B, in units of the largest weight W; above 1 the grid is coarser than τ.",
        "conflicting_bundles#When values count as equal",
    ),
    "bundle_number": Term(
        "Number of a bundle",
        "",
        "Bundles are counted in order of their first picture.",
        "conflicting_bundles#The numbers",
    ),
    "bundle_labels": Term(
        "Labels of a bundle",
        "pictures",
        "How many pictures of each label are in it.",
        "conflicting_bundles#The numbers",
    ),
    "bundle_together": Term(
        "Together there",
        "pictures",
        "How many of its pictures the other network merges into one bundle; in brackets how many more or fewer.",
        "concepts#Comparing",
    ),
    "removal_accuracy": Term(
        "Accuracy without blocks",
        "",
        "Share of the run's pictures that is recognised without the removed blocks, without retraining.",
        "block_removal#Formula",
    ),
    "removal_latency": Term(
        "Latency",
        "ms",
        "Median time of a forward pass, of the whole network and of the one that the run has reduced.",
        "block_removal#What is saved",
    ),
    "peak_memory": Term(
        "Peak memory",
        "bytes",
        "Largest memory that tensors of a forward pass take at one time.",
        "block_removal#What is saved",
    ),
}
