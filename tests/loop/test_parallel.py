"""Campaigns on several worker processes: freshness, limits, retries, interruption, and replay."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from designloop import journal
from designloop.campaign import load
from designloop.record import RunRecord, gather
from designloop.replay import replay
from designloop.session import resume, run

ORACLE = """
import time
from pathlib import Path
from typing import Annotated

import numpy as np

from designloop.oracle import Context, Failed, Input, Output

HERE = Path(__file__).parent


def simulate(
    x: Annotated[float, Input(lower=-5, upper=10, unit="um")],
    y: Annotated[float, Input(lower=0, upper=15, unit="um")],
    context: Context,
) -> Annotated[dict[str, float], Output("height", unit="nm")]:
    begin = time.time()
    trial = int(context.directory.name.split("-")[0])
    (HERE / f"begun-{context.directory.name}").touch()
    wait = HERE / "seconds"
    seconds = float(wait.read_text()) if wait.exists() else 0.1
    time.sleep(float(np.random.default_rng(context.seed).uniform(0.5, 1.5)) * seconds)
    busy = HERE / "busy"
    if busy.exists() and trial == 2 and len(busy.read_text()) < 2:
        busy.write_text(busy.read_text() + "x")
        (context.directory / f"refused-{len(busy.read_text())}.log").touch()
        raise Failed("no licence free", cause="wait", retry_after=0.2)
    with (HERE / "intervals").open("a") as file:
        file.write(f"{trial} {begin} {time.time()}\\n")
    return {"height": (y - 0.129 * x**2 + 1.6 * x - 6) ** 2 + 9.6 * x}
