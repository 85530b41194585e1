"""What an attempt that failed means for its trial: decided once, from the record, and written into it."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from designloop.campaign.execution import DEFAULTS, Do, Execution, Reaction
from designloop.campaign.model import Campaign
from designloop.execution import Outcome
from designloop.oracle import Cause
from designloop.record import Attempt, TrialRecord

LONGEST = 3600.0
"""Seconds beyond which the time between two attempts is not doubled."""
COUNTED: tuple[str | None, ...] = ("abandon", None)
"""Meanings of a failure that count against the limits; None: recorded before there were any."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What one failure means: its cause, what is done, and when the trial may run again (epoch seconds)."""

    cause: Cause
    does: Do
    again: float | None = None

    def to_json(self) -> dict[str, Any]:
        """What the record of the outcome keeps of it."""
        return {name: value for name, value in vars(self).items() if value is not None}


def verdict(campaign: Campaign, trial: TrialRecord, outcome: Outcome, *, now: float | None = None) -> Verdict:
    """The meaning of a failed ``outcome``, not in the trial's record yet; ``now`` in epoch seconds."""
    cause = outcome.cause or "error"
    needed = [o.name for o in campaign.outcomes]
    earlier = [a for a in trial.attempts if a.status is not None]
    does, wait = reaction(campaign.execution, earlier, outcome, needed=needed)
    if does != "retry":
        return Verdict(cause=cause, does=does)
    return Verdict(cause=cause, does=does, again=round((time.time() if now is None else now) + wait, 3))


def reaction(
    execution: Execution, earlier: Sequence[Attempt], outcome: Outcome, *, needed: Collection[str]
) -> tuple[Do, float]:
    """What is done about a failure, and after how many seconds.

    ``earlier`` are the trial's attempts before it; those since the last that was not followed by another of
    itself count, cause by cause. ``needed`` are the metrics without which nothing is kept.
    """
    cause = outcome.cause or "error"
    planned = execution.failures.get(cause, DEFAULTS[cause])
    spent = _repeated(earlier, cause)
    if planned.do == "retry" and (planned.times is None or spent < planned.times):
        return "retry", _wait(planned, spent, asked=outcome.retry_after)
    does = planned.then if planned.do == "retry" else planned.do
    if does == "keep" and not set(needed) <= set(outcome.metrics):
        return "abandon", 0.0
    return does, 0.0


def _wait(planned: Reaction, spent: int, *, asked: float | None) -> float:
    """Seconds before the next attempt: as the oracle ``asked`` or the campaign plans, then doubled each time.

    The longest are LONGEST, and where there is no end to the attempts those that the campaign plans.
    """
    first = planned.wait if asked is None else asked
    longest = planned.wait if planned.times is None else LONGEST
    return min(first * 2.0 ** min(spent, 60), max(first, longest))


def _repeated(attempts: Sequence[Attempt], cause: Cause) -> int:
    """How many of the latest attempts failed by ``cause`` and led to another one."""
    count = 0
    for attempt in reversed(attempts):
        if attempt.does != "retry":
            break
        count += attempt.cause == cause
    return count


def counts(attempt: Attempt) -> bool:
    """Whether a failure counts against the limits: not one that is repeated, censored or quarantined."""
    return attempt.status == "failed" and attempt.does in COUNTED
