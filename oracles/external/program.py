"""A checked oracle.yml: frozen, picklable, with everything that an evaluation needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from designloop.oracle import Declaration, Value
from designloop.reading.expression import Comparison

from .judged_parts import FailureSpec, SuccessSpec
from .source_parts import SourceSpec

Conditions = tuple[Comparison, ...]
Key = tuple[str | int, ...]


@dataclass(frozen=True, kw_only=True)
class Told:
    """One input as the program is told it."""

    name: str
    called: str
    """What the program calls it."""
    unit: str
    words: Mapping[Value, Value] = field(default_factory=dict)
    """What it is told for each choice; empty for a number."""
    when: Conditions = ()
    optional: bool = False
    """Whether the templates can do without it, where the design does not have it."""


@dataclass(frozen=True, kw_only=True)
class Need:
    """One file to stage: ``source`` beside oracle.yml, or in the folder of an earlier ``step``."""

    source: str
    step: str | None
    target: str
    link: bool = False


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """One number to read: ``file`` in the folder of ``step``, at ``key`` where the format has keys."""

    name: str
    step: str
    file: str
    spec: SourceSpec
    key: Key = ()


@dataclass(frozen=True)
class Share:
    """A part of a value's size."""

    part: float


Error = Wanted | Share | float
"""A standard error or a bound: read, a share of the value, or a number in the output's unit."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One output. ``otherwise`` stands where its step did not run: a number, or another output's name."""

    wanted: Wanted
    sem: Error | None = None
    lower: Error | None = None
    upper: Error | None = None
    reduce: str | None = None
    otherwise: float | str | None = None

    @property
    def files(self) -> tuple[str, ...]:
        """Files in which it stands, with its errors, in the folder of its step."""
        places = (self.wanted, self.sem, self.lower, self.upper)
        return tuple(dict.fromkeys(p.file for p in places if isinstance(p, Wanted)))


@dataclass(frozen=True, kw_only=True)
class Each:
    """The items over which a step runs: ``items``, or those that an earlier step's ``read`` gives."""

    name: str
    items: tuple[Value, ...] = ()
    read: str | None = None


@dataclass(frozen=True, kw_only=True)
class Step:
    """One program. ``folder`` is its place below the trial's, empty where it is the only one."""

    name: str
    folder: str
    command: tuple[str, ...]
    needs: tuple[Need, ...] = ()
    templates: Mapping[str, str] = field(default_factory=dict)
    """File to render: text of its template."""
    sources: Mapping[str, str] = field(default_factory=dict)
    """File to render: name of its template."""
    makes: tuple[str, ...] = ()
    reads: tuple[Wanted, ...] = ()
    when: Conditions = ()
    infeasible: bool = False
    """Whether ``when`` not holding is the answer that the design cannot be."""
    each: Each | None = None
    time_limit: float | None = None
    successes: tuple[SuccessSpec, ...] = ()

    @property
    def log(self) -> str:
        """Name of the file that takes what the program prints."""
        return f"{self.name}.log"


@dataclass(frozen=True, kw_only=True)
class Program:
    """An external program, or several in a row."""

    folder: Path
    """Where oracle.yml stands."""
    declaration: Declaration
    told: tuple[Told, ...]
    steps: tuple[Step, ...]
    answers: tuple[Answer, ...]
    guards: Conditions = ()
    failures: tuple[FailureSpec, ...] = ()
    unit_style: str = "{value}"
    environment: Mapping[str, str] = field(default_factory=dict)
    inherit: tuple[str, ...] = ()
    time_limit: float | None = None
    keep: tuple[str, ...] | None = None
    cache: bool = True

    def step(self, name: str) -> Step:
        """The step ``name``."""
        return next(s for s in self.steps if s.name == name)
