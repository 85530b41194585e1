"""How well something shall be known: ``0.2 %``, ``3 MPa`` or ``5 % of spread``, as a user writes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from designloop.campaign.model import ErrorKind
from designloop.reading.problems import Refused
from designloop.reading.values import Measure, measure, shown

SHARES = ("%", "ppm", "ppb")
"""Units in which an error is a share of something, never an error of its own."""
EXAMPLES = "Write a share such as 5 %, an error with its unit such as 3 MPa, or 5 % of spread."


@dataclass(frozen=True)
class Tolerance:
    """A root mean square error, as written."""

    written: str | int | float
    amount: Measure
    of_spread: bool = False

    @property
    def kind(self) -> ErrorKind:
        """What the error counts in."""
        if self.of_spread:
            return "spread"
        return "relative" if self.amount.unit in SHARES else "absolute"

    def __str__(self) -> str:
        """As written."""
        return str(self.written)


def tolerance(value: Any) -> Tolerance:
    """Read an error; raises Refused for anything that is no positive number, or a share of 100 % or more."""
    if isinstance(value, Tolerance):
        return value
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise Refused(f"{shown(value)} does not say how well this shall be known.", EXAMPLES)
    text, of, whole = value.partition(" of ") if isinstance(value, str) else (value, "", "")
    amount = measure(text)
    if of and whole.strip() != "spread":
        raise Refused(
            f"an error cannot be a share of {shown(whole.strip())}.",
            f"Write {text} for a share of the mean value, or {text} of spread.",
        )
    if of and amount.unit not in SHARES:
        raise Refused(f"{text} is no share of the spread.", "Write for example 5 % of spread.")
    if amount.value <= 0:
        raise Refused(f"an error of {amount} is reached by no model.", EXAMPLES)
    if amount.unit in SHARES and amount.to("") >= 1:
        raise Refused(f"an error of {value} asks for nothing: the mean alone is about as good.", EXAMPLES)
    return Tolerance(value, amount, bool(of))


def _written(value: Tolerance) -> str | int | float:
    return value.written


_SCHEMA: dict[str, Any] = {
    "anyOf": [
        {"type": "number", "exclusiveMinimum": 0},
        {"type": "string", "pattern": r"^\s*(\d|\.\d)", "examples": ["5 %", "3 MPa", "5 % of spread"]},
    ]
}
ToleranceField = Annotated[
    Tolerance, PlainValidator(tolerance), PlainSerializer(_written), WithJsonSchema(_SCHEMA)
]
