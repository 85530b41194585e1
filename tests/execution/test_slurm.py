"""Attempts as Slurm jobs: through a real Slurm of one node, and through stand-ins for what it will not do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import slurm as support
from support.clustered import FOLDER, Clustered, begin, evaluations, outcomes, task, until

from designloop.errors import ExecutionError
from designloop.execution import slurm, slurm_queue
from designloop.execution.output import LIMIT
from designloop.execution.slurm import OnSlurm
from designloop.execution.slurm_options import options

needs_slurm = pytest.mark.skipif(bool(support.missing()), reason=support.missing() or "there is one")


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with support.one_node(tmp_path_factory.mktemp("slurm")) as configuration:
        yield configuration


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PYTHONPATH", FOLDER)
    (tmp_path / "attempts").mkdir()
    return tmp_path


@pytest.fixture
def cluster(node: Path, run: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A run's directory beside a Slurm without jobs of earlier tests."""
    monkeypatch.setenv("SLURM_CONF", str(node))
    yield run
    subprocess.run(["scancel", "--user=root"], check=True)


def executor_in(run: Path, **settings: Any) -> OnSlurm:
    given = {"workers": 4, "queue": {"partition": "cpu"}, "name": run.name, **settings}
    return OnSlurm(Clustered(), folder=run / "attempts", **given)


@needs_slurm
def test_jobs_have_every_way_of_ending_told_from_the_others(cluster: Path) -> None:
    executor = executor_in(cluster, memory_limit=200_000_000)
    modes = ["print", "raise", "signal", "exit 0", "exit 3", "memory 500_000_000", "flood", "sleep 60"]
    tasks = [task(cluster, mode, trial=i, x=2.5) for i, mode in enumerate(modes)]
    handles = begin(executor, *tasks)
    until(lambda: evaluations(tasks[-1]))
    subprocess.run(["scancel", str(handles[-1]["job"])], check=True)
    found = outcomes(executor, len(tasks))
    ended = [found[each.key] for each in tasks]
    assert [o.cause for o in ended] == [None, "error", "crash", "crash", "crash", "memory", "crash", "lost"]
    assert ended[0].status == "completed"
    assert ended[0].metrics["y"].value == 2.5
    for outcome, reason in zip(
        ended[1:], ["no such beam", "killed by SIGSEGV", "without an outcome", "exit code 3", "more memory",
                    "the last line", "cancelled by"], strict=True
    ):  # fmt: skip
        assert reason in str(outcome.reason)
    assert [len(evaluations(each)) for each in tasks] == [1] * len(tasks)
    assert (cluster / "trials" / "000" / "output.txt").read_text() == "the mesh is bad\n"
    assert not (cluster / "trials" / "001" / "output.txt").exists()
    assert 'clustered.py", line' in str(ended[2].reason)
    assert "designloop/execution" not in str(ended[2].reason)
    flood = (cluster / "trials" / "006" / "output.txt").read_bytes()
    assert len(flood) < LIMIT + 100
    assert flood.startswith(b"x")
    assert b"bytes left out" in flood
    assert not list((cluster / "attempts").glob("*.task"))


@needs_slurm
def test_a_campaign_that_was_killed_finds_its_jobs_again(cluster: Path) -> None:
    go = cluster / "go"
    modes = ["print", f"wait {go}", "print", "print"]
    short, long, held, leftover = tasks = [task(cluster, mode, trial=i) for i, mode in enumerate(modes)]
    handles = killed_campaign(cluster, modes)
    executor = executor_in(cluster)
    for each, handle in zip(tasks[:3], handles, strict=False):
        assert executor.adopt(each, handle)
    assert not executor.adopt(task(cluster, "print", trial=9), {"job": "4711", "name": "x"})
    assert not executor.adopt(leftover, {**handles[0]}), "a number that means another attempt's job"
    found = outcomes(executor, 2)
    assert set(found) == {short.key, held.key}
    go.touch()
    found |= outcomes(executor, 1)
    assert {outcome.status for outcome in found.values()} == {"completed"}
    assert set(found) == {short.key, held.key, long.key}
    unrecorded = str(handles[3]["job"])
    assert slurm_queue.states([unrecorded])[unrecorded].state == "CANCELLED"
    assert [len(evaluations(each)) for each in tasks] == [1, 1, 1, 0]


