"""What the end of a job that left no outcome says about its attempt."""

from __future__ import annotations

import re
import signal
from dataclasses import replace
from pathlib import Path

from designloop.execution.base import Outcome
from designloop.execution.slurm_queue import Job
from designloop.execution.words import TAIL, last_words
from designloop.oracle import Cause

_CAUSES: dict[str, Cause] = {
    "COMPLETED": "crash",
    "FAILED": "crash",
    "TIMEOUT": "timeout",
    "DEADLINE": "timeout",
    "OUT_OF_MEMORY": "memory",
}
"""Every other state is the cluster's doing: lost."""
_TOO_MUCH = re.compile(r"^\s*slurmstepd.*(exceeded.* memory limit|oom.kill)", re.MULTILINE | re.IGNORECASE)


def verdict(number: str, job: Job | None, *, output: Path, time_limit: float | None) -> Outcome:
    """The failed attempt of job ``number``; ``output`` is the file of what it printed."""
    if job is None:
        return Outcome(status="failed", cause="lost", reason=f"Slurm no longer knows job {number}")
    cause, printed = _CAUSES.get(job.state, "lost"), _end(output)
    if job.signal == signal.SIGKILL and _TOO_MUCH.search(printed.decode(errors="replace")):
        # Where no control groups count the memory, Slurm kills, and says why only here.
        job, cause = replace(job, state="OUT_OF_MEMORY"), "memory"
    reason = f"job {number} {_how(job, time_limit)}"
    if cause == "crash":
        reason += last_words(printed)
    return Outcome(status="failed", cause=cause, reason=reason, seconds=job.seconds)


def _how(job: Job, time_limit: float | None) -> str:
    match job.state:
        case "COMPLETED":
            return "ended without an outcome"
        case "FAILED" if job.signal:
            return f"was killed by {_name(job.signal)}"
        case "FAILED":
            return f"ended with exit code {job.exit_code}"
        case "TIMEOUT":
            return "reached the time limit" + (
                f" of {time_limit:.0f} s" if time_limit else " of its partition"
            )
        case "OUT_OF_MEMORY":
            return "took more memory than it was given"
        case "CANCELLED":
            return f"was cancelled by {job.canceller or 'somebody'}"
        case "NODE_FAIL" | "BOOT_FAIL":
            return f"lost its node ({job.state})"
        case "PREEMPTED":
            return "was preempted by another job"
    return f"ended as {job.state}"


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _end(output: Path) -> bytes:
    """The end of a file; nothing where it cannot be read."""
    try:
        with output.open("rb") as file:
            file.seek(max(0, output.stat().st_size - TAIL))
            return file.read()
    except OSError:
        return b""
