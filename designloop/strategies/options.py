"""What each strategy is called, does, and lets a campaign choose; light to import."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from designloop.errors import CampaignError
from designloop.strategies.learning_options import BATCH, KERNEL, LEARNERS, MOST_DATA, PUBLISHED
from designloop.strategies.option import Option, OptionValue, StrategyDeclaration

GENERATORS = ("sobol", "latin_hypercube", "random", "center")
"""What an initial design may consist of."""


SHARED = {
    "kernel": KERNEL,
    "batch": BATCH,
    "most_data": replace(
        MOST_DATA,
        default=500,
        help="Trials that a Gaussian process learns from at most: the best, those near, a spread of all "
        "rest.",
    ),
    "believer": Option(
        default="kriging",
        choices=("kriging", "joint"),
        help="How designs of a batch keep apart: each believes the model at the others (kriging), or "
        "all are moved together (joint).",
    ),
}
XI = Option(default=0.0, help="Least improvement that counts, in the metric's unit.")


def _modelled(summary: str, **options: Option) -> StrategyDeclaration:
    return StrategyDeclaration(summary=summary, model_based=True, options={**options, **SHARED})


STRATEGIES: Mapping[str, StrategyDeclaration] = {
    "log_nei": _modelled("Expected improvement over a noisy best (the default)."),
    "gp_ucb": _modelled(
        "Upper confidence bound: mean + kappa * standard deviation.",
        kappa=Option(default=1.96, help="Weight of the standard deviation (BoTorch's beta = kappa^2)."),
    ),
    "ei": _modelled("Expected improvement over the best predicted design.", xi=XI),
    "pi": _modelled("Probability of improvement over the best predicted design.", xi=XI),
    "sobol": StrategyDeclaration(
        summary="Quasi-random Sobol sequence.", model_based=False, options={"batch": BATCH}
    ),
    "latin_hypercube": StrategyDeclaration(
        summary="Latin hypercubes, one after another.",
        model_based=False,
        options={"size": Option(default=10, lower=1, help="Designs of one hypercube."), "batch": BATCH},
    ),
    "random": StrategyDeclaration(
        summary="Uniformly random designs.", model_based=False, options={"batch": BATCH}
    ),
    **LEARNERS,
}
DEFAULT = "log_nei"


def check_options(name: str, options: Mapping[str, Any]) -> dict[str, OptionValue]:
    """All options of strategy ``name`` with defaults filled in. Raises CampaignError.

    Under ``reproduce`` the published settings are the defaults; what the campaign writes itself stays.
    """
    declaration = STRATEGIES.get(name)
    if declaration is None:
        raise CampaignError(
            f"strategy {name!r} is unknown.", instead=f"Write one of {', '.join(STRATEGIES)}."
        )
    for key in options:
        if key not in declaration.options:
            known = ", ".join(declaration.options) or "none"
            raise CampaignError(f"strategy {name} has no option {key!r}.", instead=f"Its options: {known}.")
    published = PUBLISHED.get(str(options.get("reproduce")), {})
    given = {**published, **options}
    return {key: o.check(key, given.get(key, o.default)) for key, o in declaration.options.items()}


def check_initial(initial: Mapping[str, Any]) -> dict[str, int]:
    """The initial design in order, {generator: count}. Raises CampaignError."""
    for name, count in initial.items():
        if name not in GENERATORS:
            raise CampaignError(
                f"initial design {name!r} is unknown.", instead=f"Write one of {', '.join(GENERATORS)}."
            )
        if not isinstance(count, int) or isinstance(count, bool) or count < 0:
            raise CampaignError(f"initial {name} is {count!r}.", instead="Write a whole number, such as 8.")
        if name == "center" and count > 1:
            raise CampaignError(f"initial center is {count}.", instead="There is one center; write 1.")
    return dict(initial)
