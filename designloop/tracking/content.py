"""What MLflow shall hold of one trial: computed from the record alone, without MLflow."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from designloop.oracle import Value
from designloop.progress import surprise
from designloop.record import Attempt, RunRecord, TrialRecord
from designloop.tracking.names import safe

RUN, KIND, TRIAL, ATTEMPT = "designloop.run", "designloop.kind", "designloop.trial", "designloop.attempt"
MODEL, MIRRORED = "designloop.model", "designloop.mirrored"
NOTE, PARENT = "mlflow.note.content", "mlflow.parentRunId"
LARGEST_FILE = 64 * 2**20
"""Bytes; a larger file stays in the run directory and is named in a tag."""

_STATUS = {"completed": "FINISHED", "infeasible": "FINISHED", "failed": "FAILED"}


@dataclass(frozen=True, kw_only=True)
class Point:
    """One value of one metric; ``time`` in milliseconds since 1970."""

    key: str
    value: float
    time: int
    step: int


@dataclass(frozen=True, kw_only=True)
class RunContent:
    """One MLflow run as it shall be; times in milliseconds."""

    name: str
    status: str
    started: int
    ended: int | None
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    points: tuple[Point, ...] = ()
    files: Mapping[str, Path] = field(default_factory=dict)
    """Path among the run's artifacts to the file here."""

    def digest(self) -> str:
        """Equal digests: nothing to write again."""
        sizes = {name: path.stat().st_size for name, path in sorted(self.files.items())}
        content = [dict(self.params), dict(self.tags), [vars(p) for p in self.points], sizes]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def milliseconds(seconds: float) -> int:
    """Seconds since 1970 as MLflow counts."""
    return round(seconds * 1000)


def text(value: Any) -> str:
    """A parameter's value as MLflow's text: floats in the shortest form that reads back equal."""
    return str(value) if isinstance(value, str | bool | int) else repr(value)


def units(record: RunRecord) -> dict[str, str]:
    """Unit of every parameter, process variable and metric by name."""
    campaign = record.campaign
    named = [*campaign["parameters"], *(campaign.get("process") or ())]
    metrics: Mapping[str, str] = campaign.get("metrics") or {}
    return {**{p["name"]: p.get("unit") or "" for p in named}, **metrics}


def labels(record: RunRecord) -> dict[str, str]:
    """Words that must stand beside every number of the oracle, as tags."""
    return {f"label.{safe(label)}": "yes" for label in record.campaign["oracle"].get("labels") or ()}


def predicted(trial: TrialRecord) -> dict[str, float]:
    """What the model said before the evaluation, as metric names and values."""
    reason = trial.reason
    named: dict[str, float | None] = {}
    for metric, (mean, sd) in (reason.get("prediction") or {}).items():
        named |= {f"predicted/{metric}.mean": mean, f"predicted/{metric}.sd": sd}
    for part in ("epistemic", "aleatoric"):
        named |= {f"predicted/{m}.{part}": sd for m, sd in (reason.get(part) or {}).items()}
    for key in ("acquisition", "probability_of_feasibility", "exploration_share", "disagreement", "penalty"):
        named[key] = reason.get(key)
    return finite(named)


def escalation(attempt: Attempt) -> dict[str, float]:
    """Who answered, by stage: answers, those of the solver, its share and its seconds."""
    named: dict[str, float | None] = {}
    for stage, figures in attempt.notes.get("escalation", {}).items():
        solved, name = sum(figures["solver"].values()), f"escalation/{stage or 'oracle'}"
        named |= {f"{name}.answers": figures["answers"], f"{name}.solved": solved}
        named |= {f"{name}.rate": solved / figures["answers"], f"{name}.seconds": figures["seconds"]}
    return finite(named)


def meaning(attempt: Attempt) -> str | None:
    """How an attempt counts: an answer where the campaign's policy takes a failure for one."""
    return {"infeasible": "infeasible", "keep": "completed"}.get(attempt.does or "", attempt.status)


def surprises(trial: TrialRecord, metrics: Mapping[str, Any]) -> dict[str, float]:
    """Calibration: (observed - predicted) / sd of an observation, per predicted metric."""
    predicted = [m for m in trial.reason.get("prediction") or {} if m in metrics]
    return finite({f"calibration/{m}.z": surprise(trial, m, metrics[m].value) for m in predicted})


def observed(attempt: Attempt) -> dict[str, float]:
    """The attempt's metrics, their sampling and numerical errors, and its seconds."""
    named: dict[str, float | None] = {"seconds": attempt.seconds}
    prefix = "quarantined/" if attempt.does == "quarantine" else ""
    for name, o in attempt.metrics.items():
        metric = f"{prefix}{name}"
        named[metric] = o.value
        named |= {f"{metric}.{part}": getattr(o, part) for part in ("sem", "lower", "upper")}
    return finite(named)


def finite(named: Mapping[str, float | None]) -> dict[str, float]:
    """Metrics under safe names, without absent, infinite and NaN values."""
    return {safe(k): float(v) for k, v in named.items() if v is not None and math.isfinite(v)}


