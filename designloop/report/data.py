"""The numbers behind each figure, from the record and the last model; drawn twice, computed once."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from designloop import _scale as scale
from designloop.oracle import Value
from designloop.record import RunRecord, TrialRecord
from designloop.report.answer import labelled, nearest
from designloop.report.plain import all_units, unit_of
from designloop.space import Space

if TYPE_CHECKING:
    from designloop.learning.saved import SavedModel

Array = NDArray[np.float64]
SLICE, GRID = 101, 61
KINDS = ("feasible", "violating", "infeasible", "failed")


@dataclass(frozen=True, kw_only=True)
class Axis:
    """One axis of a figure."""

    name: str
    unit: str
    log: bool = False

    @property
    def label(self) -> str:
        """``beam_length [um]``."""
        return f"{self.name} [{self.unit}]" if self.unit else self.name


@dataclass(frozen=True, kw_only=True)
class Convergence:
    """Objective by trial; ``trials`` maps each of KINDS to (index, value), value NaN where unknown."""

    axis: Axis
    trials: Mapping[str, tuple[Array, Array]]
    best: tuple[Array, Array]
    """Index and best feasible value so far, where there is one."""
    baseline: float | None


@dataclass(frozen=True, kw_only=True)
class Slice:
    """A metric along one parameter through one design; ``choices`` where it is categorical."""

    axis: Axis
    objective: Axis
    x: Array
    mean: Array
    sd: Array
    allowed: NDArray[np.bool_]
    """False where the predicted mean of a constraint is violated."""
    at: float
    choices: tuple[str, ...] = ()
    tried: tuple[Array, Array] = field(default=(np.zeros(0), np.zeros(0)))


@dataclass(frozen=True, kw_only=True)
class Map:
    """Mean and sd of a metric over two parameters (ny, nx), the others as in one design."""

    x_axis: Axis
    y_axis: Axis
    objective: Axis
    x: Array
    y: Array
    mean: Array
    sd: Array
    constraints: tuple[tuple[str, Array], ...]
    """Label and slack (ny, nx): the line is where it is 0, the violated side below."""
    tried: Mapping[str, tuple[Array, Array]]
    at: tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Parity:
    """Leave-one-out predictions of one metric against what was observed."""

    axis: Axis
    trials: tuple[int, ...]
    observed: Array
    mean: Array
    sd: Array
    z: Array
    coverage: float
    r2: float


def kind_of(record: RunRecord, trial: TrialRecord) -> str:
    """Which of KINDS an ended trial is; empty for one still open, or at a fidelity that does not count."""
    if not record.counts(trial):
        return ""
    if trial.status == "completed":
        return "feasible" if record.is_feasible(trial) else "violating"
    return trial.status if trial.status in KINDS else ""


def convergence(record: RunRecord) -> Convergence:
    """The course of the run."""
    found: dict[str, list[tuple[int, float]]] = {kind: [] for kind in KINDS}
    best: list[tuple[int, float]] = []
    holder: TrialRecord | None = None
    for trial in record.trials:
        kind = kind_of(record, trial)
        if kind:
            value = trial.value(record.metric)
            found[kind].append((trial.index, float("nan") if value is None else value))
        holder = record.best([t for t in (holder, trial) if t is not None])
        if holder is not None:
            best.append((trial.index, float(holder.value(record.metric) or 0.0)))
    baseline = next((t for t in record.trials if t.origin == "baseline"), None)
    values = [v for pairs in found.values() for _, v in pairs if np.isfinite(v)]
    return Convergence(
        axis=metric_axis(record, record.metric, values),
        trials={kind: columns(pairs) for kind, pairs in found.items()},
        best=columns(best),
        baseline=baseline.value(record.metric) if baseline else None,
    )


def columns(pairs: Sequence[tuple[float, float]]) -> tuple[Array, Array]:
    """Pairs as two arrays."""
    array = np.asarray(pairs, dtype=float).reshape(-1, 2)
    return array[:, 0], array[:, 1]


def metric_axis(record: RunRecord, metric: str, values: Sequence[float] | Array) -> Axis:
    """A metric's axis, logarithmic where its values are positive and span a decade and a half."""
    known = np.asarray(values, dtype=float)
    return Axis(name=metric, unit=unit_of(record, metric), log=spans_decades(known))


