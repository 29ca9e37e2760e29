"""Conflicting bundles: what a run measures, keys of values on the grid of one update, and the bundles they make."""
