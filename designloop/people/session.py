"""Sessions with a run whose trials people make: each command takes the journal's lock for a moment.

Between commands the run stays open, for weeks if need be. Whatever a killed command left half done is
completed by the next one: given designs, start records, tables of suggestions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from designloop import closing, proposing, record, revision, rundir, stopping
from designloop.campaign.model import Campaign
from designloop.errors import RunError, sentence
from designloop.journal import Journal
from designloop.oracle import Value
from designloop.people import sheet
from designloop.people.levels import hard_parameters, in_use, made_within, opened
from designloop.people.matching import Step, understood
from designloop.people.restrict import Only, read_only, strategy_of
from designloop.people.results import Row
from designloop.people.telling import HANDLE, recorded
from designloop.reading.problems import Refused
from designloop.record import OPEN, RunRecord, TrialRecord
from designloop.recording import Recorder, Unwatched, Watch
from designloop.session import Begun, Parts, recorded_campaign
from designloop.strategies.base import OPTIMIZERS, StrategyExhausted


@dataclass(frozen=True, kw_only=True)
class Suggested:
    """What a session suggested; ``why_not`` where that is nothing or less than was asked for."""

    run: RunRecord
    campaign: Campaign
    trials: tuple[TrialRecord, ...] = ()
    why_not: str | None = None
    new_levels: Mapping[str, Sequence[Value]] = field(default_factory=dict)
    """Levels of hard-to-change parameters at which nothing was run before."""


@dataclass(frozen=True, kw_only=True)
class Told:
    """What the rows came to, and the trials that have an outcome by them."""

    run: RunRecord
    campaign: Campaign
    steps: tuple[Step, ...]
    trials: tuple[int | None, ...] = ()
    """Of every step the trial that holds its result now; empty after a dry run."""


@dataclass(frozen=True, kw_only=True)
class _People:
    """A run with its journal's lock held."""

    campaign: Campaign
    recorder: Recorder
    watch: Watch
    first: int
    """Trials when the session began."""

    @property
    def run(self) -> RunRecord:
        return self.recorder.run


def begin(
    campaign: Campaign, *, folder: Path | None = None, watch: Watch | None = None, begun: Begun | None = None
) -> Suggested:
    """Make a run, take existing trials in, and suggest the first designs. Raises RunError."""
    Parts.of(campaign)  # whatever it names is found before anything is written
    directory = rundir.create(campaign.name, folder=folder)
    (directory / "campaign.yaml").write_text(campaign.text, encoding="utf-8")
    with Journal(directory) as journal:
        journal.append("campaign", **revision.campaign_record(campaign, number=1))
        if begun:
            begun(directory)
        with _session(journal, campaign, watch) as people:
            return _suggested(people, None, {})


def suggest(
    directory: Path,
    *,
    count: int | None = None,
    only: Sequence[str] = (),
    campaign: Campaign | None = None,
    watch: Watch | None = None,
) -> Suggested:
    """Suggest the next ``count`` designs (default: the strategy's batch) beside those that are open.

    ``only``: ``NAME=VALUE,VALUE``, what is at hand; ``campaign``: an edited one to go on with. Raises
    RunError and CampaignError.
    """
    with _opened(directory, watch, campaign=campaign) as people:
        try:
            at_hand = read_only(only, people.campaign)
        except Refused as error:
            raise RunError(f"{error.what} {error.instead}".rstrip()) from None
        _reopen(people)
        return _suggested(people, count, at_hand)


def tell(
    directory: Path,
    rows: Sequence[Row],
    *,
    correct: bool = False,
    dry_run: bool = False,
    watch: Watch | None = None,
) -> Told:
    """Record results: all ``rows``, or none where one of them cannot be understood. Raises RunError."""
    if dry_run:
        run, campaign = known(directory)
        steps = understood(rows, run, campaign, correct=correct)
        return Told(run=run, campaign=campaign, steps=tuple(steps))
    with _opened(directory, watch) as people:
        steps = understood(rows, people.run, people.campaign, correct=correct)
        trials = recorded(people.recorder, steps)
        _start(people)  # a failure may mean that a trial is to be made again
        _end_where_due(people)
    return Told(run=people.run, campaign=people.campaign, steps=tuple(steps), trials=tuple(trials))


