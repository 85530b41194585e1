"""Running totals of a run, kept up record by record: no question of the loop counts all trials anew."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from designloop.record import RunRecord, TrialRecord


@dataclass
class Stretches:
    """Stretches of time, in epoch seconds; what overlaps counts once."""

    total: float = 0.0
    """Seconds of all of them."""
    _begins: list[float] = field(default_factory=list)
    _ends: list[float] = field(default_factory=list)

    def add(self, begin: float, end: float) -> None:
        """Take one in, joined with those that it touches."""
        first, last = bisect_left(self._ends, begin), bisect_right(self._begins, end)
        if first < last:
            begin, end = min(begin, self._begins[first]), max(end, self._ends[last - 1])
            self.total -= sum(
                e - b for b, e in zip(self._begins[first:last], self._ends[first:last], strict=True)
            )
        self._begins[first:last], self._ends[first:last] = [begin], [end]
        self.total += end - begin


@dataclass(kw_only=True)
class Tally:
    """What the records so far add up to."""

    asked: int = 0
    """Trials that count against the budget: neither imported nor withdrawn."""
    phases: Counter[int] = field(default_factory=Counter)
    """Trials that strategies proposed, without those withdrawn, by phase."""
    proposed: Counter[int] = field(default_factory=Counter)
    """The same with those withdrawn."""
    fit: Mapping[str, Any] | None = None
    """Hyper-parameters of the last fit."""
    seconds: float = 0.0
    """Seconds of the oracle in all attempts, failed ones too."""
    busy: Stretches = field(default_factory=Stretches)
    """When something was proposed or evaluated."""
    open: set[int] = field(default_factory=set)
    """Trials whose answer is still to come."""
    withdrawn: set[int] = field(default_factory=set)
    ended: list[tuple[int, int]] = field(default_factory=list)
    """(trial, attempt) in the order of their answers, those imported too."""
    corrections: int = 0
    changed: list[int] = field(default_factory=list)
    """Trials in the order in which records told something of them, with repeats."""

    def add(self, run: RunRecord, entry: Mapping[str, Any]) -> None:
        """Take in the record that ``run`` took in last."""
        count = _COUNT.get(entry["kind"])
        if count is None:
            return
        told = count(self, run, entry)
        self.changed += told
        for index in told:
            (self.open.add if run.trials[index].is_open else self.open.discard)(index)


def _proposal(tally: Tally, _: RunRecord, entry: Mapping[str, Any]) -> list[int]:
    count, phase = len(entry["candidates"]), entry.get("phase", 0)
    tally.asked += count
    tally.busy.add(entry["time"] - (entry.get("seconds") or {}).get("propose", 0.0), entry["time"])
    if entry["origin"] == "strategy":
        tally.phases[phase] += count
        tally.proposed[phase] += count
        fit = entry.get("fit")
        tally.fit = tally.fit if fit is None else fit
    return [candidate["trial"] for candidate in entry["candidates"]]


def _import(tally: Tally, _: RunRecord, entry: Mapping[str, Any]) -> list[int]:
    tally.ended += [(row["trial"], 1) for row in entry["trials"]]
    return [row["trial"] for row in entry["trials"]]


def _start(_: Tally, __: RunRecord, entry: Mapping[str, Any]) -> list[int]:
    return [entry["trial"]]


def _correction(tally: Tally, _: RunRecord, entry: Mapping[str, Any]) -> list[int]:
    tally.corrections += 1
    return [entry["trial"]]


def _outcome(tally: Tally, _: RunRecord, entry: Mapping[str, Any]) -> list[int]:
    seconds = entry.get("seconds") or 0.0
    tally.seconds += seconds
    tally.ended.append((entry["trial"], entry["attempt"]))
    tally.busy.add(entry["time"] - seconds, entry["time"])
    return [entry["trial"]]


def _withdrawal(tally: Tally, run: RunRecord, entry: Mapping[str, Any]) -> list[int]:
    fresh = [index for index in entry["trials"] if index not in tally.withdrawn]
    tally.withdrawn.update(fresh)
    for trial in (run.trials[index] for index in fresh):
        tally.asked -= trial.origin != "existing"
        if trial.origin == "strategy" and trial.proposal is not None:
            tally.phases[run.proposals[trial.proposal].get("phase", 0)] -= 1
    return fresh


_COUNT: dict[str, Callable[[Tally, RunRecord, Mapping[str, Any]], list[int]]] = {
    "proposal": _proposal,
    "import": _import,
    "start": _start,
    "outcome": _outcome,
    "correction": _correction,
    "withdrawal": _withdrawal,
}


class Incumbents:
    """The best trial after every outcome, under the latest revision and as far as anybody asked.

    An outcome can only bring a better trial, unless it is another one of the best trial itself.
    """

    def __init__(self) -> None:
        self._seen, self._revisions = 0, 0
        self._since: list[int] = []
        """After how many outcomes each became the best."""
        self._best: list[TrialRecord | None] = []

    def after(self, run: RunRecord, outcomes: int | None = None) -> TrialRecord | None:
        """The best trial after so many outcomes, or after all."""
        if self._revisions != len(run.revisions) or not self._since:
            self._seen, self._revisions = 0, len(run.revisions)
            self._since, self._best = [0], [run.best(t for t in run.trials if t.origin == "existing")]
        while self._seen < len(run.outcomes):
            self._take(run, run.trials[run.outcomes[self._seen][0]])
        count = self._seen if outcomes is None else outcomes
        return self._best[bisect_right(self._since, count) - 1]

    def _take(self, run: RunRecord, trial: TrialRecord) -> None:
        """The next outcome is one of ``trial``."""
        self._seen += 1
        held = self._best[-1]
        if trial is held:
            ended = {index for index, _ in run.outcomes[: self._seen]}
            best = run.best(t for t in run.trials if t.index in ended or t.origin == "existing")
        else:
            best = run.best([trial] if held is None else [held, trial])
        if best is not held:
            self._since.append(self._seen)
            self._best.append(best)
