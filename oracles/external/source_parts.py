"""Schema of where a number stands in a file that a program writes."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, StrictBool, StrictInt, StrictStr, Tag, model_validator

from designloop.reading.part import Part
from designloop.reading.problems import Refused
from designloop.reading.values import MeasureField, PlainField

from .fields import Bytes, File, Pattern, Row, Text, UnitText

FORMATS = ("json", "yaml", "csv", "table", "text", "npz")
"""How a file of results is read; the key of the same name holds the file."""

PLACES = {"json": "key", "yaml": "key", "npz": "key", "csv": "column", "table": "column", "text": "pattern"}
"""The key that says where in a file a number stands."""

ERRORS = ("sem", "lower", "upper")
"""What may be known of an output's error."""


class SourceSpec(Part):
    """Where a number stands in a file that the program writes."""

    json_: File | None = Field(
        default=None, alias="json", description="A JSON file.", examples=["result.json"]
    )
    yaml: File | None = Field(default=None, description="A YAML file.", examples=["result.yml"])
    csv: File | None = Field(
        default=None, description="A table with separators and a header.", examples=["modes.csv"]
    )
    table: File | None = Field(
        default=None, description="A table with columns by blanks.", examples=["table.txt"]
    )
    text: File | None = Field(
        default=None, description="Any text, read by a pattern.", examples=["report.txt"]
    )
    npz: File | None = Field(default=None, description="NumPy arrays.", examples=["fields.npz"])
    key: Text | None = Field(
        default=None,
        description="json, yaml: path to the number; npz: name of the array; left out: the name here.",
        examples=["modes[0].frequency"],
    )
    index: tuple[StrictInt, ...] | StrictInt | None = Field(
        default=None, description="npz: which element of the array.", examples=[[0, 3]]
    )
    column: StrictInt | StrictStr | None = Field(
        default=None,
        description="csv, table: its number from 1, or its header; left out: the name here.",
        examples=[2, "f_sense"],
    )
    row: Row | None = Field(
        default=None, description="csv, table: from 1, or from the end by -1; default the last.", examples=[1]
    )
    comment: StrictStr | None = Field(
        default=None,
        description="csv, table: lines that begin with it are no rows; default #.",
        examples=["%"],
    )
    delimiter: Annotated[StrictStr, Field(min_length=1, max_length=1)] | None = Field(
        default=None, description="csv: separator; default a comma, with decimal commas ;.", examples=[";"]
    )
    decimal: Literal[".", ","] = Field(default=".", description="Decimal mark of the file.", examples=[","])
    pattern: Pattern | None = Field(
        default=None,
        description="text: regular expression with one group, the number.",
        examples=["f0 = (.*) Hz"],
    )
    match: Literal["first", "last"] | None = Field(
        default=None, description="text: which match counts; default last.", examples=["first"]
    )
    unit: UnitText = Field(default="", description="Unit in which it is answered.", examples=["kHz"])
    file_unit: UnitText | None = Field(
        default=None, description="Unit in the file, where it is another.", examples=["Hz"]
    )
    largest: Bytes = Field(default=100_000_000, description="A larger file is not read.", examples=["1 GB"])

    @model_validator(mode="after")
    def _one_file(self) -> SourceSpec:
        named = [f for f in FORMATS if self.file_of(f) is not None]
        if not named:
            raise Refused(
                "this names no file to read.",
                f"Write one of {', '.join(FORMATS)}, such as json: result.json.",
            )
        if len(named) > 1:
            raise Refused(
                f"{named[0]} and {named[1]} exclude each other.", "Keep one of them.", below=(named[1],),
                key=True,
            )  # fmt: skip
        self._fitting(named[0])
        return self

    def _fitting(self, form: str) -> None:
        goes_with = {
            "key": ("json", "yaml", "npz"), "index": ("npz",), "column": ("csv", "table"),
            "row": ("csv", "table"), "comment": ("csv", "table"), "delimiter": ("csv",),
            "pattern": ("text",), "match": ("text",),
        }  # fmt: skip
        for key, forms in goes_with.items():
            if getattr(self, key) is not None and form not in forms:
                raise Refused(
                    f"{key} does not go with {form}.", f"Leave {key} out, or read {' or '.join(forms)}.",
                    below=(key,), key=True,
                )  # fmt: skip
        if form == "text" and self.pattern is None:
            raise Refused("the key pattern is missing.", 'Write for example pattern: "f0 = (.*) Hz".')
        if self.pattern is not None and re.compile(self.pattern).groups != 1:
            raise Refused(
                f"'{self.pattern}' has {re.compile(self.pattern).groups} groups.",
                "Put one pair of brackets around the number; write (?: ) for others.", below=("pattern",),
            )  # fmt: skip
        for key in ("row", "column"):
            if getattr(self, key) == 0 or (
                key == "column" and isinstance(self.column, int) and self.column < 0
            ):
                raise Refused(f"{key}s count from 1.", f"Write {key}: 1 for the first.", below=(key,))

    def file_of(self, form: str) -> str | None:
        """The file that is read as ``form``, if it is."""
        found: str | None = getattr(self, "json_" if form == "json" else form)
        return found

    @property
    def form(self) -> str:
        """Which of the formats it is."""
        return next(f for f in FORMATS if self.file_of(f) is not None)

    @property
    def file(self) -> str:
        """The file, with its step where there are several."""
        return self.file_of(self.form) or ""


