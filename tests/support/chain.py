"""A campaign driven through kills by a server of forked sessions."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from designloop import journal
from designloop.record import RunRecord, read

ORACLE = '''
"""An oracle that keeps a log of every evaluation."""
import os
import signal
from pathlib import Path
from typing import Annotated

from designloop.oracle import Context, Input, Output

LOG = Path(__file__).with_name("evaluations.log")


def simulate(
    x: Annotated[float, Input(lower=-5, upper=10, unit="um")],
    y: Annotated[float, Input(lower=0, upper=15, unit="um")],
    context: Context,
) -> Annotated[
    dict[str, float], Output("height", unit="nm"), Output("slack", unit="nm", margin=True)
]:
    with LOG.open("a") as log:
        log.write(f"{context.directory.parent.parent.name} {context.directory.name}\\n")
    die = os.environ.get("DIE_IN_EVALUATION")
    if die is not None:
        os.kill(os.getpid(), signal.SIGKILL)
    height = (y - 0.129 * x**2 + 1.6 * x - 6) ** 2 + 9.6 * x
    return {"height": height, "slack": 40 - x - y}
'''
CAMPAIGN = """
version: 1
name: chain
seed: 5
oracle: {oracle}
{question}
strategy: {strategy}
stop: {{trials: {trials}}}
tracking: off
"""


class Chain:
    """A folder with a campaign, and a server that runs its sessions."""

    def __init__(
        self,
        folder: Path,
        *,
        trials: int,
        strategy: str = "{name: gp_ucb, initial: {sobol: 4}}",
        question: str = "objectives: [minimize: height]",
        oracle: str = "./simulate.py:simulate",
    ) -> None:
        self.folder = folder
        (folder / "simulate.py").write_text(ORACLE)
        self.campaign = folder / "chain.yaml"
        self.campaign.write_text(
            CAMPAIGN.format(strategy=strategy, trials=trials, question=question, oracle=oracle)
        )
        self._server = subprocess.Popen(
            [sys.executable, "-m", "support.forkserver"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1],
        )  # fmt: skip

    def run(self, name: str, *, kill: tuple[int, str] | None = None) -> tuple[int, Path]:
        """Begin a run in its own folder; exit status and run directory."""
        folder = self.folder / name
        status = self._send(action="run", campaign=str(self.campaign), folder=str(folder), kill=kill)
        return status, next(folder.iterdir())

    def resume(self, directory: Path, *, kill: tuple[int, str] | None = None) -> int:
        """Go on with a run; exit status."""
        return self._send(action="resume", directory=str(directory), kill=kill)

    def _send(self, **command: object) -> int:
        assert self._server.stdin
        assert self._server.stdout
        self._server.stdin.write(json.dumps(command) + "\n")
        self._server.stdin.flush()
        return int(self._server.stdout.readline())

    def evaluations(self, directory: Path) -> list[str]:
        """Trial folders in which the oracle was called, in order."""
        lines = (self.folder / "evaluations.log").read_text().splitlines()
        return [line.split()[1] for line in lines if line.split()[0] == directory.name]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server.stdin
        self._server.stdin.close()
        self._server.wait()


def essence(directory: Path) -> list[object]:
    """What must not depend on kills: designs, reasons, histories, hyper-parameters and outcomes."""
    run: RunRecord = read(directory)
    proposals = [[p["digest"], p["candidates"], p["fit"], p["model"]] for p in run.proposals]
    outcomes = [[t.index, t.status, {n: o.value for n, o in t.metrics.items()}] for t in run.trials]
    return [proposals, outcomes]


def models(directory: Path) -> dict[str, bytes]:
    """The saved models, byte for byte."""
    return {p.name + p.parent.name: p.read_bytes() for p in sorted(directory.glob("models/*/model.json"))}


def assert_nothing_lost_or_repeated(chain: Chain, directory: Path) -> None:
    """Every trial has one outcome, and none was evaluated after its outcome was durable."""
    records = journal.read(directory)
    outcomes = [r["trial"] for r in records if r["kind"] == "outcome"]
    assert outcomes == sorted(set(outcomes))
    started = [(r["trial"], r["attempt"]) for r in records if r["kind"] == "start"]
    assert len(started) == len(set(started))
    calls = chain.evaluations(directory)
    assert len(calls) == len(set(calls)), "an attempt was evaluated twice"
    last = {r["trial"]: r["attempt"] for r in records if r["kind"] == "outcome"}
    assert all(attempt <= last.get(trial, attempt) for trial, attempt in started)
