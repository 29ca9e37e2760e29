"""What can be computed: one module per method, each with `INFO` and `run`."""

from __future__ import annotations

from analysis.methods import evaluate, feature_rank, latency, structure, weight_spectrum

METHODS = (structure, feature_rank, weight_spectrum, latency, evaluate)
