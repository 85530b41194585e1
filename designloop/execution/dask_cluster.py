"""Dask schedulers: one that runs already, one embedded here, or one whose workers a queue starts."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from designloop.errors import ExecutionError

_TALKERS = ("distributed", "distributed.client", "distributed.core", "distributed.scheduler", "tornado")
"""What they log of a broken connection is told by outcomes."""
# A worker's death ends the attempts that it had: the campaign decides whether to try again.
_ONCE = {"distributed.scheduler.allowed-failures": 0}
# A laptop that slept finds all its workers silent for hours, and none of them dead.
_HERE = {**_ONCE, "distributed.scheduler.worker-ttl": None}


def connect(address: str, *, name: str, timeout: float) -> Any:
    """A client ``name`` of the scheduler at ``address``. Raises ExecutionError after ``timeout`` seconds."""
    from distributed import Client

    for talker in _TALKERS:
        logging.getLogger(talker).setLevel(logging.CRITICAL)
    try:
        return Client(address, timeout=timeout, set_as_default=False, name=name)
    except (OSError, ValueError, TimeoutError) as error:
        detail = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ExecutionError(
            f"execution.address: no Dask scheduler answers at {address} ({detail}). Start one with "
            "'dask scheduler' and write the address that it prints, or leave address out."
        ) from None


def embedded(*, workers: int, resources: Mapping[str, float]) -> Any:
    """A scheduler in this process and ``workers`` processes of one thread, on the loopback interface only."""
    import dask
    from distributed import LocalCluster

    with dask.config.set(_HERE):
        return LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            # The attempts run in children of the workers, with a limit of their own.
            memory_limit=0,
            resources=dict(resources),
            silence_logs=logging.CRITICAL,
        )


def queued(settings: Mapping[str, Any], *, workers: int, logs: Path) -> Any:
    """A cluster of dask-jobqueue: ``class``, and the settings that it takes; asks for ``workers`` workers.

    ``logs``: where the workers' own output goes, unless the settings say ``log_directory``.

    Raises ExecutionError where dask-jobqueue is missing, and for settings that the class does not take.
    """
    import dask

    name = settings["class"]
    options = {key: list(v) if isinstance(v, tuple) else v for key, v in settings.items() if key != "class"}
    options.setdefault("log_directory", str(logs))
    try:
        import dask_jobqueue
    except ImportError:
        raise ExecutionError(
            "execution.cluster needs dask-jobqueue. Install it: pip install dask-jobqueue."
        ) from None
    with dask.config.set(_ONCE):
        try:
            cluster = getattr(dask_jobqueue, name)(**options)
        except (TypeError, ValueError) as error:
            raise ExecutionError(
                f"execution.cluster: {name} does not take these settings: {error}."
            ) from None
        cluster.scale(n=workers)
    return cluster
