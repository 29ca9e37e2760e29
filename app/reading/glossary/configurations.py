"""Configurations of one network."""

from __future__ import annotations

from app.reading.glossary.term import Term

ORACLE = "The oracle and its references"
SECTIONS = {
    **dict.fromkeys(("static_gain", "static_gain_shuffled"), "Grouped static gain"),
    "scale_study": "Scale and zoom",
    **dict.fromkeys(("switch_point", "switched", "prefix_tree", "map_size"), "Switch points and families"),
    **dict.fromkeys(("choice_share", "opportunity", "point_subsets", "agreement", "double_fault"), "Which are chosen"),
    "rank_curve": "Which are chosen",
    **dict.fromkeys(("pareto_front", "policy_accuracy", "gap_closed", "greedy_cover"), "Rules, sets and cost"),
    **dict.fromkeys(("last_map", "reach_by_hand"), "Rules, sets and cost"),
    "by_hand": "By hand",
}
"""Sections of the help page; all other terms are in that of the oracle."""

CONFIGURATIONS: dict[str, Term] = {
    **{
        name: Term(title, "", definition, f"dynamic_configurations#{SECTIONS.get(name, ORACLE)}")
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
                "switched",
                "Switched",
                "Options that the selected configuration picks, and maps that have another size under it.",
            ),
            ("all_correct", "Right under all", "Share of pictures that every configuration gets right."),
            (
                "independence_ceiling",
                "If all were independent",
                "Oracle that configurations of these accuracies would have if they erred independently of each other.",
            ),
            (
                "plain_accuracy",
                "Plain accuracy",
                "Share of pictures that the network as it is gets right, on the pictures of the run.",
            ),
            (
                "best_static",
                "Best static",
                "The best single configuration, chosen on one half of the pictures and scored on the other.",
            ),
            ("mean_configuration", "One configuration, mean", "Mean accuracy of all configurations, one at a time."),
            (
                "best_loss",
                "Least loss",
                "Upper bound: accuracy when the configuration of least cross-entropy is taken for each picture.",
            ),
            (
                "shuffled_labels",
                "Shuffled labels",
                "Expected oracle if the labels were dealt out anew: what any right answer is worth by chance (ours).",
            ),
            (
                "oracle_beyond_list",
                "Oracle less list",
                "Any-correct oracle less the equally long list: what the plain network's ranking does not hold (ours).",
            ),
            (
                "oracle_beyond_pool",
                "Oracle less pool",
                "Oracle of the configurations less that of as many disturbed or jittered copies, where they compare.",
            ),
            (
                "static_gain_shuffled",
                "Static gain by chance",
                "The same with groups dealt out at random, or with jittered weights for configurations (ours).",
            ),
            ("map_size", "Map", "Rows and columns of the map after the point; the frame is that of the plain network."),
            ("right_under", "Right under", "How many configurations get the picture right."),
            ("last_map", "Last map", "Rows and columns of the last map, before positions are averaged or flattened."),
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
            (
                "rank_curve",
                "Rank curve",
                "Accuracy and probability of the label under the configuration of j-th lowest loss of each picture.",
            ),
            (
                "scale_study",
                "Scale by group",
                "Mean scale of the configuration of least loss, and of all that are right; larger objects need not "
                "choose larger scales.",
            ),
            (
                "shared_credit",
                "Shared credit",
                "Pictures it gets right, each divided by how many configurations do; adds up to all covered pictures.",
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
