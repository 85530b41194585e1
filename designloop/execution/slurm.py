"""One Slurm job per attempt, found again by its number.

A job is submitted held, so that its number is in the journal before anything runs, and then released. It runs
``python -m designloop.execution.job`` on the run's folder, which must be on a file system that the nodes
share, and leaves its outcome there; the campaign may be gone meanwhile. What it prints is bounded by
``python -m designloop.execution.bounded`` around it. Jobs are never requeued: one attempt, one job, one
outcome.

How often Slurm is asked: submitting, releasing and cancelling take one command each; the states of all jobs
together take one ``squeue``, a second after something began, then ever more rarely down to once in ten
seconds. Only a job that ended without an outcome costs one or two commands more. The folder is listed at
least once a second while somebody waits.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from designloop.errors import ExecutionError
from designloop.execution import bounded, job, polling, slurm_queue
from designloop.execution.attempt import read
from designloop.execution.base import Ended, Evaluate, Outcome, Task
from designloop.execution.launched import THREADS
from designloop.execution.slurm_options import options
from designloop.execution.slurm_verdict import verdict

_SILENCE, _SILENCE_AT_FIRST = 60.0, 10.0
"""Seconds for which a silent Slurm is asked again before a job is not submitted, or a run is not begun."""
_GRACE = 2.0
"""Seconds in which the file of a job that has ended may still come into sight."""
_PYTHON = (sys.executable, "-P", "-m")
_SCRIPT = '#!/bin/sh\nexec "$@"\n'


class Pace:
    """When to ask Slurm again: 1 s after something began, then 1.5 times as late each time, up to 10 s."""

    def __init__(self) -> None:
        self._interval, self._next = 1.0, 0.0

    def begin(self) -> None:
        """Something began: ask in a second, unless that is due earlier."""
        self._interval = 1.0
        soon = time.monotonic() + self._interval
        self._next = min(self._next, soon) if self._next > time.monotonic() else soon

    def due(self) -> bool:
        """Whether to ask now."""
        return time.monotonic() >= self._next

    def asked(self, *, soon: bool) -> None:
        """Wait for the next question, not long where an answer is wanted ``soon``."""
        self._interval = min(1.5 * self._interval, 10.0)
        self._next = time.monotonic() + (min(self._interval, _GRACE) if soon else self._interval)


class OnSlurm:
    """Runs each attempt as a job. ``folder`` lies on a shared file system; ``name`` is the run's, unique.

    ``queue``: see ``slurm_options.options``. ``time_limit`` in seconds, ``memory_limit`` in bytes. Raises
    ExecutionError where this machine has no Slurm, where that is silent, or for options that it refuses.
    """

    kind = "slurm"

    def __init__(
        self,
        oracle: Evaluate,
        *,
        folder: Path,
        workers: int,
        queue: Mapping[str, Any],
        name: str,
        threads: int = 1,
        time_limit: float | None = None,
        memory_limit: int | None = None,
    ) -> None:
        slurm_queue.require()
        self.slots = workers
        self._options = options(queue, threads=threads, time_limit=time_limit, memory_limit=memory_limit)
        self._oracle, self._folder, self._threads = oracle, folder.resolve(), threads
        self._time_limit = time_limit
        self._prefix = f"designloop:{re.sub(r'[^A-Za-z0-9._-]', '-', name)}:"
        self._stored: Path | None = None
        self._jobs: dict[str, str] = {}
        self._watched: dict[str, Task] = {}
        self._known = slurm_queue.patiently(slurm_queue.mine, patience=_SILENCE_AT_FIRST)
        slurm_queue.rehearse(self._options)
        self._unreleased: set[str] = set()
        self._is_tidy = False
        self._silent_since: dict[str, float] = {}
        self._pace = Pace()

    def handle(self, task: Task) -> dict[str, Any]:
        """Submit the job, held. Raises ExecutionError where Slurm refuses it."""
        self._drop_leftovers()
        if self._stored is None:
            self._stored = job.dump_oracle(self._oracle, folder=self._folder)
            (self._folder / "job.sh").write_text(_SCRIPT)
        job.dump(task, oracle=self._stored, path=self._file(task))
        arguments = self._arguments(task)
        number = slurm_queue.patiently(lambda: slurm_queue.submit(arguments), patience=_SILENCE)
        self._jobs[task.key] = number
        return {"kind": self.kind, "job": number, "name": self._name(task)}

    def start(self, task: Task) -> None:
        """Release the job; one that cannot be released now is released by a later ``ended``."""
        self._watch(task)
        self._release([self._jobs[task.key]])

    def adopt(self, task: Task, handle: Mapping[str, Any]) -> bool:
        """Watch the job of the handle. False where there is no file and Slurm knows no such job.

        While Slurm does not answer, nothing is proven dead: True.
        """
        number = str(handle.get("job", ""))
        if read(job.outcome_path(self._file(task))) is None and not self._knows(number, self._name(task)):
            return False
        self._jobs[task.key] = number
        self._watch(task)
        return True

    def ended(self, timeout: float | None) -> Sequence[Ended]:
        """Outcomes that lie in the folder, and verdicts on jobs that ended without one."""
        return polling.ended(
            self._collect, timeout, is_idle=lambda: not self._watched, pause=0.05, longest=1.0
        )

    def close(self) -> None:
        """Let the jobs go on."""
        with suppress(ExecutionError):
            self._drop_leftovers()
        self._watched.clear()
        self._jobs.clear()
        self._unreleased.clear()

    def _name(self, task: Task) -> str:
        return self._prefix + task.key

    def _file(self, task: Task) -> Path:
        return self._folder / f"{task.key}.task"

    def _output(self, task: Task) -> Path:
        directory = task.context.directory
        return self._folder / f"{task.key}.txt" if directory is None else directory.resolve() / "output.txt"

    def _arguments(self, task: Task) -> list[str]:
        threads = [f"{name}={self._threads}" for name in THREADS]
        # Slurm replaces %j and the like in file names.
        output = str(self._output(task)).replace("%", "%%")
        return [
            f"--job-name={self._name(task)}", f"--output={output}", "--open-mode=truncate", "--no-requeue",
            *self._options, str(self._folder / "job.sh"),
            "/usr/bin/env", *threads, *_PYTHON, bounded.__name__,
            *_PYTHON, job.__name__, str(self._file(task)),
        ]  # fmt: skip

    def _watch(self, task: Task) -> None:
        self._watched[task.key] = task
        self._unreleased.add(task.key)
        self._pace.begin()

    def _knows(self, number: str, name: str) -> bool:
        try:
            found = self._known.get(number) or slurm_queue.examine(number)
        except ExecutionError:
            return True
        return found is not None and found.name == name

    def _drop_leftovers(self) -> None:
        """Cancel held jobs of this run that no record knows: it died between submitting and recording.

        Once, and not before everything that is recorded has been adopted. Raises ExecutionError.
        """
        if self._is_tidy:
            return
        unknown = [
            number
            for number, found in self._known.items()
            if found.name.startswith(self._prefix) and found.held and number not in self._jobs.values()
        ]
        if unknown:
            slurm_queue.cancel(unknown)
        self._is_tidy = True

    def _collect(self) -> list[Ended]:
        # Listing the folder makes a network file system look; a single file may be answered from memory.
        present = set(os.listdir(self._folder))
        there = [key for key in self._watched if f"{key}.json" in present]
        done = [self._close_books(key, read(self._folder / f"{key}.json")) for key in there]
        if self._watched and self._pace.due():
            with suppress(ExecutionError):
                self._drop_leftovers()
            done += [self._judge(key) for key in self._silent()]
            self._pace.asked(soon=bool(self._silent_since))
        return [ended for ended in done if ended is not None]

    def _silent(self) -> list[str]:
        """Those whose jobs ended, or are unknown, for long enough that an outcome would be in sight."""
        numbers = {self._jobs[key]: key for key in self._watched}
        try:
            found = slurm_queue.states(numbers)
        except ExecutionError:
            return []
        self._release([n for n, seen in found.items() if seen.held and numbers.get(n) in self._unreleased])
        now = time.monotonic()
        over = [n for n in numbers if n not in found or found[n].ended]
        return [numbers[n] for n in over if now - self._silent_since.setdefault(n, now) >= _GRACE]

    def _release(self, numbers: Sequence[str]) -> None:
        if not numbers:
            return
        with suppress(ExecutionError):
            slurm_queue.release(numbers)
            self._unreleased -= {key for key, number in self._jobs.items() if number in numbers}

    def _judge(self, key: str) -> Ended | None:
        number, output = self._jobs[key], self._output(self._watched[key])
        try:
            found = slurm_queue.examine(number)
        except ExecutionError:
            return None
        if found is not None and not found.ended:
            self._silent_since.pop(number, None)
            return None
        # Read after the job is known to have ended: an outcome that is there now was there in time.
        outcome = read(self._folder / f"{key}.json")
        return self._close_books(
            key, outcome or verdict(number, found, output=output, time_limit=self._time_limit)
        )

    def _close_books(self, key: str, outcome: Outcome | None) -> Ended | None:
        if outcome is None:
            return None
        task = self._watched.pop(key)
        self._unreleased.discard(key)
        self._silent_since.pop(self._jobs.pop(key), None)
        self._tidy(task)
        return task, outcome

    def _tidy(self, task: Task) -> None:
        self._file(task).unlink(missing_ok=True)
        output = self._output(task)
        with suppress(OSError):
            if output.stat().st_size == 0:
                output.unlink()
