"""Schema of ``stop``: when a campaign ends, whichever comes first."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, StrictInt, StrictStr, field_validator

from designloop.reading.part import Part
from designloop.reading.problems import Refused
from designloop.reading.values import MeasureField, measure, shown

Count = Annotated[StrictInt, Field(ge=1)]
_UNTIL = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[ T](\d{2}:\d{2}))?")


class NoImprovementSpec(Part):
    """Stop when the best design, or with a goal the learning error, no longer improves."""

    trials: Count = Field(description="Over how many trials.", examples=[20])
    less_than: MeasureField = Field(
        default=measure("1 %"), description="Relative improvement that counts.", examples=["1 %"]
    )


class NothingToGainSpec(Part):
    """Stop where the model, at its most optimistic, promises no improvement worth a trial."""

    short: ClassVar[dict[str, Any] | None] = {"type": "string", "examples": ["1 %"]}
    less_than: MeasureField = Field(
        default=measure("1 %"), description="Relative improvement that counts.", examples=["1 %"]
    )

    @classmethod
    def expanded(cls, value: Any) -> Any:
        """A share is the improvement that counts."""
        return {"less_than": value} if isinstance(value, str | int | float) else value


class CoverageSpec(Part):
    """Stop when the trials no longer reach new properties."""

    trials: Count = Field(description="Over how many trials.", examples=[20])
    less_than: MeasureField = Field(
        default=measure("1 %"), description="Relative growth of the reached property space that counts.",
        examples=["0.5 %"],
    )  # fmt: skip


class StopSpec(Part):
    """When the campaign ends: whichever comes first."""

    trials: Count = Field(default=50, description="Number of trials.", examples=[60])
    goal: Literal["reached", "ignored"] | None = Field(
        default=None,
        description="reached (default where there is a goal): end as soon as every error is reached twice in "
        "a row; ignored: go on to the other limits.",
        examples=["reached"],
    )
    disagreement: MeasureField | None = Field(
        default=None,
        description="End where the committee disagrees by less than this share of the labels' spread.",
        examples=["2 %"],
    )
    coverage: CoverageSpec | None = Field(
        default=None, description="End where the reached property space no longer grows.",
        examples=[{"trials": 20, "less_than": "0.5 %"}],
    )  # fmt: skip
    no_improvement: NoImprovementSpec | None = Field(
        default=None,
        description="End where the best design, or with a goal the learning error, no longer improves.",
        examples=[{"trials": 20, "less_than": "1 %"}],
    )
    nothing_to_gain: NothingToGainSpec | None = Field(
        default=None,
        description="End where the model's most optimistic promise is below this share of the best value, "
        "twice in a row.",
        examples=["1 %"],
    )
    target: Annotated[StrictStr, Field(min_length=1)] | None = Field(
        default=None, description="End with the first feasible design whose objective is this good.",
        examples=["noise_equivalent_field <= 60 nT/sqrt(Hz)"],
    )  # fmt: skip
    wall_time: MeasureField | None = Field(
        default=None, description="Longest duration of a run; pauses and closed hours do not count.",
        examples=["12 h"],
    )  # fmt: skip
    cost: MeasureField | None = Field(
        default=None, description="Time of the oracle, all attempts together.", examples=["200 h"]
    )
    licence_hours: MeasureField | dict[str, MeasureField] | None = Field(
        default=None,
        description="Hours for which attempts hold licences: of all licences together, or by name.",
        examples=[120, {"comsol": 120}],
    )
    until: StrictStr | None = Field(
        default=None,
        description="Last day, or day and time, in local time; attempts under way are awaited.",
        examples=["2026-12-18", "2026-12-18 18:00"],
    )

    @field_validator("until", mode="before")
    @classmethod
    def _a_time(cls, value: Any) -> Any:
        if value is not None:
            until(value)
        return value

    @field_validator("target", mode="before")
    @classmethod
    def _a_bound(cls, value: Any) -> Any:
        if value is not None and not isinstance(value, str):
            raise Refused(f"{shown(value)} compares nothing.", "Write target: METRIC <= NUMBER, or >=.")
        return value

    @field_validator("licence_hours", mode="before")
    @classmethod
    def _some_hours(cls, value: Any) -> Any:
        if isinstance(value, dict) and value:
            return {name: _hours(hours, name) for name, hours in value.items()}
        return _hours(value) if value is not None else None


def _hours(value: Any, *below: str) -> Any:
    if isinstance(value, dict | list | bool):
        raise Refused(
            f"{shown(value)} is no number of hours.", "Write licence_hours: 120, or {NAME: 120}.", below=below
        )
    try:
        return measure(value)
    except Refused as refused:
        raise Refused(refused.what, refused.instead, below=below) from None


def until(text: Any) -> datetime:
    """The moment that ``until`` names, in local time without zone: a day alone ends at its midnight.

    Raises Refused.
    """
    found = _UNTIL.fullmatch(text.strip()) if isinstance(text, str) else None
    if found is None:
        raise Refused(f"{shown(text)} is no date.", 'Write 2026-12-18, or "2026-12-18 18:00".')
    try:
        day = date.fromisoformat(found[1])
        if found[2] is None:
            return datetime.fromordinal(day.toordinal() + 1)
        return datetime.fromisoformat(f"{found[1]}T{found[2]}")
    except ValueError:
        raise Refused(f"{shown(text)} is not in the calendar.", 'Write such as "2026-12-18 18:00".') from None