def _is_place(value: Any) -> str:
    return "place" if isinstance(value, dict | SourceSpec) else "number"


ErrorField = Annotated[
    Annotated[SourceSpec, Tag("place")] | Annotated[MeasureField, Tag("number")], Discriminator(_is_place)
]
"""A number, a share of the value, or where the number stands."""


class OutputSpec(SourceSpec):
    """One output: where it stands, and in which unit it is answered."""

    sem: ErrorField | None = Field(
        default=None,
        description="Its standard error of sampling: where that stands, a number, or a share of the value.",
        examples=["f_error", "2 %", {"column": "f_error"}],
    )
    lower: ErrorField | None = Field(
        default=None,
        description="What numerical error leaves it above: as sem; a share is that far below the value.",
        examples=["f_min", "5 %"],
    )
    upper: ErrorField | None = Field(
        default=None,
        description="What numerical error leaves it below: as sem; a share is that far above the value.",
        examples=["f_max", "5 %"],
    )

    margin: StrictBool = Field(
        default=False, description="At or above zero the design is allowed.", examples=[True]
    )
    reduce: Literal["mean", "max", "min", "sum"] | None = Field(
        default=None, description="One number of all items of a step with each.", examples=["max"]
    )
    otherwise: PlainField | None = Field(
        default=None,
        description="Where its step did not run: a number, or the name of an earlier output.",
        examples=["0 nm"],
    )
    description: StrictStr = Field(default="", description="What it is.", examples=["first mode"])

    @classmethod
    def expanded(cls, value: Any) -> Any:
        """Errors that stand in the output's own file, or in another, as places of their own."""
        if not isinstance(value, dict):
            return value
        form = next((f for f in FORMATS if f in value), None)
        if form is None:
            return {k: v for k, v in value.items() if k not in ERRORS}
        return {**value, **{key: _error(key, value, form) for key in ERRORS if value.get(key) is not None}}


def _error(name: str, output: dict[str, Any], form: str) -> Any:
    """The error ``name`` of an output as it is written, a place with all that it shares with the value's."""
    written = output[name]
    if isinstance(written, str) and not re.match(r"\s*[-+.]?\d", written):
        written = {PLACES[form]: written}
    if isinstance(written, int) and PLACES[form] == "column":
        raise Refused(
            f"{name}: {written} may be a column or a number.",
            f"Write {{column: {written}}} for a column, or a number with its unit.", below=(name,),
        )  # fmt: skip
    if not isinstance(written, dict):
        return written
    if "unit" in written:
        raise Refused(
            f"{name} has the unit of its output.", "Write file_unit where the file has another.",
            below=(name, "unit"), key=True,
        )  # fmt: skip
    shared = {"unit", "file_unit", "largest"}
    if not any(f in written for f in FORMATS):
        shared = set(SourceSpec.by_key())
    return {**{k: v for k, v in output.items() if k in shared}, **written}
