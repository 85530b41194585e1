"""A campaign's process dies of SIGKILL; what it had started is found again, awaited or proven dead."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest
from support import hostile
from support.hostile import Hostile, begin, is_alive, outcomes, pid_of, task

from designloop.execution import Task
from designloop.execution.attempt import read
from designloop.execution.processes import Processes
from designloop.oracle import Context

CAMPAIGN = """
import json, os, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from support.hostile import Hostile, begin, task
from designloop.execution.processes import Processes

folder, settings = Path(sys.argv[2]), json.loads(sys.argv[3])
forks = settings.pop("forks", False)
executor = Processes(Hostile(), folder=folder / "attempts", workers=2, **settings)
tasks = [task(folder, number, do) for number, do in enumerate(sys.argv[4:])]
handles = begin(executor, *tasks)
if forks and os.fork() == 0:
    (folder / "copy.new").write_text(str(os.getpid()))
    (folder / "copy.new").rename(folder / "copy")
    time.sleep(600)
fresh = folder / "handles.new"
fresh.write_text(json.dumps(handles))
fresh.rename(folder / "handles.json")
time.sleep(600)
"""


class Killed:
    """A campaign's process that started attempts and was killed; what its journal would know."""

    def __init__(self, folder: Path, *deeds: str, **settings: Any) -> None:
        (folder / "attempts").mkdir()
        tests = Path(hostile.__file__).parents[1]
        command = [sys.executable, "-c", CAMPAIGN, str(tests), str(folder), json.dumps(settings), *deeds]
        # Files, not pipes: those would stay open with the workers.
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        hostile.until((folder / "handles.json").exists)
        self.tasks = [
            Task(
                trial=number, attempt=1, design={"do": do},
                context=Context(directory=folder / "trials" / f"{number:03d}-1"),
            )
            for number, do in enumerate(deeds)
        ]  # fmt: skip
        self.handles: list[Mapping[str, Any]] = json.loads((folder / "handles.json").read_text())
        for asked in self.tasks:
            if "slow" in asked.design["do"]:  # type: ignore[operator]
                hostile.until(lambda context=asked.context: pid_of(context, "evaluator"))
        process.send_signal(signal.SIGKILL)
        process.wait()

    def go(self, number: int) -> None:
        """Let an attempt come to its end."""
        (self.tasks[number].context.directory / "go").touch()  # type: ignore[operator]

    def is_gone(self, number: int) -> bool:
        return not is_alive(self.handles[number]["pid"])


@pytest.fixture
def resumed(tmp_path: Path) -> Iterator[Processes]:
    """The executor of the next process; it needs the folder only when it begins."""
    executor = Processes(Hostile(), folder=tmp_path / "attempts", workers=2)
    yield executor
    executor.close()


def test_an_attempt_at_work_goes_on_and_is_awaited(tmp_path: Path, resumed: Processes) -> None:
    killed = Killed(tmp_path, "slow")
    assert resumed.adopt(killed.tasks[0], killed.handles[0])
    assert resumed.ended(0.5) == []
    killed.go(0)
    assert outcomes(resumed)["000-1"].metrics["y"].value == 5.0
    hostile.until(lambda: killed.is_gone(0))


def test_an_attempt_that_ended_alone_is_collected(tmp_path: Path, resumed: Processes) -> None:
    killed = Killed(tmp_path, "slow", "slow_then_segfault")
    killed.go(0)
    killed.go(1)
    hostile.until(lambda: killed.is_gone(0) and killed.is_gone(1))
    for asked, handle in zip(killed.tasks, killed.handles, strict=True):
        assert resumed.adopt(asked, handle)
    found = outcomes(resumed, 2)
    assert found["000-1"].status == "completed"
    assert found["001-1"].cause == "crash"
    assert "segmentation fault" in (found["001-1"].reason or "")
    assert resumed.ended(None) == []


def test_idle_workers_go_with_their_campaign(tmp_path: Path) -> None:
    killed = Killed(tmp_path, "answer", "answer")
    hostile.until(lambda: killed.is_gone(0) and killed.is_gone(1), seconds=5)


def test_idle_workers_go_though_a_copy_of_the_campaign_holds_their_sockets(tmp_path: Path) -> None:
    killed = Killed(tmp_path, "answer", forks=True)
    hostile.until((tmp_path / "copy").exists)
    copy = int((tmp_path / "copy").read_text())
    try:
        hostile.until(lambda: killed.is_gone(0), seconds=8)
        assert is_alive(copy)
    finally:
        os.kill(copy, signal.SIGKILL)


