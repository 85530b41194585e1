"""A campaign whose oracle fails in every way, driven by real processes that are killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Self

import numpy as np

from designloop import journal
from designloop.record import RunRecord, TrialRecord, gather
from designloop.revision import seed_of
from support.tracking_server import free_port

FATES = (
    "raise", "hang", "segfault", "exit", "memory", "nan", "nothing", "junk", "half_file",
)  # fmt: skip
"""What one trial in twenty each does; the others answer."""
EXPECTED = {
    "good": ("completed", None),
    "raise": ("failed", "error"),
    "hang": ("failed", "timeout"),
    "segfault": ("failed", "crash"),
    "exit": ("failed", "crash"),
    "memory": ("failed", "memory"),
    "nan": ("failed", "invalid"),
    "nothing": ("failed", "invalid"),
    "junk": ("failed", "invalid"),
    "half_file": ("failed", "crash"),
}
"""Status and cause that tell the truth of each fate."""
ORACLE = '''
"""An oracle with one fate per seed, which keeps a log of what it began and ended."""
import ctypes
import os
import time
from pathlib import Path
from typing import Annotated

import numpy as np

from designloop.oracle import Context, Input, Output

FATES = {fates!r}
LOG = Path(__file__).with_name("log")
LOG.mkdir(exist_ok=True)


def fate(seed):
    place = int(np.random.default_rng(seed).integers(20))
    return FATES[place] if place < len(FATES) else "good"


def simulate(
    x: Annotated[float, Input(lower=0, upper=1, unit="um")],
    y: Annotated[float, Input(lower=0, upper=1, unit="um")],
    context: Context,
) -> Annotated[dict[str, float], Output("height", unit="nm")]:
    name = f"{{context.directory.parent.parent.name}}.{{context.directory.name}}.{{os.getpid()}}"
    (LOG / f"{{name}}.began").touch()
    what = fate(context.seed)
    time.sleep({seconds})
    if what == "raise":
        raise RuntimeError("the mesh collapsed")
    if what == "hang":
        while True:
            time.sleep(1)
    if what == "segfault":
        ctypes.string_at(0)
    if what == "exit":
        os._exit(3)
    if what == "memory":
        kept = []
        while True:
            kept.append(np.ones(2**23))
            time.sleep(0.01)
    if what == "half_file":
        (context.directory / "result.txt").write_text("height = 1.2")
        os._exit(1)
    (LOG / f"{{name}}.ended").touch()
    if what == "nothing":
        return None
    answer = {{"nan": float("nan"), "junk": "a lot"}}.get(what, (x - 0.3) ** 2 + y)
    return {{"height": answer}}
'''
CAMPAIGN = """
version: 1
name: chaos
seed: {seed}
oracle: ./chaotic.py:simulate
objectives: [minimize: height]
strategy: {strategy}
stop: {{trials: {trials}}}
execution:
  workers: {workers}
  time_limit: {limit} s
  memory_limit: 600 MB
  failure_limit: 100000
  equal_failures: 100000
  failures: {{timeout: abandon, crash: abandon, memory: abandon}}
{execution}
tracking: {tracking}
"""
DESIGNLOOP = [sys.executable, "-c", "from designloop.cli import main; main()"]


class Chaos:
    """One folder with the campaign; its runs lie under ``runs``."""

    def __init__(
        self,
        folder: Path,
        *,
        trials: int,
        workers: int,
        strategy: str = "sobol",
        execution: str = "",
        tracking: str = "off",
        seconds: float = 0.05,
        limit: int = 3,
        seed: int = 11,
    ) -> None:
        self.folder, self.seed, self.trials = folder, seed, trials
        (folder / "chaotic.py").write_text(ORACLE.format(fates=FATES, seconds=seconds))
        (folder / "chaos.yaml").write_text(
            CAMPAIGN.format(
                trials=trials, workers=workers, strategy=strategy, execution=execution,
                tracking=tracking, seed=seed, limit=limit,
            )
        )  # fmt: skip

    def begin(self) -> subprocess.Popen[bytes]:
        """A new run in a process of its own."""
        return self._spawn("run", "chaos.yaml", "--runs", "runs")

    def resume(self) -> subprocess.Popen[bytes]:
        """Go on with it."""
        return self._spawn("resume", "--runs", "runs")

    def _spawn(self, *words: str) -> subprocess.Popen[bytes]:
        with (self.folder / "said.txt").open("ab") as said:
            return subprocess.Popen(
                [*DESIGNLOOP, *words], cwd=self.folder, stdout=said, stderr=said,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
            )  # fmt: skip

    @property
    def directory(self) -> Path:
        """The run's directory."""
        return next((self.folder / "runs").iterdir())

    def record(self) -> RunRecord:
        """The run as its journal stands now."""
        return gather(journal.read(self.directory), directory=self.directory)

    def outcomes(self) -> int:
        """How many outcomes are durable now."""
        try:
            return len(self.record().outcomes)
        except (OSError, StopIteration, KeyError):
            return 0

    def killed_after(self, process: subprocess.Popen[bytes], outcomes: int, *, patience: float = 300) -> None:
        """SIGKILL the campaign once so many outcomes are durable."""
        self.wait_for(outcomes, process, patience=patience)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def wait_for(self, outcomes: int, process: subprocess.Popen[bytes], *, patience: float = 300) -> None:
        """Wait until so many outcomes are durable."""
        until = time.monotonic() + patience
        while self.outcomes() < outcomes:
            assert process.poll() is None, (self.folder / "said.txt").read_text()[-3000:]
            assert time.monotonic() < until, "the campaign stands still"
            time.sleep(0.1)

    def fate(self, trial: TrialRecord) -> str:
        """What the oracle does in this trial."""
        place = int(np.random.default_rng(seed_of(self.seed, "oracle", trial.index)).integers(20))
        return FATES[place] if place < len(FATES) else "good"

    def table(self) -> dict[str, Counter[str]]:
        """Fate to how its trials ended, as ``status/cause`` with counts."""
        table: dict[str, Counter[str]] = {}
        for trial in self.record().trials:
            cause = trial.last.cause if trial.last else None
            table.setdefault(self.fate(trial), Counter())[f"{trial.status}/{cause}"] += 1
        return table

    def report(self) -> str:
        """The table as text."""
        lines = [f"{'fate':10s} how the trials ended"]
        for fate, ends in sorted(self.table().items()):
            lines.append(f"{fate:10s} {', '.join(f'{n} x {end}' for end, n in sorted(ends.items()))}")
        return "\n".join(lines)

    def check(self, *, lost: bool = False) -> None:
        """Every trial has exactly one outcome, it is true, and nothing that ended was run again.

        ``lost``: workers were killed, so that an evaluation may have ended without anybody to tell it to.
        """
        run = self.record()
        assert run.status == "finished", run.decisions
        assert len(run.trials) == self.trials
        final = Counter(
            trial for trial, number in run.outcomes if run.trials[trial].attempts[-1].number == number
        )
        assert final == Counter({t.index: 1 for t in run.trials})
        wrong = {
            t.index: (self.fate(t), t.status, t.last.cause, t.last.reason)
            for t in run.trials
            if t.last and (t.status, t.last.cause) != EXPECTED[self.fate(t)]
        }
        assert not wrong, json.dumps(wrong, indent=1)
        ended = Counter(
            p.name.split(".")[1].split("-")[0] for p in (self.folder / "log").glob(f"{run.name}.*.ended")
        )
        assert lost or all(count == 1 for count in ended.values()), ended


class Cluster:
    """A Dask scheduler and its workers, each a process of its own, on loopback."""

    def __init__(self, *, workers: int) -> None:
        self.address = f"tcp://127.0.0.1:{free_port()}"
        port = self.address.rpartition(":")[2]
        self._processes = [
            self._spawn("dask_scheduler", "--host", "127.0.0.1", "--port", port, "--no-dashboard")
        ]
        self._processes += [self._worker() for _ in range(workers)]

    def _worker(self) -> subprocess.Popen[bytes]:
        words = ("--nthreads", "1", "--no-nanny", "--host", "127.0.0.1", "--no-dashboard")
        return self._spawn("dask_worker", self.address, *words)

    def _spawn(self, module: str, *words: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.{module}", *words],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip

    def kill_worker(self) -> None:
        """SIGKILL one worker and start another."""
        self._processes.pop(1).kill()
        self._processes.append(self._worker())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.kill()
            process.wait()
