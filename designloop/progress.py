"""The course of learning: what was known at each assessment, read from a run's record alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from designloop import goals
from designloop.campaign.model import Aim, Goal
from designloop.campaign.strategies import OPTIMIZERS
from designloop.record import RunRecord, TrialRecord


@dataclass(frozen=True, kw_only=True)
class Assessment:
    """What the model of one proposal knew, under the campaign's goal at that time."""

    step: int
    """Index of the first trial proposed with it; where none was, the one that the next would have had."""
    time: float
    """Epoch seconds."""
    phase: int
    aims: tuple[Aim, ...]
    said: Mapping[str, Any]
    """The journaled ``progress``."""
    model: str | None
    """Folder of the judged model, relative to the run."""

    @property
    def labels(self) -> int | None:
        """Evaluations that the model learned from; None where only the strategy spoke."""
        return self.said.get("labels")

    @property
    def errors(self) -> Mapping[str, Mapping[str, Any]]:
        """What ``goals.assess`` found, by metric; empty where nothing was judged."""
        return self.said.get("errors") or {}

    @property
    def ratios(self) -> dict[str, float]:
        """Error over aim by metric, where it is known."""
        found = {aim.metric: goals.ratio(aim, self.errors) for aim in self.aims}
        return {metric: r for metric, r in found.items() if r is not None}

    @property
    def worst(self) -> Aim | None:
        """The aim that is farthest from being met; None while one of them is not known."""
        ratios = self.ratios
        if not self.aims or len(ratios) < len({aim.metric for aim in self.aims}):
            return None
        return max(self.aims, key=lambda aim: ratios[aim.metric])

    @property
    def meets(self) -> bool:
        """True where every aim is known and met."""
        worst = self.worst
        return worst is not None and self.ratios[worst.metric] <= 1.0

    @property
    def gate(self) -> Mapping[str, Any]:
        """The gate's verdict: ``state``, ``since``, ``text``; empty where there is no gate."""
        return self.said.get("gate") or {}


def goal_of(campaign: Mapping[str, Any]) -> Goal | None:
    """The goal of a journaled campaign; None where it learns nothing."""
    goal = campaign.get("goal")
    return Goal(**{**goal, "aims": tuple(Aim(**aim) for aim in goal["aims"])}) if goal else None


def assessments(run: RunRecord, *, since: int = 0, upto: int | None = None) -> list[Assessment]:
    """Everything that proposals, all or those from ``since`` to ``upto``, said of their models, in order."""
    numbers = range(len(run.proposals))[since:upto]
    return [_assessment(run, n) for n in numbers if run.proposals[n].get("progress")]


def judged(run: RunRecord, found: Sequence[Assessment] | None = None) -> list[Assessment]:
    """Assessments of the learner: those with errors, without those of a phase that optimizes."""
    return [a for a in (assessments(run) if found is None else found) if _judges_learner(run, a)]


def last_judged(run: RunRecord, *, before: TrialRecord | None = None) -> Assessment | None:
    """The learner's last assessment, or the last one that trial ``before`` was proposed after or with."""
    count = len(run.proposals) if before is None else (before.proposal or 0) + 1
    for number in reversed(range(min(count, len(run.proposals)))):
        if run.proposals[number].get("progress"):
            found = _assessment(run, number)
            if _judges_learner(run, found):
                return found
    return None


def step_of(run: RunRecord, number: int) -> int:
    """Index of a proposal's first trial, or of the next one where it holds none."""
    candidates = run.proposals[number]["candidates"]
    if candidates:
        return int(candidates[0]["trial"])
    earlier = (p["candidates"] for p in reversed(run.proposals[:number]) if p["candidates"])
    last = next(earlier, None)
    return sum(t.origin == "existing" for t in run.trials) if last is None else int(last[-1]["trial"]) + 1


def _assessment(run: RunRecord, number: int) -> Assessment:
    proposal = run.proposals[number]
    revisions = [r for r in run.revisions if (r.get("time") or 0) <= proposal["time"]]
    goal = goal_of((revisions or run.revisions)[-1])
    return Assessment(
        step=step_of(run, number), time=proposal["time"], phase=proposal.get("phase", 0),
        aims=goal.aims if goal else (), said=proposal["progress"], model=proposal.get("model"),
    )  # fmt: skip


def is_learning(run: RunRecord, trial: TrialRecord) -> bool:
    """True where the trial was asked for to learn, not to improve; given designs as the whole run."""
    if run.learns or not run.goal or trial.proposal is None or trial.origin != "strategy":
        return run.learns
    return run.proposals[trial.proposal].get("phase", 0) in _learners(run)


def _judges_learner(run: RunRecord, found: Assessment) -> bool:
    learners = _learners(run)
    return "errors" in found.said and (not learners or found.phase in learners)


def _learners(run: RunRecord) -> list[int]:
    """Phases whose strategy learns."""
    phases = run.campaign.get("phases") or ()
    return [i for i, phase in enumerate(phases) if phase["name"] not in OPTIMIZERS]


def reached_at(run: RunRecord, found: Sequence[Assessment]) -> list[Assessment]:
    """Those of ``found`` at which the goal counts as reached: enough labels, and aims met twice in a row."""
    needed = goals.labels_needed(len(run.campaign["parameters"]))
    return [
        found[i]
        for i in range(goals.TWICE - 1, len(found))
        if (found[i].labels or 0) >= needed and all(a.meets for a in found[i + 1 - goals.TWICE : i + 1])
    ]


def gate_changes(found: Sequence[Assessment]) -> list[Assessment]:
    """Where the gate changed its state; its first verdict is no change while the committee chooses."""
    spoken = [a for a in found if a.gate]
    before = ["committee", *(a.gate["state"] for a in spoken)]
    return [a for a, state in zip(spoken, before, strict=False) if a.gate["state"] != state]


def learned_metrics(run: RunRecord) -> tuple[str, ...]:
    """Metrics with an aim, in the campaign's order; empty where the run learns nothing."""
    return tuple(dict.fromkeys(aim["metric"] for aim in (run.goal or {}).get("aims", ())))


def surprise(trial: TrialRecord, metric: str, value: float) -> float | None:
    """(observed - predicted) / sd of an observation, as predicted before the evaluation; None without one.

    Where the reason names the scatter of an observation about the response (``aleatoric``), it counts. What
    was run elsewhere than suggested says nothing of the prediction.
    """
    if trial.ran is not None:
        return None
    mean, sd = (trial.reason.get("prediction") or {}).get(metric, (None, None))
    if mean is None or sd is None:
        return None
    spread = math.hypot(sd, (trial.reason.get("aleatoric") or {}).get(metric) or 0.0)
    return (value - mean) / spread if spread > 0 else None


def out_of_scope(run: RunRecord) -> tuple[int, int]:
    """How many evaluations fell outside the scope, and of how many; failed, imported, test ones apart."""
    asked = [
        t for t in run.trials
        if t.status in ("completed", "infeasible") and t.origin not in ("existing", "held_out")
    ]  # fmt: skip
    return sum(not run.is_feasible(t) for t in asked), len(asked)
