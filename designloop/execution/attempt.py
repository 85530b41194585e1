"""One attempt with every way that it can end, and its outcome as JSON that a later process can read."""

from __future__ import annotations

import json
import os
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from designloop.errors import OracleError
from designloop.execution.base import Evaluate, Outcome, Task
from designloop.oracle import Cause, Failed, Infeasible, Observation, Result, non_finite

FOLDER = "attempts"
"""Folder of a run in which outcomes wait for the journal, out of the oracle's reach."""


def attempt(oracle: Evaluate, task: Task) -> Outcome:
    """Ask the oracle; whatever it raises is an outcome. A traceback goes to ``error.txt`` of the trial."""
    start = time.perf_counter()
    try:
        result = oracle.evaluate(task.design, task.context)
        if not isinstance(result, Result):
            raise OracleError(f"the oracle answered {result!r:.80}, not a Result.")
    except Infeasible as answer:
        finite = {n: o for n, o in answer.metrics.items() if n not in non_finite(answer.metrics)}
        return Outcome(
            status="infeasible",
            metrics=finite,
            reason=answer.reason,
            seconds=time.perf_counter() - start,
            notes=answer.notes,
        )
    except Failed as failure:
        finite = {n: o for n, o in failure.metrics.items() if n not in non_finite(failure.metrics)}
        return Outcome(
            status="failed",
            cause=failure.cause,
            metrics=finite,
            reason=failure.reason,
            seconds=time.perf_counter() - start,
            notes=failure.notes,
            retry_after=failure.retry_after,
        )
    except (Exception, SystemExit) as error:
        _keep_traceback(task)
        return Outcome(
            status="failed",
            cause=_cause(error),
            reason=f"{type(error).__name__}: {error}".rstrip(": "),
            seconds=time.perf_counter() - start,
        )
    return _answered(result, time.perf_counter() - start)


def _cause(error: BaseException) -> Cause:
    if isinstance(error, MemoryError):
        return "memory"
    return "invalid" if isinstance(error, OracleError) else "error"


def _answered(result: Result, seconds: float) -> Outcome:
    broken = non_finite(result.metrics)
    if broken:
        values = ", ".join(f"{name} = {result.metrics[name].value}" for name in broken)
        finite = {n: o for n, o in result.metrics.items() if n not in broken}
        return Outcome(
            status="failed",
            cause="partial" if finite else "invalid",
            metrics=finite,
            reason=f"not a finite number: {values}",
            seconds=seconds,
        )
    return Outcome(
        status="completed",
        metrics=result.metrics,
        seconds=seconds,
        artifacts=result.artifacts,
        notes=result.notes,
    )


def _keep_traceback(task: Task) -> None:
    if task.context.directory:
        text = traceback.format_exc().encode("utf-8", "backslashreplace")
        (task.context.directory / "error.txt").write_bytes(text)


def to_json(outcome: Outcome) -> dict[str, Any]:
    """The outcome as JSON. Raises ValueError or TypeError for notes that are none."""
    content = {
        **vars(outcome),
        "metrics": {
            name: {k: v for k, v in vars(o).items() if v is not None} for name, o in outcome.metrics.items()
        },
        "artifacts": {name: str(path) for name, path in outcome.artifacts.items()},
    }
    json.dumps(content, allow_nan=False)
    return content


def from_json(content: Mapping[str, Any]) -> Outcome:
    """The outcome that ``to_json`` wrote."""
    return Outcome(
        **{
            **content,
            "metrics": {name: Observation(**o) for name, o in content["metrics"].items()},
            "artifacts": {name: Path(path) for name, path in content["artifacts"].items()},
        }
    )


def write(outcome: Outcome, path: Path) -> None:
    """Make an outcome durable under ``path``: whole or not there at all."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    with fresh.open("w", encoding="utf-8") as file:
        json.dump(to_json(outcome), file, allow_nan=False)
        file.flush()
        os.fsync(file.fileno())
    os.replace(fresh, path)


def read(path: Path) -> Outcome | None:
    """The outcome under ``path``, or None where there is none yet."""
    try:
        return from_json(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
