"""One session with a run: the journal's lock, the loop, the mirror beside it, the report after it."""

from __future__ import annotations

import concurrent.futures
import math
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from designloop import closing, goals, record, revision, rundir, stopping
from designloop.campaign import loads
from designloop.campaign.model import Campaign
from designloop.compose import CampaignOracle, oracle_of
from designloop.compose.teaching import Teaching
from designloop.discovery import find
from designloop.errors import RunError, sentence
from designloop.execution import Executor
from designloop.execution.attempt import FOLDER
from designloop.execution.building import executor_of
from designloop.journal import Journal
from designloop.loop import Loop, Unwatched, Watch, test_designs
from designloop.oracle import Context, Infeasible, Observation
from designloop.record import RunRecord
from designloop.strategies import create
from designloop.strategies.base import Strategy

Begun = Callable[[Path], None]
Interrupted = Callable[[], bool]


def run(
    campaign: Campaign,
    *,
    folder: Path | None = None,
    watch: Watch | None = None,
    begun: Begun | None = None,
    interrupted: Interrupted = lambda: False,
    pool: concurrent.futures.Executor | None = None,
) -> RunRecord:
    """Run a campaign in a new run directory under ``folder``; ``begun`` is told the directory.

    Where its engine cannot be had no directory stays. Raises ExecutionError, OracleError, RunError.

    Once ``interrupted`` says so nothing new begins, and the run pauses when what runs has ended. ``pool``:
    any executor of Python's that evaluates, in place of the campaign's engine.
    """
    parts = Parts.of(campaign)
    directory = rundir.create(campaign.name, folder=folder)
    (directory / "campaign.yaml").write_text(campaign.text, encoding="utf-8")
    with Journal(directory) as journal:
        journal.append("campaign", **revision.campaign_record(campaign, number=1))
        try:
            executor = Teacher(campaign, pool).asking(parts.oracle, directory)
        except BaseException:
            shutil.rmtree(directory, ignore_errors=True)
            raise
        return _go(
            campaign, parts, journal, watch, begun, interrupted=interrupted, pool=pool, executor=executor
        )


def resume(
    directory: Path,
    *,
    campaign: Campaign | None = None,
    watch: Watch | None = None,
    begun: Begun | None = None,
    interrupted: Interrupted = lambda: False,
    pool: concurrent.futures.Executor | None = None,
    gives_up: bool = False,
) -> RunRecord:
    """Go on with a run, under an edited ``campaign`` where one is given. Raises RunError, CampaignError."""
    with Journal(directory) as journal:
        known = record.gather(journal.records, directory=directory)
        if not known.revisions:
            raise RunError(f"{directory}: the run died before its campaign was recorded; start a new one.")
        if campaign is not None:
            revision.check_revision(known.campaign, campaign)
        parts = Parts.of(campaign or recorded_campaign(known))
        if campaign is not None and campaign.text != known.campaign["yaml"]:
            entry = revision.campaign_record(campaign, number=len(known.revisions) + 1)
            journal.append("campaign", **entry, changes=revision.changes(known.campaign, entry))
            (directory / "campaign.yaml").write_text(campaign.text, encoding="utf-8")
        campaign = campaign or recorded_campaign(known)
        if known.status == "paused" or (known.status == "finished" and known.is_reported):
            _reopen(journal, known, campaign)
        return _go(
            campaign, parts, journal, watch, begun, interrupted=interrupted, pool=pool, gives_up=gives_up
        )


def recorded_campaign(run: RunRecord) -> Campaign:
    """The latest revision of a run's campaign, from its journal alone and the files that it names."""
    entry = run.campaign
    return loads(
        entry["yaml"],
        folder=Path(entry["folder"]),
        name=f"{run.name}/campaign.yaml",
        unnamed=entry["name"],
        versions=revision.versions_of(entry),
    )


