"""Objective, constraints and specs -> outcomes that a strategy models, bounds on them, slacks of a die."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Literal

from designloop import units
from designloop.campaign.bounds import Asked, asked, refuse_contradictions
from designloop.campaign.conditions import refuse_conditional
from designloop.campaign.inputs import Inputs
from designloop.campaign.model import Aggregate, Mode, Objective, Outcome, OutcomeConstraint, Spec
from designloop.campaign.schema import CampaignFile
from designloop.campaign.substitution import bound_to, comparison_bound_to
from designloop.reading import _nodes as nodes
from designloop.reading.document import Path_
from designloop.reading.expression import Comparison, Expression, parse_comparison, parse_expression
from designloop.reading.problems import Problems, Refused, advice

Relation = Literal["<=", ">="]
_SIDES: dict[Mode, dict[Relation, Aggregate]] = {
    "nominal": {"<=": "nominal", ">=": "nominal"},
    "mean": {"<=": "mean", ">=": "mean"},
    "worst_corner": {"<=": "max", ">=": "min"},
    "yield": {"<=": "nominal", ">=": "nominal"},
    "learn": {"<=": "nominal", ">=": "nominal"},
}
_FLIPPED: dict[Relation, Relation] = {"<=": ">=", ">=": "<="}
_WORDS = (("/", " over "), ("**", " to the "), ("*", " times "), ("+", " plus "), ("-", " minus "))


@dataclass(kw_only=True)
class Outcomes:
    """What has been gathered; the objective's outcome stands first."""

    inputs: Inputs
    mode: Mode = "nominal"
    objective: Objective | None = None
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    constraints: list[OutcomeConstraint] = field(default_factory=list)
    of_inputs: list[Comparison] = field(default_factory=list)
    specs: list[Spec] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)

    def units(self) -> dict[str, str]:
        """Unit of every name that an expression of outcomes may hold."""
        return {**{o.name: o.unit for o in self.inputs.declaration.outputs}, **self.inputs.units()}

    def add(self, expression: Expression, relation: Relation) -> Outcome:
        """The outcome of an expression, aggregated so that the bound is cautious."""
        return self.add_aggregate(expression, _SIDES[self.mode][relation])

    def add_aggregate(self, expression: Expression, how: Aggregate) -> Outcome:
        """The outcome of an expression over the dies."""
        suffix = "" if how == "nominal" else f".{how}"
        is_output = any(o.name == expression.text for o in self.inputs.declaration.outputs)
        stem = name = expression.text if is_output else slug(expression.text)
        number = 2
        while not self._free(name + suffix, expression):
            name, number = f"{stem}_{number}", number + 1
        outcome = Outcome(name=name + suffix, unit=expression.unit, expression=expression, aggregate=how)
        return self.outcomes.setdefault(outcome.name, outcome)

    def _free(self, name: str, expression: Expression) -> bool:
        for output in self.inputs.declaration.outputs:
            if name == output.name or name.startswith(f"{output.name}."):
                return expression.text == output.name
        taken = self.outcomes.get(name)
        return (taken is None or taken.expression.node == expression.node) and name != "yield"


def slug(text: str) -> str:
    """A metric's name of an expression's text: ``a / b`` gives ``a_over_b``."""
    for sign, word in _WORDS:
        text = text.replace(sign, word)
    return re.sub(r"\W+", "_", text).strip("_")[:80] or "outcome"


def resolve_objective(file: CampaignFile, inputs: Inputs, problems: Problems) -> Outcomes:
    """The objective's outcome, or an empty start where the campaign only learns."""
    mode: Mode = file.objectives[0].effective_mode if file.objectives else "learn"
    found = Outcomes(inputs=inputs, mode=mode)
    if file.objectives:
        with problems.at(("objectives", 0)):
            _set_objective(file, found)
    return found


