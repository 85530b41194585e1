"""Slurm through its commands: submit, release, cancel, and ask for the states of many jobs in one call."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from designloop.errors import ExecutionError

Answer = TypeVar("Answer")
_ENDED = {"BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY",
          "PREEMPTED", "REVOKED", "TIMEOUT"}  # fmt: skip
_SILENCE = re.compile(
    r"unable to contact|socket timed out|connection (refused|reset|timed out)|zero bytes were transmitted|"
    r"unexpected message|try again|temporarily unable|communication connection failure",
    re.IGNORECASE,
)
_WRONG = re.compile(r"\binvalid\b|unrecognized option", re.IGNORECASE)
"""What sbatch says of options; of a cluster that is full or away it says other words."""
_ANSWER_WITHIN = 60.0
"""Seconds for one command; Slurm's own default for a message is 10."""


class Unreachable(ExecutionError):  # noqa: N818 - a state of affairs
    """Slurm did not answer now; that says nothing of its jobs."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """What Slurm says of one job. ``exit_code`` and ``signal`` as in ``1:0``, ``seconds`` since it began."""

    state: str
    name: str = ""
    why: str = ""
    exit_code: int = 0
    signal: int = 0
    seconds: float = 0.0
    canceller: str = ""

    @property
    def ended(self) -> bool:
        """Whether nothing of it runs any more, nor will."""
        return self.state in _ENDED

    @property
    def held(self) -> bool:
        """Whether it waits for ``release``."""
        return self.state == "PENDING" and self.why == "JobHeldUser"


def require() -> None:
    """Raise ExecutionError where this machine has no Slurm."""
    missing = [c for c in ("sbatch", "squeue", "scontrol", "scancel") if shutil.which(c) is None]
    if missing:
        raise ExecutionError(
            f"engine: slurm needs the command {missing[0]}, which is not on the PATH of this machine. Run "
            "designloop where jobs are submitted (a login node), or write engine: processes."
        )


def patiently(question: Callable[[], Answer], *, patience: float) -> Answer:
    """The answer to a question, asked again for ``patience`` seconds while Slurm is silent.

    Raises ExecutionError.
    """
    deadline, pause = time.monotonic() + patience, 1.0
    while True:
        try:
            return question()
        except Unreachable:
            if time.monotonic() + pause > deadline:
                raise
        time.sleep(pause)
        pause *= 2


def rehearse(arguments: Sequence[str]) -> None:
    """Raise ExecutionError for options that no job here can have; that none is free now is no reason."""
    try:
        _ask(["sbatch", "--test-only", *arguments, "--wrap=true"])
    except Unreachable:
        raise
    except ExecutionError as error:
        if _WRONG.search(str(error)):
            raise ExecutionError(f"execution.queue: {error}. 'sinfo' shows what there is.") from None


def submit(arguments: Sequence[str]) -> str:
    """Submit a held job; its id. Raises ExecutionError.

    A job whose id gets lost because Slurm is silent stays held and never runs.
    """
    return _ask(["sbatch", "--parsable", "--hold", *arguments]).strip().split(";")[0]


def release(ids: Iterable[str]) -> None:
    """Let held jobs begin. Raises ExecutionError."""
    _ask(["scontrol", "release", ",".join(ids)])


def cancel(ids: Iterable[str]) -> None:
    """End jobs; those that have ended are left as they are. Raises ExecutionError."""
    _ask(["scancel", *ids])


def mine() -> dict[str, Job]:
    """All jobs of this user that the controller remembers, by id. Raises ExecutionError."""
    return _states([f"--user={os.getuid()}"])


def states(ids: Iterable[str]) -> dict[str, Job]:
    """Those of ``ids`` that the controller remembers; it forgets ended jobs after minutes. One call.

    Raises ExecutionError.
    """
    try:
        return _states([f"--jobs={','.join(ids)}"])
    except ExecutionError as error:
        if "Invalid job id" in str(error):
            return {}
        raise


def _states(which: Sequence[str]) -> dict[str, Job]:
    answer = _ask(["squeue", "--noheader", "--states=all", "--format=%i|%T|%j|%r", *which])
    rows = (line.split("|", 3) for line in answer.splitlines() if line.count("|") >= 3)
    return {row[0].strip(): Job(state=row[1], name=row[2], why=row[3]) for row in rows}


def examine(job: str) -> Job | None:
    """How a job ended, by the controller or the accounting; None where neither knows it.

    Only the accounting knows who cancelled. Raises Unreachable where the controller is silent.
    """
    found = _controlled(job)
    return _accounted(job) or found if found is None or found.state == "CANCELLED" else found


def _controlled(job: str) -> Job | None:
    try:
        answer = _ask(["scontrol", "--oneliner", "show", "job", job])
    except Unreachable:
        raise
    except ExecutionError:
        return None
    found = dict(re.findall(r"\b(JobState|JobName|ExitCode|RunTime)=(\S+)", answer))
    return _job(found) if "JobState" in found else None


def _accounted(job: str) -> Job | None:
    columns = {"State": "JobState", "ExitCode": "ExitCode", "Elapsed": "RunTime", "JobName": "JobName"}
    if shutil.which("sacct") is None:
        return None
    try:
        answer = _ask(["sacct", "--noheader", "--parsable2", "--allocations", f"--jobs={job}",
                       f"--format={','.join(columns)}"])  # fmt: skip
    except ExecutionError:
        return None
    # The latest of several lines: ids begin again when they are used up.
    row = answer.strip().splitlines()[-1].split("|") if answer.strip() else []
    found = dict(zip(columns.values(), row, strict=False))
    known = _job(found) if len(row) == len(columns) else None
    return known if known and known.ended else None


def _job(found: Mapping[str, str]) -> Job:
    code, _, signal = found.get("ExitCode", "0:0").partition(":")
    state, _, who = found["JobState"].partition(" by ")
    return Job(
        state=state.split()[0].rstrip("+"),
        name=found.get("JobName", ""),
        exit_code=int(code or 0),
        signal=int(signal or 0),
        seconds=_seconds(found.get("RunTime", "")),
        canceller=_user(who),
    )


def _user(number: str) -> str:
    import pwd

    try:
        return pwd.getpwuid(int(number)).pw_name
    except (ValueError, KeyError):
        return number


def _seconds(text: str) -> float:
    """Slurm's ``[days-]hours:minutes:seconds``."""
    match = re.fullmatch(r"(?:(\d+)-)?(\d+):(\d+):(\d+)", text)
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups()) if match else (0, 0, 0, 0)
    return float(((days * 24 + hours) * 60 + minutes) * 60 + seconds)


def _ask(command: Sequence[str]) -> str:
    try:
        done = subprocess.run(
            command,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_ANSWER_WITHIN,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Unreachable(f"{command[0]} did not answer within {_ANSWER_WITHIN:.0f} s.") from None
    except OSError as error:
        raise ExecutionError(f"{command[0]} cannot be started: {error.strerror}.") from None
    if done.returncode == 0:
        return done.stdout
    said = " ".join((done.stderr or done.stdout).split()) or f"exit status {done.returncode}"
    kind = Unreachable if _SILENCE.search(said) else ExecutionError
    raise kind(f"Slurm refused '{command[0]}': {said[:500]}")


def _environment() -> dict[str, str]:
    """Without the filters that a user has set for squeue, and without the job that this may itself run in."""
    unwanted = ("SQUEUE_", "SACCT_", "SLURM_")
    return {k: v for k, v in os.environ.items() if k == "SLURM_CONF" or not k.startswith(unwanted)}