def go_on(directory: Path, *, watch: Watch | None = None) -> Suggested:
    """Go on after a pause: the failures that led to it are handed out again. Raises RunError.

    ``trials`` of the answer are those that are to be run again.
    """
    with _opened(directory, watch) as people:
        run = people.run
        if run.status != "paused":
            raise RunError(
                f"people run the trials of {run.name}, and it is not paused: 'designloop suggest {run.name}' "
                f"says what is next, 'designloop tell {run.name} FILE' records results."
            )
        repeat = stopping.to_repeat(run)
        people.recorder.decide("resume", "resumed by the user", repeat=repeat)
        again = [t for t in stopping.open_trials(run) if str(t.index) in repeat and t.status not in OPEN]
        for trial in again:
            people.recorder.start(people.recorder.task(trial), HANDLE)
        _end_where_due(people)
    return Suggested(run=run, campaign=people.campaign, trials=tuple(again))


def reject(directory: Path, trials: Sequence[int], *, reason: str, watch: Watch | None = None) -> RunRecord:
    """Take back suggestions: they will not be run, and are not suggested again. Raises RunError."""
    with _opened(directory, watch) as people:
        found = [_rejectable(people.run, number) for number in dict.fromkeys(trials)]
        people.recorder.withdraw(found, reason, by="user")
        _end_where_due(people)
    return people.run


def known(directory: Path) -> tuple[RunRecord, Campaign]:
    """A run and its campaign, read without the lock. Raises RunError where no people run its trials."""
    run = record.read(directory)
    _check_manual(run)
    return run, recorded_campaign(run)


def open_trials(run: RunRecord) -> list[TrialRecord]:
    """Trials whose results are still to come."""
    return [t for t in run.trials if t.status in OPEN]


def _check_manual(run: RunRecord) -> None:
    if not run.is_manual:
        engine = run.campaign["execution"]["engine"]
        raise RunError(
            f"{run.name} runs its trials by itself (engine {engine}), so nothing is "
            f"to be suggested or told. Go on with it: 'designloop resume {run.name}'."
        )


@contextmanager
def _opened(directory: Path, watch: Watch | None, *, campaign: Campaign | None = None) -> Iterator[_People]:
    with Journal(directory) as journal:
        run = record.gather(journal.records, directory=directory)
        if not run.revisions:
            raise RunError(f"{directory}: the run died before its campaign was recorded; start a new one.")
        _check_manual(run)
        if campaign is not None:
            _revise(journal, run, campaign)
        with _session(journal, campaign or recorded_campaign(run), watch) as people:
            yield people


def _revise(journal: Journal, run: RunRecord, campaign: Campaign) -> None:
    """Make an edited campaign the latest revision. Raises CampaignError."""
    revision.check_revision(run.campaign, campaign)
    if campaign.execution.engine != "manual":
        raise RunError(
            f"the edited campaign gives the trials of {run.name} to the engine {campaign.execution.engine}. "
            "Keep engine: manual, or start a new run with these trials under existing_trials."
        )
    if campaign.text != run.campaign["yaml"]:
        Parts.of(campaign)
        entry = revision.campaign_record(campaign, number=len(run.revisions) + 1)
        journal.append("campaign", **entry, changes=revision.changes(run.campaign, entry))
        (run.directory / "campaign.yaml").write_text(campaign.text, encoding="utf-8")


@contextmanager
def _session(journal: Journal, campaign: Campaign, watch: Watch | None) -> Iterator[_People]:
    """A session that completes what a killed one left, and leaves figures and MLflow up to date."""
    watch, count = watch or Unwatched(), journal.count
    run = record.gather(journal.hand_over(), directory=journal.directory)
    recorder = Recorder(campaign=campaign, journal=journal, run=run, watch=watch)
    people = _People(campaign=campaign, recorder=recorder, watch=watch, first=len(run.trials))
    recorder.seed_trials()
    _start(people)
    with closing.mirrored(campaign, journal.directory, watch):
        yield people
        sheet.complete(run, campaign)
        if recorder.count > count or run.report is None:
            watch.waits("drawing the figures")
            closing.report(journal, run)


def _start(people: _People) -> None:
    """Hand what is to be run to the people; an own result that was cut off waits to be told again."""
    for trial in people.run.trials:
        if trial.status in ("proposed", "waiting"):
            people.recorder.start(people.recorder.task(trial), HANDLE)


