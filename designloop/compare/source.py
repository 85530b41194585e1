"""What a virtual experiment asks, and of whom: an oracle (``simulated``) or a table's rows (``pool``)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from designloop.campaign.model import Campaign
from designloop.compare.contenders import Contender
from designloop.compare.setup import Setup
from designloop.errors import CampaignError
from designloop.oracle import Observation, Value
from designloop.revision import problem_of
from designloop.strategies import STRATEGIES, Problem, Strategy
from designloop.strategies.base import OPTIMIZERS, Status

Array = NDArray[np.float64]
Design = Mapping[str, Value]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One evaluation: ``metrics`` as the strategy sees them, ``true`` without the noise that was added."""

    status: Status
    metrics: Mapping[str, Observation] = field(default_factory=dict)
    true: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Reference:
    """Designs with known answers, all in scope: {metric: (n,)}."""

    designs: Sequence[Design]
    values: Mapping[str, Array]


class Source(Protocol):
    """What a virtual experiment asks."""

    @property
    def problem(self) -> Problem:
        """The question, under the campaign's own seed."""
        ...

    @property
    def again(self) -> bool:
        """Whether a design may be evaluated twice."""
        ...

    def start(self, seed: int) -> list[tuple[Design, str]]:
        """The shared initial designs of one repeat, each with its generator."""
        ...

    def strategy(self, contender: Contender, seed: int) -> Strategy:
        """The strategy as it goes on after the shared designs."""
        ...

    def evaluate(self, design: Design, seed: int) -> Answer:
        """Answer; equal seeds give equal noise."""
        ...

    def reference(self) -> Reference:
        """What a learner is judged on."""
        ...

    def top(self) -> float | None:
        """The best value there is, where that is known."""
        ...


def asked(setup: Setup, campaign: Campaign, seed: int, name: str = "") -> Problem:
    """The campaign's question; strategies that only optimize, or use no model, do not learn."""
    problem = replace(problem_of(campaign), seed=seed, learn=())
    if not setup.learn:
        return problem
    learns = not name or STRATEGIES[name].learns
    if name in OPTIMIZERS and campaign.objective.mode != "learn":
        return replace(problem, metric=campaign.objective.metric, minimize=campaign.objective.minimize)
    return replace(problem, metric=setup.learn[0], minimize=False, learn=setup.learn if learns else ())


def in_scope(problem: Problem, status: Status, true: Mapping[str, float]) -> bool:
    """Whether a design works and meets every outcome constraint."""
    return status == "completed" and all(
        b.metric in true
        and (b.lower is None or true[b.metric] >= b.lower)
        and (b.upper is None or true[b.metric] <= b.upper)
        for b in problem.bounds
    )


def noisy(true: Mapping[str, float], noise: Mapping[str, float], seed: int) -> dict[str, Observation]:
    """The values as observed: normal noise of known standard deviations, from the seed alone."""
    draws = np.random.default_rng(seed).standard_normal(len(noise))
    added = {m: sd * float(z) for (m, sd), z in zip(sorted(noise.items()), draws, strict=True)}
    return {m: Observation(value=v + added.get(m, 0.0)) for m, v in true.items()}


def noise_of(text: str, metrics: Sequence[str], spreads: Mapping[str, float]) -> dict[str, float]:
    """Standard deviation by metric of ``0.02`` or ``5 %``; empty without noise. Raises CampaignError."""
    plain = text.strip()
    share = plain.endswith("%")
    try:
        number = float(plain.removesuffix("%")) if plain else 0.0
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise CampaignError(
            f"--noise {text!r} is no standard deviation.",
            instead="Write a number in the metric's unit, such as 0.02, or a share of its spread: '5 %'.",
        )
    if not number:
        return {}
    return {m: number / 100 * spreads[m] if share else number for m in metrics}
