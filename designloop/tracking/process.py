"""The mirror as a process beside the loop: started, watched and ended without waiting for MLflow."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from designloop.errors import TrackingError
from designloop.tracking import quiet

STATE, LOG = "mirror.json", "mirror.log"
Stage = Literal["starting", "following", "retrying", "done", "behind", "off"]


@dataclass(frozen=True, kw_only=True)
class MirrorState:
    """What the mirror process last said of itself.

    ``stage``: starting, following (up to date within a second), retrying (the store fails, ``error``
    says how), done (everything is mirrored), behind (it gave up; ``designloop sync`` completes), off.
    """

    stage: Stage
    pid: int = 0
    uri: str | None = None
    run_id: str | None = None
    experiment_id: str | None = None
    trials: int = 0
    """Child runs in MLflow."""
    models: int = 0
    error: str | None = None
    since: float = 0.0
    """When the mirror last wrote this; epoch seconds."""
    cpu_seconds: float = 0.0


def write_state(directory: Path, state: MirrorState) -> None:
    """Replace ``mirror.json`` at once, so that a reader never sees half of it."""
    fresh = directory / f"{STATE}.new"
    fresh.write_text(json.dumps(asdict(state)))
    os.replace(fresh, directory / STATE)


def state(run_dir: Path | str) -> MirrorState:
    """What the mirror of a run last said; stage ``off`` where none ever spoke."""
    try:
        return MirrorState(**json.loads((Path(run_dir) / STATE).read_text()))
    except (OSError, ValueError, TypeError):
        return MirrorState(stage="off")


@dataclass(frozen=True)
class Handle:
    """A started mirror process."""

    directory: Path
    process: subprocess.Popen[bytes]

    def finish(self, timeout: float = 30.0) -> MirrorState:
        """Let the mirror complete and end; wait up to ``timeout`` seconds and say how far it came.

        After the timeout it goes on by itself, for two minutes at most where the store does not answer.
        """
        deadline = time.monotonic() + timeout
        while self.process.poll() is None and state(self.directory).pid != self.process.pid:
            if time.monotonic() > deadline:
                return state(self.directory)
            time.sleep(0.05)  # it does not listen yet: asking now would kill it
        if self.process.poll() is None:
            self.process.terminate()  # asks it to complete and end
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(max(0.1, deadline - time.monotonic()))
        return state(self.directory)


def start(run_dir: Path | str, *, uri: str | None = None) -> Handle:
    """Start the mirror of a run beside this process; its words go to ``mirror.log``.

    Raises TrackingError where no process can be started.
    """
    directory = Path(run_dir).resolve()
    command = [sys.executable, "-m", "designloop.tracking", str(directory), "--follow", str(os.getpid())]
    command += ["--uri", uri] if uri else []
    # The user's folder may hold files named like our packages: it must not come first on sys.path.
    environment = {**os.environ, **quiet.ENVIRONMENT, "PYTHONSAFEPATH": "1", "OMP_NUM_THREADS": "1"}
    write_state(directory, MirrorState(stage="starting", uri=uri, since=time.time()))
    try:
        with (directory / LOG).open("ab") as log:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment,
                start_new_session=True,  # Ctrl-C stops the loop; the mirror still has to tell of it
            )  # fmt: skip
    except OSError as error:
        raise TrackingError(f"the mirror of {directory.name} cannot start: {error.strerror}.") from None
    return Handle(directory, process)
