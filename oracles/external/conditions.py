"""Comparisons of inputs, of values read and of outputs: read once, then held or not."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from designloop.oracle import Value
from designloop.reading.document import Path_
from designloop.reading.expression import Comparison, ExpressionError, parse_comparison
from designloop.reading.problems import Problems

from .program import Conditions


class Names:
    """Names that a comparison may use: numbers with units, and choices."""

    def __init__(self) -> None:
        self.units: dict[str, str] = {}
        self.choices: dict[str, tuple[Value, ...]] = {}
        self.refused: set[str] = set()
        """Names of what was refused, so that nothing can be said of comparisons that use them."""

    def add(self, name: str, unit: str, choices: Sequence[Value] = ()) -> None:
        """Make ``name`` known; choices that are numbers compare as numbers."""
        if choices and not all(isinstance(c, int | float) and not isinstance(c, bool) for c in choices):
            self.choices[name] = tuple(choices)
        else:
            self.units[name] = unit


def parsed(texts: Sequence[str], names: Names, problems: Problems, path: Path_) -> Conditions:
    """Every comparison of ``texts``, the value at ``path``; what is wrong is noted."""
    found: list[Comparison] = []
    for number, text in enumerate(texts):
        place = (*path, number) if len(texts) > 1 or (*path, number) in problems.document.values else path
        try:
            found += parse_comparison(text, units=names.units, choices=names.choices)
        except ExpressionError as error:
            if not names.refused & set(re.findall(r"\w+", text)):
                problems.add(place, error.what, error.instead or "", offset=error.offset)
    return tuple(found)


def broken(conditions: Conditions, values: Mapping[str, Any]) -> Comparison | None:
    """The first that does not hold; one about a value that does not exist never does."""
    return next((c for c in conditions if not _holds(c, values)), None)


def _holds(condition: Comparison, values: Mapping[str, Any]) -> bool:
    if not condition.names <= set(values):
        return False
    slack = float(condition.slack(values))
    return slack > 0 if re.search(r"[<>](?!=)", condition.text) else slack >= 0
