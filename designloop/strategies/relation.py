"""How cheap answers are brought to the scale of those that count: ``y -> (y - shift) / factor``.

A cheap model is often off by a constant, or by a factor, and otherwise right; under a stationary kernel such
a difference would look like disagreement. The constants are those that give the designs answered at both the
same mean, and the same spread; which of them are used is decided by the evidence of the fit. In the terms of
Kennedy, O'Hagan 2000 the factor is 1 / rho and the shift the mean of the discrepancy, whose shape is left to
the model.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from designloop.learning.kernels import Kernel, correlation
from designloop.oracle import Observation
from designloop.strategies.base import Problem, Trial
from designloop.strategies.places import places_of

LEAST = 3
"""Designs answered at both fidelities from which constants are taken."""
DECISIVE = 3.0
"""By so much in natural logarithms a relation must be more probable than a simpler one: strong evidence by
Kass, Raftery 1995. With 2, and three designs answered at both, campaigns beside a cheap function that had
nothing to do with Branin were led astray."""
UNLIKE = 0.1
"""Correlation of the two below which cheap answers are left out: they would but blur the scale and the
lengthscales of those that count. On the functions of the benchmark it was fitted below 0.05 or above 0.3."""
STEEPEST = 100.0
"""Factors beyond this, or below its inverse, are no mere change of scale."""


@dataclass(frozen=True, kw_only=True)
class Relation:
    """The constants for one metric, in its unit."""

    shift: float = 0.0
    factor: float = 1.0
    pairs: int = 0
    """Designs answered at both from which they were taken."""
    apart: bool = False
    """Whether the two have nothing to do with each other, so that cheap answers are left out."""

    def to_json(self) -> dict[str, Any]:
        """For the state of a fit."""
        return vars(self).copy()

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> Relation:
        """That of a metric's state of fit; the identity where it has none."""
        return cls(**state.get("cheap", {}))

    def aligned(self, problem: Problem, metric: str, trials: Sequence[Trial]) -> list[Trial]:
        """The trials, cheap values of ``metric`` brought to the scale of those that count, or left out."""
        if problem.fidelities is None:
            return list(trials)
        if self.apart:
            return [t for t in trials if not problem.fidelities.is_cheap(t.fidelity)]
        return [self._moved(t, metric) if problem.fidelities.is_cheap(t.fidelity) else t for t in trials]

    def _moved(self, trial: Trial, metric: str) -> Trial:
        known = trial.metrics[metric]
        sem = None if known.sem is None else known.sem / self.factor
        found = Observation(value=(known.value - self.shift) / self.factor, sem=sem)
        return replace(trial, metrics={**trial.metrics, metric: found})

    def evidence(self, problem: Problem, trials: Sequence[Trial]) -> float:
        """What the change of scale adds to the negative log density of the data."""
        fidelities = problem.fidelities
        cheap = sum(fidelities is not None and fidelities.is_cheap(t.fidelity) for t in trials)
        return cheap * math.log(self.factor)


def relations(
    problem: Problem, metric: str, trials: Sequence[Trial], *, known: Mapping[str, Any] | None
) -> Iterator[Relation]:
    """The relations worth a comparison: none first, then a shift, then a shift and a factor.

    Where no design has been answered at both since the state ``known``, its relation alone.
    """
    both = _both(problem, metric, trials)
    if known is not None and known.get("cheap", {}).get("pairs") == len(both):
        yield replace(Relation.of(known), apart=False)
        return
    yield Relation(pairs=len(both))
    if len(both) < LEAST:
        return
    cheap, counting = both.T
    shift = float((cheap - counting).mean())
    if shift:
        yield Relation(shift=shift, pairs=len(both))
    spread = float(counting.std())
    factor = float(cheap.std()) / spread if spread > 0 else 0.0
    if 1.0 / STEEPEST < factor < STEEPEST:
        shift = float(cheap.mean() - factor * counting.mean())
        yield Relation(shift=shift, factor=factor, pairs=len(both))


def unlike(problem: Problem, trials: Sequence[Trial], kernel: Kernel, lengthscales: Sequence[float]) -> bool:
    """Whether fitted lengthscales, the last that of the fidelity, say that cheap answers tell nothing."""
    if problem.fidelities is None:
        return False
    counting = sum(not problem.fidelities.is_cheap(t.fidelity) for t in trials)
    return counting >= LEAST and float(correlation(kernel, np.array(lengthscales[-1] ** -2.0))) < UNLIKE


def _both(problem: Problem, metric: str, trials: Sequence[Trial]) -> Any:
    """Values (k, 2) of designs answered at both fidelities: cheap, counting."""
    if problem.fidelities is None:
        return np.empty((0, 2))
    found: dict[bytes, dict[float, float]] = {}
    for place, trial in zip(places_of(problem, trials), trials, strict=True):
        key = np.round(place[:-1], 9).tobytes()
        found.setdefault(key, {})[float(place[-1])] = trial.metrics[metric].value
    return np.array([[v[0.0], v[1.0]] for v in found.values() if len(v) == 2]).reshape(-1, 2)
