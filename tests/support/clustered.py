"""An oracle for engines whose workers are other processes: its modes are what can happen to one."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from designloop.execution import Executor, Outcome, Task
from designloop.oracle import Context, Observation, Result, Value

FOLDER = str(Path(__file__).parents[1])
"""To be on PYTHONPATH of the workers."""


class Clustered:
    """Notes each evaluation in ``count`` (a line with its process' number), then does what ``mode`` says."""

    def evaluate(self, design: Mapping[str, Value], context: Context, /) -> Result:
        if "count" in design:
            with open(str(design["count"]), "a") as file:
                file.write(f"{os.getpid()}\n")
        mode, _, amount = str(design["mode"]).partition(" ")
        if mode == "print":
            print("the mesh is bad", flush=True)  # noqa: T201 - what an oracle does
        elif mode == "raise":
            raise ValueError("no such beam")
        elif mode == "signal":
            os.kill(os.getpid(), signal.SIGSEGV)
        elif mode == "exit":
            os._exit(int(amount))
        elif mode == "memory":
            block = bytearray(int(amount))
            block[::4096] = b"1" * len(block[::4096])
            time.sleep(60)
        elif mode == "flood":
            for _ in range(12):
                os.write(1, b"x" * 999_999 + b"\n")
            os.write(1, b"the last line\n")
            os._exit(1)
        elif mode == "sleep":
            time.sleep(float(amount))
        elif mode == "wait":
            until(Path(amount).exists)
        return Result(
            metrics={"y": Observation(value=float(design.get("x", 1.0)))}, notes={"seed": context.seed}
        )


def until(holds: Callable[[], object], *, seconds: float = 30.0) -> None:
    """Wait for something to become true."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.02)


def task(folder: Path, mode: str, *, trial: int = 0, attempt: int = 1, **design: Value) -> Task:
    """An attempt with a folder of its own under ``folder``, and in it the file that counts."""
    directory = folder / "trials" / f"{trial:03d}"
    directory.mkdir(parents=True, exist_ok=True)
    given = {"mode": mode, "count": str(directory / "count"), **design}
    return Task(trial=trial, attempt=attempt, design=given, context=Context(seed=7, directory=directory))


def evaluations(of: Task) -> list[int]:
    """Numbers of the processes that evaluated it, one per evaluation."""
    count = Path(str(of.design["count"]))
    return [int(line) for line in count.read_text().split()] if count.exists() else []


def begin(executor: Executor, *tasks: Task) -> list[dict[str, object]]:
    """Start them; their handles."""
    handles = []
    for each in tasks:
        handles.append(executor.handle(each))
        executor.start(each)
    return handles


def outcomes(executor: Executor, number: int, *, seconds: float = 30.0) -> dict[str, Outcome]:
    """The next ``number`` outcomes by key, at most one of each."""
    found: dict[str, Outcome] = {}
    deadline = time.monotonic() + seconds
    while len(found) < number:
        assert time.monotonic() < deadline, f"only {sorted(found)} ended within {seconds} s"
        for ended, outcome in executor.ended(1.0):
            assert ended.key not in found
            found[ended.key] = outcome
    return found


def is_alive(pid: int) -> bool:
    """Whether a process runs, not only waits to be noticed as dead."""
    import psutil

    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
