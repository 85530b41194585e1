"""What answers where it is more than one plain oracle: stages, joints between them, solvers behind them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from designloop.campaign.parts import REALIZATION
from designloop.oracle import Declaration, Value


@dataclass(frozen=True, kw_only=True)
class OracleChoice:
    """An oracle by its name, with its options."""

    name: str
    options: Mapping[str, Value]
    version: str | None = None
    """The one that a run began with; None where it begins now."""


@dataclass(frozen=True, kw_only=True)
class Escalation:
    """Which solver answers instead of a surrogate, and when."""

    to: OracleChoice
    spread: Mapping[str, float]
    """Output to the standard deviation above which the solver answers, in the output's unit."""
    outside: Literal["solver", "refuse"]
    audit: float
    """Share of the other answers that the solver gives as well."""
    retrain_every: int | None
    """New answers of the solver after which the surrogate learns; None: never."""
    retrain_tests: int
    """Audited answers by which a new version is judged at least."""


@dataclass(frozen=True, kw_only=True)
class Joint:
    """An input that an output of an earlier stage feeds, and the units of both."""

    input: str
    unit: str
    stage: str
    output: str
    output_unit: str

    @property
    def source(self) -> str:
        """The output as the composed declaration names it."""
        return f"{self.stage}.{self.output}"


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One oracle of a composition; its name is empty where it is the only one."""

    name: str
    oracle: OracleChoice
    declaration: Declaration
    joints: tuple[Joint, ...] = ()
    names: Mapping[str, str]
    """Input that no joint feeds to its name in the composed declaration."""
    escalation: Escalation | None = None

    @property
    def realization(self) -> str:
        """What ``process`` calls the realization of this stage."""
        return realization_of(self.name)


@dataclass(frozen=True, kw_only=True)
class Composition:
    """Stages in the order in which they answer, and what they declare together."""

    stages: tuple[Stage, ...]
    declaration: Declaration

    @property
    def is_pipeline(self) -> bool:
        """Whether several stages answer one after the other."""
        return len(self.stages) > 1

    @property
    def title(self) -> str:
        """The oracles in words, such as ``pipeline: film (polysilicon) -> device (magnetometer)``."""
        if not self.is_pipeline:
            return self.stages[0].oracle.name
        return "pipeline: " + " -> ".join(f"{s.name} ({s.oracle.name})" for s in self.stages)

    @property
    def realizations(self) -> tuple[str, ...]:
        """Names of the realizations that dies may have of their own."""
        return tuple(s.realization for s in self.stages if s.declaration.stochastic)


def realization_of(stage: str) -> str:
    """``STAGE.realization``, or ``realization`` where there are no stages."""
    return f"{stage}.{REALIZATION}" if stage else REALIZATION
