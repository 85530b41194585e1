"""What a journal says: its records gathered into trials, proposals and decisions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from designloop import journal
from designloop.errors import RunError
from designloop.oracle import Cause, Observation, Value
from designloop.tally import Incumbents, Tally

TrialStatus = Literal["proposed", "running", "waiting", "completed", "infeasible", "failed", "withdrawn"]
"""waiting: to be tried again; withdrawn: proposed and never run."""
Origin = Literal["strategy", "baseline", "start_with", "existing", "held_out", "told"]
"""told: run by the user without having been suggested."""
OPEN: tuple[TrialStatus, ...] = ("proposed", "running", "waiting")
"""Statuses of trials whose answer is still to come."""


@dataclass(kw_only=True)
class Attempt:
    """One evaluation of a trial; ``status`` is None while it runs, or where its process died."""

    number: int
    handle: Mapping[str, Any]
    started: float
    fidelity: str | None = None
    ended: float | None = None
    status: Literal["completed", "infeasible", "failed"] | None = None
    metrics: dict[str, Observation] = field(default_factory=dict)
    reason: str | None = None
    cause: Cause | None = None
    does: str | None = None
    """What a failure means for the trial, as the campaign's policy said when it happened."""
    again: float | None = None
    """When the trial may be tried again, in epoch seconds; set where ``does`` is retry."""
    seconds: float | None = None
    artifacts: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, Any] = field(default_factory=dict)
    """How the oracle says that its answer came about."""

    @property
    def only_waited(self) -> bool:
        """True where a licence or another resource was not free, and the trial is tried again."""
        return self.cause == "wait" and self.does == "retry"


@dataclass(kw_only=True)
class TrialRecord:
    """One design and everything known of it. ``parameters`` are in the user's units."""

    index: int
    parameters: Mapping[str, Value]
    origin: Origin
    reason: Mapping[str, Any] = field(default_factory=dict)
    proposal: int | None = None
    model: str | None = None
    """Folder of the model it was chosen with, relative to the run."""
    fidelity: str | None = None
    """At which of two fidelities it was to be evaluated; None: the one that counts, or the only one."""
    ran: Mapping[str, Value] | None = None
    """What was run where that is not what was proposed, as people in a laboratory report it."""
    withdrawn: Mapping[str, Any] | None = None
    """Why it was never run and ``by`` whom: the campaign or the user."""
    attempts: list[Attempt] = field(default_factory=list)
    in_range: bool = True

    @property
    def last(self) -> Attempt | None:
        """The attempt that counts."""
        return self.attempts[-1] if self.attempts else None

    @property
    def status(self) -> TrialStatus:
        """Where the trial stands."""
        if self.withdrawn is not None:
            return "withdrawn"
        if self.last is None:
            return "proposed"
        if self.last.status != "failed":
            return self.last.status or "running"
        meanings: dict[str | None, TrialStatus]
        meanings = {"retry": "waiting", "infeasible": "infeasible", "keep": "completed"}
        return meanings.get(self.last.does, "failed")

    @property
    def is_open(self) -> bool:
        """True while its answer is still to come."""
        return self.status in OPEN

    @property
    def design(self) -> Mapping[str, Value]:
        """What was evaluated: as reported, else as proposed."""
        return self.parameters if self.ran is None else self.ran

    @property
    def is_measured(self) -> bool:
        """True where people answered: imported, or told."""
        return self.last is not None and self.last.handle.get("kind") in ("existing", "manual")

    def place(self, attempt: int) -> int:
        """Number of an attempt's folder and of its run in a tracker, from 1.

        Attempts that only waited share those of the one that follows.
        """
        return 1 + sum(not a.only_waited for a in self.attempts if a.number < attempt)

    @property
    def metrics(self) -> dict[str, Observation]:
        """Metrics of the attempt that counts; empty before its outcome."""
        return self.last.metrics if self.last else {}

    def value(self, metric: str) -> float | None:
        """One metric's value, or None where it was not observed."""
        return self.metrics[metric].value if metric in self.metrics else None


