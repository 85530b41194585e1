"""Strategies with a model: gp_ucb, ei, pi and log_nei."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from designloop.strategies.base import Candidate, History, Problem, Proposal, StrategyExhausted
from designloop.strategies.designs import InitialDesign, SequenceStrategy, propose_designs, search_of
from designloop.strategies.sampling import seed_of
from designloop.strategies.search import Array, Search, placeable

if TYPE_CHECKING:
    from designloop.learning.gp import MetricModel
    from designloop.strategies.limits import Standing
    from designloop.strategies.training import Trained


@dataclass(frozen=True, kw_only=True)
class ModelStrategy:
    """Initial design, then one Gaussian process per metric and an acquisition function through Ax.

    Several candidates of one proposal, and trials still pending, are handled by the Kriging believer:
    each is taken to give its predicted mean (in a copy that is thrown away), hyper-parameters frozen.
    Source: Ginsbourger, Le Riche, Carraro 2010, "Kriging is well-suited to parallelize optimization".
    """

    name: str
    problem: Problem
    options: Mapping[str, float | str]
    initial: Mapping[str, int]

    def propose(self, history: History, n: int = 1) -> Proposal:
        """Propose ``n`` designs: what is left of the initial design first, then by the model."""
        history = replace(history, trials=placeable(self.problem.space, history.trials))
        search = search_of(self.problem, history)
        first = InitialDesign(problem=self.problem, parts=self.initial)
        found = first.propose(search, position=history.proposals, count=n)
        if len(found) == n:
            return Proposal(candidates=tuple(found))
        for c in found:
            search = search.with_tried(search.space.to_unit([c.parameters])[0])
        return self._with_model(history, search, found, n)

    def _with_model(self, history: History, search: Search, found: list[Candidate], n: int) -> Proposal:
        from designloop.strategies.training import trainable

        if not trainable(self.problem, history):
            return self._without_data(history, search, found, n)
        from designloop.learning.gp import pack
        from designloop.strategies.quiet import contained, load_ax
        from designloop.strategies.training import train

        load_ax()
        number = len(history.trials)
        with contained(seed_of(self.problem.seed, "fit", number)):
            started = time.process_time()
            trained = train(self.problem, history, kernel=cast(Any, self.options["kernel"]))
            fitted = time.process_time()
            pending = [t.parameters for t in history.trials if t.status == "pending"]
            chosen = self._believe(trained, search, pending, found, number, n - len(found))
            ended = time.process_time()
        return Proposal(
            candidates=(*found, *chosen),
            model=pack(trained.models, space=self.problem.space),
            fit=trained.fit,
            refitted=trained.refitted,
            seconds={"fit": fitted - started, "acquire": ended - fitted},
        )

    def _without_data(self, history: History, search: Search, found: list[Candidate], n: int) -> Proposal:
        """More Sobol points while fewer than two designs have an objective value."""
        filler = SequenceStrategy(name="sobol", problem=self.problem, options={}, initial={})
        position = history.proposals + len(found)
        found = found + propose_designs(filler, search, position=position, count=n - len(found))
        return Proposal(candidates=tuple(found))

    def _believe(
        self,
        trained: Trained,
        search: Search,
        pending: list[Any],
        found: list[Candidate],
        number: int,
        count: int,
    ) -> list[Candidate]:
        """``count`` candidates beside those ``pending`` and ``found``; fewer at a finite space's end."""
        from designloop.strategies.limits import standing_of
        from designloop.strategies.reasons import candidate_of

        assumed = [*pending, *(c.parameters for c in found)]
        models = list(trained.models)
        for design in assumed:
            models = _believing(models, np.asarray(self.problem.space.to_unit([design]), dtype=float))
        candidates: list[Candidate] = []
        for k in range(count):
            seed = seed_of(self.problem.seed, "acquire", number + len(assumed) + k)
            standing = standing_of(self.problem, models)
            try:
                chosen = self._choose(standing, search, seed)
            except StrategyExhausted:
                if candidates or found:
                    break
                raise
            candidates.append(
                candidate_of(
                    self.name, self.problem, trained.models, standing=standing,
                    kappa=cast(Any, self.options.get("kappa")), chosen=chosen, search=search,
                )
            )  # fmt: skip
            search = search.with_tried(chosen.unit)
            models = _believing(models, chosen.unit[None])
        return candidates

    def _choose(self, standing: Standing, search: Search, seed: int) -> Any:
        from designloop.strategies.acquisition import choice_of
        from designloop.strategies.maximize import maximize
        from designloop.strategies.quiet import load_ax

        choice = choice_of(self.name, standing, self.options, seed=seed)
        anchors = standing.anchors()
        return load_ax().choose(standing, choice, lambda f: maximize(f, search, anchors=anchors, seed=seed))


def _believing(models: list[MetricModel], unit: Array) -> list[MetricModel]:
    return [m.with_points(unit, m.posterior(unit)[0]) for m in models]
