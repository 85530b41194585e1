"""Locks on files, released by the operating system when their holder dies."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from designloop.errors import TrackingError


@contextmanager
def holding(path: Path, *, wait: float, what: str) -> Iterator[None]:
    """Hold the lock on ``path``, waiting up to ``wait`` seconds; raises TrackingError after that."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        deadline = time.monotonic() + wait
        while not _take(file.fileno()):
            if time.monotonic() >= deadline:
                raise TrackingError(
                    f"{path}: {what} is busy in another process. It ends by itself; try again in a moment."
                )
            time.sleep(0.05)
        yield


def is_held(path: Path) -> bool:
    """True where another process holds the lock on ``path`` now."""
    try:
        with path.open("rb") as file:
            return not _take(file.fileno(), fcntl.LOCK_SH)
    except OSError:
        return False


def _take(file: int, kind: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
