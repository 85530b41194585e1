"""The executor contract: tasks in, outcomes out, and a handle by which a task is found again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from designloop.oracle import Context, Observation, Result, Value


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


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How an attempt ended. ``reason`` says why it is infeasible or failed."""

    status: Literal["completed", "infeasible", "failed"]
    metrics: Mapping[str, Observation] = field(default_factory=dict)
    reason: str | None = None
    seconds: float = 0.0
    artifacts: Mapping[str, Path] = field(default_factory=dict)
    notes: Mapping[str, Any] = field(default_factory=dict)
    """JSON by the oracle: how the answer came about."""


class Executor(Protocol):
    """Runs tasks. The loop journals ``handle`` before it asks for outcomes."""

    def handle(self, task: Task) -> dict[str, Any]:
        """JSON by which the attempt can be found again after a crash."""
        ...

    def run(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, Outcome]]:
        """Outcomes as they come."""
        ...