def _reopen(people: _People) -> None:
    """Go on with a finished run whose end was undone by an edited campaign. Raises RunError."""
    run = people.run
    if run.status == "paused":
        raise RunError(
            f"{run.name} is paused: {sentence(run.decisions[-1]['reason'])} When the cause is mended, "
            f"'designloop resume {run.name}' hands those designs out again; then suggest more. What is open "
            "can be told meanwhile."
        )
    if run.status != "finished":
        return
    if stopping.stop_reason(run, people.campaign):
        raise RunError(
            f"{run.name} is finished: {sentence(run.decisions[-1]['reason'])} To go on, raise what ended it: "
            f"'designloop suggest {run.name} --set stop.trials=100'."
        )
    people.recorder.decide("resume", "resumed by the user", repeat={})


def _suggested(people: _People, count: int | None, only: Only) -> Suggested:
    run, campaign = people.run, people.campaign
    why_not = _end_where_due(people)
    if why_not is None:
        count = _batch(people) if count is None else count
        left = stopping.budget_left(run, campaign.stop)
        why_not = f"only {left} of {campaign.stop.trials} trials were left" if left < count else None
        why_not = _propose(people, min(count, left), only) or why_not
    trials = tuple(t for t in run.trials[people.first :] if t.origin != "existing")
    return Suggested(
        run=run, campaign=campaign, trials=trials, why_not=why_not, new_levels=_new_levels(people, trials)
    )


def _batch(people: _People) -> int:
    choice = people.campaign.phases[people.run.phase]
    return int(cast(float, choice.options.get("batch", 1)))


def _propose(people: _People, count: int, only: Only) -> str | None:
    """Choose the next designs and hand them out; why there are none, or fewer."""
    run, campaign = people.run, people.campaign
    over = stopping.phase_over(run, campaign)
    if over:
        people.recorder.decide("phase", f"{campaign.phases[run.phase].name}: {over}")
    people.watch.waits("choosing the next designs; the first model loads Ax and PyTorch")
    try:
        made = made_within(lambda only: _made(people, count, only), campaign, run, only)
    except StrategyExhausted as end:
        if only:
            raise RunError(f"nothing new is left among what is at hand. {end}") from None
        if not open_trials(run):
            people.recorder.decide("stop", str(end))
        return str(end)
    trials = people.recorder.proposal(made)
    _start(people)
    if len(trials) < count:
        return _end_where_due(people) or "nothing else is left to suggest"
    return None


def _made(people: _People, count: int, only: Only) -> proposing.Made:
    campaign, run = people.campaign, people.run
    truth = Parts.of(campaign).truth if campaign.goal else None
    question = proposing.asked(
        campaign, run, strategy_of(campaign, run.phase, only), count=count, records=people.recorder.count,
        truth=truth, only=only,
    )  # fmt: skip
    return proposing.made(question)


def _new_levels(people: _People, trials: Sequence[TrialRecord]) -> dict[str, list[Value]]:
    """Levels of hard-to-change parameters that the new ``trials`` open beside those in use."""
    found = {}
    for name in hard_parameters(people.campaign) if trials else ():
        before = in_use(people.run, name, before=trials[0].index)
        values = [t.parameters[name] for t in trials if name in t.parameters]
        found[name] = opened(before, values) if before else []
    return {name: values for name, values in found.items() if values}


def _end_where_due(people: _People) -> str | None:
    """Why nothing more is to be suggested, or None; the run ends once nothing is open."""
    run, campaign = people.run, people.campaign
    reason = stopping.stop_reason(run, campaign)
    if reason is None or run.status != "running":
        return reason
    waiting = len(open_trials(run))
    if waiting:
        return f"{reason}; {waiting} suggestion{'s are' if waiting > 1 else ' is'} still open"
    if _unjudged(people):
        people.recorder.proposal(_made(people, 0, {}))
    people.recorder.decide("stop", reason)
    return reason


def _unjudged(people: _People) -> bool:
    """Whether the last labels of a learning campaign have been judged by nobody yet."""
    run, campaign = people.run, people.campaign
    last: Mapping[str, Any] = next((p for p in reversed(run.proposals) if p["origin"] == "strategy"), {})
    learning = campaign.goal is not None and campaign.phases[run.phase].name not in OPTIMIZERS
    return learning and bool(last.get("candidates")) and bool(last.get("model"))


def _rejectable(run: RunRecord, number: int) -> TrialRecord:
    if not 0 <= number < len(run.trials):
        raise RunError(f"there is no trial {number}; {run.name} has {len(run.trials)}, counted from 0.")
    trial = run.trials[number]
    if trial.status not in OPEN:
        raise RunError(f"trial {number} is {trial.status}, so it cannot be rejected any more.")
    return trial
