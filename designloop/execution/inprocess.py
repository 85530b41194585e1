"""Evaluations here, one after the other."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from designloop.execution.attempt import attempt
from designloop.execution.base import Ended, Evaluate, Task


class InProcess:
    """Runs each task in this process; an exception of the oracle is a failed trial, never a dead campaign."""

    kind, slots = "in-process", 1

    def __init__(self, oracle: Evaluate) -> None:
        self._oracle = oracle
        self._begun: deque[Task] = deque()

    def handle(self, task: Task) -> dict[str, Any]:
        """This process, by number and start time, and the trial's folder."""
        import psutil

        return {
            "kind": self.kind,
            "pid": os.getpid(),
            "started": round(psutil.Process().create_time(), 2),
            "directory": str(task.context.directory),
        }

    def start(self, task: Task) -> None:
        """Note it; ``ended`` evaluates."""
        self._begun.append(task)

    def adopt(self, task: Task, handle: Mapping[str, Any]) -> bool:  # noqa: ARG002 - the contract's signature
        """Never: what ran in a process died with it."""
        return False

    def ended(self, timeout: float | None) -> Sequence[Ended]:  # noqa: ARG002 - the contract's signature
        """Evaluate the first one begun."""
        if not self._begun:
            return ()
        task = self._begun.popleft()
        return ((task, attempt(self._oracle, task)),)

    def close(self) -> None:
        """Forget everything."""
        self._begun.clear()
