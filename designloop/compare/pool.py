"""A table's rows as the only designs there are: drawn with or without replacement, with replicates and noise.

Protocol with replacement and noise: Zhao et al. 2022 (80 sintered samples).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from designloop.campaign.model import Campaign
from designloop.compare.contenders import Contender
from designloop.compare.rows import Key, PoolSpace, RandomRows, key_of, row_of
from designloop.compare.setup import Setup
from designloop.compare.source import Answer, Array, Design, Reference, asked, in_scope, noise_of, noisy
from designloop.errors import CampaignError
from designloop.revision import seed_of
from designloop.space import FloatParameter, Parameter
from designloop.strategies import STRATEGIES, Problem, Strategy, create
from designloop.strategies.search import EXHAUSTIVE

JUDGED = 10
"""Rows that a learner must leave undrawn, to be judged on."""


@dataclass(kw_only=True)
class Pool:
    """Rows with their answers; equal parameters are replicates of one row."""

    setup: Setup
    campaign: Campaign
    space: PoolSpace
    problem: Problem
    replicates: Mapping[Key, Mapping[str, Array]]
    noise: Mapping[str, float] = field(default_factory=dict)

    @property
    def again(self) -> bool:
        """Whether a row may be drawn twice."""
        return self.setup.replacement

    @classmethod
    def of(cls, setup: Setup, campaign: Campaign) -> Pool:
        """From a campaign whose existing trials are the table. Raises CampaignError."""
        problem = measured(setup, campaign, campaign.seed)
        wanted = list(
            dict.fromkeys([*(setup.learn or (problem.metric,)), *(b.metric for b in problem.bounds)])
        )
        replicates = _replicates(campaign, wanted)
        _check_size(setup, len(replicates))
        space = PoolSpace(
            parameters=tuple(map(_discrete, campaign.space.parameters)),
            rows=tuple(row_of(campaign.space, key) for key in replicates),
        )
        pool = cls(
            setup=setup, campaign=campaign, space=space, problem=replace(problem, space=space),
            replicates=replicates,
        )  # fmt: skip
        values = pool.reference().values
        pool.noise = noise_of(
            setup.noise, setup.learn or (problem.metric,), {m: float(v.std()) for m, v in values.items()}
        )
        return pool

    def start(self, seed: int) -> list[tuple[Design, str]]:
        """Random rows, as the table is drawn from."""
        rng = np.random.default_rng(seed_of(seed, "compare initial", 0))
        chosen = rng.choice(len(self.space.rows), self.setup.count, replace=self.again)
        return [(self.space.rows[i], "random") for i in chosen]

    def strategy(self, contender: Contender, seed: int) -> Strategy:
        """The strategy on the rows; ``random`` draws rows, not points."""
        if contender.name == "random":
            return RandomRows(space=self.space, seed=seed, again=self.again)
        problem = replace(measured(self.setup, self.campaign, seed, contender.name), space=self.space)
        initial = {"random": self.setup.count} if self.setup.count else {}
        options = dict(contender.options)
        if not self.again and "replicates" in STRATEGIES[contender.name].options:
            options = {"replicates": "never", **options}
        return create(contender.name, problem=problem, options=options, initial=initial)

    @cached_property
    def means(self) -> dict[Key, dict[str, float]]:
        """Every row's mean over its replicates, by parameters."""
        return {key: {m: float(v.mean()) for m, v in row.items()} for key, row in self.replicates.items()}

    def evaluate(self, design: Design, seed: int) -> Answer:
        """The row's mean, or one of its replicates, with noise on top; without error bars, as measured."""
        key = key_of(self.space, design)
        found, true = self.replicates[key], self.means[key]
        drawn = true
        if self.setup.resample:
            rng = np.random.default_rng(seed_of(seed, "replicate", 0))
            which = int(rng.integers(len(next(iter(found.values())))))
            drawn = {m: float(v[which]) for m, v in found.items()}
        return Answer(status="completed", metrics=noisy(drawn, self.noise, seed), true=true)

    def reference(self) -> Reference:
        """All rows in scope, with their means."""
        return self._reference

    @cached_property
    def _reference(self) -> Reference:
        true = list(self.means.values())
        good = [i for i, row in enumerate(true) if in_scope(self.problem, "completed", row)]
        if not good:
            raise CampaignError(
                "no row of the table meets every outcome constraint.", instead="Relax one of them."
            )
        wanted = self.setup.learn or (self.problem.metric,)
        return Reference(
            designs=[self.space.rows[i] for i in good],
            values={m: np.array([true[i][m] for i in good]) for m in wanted},
        )

    def top(self) -> float | None:
        """The named target, else the best row in scope."""
        if self.setup.learn or self.setup.target is not None:
            return self.setup.target
        values = self.reference().values[self.problem.metric]
        return float(values.min() if self.problem.minimize else values.max())


def measured(setup: Setup, campaign: Campaign, seed: int, name: str = "") -> Problem:
    """The question without those default margins that the table does not have: nobody measured them."""
    problem = asked(setup, campaign, seed, name)
    known = {metric for trial in campaign.existing for metric in trial.metrics}
    margins = {c.metric for c in campaign.constraints if c.is_margin} - known
    return replace(problem, bounds=tuple(b for b in problem.bounds if b.metric not in margins))


def _discrete(parameter: Parameter) -> Parameter:
    """The parameter as one that strategies must not move freely along."""
    if isinstance(parameter, FloatParameter) and parameter.step is None:
        return replace(parameter, step=(parameter.upper - parameter.lower) / 2**20)
    return parameter


def _replicates(campaign: Campaign, wanted: Sequence[str]) -> dict[Key, dict[str, Array]]:
    rows: dict[Key, list[list[float]]] = {}
    for trial in campaign.existing:
        lacking = [m for m in wanted if m not in trial.metrics]
        if lacking:
            have = ", ".join([*trial.parameters, *trial.metrics])
            raise CampaignError(
                f"the table lacks the column{'s' * (len(lacking) > 1)} {', '.join(lacking)}; it has {have}.",
                instead="A header is a metric's name, with its unit in brackets: 'height [nm]'.",
            )
        if not trial.in_range:
            raise CampaignError(
                f"{trial.source} lies outside the campaign's ranges.",
                instead="Widen the range that it leaves, or take the row out.",
            )
        rows.setdefault(key_of(campaign.space, trial.parameters), []).append(
            [trial.metrics[m] for m in wanted]
        )
    designs = [row_of(campaign.space, key) for key in rows]
    if designs and not campaign.space.feasible(designs).all():
        raise CampaignError(
            "the table holds rows that the campaign's constraints on parameters forbid.",
            instead="Take the constraint out, or the rows.",
        )
    return {key: {m: np.array(v)[:, k] for k, m in enumerate(wanted)} for key, v in rows.items()}


def _check_size(setup: Setup, rows: int) -> None:
    kept = JUDGED if setup.learn else 0
    needed = max(3, setup.count + 1 + kept)
    if rows < needed:
        judged = f" and {kept} to judge on" if kept else ""
        raise CampaignError(
            f"the table has {rows} different rows; {setup.count} shared designs, one try{judged} "
            f"need {needed}.",
            instead="Bring more rows, or fewer shared designs: --initial 2.",
        )
    if rows > EXHAUSTIVE:
        raise CampaignError(f"the table has {rows} rows.", instead=f"Bring at most {EXHAUSTIVE}.")
