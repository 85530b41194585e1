"""The design space: chosen parameters and their constraints, to the unit cube and back.

Pure and light (NumPy only). Values are in the user's units throughout.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from designloop import _activity as activity
from designloop import _scale as scale
from designloop._activity import CENTER, Activity, Mask
from designloop._conditions import Conditions
from designloop._scale import ChoiceParameter, FloatParameter, IntParameter, Parameter, Value

__all__ = [
    "Array", "ChoiceParameter", "Constraint", "Derived", "Design", "FloatParameter", "IntParameter",
    "Parameter", "Space", "Value",
]  # fmt: skip

Design = Mapping[str, Value]
Array = NDArray[np.float64]

_MOST_NEIGHBOURS = 20_000
"""Designs that one step of ``snap_feasible`` may look at."""

_MOVED_TOGETHER = 8
"""With more constrained parameters than these, ``snap_feasible`` moves them two at a time."""


class Constraint(Protocol):
    """An input constraint: ``slack(columns) >= 0`` means allowed.

    ``columns`` maps names to arrays of any one shape (NumPy or torch); the answer has that shape.
    ``label`` is the user's own text.
    """

    @property
    def label(self) -> str:
        """The user's own text."""
        ...

    def slack(self, columns: Mapping[str, Any]) -> Any:
        """Signed distance to the bound in the constraint's own scale; at or above zero is allowed."""
        ...


class Derived(Protocol):
    """A named value computed from columns, such as an expression."""

    def evaluate(self, columns: Mapping[str, Any]) -> Any:
        """Values of the shape of the columns."""
        ...


