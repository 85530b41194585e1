"""Schema of the parts of a campaign file: each is one mapping of the YAML, frozen once validated."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    BeforeValidator,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    field_validator,
    model_validator,
)

from designloop.campaign.places import NO_STORE, is_store, without_password
from designloop.reading.part import Part
from designloop.reading.problems import Refused
from designloop.reading.values import (
    MeasureField,
    NumberField,
    PlainField,
    SpanField,
    number,
    shown,
)

Count = Annotated[StrictInt, Field(ge=1)]


class ParameterSpec(Part):
    """One parameter to choose: a range, choices, a fixed value, or a derived one. Empty: as declared."""

    short: ClassVar[dict[str, Any] | None] = {
        "anyOf": [{"type": "string", "pattern": r"\.\.", "examples": ["1.5 .. 4 um"]}, {"type": "null"}]
    }
    range: SpanField | None = Field(
        default=None, description="Both ends with the unit.", examples=["200 .. 800 um"]
    )
    step: MeasureField | None = Field(
        default=None, description="Grid from the lower end on, such as a mask grid.", examples=["0.05 um"]
    )
    scale: Literal["linear", "log"] | None = Field(
        default=None, description="log: equal factors are equal distances.", examples=["log"]
    )
    integer: StrictBool | None = Field(default=None, description="Whole numbers only.", examples=[True])
    choices: tuple[PlainField, ...] | None = Field(
        default=None, description="The values to choose from.", examples=[["single", "double"]]
    )
    ordered: StrictBool | None = Field(
        default=None, description="Neighbouring choices are alike.", examples=[True]
    )
    value: PlainField | None = Field(
        default=None, description="A fixed value, as under fixed.", examples=["20 um"]
    )
    derived: StrictStr | None = Field(
        default=None, description="Computed from the others, as under derived.", examples=["2 * beam_width"]
    )
    hard_to_change: StrictBool | None = Field(
        default=None,
        description="With engine: manual: one call of suggest opens at most one level that nobody has used.",
        examples=[True],
    )
    when: StrictStr | None = Field(
        default=None, description="The comparison of other parameters under which this one exists.",
        examples=["anchor == double"],
    )  # fmt: skip

    @field_validator("when", mode="before")
    @classmethod
    def _one_text(cls, value: Any) -> Any:
        if isinstance(value, list) and value:
            raise Refused("a condition is one text, not a list.", f"Write {' and '.join(map(str, value))}.")
        if isinstance(value, dict) and value:
            joined = " and ".join(f"{name} == {shown(item).strip(chr(39))}" for name, item in value.items())
            raise Refused("a condition is one text, not a mapping.", f"Write {joined}.")
        if not isinstance(value, str) or not value.strip():
            raise Refused(
                f"{shown(value)} compares nothing.", "Write a comparison such as anchor == double, or leave "
                "when out: the parameter then always exists.",
            )  # fmt: skip
        return value

    @classmethod
    def expanded(cls, value: Any) -> Any:
        """Text is a range, nothing is the declared range, a number is refused with a hint."""
        if value is None:
            return {}
        if isinstance(value, str):
            return {"range": value}
        if isinstance(value, int | float | bool):
            raise Refused(
                f"{shown(value)} is no range.",
                f"Write a range such as 1.5 .. 4 um, or put {shown(value)} under fixed.",
            )
        return value

    @model_validator(mode="after")
    def _one_form(self) -> ParameterSpec:
        forms = [k for k in ("range", "choices", "value", "derived") if getattr(self, k) not in (None, ())]
        if len(forms) > 1:
            raise Refused(
                f"{forms[0]} and {forms[1]} exclude each other.", "Keep one of them.",
                below=(forms[1],), key=True,
            )  # fmt: skip
        if self.choices is not None and len(self.choices) < 2:
            raise Refused(
                "choices needs at least two.", "Put a single value under fixed.", below=("choices",)
            )
        for key, form in (("step", "range"), ("scale", "range"), ("ordered", "choices")):
            if getattr(self, key) is not None and forms and forms[0] != form:
                raise Refused(f"{key} goes with {form} only.", f"Leave {key} out.", below=(key,), key=True)
        if self.when is not None and forms and forms[0] in ("value", "derived"):
            raise Refused(
                "when goes with what is chosen only, a range or choices.", "Leave when out.",
                below=("when",), key=True,
            )  # fmt: skip
        return self


REALIZATION = "realization"
"""Which of its random structures a stochastic oracle answers for; of a stage: STAGE.realization."""


def is_realization(name: str) -> bool:
    """Whether a name under ``process`` is that of a realization, not of an input."""
    return name.rpartition(".")[2] == REALIZATION


class ProcessSpec(Part):
    """A process variable: a random input that a design must survive, or who shares a realization."""

    normal: tuple[MeasureField, MeasureField] | None = Field(
        default=None, description="Mean and standard deviation.", examples=[["0.05 um", "0.05 um"]]
    )
    level: Literal["die"] | None = Field(
        default=None,
        description="For STAGE.realization of a pipeline, or realization of a plain oracle: die gives every "
        "die a random structure of its own; without STAGE.realization the dies of a trial share one.",
        examples=["die"],
    )

    @field_validator("normal", mode="before")
    @classmethod
    def _two(cls, value: Any) -> Any:
        if not isinstance(value, list | tuple) or len(value) != 2:
            hint = (
                " A comma separates values: write decimals with a point." if isinstance(value, list) else ""
            )
            raise Refused(
                f"normal needs two values, the mean and the standard deviation, not {shown(value)}.",
                f"Write normal: [0.05 um, 0.05 um].{hint}",
            )
        return value

    @model_validator(mode="after")
    def _one_form(self) -> ProcessSpec:
        if self.normal is not None and self.level is not None:
            raise Refused(
                "a realization is drawn by its seed and has no mean.", "Write {level: die}.", key=True
            )
        return self


def _sigma(value: Any) -> float:
    if isinstance(value, str):
        found = re.fullmatch(r"\s*(\d+(?:\.\d*)?)\s*(?:sigma|sd)\s*", value)
        if not found:
            raise Refused(f"{shown(value)} does not say where the corners are.", "Write corners: 3 sigma.")
        value = float(found[1])
    value = number(value)
    if not 0 < value <= 20:
        raise Refused("corners must lie between 0 and 20 sigma.", "Write corners: 3 sigma.")
    return float(value)


class ObjectiveSpec(Part):
    """What to improve, which way, and over which dies."""

    short: ClassVar[dict[str, Any] | None] = None
    minimize: StrictStr | None = Field(
        default=None, description="A metric to make small.", examples=["noise_equivalent_field"]
    )
    maximize: StrictStr | None = Field(
        default=None, description="A metric to make large, or yield.", examples=["yield"]
    )
    mode: Literal["nominal", "mean", "worst_corner", "yield"] | None = Field(
        default=None,
        description="nominal: at the mean of process (default); mean: averaged over process; worst_corner: "
        "worst of all corners; yield: with maximize: yield.",
        examples=["worst_corner"],
    )
    corners: Annotated[float, BeforeValidator(_sigma)] | None = Field(
        default=None, description="Distance of the corners; default 3 sigma.", examples=["3 sigma"]
    )
    samples: Annotated[StrictInt, Field(ge=16, le=65536)] | None = Field(
        default=None, description="Dies per trial under mean and yield; default 256.", examples=[256]
    )

    @model_validator(mode="after")
    def _consistent(self) -> ObjectiveSpec:
        if (self.minimize is None) == (self.maximize is None):
            raise Refused("an objective has one of minimize and maximize.", "Write - minimize: METRIC.")
        if self.minimize == "yield":
            raise Refused("yield is to be maximized.", "Write maximize: yield.", below=("minimize",))
        if (self.maximize == "yield") != (self.effective_mode == "yield"):
            raise Refused(
                f"mode {self.mode} and this objective exclude each other.",
                "maximize: yield has the mode yield, and only that.", below=("mode",),
            )  # fmt: skip
        if self.corners is not None and self.effective_mode != "worst_corner":
            raise Refused(
                "corners goes with mode: worst_corner only.", "Add that mode, or leave corners out.",
                below=("corners",), key=True,
            )  # fmt: skip
        if self.samples is not None and self.effective_mode not in ("mean", "yield"):
            raise Refused(
                "samples goes with the modes mean and yield only.", "Leave samples out.",
                below=("samples",), key=True,
            )  # fmt: skip
        return self

    @property
    def effective_mode(self) -> Literal["nominal", "mean", "worst_corner", "yield"]:
        """The mode in force."""
        return self.mode or ("yield" if self.maximize == "yield" else "nominal")


class TrackingSpec(Part):
    """Where MLflow mirrors the record; ``tracking: off`` for nowhere."""

    uri: Annotated[StrictStr, Field(min_length=1)] = Field(
        default="sqlite:///mlflow/mlflow.db",
        description="Store or server; a relative path counts from the checkout, else the user's data folder.",
        examples=["sqlite:///mlflow/mlflow.db", "http://localhost:5000"],
    )
    models: Literal["every_fit", "checkpoints", "last"] = Field(
        default="checkpoints",
        description="Which models are kept: where hyper-parameters were fitted and the last; of every "
        "proposal; or there the last alone.",
        examples=["last"],
    )

    @field_validator("uri", mode="after")
    @classmethod
    def _a_store(cls, value: str) -> str:
        if not is_store(value):
            raise Refused(f"{without_password(value)} names no store that MLflow keeps well.", NO_STORE)
        return value


class ColumnSpec(Part):
    """What a column of a table holds."""

    short: ClassVar[dict[str, Any] | None] = {"type": "string", "examples": ["beam_length"]}
    name: StrictStr = Field(description="Parameter or metric.", examples=["beam_width"])
    unit: StrictStr | None = Field(
        default=None, description="Unit of the column; else [..] or (..) in its header.", examples=["um"]
    )

    @classmethod
    def expanded(cls, value: Any) -> Any:
        """A word is the name."""
        return {"name": value} if isinstance(value, str) else value


class FailedIfSpec(Part):
    """Which rows are failed trials."""

    empty: StrictStr = Field(description="The column that is empty there.", examples=["f0 (Hz)"])


class ExistingTrialsSpec(Part):
    """A table of designs that were evaluated before: data for the model."""

    short: ClassVar[dict[str, Any] | None] = {"type": "string", "examples": ["doe-2025.csv"]}
    file: Annotated[StrictStr, Field(min_length=1)] = Field(
        description="CSV or XLSX, relative to the campaign file.", examples=["doe-2025.xlsx"]
    )
    sheet: StrictStr | None = Field(
        default=None, description="Sheet of an XLSX file; default the first.", examples=["sweep 3"]
    )
    decimal: Literal[".", ","] = Field(default=".", description="Decimal mark of the file.", examples=[","])
    delimiter: Annotated[StrictStr, Field(min_length=1, max_length=1)] | None = Field(
        default=None, description="Column separator of a CSV file; found by itself.", examples=[";"]
    )
    columns: dict[str, ColumnSpec] | None = Field(
        default=None,
        description="Header of a column: what it holds; without it headers are names.",
        examples=[{"L [um]": "beam_length", "Breite": {"name": "beam_width", "unit": "um"}}],
    )
    fill: dict[str, PlainField] = Field(
        default={}, description="Parameters that the table lacks.", examples=[{"gap": "2 um"}]
    )
    failed_if: FailedIfSpec | None = Field(
        default=None, description="Which rows are failed trials.", examples=[{"empty": "f0 (Hz)"}]
    )

    @classmethod
    def expanded(cls, value: Any) -> Any:
        """A word is the file."""
        return {"file": value} if isinstance(value, str) else value


__all__ = [
    "ColumnSpec", "ExistingTrialsSpec", "FailedIfSpec", "NumberField", "ObjectiveSpec", "ParameterSpec",
    "Part", "ProcessSpec", "TrackingSpec", "is_realization",
]  # fmt: skip
