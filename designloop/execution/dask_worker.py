"""One attempt on a Dask worker, in a child process of it, and never twice.

What is known of an attempt stands in the scheduler's metadata: that it began, then its outcome. Dask runs a
task again when the worker that had it, or its result, is gone; the second run finds what is known, answers
with the outcome, or that the attempt was lost, and asks no oracle.
"""

from __future__ import annotations

import json
import os
import pickle
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from designloop.execution.attempt import from_json, read, to_json, write
from designloop.execution.base import Outcome, Task
from designloop.execution.dask_children import CHILDREN
from designloop.execution.processes import Processes
from designloop.execution.tied import Tied

BEGAN = "began"
_CHECK = 0.25
"""Seconds between two looks whether the Dask worker closes."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """What a worker is told beside the task and the oracle."""

    run: str
    """Its name."""
    oracle: str
    """Digest of the pickled oracle, which the scheduler's metadata hold under this name."""
    folder: Path
    mark: str
    """A file of ``folder``; a worker that sees it shares the folder with the campaign."""
    threads: int
    time_limit: float | None
    memory_limit: int | None


def dismiss(run: str) -> None:
    """End the idle child processes of a run."""
    CHILDREN.dismiss(run)


def note(client: Any, *, run: str, key: str, text: str | bytes) -> None:
    """Keep what is known of an attempt, or an oracle, at the scheduler."""
    client.set_metadata([f"designloop {run}", key], text)


def noted(client: Any, *, run: str, key: str) -> Any:
    """What is known of an attempt: nothing, that it began and where, or its outcome as JSON."""
    return client.get_metadata([f"designloop {run}", key], default="")


def clear(client: Any, *, run: str) -> None:
    """Forget everything of a run."""
    client.set_metadata([f"designloop {run}"], {})


def evaluate(order_and_task: bytes) -> str:
    """The outcome of one attempt as JSON, also kept at the scheduler and in the shared folder."""
    from distributed import get_client, get_worker

    order, task = pickle.loads(order_and_task)
    client = get_client()
    shared = (order.folder / order.mark).exists()
    known = _earlier(order, task, noted(client, run=order.run, key=task.key), shared=shared)
    if known is None:
        note(client, run=order.run, key=task.key, text=f"{BEGAN} {get_worker().address}")
        known = _ask(order, task, shared=shared)
        if shared:
            write(known, order.folder / f"{task.key}.json")
    answer = json.dumps(to_json(known))
    note(client, run=order.run, key=task.key, text=answer)
    return answer


def _earlier(order: Order, task: Task, known: str, *, shared: bool) -> Outcome | None:
    if shared and (outcome := read(order.folder / f"{task.key}.json")):
        return outcome
    if known.startswith(BEGAN):
        return lost(f"the Dask worker {known.removeprefix(BEGAN).strip()} died while it evaluated")
    return from_json(json.loads(known)) if known else None


def lost(reason: str) -> Outcome:
    """A failure that is not the oracle's."""
    return Outcome(status="failed", cause="lost", reason=reason)


class _Ended(Exception):  # noqa: N818 - nobody waits for the answer any more
    """The Dask worker closes, or its scheduler has forgotten the run."""


def _ask(order: Order, task: Task, *, shared: bool) -> Outcome:
    from distributed import Status, get_client, get_worker

    worker = get_worker()
    kind = (order.run, order.oracle, order.threads, order.time_limit, order.memory_limit)
    with (
        CHILDREN.one(kind, make=partial(_child, order), client=get_client()) as executor,
        _room(task, shared=shared) as placed,
    ):
        executor.handle(placed)
        executor.start(placed)
        while not (done := executor.ended(_CHECK)):
            # A worker that lost its scheduler would wait for this thread, and the next attempt for its slot.
            if worker.status in (Status.closing, Status.closed, Status.failed):
                raise _Ended
    outcome = done[0][1]
    return outcome if shared else replace(outcome, artifacts={})


@contextmanager
def _room(task: Task, *, shared: bool) -> Iterator[Task]:
    """The task with folders that exist here."""
    if shared or task.context.directory is None:
        yield task
        return
    with tempfile.TemporaryDirectory(prefix="designloop-") as directory:
        yield replace(task, context=replace(task.context, directory=Path(directory), answers=None))


def _child(order: Order) -> Processes:
    """A child process that is about to load the oracle."""
    import psutil
    from distributed import get_client, get_worker

    content = noted(get_client(), run=order.run, key=order.oracle)
    if not content:
        raise _Ended(f"the scheduler no longer has the oracle {order.oracle}")
    # Not the run's folder: should this worker die, nothing that its child still writes may count.
    folder = Path(tempfile.mkdtemp(prefix="designloop-", dir=get_worker().local_directory))
    me = psutil.Process(os.getpid())
    return Processes(
        Tied(content, pid=me.pid, started=me.create_time()),
        folder=folder,
        workers=1,
        threads=order.threads,
        time_limit=order.time_limit,
        memory_limit=order.memory_limit,
    )
