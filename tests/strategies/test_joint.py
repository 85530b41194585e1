"""Batches whose designs are chosen together: ``believer: joint``."""

import numpy as np
import pytest
from strategy_problems import MIXED, PLANE, Inside, branin, mixed, start, strategy

from designloop.space import FloatParameter, Space
from designloop.strategies import Bound, History, Trial

NAMES = ("gp_ucb", "ei", "pi", "log_nei")
BOUND = (Bound(metric="g", upper=-2.0),)


def batch_of(name, history, space=PLANE, n=4, believer="joint", **options):
    proposal = strategy(name, space, believer=believer, **options).propose(history, n)
    return proposal.candidates


def designs_of(candidates):
    return [c.parameters for c in candidates]


def gap(space, candidates):
    """The smallest distance between two designs of a batch, in its largest coordinate."""
    unit = space.to_unit(designs_of(candidates))
    return np.abs(unit[:, None] - unit[None]).max(-1)[np.triu_indices(len(unit), 1)].min()


@pytest.fixture
def compared(monkeypatch):
    """(value of the believer's batch, value of the joint batch) of each joint search, by one function."""
    from designloop.strategies import batch_maximize, maximize

    found, original = [], batch_maximize.maximize_batch

    def remembering(acquisition, search, batch, **seed):
        def value(unit):
            return float(maximize.evaluate(lambda X: acquisition(X[:, 0]), unit[None])[0])

        ends, given = original(acquisition, search, batch, **seed)
        assert given == pytest.approx(value(ends), abs=1e-9)
        found.append((value(batch), value(ends)))
        return ends, given

    monkeypatch.setattr(batch_maximize, "maximize_batch", remembering)
    return found


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("bounds", [(), BOUND], ids=["free", "bounded"])
def test_a_joint_batch_is_better_than_the_believers(name, bounds, compared):
    history = start(branin, count=9, g=lambda d: d["x"] - d["y"])
    ours = batch_of(name, history, bounds=bounds)
    believer = batch_of(name, history, bounds=bounds, believer="kriging")
    ((before, after),) = compared
    assert after > before + 1e-4
    assert designs_of(ours) != designs_of(believer)
    assert gap(PLANE, ours) > 1e-3


@pytest.mark.parametrize("name", ["gp_ucb", "log_nei"])
def test_a_joint_batch_is_the_same_every_time(name):
    history = start(branin, count=9)
    first, again = batch_of(name, history), batch_of(name, history)
    assert [(c.parameters, c.reason) for c in first] == [(c.parameters, c.reason) for c in again]


@pytest.mark.parametrize("name", NAMES)
def test_a_joint_batch_of_one_is_the_believers(name):
    history = start(branin, count=9)
    (ours,) = batch_of(name, history, n=1)
    (believer,) = batch_of(name, history, n=1, believer="kriging")
    assert (ours.parameters, ours.reason) == (believer.parameters, believer.reason)


@pytest.mark.parametrize("step", [None, 0.5], ids=["continuous", "grid"])
def test_input_constraints_hold_for_each_design_of_a_joint_batch(step, compared):
    parameters = (
        FloatParameter(name="x", lower=-5, upper=10),
        FloatParameter(name="y", lower=0, upper=15, step=step),
    )
    space = Space(parameters, (Inside(("x", "y"), (5.0, 6.2), 2.0),))
    ours = batch_of("log_nei", start(branin, space, count=9), space)
    assert space.feasible(designs_of(ours)).all()
    assert gap(space, ours) > 1e-6
    assert step is None or all((c.parameters["y"] / step) % 1 == 0 for c in ours)
    ((before, after),) = compared
    assert after > before


def test_a_small_grid_and_unordered_choices_are_searched_together_too(compared):
    grid = Space(
        tuple(FloatParameter(name=p.name, lower=p.lower, upper=p.upper, step=1) for p in PLANE.parameters)
    )
    for space, function in ((grid, branin), (MIXED, mixed)):
        ours = batch_of("gp_ucb", start(function, space, count=9), space)
        assert all(space.contains(c.parameters) is None for c in ours)
        assert len({tuple(c.parameters.values()) for c in ours}) == 4
    assert all(after >= before for before, after in compared)


def test_each_design_of_a_joint_batch_keeps_its_own_reason():
    ours = batch_of("ei", start(branin, count=9))
    assert all("One of a joint batch of 4 designs" in c.reason["text"] for c in ours)
    assert len({c.reason["acquisition"] for c in ours}) == 1
    assert len({c.reason["prediction"]["f"][0] for c in ours}) == 4


def test_a_joint_batch_keeps_away_from_failed_and_pending_designs():
    history = start(branin, count=9)
    first, second, *_ = batch_of("gp_ucb", history)
    lost = Trial(index=9, parameters=first.parameters, status="failed")
    waiting = Trial(index=10, parameters=second.parameters, status="pending")
    later = batch_of("gp_ucb", History(trials=(*history.trials, lost, waiting), proposals=11))
    known = PLANE.to_unit([first.parameters, second.parameters])
    unit = PLANE.to_unit(designs_of(later))
    assert np.abs(unit[:, None] - known[None]).max(-1).min() > 1e-3


def test_without_a_feasible_design_the_batch_is_most_likely_to_hold_one():
    trials = start(branin, count=9, g=lambda d: 20.0 + d["x"]).trials
    history = History(trials=trials, proposals=9)
    ours = batch_of("ei", history, bounds=(Bound(metric="g", upper=15.5),))
    assert all("designs most likely to meet the constraints" in c.reason["text"] for c in ours)
    assert min(c.parameters["x"] for c in ours) < -3.0


@pytest.mark.parametrize("bounds", [(), BOUND], ids=["free", "bounded"])
def test_the_bound_of_a_batch_of_one_is_that_of_a_design(bounds):
    from designloop.learning.gp import unpack
    from designloop.strategies.acquisition import choice_of
    from designloop.strategies.batch_acquisition import batch_choice_of
    from designloop.strategies.limits import standing_of
    from designloop.strategies.maximize import evaluate
    from designloop.strategies.quiet import contained, load_ax

    chosen = strategy("gp_ucb", bounds=bounds)
    history = start(branin, count=12, g=lambda d: d["x"] - d["y"])
    standing = standing_of(chosen.problem, unpack(chosen.propose(history).model))
    points = np.random.default_rng(0).random((40, 2))
    values = []

    def read(acquisition):
        values.append(evaluate(acquisition, points))
        return points[0], 0.0

    with contained(0):
        for make in (choice_of, batch_choice_of):
            load_ax().choose(standing, make("gp_ucb", standing, chosen.options, seed=0), read)
    likely = standing.feasibility(points) > 0.05
    assert likely.sum() > 10
    np.testing.assert_allclose(values[1][likely], values[0][likely], atol=0.15)
