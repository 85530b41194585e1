"""What a user reads of a learning run: errors against aims, the gate, phases, the goal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from designloop import goals, progress
from designloop.campaign.model import Aim
from designloop.progress import Assessment
from designloop.record import RunRecord, TrialRecord
from designloop.units import format_quantity

SHOWN = 2
"""Learned metrics named on a trial's line."""


def error_text(run: RunRecord, known: Assessment | None, *, named: bool = True) -> str:
    """The error farthest from its aim: ``error H_mean 3.1 % against 2 % (24 labels)``.

    The metric is named where there are several, but not in a table (``named`` False).
    """
    if known is None or known.worst is None:
        return "error not known yet" if named else "not known yet"
    text = _against(run, known.worst, known.errors).removeprefix(f"{known.worst.metric} ")
    of = f"error {known.worst.metric} " if len(known.aims) > 1 else "error "
    return f"{of if named else ''}{text} ({known.labels} labels)"


def _against(run: RunRecord, aim: Aim, errors: Mapping[str, Any]) -> str:
    return goals.aim_text(aim, errors, unit=run.campaign["metrics"].get(aim.metric, ""))


def columns(run: RunRecord) -> str:
    """The learned metrics that a trial's line names."""
    return ", ".join(progress.learned_metrics(run)[:SHOWN])


def values_text(run: RunRecord, trial: TrialRecord, *, named: bool = True) -> str:
    """What the trial measured of the learned metrics, or how it ended."""
    units = run.campaign["metrics"]
    known = [(m, trial.value(m)) for m in progress.learned_metrics(run)[:SHOWN]]
    parts = [
        (f"{m} " if named else "") + _rounded(v, units.get(m, ""), digits=4)
        for m, v in known
        if v is not None
    ]
    return ", ".join(parts) if trial.status == "completed" and parts else trial.status


def news(entry: Mapping[str, Any], run: RunRecord) -> list[str]:
    """Lines that a journal entry is worth: the gate's changes, the end of a phase, the goal."""
    if entry["kind"] == "decision" and entry["action"] == "phase":
        phases = run.campaign.get("phases") or []
        following = phases[run.phase]["name"] if run.phase < len(phases) else "the next strategy"
        return [f"phase ended: {entry['reason']}; now {following}"]
    if entry["kind"] != "proposal" or not entry.get("progress"):
        return []
    said = progress.assessments(run)
    found = progress.judged(run, said)
    lines = []
    if said[-1] in progress.gate_changes(said)[-1:]:
        lines.append(f"gate: {said[-1].gate.get('text') or said[-1].gate['state']}")
    if found and progress.reached_at(run, found)[:1] == found[-1:] and found[-1] is said[-1]:
        aims = "; ".join(_against(run, aim, found[-1].errors) for aim in found[-1].aims)
        lines.append(f"goal reached: {aims} ({found[-1].labels} labels)")
    return lines


def status_lines(run: RunRecord) -> list[str]:
    """Each aim against what is known, the gate, and the share of evaluations out of scope."""
    said = progress.assessments(run)
    found = progress.judged(run, said)
    goal = progress.goal_of(run.campaign)
    errors = found[-1].errors if found else {}
    labels = f" ({found[-1].labels} labels)" if found else ""
    lines = [f"  error: {_against(run, aim, errors)}{labels}" for aim in (goal.aims if goal else ())]
    if found and progress.reached_at(run, found)[-1:] == found[-1:]:
        lines.append("  the goal is reached")
    spoken = [a.gate["text"] for a in said if a.gate.get("text")]
    lines += [f"  gate: {spoken[-1]}"] if spoken else []
    outside, asked = progress.out_of_scope(run)
    lines += [f"  {outside} of {asked} evaluations fell outside the constraints"] if outside else []
    phases = run.campaign.get("phases") or []
    if len(phases) > 1 and run.phase < len(phases):
        lines.append(f"  phase {run.phase + 1} of {len(phases)}: {phases[run.phase]['name']}")
    return lines


def reason_lines(run: RunRecord, trial: TrialRecord) -> list[str]:
    """Why a learner wanted this trial: shadow or not, disagreement, what it did not know, penalty."""
    reason, units = trial.reason, run.campaign["metrics"]
    lines = []
    if reason.get("generator") == "shadow":
        lines.append("  shadow: picked at random, for the gate to compare the committee with")
    if reason.get("disagreement") is not None:
        share = f"{100 * reason['disagreement']:.3g} % of the labels' spread"
        lines.append(f"  disagreement of the committee: {share}")
    noise = reason.get("aleatoric") or {}
    for metric, sd in (reason.get("epistemic") or {}).items():
        unit = units.get(metric, "")
        text = f"  {metric}: not known to {_rounded(sd, unit)} (epistemic sd)"
        if noise.get(metric) is not None:
            text += f", labels scatter by {_rounded(noise[metric], unit)} (aleatoric sd)"
        lines.append(text)
    if reason.get("penalty"):
        lines.append(f"  penalty for being out of scope: {reason['penalty']:.3g}")
    return lines


def _rounded(value: float, unit: str, *, digits: int = 3) -> str:
    return format_quantity(float(f"{value:.{digits}g}"), unit or None)
