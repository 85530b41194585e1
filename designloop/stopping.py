"""When a campaign ends, when it pauses, and which trials are still to run: pure functions of the record."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from designloop.campaign.model import Stop
from designloop.record import Attempt, RunRecord, TrialRecord

EQUAL_FAILURES = 3
"""So many equal failures in a row pause a run."""


def budget_left(run: RunRecord, stop: Stop) -> int:
    """Trials that may still be proposed; imported ones are free."""
    return stop.trials - sum(trial.origin != "existing" for trial in run.trials)


def seconds_spent(run: RunRecord) -> float:
    """Time spent on proposals and evaluations, over all sessions."""
    proposing = sum(p["seconds"].get("propose", 0.0) for p in run.proposals)
    return float(proposing + sum(a.seconds or 0.0 for t in run.trials for a in t.attempts))


def stop_reason(run: RunRecord, stop: Stop) -> str | None:
    """Why the campaign is over, or None."""
    if budget_left(run, stop) <= 0:
        return f"all {stop.trials} trials are done"
    if stop.wall_time is not None and seconds_spent(run) >= stop.wall_time:
        return f"the time of {stop.wall_time:g} s is spent"
    if stop.no_improvement_trials is None:
        return None
    recent = [t for t in run.trials if t.origin == "strategy"][-stop.no_improvement_trials :]
    if len(recent) < stop.no_improvement_trials:
        return None
    gain = improvement(run, before=recent[0].index)
    if gain is None or gain >= (stop.no_improvement_less_than or 0.0):
        return None
    return f"the last {stop.no_improvement_trials} trials improved the best design by {gain:.2%}"


def improvement(run: RunRecord, *, before: int) -> float | None:
    """Relative gain of the best design since trial ``before``; None where there was none feasible by then."""
    now, then = run.best(), run.best(run.trials[:before])
    if now is None or then is None:
        return None
    best, earlier = now.value(run.metric), then.value(run.metric)
    if best is None or earlier is None:
        return None
    return abs(best - earlier) / (abs(earlier) or 1.0)


def pause_reason(run: RunRecord, failure_limit: int) -> str | None:
    """Why the run should wait for its user, or None."""
    streak = failure_streak(run, since=run.decisions)
    if len(streak) >= EQUAL_FAILURES:
        return f"{len(streak)} trials in a row failed alike: {streak[-1].reason}"
    failed = [t for t in run.trials if t.status == "failed" and t.origin != "existing"]
    granted = failure_limit * (1 + sum(d["action"] == "resume" for d in run.decisions))
    if len(failed) >= granted:
        reason = failed[-1].last.reason if failed[-1].last else ""
        return f"{len(failed)} trials failed, the limit is {failure_limit}; the last: {reason}"
    return None


def failure_streak(run: RunRecord, *, since: Sequence[Mapping[str, Any]]) -> list[Attempt]:
    """The equal failures that came last, in order, after the last of the decisions ``since``."""
    first = since[-1]["outcomes_before"] if since else 0
    streak: list[Attempt] = []
    for trial, number in reversed(run.outcomes[first:]):
        attempt = _attempt(run.trials[trial], number)
        if attempt.status != "failed" or (streak and _words(attempt) != _words(streak[0])):
            break
        streak.insert(0, attempt)
    return streak


def to_repeat(run: RunRecord) -> dict[str, int]:
    """Trials of the failures that led to the last decision, each with the attempt that repeats it."""
    streak = failure_streak(run, since=run.decisions[:-1])
    trials = [t for t in run.trials if t.last in streak]
    return {str(t.index): len(t.attempts) + 1 for t in trials}


def open_trials(run: RunRecord) -> list[TrialRecord]:
    """Trials proposed, begun without an outcome, or to be repeated after a pause; in order."""
    repeats: dict[str, int] = {}
    for decision in run.decisions:
        repeats |= decision.get("repeat", {})
    return [
        t
        for t in run.trials
        if t.status in ("proposed", "running") or len(t.attempts) < repeats.get(str(t.index), 0)
    ]


def _attempt(trial: TrialRecord, number: int) -> Attempt:
    return next(a for a in trial.attempts if a.number == number)


def _words(attempt: Attempt) -> str:
    return re.sub(r"[-+]?\d[\d.e+-]*", "#", attempt.reason or "")
