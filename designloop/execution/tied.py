"""An oracle that dies with the process it works for."""

from __future__ import annotations

import os
import pickle
import signal
import threading
from collections.abc import Mapping
from typing import Any, cast

from designloop.execution.base import Evaluate
from designloop.oracle import Context, Result, Value

_LOOK = 0.5
"""Seconds between two looks at the other process."""


class Tied:
    """Answers as the pickled oracle ``content`` does, but kills its own process once ``pid`` is gone.

    ``started`` is when that one began, in seconds since the epoch: numbers of processes come again. The
    oracle is loaded where this is unpickled, not where it is made.
    """

    def __init__(self, content: bytes, *, pid: int, started: float, oracle: Evaluate | None = None) -> None:
        self._content, self._pid, self._started, self._oracle = content, pid, started, oracle

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle without the oracle's object."""
        return (_loaded, (self._content, self._pid, self._started))

    def evaluate(self, design: Mapping[str, Value], context: Context, /) -> Result:
        """Ask the oracle."""
        oracle = self._oracle or pickle.loads(self._content)
        over = threading.Event()
        threading.Thread(target=self._watch, args=[over], daemon=True).start()
        try:
            return cast(Result, oracle.evaluate(design, context))
        finally:
            over.set()

    def _watch(self, over: threading.Event) -> None:
        while not over.wait(_LOOK):
            if not self._is_there():
                os.kill(os.getpid(), signal.SIGKILL)

    def _is_there(self) -> bool:
        import psutil

        try:
            other = psutil.Process(self._pid)
            return other.status() != psutil.STATUS_ZOMBIE and abs(other.create_time() - self._started) < 1.0
        except psutil.NoSuchProcess:
            return False


def _loaded(content: bytes, pid: int, started: float) -> Tied:
    return Tied(content, pid=pid, started=started, oracle=pickle.loads(content))
