"""From a history to one Gaussian process per metric: transforms, noise, refit schedule, hyper-parameters."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from designloop.learning.fit import Hyper, fit, initial_hyper
from designloop.learning.gp import MetricModel, encoder_of
from designloop.learning.kernels import Array, Kernel
from designloop.learning.transforms import MetricTransform, candidates
from designloop.strategies.base import History, Problem, Trial

VERSION = 1
EVERY = 20
"""Up to this many trials with data the hyper-parameters are fitted at every one."""
GROWTH = 1.15
"""Beyond, whenever the data have grown by this factor."""
TIE = 2.0
"""A transform must be more probable than the plain one by this factor in natural logarithms."""
VIABILITY = "viability"
"""A model of the strategy's own: +1 where a design gave an answer, -1 where it failed without a reason."""


@dataclass(frozen=True, kw_only=True)
class Trained:
    """The models, objective first, and the state to be journaled."""

    models: tuple[MetricModel, ...]
    fit: dict[str, Any]
    refitted: bool


def refit_due(*, fitted: int, now: int) -> bool:
    """Whether ``now`` trials with data ask for a refit after one at ``fitted``; depends on counts only."""
    if fitted <= 0 or now < fitted:
        return True
    planned = EVERY
    while planned <= fitted:
        planned = math.ceil(planned * GROWTH)
    return now > fitted if now <= EVERY else now >= planned


def metrics_of(problem: Problem) -> list[str]:
    """The metrics to be modelled: the objective, then those of the bounds."""
    return list(dict.fromkeys([problem.metric, *(b.metric for b in problem.bounds)]))


def usable(history: History, metric: str) -> list[Trial]:
    """Trials that hold a finite value of ``metric``."""
    return [
        t
        for t in history.trials
        if t.status in ("completed", "infeasible")
        and metric in t.metrics
        and math.isfinite(t.metrics[metric].value)
    ]


def trainable(problem: Problem, history: History) -> bool:
    """Whether the objective has at least two values: fewer make no model."""
    return len(usable(history, problem.metric)) >= 2


def train(problem: Problem, history: History, *, kernel: Kernel) -> Trained:
    """Fit, or reuse the journaled hyper-parameters where the schedule says so.

    Between refits the transforms and standardizations of the last fit stay too, so that its
    hyper-parameters keep their meaning.
    """
    now = sum(t.status in ("completed", "infeasible") for t in history.trials)
    old = history.fit if _fits(history.fit, problem, kernel) else None
    refit = old is None or refit_due(fitted=int(old["n"]), now=now)
    models, states = [], {}
    for metric in metrics_of(problem):
        trials = usable(history, metric)
        if len(trials) < 2:
            continue
        known = None if old is None else old["metrics"].get(metric)
        limits = [(b.lower, b.upper) for b in problem.bounds if b.metric == metric]
        bounds = [v for pair in limits for v in pair if v is not None]
        if refit or known is None or known["bounds"] != bounds:
            state = _fit_metric(problem, metric, trials, kernel, bounds, known)
        else:
            state = dict(known)
        states[metric] = state
        models.append(_model(problem, metric, trials, kernel, state))
    viability = _viability(problem, history, kernel)
    content = {"version": VERSION, "kernel": kernel, "n": now, "metrics": states}
    kept: dict[str, Any] = (
        content if refit or old is None else {**old, "metrics": {**old["metrics"], **states}}
    )
    return Trained(models=(*models, *viability), fit=kept, refitted=refit)


def _fits(state: Mapping[str, Any] | None, problem: Problem, kernel: Kernel) -> bool:
    if state is None or state.get("version") != VERSION or state.get("kernel") != kernel:
        return False
    d = len(problem.space.parameters)
    return all(len(s["lengthscales"]) == d for s in state["metrics"].values())