def test_a_time_limit_holds_without_a_campaign(tmp_path: Path, resumed: Processes) -> None:
    killed = Killed(tmp_path, "hang_hard", time_limit=1.5)
    assert resumed.adopt(killed.tasks[0], killed.handles[0])
    outcome = outcomes(resumed)["000-1"]
    assert outcome.cause == "timeout"
    for name in ("child", "daemon"):
        assert not is_alive(pid_of(killed.tasks[0].context, name))
    assert outcome == read(Path(killed.handles[0]["outcome"]))


def test_a_worker_that_died_too_is_proven_dead(tmp_path: Path, resumed: Processes) -> None:
    killed = Killed(tmp_path, "slow", "slow")
    os.kill(killed.handles[0]["pid"], signal.SIGKILL)
    hostile.until(lambda: killed.is_gone(0))
    assert not resumed.adopt(killed.tasks[0], killed.handles[0])
    assert resumed.adopt(killed.tasks[1], killed.handles[1])
    os.kill(killed.handles[1]["pid"], signal.SIGKILL)
    lost = outcomes(resumed)["001-1"]
    assert (lost.cause, lost.reason) == (
        "lost", f"the worker process {killed.handles[1]['pid']} is gone without an outcome",
    )  # fmt: skip
    for asked in killed.tasks:
        hostile.until(lambda context=asked.context: not is_alive(pid_of(context, "evaluator")))


def test_a_number_that_another_process_has_by_now_is_dead(tmp_path: Path, resumed: Processes) -> None:
    (tmp_path / "attempts").mkdir()
    with subprocess.Popen(["sleep", "5"]) as other:
        started = psutil.Process(other.pid).create_time() - 3_600
        handle = {"kind": "process", "pid": other.pid, "started": started}
        is_adopted = resumed.adopt(task(tmp_path, 0, "answer"), handle)
        other.kill()
    assert not is_adopted


def test_a_handle_of_another_engine_is_found_by_its_outcome_alone(tmp_path: Path, resumed: Processes) -> None:
    killed = Killed(tmp_path, "slow")
    killed.go(0)
    hostile.until(lambda: killed.is_gone(0))
    assert resumed.adopt(killed.tasks[0], {"kind": "job", "number": 17})
    assert outcomes(resumed)["000-1"].status == "completed"
    assert not resumed.adopt(task(tmp_path, 5, "answer"), {"kind": "job", "number": 18})


def test_a_worker_that_is_told_to_end_takes_all_of_its_attempt_with_it(
    tmp_path: Path, resumed: Processes
) -> None:
    killed = Killed(tmp_path, "hang_hard")
    hostile.until(lambda: pid_of(killed.tasks[0].context, "daemon"))
    assert resumed.adopt(killed.tasks[0], killed.handles[0])
    os.kill(killed.handles[0]["pid"], signal.SIGTERM)
    outcome = outcomes(resumed)["000-1"]
    assert outcome.cause == "lost"
    assert 0 < outcome.seconds <= time.time() - killed.handles[0]["begun"]
    for name in ("child", "daemon"):
        assert not is_alive(pid_of(killed.tasks[0].context, name))


def test_found_attempts_live_on(tmp_path: Path, resumed: Processes) -> None:
    killed = Killed(tmp_path, "slow")
    assert resumed.adopt(killed.tasks[0], killed.handles[0])
    resumed.close()
    assert not killed.is_gone(0)
    killed.go(0)
    hostile.until(lambda: killed.is_gone(0))
    assert read(Path(killed.handles[0]["outcome"])) is not None


def test_new_attempts_run_beside_found_ones_and_wake_at_once(tmp_path: Path, resumed: Processes) -> None:
    killed = Killed(tmp_path, "slow")
    assert resumed.adopt(killed.tasks[0], killed.handles[0])
    begin(resumed, task(tmp_path, 1, "answer"))
    outcomes(resumed)
    took = []
    for number in range(2, 7):
        asked = task(tmp_path, number, "answer")
        start = time.monotonic()
        begin(resumed, asked)
        assert set(outcomes(resumed)) == {asked.key}
        took.append(time.monotonic() - start)
    assert min(took) < 0.1  # between two looks at found attempts lie 0.2
    killed.go(0)
    assert set(outcomes(resumed)) == {"000-1"}
