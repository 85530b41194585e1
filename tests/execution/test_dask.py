"""Attempts on Dask: real schedulers, real workers, real SIGKILLs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from support.clustered import FOLDER, Clustered, begin, evaluations, is_alive, outcomes, task, until
from support.schedulers import Machines, free_port, machines

from designloop.campaign.dask_parts import CLUSTERS
from designloop.errors import ExecutionError, OracleError
from designloop.execution import dask
from designloop.execution.attempt import read
from designloop.execution.dask import OnDask


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    with machines(tmp_path_factory.mktemp("machines")) as found:
        yield found


@pytest.fixture
def site(started: Machines) -> Machines:
    """A scheduler with two workers, whatever another test did to them."""
    return started.whole()


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PYTHONPATH", FOLDER)
    (tmp_path / "attempts").mkdir()
    return tmp_path


@contextmanager
def external(run: Path, site: Machines, *, slots: int = 2, **settings: Any) -> Iterator[OnDask]:
    given = {"workers": 2, "name": run.name, "address": site.address, **settings}
    executor = OnDask(Clustered(), folder=run / "attempts", **given)
    until(lambda: executor.slots == slots)
    yield executor
    executor.close()


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[OnDask, Path]]:
    run = tmp_path_factory.mktemp("embedded")
    (run / "attempts").mkdir()
    executor = OnDask(Clustered(), folder=run / "attempts", workers=2, name="embedded")
    yield executor, run
    executor.close()


def test_an_embedded_cluster_has_every_way_of_ending_told_from_the_others(
    embedded: tuple[OnDask, Path],
) -> None:
    executor, run = embedded
    modes = ["print", "raise", "signal", "exit 0"]
    tasks = [task(run, mode, trial=i, x=2.5) for i, mode in enumerate(modes)]
    begin(executor, *tasks)
    found = outcomes(executor, len(tasks))
    ended = [found[each.key] for each in tasks]
    assert [o.cause for o in ended] == [None, "error", "crash", "crash"]
    assert [o.status for o in ended] == ["completed", *["failed"] * 3]
    assert ended[0].metrics["y"].value == 2.5
    assert ended[0].notes == {"seed": 7}
    assert [len(evaluations(each)) for each in tasks] == [1] * len(tasks)
    assert (run / "trials" / "000" / "output.txt").read_text() == "the mesh is bad\n"
    assert read(run / "attempts" / "000-1.json") == ended[0]


def test_an_embedded_cluster_listens_on_loopback_only(embedded: tuple[OnDask, Path]) -> None:
    executor, _ = embedded
    assert executor.slots == 2
    family = [psutil.Process(), *psutil.Process().children(recursive=True)]
    listening = {c.laddr.ip for p in family for c in p.net_connections("tcp") if c.status == "LISTEN"}
    assert listening == {"127.0.0.1"}


def test_a_worker_killed_in_mid_trial_loses_that_attempt_and_no_other(embedded: tuple[OnDask, Path]) -> None:
    executor, run = embedded
    go = run / "go"
    killed, other = task(run, f"wait {go}", trial=10), task(run, f"wait {go}", trial=11)
    start = time.monotonic()
    begin(executor, killed, other)
    until(lambda: evaluations(killed) and evaluations(other))
    (evaluator,) = evaluations(killed)
    os.kill(dask_worker_of(evaluator), signal.SIGKILL)
    go.touch()
    found = outcomes(executor, 2)
    assert (found[killed.key].status, found[killed.key].cause) == ("failed", "lost")
    assert 0 < found[killed.key].seconds < time.monotonic() - start
    assert found[other.key].status == "completed"
    assert len(evaluations(killed)) == len(evaluations(other)) == 1
    until(lambda: not is_alive(evaluator))
    again = task(run, "print", trial=10, attempt=2)
    begin(executor, again)
    assert outcomes(executor, 1)[again.key].status == "completed"


def dask_worker_of(pid: int) -> int:
    """The Dask worker above the process that evaluates: evaluator, its keeper, the worker."""
    return psutil.Process(pid).parents()[1].pid


def test_a_hanging_attempt_is_ended_on_its_worker(site: Machines, run: Path) -> None:
    with external(run, site, time_limit=0.5) as executor:
        hanging = task(run, "sleep 60")
        begin(executor, hanging)
        assert outcomes(executor, 1)[hanging.key].cause == "timeout"
        assert not is_alive(evaluations(hanging)[0])


def test_slots_are_the_threads_that_have_what_an_attempt_takes(site: Machines, run: Path) -> None:
    with external(run, site, resources={"GPU": 1}, slots=1) as executor:
        each = task(run, "print")
        begin(executor, each)
        assert outcomes(executor, 1)[each.key].status == "completed"
    with external(run, site, resources={"GPU": 3}, slots=0):
        pass
    with external(run, site, workers=1, slots=1):
        pass


@pytest.mark.parametrize(
    "shared",
    [
        pytest.param(True, id="shared folder", marks=pytest.mark.long),
        pytest.param(False, id="no shared folder"),
    ],
)
def test_a_campaign_that_was_killed_finds_its_attempts_again(shared: bool, site: Machines, run: Path) -> None:
    go = run / "go"
    short, long = task(run, "print", trial=0), task(run, f"wait {go}", trial=1)
    killed_campaign(run, site, modes=["print", f"wait {go}"], shared=shared)
    until(lambda: not is_alive(evaluations(short)[0]), seconds=10)  # idle, and nobody will ask it again
    with external(run, site) as executor:
        assert executor.adopt(short, {"kind": "dask"})
        assert executor.adopt(long, {"kind": "dask"})
        assert not executor.adopt(task(run, "print", trial=2), {"kind": "dask"})
        assert outcomes(executor, 1)[short.key].status == "completed"
        assert executor.ended(0.2) == []
        go.touch()
        assert outcomes(executor, 1)[long.key].status == "completed"
        assert len(evaluations(short)) == len(evaluations(long)) == 1
        assert (run / "attempts" / f"{short.key}.json").exists()
        assert executor.adopt(short, {"kind": "dask"}), "its outcome waits for the journal"
    until(lambda: not is_alive(evaluations(long)[0]), seconds=10)


def killed_campaign(run: Path, site: Machines, *, modes: list[str], shared: bool) -> None:
    """A process that starts attempts, waits until they run, and is killed."""
    program = f"""
        import sys, time
        from pathlib import Path
        from support.clustered import Clustered, begin, evaluations, is_alive, task, until
        from designloop.execution.dask import OnDask
        run = Path({str(run)!r})
        executor = OnDask(Clustered(), folder=run / "attempts", workers=2, name={run.name!r},
                          address={site.address!r})
        if not {shared}:
            [mark.unlink() for mark in (run / "attempts").glob("shared-*")]
        tasks = [task(run, mode, trial=i) for i, mode in enumerate({modes!r})]
        begin(executor, *tasks)
        until(lambda: all(map(evaluations, tasks)))
        until(lambda: executor._watched["000-1"].future.status == "finished")
        time.sleep(1.5)
        assert is_alive(evaluations(tasks[0])[0]), "it is kept warm"
        print("running", flush=True)
        time.sleep(60)
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)], env={**os.environ, "PYTHONPATH": FOLDER},
        stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout
    with process.stdout:
        assert process.stdout.readline() == b"running\n"
        process.kill()
        process.wait()


