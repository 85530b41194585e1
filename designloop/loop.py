"""The loop: keeps the pipeline full, in order, survivable. The only stateful object."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, cast

from designloop import closure, goals, record, revision, stopping
from designloop.campaign.model import Campaign, StrategyChoice
from designloop.execution import Executor, Outcome, Task
from designloop.journal import Journal
from designloop.learning.saved import SavedModel
from designloop.oracle import Context
from designloop.record import RunRecord, TrialRecord
from designloop.strategies.base import OPTIMIZERS, Proposal, Strategy, StrategyExhausted
from designloop.strategies.sampling import Sequence as Designs
from designloop.strategies.search import Search


class Watch(Protocol):
    """Somebody who looks on; none of its answers matter."""

    def recorded(self, entry: dict[str, Any], run: RunRecord) -> None:
        """A record became durable."""

    def waits(self, what: str) -> None:
        """Something that may take longer than two seconds begins."""


class Teacher(Protocol):
    """Lets the surrogates among the oracles learn between trials."""

    def due(self, run: RunRecord) -> list[str]:
        """Stages whose surrogate has enough new answers to learn from."""
        ...

    def lesson(self, run: RunRecord, stage: str) -> dict[str, Any]:
        """Train and judge a stage's next model; what the journal keeps of it."""
        ...

    def executor(self, run: RunRecord) -> Executor:
        """Asks the oracle with the surrogates that the run's lessons put to work."""
        ...


class Unwatched:
    """Nobody looks on."""

    def recorded(self, entry: dict[str, Any], run: RunRecord) -> None:
        """Say nothing."""

    def waits(self, what: str) -> None:
        """Say nothing."""


