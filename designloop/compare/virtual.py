"""One virtual campaign: a strategy, a repeat, answers that cost nothing; no journal, no mirror."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from designloop.compare.contenders import Contender
from designloop.compare.judge import Judge
from designloop.compare.pool import Pool
from designloop.compare.rows import Drawn
from designloop.compare.setup import Setup
from designloop.compare.simulated import Simulated
from designloop.compare.source import Answer, Design, Reference, Source, in_scope
from designloop.errors import RunError
from designloop.revision import seed_of
from designloop.strategies import History, Proposal, Strategy, StrategyExhausted, Trial


def source_of(setup: Setup, known: Reference | None = None) -> Source:
    """The table's rows, or the campaign's oracle. Raises CampaignError, OracleError."""
    campaign = setup.campaign()
    return Pool.of(setup, campaign) if setup.table else Simulated.of(setup, campaign, known)


def repeat_seed(campaign_seed: int, repeat: int) -> int:
    """The seed that all strategies of one repeat share."""
    return seed_of(campaign_seed, "compare", repeat)


@dataclass(kw_only=True)
class Course:
    """What happened so far."""

    source: Source
    seed: int
    judge: Judge | None
    trials: list[Trial] = field(default_factory=list)
    values: list[float | None] = field(default_factory=list)
    """True objective by trial; None out of scope."""
    labels: list[int] = field(default_factory=list)
    errors: list[Mapping[str, float]] = field(default_factory=list)
    coverage: list[float] = field(default_factory=list)
    shared: int = 0
    """Trials that all strategies of the repeat share."""

    def add(self, design: Design, generator: str) -> None:
        """Evaluate one design."""
        index = len(self.trials)
        answer = self.source.evaluate(design, seed_of(self.seed, "oracle", index))
        placed = Drawn(design) if self.source.again else dict(design)
        self.trials.append(
            Trial(
                index=index, parameters=placed, status=answer.status, metrics=answer.metrics,
                generator=generator,
            )
        )  # fmt: skip
        self.values.append(self._value(answer))

    def look(self) -> None:
        """Judge what a learner knows now."""
        judged = self.judge.judge(History(trials=tuple(self.trials))) if self.judge else None
        if judged:
            self.labels.append(len(self.trials))
            self.errors.append(judged.rmse)
            self.coverage.append(judged.coverage)

    def _value(self, answer: Answer) -> float | None:
        problem = self.source.problem
        good = in_scope(problem, answer.status, answer.true) and problem.metric in answer.true
        return answer.true[problem.metric] if good else None


def run(source: Source, setup: Setup, contender: Contender, *, repeat: int, seed: int) -> dict[str, Any]:
    """One virtual campaign as JSON. Raises RunError where the strategy breaks.

    ``values``: the true objective of every trial in order, None where it is out of scope; ``initial`` of
    them are shared. A learner adds ``labels``, ``rmse`` by metric and ``coverage`` after each of them.
    """
    started = time.process_time()
    judge = None
    if setup.learn:
        judge = Judge(problem=source.problem, learn=setup.learn, reference=source.reference())
    course = Course(source=source, seed=seed, judge=judge)
    for design, generator in source.start(seed):
        course.add(design, generator)
    course.shared = len(course.trials)
    if course.shared:
        course.look()
    strategy = source.strategy(contender, seed)
    try:
        _go(course, setup, strategy, batch=int(dict(contender.options).get("batch", 1)))
    except Exception as error:
        what = f"{contender.label}, repeat {repeat}, trial {len(course.trials)}"
        raise RunError(f"{what}: {type(error).__name__}: {error}") from error
    return {
        "strategy": contender.label,
        "repeat": repeat,
        "seed": seed,
        "initial": course.shared,
        "values": course.values,
        "generators": dict(Counter(t.generator for t in course.trials)),
        **({"labels": course.labels, "rmse": _columns(course.errors)} if judge else {}),
        **({"coverage": course.coverage} if judge else {}),
        "cpu_seconds": round(time.process_time() - started, 3),
    }


def _go(course: Course, setup: Setup, strategy: Strategy, *, batch: int) -> None:
    fit: Mapping[str, Any] | None = None
    wanted = course.shared + setup.trials
    while len(course.trials) < wanted and not finished(course):
        history = History(trials=tuple(course.trials), fit=fit, proposals=len(course.trials))
        try:
            proposal: Proposal = strategy.propose(history, min(batch, wanted - len(course.trials)))
        except StrategyExhausted:
            return
        fit = proposal.fit if proposal.fit is not None else fit
        for candidate in proposal.candidates:
            course.add(candidate.parameters, str(candidate.reason.get("generator", "")))
            course.look()
        if not proposal.candidates:
            return


def finished(course: Course) -> bool:
    """Whether the target was found among a table's rows, so that more tries count for nothing."""
    top = None if course.judge or not isinstance(course.source, Pool) else course.source.top()
    counting = course.values if not course.source.again else course.values[course.shared :]
    return top is not None and hit(counting, top, course.source.problem.minimize)


def hit(values: list[float | None], target: float, minimize: bool) -> bool:
    """Whether one of the values is as good as the target, rounding aside."""
    slack = 1e-12 * max(abs(target), math.ulp(1.0))
    sign = 1.0 if minimize else -1.0
    return any(v is not None and sign * (v - target) <= slack for v in values)


def _columns(errors: list[Mapping[str, float]]) -> dict[str, list[float]]:
    return {m: [e[m] for e in errors] for m in (errors[0] if errors else {})}