"""
CAMPAIGN = """
version: 1
name: parallel
seed: 3
oracle: ./simulate.py:simulate
objectives: [minimize: height]
strategy: {strategy}
stop: {stop}
execution: {execution}
tracking: off
"""
DESIGNLOOP = [sys.executable, "-c", "from designloop.cli import main; main()"]


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Path]:
    (tmp_path / "simulate.py").write_text(ORACLE)

    def write(
        *, execution: str = "{workers: 3}", strategy: str = "sobol", stop: str = "{trials: 12}"
    ) -> Path:
        path = tmp_path / "campaign.yaml"
        path.write_text(CAMPAIGN.format(execution=execution, strategy=strategy, stop=stop))
        return path

    return write


def started(path: Path) -> RunRecord:
    return run(load(path), folder=path.parent / "runs")


def starts(record: RunRecord) -> list[journal.Record]:
    return [r for r in journal.read(record.directory) if r["kind"] == "start"]


def most_at_once(folder: Path) -> int:
    rows = [line.split() for line in (folder / "intervals").read_text().splitlines()]
    spans = [(float(b), float(e)) for _, b, e in rows]
    return max(sum(b <= at < e for b, e in spans) for at, _ in spans)


def test_designs_are_chosen_while_others_run_and_replay_agrees(written: Callable[..., Path]) -> None:
    path = written(strategy="{name: gp_ucb, initial: {sobol: 4}}", stop="{trials: 16}")
    record = started(path)
    assert [t.status for t in record.trials] == ["completed"] * 16
    assert most_at_once(path.parent) == 3
    assert max(s["stale"] for s in starts(record)) <= 6
    modelled = [p for p in record.proposals if p["fit"]]
    assert modelled
    assert any(p["seen"]["outcomes"] < len(record.outcomes) - 1 for p in modelled)
    assert all(r.agrees and r.difference == 0 for r in replay(record.directory))


def test_no_design_starts_staler_than_allowed(written: Callable[..., Path]) -> None:
    path = written(
        execution="{workers: 3, staleness: 1}",
        strategy="{name: gp_ucb, initial: {sobol: 4}}",
        stop="{trials: 14}",
    )
    record = started(path)
    assert len(record.outcomes) == 14
    assert max(s["stale"] for s in starts(record)) <= 1


def test_licences_limit_how_many_run_at_once(written: Callable[..., Path]) -> None:
    path = written(execution="{workers: 4, licences: {comsol: 2}}")
    record = started(path)
    assert len(record.outcomes) == 12
    assert most_at_once(path.parent) == 2


def test_waiting_for_a_licence_is_no_failure(written: Callable[..., Path]) -> None:
    path = written(execution="{workers: 3, failure_limit: 1}")
    (path.parent / "busy").touch()
    record = started(path)
    assert record.status == "finished"
    waited = record.trials[2]
    assert [(a.status, a.cause, a.does) for a in waited.attempts] == [
        ("failed", "wait", "retry"), ("failed", "wait", "retry"), ("completed", None, None),
    ]  # fmt: skip
    assert not any(a.artifacts for a in waited.attempts)
    assert not list((record.directory / "trials").glob("002*"))
    assert sorted(p.name for p in (record.directory / "attempts").glob("002*")) == ["002-3.json"]
    assert all(t.status == "completed" for t in record.trials)


def test_a_rule_that_ends_the_campaign_takes_back_what_was_not_begun(written: Callable[..., Path]) -> None:
    path = written(execution="{workers: 2, staleness: 8}", stop="{trials: 40, target: height <= 60 nm}")
    record = started(path)
    assert record.status == "finished"
    assert "target" in record.decisions[-1]["reason"] or "60" in record.decisions[-1]["reason"]
    assert {t.status for t in record.trials} <= {"completed", "withdrawn"}
    assert len(record.trials) < 40
    again = resume(record.directory, campaign=load(path, overrides=("stop={trials: 40}",)))
    completed = [t for t in again.trials if t.status == "completed"]
    assert len(completed) == 40


def spawned(path: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*DESIGNLOOP, *words, "--runs", "runs"], cwd=path.parent, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def wait_until(true: Callable[[], bool], *, patience: float = 60.0) -> None:
    until = time.monotonic() + patience
    while not true():
        assert time.monotonic() < until
        time.sleep(0.05)


def latest(path: Path) -> RunRecord:
    directory = next((path.parent / "runs").iterdir())
    return gather(journal.read(directory), directory=directory)


def test_one_interrupt_ends_cleanly_and_a_resumed_run_goes_on(written: Callable[..., Path]) -> None:
    path = written(stop="{trials: 12}")
    (path.parent / "seconds").write_text("0.5")
    process = spawned(path, "run", "campaign.yaml")
    wait_until(lambda: (path.parent / "runs").exists() and len(latest(path).outcomes) >= 3)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 130, said
    paused = latest(path)
    assert paused.status == "paused"
    assert not [t for t in paused.trials if t.status == "running"]
    assert paused.is_reported
    assert f"designloop resume {paused.name}" in said
    assert spawned(path, "resume").wait(timeout=60) == 0
    assert [t.status for t in latest(path).trials] == ["completed"] * 12
    assert all(len(t.attempts) == 1 for t in latest(path).trials)


def test_a_second_interrupt_leaves_at_once_and_what_runs_is_collected_later(
    written: Callable[..., Path],
) -> None:
    path = written(stop="{trials: 5}")
    (path.parent / "seconds").write_text("3")
    process = spawned(path, "run", "campaign.yaml")
    wait_until(lambda: len(list(path.parent.glob("begun-*"))) == 3)
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    begin = time.monotonic()
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert time.monotonic() - begin < 2.0
    assert process.returncode == 130
    assert "3 evaluations go on" in said
    assert not latest(path).outcomes
    assert spawned(path, "resume").wait(timeout=60) == 0
    assert [t.status for t in latest(path).trials] == ["completed"] * 5
    assert all(len(t.attempts) == 1 for t in latest(path).trials)
    assert sorted(p.name for p in path.parent.glob("begun-*")) == [f"begun-{i:03d}" for i in range(5)]


def test_what_runs_under_another_engine_is_not_run_twice(written: Callable[..., Path]) -> None:
    path = written(stop="{trials: 3}")
    (path.parent / "seconds").write_text("12")
    process = spawned(path, "run", "campaign.yaml")
    wait_until(lambda: len(list(path.parent.glob("begun-*"))) == 3)
    process.kill()
    process.wait()
    other = ("--set", "execution={engine: dask, workers: 3}")
    refused = spawned(path, "resume", *other)
    said, _ = refused.communicate(timeout=60)
    assert refused.returncode == 2
    assert "was begun under engine processes and may still run there" in said
    wait_until(lambda: len(list((latest(path).directory / "attempts").glob("*.json"))) == 3)
    assert spawned(path, "resume", *other).wait(timeout=60) == 0
    assert [t.status for t in latest(path).trials] == ["completed"] * 3
    assert len(list(path.parent.glob("begun-*"))) == 3


def test_a_name_that_is_no_text_stops_nothing(written: Callable[..., Path]) -> None:
    path = written(stop="{trials: 2}")
    oracle = path.parent / "simulate.py"
    strange = '    (context.directory / "caf\\udce9.txt").touch()\n    begin = time.time()\n'
    oracle.write_text(oracle.read_text().replace("    begin = time.time()\n", strange))
    record = started(path)
    assert [t.status for t in record.trials] == ["completed"] * 2
    assert r"caf\udce9.txt" in record.trials[0].last.artifacts  # type: ignore[union-attr]
