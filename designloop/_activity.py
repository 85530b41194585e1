"""Which parameters designs and points of the unit cube have, where some exist under a condition only."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from designloop import _conditions as conditions
from designloop import _scale as scale
from designloop._scale import Parameter, Value

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Design = Mapping[str, Value]

CENTER = 0.5
"""Coordinate of a parameter that a design does not have: equal designs are equal points."""
MOST = 20_000
"""Combinations of the parameters that others depend on up to which designs are counted exactly."""


@dataclass(frozen=True)
class Activity:
    """The conditions of a space's ``parameters``; a mask (..., d) is True where a parameter exists."""

    parameters: tuple[Parameter, ...]

    @cached_property
    def conditions(self) -> conditions.Conditions:
        """The comparisons of each conditional parameter, those that others need first."""
        return conditions.conditions_of(self.parameters)

    @cached_property
    def needed(self) -> tuple[int, ...]:
        """Places of the parameters on which others depend."""
        return tuple(self._places[name] for name in conditions.needed(self.conditions))

    @cached_property
    def _places(self) -> dict[str, int]:
        return {p.name: i for i, p in enumerate(self.parameters)}

    def of_designs(self, designs: Sequence[Design]) -> Mask:
        """The mask (n, d) of designs, by their values."""
        parameters = [self.parameters[i] for i in self.needed]
        columns = {p.name: column(p, designs) for p in parameters}
        return self._mask(columns, (len(designs),))

    def of_points(self, points: Any) -> Mask:
        """The mask of points (..., d), array or tensor, by the designs that they are snapped to."""
        plain = points.detach().cpu().numpy() if hasattr(points, "detach") else np.asarray(points)
        near = {i: scale.nearest(self.parameters[i], plain[..., i]) for i in self.needed}
        return self._mask({self.parameters[i].name: v for i, v in near.items()}, plain.shape[:-1])

    def _mask(self, columns: Mapping[str, Any], shape: tuple[int, ...]) -> Mask:
        mask = np.ones((*shape, len(self.parameters)), dtype=bool)
        for name, exists in conditions.existing(self.conditions, columns, shape).items():
            mask[..., self._places[name]] = exists
        return mask

    def count(self, levels: Sequence[int]) -> int:
        """Number of distinct designs of discrete parameters; an upper bound beyond MOST combinations."""
        factors, needed = np.array(levels, dtype=object), list(self.needed)
        if not needed or math.prod(factors[needed]) > MOST:
            return math.prod(factors)
        each = np.where(self.of_points(self.grid(needed)), factors, 1)
        each[:, needed] = 1
        return int(each.prod(axis=1).sum())

    def grid(self, places: Sequence[int]) -> Array:
        """All distinct points (n, d) of the discrete parameters at ``places``, others at CENTER, ordered."""
        last = {name: i for i, name in enumerate(self.conditions)}
        grid = np.full((1, len(self.parameters)), CENTER)
        for place in sorted(places, key=lambda i: last.get(self.parameters[i].name, -1)):
            parameter = self.parameters[place]
            units = scale.level_units(parameter, np.arange(scale.levels(parameter) or 1))
            has = self.of_points(grid)[:, place]
            spread = np.repeat(grid[has], len(units), axis=0)
            spread[:, place] = np.tile(units, int(has.sum()))
            grid = np.vstack([grid[~has], spread])
        return np.asarray(grid[np.lexsort(grid.T[::-1])])

    def problem(self, design: Design) -> str | None:
        """A sentence where a value is missing, or given for what does not exist; else None."""
        given = {p.name for p in self.parameters if design.get(p.name) is not None}
        lacking = [p.name for p in self.parameters if not p.when and p.name not in given]
        if not lacking and self.conditions:
            rows = list(zip(self.parameters, self.of_designs([design])[0], strict=True))
            for p in (p for p, exists in rows if not exists and p.name in given):
                return f"{p.name} has a value, but exists only where {p.when}."
            lacking = [p.name for p, exists in rows if exists and p.name not in given]
        return f"no value is given for {', '.join(map(repr, lacking))}." if lacking else None


def given(parameter: Parameter, design: Design) -> Value:
    """A design's value of a conditional parameter; raises KeyError where it is empty or left out."""
    value = design[parameter.name]
    if value is None:
        raise KeyError(parameter.name)
    return value


def column(parameter: Parameter, designs: Sequence[Design]) -> NDArray[Any]:
    """The values (n,) of designs; of a conditional parameter that one does not have, the middle."""
    if not parameter.when:
        return scale.column([d[parameter.name] for d in designs])
    values = [d.get(parameter.name) for d in designs]
    return scale.column([scale.middle(parameter) if v is None else v for v in values])
