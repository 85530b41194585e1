"""The resolved campaign: one YAML file checked against the oracle's declaration, frozen.

Parameters carry the unit the user wrote; ``to_oracle`` converts at the border. Metrics carry the unit
the oracle declares.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from designloop import units
from designloop.campaign.execution import Execution
from designloop.oracle import Declaration, Input, Value
from designloop.space import Space

if TYPE_CHECKING:
    from designloop.campaign.composition import Composition
    from designloop.campaign.schema import CampaignFile
    from designloop.reading.expression import Expression

Mode = Literal["nominal", "mean", "worst_corner", "yield", "learn"]
ErrorKind = Literal["relative", "absolute", "spread"]
Judge = Literal["leave_one_out", "held_out", "reference"]
OptionValue = Value | tuple[int, ...] | tuple[str, ...]
"""One option of a strategy."""
Aggregate = Literal["nominal", "mean", "max", "min", "yield"]


@dataclass(frozen=True, kw_only=True)
class ProcessVariable:
    """A random input that a design must survive: in the unit the user wrote."""

    name: str
    unit: str
    distribution: Literal["normal"]
    mean: float
    sd: float


@dataclass(frozen=True, kw_only=True)
class Derived:
    """A value computed from the others: an input of the oracle, in its unit, or a name for expressions."""

    name: str
    unit: str
    expression: Expression


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A number that each trial yields to the strategy, computed from the oracle's outputs.

    ``name`` is the metric's name in the record, such as ``noise_equivalent_field.max``;
    ``aggregate`` says over what: the nominal die, the mean of the sampled dies, the largest or
    smallest over the corners, or the share of dies that meet every spec.
    """

    name: str
    unit: str
    expression: Expression
    aggregate: Aggregate


@dataclass(frozen=True, kw_only=True)
class Objective:
    """What to improve: an outcome's name, and which way.

    Under mode ``learn`` nothing is improved: ``metric`` is the first of those to be learned.
    """

    metric: str
    minimize: bool
    mode: Mode
    sigma: float = 3.0
    """Corners stand this many standard deviations from the mean."""
    samples: int = 256
    """Dies per trial under the modes mean and yield."""


@dataclass(frozen=True, kw_only=True)
class OutcomeConstraint:
    """A bound on one outcome: ``metric <= bound`` or ``metric >= bound``, in the metric's unit."""

    metric: str
    relation: Literal["<=", ">="]
    bound: float
    label: str
    """The user's own text, or the name of the margin it comes from."""
    is_margin: bool = False


@dataclass(frozen=True, kw_only=True)
class Spec:
    """One side of a specification of a die: ``slack >= 0`` meets it."""

    label: str
    slack: Expression


@dataclass(frozen=True, kw_only=True)
class Aim:
    """How well one metric shall be known: a root mean square error over designs of the space.

    ``relative``: over the mean of the absolute values; ``absolute``: in the metric's unit; ``spread``: over
    the standard deviation of the values.
    """

    metric: str
    error: float
    kind: ErrorKind
    label: str
    """The user's own text."""


@dataclass(frozen=True, kw_only=True)
class Goal:
    """What to learn, and on which designs the error is judged."""

    aims: tuple[Aim, ...]
    by: Judge = "leave_one_out"
    designs: int = 0
    """Test designs under ``held_out`` and ``reference``."""
    reference: str | None = None
    """The cheap oracle that knows the truth."""


@dataclass(frozen=True, kw_only=True)
class Register:
    """Under which name and alias the last model is registered, and whether only once the goal is reached."""

    name: str
    alias: str = "champion"
    if_reached: bool = False


@dataclass(frozen=True, kw_only=True)
class Stop:
    """When the campaign ends."""

    trials: int
    no_improvement_trials: int | None = None
    no_improvement_less_than: float | None = None
    """Relative improvement of the best feasible value, as a fraction."""
    wall_time: float | None = None
    """Seconds."""
    at_goal: bool = True
    disagreement: float | None = None
    """Largest disagreement of the committee, as a share of the spread, at which nothing is left to learn."""
    coverage_trials: int | None = None
    coverage_less_than: float | None = None
    """Relative growth of the reached property space over ``coverage_trials`` trials, as a fraction."""
    nothing_to_gain: float | None = None
    """Promised relative improvement of the best feasible value, as a fraction, that is not worth a trial."""
    target: float | None = None
    """Value of the objective that is good enough, in its unit."""
    cost: float | None = None
    """Seconds of the oracle, all attempts together."""
    licence_time: Mapping[str, float] = field(default_factory=dict)
    """Seconds for which attempts may hold licences, by name; of the name "": all licences together."""
    until: str | None = None
    """Local date and time without zone, ISO 8601."""


@dataclass(frozen=True, kw_only=True)
class StrategyChoice:
    """Name and options of the strategy, as the strategies' own declarations allow them."""

    name: str
    options: Mapping[str, OptionValue]
    initial: Mapping[str, int]
    """Generator and count of the initial design: ``{"sobol": 8}``."""
    until: Literal["goal"] | int | None = None
    """What ends this phase: the goal, or so many trials of its own; None: the end of the campaign."""


@dataclass(frozen=True, kw_only=True)
class ImportedTrial:
    """A row of ``existing_trials``: data, also where it lies outside the space."""

    source: str
    """File and row."""
    parameters: Mapping[str, Value]
    metrics: Mapping[str, float]
    """Outcome or output names to values, in declared units; empty where the row failed."""
    failed: bool = False
    in_range: bool = True


