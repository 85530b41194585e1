"""When a campaign ends."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from support.entries import done, outcome, proposal, run_of, start

from designloop.campaign import Campaign, loads
from designloop.campaign.model import Stop
from designloop.stopping import ended_early, phase_over, stop_reason

TEXT = "version: 1\noracle: branin\nobjectives: [minimize: value]\ntracking: off\n"


def campaign(extra: str = "", **stop: Any) -> Campaign:
    """A campaign on the run's two metrics that ends as ``stop`` says."""
    return replace(loads(TEXT + extra), stop=Stop(**{"trials": 99, **stop}))


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


def timed(trial: int, ended: float, seconds: float, cause: str | None = None) -> list[dict[str, Any]]:
    """A trial of which the attempt took some seconds until ``ended``; its proposal took one before."""
    status = "failed" if cause else "completed"
    last = {**outcome(trial, status=status), "time": ended, "seconds": seconds, "cause": cause}
    return [proposal(trial, time=ended - seconds), start(trial), last]


def test_time_spent_ends_a_campaign() -> None:
    run = run_of(timed(0, 10.0, 2.0), timed(1, 20.0, 2.0))
    assert stop_reason(run, campaign(wall_time=6.1)) is None
    assert "the time of 6 s is spent" in str(stop_reason(run, campaign(wall_time=6.0)))


def test_what_runs_at_the_same_time_counts_once_as_wall_time_and_each_as_cost() -> None:
    run = run_of(timed(0, 10.0, 4.0), timed(1, 11.0, 4.0), timed(2, 30.0, 1.0))
    assert stop_reason(run, campaign(wall_time=8.01)) is None
    assert stop_reason(run, campaign(wall_time=8.0)) is not None
    assert stop_reason(run, campaign(cost=9.01)) is None
    assert "the oracle's time of 0.0025 h is spent" in str(stop_reason(run, campaign(cost=9.0)))


def test_licences_cost_the_time_of_every_attempt_but_of_those_that_got_none() -> None:
    run = run_of(timed(0, 10.0, 4.0), timed(1, 20.0, 5.0, "crash"), timed(2, 30.0, 7.0, "wait"))
    two = "execution: {licences: {comsol: 2, matlab: 1}}\n"
    assert stop_reason(run, campaign(licence_time={"": 9.01})) is None
    assert "hours of licences are spent" in str(stop_reason(run, campaign(licence_time={"": 9.0})))
    assert stop_reason(run, campaign(two, licence_time={"comsol": 9.01})) is None
    assert "hours of comsol are spent" in str(stop_reason(run, campaign(two, licence_time={"comsol": 9.0})))
    assert stop_reason(run, campaign(two, licence_time={"": 18.01})) is None
    assert stop_reason(run, campaign(two, licence_time={"": 18.0})) is not None
    several = "execution: {licences: {comsol: {tokens: 6, each: 3}, matlab: 1}}\n"
    assert stop_reason(run, campaign(several, licence_time={"comsol": 27.01, "": 36.01})) is None
    assert "hours of comsol" in str(stop_reason(run, campaign(several, licence_time={"comsol": 27.0})))
    assert "hours of licences" in str(stop_reason(run, campaign(several, licence_time={"": 36.0})))


def test_a_date_ends_a_campaign() -> None:
    ends = campaign(until="2026-12-18T18:00:00")
    moment = datetime(2026, 12, 18, 18, 0).timestamp()
    assert stop_reason(run_of(good(0)), ends, now=moment - 1) is None
    assert stop_reason(run_of(good(0)), ends, now=moment) == "the time is up: 2026-12-18 18:00:00"


def test_imported_data_cost_nothing() -> None:
    row = {"parameters": {"w": 3.0}, "metrics": {}, "status": "completed", "source": "x", "in_range": True}
    run = run_of({"kind": "import", "time": 1.0, "trials": [{"trial": 0, **row}]})
    assert stop_reason(run, campaign(cost=0.001, licence_time={"": 0.001}, wall_time=0.001)) is None


def test_withdrawn_trials_are_free() -> None:
    entries = [good(0), proposal(1), proposal(2)]
    assert stop_reason(run_of(*entries), campaign(trials=3)) is not None
    taken_back = {"kind": "withdrawal", "time": 5.0, "trials": [1], "reason": "no", "by": "user"}
    assert stop_reason(run_of(*entries, taken_back), campaign(trials=3)) is None


@pytest.mark.parametrize(
    ("minimize", "noise", "f", "ends"),
    [
        pytest.param(True, 60.0, 30.0, True, id="met exactly"),
        pytest.param(True, 60.1, 30.0, False, id="missed"),
        pytest.param(True, 10.0, 99.0, False, id="met by a design that breaks a constraint"),
        pytest.param(False, 61.0, 30.0, True, id="met from below"),
        pytest.param(False, 59.0, 30.0, False, id="missed from below"),
    ],
)
def test_a_target_is_met_by_a_feasible_design(minimize: bool, noise: float, f: float, ends: bool) -> None:
    objective = {"metric": "noise", "minimize": minimize, "mode": "nominal", "unit": "nT"}
    run = run_of(done(0, noise=noise, f=f), objective=objective)
    reason = stop_reason(run, campaign(target=60.0))
    assert reason == (f"the target is reached: trial 0 has noise {noise:g} nT" if ends else None)


