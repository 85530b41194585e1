"""Workers on this machine: whatever an oracle does to its process is one outcome, and nothing is left."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from support import hostile
from support.hostile import Hostile, begin, is_alive, one, outcomes, pid_of, task

from designloop.errors import OracleError
from designloop.execution.attempt import read
from designloop.execution.output import LIMIT
from designloop.execution.processes import Processes

Make = Callable[..., Processes]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Executors that are closed after the test, with everything they run."""
    made: list[Processes] = []
    hostile.EARLIER.update(hostile.children())
    (tmp_path / "attempts").mkdir()

    def executor(oracle: Any = None, *, workers: int = 1, **settings: Any) -> Processes:
        made.append(Processes(oracle or Hostile(), folder=tmp_path / "attempts", workers=workers, **settings))
        return made[-1]

    yield executor
    for each in made:
        each.close(kill=True)
    hostile.until(lambda: not hostile.children())


# how an attempt can end


@pytest.mark.parametrize(
    ("do", "cause", "reason"),
    [
        ("segfault", "crash", r"died of signal 11 \(segmentation fault\) in the middle of the evaluation"),
        ("leave", "crash", "ended with exit status 0 in the middle"),
        ("exit_politely", "error", "SystemExit: 3"),
        ("raise_error", "error", "ValueError: the mesh is tangled"),
        ("raise_unruly", "error", "Unruly: no exception at all"),
        ("interrupt_itself", "error", "^KeyboardInterrupt$"),
        ("say_nothing", "invalid", "the oracle answered None, not a Result"),
        ("unpicklable", "invalid", "no JSON: .*function"),
        ("huge", "invalid", "70 MB long, above 64 MB"),
        ("verbose_error", "error", r"x \.\.\.$"),
        ("no_memory", "memory", "found no memory: 8 TB"),
        ("signal_group", "crash", r"died of signal 9 \(killed\)"),
        ("meddle", "crash", "ended with exit status 1"),
    ],
)
def test_a_bad_end_is_a_failure_with_its_cause(
    make: Make, tmp_path: Path, do: str, cause: str, reason: str
) -> None:
    executor = make()
    outcome = one(executor, task(tmp_path, 0, do))
    assert (outcome.status, outcome.cause) == ("failed", cause)
    assert outcome.reason is not None
    assert len(outcome.reason) < 10_000
    assert re.search(reason, outcome.reason), outcome.reason
    after = one(executor, task(tmp_path, 1, "answer", x=3.0))
    assert after.metrics["y"].value == 3.0


def test_answers_infeasible_designs_and_licences_come_through(make: Make, tmp_path: Path) -> None:
    executor = make()
    good = one(executor, task(tmp_path, 0, "answer", x=2.5))
    assert (good.status, good.metrics["y"].value) == ("completed", 2.5)
    bad = one(executor, task(tmp_path, 1, "impossible"))
    assert (bad.status, bad.reason, bad.metrics["margin"].value) == (
        "infeasible", "the beam is etched away", -1.0,
    )  # fmt: skip
    wait = one(executor, task(tmp_path, 2, "wait_for_licence"))
    assert (wait.cause, wait.retry_after) == ("wait", 7.0)


def test_an_outcome_is_durable_before_it_is_told(make: Make, tmp_path: Path) -> None:
    executor, asked = make(), task(tmp_path, 7, "segfault")
    [handle] = begin(executor, asked)
    told = outcomes(executor)["007-1"]
    assert handle["outcome"] == str(tmp_path / "attempts" / "007-1.json")
    assert read(Path(handle["outcome"])) == told


def test_a_crash_ends_with_the_last_words_and_the_place(make: Make, tmp_path: Path) -> None:
    reason = one(make(), task(tmp_path, 0, "segfault")).reason or ""
    first, *words = reason.splitlines()
    assert first.endswith("in the middle of the evaluation")
    assert any("about to read address zero" in word for word in words)
    assert any("in segfault" in word for word in words)


def test_nan_is_no_number(make: Make, tmp_path: Path) -> None:
    assert one(make(), task(tmp_path, 0, "answer", x=float("nan"))).cause == "invalid"


