"""Configurations of one network."""

from __future__ import annotations

from app.reading.glossary.term import Term

CONFIGURATIONS: dict[str, Term] = {
    **{
        name: Term(title, "", definition, "dynamic_configurations")
        for name, title, definition in (
            ("any_correct", "Any-correct oracle", "Upper bound: share of pictures that some configuration gets right."),
            (
                "matched_list",
                "Equally long list",
                "Accuracy of the plain network with as many answers for a picture as the configurations gave (ours).",
            ),
            (
                "static_gain",
                "Grouped static gain",
                "Gain of one configuration per group of pictures, chosen on one half and scored on the other (ours).",
            ),
            (
                "oracle_kappa",
                "κ of the oracle",
                "(oracle − chance) / (1 − chance), with chance from labels dealt out anew (ours).",
            ),
            (
                "rescue",
                "Rescue",
                "Share of the pictures wrong under the plain network that some configuration gets right.",
            ),
            (
                "oracle_growth",
                "Growth of the oracle",
                "Expected oracle of k configurations drawn at random; it rises with k by chance alone.",
            ),
            (
                "chance_pool",
                "Chance pool",
                "As many guesses by disturbed pictures or jittered weights, as accurate one by one (ours).",
            ),
            (
                "configuration_accuracy",
                "Accuracy of a configuration",
                "Share of all pictures that it gets right if it is used for every one.",
            ),
            (
                "switch_point",
                "Switch point",
                "A convolution whose stride, dilation or kernel size can be another, with its weights as they are.",
            ),
            (
                "by_hand",
                "Configuration by hand",
                "Options chosen layer by layer; its maps, receptive field and MACs are worked out before it is run.",
            ),
            (
                "reach_by_hand",
                "Receptive field",
                "Side of the part of the picture, in pixels, that one value of the last map can depend on.",
            ),
            ("solved_alone", "Right alone", "Pictures that this configuration alone gets right."),
            (
                "correctness",
                "Correctness matrix",
                "Right or wrong of every picture under every configuration, beside the plain network.",
            ),
            (
                "true_probability",
                "Probability of the label",
                "Softmax probability that a configuration gives the true class.",
            ),
            (
                "prefix_tree",
                "Prefix tree",
                "Configurations in rows and columns that share the options of their first or last switch points.",
            ),
            (
                "choice_share",
                "Choices",
                "How often an option is in the configuration of least, middle or highest loss of a picture.",
            ),
            (
                "opportunity",
                "Opportunity",
                "Share of an option if each picture spread one vote over its right configurations (ours).",
            ),
            ("pareto_front", "Pareto front", "Configurations that no other beats in both accuracy and multiply-adds."),
            ("policy_accuracy", "Accuracy of a rule", "On the half of the pictures on which nothing was fitted."),
            ("gap_closed", "Gap closed", "(rule − plain) / (oracle − plain): the part of the way to the upper bound."),
            (
                "greedy_cover",
                "Cover",
                "Small sets, each time adding the configuration that makes most still wrong pictures right.",
            ),
            (
                "point_subsets",
                "Subsets of switch points",
                "Oracle if only these points may choose and the others stay as they are.",
            ),
            ("agreement", "Agreement", "Share of pictures that two configurations answer alike."),
            ("double_fault", "Double fault", "Share of pictures that two configurations both get wrong."),
        )
    },
}
