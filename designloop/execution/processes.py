"""Evaluations in processes on this machine, which may crash, hang or eat memory without harm."""

from __future__ import annotations

import pickle
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, BinaryIO

from designloop.errors import OracleError
from designloop.execution.attempt import from_json, read
from designloop.execution.base import Ended, Evaluate, Outcome, Task
from designloop.execution.found import Found
from designloop.execution.launched import Launched

_LOOK = 0.2
"""Seconds between two looks at attempts that an earlier campaign's process started."""


class Processes:
    """Runs up to ``workers`` attempts at once, each in a worker process that stays for the next one.

    Workers start when they are first needed. Each keeps watch over a process that loads the oracle once and
    asks it: the limits hold, and outcomes become durable, also when this process is dead.
    """

    kind = "process"

    def __init__(
        self,
        oracle: Evaluate,
        *,
        folder: Path,
        workers: int,
        threads: int = 1,
        time_limit: float | None = None,
        memory_limit: int | None = None,
    ) -> None:
        """``folder`` takes the outcomes and exists; ``time_limit`` in seconds, ``memory_limit`` in bytes.

        ``threads``: of the numerical libraries in each worker. Raises OracleError for an oracle that cannot
        be sent to another process.
        """
        self.slots = workers
        self._folder = folder.absolute()
        self._settings: dict[str, Any] = {
            "threads": threads, "time_limit": time_limit, "memory_limit": memory_limit
        }  # fmt: skip
        self._oracle = _packed(oracle)
        self._idle: list[Launched] = []
        self._reserved: dict[str, Launched] = {}
        self._busy: dict[str, tuple[Task, Launched]] = {}
        self._found: dict[str, tuple[Task, Found]] = {}
        self._ready: list[Ended] = []

    def handle(self, task: Task) -> dict[str, Any]:
        """The worker that is kept for the task, by number and start time, and where its outcome will be."""
        if task.key not in self._reserved:
            self._reserved[task.key] = self._free() or Launched(oracle=self._oracle, **self._settings)
        worker = self._reserved[task.key]
        return {
            "kind": self.kind,
            "pid": worker.pid,
            "started": worker.started,
            "begun": round(time.time(), 2),
            "directory": str(task.context.directory),
            "outcome": str(self._path(task)),
        }

    def start(self, task: Task) -> None:
        """Send it to its worker."""
        self.handle(task)
        worker = self._reserved.pop(task.key)
        self._busy[task.key] = (task, worker)
        with suppress(OSError):  # a dead worker is found by ``ended``
            worker.begin(task, self._path(task))

    def adopt(self, task: Task, handle: Mapping[str, Any]) -> bool:
        """Whether its outcome waits in the file, or the worker that has it is alive."""
        found = Found(
            self._path(task),
            pid=handle.get("pid"),
            started=handle.get("started"),
            begun=handle.get("begun"),
        )
        # The file is asked last: a worker writes it before it goes.
        if not found.is_alive() and found.outcome() is None:
            return False
        self._found[task.key] = (task, found)
        return True

    def ended(self, timeout: float | None) -> Sequence[Ended]:
        """What has ended; wakes at once when a worker tells of it. Without attempts and limit: nothing."""
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            self._collect()
            left = None if end is None else end - time.monotonic()
            anything = self._busy or self._found
            if self._ready or (left is None and not anything) or (left is not None and left <= 0):
                ready, self._ready = self._ready, []
                return ready
            if self._found:
                left = _LOOK if left is None else min(left, _LOOK)
            wait([worker.channel.fileno() for _, worker in self._busy.values()], left)

    def close(self, *, kill: bool = False) -> None:
        """End the idle workers. Those at work go on to the end of their attempts, or are killed with them."""
        going = [*self._idle, *self._reserved.values()]
        for worker in going:
            worker.release()
        for _, worker in self._busy.values():
            if kill:
                worker.terminate()
                going.append(worker)
            else:
                worker.detach()
        for worker in going:
            worker.wait()
        self._idle, self._reserved, self._busy, self._found, self._ready = [], {}, {}, {}, []
        self._oracle.close()

    def _path(self, task: Task) -> Path:
        return self._folder / f"{task.key}.json"

    def _free(self) -> Launched | None:
        while self._idle:
            worker = self._idle.pop()
            if worker.is_alive:
                return worker
            worker.release()
            worker.wait()
        return None

    def _collect(self) -> None:
        """Move what has ended, in workers and in files, to where ``ended`` takes it from."""
        for task, worker in list(self._busy.values()):
            messages, is_there = worker.arrived()
            said = [from_json(m["outcome"]) for m in messages if m["key"] == task.key]
            if said:
                self._ready.append((task, said[0]))
                self._idle.append(worker)
            elif not is_there:
                self._ready.append((task, self._bereaved(task, worker)))
            if said or not is_there:
                del self._busy[task.key]
        for task, found in list(self._found.values()):
            if (outcome := found.ended()) is not None:
                self._ready.append((task, outcome))
                del self._found[task.key]

    def _bereaved(self, task: Task, worker: Launched) -> Outcome:
        """The outcome of an attempt whose worker is gone."""
        seconds, reason = worker.since(), worker.epitaph()
        worker.release()
        worker.wait()
        lost = Outcome(status="failed", cause="lost", reason=reason, seconds=seconds)
        return read(self._path(task)) or lost


def _packed(oracle: Evaluate) -> BinaryIO:
    """A file without a name that holds where to import from, and the oracle."""
    import cloudpickle

    try:
        content = cloudpickle.dumps(oracle)
    except Exception as error:
        raise OracleError(
            f"the oracle cannot be sent to another process: {type(error).__name__}: {error}. Let it open "
            "files, locks and connections when it is first asked, or write 'execution: {engine: in_process}'."
        ) from error
    file = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the executor
    # The empty entry would be the working directory, whose files must not stand in for packages.
    file.write(pickle.dumps([place for place in sys.path if place]) + content)
    file.flush()
    return file
