"""Values as a user writes them: numbers with units, ranges, plain scalars."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, PlainValidator, WithJsonSchema

from designloop import units
from designloop.reading.problems import Refused, sentences

Plain = str | int | float | bool


@dataclass(frozen=True)
class Measure:
    """A number with the unit that was written beside it; None where it was a bare number."""

    written: str | int | float
    value: float
    unit: str | None

    def to(self, unit: str) -> float:
        """The number in ``unit``; a bare number is taken to be in it already. Raises UnitError."""
        if self.unit is None or self.unit == unit:
            return self.value
        return float(units.convert(self.value, self.unit, unit))

    def __str__(self) -> str:
        """As written."""
        return str(self.written)


@dataclass(frozen=True)
class Span:
    """A range ``1.5 .. 4 um`` as written; both ends carry the unit of the last."""

    written: str
    lower: Measure
    upper: Measure

    def __str__(self) -> str:
        """As written."""
        return self.written


def measure(value: Any) -> Measure:
    """A number, or text such as ``20 um``; raises Refused."""
    if isinstance(value, Measure):
        return value
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise Refused(f"{shown(value)} is not a number with a unit.", "Write for example 20 um.")
    if isinstance(value, str):
        with_unit = _parsed(units.parse_quantity, value)
        return Measure(value, with_unit.value, with_unit.unit)
    return Measure(value, _finite(value), None)


def span(value: Any) -> Span:
    """Text such as ``1.5 .. 4 um``; raises Refused."""
    if isinstance(value, Span):
        return value
    if not isinstance(value, str):
        raise Refused(f"{shown(value)} is not a range.", "Write both ends and two dots: 1.5 .. 4 um.")
    low, high = _parsed(units.parse_range, value)
    return Span(value, Measure(low.value, low.value, low.unit), Measure(high.value, high.value, high.unit))


def _parsed(parse: Callable[[str], Any], text: str) -> Any:
    try:
        return parse(text)
    except units.UnitError as error:
        raise Refused(*sentences(error)) from None


def _finite(value: float) -> float:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise Refused(f"{shown(value)} is not a finite number.", "Write a number that a float can hold.")
    return number


def number(value: Any) -> float:
    """A bare number; raises Refused."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refused(f"{shown(value)} is not a number.", "Write a bare number such as 1.96.")
    return _finite(value)


def plain(value: Any) -> Plain:
    """Text, a number, true or false; raises Refused."""
    if isinstance(value, bool) or (isinstance(value, str | int | float) and value == value):
        return value if isinstance(value, bool | str) else _kept(value)
    raise Refused(f"{shown(value)} is not a value.", "Write a number with its unit, or a word.")


def _kept(value: int | float) -> int | float:
    _finite(value)
    return value


def shown(value: Any) -> str:
    """A value as a YAML writer would recognize it, shortened."""
    words = {True: "true", False: "false", None: "nothing"}
    if value is None or isinstance(value, bool):
        return words[value]
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: ..." for k in list(value)[:3]) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(shown, value[:3])) + (", ..." if len(value) > 3 else "") + "]"
    text = re.sub(r"\s+", " ", str(value))
    return repr(text if len(text) <= 60 else text[:57] + "...") if isinstance(value, str) else text[:60]


def _written(value: Measure | Span | None) -> str | int | float | None:
    return None if value is None else value.written


_MEASURE_SCHEMA: dict[str, Any] = {
    "anyOf": [
        {"type": "number"},
        {"type": "string", "pattern": r"^\s*[-+]?(\d|\.\d)", "examples": ["20 um", "1 mbar"]},
    ]
}
_SPAN_SCHEMA: dict[str, Any] = {"type": "string", "pattern": r"\.\.", "examples": ["1.5 .. 4 um"]}

MeasureField = Annotated[
    Measure, PlainValidator(measure), PlainSerializer(_written), WithJsonSchema(_MEASURE_SCHEMA)
]
SpanField = Annotated[Span, PlainValidator(span), PlainSerializer(_written), WithJsonSchema(_SPAN_SCHEMA)]
NumberField = Annotated[float, BeforeValidator(number)]
PlainField = Annotated[
    Plain, PlainValidator(plain), WithJsonSchema({"type": ["string", "number", "boolean"]})
]
