"""What a run has spent of its limits: trials, time, time of the oracle, time of licences."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from designloop.campaign.model import Stop
from designloop.record import Attempt, RunRecord


def budget_left(run: RunRecord, stop: Stop) -> int:
    """Trials that may still be proposed; imported and withdrawn ones are free."""
    return stop.trials - sum(t.origin != "existing" and t.withdrawn is None for t in run.trials)


def seconds_spent(run: RunRecord) -> float:
    """Seconds in which something was proposed or evaluated, over all sessions; what overlaps counts once."""
    total, last = 0.0, 0.0
    for begin, end in sorted(_busy(run)):
        total += max(0.0, end - max(begin, last))
        last = max(last, end)
    return total


def _busy(run: RunRecord) -> Iterator[tuple[float, float]]:
    for proposal in run.proposals:
        yield proposal["time"] - proposal["seconds"].get("propose", 0.0), proposal["time"]
    for attempt in _attempts(run):
        if attempt.ended is not None:
            yield attempt.ended - (attempt.seconds or 0.0), attempt.ended


def oracle_seconds(run: RunRecord) -> float:
    """Seconds of all attempts together, failed ones too."""
    return sum(attempt.seconds or 0.0 for attempt in _attempts(run))


def licence_seconds(run: RunRecord, licences: Collection[str]) -> dict[str, float]:
    """Seconds for which attempts held licences, by name, and of the name "" all together.

    Every attempt takes one of each, and one where none is named; those that had to wait for one took none.
    """
    held = sum(a.seconds or 0.0 for a in _attempts(run) if a.cause != "wait")
    return {"": held * max(1, len(licences)), **dict.fromkeys(licences, held)}


def _attempts(run: RunRecord) -> Iterator[Attempt]:
    for trial in run.trials:
        if trial.origin != "existing":
            yield from trial.attempts
