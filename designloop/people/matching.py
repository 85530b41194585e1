"""Rows of results against what is on record: what answers which trial, what is new, what is known already.

Every row is a result of its own. Replicates are so: a second row for a trial, or another row with a design
that was run before, becomes a trial of its own, so that the model sees how much equal samples scatter. A row
that is on record already is passed over, so a file may be told again, grown or not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from designloop.campaign.model import Campaign
from designloop.people.facts import Fact, agreement, fact_of, same_design
from designloop.people.results import Row, refused
from designloop.reading.problems import Refused
from designloop.record import OPEN, RunRecord, TrialRecord

Kind = Literal["answer", "own", "correction", "known", "open"]


@dataclass(frozen=True, kw_only=True)
class Step:
    """What one row does.

    answer: the outcome of ``trial``, which is open; own: a trial of its own; correction: another outcome of
    ``trial``; known: it is that of ``trial`` already; open: nothing yet.
    """

    kind: Kind
    fact: Fact
    trial: int | None = None
    replicates: int | None = None
    """The trial of which it is another sample, where people say so."""


def understood(rows: Sequence[Row], run: RunRecord, campaign: Campaign, *, correct: bool) -> list[Step]:
    """What every row does, in their order. Raises RunError naming every row that cannot be recorded."""
    facts, wrong = [], []
    for row in rows:
        try:
            facts.append(fact_of(row, _trial_of(row, run), campaign))
        except Refused as error:
            wrong.append(_sentence(row, error))
    matching = _Matching(run=run, correct=correct)
    steps = matching.steps(facts)
    wrong += matching.wrong
    if wrong:
        raise refused(wrong)
    return steps


def _sentence(row: Row, error: Refused) -> str:
    return f"{row.place}: {error.what} {error.instead}".rstrip()


def _trial_of(row: Row, run: RunRecord) -> TrialRecord | None:
    """The trial whose number a row bears; None without one. Raises Refused."""
    if row.trial is None:
        return None
    if not row.trial < len(run.trials):
        raise Refused(
            f"there is no trial {row.trial}; {run.name} has {len(run.trials)}, counted from 0.",
            "Leave the number out for a design of your own.",
        )
    return run.trials[row.trial]


class _Matching:
    """Which trials the rows of one file have claimed; each trial is claimed once."""

    def __init__(self, *, run: RunRecord, correct: bool) -> None:
        self._run, self._correct = run, correct
        self._claimed: set[int] = set()
        self._corrected: set[int] = set()
        self._steps: dict[int, Step] = {}
        self.wrong: list[str] = []

    def steps(self, facts: Sequence[Fact]) -> list[Step]:
        """Rows that are known first, then those with a number, then those without: order tells nothing."""
        for n, fact in enumerate(facts):
            if fact.outcome is None:
                self._steps[n] = Step(kind="open", fact=fact, trial=fact.row.trial)
        for passing in (self._known, self._numbered, self._free):
            for n, fact in enumerate(facts):
                if n in self._steps or (passing == self._numbered and fact.row.trial is None):
                    continue
                try:
                    step = passing(fact)
                except Refused as error:
                    self.wrong.append(_sentence(fact.row, error))
                    step = Step(kind="open", fact=fact)
                if step is not None:
                    self._steps[n] = step
        return [self._steps[n] for n in range(len(facts))]

    def _known(self, fact: Fact) -> Step | None:
        """A row that is on record, or adds to one that is."""
        for wanted in ("same", "adds"):
            for trial in self._pool(fact):
                last = trial.attempts[-1:] if wanted == "adds" else trial.attempts
                if any(agreement(fact, trial, attempt) == wanted for attempt in last):
                    self._claimed.add(trial.index)
                    kind: Kind = "known" if wanted == "same" else "correction"
                    return Step(kind=kind, fact=fact, trial=trial.index)
        return None

    def _pool(self, fact: Fact) -> Iterator[TrialRecord]:
        """Trials that a row may be about and that no other row has claimed."""
        number = fact.row.trial
        for trial in self._run.trials:
            about = number is None or trial.index == number or replicate_of(trial) == number
            if about and trial.index not in self._claimed and trial.withdrawn is None:
                yield trial

    def _numbered(self, fact: Fact) -> Step:
        number = fact.row.trial
        assert number is not None
        trial = self._run.trials[number]
        if trial.withdrawn is not None:
            raise Refused(
                f"trial {number} was rejected: {trial.withdrawn['reason']}.",
                "Leave the number out to tell what was run all the same.",
            )
        if number in self._corrected:
            raise Refused(f"a second row corrects trial {number}.", "Keep one.")
        if number in self._claimed:
            return self._own(fact, replicates=number)
        if trial.status in OPEN:
            return self._claim("answer", fact, number)
        if not self._correct:
            raise Refused(
                f"trial {number} has another result on record: {_said(trial)}.",
                "To replace it, add --correct; for a second sample of it, leave the number out.",
            )
        self._corrected.add(number)
        return self._claim("correction", fact, number)

    def _free(self, fact: Fact) -> Step:
        return self._own(fact, replicates=None)

    def _own(self, fact: Fact, *, replicates: int | None) -> Step:
        """The answer of an open trial with this very design, else a trial of its own."""
        for trial in self._run.trials:
            fits = trial.status in OPEN and trial.index not in self._claimed
            fits = fits and (replicates is None or trial.origin == "told")
            if fits and same_design(fact.design, trial.parameters):
                self._claimed.add(trial.index)
                return Step(kind="answer", fact=fact, trial=trial.index, replicates=replicates)
        return Step(kind="own", fact=fact, replicates=replicates)

    def _claim(self, kind: Kind, fact: Fact, number: int) -> Step:
        self._claimed.add(number)
        return Step(kind=kind, fact=fact, trial=number)


def _said(trial: TrialRecord) -> str:
    values = ", ".join(f"{name} {o.value:.6g}" for name, o in trial.metrics.items())
    last = trial.last
    return values or f"{last.status}, {last.reason}" if last else trial.status


def replicate_of(trial: TrialRecord) -> int | None:
    """The trial of which people said that this one repeats it."""
    told = trial.last.notes.get("told") if trial.last else None
    return told.get("replicate_of") if told else None
