"""A proposal restricted to some values of a parameter: what is in stock, or which levels may be opened."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from designloop import revision
from designloop._scale import level_units, levels, snap
from designloop.campaign.designs import in_parameter_unit, placed
from designloop.campaign.model import Campaign
from designloop.oracle import Value
from designloop.reading.problems import Refused, advice, sentences
from designloop.reading.scalars import ScalarError, plain_scalar
from designloop.space import ChoiceParameter, Parameter, Space
from designloop.strategies import create
from designloop.strategies.base import Strategy
from designloop.units import UnitError

Only = Mapping[str, Sequence[Value]]
"""Values that a proposal may use, by parameter; parameters that it does not name are free."""


@dataclass(frozen=True, kw_only=True)
class Among:
    """The input constraint that a parameter takes one of some values of its grid.

    Between grid values the slack is the distance to the nearest value left out, less that to the nearest
    one allowed: a search that moves freely may come near, and is then snapped.
    """

    name: str
    allowed: tuple[Value, ...]
    others: tuple[Value, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The parameter that it names."""
        return (self.name,)

    @property
    def label(self) -> str:
        """As a user would write it."""
        return f"{self.name} among {', '.join(map(str, self.allowed))}"

    def slack(self, columns: Mapping[str, Any]) -> Any:
        """At or above zero where the value is allowed; of the column's shape."""
        column = columns[self.name]
        if not all(_is_number(v) for v in (*self.allowed, *self.others)):
            return np.vectorize(lambda v: 1.0 if v in self.allowed else -1.0, otypes=[float])(column)
        return _distance(column, self.others) - _distance(column, self.allowed)


def _is_number(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _distance(column: Any, values: Sequence[Any]) -> Any:
    """Distance to the nearest of some numbers, of an array or a tensor."""
    nearest = abs(column - values[0])
    for value in values[1:]:
        other = abs(column - value)
        nearest = nearest.minimum(other) if hasattr(nearest, "minimum") else np.minimum(nearest, other)
    return nearest


def restricted(space: Space, only: Only) -> Space:
    """The space with a constraint for every parameter that ``only`` names; its unit cube stays."""
    constraints = list(space.constraints)
    for name, values in only.items():
        parameter = next(p for p in space.parameters if p.name == name)
        others = tuple(v for v in grid_of(parameter) if not any(same(v, a) for a in values))
        if others:
            constraints.append(Among(name=name, allowed=tuple(values), others=others))
    return replace(space, constraints=tuple(constraints))


def strategy_of(campaign: Campaign, phase: int, only: Only) -> Strategy:
    """The strategy of one phase, restricted to ``only``. Raises CampaignError."""
    choice, problem = campaign.phases[phase], revision.problem_of(campaign, phase)
    return create(
        choice.name,
        problem=replace(problem, space=restricted(problem.space, only)),
        options=choice.options,
        initial=choice.initial,
    )


def grid_of(parameter: Parameter) -> list[Value]:
    """All values of a parameter on a grid; raises Refused for one without."""
    if isinstance(parameter, ChoiceParameter):
        return list(parameter.choices)
    count = levels(parameter)
    if count is None:
        raise Refused(
            f"{parameter.name} has no grid, so no list of its values says what is at hand.",
            "Give it a step or choices in the campaign file.",
        )
    return snap(parameter, level_units(parameter, np.arange(count)))


def same(one: Value, other: Value) -> bool:
    """Whether two values are one level: numbers but for rounding."""
    if _is_number(one) and _is_number(other):
        return math.isclose(float(one), float(other), rel_tol=1e-9, abs_tol=1e-12)
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def read_only(written: Sequence[str], campaign: Campaign) -> dict[str, list[Value]]:
    """``acid=-22.5,-15`` as values of the grid, by parameter; raises Refused."""
    found: dict[str, list[Value]] = {}
    for text in written:
        name, equals, listed = text.partition("=")
        name = name.strip()
        parameters = {p.name: p for p in campaign.space.parameters}
        if not equals or not listed.strip():
            raise Refused(f"--only {text} gives no values.", f"Write --only {name or 'NAME'}=VALUE,VALUE.")
        if name not in parameters:
            hint = advice(name, parameters, kind="parameters")
            raise Refused(f"--only {text}: {name} is no parameter of this campaign.", hint)
        grid_of(parameters[name])
        values = [_value(parameters[name], part.strip(), campaign) for part in listed.split(",")]
        known = found.setdefault(name, [])
        known += [v for i, v in enumerate(values) if not any(same(v, k) for k in (*known, *values[:i]))]
    return found


def _value(parameter: Parameter, text: str, campaign: Campaign) -> Value:
    declared = campaign.declaration.input(parameter.name)
    try:
        plain = plain_scalar(text)
        if plain is None:
            raise Refused("a value is missing.", "Write the values between commas.")
        is_bare = _is_number(plain) and not isinstance(parameter, ChoiceParameter)
        written = f"{text} {parameter.unit}".strip() if is_bare else plain
        value = placed(parameter, in_parameter_unit(parameter, declared, written))
    except (Refused, UnitError, ScalarError) as error:
        what, instead = sentences(error)
        raise Refused(f"--only {parameter.name}={text}: {what}", instead) from None
    return next(v for v in grid_of(parameter) if same(v, value))
