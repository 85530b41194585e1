"""The executor that a campaign asks for; engines are imported only where they are used."""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict

from designloop.campaign.execution import Execution
from designloop.errors import ExecutionError
from designloop.execution.attempt import FOLDER
from designloop.execution.base import Evaluate, Executor
from designloop.execution.inprocess import InProcess


class _Limits(TypedDict):
    time_limit: float | None
    memory_limit: int | None


def executor_of(execution: Execution, oracle: Evaluate, *, run: Path) -> Executor:
    """An executor that asks ``oracle`` for the run in the directory ``run``. Raises ExecutionError."""
    if execution.engine == "manual":
        raise ExecutionError("people run the trials of this campaign: see designloop.people.session.")
    if execution.engine == "in_process":
        return InProcess(oracle)
    folder = run / FOLDER
    folder.mkdir(exist_ok=True)
    limits = _Limits(time_limit=execution.time_limit, memory_limit=execution.memory_limit)
    if execution.engine == "processes":
        from designloop.execution.processes import Processes

        return Processes(
            oracle, folder=folder, workers=execution.workers, threads=execution.threads, **limits
        )
    if execution.engine == "slurm":
        from designloop.execution.slurm import OnSlurm

        return OnSlurm(
            oracle, folder=folder, workers=execution.workers, queue=execution.queue,
            threads=execution.threads, name=run.name, **limits,
        )  # fmt: skip
    from designloop.execution.dask import OnDask

    return OnDask(
        oracle, folder=folder, workers=execution.workers, address=execution.address,
        cluster=execution.cluster, resources=execution.resources, threads=execution.threads,
        name=run.name, **limits,
    )  # fmt: skip
