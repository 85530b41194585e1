"""What the end of a program means: failures known by their sign first, then the marks of success."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from designloop.oracle import Cause, Failed, Infeasible

from .judged_parts import FailureSpec, SuccessSpec
from .paths import real_file
from .program import Step
from .running import LARGEST, Ended

LARGEST_LOG = 100_000_000
"""Bytes of a log that are searched: the last ones."""

_CAUSES: dict[str, Cause] = {"wait": "wait", "retry": "lost", "error": "error", "guard": "guard"}


def log_text(folder: Path, name: str) -> str:
    """The end of a log, or nothing where there is none."""
    path = real_file(folder, name)
    if path is None:
        return ""
    with path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - LARGEST_LOG))
        return stream.read().decode("utf-8", errors="replace")


def judge(step: Step, ended: Ended, folder: Path, failures: Sequence[FailureSpec]) -> None:
    """Raise Failed or Infeasible where a program did not do what it should; return where it did."""
    for failure in (f for f in failures if f.step in (None, step.name)):
        said = _sign(failure, step, ended, folder)
        if said:
            _raise(failure, f"{step.name}: {said}")
    said = log_text(folder, step.log)
    if ended.flooded:
        raise Failed(f"{step.name}: ended, having printed more than {LARGEST // 10**6} MB.", cause="error")
    if ended.over_time:
        raise Failed(
            f"{step.name}: stopped after {ended.seconds:.3g} s, its time limit{_last(said)}", cause="timeout"
        )
    for success in step.successes:
        _check_exit(step, success, ended, said)
    for success in step.successes:
        _check_log(step, success, said)
    _check_files(step, [*(f for s in step.successes for f in s.files), *step.makes], folder)


def _check_exit(step: Step, success: SuccessSpec, ended: Ended, said: str) -> None:
    others = [s.exit for s in step.successes if "exit" in s.model_fields_set]
    allowed = success.exit if "exit" in success.model_fields_set or not others else others[-1]
    if ended.status in allowed:
        return
    if ended.status < 0:
        raise Failed(f"{step.name}: ended by signal {-ended.status}{_last(said)}", cause="crash")
    raise Failed(f"{step.name}: exit status {ended.status}{_last(said)}", cause="error")


def _check_files(step: Step, files: Sequence[str], folder: Path) -> None:
    for name in files:
        if real_file(folder, name) is None:
            raise Failed(f"{step.name}: ended without the file {name}.", cause="invalid")


def _check_log(step: Step, success: SuccessSpec, said: str) -> None:
    for pattern in success.log:
        if not re.search(pattern, said, flags=re.MULTILINE):
            raise Failed(f"{step.name}: the log does not say {pattern!r}{_last(said)}", cause="error")
    for pattern in success.log_without:
        line = _line(pattern, said)
        if line is not None:
            raise Failed(f"{step.name}: the log says {line!r}.", cause="error")


def _sign(failure: FailureSpec, step: Step, ended: Ended, folder: Path) -> str | None:
    """The sign of a failure in words, or None where it is not seen."""
    if failure.exit is not None:
        seen = ended.status == failure.exit and not ended.over_time
        return f"exit status {ended.status}." if seen else None
    if failure.missing is not None:
        return None if real_file(folder, failure.missing) else f"ended without the file {failure.missing}."
    line = _line(failure.log or "", log_text(folder, failure.file or step.log))
    return None if line is None else f"{failure.file or 'the log'} says {line!r}."


def _raise(failure: FailureSpec, reason: str) -> None:
    if failure.is_ == "infeasible":
        raise Infeasible(reason)
    raise Failed(reason, cause=_CAUSES[failure.is_], retry_after=failure.retry_every)


def _line(pattern: str, text: str) -> str | None:
    """The line in which a pattern is first found."""
    found = re.search(pattern, text, flags=re.MULTILINE)
    if found is None:
        return None
    start = text.rfind("\n", 0, found.start()) + 1
    end = text.find("\n", found.end())
    return text[start : end if end >= 0 else None].strip()[:200]


def _last(text: str) -> str:
    """The last lines of a log, for a reason."""
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()][-5:]
    return f"; last lines: {' | '.join(lines)[-600:]}" if lines else "; it printed nothing."
