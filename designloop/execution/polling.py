"""Waiting for engines that cannot call back: looks that grow rarer while nothing has ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from designloop.execution.base import Ended

_SLOWER = 1.5
"""Each pause is so many times as long as the one before."""


def ended(
    collect: Callable[[], Sequence[Ended]],
    timeout: float | None,
    *,
    is_idle: Callable[[], bool],
    pause: float,
    longest: float,
) -> Sequence[Ended]:
    """What ``collect`` brings, as soon as it brings something, as ``Executor.ended`` has to.

    Pauses between looks grow from ``pause`` to ``longest`` seconds; without a ``timeout`` it ends where
    ``is_idle``, because then nothing can come.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    while True:
        done = collect()
        left = 1.0 if deadline is None else deadline - time.monotonic()
        if done or left <= 0 or (deadline is None and is_idle()):
            return done
        time.sleep(min(pause, left))
        pause = min(_SLOWER * pause, longest)