def killed_campaign(run: Path, modes: list[str]) -> list[dict[str, Any]]:
    """A process that submits jobs, starts two, and is killed with one begun; the handles of all."""
    program = f"""
        import json, time
        from pathlib import Path
        from support.clustered import Clustered, evaluations, task, until
        from designloop.execution.slurm import OnSlurm
        run = Path({str(run)!r})
        executor = OnSlurm(Clustered(), folder=run / "attempts", workers=4, queue={{}}, name={run.name!r})
        tasks = [task(run, mode, trial=i) for i, mode in enumerate({modes!r})]
        handles = [executor.handle(each) for each in tasks]
        [executor.start(each) for each in tasks[:2]]
        until(lambda: all(map(evaluations, tasks[:2])))
        print(json.dumps(handles), flush=True)
        time.sleep(60)
    """
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE)
    assert process.stdout
    with process.stdout:
        handles: list[dict[str, Any]] = json.loads(process.stdout.readline())
        process.kill()
        process.wait()
    return handles


@needs_slurm
def test_an_option_that_slurm_refuses_is_told_at_once(cluster: Path) -> None:
    with pytest.raises(ExecutionError, match="execution.queue: .*partition.*nowhere"):
        executor_in(cluster, queue={"partition": "nowhere"})
    executor = executor_in(cluster, queue={"cpus": 10_000})
    assert executor.handle(task(cluster, "print"))["job"], "such a node may be away for a while only"


@pytest.mark.long
@needs_slurm
def test_a_cluster_of_dask_jobqueue_runs_its_workers_as_jobs(cluster: Path) -> None:
    from designloop.execution.dask import OnDask

    settings = {"class": "SLURMCluster", "queue": "cpu", "cores": 1, "memory": "500 MB", "interface": "lo",
                "walltime": "00:05:00", "local_directory": str(cluster)}  # fmt: skip
    executor = OnDask(Clustered(), folder=cluster / "attempts", workers=2, name="queued", cluster=settings)
    try:
        until(lambda: executor.slots == 2, seconds=60)
        tasks = [task(cluster, "print", trial=0), task(cluster, "signal", trial=1)]
        begin(executor, *tasks)
        found = outcomes(executor, 2)
        assert [found[each.key].cause for each in tasks] == [None, "crash"]
    finally:
        executor.close()
    until(lambda: all(job.ended for job in slurm_queue.mine().values()))


