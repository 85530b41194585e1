"""Real Dask schedulers and workers as processes of this machine, on its loopback interface."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from support.clustered import FOLDER, until


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class Machines:
    """A scheduler on one port, and workers: those that tests killed are replaced by ``whole``."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self._stack, self._folder, self._number = stack, folder, 0
        self.port = free_port()
        self.address = f"tcp://127.0.0.1:{self.port}"
        self.scheduler: subprocess.Popen[bytes] | None = None
        self.workers: list[subprocess.Popen[bytes]] = []

    def whole(self) -> Machines:
        """See to it that the scheduler runs, and two workers, one of which offers two GPUs."""
        if self.scheduler is None or self.scheduler.poll() is not None:
            self.end()
            self.start_scheduler()
        if not self.workers or any(worker.poll() is not None for worker in self.workers):
            self.end_workers()
            self.start_worker()
            self.start_worker("--resources=GPU=2")
        return self

    def start_scheduler(self) -> None:
        self.scheduler = self._start("scheduler", f"--port={self.port}")
        until(lambda: self.scheduler and (self.scheduler.poll() is not None or _listens(self.port)))

    def start_worker(self, *options: str) -> None:
        self.workers.append(self._start("worker", self.address, "--no-nanny", "--nthreads=1", *options))

    def end(self) -> None:
        """Kill the scheduler and the workers."""
        if self.scheduler:
            _end(self.scheduler)
        self.end_workers()

    def end_workers(self) -> None:
        while self.workers:
            _end(self.workers.pop())

    def _start(self, kind: str, *arguments: str) -> subprocess.Popen[bytes]:
        self._number += 1
        log = self._stack.enter_context((self._folder / f"{kind}-{self._number}.log").open("wb"))
        process = subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.dask_{kind}", "--host=127.0.0.1", "--no-dashboard",
             *arguments],
            env={**os.environ, "PYTHONPATH": FOLDER}, stdout=log, stderr=log, cwd=self._folder,
        )  # fmt: skip
        self._stack.callback(_end, process)
        return process


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def machines(folder: Path) -> Iterator[Machines]:
    """Nothing runs yet; whatever is started ends with the block."""
    with ExitStack() as stack:
        yield Machines(stack, folder)
