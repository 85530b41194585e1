"""When a run waits for its user, and which trials are still to run: pure functions of the record."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from designloop import policy
from designloop.campaign.execution import Execution
from designloop.record import OPEN, Attempt, RunRecord, TrialRecord


def pause_reason(run: RunRecord, execution: Execution) -> str | None:
    """Why the run should wait for its user after the attempt that ended last, or None."""
    latest = next((a for _, a in _backwards(run, run.decisions)), None)
    if latest is not None and latest.does == "pause":
        return f"an attempt failed ({latest.cause}), and the campaign says to pause then: {latest.reason}"
    if latest is None or not policy.counts(latest):
        return None
    streak = failure_streak(run, since=run.decisions)
    if len(streak) >= execution.equal_failures:
        return f"{len(streak)} trials in a row failed alike: {streak[-1].reason}"
    lasts = [t.attempts[-1] for t in run.trials if t.attempts and t.origin != "existing"]
    failed = [a for a in lasts if policy.counts(a)]
    if len(failed) >= execution.failure_limit * (1 + _granted(run)):
        limit = f"the limit is {execution.failure_limit}"
        return f"{len(failed)} trials failed, {limit}; the last: {failed[-1].reason}"
    return None


def _granted(run: RunRecord) -> int:
    """How often the user went on after a pause that the run asked for: each grants the limit anew."""
    pairs = zip(run.decisions, run.decisions[1:], strict=False)
    return sum(
        after["action"] == "resume" and before["action"] == "pause" and before.get("by") != "user"
        for before, after in pairs
    )


def failure_streak(run: RunRecord, *, since: Sequence[Mapping[str, Any]]) -> list[Attempt]:
    """The equal failures that came last, in order, after the last of the decisions ``since``.

    Failures that do not count neither belong to it nor end it; answers end it.
    """
    streak: list[Attempt] = []
    for trial, attempt in _backwards(run, since):
        if attempt.status == "failed" and attempt.does in ("retry", "censor", "quarantine", "pause"):
            continue
        alike = policy.counts(attempt) and trial.origin != "existing"
        if not alike or (streak and _kind(attempt) != _kind(streak[0])):
            break
        streak.insert(0, attempt)
    return streak


def behind(run: RunRecord, *, since: Sequence[Mapping[str, Any]]) -> list[int]:
    """Trials of the failures that ask for a pause, after the last of the decisions ``since``."""
    streak = failure_streak(run, since=since)
    return [t.index for t in run.trials if t.last and (t.last in streak or t.last.does == "pause")]


def to_repeat(run: RunRecord) -> dict[str, int]:
    """Trials of the failures that led to the last decision, each with the attempt that repeats it.

    The decision names them, as what ran at that moment may have answered since; those answered are left out.
    """
    named = run.decisions[-1].get("failed")
    found = behind(run, since=run.decisions[:-1]) if named is None else named
    trials = [run.trials[i] for i in found]
    failed = [t for t in trials if t.last and t.last.status == "failed" and t.withdrawn is None]
    return {str(t.index): len(t.attempts) + 1 for t in failed}


def open_trials(run: RunRecord) -> list[TrialRecord]:
    """Trials proposed, begun without an outcome, to be tried again, or repeated after a pause; in order.

    So is one whose failure meant to pause a run that was killed before it did.
    """
    recent = {t.index for t, a in _backwards(run, run.decisions) if a.does == "pause" and t.last is a}
    repeats: dict[str, int] = {}
    for decision in run.decisions:
        repeats |= decision.get("repeat", {})
    return [
        t
        for t in run.trials
        if t.withdrawn is None
        and (t.status in OPEN or t.index in recent or len(t.attempts) < repeats.get(str(t.index), 0))
    ]


def _backwards(run: RunRecord, since: Sequence[Mapping[str, Any]]) -> Iterator[tuple[TrialRecord, Attempt]]:
    """Attempts from the one that ended last to the first after the last of the decisions ``since``."""
    for i in range(len(run.outcomes) - 1, _first(since) - 1, -1):
        trial = run.trials[run.outcomes[i][0]]
        yield trial, next(a for a in trial.attempts if a.number == run.outcomes[i][1])


def _first(since: Sequence[Mapping[str, Any]]) -> int:
    """Number of outcomes before the last of some decisions."""
    return int(since[-1]["outcomes_before"]) if since else 0


def _kind(attempt: Attempt) -> tuple[str | None, str]:
    """What two equal failures have in common: the cause, and the reason's first line but for its numbers."""
    return attempt.cause, re.sub(r"[-+]?\d[\d.e+-]*", "#", (attempt.reason or "").partition("\n")[0])
