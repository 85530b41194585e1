"""What a run has learned: errors against aims, how honest its bands were, what its designs reach."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from designloop import goals, progress
from designloop.campaign.model import Aim
from designloop.closure import Closure, closure
from designloop.record import RunRecord
from designloop.report.belief import Belief, Calibration, judge_learned
from designloop.report.plain import all_units, finite, last_failure, oracle_labels, unit_of
from designloop.report.saved import learner

RECENT = 20
"""Predictions that speak for the model: those of models long gone do not."""


@dataclass(frozen=True, kw_only=True)
class Learned:
    """One aim and the error that was reached, both in the aim's own measure (``kind``).

    ``relative``: over the mean of the absolute values; ``spread``: over their standard deviation;
    ``absolute``: in ``unit``. ``error`` is None where it was never judged.
    """

    metric: str
    unit: str
    kind: str
    aim: float
    label: str
    """The user's own text of the aim."""
    error: float | None
    rmse: float | None
    """Root mean square of the residuals before the labels' own scatter is taken out, in ``unit``."""
    designs: int
    """Designs that judged it."""

    @property
    def met(self) -> bool:
        """True where the error is known and within the aim."""
        return self.error is not None and self.error <= self.aim


@dataclass(frozen=True, kw_only=True)
class Learning:
    """What a run has learned, and at what price."""

    reached: bool
    """Whether the goal counts as reached by the last assessments."""
    reached_with: int | None
    """Labels at which the goal was first reached."""
    labels: int
    """Labels of the last assessment, or evaluations so far before the first."""
    judged_by: str
    """How the errors were found, as a clause for the user."""
    aims: tuple[Learned, ...]
    calibration: tuple[Calibration, ...]
    gate: str
    """The gate's last sentence; empty where there is none."""
    evaluated: int
    out_of_scope: int
    """Of ``evaluated``, those that violate an outcome constraint or cannot exist."""
    space: Closure
    units: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class LearningAnswer:
    """Everything the last screen of a learning run says, as JSON by ``to_json``."""

    run: str
    status: str
    stopped: str
    trials: int
    failed_trials: int
    last_failure: str
    learning: Learning
    belief: Belief
    labels: tuple[str, ...]
    """Words that must stand beside every number."""
    units: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON, with the last screen's text under ``screen``."""
        from designloop.report.screen import last_screen

        content: dict[str, Any] = finite(asdict(self))
        return {**content, "screen": last_screen(self)}


def learning_answer(record: RunRecord) -> LearningAnswer:
    """The answer of a run without an objective."""
    found = learning(record)
    return LearningAnswer(
        run=record.name,
        status=record.status,
        stopped=str(record.decisions[-1].get("reason") or "") if record.decisions else "",
        trials=len(record.trials),
        failed_trials=sum(t.status == "failed" for t in record.trials),
        last_failure=last_failure(record),
        learning=found,
        belief=judge_learned(record, learner(record), found.calibration),
        labels=oracle_labels(record.campaign["oracle"]),
        units=all_units(record),
    )


def learning(record: RunRecord) -> Learning:
    """What the run's assessments, trials and goal say. Only for runs with a goal."""
    metrics = progress.learned_metrics(record)
    said = progress.assessments(record)
    found = progress.judged(record, said)
    met = progress.reached_at(record, found)
    spoken = [a.gate["text"] for a in said if a.gate.get("text")]
    outside, evaluated = progress.out_of_scope(record)
    goal = progress.goal_of(record.campaign)
    errors = found[-1].errors if found else {}
    taught = [t for t in record.trials if t.origin != "held_out" and t.status in ("completed", "infeasible")]
    return Learning(
        reached=bool(met) and met[-1] is found[-1],
        reached_with=met[0].labels if met else None,
        labels=found[-1].labels or 0 if found else len(taught),
        judged_by=_judged_by(record.goal or {}),
        aims=tuple(_learned(record, aim, errors) for aim in (goal.aims if goal else ())),
        calibration=calibrations(record, metrics),
        gate=spoken[-1] if spoken else "",
        evaluated=evaluated,
        out_of_scope=outside,
        space=closure(record, metrics),
        units={metric: unit_of(record, metric) for metric in metrics},
    )


def calibrations(record: RunRecord, metrics: tuple[str, ...]) -> tuple[Calibration, ...]:
    """How often each metric's 95 % band, predicted before the evaluation, held the last observations."""
    found = []
    for metric in metrics:
        z = [z for _, z in surprises(record, metric)][-RECENT:]
        if z:
            inside = sum(abs(each) <= 1.96 for each in z)
            found.append(Calibration(metric=metric, predictions=len(z), coverage=inside / len(z)))
    return tuple(found)


def surprises(record: RunRecord, metric: str) -> list[tuple[int, float]]:
    """Trial and z-score of every observation that was predicted before its evaluation."""
    found = []
    for trial in record.trials:
        value = trial.value(metric)
        z = progress.surprise(trial, metric, value) if value is not None else None
        if z is not None and math.isfinite(z):
            found.append((trial.index, z))
    return found


def _learned(record: RunRecord, aim: Aim, errors: Mapping[str, Mapping[str, Any]]) -> Learned:
    ratio, judged = goals.ratio(aim, errors), errors.get(aim.metric, {})
    return Learned(
        metric=aim.metric,
        unit=unit_of(record, aim.metric),
        kind=aim.kind,
        aim=aim.error,
        label=aim.label,
        error=None if ratio is None else ratio * aim.error,
        rmse=judged.get("rmse"),
        designs=judged.get("designs", 0),
    )


def _judged_by(goal: Mapping[str, Any]) -> str:
    scatter = ", without the labels' own scatter"
    ways = {
        "held_out": f"on {goal.get('designs')} designs held out from learning{scatter}",
        "reference": f"on {goal.get('designs')} designs answered by {goal.get('reference')}",
    }
    without = f"on each label in scope, predicted without it{scatter}, and never below the model's own sd"
    return ways.get(str(goal.get("by")), without)