@dataclass(frozen=True, kw_only=True)
class Level:
    """One of the fidelities that a campaign chooses from."""

    name: str
    cost: float
    """Seconds of one evaluation of the oracle."""
    fixed: Mapping[str, Value]
    """All fixed inputs under it."""


@dataclass(frozen=True, kw_only=True)
class Campaign:
    """The frozen content of one campaign file."""

    name: str
    description: str
    seed: int
    text: str
    """The YAML as written, after overrides."""
    folder: Path
    """Input files resolve against it."""
    file: CampaignFile
    oracle_name: str
    """In words where a pipeline answers."""
    oracle_options: Mapping[str, Value]
    declaration: Declaration
    composition: Composition | None = None
    """The stages of a pipeline, or the one that escalates; None for a plain oracle."""
    space: Space
    fidelity: str | None
    """Its settings stand in ``fixed``, but for inputs that the file sets itself."""
    fidelities: tuple[Level, ...] = ()
    """Two to choose from, the one that counts last; ``fixed`` is then that of the last."""
    fixed: Mapping[str, Value]
    """In the oracle's declared units."""
    derived: tuple[Derived, ...]
    process: tuple[ProcessVariable, ...]
    realizations: tuple[str, ...] = ()
    """Those that every die has of its own, such as ``film.realization``; dies share the others."""
    outcomes: tuple[Outcome, ...]
    """The objective's outcome first, then those to be learned, then one per outcome constraint."""
    objective: Objective
    constraints: tuple[OutcomeConstraint, ...]
    specs: tuple[Spec, ...]
    baseline: Mapping[str, Value] | None
    start_with: tuple[Mapping[str, Value], ...]
    existing: tuple[ImportedTrial, ...]
    phases: tuple[StrategyChoice, ...]
    """Strategies one after the other, on the same data."""
    goal: Goal | None
    register: Register
    stop: Stop
    execution: Execution
    tracking_uri: str | None
    """Absolute where it is a file store; None: no tracking."""
    tracking_models: Literal["every_fit", "checkpoints", "last"]

    @property
    def counts(self) -> str | None:
        """The fidelity whose answers count; None where the campaign names none."""
        return self.fidelities[-1].name if self.fidelities else self.fidelity

    def at(self, fidelity: str | None) -> Campaign:
        """The campaign with the fixed inputs of one of its fidelities; by default of the one that counts."""
        level = next((f for f in self.fidelities if f.name == fidelity), None)
        return self if level is None else replace(self, fixed=level.fixed)

    @property
    def dies(self) -> int:
        """How often one trial asks the oracle."""
        if not (self.process or self.realizations) or self.objective.mode in ("nominal", "learn"):
            return 1
        sampled = 1 << (self.objective.samples - 1).bit_length()  # as many as the point sets hold
        return 1 + (2 ** len(self.process) if self.objective.mode == "worst_corner" else sampled)

    @property
    def strategy(self) -> StrategyChoice:
        """The first strategy."""
        return self.phases[0]

    def inputs_of(self, design: Mapping[str, Value], process: Mapping[str, float]) -> dict[str, Value]:
        """All inputs of the oracle, in its declared units, for a design and one process sample.

        ``design`` holds the chosen parameters and ``process`` the process variables, both in the
        user's units; fixed and derived inputs are added, inputs left at their defaults are not, nor are
        those that the design does not have.
        """
        written = {p.name: p.unit for p in self.space.parameters} | {v.name: v.unit for v in self.process}
        known = self.known(design, process)
        inputs = dict(self.fixed)
        for declared in (i for i in self.declaration.inputs if i.name in known):
            name = declared.name
            if name in written:
                inputs[name] = at_border(known[name], written[name], declared)
            elif any(d.name == name for d in self.derived):
                inputs[name] = at_border(known[name], declared.unit, declared)
        return inputs

    def known(self, design: Mapping[str, Any], process: Mapping[str, Any]) -> dict[str, Any]:
        """What an expression may name beside the oracle's outputs, for a design and one process sample.

        Parameters and process variables in the user's units; fixed, derived and default inputs in the
        oracle's. Values may be arrays of one shape. What a design does not have, and what is computed from
        it, is left out.
        """
        defaults = {i.name: i.default for i in self.declaration.inputs if i.default is not None}
        columns: dict[str, Any] = {**defaults, **self.fixed, **process, **design}
        for name in self.space.conditions.keys() - design.keys():
            columns.pop(name, None)
        for derived in self.derived:
            if derived.expression.names <= columns.keys():
                columns[derived.name] = derived.expression.evaluate(columns)
            else:
                columns.pop(derived.name, None)
        return columns


def at_border(value: Any, unit: str, declared: Input) -> Value:
    """A value in the user's unit as the oracle takes it.

    A number that the conversion puts beyond a declared bound by rounding alone is put on the bound.
    """
    if isinstance(value, str | bool) or (declared.choices and unit == declared.unit):
        plain: Value = value.item() if hasattr(value, "item") else value
        return plain
    if declared.integer:
        return round(float(units.convert(float(value), unit, declared.unit)))
    number = float(units.convert(float(value), unit, declared.unit))
    for bound in (declared.lower, declared.upper):
        if bound is not None and math.isclose(number, bound, rel_tol=1e-12):
            return float(bound)
    return number
