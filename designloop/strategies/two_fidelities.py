"""gp_ucb with a choice between two fidelities: the design by the bound at the one that counts, then which.

One Gaussian process per metric knows both (``learning/link.py``), or the one that counts alone where the
evidence for a link is weak (``strategies/linked.py``). Predictions, bounds and constraints are those at the
one that counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from designloop.strategies.base import Candidate, Fidelities, History, StrategyExhausted, Trial
from designloop.strategies.designs import InitialDesign, search_of
from designloop.strategies.fidelity_rules import Ledger, information, initial_plan
from designloop.strategies.linked import cheap_transform
from designloop.strategies.modelled import ModelStrategy
from designloop.strategies.places import places_of
from designloop.strategies.sampling import seed_of
from designloop.strategies.search import Array, Search

if TYPE_CHECKING:
    from designloop.learning.gp import MetricModel
    from designloop.strategies._ax import Chosen, Turns
    from designloop.strategies.limits import Standing
    from designloop.strategies.training import Trained


@dataclass(frozen=True, kw_only=True)
class Pick:
    """A chosen design, and at which fidelity it is to be evaluated."""

    standing: Standing
    chosen: Chosen
    kappa: float
    fidelity: str
    why: str
    nats: tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class TwoFidelityStrategy(ModelStrategy):
    """gp_ucb that also chooses the fidelity of every trial; see ``fidelity_rules``."""

    @property
    def _fidelities(self) -> Fidelities:
        assert self.problem.fidelities is not None
        return self.problem.fidelities

    def _initial(self, search: Search, history: History, n: int) -> list[Candidate]:  # noqa: ARG002
        """Up to ``n`` trials of the plan: designs of the sequence, each at the fidelity of its turn."""
        first = InitialDesign(problem=self.problem, parts=self.initial)
        plan = initial_plan(self._fidelities, designs=first.count)
        plan = plan[history.proposals : history.proposals + n]
        free = Search.of(self.problem.space, [], [])  # the same designs for both fidelities
        designs = first.propose(free, position=0, count=first.count) if plan else []
        return [_at(designs[k], name, f"At {name}.") for k, name in plan if k < len(designs)]

    def _without_data(self, history: History, search: Search, found: list[Candidate], n: int) -> Any:
        """More Sobol points, at the fidelity that counts."""
        proposal = super()._without_data(history, search, found, n)
        counts = self._fidelities.counts
        candidates = tuple(c if c.fidelity else replace(c, fidelity=counts) for c in proposal.candidates)
        return replace(proposal, candidates=candidates)

    def _choose(
        self,
        trained: Trained,
        search: Search,  # noqa: ARG002 - it bars designs that may come again
        history: History,
        found: list[Candidate],
        number: int,
        count: int,
    ) -> list[Candidate]:
        """``count`` candidates beside those pending and ``found``; fewer at a finite space's end."""
        from designloop.strategies.quiet import load_ax

        given = [_trial(c, len(history.trials) + i) for i, c in enumerate(found)]
        trials = (*history.trials, *given)
        pending = [t for t in trials if t.status == "pending"]
        models = list(trained.models)
        for place in places_of(self.problem, pending) if pending else ():
            models = _believing(models, place)
        counting = [t for t in trials if t.status == "failed" or not self._fidelities.is_cheap(t.fidelity)]
        beside = search_of(self.problem, History(trials=tuple(counting)))
        picks: list[Pick] = []
        ledger = Ledger.of(self.problem, trials)
        turns = self._turned(models, beside, ledger, picks, number=number + len(pending), count=count)
        try:
            load_ax().choose_in_turn(turns, n=count)
        except StrategyExhausted:
            if not picks and not found:
                raise
        return [self._candidate(trained, beside, pick) for pick in picks]

    def _turned(
        self,
        models: list[MetricModel],
        search: Search,
        ledger: Ledger,
        picks: list[Pick],
        *,
        number: int,
        count: int,
    ) -> Turns:
        """The turns of the believer, which put what was chosen into ``picks``."""
        from designloop.strategies.acquisition import choice_of
        from designloop.strategies.limits import standing_of
        from designloop.strategies.maximize import maximize
        from designloop.strategies.quiet import load_ax

        for k in range(count):
            seed = seed_of(self.problem.seed, "acquire", number + k)
            standing = standing_of(self.problem, models)
            forced = ledger.check()
            options = {**self.options, **({"kappa": 0.0} if forced or ledger.one_left else {})}
            choice = choice_of(self.name, standing, options, seed=seed)
            find = partial(maximize, search=search, anchors=standing.anchors(), seed=seed)
            chosen = yield load_ax().Turn(standing=standing, choice=choice, maximizer=find)
            picks.append(self._pick(standing, chosen, ledger, forced, float(options["kappa"])))
            name = picks[-1].fidelity
            ledger = ledger.with_trial(chosen.unit, name)
            cheap = self._fidelities.is_cheap(name)
            search = search if cheap else search.with_tried(chosen.unit)
            models = _believing(models, np.append(chosen.unit, 0.0 if cheap else 1.0))

    def _pick(self, standing: Standing, chosen: Chosen, ledger: Ledger, forced: str, kappa: float) -> Pick:
        """At which fidelity the chosen design is evaluated, and why."""
        f = self._fidelities
        nats = information(standing.models, chosen.unit)
        name, why = f.counts, f"the best believed design, as {forced}"
        if not forced and ledger.is_known(chosen.unit):
            why = f"it is known at {f.cheap}"
        elif not forced:
            name = f.cheap if nats[0] / f.cheap_cost > nats[1] / f.cost else f.counts
            told = {f.cheap: f"{nats[0]:.2f} nats for {f.cheap_cost:.3g} s",
                    f.counts: f"{nats[1]:.2f} nats for {f.cost:.3g} s"}  # fmt: skip
            other = f.counts if name == f.cheap else f.cheap
            why = f"{told[name]} against {told[other]} at {other}"
        return Pick(standing=standing, chosen=chosen, kappa=kappa, fidelity=name, why=why, nats=nats)

    def _candidate(self, trained: Trained, search: Search, pick: Pick) -> Candidate:
        """The candidate with the prediction at its own fidelity, and at the one that counts."""
        from designloop.strategies.reasons import candidate_of

        found = candidate_of(
            self.name, self.problem, trained.models, standing=pick.standing, kappa=pick.kappa,
            chosen=pick.chosen, search=search,
        )  # fmt: skip
        f = self._fidelities
        reason = {**found.reason, "information": {f.cheap: pick.nats[0], f.counts: pick.nats[1]}}
        if f.is_cheap(pick.fidelity):
            place = np.append(pick.chosen.unit, 0.0)[None]
            reason["believed"] = reason["prediction"]
            reason["prediction"] = dict(_predicted(trained, place))
        text = f"At {pick.fidelity}: {pick.why}."
        return _at(replace(found, reason=reason), pick.fidelity, text)


def _predicted(trained: Trained, place: Array) -> Iterator[tuple[str, list[float]]]:
    """Metric to mean and standard deviation at a place (1, d + 1)."""
    for m in trained.models:
        if not m.internal:
            own = cheap_transform(trained.fit["metrics"][m.metric])
            at = place if own else place[:, :-1]
            mean, sd = (own or m.transform).to_metric(*m.posterior(at))
            yield m.metric, [float(mean[0]), float(sd[0])]


def _at(candidate: Candidate, fidelity: str, why: str) -> Candidate:
    reason: Mapping[str, Any] = candidate.reason
    return replace(candidate, fidelity=fidelity, reason={**reason, "text": f"{reason['text']} {why}"})


def _believing(models: list[MetricModel], place: Array) -> list[MetricModel]:
    """The models that believe themselves at a place (d + 1,); one without a link, at its design."""
    rows = [place[None] if m.link else place[None, :-1] for m in models]
    return [m.with_points(row, m.posterior(row)[0]) for m, row in zip(models, rows, strict=True)]


def _trial(candidate: Candidate, index: int) -> Trial:
    """A candidate of the same proposal as a trial under way."""
    return Trial(index=index, parameters=candidate.parameters, status="pending", fidelity=candidate.fidelity)
