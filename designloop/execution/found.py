"""An attempt that an earlier process of the campaign started on this machine."""

from __future__ import annotations

import time
from pathlib import Path

from designloop.execution.attempt import read
from designloop.execution.base import Outcome

_CLOCK = 2.0
"""Seconds by which the system's account of a start time may move: it depends on the wall clock."""


class Found:
    """``path`` is where its outcome will be; ``pid`` and ``started`` say which worker has it.

    It has been at work since ``begun``, where that is known, in seconds since the epoch.
    """

    def __init__(
        self, path: Path, *, pid: int | None, started: float | None, begun: float | None = None
    ) -> None:
        self._path, self._pid, self._started, self._begun = path, pid, started, begun

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
            seconds = max(0.0, time.time() - self._begun) if self._begun else 0.0
            return Outcome(status="failed", cause="lost", reason=reason, seconds=seconds)
        return outcome
