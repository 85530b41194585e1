"""What each strategy is called, does, and lets a campaign choose; light to import."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from designloop.errors import CampaignError

GENERATORS = ("sobol", "latin_hypercube", "random", "center")
"""What an initial design may consist of."""


@dataclass(frozen=True, kw_only=True)
class Option:
    """One option: its default and the values it takes, a number from ``lower`` on or one of ``choices``."""

    default: float | str
    help: str
    lower: float = 0.0
    choices: tuple[str, ...] = ()

    def check(self, name: str, value: Any) -> float | str:
        """The value in its type; raises CampaignError with what to write instead."""
        if self.choices:
            if value in self.choices:
                return str(value)
            raise CampaignError(
                f"strategy option {name} is {value!r}.", instead=f"Write one of {', '.join(self.choices)}."
            )
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if number and self.lower <= value < float("inf"):
            return float(value)
        raise CampaignError(
            f"strategy option {name} is {value!r}.",
            instead=f"Write a number from {self.lower:g} on, such as {self.default}.",
        )


@dataclass(frozen=True, kw_only=True)
class StrategyDeclaration:
    """One strategy as a campaign may name it."""

    summary: str
    model_based: bool
    options: Mapping[str, Option] = field(default_factory=dict)


BATCH = Option(default=1, lower=1, help="Designs asked for at once, by the loop.")
SHARED = {
    "kernel": Option(
        default="matern52", choices=("matern52", "rbf"), help="Kernel of the Gaussian processes."
    ),
    "batch": BATCH,
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
}
DEFAULT = "log_nei"


def check_options(name: str, options: Mapping[str, Any]) -> dict[str, float | str]:
    """All options of strategy ``name`` with defaults filled in. Raises CampaignError."""
    declaration = STRATEGIES.get(name)
    if declaration is None:
        raise CampaignError(
            f"strategy {name!r} is unknown.", instead=f"Write one of {', '.join(STRATEGIES)}."
        )
    for key in options:
        if key not in declaration.options:
            known = ", ".join(declaration.options) or "none"
            raise CampaignError(f"strategy {name} has no option {key!r}.", instead=f"Its options: {known}.")
    return {key: o.check(key, options.get(key, o.default)) for key, o in declaration.options.items()}


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
