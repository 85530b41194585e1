"""Attempts that were begun under another engine than the one at work now."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from designloop.execution.attempt import read
from designloop.execution.base import Outcome

ENGINES = {"process": "processes", "dask": "dask", "slurm": "slurm"}
"""Engine of each kind of handle whose attempts outlive the campaign's process."""
_SLACK = 2.0
"""Seconds by which a process's recorded start may differ from the one found."""


def answered(file: Path) -> Outcome | None:
    """The outcome that an attempt left in its file, or None."""
    return read(file)


def may_run(handle: Mapping[str, Any]) -> bool:
    """Whether the attempt may still be at work: only processes of this machine can be looked for."""
    kind = handle.get("kind")
    if kind != "process":
        return kind in ENGINES
    import psutil

    try:
        found = psutil.Process(int(handle["pid"])).create_time()
    except psutil.NoSuchProcess:
        return False
    return abs(found - float(handle["started"])) <= _SLACK
