"""When a campaign ends, when it pauses, what is still to run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support.entries import decision, done, failed, outcome, proposal, run_of, start

from designloop.campaign import Campaign, loads
from designloop.campaign.model import Stop
from designloop.stopping import open_trials, pause_reason, stop_reason, to_repeat


def campaign(**stop: Any) -> Campaign:
    """A campaign on the run's two metrics that ends as ``stop`` says."""
    text = "version: 1\noracle: branin\nobjectives: [minimize: value]\ntracking: off\n"
    return replace(loads(text), stop=Stop(**stop))


def good(trial: int, noise: float = 1.0) -> list[dict[str, object]]:
    return done(trial, noise=noise, f=30.0)


def test_the_budget_ends_a_campaign() -> None:
    run = run_of(good(0), good(1))
    assert stop_reason(run, campaign(trials=3)) is None
    assert stop_reason(run, campaign(trials=2)) == "all 2 trials are done"


def test_imported_trials_cost_no_budget() -> None:
    row = {"parameters": {"w": 3.0}, "metrics": {}, "status": "failed", "source": "x", "in_range": True}
    rows = [{"trial": index, **row} for index in range(5)]
    run = run_of({"kind": "import", "time": 1.0, "trials": rows}, good(5))
    assert stop_reason(run, campaign(trials=2)) is None


def test_time_spent_ends_a_campaign() -> None:
    run = run_of(good(0), good(1))
    assert stop_reason(run, campaign(trials=9, wall_time=6.1)) is None
    assert "the time of 6 s is spent" in str(stop_reason(run, campaign(trials=9, wall_time=6.0)))


@pytest.mark.parametrize(
    ("values", "ends"),
    [
        pytest.param([10.0, 10.0, 10.0, 9.99], True, id="a gain of 0.1 %"),
        pytest.param([10.0, 10.0, 10.0, 9.8], False, id="a gain of 2 %"),
        pytest.param([10.0, 10.0, 10.0], False, id="too few trials before"),
    ],
)
def test_no_improvement_ends_a_campaign(values: list[float], ends: bool) -> None:
    run = run_of(*[good(i, value) for i, value in enumerate(values)])
    ends_at = campaign(trials=99, no_improvement_trials=3, no_improvement_less_than=0.01)
    assert (stop_reason(run, ends_at) is not None) == ends


def test_no_improvement_waits_for_a_feasible_design() -> None:
    run = run_of(*[done(i, noise=1.0, f=99.0) for i in range(9)])
    assert (
        stop_reason(run, campaign(trials=99, no_improvement_trials=3, no_improvement_less_than=0.01)) is None
    )


def test_three_equal_failures_pause_a_run() -> None:
    two = [failed(i, f"ValueError: no licence at {i}.5 s") for i in range(2)]
    assert pause_reason(run_of(*two), 10) is None
    assert "3 trials in a row failed alike" in str(
        pause_reason(run_of(*two, failed(2, "ValueError: no licence at 9 s")), 10)
    )


def test_different_failures_do_not_make_a_streak() -> None:
    run = run_of(failed(0, "no licence"), failed(1, "no mesh"), failed(2, "no licence"))
    assert pause_reason(run, 10) is None


def test_a_success_between_breaks_a_streak() -> None:
    run = run_of(failed(0, "no"), failed(1, "no"), good(2), failed(3, "no"))
    assert pause_reason(run, 10) is None


def test_infeasible_answers_never_pause_a_run() -> None:
    entries = [[proposal(i), start(i), outcome(i, status="infeasible", reason="buckled")] for i in range(12)]
    assert pause_reason(run_of(*entries), 10) is None


def test_too_many_failures_pause_a_run() -> None:
    run = run_of(*[failed(i, "abcdefgh"[i]) for i in range(4)])
    assert pause_reason(run, 5) is None
    assert "the limit is 4; the last: d" in str(pause_reason(run, 4))


def test_open_trials_are_those_without_an_outcome() -> None:
    run = run_of(good(0), [proposal(1), start(1)], proposal(2))
    assert [t.index for t in open_trials(run)] == [1, 2]


def test_a_resumed_pause_repeats_only_the_equal_failures() -> None:
    entries = [good(0), failed(1, "other"), *[failed(i, "no licence") for i in (2, 3, 4)], decision("pause")]
    repeat = to_repeat(run_of(*entries))
    assert repeat == {"2": 2, "3": 2, "4": 2}
    resumed = run_of(*entries, decision("resume", repeat=repeat))
    assert [t.index for t in open_trials(resumed)] == [2, 3, 4]
    assert pause_reason(resumed, 10) is None
    one_done = run_of(
        *entries, decision("resume", repeat=repeat), start(2, 2), outcome(2, 2, noise=1.0, f=30.0)
    )
    assert [t.index for t in open_trials(one_done)] == [3, 4]
