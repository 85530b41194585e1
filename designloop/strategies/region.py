"""The region filter: designs that look out of scope cost a learning strategy some of its interest.

A label outside the scope (an outcome constraint broken, an infeasible or failed trial) teaches nothing of
use. With rho of ``learning/scope.py`` and <a> = max(a, 0) the acquisition becomes s2(x) - W <rho(x)>.
Source: Morand, Link, Iraki, Dornheim, Helm 2022, equation 5 (a soft constraint, W = 100).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from designloop.learning.features import encoder_of
from designloop.learning.kernels import Array
from designloop.learning.scope import Kind, Scope, fit_scope
from designloop.strategies.base import Bound, History, Problem, Trial
from designloop.strategies.search import placeable

Action = Literal["penalize", "exclude"]
ENDED = ("completed", "infeasible", "failed")


@dataclass(frozen=True, kw_only=True)
class Region:
    """What the evaluated designs say about the scope; ``scope`` is None while they say too little.

    ``typical``: the median <rho> above 0 of the evaluated designs out of scope. ``weight``: W, or None for
    ``auto``.
    """

    scope: Scope | None
    action: Action
    weight: float | None
    typical: float
    outside: int
    evaluated: int

    @classmethod
    def fit(cls, problem: Problem, history: History, options: Mapping[str, Any], *, seed: int) -> Region:
        """From ``options`` ``region``, ``action`` and ``weight`` of a campaign, and the trials that ended."""
        trials = [t for t in placeable(problem.space, history.trials) if t.status in ENDED]
        out = np.array([out_of_scope(problem, t) for t in trials], dtype=bool)
        unit = np.empty((0, problem.space.dimension))
        if trials:
            unit = np.asarray(problem.space.to_unit([t.parameters for t in trials]), dtype=float)
        scope = None
        if options["region"] != "off":
            scope = fit_scope(
                cast(Kind, options["region"]),
                outside=unit[out],
                inside=unit[~out],
                encoder=encoder_of(problem.space),
                seed=seed,
            )
        weight = options["weight"]
        return cls(
            scope=scope,
            action=cast(Action, options["action"]),
            weight=None if weight == "auto" else float(weight),
            typical=_typical(scope.rho(unit[out])) if scope else 0.0,
            outside=int(out.sum()),
            evaluated=len(trials),
        )

    def penalty(self, unit: Array, *, largest: float) -> Array:
        """W <rho> at (k, d), (k,), in units of the criterion; ``largest`` is its largest value over the pool.

        ``auto``: W = largest / median <rho> of the evaluated designs out of scope, so that a place as deep
        as half of them loses as much as the best place of the pool has. Nothing is penalized under
        ``exclude``.
        """
        if self.scope is None or self.action == "exclude":
            return np.zeros(len(unit))
        weight = self.weight
        if weight is None:
            weight = largest / self.typical if self.typical > 0 else 0.0
        return np.asarray(weight * np.maximum(self.scope.rho(unit), 0.0))

    def excluded(self, unit: Array) -> NDArray[np.bool_]:
        """Which of (k, d) must not be chosen, (k,): rho > 0 under ``exclude``, none otherwise."""
        if self.scope is None or self.action != "exclude":
            return np.zeros(len(unit), dtype=bool)
        return np.asarray(self.scope.rho(unit) > 0)

    @property
    def diagnostics(self) -> dict[str, Any]:
        """JSON for the journal: share and number of evaluated designs out of scope, and what was learned."""
        return {
            "wasted": self.outside / self.evaluated if self.evaluated else 0.0,
            "count": self.outside,
            "active": self.scope is not None,
            "classifier": self.scope.to_json() if self.scope else None,
        }


def _typical(rho: Array) -> float:
    """The median of what is above 0; 0 where nothing is."""
    above = rho[rho > 0]
    return float(np.median(above)) if len(above) else 0.0


def out_of_scope(problem: Problem, trial: Trial) -> bool:
    """Whether an ended trial is of no use: failed, infeasible, or a metric outside its bounds."""
    return trial.status in ("failed", "infeasible") or any(_broken(b, trial) for b in problem.bounds)


def _broken(bound: Bound, trial: Trial) -> bool:
    if bound.metric not in trial.metrics:
        return False
    value = trial.metrics[bound.metric].value
    low = -math.inf if bound.lower is None else bound.lower
    high = math.inf if bound.upper is None else bound.upper
    return not low <= value <= high