class Loop:
    """One campaign in one run directory, with the journal's lock held."""

    def __init__(
        self,
        *,
        campaign: Campaign,
        journal: Journal,
        run: RunRecord,
        strategies: Sequence[Strategy],
        executor: Executor,
        watch: Watch,
        truth: goals.Truth | None = None,
        teacher: Teacher | None = None,
    ) -> None:
        self.campaign, self.run = campaign, run
        self._journal, self._strategies = journal, strategies
        self._executor, self._watch, self._truth = executor, watch, truth
        self._teacher = teacher

    def go(self) -> RunRecord:
        """Run to the end or to a pause; every step is durable before the next begins."""
        self._seed_trials()
        while self.run.status == "running":
            self._evaluate(stopping.open_trials(self.run))
            if self.run.status != "running":
                break
            self._teach()
            reason, over = self._ended()
            if reason and self._unjudged():
                self._propose(0)
            elif reason:
                self._decide("stop", reason)
            elif over:
                self._decide("phase", f"{self._choice.name}: {over}")
            else:
                self._propose()
        return self.run

    @property
    def _choice(self) -> StrategyChoice:
        """The strategy at work."""
        return self.campaign.phases[self.run.phase]

    def _ended(self) -> tuple[str | None, str | None]:
        """Why the campaign is over, and why the phase is."""
        return stopping.stop_reason(self.run, self.campaign), stopping.phase_over(self.run, self.campaign)

    def _append(self, kind: str, **content: Any) -> None:
        entry = self._journal.append(kind, **content)
        record.apply(self.run, entry)
        self._watch.recorded(entry, self.run)

    def _decide(self, action: str, reason: str, **content: Any) -> None:
        self._append("decision", action=action, reason=reason, **content)

    def _seed_trials(self) -> None:
        """Imported data and the designs that the user wants first, once each."""
        origins = {trial.origin for trial in self.run.trials}
        if self.campaign.existing and "existing" not in origins:
            self._append("import", trials=[_imported(i, t) for i, t in enumerate(self.campaign.existing)])
        if self.campaign.baseline and "baseline" not in origins:
            self._append_given("baseline", [dict(self.campaign.baseline)])
        if self.campaign.start_with and "start_with" not in origins:
            self._append_given("start_with", [dict(design) for design in self.campaign.start_with])
        goal = self.campaign.goal
        if goal and goal.by == "held_out" and "held_out" not in origins:
            designs = test_designs(self.campaign, goal.designs)
            self._append_given("held_out", designs, text="held out: judges the model, never teaches it")

    def _append_given(
        self, origin: str, designs: list[dict[str, Any]], *, text: str = "given in the campaign file"
    ) -> None:
        reason = {"generator": origin, "text": text}
        first = len(self.run.trials)
        self._append(
            "proposal",
            number=len(self.run.proposals),
            origin=origin,
            digest=revision.history_of(self.run).digest(),
            candidates=[
                {"trial": first + i, "parameters": d, "reason": reason} for i, d in enumerate(designs)
            ],
            seconds={},
        )

    def _unjudged(self) -> bool:
        """Whether the last labels of a learning campaign have been judged by nobody yet."""
        last = self.run.proposals[-1] if self.run.proposals else {}
        learning = self.campaign.goal is not None and self._choice.name not in OPTIMIZERS
        return learning and bool(last.get("candidates")) and bool(last.get("model"))

    def _propose(self, most: int | None = None) -> None:
        """Ask for the next designs, ``most`` of them; none: the model is trained and judged only."""
        history = revision.history_of(self.run)
        wanted = int(cast(float, self._choice.options.get("batch", 1))) if most is None else most
        count = min(wanted, max(0, stopping.budget_left(self.run, self.campaign.stop)))
        start = time.perf_counter()
        loading = "" if "torch" in sys.modules else "; the first model loads Ax and PyTorch"
        self._watch.waits(f"choosing the next design{loading}")
        try:
            proposal = self._strategies[self.run.phase].propose(history, count)
        except StrategyExhausted as end:
            self._decide("stop", str(end))
            return
        progress = self._assess(proposal)
        seconds = {**proposal.seconds, "propose": time.perf_counter() - start}
        number = len(self.run.proposals)
        model = self._keep_model(proposal.model, number) if proposal.model else None
        self._append(
            "proposal",
            number=number,
            origin="strategy",
            phase=self.run.phase,
            digest=history.digest(),
            strategy=self._choice.name,
            seed=self.campaign.seed,
            candidates=[] if self._enough(progress) else _candidates(proposal, first=len(self.run.trials)),
            progress=progress,
            fit=proposal.fit,
            refitted=proposal.refitted,
            model=model,
            seconds={name: round(value, 4) for name, value in seconds.items()},
        )

    def _assess(self, proposal: Proposal) -> dict[str, Any] | None:
        """What the model of a proposal knows of the goal, with what the strategy says of itself."""
        goal = self.campaign.goal
        if goal is None or proposal.model is None:
            return dict(proposal.diagnostics) or None
        self._watch.waits("judging the model")
        space = self.campaign.space
        found = goals.assess(self.run, goal, saved=proposal.model, space=space, truth=self._truth)
        metrics = [aim.metric for aim in goal.aims]
        reached = closure.closure(self.run, metrics[: closure.MOST])
        return {**found, "closure": reached.to_json(), **proposal.diagnostics}

    def _enough(self, progress: dict[str, Any] | None) -> bool:
        """Whether this assessment ends the campaign or the phase, so that no design need be evaluated."""
        if not progress or "errors" not in progress:
            return False
        ahead = replace(self.run, proposals=[*self.run.proposals, {"origin": "", "progress": progress}])
        return stopping.learning_ended(ahead, self.campaign)

    def _keep_model(self, model: SavedModel, number: int) -> str:
        """The model's folder, relative to the run; complete before the proposal names it."""
        name = f"models/{number:04d}"
        final, fresh = self.run.directory / name, self.run.directory / f"{name}.new"
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.rmtree(final, ignore_errors=True)
        units = self.run.campaign["metrics"]
        config = {**model.config, "units": {m: units[m] for m in model.config["metrics"] if m in units}}
        SavedModel(config=config, arrays=model.arrays).save(fresh)
        os.replace(fresh, final)
        return name

    def _evaluate(self, trials: list[TrialRecord]) -> None:
        for trial in trials:
            task = self._task(trial)
            self._append(
                "start",
                trial=trial.index,
                attempt=task.attempt,
                handle=self._executor.handle(task),
                fidelity=task.context.fidelity,
            )
            for _, outcome in self._executor.run([task]):
                self._append_outcome(task, outcome)
            reason = stopping.pause_reason(self.run, self.campaign.failure_limit)
            if reason:
                self._decide("pause", reason)
                return

    def _teach(self) -> None:
        """Let surrogates learn from what solvers answered; every lesson is recorded before it counts."""
        if self._teacher is None:
            return
        for stage in self._teacher.due(self.run):
            self._watch.waits(f"training the surrogate {stage}".rstrip())
            content = self._teacher.lesson(self.run, stage)
            self._append("lesson", **content)
            if content["promoted"]:
                self._executor = self._teacher.executor(self.run)

    def _task(self, trial: TrialRecord) -> Task:
        attempt = len(trial.attempts) + 1
        name = f"{trial.index:03d}" if attempt == 1 else f"{trial.index:03d}-{attempt}"
        directory = self.run.directory / "trials" / name
        directory.mkdir(parents=True, exist_ok=True)
        seed = revision.seed_of(self.campaign.seed, "oracle", trial.index)
        return Task(
            trial=trial.index,
            attempt=attempt,
            design=trial.parameters,
            context=Context(
                seed=seed,
                fidelity=self.campaign.fidelity,
                directory=directory,
                answers=self.run.directory / "answers",
            ),
        )

    def _append_outcome(self, task: Task, outcome: Outcome) -> None:
        directory = task.context.directory
        artifacts = {
            p.relative_to(directory).as_posix(): str(p.relative_to(self.run.directory))
            for p in _files(directory)
            if directory
        }
        if not artifacts and directory:
            with suppress(OSError):
                directory.rmdir()
        self._append(
            "outcome",
            trial=task.trial,
            attempt=task.attempt,
            status=outcome.status,
            metrics=record.observed(outcome.metrics),
            reason=outcome.reason,
            seconds=round(outcome.seconds, 4),
            artifacts=artifacts,
            **({"notes": dict(outcome.notes)} if outcome.notes else {}),
        )


def test_designs(campaign: Campaign, count: int) -> list[dict[str, Any]]:
    """``count`` Sobol designs of the campaign's space that meet its constraints, of a seed of their own."""
    search = Search.of(campaign.space, [], [])
    sequence = Designs(generator="sobol", seed=revision.seed_of(campaign.seed, "held_out", 0))
    return search.designs(sequence.propose(search, position=0, count=count))


def _files(directory: Path | None) -> list[Path]:
    return sorted(p for p in directory.rglob("*") if p.is_file()) if directory else []


def _candidates(proposal: Proposal, *, first: int) -> list[dict[str, Any]]:
    return [
        {"trial": first + i, "parameters": c.parameters, "reason": c.reason}
        for i, c in enumerate(proposal.candidates)
    ]


def _imported(index: int, trial: Any) -> dict[str, Any]:
    return {
        "trial": index,
        "parameters": dict(trial.parameters),
        "metrics": {name: {"value": value} for name, value in trial.metrics.items()},
        "status": "failed" if trial.failed else "completed",
        "source": trial.source,
        "in_range": trial.in_range,
    }
