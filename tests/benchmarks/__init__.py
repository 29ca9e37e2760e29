"""Measured comparisons. They print tables and assert ratios; ``make benchmark`` runs them, ``make test`` does not."""
