"""Schema of what answers: one oracle, or several in a row, and which solver stands behind a surrogate."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    Field,
    PlainSerializer,
    PlainValidator,
    StrictStr,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from designloop.campaign.parts import Count
from designloop.reading.part import Part
from designloop.reading.problems import Refused
from designloop.reading.values import Measure, MeasureField, PlainField, measure, shown
from designloop.units import compatible

Name = Annotated[StrictStr, Field(min_length=1)]
NAMES = ["magnetometer", "models:/film-scatter@champion", "./film.dlmodel", "./beam.py:simulate"]
OPTIONS: dict[str, Any] = {
    "description": "Options of the oracle.",
    "examples": [{"reproduce": "quesada_molina_2022"}],
}


TWO_STAGES: dict[str, Any] = {
    "film": {"oracle": "polysilicon", "options": {"single": True}},
    "device": {"oracle": "magnetometer", "inputs": {"youngs_modulus": "film.bending_modulus"}},
}


class SolverSpec(Part):
    """The oracle that answers where a surrogate should not, with its options."""

    short: ClassVar[dict[str, Any] | None] = {"type": "string", "examples": ["polysilicon"]}
    name: Name = Field(description="Which oracle answers instead.", examples=["polysilicon"])
    options: dict[str, PlainField] = Field(
        default={}, description="Options of that oracle.", examples=[{"specimen": "beam", "single": True}]
    )

    @classmethod
    def expanded(cls, value: Any) -> Any:
        """A word is the name."""
        return {"name": value} if isinstance(value, str) else value


class RetrainSpec(Part):
    """When a surrogate learns from what the solver answered."""

    short: ClassVar[dict[str, Any] | None] = {"const": "off"}
    every: Count | None = Field(
        default=None, description="After so many new answers of the solver; left out: never.", examples=[20]
    )
    tests: Count = Field(
        default=10, description="Audited answers that a new version is judged by at least.", examples=[10]
    )

    @classmethod
    def expanded(cls, value: Any) -> Any:
        """The word off is the default."""
        if value == "off":
            return {}
        if not isinstance(value, dict | RetrainSpec):
            raise Refused(f"{shown(value)} says not when to retrain.", "Write off, or {every: 20}.")
        return value


def _spread(value: Any) -> Measure | dict[str, Measure]:
    if isinstance(value, Mapping):
        if not value:
            raise Refused("spread names no metric.", "Write spread: {METRIC: 0.5 GPa}, or leave it out.")
        return {str(name): _positive(item, below=(str(name),)) for name, item in value.items()}
    return _positive(value)


def _positive(value: Any, *, below: tuple[str, ...] = ()) -> Measure:
    try:
        found = measure(value)
    except Refused as error:
        raise Refused(error.what, error.instead, below=below) from None
    if found.value <= 0:
        raise Refused(f"a spread of {found} is never kept.", "Write for example 0.5 GPa.", below=below)
    return found


def _written(value: Any) -> Any:
    return {n: m.written for n, m in value.items()} if isinstance(value, dict) else value and value.written


_QUANTITY = {"anyOf": [{"type": "number"}, {"type": "string", "examples": ["0.5 GPa"]}]}
SpreadField = Annotated[
    Measure | dict[str, Measure],
    PlainValidator(_spread),
    PlainSerializer(_written),
    WithJsonSchema({"anyOf": [*_QUANTITY["anyOf"], {"type": "object", "additionalProperties": _QUANTITY}]}),
]


class EscalateSpec(Part):
    """Which solver answers instead of a surrogate, and when."""

    to: SolverSpec = Field(
        description="The solver: a name, or name and options.",
        examples=["polysilicon", {"name": "polysilicon", "options": {"single": True}}],
    )
    spread: SpreadField | None = Field(
        default=None,
        description="Standard deviation of the surrogate's own error above which the solver answers: one for "
        "every output of that kind, or one per output.",
        examples=["0.5 GPa", {"bending_modulus": "0.5 GPa"}],
    )
    outside: Literal["solver", "refuse"] = Field(
        default="solver",
        description="What happens outside the domain of the training data: solver (default) answers there; "
        "refuse: a campaign that reaches there is refused.",
        examples=["refuse"],
    )
    audit: MeasureField = Field(
        default=measure("2 %"),
        description="Share of the other answers that the solver gives as well, drawn at random; they judge "
        "the surrogate and never teach it.",
        examples=["5 %"],
    )
    retrain: RetrainSpec = Field(
        default=RetrainSpec(),
        description="off (default), or after how many new answers of the solver the surrogate learns.",
        examples=["off", {"every": 20}],
    )

    @field_validator("audit", mode="after")
    @classmethod
    def _share(cls, value: Measure) -> Measure:
        bare = value.unit is None and value.value != 0
        if bare or not compatible(value.unit or "", "") or not 0 <= value.to("") <= 1:
            raise Refused(f"audit is {value}; it is a share from 0 to 100 %.", "Write audit: 2 %.")
        return value


class StageSpec(Part):
    """One stage of a pipeline: an oracle, and which of its inputs earlier stages feed."""

    short: ClassVar[dict[str, Any] | None] = {"type": "string", "examples": ["magnetometer"]}
    oracle: Name = Field(description="Which oracle answers in this stage.", examples=NAMES)
    options: dict[str, PlainField] = Field(default={}, **OPTIONS)
    inputs: dict[str, StrictStr] = Field(
        default={},
        description="Inputs of this stage that outputs of earlier stages feed, as STAGE.OUTPUT.",
        examples=[{"youngs_modulus": "film.bending_modulus"}],
    )
    escalate: EscalateSpec | None = Field(
        default=None, description="The solver behind a surrogate.", examples=[{"to": "polysilicon"}]
    )

    @classmethod
    def expanded(cls, value: Any) -> Any:
        """A word is the oracle."""
        return {"oracle": value} if isinstance(value, str) else value

    @field_validator("oracle", mode="before")
    @classmethod
    def _a_word(cls, value: Any) -> Any:
        if isinstance(value, Mapping):
            raise Refused("a stage names its oracle in a word.", "Write {oracle: NAME, options: {...}}.")
        return value


class OracleSpec(Part):
    """What answers: an installed name, a model, package.module:name or ./file.py:name, or a pipeline."""

    short: ClassVar[dict[str, Any] | None] = {"type": "string", "examples": NAMES}
    name: Name | None = Field(default=None, description="Which oracle answers.", examples=NAMES)
    options: dict[str, PlainField] = Field(default={}, **OPTIONS)
    escalate: EscalateSpec | None = Field(
        default=None,
        description="The solver behind a surrogate.",
        examples=[{"to": "polysilicon", "spread": "0.5 GPa", "audit": "2 %"}],
    )
    pipeline: dict[str, StageSpec] | None = Field(
        default=None,
        description="Several oracles in a row, each under a name of its own: earlier stages feed inputs of "
        "later ones, the last one's outputs are the campaign's.",
        examples=[TWO_STAGES],
    )

    @classmethod
    def expanded(cls, value: Any) -> Any:
        """A word is the name."""
        return {"name": value} if isinstance(value, str) else value

    @field_validator("pipeline", mode="after")
    @classmethod
    def _stages(cls, value: dict[str, StageSpec] | None) -> dict[str, StageSpec] | None:
        for name in value or ():
            if not re.fullmatch(r"[A-Za-z]\w*", name, flags=re.ASCII) or name == "yield":
                raise Refused(
                    f"{name} cannot name a stage.",
                    "Write a word of letters, digits and underscores, such as film (yield is taken).",
                    below=(name,), key=True,
                )  # fmt: skip
        if value is not None and len(value) < 2:
            raise Refused(
                "a pipeline has two stages at least.", "Write oracle: NAME for a single oracle.", key=True
            )
        return value

    @model_validator(mode="after")
    def _one_form(self) -> OracleSpec:
        if self.pipeline is None:
            if self.name is None:
                raise Refused(
                    "the key name is missing below oracle.", "Write for example name: magnetometer."
                )
            return self
        written = {"name": self.name, "options": self.options, "escalate": self.escalate}
        for key, value in written.items():
            if value:
                raise Refused(
                    f"{key} and pipeline exclude each other.",
                    f"Write {_at_stage(key)}.",
                    below=(key,),
                    key=True,
                )
        return self


def _at_stage(key: str) -> str:
    return "each oracle at its stage" if key == "name" else f"{key} at the stage that it belongs to"
