"""Where a campaign has more trials than a Gaussian process learns from."""

import threading
from dataclasses import replace

import numpy as np
import pytest
from strategy_problems import MIXED, PLANE, branin, mixed, start, strategy, trial

from designloop.learning.features import encoder_of
from designloop.strategies import Bound, History, Problem, Trial
from designloop.strategies.thinning import ended, thinned

PROBLEM = Problem(space=PLANE, metric="f", minimize=True)


def thin(history, most, problem=PROBLEM):
    return thinned(problem, history, most=most, encoder=encoder_of(problem.space))


def waiting(history, count=3):
    """The history with its last trials pending."""
    first, last = history.trials[:-count], history.trials[-count:]
    return replace(history, trials=(*first, *(replace(t, status="pending", metrics={}) for t in last)))


def test_a_history_within_the_limit_is_left_alone():
    history = start(branin, count=30)
    assert thin(history, 30) is history


@pytest.mark.parametrize(("space", "function"), [(PLANE, branin), (MIXED, mixed)])
def test_so_many_trials_stay_in_their_order_and_pending_ones_all(space, function):
    history = waiting(start(function, space, count=60))
    problem = Problem(space=space, metric="f", minimize=True)
    kept = thin(history, 25, problem)
    numbers = [t.index for t in kept.trials]
    assert ended(kept) == 25
    assert numbers == sorted(numbers)
    assert {t.index for t in history.trials if t.status == "pending"} <= set(numbers)
    assert thin(history, 25, problem) == kept


@pytest.mark.parametrize("minimize", [True, False])
def test_the_best_designs_stay(minimize):
    history = start(branin, count=80)
    kept = {t.index for t in thin(history, 20, replace(PROBLEM, minimize=minimize)).trials}
    order = sorted(history.trials, key=lambda t: t.metrics["f"].value, reverse=not minimize)
    assert {t.index for t in order[:8]} <= kept


def test_designs_that_meet_the_bounds_are_better_than_those_that_do_not():
    history = start(branin, count=80, g=lambda d: d["x"])
    kept = {
        t.index for t in thin(history, 20, replace(PROBLEM, bounds=(Bound(metric="g", upper=0.0),))).trials
    }
    good = [t for t in history.trials if t.metrics["g"].value <= 0.0]
    order = sorted(good, key=lambda t: t.metrics["f"].value)
    assert {t.index for t in order[:8]} <= kept


def test_no_hole_is_left_and_places_near_the_best_are_denser():
    history = start(branin, count=250)
    unit = PLANE.to_unit([t.parameters for t in history.trials])
    best = unit[np.argmin([t.metrics["f"].value for t in history.trials])]
    kept = PLANE.to_unit([t.parameters for t in thin(history, 60).trials])
    gaps = np.linalg.norm(unit[:, None] - kept[None], axis=-1).min(1)
    apart = np.linalg.norm(unit - best, axis=-1)
    assert gaps.max() < 0.3
    assert gaps[apart < 0.15].max() < 0.5 * gaps.max()


def test_a_learning_campaign_keeps_places_alike():
    history = start(branin, count=250)
    unit = PLANE.to_unit([t.parameters for t in history.trials])
    kept = PLANE.to_unit([t.parameters for t in thin(history, 50, replace(PROBLEM, learn=("f",))).trials])
    gaps = np.linalg.norm(unit[:, None] - kept[None], axis=-1).min(1)
    nearest = np.linalg.norm(kept[:, None] - kept[None], axis=-1)[~np.eye(50, dtype=bool)].min()
    assert gaps.max() <= nearest  # the greedy choice takes the furthest first


@pytest.mark.parametrize("name", ["gp_ucb", "log_nei"])
def test_a_capped_proposal_says_so_and_knows_the_schedule_of_the_whole_history(name):
    history = waiting(start(branin, count=43))
    proposal = strategy(name, most_data=25).propose(history, 2)
    assert proposal.diagnostics == {"data": {"used": 25, "of": 40}}
    assert proposal.fit["n"] == 40
    again = strategy(name, most_data=25).propose(replace(history, fit=proposal.fit))
    assert not again.refitted
    free = strategy(name).propose(history, 2)
    assert free.diagnostics == {}
    tried = PLANE.to_unit([t.parameters for t in history.trials])
    found = PLANE.to_unit([c.parameters for c in proposal.candidates])
    assert np.abs(found[:, None] - tried[None]).max(-1).min() > 1e-6


def test_a_capped_model_of_failures_knows_of_them():
    history = start(branin, count=60)
    lost = tuple(
        replace(t, status="failed", metrics={}) if t.parameters["x"] > 5 else t for t in history.trials
    )
    proposal = strategy("gp_ucb", most_data=30).propose(replace(history, trials=lost))
    assert "viability" in proposal.fit
    assert proposal.fit["viability"]["n"] == 60


@pytest.mark.parametrize("name", ["gp_variance", "query_by_committee"])
def test_a_learner_sees_so_many_labels_and_says_so(name):
    from designloop.strategies import create

    problem = Problem(space=PLANE, metric="f", minimize=False, learn=("f",))
    history = start(branin, count=40)
    chosen = create(name, problem=problem, options={"most_data": 24}, initial={"sobol": 5})
    proposal = chosen.propose(history)
    assert proposal.diagnostics["data"] == {"used": 24, "of": 40}
    assert len(proposal.model.arrays["0/z"]) == 24


def test_a_capped_search_still_finds_the_optimum():
    chosen, trials, fit = strategy("gp_ucb", most_data=20), [], None
    while len(trials) < 64:
        proposal = chosen.propose(History(trials=tuple(trials), fit=fit, proposals=len(trials)), 4)
        fit = proposal.fit or fit
        for c in proposal.candidates:
            trials.append(trial(len(trials), c.parameters, f=branin(c.parameters)))
    assert min(t.metrics["f"].value for t in trials) - 0.397887 < 2e-2  # 64 random designs: 0.5 in the median


def test_a_thread_proposes_the_same_bits_as_the_main_one():
    history, found = waiting(start(branin, count=20)), []
    here = strategy("gp_ucb").propose(history, 3)
    thread = threading.Thread(target=lambda: found.append(strategy("gp_ucb").propose(history, 3)))
    thread.start()
    thread.join()
    assert [(c.parameters, c.reason) for c in found[0].candidates] == [
        (c.parameters, c.reason) for c in here.candidates
    ]
    assert found[0].fit == here.fit


def test_digests_of_earlier_runs_are_known_still():
    import hashlib
    import json

    history = replace(waiting(start(branin, count=6)), fit={"n": 3, "a": [0.5, 2]}, proposals=4)
    content = [
        [t.index, dict(t.parameters), t.status, t.generator,
         {n: [o.value, o.sem] for n, o in sorted(t.metrics.items())}]
        for t in history.trials
    ]  # fmt: skip
    text = json.dumps([content, history.fit, history.proposals], sort_keys=True, allow_nan=False)
    earlier = hashlib.sha256(text.encode()).hexdigest()
    other = replace(history, trials=(*history.trials[:-1], Trial(index=9, parameters={}, status="failed")))
    assert history.agrees(earlier)
    assert history.agrees(history.digest())
    assert not other.agrees(earlier)
    assert not other.agrees(history.digest())
    assert not history.agrees("")
    assert replace(history, proposals=5).digest() != history.digest()
    assert replace(history, fit=None).digest() != history.digest()
