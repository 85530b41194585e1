"""Names and options of the strategies, as a campaign file may write them."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, StrictInt, field_validator, model_validator

from designloop.campaign.parts import Count, Part
from designloop.campaign.problems import Refused, advice
from designloop.campaign.values import NumberField, shown

StrategyName = Literal["gp_ucb", "ei", "pi", "log_nei", "random", "sobol", "latin_hypercube"]
MODEL_FREE = ("random", "sobol", "latin_hypercube")
GENERATORS = ("sobol", "latin_hypercube", "random", "center")
OPTIONS: dict[str, tuple[str, ...]] = {
    "gp_ucb": ("kappa", "batch", "believer"),
    "ei": ("xi", "batch", "believer"),
    "pi": ("xi", "batch", "believer"),
    "log_nei": ("batch", "believer"),
    **dict.fromkeys(MODEL_FREE, ("batch",)),
}
INITIAL = {"sobol": 5}
DEFAULTS: dict[str, dict[str, float]] = {"gp_ucb": {"kappa": 1.96}}


class StrategySpec(Part):
    """How the next design is chosen."""

    short: ClassVar[dict[str, Any] | None] = {"enum": list(OPTIONS)}
    name: StrategyName = Field(
        default="log_nei", description="Which strategy proposes designs.", examples=["gp_ucb"]
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
        "latin_hypercube, random, center. Default: sobol: 5; more cost more than they teach.",
        examples=[{"sobol": 8}],
    )
    batch: Count | None = Field(
        default=None, description="Designs proposed at once; default 1.", examples=[4]
    )
    believer: Literal["kriging", "joint"] | None = Field(
        default=None,
        description="How designs of a batch keep apart: kriging (each believes the model at the others, "
        "default) or joint.",
        examples=["kriging"],
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
        for option in ("kappa", "xi", "batch", "believer"):
            if getattr(self, option) is not None and option not in OPTIONS[self.name]:
                having = ", ".join(n for n, options in OPTIONS.items() if option in options)
                raise Refused(
                    f"{self.name} has no {option}.", f"Leave it out; {option} belongs to {having}.",
                    below=(option,), key=True,
                )  # fmt: skip
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

    def options(self) -> dict[str, float | int | str]:
        """Options in force: those written, and the defaults of the strategy."""
        written = {o: getattr(self, o) for o in OPTIONS[self.name] if getattr(self, o) is not None}
        return {**DEFAULTS.get(self.name, {}), **written}

    def initial_design(self) -> dict[str, int]:
        """Generators and counts of the initial design."""
        if self.name in MODEL_FREE:
            return {}
        return dict(self.initial or INITIAL)
