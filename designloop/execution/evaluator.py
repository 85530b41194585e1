"""The process that asks the oracle, and may die of it: ``python -m designloop.execution.evaluator``.

Standard input is a file with two pickles: where to import from, and the oracle. Each message over the socket
is a pickled pair of the outcome's path and the task; each answer is JSON: ``ready`` or ``broken`` once, then
for each task its ``outcome`` and whether living processes were ``left`` behind.
"""

from __future__ import annotations

import ctypes
import faulthandler
import io
import json
import os
import pickle
import resource
import signal
import socket
import sys
import traceback
from contextlib import suppress
from dataclasses import replace
from typing import Any

from designloop.execution import tree
from designloop.execution.attempt import attempt, to_json
from designloop.execution.base import Evaluate, Outcome, Task
from designloop.execution.channel import Channel
from designloop.oracle import Context, Failed, Result

ANSWER = 64_000_000
"""Bytes that an answer may have as JSON."""
REASON = 4_000
"""Characters of a reason; what is longer is cut."""


class _Guarded:
    """The oracle, with lack of memory told from other errors."""

    def __init__(self, oracle: Evaluate) -> None:
        self._oracle = oracle

    def evaluate(self, design: Any, context: Context) -> Result:
        """Ask it."""
        try:
            return self._oracle.evaluate(design, context)
        except MemoryError as error:
            traceback.print_exc()
            raise Failed(f"the oracle found no memory: {error}".rstrip(": "), cause="memory") from error


def main() -> None:
    """Load the oracle, then answer until nobody asks."""
    channel = Channel(socket.socket(fileno=int(sys.argv[1])))
    _settle(parent=int(sys.argv[2]))
    try:
        oracle = _Guarded(_load())
    except BaseException as error:
        traceback.print_exc()
        _flush()
        reason = f"the oracle cannot be loaded in a process of its own: {type(error).__name__}: {error}"
        channel.send(json.dumps({"broken": reason[:REASON]}).encode())
        return
    channel.send(b'{"ready": true}')
    me, home = os.getpid(), os.getcwd()
    while (message := channel.receive()) is not None:
        answer = _answer(oracle, pickle.loads(message)[1])
        if os.getpid() != me:
            # A copy that the oracle forked came back from the evaluation like the original.
            os._exit(1)
        _flush()
        with suppress(OSError):
            os.chdir(home)
        left = json.dumps(tree.reaped()[1]).encode()
        channel.send(b'{"outcome": ' + answer + b', "left": ' + left + b"}")


def _settle(*, parent: int) -> None:
    """Signals, and what becomes of this process when things go wrong."""
    tree.die_with_parent(parent)
    tree.adopt_orphans()
    # A handler, not SIG_IGN: programs that the oracle starts would inherit that.
    signal.signal(signal.SIGINT, lambda *_: None)
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    with suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        # Where the machine itself runs out of memory, the system should rather end this than the campaign.
        file.write("500")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True, errors="backslashreplace")
    faulthandler.enable()


def _load() -> Evaluate:
    with io.BytesIO(os.pread(0, os.fstat(0).st_size, 0)) as content:
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        sys.path[:] = pickle.load(content)
        oracle: Evaluate = pickle.load(content)
    return oracle


def _answer(oracle: Evaluate, task: Task) -> bytes:
    """The outcome of an attempt as JSON of bounded length, whatever the oracle did or answered."""
    try:
        outcome = attempt(oracle, task)
    except Exception as error:
        outcome = _invalid(f"the oracle's answer is none: {type(error).__name__}: {error}")
    except BaseException as error:
        traceback.print_exc()
        reason = f"{type(error).__name__}: {error}".rstrip(": ")
        outcome = Outcome(status="failed", cause="error", reason=reason)
    if outcome.reason and len(outcome.reason) > REASON:
        outcome = replace(outcome, reason=f"{outcome.reason[:REASON]} ...")
    try:
        content = json.dumps(to_json(outcome), allow_nan=False).encode()
    except Exception as error:
        content = _plain(_invalid(f"the oracle's answer is no JSON: {error}"[:REASON]))
    if len(content) <= ANSWER:
        return content
    return _plain(
        _invalid(
            f"the oracle's answer is {len(content) / 1e6:.0f} MB long, above {ANSWER / 1e6:.0f} MB. Write "
            "what is large into files of the trial's folder."
        )
    )


def _invalid(reason: str) -> Outcome:
    return Outcome(status="failed", cause="invalid", reason=reason)


def _plain(outcome: Outcome) -> bytes:
    return json.dumps(to_json(outcome)).encode()


def _flush() -> None:
    """Bring to the pipe what was printed, by Python or by C; the oracle may have closed anything."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    with suppress(Exception):
        ctypes.CDLL(None).fflush(None)


if __name__ == "__main__":
    main()
