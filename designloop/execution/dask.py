"""Attempts on the workers of a Dask scheduler.

Each attempt is one Dask task, named after run, trial and attempt, which Dask itself never repeats with effect
(see ``dask_worker``). It runs in a child process of the worker, so that limits hold and a crash of the oracle
kills no worker. Where the run's folder is on a file system that the workers share, outcomes become files
there, and artifacts stay where the oracle wrote them. Where it is not, outcomes (metrics, notes, reasons)
come back through the scheduler, which keeps them until the campaign has them; artifacts and printed output do
not.

When the campaign's process dies, a scheduler of its own (embedded, or of dask-jobqueue) dies with it and its
attempts are lost. A scheduler elsewhere keeps the tasks, each held by a variable, and their outcomes for the
next process. When such a scheduler restarts, or is away for more than a minute, its tasks are lost.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import hashlib
import json
import math
import pickle
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from designloop.errors import ExecutionError
from designloop.execution import dask_cluster, dask_worker, polling
from designloop.execution.attempt import from_json, read, write
from designloop.execution.base import Ended, Evaluate, Outcome, Task
from designloop.execution.dask_children import client_name
from designloop.execution.dask_worker import Order, lost
from designloop.execution.job import packed
from designloop.oracle import Cause

_PATIENCE = 60.0
"""Seconds without a scheduler after which its attempts are lost."""
_ANSWER_WITHIN = 10.0
"""Seconds for a scheduler to be found, or to answer."""
_AUDIT = 5.0
"""Seconds between two questions whether the scheduler still knows the attempts."""
_COUNT = 1.0
"""Seconds for which the number of slots is taken as known."""
_AWAY = (OSError, TimeoutError, RuntimeError, asyncio.CancelledError, concurrent.futures.CancelledError)
"""What a question to a scheduler raises that has just gone."""


class _Attempt(NamedTuple):
    """One on its way: its task at the scheduler, unless that was away, and when it was handed over."""

    task: Task
    future: Any
    begun: float
    """Seconds since the epoch."""


class OnDask:
    """Runs attempts on ``address``, on a ``cluster`` of dask-jobqueue, or on an embedded one of ``workers``.

    ``name`` is the run's, unique; ``resources`` are what each attempt takes of its worker; ``time_limit`` in
    seconds, ``memory_limit`` in bytes, of one attempt. Raises ExecutionError where no scheduler answers.
    """

    kind = "dask"

    def __init__(
        self,
        oracle: Evaluate,
        *,
        folder: Path,
        workers: int,
        name: str,
        address: str | None = None,
        cluster: Mapping[str, Any] | None = None,
        resources: Mapping[str, float] | None = None,
        threads: int = 1,
        time_limit: float | None = None,
        memory_limit: int | None = None,
    ) -> None:
        self._workers, self._name, self._folder = workers, name, folder.absolute()
        self._resources = dict(resources or {})
        self._content = packed(oracle)
        self._order = Order(
            run=name,
            oracle=f"oracle {hashlib.sha256(self._content).hexdigest()}",
            folder=self._folder,
            mark=_mark(folder),
            threads=threads,
            time_limit=time_limit,
            memory_limit=memory_limit,
        )
        self._cluster = self._started(address, cluster)
        self._address = address or str(self._cluster.scheduler_address)
        self._client = self._connected(timeout=_ANSWER_WITHIN)
        self._is_sent = False
        self._watched: dict[str, _Attempt] = {}
        self._away_since: float | None = None
        self._next_audit = self._next_try = self._counted = 0.0
        self._room = 0

    def _started(self, address: str | None, cluster: Mapping[str, Any] | None) -> Any:
        if address:
            return None
        if cluster:
            return dask_cluster.queued(cluster, workers=self._workers, logs=self._folder)
        return dask_cluster.embedded(workers=self._workers, resources=self._resources)

    def _connected(self, *, timeout: float) -> Any:
        return dask_cluster.connect(self._address, name=client_name(self._name), timeout=timeout)

    @property
    def slots(self) -> int:
        """Threads of the workers that are there and have the resources, at most ``workers``; perhaps none."""
        if time.monotonic() - self._counted > _COUNT:
            found = self._ask(lambda client: client.scheduler_info(n_workers=-1)["workers"]) or {}
            self._room = sum(_room(worker, self._resources) for worker in found.values())
            self._counted = time.monotonic()
        return min(self._workers, self._room)

    def handle(self, task: Task) -> dict[str, Any]:
        """The scheduler's address, the name of the task there, and the time."""
        return {
            "kind": self.kind, "key": self._key(task), "address": self._address,
            "begun": round(time.time(), 2),
        }  # fmt: skip

    def start(self, task: Task) -> None:
        """Submit the task, held at the scheduler, so that it stays there when this process goes."""
        self._watched[task.key] = _Attempt(task, self._ask(partial(self._submitted, task)), time.time())

    def adopt(self, task: Task, handle: Mapping[str, Any]) -> bool:
        """Whether its outcome is there, or the scheduler knows the task, or cannot be asked now."""
        is_unknown = self._standing([task]).get(task.key, "not asked") is None
        if is_unknown and self._known_outcome(task) is None:
            return False
        self._next_audit = 0.0
        future = self._ask(partial(self._held, task))
        self._watched[task.key] = _Attempt(task, future, handle.get("begun", time.time()))
        return True

    def ended(self, timeout: float | None) -> Sequence[Ended]:
        """Outcomes, and verdicts on attempts that the scheduler no longer knows."""
        return polling.ended(
            self._collect, timeout, is_idle=lambda: not self._watched, pause=0.002, longest=0.1
        )

    def close(self) -> None:
        """Let go; what runs goes on, unless the scheduler is one of this process."""
        self._ask(lambda client: client.run(dask_worker.dismiss, self._name, on_error="ignore"))
        if not self._watched:
            self._ask(lambda client: dask_worker.clear(client, run=self._name))
        self._watched.clear()
        with suppress(*_AWAY):
            self._client.close(timeout=_ANSWER_WITHIN)
        if self._cluster is not None:
            with suppress(*_AWAY):
                self._cluster.close(timeout=_ANSWER_WITHIN)

    def _key(self, task: Task) -> str:
        return f"{self._name}:{task.key}"

    def _file(self, task: Task) -> Path:
        return self._folder / f"{task.key}.json"

    def _ask(self, question: Callable[[Any], Any]) -> Any:
        """The answer of the scheduler; None while it is away."""
        if self._client.status != "running":
            return None
        try:
            return question(self._client)
        except _AWAY:
            return None

    def _submitted(self, task: Task, client: Any) -> Any:
        from distributed import Variable

        if not self._is_sent:
            dask_worker.note(client, run=self._name, key=self._order.oracle, text=self._content)
            self._is_sent = True
        # Without dependencies, so that Dask takes an idle worker and not the one that has the oracle already.
        future = client.submit(
            dask_worker.evaluate,
            pickle.dumps((self._order, task)),
            key=self._key(task),
            pure=False,
            retries=0,
            priority=-task.trial,
            resources=self._resources or None,
        )
        # Unlike a published data set, a variable waits until the scheduler has taken the task in.
        Variable(self._key(task), client=client).set(future, timeout=_ANSWER_WITHIN)
        return future

    def _held(self, task: Task, client: Any) -> Any:
        from distributed import Variable

        return Variable(self._key(task), client=client).get(timeout=1.0)

    def _standing(self, tasks: Sequence[Task]) -> dict[str, str | None]:
        """What the scheduler does with tasks, by key: None for one that it does not know; {} while away."""
        keys = [self._key(task) for task in tasks]
        found = self._ask(lambda client: client.sync(client.scheduler.get_task_status, keys=keys))
        return {task.key: found[key] for task, key in zip(tasks, keys, strict=True)} if found else {}

    def _collect(self) -> list[Ended]:
        if not self._is_connected():
            return self._given_up()
        lost_ones = self._audit()
        found = [(known.task, self._outcome(known)) for known in list(self._watched.values())]
        ended = [(task, outcome) for task, outcome in found if outcome is not None]
        for task, outcome in ended:
            del self._watched[task.key]
            if not self._file(task).exists():
                write(outcome, self._file(task))
            self._ask(partial(self._forget, task))
        return [*ended, *lost_ones]

    def _outcome(self, attempt: _Attempt) -> Outcome | None:
        """How an attempt ended, where it did."""
        task, future, _ = attempt
        if future is not None and future.status == "finished":
            answer = self._ask(lambda _: future.result(timeout=_ANSWER_WITHIN))
            return self._timed(attempt, from_json(json.loads(answer))) if answer else None
        if future is not None and future.status == "error":
            return self._known_outcome(task) or self._timed(attempt, _failure(future))
        return None

    def _timed(self, attempt: _Attempt, outcome: Outcome) -> Outcome:
        """The outcome; where the attempt was lost, with the seconds that it may have run."""
        if outcome.cause != "lost" or outcome.seconds:
            return outcome
        away = time.monotonic() - self._away_since if self._away_since else 0.0
        seconds = self._processed(attempt.task) or time.time() - away - attempt.begun
        return replace(outcome, seconds=max(0.0, min(seconds, self._order.time_limit or math.inf)))

    def _processed(self, task: Task) -> float | None:
        """Seconds from the scheduler's giving a task to a worker to its losing that; None: it knows not."""
        story = self._ask(lambda client: client.story(self._key(task), on_error="ignore")) or ()
        steps = [step for step in story if step[0] == "scheduler"]
        given = next((step[-1] for step in steps if step[3] == "processing"), None)
        over = next((step[-1] for step in steps if step[2] == "processing"), None)
        return None if given is None or over is None else float(over - given)

    def _audit(self) -> list[Ended]:
        """Attempts that the scheduler has forgotten, as one does that restarted; finds others again."""
        if not self._watched or time.monotonic() < self._next_audit:
            return []
        self._next_audit = time.monotonic() + _AUDIT
        standing, ended = self._standing([known.task for known in self._watched.values()]), []
        for key in standing:
            attempt = self._watched[key]
            task, future, _ = attempt
            if standing[key] is None:
                reason = f"the Dask scheduler at {self._address} restarted, or was told to forget it"
                ended.append((task, self._known_outcome(task) or self._timed(attempt, lost(reason))))
                del self._watched[key]
            elif future is None or future.status in ("cancelled", "lost"):
                self._watched[key] = attempt._replace(future=self._ask(partial(self._held, task)))
        return ended

    def _is_connected(self) -> bool:
        """Whether the scheduler is there; looks for it again where it is not."""
        if self._client.status == "running":
            self._away_since = None
            return True
        now = time.monotonic()
        if self._away_since is None:
            self._away_since, self._next_audit, self._is_sent = now, 0.0, False
        if self._client.status == "closed" and now >= self._next_try:
            with suppress(ExecutionError):
                self._client = self._connected(timeout=1.0)
            self._next_try = time.monotonic() + _AUDIT
        return False

    def _given_up(self) -> list[Ended]:
        """Those with an outcome in the folder; all others too, once the scheduler has been away for long."""
        there = [(known, read(self._file(known.task))) for known in self._watched.values()]
        is_over = time.monotonic() - (self._away_since or time.monotonic()) > _PATIENCE
        gone = lost(f"no Dask scheduler answered at {self._address} for {_PATIENCE:.0f} s")
        ended = [(known.task, o or self._timed(known, gone)) for known, o in there if o or is_over]
        for task, _ in ended:
            del self._watched[task.key]
        return ended

    def _known_outcome(self, task: Task) -> Outcome | None:
        """From the folder, or from the scheduler."""
        if outcome := read(self._file(task)):
            return outcome
        known = self._ask(lambda client: dask_worker.noted(client, run=self._name, key=task.key))
        return None if not known or known.startswith(dask_worker.BEGAN) else from_json(json.loads(known))

    def _forget(self, task: Task, client: Any) -> None:
        """Let the scheduler forget the task and its outcome."""
        from distributed import Variable

        Variable(self._key(task), client=client).delete()
        dask_worker.note(client, run=self._name, key=task.key, text="")


def _mark(folder: Path) -> str:
    """A file by which a worker knows the folder, not only a path of the same name; one for a run."""
    found = next(folder.glob("shared-*"), None) or folder / f"shared-{secrets.token_hex(8)}"
    found.touch()
    return found.name


def _room(worker: Mapping[str, Any], resources: Mapping[str, float]) -> int:
    """How many attempts a Dask worker takes at once."""
    offered = worker.get("resources", {})
    return min(
        [int(worker["nthreads"]), *(int(offered.get(n, 0) // amount) for n, amount in resources.items())]
    )


def _failure(future: Any) -> Outcome:
    from distributed import KilledWorker

    error = future.exception(timeout=_ANSWER_WITHIN)
    if isinstance(error, KilledWorker):
        return lost(f"the Dask worker {error.last_worker.address} died while it evaluated")
    reason = f"the attempt failed on its Dask worker, outside the oracle: {type(error).__name__}: {error}"
    # What cannot be imported there will not be the next time either.
    cause: Cause = "error" if isinstance(error, ImportError) else "lost"
    return Outcome(status="failed", cause=cause, reason=reason)
