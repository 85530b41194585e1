"""Names and options of the strategies, as a campaign file may write them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, StrictInt, StrictStr, field_validator, model_validator

from designloop.campaign.model import OptionValue
from designloop.campaign.parts import Count
from designloop.reading.part import Part
from designloop.reading.problems import Refused, advice
from designloop.reading.values import NumberField, number, shown

StrategyName = Literal[
    "gp_ucb", "ei", "pi", "log_nei", "random", "sobol", "latin_hypercube",
    "query_by_committee", "gp_variance", "qnipv", "bald", "gsx", "igs",
]  # fmt: skip
OPTIMIZERS = ("gp_ucb", "ei", "pi", "log_nei")
MODEL_FREE = ("random", "sobol", "latin_hypercube")
RIVALS = ("gp_variance", "qnipv", "bald", "gsx", "igs")
LEARNERS = ("query_by_committee", *RIVALS)
GENERATORS = ("sobol", "latin_hypercube", "random", "center")
COMMITTEES = ("gp", "networks", "forest", "mixed")
OPTIONS: dict[str, tuple[str, ...]] = {
    "gp_ucb": ("kappa", "batch", "most_data", "believer"),
    "ei": ("xi", "batch", "most_data", "believer"),
    "pi": ("xi", "batch", "most_data", "believer"),
    "log_nei": ("batch", "most_data", "believer"),
    **dict.fromkeys(MODEL_FREE, ("batch",)),
    "query_by_committee": (
        "reproduce", "committee", "members", "subset", "hidden", "alpha", "kernel", "disagreement",
        "diversity", "gate", "shadow", "region", "action", "weight", "replicates", "search", "features",
        "batch", "most_data",
    ),
    **dict.fromkeys(RIVALS, ("kernel", "gate", "shadow", "batch", "most_data")),
    "bald": (
        "committee", "members", "subset", "hidden", "alpha", "kernel", "gate", "shadow", "batch", "most_data",
    ),
}  # fmt: skip
ALL_OPTIONS = tuple(dict.fromkeys(option for options in OPTIONS.values() for option in options))
INITIAL = {"sobol": 5}
FEWEST, PER_PARAMETER = 6, 2
"""Initial designs of a learner: so many at least, and so many per parameter."""
PUBLISHED_INITIAL = {"morand_2022": {"random": 100}}
"""Initial designs under ``reproduce``."""
COMMITTEE: dict[str, OptionValue] = {
    "committee": "gp", "members": "auto", "subset": "auto", "hidden": (10, 15), "alpha": 1e-4,
    "kernel": "matern52",
}  # fmt: skip
DEFAULTS: dict[str, dict[str, OptionValue]] = {
    "gp_ucb": {"kappa": 1.96},
    "query_by_committee": {
        **COMMITTEE, "disagreement": "integrated", "diversity": 0.0, "gate": "random", "shadow": 10,
        "region": "auto", "action": "penalize", "weight": "auto", "replicates": "auto", "search": "pool",
    },
    **{name: {"kernel": "matern52", "gate": "off", "shadow": 10} for name in RIVALS},
    "bald": {**COMMITTEE, "gate": "off", "shadow": 10},
}  # fmt: skip
NEEDS: dict[str, tuple[str, tuple[OptionValue, ...], str]] = {
    "hidden": ("committee", ("networks", "mixed"), "committee: networks"),
    "alpha": ("committee", ("networks", "mixed"), "committee: networks"),
    "shadow": ("gate", ("random",), "gate: random"),
    "action": ("region", ("auto", "isolation_forest", "two_class", "one_class_svm"), "region: auto"),
    "weight": ("action", ("penalize",), "action: penalize"),
}
"""Option to the option it goes with, the values of that one, and what to write for it."""


def _committee(value: Any) -> Any:
    if isinstance(value, str) and (value in COMMITTEES or re.fullmatch(r"\w+(\.\w+)*:\w+", value)):
        return value
    kinds = (*COMMITTEES, "package.module:Regressor")
    raise Refused(f"{shown(value)} is no committee.", advice(str(value), kinds, kind="committees"))


def _weight(value: Any) -> Any:
    if value == "auto":
        return value
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise Refused(f"{shown(value)} is no weight.", "Write weight: auto, or a positive number.")
    return number(value)


def _members(value: Any) -> Any:
    if value == "auto" or (type(value) is int and 2 <= value <= 100):
        return value
    raise Refused(
        f"a committee cannot have {shown(value)} members.", "Write members: auto, or a number from 2 to 100."
    )


def _subset(value: Any) -> Any:
    if value == "auto" or (type(value) in (int, float) and 0.1 <= value <= 1):
        return value if value == "auto" else float(value)
    raise Refused(
        f"{shown(value)} is no share of the labels.", "Write subset: auto, or a number from 0.1 to 1."
    )


class UntilSpec(Part):
    """What ends a phase: the goal, or so many trials of its own."""

    short: ClassVar[dict[str, Any] | None] = {"const": "goal"}
    goal: Literal[True] | None = Field(
        default=None, description="The goal is reached; shorter: until: goal.", examples=[True]
    )
    trials: Count | None = Field(
        default=None, description="So many trials of the phase's own; those before it do not count.",
        examples=[20],
    )  # fmt: skip

    @classmethod
    def expanded(cls, value: Any) -> Any:
        """The word goal stands for itself."""
        if value == "goal":
            return {"goal": True}
        if not isinstance(value, dict | UntilSpec):
            raise Refused(f"a phase cannot last until {shown(value)}.", "Write goal, or {trials: 20}.")
        return value

    @model_validator(mode="after")
    def _one(self) -> UntilSpec:
        if (self.goal is None) == (self.trials is None):
            raise Refused("a phase lasts until the goal or for some trials.", "Write goal, or {trials: 20}.")
        return self


class StrategySpec(Part):
    """How the next design is chosen."""

    short: ClassVar[dict[str, Any] | None] = {"enum": list(OPTIONS)}
    name: StrategyName = Field(
        default="log_nei",
        description="Which strategy proposes designs; default log_nei, with a goal query_by_committee.",
        examples=["gp_ucb", "query_by_committee"],
    )
    kappa: NumberField | None = Field(
        default=None, ge=0, le=1000,
        description="gp_ucb: standard deviations of optimism; default 1.96.", examples=[1.96],
    )  # fmt: skip
    xi: NumberField | None = Field(
        default=None, ge=0, description="ei, pi: improvement asked for, in the metric's unit.", examples=[0.0]
    )
    initial: dict[str, Annotated[StrictInt, Field(ge=1, le=100_000)]] | None = Field(
        default=None,
        description="Designs before the first model: generator and number, such as sobol: 8; also "
        "latin_hypercube, random, center. Default: sobol: 5, more cost more than they teach; for "
        f"{', '.join(LEARNERS)} {PER_PARAMETER} per parameter, {FEWEST} at least. Later phases have none.",
        examples=[{"sobol": 8}],
    )
    until: UntilSpec | None = Field(
        default=None,
        description="In a list of strategies: what ends this one, goal or {trials: 20}. Every one but the "
        "last needs it (default: none).",
        examples=["goal", {"trials": 20}],
    )
    batch: Count | None = Field(
        default=None, description="Designs proposed at once; default 1.", examples=[4]
    )
    most_data: Annotated[StrictInt, Field(ge=20, le=10_000)] | None = Field(
        default=None,
        description="Trials that a Gaussian process learns from at most: the best, those about them, and a "
        "spread of the rest. Default 500; 1000 for strategies that learn a response.",
        examples=[1000],
    )
    believer: Literal["kriging", "joint"] | None = Field(
        default=None,
        description="How designs of a batch keep apart: kriging (each believes the model at the others, "
        "default) or joint.",
        examples=["kriging"],
    )
    committee: Annotated[StrictStr, BeforeValidator(_committee)] | None = Field(
        default=None,
        description="Kind of models whose disagreement asks: gp (default), networks, forest, mixed, or any "
        "scikit-learn regressor as package.module:Regressor.",
        examples=["networks", "sklearn.neighbors:KNeighborsRegressor"],
    )
    members: Annotated[int | Literal["auto"], BeforeValidator(_members)] | None = Field(
        default=None,
        description="Models of the committee; default auto: 3 Gaussian processes, 5 of any other kind.",
        examples=[5, "auto"],
    )
    subset: Annotated[float | Literal["auto"], BeforeValidator(_subset)] | None = Field(
        default=None,
        description="Share of the labels that each member sees; default auto: all for Gaussian processes, "
        "whose kernels differ, 0.8 for any other kind.",
        examples=[0.8, "auto"],
    )
    hidden: tuple[Annotated[StrictInt, Field(ge=1, le=1000)], ...] | None = Field(
        default=None, min_length=1, max_length=6,
        description="Networks: neurons per hidden layer; default [10, 15].", examples=[[10, 15]],
    )  # fmt: skip
    alpha: NumberField | None = Field(
        default=None, ge=0, description="Networks: weight of the L2 penalty; default 1e-4.",
        examples=[0.0001],
    )  # fmt: skip
    kernel: Literal["matern52", "rbf"] | None = Field(
        default=None,
        description="Kernel of the Gaussian processes: matern52 (default) or rbf.",
        examples=["rbf"],
    )
    disagreement: Literal["sum", "mean", "max", "integrated"] | None = Field(
        default=None,
        description="Over several metrics: their sum, mean or max at the design; integrated (default): by "
        "how much a label there lowers it over the whole space.",
        examples=["max"],
    )
    diversity: NumberField | None = Field(
        default=None, ge=0,
        description="Power of the distance to the nearest known design by which the disagreement is "
        "weighted; default 0.",
        examples=[0.5],
    )  # fmt: skip
    gate: Literal["random", "off"] | None = Field(
        default=None,
        description="random: some picks are random, and where the committee is no better than they the rest "
        "is too (default of query_by_committee); off (default of the others).",
        examples=["off"],
    )
    shadow: Annotated[StrictInt, Field(ge=2, le=1000)] | None = Field(
        default=None, description="gate: one random pick in so many; default 10.", examples=[10]
    )
    region: Literal["auto", "isolation_forest", "two_class", "one_class_svm", "off"] | None = Field(
        default=None,
        description="Which classifier keeps proposals inside the outcome constraints: isolation_forest or "
        "one_class_svm (of the designs outside alone), two_class (of both sides); auto (default): two_class "
        "where both sides have designs enough, isolation_forest until then; off.",
        examples=["two_class"],
    )
    action: Literal["penalize", "exclude"] | None = Field(
        default=None,
        description="region: penalize (default) lowers the value of designs outside by weight, exclude never "
        "proposes them.",
        examples=["exclude"],
    )  # fmt: skip
    weight: Annotated[float | Literal["auto"], BeforeValidator(_weight)] | None = Field(
        default=None, description="penalize: weight of the penalty; default auto.", examples=["auto", 2.0]
    )
    replicates: Literal["auto", "never"] | None = Field(
        default=None,
        description="Whether a label may be repeated: auto (default) where noise hides the response, never.",
        examples=["never"],
    )
    search: Literal["pool", "differential_evolution"] | None = Field(
        default=None,
        description="How the most telling design is found: pool (default) among many candidates, then around "
        "the best; or differential_evolution.",
        examples=["pool"],
    )
    features: tuple[StrictStr, ...] | None = Field(
        default=None, min_length=1,
        description="Expressions of parameters that the models see in their place; default: the parameters.",
        examples=[["beam_width / grain_size", "texture_spread"]],
    )  # fmt: skip
    reproduce: Literal["morand_2022"] | None = Field(
        default=None,
        description="Every setting that is not written beside it as published: morand_2022. Default: this "
        "project's own settings.",
        examples=["morand_2022"],
    )

    @classmethod
    def expanded(cls, value: Any) -> Any:
        """A word is the name."""
        return {"name": value} if isinstance(value, str) else value

    @field_validator("initial", mode="before")
    @classmethod
    def _generators(cls, value: Any) -> Any:
        if not isinstance(value, dict) or not value:
            raise Refused(f"{shown(value)} does not say how many of what.", "Write initial: {sobol: 8}.")
        for name in value:
            if name not in GENERATORS:
                hint = advice(str(name), GENERATORS, kind="generators")
                raise Refused(f"{name} is no generator of initial designs.", hint, below=(name,), key=True)
        return value

    @model_validator(mode="after")
    def _fits(self) -> StrategySpec:
        for option in ALL_OPTIONS:
            if getattr(self, option) is not None:
                self._check_option(option)
        if self.initial and self.name in MODEL_FREE:
            raise Refused(
                f"{self.name} needs no initial designs: it uses no model.", "Leave initial out.",
                below=("initial",), key=True,
            )  # fmt: skip
        if self.believer and (self.batch or 1) < 2:
            raise Refused(
                "believer goes with batches only.", "Add batch: 4, or leave believer out.",
                below=("believer",), key=True,
            )  # fmt: skip
        return self

    def _check_option(self, option: str) -> None:
        """Refuse an option that this strategy, or this setting of another option, has no use for."""
        if option not in OPTIONS[self.name]:
            having = ", ".join(n for n, options in OPTIONS.items() if option in options)
            raise Refused(
                f"{self.name} has no {option}.", f"Leave it out; {option} belongs to {having}.",
                below=(option,), key=True,
            )  # fmt: skip
        if option in NEEDS and not self.reproduce and not _in_force(option, self._all()):
            other, _, write = NEEDS[option]
            raise Refused(
                f"{option} has no effect with {other}: {self._all()[other]}.",
                f"Leave it out, or write {write}.", below=(option,), key=True,
            )  # fmt: skip

    def _all(self) -> dict[str, OptionValue]:
        written = {o: getattr(self, o) for o in OPTIONS[self.name] if getattr(self, o) is not None}
        return {**({} if self.reproduce else DEFAULTS.get(self.name, {})), **written}

    def options(self) -> dict[str, OptionValue]:
        """Options in force: those written, and the defaults of the strategy, in the order of OPTIONS."""
        found = self._all()
        in_force = {o: v for o, v in found.items() if self.reproduce or _in_force(o, found)}
        return {o: in_force[o] for o in OPTIONS[self.name] if o in in_force}

    def initial_design(self, *, parameters: int, first: bool = True) -> dict[str, int]:
        """Generators and counts of the initial design; none by default but in the first phase."""
        if self.initial:
            return dict(self.initial)
        if self.name in MODEL_FREE or not first:
            return {}
        if self.reproduce:
            return dict(PUBLISHED_INITIAL[self.reproduce])
        return {"sobol": max(FEWEST, PER_PARAMETER * parameters)} if self.name in LEARNERS else dict(INITIAL)


def _in_force(option: str, found: Mapping[str, OptionValue]) -> bool:
    """Whether the option that this one goes with has a value it goes with, and so on."""
    if option not in NEEDS:
        return True
    other, values, _ = NEEDS[option]
    return found.get(other) in values and _in_force(other, found)
