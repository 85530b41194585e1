"""The strategy contract: history in, next candidates and reasons out; no other state."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, Protocol

from designloop.learning.saved import SavedModel
from designloop.oracle import Observation, Value
from designloop.space import Space

Status = Literal["completed", "infeasible", "failed", "pending"]
OPTIMIZERS = ("log_nei", "gp_ucb", "ei", "pi")
"""Strategies that look for the best design; all others learn the response, or can."""


@dataclass(frozen=True, kw_only=True)
class Bound:
    """An outcome constraint as a strategy sees it; either side may be open."""

    metric: str
    lower: float | None = None
    upper: float | None = None
    label: str = ""


@dataclass(frozen=True, kw_only=True)
class Fidelities:
    """Two fidelities to choose from in every trial, their costs in seconds, and the budget for both."""

    cheap: str
    counts: str
    """The one whose answers count."""
    cheap_cost: float
    cost: float
    trials: int
    """The most that may be evaluated."""
    most_cost: float | None = None
    """Seconds of the oracle that may be spent."""
    imported: int = 0
    """Trials that cost nothing: those of a smaller index."""

    def is_cheap(self, name: str | None) -> bool:
        """Whether ``name`` is the cheap one; a trial that names none ran at the one that counts."""
        return name == self.cheap

    def cost_of(self, name: str | None) -> float:
        """Seconds of one evaluation."""
        return self.cheap_cost if self.is_cheap(name) else self.cost


@dataclass(frozen=True, kw_only=True)
class Problem:
    """The question as a strategy sees it: no oracle, no units, no file."""

    space: Space
    metric: str
    minimize: bool
    bounds: tuple[Bound, ...] = ()
    seed: int = 0
    learn: tuple[str, ...] = ()
    """Metrics whose whole response is to be learned; ``metric`` is then the first of them."""
    fidelities: Fidelities | None = None
    """Where the strategy chooses between two accuracies of the oracle."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One evaluated or pending design.

    ``metrics`` of an infeasible trial holds what is known all the same (margins), often nothing.
    """

    index: int
    parameters: Mapping[str, Value]
    status: Status
    metrics: Mapping[str, Observation] = field(default_factory=dict)
    generator: str = ""
    """What proposed it, as its reason says; empty for imported and given designs."""
    fidelity: str | None = None
    """At which of two fidelities it was asked; None: the one that counts, or the only one."""

    @property
    def content(self) -> bytes:
        """Everything of the trial as one line, for digests."""
        metrics = {n: [o.value, o.sem] for n, o in sorted(self.metrics.items())}
        said = [] if self.fidelity is None else [self.fidelity]
        return _line([self.index, dict(self.parameters), self.status, self.generator, metrics, *said])

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 of the content; kept, as the trials of a long history hardly change."""
        return hashlib.sha256(self.content).digest()


@dataclass(frozen=True, kw_only=True)
class History:
    """Everything a strategy may use. ``fit`` is the state of the last journaled fit, if any."""

    trials: tuple[Trial, ...] = ()
    fit: Mapping[str, Any] | None = None
    proposals: int = 0
    """How many proposals the strategy has made: position in the initial design."""

    def digest(self) -> str:
        """``2:`` and a SHA-256 of the trials and the fit state; equal ones give equal proposals."""
        found = hashlib.sha256(b"".join(t.digest for t in self.trials))
        found.update(_line([self.fit, self.proposals]))
        return f"2:{found.hexdigest()}"

    def agrees(self, digest: str) -> bool:
        """Whether a recorded digest is of this history; one without ``2:`` is of all content at once."""
        if digest.startswith("2:"):
            return digest == self.digest()
        trials = b", ".join(t.content for t in self.trials)
        rest = _line([self.fit, self.proposals])[1:]
        return digest == hashlib.sha256(b"[[" + trials + b"], " + rest).hexdigest()


def _line(content: Any) -> bytes:
    return json.dumps(content, sort_keys=True, allow_nan=False).encode()


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A proposed design and why: ``reason`` is JSON.

    Keys: ``generator`` (such as ``sobol`` or ``gp_ucb``), ``text`` (one sentence for the user), and for
    model-based candidates ``prediction`` ({metric: [mean, sd]} in metric units, made before evaluation),
    ``probability_of_feasibility``, ``acquisition`` (value), ``exploration_share`` (0 to 1),
    ``nearest_trial`` (index). A learning strategy adds ``disagreement``, ``epistemic`` and ``aleatoric``
    ({metric: sd}) and ``penalty`` of the region filter. Under two fidelities ``prediction`` is that of the
    candidate's own, ``believed`` that at the one that counts, ``information`` what each would tell (nats).
    """

    parameters: dict[str, Value]
    reason: dict[str, Any]
    fidelity: str | None = None
    """At which of two fidelities it is to be evaluated; None where there is no choice."""


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """What a strategy answers."""

    candidates: tuple[Candidate, ...]
    model: SavedModel | None = None
    """The model the candidates were chosen with; None for model-free generators."""
    fit: Mapping[str, Any] | None = None
    """Hyper-parameters to be journaled and given back as ``History.fit``; JSON. None: no model."""
    refitted: bool = False
    """True where this proposal fitted hyper-parameters anew."""
    seconds: Mapping[str, float] = field(default_factory=dict)
    """CPU or wall seconds by part: ``fit``, ``acquire``."""
    diagnostics: Mapping[str, Any] = field(default_factory=dict)
    """What a learning strategy knows of its own progress, JSON: ``disagreement``, ``gate``, ``region``."""


class Strategy(Protocol):
    """History in, candidates out. Equal problem, options and history give equal proposals."""

    def propose(self, history: History, n: int = 1) -> Proposal:
        """Propose ``n`` designs. Raises StrategyExhausted where every allowed design was tried."""
        ...


class StrategyExhausted(Exception):  # noqa: N818 - an answer of a finite space
    """Nothing is left to propose; the message says why."""
