"""From a history to one Gaussian process per metric: transforms, noise, refit schedule, hyper-parameters."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from designloop.learning.features import Encoder, encoder_of
from designloop.learning.fit import Hyper, fit, initial_hyper
from designloop.learning.fit_free import FreeHyper, first_starts, fit_free
from designloop.learning.gp import MetricModel
from designloop.learning.kernels import Array, Kernel
from designloop.learning.transforms import MetricTransform, candidates
from designloop.space import Space
from designloop.strategies.base import History, Problem, Trial
from designloop.strategies.labels import TIE, labels_of
from designloop.strategies.linked import fit_link, linked_model, split
from designloop.strategies.thinning import ended
from designloop.strategies.viability import VIABILITY, journaled, viability

VERSION = 1
EVERY = 20
"""Up to this many trials with data the hyper-parameters are fitted at every one."""
EVERY_FREE = 150
"""The same for a free signal variance, whose fit takes a hundredth of a second."""
GROWTH = 1.15
"""Beyond, whenever the data have grown by this factor."""


@dataclass(frozen=True, kw_only=True)
class Trained:
    """The models, objective first, and the state to be journaled."""

    models: tuple[MetricModel, ...]
    fit: dict[str, Any]
    refitted: bool


def refit_due(*, fitted: int, now: int, every: int = EVERY) -> bool:
    """Whether ``now`` trials with data ask for a refit after one at ``fitted``; depends on counts only.

    Up to ``every`` trials each one does, beyond each growth of the data by GROWTH.
    """
    if fitted <= 0 or now < fitted:
        return True
    planned = every
    while planned <= fitted:
        planned = math.ceil(planned * GROWTH)
    return now > fitted if now <= every else now >= planned


def metrics_of(problem: Problem) -> list[str]:
    """The metrics to be modelled: the objective, those to be learned, then those of the bounds."""
    return list(dict.fromkeys([problem.metric, *problem.learn, *(b.metric for b in problem.bounds)]))


def learned_metrics(problem: Problem) -> tuple[str, ...]:
    """The metrics whose response a learning strategy learns; the objective where none is named."""
    return problem.learn or (problem.metric,)


def usable(history: History, metric: str) -> list[Trial]:
    """Trials that hold a finite value of ``metric``."""
    return [
        t
        for t in history.trials
        if t.status in ("completed", "infeasible")
        and metric in t.metrics
        and math.isfinite(t.metrics[metric].value)
    ]


def measured(problem: Problem, history: History) -> list[Trial]:
    """Trials that hold a finite value of every learned metric."""
    each = [{t.index for t in usable(history, m)} for m in learned_metrics(problem)]
    return [t for t in history.trials if all(t.index in known for known in each)]


def trainable(problem: Problem, history: History) -> bool:
    """Whether the objective has at least two values that count: fewer make no model."""
    return len(split(problem, usable(history, problem.metric))[1]) >= 2


def train(
    problem: Problem,
    history: History,
    *,
    kernel: Kernel,
    encoder: Encoder | None = None,
    free: bool = False,
    of: History | None = None,
) -> Trained:
    """Fit, or reuse the journaled hyper-parameters where the schedule says so.

    The schedule counts the trials of the whole history ``of``, where ``history`` is a choice of them.

    Between refits the transforms and standardizations of the last fit stay too, so that its
    hyper-parameters keep their meaning. ``encoder`` says what the models see; by default the parameters.
    With ``free`` the signal variance of a metric is fitted too, and its transform divides by its root.
    """
    encoder = encoder or encoder_of(problem.space)
    sees = _sees(problem.space, encoder, free)
    whole = of or history
    now = sum(t.status in ("completed", "infeasible") for t in whole.trials)
    old = history.fit if _fits(history.fit, encoder, kernel, sees) else None
    every = EVERY_FREE if free else EVERY
    refit = old is None or refit_due(fitted=int(old["n"]), now=now, every=every)
    models, states = [], {}
    for metric in metrics_of(problem):
        trials = usable(history, metric)
        counting = split(problem, trials)[1]
        if len(counting) < 2:
            continue
        known = None if old is None else old["metrics"].get(metric)
        limits = [(b.lower, b.upper) for b in problem.bounds if b.metric == metric]
        bounds = [v for pair in limits for v in pair if v is not None]
        if refit or known is None or known["bounds"] != bounds:
            linked = fit_link(problem, metric, trials, kernel, encoder, bounds, known)
            state = linked or _fit_metric(problem, metric, counting, kernel, encoder, bounds, known, free)
            state = _freed(problem, metric, trials, kernel, encoder, state, known) if free else state
        else:
            state = dict(known)
        states[metric] = state
        if "cheap" in state:
            models.append(linked_model(problem, metric, trials, kernel, encoder, state))
        else:
            models.append(_model(problem, metric, counting, kernel, encoder, state))
    content = {"version": VERSION, "kernel": kernel, "n": now, "metrics": states, **sees}
    before: Mapping[str, Any] = old or {}
    kept = content if refit else {"metrics": {**before["metrics"], **states}}
    known_failures = _failures_known(whole, before)
    viable = viability(problem, history, kernel, known=known_failures)
    fitted = {} if known_failures else journaled(viable, ended=ended(whole))
    return Trained(
        models=(*models, *viable), fit={**before, **kept, **fitted}, refitted=refit or bool(fitted)
    )


def _failures_known(history: History, state: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The journaled state of the model of failures, None where it is due to be fitted anew."""
    known = state.get(VIABILITY)
    now = ended(history)
    return None if known is None or refit_due(fitted=int(known["n"]), now=now) else known


