"""Why a design was chosen: numbers in metric units, and one sentence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from designloop.learning.gp import MetricModel
from designloop.learning.kernels import Array
from designloop.strategies.base import Candidate, Problem
from designloop.strategies.limits import Standing
from designloop.strategies.search import Search

TITLES = {
    "gp_ucb": "upper confidence bound",
    "ei": "expected improvement",
    "pi": "probability of improvement",
    "log_nei": "noisy expected improvement",
}


def candidate_of(
    name: str,
    problem: Problem,
    models: Sequence[MetricModel],
    *,
    standing: Standing,
    kappa: float | None,
    chosen: Any,
    search: Search,
    together: int = 1,
) -> Candidate:
    """The chosen unit point as a design, with the prediction of the models before any believing.

    ``together``: how many designs share the acquisition value, as a joint batch.
    """
    unit = np.asarray(chosen.unit)[None]
    (design,) = search.designs(unit)
    predictions = {m.metric: m.transform.to_metric(*m.posterior(unit)) for m in models if not m.internal}
    reason: dict[str, Any] = {
        "generator": name,
        "prediction": {m: [float(mean[0]), float(sd[0])] for m, (mean, sd) in predictions.items()},
        "probability_of_feasibility": float(standing.feasibility(unit)[0]),
        "acquisition": chosen.value if math.isfinite(chosen.value) else None,
        "exploration_share": exploration_share(name, standing, unit, kappa=kappa),
        "nearest_trial": _nearest(models[0], unit[0]),
    }
    reason["text"] = _sentence(name, problem, reason, standing, together)
    return Candidate(parameters=design, reason=reason)


def exploration_share(name: str, standing: Standing, unit: Array, *, kappa: float | None) -> float:
    """Share of the interest at ``unit`` (1, d) that comes from the standard deviation, 0 to 1.

    Gain over the best feasible mean against spread: kappa sd for the bound, sd for the probability, and
    for expected improvement the two terms of EI = gap Phi(gap / sd) + sd phi(gap / sd).
    """
    mean, sd = (float(v[0]) for v in standing.models[0].posterior(unit))
    gap = standing.sign * mean - standing.best
    gain, spread = max(gap, 0.0), sd * (1.0 if kappa is None else kappa)
    if name in ("ei", "log_nei"):
        z = gap / sd
        gain *= 0.5 * math.erfc(-z / math.sqrt(2.0))
        spread *= math.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)
    return spread / (spread + gain) if spread + gain > 0 else 1.0


def _nearest(model: MetricModel, unit: Any) -> int:
    """The trial with data that is nearest in lengthscales."""
    gap = ((model.scaled(model.unit) - model.scaled(unit[None])) ** 2).sum(-1)
    return int(model.trials[int(gap.argmin())])


def _sentence(name: str, problem: Problem, reason: dict[str, Any], standing: Standing, together: int) -> str:
    mean, sd = reason["prediction"][problem.metric]
    constrained = bool(problem.bounds) or any(m.internal for m in standing.models)
    odds = f", feasible with probability {reason['probability_of_feasibility']:.2g}" if constrained else ""
    lead = f"with the highest {TITLES[name]}" if together > 1 else f"Highest {TITLES[name]}"
    if not standing.feasible.any():
        lead = "Most likely to meet the constraints, as no design with data does yet"
    if together > 1:
        lead = f"One of a joint batch of {together} designs {lead[0].lower()}{lead[1:]}"
    share = reason["exploration_share"]
    return (
        f"{lead}: predicted {problem.metric} {mean:.4g} +- {sd:.2g}{odds}; "
        f"{100 * share:.0f} % of the interest is exploration; "
        f"nearest tried design: trial {reason['nearest_trial']}."
    )
