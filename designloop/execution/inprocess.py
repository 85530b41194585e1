"""Evaluations here, one after the other."""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from designloop.execution.base import Evaluate, Outcome, Task
from designloop.oracle import Infeasible, non_finite


@dataclass(frozen=True)
class InProcess:
    """Runs each task in this process; an exception of the oracle is a failed trial, never a dead campaign."""

    oracle: Evaluate

    def handle(self, task: Task) -> dict[str, Any]:
        """This process, by number and start time, and the trial's folder."""
        import psutil

        return {
            "kind": "in-process",
            "pid": os.getpid(),
            "started": round(psutil.Process().create_time(), 2),
            "directory": str(task.context.directory),
        }

    def run(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, Outcome]]:
        """Outcomes in the order of the tasks."""
        for task in tasks:
            yield task, attempt(self.oracle, task)


def attempt(oracle: Evaluate, task: Task) -> Outcome:
    """One attempt with every way it can end; the traceback of a failure goes to ``error.txt``."""
    start = time.perf_counter()
    try:
        result = oracle.evaluate(task.design, task.context)
    except Infeasible as answer:
        finite = {n: o for n, o in answer.metrics.items() if n not in non_finite(answer.metrics)}
        return Outcome(
            status="infeasible",
            metrics=finite,
            reason=answer.reason,
            seconds=time.perf_counter() - start,
            notes=answer.notes,
        )
    except (Exception, SystemExit) as error:
        _keep_traceback(task)
        reason = f"{type(error).__name__}: {error}"
        return Outcome(status="failed", reason=reason, seconds=time.perf_counter() - start)
    seconds = time.perf_counter() - start
    broken = non_finite(result.metrics)
    if broken:
        values = ", ".join(f"{name} = {result.metrics[name].value}" for name in broken)
        return Outcome(status="failed", reason=f"not a finite number: {values}", seconds=seconds)
    return Outcome(
        status="completed",
        metrics=result.metrics,
        seconds=seconds,
        artifacts=result.artifacts,
        notes=result.notes,
    )


def _keep_traceback(task: Task) -> None:
    if task.context.directory:
        (task.context.directory / "error.txt").write_text(traceback.format_exc())
