"""Attempts that were begun under another engine than the one at work now."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from designloop.execution.found import Found

ENGINES = {"process": "processes", "dask": "dask", "slurm": "slurm"}
"""Engine of each kind of handle whose attempts outlive the campaign's process."""


def may_run(handle: Mapping[str, Any]) -> bool:
    """Whether the attempt may still be at work: only processes of this machine can be looked for."""
    kind = handle.get("kind")
    if kind != "process":
        return kind in ENGINES
    return Found(Path(handle["outcome"]), pid=handle["pid"], started=handle["started"]).is_alive()
