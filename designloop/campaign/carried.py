"""Conditions of a stage's inputs, under the names that a pipeline gives them."""

from __future__ import annotations

from collections.abc import Mapping

from designloop import _conditions as conditions
from designloop.campaign.composition import Stage
from designloop.campaign.conditions import as_parameter
from designloop.oracle import Input
from designloop.reading._tokens import tokenize
from designloop.reading.expression import Comparison, ExpressionError


def carried(stage: Stage, declared: Input, units: Mapping[str, str]) -> str:
    """Where a pipeline needs an input of ``stage``; empty where it needs it always.

    That is so where the input's condition speaks of a fed value, which no design knows, or of an input with
    another unit here (``units``: by composed name), in which its bare numbers would be others.
    """
    others = [i for i in stage.declaration.inputs if i is not declared]
    try:
        comparisons = conditions.read(declared.when, [as_parameter(i) for i in others])
    except ExpressionError:
        return declared.when  # refused with the oracle's name, as that of a single oracle is
    own = {i.name: i.unit for i in others}
    named = conditions.names_of(comparisons)
    if any(units.get(stage.names.get(name, "")) != own[name] for name in named):
        return ""
    return " and ".join(_renamed(comparison, stage.names) for comparison in comparisons)


def _renamed(comparison: Comparison, names: Mapping[str, str]) -> str:
    text = comparison.text
    for token in reversed(tokenize(text, names)):
        if token.kind == "name" and token.text in comparison.names:
            text = f"{text[: token.start]}{names[token.text]}{text[token.end :]}"
    return text
