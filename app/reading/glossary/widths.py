"""Widths of layers: scores of channels, how much each width matters, and the search of LW-DNA."""

from __future__ import annotations

from app.reading.glossary.term import Term

WIDTHS: dict[str, Term] = {
    name: Term(title, unit, definition, page)
    for name, title, unit, definition, page in (
        (
            "channel_score",
            "Score of a channel",
            "",
            "By the chosen rule, from the weights that make the channel or from what it does; the largest are kept.",
            "channel_scores",
        ),
        (
            "width_sensitivity",
            "Sensitivity of a width",
            "points",
            "Top-1 lost when this group alone is narrowed to a share of its width, without retraining.",
            "width_sensitivity?accuracy, loss#Formula",
        ),
        (
            "width_ratio",
            "Ratio of a width",
            "",
            "Channels of a group divided by what the original network has there.",
            "lw_dna",
        ),
        (
            "width_chance",
            "Chance of widths",
            "",
            "Mean ratio and two standard deviations if every latent weight were kept with one probability (ours).",
            "lw_dna",
        ),
        (
            "widened_width",
            "Widened width",
            "channels",
            "Channels of the widened network, from which the search takes away: β times the original.",
            "lw_dna",
        ),
        (
            "floor_width",
            "Floor of a width",
            "channels",
            "Least width that the search may leave, as a share of the widened one.",
            "lw_dna",
        ),
        (
            "found_width",
            "Width found",
            "channels",
            "Channels whose score reaches the one threshold for all groups, never fewer than the floor.",
            "lw_dna?width, ratio#Formula",
        ),
        (
            "control_width",
            "Width of the random control",
            "channels",
            "What the same search finds with random scores; a profile that it repeats tells nothing of layers (ours).",
            "lw_dna",
        ),
        (
            "latent_score",
            "Score of latents",
            "",
            "Mean over the group's latent elements of what the threshold cuts, such as the size of their gradient.",
            "lw_dna",
        ),
        (
            "published_count",
            "Operations as published",
            "",
            "Multiply-adds, 2 per output of batch norm and 1 per ReLU, as the tables of LW-DNA count them.",
            "lw_dna",
        ),
        (
            "width_likeness",
            "Likeness of widths",
            "",
            "Correlation r of the width ratios over the groups with those that were found (ours).",
            "lw_dna",
        ),
        (
            "width_line",
            "Line of widths",
            "channels",
            "Straight line through the output widths of the blocks over their index; R² says how well it fits.",
            "width_groups?line straight slope#Formula",
        ),
    )
}
"""Measures of the Widths tab."""
