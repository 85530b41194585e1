"""What a run has spent of its limits: trials, time, time of the oracle, time of licences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from designloop.campaign.model import Stop
from designloop.record import Attempt, RunRecord


def budget_left(run: RunRecord, stop: Stop) -> int:
    """Trials that may still be proposed; imported and withdrawn ones are free."""
    return stop.trials - run.tally.asked


def seconds_spent(run: RunRecord) -> float:
    """Seconds in which something was proposed or evaluated, over all sessions; what overlaps counts once."""
    return run.tally.busy.total


def oracle_seconds(run: RunRecord) -> float:
    """Seconds of all attempts together, failed ones too."""
    return run.tally.seconds


def licence_seconds(run: RunRecord, tokens: Mapping[str, int]) -> dict[str, float]:
    """Seconds for which attempts held tokens of licences, by name, and of the name "" all together.

    Every attempt takes ``tokens`` of each, and one where none is named; those that had to wait took none.
    """
    held = sum(a.seconds or 0.0 for a in _attempts(run) if a.cause != "wait")
    return {"": held * max(1, sum(tokens.values())), **{name: held * n for name, n in tokens.items()}}


def _attempts(run: RunRecord) -> Iterator[Attempt]:
    for trial in run.trials:
        if trial.origin != "existing":
            yield from trial.attempts