def test_a_copy_of_the_oracles_process_does_not_answer(make: Make, tmp_path: Path) -> None:
    executor = make()
    first = one(executor, task(tmp_path, 0, "come_back_twice"))
    second = one(executor, task(tmp_path, 1, "answer", x=7.0))
    assert (first.metrics["y"].value, second.metrics["y"].value) == (1.0, 7.0)


# loading


@pytest.mark.parametrize(
    ("oracle", "cause", "reason"),
    [
        (hostile.Unloadable(), "error", "cannot be loaded in a process of its own: ImportError: no module"),
        (hostile.DeadlyToLoad(), "crash", "ended with exit status 7 loading the oracle"),
    ],
    ids=["raises", "dies"],
)
def test_an_oracle_that_cannot_be_loaded_fails_each_attempt(
    make: Make, tmp_path: Path, oracle: Any, cause: str, reason: str
) -> None:
    executor = make(oracle)
    for number in range(2):
        outcome = one(executor, task(tmp_path, number, "answer"))
        assert outcome.cause == cause
        assert reason in (outcome.reason or "")


def test_an_oracle_that_cannot_be_sent_is_refused_in_words(tmp_path: Path) -> None:
    oracle = Hostile()
    oracle.lock = threading.Lock()  # type: ignore[attr-defined]
    with pytest.raises(OracleError, match="cannot be sent to another process: TypeError: cannot pickle"):
        Processes(oracle, folder=tmp_path, workers=1)


def test_an_oracle_of_no_module_is_sent_by_value(make: Make, tmp_path: Path) -> None:
    class Local:
        def evaluate(self, design: Any, context: Any) -> Any:
            return hostile.answered(design["x"] + 1)

    assert one(make(Local()), task(tmp_path, 0, "", x=1.0)).metrics["y"].value == 2.0


# workers


def test_a_worker_stays_and_its_oracle_stays_loaded(make: Make, tmp_path: Path) -> None:
    executor = make()
    notes = [one(executor, task(tmp_path, n, "answer")).notes for n in range(3)]
    assert len({n["pid"] for n in notes}) == 1
    assert [n["count"] for n in notes] == [1, 2, 3]


def test_workers_start_when_they_are_needed(make: Make, tmp_path: Path) -> None:
    executor = make(workers=3)
    assert executor.slots == 3
    assert not hostile.children()
    handles = begin(executor, *(task(tmp_path, n, "slow") for n in range(2)))
    assert len({h["pid"] for h in handles}) == 2
    for handle in handles:
        worker = psutil.Process(handle["pid"])
        assert worker.ppid() == os.getpid()
        assert abs(worker.create_time() - handle["started"]) < 0.1
    again = executor.handle(task(tmp_path, 5, "answer"))
    assert again["pid"] not in {h["pid"] for h in handles}


def test_attempts_run_side_by_side_and_one_crash_leaves_the_others(make: Make, tmp_path: Path) -> None:
    executor = make(workers=3)
    slow, dying, quick = (task(tmp_path, n, do) for n, do in enumerate(("slow", "segfault", "answer")))
    begin(executor, slow, dying, quick)
    assert {k: o.status for k, o in outcomes(executor, 2).items()} == {
        "001-1": "failed", "002-1": "completed"
    }  # fmt: skip
    (slow.context.directory / "go").touch()  # type: ignore[operator]
    assert outcomes(executor)["000-1"].metrics["y"].value == 5.0


def test_a_worker_that_is_killed_is_a_lost_attempt_and_replaced(make: Make, tmp_path: Path) -> None:
    executor, asked = make(), task(tmp_path, 0, "hang_hard")
    [handle] = begin(executor, asked)
    hostile.until(lambda: pid_of(asked.context, "daemon"))
    os.kill(handle["pid"], signal.SIGKILL)
    outcome = outcomes(executor)["000-1"]
    # A daemon is out of every sight by now; only its worker could have found it.
    os.kill(pid_of(asked.context, "daemon") or 0, signal.SIGKILL)
    assert outcome.cause == "lost"
    assert outcome.seconds > 0
    assert f"the worker process {handle['pid']} died of signal 9" in (outcome.reason or "")
    assert not is_alive(pid_of(asked.context, "child"))
    assert one(executor, task(tmp_path, 1, "answer")).status == "completed"


