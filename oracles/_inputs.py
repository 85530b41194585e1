"""Parameters as an oracle receives them, checked against its declaration."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from designloop.errors import OracleError
from designloop.oracle import Declaration, Input, Value


def complete(declaration: Declaration, parameters: Mapping[str, Value]) -> dict[str, Value]:
    """Every declared input with its value or default, in declared order.

    Raises OracleError for an unknown, missing, wrongly typed or out-of-range input.
    """
    names = [declared.name for declared in declaration.inputs]
    for name in parameters:
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"It has {', '.join(names)}."
            raise OracleError(f"oracle {declaration.name!r} has no input {name!r}. {hint}")
    return {
        declared.name: _checked(declaration.name, declared, parameters.get(declared.name, declared.default))
        for declared in declaration.inputs
    }


def columns(declaration: Declaration, designs: Sequence[Mapping[str, Value]]) -> dict[str, list[Any]]:
    """One list per declared input over all designs; raises OracleError as ``complete`` does."""
    rows = [complete(declaration, design) for design in designs]
    return {declared.name: [row[declared.name] for row in rows] for declared in declaration.inputs}


def _checked(oracle: str, declared: Input, value: Value | None) -> Value:
    name = declared.name
    if value is None:
        raise OracleError(f"oracle {oracle!r} needs a value for {name!r}{_unit(declared)}.")
    if declared.choices:
        if value not in declared.choices:
            allowed = ", ".join(map(str, declared.choices))
            raise OracleError(f"oracle {oracle!r}: {name} is {value!r}; it must be one of {allowed}.")
        return value
    if isinstance(value, str | bool):
        raise OracleError(f"oracle {oracle!r}: {name} is {value!r}, not a number{_unit(declared)}.")
    lower = float("-inf") if declared.lower is None else declared.lower
    upper = float("inf") if declared.upper is None else declared.upper
    if not lower <= value <= upper:
        raise OracleError(
            f"oracle {oracle!r}: {name} is {float(value):g}{_unit(declared)}; it answers from {lower:g} to "
            f"{upper:g}{_unit(declared)} only."
        )
    return value


def _unit(declared: Input) -> str:
    return f" {declared.unit}" if declared.unit else ""
