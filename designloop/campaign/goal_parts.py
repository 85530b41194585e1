"""Schema of what a campaign learns: the goal, who judges it, and what is registered in the end."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, StrictInt, StrictStr, field_validator, model_validator

from designloop.campaign.parts import Part
from designloop.campaign.tolerance import ToleranceField
from designloop.reading.problems import Refused, advice
from designloop.reading.values import shown

JUDGES = ("leave_one_out", "held_out", "reference")
TEST_DESIGNS = 500
"""Designs that a reference oracle answers where the file does not say."""


class JudgeSpec(Part):
    """Which designs judge the error: each label in turn (``leave_one_out``), those held out, a reference."""

    short: ClassVar[dict[str, Any] | None] = {"const": "leave_one_out"}
    held_out: Annotated[StrictInt, Field(ge=5, le=10_000)] | None = Field(
        default=None,
        description="So many Sobol designs are evaluated first, count as trials, and are never learned from.",
        examples=[20],
    )
    reference: Annotated[StrictStr, Field(min_length=1)] | None = Field(
        default=None, description="A cheap oracle with the same inputs and outputs that knows the truth.",
        examples=["./emulator.py:film"],
    )  # fmt: skip
    designs: Annotated[StrictInt, Field(ge=5, le=100_000)] | None = Field(
        default=None, description=f"Designs that the reference answers; default {TEST_DESIGNS}.",
        examples=[500],
    )  # fmt: skip

    @classmethod
    def expanded(cls, value: Any) -> Any:
        """The word leave_one_out is the default."""
        if value == "leave_one_out":
            return {}
        if value == "held_out":
            raise Refused("held_out does not say how many designs.", "Write judge: {held_out: 20}.")
        if value == "reference":
            raise Refused("reference does not say which oracle.", "Write judge: {reference: ORACLE}.")
        if isinstance(value, str):
            raise Refused(f"{shown(value)} is no judge.", advice(value, JUDGES, kind="judges"))
        return value

    @model_validator(mode="after")
    def _one(self) -> JudgeSpec:
        if self.held_out is not None and self.reference is not None:
            raise Refused(
                "held_out and reference exclude each other.", "Keep one of them.",
                below=("reference",), key=True,
            )  # fmt: skip
        if self.designs is not None and self.reference is None:
            raise Refused(
                "designs goes with reference only.",
                "Write held_out: 20 for test designs that the campaign's own oracle answers.",
                below=("designs",), key=True,
            )  # fmt: skip
        return self


class GoalSpec(Part):
    """What shall be known everywhere in the space, and how well."""

    learn: dict[str, ToleranceField] = Field(
        description="Outputs, expressions of outputs, or patterns such as H_*: the root mean square error "
        "that is good enough, as a share of the mean value (5 %), in a unit (3 MPa), or as a share of the "
        "standard deviation over designs (5 % of spread).",
        examples=[{"axial_modulus_mean": "0.2 %", "axial_modulus_std": "5 %", "H_*": "5 % of spread"}],
    )
    judge: JudgeSpec = Field(
        default=JudgeSpec(),
        description="Which designs judge the error: leave_one_out (default: each label predicted from the "
        "others), {held_out: 20}, or {reference: ORACLE, designs: 500}.",
        examples=["leave_one_out", {"held_out": 20}, {"reference": "./emulator.py:film", "designs": 500}],
    )

    @field_validator("learn", mode="before")
    @classmethod
    def _something(cls, value: Any) -> Any:
        if not isinstance(value, dict) or not value:
            raise Refused(
                f"learn says not what shall be known how well: {shown(value)}.", "Write learn: {METRIC: 5 %}."
            )
        return value


class RegisterSpec(Part):
    """Which model is registered, under which name."""

    name: Annotated[StrictStr, Field(min_length=1, max_length=200)] | None = Field(
        default=None, alias="as", description="Name in the model registry; default: the campaign's name.",
        examples=["film-scatter"],
    )  # fmt: skip
    alias: Annotated[StrictStr, Field(min_length=1, max_length=200)] = Field(
        default="champion", description="Alias of the last version.", examples=["champion"]
    )
    when: Literal["always", "goal reached"] = Field(
        default="always", alias="if", description="always, or only once the goal is reached.",
        examples=["goal reached"],
    )  # fmt: skip

    @field_validator("name", mode="after")
    @classmethod
    def _registry_takes(cls, value: str | None) -> str | None:
        if value is not None and (re.search(r"[/:]", value) or not value.strip() or not value.isprintable()):
            raise Refused(
                f"{shown(value)} cannot name a registered model.",
                "Write one line without / and :, such as film-scatter.",
            )
        return value

    @field_validator("alias", mode="after")
    @classmethod
    def _free_alias(cls, value: str) -> str:
        reserved = value.lower() == "latest" or re.fullmatch(r"[vV]\d+", value)
        if reserved or not re.fullmatch(r"[0-9A-Za-z_-]+", value):
            why = "is reserved by the registry" if reserved else "cannot be an alias"
            raise Refused(f"{shown(value)} {why}.", "Write letters, digits, _ and - only, such as champion.")
        return value
