"""The process that asks the oracle, as its worker sees it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import BinaryIO

from designloop.execution.channel import Channel

_READS = 4
"""A pipe holds less than one reading takes; a few more, and not forever where somebody prints on and on."""


class Evaluation:
    """Starts the process; it loads the oracle from this process' standard input at once."""

    def __init__(self) -> None:
        mine, its = socket.socketpair()
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        with its:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-P",
                    "-m",
                    "designloop.execution.evaluator",
                    str(its.fileno()),
                    str(os.getpid()),
                ],
                stdout=writer,
                stderr=writer,
                pass_fds=[its.fileno()],
                # A group of its own: an oracle that signals its group must not hit the worker.
                process_group=0,
            )
        os.close(writer)
        self.channel = Channel(mine)
        self.printed: BinaryIO = open(reader, "rb", buffering=0)  # noqa: SIM115 - closed by close()
        self.is_ready = False
        """Whether the oracle is loaded."""

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    def take_output(self, take: Callable[[bytes], None]) -> bool:
        """Hand over what was printed and is there; False where nobody can print any more."""
        for _ in range(_READS):
            try:
                piece = os.read(self.printed.fileno(), 1 << 20)
            except BlockingIOError:
                return True
            if not piece:
                return False
            take(piece)
        return True

    def ended(self, codes: Mapping[int, int]) -> None:
        """Exit codes of children, perhaps its own: the worker waits for all of them by itself."""
        self._process.returncode = codes.get(self.pid, self._process.returncode)

    def wait(self, seconds: float) -> None:
        """Wait for its end, not longer than that."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)

    def close(self) -> None:
        """Let go of what leads to it; it is dead already."""
        self.channel.close()
        self.printed.close()
