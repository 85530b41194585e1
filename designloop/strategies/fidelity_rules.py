"""Which of two fidelities a design is evaluated at: what each tells per second, and two safeguards.

Information: at design ``x`` let ``v`` be the posterior variance of the response at the fidelity that counts,
``u`` that at the fidelity asked, ``c`` their covariance and ``s`` the variance of one answer's noise, in
model units. The answer then tells, of every modelled metric ``-1/2 ln(1 - c^2 / (v (u + s)))`` nats, and of
all their sum. The fidelity that tells more per second of its declared cost is chosen: entropy per cost of
Swersky, Snoek, Adams 2013, and of Song, Chen, Yue 2019, at one point in place of the optimum. Where a cheap
answer repeats what is known, ``u`` is small beside ``s``: cheap trials cease by themselves.

Safeguards, as that rule believes a model that knows the link between the two from a few designs only:

- The initial design runs at the cheap fidelity, and at least PAIRS of its designs at the other one too, from
  which the link is learned. With costs c < C and n designs it is ``n sqrt(c / C)``: at equal scatter, the
  proportion of cheapest multilevel estimates (Giles 2008).
- When the cheap trials since the last one that counts have cost as much as one, or after this trial no other
  that counts is sure to fit into the budget by declared costs, this one counts: the design that is then
  believed to be the best. So is every design once the budget leaves one trial that counts.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from designloop.learning.gp import MetricModel
from designloop.learning.kernels import Array
from designloop.strategies.base import Fidelities, Problem, Trial

PAIRS = 5
"""Initial designs that run at both fidelities, at least: as many as a campaign begins with by default, so
that one whose cheap fidelity tells nothing is hardly behind one without it."""
RESOLUTION = 1e-4
"""Least variance of an answer's noise: what is finer than a hundredth of the spread tells nothing."""
SAME = 1e-6
"""Designs closer than this in every coordinate of the unit cube are the same design."""


def pairs(fidelities: Fidelities, *, designs: int) -> int:
    """How many of the initial designs run at both fidelities."""
    wanted = round(designs * math.sqrt(fidelities.cheap_cost / fidelities.cost))
    return min(designs, max(PAIRS, wanted))


def initial_plan(fidelities: Fidelities, *, designs: int) -> list[tuple[int, str]]:
    """Initial trials in order, as (design, fidelity): those of both fidelities first, cheap before dear."""
    both = pairs(fidelities, designs=designs)
    first = [(k, name) for k in range(both) for name in (fidelities.cheap, fidelities.counts)]
    return first + [(k, fidelities.cheap) for k in range(both, designs)]


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """What was asked so far at the cheap fidelity (k, d), and what of the budget is left."""

    fidelities: Fidelities
    cheap: Array
    since: float = 0.0
    """Seconds that cheap trials cost since the last one that counts."""
    trials: int
    cost: float | None
    """Seconds of the oracle by declared costs; None: any."""

    @classmethod
    def of(cls, problem: Problem, trials: Iterable[Trial]) -> Ledger:
        """From the history's trials in order, those under way too."""
        fidelities = problem.fidelities
        assert fidelities is not None
        empty = np.empty((0, len(problem.space.parameters)))
        ledger = cls(fidelities=fidelities, cheap=empty, trials=fidelities.trials, cost=fidelities.most_cost)
        for trial in trials:
            if trial.index >= fidelities.imported:
                unit = np.asarray(problem.space.to_unit([trial.parameters]), dtype=float)[0]
                ledger = ledger.with_trial(unit, trial.fidelity)
        return ledger

    def with_trial(self, unit: Array, fidelity: str | None) -> Ledger:
        """The ledger after a trial of design ``unit`` (d,)."""
        is_cheap, cost = self.fidelities.is_cheap(fidelity), self.fidelities.cost_of(fidelity)
        return replace(
            self,
            cheap=np.vstack([self.cheap, unit]) if is_cheap else self.cheap,
            since=self.since + cost if is_cheap else 0.0,
            trials=self.trials - 1,
            cost=None if self.cost is None else self.cost - cost,
        )

    def is_known(self, unit: Array) -> bool:
        """Whether a design (d,) has, or awaits, an answer at the cheap fidelity."""
        return bool((np.abs(self.cheap - unit) < SAME).all(axis=1).any())

    @property
    def one_left(self) -> bool:
        """Whether the budget leaves one trial that counts by declared costs; not once they are spent."""
        return self.trials <= 1 or (self.cost is not None and 0.0 < self.cost < 2.0 * self.fidelities.cost)

    def check(self) -> str:
        """Why the next trial must count, in words; empty where it need not."""
        f = self.fidelities
        ends = self.cost is not None and 0.0 < self.cost < f.cost + f.cheap_cost
        if self.trials <= 1 or ends:
            return f"the budget leaves no other trial at {f.counts} for certain"
        if self.since >= f.cost * (1.0 - 1e-9):
            return f"trials at {f.cheap} since the last at {f.counts} have cost as much as one"
        return ""


def information(models: Sequence[MetricModel], unit: Array) -> tuple[float, float]:
    """Nats that an answer at design ``unit`` (d,) tells of the response that counts: (cheap, counting)."""
    told = [_told(m, unit) for m in models if not m.internal]
    return sum(cheap for cheap, _ in told), sum(counting for _, counting in told)


def _told(model: MetricModel, unit: Array) -> tuple[float, float]:
    covariance = model.covariance(np.stack([np.append(unit, 0.0), np.append(unit, 1.0)]))
    variance = max(float(covariance[1, 1]), 1e-12)
    cheap, counting = (
        -0.5 * math.log1p(-_share(float(covariance[1, i]), variance, float(covariance[i, i]), noise))
        for i, noise in enumerate(_noise(model))
    )
    return cheap if model.link else 0.0, counting


def _share(covariance: float, variance: float, own: float, noise: float) -> float:
    """By which share the variance falls."""
    return min(covariance**2 / (variance * (max(own, 0.0) + noise)), 1.0 - 1e-12)


def _noise(model: MetricModel) -> tuple[float, float]:
    """Variance of one answer's noise at the cheap fidelity and at the other."""
    cheap = model.is_cheap(model.unit)
    levels = [model.noise[mask] for mask in (cheap, ~cheap)]
    first, second = (float(np.median(v)) if len(v) else model.noise_level for v in levels)
    return max(first, RESOLUTION), max(second, RESOLUTION)
