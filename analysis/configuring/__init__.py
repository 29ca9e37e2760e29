"""Configurations on pictures: which there are, running them with what they share, and what pictures are grouped by."""
