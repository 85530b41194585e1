"""Virtual campaigns in several processes, one BLAS thread each; what is finished is never computed again."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import lru_cache
from multiprocessing import active_children, connection, get_context, parent_process
from pathlib import Path
from typing import Any

from designloop.compare import store
from designloop.compare.contenders import Contender
from designloop.compare.setup import Setup
from designloop.compare.source import Source
from designloop.compare.virtual import repeat_seed, run, source_of
from designloop.errors import RunError
from designloop.execution.launched import THREADS

Job = tuple[Contender, int]
Told = Callable[[dict[str, Any], int], None]


def complete(folder: Path, setup: Setup, jobs: Sequence[Job], *, seed: int, workers: int, told: Told) -> None:
    """Run what is missing; ``told`` hears each finished row and how many are left.

    Raises RunError where a strategy breaks; rows that were finished before it stay.
    """
    done = store.finished(folder)
    left = [(c, r) for c, r in jobs if (c.label, r) not in done]
    for count, row in enumerate(_rows(folder, setup, left, seed=seed, workers=workers), start=1):
        store.append(folder, row)
        told(row, len(left) - count)


def _rows(
    folder: Path, setup: Setup, jobs: Sequence[Job], *, seed: int, workers: int
) -> Iterator[dict[str, Any]]:
    if workers < 2 or len(jobs) < 2:
        for contender, repeat in jobs:
            yield _one(setup, str(folder), contender, repeat, seed)
        return
    with _single_threads(), _pool(min(workers, len(jobs))) as pool:
        waiting = [pool.submit(_one, setup, str(folder), c, r, seed) for c, r in jobs]
        for future in as_completed(waiting):
            yield future.result()


@contextmanager
def _pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Fresh processes; after an error or Ctrl-C none is left. Raises RunError where one dies."""
    others = active_children()
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_begin)
    try:
        yield pool
    except BaseException as error:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in active_children():
            if process not in others:
                process.terminate()
        if isinstance(error, BrokenProcessPool):
            raise RunError(
                "a process of the comparison died, perhaps for want of memory. What is finished is safe: "
                "call again with --workers 1."
            ) from None
        raise
    pool.shutdown()


@contextmanager
def _single_threads() -> Iterator[None]:
    """Children read these when they import NumPy and torch."""
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _begin() -> None:
    """Leave Ctrl-C to the parent, and end with it: a killed comparison leaves no process behind."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()
    if parent is not None:
        watch = threading.Thread(target=_watch, args=(parent.sentinel,), daemon=True)
        watch.start()


def _watch(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)


@lru_cache(maxsize=2)
def _source(setup: Setup, folder: str) -> Source:
    return source_of(setup, store.kept_reference(Path(folder)))


def _one(setup: Setup, folder: str, contender: Contender, repeat: int, seed: int) -> dict[str, Any]:
    source = _source(setup, folder)
    return run(source, setup, contender, repeat=repeat, seed=repeat_seed(seed, repeat))
