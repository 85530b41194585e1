"""Passes on what a command prints, in bounded size: ``python -m designloop.execution.bounded COMMAND ...``.

It ends as the command does, by exit code or signal, and gets the command the signals that it is sent.
"""

from __future__ import annotations

import os
import resource
import selectors
import signal
import subprocess
import sys
from contextlib import suppress

from designloop.execution import tree
from designloop.execution.output import Bounded

_FOR_THE_COMMAND = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)
_PIPE = 1 << 20
"""Bytes: more than a pipe holds."""


def main() -> None:
    """Run the command line's rest."""
    signals = tree.child_signals()
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    process = subprocess.Popen(sys.argv[1:], stdout=writer, stderr=writer)
    os.close(writer)
    for number in _FOR_THE_COMMAND:
        signal.signal(number, lambda number, _: process.send_signal(number))
    printed = Bounded(_pass_on)
    with selectors.DefaultSelector() as selector:
        selector.register(signals, selectors.EVENT_READ)
        selector.register(reader, selectors.EVENT_READ)
        while process.poll() is None:
            for key, _ in selector.select():
                if key.fileobj is signals:
                    signals.recv(4096)
                elif not _read(reader, printed):
                    selector.unregister(reader)
    _read(reader, printed)
    printed.end()
    _end_as(process.returncode)


def _read(reader: int, printed: Bounded) -> bool:
    """Take what is there; False where no more can come."""
    with suppress(BlockingIOError):
        data = os.read(reader, _PIPE)
        printed.take(data)
        return bool(data)
    return True


def _pass_on(data: bytes) -> None:
    """A full disk costs the output, never the command."""
    with suppress(OSError):
        while data:
            data = data[os.write(sys.stdout.fileno(), data) :]


def _end_as(code: int) -> None:
    if code < 0:
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
        with suppress(OSError, ValueError):  # nothing can be set for SIGKILL, nor need it be
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    sys.exit(code)


if __name__ == "__main__":
    main()