def resolve_constraints(file: CampaignFile, found: Outcomes, problems: Problems) -> None:
    """Check constraints and specs against inputs and outputs, noting every error."""
    constrained: set[str] = set()
    for i, text in enumerate(file.constraints):
        path: Path_ = ("constraints", i)
        with problems.at(path):
            constrained |= _constrain(text, found, path)
    refuse_contradictions(found.asked, problems)
    found.asked.clear()
    for i, text in enumerate(file.specs):
        with problems.at(("specs", i)):
            found.specs += _specs(text, found, ("specs", i))
    refuse_contradictions(found.asked, problems)
    _add_margins(file, found, constrained)


def _set_objective(file: CampaignFile, found: Outcomes) -> None:
    spec = file.objectives[0]
    if found.mode != "nominal" and not file.process:
        raise Refused(
            f"mode {found.mode} needs process variables.",
            "Add process: {NAME: {normal: [mean, standard deviation]}}, or choose mode: nominal.",
            below=("mode",) if spec.mode else (),
        )
    if found.mode == "worst_corner" and found.inputs.realizations:
        raise Refused(
            f"{found.inputs.realizations[0]} has no corners: every die draws its own.",
            "Choose mode: mean or yield, or leave it out under process.",
            below=("mode",) if spec.mode else (),
        )
    minimize = spec.minimize is not None
    if found.mode == "yield":
        if not file.specs:
            raise Refused("yield counts the dies that meet specs, and there are none.",
                          "Add specs: [METRIC <= BOUND].", below=("maximize",))  # fmt: skip
        share = parse_expression("1", units={})
        outcome = found.outcomes.setdefault(
            "yield", Outcome(name="yield", unit="", expression=share, aggregate="yield")
        )
    else:
        key = "minimize" if minimize else "maximize"
        expression = _objective_expression(spec.minimize or spec.maximize or "", key, found)
        outcome = found.add(expression, "<=" if minimize else ">=")
    given = {"sigma": spec.corners, "samples": spec.samples}
    options = {name: value for name, value in given.items() if value is not None}
    found.objective = replace(Objective(metric=outcome.name, minimize=minimize, mode=found.mode), **options)  # type: ignore[arg-type]


def _objective_expression(text: str, key: str, found: Outcomes) -> Expression:
    try:
        return outcome_expression(text, found)
    except ValueError as error:
        what, instead = getattr(error, "what", str(error)), getattr(error, "instead", None)
        raise Refused(what, instead or "", below=(key,)) from None


def outcome_expression(text: str, found: Outcomes) -> Expression:
    """An expression that varies with the design; raises Refused, ExpressionError and UnitError."""
    declaration = found.inputs.declaration
    outputs = [o.name for o in declaration.outputs]
    if re.fullmatch(r"[^\W\d]\w*", text.strip()) and text.strip() not in found.units():
        raise Refused(
            f"{declaration.name} has no output {text.strip()}.", advice(text, outputs, kind="outputs")
        )
    expression = parse_expression(text, units=found.units(), choices=found.inputs.choices())
    expression = bound_to(expression, found.inputs)
    refuse_conditional(text, expression.names, found.inputs)
    if expression.is_constant:
        raise Refused(f"{text} is the same for every design.", f"Name an output: {', '.join(outputs)}.")
    return expression


def _constrain(text: str, found: Outcomes, path: Path_) -> set[str]:
    """Add one constraint; the outputs that it names."""
    outputs = {o.name for o in found.inputs.declaration.outputs}
    names: set[str] = set()
    parts = parse_comparison(text, units=found.units(), choices=found.inputs.choices())
    label = text if len(parts) == 1 else None
    for part in parts:
        comparison = comparison_bound_to(part, found.inputs)
        if not comparison.names:
            raise Refused(
                f"{part.text} holds no parameter and no outcome, so it says nothing about a design.",
                "Name a parameter or an output, or leave it out.",
            )
        if comparison.names <= set(found.inputs.parameters):
            found.of_inputs.append(comparison)
            continue
        refuse_conditional(part.text, comparison.names, found.inputs)
        expression, relation, bound = one_sided(comparison, found)
        found.asked.append(asked(path, comparison, (expression, relation, bound)))
        outcome = found.add(expression, relation)
        found.constraints.append(
            OutcomeConstraint(metric=outcome.name, relation=relation, bound=bound, label=label or part.text)
        )
        names |= comparison.names & outputs
    return names


