"""A worker: keeps watch over a process that asks the oracle. ``python -m designloop.execution.worker``.

It enforces the limits, writes each outcome durably before it tells of it, and kills what attempts leave
behind. When the campaign's process dies it finishes the attempt that it has, and goes.

Messages over the socket: a pickled pair of the outcome's path and the task comes in, JSON with the task's
``key`` and its ``outcome`` goes out. Standard input is the file that the oracle is loaded from.
"""

from __future__ import annotations

import json
import os
import pickle
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from designloop.execution import tree
from designloop.execution.attempt import from_json, to_json, write
from designloop.execution.base import Outcome, Task
from designloop.execution.channel import Channel
from designloop.execution.evaluation import Evaluation
from designloop.execution.output import Output
from designloop.oracle import Cause

LOADING = 600.0
"""Seconds that loading the oracle may take where attempts have a time limit."""

_GRACE = 2.0
"""Seconds that the oracle's process has for its own ending when no more tasks come."""
_CHECK = 0.1
"""Seconds between two looks at the memory, at least; a look takes a twentieth of the time at most."""
_IDLE = 1.0
"""Seconds between two looks whether the campaign's process is there."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Of one attempt: seconds, and bytes of all its processes together."""

    time: float | None = None
    memory: int | None = None


@dataclass(frozen=True, kw_only=True)
class Running:
    """The attempt at work."""

    task: Task
    path: Path
    message: bytes
    since: float
    is_asked: bool = False
    """False while the oracle is being loaded, ``since`` then counts from the task's arrival."""


