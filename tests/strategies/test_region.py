"""The region filter: what counts as out of scope, what it costs, and when it stays silent."""

import json
import math

import numpy as np
import pytest

from designloop.oracle import Observation
from designloop.space import FloatParameter, Space
from designloop.strategies import Bound, History, Problem, Trial
from designloop.strategies.region import Region, out_of_scope

SPACE = Space((FloatParameter(name="x", lower=0, upper=2), FloatParameter(name="y", lower=-1, upper=1)))
PROBLEM = Problem(
    space=SPACE, metric="f", minimize=False, learn=("f",), bounds=(Bound(metric="f", upper=5.0),), seed=1
)
AUTO = {"region": "auto", "action": "penalize", "weight": "auto"}
GRID = np.random.default_rng(0).random((400, 2))


def response(unit):
    """Above 5 in a disc of radius 0.2 about (0.7, 0.6)."""
    return 7.0 - 50.0 * ((np.asarray(unit) - [0.7, 0.6]) ** 2).sum(-1)


def trial(index, unit, value=None, status="completed"):
    (design,) = [{"x": 2.0 * unit[0], "y": 2.0 * unit[1] - 1.0}]
    metrics = {} if value is None else {"f": Observation(value=float(value))}
    return Trial(index=index, parameters=design, status=status, metrics=metrics)


def history(count=60, seed=2):
    points = np.random.default_rng(seed).random((count, 2))
    return History(trials=tuple(trial(i, u, response(u)) for i, u in enumerate(points)))


def region(past=None, **options):
    past = history() if past is None else past
    return Region.fit(PROBLEM, past, {**AUTO, **options}, seed=4)


@pytest.mark.parametrize(
    ("status", "value", "bound", "out"),
    [
        ("completed", 4.0, {"upper": 5.0}, False),
        ("completed", 5.0, {"upper": 5.0}, False),
        ("completed", 5.1, {"upper": 5.0}, True),
        ("completed", 0.9, {"lower": 1.0, "upper": 5.0}, True),
        ("completed", math.nan, {"upper": 5.0}, True),
        ("completed", None, {"upper": 5.0}, False),
        ("infeasible", 4.0, {"upper": 5.0}, True),
        ("failed", None, {"upper": 5.0}, True),
    ],
)
def test_out_of_scope_is_a_broken_bound_or_no_answer(status, value, bound, out):
    asked = Problem(space=SPACE, metric="f", minimize=False, bounds=(Bound(metric="f", **bound),))
    assert out_of_scope(asked, trial(0, (0.5, 0.5), value, status)) is out


def test_the_wasted_share_counts_evaluated_designs():
    past = [trial(i, (0.1 * i, 0.5), 9.0 if i < 3 else 1.0) for i in range(8)]
    past += [trial(8, (0.9, 0.9), status="failed"), trial(9, (0.95, 0.9), status="pending")]
    found = region(History(trials=tuple(past))).diagnostics
    assert (found["wasted"], found["count"], found["active"]) == (pytest.approx(4 / 9), 4, False)


def test_without_trials_nothing_is_wasted():
    found = region(History())
    assert found.diagnostics["wasted"] == 0.0
    assert (found.penalty(GRID, largest=3.0) == 0).all()


def test_below_five_designs_out_of_scope_nothing_is_penalized():
    few = [trial(i, (0.7, 0.5 + 0.01 * i), 9.0) for i in range(4)]
    few += [trial(4 + i, (0.1, 0.02 * i), 0.0) for i in range(20)]
    assert region(History(trials=tuple(few))).scope is None
    more = [*few, trial(30, (0.72, 0.55), 9.0)]
    assert region(History(trials=tuple(more))).scope is not None


def test_a_place_as_deep_as_half_of_the_bad_designs_loses_all_the_interest_there_is():
    past = history()
    found = region(past)
    unit = SPACE.to_unit([t.parameters for t in past.trials if t.metrics["f"].value > 5.0])
    penalty = found.penalty(unit, largest=3.0)
    assert np.median(penalty[penalty > 0]) == pytest.approx(3.0)
    assert (found.penalty(np.array([[0.05, 0.05], [0.1, 0.95]]), largest=3.0) == 0).all()


@pytest.mark.parametrize("kind", ["isolation_forest", "one_class_svm", "two_class"])
def test_a_number_as_weight_is_the_published_penalty(kind):
    found = region(region=kind, weight=100.0)
    rho = found.scope.rho(GRID)
    assert found.scope.kind == kind
    assert found.penalty(GRID, largest=3.0) == pytest.approx(100.0 * np.where(rho > 0, rho, 0.0))


def test_most_of_the_bad_disc_is_penalized_and_little_else():
    penalized = region().penalty(GRID, largest=1.0) > 0
    bad = response(GRID) > 5.0
    assert penalized[bad].mean() > 0.7
    assert penalized[~bad].mean() < 0.1


def test_exclude_takes_designs_out_instead_of_a_penalty():
    found = region(action="exclude")
    assert (found.excluded(GRID) == (found.scope.rho(GRID) > 0)).all()
    assert found.excluded(GRID).any()
    assert (found.penalty(GRID, largest=3.0) == 0).all()
    assert not region().excluded(GRID).any()


def test_off_learns_nothing_and_still_counts():
    found = region(region="off")
    assert found.scope is None
    assert found.diagnostics["count"] > 5


def test_imported_trials_without_a_place_are_left_out():
    nowhere = Trial(index=99, parameters={"x": 1.0}, status="failed")
    base = history()
    found = region(History(trials=(*base.trials, nowhere)))
    assert found.diagnostics == region(base).diagnostics


def test_equal_histories_give_equal_bits_and_json():
    first, second = region(), region()
    assert (first.penalty(GRID, largest=2.0) == second.penalty(GRID, largest=2.0)).all()
    content = json.loads(json.dumps(first.diagnostics, allow_nan=False))
    assert content["classifier"]["kind"] == "two_class"
