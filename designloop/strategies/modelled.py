"""Strategies with a model: gp_ucb, ei, pi and log_nei."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from designloop.strategies.base import Candidate, History, Problem, Proposal, StrategyExhausted
from designloop.strategies.designs import InitialDesign, SequenceStrategy, propose_designs, search_of
from designloop.strategies.sampling import seed_of
from designloop.strategies.search import Array, Search, placeable

if TYPE_CHECKING:
    from designloop.learning.gp import MetricModel
    from designloop.strategies._ax import Chosen, Turns
    from designloop.strategies.limits import Standing
    from designloop.strategies.training import Trained

    Pick = tuple[Standing, Chosen]


@dataclass(frozen=True, kw_only=True)
class ModelStrategy:
    """Initial design, then one Gaussian process per metric and an acquisition function through Ax.

    Several candidates of one proposal, and trials still pending, are handled by the Kriging believer:
    each is taken to give its predicted mean (in a copy that is thrown away), hyper-parameters frozen.
    With ``believer: joint`` the believer's batch is the start, and all its designs are then moved together
    to raise the batch's acquisition function; pending trials stay believed, and so do designs of the
    initial design in the same proposal. Every design then records the value of the batch.
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
        found = self._initial(search, history, n)
        if len(found) == n:
            return Proposal(candidates=tuple(found))
        for c in found:
            search = search.with_tried(search.space.to_unit([c.parameters])[0])
        return self._with_model(history, search, found, n)

    def _initial(self, search: Search, history: History, n: int) -> list[Candidate]:
        """Up to ``n`` designs of the initial design, as far as it reaches."""
        first = InitialDesign(problem=self.problem, parts=self.initial)
        return first.propose(search, position=history.proposals, count=n)

    def _with_model(self, history: History, search: Search, found: list[Candidate], n: int) -> Proposal:
        from designloop.strategies.training import trainable

        if not trainable(self.problem, history):
            return self._without_data(history, search, found, n)
        from designloop.learning.features import encoder_of
        from designloop.learning.gp import pack
        from designloop.strategies.quiet import contained, load_ax
        from designloop.strategies.thinning import diagnosed, ended, thinned
        from designloop.strategies.training import train

        load_ax()
        number = len(history.trials)
        with contained(seed_of(self.problem.seed, "fit", number)):
            started = time.thread_time()
            most = int(self.options["most_data"])
            encoder = encoder_of(self.problem.space)
            seen = thinned(self.problem, history, most=most, encoder=encoder)
            kernel = cast(Any, self.options["kernel"])
            trained = train(self.problem, seen, kernel=kernel, encoder=encoder, of=history)
            fitted = time.thread_time()
            chosen = self._choose(trained, search, history, found, number, n - len(found))
            chose = time.thread_time()
        return Proposal(
            candidates=(*found, *chosen),
            model=pack(trained.models, space=self.problem.space),
            fit=trained.fit,
            refitted=trained.refitted,
            seconds={"fit": fitted - started, "acquire": chose - fitted},
            diagnostics=diagnosed(used=ended(seen), of=ended(history)),
        )

    def _without_data(self, history: History, search: Search, found: list[Candidate], n: int) -> Proposal:
        """More Sobol points while fewer than two designs have an objective value."""
        filler = SequenceStrategy(name="sobol", problem=self.problem, options={}, initial={})
        position = history.proposals + len(found)
        found = found + propose_designs(filler, search, position=position, count=n - len(found))
        return Proposal(candidates=tuple(found))

    def _choose(
        self,
        trained: Trained,
        search: Search,
        history: History,
        found: list[Candidate],
        number: int,
        count: int,
    ) -> list[Candidate]:
        """``count`` candidates beside those pending and ``found``; fewer at a finite space's end."""
        from designloop.strategies.reasons import candidate_of

        pending = (t.parameters for t in history.trials if t.status == "pending")
        assumed = [*pending, *(c.parameters for c in found)]
        models = list(trained.models)
        if assumed:
            models = _believing(models, np.asarray(self.problem.space.to_unit(assumed), dtype=float))
        number += len(assumed)
        picks = self._one_by_one(models, search, number=number, count=count, may_be_none=bool(found))
        joint = self.options["believer"] == "joint" and len(picks) > 1
        if joint:
            picks = self._together(picks, search, number)
        return [
            candidate_of(
                self.name, self.problem, trained.models, standing=standing,
                kappa=cast(Any, self.options.get("kappa")), chosen=chosen, search=search,
                together=len(picks) if joint else 1,
            )
            for standing, chosen in picks
        ]  # fmt: skip

    def _one_by_one(
        self, models: list[MetricModel], search: Search, *, number: int, count: int, may_be_none: bool
    ) -> list[Pick]:
        """Kriging believer: each choice with the standing it was made in, which believes those before it."""
        from designloop.strategies.quiet import load_ax

        picks: list[Pick] = []
        turns = self._turns(models, search, picks, number=number, count=count)
        try:
            load_ax().choose_in_turn(turns, n=count)
        except StrategyExhausted:
            if not picks and not may_be_none:
                raise
        return picks

    def _turns(
        self, models: list[MetricModel], search: Search, picks: list[Pick], *, number: int, count: int
    ) -> Turns:
        """The turns of the believer, which put what was chosen into ``picks``."""
        from designloop.strategies.acquisition import choice_of
        from designloop.strategies.limits import standing_of
        from designloop.strategies.maximize import maximize
        from designloop.strategies.quiet import load_ax

        for k in range(count):
            seed = seed_of(self.problem.seed, "acquire", number + k)
            standing = standing_of(self.problem, models)
            choice = choice_of(self.name, standing, self.options, seed=seed)
            find = partial(maximize, search=search, anchors=standing.anchors(), seed=seed)
            chosen = yield load_ax().Turn(standing=standing, choice=choice, maximizer=find)
            picks.append((standing, chosen))
            search = search.with_tried(chosen.unit)
            models = _believing(models, chosen.unit[None])

    def _together(self, picks: list[Pick], search: Search, number: int) -> list[Pick]:
        """The picks improved as one batch, in the standing before any of them."""
        from designloop.strategies.batch_acquisition import batch_choice_of
        from designloop.strategies.batch_maximize import maximize_batch
        from designloop.strategies.quiet import load_ax

        standing = picks[0][0]
        seed = seed_of(self.problem.seed, "joint", number)
        choice = batch_choice_of(self.name, standing, self.options, seed=seed)
        start = np.stack([c.unit for _, c in picks])
        improve = partial(maximize_batch, search=search, batch=start, seed=seed)
        batch = load_ax().choose(standing, choice, improve, n=len(picks))
        return [(standing, replace(batch, unit=unit)) for unit in batch.unit]


def _believing(models: list[MetricModel], unit: Array) -> list[MetricModel]:
    return [m.with_points(unit, m.posterior(unit)[0]) for m in models]