@dataclass(kw_only=True)
class RunRecord:
    """A run as its journal tells it."""

    directory: Path
    revisions: list[dict[str, Any]] = field(default_factory=list)
    trials: list[TrialRecord] = field(default_factory=list)
    proposals: list[dict[str, Any]] = field(default_factory=list)
    decisions: list[dict[str, Any]] = field(default_factory=list)
    """Each with ``outcomes_before``: how many outcomes it came after."""
    outcomes: list[tuple[int, int]] = field(default_factory=list)
    """(trial, attempt) in the order in which they ended."""
    answers: int = 0
    """Outcomes that taught something: not those that are only tried again."""
    report: dict[str, Any] | None = None
    lessons: list[dict[str, Any]] = field(default_factory=list)
    """Retrainings of surrogates, each with ``outcomes_before``: how many outcomes it came after."""
    tally: Tally = field(default_factory=Tally, repr=False, compare=False)
    """What the records add up to."""
    shown: dict[int, Any] = field(default_factory=dict, init=False, repr=False, compare=False)
    """Trials as strategies see them, and below how many of the tally's changes that knows of."""
    shown_changes: int = field(default=0, init=False, repr=False, compare=False)
    incumbents: Incumbents = field(default_factory=Incumbents, init=False, repr=False, compare=False)

    @property
    def name(self) -> str:
        """The run's name: its directory's."""
        return self.directory.name

    @property
    def campaign(self) -> dict[str, Any]:
        """The latest revision of the campaign."""
        return self.revisions[-1]

    @property
    def metric(self) -> str:
        """The objective's metric, or in a learning run the first that is learned."""
        return str(self.campaign["objective"]["metric"])

    @property
    def minimize(self) -> bool:
        """True where a smaller objective is better."""
        return bool(self.campaign["objective"]["minimize"])

    @property
    def goal(self) -> dict[str, Any] | None:
        """What the run shall learn; None where it learns nothing."""
        found: dict[str, Any] | None = self.campaign.get("goal")
        return found

    @property
    def learns(self) -> bool:
        """True where the run learns and has no objective, so that no design is the best."""
        return bool(self.campaign["objective"].get("mode") == "learn")

    @property
    def is_manual(self) -> bool:
        """True where people run the trials."""
        return (self.campaign.get("execution") or {}).get("engine") == "manual"

    @property
    def phase(self) -> int:
        """Which of the campaign's strategies is at work, counted from 0."""
        return sum(d["action"] == "phase" for d in self.decisions)

    @property
    def status(self) -> Literal["running", "paused", "finished"]:
        """What the last decision left: a run without one is running, or was killed."""
        action = self.decisions[-1]["action"] if self.decisions else "resume"
        statuses: dict[str, Literal["running", "paused", "finished"]]
        statuses = {"stop": "finished", "pause": "paused", "resume": "running", "phase": "running"}
        return statuses[action]

    @property
    def is_reported(self) -> bool:
        """True where the report was written after the last decision."""
        return bool(self.report and self.decisions and self.report["after_decisions"] == len(self.decisions))

    def violations(self, trial: TrialRecord) -> list[tuple[float, dict[str, Any]]]:
        """Outcome constraints that the trial does not meet: by how much relative to the bound, and which.

        A constrained metric that was not observed counts as violated without limit. Only a margin that the
        campaign bounds by default is passed over where people measured: who measured a device knows that it
        exists, and has no column for the oracle's margins.
        """
        found = []
        for constraint in self.campaign["constraints"]:
            value = trial.value(constraint["metric"])
            if value is None:
                if not (constraint.get("is_margin") and trial.is_measured):
                    found.append((float("inf"), constraint))
                continue
            bound = float(constraint["bound"])
            excess = value - bound if constraint["relation"] == "<=" else bound - value
            if excess > 0:
                found.append((excess / (abs(bound) or 1.0), constraint))
        return found

    def violation(self, trial: TrialRecord) -> float:
        """Largest violation of an outcome constraint, relative to its bound; 0 where all hold."""
        return max((excess for excess, _ in self.violations(trial)), default=0.0)

    def is_feasible(self, trial: TrialRecord) -> bool:
        """True where the trial completed, counts, lies in the space, and meets every outcome constraint."""
        answered = trial.status == "completed" and self.counts(trial)
        return answered and trial.in_range and self.violation(trial) <= 0

    def counts(self, trial: TrialRecord) -> bool:
        """True where the trial's answer may be the run's: not at the cheap one of two fidelities."""
        names = (self.campaign.get("oracle") or {}).get("fidelities")
        return not names or trial.fidelity in (None, names[-1])

    def best(self, trials: Iterable[TrialRecord] | None = None) -> TrialRecord | None:
        """The best feasible measured design, the earliest of equals; None where none is, or none can be."""
        if self.learns:
            return None
        if trials is None:
            return self.incumbents.after(self)
        sign = 1 if self.minimize else -1
        feasible = [
            (sign * value, t.index, t)
            for t in trials
            if self.is_feasible(t) and (value := t.value(self.metric)) is not None
        ]
        return min(feasible)[2] if feasible else None


def snapshot(run: RunRecord) -> RunRecord:
    """A copy that later records do not change, except by corrections: these come from people alone."""
    trials = [t if _is_settled(t) else _copied(t) for t in run.trials]
    return replace(
        run,
        trials=trials,
        revisions=list(run.revisions),
        proposals=list(run.proposals),
        decisions=list(run.decisions),
        outcomes=list(run.outcomes),
        lessons=list(run.lessons),
        tally=deepcopy(run.tally),
    )


def _copied(trial: TrialRecord) -> TrialRecord:
    return replace(trial, attempts=[replace(a) for a in trial.attempts])


def _is_settled(trial: TrialRecord) -> bool:
    """Whether no later attempt can change it: a failed one may be repeated."""
    return trial.status in ("completed", "infeasible")


def observation(content: Mapping[str, float]) -> Observation:
    """An observation from its journal form."""
    return Observation(**content)


def observed(metrics: Mapping[str, Observation]) -> dict[str, dict[str, float]]:
    """Observations in their journal form: absent errors are left out."""
    return {
        name: {k: v for k, v in vars(o).items() if v is not None}
        for name, o in metrics.items()
    }  # fmt: skip


