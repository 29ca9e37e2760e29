"""What can be computed: one module per method, each with `INFO` and `run`."""

from __future__ import annotations

from analysis.methods import (
    activations,
    attribution,
    block_removal,
    chance_pools,
    configuration_chooser,
    conflicting_bundles,
    dynamic_configurations,
    edited_check,
    evaluate,
    feature_rank,
    latency,
    lw_dna,
    parameter_sharing,
    rank_lab,
    save_network,
    structure,
    train_shared,
    weight_spectrum,
    width_groups,
    width_sensitivity,
)

METHODS = (
    structure,
    feature_rank,
    weight_spectrum,
    latency,
    evaluate,
    rank_lab,
    activations,
    attribution,
    conflicting_bundles,
    block_removal,
    parameter_sharing,
    train_shared,
    dynamic_configurations,
    chance_pools,
    configuration_chooser,
    width_groups,
    save_network,
    lw_dna,
    width_sensitivity,
    edited_check,
)
