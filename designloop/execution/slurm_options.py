"""Options of a Slurm job from a campaign's ``queue``: checked, and a list that no shell ever reads."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from designloop.errors import ExecutionError

_NAMED = {
    "partition": "--partition",
    "account": "--account",
    "qos": "--qos",
    "constraint": "--constraint",
    "gres": "--gres",
    "reservation": "--reservation",
    "cpus": "--cpus-per-task",
    "nodes": "--nodes",
}
_OWN = ("job-name", "output", "error", "parsable", "hold", "requeue", "no-requeue", "wrap", "array", "time",
        "mem", "open-mode", "wait", "dependency", "test-only")  # fmt: skip
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.,:=/@%&|*()\[\]+-]*")
_EXTRA = re.compile(r"--([a-z][a-z-]*)(=.+)?")
_BYTES = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
          "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}  # fmt: skip


def options(
    queue: Mapping[str, Any], *, threads: int, time_limit: float | None, memory_limit: int | None
) -> list[str]:
    """Arguments of sbatch. ``time_limit`` in seconds, rounded up to minutes as Slurm counts; memory in bytes.

    ``queue`` may name partition, account, qos, constraint, gres, reservation, cpus, nodes, memory (bytes, or
    text such as ``32 GB``; the same as ``memory_limit``, so only one of them is taken) and ``extra``, a list
    of further options in the form ``--name=value``. Raises ExecutionError for anything else.
    """
    unknown = sorted(set(queue) - {*_NAMED, "memory", "extra"})
    if unknown:
        known = ", ".join([*_NAMED, "memory", "extra"])
        raise ExecutionError(
            f"execution.queue: {unknown[0]!r} is no option of a job. Write one of {known}; "
            f"other options of sbatch go into extra: [--{unknown[0].replace('_', '-')}=VALUE]."
        )
    if "memory" in queue and memory_limit is not None:
        raise ExecutionError(
            "execution: memory_limit and queue.memory both set the memory of a job. Leave one of them out."
        )
    given = {"cpus": threads, **queue}
    made = [f"{_NAMED[key]}={_word(key, value)}" for key, value in given.items() if key in _NAMED]
    if time_limit is not None:
        made.append(f"--time={max(1, math.ceil(time_limit / 60))}")
    memory = _bytes(queue["memory"]) if "memory" in queue else memory_limit
    if memory is not None:
        made.append(f"--mem={max(1, math.ceil(memory / 1024))}K")
    return [*made, *_extra(queue.get("extra", ()))]


def _word(key: str, value: Any) -> str:
    if key in ("cpus", "nodes") and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        raise ExecutionError(f"execution.queue.{key} is {value!r}, not a positive whole number.")
    if not _WORD.fullmatch(str(value)):
        raise ExecutionError(
            f"execution.queue.{key} is {value!r}: write one word of letters, digits and ,:=/@&|*()[]+-._ "
            "that begins with a letter or a digit."
        )
    return str(value)


def _bytes(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([A-Za-z]+)", str(value).strip())
    if not match or match[2] not in _BYTES or not float(match[1]):
        raise ExecutionError(f"execution.queue.memory is {value!r}. Write an amount such as 32 GB.")
    return math.ceil(float(match[1]) * _BYTES[match[2]])


def _extra(given: Any) -> list[str]:
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise ExecutionError(f"execution.queue.extra is {given!r}, not a list such as [--nice=100].")
    for option in given:
        match = _EXTRA.fullmatch(option) if isinstance(option, str) and option.isprintable() else None
        if not match:
            raise ExecutionError(
                f"execution.queue.extra: {option!r} is no long option in one piece. Write --nice=100."
            )
        if any(own.startswith(match[1]) for own in _OWN):
            raise ExecutionError(
                f"execution.queue.extra: --{match[1]} is set by designloop itself. Leave it out."
            )
    return list(given)
