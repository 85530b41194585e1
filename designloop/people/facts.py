"""What a row of results comes to: which design was run, and how it came out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from designloop.campaign.model import Campaign
from designloop.compose.dies import Dies
from designloop.execution import Outcome
from designloop.oracle import Observation, Result, Value
from designloop.people.restrict import same
from designloop.people.results import Row
from designloop.reading.problems import Refused
from designloop.record import Attempt, TrialRecord
from designloop.space import ChoiceParameter, Parameter, Space

UNSAID = "no reason given"
CLOSE = 1e-9
"""Relative difference of two numbers that are one but for rounding."""


@dataclass(frozen=True, kw_only=True)
class Fact:
    """One row understood. ``outcome`` is None where the trial is still open."""

    row: Row
    design: Mapping[str, Value]
    """What was run, every parameter."""
    in_range: bool
    outcome: Outcome | None
    lacking: tuple[str, ...] = ()
    """Results that keep the trial open, where others are filled in."""


def fact_of(row: Row, trial: TrialRecord | None, campaign: Campaign) -> Fact:
    """The design that was run, and its outcome in the campaign's own metrics. Raises Refused.

    What a row leaves empty of its ``trial`` is as on record: the design, and results that came before.
    """
    design = _design(row.parameters, trial.design if trial else None, campaign.space)
    before = trial.metrics if trial and trial.status == "completed" and row.metrics else {}
    metrics = _metrics({**_outputs(before, campaign), **row.metrics}, design, campaign)
    margins = {c.metric for c in campaign.constraints if c.is_margin}
    lacking = tuple(o.name for o in campaign.outcomes if o.name not in metrics and o.name not in margins)
    outcome: Outcome | None = None
    if row.said == "failed":
        outcome = Outcome(status="failed", cause="error", metrics=metrics, reason=row.note or UNSAID)
    elif row.said == "infeasible":
        outcome = Outcome(status="infeasible", metrics=metrics, reason=row.note or UNSAID)
    elif row.said == "completed" and lacking:
        raise Refused(f"the status is completed, but {', '.join(lacking)} is empty.", "Fill it in.")
    elif row.said != "open" and metrics and not lacking:
        outcome = Outcome(status="completed", metrics=metrics, reason=row.note or None)
    return Fact(
        row=row, design=design, in_range=inside(campaign.space, design), outcome=outcome,
        lacking=lacking if row.metrics and outcome is None else (),
    )  # fmt: skip


def _design(given: Mapping[str, Value], known: Mapping[str, Value] | None, space: Space) -> dict[str, Value]:
    """The design run: as given, and where nothing is given as known."""
    found = dict(known or {})
    found |= {n: v for n, v in given.items() if n not in found or not same(v, found[n])}
    missing = [p.name for p in space.parameters if not p.when and p.name not in found]
    if not missing and space.conditions:
        found = space.pruned([found])[0]
        has = zip(space.names, space.active([found])[0], strict=True)
        missing = [name for name, active in has if active and name not in found]
    if missing:
        raise Refused(f"no value is given for {', '.join(missing)}.",
                      "A row without a trial's number needs every parameter.")  # fmt: skip
    return {name: found[name] for name in space.names if name in found}


def _outputs(metrics: Mapping[str, Observation], campaign: Campaign) -> dict[str, Observation]:
    outputs = {o.name for o in campaign.declaration.outputs}
    return {name: o for name, o in metrics.items() if name in outputs}


def _metrics(
    told: Mapping[str, Observation], design: Mapping[str, Value], campaign: Campaign
) -> dict[str, Observation]:
    """What was measured, and the campaign's outcomes as far as they follow from it."""
    dies = Dies(
        campaign=campaign, design=design, samples=[{v.name: v.mean for v in campaign.process}],
        answers=[Result(metrics=_outputs(told, campaign))],
    )  # fmt: skip
    found = dict(told)
    for outcome in campaign.outcomes:
        observation = None if outcome.name in found else dies.outcome(outcome)
        if observation is not None:
            found[outcome.name] = observation
    for name, observation in found.items():
        if not math.isfinite(observation.value):
            raise Refused(f"{name} comes to {observation.value}, which is no finite number.", "Mend the row.")
    return found


def inside(space: Space, design: Mapping[str, Value]) -> bool:
    """Whether a design lies within every range, on a grid or not, and meets the constraints on inputs."""
    within = all(_within(p, design[p.name]) for p in space.parameters if p.name in design)
    return within and bool(space.feasible([design])[0])


def _within(parameter: Parameter, value: Value) -> bool:
    if isinstance(parameter, ChoiceParameter):
        choices = [float(c) for c in parameter.choices if isinstance(c, int | float)]
        if parameter.ordered and len(choices) == len(parameter.choices):
            return min(choices) <= float(value) <= max(choices)
        return any(same(value, c) for c in parameter.choices)
    number, slack = float(value), CLOSE * (parameter.upper - parameter.lower)
    return parameter.lower - slack <= number <= parameter.upper + slack


def agreement(fact: Fact, trial: TrialRecord, attempt: Attempt) -> str:
    """How a row stands to an answer on record: ``same``, ``adds`` (more results, no other), ``differs``."""
    outcome = fact.outcome
    if outcome is None or outcome.status != attempt.status or not same_design(fact.design, trial.design):
        return "differs"
    if fact.row.note not in ("", attempt.reason or ""):
        return "differs"
    shared = [n for n in fact.row.metrics if n in attempt.metrics]
    if not all(_equal(fact.row.metrics[n], attempt.metrics[n]) for n in shared):
        return "differs"
    if len(shared) == len(fact.row.metrics):
        return "same"
    return "adds" if shared or fact.row.trial is not None else "differs"


def same_design(one: Mapping[str, Value], other: Mapping[str, Value]) -> bool:
    """Whether two designs are one but for rounding."""
    return one.keys() == other.keys() and all(same(value, other[name]) for name, value in one.items())


def _equal(one: Observation, other: Observation) -> bool:
    sems = (one.sem, other.sem)
    alike = sems == (None, None) or (None not in sems and math.isclose(*sems, rel_tol=CLOSE))  # type: ignore[arg-type]
    return alike and math.isclose(one.value, other.value, rel_tol=CLOSE)