def test_a_task_that_a_scheduler_repeats_is_not_evaluated_again(site: Machines, run: Path) -> None:
    """A scheduler of others allows several failures, and runs the task again on the worker that is left."""
    start = time.monotonic()
    with external(run, site) as executor:
        killed = task(run, "sleep 60")
        begin(executor, killed)
        until(lambda: evaluations(killed))
        os.kill(dask_worker_of(evaluations(killed)[0]), signal.SIGKILL)
        outcome = outcomes(executor, 1)[killed.key]
        assert (outcome.status, outcome.cause) == ("failed", "lost")
        assert "died while it evaluated" in str(outcome.reason)
        assert 0 < outcome.seconds < time.monotonic() - start
        assert len(evaluations(killed)) == 1


@pytest.mark.long
def test_a_scheduler_that_restarts_loses_its_attempts_and_takes_new_ones(site: Machines, run: Path) -> None:
    with external(run, site) as executor:
        lost = task(run, "sleep 60")
        begin(executor, lost)
        until(lambda: evaluations(lost))
        assert site.scheduler
        site.scheduler.kill()
        site.scheduler.wait()
        site.start_scheduler()
        outcome = outcomes(executor, 1)[lost.key]
        assert (outcome.status, outcome.cause) == ("failed", "lost")
        assert "restarted" in str(outcome.reason)
        assert outcome.seconds > 0
        until(lambda: not is_alive(evaluations(lost)[0]))
        site.start_worker()
        again = task(run, "print", attempt=2)
        begin(executor, again)
        assert outcomes(executor, 1)[again.key].status == "completed"


@pytest.mark.long
def test_attempts_are_lost_where_no_scheduler_comes_back(
    site: Machines, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask, "_PATIENCE", 1.0)
    with external(run, site) as executor:
        running = task(run, "sleep 60")
        begin(executor, running)
        assert site.scheduler
        site.scheduler.kill()
        outcome = outcomes(executor, 1)[running.key]
        assert (outcome.status, outcome.cause) == ("failed", "lost")
        assert outcome.seconds > 0
        assert executor.slots == 0


def test_a_scheduler_that_does_not_answer_is_named(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask, "_ANSWER_WITHIN", 0.5)
    with pytest.raises(ExecutionError, match="no Dask scheduler answers at tcp://127.0.0.1:"):
        OnDask(Clustered(), folder=run, workers=1, name="x", address=f"tcp://127.0.0.1:{free_port()}")


def test_settings_that_a_cluster_does_not_take_are_refused(run: Path) -> None:
    cluster = {"class": "SLURMCluster", "cores": 1, "memory": "1 GB", "colour": "red"}
    with pytest.raises(ExecutionError, match="SLURMCluster does not take these settings.*colour"):
        OnDask(Clustered(), folder=run / "attempts", workers=1, name="x", cluster=cluster)


def test_the_clusters_that_a_campaign_may_name_are_those_of_dask_jobqueue() -> None:
    import dask_jobqueue

    found = {name for name in vars(dask_jobqueue) if name.endswith("Cluster")}
    assert set(CLUSTERS) == found - {"JobQueueCluster"}


def test_an_oracle_that_cannot_be_sent_is_refused_before_anything_starts(run: Path) -> None:
    oracle = Clustered()
    oracle.lock = threading.Lock()  # type: ignore[attr-defined]
    with pytest.raises(OracleError, match="cannot be sent to a cluster"):
        OnDask(oracle, folder=run / "attempts", workers=1, name="x")
