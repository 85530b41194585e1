"""What every page needs of a record: units, the words beside the numbers, plain JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from designloop.record import RunRecord


def all_units(record: RunRecord) -> dict[str, str]:
    """Unit of every parameter and metric by name."""
    parameters = {p["name"]: p.get("unit") or "" for p in record.campaign["parameters"]}
    return {**parameters, **(record.campaign.get("metrics") or {})}


def unit_of(record: RunRecord, name: str) -> str:
    """One parameter's or metric's unit; empty for a pure number."""
    if name == record.metric and record.campaign["objective"].get("unit"):
        return str(record.campaign["objective"]["unit"])
    return all_units(record).get(name, "")


def oracle_labels(oracle: Mapping[str, Any]) -> tuple[str, ...]:
    """What must stand beside every number: the oracle's own words, and at which fidelity it was asked."""
    fidelity = oracle.get("fidelity") or next(iter((oracle.get("fidelities") or ())[-1:]), None)
    return (*(oracle.get("labels") or ()), *([f"fidelity {fidelity}"] if fidelity else []))


def last_failure(record: RunRecord) -> str:
    """What the last failed trial died of; empty where none failed, or none said."""
    failed = [t.last for t in record.trials if t.status == "failed" and t.last]
    return str(failed[-1].reason or "") if failed else ""


def finite(content: Any) -> Any:
    """JSON has no infinity and no NaN: they become null."""
    if isinstance(content, Mapping):
        return {k: finite(v) for k, v in content.items()}
    if isinstance(content, list | tuple):
        return [finite(v) for v in content]
    if isinstance(content, Path):
        return content.as_posix()
    return None if isinstance(content, float) and not math.isfinite(content) else content