def spans_decades(values: Array) -> bool:
    """True where a logarithmic axis shows more: all positive, and a factor of 30 apart."""
    return bool(values.size and values.min() > 0 and values.max() > 30 * values.min())


def centre(record: RunRecord) -> TrialRecord | None:
    """The design figures go through: the best or nearest to feasible; in a learning run the middlest."""
    return _middlest(record) if record.learns else record.best() or nearest(record)


def _middlest(record: RunRecord) -> TrialRecord | None:
    """The feasible trial nearest to the middle of the space; the nearest to feasible where none is."""
    feasible = [t for t in record.trials if record.is_feasible(t)]
    if not feasible:
        return nearest(record)
    unit = np.asarray(_space(record).to_unit([dict(t.design) for t in feasible]), dtype=float)
    return feasible[int(((unit - 0.5) ** 2).sum(1).argmin())]


def _space(record: RunRecord) -> Space:
    return Space.from_json({"parameters": record.campaign["parameters"]})


def _completed(record: RunRecord, designs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The designs with what they have: of what comes to exist on the way the middle."""
    conditional = any(p.get("when") for p in record.campaign["parameters"])
    return _space(record).completed(designs) if conditional else designs


def slices(record: RunRecord, saved: SavedModel, metric: str | None = None) -> list[Slice]:
    """A metric, by default the objective, along every parameter of ``centre``; empty without one.

    What comes to exist on the way stands at its middle.
    """
    middle = centre(record)
    if middle is None:
        return []
    metric = metric or record.metric
    own = [p for p in record.campaign["parameters"] if p["name"] in middle.design]
    found = [_slice(record, saved, metric, p, middle.design) for p in own]
    log = all(s.objective.log or s.mean.min() > 0 for s in found) and any(s.objective.log for s in found)
    return [replace(s, objective=replace(s.objective, log=log)) for s in found]


def _slice(
    record: RunRecord, saved: SavedModel, metric: str, parameter: Mapping[str, Any],
    design: Mapping[str, Value],
) -> Slice:  # fmt: skip
    name, choices = parameter["name"], parameter.get("choices") if parameter["kind"] == "choice" else None
    x = np.arange(len(choices), dtype=float) if choices else sweep(parameter, SLICE)
    designs = [{**design, name: choices[int(v)] if choices else _typed(parameter, v)} for v in x]
    answers = _predict(saved, _completed(record, designs))
    mean, sd = answers[metric]
    done = [t for t in record.trials if t.value(metric) is not None and name in t.design and record.counts(t)]
    at = [(_place(parameter, t.design[name]), float(t.value(metric) or 0.0)) for t in done]
    tried = [(x, y) for x, y in at if not math.isnan(x)]
    return Slice(
        axis=Axis(name=name, unit=parameter.get("unit") or "", log=bool(parameter.get("log"))),
        objective=metric_axis(record, metric, mean),
        x=x, mean=mean, sd=sd, at=_place(parameter, design[name]),
        allowed=np.all([slack >= 0 for _, slack in _slacks(record, answers)], axis=0)
        if _slacks(record, answers) else np.ones(len(x), dtype=bool),
        choices=tuple(str(c) for c in choices or ()), tried=columns(tried),
    )  # fmt: skip


def _place(parameter: Mapping[str, Any], value: Value) -> float:
    """Where a value stands on its axis; NaN where it has no place there, as a choice that is none now."""
    if parameter["kind"] != "choice":
        return float(value)
    (one,) = Space.from_json({"parameters": [{k: v for k, v in parameter.items() if k != "when"}]}).parameters
    try:
        return float(scale.to_unit(one, [value])[0]) * (len(parameter["choices"]) - 1)
    except ValueError:
        return math.nan


def sweep(parameter: Mapping[str, Any], n: int) -> Array:
    """``n`` values over a numeric parameter's range, evenly on its own scale."""
    low, high = parameter["lower"], parameter["upper"]
    return np.geomspace(low, high, n) if parameter.get("log") else np.linspace(low, high, n)


def _typed(parameter: Mapping[str, Any], value: float) -> Value:
    return round(value) if parameter["kind"] == "int" else float(value)


def _predict(saved: SavedModel, designs: list[dict[str, Any]]) -> dict[str, tuple[Array, Array]]:
    from designloop.learning.models import predict

    return predict(saved, designs)


def _slacks(record: RunRecord, answers: Mapping[str, tuple[Array, Array]]) -> list[tuple[str, Array]]:
    """Label and slack of each modelled constraint, from predicted means."""
    found = []
    for label, c in labelled(record):
        if c["metric"] in answers:
            mean = answers[c["metric"]][0]
            found.append((label, c["bound"] - mean if c["relation"] == "<=" else mean - c["bound"]))
    return found


def limits(cuts: Sequence[Slice]) -> tuple[float, float]:
    """One objective range for all slices: what the bands span, not what far-off trials reach."""
    low = min(float((s.mean - 1.96 * s.sd).min()) for s in cuts)
    high = max(float((s.mean + 1.96 * s.sd).max()) for s in cuts)
    if any(s.objective.log for s in cuts):
        floor = min(float(s.mean.min()) for s in cuts) / 3
        return max(low, floor) * 0.9, high * 1.1
    pad = 0.05 * (high - low) or abs(high) * 0.05 or 1.0
    return low - pad, high + pad


def influence(found: Sequence[Slice]) -> list[str]:
    """Numeric parameters, the one that moves the predicted objective most first."""

    def span(s: Slice) -> float:
        values = np.log(s.mean) if s.objective.log and s.mean.min() > 0 else s.mean
        return float(np.ptp(values))

    numeric = [s for s in found if not s.choices]
    return [s.axis.name for s in sorted(numeric, key=span, reverse=True)]


def two_parameter_map(
    record: RunRecord, saved: SavedModel, names: Sequence[str], metric: str | None = None
) -> Map | None:
    """A metric, by default the objective, over the first two ``names`` through ``centre``.

    None with fewer than two names.
    """
    metric = metric or record.metric
    middle = centre(record)
    if middle is None or len(names) < 2:
        return None
    px, py = (next(p for p in record.campaign["parameters"] if p["name"] == n) for n in names[:2])
    x, y = sweep(px, GRID), sweep(py, GRID)
    designs = [
        {**middle.design, px["name"]: _typed(px, vx), py["name"]: _typed(py, vy)} for vy in y for vx in x
    ]
    answers = {m: (a.reshape(GRID, GRID), s.reshape(GRID, GRID))
               for m, (a, s) in _predict(saved, _completed(record, designs)).items()}  # fmt: skip
    mean, sd = answers[metric]
    tried = {kind: _tried(record, kind, px["name"], py["name"]) for kind in KINDS}
    axes = [Axis(name=p["name"], unit=p.get("unit") or "", log=bool(p.get("log"))) for p in (px, py)]
    return Map(
        x_axis=axes[0], y_axis=axes[1], objective=metric_axis(record, metric, mean.ravel()), x=x, y=y,
        mean=mean, sd=sd, constraints=tuple(_slacks(record, answers)), tried=tried,
        at=(float(middle.design[px["name"]]), float(middle.design[py["name"]])),
    )  # fmt: skip


def _tried(record: RunRecord, kind: str, x: str, y: str) -> tuple[Array, Array]:
    of_kind = [t.design for t in record.trials if kind_of(record, t) == kind]
    return columns([(float(p[x]), float(p[y])) for p in of_kind if x in p and y in p])


def parities(record: RunRecord, saved: SavedModel) -> list[Parity]:
    """Leave-one-out of the objective first, then of the other modelled metrics."""
    from designloop.learning.models import leave_one_out

    units, found = all_units(record), leave_one_out(saved)
    order = sorted(found, key=lambda metric: metric != record.metric)
    result = []
    for metric in order:
        loo = found[metric]
        axis = Axis(name=metric, unit=units.get(metric, ""), log=spans_decades(loo.observed))
        numbers = {"observed": loo.observed, "mean": loo.mean, "sd": loo.sd, "z": loo.z}
        result.append(Parity(axis=axis, trials=loo.trials, coverage=loo.coverage, r2=loo.r2, **numbers))
    return result