@dataclass(frozen=True)
class Space:
    """The chosen parameters, what constrains them, and the unit cube they map to.

    ``fixed`` values and ``derived`` expressions are columns beside the parameters that constraints may name;
    ``derived`` may use what stands before it. Designs are mappings of parameter names to values, points are
    rows of the unit cube with one coordinate per parameter. A parameter whose condition (``when``) fails does
    not exist: designs leave it out, points have ``CENTER`` there, constraints that name it hold. Raises
    ValueError for ill-formed parameters and conditions.
    """

    parameters: tuple[Parameter, ...]
    constraints: tuple[Constraint, ...] = ()
    fixed: Mapping[str, Value] = field(default_factory=dict)
    derived: Mapping[str, Derived] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for parameter in self.parameters:
            scale.check(parameter)
        for name in {n for n in self.names if self.names.count(n) > 1}:
            raise ValueError(f"the parameter {name!r} stands twice in the space.")
        if any(p.when for p in self.parameters):
            self.conditions  # noqa: B018 - reads them, and raises

    @property
    def names(self) -> tuple[str, ...]:
        """Parameter names, in the order of the unit cube's coordinates."""
        return tuple(p.name for p in self.parameters)

    @property
    def dimension(self) -> int:
        """Number of parameters."""
        return len(self.parameters)

    @cached_property
    def _activity(self) -> Activity:
        return Activity(self.parameters)

    @property
    def conditions(self) -> Conditions:
        """The comparisons of each conditional parameter, those that others need first."""
        return self._activity.conditions

    @property
    def size(self) -> int | None:
        """Number of distinct designs where every parameter is discrete, constraints aside; None otherwise.

        An upper bound where the parameters on which others depend have very many combinations.
        """
        counts = [scale.levels(p) for p in self.parameters]
        known = [count for count in counts if count is not None]
        return self._activity.count(known) if len(known) == len(counts) else None

    def active(self, designs: Sequence[Design]) -> Mask:
        """Which parameters each design has, (n, d), by the values of those that they depend on."""
        return self._activity.of_designs(designs)

    def active_of_unit(self, points: Any) -> Mask:
        """Which parameters points ``(..., d)`` have, by the designs that they are snapped to."""
        return self._activity.of_points(points)

    def canonical(self, points: Any) -> Any:
        """Points ``(..., d)``, arrays or tensors, with ``CENTER`` for parameters that they do not have."""
        if not self.conditions:
            return points
        return scale.chosen(self.active_of_unit(points), points, CENTER)

    def to_unit(self, designs: Sequence[Design]) -> Array:
        """Points ``(n, d)`` of designs; beyond 0 and 1 where a value is out of range.

        Values of parameters that a design cannot have count for nothing. Raises KeyError for a missing name
        and ValueError for a value that is no choice.
        """
        points = np.full((len(designs), self.dimension), CENTER)
        active = self.active(designs) if self.conditions else None
        for column, parameter in enumerate(self.parameters):
            if not parameter.when or active is None:
                points[:, column] = scale.to_unit(parameter, [d[parameter.name] for d in designs])
                continue
            has = active[:, column]
            values = [activity.given(parameter, d) for d, own in zip(designs, has, strict=True) if own]
            points[has, column] = scale.to_unit(parameter, values)
        return points

    def from_unit(self, points: Array) -> list[dict[str, Value]]:
        """Designs of points ``(n, d)``: inside the bounds, on steps, whole numbers and choices.

        Values are Python scalars with the decimals of their grid. Raises ValueError for NaN.
        """
        points = np.atleast_2d(np.asarray(points, dtype=float))
        if np.isnan(points).any():
            raise ValueError("a point of the unit cube holds NaN.")
        points = np.clip(points, 0.0, 1.0)
        values = [scale.snap(p, points[:, i]) for i, p in enumerate(self.parameters)]
        designs = [dict(zip(self.names, row, strict=True)) for row in zip(*values, strict=True)]
        return self.pruned(designs) if self.conditions else designs

    def snapped(self, points: Array) -> Array:
        """Points ``(n, d)`` of the designs nearest to points: ``to_unit`` after ``from_unit``, faster."""
        points = np.clip(np.asarray(points, dtype=float), 0.0, 1.0)
        columns = [scale.to_unit(p, scale.snap(p, points[:, i])) for i, p in enumerate(self.parameters)]
        return np.asarray(self.canonical(np.stack(columns, axis=-1))) if columns else points

    def pruned(self, designs: Sequence[Design]) -> list[dict[str, Value]]:
        """Designs without the values of parameters that they cannot have; other names stay."""
        rows = zip(designs, self.active(designs), strict=True)
        gone = [(d, {n for n, has in zip(self.names, row, strict=True) if not has}) for d, row in rows]
        return [{n: v for n, v in design.items() if n not in names} for design, names in gone]

    def completed(self, designs: Sequence[Design]) -> list[dict[str, Value]]:
        """Designs with the middle for each conditional parameter that they lack, pruned."""
        middles = {p.name: scale.middle(p) for p in self.parameters if p.when}
        return self.pruned([{**middles, **design} for design in designs])

    def columns(self, designs: Sequence[Design]) -> dict[str, Any]:
        """Arrays ``(n,)`` by name: parameters, fixed values and derived ones.

        A parameter that a design does not have stands at its middle.
        """
        base = {p.name: activity.column(p, designs) for p in self.parameters}
        return self._completed(base, np.zeros(len(designs)))

    def columns_of_unit(self, points: Any) -> dict[str, Any]:
        """Arrays or tensors ``(...)`` by name, of points ``(..., d)``, without snapping to grids.

        Gradients of torch tensors flow; choices take the nearest one and have none. A parameter that a point
        does not have stands at its middle.
        """
        points = self.canonical(points)
        base = {p.name: scale.from_unit(p, points[..., i]) for i, p in enumerate(self.parameters)}
        return self._completed(base, 0.0 * points[..., 0] if self.dimension else np.zeros(points.shape[:-1]))

    def _completed(self, columns: dict[str, Any], zeros: Any) -> dict[str, Any]:
        for name, value in self.fixed.items():
            number = isinstance(value, int | float) and not isinstance(value, bool)
            columns[name] = zeros + value if number else np.full(tuple(zeros.shape), value, dtype=object)
        for name, expression in self.derived.items():
            columns[name] = zeros + expression.evaluate(columns)
        return columns

    def slack(self, designs: Sequence[Design]) -> Array:
        """Slack ``(n, m)`` of the m constraints, in each constraint's own unit; at or above 0 is allowed.

        A constraint that names a parameter which a design does not have holds.
        """
        active = self.active(designs) if self.conditions else None
        slack = self._slack(self.columns(designs), np.zeros(len(designs)), active)
        return np.asarray(slack, dtype=float)

    def slack_of_unit(self, points: Any) -> Any:
        """Slack ``(..., m)`` of points ``(..., d)``, without snapping; gradients of torch tensors flow."""
        active = self.active_of_unit(points) if self.conditions else None
        return self._slack(self.columns_of_unit(points), 0.0 * points.sum(-1), active)

    def _slack(self, columns: Mapping[str, Any], zeros: Any, active: Mask | None) -> Any:
        parts = []
        for constraint in self.constraints:
            slack = constraint.slack(columns)
            if isinstance(slack, np.ndarray) and not isinstance(zeros, np.ndarray):
                slack = zeros.new_tensor(slack)
            if active is not None and (places := self._conditional(constraint)):
                slack = scale.chosen(np.asarray(active[..., places].all(-1)), zeros + slack, 1.0)
            parts.append(zeros + slack)
        if isinstance(zeros, np.ndarray | np.floating):
            return np.stack(parts, axis=-1) if parts else np.zeros((*zeros.shape, 0))
        return scale.stack(parts) if parts else zeros.new_zeros((*zeros.shape, 0))

    def _conditional(self, constraint: Constraint) -> list[int]:
        """Places of the conditional parameters that a constraint names, itself or through derived values."""
        names = set(getattr(constraint, "names", ()))
        for name in reversed(list(self.derived)):
            if name in names:
                names |= set(getattr(self.derived[name], "names", ()))
        return [i for i, name in enumerate(self.names) if name in self.conditions and name in names]

    def feasible(self, designs: Sequence[Design]) -> NDArray[np.bool_]:
        """True ``(n,)`` where every constraint holds."""
        return np.asarray((self.slack(designs) >= 0).all(axis=-1))

    def contains(self, design: Design) -> str | None:
        """None where the design lies inside all bounds, on a grid or not; else a sentence."""
        wrong = self._activity.problem(design)
        if wrong:
            return wrong
        given = (p for p in self.parameters if design.get(p.name) is not None)
        problems = (scale.problem(p, design[p.name]) for p in given)
        return next((text for text in problems if text), None)

    def enumerate(self, limit: int) -> list[dict[str, Value]]:
        """Every design of a discrete space, constraints aside, the last parameter running fastest.

        Raises ValueError where a parameter is continuous or there are more than ``limit`` designs.
        """
        size = self.size
        if size is None or size > limit:
            raise ValueError(f"the space has {size or 'infinitely many'} designs, more than {limit}.")
        if self.conditions:
            return self.from_unit(self._activity.grid(range(self.dimension)))
        levels = [scale.levels(p) or 1 for p in self.parameters]
        axes = [scale.level_units(p, np.arange(n)) for p, n in zip(self.parameters, levels, strict=True)]
        grid = np.stack([a.ravel() for a in np.meshgrid(*axes, indexing="ij")], axis=-1) if axes else None
        return self.from_unit(grid) if grid is not None else [{}]

    def snap_feasible(self, point: Array) -> dict[str, Value] | None:
        """The allowed design nearest a point ``(d,)``, among neighbouring grid values; None if there is none.

        Continuous coordinates stay, or move a little where the constraints ask for it. Deterministic.
        """
        point = self.canonical(np.clip(np.asarray(point, dtype=float), 0.0, 1.0))
        best: dict[str, Value] | None = None
        distance = np.inf
        for radius in (0.0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5):
            if distance <= radius:
                break
            near = self.canonical(self._near(point, radius))
            near = near[(self.slack_of_unit(near) >= 0).all(axis=-1)]
            near = near[np.argsort(np.linalg.norm(near - point, axis=-1), kind="stable")][:64]
            designs = self.from_unit(near) if near.size else []
            allowed = [i for i, good in enumerate(self.feasible(designs)) if good] if designs else []
            if allowed:
                best, distance = designs[allowed[0]], float(np.linalg.norm(near[allowed[0]] - point))
        return best

    def _near(self, point: Array, radius: float) -> Array:
        """Points ``(n, d)`` around one: combinations of moves along the coordinates that are constrained."""
        base = self.to_unit(self.from_unit(point))[0]
        free = self._constrained()
        together = [free] if len(free) <= _MOVED_TOGETHER else list(itertools.combinations(free, 2))
        found = [base[None]]
        for moved in together:
            most = int((_MOST_NEIGHBOURS / len(together)) ** (1 / max(1, len(moved))))
            axes = [scale.around(self.parameters[i], point[i], radius, max(3, most)) for i in moved]
            points = np.tile(base, (math.prod(map(len, axes)), 1))
            points[:, moved] = np.array(list(itertools.product(*axes))).reshape(len(points), len(moved))
            found.append(points)
        return np.concatenate(found)

    def _constrained(self) -> tuple[int, ...]:
        """Places of the parameters that some constraint may depend on."""
        named: set[str] = set()
        for constraint in self.constraints:
            named |= set(getattr(constraint, "names", self.names))
        everything = bool(named & set(self.derived))
        return tuple(i for i, name in enumerate(self.names) if everything or name in named)

    def feasible_share(self, n: int = 4096) -> float:
        """Share of the box that the constraints allow, from ``n`` points of a fixed sequence."""
        if not self.constraints:
            return 1.0
        return float(self.feasible(self.from_unit(scale.spread(n, self.dimension))).mean())

    def to_json(self) -> dict[str, Any]:
        """The parameters as plain JSON; constraints, fixed and derived values are left out."""
        return {"parameters": [scale.to_json(p) for p in self.parameters]}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Space:
        """The space that ``to_json`` wrote. Raises ValueError for an unknown kind of parameter."""
        return cls(tuple(scale.from_json(entry) for entry in content["parameters"]))
