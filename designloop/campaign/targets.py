"""``stop: target``: the value of the objective that is good enough."""

from __future__ import annotations

import re

from designloop.campaign.outcomes import Outcomes
from designloop.campaign.substitution import bound_to
from designloop.reading.expression import Comparison, Expression, parse_comparison, parse_expression
from designloop.reading.problems import Refused


def resolve_target(text: str, found: Outcomes) -> float:
    """The bound of a comparison of the objective, in the unit of its outcome.

    Raises Refused, ExpressionError and UnitError.
    """
    objective = found.objective
    assert objective is not None
    outcome = found.outcomes[objective.metric]
    name = "yield" if objective.mode == "yield" else outcome.expression.text
    relation = "<=" if objective.minimize else ">="
    expected = f"Write target: {name} {relation} BOUND."
    if not re.search("[<>=]", text):
        raise Refused(f"{text} compares nothing.", expected)
    units = {**found.units(), **({"yield": ""} if objective.mode == "yield" else {})}
    parts = parse_comparison(text, units=units, choices=found.inputs.choices())
    if len(parts) != 1 or parts[0].of_choices:
        raise Refused("a target is one comparison of the objective with a number.", expected)
    side, bound, written = _sides(parts[0])
    if not bound.is_constant or side.is_constant:
        raise Refused(f"{text} does not compare the objective with a number.", expected)
    own = bound_to(parse_expression(side.text, units=units, choices=found.inputs.choices()), found.inputs)
    if side.text != name and own.node != outcome.expression.node:
        raise Refused(
            f"{side.text} is not the objective, which is {name}.",
            f"{expected[:-1]}, and bound other metrics under constraints.",
        )
    if written != relation:
        verb = "minimized" if objective.minimize else "maximized"
        raise Refused(f"{name} is {verb}, so that its target cannot be written with {written}.", expected)
    return float(bound.in_unit(outcome.unit).evaluate({}))


def _sides(comparison: Comparison) -> tuple[Expression, Expression, str]:
    """The side that varies, the other one, and the relation read from the first to the second."""
    if not comparison.left.is_constant:
        return comparison.left, comparison.right, comparison.relation
    flipped = {"<=": ">=", ">=": "<=", "<": ">", ">": "<"}
    return comparison.right, comparison.left, flipped.get(comparison.relation, comparison.relation)
