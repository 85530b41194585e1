"""The design space: chosen parameters and their constraints, to the unit cube and back.

Pure and light (NumPy only). Values are in the user's units throughout.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from designloop import _scale as scale
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
    rows of the unit cube with one coordinate per parameter. Raises ValueError for ill-formed parameters.
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

    @property
    def names(self) -> tuple[str, ...]:
        """Parameter names, in the order of the unit cube's coordinates."""
        return tuple(p.name for p in self.parameters)

    @property
    def dimension(self) -> int:
        """Number of parameters."""
        return len(self.parameters)

    @property
    def size(self) -> int | None:
        """Number of designs where every parameter is discrete, constraints aside; None otherwise."""
        total = 1
        for parameter in self.parameters:
            count = scale.levels(parameter)
            if count is None:
                return None
            total *= count
        return total

    def to_unit(self, designs: Sequence[Design]) -> Array:
        """Points ``(n, d)`` of designs; beyond 0 and 1 where a value is out of range.

        Raises KeyError for a missing name and ValueError for a value that is no choice.
        """
        points = np.empty((len(designs), self.dimension))
        for column, parameter in enumerate(self.parameters):
            points[:, column] = scale.to_unit(parameter, [d[parameter.name] for d in designs])
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
        return [dict(zip(self.names, row, strict=True)) for row in zip(*values, strict=True)]

    def columns(self, designs: Sequence[Design]) -> dict[str, Any]:
        """Arrays ``(n,)`` by name: parameters, fixed values and derived ones."""
        base = {p.name: scale.column([d[p.name] for d in designs]) for p in self.parameters}
        return self._completed(base, np.zeros(len(designs)))

    def columns_of_unit(self, points: Any) -> dict[str, Any]:
        """Arrays or tensors ``(...)`` by name, of points ``(..., d)``, without snapping to grids.

        Gradients of torch tensors flow; choices take the nearest one and have none.
        """
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
        """Slack ``(n, m)`` of the m constraints, in each constraint's own unit; at or above 0 is allowed."""
        slack = self._slack(self.columns(designs), np.zeros(len(designs)))
        return np.asarray(slack, dtype=float)

    def slack_of_unit(self, points: Any) -> Any:
        """Slack ``(..., m)`` of points ``(..., d)``, without snapping; gradients of torch tensors flow."""
        return self._slack(self.columns_of_unit(points), 0.0 * points.sum(-1))

    def _slack(self, columns: Mapping[str, Any], zeros: Any) -> Any:
        parts = []
        for constraint in self.constraints:
            slack = constraint.slack(columns)
            if isinstance(slack, np.ndarray) and not isinstance(zeros, np.ndarray):
                slack = zeros.new_tensor(slack)
            parts.append(zeros + slack)
        if isinstance(zeros, np.ndarray | np.floating):
            return np.stack(parts, axis=-1) if parts else np.zeros((*zeros.shape, 0))
        return scale.stack(parts) if parts else zeros.new_zeros((*zeros.shape, 0))

    def feasible(self, designs: Sequence[Design]) -> NDArray[np.bool_]:
        """True ``(n,)`` where every constraint holds."""
        return np.asarray((self.slack(designs) >= 0).all(axis=-1))

    def contains(self, design: Design) -> str | None:
        """None where the design lies inside all bounds, on a grid or not; else a sentence."""
        missing = [name for name in self.names if name not in design]
        if missing:
            return f"no value is given for {', '.join(map(repr, missing))}."
        problems = (scale.problem(p, design[p.name]) for p in self.parameters)
        return next((text for text in problems if text), None)

    def enumerate(self, limit: int) -> list[dict[str, Value]]:
        """Every design of a discrete space, constraints aside, the last parameter running fastest.

        Raises ValueError where a parameter is continuous or there are more than ``limit`` designs.
        """
        size = self.size
        if size is None or size > limit:
            raise ValueError(f"the space has {size or 'infinitely many'} designs, more than {limit}.")
        levels = [scale.levels(p) or 1 for p in self.parameters]
        axes = [scale.level_units(p, np.arange(n)) for p, n in zip(self.parameters, levels, strict=True)]
        grid = np.stack([a.ravel() for a in np.meshgrid(*axes, indexing="ij")], axis=-1) if axes else None
        return self.from_unit(grid) if grid is not None else [{}]

    def snap_feasible(self, point: Array) -> dict[str, Value] | None:
        """The allowed design nearest a point ``(d,)``, among neighbouring grid values; None if there is none.

        Continuous coordinates stay, or move a little where the constraints ask for it. Deterministic.
        """
        point = np.clip(np.asarray(point, dtype=float), 0.0, 1.0)
        best: dict[str, Value] | None = None
        distance = np.inf
        for radius in (0.0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5):
            if distance <= radius:
                break
            near = self._near(point, radius)
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
        return {"parameters": [{"kind": scale.kind(p), **asdict(p)} for p in self.parameters]}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Space:
        """The space that ``to_json`` wrote. Raises ValueError for an unknown kind of parameter."""
        return cls(tuple(scale.from_json(entry) for entry in content["parameters"]))
