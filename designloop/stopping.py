"""When a campaign ends, and when a strategy makes room for the next: pure functions of the record."""

from __future__ import annotations

import itertools
import time
from datetime import datetime
from typing import cast

from designloop import closure, goals, pausing, promise
from designloop.campaign.model import Campaign
from designloop.pausing import open_trials, to_repeat
from designloop.record import RunRecord, TrialRecord
from designloop.spent import budget_left, licence_seconds, oracle_seconds, seconds_spent
from designloop.strategies.base import OPTIMIZERS
from designloop.units import format_quantity

ENDED = ("completed", "infeasible", "failed")
"""Statuses of trials that were answered, or never will be."""

__all__ = [
    "budget_left", "early_reason", "ended_early", "improvement", "learning_ended", "open_trials",
    "pause_reason", "phase_over", "seconds_spent", "stop_reason", "to_repeat",
]  # fmt: skip


def stop_reason(run: RunRecord, campaign: Campaign, *, now: float | None = None) -> str | None:
    """Why the campaign is over, or None; ``now`` in epoch seconds, by default this moment."""
    early = early_reason(run, campaign, now=now)
    if early is None and budget_left(run, campaign.stop) <= 0:
        return f"all {campaign.stop.trials} trials are done"
    return early


def ended_early(run: RunRecord, campaign: Campaign, *, now: float | None = None) -> bool:
    """Whether the campaign is over by anything but the number of its trials."""
    return early_reason(run, campaign, now=now) is not None


def early_reason(run: RunRecord, campaign: Campaign, *, now: float | None = None) -> str | None:
    """Why the campaign is over by anything but the number of its trials, or None."""
    return (
        _reached(run, campaign)
        or _spent(run, campaign, time.time() if now is None else now)
        or _learned(run, campaign)
        or _stalled(run, campaign)
        or _nothing_to_gain(run, campaign)
    )


def _reached(run: RunRecord, campaign: Campaign) -> str | None:
    """That a feasible design is as good as asked for."""
    target = campaign.stop.target
    best = None if target is None else run.best()
    value = None if best is None else best.value(run.metric)
    if target is None or best is None or value is None or (value - target) * (1 if run.minimize else -1) > 0:
        return None
    unit = run.campaign["objective"].get("unit") or None
    return f"the target is reached: trial {best.index} has {run.metric} {format_quantity(value, unit)}"


def _spent(run: RunRecord, campaign: Campaign, now: float) -> str | None:
    """Which limit of time is reached."""
    stop = campaign.stop
    if stop.wall_time is not None and seconds_spent(run) >= stop.wall_time:
        return f"the time of {stop.wall_time:g} s is spent"
    if stop.cost is not None and oracle_seconds(run) >= stop.cost:
        return f"the oracle's time of {stop.cost / 3600:g} h is spent"
    held = licence_seconds(run, campaign.execution.tokens) if stop.licence_time else {}
    for name, most in stop.licence_time.items():
        if held[name] >= most:
            return f"the {most / 3600:g} hours of {name or 'licences'} are spent"
    if stop.until is not None and now >= datetime.fromisoformat(stop.until).timestamp():
        return f"the time is up: {stop.until.replace('T', ' ')}"
    return None


def phase_over(run: RunRecord, campaign: Campaign) -> str | None:
    """Why the strategy at work makes room for the next one, or None."""
    until = campaign.phases[run.phase].until
    if run.phase + 1 >= len(campaign.phases) or until is None:
        return None
    if until == "goal":
        return _goal_reached(run, campaign)
    return f"its {until} trials are done" if run.tally.phases[run.phase] >= until else None


def learning_ended(run: RunRecord, campaign: Campaign) -> bool:
    """Whether what was learned ends the campaign or the phase at work."""
    learned_enough = campaign.phases[run.phase].until == "goal" and _goal_reached(run, campaign)
    return _learned(run, campaign) is not None or bool(learned_enough)


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
    backwards = (t for t in reversed(run.trials) if _is_answered(run, t))
    recent = list(itertools.islice(backwards, stop.no_improvement_trials))
    if len(recent) < stop.no_improvement_trials:
        return None
    learning = campaign.goal is not None and run.learns
    gain = _learning_gain(run, campaign) if learning else improvement(run, before=recent[-1].index)
    if gain is None or gain >= (stop.no_improvement_less_than or 0.0):
        return None
    what = "lowered the error" if learning else "improved the best design"
    return f"the last {stop.no_improvement_trials} trials {what} by {gain:.2%}"


def _is_answered(run: RunRecord, trial: TrialRecord) -> bool:
    """Whether a design of a strategy has had its turn."""
    return trial.origin == "strategy" and trial.status in ENDED and run.counts(trial)


def _nothing_to_gain(run: RunRecord, campaign: Campaign) -> str | None:
    """That the model promises too little."""
    least, choice = campaign.stop.nothing_to_gain, campaign.phases[run.phase]
    if least is None or choice.name not in OPTIMIZERS:
        return None
    gain = promise.promised(run, kappa=float(cast(float, choice.options.get("kappa") or promise.KAPPA)))
    if gain is None or gain >= least:
        return None
    return f"the model promises an improvement of {gain:.2%} at most"


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
    now = run.best()
    older = now is not None and now.index < before
    then = now if older else run.best(run.trials[:before])
    if now is None or then is None:
        return None
    best, earlier = now.value(run.metric), then.value(run.metric)
    if best is None or earlier is None:
        return None
    return abs(best - earlier) / (abs(earlier) or 1.0)


def pause_reason(run: RunRecord, campaign: Campaign) -> str | None:
    """Why the run should wait for its user, or None."""
    return pausing.pause_reason(run, campaign.execution)
