"""Outcome constraints of a problem as limits on model outputs, in model units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from designloop.learning.gp import MetricModel
from designloop.strategies.acquisition import Limit
from designloop.strategies.base import Problem
from designloop.strategies.training import VIABILITY


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