def test_an_oracle_that_kills_its_worker_is_a_lost_attempt(make: Make, tmp_path: Path) -> None:
    executor, asked = make(), task(tmp_path, 0, "kill_worker")
    assert one(executor, asked).cause == "lost"
    assert not is_alive(pid_of(asked.context, "child"))


def test_a_worker_that_died_idle_is_replaced(make: Make, tmp_path: Path) -> None:
    executor = make()
    [handle] = begin(executor, task(tmp_path, 0, "answer"))
    outcomes(executor)
    os.kill(handle["pid"], signal.SIGKILL)
    hostile.until(lambda: not is_alive(handle["pid"]))
    assert one(executor, task(tmp_path, 1, "answer")).status == "completed"


def test_workers_ignore_an_interrupt(make: Make, tmp_path: Path) -> None:
    executor, asked = make(), task(tmp_path, 0, "slow")
    [handle] = begin(executor, asked)
    hostile.until(lambda: pid_of(asked.context, "evaluator"))
    for pid in (handle["pid"], pid_of(asked.context, "evaluator")):
        os.kill(pid or 0, signal.SIGINT)
    assert os.getsid(handle["pid"]) == handle["pid"]
    (asked.context.directory / "go").touch()  # type: ignore[operator]
    assert outcomes(executor)["000-1"].status == "completed"


def test_threads_are_limited(make: Make, tmp_path: Path) -> None:
    notes = one(make(threads=3), task(tmp_path, 0, "threads")).notes
    assert notes == {"OMP_NUM_THREADS": "3", "MKL_NUM_THREADS": "3"}