def _sees(space: Space, encoder: Encoder, free: bool) -> dict[str, Any]:
    """What a fit's hyper-parameters depend on beside the data: a wider range is another unit cube."""
    ranges = json.dumps(space.to_json(), sort_keys=True)
    return {
        "space": hashlib.sha256(ranges.encode()).hexdigest()[:16],
        "features": [f.expression.text for f in encoder.expressions],
        "signal": "free" if free else "unit",
    }


def _fits(state: Mapping[str, Any] | None, encoder: Encoder, kernel: Kernel, sees: Mapping[str, Any]) -> bool:
    if state is None or state.get("version") != VERSION or state.get("kernel") != kernel:
        return False
    if any(state.get(key) != value for key, value in sees.items()):
        return False
    return all(len(s["lengthscales"]) == encoder.dimension for s in state["metrics"].values())


def _data(
    problem: Problem, metric: str, trials: Sequence[Trial], transform: MetricTransform
) -> tuple[Array, Array, Array]:
    """Unit points, model values and known noise variances (NaN: unknown)."""
    unit = np.asarray(problem.space.to_unit([t.parameters for t in trials]), dtype=float)
    return unit, *labels_of(trials, metric, transform)


def _fit_metric(
    problem: Problem,
    metric: str,
    trials: Sequence[Trial],
    kernel: Kernel,
    encoder: Encoder,
    bounds: Sequence[float],
    known: Mapping[str, Any] | None,
    free: bool,
) -> dict[str, Any]:
    """Fit every transform worth a comparison and keep the most probable; the plain one on a near tie."""
    starts = [initial_hyper(encoder.dimension)]
    if known is not None:
        starts.append(Hyper(lengthscales=tuple(known["lengthscales"]), noise=known["noise"]))
    best: dict[str, Any] = {"bounds": list(bounds)}
    lowest = math.inf
    values = [t.metrics[metric].value for t in trials]
    worth = candidates(values, bounds=bounds)
    if metric in problem.learn:  # a bilog taken from few labels magnifies errors where none is
        worth = [w for w in worth if w.kind != "bilog"]
    if free and len(worth) == 1:
        return {**best, "transform": worth[0].to_json()}
    for transform in worth:
        unit, z, noise = _data(problem, metric, trials, transform)
        hyper, loss = fit(unit, z, noise, encoder=encoder, kernel=kernel, starts=starts)
        loss -= float(np.log(transform.slope(np.asarray(values))).sum())
        if loss < lowest - (TIE if "noise" in best else 0.0):
            best |= {"lengthscales": list(hyper.lengthscales), "noise": hyper.noise}
            best["transform"], lowest = transform.to_json(), loss
    return best


def _freed(
    problem: Problem,
    metric: str,
    trials: Sequence[Trial],
    kernel: Kernel,
    encoder: Encoder,
    state: Mapping[str, Any],
    known: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """The state with a free signal variance, which its transform takes into its standard deviation."""
    plain = MetricTransform.from_json(state["transform"])
    unit, z, noise = _data(problem, metric, trials, plain)
    starts = [*first_starts(encoder.dimension), *(_hyper(s) for s in (state, known) if s and "noise" in s)]
    found = fit_free(unit, z, noise, encoder=encoder, kernel=kernel, starts=starts)
    scaled = replace(plain, sd=plain.sd * math.sqrt(found.variance))
    return {**state, **asdict(found), "lengthscales": list(found.lengthscales), "transform": scaled.to_json()}


def _hyper(state: Mapping[str, Any]) -> FreeHyper:
    return FreeHyper(
        lengthscales=tuple(state["lengthscales"]), noise=state["noise"], variance=state.get("variance", 1.0)
    )


def _model(
    problem: Problem,
    metric: str,
    trials: Sequence[Trial],
    kernel: Kernel,
    encoder: Encoder,
    state: Mapping[str, Any],
) -> MetricModel:
    transform = MetricTransform.from_json(state["transform"])
    unit, z, noise = _data(problem, metric, trials, transform)
    return MetricModel(
        metric=metric,
        encoder=encoder,
        kernel=kernel,
        lengthscales=tuple(state["lengthscales"]),
        transform=transform,
        unit=unit,
        z=z,
        noise=np.where(np.isnan(noise), state["noise"], noise),
        noise_level=float(state["noise"]),
        trials=tuple(t.index for t in trials),
    )


def distinct(unit: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distinct rows, in order of first appearance."""
    _, first = np.unique(np.round(unit, 9), axis=0, return_index=True)
    return unit[np.sort(first)]
