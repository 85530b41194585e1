"""An attempt that an earlier process of the campaign started on this machine."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from designloop.execution import tree
from designloop.execution.attempt import read
from designloop.execution.base import Outcome

_CLOCK = 2.0
"""Seconds by which the system's account of a start time may move: it depends on the wall clock."""
_GOODBYE = 10.0


class Found:
    """``path`` is where its outcome will be; ``pid`` and ``started`` say which worker has it."""

    def __init__(self, path: Path, *, pid: int | None, started: float | None) -> None:
        self._path, self._pid, self._started = path, pid, started

    def is_alive(self) -> bool:
        """Whether the worker is there, and no other process that got its number later."""
        import psutil

        if self._pid is None or self._started is None:
            return False
        try:
            process = psutil.Process(self._pid)
            is_same = abs(process.create_time() - self._started) < _CLOCK
            return is_same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False

    def outcome(self) -> Outcome | None:
        """The outcome, where there is one."""
        return read(self._path)

    def ended(self) -> Outcome | None:
        """The outcome, or that the attempt was lost with its worker; None while it runs."""
        is_alive = self.is_alive()  # asked first: the worker writes before it goes
        outcome = self.outcome()
        if outcome is None and not is_alive:
            reason = f"the worker process {self._pid} is gone without an outcome"
            return Outcome(status="failed", cause="lost", reason=reason)
        return outcome

    def kill(self) -> None:
        """Kill the worker and what it runs."""
        if self._pid is None or not self.is_alive():
            return
        with suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGTERM)  # upon which it kills all that is below it
            end = time.monotonic() + _GOODBYE
            while self.is_alive() and time.monotonic() < end:
                time.sleep(0.02)
        tree.kill_session(self._pid)
