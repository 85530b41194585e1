"""A worker process, as the campaign's process sees it."""

from __future__ import annotations

import json
import os
import pickle
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any, BinaryIO

from designloop.execution import tree
from designloop.execution.base import Task
from designloop.execution.channel import Channel

THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
"""Variables by which numerical libraries are told how many threads to use."""

_GOODBYE = 10.0
"""Seconds that a worker has to end by itself."""


class Launched:
    """Starts a worker in a session of its own; it begins to load the oracle at once.

    ``oracle`` is a file with what the evaluating process loads; ``threads``, ``time_limit`` in seconds and
    ``memory_limit`` in bytes are those of one attempt.
    """

    def __init__(
        self, *, oracle: BinaryIO, threads: int, time_limit: float | None, memory_limit: int | None
    ) -> None:
        import psutil

        mine, its = socket.socketpair()
        given = {
            "socket": its.fileno(),
            "parent": os.getpid(),
            "time_limit": time_limit,
            "memory_limit": memory_limit,
        }
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the worker
        with its:
            self._process = subprocess.Popen(
                # -P: the working directory must not come first on sys.path.
                [sys.executable, "-P", "-m", "designloop.execution.worker", json.dumps(given)],
                stdin=oracle,
                stdout=subprocess.DEVNULL,
                stderr=self._errors,
                env={**os.environ, **dict.fromkeys(THREADS, str(threads))},
                pass_fds=[its.fileno()],
                start_new_session=True,
            )
        self.channel = Channel(mine)
        self._begun = time.monotonic()
        with suppress(psutil.Error):
            self.started = round(psutil.Process(self.pid).create_time(), 2)

    started = 0.0
    """When it began, seconds since the epoch."""

    @property
    def pid(self) -> int:
        """Its number, also that of its session."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it can be given a task."""
        return self._process.poll() is None

    def begin(self, task: Task, path: Path) -> None:
        """Send a task, whose outcome goes to ``path``; raises OSError where the worker is gone."""
        self._begun = time.monotonic()
        self.channel.send(pickle.dumps((path, task)))

    def since(self) -> float:
        """Seconds since it was sent its last task."""
        return time.monotonic() - self._begun

    def arrived(self) -> tuple[list[Mapping[str, Any]], bool]:
        """Its messages, and whether it is still there."""
        messages, is_open = self.channel.arrived()
        return [json.loads(message) for message in messages], is_open

    def epitaph(self) -> str:
        """How it ended, in words, once it has; kills what is left of its session."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_GOODBYE)
        self.kill()
        self._errors.seek(0)
        said = self._errors.read().decode("utf-8", "replace").strip().splitlines()[-1:]
        manner = tree.manner(self._process.returncode or 0)
        return f"the worker process {self.pid} {manner}{': ' if said else ''}{''.join(said)}"

    def release(self) -> None:
        """Ask it to go once its attempt is over; returns at once."""
        self.channel.close()

    def detach(self) -> None:
        """Let it go on alone; whoever wants its outcome finds it in the file."""
        self.release()
        self._errors.close()
        # Somebody has to take note of its end, or it stays in the system's table.
        Thread(target=self._process.wait, daemon=True).start()

    def wait(self) -> None:
        """Wait until it is gone, as it should be soon; kill it where it is not."""
        try:
            self._process.wait(_GOODBYE)
        except subprocess.TimeoutExpired:
            self.kill()
        self._errors.close()

    def terminate(self) -> None:
        """Make it kill its attempt and go; returns at once."""
        with suppress(ProcessLookupError):
            self._process.terminate()
        self.release()

    def kill(self) -> None:
        """Kill it and everything of its session."""
        self._process.kill()
        self._process.wait()
        tree.kill_session(self.pid)
