"""Processes below a process: who they are, what memory they hold, and their end."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import sys
import time
from collections.abc import Collection, Iterable
from contextlib import suppress
from typing import NamedTuple

_SUBREAPER, _DEATH_SIGNAL = 36, 1
"""Options of Linux' ``prctl``."""
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Row(NamedTuple):
    """What the system says of one process."""

    parent: int
    session: int
    resident: int
    """Bytes, counting what it shares with others."""
    is_dead: bool
    """Ended, and only waited for by its parent."""


def table() -> dict[int, Row]:
    """Every process of the machine that can be looked at, by its number."""
    if sys.platform != "linux":
        return _portable_table()
    rows = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:
                # The second field is a name in parentheses that may hold anything.
                fields = file.read().rpartition(b")")[2].split()
                rows[int(name)] = Row(
                    int(fields[1]), int(fields[3]), int(fields[21]) * _PAGE, fields[0] in (b"Z", b"X")
                )
    return rows


def _portable_table() -> dict[int, Row]:
    import psutil

    rows = {}
    for process in psutil.process_iter(["ppid", "status", "memory_info"]):
        known, session = process.info, 0
        with suppress(OSError):
            session = os.getsid(process.pid)
        resident = known["memory_info"].rss if known["memory_info"] else 0
        rows[process.pid] = Row(known["ppid"], session, resident, known["status"] == psutil.STATUS_ZOMBIE)
    return rows


def below(root: int, rows: dict[int, Row]) -> list[int]:
    """Living processes that descend from ``root``, without itself."""
    children: dict[int, list[int]] = {}
    for pid, row in rows.items():
        children.setdefault(row.parent, []).append(pid)
    found, ahead = [], [root]
    while ahead:
        mine = children.pop(ahead.pop(), [])
        ahead += mine
        found += [pid for pid in mine if not rows[pid].is_dead]
    return found


def memory(root: int, *, limit: int) -> int:
    """Bytes that the processes below ``root`` hold together.

    What they share is counted once, but only where it matters: where the plain sum is above ``limit``.
    """
    rows = table()
    pids = below(root, rows)
    total = sum(rows[pid].resident for pid in pids)
    if total <= limit or len(pids) < 2:
        return total
    return sum(_proportional(pid, rows[pid].resident) for pid in pids)


def _proportional(pid: int, resident: int) -> int:
    """Bytes of one process, with its part of what it shares."""
    with suppress(OSError), open(f"/proc/{pid}/smaps_rollup", "rb") as file:
        for line in file:
            if line.startswith(b"Pss:"):
                return int(line.split()[1]) * 1024
    return resident


def kill_below(root: int, *, spare: Collection[int] = (), patience: float = 5.0) -> None:
    """Kill everything below ``root``, again until nothing is left: who loses its parent shows up elsewhere.

    Needs ``adopt_orphans`` in ``root``. Gives up after ``patience`` seconds, for the system may refuse.
    """
    end = time.monotonic() + patience
    while living := [pid for pid in below(root, table()) if pid not in spare]:
        _kill(living)
        if time.monotonic() > end:
            return
        time.sleep(0.002)


def kill_session(session: int, *, patience: float = 5.0) -> None:
    """Kill every process of a session, whose leader is gone perhaps."""
    end = time.monotonic() + patience
    while living := [pid for pid, row in table().items() if row.session == session and not row.is_dead]:
        _kill(living)
        if time.monotonic() > end:
            return
        time.sleep(0.002)


def _kill(pids: Iterable[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def adopt_orphans() -> None:
    """Become the parent of descendants that lose theirs (Linux), so that none gets out of sight."""
    _prctl(_SUBREAPER, 1)


def die_with_parent(parent: int) -> None:
    """Die of SIGKILL when ``parent``, this process' parent, dies (Linux); at once where it did already."""
    _prctl(_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def child_signals() -> socket.socket:
    """Readable whenever a child has ended, or another signal came that a handler is set for."""
    reader, writer = socket.socketpair()
    for end in (reader, writer):
        end.setblocking(False)
    signal.set_wakeup_fd(writer.detach(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return reader


def reaped() -> tuple[dict[int, int], bool]:
    """Exit codes of children that have ended, by their number, and whether living ones are left."""
    codes: dict[int, int] = {}
    try:
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return codes, True
            codes[pid] = os.waitstatus_to_exitcode(status)
    except ChildProcessError:
        return codes, False


def manner(code: int) -> str:
    """How a process with an exit code (negative: a signal) ended: ``died of signal 9 (killed)``."""
    if code >= 0:
        return f"ended with exit status {code}"
    name = (signal.strsignal(-code) or "unknown").lower()
    return f"died of signal {-code} ({name})"
