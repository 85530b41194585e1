"""The strategy contract: history in, next candidates and reasons out; no other state."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
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
class Problem:
    """The question as a strategy sees it: no oracle, no units, no file."""

    space: Space
    metric: str
    minimize: bool
    bounds: tuple[Bound, ...] = ()
    seed: int = 0
    learn: tuple[str, ...] = ()
    """Metrics whose whole response is to be learned; ``metric`` is then the first of them."""


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


@dataclass(frozen=True, kw_only=True)
class History:
    """Everything a strategy may use. ``fit`` is the state of the last journaled fit, if any."""

    trials: tuple[Trial, ...] = ()
    fit: Mapping[str, Any] | None = None
    proposals: int = 0
    """How many proposals the strategy has made: position in the initial design."""

    def digest(self) -> str:
        """SHA-256 of the trials and the fit state; equal digests give equal proposals."""
        content = [
            [t.index, dict(t.parameters), t.status, t.generator,
             {n: [o.value, o.sem] for n, o in sorted(t.metrics.items())}]
            for t in self.trials
        ]  # fmt: skip
        text = json.dumps([content, self.fit, self.proposals], sort_keys=True, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A proposed design and why: ``reason`` is JSON.

    Keys: ``generator`` (such as ``sobol`` or ``gp_ucb``), ``text`` (one sentence for the user), and for
    model-based candidates ``prediction`` ({metric: [mean, sd]} in metric units, made before evaluation),
    ``probability_of_feasibility``, ``acquisition`` (value), ``exploration_share`` (0 to 1),
    ``nearest_trial`` (index). A learning strategy adds ``disagreement``, ``epistemic`` and ``aleatoric``
    ({metric: sd}) and ``penalty`` of the region filter.
    """

    parameters: dict[str, Value]
    reason: dict[str, Any]


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
