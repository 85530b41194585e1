"""A space that holds the rows of a table and nothing between them; strategies work on it unchanged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from designloop.compare.source import Array, Design
from designloop.revision import seed_of
from designloop.space import Space, Value
from designloop.strategies import Candidate, History, Proposal, StrategyExhausted

Key = tuple[Value | None, ...]
"""A row's parameters in order; None for one that it does not have."""

APART = 2e-6
"""How far a drawn row is put aside on the unit cube: further than a strategy takes for the same design."""


NEVER_TWICE = ("sobol", "latin_hypercube")
"""Strategies that leave out what was drawn, also where others may draw it again."""


class Drawn(dict[str, Any]):
    """A row that was drawn and may be drawn again: put aside, so that it does not count as tried."""


@dataclass(frozen=True)
class PoolSpace(Space):
    """A space that holds ``rows`` and nothing between them."""

    rows: tuple[Design, ...] = ()

    @property
    def size(self) -> int:
        """Number of rows."""
        return len(self.rows)

    @cached_property
    def unit(self) -> Array:
        """The rows on the unit cube, (rows, d)."""
        return Space.to_unit(self, self.rows)

    def to_unit(self, designs: Sequence[Design]) -> Array:
        """Points of designs, (n, d); rows that may be drawn again a little aside."""
        points = super().to_unit(designs)
        points[:, 0] += [APART * isinstance(design, Drawn) for design in designs]
        return points

    def from_unit(self, points: Array) -> list[dict[str, Value]]:
        """The nearest row of each point."""
        from scipy.spatial import KDTree

        nearest = np.asarray(KDTree(self.unit).query(np.atleast_2d(points))[1])
        return [dict(self.rows[int(i)]) for i in nearest]

    def snapped(self, points: Array) -> Array:
        """Points of the nearest rows."""
        return self.to_unit(self.from_unit(points))

    def enumerate(self, limit: int) -> list[dict[str, Value]]:
        """Every row."""
        if self.size > limit:
            raise ValueError(f"the pool has {self.size} rows, more than {limit}.")
        return [dict(row) for row in self.rows]

    def snap_feasible(self, point: Array) -> dict[str, Value] | None:
        """The nearest row: all of them are allowed."""
        return self.from_unit(point)[0]


@dataclass(frozen=True, kw_only=True)
class RandomRows:
    """Rows drawn with equal chances: points of the cube would favour rows that stand alone."""

    space: PoolSpace
    seed: int
    again: bool

    def propose(self, history: History, n: int = 1) -> Proposal:
        """The next ``n`` rows. Raises StrategyExhausted."""
        drawn = set() if self.again else {key_of(self.space, t.parameters) for t in history.trials}
        left = [row for row in self.space.rows if key_of(self.space, row) not in drawn]
        if not left:
            raise StrategyExhausted("Every row of the table has been drawn.")
        rng = np.random.default_rng(seed_of(self.seed, "random rows", len(history.trials)))
        chosen = rng.permutation(len(left))[:n] if not self.again else rng.integers(len(left), size=n)
        reason = {"generator": "random", "text": "A random row of the table."}
        return Proposal(candidates=tuple(Candidate(parameters=dict(left[i]), reason=reason) for i in chosen))


def key_of(space: Space, design: Design) -> Key:
    """A row's parameters in order; None for one that it does not have."""
    return tuple(design.get(name) if name in space.conditions else design[name] for name in space.names)


def row_of(space: Space, key: Key) -> dict[str, Value]:
    """The row of a key."""
    return {name: value for name, value in zip(space.names, key, strict=True) if value is not None}
