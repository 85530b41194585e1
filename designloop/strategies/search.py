"""Where a maximizer may look: snapping, input constraints, and designs that must not come back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from designloop._scale import middle
from designloop.space import ChoiceParameter, Design, FloatParameter, IntParameter, Space, Value
from designloop.strategies.base import Trial

if TYPE_CHECKING:
    from scipy.spatial import KDTree

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

EXHAUSTIVE = 20_000
"""Spaces with at most this many designs are searched exhaustively."""
CLIMBS = 30
"""Steps that a climb takes at most."""
SNAP = 1e-6
"""Designs closer than this in every coordinate of the unit cube are the same design."""
FAILED = 1e-3
"""No design closer than this, in every coordinate, to a failed one is proposed."""


@dataclass(frozen=True, kw_only=True)
class Search:
    """A space together with its tried (k, d) and failed (l, d) designs on the unit cube."""

    space: Space
    tried: Array
    failed: Array

    @classmethod
    def of(cls, space: Space, tried: Iterable[Design], failed: Iterable[Design]) -> Search:
        """From designs in user units."""
        return cls(space=space, tried=_unit(space, list(tried)), failed=_unit(space, list(failed)))

    @property
    def continuous(self) -> bool:
        """True where no parameter is on a grid or a choice."""
        return all(isinstance(p, FloatParameter) and p.step is None for p in self.space.parameters)

    @property
    def exhaustive(self) -> bool:
        """True where all designs can be looked at."""
        size = self.space.size
        return size is not None and size <= EXHAUSTIVE

    @property
    def fixed(self) -> Mask:
        """Columns that a gradient must leave alone: unordered choices."""
        return np.array(
            [isinstance(p, ChoiceParameter) and not p.ordered for p in self.space.parameters], dtype=bool
        )

    def with_tried(self, unit: Array) -> Search:
        """A copy that also excludes ``unit`` (d,)."""
        return replace(self, tried=np.vstack([self.tried, unit]))

    def snap(self, unit: Array) -> Array:
        """The nearest designs that can be made, (k, d)."""
        if self.continuous:
            return np.asarray(self.space.canonical(np.clip(unit, 0.0, 1.0)))
        return self.space.snapped(unit)

    def designs(self, unit: Array) -> list[dict[str, Value]]:
        """Unit points as designs in user units, on their grids."""
        return [dict(d) for d in self.space.from_unit(np.clip(unit, 0.0, 1.0))]

    def allowed(self, unit: Array) -> Mask:
        """Which of the snapped points (k, d) meet the input constraints and are new."""
        mask = self.meets(unit)
        for tree, radius in ((self._tried_tree, SNAP), (self._failed_tree, FAILED)):
            if tree is not None and mask.any():
                gap, _ = tree.query(unit[mask], p=np.inf, distance_upper_bound=2.0 * radius)
                mask[mask] = gap > radius
        return mask

    @cached_property
    def _tried_tree(self) -> KDTree | None:
        return _tree(self.tried)

    @cached_property
    def _failed_tree(self) -> KDTree | None:
        return _tree(self.failed)

    def meets(self, unit: Array) -> Mask:
        """Which points (k, d) meet the input constraints."""
        if not self.space.constraints or not len(unit):
            return np.ones(len(unit), dtype=bool)
        slack = np.asarray(self.space.slack_of_unit(unit), dtype=float)
        mask = (slack >= -1e-9 * np.maximum(1e-12, np.abs(slack).max(0))).all(-1)
        mask[mask] = self.space.feasible(self.designs(unit[mask]))
        return np.asarray(mask)

    def onto_feasible(self, unit: Array) -> Array:
        """Nearest designs that meet the input constraints, of those points (k, d) that have one."""
        moved = [self.space.snap_feasible(point) for point in unit]
        return _unit(self.space, [d for d in moved if d is not None])

    def everything(self) -> Array:
        """All allowed designs of a finite space, (k, d)."""
        unit = _unit(self.space, self.space.enumerate(EXHAUSTIVE))
        return unit[self.allowed(unit)]

    def neighbours(self, unit: Array) -> Array:
        """Designs one grid step or one choice away from the snapped point ``unit`` (d,), (k, d).

        A parameter that comes to exist by the step stands at its middle.
        """
        (design,) = self.designs(unit[None])
        middles = {p.name: middle(p) for p in self.space.parameters if p.when}
        found: list[Design] = []
        for p in self.space.parameters:
            if p.name in design:
                found += [{**middles, **design, p.name: v} for v in _adjacent(p, design[p.name])]
        return _unit(self.space, found)


def climb(
    best: Callable[[Array], tuple[Array, float]], search: Search, point: Array, value: float
) -> tuple[Array, float]:
    """Single grid steps and choice changes while they improve the value; ``best`` picks one of (k, d)."""
    for _ in range(CLIMBS):
        near = search.neighbours(point)
        near = near[search.allowed(near)]
        if not len(near):
            break
        step, gain = best(near)
        if gain <= value:
            break
        point, value = step, gain
    return point, value


def placeable(space: Space, trials: Sequence[Trial]) -> tuple[Trial, ...]:
    """The trials that have a finite place on the unit cube; imported ones may lie anywhere or nowhere."""
    try:
        with np.errstate(all="ignore"):
            placed = np.asarray(np.isfinite(space.to_unit([t.parameters for t in trials])).all(axis=-1))
    except (KeyError, ValueError, TypeError):
        return tuple(t for t in trials if _placed(space, t.parameters))
    return tuple(t for t, good in zip(trials, placed.tolist(), strict=True) if good)


def _placed(space: Space, design: Design) -> bool:
    try:
        with np.errstate(all="ignore"):
            return bool(np.isfinite(space.to_unit([design])).all())
    except (KeyError, ValueError, TypeError):
        return False


def _tree(known: Array) -> KDTree | None:
    from scipy.spatial import KDTree

    return KDTree(known) if len(known) else None


def _adjacent(parameter: Any, value: Any) -> Sequence[Value]:
    if isinstance(parameter, ChoiceParameter):
        i = parameter.choices.index(value)
        near = (i - 1, i + 1) if parameter.ordered else range(len(parameter.choices))
        return [parameter.choices[j] for j in near if 0 <= j < len(parameter.choices) and j != i]
    if isinstance(parameter, IntParameter):
        return [v for v in (value - 1, value + 1) if parameter.lower <= v <= parameter.upper]
    if parameter.step is None:
        return []
    slack = 1e-9 * parameter.step
    steps = (value - parameter.step, value + parameter.step)
    return [v for v in steps if parameter.lower - slack <= v <= parameter.upper + slack]


def _unit(space: Space, designs: Sequence[Design]) -> Array:
    if not designs:
        return np.empty((0, len(space.parameters)))
    return np.asarray(space.to_unit(designs), dtype=float)
