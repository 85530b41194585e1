"""Every step of a run made durable: the one place that writes records of its trials."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from designloop import keeping, policy, record, revision, stopping
from designloop.campaign.model import Campaign
from designloop.execution import Outcome, Task
from designloop.execution.attempt import FOLDER
from designloop.journal import Journal
from designloop.learning.saved import SavedModel
from designloop.oracle import Context, Value
from designloop.proposing import Made
from designloop.record import Origin, RunRecord, TrialRecord
from designloop.strategies.base import Candidate
from designloop.strategies.sampling import Sequence as Designs
from designloop.strategies.search import Search

MOST_FILES = 500
"""Files of an attempt that its record names; the folder holds all of them."""


class Watch(Protocol):
    """Somebody who looks on; none of its answers matter."""

    def recorded(self, entry: dict[str, Any], run: RunRecord) -> None:
        """A record became durable."""

    def waits(self, what: str) -> None:
        """Something that may take longer than two seconds begins."""


class Unwatched:
    """Nobody looks on."""

    def recorded(self, entry: dict[str, Any], run: RunRecord) -> None:
        """Say nothing."""

    def waits(self, what: str) -> None:
        """Say nothing."""


class Recorder:
    """Appends to a run's journal and keeps the run's record in step with it."""

    def __init__(self, *, campaign: Campaign, journal: Journal, run: RunRecord, watch: Watch) -> None:
        self.campaign, self.run, self.watch = campaign, run, watch
        self._journal = journal
        for name in keeping.superseded(run):  # a session that was killed may have left one
            shutil.rmtree(run.directory / name, ignore_errors=True)

    @property
    def count(self) -> int:
        """Records in the journal."""
        return self._journal.count

    def append(self, kind: str, **content: Any) -> None:
        """Make one record durable, and tell of it."""
        entry = self._journal.append(kind, **content)
        record.apply(self.run, entry)
        self.watch.recorded(entry, self.run)

    def decide(self, action: str, reason: str, **content: Any) -> None:
        """Record a decision of the run; whoever shows the reason sets its full stop."""
        self.append("decision", action=action, reason=reason.rstrip("."), **content)

    def seed_trials(self) -> None:
        """Imported data and the designs that the user wants first, once each."""
        campaign = self.campaign
        origins = {trial.origin for trial in self.run.trials}
        if campaign.existing and "existing" not in origins:
            self.append("import", trials=[_imported(i, t) for i, t in enumerate(campaign.existing)])
        if campaign.baseline and "baseline" not in origins:
            self.given("baseline", [dict(campaign.baseline)])
        if campaign.start_with and "start_with" not in origins:
            self.given("start_with", [dict(design) for design in campaign.start_with])
        goal = campaign.goal
        if goal and goal.by == "held_out" and "held_out" not in origins:
            designs = test_designs(campaign, goal.designs)
            self.given("held_out", designs, text="held out: judges the model, never teaches it")

    def given(
        self,
        origin: Origin,
        designs: Sequence[Mapping[str, Value]],
        *,
        text: str = "given in the campaign file",
    ) -> list[TrialRecord]:
        """Designs that no strategy proposed."""
        reason = {"generator": origin, "text": text}
        first = len(self.run.trials)
        self.append(
            "proposal",
            number=len(self.run.proposals),
            origin=origin,
            digest=revision.history_of(self.run).digest(),
            candidates=[
                {"trial": first + i, "parameters": dict(d), "reason": reason} for i, d in enumerate(designs)
            ],
            seconds={},
        )
        return self.run.trials[first:]

    def proposal(self, made: Made, *, keep: int | None = None) -> list[TrialRecord]:
        """What a strategy proposed, its first ``keep`` designs or all; its model is on disk before."""
        proposal, number, first = made.proposal, len(self.run.proposals), len(self.run.trials)
        model = self._save_model(proposal.model, number) if proposal.model else None
        candidates = [] if self._enough(made.progress) else proposal.candidates[:keep]
        self.append(
            "proposal",
            number=number,
            origin="strategy",
            phase=made.phase,
            digest=made.digest,
            seen=dict(made.seen),
            asked=made.asked,
            **({"only": dict(made.only)} if made.only else {}),
            strategy=self.campaign.phases[made.phase].name,
            seed=self.campaign.seed,
            candidates=[
                {"trial": first + i, "parameters": c.parameters, "reason": c.reason, **_fidelity(c)}
                for i, c in enumerate(candidates)
            ],
            progress=made.progress,
            fit=proposal.fit,
            refitted=proposal.refitted,
            model=model,
            seconds={name: round(value, 4) for name, value in made.seconds.items()},
        )
        if model:
            self._make_room(number)
        return self.run.trials[first:]

    def _enough(self, progress: dict[str, Any] | None) -> bool:
        """Whether this assessment ends the campaign or the phase, so that no design need be evaluated."""
        if not progress or "errors" not in progress:
            return False
        ahead = replace(self.run, proposals=[*self.run.proposals, {"origin": "", "progress": progress}])
        return stopping.learning_ended(ahead, self.campaign)

    def _make_room(self, number: int) -> None:
        """Remove the model before that of proposal ``number``, which is durable now, unless it stays."""
        run = self.run
        before = next((n for n in reversed(range(number)) if run.proposals[n].get("model")), None)
        if before is not None and not keeping.stays(run, before, after=number):
            shutil.rmtree(run.directory / run.proposals[before]["model"], ignore_errors=True)

    def _save_model(self, model: SavedModel, number: int) -> str:
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

    def task(self, trial: TrialRecord, *, attempt: int | None = None) -> Task:
        """The next attempt at a trial with its folder, or that of number ``attempt``.

        After one that only waited, the folder is emptied and used again.
        """
        number = attempt or len(trial.attempts) + 1
        place = trial.place(number)
        name = f"{trial.index:03d}" if place == 1 else f"{trial.index:03d}-{place}"
        run = self.run.directory.absolute()  # workers may have another working directory
        directory = run / "trials" / name
        if attempt is None and trial.last is not None and trial.last.only_waited:
            shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True, exist_ok=True)
        return Task(
            trial=trial.index,
            attempt=number,
            design=trial.parameters,
            context=Context(
                seed=revision.seed_of(self.campaign.seed, "oracle", trial.index),
                fidelity=trial.fidelity or self.campaign.counts,
                directory=directory,
                answers=run / "answers",
            ),
        )

    def start(self, task: Task, handle: Mapping[str, Any]) -> None:
        """An attempt is about to begin; how many outcomes its choice did not know stands beside it."""
        known = self.staleness(self.run.trials[task.trial])
        stale = {} if known is None else {"stale": known}
        self.append(
            "start",
            trial=task.trial,
            attempt=task.attempt,
            handle=dict(handle),
            fidelity=task.context.fidelity,
            **stale,
        )

    def staleness(self, trial: TrialRecord) -> int | None:
        """How many outcomes have come that the choice of a design did not know; None where none was known."""
        seen = self.run.proposals[trial.proposal].get("seen") if trial.proposal is not None else None
        return self.run.answers - int(seen["outcomes"]) if seen else None

    def outcome(self, task: Task, outcome: Outcome, **content: Any) -> TrialRecord:
        """How an attempt ended, and where it failed what that means for the trial."""
        trial, directory = self.run.trials[task.trial], task.context.directory
        if outcome.status == "failed":
            content |= policy.verdict(self.campaign, trial, outcome).to_json()
        waits = content.get("cause") == "wait" and content.get("does") == "retry"
        artifacts = {
            p.relative_to(directory).as_posix(): str(p.relative_to(self.run.directory.absolute()))
            for p in _files(directory)[:MOST_FILES]
            if directory and not waits
        }
        if not artifacts and directory:
            with suppress(OSError):
                directory.rmdir()
        self.append(
            "outcome",
            trial=task.trial,
            attempt=task.attempt,
            status=outcome.status,
            metrics=record.observed(outcome.metrics),
            reason=outcome.reason,
            seconds=round(outcome.seconds, 4),
            artifacts=artifacts,
            **({"notes": dict(outcome.notes)} if outcome.notes else {}),
            **content,
        )
        if waits:
            (self.run.directory / FOLDER / f"{task.key}.json").unlink(missing_ok=True)
        return trial

    def withdraw(self, trials: Sequence[TrialRecord], reason: str, *, by: str) -> None:
        """Take back designs that were proposed and not run."""
        if trials:
            self.append("withdrawal", trials=[t.index for t in trials], reason=reason, by=by)


def test_designs(campaign: Campaign, count: int) -> list[dict[str, Any]]:
    """``count`` Sobol designs of the campaign's space that meet its constraints, of a seed of their own."""
    search = Search.of(campaign.space, [], [])
    sequence = Designs(generator="sobol", seed=revision.seed_of(campaign.seed, "held_out", 0))
    return search.designs(sequence.propose(search, position=0, count=count))


def _fidelity(candidate: Candidate) -> dict[str, str]:
    return {} if candidate.fidelity is None else {"fidelity": candidate.fidelity}


def _files(directory: Path | None) -> list[Path]:
    return sorted(p for p in directory.rglob("*") if p.is_file()) if directory else []


def _imported(index: int, trial: Any) -> dict[str, Any]:
    return {
        "trial": index,
        "parameters": dict(trial.parameters),
        "metrics": {name: {"value": value} for name, value in trial.metrics.items()},
        "status": "failed" if trial.failed else "completed",
        "source": trial.source,
        "in_range": trial.in_range,
    }
