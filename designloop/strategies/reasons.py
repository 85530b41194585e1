"""Why a design was chosen: numbers in metric units, and one sentence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from designloop.learning.gp import MetricModel
from designloop.strategies.base import Candidate, Problem
from designloop.strategies.search import Search

TITLES = {
    "gp_ucb": "upper confidence bound",
    "ei": "expected improvement",
    "pi": "probability of improvement",
    "log_nei": "noisy expected improvement",
}


def candidate_of(
    name: str, problem: Problem, models: Sequence[MetricModel], chosen: Any, search: Search
) -> Candidate:
    """The chosen unit point as a design, with the prediction of the models before any believing."""
    unit = np.asarray(chosen.unit)[None]
    (design,) = search.designs(unit)
    predictions = {m.metric: m.transform.to_metric(*m.posterior(unit)) for m in models if not m.internal}
    point = torch.as_tensor(unit)
    with torch.no_grad():
        feasible = float(chosen.function.log_feasibility(point).exp()[0])
        share = float(chosen.function.exploration_share(point))
        any_feasible = chosen.function.any_feasible
    reason: dict[str, Any] = {
        "generator": name,
        "prediction": {m: [float(mean[0]), float(sd[0])] for m, (mean, sd) in predictions.items()},
        "probability_of_feasibility": feasible,
        "acquisition": chosen.value if math.isfinite(chosen.value) else None,
        "exploration_share": share,
        "nearest_trial": _nearest(models[0], unit[0]),
    }
    constrained = bool(problem.bounds) or any(m.internal for m in models)
    reason["text"] = _sentence(name, problem, reason, constrained=constrained, any_feasible=any_feasible)
    return Candidate(parameters=design, reason=reason)


def _nearest(model: MetricModel, unit: Any) -> int:
    """The trial with data that is nearest in lengthscales."""
    gap = ((model.scaled(model.unit) - model.scaled(unit[None])) ** 2).sum(-1)
    return int(model.trials[int(gap.argmin())])


def _sentence(
    name: str, problem: Problem, reason: dict[str, Any], *, constrained: bool, any_feasible: bool
) -> str:
    mean, sd = reason["prediction"][problem.metric]
    odds = f", feasible with probability {reason['probability_of_feasibility']:.2g}" if constrained else ""
    if not any_feasible:
        lead = "Most likely to meet the constraints, as no design with data does yet"
    else:
        lead = f"Highest {TITLES[name]}"
    share = reason["exploration_share"]
    return (
        f"{lead}: predicted {problem.metric} {mean:.4g} +- {sd:.2g}{odds}; "
        f"{100 * share:.0f} % of the interest is exploration; "
        f"nearest tried design: trial {reason['nearest_trial']}."
    )