def shown(trial: TrialRecord) -> list[Attempt]:
    """The attempts with a run of their own; those that only waited stand in that of the next."""
    return [a for a in trial.attempts if a is trial.last or not a.only_waited]


def trial_content(record: RunRecord, trial: TrialRecord, attempt: Attempt, *, live: bool) -> RunContent:
    """The child run of one attempt. ``live``: the loop runs now, so an open or waiting one is running."""
    place = trial.place(attempt.number)
    waited = [a for a in trial.attempts if a.only_waited and trial.place(a.number) == place]
    started = min(a.started for a in (attempt, *waited))
    with_us = (live and trial.withdrawn is None) or _with_people(record, trial)
    runs = attempt is trial.last and with_us
    if attempt.only_waited:
        attempt = Attempt(
            number=attempt.number, handle=attempt.handle, started=attempt.started, fidelity=attempt.fidelity
        )
    open_status = "RUNNING" if runs else "KILLED"
    status = _STATUS[meaning(attempt) or "failed"] if attempt.status else open_status
    values = {**predicted(trial), **observed(attempt)}
    values |= {} if attempt.does == "quarantine" else surprises(trial, attempt.metrics)
    values |= escalation(attempt)
    time = milliseconds(attempt.ended or started)
    files, left_out = _files(record, attempt)
    tags = _trial_tags(record, trial, attempt)
    if left_out:
        tags["artifacts.left_out"] = ", ".join(left_out)
    if waited:
        tags["waited"] = f"{len(waited)} times"
    return RunContent(
        name=f"trial {trial.index:03d}"
        + (f" attempt {place}" if trial.place(len(trial.attempts)) > 1 else ""),
        status=status,
        started=milliseconds(started),
        ended=None if status == "RUNNING" else milliseconds(attempt.ended or attempt.started),
        params={safe(name): text(value) for name, value in _final_design(record, trial, attempt).items()},
        tags=tags,
        points=tuple(Point(key=k, value=v, time=time, step=trial.index) for k, v in values.items()),
        files=files,
    )


def _with_people(record: RunRecord, trial: TrialRecord) -> bool:
    """Whether a laboratory has the trial: nobody needs to be at a computer meanwhile."""
    return record.is_manual and trial.withdrawn is None and record.status != "finished"


def _final_design(record: RunRecord, trial: TrialRecord, attempt: Attempt) -> Mapping[str, Value]:
    """The design as MLflow may keep it for good: what people ran is known once they told it."""
    if record.is_manual and attempt.status is None and trial.withdrawn is None:
        return {}
    first: Mapping[str, Value] | None = attempt.notes.get("told", {}).get("first_design")
    return trial.design if first is None else first


def _designs(record: RunRecord, trial: TrialRecord, attempt: Attempt) -> dict[str, str]:
    """What was suggested, and what a correction says was run, where that is not among the params."""
    final = _final_design(record, trial, attempt)
    suggested = {f"suggested.{safe(n)}": text(v) for n, v in trial.parameters.items() if final.get(n) != v}
    if not final:
        return suggested
    return suggested | {f"corrected.{safe(n)}": text(v) for n, v in trial.design.items() if final.get(n) != v}


def _trial_tags(record: RunRecord, trial: TrialRecord, attempt: Attempt) -> dict[str, str]:
    unit = units(record)
    status = meaning(attempt) or "open"
    why = str(trial.reason.get("text") or "")
    tags = {
        RUN: record.name, KIND: "trial", TRIAL: str(trial.index),
        ATTEMPT: str(trial.place(attempt.number)),
        "status": status, "cause": attempt.cause or "", "does": attempt.does or "",
        "generator": str(trial.reason.get("generator") or trial.origin),
        "origin": trial.origin, "why": why, "reason": attempt.reason or "",
        MODEL: trial.model or "", "fidelity": attempt.fidelity or "",
        NOTE: "\n\n".join(part for part in (why, attempt.reason) if part),
        **{f"unit.{safe(n)}": unit[n] for n in (*trial.design, *attempt.metrics) if unit.get(n)},
        **labels(record),
    }  # fmt: skip
    tags |= _designs(record, trial, attempt)
    if trial.withdrawn is not None:
        tags |= {"withdrawn": str(trial.withdrawn["reason"]), "withdrawn.by": str(trial.withdrawn["by"])}
    if not trial.in_range:
        tags["in_range"] = "no"
    return {key: value for key, value in tags.items() if value}


def _files(record: RunRecord, attempt: Attempt) -> tuple[dict[str, Path], list[str]]:
    """Files to upload by their path below the trial's folder, and names of those too large."""
    found = {}
    for relative in attempt.artifacts.values():
        parts = Path(relative).parts
        inside = parts[2:] if parts[0] == "trials" and len(parts) > 2 else parts[-1:]
        found["/".join(inside)] = record.directory / relative
    found = {name: path for name, path in found.items() if path.is_file()}
    large = [name for name, path in found.items() if path.stat().st_size > LARGEST_FILE]
    return {name: path for name, path in found.items() if name not in large}, large