@pytest.fixture
def stand_ins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Commands that note how they were called and answer what the test has written."""
    folder = tmp_path / "bin"
    folder.mkdir()
    scripts = {
        "sbatch": 'test "$1" = --test-only && exit; echo x >> ids; wc -l < ids',
        "squeue": "cat fail.answer >&2 && exit 1; cat squeue.answer; true",
        "scontrol": 'cat fail.answer >&2 && exit 1; test "$1" = release || cat "job-$4.answer"',
        "sacct": "cat sacct.answer",
        "scancel": "exit 0",
    }
    for name, body in scripts.items():
        script = f'#!/bin/sh\ncd "{folder}"\necho "{name} $*" >> calls\n{body}\n'
        (folder / name).write_text(script)
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin")
    monkeypatch.setattr(slurm, "_GRACE", 0.0)
    return folder


STATES = [
    ("COMPLETED", "0:0", "crash", "ended without an outcome"),
    ("FAILED", "7:0", "crash", "ended with exit code 7"),
    ("FAILED", "0:11", "crash", "was killed by SIGSEGV"),
    ("TIMEOUT", "0:15", "timeout", "reached the time limit of 90 s"),
    ("DEADLINE", "0:15", "timeout", "ended as DEADLINE"),
    ("OUT_OF_MEMORY", "0:125", "memory", "took more memory than it was given"),
    ("NODE_FAIL", "0:0", "lost", "lost its node"),
    ("BOOT_FAIL", "0:0", "lost", "lost its node"),
    ("PREEMPTED", "0:15", "lost", "was preempted"),
    ("CANCELLED", "0:15", "lost", "was cancelled by root"),
]


def test_each_state_of_a_job_without_an_outcome_is_a_cause(stand_ins: Path, run: Path) -> None:
    executor = executor_in(run, time_limit=90.0)
    tasks = [task(run, "print", trial=i) for i in range(len(STATES) + 1)]
    begin(executor, *tasks)
    (run / "trials" / "001" / "output.txt").write_text("reading the mesh\nno element 7\n")
    rows = [f"{i}|{state}|designloop:x:{i}|None" for i, (state, *_) in enumerate(STATES, start=1)]
    answer(stand_ins, "squeue", "\n".join(rows))
    for i, (state, code, *_) in enumerate(STATES, start=1):
        said = f"JobId={i} JobState={state} ExitCode={code} RunTime=1-00:01:30"
        answer(stand_ins, f"job-{i}", said)
    answer(stand_ins, "sacct", "CANCELLED by 0|0:15|1-00:01:30|x")
    found = outcomes(executor, len(STATES))
    for each, (_, _, cause, reason) in zip(tasks, STATES, strict=False):
        assert (found[each.key].cause, found[each.key].seconds) == (cause, 86490.0)
        assert reason in str(found[each.key].reason)
    assert "no element 7" in str(found["001-1"].reason)
    executor.close()


def answer(folder: Path, name: str, text: str) -> None:
    (folder / f"{name}.answer").write_text(text)


def test_a_job_that_slurm_forgot_is_lost(stand_ins: Path, run: Path) -> None:
    executor = executor_in(run)
    forgotten = task(run, "print")
    begin(executor, forgotten)
    outcome = outcomes(executor, 1)[forgotten.key]
    assert (outcome.cause, outcome.reason) == ("lost", "Slurm no longer knows job 1")
    assert not executor.adopt(forgotten, {"job": "1"})


def test_while_slurm_is_silent_nothing_is_lost(stand_ins: Path, run: Path) -> None:
    executor = executor_in(run)
    running = task(run, "print")
    begin(executor, running)
    again = executor_in(run)
    answer(stand_ins, "fail", "squeue: error: Unable to contact slurm controller (connect failure)")
    assert executor.ended(1.2) == []
    assert again.adopt(running, {"job": "1"})
    (stand_ins / "fail.answer").unlink()
    answer(stand_ins, "squeue", "1|RUNNING|x|None")
    assert again.ended(1.2) == []


@pytest.mark.parametrize("how", ["awaiting", "submitting", "closing"])
def test_a_held_job_that_no_record_knows_is_cancelled_and_no_other(
    how: str, stand_ins: Path, run: Path
) -> None:
    recorded = task(run, "print")
    mine, others = f"designloop:{run.name}:", f"designloop:{run.name}-2:"
    rows = [
        f"1|PENDING|{mine}000-1|JobHeldUser", f"2|PENDING|{mine}001-1|JobHeldUser",
        f"3|PENDING|{others}001-1|JobHeldUser", f"4|RUNNING|{mine}002-1|None",
        f"5|CANCELLED|{mine}003-1|JobHeldUser", "6|PENDING|another|JobHeldUser",
    ]  # fmt: skip
    answer(stand_ins, "squeue", "\n".join(rows))
    executor = executor_in(run)
    assert executor.adopt(recorded, {"job": "1"})
    if how == "awaiting":
        until(lambda: executor.ended(0.2) or any(call.startswith("scancel") for call in calls(stand_ins)))
    elif how == "submitting":
        begin(executor, task(run, "print", trial=5))
    executor.close()
    assert [call for call in calls(stand_ins) if call.startswith("scancel")] == ["scancel 2"]


def test_many_jobs_are_asked_about_in_one_call(stand_ins: Path, run: Path) -> None:
    executor = executor_in(run, workers=20)
    begin(executor, *(task(run, "print", trial=i) for i in range(20)))
    numbers = [str(i) for i in range(1, 21)]
    answer(stand_ins, "squeue", "\n".join(f"{number}|RUNNING|x|None" for number in numbers))
    before = len(calls(stand_ins))
    until(lambda: executor.ended(0.1) or len(calls(stand_ins)) > before)
    (asked,) = calls(stand_ins)[before:]
    assert asked.split()[0] == "squeue"
    assert f"--jobs={','.join(numbers)}" in asked.split()


def test_slurm_is_asked_ever_more_rarely(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(slurm.time, "monotonic", lambda: now)
    pace, asked = slurm.Pace(), []
    pace.begin()
    while now < 1600.0:
        now += 0.5
        if pace.due():
            asked.append(now - 1000.0)
            pace.asked(soon=False)
    assert asked[:3] == [1.0, 2.5, 5.0]
    assert len(asked) < 66
    pace.begin()
    assert not pace.due()
    now += 1.0
    assert pace.due()


def calls(folder: Path) -> list[str]:
    return (folder / "calls").read_text().splitlines()


def test_a_job_is_submitted_held_under_a_name_of_its_own_and_never_requeued(
    stand_ins: Path, run: Path
) -> None:
    executor = executor_in(run, threads=3, time_limit=61.0, queue={"cpus": 4, "extra": ["--nice=100"]})
    executor.handle(task(run, "print", trial=31, attempt=2))
    submitted = next(call for call in calls(stand_ins) if "--parsable" in call)
    name = f"--job-name=designloop:{run.name}:031-2"
    for part in ("--hold", name, "--no-requeue", "--time=2", "--nice=100", "--cpus-per-task=4",
                 "OMP_NUM_THREADS=3"):  # fmt: skip
        assert part in submitted.split()
    assert not any(call.startswith("scontrol") for call in calls(stand_ins))


def test_without_slurm_the_engine_says_what_is_missing(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(run))
    with pytest.raises(ExecutionError, match="needs the command sbatch"):
        executor_in(run)


@pytest.mark.parametrize(
    ("queue", "said"),
    [
        pytest.param({"color": "red"}, "'color' is no option of a job", id="unknown"),
        pytest.param({"partition": "cpu --wrap=sh"}, "one word", id="two words"),
        pytest.param({"account": "--wrap=sh"}, "one word", id="an option as a value"),
        pytest.param({"cpus": "8"}, "not a positive whole number", id="cpus as text"),
        pytest.param({"memory": "32 parsec"}, "32 GB", id="memory in parsec"),
        pytest.param({"extra": "--nice"}, "not a list", id="extra as text"),
        pytest.param({"extra": ["-n 4"]}, "no long option", id="short option"),
        pytest.param({"extra": ["--wrap=sh"]}, "set by designloop", id="own option"),
        pytest.param({"extra": ["--outp=x"]}, "set by designloop", id="own option, abbreviated"),
        pytest.param({"extra": ["--nice=1\n#SBATCH --wrap=x"]}, "no long option", id="line break"),
    ],
)
def test_options_that_are_none_are_refused(queue: dict[str, Any], said: str) -> None:
    with pytest.raises(ExecutionError, match=said):
        options(queue, threads=1, time_limit=None, memory_limit=None)


def test_memory_is_said_once() -> None:
    assert "--mem=31250000K" in options({"memory": "32 GB"}, threads=1, time_limit=None, memory_limit=None)
    assert "--mem=1024K" in options({}, threads=1, time_limit=None, memory_limit=2**20)
    with pytest.raises(ExecutionError, match="Leave one of them out"):
        options({"memory": "32 GB"}, threads=1, time_limit=None, memory_limit=2**20)


KEYS = st.sampled_from(
    ["partition", "account", "qos", "constraint", "gres", "reservation", "memory", "nodes"]
)


@given(queue=st.dictionaries(KEYS, st.text(max_size=30)), extra=st.lists(st.text(max_size=30)))
def test_whatever_is_written_no_option_becomes_two(queue: dict[str, str], extra: list[str]) -> None:
    try:
        made = options({**queue, "extra": extra}, threads=1, time_limit=1.0, memory_limit=None)
    except ExecutionError:
        return
    assert all(option.startswith("--") and option.isprintable() for option in made)
    assert len(made) == len(queue) + len(extra) + 2
