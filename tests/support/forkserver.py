"""A process that has everything imported and forks a child per session, so that a kill costs a fork only.

Reads one JSON command a line: {"action": "run" | "resume", "folder", "directory", "kill": [n, mode]}.
The child's n-th journal write (counted from 0) dies of SIGKILL ``before``, ``inside`` or ``after`` its bytes
reach the file; mode ``evaluation`` dies inside the oracle. Answers the child's exit status, one line each.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Any


def preload() -> None:
    """Import what a child will need, on one thread."""
    import torch

    torch.set_num_threads(1)
    import designloop.replay
    import designloop.session
    import designloop.strategies._ax  # noqa: F401


def arm(count: int, mode: str) -> None:
    """Make this process die at its ``count``-th journal write."""
    system_write = os.write
    seen = -1

    def write(file: int, data: bytes) -> int:
        nonlocal seen
        if b'{"kind":' not in data[:40]:
            return system_write(file, data)
        seen += 1
        if seen < count:
            return system_write(file, data)
        if mode == "inside":
            system_write(file, data[: len(data) // 2])
        elif mode == "after":
            system_write(file, data)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("unreachable")

    os.write = write


def session(command: dict[str, Any]) -> None:
    """One session of a campaign in this process."""
    from designloop.campaign import load
    from designloop.session import resume, run

    if command["kill"]:
        count, mode = command["kill"]
        if mode == "evaluation":
            os.environ["DIE_IN_EVALUATION"] = str(count)
        else:
            arm(count, mode)
    if command["action"] == "run":
        run(load(Path(command["campaign"])), folder=Path(command["folder"]))
    else:
        resume(Path(command["directory"]))


def main() -> None:
    """Serve commands until the input ends."""
    preload()
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            status = 1
            try:
                session(json.loads(line))
                status = 0
            except Exception:
                traceback.print_exc()
            finally:
                os._exit(status)
        _, ended = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(ended)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
