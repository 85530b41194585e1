"""When a campaign ends, when it pauses, and which trials are still to run: pure functions of the record."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from designloop import closure, goals
from designloop.campaign.model import Campaign, Stop
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


def stop_reason(run: RunRecord, campaign: Campaign) -> str | None:
    """Why the campaign is over, or None."""
    stop = campaign.stop
    if budget_left(run, stop) <= 0:
        return f"all {stop.trials} trials are done"
    if stop.wall_time is not None and seconds_spent(run) >= stop.wall_time:
        return f"the time of {stop.wall_time:g} s is spent"
    return _learned(run, campaign) or _stalled(run, campaign)


def phase_over(run: RunRecord, campaign: Campaign) -> str | None:
    """Why the strategy at work makes room for the next one, or None."""
    until = campaign.phases[run.phase].until
    if run.phase + 1 >= len(campaign.phases) or until is None:
        return None
    if until == "goal":
        return _goal_reached(run, campaign)
    made = sum(len(p["candidates"]) for p in run.proposals if _by_phase(p, run.phase))
    return f"its {until} trials are done" if made >= until else None


def learning_ended(run: RunRecord, campaign: Campaign) -> bool:
    """Whether what was learned ends the campaign or the phase at work."""
    learned_enough = campaign.phases[run.phase].until == "goal" and _goal_reached(run, campaign)
    return _learned(run, campaign) is not None or bool(learned_enough)


def _by_phase(proposal: Mapping[str, Any], phase: int) -> bool:
    return bool(proposal["origin"] == "strategy" and proposal.get("phase", 0) == phase)


def _goal_reached(run: RunRecord, campaign: Campaign) -> str | None:
    goal = campaign.goal
    if goal is None or not goals.reached(run, goal, dimension=campaign.space.dimension):
        return None
    errors = next(p["errors"] for p in reversed(goals.progresses(run)) if "errors" in p)
    unit = run.campaign["metrics"]
    aims = (goals.aim_text(aim, errors, unit=unit.get(aim.metric, "")) for aim in goal.aims)
    return f"the goal is reached: {'; '.join(aims)}"


def _learned(run: RunRecord, campaign: Campaign) -> str | None:
    """Why nothing is left to learn, or None; a phase that ends at the goal does not end the campaign."""
    stop, last = campaign.stop, run.phase + 1 == len(campaign.phases)
    if stop.at_goal and last and (len(campaign.phases) == 1 or campaign.phases[-1].until == "goal"):
        reached = _goal_reached(run, campaign)
        if reached:
            return reached
    if stop.disagreement is not None:
        recent = [p.get("disagreement", {}).get("max") for p in goals.progresses(run)[-goals.TWICE :]]
        if len(recent) == goals.TWICE and all(d is not None and d <= stop.disagreement for d in recent):
            return f"the committee disagrees by {recent[-1]:.2%} of the spread at most"
    return _covered(run, campaign) if campaign.goal and stop.coverage_trials else None


def _covered(run: RunRecord, campaign: Campaign) -> str | None:
    trials, least = campaign.stop.coverage_trials, campaign.stop.coverage_less_than or 0.0
    assert trials is not None
    assert campaign.goal is not None
    if sum(t.origin == "strategy" for t in run.trials) < trials:
        return None
    metrics = [aim.metric for aim in campaign.goal.aims][: closure.MOST]
    gain = closure.growth(run, metrics, trials=trials)
    if gain is None or gain >= least:
        return None
    return f"the last {trials} trials widened the reached property space by {gain:.2%}"


def _stalled(run: RunRecord, campaign: Campaign) -> str | None:
    """That the last trials brought no improvement, of the best design or of the learning error."""
    stop = campaign.stop
    if stop.no_improvement_trials is None:
        return None
    recent = [t for t in run.trials if t.origin == "strategy"][-stop.no_improvement_trials :]
    if len(recent) < stop.no_improvement_trials:
        return None
    learning = campaign.goal is not None and run.learns
    gain = _learning_gain(run, campaign) if learning else improvement(run, before=recent[0].index)
    if gain is None or gain >= (stop.no_improvement_less_than or 0.0):
        return None
    what = "lowered the error" if learning else "improved the best design"
    return f"the last {stop.no_improvement_trials} trials {what} by {gain:.2%}"


def _learning_gain(run: RunRecord, campaign: Campaign) -> float | None:
    """Relative fall of the worst error over aim within the last trials; None where it is not known."""
    goal, span = campaign.goal, campaign.stop.no_improvement_trials
    assert goal is not None
    assert span is not None
    found = [(int(p["labels"]), goals.worst(goal, p)) for p in goals.progresses(run) if "errors" in p]
    known = [(labels, error) for labels, error in found if error is not None]
    if not known:
        return None
    first = known[-1][0] - span
    before = min((error for labels, error in known if labels <= first), default=0.0)
    after = min((error for labels, error in known if labels > first), default=before)
    return 1.0 - after / before if before else None


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
