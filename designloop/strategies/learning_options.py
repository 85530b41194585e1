"""Names and options of the strategies that learn a response."""

from __future__ import annotations

from collections.abc import Mapping

from designloop.strategies.option import Option, OptionValue, StrategyDeclaration

BATCH = Option(default=1, lower=1, help="Designs asked for at once, by the loop.")
MOST_DATA = Option(
    default=1000,
    lower=20,
    upper=10_000,
    whole=True,
    help="Trials that a Gaussian process learns from at most: a spread of them all.",
)
KERNEL = Option(default="matern52", choices=("matern52", "rbf"), help="Kernel of the Gaussian processes.")
COMMITTEE = {
    "committee": Option(
        default="gp",
        choices=("gp", "networks", "forest", "mixed"),
        plugin=True,
        help="What the members are: Gaussian processes, neural networks, regression trees, of several kinds, "
        "or any scikit-learn regressor.",
    ),
    "members": Option(
        default="auto",
        choices=("auto",),
        number=True,
        lower=2,
        upper=100,
        whole=True,
        help="Members of the committee; auto: 3 Gaussian processes, 5 of any other kind.",
    ),
    "subset": Option(
        default="auto",
        choices=("auto",),
        number=True,
        lower=0.1,
        upper=1.0,
        help="Share of the labels that each member sees; auto: all for Gaussian processes, 0.8 otherwise.",
    ),
    "hidden": Option(default=(10, 15), items=int, help="Neurons of each hidden layer of a network."),
    "alpha": Option(default=1e-4, help="Weight of the squared network weights (L2)."),
}


def _gate(default: str) -> dict[str, Option]:
    return {
        "gate": Option(
            default=default,
            choices=("random", "off"),
            help="What proposes while the criterion does not help: random designs, or nothing else (off).",
        ),
        "shadow": Option(
            default=10,
            whole=True,
            help="One design in so many is random, for the gate to compare with; 0: none.",
        ),
    }


CHOSEN_BY_COMMITTEE = {
    "disagreement": Option(
        default="integrated",
        choices=("sum", "mean", "max", "integrated"),
        help="How outputs add up at a design, or how much of all disagreement a label there settles.",
    ),
    "diversity": Option(
        default=0.0, help="Power of the distance to the nearest tried design by which it is weighted."
    ),
    "region": Option(
        default="auto",
        choices=("auto", "isolation_forest", "two_class", "one_class_svm", "off"),
        help="Classifier that keeps designs where the outcome constraints hold.",
    ),
    "action": Option(
        default="penalize",
        choices=("penalize", "exclude"),
        help="What happens to designs outside: a penalty, or none is proposed.",
    ),
    "weight": Option(
        default="auto", choices=("auto",), number=True, help="Weight of the penalty of the region filter."
    ),
    "replicates": Option(
        default="auto",
        choices=("auto", "never"),
        help="Whether a noisy design is evaluated again where that teaches more than a new one.",
    ),
    "search": Option(
        default="pool",
        choices=("pool", "differential_evolution"),
        help="How the criterion is maximized.",
    ),
    "features": Option(
        default=(),
        items=str,
        help="Expressions that the learner sees in place of the parameters they name.",
    ),
    "reproduce": Option(
        default="off",
        choices=("off", "morand_2022"),
        help="All settings as published; what is written stays.",
    ),
}
PUBLISHED: Mapping[str, Mapping[str, OptionValue]] = {
    "morand_2022": {
        "committee": "networks",
        "members": 5,
        "subset": 0.8,
        "alpha": 1e-4,
        "disagreement": "sum",
        "diversity": 0.0,
        "gate": "off",
        "shadow": 0,
        "region": "isolation_forest",
        "action": "penalize",
        "weight": 100.0,
        "replicates": "never",
        "search": "differential_evolution",
    }
}
"""Published settings. Morand et al. 2022: section 2.3, and W = 100 of section 3.3."""
PUBLISHED_INITIAL: Mapping[str, Mapping[str, int]] = {"morand_2022": {"random": 100}}


def _learned(summary: str, **options: Option) -> StrategyDeclaration:
    shared = {"kernel": KERNEL, "batch": BATCH, "most_data": MOST_DATA}
    return StrategyDeclaration(
        summary=summary, model_based=True, learns=True, options={**_gate("off"), **options, **shared}
    )


LEARNERS: Mapping[str, StrategyDeclaration] = {
    "query_by_committee": _learned(
        "Learns a response: labels where a committee of models disagrees.",
        **COMMITTEE,
        **_gate("random"),
        **CHOSEN_BY_COMMITTEE,
    ),
    "gp_variance": _learned("Learns a response: labels where the model's variance is largest."),
    "qnipv": _learned("Learns a response: labels that take most variance from the whole space."),
    "bald": _learned("Learns a response: labels that say most about which member is right.", **COMMITTEE),
    "gsx": _learned("Learns a response: labels far from all tried designs."),
    "igs": _learned("Learns a response: labels far from all others in inputs and predicted outputs."),
}
