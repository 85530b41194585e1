"""Who answered in a run, surrogate or solver: how often, why, what it saved, and how wrong the model was."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from designloop.learning.parts import HALF_WIDTH
from designloop.record import RunRecord
from designloop.units import format_quantity

WORDS = {"spread": "unsure", "outside": "outside its domain", "audit": "audited"}


@dataclass(frozen=True, kw_only=True)
class Audit:
    """How far the model was from the solver at answers drawn by lot, in the metric's unit."""

    count: int
    rmse: float
    within: int
    """Answers of the solver within the model's 95 % interval."""


@dataclass(frozen=True, kw_only=True)
class Answered:
    """One stage's answers over some trials; ``stage`` is empty for an oracle without stages."""

    stage: str
    answers: int
    solver: Mapping[str, int]
    """Answers of the solver by reason: spread, outside, audit."""
    seconds: float
    """What the solver took."""
    audits: Mapping[str, Audit] = field(default_factory=dict)
    """Of the last version at work."""
    versions: tuple[str, ...] = ()
    """Versions of the model in the order in which they were at work."""

    @property
    def solved(self) -> int:
        """Answers of the solver."""
        return sum(self.solver.values())

    @property
    def rate(self) -> float:
        """Share of the answers that the solver gave."""
        return self.solved / self.answers

    @property
    def seconds_saved(self) -> float:
        """What the solver would have taken for the model's answers, at its own mean."""
        return self.seconds / self.solved * (self.answers - self.solved) if self.solved else math.nan

    @property
    def text(self) -> str:
        """One sentence for people."""
        why = ", ".join(f"{count} {WORDS[reason]}" for reason, count in self.solver.items())
        said = f"the model answered {self.answers - self.solved} of {self.answers} questions"
        said += f", the solver {self.solved} ({why})" if self.solved else ", the solver none"
        return f"{self.stage}: {said}" if self.stage else said


def lines_of(run: RunRecord) -> list[str]:
    """For people: who answered, what audits found, what it saved, and what was learned meanwhile."""
    unit = run.campaign.get("metrics") or {}
    lines = []
    for found in answered(run):
        lines.append(found.text)
        prefix = f"{found.stage}." if found.stage else ""
        for metric, audit in found.audits.items():
            rmse = format_quantity(
                float(f"{audit.rmse:.3g}"), unit.get(prefix + metric, unit.get(metric)) or None
            )
            held = f"its 95 % intervals held {audit.within} of {audit.count}"
            lines.append(f"  {metric}: wrong by {rmse} (root mean square over {audit.count} audits), {held}")
        if found.solved:
            lines.append(
                f"  the solver took {found.seconds:.3g} s; for the other answers it would have taken about "
                f"{found.seconds_saved:.3g} s"
            )
        lessons = [entry for entry in run.lessons if entry["stage"] == found.stage]
        if lessons:
            taken = sum(entry["promoted"] for entry in lessons)
            last = f"; at work is {found.versions[-1]}" if taken else "; the first version stays at work"
            lines.append(f"  {len(lessons)} retrainings, {taken} taken over{last}")
    return lines


def answered(run: RunRecord, *, trial: int | None = None) -> list[Answered]:
    """What every stage with a solver behind it answered, over all trials or in one."""
    attempts = [
        attempt
        for t in run.trials
        for attempt in t.attempts
        if trial is None or t.index == trial
    ]  # fmt: skip
    by_stage: dict[str, list[Mapping[str, Any]]] = {}
    for attempt in attempts:
        for stage, figures in attempt.notes.get("escalation", {}).items():
            by_stage.setdefault(stage, []).append(figures)
    return [_one(stage, figures) for stage, figures in by_stage.items()]


def _one(stage: str, figures: Iterable[Mapping[str, Any]]) -> Answered:
    solver: Counter[str] = Counter()
    rows: dict[str, list[list[float]]] = {}
    versions: dict[str, None] = {}
    answers, seconds = 0, 0.0
    figures = list(figures)
    for f in figures:
        solver.update(f["solver"])
        answers += f["answers"]
        seconds += f["seconds"]
        versions[f["version"]] = None
        for metric, found in f["audits"].items() if f["version"] == figures[-1]["version"] else ():
            rows.setdefault(metric, []).extend(found)
    return Answered(
        stage=stage,
        answers=answers,
        solver=dict(solver),
        seconds=seconds,
        audits={metric: _audit(found) for metric, found in rows.items()},
        versions=tuple(versions),
    )


def _audit(rows: list[list[float]]) -> Audit:
    predicted, sd, solved = np.array(rows).T
    error = np.abs(predicted - solved)
    return Audit(
        count=len(rows), rmse=float(np.sqrt(np.mean(error**2))), within=int(np.sum(error <= HALF_WIDTH * sd))
    )
