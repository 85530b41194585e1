"""Making what people told durable: outcomes, trials of their own, corrections."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from designloop import pausing, policy, record
from designloop.people.facts import Fact
from designloop.people.matching import Step
from designloop.record import TrialRecord
from designloop.recording import Recorder

HANDLE = {"kind": "manual"}


def recorded(recorder: Recorder, steps: Sequence[Step]) -> list[int | None]:
    """Make the steps durable, with a pause where their failures ask for one.

    Of each step the trial that holds its result.
    """
    own = [s for s in steps if s.kind == "own"]
    made = iter(_own_trials(recorder, own))
    trials: list[int | None] = []
    pause: dict[str, Any] = {}
    for step in steps:
        number = step.trial
        if step.kind == "own":
            trial = next(made)
            _answer(recorder, trial, step)
            number = trial.index
        elif step.kind == "answer":
            assert number is not None
            _answer(recorder, recorder.run.trials[number], step)
        elif step.kind == "correction":
            assert number is not None
            _correct(recorder, recorder.run.trials[number], step.fact)
        if step.kind in ("own", "answer") and recorder.run.status == "running":
            pause = pause or _pause(recorder)
        trials.append(number)
    if pause:
        recorder.decide("pause", **pause)
    return trials


def _pause(recorder: Recorder) -> dict[str, Any]:
    """Why the run should wait for its people after the latest outcome; empty where it need not."""
    run = recorder.run
    reason = pausing.pause_reason(run, recorder.campaign.execution)
    return {"reason": reason, "failed": pausing.behind(run, since=run.decisions)} if reason else {}


def _own_trials(recorder: Recorder, steps: Sequence[Step]) -> list[TrialRecord]:
    if not steps:
        return []
    designs = [step.fact.design for step in steps]
    return recorder.given("told", designs, text="told: run without having been suggested")


def _answer(recorder: Recorder, trial: TrialRecord, step: Step) -> None:
    outcome = step.fact.outcome
    assert outcome is not None
    if trial.status != "running":
        recorder.start(recorder.task(trial), HANDLE)
    assert trial.last is not None
    task = recorder.task(trial, attempt=trial.last.number)
    recorder.outcome(task, outcome, **_content(trial, step.fact, step.replicates))


def _content(trial: TrialRecord, fact: Fact, replicates: int | None) -> dict[str, Any]:
    """What an outcome's record holds beyond the outcome: where it is from, and what was run."""
    told = {"source": fact.row.place, **({} if replicates is None else {"replicate_of": replicates})}
    found: dict[str, Any] = {"notes": {"told": told}}
    if fact.design != trial.parameters:
        found["ran"] = dict(fact.design)
    if not fact.in_range:
        found["in_range"] = False
    return found


def _correct(recorder: Recorder, trial: TrialRecord, fact: Fact) -> None:
    """Another outcome of an attempt, beside what was said before."""
    outcome, last = fact.outcome, trial.last
    assert outcome is not None
    assert last is not None
    meaning = {}
    if outcome.status == "failed":
        meaning = policy.verdict(recorder.campaign, trial, outcome).to_json()
        meaning["does"] = "abandon" if meaning["does"] == "retry" else meaning["does"]
    was = {"status": last.status, "metrics": record.observed(last.metrics), "reason": last.reason}
    content = {"in_range": True, **_content(trial, fact, None)}
    told = {**last.notes.get("told", {}), **content["notes"]["told"]}
    if fact.design != dict(trial.design):
        told.setdefault("first_design", dict(trial.design))
    content["notes"] = {**last.notes, "told": told}
    recorder.append(
        "correction", trial=trial.index, attempt=last.number, status=outcome.status,
        metrics=record.observed(outcome.metrics),
        reason=outcome.reason or (last.reason if outcome.status == last.status else None), by="user",
        was={**was, "ran": dict(trial.ran) if trial.ran else None}, **meaning, **content,
    )  # fmt: skip