def gather(records: Iterable[Mapping[str, Any]], *, directory: Path) -> RunRecord:
    """Records in order as a RunRecord."""
    run = RunRecord(directory=directory)
    for record in records:
        apply(run, record)
    return run


def apply(run: RunRecord, record: Mapping[str, Any]) -> None:
    """Add the next record to ``run``; a kind it does not know is passed over."""
    gatherer = _GATHER.get(record["kind"])
    if gatherer:
        gatherer(run, record)
        run.tally.add(run, record)


def read(directory: Path) -> RunRecord:
    """The run in ``directory``, read without locking. Raises RunError."""
    return Reader(directory).read()


class Reader:
    """Reads a run on as its journal grows, without locking."""

    def __init__(self, directory: Path) -> None:
        self._run, self._tail = RunRecord(directory=directory), journal.Tail(directory)

    def read(self) -> RunRecord:
        """The run as it stands: the same object, unless its journal was cut. Raises RunError."""
        records, afresh = self._tail.read()
        if afresh:
            self._run = RunRecord(directory=self._run.directory)
        for entry in records:
            apply(self._run, entry)
        if not self._run.revisions:
            directory = self._run.directory
            raise RunError(f"{directory}: its journal holds no campaign yet; the run died before it began.")
        return self._run


def _campaign(run: RunRecord, record: Mapping[str, Any]) -> None:
    run.revisions.append(dict(record))


def _proposal(run: RunRecord, record: Mapping[str, Any]) -> None:
    run.proposals.append(dict(record))
    for candidate in record["candidates"]:
        run.trials.append(
            TrialRecord(
                index=candidate["trial"],
                parameters=candidate["parameters"],
                origin=record["origin"],
                reason=candidate["reason"],
                proposal=record["number"],
                model=record.get("model"),
                fidelity=candidate.get("fidelity"),
            )
        )


def _import(run: RunRecord, record: Mapping[str, Any]) -> None:
    run.incumbents = Incumbents()
    for row in record["trials"]:
        metrics = {name: observation(o) for name, o in row["metrics"].items()}
        attempt = Attempt(
            number=1, handle={"kind": "existing"}, started=record["time"], ended=record["time"],
            status=row["status"], metrics=metrics, reason=row["source"],
        )  # fmt: skip
        run.trials.append(
            TrialRecord(
                index=row["trial"], parameters=row["parameters"], origin="existing",
                reason={"generator": "existing", "text": row["source"]},
                attempts=[attempt], in_range=row["in_range"],
            )
        )  # fmt: skip


def _start(run: RunRecord, record: Mapping[str, Any]) -> None:
    attempt = Attempt(
        number=record["attempt"], handle=record["handle"], started=record["time"],
        fidelity=record.get("fidelity"),
    )  # fmt: skip
    run.trials[record["trial"]].attempts.append(attempt)


def _outcome(run: RunRecord, record: Mapping[str, Any]) -> None:
    attempt = _answer(run, record)
    attempt.seconds = record.get("seconds")
    attempt.artifacts = record.get("artifacts", {})
    attempt.ended = record["time"]
    run.outcomes.append((record["trial"], record["attempt"]))
    run.answers += attempt.does != "retry"


def _answer(run: RunRecord, record: Mapping[str, Any]) -> Attempt:
    """What an attempt gave, and what was run."""
    trial: TrialRecord = run.trials[record["trial"]]
    attempt = next(a for a in trial.attempts if a.number == record["attempt"])
    attempt.status = record["status"]
    attempt.metrics = {name: observation(o) for name, o in record["metrics"].items()}
    attempt.reason = record.get("reason")
    attempt.cause, attempt.does = record.get("cause"), record.get("does")
    attempt.again = record.get("again")
    attempt.notes = record.get("notes", {})
    trial.ran, trial.in_range = record.get("ran"), record.get("in_range", trial.in_range)
    return attempt


def _correction(run: RunRecord, record: Mapping[str, Any]) -> None:
    """An answer that people told wrongly before; the earlier record stays in the journal."""
    _answer(run, record)
    run.incumbents = Incumbents()


def _withdrawal(run: RunRecord, record: Mapping[str, Any]) -> None:
    for index in record["trials"]:
        run.trials[index].withdrawn = {"reason": record["reason"], "by": record["by"]}


def _decision(run: RunRecord, record: Mapping[str, Any]) -> None:
    run.decisions.append({**record, "outcomes_before": len(run.outcomes)})


def _report(run: RunRecord, record: Mapping[str, Any]) -> None:
    run.report = {**record, "after_decisions": len(run.decisions)}


def _lesson(run: RunRecord, record: Mapping[str, Any]) -> None:
    run.lessons.append({**record, "outcomes_before": len(run.outcomes)})


_GATHER = {
    "lesson": _lesson,
    "campaign": _campaign,
    "proposal": _proposal,
    "import": _import,
    "start": _start,
    "outcome": _outcome,
    "correction": _correction,
    "withdrawal": _withdrawal,
    "decision": _decision,
    "report": _report,
}