class Worker:
    """One evaluating process after the other, one attempt at a time."""

    def __init__(self, campaign: Channel, *, parent: int, limits: Limits) -> None:
        self._campaign, self._parent, self._limits = campaign, parent, limits
        self._selector = selectors.DefaultSelector()
        self._output = Output()
        self._running: Running | None = None
        self._broken: str | None = None
        self._is_alone = False
        self._next_check = 0.0
        self._watch(campaign, self._hear_campaign)
        self._signals = tree.child_signals()
        self._watch(self._signals, self._reap)
        self._evaluation: Evaluation | None = self._began()

    def serve(self) -> None:
        """Work until nobody is there to give tasks."""
        while not self._is_alone or self._running:
            for key, _ in self._selector.select(self._patience()):
                # An earlier event of the same batch may have ended what this one is about.
                if key.fd in self._selector.get_map():
                    key.data()
            self._check_limits()
            if not self._is_alone and os.getppid() != self._parent:
                self._hear_campaign()
                self._leave_alone()
        if self._evaluation:
            self._evaluation.channel.close()
            self._evaluation.wait(_GRACE)

    def _watch(self, file: Any, react: Callable[[], None]) -> None:
        self._selector.register(file, selectors.EVENT_READ, react)

    def _began(self) -> Evaluation:
        evaluation = Evaluation()
        self._watch(evaluation.channel, self._hear_evaluation)
        self._watch(evaluation.printed, self._take_output)
        return evaluation

    def _patience(self) -> float:
        """Seconds until something has to be looked at."""
        if not self._running:
            return _IDLE
        now, times = time.monotonic(), [_IDLE]
        if self._limits.time:
            times.append(self._running.since + self._allowed() - now)
        if self._limits.memory:
            times.append(self._next_check - now)
        return max(0.0, min(times))

    def _allowed(self) -> float:
        return (self._limits.time or 0.0) if self._running and self._running.is_asked else LOADING

    def _hear_campaign(self) -> None:
        messages, is_open = self._campaign.arrived()
        for message in messages:
            self._accept(message)
        if not is_open:
            self._leave_alone()

    def _leave_alone(self) -> None:
        self._is_alone = True
        with suppress(KeyError, ValueError):
            self._selector.unregister(self._campaign)

    def _accept(self, message: bytes) -> None:
        path, task = pickle.loads(message)
        self._running = Running(task=task, path=path, message=message, since=time.monotonic())
        self._output.begin(task.context.directory)
        if self._broken:
            reason, self._broken = self._broken, None
            self._fail("error", reason)
            return
        if self._evaluation is None:
            self._evaluation = self._began()
        self._ask()

    def _ask(self) -> None:
        """Pass the task on, once the oracle is loaded."""
        if self._running and self._evaluation and self._evaluation.is_ready:
            self._running = replace(self._running, is_asked=True, since=time.monotonic())
            with suppress(OSError):
                self._evaluation.channel.send(self._running.message)

    def _hear_evaluation(self) -> None:
        if not self._evaluation:
            return
        messages, is_open = self._evaluation.channel.arrived()
        for message in messages:
            try:
                self._react(json.loads(message))
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                self._fail("invalid", f"the oracle's process sent junk: {error}")
        if not is_open and self._evaluation:
            # Its process may live on for a moment; whether and how it ended is a signal's news.
            with suppress(KeyError):
                self._selector.unregister(self._evaluation.channel)

    def _react(self, message: dict[str, Any]) -> None:
        if not self._evaluation:
            return
        if "broken" in message:
            self._broken = str(message["broken"])
            if self._running:
                reason, self._broken = self._broken, None
                self._fail("error", reason)
        elif "ready" in message:
            self._evaluation.is_ready = True
            self._ask()
        elif self._running and self._running.is_asked:
            outcome = from_json(message["outcome"])
            if message["left"]:
                tree.kill_below(os.getpid(), spare=[self._evaluation.pid])
            self._finish(outcome)

    def _take_output(self) -> None:
        if self._evaluation:
            is_open = self._evaluation.take_output(self._output.take)
            if not is_open:
                self._selector.unregister(self._evaluation.printed)

    def _reap(self) -> None:
        """Children have ended: orphans of the oracle, or the process that asks it."""
        with suppress(BlockingIOError):
            self._signals.recv(4096)
        codes, _ = tree.reaped()
        if self._evaluation and self._evaluation.pid in codes:
            code = codes[self._evaluation.pid]
            self._evaluation.ended(codes)
            self._hear_evaluation()
            if self._running:
                what = "in the middle of the evaluation" if self._running.is_asked else "loading the oracle"
                self._fail("crash", f"the oracle's process {tree.manner(code)} {what}")
            else:
                self._end_evaluation()

    def _check_limits(self) -> None:
        running, now = self._running, time.monotonic()
        if running and self._limits.time and now - running.since >= self._allowed():
            what = "no answer" if running.is_asked else "the oracle was not loaded"
            self._fail("timeout", f"{what} after {self._allowed():g} s, the time limit")
        elif running and self._limits.memory and now >= self._next_check:
            held = tree.memory(os.getpid(), limit=self._limits.memory)
            if held > self._limits.memory:
                figures = f"{held / 1e9:.2f} GB, above the limit of {self._limits.memory / 1e9:g} GB"
                self._fail("memory", f"the attempt's processes held {figures}")
            took = time.monotonic() - now
            self._next_check = now + max(_CHECK, 20 * took)

    def _fail(self, cause: Cause, reason: str) -> None:
        """End the evaluating process with everything below it, and the attempt with it."""
        running = self._running
        self._end_evaluation()
        if running:
            seconds = time.monotonic() - running.since if running.is_asked else 0.0
            words = self._output.last_words()
            self._finish(Outcome(status="failed", cause=cause, reason=reason + words, seconds=seconds))

    def _end_evaluation(self) -> None:
        tree.kill_below(os.getpid())
        if self._evaluation:
            self._evaluation.ended(tree.reaped()[0])
            self._evaluation.take_output(self._output.take)
            for file in (self._evaluation.channel, self._evaluation.printed):
                with suppress(KeyError, ValueError):
                    self._selector.unregister(file)
            self._evaluation.close()
            self._evaluation = None

    def _finish(self, outcome: Outcome) -> None:
        """Make the outcome durable, then tell of it."""
        if not self._running:
            return
        running, self._running = self._running, None
        if self._evaluation:
            self._evaluation.take_output(self._output.take)
        self._output.end()
        with suppress(OSError):
            write(outcome, running.path)
        message = {"key": running.task.key, "outcome": to_json(outcome)}
        try:
            self._campaign.send(json.dumps(message).encode())
        except OSError:
            self._leave_alone()


def main() -> None:
    """Serve the campaign at the other end of the socket; the oracle's processes die with this one."""
    given = json.loads(sys.argv[1])
    signal.signal(signal.SIGINT, lambda *_: None)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    tree.adopt_orphans()
    try:
        channel = Channel(socket.socket(fileno=given["socket"]))
        limits = Limits(time=given["time_limit"], memory=given["memory_limit"])
        Worker(channel, parent=given["parent"], limits=limits).serve()
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        tree.kill_below(os.getpid())


if __name__ == "__main__":
    main()
