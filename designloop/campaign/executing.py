"""``execution``: how trials are run in plain numbers, and what contradicts itself refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from designloop.campaign.amounts import Size, seconds
from designloop.campaign.execution import DEFAULTS, Engine, Execution, Reaction, Window
from designloop.campaign.execution_parts import ExecutionSpec, QueueSpec
from designloop.campaign.failure_parts import FailuresSpec, ReactionSpec
from designloop.campaign.schema import CampaignFile
from designloop.oracle import Cause
from designloop.reading.problems import Problems
from designloop.reading.values import Measure

BACKOFF = 10.0
"""Seconds before the first repetition, where the file does not say."""
_AHEAD = 2
"""Designs in stock for each worker, where the file says nothing of staleness."""

_ONLY: Mapping[str, tuple[tuple[Engine, ...], str]] = {
    "queue": (("slurm",), "Write engine: slurm, or for dask put its settings under cluster."),
    "address": (("dask",), "Add engine: dask."),
    "cluster": (("dask",), "Add engine: dask, or put options of a Slurm job under queue."),
    "resources": (("dask",), "Add engine: dask."),
    "threads": (("processes", "dask", "slurm"), "Write engine: processes."),
    "time_limit": (("processes", "dask", "slurm"), "Write engine: processes, where an attempt can be ended."),
    "memory_limit": (
        ("processes", "dask", "slurm"),
        "Write engine: processes, where an attempt can be ended.",
    ),
    "workers": (("processes", "dask", "slurm"), "Write engine: processes, where several run at a time."),
    "licences": (("in_process", "processes", "dask", "slurm"), "Leave it out."),
    "hours": (("in_process", "processes", "dask", "slurm"), "Leave it out."),
    "staleness": (
        ("processes", "dask", "slurm"),
        "Write engine: processes, where designs are chosen while others run.",
    ),
}
"""Keys that some engines only have a use for, and what to write instead under another."""


def resolve_execution(file: CampaignFile, problems: Problems, *, taken: Mapping[str, int]) -> Execution:
    """How trials are run, noting every error; ``taken``: tokens of licences that the oracle takes."""
    spec = file.execution
    engine = engine_of(spec)
    _refuse_useless(spec, engine, problems)
    _refuse_contradictions(spec, engine, problems)
    many = spec.workers > 1
    return Execution(
        engine=engine,
        workers=spec.workers,
        threads=spec.threads,
        time_limit=_seconds(spec.time_limit, ("time_limit",), problems, example="90 min"),
        memory_limit=spec.memory_limit.bytes if spec.memory_limit else None,
        staleness=spec.staleness if spec.staleness is not None else _AHEAD * spec.workers * many,
        failures=_reactions(spec.failures, problems),
        failure_limit=spec.failure_limit,
        equal_failures=spec.equal_failures,
        licences={name: written.tokens for name, written in spec.licences.items()},
        tokens=_tokens(spec, taken, problems),
        hours=merged(tuple(w for written in spec.hours or () for w in written.windows)),
        queue=_queue(spec.queue),
        address=spec.address,
        cluster={name: _plain(value) for name, value in spec.cluster.items()},
        resources=dict(spec.resources),
    )


def _tokens(spec: ExecutionSpec, taken: Mapping[str, int], problems: Problems) -> dict[str, int]:
    """Tokens that every attempt takes: as the file says, else as the oracle does, else one of each."""
    found = dict(taken)
    for name, written in spec.licences.items():
        found[name] = written.each or taken.get(name, 1)
        if found[name] > written.tokens:
            problems.add(
                ("execution", "licences", name),
                f"every attempt takes {found[name]} tokens of {name}, and the run may hold {written.tokens}.",
                f"Write {name}: {found[name]} or more, or {{tokens: {written.tokens}, each: 1}}.",
            )
    return found


def engine_of(spec: ExecutionSpec) -> Engine:
    """The engine as written, else the simplest that can do what the file asks for."""
    if spec.engine is not None:
        return spec.engine
    apart = spec.workers > 1 or spec.threads > 1 or spec.time_limit or spec.memory_limit
    return "processes" if apart else "in_process"


def merged(windows: tuple[Window, ...]) -> tuple[Window, ...]:
    """Windows in the order of the week, those that touch as one."""
    found: list[Window] = []
    for w in sorted(windows, key=lambda w: (w.begin, w.end)):
        if found and w.begin <= found[-1].end:
            found[-1] = Window(begin=found[-1].begin, end=max(found[-1].end, w.end))
        else:
            found.append(w)
    return tuple(found)


def _refuse_useless(spec: ExecutionSpec, engine: Engine, problems: Problems) -> None:
    for key, (engines, instead) in _ONLY.items():
        written = getattr(spec, key)
        if written in (None, (), {}) or (key in ("workers", "threads") and written == 1):
            continue
        if engine not in engines:
            advice = instead if engine != "manual" else "Leave it out: people run the trials."
            problems.add(
                ("execution", key), f"{key} means nothing under engine {engine}.", advice, key=True
            )  # fmt: skip


def _refuse_contradictions(spec: ExecutionSpec, engine: Engine, problems: Problems) -> None:
    if spec.queue is not None and spec.queue.memory is not None and spec.memory_limit is not None:
        problems.add(
            ("execution", "queue", "memory"), "memory_limit says it already.",
            "Leave one of the two out.", key=True,
        )  # fmt: skip
    if engine != "dask":
        return
    if spec.address is not None and spec.cluster:
        problems.add(
            ("execution", "cluster"), "address and cluster exclude each other.",
            "Keep address for a scheduler that runs already, or cluster to start one.", key=True,
        )  # fmt: skip
    if spec.cluster and not isinstance(spec.cluster.get("class"), str):
        problems.add(
            ("execution", "cluster"), "the key class is missing below cluster.",
            "Write for example class: SLURMCluster.", key=True,
        )  # fmt: skip


def _seconds(
    written: Measure | None, path: tuple[str, ...], problems: Problems, *, example: str
) -> float | None:
    if written is not None:
        with problems.at(("execution", *path)):
            return seconds(written, path[-1], example=example)
    return None


def _reactions(spec: FailuresSpec, problems: Problems) -> dict[Cause, Reaction]:
    causes: tuple[Cause, ...] = get_args(Cause)
    found = dict(DEFAULTS)
    for cause in causes:
        written: ReactionSpec | None = getattr(spec, cause)
        if written is not None:
            wait = _seconds(written.wait, ("failures", cause, "wait"), problems, example="10 s")
            found[cause] = _reaction(written, DEFAULTS[cause].wait or BACKOFF if wait is None else wait)
    return found


def _reaction(written: ReactionSpec, wait: float) -> Reaction:
    if written.retry is None:
        return Reaction(do=written.then, then=written.then)
    return Reaction(do="retry", times=written.retry, wait=wait, then=written.then)


def _queue(written: QueueSpec | None) -> dict[str, Any]:
    """Options of a Slurm job, memory in bytes."""
    given = {name: getattr(written, name) for name in QueueSpec.model_fields} if written else {}
    found = {name: value for name, value in given.items() if value not in (None, ())}
    return {name: _plain(value) for name, value in found.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Size):
        return value.bytes
    return list(value) if isinstance(value, tuple) else value
