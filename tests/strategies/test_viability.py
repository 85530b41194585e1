"""The model of failures: border, lengthscales, and what is journaled of them."""

import json

import numpy as np
from strategy_problems import strategy

from designloop.learning.gp import unpack
from designloop.oracle import Observation
from designloop.space import FloatParameter, Space
from designloop.strategies import History, Problem, Trial
from designloop.strategies.viability import journaled, viability

SQUARE = Space((FloatParameter(name="x", lower=0, upper=1), FloatParameter(name="y", lower=0, upper=1)))
PROBLEM = Problem(space=SQUARE, metric="f", minimize=True)
POINTS = np.random.default_rng(8).random((30, 2))


def history(points=POINTS, dead=lambda x, _: x > 0.6, fit=None):
    trials = tuple(
        Trial(index=i, parameters={"x": x, "y": y}, status="failed")
        if dead(x, y)
        else Trial(
            index=i,
            parameters={"x": x, "y": y},
            status="completed",
            metrics={"f": Observation(value=(x - 0.9) ** 2 + (y - 0.5) ** 2)},
        )
        for i, (x, y) in enumerate(points.tolist())
    )
    return History(trials=trials, fit=fit, proposals=len(trials))


def test_without_failures_there_is_no_model():
    assert viability(PROBLEM, history(dead=lambda *_: False), "matern52") == []
    assert journaled([], ended=0) == {}


def test_one_failure_repels_its_neighbourhood_alone():
    (model,) = viability(PROBLEM, history(POINTS[:1], dead=lambda *_: True), "matern52")
    mean, _ = model.posterior(np.vstack([POINTS[:1], POINTS[:1] + 0.02, [[0.02, 0.02]]]))
    assert mean[0] < 0
    assert mean[1] < 0
    assert mean[2] > 0.8
    assert journaled([model], ended=9) == {}


def test_a_half_plane_of_failures_is_learned_as_a_half_plane():
    (model,) = viability(PROBLEM, history(), "matern52")
    across, along = model.lengthscales
    assert along > 3 * across
    fresh = np.random.default_rng(9).random((2000, 2))
    wrong = (model.posterior(fresh)[0] < 0) != (fresh[:, 0] > 0.6)
    assert wrong.mean() < 0.06


def test_the_border_is_taken_nearer_to_the_success():
    line = np.column_stack([[0.1, 0.3, 0.7, 0.9], np.full(4, 0.5)])
    (model,) = viability(PROBLEM, history(line, dead=lambda x, _: x > 0.5), "matern52")
    x = np.linspace(0.3, 0.7, 401)
    mean = model.posterior(np.column_stack([x, np.full(401, 0.5)]))[0]
    border = x[int(np.argmax(mean < 0))]
    assert 0.33 < border < 0.48


def test_known_lengthscales_are_kept_and_those_of_another_space_are_not():
    (fitted,) = viability(PROBLEM, history(), "matern52")
    (kept,) = viability(PROBLEM, history(), "matern52", known={"n": 30, "lengthscales": [0.3, 0.4]})
    (other,) = viability(PROBLEM, history(), "matern52", known={"n": 30, "lengthscales": [0.3]})
    assert kept.lengthscales == (0.3, 0.4)
    assert other.lengthscales == fitted.lengthscales


def test_an_infeasible_trial_with_an_objective_is_no_failure():
    past = history(dead=lambda *_: False)
    lost = Trial(
        index=30, parameters={"x": 0.5, "y": 0.5}, status="infeasible", metrics={"f": Observation(value=1.0)}
    )
    assert viability(PROBLEM, History(trials=(*past.trials, lost)), "matern52") == []


def test_fitted_lengthscales_are_journaled_and_used_between_refits():
    ask = strategy("gp_ucb", SQUARE, seed=1)
    first = ask.propose(history())
    state = json.loads(json.dumps(first.fit, allow_nan=False))
    assert state["viability"]["n"] == 30
    again = ask.propose(history(fit=state))
    assert not again.refitted
    assert again.fit == first.fit
    assert again.candidates[0].parameters == first.candidates[0].parameters
    state["viability"]["lengthscales"] = [0.11, 0.11]
    (used,) = [m for m in unpack(ask.propose(history(fit=state)).model) if m.internal]
    assert used.lengthscales == (0.11, 0.11)


def test_a_journal_from_before_has_its_failures_fitted():
    ask = strategy("gp_ucb", SQUARE, seed=1)
    first = ask.propose(history())
    old = {k: v for k, v in first.fit.items() if k != "viability"}
    again = ask.propose(history(fit=old))
    assert again.refitted
    assert again.fit == first.fit


def test_gp_ucb_fails_less_than_half_as_often_as_when_it_does_not_learn_from_failures(monkeypatch):
    def failures():
        ask, trials, fit = strategy("gp_ucb", SQUARE, seed=0, initial={"sobol": 5}), [], None
        for i in range(21):
            proposal = ask.propose(History(trials=tuple(trials), fit=fit, proposals=i))
            fit, design = proposal.fit, proposal.candidates[0].parameters
            alive = design["x"] + 0.3 * design["y"] < 0.7
            value = (design["x"] - 0.9) ** 2 + (design["y"] - 0.5) ** 2
            trials.append(
                Trial(
                    index=i,
                    parameters=design,
                    status="completed" if alive else "failed",
                    metrics={"f": Observation(value=value)} if alive else {},
                )
            )
        return sum(t.status == "failed" for t in trials[5:])

    learned = failures()
    monkeypatch.setattr("designloop.strategies.training.viability", lambda *_, **__: [])
    assert learned <= 0.5 * failures()
