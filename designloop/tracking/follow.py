"""Following a journal: mirror what is new, outlive the store's outages, end with the run."""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from designloop import journal
from designloop.errors import RunError, TrackingError
from designloop.record import Reader, RunRecord
from designloop.tracking import lock
from designloop.tracking.mirror import LOCK, Mirror, MirrorReport, uri_of
from designloop.tracking.process import MirrorState, Stage, write_state

POLL = 0.3
SHARE = 4
"""The mirror pauses at least this many times as long as a pass took: it must not slow the loop."""
LONGEST = 3.0
"""But no longer than these seconds: the first pass imports MLflow and may take many."""
PATIENCE = 120.0
"""Seconds for which an unreachable store is tried again once the run has ended."""
BACKOFF = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)


@dataclass(frozen=True)
class Parent:
    """The process whose run this is."""

    process: psutil.Process | None

    @classmethod
    def of(cls, pid: int) -> Parent:
        """The process ``pid``, told apart from a later one of the same number."""
        try:
            return cls(psutil.Process(pid))
        except psutil.NoSuchProcess:
            return cls(None)

    def alive(self) -> bool:
        """True while it runs; a zombie does not."""
        try:
            return (
                self.process is not None
                and self.process.is_running()
                and self.process.status() != psutil.STATUS_ZOMBIE
            )
        except psutil.NoSuchProcess:
            return False


class Follower:
    """One mirror process's work."""

    def __init__(self, directory: Path, parent: Parent, *, uri: str | None = None) -> None:
        self.directory, self.parent, self.uri = directory, parent, uri
        self._reader = Reader(directory)
        self._asked_to_end = False
        self._state = MirrorState(stage="starting", pid=psutil.Process().pid, uri=uri)

    def end_soon(self, *_: object) -> None:
        """Complete what is there, then end; also a signal handler."""
        self._asked_to_end = True

    def listen(self) -> None:
        """Say that this process is here and may be asked to end."""
        self._say("starting")

    def fail(self, error: Exception) -> None:
        """Leave word of a fault that ends the mirror; its traceback goes to the log."""
        self._say("behind", error=str(error) or repr(error))

    def run(self) -> Stage:
        """Mirror until the run or its process has ended; the last stage: done, behind or off."""
        record = self._first_record()
        where = self.uri or (uri_of(record) if record else None)
        if where is None:
            return self._say("off")
        mirror = Mirror(self.directory, where)
        self._state = replace(self._state, uri=where)
        size, failures, ended_at = -1, 0, 0.0
        while True:
            alive = self.parent.alive() and not self._asked_to_end
            grown = self._size()
            record = self._reader.read() if grown != size or not alive else record
            assert record is not None
            ended = not alive or _ended(record)
            ended_at = (ended_at or time.monotonic()) if ended else 0.0
            if ended and not failures:
                mirror.forget()  # look once more at what the store really holds
            began = time.monotonic()
            if grown != size or ended or failures:
                error = self._pass(mirror, record, live=alive and not _ended(record))
                failures = failures + 1 if error else 0
                size = -1 if error else grown
            if ended and not failures and self._size() == grown:
                return self._say("done")
            if ended and failures and time.monotonic() - ended_at > PATIENCE:
                return self._say("behind", error=self._state.error)
            self._wait(_pause(failures, took=time.monotonic() - began))

    def _first_record(self) -> RunRecord | None:
        """The run, as soon as its campaign is recorded; None where its process ended before."""
        while True:
            alive = self.parent.alive() and not self._asked_to_end
            try:
                return self._reader.read()
            except RunError as error:
                if not alive:
                    return None
                self._say("starting", error=str(error))
            self._wait(POLL)

    def _pass(self, mirror: Mirror, record: RunRecord, *, live: bool) -> TrackingError | None:
        try:
            self._say("following", report=mirror.push(record, live=live))
        except TrackingError as error:
            self._say("retrying", error=str(error))
            return error
        return None

    def _say(self, stage: Stage, *, report: MirrorReport | None = None, error: str | None = None) -> Stage:
        cpu = psutil.Process().cpu_times()
        state = replace(
            self._state, stage=stage, error=error, since=time.time(),
            cpu_seconds=round(cpu.user + cpu.system, 2),
        )  # fmt: skip
        if report:
            state = replace(
                state, run_id=report.run_id, experiment_id=report.experiment_id,
                trials=report.trials, models=report.models,
            )  # fmt: skip
        self._state = state
        write_state(self.directory, state)
        return stage

    def _size(self) -> int:
        try:
            return (self.directory / journal.FILE).stat().st_size
        except OSError:
            return -1

    def _wait(self, seconds: float) -> None:
        """Wait, but not after somebody asked to end or the parent died."""
        until = time.monotonic() + seconds
        was_alive = self.parent.alive()
        while (left := until - time.monotonic()) > 0 and not self._asked_to_end:
            time.sleep(min(POLL, left))
            if was_alive and not self.parent.alive():
                return
        if self._asked_to_end:
            time.sleep(min(POLL, seconds))


def _pause(failures: int, *, took: float) -> float:
    """Seconds until the next pass."""
    if failures:
        return BACKOFF[min(failures, len(BACKOFF)) - 1]
    return min(max(POLL, SHARE * took), LONGEST)


def _ended(record: RunRecord) -> bool:
    """True where the run's last word is a stop or pause whose report is written."""
    if record.status == "running" or record.report is None:
        return False
    return float(record.report["time"]) >= float(record.decisions[-1]["time"])


def follow(directory: Path, *, pid: int, uri: str | None = None) -> Stage:
    """Mirror the run of process ``pid`` to its end. Raises TrackingError where another mirror works."""
    follower = Follower(directory, Parent.of(pid), uri=uri)
    signal.signal(signal.SIGTERM, follower.end_soon)
    follower.listen()
    # The mirror of this run's former process may still be trying; it gives up before this one does.
    with lock.holding(directory / LOCK, wait=2 * PATIENCE, what="the mirror of this run"):
        try:
            return follower.run()
        except Exception as error:
            follower.fail(error)
            raise
