"""How trials are run, resolved: plain numbers in seconds and bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from designloop.oracle import Cause

Engine = Literal["in_process", "processes", "dask", "slurm", "manual"]
Do = Literal["abandon", "retry", "infeasible", "censor", "keep", "quarantine", "pause"]
"""What an attempt that failed means for its trial.

abandon: the trial failed, counts against the limits, and the strategy learns where; retry: the same design
again; infeasible: an answer, it counts against nothing; censor: a failure that counts against nothing and is
learned from; keep: what is good is data; quarantine: recorded and shown, never data and never learned from;
pause: the run waits for its user at once.
"""


@dataclass(frozen=True, kw_only=True)
class Reaction:
    """What is done about one cause of failure. ``times`` attempts more, then ``then``."""

    do: Do
    times: int | None = 0
    """None: without limit."""
    wait: float = 0.0
    """Seconds before the first repetition, then doubled up to an hour; the longest if ``times`` is None."""
    then: Do = "abandon"


DEFAULTS: Mapping[Cause, Reaction] = {
    "error": Reaction(do="abandon"),
    "crash": Reaction(do="abandon"),
    "timeout": Reaction(do="censor"),
    "memory": Reaction(do="abandon"),
    "invalid": Reaction(do="abandon"),
    "partial": Reaction(do="keep"),
    "guard": Reaction(do="quarantine"),
    "lost": Reaction(do="retry", times=3, wait=10.0),
    "wait": Reaction(do="retry", times=None, wait=600.0),
}
"""What is done where the campaign does not say."""


@dataclass(frozen=True, kw_only=True)
class Window:
    """Hours of the week in which attempts may begin: minutes since Monday 00:00, local time."""

    begin: int
    end: int
    """Beyond a week's 10,080 minutes where it ends after Sunday midnight."""


@dataclass(frozen=True, kw_only=True)
class Execution:
    """How trials are run."""

    engine: Engine = "in_process"
    workers: int = 1
    threads: int = 1
    """Threads of each worker's numerical libraries."""
    time_limit: float | None = None
    """Seconds of one attempt."""
    memory_limit: int | None = None
    """Bytes of one attempt, with all its processes."""
    staleness: int = 0
    """Outcomes that may arrive between the choice of a design and its start, at most; 0: none do."""
    failures: Mapping[Cause, Reaction] = field(default_factory=lambda: dict(DEFAULTS))
    """One for every cause."""
    failure_limit: int = 10
    equal_failures: int = 3
    """So many equal failures in a row pause a run."""
    licences: Mapping[str, int] = field(default_factory=dict)
    """Tokens that the run may hold at a time, by name."""
    tokens: Mapping[str, int] = field(default_factory=dict)
    """Tokens that every attempt takes, by name, also of licences without a limit."""
    hours: tuple[Window, ...] = ()
    """Empty: at any time."""
    queue: Mapping[str, Any] = field(default_factory=dict)
    """Slurm: partition, cpus, memory (bytes), account and other options of a job."""
    address: str | None = None
    """Dask: that of a running scheduler."""
    cluster: Mapping[str, Any] = field(default_factory=dict)
    """Dask: class and settings of a cluster to start, as dask-jobqueue takes them."""
    resources: Mapping[str, float] = field(default_factory=dict)
    """Dask: what an attempt takes of its worker, such as GPU: 1."""

    @property
    def licensed(self) -> Mapping[str, int]:
        """Attempts at a time for which the tokens suffice, by licence."""
        return {name: count // self.tokens.get(name, 1) for name, count in self.licences.items()}
