"""The choices of one proposal of a learning strategy, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from designloop.space import Design
from designloop.strategies.base import Candidate, Problem, StrategyExhausted
from designloop.strategies.knowledge import Knowledge
from designloop.strategies.learned_reasons import learned_candidate
from designloop.strategies.pool_search import differential_evolution, maximize
from designloop.strategies.region import Region
from designloop.strategies.replicates import replicate_of
from designloop.strategies.sampling import Sequence as DesignSequence
from designloop.strategies.sampling import seed_of
from designloop.strategies.scores import score_of
from designloop.strategies.search import Array, Search

Ask = Callable[[Callable[[], Array]], Array]


@dataclass(frozen=True, kw_only=True)
class Pick:
    """A chosen design (d,), what chose it, and its criterion and penalty there."""

    unit: Array
    generator: str
    value: float | None = None
    penalty: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Chooser:
    """What every choice of one proposal depends on beside the knowledge, which grows by believing."""

    name: str
    problem: Problem
    options: Mapping[str, Any]
    nodes: Array
    region: Region
    number: int
    """Designs before these, tried or pending: what seeds depend on."""

    def choose(
        self,
        knowledge: Knowledge,
        search: Search,
        assumed: Sequence[Design],
        generators: Sequence[str],
        *,
        may_be_none: bool,
    ) -> list[Candidate]:
        """One candidate per generator beside the designs ``assumed``, fewer at a finite space's end.

        The reasons hold the predictions before any believing. Raises StrategyExhausted where nothing is
        left, unless there ``may_be_none``.
        """
        ask = self._asker(knowledge, search)
        found: list[Candidate] = []
        believed = knowledge.believing(self.problem.space.to_unit(assumed)) if assumed else knowledge
        for k, generator in enumerate(generators):
            picks: list[Pick] = []
            try:
                ask(partial(self._noted, picks, believed, search, generator, self.number + k))
            except StrategyExhausted:
                if found or may_be_none:
                    break
                raise
            (pick,) = picks
            found.append(
                learned_candidate(
                    knowledge, search, pick.unit, generator=pick.generator, value=pick.value,
                    penalty=pick.penalty, over=str(self.options.get("disagreement", "")),
                )
            )  # fmt: skip
            search = search.with_tried(pick.unit)
            if k + 1 < len(generators):
                believed = believed.believing(pick.unit[None])
        return found

    def _asker(self, knowledge: Knowledge, search: Search) -> Ask:
        """Ax, asked through one experiment that holds every design and label."""
        from designloop.strategies.quiet import load_ax

        labels = knowledge.labels
        noise = np.where(np.isnan(labels.noise), knowledge.aleatoric(), labels.noise)
        outcomes = [(labels.unit, labels.z[:, j], noise[:, j]) for j in range(labels.z.shape[1])]
        ask: Ask = load_ax().asker(search.tried, outcomes)
        return ask

    def _noted(
        self, picks: list[Pick], knowledge: Knowledge, search: Search, generator: str, number: int
    ) -> Array:
        if generator == self.name:
            picks.append(self._best(knowledge, search, number))
        else:
            picks.append(self._random(search, generator, number))
        return picks[-1].unit

    def _random(self, search: Search, generator: str, number: int) -> Pick:
        """A design that no model chose: of a Sobol sequence of its own, which fills the space."""
        sequence = DesignSequence(generator="sobol", seed=seed_of(self.problem.seed, "shadow", 0))
        return Pick(unit=sequence.propose(search, position=number, count=1)[0], generator=generator)

    def _best(self, knowledge: Knowledge, search: Search, number: int) -> Pick:
        score = score_of(self.name, knowledge, self.options, self.nodes)
        largest = float(np.max(score(self.nodes)))
        seed = seed_of(self.problem.seed, "acquire", number)

        def values(unit: Array) -> Array:
            found = score(unit) - self.region.penalty(unit, largest=largest)
            return np.where(self.region.excluded(unit), -np.inf, found)

        if self.options.get("search") == "differential_evolution":
            unit, _ = differential_evolution(values, search, seed=seed)
        else:
            unit, _ = maximize(values, search, anchors=knowledge.labels.unit[-1:], seed=seed)
        if self.options.get("replicates") == "auto":
            again = replicate_of(knowledge, search, unit, self.nodes)
            if again is not None:
                return Pick(unit=again, generator="replicate")
        return Pick(
            unit=unit,
            generator=self.name,
            value=float(score(unit[None])[0]),
            penalty=float(self.region.penalty(unit[None], largest=largest)[0]),
        )
