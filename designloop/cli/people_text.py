"""What people read who run the trials: suggestions, what their results come to, what is open."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from designloop.cli.screen import design_text, quantity, value_text
from designloop.oracle import Value
from designloop.progress import surprise
from designloop.record import OPEN, RunRecord, TrialRecord
from designloop.report.text import table

if TYPE_CHECKING:
    from designloop.people.matching import Step
    from designloop.people.session import Suggested, Told

FAR = 2.0
"""Standard deviations from the prediction beyond which a result is a surprise."""
MOST = 40
"""Rows that are listed one by one."""


def suggested_lines(found: Suggested) -> Iterator[str]:
    """The new suggestions as a table, the levels that they open, and why there are not more."""
    run, trials = found.run, found.trials
    if trials:
        units = {p["name"]: p["unit"] for p in run.campaign["parameters"]}
        predicted = [m for m in run.campaign["metrics"] if any(m in _prediction(t) for t in trials)]
        head = ["trial", *units, *(f"{m} (95 % band)" for m in predicted), "why"]
        rows = [
            [str(t.index), *(_value(t.parameters.get(n), u) for n, u in units.items()),
             *(_band(run, t, m) for m in predicted), _why(t)]
            for t in trials
        ]  # fmt: skip
        yield from (line.rstrip() for line in table([head, *rows]))
    units = {p["name"]: p["unit"] for p in run.campaign["parameters"]}
    for name, values in found.new_levels.items():
        listed = ", ".join(_value(v, units[name]) for v in values)
        yield f"  {name} {listed}: a level at which nothing was run before (hard to change)"
    if found.why_not:
        yield f"  {'no suggestion' if not trials else 'no more suggestions'}: {found.why_not}"


def _prediction(trial: TrialRecord) -> dict[str, list[float]]:
    return trial.reason.get("prediction") or {}


def _value(value: object, unit: str) -> str:
    return "-" if value is None else quantity(value, unit)


def _band(run: RunRecord, trial: TrialRecord, metric: str) -> str:
    if metric not in _prediction(trial):
        return "-"
    (mean, sd), unit = _prediction(trial)[metric], run.campaign["metrics"].get(metric, "")
    low, high = (quantity(float(f"{v:.3g}"), "") for v in (mean - 1.96 * sd, mean + 1.96 * sd))
    return f"{quantity(float(f'{mean:.3g}'), unit)} ({low} .. {high})"


def _why(trial: TrialRecord) -> str:
    share, maker = trial.reason.get("exploration_share"), str(trial.reason.get("generator", trial.origin))
    if share is None:
        return maker.replace("_", " ")
    lead = "explores" if share > 0.5 else "promises most"
    return f"{maker}: {lead} ({share:.0%} exploration)"


def file_lines(run: RunRecord, found: Suggested, to: Path | None) -> Iterator[str]:
    """Where the table to fill in stands, and what comes next."""
    from designloop.people.sheet import place_of, round_of

    if not found.trials:
        return
    place = to or place_of(run, round_of(run, found.trials[-1]))
    yield f"To fill in: {short(place)} (results, status failed or infeasible, a note)"
    yield f"Then: designloop tell {run.name} {short(place)}"


def told_lines(told: Told, *, recorded: bool) -> Iterator[str]:
    """What every row came to, row by row."""
    run = told.run
    trials = told.trials or tuple(s.trial for s in told.steps)
    pairs = list(zip(told.steps, trials, strict=True))
    shown = [(s, t) for s, t in pairs if s.kind != "open" or s.fact.lacking]
    for step, number in shown[:MOST]:
        yield f"  {step.fact.row.place}: {_step(run, step, number, recorded=recorded)}"
    if len(shown) > MOST:
        yield f"  and {len(shown) - MOST} more rows"
    kinds: list[str] = [step.kind for step in told.steps]
    words = [
        ("answer", "result", "results"), ("own", "trial of its own", "trials of their own"),
        ("correction", "correction", "corrections"),
    ]  # fmt: skip
    counted = [(kinds.count(kind), one, many) for kind, one, many in words]
    said = ", ".join(f"{count} {one if count == 1 else many}" for count, one, many in counted if count)
    known = f"; {kinds.count('known')} known already" if "known" in kinds else ""
    yield f"{'recorded' if recorded else 'would be recorded'}: {said or 'nothing'}{known}"


def _step(run: RunRecord, step: Step, number: int | None, *, recorded: bool) -> str:
    fact, outcome = step.fact, step.fact.outcome
    if outcome is None:
        return f"trial {number} stays open: {', '.join(fact.lacking)} is empty"
    result = _result(run, step)
    tail = "" if fact.in_range else "; outside the space: data, but never the best design"
    if number is not None and step.kind in ("answer", "correction"):
        ran = ran_text(run, run.trials[number], fact.design)
        tail = f"; {ran}{tail}" if ran else tail
    if step.kind == "known":
        return f"trial {number} has this result already"
    if step.kind == "correction":
        return f"trial {number} corrected: {result}{tail}"
    if step.kind == "own":
        which = f"trial {number}" if recorded else "a trial of its own"
        of = "" if step.replicates is None else f", a replicate of trial {step.replicates}"
        return f"{which}{of}: {result}{tail}"
    return f"trial {number}: {result}{tail}{_against(run, number, recorded=recorded)}"


def _result(run: RunRecord, step: Step) -> str:
    outcome = step.fact.outcome
    assert outcome is not None
    units = run.campaign["metrics"]
    values = ", ".join(f"{n} {quantity(o.value, units.get(n, ''))}" for n, o in outcome.metrics.items())
    if outcome.status == "completed":
        return values
    return f"{outcome.status} ({outcome.reason}){f', {values}' if values else ''}"


def ran_text(run: RunRecord, trial: TrialRecord, design: Mapping[str, Value]) -> str:
    """``run at T 899.9 degC instead of 900 degC`` where ``design`` is not what was suggested; else empty."""
    changed = [f"{now} instead of {then}" for now, then in _changed(run, trial, design)]
    return f"run at {', '.join(changed)}" if changed else ""


def suggested_text(run: RunRecord, trial: TrialRecord) -> str:
    """``suggested: T 900 degC`` where something else was run; else empty."""
    changed = [then for _, then in _changed(run, trial, trial.design, named=True)]
    return f"suggested: {', '.join(changed)}" if changed else ""


def _changed(
    run: RunRecord, trial: TrialRecord, design: Mapping[str, Value], *, named: bool = False
) -> list[tuple[str, str]]:
    """Values run and suggested, where they differ."""
    return [
        (f"{p['name']} {_value(design.get(p['name']), p['unit'])}",
         (f"{p['name']} " if named else "") + _value(trial.parameters.get(p["name"]), p["unit"]))
        for p in run.campaign["parameters"] if design.get(p["name"]) != trial.parameters.get(p["name"])
    ]  # fmt: skip


def _against(run: RunRecord, number: int | None, *, recorded: bool) -> str:
    """How the result lies to what the model had said."""
    if number is None or not recorded:
        return ""
    trial = run.trials[number]
    value = trial.value(run.metric)
    z = None if value is None else surprise(trial, run.metric, value)
    if z is None:
        return ""
    mean = _prediction(trial)[run.metric][0]
    unit = run.campaign["metrics"].get(run.metric, "")
    verdict = "as expected" if abs(z) <= FAR else "a surprise"
    return f"; predicted {quantity(float(f'{mean:.3g}'), unit)}, {verdict} (z = {z:+.1f})"


def open_lines(run: RunRecord) -> list[str]:
    """What the run waits for, the oldest first; empty where nothing is open."""
    waiting = [t for t in run.trials if t.status in OPEN]
    if not waiting:
        return []
    now = time.time()
    lines = []
    for trial in waiting:
        since = age(now - trial.last.started) if trial.last else "just suggested"
        cut = "; told, but its result was cut off: tell it again" if trial.origin == "told" else ""
        lines.append(f"  trial {trial.index} is open since {since}: {design_text(run, trial)}{cut}")
    return lines


def waits_text(run: RunRecord) -> str:
    """``waits for people: 5 suggestions open, the oldest for 12 days``."""
    waiting = [t for t in run.trials if t.status in OPEN]
    if not waiting:
        return "waits for people: nothing is open"
    began = [t.last.started for t in waiting if t.last]
    oldest = f", the oldest for {age(time.time() - min(began))}" if began else ""
    many = "suggestions" if len(waiting) > 1 else "suggestion"
    return f"waits for people: {len(waiting)} {many} open{oldest}"


def age(seconds: float) -> str:
    """How long ago, as people in a laboratory count: minutes, hours, days."""
    for unit, size in (("day", 86400.0), ("hour", 3600.0), ("minute", 60.0)):
        count = int(seconds // size)
        if count >= (2 if unit == "hour" else 1):
            return f"{count} {unit}{'s' * (count > 1)}"
    return "less than a minute"


def best_line(run: RunRecord) -> str | None:
    """The best design so far, as run; None where none is in bounds."""
    best = run.best()
    if best is None:
        return None
    return f"best so far: {value_text(run, best)} (trial {best.index}): {design_text(run, best)}"


def short(path: Path) -> str:
    """A path as seen from here."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative
