"""How well one and the same learner knows the response, whoever chose its labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from designloop.compare.source import Array, Reference
from designloop.revision import seed_of
from designloop.space import Space
from designloop.strategies.base import Bound, History, Problem

BAND = 1.96
"""Half the width of a 95 % band, in standard deviations."""


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """Root mean square error by metric, in its unit, and the share of test answers in the 95 % bands."""

    rmse: Mapping[str, float]
    coverage: float


@dataclass(kw_only=True)
class Judge:
    """The campaign's learner, one Gaussian process per metric, fitted to whatever labels there are.

    Hyper-parameters go from one judgement to the next, refitted on the campaign's own schedule.
    """

    problem: Problem
    learn: tuple[str, ...]
    reference: Reference
    fit: Mapping[str, Any] | None = field(default=None)
    _unit: Array = field(init=False)

    def __post_init__(self) -> None:
        first, *others = self.learn
        bounds = tuple(
            Bound(metric=m) for m in others
        )  # without sides: metrics to be modelled beside the first
        self.problem = replace(self.problem, metric=first, bounds=bounds, learn=())
        self._unit = Space.to_unit(self.problem.space, self.reference.designs)

    def judge(self, history: History) -> Judgement | None:
        """Errors on the reference designs that no label stands on; None with too few labels or designs."""
        from designloop.strategies.quiet import contained
        from designloop.strategies.training import train, trainable

        left = self._unlabelled(history)
        if left.sum() < 2 or not trainable(self.problem, history):
            return None
        with contained(seed_of(self.problem.seed, "judge", len(history.trials))):
            trained = train(self.problem, replace(history, fit=self.fit), kernel="matern52", free=True)
        self.fit = trained.fit
        models = {m.metric: m for m in trained.models if not m.internal}
        if not set(self.learn) <= set(models):
            return None
        errors, inside = {}, []
        for metric in self.learn:
            model, true = models[metric], self.reference.values[metric][left]
            mean, sd = model.posterior(self._unit[left])
            residual = model.transform.inverse(mean) - true
            errors[metric] = float(np.sqrt((residual**2).mean()))
            inside.append(np.abs(model.transform.forward(true) - mean) <= BAND * sd)
        return Judgement(rmse=errors, coverage=float(np.mean(inside)))

    def _unlabelled(self, history: History) -> Any:
        labels = Space.to_unit(self.problem.space, [t.parameters for t in history.trials])
        gaps = np.abs(self._unit[:, None, :] - labels[None]).max(-1)
        return gaps.min(1) > 1e-9 if len(labels) else np.ones(len(self._unit), dtype=bool)