def one_sided(comparison: Comparison, found: Outcomes) -> tuple[Expression, Relation, float]:
    """An expression, its relation and a constant bound in the expression's unit.

    A plain output keeps its declared unit; anything longer counts in the unit of its bound.

    Raises Refused for equalities: an outcome never equals a number exactly.
    """
    if comparison.relation not in ("<=", ">=") or comparison.of_choices:
        meets = "every" if comparison.relation == "!=" else "no"
        raise Refused(
            f"{comparison.text} asks an outcome for {comparison.relation}, which {meets} measured number "
            "meets.", "Leave it out." if meets == "every" else _around(comparison),
        )  # fmt: skip
    left, right, relation = comparison.left, comparison.right, comparison.relation
    if left.is_constant:
        left, right, relation = right, left, _FLIPPED[relation]
    # a comparison counts both sides in the unit of the left, which may be that of the bound
    own = parse_expression(left.text, units=found.units(), choices=found.inputs.choices())
    left = bound_to(own, found.inputs)
    if right.is_constant:
        if len(own.names) > 1 or own.text not in own.names:
            left = left.in_unit(right.unit)
        return left, relation, float(right.in_unit(left.unit).evaluate({}))
    return difference(left, right), relation, 0.0


def _around(comparison: Comparison) -> str:
    """What to write for an equality: bounds 5 % to either side of the user's own number."""
    sides = (comparison.left, comparison.right)
    name, number = sorted((s.text for s in sides), key=[s.text for s in sides if s.is_constant].__contains__)
    if not any(s.is_constant for s in sides):
        name = f"{name} - {number}"
    try:
        quantity = units.parse_quantity(number)
    except units.UnitError:
        return f"Bound it from both sides: LOWEST <= {name} <= HIGHEST."
    near = sorted(float(f"{quantity.value * share:.4g}") for share in (0.95, 1.05))
    low, high = (units.format_quantity(v, quantity.unit, exact=True) for v in near)
    if low == high:
        return f"Bound it from above: {name} <= HIGHEST."
    return f"Bound it from both sides: {low} <= {name} <= {high}."


def difference(left: Expression, right: Expression) -> Expression:
    """Left minus right, in the left's unit (a step of it, where it is degC)."""
    node = nodes.combined("-", left.node, right.in_unit(left.unit).node)
    return Expression(f"{left.text} - {right.text}", node.names, nodes.result_unit(node), node)


def _specs(text: str, found: Outcomes, path: Path_) -> list[Spec]:
    specs = []
    for part in parse_comparison(text, units=found.units(), choices=found.inputs.choices()):
        comparison = comparison_bound_to(part, found.inputs)
        if not comparison.names:
            raise Refused(f"{part.text} says nothing about a die.", "Name an output of the oracle.")
        refuse_conditional(part.text, comparison.names, found.inputs)
        found.asked.append(asked(path, comparison, one_sided(comparison, found)))
        left, right = comparison.left, comparison.right
        slack = difference(left, right) if comparison.relation == ">=" else difference(right, left)
        specs.append(Spec(label=part.text, slack=slack))
    return specs


def _add_margins(file: CampaignFile, found: Outcomes, constrained: set[str]) -> None:
    """Margins are outcome constraints, or under yield specs, unless the user bounds them."""
    margins = [o for o in found.inputs.declaration.outputs if o.margin and o.name not in constrained]
    specified = set().union(*(s.slack.names for s in found.specs))
    for margin in margins:
        expression = parse_expression(margin.name, units=found.units())
        if file.specs and margin.name not in specified:
            found.specs.append(Spec(label=margin.name, slack=expression))
        if found.mode == "yield":
            continue
        outcome = found.add(expression, ">=")
        found.constraints.append(
            OutcomeConstraint(
                metric=outcome.name, relation=">=", bound=0.0, label=margin.name, is_margin=True
            )
        )
