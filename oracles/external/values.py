"""A design as the program is told it: which inputs exist, and what templates may use."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from designloop.oracle import Declaration, Input, Value

from .._inputs import complete
from .conditions import broken
from .program import Told
from .templating import told as as_text

SEEDS = 2**31
"""Seeds are told as whole numbers below this, which every program can hold."""


def present(
    declaration: Declaration, told: Sequence[Told], parameters: Mapping[str, Value]
) -> dict[str, Value]:
    """Every input that exists in this design, with its value or default.

    Raises OracleError for an unknown, missing or impossible value.
    """
    given, inputs = dict(parameters), list[Input]()
    seen: dict[str, Any] = {}
    for one in told:
        declared = declaration.input(one.name)
        if broken(one.when, seen) is not None:
            given.pop(one.name, None)
            continue
        value = given.get(one.name, declared.default)
        if value is None and one.optional:
            continue
        inputs.append(declared)
        if value is not None:
            seen[one.name] = value
    checked = complete(replace(declaration, inputs=tuple(inputs), fidelities=(), realizations=None), given)
    return {i.name: _number(i, checked[i.name]) for i in inputs}


def _number(declared: Input, value: Value) -> Value:
    if declared.choices or isinstance(value, str | bool):
        return value
    return int(value) if declared.integer else float(value)


def variables(
    told: Sequence[Told],
    design: Mapping[str, Value],
    *,
    unit_style: str,
    seed: int | None,
    fidelity: str | None,
    directory: Path,
) -> dict[str, Any]:
    """What templates may use: inputs as told, ``names``, ``values``, ``inputs`` and the context."""
    existing = [one for one in told if one.name in design]
    words = {one.name: one.words.get(design[one.name], design[one.name]) for one in existing}
    return {
        **words,
        "names": [one.called for one in existing],
        "values": [_with_unit(words[one.name], one.unit, unit_style) for one in existing],
        "inputs": dict(design),
        "fidelity": fidelity or "",
        "directory": str(directory),
        "python": sys.executable,
        **({} if seed is None else {"seed": seed % SEEDS}),
    }


def _with_unit(value: Value, unit: str, style: str) -> str:
    text = str(as_text(value))
    text = text.removesuffix(".0") if isinstance(value, float) else text
    return style.replace("{unit}", unit).replace("{value}", text) if unit else text
