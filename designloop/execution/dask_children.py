"""Child processes of a Dask worker that have loaded an oracle, kept for the next attempt of their campaign.

The scheduler knows which campaigns are connected. An idle child whose campaign is not, because that has ended
or was killed, ends within seconds; one at work goes on to the end of its attempt first.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock, Thread
from typing import Any

from designloop.execution.processes import Processes

Kind = tuple[Any, ...]
"""The name of the run, then whatever tells one of its children from another."""
_LOOK = 1.0
"""Seconds between two looks whether the campaigns of idle children are connected."""


def client_name(run: str) -> str:
    """What the client of a run's campaign is called."""
    return f"designloop {run}"


class Children:
    """The idle ones of this Dask worker, and a thread that looks after them while there are any."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._idle: dict[Kind, list[Processes]] = {}
        self._is_watched = False

    @contextmanager
    def one(self, kind: Kind, *, make: Callable[[], Processes], client: Any) -> Iterator[Processes]:
        """A child for one attempt, killed where that ends by an exception; ``client`` is of this worker."""
        child = self._taken(kind) or make()
        try:
            yield child
        except BaseException:
            child.close(kill=True)
            raise
        self._keep(kind, child, client)

    def dismiss(self, run: str) -> None:
        """End the idle ones of a run."""
        with self._lock:
            kinds = [kind for kind in self._idle if kind[0] == run]
            going = [child for kind in kinds for child in self._idle.pop(kind)]
        for child in going:
            child.close()

    def _taken(self, kind: Kind) -> Processes | None:
        with self._lock:
            idle = self._idle.get(kind)
            return idle.pop() if idle else None

    def _keep(self, kind: Kind, child: Processes, client: Any) -> None:
        with self._lock:
            self._idle.setdefault(kind, []).append(child)
            if not self._is_watched:
                self._is_watched = True
                Thread(target=self._watch, args=[client], daemon=True).start()

    def _watch(self, client: Any) -> None:
        while runs := self._runs():
            for run in runs - _connected(client, runs):
                self.dismiss(run)
            time.sleep(_LOOK)

    def _runs(self) -> set[str]:
        """Names of the runs with idle children; who sees that there are none watches no more."""
        with self._lock:
            found = {kind[0] for kind, idle in self._idle.items() if idle}
            self._is_watched = bool(found)
            return found


CHILDREN = Children()
"""Those of this process."""


def _connected(client: Any, runs: set[str]) -> set[str]:
    """Those of ``runs`` whose campaign has a client at the scheduler; all where it cannot be asked now."""
    try:
        names = client.run_on_scheduler(_clients)
    except Exception:  # the thread outlives whatever befalls a question
        return runs
    return {run for run in runs if any(f"-{client_name(run)}-" in name for name in names)}


def _clients(dask_scheduler: Any) -> list[str]:
    return list(dask_scheduler.clients)
