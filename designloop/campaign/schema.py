"""The campaign file, version 1."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, GetJsonSchemaHandler, StrictInt, StrictStr, field_validator
from pydantic_core import CoreSchema

from designloop.campaign.execution_parts import ExecutionSpec
from designloop.campaign.fidelity_parts import FidelitiesField
from designloop.campaign.goal_parts import GoalSpec, RegisterSpec
from designloop.campaign.oracle_parts import TWO_STAGES, OracleSpec
from designloop.campaign.parts import (
    ExistingTrialsSpec,
    ObjectiveSpec,
    ParameterSpec,
    Part,
    ProcessSpec,
    TrackingSpec,
    is_realization,
)
from designloop.campaign.stop_parts import StopSpec
from designloop.campaign.strategies import StrategySpec
from designloop.reading.problems import Refused
from designloop.reading.values import PlainField, shown

VERSION = 1


def _listed(value: Any) -> Any:
    if isinstance(value, list | tuple):
        if not value:
            raise Refused("this list names no strategy.", "Write strategy: gp_ucb, or a list of phases.")
        return value
    return [value]


class _OneOrMore:
    """JSON Schema of a list that may also be its only item."""

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        many = handler(core)
        return {"anyOf": [many["items"], many]}


Phases = Annotated[tuple[StrategySpec, ...], BeforeValidator(_listed), _OneOrMore()]


class CampaignFile(Part):
    """One campaign: the question, the oracle that answers, and when to stop."""

    version: Literal[1] = Field(description="Version of this format.", examples=[1])
    name: Annotated[StrictStr, Field(min_length=1, max_length=100)] = Field(
        default="campaign", description="Name of the campaign; the file's name where left out.",
        examples=["magnetometer"],
    )  # fmt: skip
    description: StrictStr = Field(
        default="", description="Which question the campaign answers.",
        examples=["Quietest beam that stays in band at every corner."],
    )  # fmt: skip
    seed: Annotated[StrictInt, Field(ge=0, lt=2**31)] = Field(
        default=0, description="Equal seeds give equal campaigns.", examples=[7]
    )
    oracle: OracleSpec = Field(
        description="What answers: one oracle, or several in a row under pipeline.",
        examples=[
            "magnetometer",
            {"pipeline": TWO_STAGES},
        ],
    )
    fidelity: StrictStr | None = Field(
        default=None,
        description="A named accuracy of the oracle: values for inputs that the campaign does not set. "
        "'designloop oracle show' lists them with their costs.",
        examples=["screen"],
    )
    fidelities: FidelitiesField | None = Field(
        default=None,
        description="Two accuracies of the oracle to choose from in every trial, the one that counts last; "
        "their costs where the oracle declares none. Only with gp_ucb, which is then the default.",
        examples=[["screen", "reference"], {"screen": "0.4 s", "reference": "4.3 s"}],
    )
    fixed: dict[str, PlainField] = Field(
        default={}, description="Inputs of the oracle that stay as they are.",
        examples=[{"thickness": "20 um", "pressure": "1 mbar"}],
    )  # fmt: skip
    parameters: dict[str, ParameterSpec] | None = Field(
        default=None,
        description="Inputs to choose; without it, all that have declared bounds and no default.",
        examples=[{"beam_width": {"range": "2 .. 8 um", "step": "0.05 um"}, "gap": "1.5 .. 4 um"}],
    )
    derived: dict[str, StrictStr] = Field(
        default={}, description="Values computed from parameters and fixed ones.",
        examples=[{"anchor_width": "2 * beam_width"}],
    )  # fmt: skip
    process: dict[str, ProcessSpec] = Field(
        default={}, description="Random inputs that a design must survive; never optimized.",
        examples=[
            {"over_etch": {"normal": ["0.05 um", "0.05 um"]}},
            {"film.realization": {"level": "die"}},
        ],
    )  # fmt: skip
    objectives: tuple[ObjectiveSpec, ...] = Field(
        default=(),
        description="What to improve; one in this version. Not needed where there is a goal.",
        examples=[[{"minimize": "noise_equivalent_field", "mode": "worst_corner", "corners": "3 sigma"}]],
    )
    goal: GoalSpec | None = Field(
        default=None, description="What to learn everywhere in the space, and how well.",
        examples=[{"learn": {"axial_modulus_mean": "0.2 %", "axial_modulus_std": "5 %"}}],
    )  # fmt: skip
    constraints: tuple[StrictStr, ...] = Field(
        default=(),
        description="Comparisons that must hold, of inputs or of outcomes. With a goal, those of outcomes "
        "say where the response is to be learned.",
        examples=[["beam_length / beam_width <= 180", "20 kHz <= resonance_frequency <= 80 kHz"]],
    )
    specs: tuple[StrictStr, ...] = Field(
        default=(), description="Comparisons that a good die meets: what yield counts.",
        examples=[["noise_equivalent_field <= 60 nT/sqrt(Hz)"]],
    )  # fmt: skip
    baseline: dict[str, PlainField] | None = Field(
        default=None, description="The design to beat; evaluated first.",
        examples=[{"beam_length": "720 um", "beam_width": "4.5 um"}],
    )  # fmt: skip
    start_with: tuple[dict[str, PlainField], ...] = Field(
        default=(), description="Designs to evaluate before the strategy proposes any.",
        examples=[[{"beam_length": "500 um", "beam_width": "4 um"}]],
    )  # fmt: skip
    existing_trials: ExistingTrialsSpec | None = Field(
        default=None, description="A table of earlier results.", examples=[{"file": "doe-2025.csv"}]
    )
    strategy: Phases = Field(
        default=(StrategySpec(),),
        description="How designs are chosen; a list: one strategy after the other.",
        examples=[
            {"name": "gp_ucb", "kappa": 1.96},
            [{"name": "query_by_committee", "until": "goal"}, {"name": "gp_ucb"}],
        ],
    )  # fmt: skip
    registration: RegisterSpec = Field(
        default=RegisterSpec(), alias="register",
        description="Which model is registered in the end, and as what.",
        examples=[{"as": "film-scatter", "alias": "champion", "if": "goal reached"}],
    )  # fmt: skip
    stop: StopSpec = Field(
        default=StopSpec(), description="When the campaign ends.", examples=[{"trials": 60}]
    )
    execution: ExecutionSpec = Field(
        default=ExecutionSpec(), description="How trials are run.", examples=[{"workers": 4}]
    )
    tracking: TrackingSpec | Literal["off"] = Field(
        default=TrackingSpec(), description="Where MLflow mirrors the record; off: nowhere.",
        examples=[{"uri": "sqlite:///mlflow/mlflow.db"}, "off"],
    )  # fmt: skip

    @classmethod
    def expanded(cls, value: Any) -> Any:
        """A strategy without a name is query_by_committee with a goal, and gp_ucb with fidelities."""
        if not isinstance(value, dict) or (value.get("goal") is None and value.get("fidelities") is None):
            return value
        usual = "gp_ucb" if value.get("goal") is None else "query_by_committee"
        strategy = {} if value.get("strategy") is None else value["strategy"]
        if isinstance(strategy, dict):
            strategy = {"name": usual, **strategy}
        return {**value, "strategy": strategy}

    @field_validator("name", mode="after")
    @classmethod
    def _one_line(cls, value: str) -> str:
        if not value.strip() or not value.isprintable():
            raise Refused("a name is one line of visible characters.", "Write for example name: compass.")
        return value

    @field_validator("process", mode="after")
    @classmethod
    def _scatter(cls, value: dict[str, ProcessSpec]) -> dict[str, ProcessSpec]:
        for name, spec in value.items():
            if spec.normal is None and spec.level is None:
                key, example = ("level", "die") if is_realization(name) else ("normal", "[0.05 um, 0.05 um]")
                raise Refused(
                    f"the key {key} is missing below {name}.", f"Write for example {key}: {example}.",
                    below=(name,),
                )  # fmt: skip
        return value

    @field_validator("objectives", mode="after")
    @classmethod
    def _one(cls, value: tuple[ObjectiveSpec, ...]) -> tuple[ObjectiveSpec, ...]:
        if not value:
            raise Refused(
                "this list names no objective.",
                "Write objectives: [{minimize: METRIC}], or leave it out where there is a goal.",
            )
        if len(value) > 1:
            raise Refused(
                "not in this version: several objectives.",
                "Keep one, and bound the others under constraints.", below=(1,),
            )  # fmt: skip
        return value

    @field_validator("constraints", "specs", mode="before")
    @classmethod
    def _list_of_comparisons(cls, value: Any) -> Any:
        if isinstance(value, str):
            raise Refused("this is one text, not a list.", f"Write [{value}].")
        return _texts(value)

    @field_validator("tracking", mode="before")
    @classmethod
    def _off(cls, value: Any) -> Any:
        if isinstance(value, dict | TrackingSpec) or value == "off":
            return value
        raise Refused(f"{shown(value)} says not where to.", "Write tracking: off, or {uri: ...}.")


def _texts(value: Any) -> Any:
    for i, item in enumerate(value if isinstance(value, list | tuple) else ()):
        if not isinstance(item, str):
            raise Refused(
                f"{shown(item)} is no comparison.",
                'Write for example "beam_length / beam_width <= 180"; quote text with a colon or braces.',
                below=(i,),
            )
    return value