def test_the_first_limit_reached_ends_a_campaign() -> None:
    run = run_of(good(0), good(1))
    assert ended_early(run, campaign(trials=2)) is False
    assert ended_early(run, campaign(trials=2, target=60.0)) is True
    assert "target" in str(stop_reason(run, campaign(trials=9, target=60.0, cost=9e9, wall_time=9e9)))


def hoped(trial: int, mean: float, sd: float, **changes: Any) -> dict[str, Any]:
    """A proposal by a model that predicts mean and standard deviation."""
    entry = proposal(trial, **changes)
    reason = {"generator": "gp_ucb", "prediction": {"noise": [mean, sd], "f": [30.0, 1.0]}}
    entry["candidates"][0]["reason"] = reason
    return entry


def answered(entry: dict[str, Any], noise: float) -> list[dict[str, Any]]:
    """A proposal's trial with its answer."""
    trial = entry["candidates"][0]["trial"]
    return [entry, start(trial), outcome(trial, noise=noise, f=30.0)]


UCB = "strategy: {name: gp_ucb}\n"
BOLD = "strategy: {name: gp_ucb, kappa: 4}\n"


@pytest.mark.parametrize(
    ("hopes", "extra", "ends"),
    [
        pytest.param([(100.0, 0.4), (100.0, 0.4)], UCB, True, id="0.8 % twice"),
        pytest.param([(100.0, 0.4), (100.0, 0.6)], UCB, False, id="1.2 % at last"),
        pytest.param([(100.0, 0.6), (100.0, 0.4)], UCB, False, id="0.8 % once"),
        pytest.param([(99.5, 0.4), (100.0, 0.4)], UCB, False, id="a better mean"),
        pytest.param([(105.0, 2.0), (101.0, 0.1)], UCB, True, id="worse than the best"),
        pytest.param([(100.0, 0.4), (100.0, 0.4)], BOLD, False, id="1.6 % by the strategy's own optimism"),
        pytest.param([(100.0, 0.4)], UCB, False, id="a single proposal"),
        pytest.param([(100.0, 0.4), (100.0, 0.4)], "strategy: sobol\n", False, id="another strategy at work"),
    ],
)
def test_a_model_that_promises_nothing_ends_a_campaign(
    hopes: list[tuple[float, float]], extra: str, ends: bool
) -> None:
    entries = [answered(hoped(i, mean, sd), 100.0) for i, (mean, sd) in enumerate(hopes, start=1)]
    reason = stop_reason(run_of(good(0, 100.0), *entries), campaign(extra, nothing_to_gain=0.01))
    assert (reason is not None) == ends
    assert (
        reason is None or "the model promises an improvement of 0.78% at most" in reason or "0.00%" in reason
    )


def test_a_promise_that_was_kept_is_no_reason_to_stop() -> None:
    kept = [answered(hoped(1, 90.0, 0.1), 90.0), answered(hoped(2, 80.0, 0.1), 80.0)]
    assert stop_reason(run_of(good(0, 100.0), *kept), campaign(UCB, nothing_to_gain=0.01)) is None


def test_a_promise_counts_against_what_was_known_when_it_was_made() -> None:
    known, late = {"seen": {"outcomes": 1}}, {"seen": {"outcomes": 2}}
    ends = campaign(UCB, nothing_to_gain=0.01)
    first = [good(0, 100.0), good(1, 90.0)]
    for seen, ended in ((known, False), (late, True)):
        asked = [answered(hoped(n, 90.0, 0.1, **seen), 90.0) for n in (2, 3)]
        assert (stop_reason(run_of(*first, *asked), ends) is not None) == ended


def test_designs_under_way_keep_their_promise() -> None:
    ended = [good(0, 100.0)]
    small = [hoped(2, 100.0, 0.1), hoped(3, 100.0, 0.1)]
    ends = campaign(UCB, nothing_to_gain=0.01)
    assert stop_reason(run_of(*ended, answered(hoped(1, 90.0, 9.0), 100.0), *small), ends) is not None
    assert stop_reason(run_of(*ended, hoped(1, 90.0, 9.0), start(1), *small), ends) is None


def test_initial_designs_promise_nothing_that_could_end_a_campaign() -> None:
    run = run_of(good(0, 100.0), answered(hoped(1, 100.0, 0.1), 100.0))
    assert stop_reason(run, campaign(UCB, nothing_to_gain=0.01)) is None


def test_without_a_feasible_design_something_is_to_be_gained() -> None:
    entries = [[hoped(i, 100.0, 0.1), start(i), outcome(i, noise=100.0, f=99.0)] for i in range(3)]
    assert stop_reason(run_of(*entries), campaign(UCB, nothing_to_gain=0.01)) is None


def test_designs_under_way_are_no_trials_without_improvement() -> None:
    run = run_of(good(0, 10.0), *[[proposal(i), start(i)] for i in range(1, 6)])
    ends = campaign(no_improvement_trials=3, no_improvement_less_than=0.01)
    assert stop_reason(run, ends) is None


def test_a_phase_counts_the_designs_that_were_not_taken_back() -> None:
    both = "strategy: [{name: sobol, until: {trials: 2}}, gp_ucb]\n"
    entries = [good(0), proposal(1)]
    taken_back = {"kind": "withdrawal", "time": 5.0, "trials": [1], "reason": "no", "by": "campaign"}
    assert phase_over(run_of(*entries), campaign(both)) == "its 2 trials are done"
    assert phase_over(run_of(*entries, taken_back), campaign(both)) is None


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
