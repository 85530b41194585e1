"""Strategies that learn a whole response with few labels: query by committee, its rivals, plain designs."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from designloop.errors import CampaignError
from designloop.space import Space
from designloop.strategies.base import Candidate, History, Problem, Proposal, StrategyExhausted
from designloop.strategies.designs import InitialDesign, SequenceStrategy, propose_designs, search_of
from designloop.strategies.options import STRATEGIES
from designloop.strategies.sampling import seed_of
from designloop.strategies.search import Array, Search, placeable

if TYPE_CHECKING:
    from designloop.strategies.gate import Verdict
    from designloop.strategies.knowledge import Knowledge

NO_REGION = {"region": "off", "action": "penalize", "weight": "auto"}


@dataclass(frozen=True, kw_only=True)
class LearningStrategy:
    """Initial design, then a learner trained on all labels and the design whose label teaches it most.

    ``random``, ``sobol`` and ``latin_hypercube`` take the next point of their sequence and train the learner
    all the same, so that it can be judged. Designs of a batch and pending trials are believed: the learner
    takes its own prediction there for a label (Ginsbourger, Le Riche, Carraro 2010). ``n = 0`` trains alone.
    """

    name: str
    problem: Problem
    options: Mapping[str, Any]
    initial: Mapping[str, int]

    def propose(self, history: History, n: int = 1) -> Proposal:
        """Propose ``n`` designs: what is left of the initial design first, then by the criterion."""
        from designloop.strategies.training import measured

        history = replace(history, trials=placeable(self.problem.space, history.trials))
        search = search_of(self.problem, history)
        first = InitialDesign(problem=self.problem, parts=self.initial)
        found = first.propose(search, position=history.proposals, count=n)
        if found and len(found) == n:
            return Proposal(candidates=tuple(found))
        for c in found:
            search = search.with_tried(search.space.to_unit([c.parameters])[0])
        if len(measured(self.problem, history)) < 2:
            return Proposal(candidates=(*found, *self._sequence(history, search, found, n - len(found))))
        return self._learned(history, search, found, n - len(found))

    def _learned(self, history: History, search: Search, found: list[Candidate], count: int) -> Proposal:
        """``count`` designs beside those ``found``, from what the labels of the history teach."""
        from designloop.strategies.learner import learn, saved
        from designloop.strategies.quiet import contained
        from designloop.strategies.thinning import diagnosed
        from designloop.strategies.training import measured

        seed = seed_of(self.problem.seed, "fit", len(history.trials))
        with contained(seed):
            started = time.process_time()
            knowledge = learn(
                self.problem, history, name=self.name, options=self.options, taken=search.tried, seed=seed
            )
            model = saved(knowledge)
            fitted = time.process_time()
            chosen, diagnostics = self._chosen(knowledge, history, search, found, count)
            ended = time.process_time()
        return Proposal(
            candidates=(*found, *chosen),
            model=model,
            fit=knowledge.fit,
            refitted=knowledge.refitted,
            seconds={"fit": fitted - started, "acquire": ended - fitted},
            diagnostics={
                **diagnostics,
                **diagnosed(used=len(knowledge.trials), of=len(measured(self.problem, history))),
            },
        )

    def _chosen(
        self, knowledge: Knowledge, history: History, search: Search, found: list[Candidate], count: int
    ) -> tuple[list[Candidate], dict[str, Any]]:
        """``count`` candidates and the diagnostics."""
        from designloop.strategies.choosing import Chooser
        from designloop.strategies.learned_reasons import learned_candidate
        from designloop.strategies.region import Region
        from designloop.strategies.scores import nodes_of

        nodes = nodes_of(search, seed=seed_of(self.problem.seed, "nodes", 0))
        spread = knowledge.disagreement(nodes)
        seed = seed_of(self.problem.seed, "region", len(history.trials))
        region = Region.fit(self.problem, history, {**NO_REGION, **self.options}, seed=seed)
        diagnostics: dict[str, Any] = {
            "disagreement": {"max": float(spread.max()), "mean": float(spread.mean())},
            "region": region.diagnostics,
            "replicate": False,
        }
        if not STRATEGIES[self.name].model_based:
            points = self._sequence(history, search, found, count)
            units = search.space.to_unit([c.parameters for c in points])
            return [learned_candidate(knowledge, search, u, generator=self.name) for u in units], diagnostics
        chooser = Chooser(
            name=self.name,
            problem=self.problem,
            options=self.options,
            nodes=nodes,
            region=region,
            number=len(history.trials) + len(found),
        )
        verdict = self._verdict(knowledge, history, nodes)
        if verdict is not None:
            diagnostics["gate"] = verdict.to_json()
        closed = verdict is not None and verdict.state == "random"
        assumed = [t.parameters for t in history.trials if t.status == "pending"]
        assumed += [c.parameters for c in found]
        first = InitialDesign(problem=self.problem, parts=self.initial).count
        generators = self._generators(history.proposals + len(found) - first, count, closed=closed)
        candidates = chooser.choose(knowledge, search, assumed, generators, may_be_none=bool(found))
        diagnostics["replicate"] = any(c.reason["generator"] == "replicate" for c in candidates)
        return candidates, diagnostics

    def _verdict(self, knowledge: Knowledge, history: History, nodes: Array) -> Verdict | None:
        """Whether the criterion may be believed; None where nobody asks."""
        from designloop.strategies.gate import judge

        if self.options["gate"] == "off" or not len(knowledge.left_out().trials):
            return None
        return judge(
            history,
            metrics=knowledge.metrics,
            left_out=knowledge.left_out(),
            means=knowledge.means(nodes),
            dimension=self.problem.space.dimension,
        )

    def _generators(self, position: int, count: int, *, closed: bool) -> list[str]:
        """What chooses each of ``count`` designs from ``position`` after the initial design on."""
        from designloop.strategies.gate import FALLBACK, SHADOW, is_shadow

        usual = FALLBACK if closed else self.name
        every = 0 if self.options["gate"] == "off" else int(self.options["shadow"])
        return [SHADOW if is_shadow(position + k, every) else usual for k in range(count)]

    def _sequence(
        self, history: History, search: Search, found: list[Candidate], count: int
    ) -> list[Candidate]:
        """The next points of the strategy's own sequence, or of Sobol's before there is a model."""
        own = not STRATEGIES[self.name].model_based
        name, options = (self.name, self.options) if own else ("sobol", {})
        filler = SequenceStrategy(name=name, problem=self.problem, options=options, initial={})
        first = InitialDesign(problem=self.problem, parts=self.initial).count
        position = history.proposals + len(found)
        position = max(0, position - first) + self.initial.get(name, 0) if own else position
        try:
            return propose_designs(filler, search, position=position, count=count)
        except StrategyExhausted:
            if found:
                return []
            raise


def check_committee(kind: str) -> None:
    """Refuse an import path that leads to no scikit-learn regressor. Raises CampaignError."""
    if ":" not in kind:
        return
    from designloop.learning.committees.estimators import regressor

    try:
        regressor(kind)
    except ValueError as error:
        raise CampaignError(f"strategy option committee: {error}") from None


def check_features(space: Space, expressions: Sequence[str]) -> None:
    """Raises CampaignError where the learner cannot see these expressions."""
    from designloop.learning.features import encoder_of

    try:
        encoder_of(space, expressions)
    except ValueError as error:
        raise CampaignError(f"strategy option features: {error}") from None
