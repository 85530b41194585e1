"""Journal records made by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from designloop.record import RunRecord, gather

CAMPAIGN: dict[str, Any] = {
    "kind": "campaign",
    "time": 0.0,
    "revision": 1,
    "name": "beam",
    "metrics": {"noise": "nT", "f": "kHz"},
    "objective": {"metric": "noise", "minimize": True, "mode": "nominal", "unit": "nT"},
    "constraints": [
        {"metric": "f", "relation": "<=", "bound": 80.0, "label": "f <= 80 kHz", "unit": "kHz"},
        {"metric": "f", "relation": ">=", "bound": 20.0, "label": "20 kHz <= f", "unit": "kHz"},
    ],
    "parameters": [{"name": "w", "unit": "um", "kind": "float", "lower": 1.0, "upper": 9.0, "log": False}],
    "stop": {"trials": 10},
}  # fmt: skip


def campaign(**changes: Any) -> dict[str, Any]:
    """A campaign record."""
    return {**CAMPAIGN, **changes}


def proposal(trial: int, *, origin: str = "strategy", width: float = 2.0, **changes: Any) -> dict[str, Any]:
    """A proposal of one trial."""
    candidate = {"trial": trial, "parameters": {"w": width}, "reason": {"generator": "sobol"}}
    entry = {"kind": "proposal", "time": 1.0, "number": trial, "origin": origin, "candidates": [candidate]}
    return {**entry, "digest": "", "seconds": {"propose": 1.0}, **changes}


def start(trial: int, attempt: int = 1) -> dict[str, Any]:
    """A start."""
    return {
        "kind": "start",
        "time": 2.0,
        "trial": trial,
        "attempt": attempt,
        "handle": {"kind": "in-process"},
    }


def outcome(
    trial: int, attempt: int = 1, *, status: str = "completed", reason: str | None = None, **metrics: float
) -> dict[str, Any]:
    """An outcome."""
    observations = {name: {"value": value} for name, value in metrics.items()}
    entry = {"kind": "outcome", "time": 3.0, "trial": trial, "attempt": attempt, "status": status}
    return {**entry, "metrics": observations, "reason": reason, "seconds": 2.0, "artifacts": {}}


def decision(action: str, **content: Any) -> dict[str, Any]:
    """A decision."""
    return {"kind": "decision", "time": 4.0, "action": action, "reason": "because", **content}


def done(trial: int, *, origin: str = "strategy", **metrics: float) -> list[dict[str, Any]]:
    """A completed trial."""
    return [proposal(trial, origin=origin), start(trial), outcome(trial, **metrics)]


def failed(trial: int, reason: str) -> list[dict[str, Any]]:
    """A failed trial."""
    return [proposal(trial), start(trial), outcome(trial, status="failed", reason=reason)]


def run_of(*entries: dict[str, Any] | list[dict[str, Any]], **changes: Any) -> RunRecord:
    """Records as a run, after a campaign record."""
    flat = [e for entry in entries for e in (entry if isinstance(entry, list) else [entry])]
    return gather([campaign(**changes), *flat], directory=Path("runs/beam-x"))