def _data(
    problem: Problem, metric: str, trials: Sequence[Trial], transform: MetricTransform
) -> tuple[Array, Array, Array]:
    """Unit points, model values and known noise variances (NaN: unknown)."""
    unit = np.asarray(problem.space.to_unit([t.parameters for t in trials]), dtype=float)
    values = np.array([t.metrics[metric].value for t in trials])
    sems = np.array([math.nan if (s := t.metrics[metric].sem) is None else s for t in trials])
    z = transform.forward(values)
    if not np.isfinite(z).all():  # a later value that a logarithm chosen earlier cannot take
        z = np.where(np.isfinite(z), z, np.nanmin(np.where(np.isfinite(z), z, np.nan)) - 1.0)
        sems = np.where(values > 0, sems, math.nan)
    noise = (sems * transform.slope(np.where(np.isfinite(sems), values, 1.0))) ** 2
    return unit, z, np.maximum(noise, 1e-6)


def _fit_metric(
    problem: Problem,
    metric: str,
    trials: Sequence[Trial],
    kernel: Kernel,
    bounds: Sequence[float],
    known: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Fit every transform worth a comparison and keep the most probable; the plain one on a near tie."""
    starts = [initial_hyper(len(problem.space.parameters))]
    if known is not None:
        starts.append(Hyper(lengthscales=tuple(known["lengthscales"]), noise=known["noise"]))
    best: dict[str, Any] = {"bounds": list(bounds)}
    lowest = math.inf
    values = [t.metrics[metric].value for t in trials]
    for transform in candidates(values, bounds=bounds):
        unit, z, noise = _data(problem, metric, trials, transform)
        hyper, loss = fit(unit, z, noise, encoder=encoder_of(problem.space), kernel=kernel, starts=starts)
        loss -= float(np.log(transform.slope(np.asarray(values))).sum())
        if loss < lowest - (TIE if "noise" in best else 0.0):
            best |= {"lengthscales": list(hyper.lengthscales), "noise": hyper.noise}
            best["transform"], lowest = transform.to_json(), loss
    return best


def _model(
    problem: Problem, metric: str, trials: Sequence[Trial], kernel: Kernel, state: Mapping[str, Any]
) -> MetricModel:
    transform = MetricTransform.from_json(state["transform"])
    unit, z, noise = _data(problem, metric, trials, transform)
    return MetricModel(
        metric=metric,
        encoder=encoder_of(problem.space),
        kernel=kernel,
        lengthscales=tuple(state["lengthscales"]),
        transform=transform,
        unit=unit,
        z=z,
        noise=np.where(np.isnan(noise), state["noise"], noise),
        noise_level=float(state["noise"]),
        trials=tuple(t.index for t in trials),
    )


def _viability(problem: Problem, history: History, kernel: Kernel) -> list[MetricModel]:
    """A model of failures that no outcome constraint explains; none where there are none.

    Prior mean +1 and lengthscales of a tenth of the diagonal: a failure repels its neighbourhood and
    says nothing of designs far away.
    """
    ended = [t for t in history.trials if t.status != "pending"]
    dead = {t.index for t in ended if t.status == "failed" or _unexplained(problem, t)}
    if not dead:
        return []
    unit = np.asarray(problem.space.to_unit([t.parameters for t in ended]), dtype=float)
    d = unit.shape[1]
    return [
        MetricModel(
            metric=VIABILITY,
            encoder=encoder_of(problem.space),
            kernel=kernel,
            lengthscales=(0.1 * math.sqrt(d),) * d,
            transform=MetricTransform(),
            unit=unit,
            z=np.array([-1.0 if t.index in dead else 1.0 for t in ended]),
            noise=np.full(len(ended), 0.01),
            noise_level=0.01,
            trials=tuple(t.index for t in ended),
            fixed_mean=1.0,
            internal=True,
        )
    ]


def _unexplained(problem: Problem, trial: Trial) -> bool:
    """An infeasible trial without an objective value whose known margins break no bound."""
    if trial.status != "infeasible" or problem.metric in trial.metrics:
        return False
    for b in problem.bounds:
        value = trial.metrics[b.metric].value if b.metric in trial.metrics else None
        if value is None:
            continue
        if (b.lower is not None and value < b.lower) or (b.upper is not None and value > b.upper):
            return False
    return True


def distinct(unit: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distinct rows, in order of first appearance."""
    _, first = np.unique(np.round(unit, 9), axis=0, return_index=True)
    return unit[np.sort(first)]
