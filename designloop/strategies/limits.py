"""Outcome constraints as limits on model outputs, and what the designs with data say about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from designloop.learning.gp import MetricModel
from designloop.learning.kernels import Array
from designloop.strategies.base import Problem
from designloop.strategies.viability import VIABILITY


@dataclass(frozen=True, kw_only=True)
class Limit:
    """A bound on model output ``output`` in model units: ``value <= bound`` or ``value >= bound``."""

    output: int
    upper: bool
    bound: float


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Where the search stands: the models, objective first, their limits, and the designs with data.

    ``F(x) = prod_i P(metric_i within its bound)`` is the probability of feasibility, metrics independent.
    Means of the objective are signed so that larger is better.
    """

    models: tuple[MetricModel, ...]
    limits: tuple[Limit, ...]
    minimize: bool

    @property
    def sign(self) -> float:
        """-1 where the objective is minimized."""
        return -1.0 if self.minimize else 1.0

    @cached_property
    def baseline(self) -> Array:
        """Designs in range with objective data, (k, d); all where none is in range."""
        unit = self.models[0].designs
        inside = ((unit > -1e-9) & (unit < 1 + 1e-9)).all(-1)
        return unit[inside] if inside.any() else unit

    @cached_property
    def mean(self) -> Array:
        """Signed posterior means at the baseline, (k,)."""
        return self.sign * self.models[0].posterior(self.baseline)[0]

    @cached_property
    def feasible(self) -> NDArray[np.bool_]:
        """Which designs of the baseline are feasible more likely than not, (k,)."""
        return np.asarray(self.feasibility(self.baseline) >= 0.5)

    @property
    def best(self) -> float:
        """The best posterior mean among the feasible designs, or among all."""
        return float((self.mean[self.feasible] if self.feasible.any() else self.mean).max())

    def goal(self, xi: float) -> float:
        """The best improved by ``xi`` in the metric's unit, in signed model units."""
        transform = self.models[0].transform
        metric = transform.inverse(self.sign * self.best) + self.sign * xi
        value = self.sign * float(transform.forward(metric))
        return min(value, self.best + 50.0) if xi else self.best

    def feasibility(self, unit: Array) -> Array:
        """F at (k, d): (k,)."""
        from scipy.special import ndtr

        total = np.ones(len(unit))
        for limit in self.limits:
            mean, sd = self.models[limit.output].posterior(unit)
            total = total * ndtr((limit.bound - mean) / sd * (1.0 if limit.upper else -1.0))
        return total

    def anchors(self, count: int = 3) -> Array:
        """The designs with data that the models like best, feasible ones first, (count, d)."""
        order = np.argsort(-(self.mean + 10.0 * self.feasible), kind="stable")[:count]
        return np.asarray(np.clip(self.baseline[order], 0.0, 1.0))


def standing_of(problem: Problem, models: Sequence[MetricModel]) -> Standing:
    """The standing of a problem with its models."""
    ordered, limits = limits_of(problem, models)
    return Standing(models=tuple(ordered), limits=tuple(limits), minimize=problem.minimize)


def limits_of(problem: Problem, models: Sequence[MetricModel]) -> tuple[list[MetricModel], list[Limit]]:
    """Models with the objective first, and their limits.

    A bound on the objective's own metric acts on a copy of its model, because Ax refuses a constraint on
    the objective. A bound whose metric has no data yet is left out.
    """
    ordered = list(models)
    limits: list[Limit] = []
    for bound in problem.bounds:
        i = _output(ordered, bound.metric, problem.metric)
        if i is None:
            continue
        for value, upper in ((bound.lower, False), (bound.upper, True)):
            if value is None:
                continue
            z = float(ordered[i].transform.forward(value))
            if np.isfinite(z):
                limits.append(Limit(output=i, upper=upper, bound=z))
    for i, model in enumerate(ordered):
        if model.metric == VIABILITY and model.internal:
            limits.append(Limit(output=i, upper=False, bound=0.0))
    return ordered, limits


def _output(ordered: list[MetricModel], metric: str, objective: str) -> int | None:
    names = [m.metric for m in ordered]
    if metric not in names:
        return None
    if metric != objective:
        return names.index(metric)
    copy = f"{objective} as a constraint"
    if copy not in names:
        ordered.append(replace(ordered[0], metric=copy))
    return [m.metric for m in ordered].index(copy)
