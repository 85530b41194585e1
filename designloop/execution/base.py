"""The executor contract: tasks in, outcomes out, and a handle by which an attempt is found again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from designloop.oracle import Cause, Context, Observation, Result, Value


class Evaluate(Protocol):
    """Anything that answers for a design, such as a campaign's oracle."""

    def evaluate(self, design: Mapping[str, Value], context: Context, /) -> Result:
        """Answer, or raise Infeasible, or fail with any exception."""
        ...


@dataclass(frozen=True, kw_only=True)
class Task:
    """One attempt at one trial."""

    trial: int
    attempt: int
    design: Mapping[str, Value]
    context: Context

    @property
    def key(self) -> str:
        """Name of the attempt within its run: ``031-1``."""
        return f"{self.trial:03d}-{self.attempt}"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How an attempt ended. ``reason`` says why it is infeasible or failed.

    ``metrics`` of a failed attempt with the cause ``partial`` are those that are good all the same.
    """

    status: Literal["completed", "infeasible", "failed"]
    metrics: Mapping[str, Observation] = field(default_factory=dict)
    reason: str | None = None
    cause: Cause | None = None
    """Set where the status is failed."""
    seconds: float = 0.0
    """Of the evaluation itself, without waiting in a queue."""
    artifacts: Mapping[str, Path] = field(default_factory=dict)
    notes: Mapping[str, Any] = field(default_factory=dict)
    """JSON by the oracle: how the answer came about."""
    retry_after: float | None = None
    """Seconds to wait before the next attempt, where the oracle says so (cause ``wait``)."""


Ended = tuple[Task, Outcome]


class Executor(Protocol):
    """Runs attempts. The loop journals ``handle`` before it calls ``start``; nothing runs before that.

    One thread calls. Where the engine allows it, what was started goes on when the campaign's process dies;
    its outcome is then collected by ``adopt``.
    """

    @property
    def kind(self) -> str:
        """What its handles hold under ``kind``."""
        ...

    @property
    def slots(self) -> int:
        """How many attempts may be on their way at once; it may change over time."""
        ...

    def handle(self, task: Task) -> dict[str, Any]:
        """Make ready and answer JSON by which the attempt can be found again after a crash; with ``kind``."""
        ...

    def start(self, task: Task) -> None:
        """Begin; returns at once, unless the engine has no other place to run than here."""
        ...

    def adopt(self, task: Task, handle: Mapping[str, Any]) -> bool:
        """Take over an attempt that an earlier process started.

        True: it runs still, or has ended, and ``ended`` will bring its outcome. False: it is proven dead.
        """
        ...

    def ended(self, timeout: float | None) -> Sequence[Ended]:
        """What has ended, as soon as something has; empty after ``timeout`` seconds (None: no limit)."""
        ...

    def close(self) -> None:
        """Let go; what still runs goes on where the engine allows it."""
        ...
