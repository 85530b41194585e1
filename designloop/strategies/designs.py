"""Model-free strategies, and the initial design of all others."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from designloop.strategies.base import Candidate, History, Problem, Proposal, StrategyExhausted
from designloop.strategies.sampling import Sequence, seed_of
from designloop.strategies.search import Search, placeable

NAMES = {
    "sobol": "Sobol sequence",
    "latin_hypercube": "Latin hypercube",
    "random": "random design",
    "center": "center of the space",
}


@dataclass(frozen=True, kw_only=True)
class InitialDesign:
    """The designs before any model: ``parts`` in order, {generator: count}."""

    problem: Problem
    parts: Mapping[str, int]

    @property
    def count(self) -> int:
        """Designs in all."""
        return sum(self.parts.values())

    def propose(self, search: Search, *, position: int, count: int) -> list[Candidate]:
        """Designs ``position`` to ``position + count`` of the initial design, as far as it reaches."""
        found: list[Candidate] = []
        start = 0
        for generator, size in self.parts.items():
            first, last = max(position, start), min(position + count, start + size)
            if first < last:
                sequence = Sequence(
                    generator=generator, seed=seed_of(self.problem.seed, generator, 0), size=size
                )
                points = sequence.propose(search, position=first - start, count=last - first)
                for k, point in enumerate(points):
                    search = search.with_tried(point)
                    text = f"Initial design, {first + k + 1} of {self.count}: {NAMES[generator]}."
                    found.append(_candidate(search, point, generator, text))
            start += size
        return found


@dataclass(frozen=True, kw_only=True)
class SequenceStrategy:
    """``random``, ``sobol`` or ``latin_hypercube`` to the end of the campaign."""

    name: str
    problem: Problem
    options: Mapping[str, float | str]
    initial: Mapping[str, int]

    def propose(self, history: History, n: int = 1) -> Proposal:
        """The next ``n`` designs of the sequence."""
        started = time.process_time()
        search = search_of(self.problem, history)
        first = InitialDesign(problem=self.problem, parts=self.initial)
        found = first.propose(search, position=history.proposals, count=n)
        for c in found:
            search = search.with_tried(search.space.to_unit([c.parameters])[0])
        position = max(0, history.proposals + len(found) - first.count) + self.initial.get(self.name, 0)
        try:
            found += propose_designs(self, search, position=position, count=n - len(found))
        except StrategyExhausted:
            if not found:
                raise
        return Proposal(candidates=tuple(found), seconds={"acquire": time.process_time() - started})


def propose_designs(
    strategy: SequenceStrategy, search: Search, *, position: int, count: int
) -> list[Candidate]:
    """``count`` designs of the strategy's own sequence from ``position`` on."""
    if not count:
        return []
    name = strategy.name
    size = int(strategy.options.get("size", 10))
    sequence = Sequence(generator=name, seed=seed_of(strategy.problem.seed, name, 0), size=size)
    points = sequence.propose(search, position=position, count=count)
    text = f"Next point of the {NAMES[name]}; no model is used."
    return [_candidate(search, point, name, text) for point in points]


def search_of(problem: Problem, history: History) -> Search:
    """The problem's space without the designs of ``history``."""
    trials = placeable(problem.space, history.trials)
    tried = [t.parameters for t in trials]
    failed = [t.parameters for t in trials if t.status == "failed"]
    return Search.of(problem.space, tried, failed)


def _candidate(search: Search, point: object, generator: str, text: str) -> Candidate:
    (design,) = search.designs(point[None])  # type: ignore[index]
    return Candidate(parameters=design, reason={"generator": generator, "text": text})
