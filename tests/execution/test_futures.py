"""Attempts in pools of the user's own: threads, processes, and pools that break."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from support.hostile import Hostile, Unloadable, answered, begin, one, outcomes, task

from designloop.execution.attempt import read
from designloop.execution.futures import Futures


def processes() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(2, mp_context=get_context("spawn"))


def threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(2)


@pytest.fixture(params=[threads, processes], ids=["threads", "processes"])
def pool(request: pytest.FixtureRequest) -> Iterator[Executor]:
    with request.param() as made:
        yield made


@pytest.fixture
def thread_pool() -> Iterator[Executor]:
    with threads() as made:
        yield made


class Gate:
    """Cannot be pickled; answers when it is opened."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.asked = threading.Semaphore(0)

    def evaluate(self, design: Any, context: Any) -> Any:
        self.asked.release()
        assert self.open.wait(20)
        return answered()


def test_outcomes_are_told_and_durable(pool: Executor, tmp_path: Path) -> None:
    executor = Futures(Hostile(), folder=tmp_path, pool=pool, slots=2)
    tasks = [task(tmp_path, n, do) for n, do in enumerate(("answer", "raise_error", "impossible"))]
    handles = begin(executor, *tasks)
    found = outcomes(executor, 3)
    assert [found[t.key].status for t in tasks] == ["completed", "failed", "infeasible"]
    assert found["001-1"].reason == "ValueError: the mesh is tangled"
    for asked, handle in zip(tasks, handles, strict=True):
        assert handle == {"kind": "future", "outcome": str(tmp_path / f"{asked.key}.json")}
        assert read(Path(handle["outcome"])) == found[asked.key]
    assert (executor.slots, executor.ended(None), executor.ended(0.01)) == (2, [], [])


def test_attempts_run_side_by_side(thread_pool: Executor, tmp_path: Path) -> None:
    gate = Gate()
    executor = Futures(gate, folder=tmp_path, pool=thread_pool, slots=2)
    begin(executor, task(tmp_path, 0, ""), task(tmp_path, 1, ""))
    assert gate.asked.acquire(timeout=10)
    assert gate.asked.acquire(timeout=10)
    start = time.monotonic()
    assert executor.ended(0.1) == []
    assert time.monotonic() - start >= 0.1
    gate.open.set()
    assert set(outcomes(executor, 2)) == {"000-1", "001-1"}


def test_a_process_keeps_the_oracle_that_it_has_loaded(tmp_path: Path) -> None:
    class Local:
        count = 0

        def evaluate(self, design: Any, context: Any) -> Any:
            self.count += 1
            return answered(pid=os.getpid(), count=self.count)

    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        executor = Futures(Local(), folder=tmp_path, pool=pool, slots=1)
        notes = [one(executor, task(tmp_path, n, "")).notes for n in range(3)]
    assert [n["count"] for n in notes] == [1, 2, 3]
    assert notes[0]["pid"] != os.getpid()


@pytest.mark.parametrize(
    ("oracle", "reason"),
    [
        (Unloadable, "cannot be loaded in the pool: ImportError: no module named solver"),
        (Gate, "the attempt cannot be sent to the pool: TypeError: cannot pickle"),
    ],
)
def test_an_oracle_that_does_not_get_there_fails_in_words(
    tmp_path: Path, oracle: Callable[[], Any], reason: str
) -> None:
    with processes() as pool:
        executor = Futures(oracle(), folder=tmp_path, pool=pool, slots=1)
        outcome = one(executor, task(tmp_path, 0, "answer"))
    assert outcome.cause == "error"
    assert reason in (outcome.reason or "")


@pytest.mark.parametrize("do", ["say_nothing", "unpicklable"])
def test_an_answer_that_is_none_is_invalid(thread_pool: Executor, tmp_path: Path, do: str) -> None:
    executor = Futures(Hostile(), folder=tmp_path, pool=thread_pool, slots=1)
    assert one(executor, task(tmp_path, 0, do)).cause == "invalid"


def test_an_exit_that_is_no_exception_is_an_error(thread_pool: Executor, tmp_path: Path) -> None:
    executor = Futures(Hostile(), folder=tmp_path, pool=thread_pool, slots=1)
    outcome = one(executor, task(tmp_path, 0, "raise_unruly"))
    assert (outcome.cause, outcome.reason) == ("error", "Unruly: no exception at all")


def test_a_broken_pool_loses_its_attempts_and_all_later_ones(tmp_path: Path) -> None:
    with processes() as pool:
        executor = Futures(Hostile(), folder=tmp_path, pool=pool, slots=1)
        for number in range(2):
            outcome = one(executor, task(tmp_path, number, "leave"))
            assert outcome.cause == "lost"
            assert "the pool lost the attempt: BrokenProcessPool" in (outcome.reason or "")


def test_a_pool_that_was_shut_down_loses_attempts(tmp_path: Path) -> None:
    pool = threads()
    pool.shutdown()
    outcome = one(Futures(Hostile(), folder=tmp_path, pool=pool, slots=1), task(tmp_path, 0, "answer"))
    assert outcome.cause == "lost"


def test_only_what_had_ended_is_found_again(thread_pool: Executor, tmp_path: Path) -> None:
    first = Futures(Hostile(), folder=tmp_path, pool=thread_pool, slots=1)
    ended, lost = task(tmp_path, 0, "answer"), task(tmp_path, 1, "answer")
    [handle] = begin(first, ended)
    outcomes(first)
    later = Futures(Hostile(), folder=tmp_path, pool=thread_pool, slots=1)
    assert later.adopt(ended, handle)
    assert not later.adopt(lost, later.handle(lost))
    assert outcomes(later)["000-1"].status == "completed"
    assert later.ended(None) == []


def test_closing_leaves_the_pool_open_and_what_was_begun_to_it(tmp_path: Path) -> None:
    gate = Gate()
    with ThreadPoolExecutor(1) as pool:
        executor = Futures(gate, folder=tmp_path, pool=pool, slots=1)
        begin(executor, task(tmp_path, 0, ""), task(tmp_path, 1, ""))
        assert gate.asked.acquire(timeout=10)
        executor.close()
        assert executor.ended(None) == []
        gate.open.set()
        assert pool.submit(int, "3").result(10) == 3
    assert (tmp_path / "000-1.json").exists()
    assert (tmp_path / "001-1.json").exists()


def test_any_object_that_submits_is_a_pool(tmp_path: Path) -> None:
    class Here(Executor):
        def submit(self, function: Callable[..., Any], /, *given: Any, **named: Any) -> Future[Any]:
            future: Future[Any] = Future()
            future.set_result(function(*given, **named))
            return future

    executor = Futures(Hostile(), folder=tmp_path, pool=Here(), slots=1)
    assert one(executor, task(tmp_path, 0, "answer", x=4.0)).metrics["y"].value == 4.0


def test_a_folder_out_of_reach_costs_durability_only(thread_pool: Executor, tmp_path: Path) -> None:
    executor = Futures(Hostile(), folder=tmp_path / "elsewhere", pool=thread_pool, slots=1)
    assert one(executor, task(tmp_path, 0, "answer")).status == "completed"
