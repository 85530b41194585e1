"""The campaign's own oracle as the source of a virtual experiment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from designloop.campaign.model import Campaign
from designloop.compare.contenders import Contender
from designloop.compare.setup import Setup
from designloop.compare.source import Answer, Design, Reference, asked, in_scope, noise_of, noisy
from designloop.compose import CampaignOracle, oracle_of
from designloop.errors import CampaignError
from designloop.execution import Task
from designloop.execution.attempt import attempt
from designloop.oracle import Context
from designloop.revision import seed_of
from designloop.strategies import Problem, Strategy, create
from designloop.strategies.designs import InitialDesign
from designloop.strategies.search import Search


@dataclass(kw_only=True)
class Simulated:
    """The campaign's own oracle."""

    setup: Setup
    campaign: Campaign
    oracle: CampaignOracle
    problem: Problem
    noise: Mapping[str, float]
    again: bool = False
    known: Reference | None = None
    """The reference as it was computed before."""

    @classmethod
    def of(cls, setup: Setup, campaign: Campaign, known: Reference | None = None) -> Simulated:
        """From a setup. Raises OracleError, CampaignError."""
        found = oracle_of(campaign)
        source = cls(
            setup=setup, campaign=campaign, oracle=CampaignOracle(campaign=campaign, oracle=found),
            problem=asked(setup, campaign, campaign.seed), noise={}, known=known,
        )  # fmt: skip
        wanted = setup.learn or (source.problem.metric,)
        spreads: dict[str, float] = {}
        if setup.noise.strip().endswith("%"):
            spreads = {m: float(v.std()) for m, v in source.reference().values.items()}
        source.noise = noise_of(setup.noise, wanted, spreads)
        return source

    def start(self, seed: int) -> list[tuple[Design, str]]:
        """The initial design that the campaign would begin with, under this repeat's seed."""
        design = InitialDesign(problem=replace(self.problem, seed=seed), parts=dict(self.setup.initial))
        search = Search.of(self.campaign.space, [], [])
        found = design.propose(search, position=0, count=design.count)
        return [(c.parameters, str(c.reason["generator"])) for c in found]

    def strategy(self, contender: Contender, seed: int) -> Strategy:
        """The campaign's strategy of that name."""
        problem = asked(self.setup, self.campaign, seed, contender.name)
        options, initial = dict(contender.options), dict(self.setup.initial)
        return create(contender.name, problem=problem, options=options, initial=initial)

    def evaluate(self, design: Design, seed: int) -> Answer:
        """One call of the oracle; its failures are answers."""
        context = Context(seed=seed, fidelity=self.campaign.fidelity)
        outcome = attempt(self.oracle, Task(trial=0, attempt=1, design=design, context=context))
        true = {name: o.value for name, o in outcome.metrics.items()}
        metrics = {**outcome.metrics, **noisy(true, self.noise, seed)} if self.noise else outcome.metrics
        return Answer(status=outcome.status, metrics=metrics, true=true)

    def reference(self) -> Reference:
        """Sobol designs of a sequence of their own, those in scope."""
        if self.known is None:
            self.known = self._evaluated()
        return self.known

    def top(self) -> float | None:
        """The target that the user named."""
        return self.setup.target

    def _evaluated(self) -> Reference:
        wanted = self.setup.learn or (self.problem.metric,)
        seed = seed_of(self.campaign.seed, "compare test", 0)
        sequence = InitialDesign(
            problem=replace(self.problem, seed=seed), parts={"sobol": max(self.setup.test, 2)}
        )
        found = sequence.propose(Search.of(self.campaign.space, [], []), position=0, count=sequence.count)
        designs, rows = [], []
        for i, candidate in enumerate(found):
            context = Context(
                seed=seed_of(self.campaign.seed, "compare test", i), fidelity=self.campaign.fidelity
            )
            task = Task(trial=i, attempt=1, design=candidate.parameters, context=context)
            outcome = attempt(self.oracle, task)
            true = {name: o.value for name, o in outcome.metrics.items()}
            if in_scope(self.problem, outcome.status, true) and set(wanted) <= set(true):
                designs.append(candidate.parameters)
                rows.append([true[m] for m in wanted])
        if len(designs) < 10:
            raise CampaignError(
                f"only {len(designs)} of {len(found)} test designs meet every outcome constraint.",
                instead="Judge on more of them: --test 2000, or widen the constraints.",
            )
        values = np.array(rows)
        return Reference(designs=designs, values={m: values[:, k] for k, m in enumerate(wanted)})