def _reopen(journal: Journal, known: RunRecord, campaign: Campaign) -> None:
    if known.status == "finished" and stopping.stop_reason(known, campaign):
        raise RunError(
            f"{known.name} is finished: {sentence(known.decisions[-1]['reason'])} "
            f"To go on, raise what ended it: 'designloop resume {known.name} --set stop.trials=100'."
        )
    by_user = known.decisions[-1].get("by") == "user"
    repeat = {} if by_user else stopping.to_repeat(known)
    journal.append("decision", action="resume", reason="resumed by the user", repeat=repeat)


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What a campaign names, found before anything is written."""

    oracle: CampaignOracle
    strategies: tuple[Strategy, ...]
    truth: goals.Truth | None = None

    @classmethod
    def of(cls, campaign: Campaign) -> Parts:
        """Find the oracle and make the strategy. Raises OracleError, CampaignError."""
        asked = CampaignOracle(campaign=campaign, oracle=oracle_of(campaign))
        return cls(oracle=asked, strategies=strategies_of(campaign), truth=_truth(campaign))


def strategies_of(campaign: Campaign) -> tuple[Strategy, ...]:
    """The strategy of every phase. Raises CampaignError."""
    return tuple(
        create(
            choice.name,
            problem=revision.problem_of(campaign, phase),
            options=choice.options,
            initial=choice.initial,
        )
        for phase, choice in enumerate(campaign.phases)
    )


def _truth(campaign: Campaign) -> goals.Truth | None:
    """Designs and their answers by the reference oracle; designs it refuses are left out."""
    goal = campaign.goal
    if goal is None or goal.reference is None:
        return None
    oracle = find(goal.reference, folder=campaign.folder)
    asked = CampaignOracle(campaign=campaign, oracle=oracle)
    designs = test_designs(campaign, goal.designs)
    values: dict[str, list[float]] = {aim.metric: [] for aim in goal.aims}
    for i, design in enumerate(designs):
        context = Context(seed=revision.seed_of(campaign.seed, "reference", i))
        try:
            metrics = asked.evaluate(design, context).metrics
        except Infeasible:
            metrics = {}
        if not _in_scope(campaign, metrics):
            metrics = {}
        for metric, column in values.items():
            column.append(metrics[metric].value if metric in metrics else math.nan)
    return goals.Truth(designs=designs, values={m: np.array(v) for m, v in values.items()})


def _in_scope(campaign: Campaign, metrics: Mapping[str, Observation]) -> bool:
    """Whether every outcome constraint is observed to hold."""
    return all(
        c.metric in metrics
        and (metrics[c.metric].value - c.bound) * (1.0 if c.relation == ">=" else -1.0) >= 0.0
        for c in campaign.constraints
    )


def _go(
    campaign: Campaign,
    parts: Parts,
    journal: Journal,
    watch: Watch | None,
    begun: Begun | None,
    *,
    interrupted: Interrupted,
    pool: concurrent.futures.Executor | None,
    executor: Executor | None = None,
    gives_up: bool = False,
) -> RunRecord:
    """The loop with the mirror beside it; the mirror is told to end however the loop ends.

    ``executor``: the first one, where it is made already.
    """
    directory, watch = journal.directory, watch or Unwatched()
    if begun:
        begun(directory)
    known = record.gather(journal.hand_over(), directory=directory)
    teacher = Teacher(campaign, pool)
    if executor is None:
        executor = teacher.executor(known) if known.lessons else teacher.asking(parts.oracle, known.directory)
    with closing.mirrored(campaign, directory, watch):
        loop = Loop(
            campaign=campaign,
            journal=journal,
            run=known,
            strategies=parts.strategies,
            executor=executor,
            watch=watch,
            truth=parts.truth,
            teacher=teacher,
            interrupted=interrupted,
            gives_up=gives_up,
        )
        try:
            ended = loop.go()
        finally:
            loop.close()
        watch.waits("drawing the figures")
        if not ended.is_reported:
            closing.report(journal, ended)
    return ended


@dataclass(frozen=True)
class Teacher(Teaching):
    """Teaches between trials, and runs what it taught."""

    pool: concurrent.futures.Executor | None = None

    def executor(self, run: RunRecord) -> Executor:
        """Asks the oracle with the surrogates that the run's lessons put to work."""
        return self.asking(self.oracle(run), run.directory)

    def asking(self, oracle: CampaignOracle, run: Path) -> Executor:
        """Asks ``oracle`` where the campaign says, or in the pool given instead, for the run in ``run``."""
        execution = self.campaign.execution
        if self.pool is None:
            return executor_of(execution, oracle, run=run)
        from designloop.execution.futures import Futures

        folder = run / FOLDER
        folder.mkdir(exist_ok=True)
        return Futures(oracle, folder=folder, pool=self.pool, slots=execution.workers)
