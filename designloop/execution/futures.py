"""Evaluations in a pool that the user brings: any ``concurrent.futures.Executor``."""

from __future__ import annotations

import pickle
import queue
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, Future
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from designloop.execution.attempt import attempt, read, write
from designloop.execution.base import Ended, Evaluate, Outcome, Task


class Parcel:
    """An oracle on its way: a pool of threads gets it as it is, another process loads it when first asked.

    A process keeps what it has loaded, so that the oracle's own memory stays warm.
    """

    def __init__(self, oracle: Evaluate | None = None, *, content: bytes | None = None) -> None:
        self._oracle, self._content = oracle, content

    def oracle(self) -> Evaluate:
        """The oracle, loaded where it has to be."""
        if self._oracle is not None:
            return self._oracle
        return _loaded(self._content or b"")

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by value what lies in no installed module; once for all attempts."""
        if self._content is None:
            import cloudpickle

            self._content = cloudpickle.dumps(self._oracle)
        return (_received, (self._content,))


def _received(content: bytes) -> Parcel:
    return Parcel(content=content)


@lru_cache(maxsize=2)
def _loaded(content: bytes) -> Evaluate:
    import cloudpickle

    oracle: Evaluate = cloudpickle.loads(content)
    return oracle


def evaluated(parcel: Parcel, task: Task, path: Path) -> Outcome:
    """One attempt in the pool, its outcome written to ``path`` where that folder is in reach."""
    try:
        oracle = parcel.oracle()
    except Exception as error:
        reason = f"the oracle cannot be loaded in the pool: {type(error).__name__}: {error}"
        return Outcome(status="failed", cause="error", reason=reason)
    try:
        outcome = attempt(oracle, task)
        with suppress(OSError):
            write(outcome, path)
    except Exception as error:
        reason = f"the oracle's answer is none: {type(error).__name__}: {error}"
        return Outcome(status="failed", cause="invalid", reason=reason)
    return outcome


class Futures:
    """Runs up to ``slots`` attempts at once in ``pool``, which stays the caller's and is not shut down here.

    A pool can neither stop what it runs nor be asked about it later. So there are no limits of time and
    memory, what the oracle prints goes where the pool's output goes, and after a crash only attempts that had
    ended are found again. In a pool of threads the oracle is one object for all. ``folder`` takes the
    outcomes and exists.
    """

    kind = "future"

    def __init__(self, oracle: Evaluate, *, folder: Path, pool: Executor, slots: int) -> None:
        self.slots = slots
        self._parcel, self._folder, self._pool = Parcel(oracle), folder.absolute(), pool
        self._running: set[str] = set()
        self._done: queue.SimpleQueue[tuple[Task, Outcome]] = queue.SimpleQueue()

    def handle(self, task: Task) -> dict[str, Any]:
        """Where its outcome will be."""
        return {"kind": self.kind, "outcome": str(self._path(task))}

    def start(self, task: Task) -> None:
        """Submit it; a pool that takes nothing any more has lost it."""
        self._running.add(task.key)
        try:
            future = self._pool.submit(evaluated, self._parcel, task, self._path(task))
        except RuntimeError as error:  # a broken pool, or one that was shut down
            self._done.put((task, _lost(error)))
            return
        future.add_done_callback(lambda future: self._done.put((task, _outcome(future))))

    def adopt(self, task: Task, handle: Mapping[str, Any]) -> bool:  # noqa: ARG002 - the contract's signature
        """Whether it had ended: its outcome waits in the file. Nothing else can be found again."""
        outcome = read(self._path(task))
        if outcome is None:
            return False
        self._running.add(task.key)
        self._done.put((task, outcome))
        return True

    def ended(self, timeout: float | None) -> Sequence[Ended]:
        """What has ended, as soon as something has. Without attempts and limit: nothing."""
        end = None if timeout is None else time.monotonic() + timeout
        found: list[Ended] = []
        while not found and (self._running or end is not None):
            left = None if end is None else max(0.0, end - time.monotonic())
            try:
                found.append(self._done.get(timeout=left))
            except queue.Empty:
                break
        while not self._done.empty():
            found.append(self._done.get())
        self._running -= {task.key for task, _ in found}
        return found

    def close(self) -> None:
        """Let go. The pool stays open."""
        self._running.clear()

    def _path(self, task: Task) -> Path:
        return self._folder / f"{task.key}.json"


def _outcome(future: Future[Outcome]) -> Outcome:
    """The outcome of a future that is done: whatever it raises comes from the pool."""
    try:
        return future.result()
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        reason = f"the attempt cannot be sent to the pool: {type(error).__name__}: {error}"
        return Outcome(status="failed", cause="error", reason=reason)
    except Exception as error:
        return _lost(error)
    except BaseException as error:
        return Outcome(status="failed", cause="error", reason=f"{type(error).__name__}: {error}")


def _lost(error: BaseException) -> Outcome:
    reason = f"the pool lost the attempt: {type(error).__name__}: {error}".rstrip(": ")
    return Outcome(status="failed", cause="lost", reason=reason)
