"""Making a proposal from a snapshot of the run: here, or in a thread while evaluations run."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from designloop import closure, goals, record, revision
from designloop.campaign.model import Campaign
from designloop.record import RunRecord
from designloop.strategies.base import History, Proposal, Strategy


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a proposal is made from; nothing of it changes while it is made."""

    campaign: Campaign
    history: History
    run: RunRecord
    """For judging models; a snapshot where that happens aside."""
    strategy: Strategy
    phase: int
    count: int
    seen: Mapping[str, int]
    """``records`` of the journal and ``outcomes`` that the history came from."""
    truth: goals.Truth | None = None
    only: Mapping[str, Any] = field(default_factory=dict)
    """Values that the designs were restricted to, by parameter."""


@dataclass(frozen=True, kw_only=True)
class Made:
    """A proposal and what its record needs."""

    proposal: Proposal
    progress: dict[str, Any] | None
    phase: int
    digest: str
    asked: int
    seen: Mapping[str, int]
    seconds: Mapping[str, float]
    only: Mapping[str, Any]


def asked(
    campaign: Campaign,
    run: RunRecord,
    strategy: Strategy,
    *,
    count: int,
    records: int,
    aside: bool = False,
    truth: goals.Truth | None = None,
    only: Mapping[str, Any] | None = None,
) -> Asked:
    """The question as it stands now; ``aside``: independent of what comes later."""
    kept = record.snapshot(run) if aside and campaign.goal is not None else run
    return Asked(
        campaign=campaign,
        history=revision.history_of(run),
        run=kept,
        strategy=strategy,
        phase=run.phase,
        count=count,
        seen={"records": records, "outcomes": run.answers},
        truth=truth,
        only=only or {},
    )


def made(asked: Asked) -> Made:
    """Ask the strategy, and judge its model. Raises StrategyExhausted."""
    start = time.perf_counter()
    proposal = asked.strategy.propose(asked.history, asked.count)
    progress = _assessed(asked, proposal)
    return Made(
        proposal=proposal,
        progress=progress,
        phase=asked.phase,
        digest=asked.history.digest(),
        asked=asked.count,
        seen=asked.seen,
        seconds={**proposal.seconds, "propose": time.perf_counter() - start},
        only=asked.only,
    )


def _assessed(asked: Asked, proposal: Proposal) -> dict[str, Any] | None:
    """What the model of a proposal knows of the goal, with what the strategy says of itself."""
    goal = asked.campaign.goal
    if goal is None or proposal.model is None:
        return dict(proposal.diagnostics) or None
    found = goals.assess(asked.run, goal, saved=proposal.model, space=asked.campaign.space, truth=asked.truth)
    metrics = [aim.metric for aim in goal.aims]
    reached = closure.closure(asked.run, metrics[: closure.MOST])
    return {**found, "closure": reached.to_json(), **proposal.diagnostics}


class Aside:
    """Makes one proposal at a time in a thread of its own."""

    def __init__(self) -> None:
        self._answers: queue.SimpleQueue[Made | BaseException] = queue.SimpleQueue()
        self._loading: threading.Thread | None = None
        self.busy = False

    def load(self) -> None:
        """Import what models need, which takes seconds, while the first evaluations run."""
        from designloop.strategies.quiet import load_ax

        self._loading = threading.Thread(target=load_ax, name="loading", daemon=True)
        self._loading.start()

    def begin(self, question: Asked) -> None:
        """Start making it."""
        self.busy = True
        threading.Thread(target=self._make, args=(question,), name="proposing", daemon=True).start()

    def _make(self, question: Asked) -> None:
        if self._loading is not None:
            self._loading.join()
        try:
            self._answers.put(made(question))
        except BaseException as error:
            self._answers.put(error)

    def answer(self, timeout: float | None = 0.0) -> Made | None:
        """The proposal, or None while it is being made; raises what the strategy raised."""
        try:
            found = self._answers.get(timeout=timeout) if timeout != 0.0 else self._answers.get_nowait()
        except queue.Empty:
            return None
        self.busy = False
        if isinstance(found, BaseException):
            raise found
        return found
