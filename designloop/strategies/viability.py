"""Where the oracle gives an answer at all: a model of failures that no outcome constraint explains."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from designloop.learning.features import encoder_of
from designloop.learning.fit import fit, initial_hyper
from designloop.learning.gp import MetricModel
from designloop.learning.kernels import Array, Kernel
from designloop.learning.transforms import MetricTransform
from designloop.strategies.base import History, Problem, Trial

VIABILITY = "viability"
"""A model of the strategy's own: 1 where a design gave an answer, ``FAILURE`` where it failed."""
FAILURE = -3.0
"""Below -1, as an evaluation that fails is lost: the border, at 0, is taken a quarter of the way from a
success to a failure instead of half way."""
RICH = 2
"""From so many successes and failures on their lengthscales are fitted."""
NOISE = 0.01


def viability(
    problem: Problem, history: History, kernel: Kernel, *, known: Mapping[str, Any] | None = None
) -> list[MetricModel]:
    """One model of failures, prior mean 1; none where there are none.

    While either class is poor the lengthscales are a tenth of the diagonal: a failure repels its
    neighbourhood and says nothing of designs far away. Then they are fitted to the classes (labels 1 and
    -1, least-squares classification: Rasmussen, Williams 2006, section 6.5), or those of ``known`` kept.
    """
    ended = [t for t in history.trials if t.status != "pending"]
    dead = np.array([t.status == "failed" or unexplained(problem, t) for t in ended], dtype=bool)
    if not dead.any():
        return []
    unit = np.asarray(problem.space.to_unit([t.parameters for t in ended]), dtype=float)
    return [
        MetricModel(
            metric=VIABILITY,
            encoder=encoder_of(problem.space),
            kernel=kernel,
            lengthscales=_lengthscales(problem, unit, dead, kernel, known),
            transform=MetricTransform(),
            unit=unit,
            z=np.where(dead, FAILURE, 1.0),
            noise=np.full(len(ended), NOISE),
            noise_level=NOISE,
            trials=tuple(t.index for t in ended),
            fixed_mean=1.0,
            internal=True,
        )
    ]


def journaled(models: Sequence[MetricModel], *, ended: int) -> dict[str, Any]:
    """The fitted lengthscales and how many trials had ``ended``, for the state of the fit; {} before."""
    states = [{"n": ended, "lengthscales": list(m.lengthscales)} for m in models if _rich(m.z < 0)]
    return {VIABILITY: states[0]} if states else {}


def unexplained(problem: Problem, trial: Trial) -> bool:
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


def _rich(dead: Any) -> bool:
    return bool(min(dead.sum(), (~dead).sum()) >= RICH)


def _lengthscales(
    problem: Problem, unit: Array, dead: Any, kernel: Kernel, known: Mapping[str, Any] | None
) -> tuple[float, ...]:
    d: int = unit.shape[1]
    if not _rich(dead):
        return (0.1 * math.sqrt(d),) * d
    if known is not None and len(known["lengthscales"]) == d:
        return tuple(float(v) for v in known["lengthscales"])
    labels, noise = np.where(dead, -1.0, 1.0), np.full(len(unit), NOISE)
    hyper, _ = fit(
        unit, labels, noise, encoder=encoder_of(problem.space), kernel=kernel, starts=[initial_hyper(d)]
    )
    return tuple(hyper.lengthscales)