def test_the_working_directory_is_no_place_to_import_from(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("raise RuntimeError('the wrong json')")
    (tmp_path / "designloop").mkdir()
    monkeypatch.chdir(tmp_path)
    notes = one(make(), task(tmp_path, 0, "answer")).notes
    assert notes["cwd"] == str(tmp_path)


def test_an_oracle_that_wanders_off_is_brought_back(make: Make, tmp_path: Path) -> None:
    executor = make()
    one(executor, task(tmp_path, 0, "wander"))
    assert one(executor, task(tmp_path, 1, "answer")).notes["cwd"] == os.getcwd()


# limits


def test_a_time_limit_kills_the_whole_tree(make: Make, tmp_path: Path) -> None:
    executor, asked = make(time_limit=0.7), task(tmp_path, 0, "hang_hard")
    outcome = one(executor, asked)
    assert outcome.cause == "timeout"
    assert (outcome.reason or "").startswith("no answer after 0.7 s, the time limit")
    assert 0.7 <= outcome.seconds < 3
    assert not is_alive(pid_of(asked.context, "child"))
    assert not is_alive(pid_of(asked.context, "daemon"))


def test_loading_counts_not_against_the_time_limit(make: Make, tmp_path: Path) -> None:
    assert one(make(time_limit=0.05), task(tmp_path, 0, "answer")).status == "completed"


@pytest.mark.parametrize("do", ["eat", "eat_together"])
def test_a_memory_limit_counts_all_processes_of_the_attempt(make: Make, tmp_path: Path, do: str) -> None:
    executor = make(memory_limit=150_000_000)
    outcome = one(executor, task(tmp_path, 0, do))
    assert outcome.cause == "memory"
    first = (outcome.reason or "").splitlines()[0]
    held = float(first.removeprefix("the attempt's processes held ").split()[0])
    assert first.endswith("GB, above the limit of 0.15 GB")
    assert 0.15 <= held < 1.5
    assert one(executor, task(tmp_path, 1, "answer")).status == "completed"


@pytest.mark.parametrize("kind", ["child", "daemon"])
def test_what_an_attempt_leaves_behind_is_killed(make: Make, tmp_path: Path, kind: str) -> None:
    executor, asked = make(), task(tmp_path, 0, "litter", kind=kind)
    assert one(executor, asked).status == "completed"
    assert pid_of(asked.context, kind)
    assert not is_alive(pid_of(asked.context, kind))
    assert one(executor, task(tmp_path, 1, "answer")).notes["count"] == 1  # in the same process


# output


def test_output_of_everybody_goes_to_a_file_of_the_trial(
    make: Make, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    asked = task(tmp_path, 0, "noise")
    assert one(make(), asked).status == "completed"
    content = (asked.context.directory / "output.txt").read_bytes()  # type: ignore[operator]
    for line in (b"from Python", b"from Python too", b"\x00\xff{not json}", b"from C", b"from a child"):
        assert line in content.splitlines()
    assert capfd.readouterr() == ("", "")


def test_no_output_no_file(make: Make, tmp_path: Path) -> None:
    asked = task(tmp_path, 0, "answer")
    one(make(), asked)
    assert not list(asked.context.directory.iterdir())  # type: ignore[union-attr]


def test_endless_output_is_cut_in_its_middle_and_stops_nobody(make: Make, tmp_path: Path) -> None:
    asked = task(tmp_path, 0, "flood", lines=3_000)
    assert one(make(time_limit=15), asked).status == "completed"
    content = (asked.context.directory / "output.txt").read_bytes()  # type: ignore[operator]
    assert LIMIT - 1_000 < len(content) < LIMIT + 1_000
    assert b"[... 20000013 bytes left out ...]" in content
    assert content.endswith(b"the very end\n")


def test_output_of_loading_belongs_to_the_attempt_that_waited(make: Make, tmp_path: Path) -> None:
    asked = task(tmp_path, 0, "answer")
    outcome = one(make(hostile.Unloadable()), asked)
    assert "looking for the solver" in (asked.context.directory / "output.txt").read_text()  # type: ignore[operator]
    assert "no module named solver" in (outcome.reason or "")


# waiting, cancelling, letting go


def test_waiting_ends_with_its_time_and_without_attempts_at_once(make: Make, tmp_path: Path) -> None:
    executor = make()
    assert executor.ended(None) == []
    begin(executor, task(tmp_path, 0, "hang"))
    start = time.monotonic()
    assert executor.ended(0.3) == []
    assert 0.3 <= time.monotonic() - start < 1.5


def test_an_attempt_that_does_nothing_costs_milliseconds(make: Make, tmp_path: Path) -> None:
    executor = make()
    one(executor, task(tmp_path, 0, "answer"))
    tasks = [task(tmp_path, n, "answer") for n in range(1, 41)]
    took = []
    for each in tasks:
        start = time.perf_counter()
        one(executor, each)
        took.append(time.perf_counter() - start)
    assert sorted(took)[len(took) // 4] < 0.02  # 0.0015 on a quiet machine


def test_closing_lets_attempts_go_on_to_their_end(make: Make, tmp_path: Path) -> None:
    executor, asked = make(workers=2), task(tmp_path, 0, "slow")
    [handle, idle] = begin(executor, asked, task(tmp_path, 1, "answer"))
    outcomes(executor)
    hostile.until(lambda: pid_of(asked.context, "evaluator"))
    executor.close()
    assert is_alive(handle["pid"])
    assert not is_alive(idle["pid"])
    (asked.context.directory / "go").touch()  # type: ignore[operator]
    hostile.until(lambda: not hostile.children())
    outcome = read(Path(handle["outcome"]))
    assert outcome is not None
    assert outcome.metrics["y"].value == 5.0


def test_nothing_is_left_of_processes_and_descriptors(make: Make, tmp_path: Path) -> None:
    me = psutil.Process()
    before = me.num_fds()
    for turn in range(2):
        executor = make(workers=2)
        tasks = [task(tmp_path, 10 * turn + n, do) for n, do in enumerate(("answer", "segfault"))]
        begin(executor, *tasks)
        outcomes(executor, 2)
        begin(executor, task(tmp_path, 10 * turn + 5, "hang"))
        executor.close(kill=True)
        assert not hostile.children()
    assert me.num_fds() == before
