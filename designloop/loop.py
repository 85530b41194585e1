"""The loop: keeps the pipeline full, in order, survivable. The only stateful object."""

from __future__ import annotations

import math
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Protocol, cast

from designloop import goals, hours, pausing, proposing, revision, stopping
from designloop.campaign.model import Campaign, StrategyChoice
from designloop.errors import RunError
from designloop.execution import Executor, Outcome, Task, elsewhere
from designloop.execution.attempt import FOLDER, read
from designloop.journal import Journal
from designloop.proposing import Aside, Made
from designloop.record import OPEN, Attempt, RunRecord, TrialRecord
from designloop.recording import Recorder, Unwatched, Watch, test_designs
from designloop.strategies.base import OPTIMIZERS, Strategy, StrategyExhausted

__all__ = ["Loop", "Teacher", "Unwatched", "Watch", "test_designs"]

GLANCE = 0.25
"""Seconds after which the loop looks up from waiting: at the clock, and at whether it shall stop."""
SEQUENCES = ("random", "sobol", "latin_hypercube")
"""Strategies without a model."""
LATELY = 5
"""So many proposals say how long the next may take: fits come every few of them."""
SOON = 0.01
"""The same while a worker is idle for want of a design that is being chosen."""


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


class Loop:
    """One campaign in one run directory, with the journal's lock held.

    With ``staleness`` 0 it goes by rounds: choose, evaluate all, think, choose. Otherwise designs are chosen
    in a thread while others are evaluated, so that workers do not wait; no design starts that was chosen
    without knowing more than ``staleness`` outcomes.
    """

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
        interrupted: Callable[[], bool] = lambda: False,
        gives_up: bool = False,
    ) -> None:
        """``gives_up``: attempts that may go on under another engine are run again all the same."""
        self.campaign, self.run = campaign, run
        self._recorder = Recorder(campaign=campaign, journal=journal, run=run, watch=watch)
        self._strategies, self._executor, self._watch = strategies, executor, watch
        self._truth, self._teacher, self._interrupted = truth, teacher, interrupted
        self._aside = Aside()
        self._running: dict[str, Task] = {}
        self._ready: deque[TrialRecord] = deque()
        self._again: list[TrialRecord] = []
        self._pausing: str | None = None
        self._failed: list[int] = []
        """Trials whose failures ask for a pause."""
        self._turning = False
        """Nothing new begins until what runs has ended: something is to be decided then."""
        self._exhausted: str | None = None
        self._is_closed = False
        self._gives_up = gives_up

    def go(self) -> RunRecord:
        """Run to the end or to a pause; every step is durable before the next begins."""
        self._recorder.seed_trials()
        self._take_up()
        if not self._rounds and self.run.status == "running":
            self._first_designs()
        while self.run.status == "running":
            self._begin()
            if self._at_rest():
                self._decide_what_next()
            else:
                self._ask_ahead()
                self._gather()
        return self.run

    def close(self) -> None:
        """Let go of the workers; what runs in them goes on where the engine allows it."""
        self._executor.close()

    @property
    def _choice(self) -> StrategyChoice:
        """The strategy at work."""
        return self.campaign.phases[self.run.phase]

    @property
    def _rounds(self) -> bool:
        return self.campaign.execution.staleness == 0

    def _take_up(self) -> None:
        """Find the open trials again: those that run somewhere, those to run, those to be repeated."""
        for trial in stopping.open_trials(self.run):
            last = trial.last
            if trial.status == "running" and last is not None:
                self._take_over(trial, last)
                if self._runs(trial) or trial.status not in OPEN:
                    continue
            (self._again if trial.status == "waiting" else self._ready).append(trial)

    def _runs(self, trial: TrialRecord) -> bool:
        return any(task.trial == trial.index for task in self._running.values())

    def _take_over(self, trial: TrialRecord, last: Attempt) -> None:
        """Await an attempt that goes on somewhere, or record how it ended; nothing for those of this process.

        Raises RunError where it may go on under another engine than the one at work.
        """
        task, kind = self._recorder.task(trial, attempt=last.number), last.handle.get("kind")
        if kind == "in-process":
            return
        outcome = None
        if kind == self._executor.kind:
            if self._executor.adopt(task, last.handle):
                self._running[task.key] = task
                return
        else:
            outcome = read(self.run.directory / FOLDER / f"{task.key}.json")
            if outcome is None and not self._gives_up and elsewhere.may_run(last.handle):
                raise RunError(_elsewhere(self.run, trial, str(kind)))
        lost = "what ran it is gone, and left no answer"
        self._recorder.outcome(task, outcome or Outcome(status="failed", cause="lost", reason=lost))

    def _begin(self) -> None:
        """Start what is ready, as far as workers are free and the hours allow it."""
        now = time.time()
        due = [t for t in self._again if t.last is None or (t.last.again or 0.0) <= now]
        self._again = [t for t in self._again if t not in due]
        self._ready.extendleft(reversed(due))
        while self._ready and self._free() > 0 and not self._halting() and self._is_open():
            if not self._rounds and self._ended_early():
                self._turning = True
                break
            trial = self._ready.popleft()
            if self._is_stale(trial):
                self._recorder.withdraw([trial], "too many outcomes came after it was chosen", by="campaign")
                continue
            task = self._recorder.task(trial)
            self._recorder.start(task, self._executor.handle(task))
            self._executor.start(task)
            self._running[task.key] = task

    def _is_stale(self, trial: TrialRecord) -> bool:
        """Whether a design was chosen too long ago; not one that was begun already, or by rounds."""
        known = self._recorder.staleness(trial)
        fresh = trial.attempts or known is None or self._rounds
        return not fresh and (known or 0) > self.campaign.execution.staleness

    def _free(self) -> int:
        """Attempts that may begin: workers, and tokens of every licence."""
        licensed = self.campaign.execution.licensed.values()
        return min([self._executor.slots, *licensed]) - len(self._running)

    def _is_open(self) -> bool:
        wait = hours.wait(self.campaign.execution.hours)
        if wait and not self._is_closed:
            self._watch.waits(f"outside the hours of the campaign; they begin in {wait / 3600:.1f} h")
        self._is_closed = wait > 0
        return not self._is_closed

    def _halting(self) -> bool:
        """Whether nothing new may begin."""
        return self._turning or self._pausing is not None or self._interrupted()

    def _at_rest(self) -> bool:
        """Whether nothing runs, and nothing can be done but decide."""
        if self._running or self._aside.busy:
            return False
        return self._halting() or not (self._ready or self._again)

    def _decide_what_next(self) -> None:
        self._turning = False
        if self._pausing or self._interrupted():
            why: dict[str, Any] = {"failed": self._failed} if self._pausing else {"by": "user"}
            self._recorder.decide("pause", self._pausing or "stopped by the user", **why)
            return
        self._teach()
        early = stopping.early_reason(self.run, self.campaign)
        left = bool(self._ready or self._again)
        reason = early if left else stopping.stop_reason(self.run, self.campaign)
        over = stopping.phase_over(self.run, self.campaign)
        if reason and self._unjudged():
            self._propose(0)
        elif reason:
            self._recorder.withdraw((*self._ready, *self._again), f"not run: {reason}", by="campaign")
            self._recorder.decide("stop", reason)
        elif left:
            return
        elif over:
            self._recorder.decide("phase", f"{self._choice.name}: {over}")
        elif self._exhausted:
            self._recorder.decide("stop", self._exhausted)
        else:
            self._propose()

    def _unjudged(self) -> bool:
        """Whether the last labels of a learning campaign have been judged by nobody yet."""
        last = self.run.proposals[-1] if self.run.proposals else {}
        learning = self.campaign.goal is not None and self._choice.name not in OPTIMIZERS
        return learning and bool(last.get("candidates")) and bool(last.get("model"))

    def _teach(self) -> None:
        """Let surrogates learn from what solvers answered; every lesson is recorded before it counts."""
        if self._teacher is None:
            return
        for stage in self._teacher.due(self.run):
            self._watch.waits(f"training the surrogate {stage}".rstrip())
            content = self._teacher.lesson(self.run, stage)
            self._recorder.append("lesson", **content)
            if content["promoted"]:
                self._executor.close()
                self._executor = self._teacher.executor(self.run)

    def _batch(self) -> int:
        return int(cast(float, self._choice.options.get("batch", 1)))

    def _propose(self, most: int | None = None) -> None:
        """Ask for the next designs, ``most`` of them; none: the model is trained and judged only."""
        left = max(0, stopping.budget_left(self.run, self.campaign.stop))
        if self._rounds or most is not None:
            together = max(self._batch(), self._executor.slots)
            self._propose_here(min(together if most is None else most, left))
        else:
            self._propose_aside(min(max(self._batch(), self._free()), left))

    def _first_designs(self) -> None:
        """Those of the initial design, as far as they may be chosen ahead; then models are loaded aside."""
        initial = sum(self._choice.initial.values()) - revision.history_of(self.run).proposals
        left = stopping.budget_left(self.run, self.campaign.stop)
        count = min(initial, left, self.campaign.execution.staleness + self._free() - len(self._ready))
        if count > 0:
            self._propose_here(count)
            self._begin()
        if any(phase.name not in SEQUENCES for phase in self.campaign.phases):
            self._aside.load()

    def _propose_here(self, count: int) -> None:
        loading = "" if "torch" in sys.modules else "; the first model loads Ax and PyTorch"
        self._watch.waits(f"choosing the next design{loading}")
        try:
            made = proposing.made(self._question(count))
        except StrategyExhausted as end:
            self._recorder.decide("stop", str(end))
            return
        self._ready.extend(self._recorder.proposal(made))

    def _propose_aside(self, count: int) -> None:
        if not (self._running or self._ready):
            self._watch.waits("choosing the next designs")
        self._aside.begin(self._question(count))

    def _question(self, count: int) -> proposing.Asked:
        return proposing.asked(
            self.campaign, self.run, self._strategies[self.run.phase], count=count,
            records=self._recorder.count, aside=not self._rounds, truth=self._truth,
        )  # fmt: skip

    def _ask_ahead(self) -> None:
        """Take in the designs that were chosen meanwhile, and have the next ones chosen in time."""
        if self._rounds or self._halting() or self._exhausted:
            return
        self._land(0.0)
        if self._aside.busy or stopping.budget_left(self.run, self.campaign.stop) <= 0:
            return
        over = stopping.phase_over(self.run, self.campaign)
        if over:
            self._recorder.decide("phase", f"{self._choice.name}: {over}")
        count = self._wanted()
        if count > 0:
            self._propose_aside(count)

    def _wanted(self) -> int:
        """How many designs to choose now: as many as will be asked for while they are chosen; 0: not yet.

        Later is better as long as no worker waits, because more outcomes are known then.
        """
        waiting, free = len(self._ready) + len(self._again), self._free()
        pace = self._pace()
        expected = math.ceil(pace + math.sqrt(pace))  # outcomes come by chance: one deviation more
        if waiting >= max(free, expected, 1):
            return 0
        allowed = self.campaign.execution.staleness + free - waiting
        count = min(max(free - waiting, expected), max(1, allowed))
        return min(max(count, self._batch()), stopping.budget_left(self.run, self.campaign.stop))

    def _pace(self) -> float:
        """Outcomes to be expected while the next designs are chosen."""
        slots = max(1, self._executor.slots)
        ended = [self.run.trials[trial].last for trial, _ in self.run.outcomes[-slots:]]
        seconds = [a.seconds for a in ended if a and a.seconds is not None and a.does != "retry"]
        made = [p["seconds"].get("propose", 0.0) for p in self.run.proposals[-LATELY:]]
        if not seconds or not made:
            return 1.0
        return min(float(slots), float(max(made)) * slots / max(sum(seconds) / len(seconds), 1e-6))

    def _land(self, timeout: float) -> None:
        """Record the designs that were chosen, as many as can start before they are too stale.

        Where nothing new may begin they are not wanted any more.
        """
        try:
            made = self._aside.answer(timeout) if self._aside.busy else None
        except StrategyExhausted as end:
            self._exhausted = str(end)
            return
        if made is not None and not self._halting():
            kept = self._fresh_enough(made)
            if kept or not made.proposal.candidates:
                self._ready.extend(self._recorder.proposal(made, keep=kept))

    def _fresh_enough(self, made: Made) -> int:
        """How many of the designs can start before ``staleness`` outcomes have come that they do not know."""
        since = self.run.answers - made.seen["outcomes"]
        room = self.campaign.execution.staleness - since
        if room < 0:
            return 0
        return min(len(made.proposal.candidates), max(0, room + self._free() - len(self._ready)))

    def _gather(self) -> None:
        """Wait until something has ended, and record it."""
        idle = self._aside.busy and self._free() > 0 and not self._ready
        if not self._running:
            if self._aside.busy:
                self._land(GLANCE)
            else:
                time.sleep(self._pause())
                self._turning = self._turning or self._ended_early()
            return
        for task, outcome in self._executor.ended(SOON if idle else self._pause()):
            del self._running[task.key]
            trial = self._recorder.outcome(task, outcome)
            if trial.status == "waiting":
                self._again.append(trial)
            self._consider()
            self._begin()

    def _pause(self) -> float:
        """Seconds to wait at most."""
        due = [t.last.again - time.time() for t in self._again if t.last and t.last.again]
        return max(0.0, min([GLANCE, *due]))

    def _consider(self) -> None:
        """What the latest outcome means for the run."""
        if self._pausing is None:
            self._pausing = stopping.pause_reason(self.run, self.campaign)
            self._failed = pausing.behind(self.run, since=self.run.decisions) if self._pausing else []
        if self._rounds or self._turning:
            return
        due = self._teacher is not None and bool(self._teacher.due(self.run))
        self._turning = due or self._ended_early()

    def _ended_early(self) -> bool:
        """Whether a rule other than the number of trials ends the campaign."""
        return stopping.ended_early(self.run, self.campaign)


def _elsewhere(run: RunRecord, trial: TrialRecord, kind: str) -> str:
    engine = elsewhere.ENGINES[kind]
    return (
        f"trial {trial.index} was begun under engine {engine} and may still run there. To collect it: "
        f"designloop resume {run.name} --set execution.engine={engine}. To give it up and run it again: "
        "the same command as now with --give-up."
    )
