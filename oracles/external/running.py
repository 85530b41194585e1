"""One program in a process group of its own, until it ends or its time is over: nothing of it stays."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from designloop.oracle import Failed

from .paths import real_file

BASE = (
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "LC_CTYPE", "LC_NUMERIC", "TMPDIR", "TZ",
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS",
)  # fmt: skip
"""Variables that every program gets; all others are declared."""

MARK = "running.json"
"""Who runs in a folder, while it runs: a later attempt there ends it, should nobody else have done so."""

LARGEST = 1_000_000_000
"""Bytes that a program may print before it is ended."""

_LOOK = 1.0
"""Seconds between two looks at how much it has printed."""

GRACE = 3.0
"""Seconds that a program has to end by itself when it is told to."""


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a program ended: its exit status (below zero: a signal), and whether its time was over."""

    status: int
    seconds: float
    over_time: bool = False
    flooded: bool = False
    """Whether it printed more than LARGEST."""


def environment(declared: Mapping[str, str], inherit: Sequence[str]) -> dict[str, str]:
    """The few variables of every program, those taken over by name, and the declared ones."""
    taken = {name: os.environ[name] for name in (*BASE, *inherit) if name in os.environ}
    return {**taken, **declared}


def run(
    command: Sequence[str], *, folder: Path, log: Path, variables: Mapping[str, str], time_limit: float | None
) -> Ended:
    """Run a command without a shell; what it prints goes to ``log``. Raises Failed where it cannot begin."""
    _end_left_over(folder)
    start = time.monotonic()
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(log, flags, 0o644), "wb") as stream:
        try:
            process = subprocess.Popen(
                list(command), cwd=folder, env=dict(variables), stdin=subprocess.DEVNULL, stdout=stream,
                stderr=subprocess.STDOUT, process_group=0,
            )  # fmt: skip
        except (OSError, ValueError) as error:
            raise Failed(_not_begun(command[0], error), cause="error") from None
        try:
            _mark(folder, process.pid)
            status = _watched(process, stream.fileno(), None if time_limit is None else start + time_limit)
            seconds = time.monotonic() - start
        finally:
            last = _end(process)
            (folder / MARK).unlink(missing_ok=True)
    if status is None:
        flooded = log.stat().st_size > LARGEST
        return Ended(status=last, seconds=seconds, over_time=not flooded, flooded=flooded)
    return Ended(status=status, seconds=seconds)


def _watched(process: subprocess.Popen[bytes], log: int, end: float | None) -> int | None:
    """The exit status, or None where the time is over (``end``, monotonic) or too much was printed."""
    while os.fstat(log).st_size <= LARGEST:
        left = _LOOK if end is None else min(_LOOK, end - time.monotonic())
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(timeout=max(left, 0.0))
        if end is not None and time.monotonic() >= end:
            return None
    return None


def _not_begun(program: str, error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return f"there is no program {program}. Install it, or put its folder into PATH."
    if isinstance(error, PermissionError):
        return f"{program} may not be executed. Write chmod +x {program}."
    return f"{program} cannot be run: {error}."


def _mark(folder: Path, pid: int) -> None:
    import psutil

    with contextlib.suppress(psutil.NoSuchProcess):
        mark = {"pid": pid, "started": psutil.Process(pid).create_time()}
        (folder / MARK).unlink(missing_ok=True)
        (folder / MARK).write_text(json.dumps(mark), encoding="utf-8")


def _end_left_over(folder: Path) -> None:
    """End the program of an attempt whose own process was killed, before another begins in its folder."""
    import psutil

    marked = real_file(folder, MARK)
    if marked is None:
        return
    with contextlib.suppress(psutil.NoSuchProcess, OSError, ValueError, KeyError, TypeError):
        mark = json.loads(marked.read_text(encoding="utf-8"))
        left = psutil.Process(int(mark["pid"]))
        if abs(left.create_time() - float(mark["started"])) < 1.0:
            begun = left.children(recursive=True)
            _signal(left.pid, signal.SIGKILL)
            for child in begun:
                child.kill()
            psutil.wait_procs([left], timeout=GRACE)


def _end(process: subprocess.Popen[bytes]) -> int:
    """End a program with all that it began: politely first, where it still runs."""
    import psutil

    begun: list[psutil.Process] = []
    if process.poll() is None:
        with contextlib.suppress(psutil.NoSuchProcess):
            begun = psutil.Process(process.pid).children(recursive=True)
        _signal(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=GRACE)
    _signal(process.pid, signal.SIGKILL)
    for child in begun:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()
    return process.wait()


def _signal(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
