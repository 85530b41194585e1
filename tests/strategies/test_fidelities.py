"""A choice between two fidelities: one model of both, what each would tell, and the safeguards."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from designloop.learning.features import Encoder
from designloop.learning.gp import MetricModel, pack, predict
from designloop.learning.link import Link
from designloop.learning.saved import SavedModel
from designloop.learning.transforms import MetricTransform
from designloop.oracle import Observation
from designloop.space import FloatParameter, Space
from designloop.strategies import Bound, History, Problem, Proposal, Trial, create
from designloop.strategies.base import Fidelities
from designloop.strategies.fidelity_rules import Ledger, information, initial_plan, pairs
from designloop.strategies.training import train

SPACE = Space(
    (FloatParameter(name="x", lower=0.0, upper=1.0), FloatParameter(name="y", lower=0.0, upper=1.0))
)
BOTH = Fidelities(cheap="screen", counts="reference", cheap_cost=0.4, cost=4.0, trials=40)
NOISE = 0.01


def bowl(design: Any) -> float:
    return 10 * (design["x"] - 0.6) ** 2 + 6 * (design["y"] - 0.3) ** 2 + math.sin(7 * design["x"])


def problem(fidelities: Fidelities | None = BOTH, **extra: Any) -> Problem:
    return Problem(space=SPACE, metric="f", minimize=True, seed=3, fidelities=fidelities, **extra)


def run(
    asked: Problem, count: int, *, shift: float = 0.0, factor: float = 1.0, batch: int = 1, known: int = 0
) -> tuple[list[Trial], list[Proposal]]:
    """A campaign in batches; the cheap answer is ``factor * f + shift``, ``known`` designs count before."""
    strategy = create("gp_ucb", problem=asked, options={}, initial={"sobol": 6})
    designs = [{"x": i / max(1, known), "y": 0.9} for i in range(known)]
    trials = [answered(i, d, None, shift, factor) for i, d in enumerate(designs)]
    proposals, fit, made = [], None, 0
    while made < count:
        history = History(trials=tuple(trials), fit=fit, proposals=made)
        proposal = strategy.propose(history, min(batch, count - made))
        fit = proposal.fit or fit
        proposals.append(proposal)
        for c in proposal.candidates:
            trials.append(answered(len(trials), c.parameters, c.fidelity, shift, factor))
            made += 1
    return trials, proposals


def answered(index: int, design: Any, fidelity: str | None, shift: float, factor: float) -> Trial:
    value = bowl(design)
    value = factor * value + shift if fidelity == "screen" else value
    metrics = {"f": Observation(value=value), "g": Observation(value=design["x"])}
    return Trial(index=index, parameters=design, status="completed", metrics=metrics, fidelity=fidelity)


def model(alike: float = 0.9) -> MetricModel:
    """A model of 12 places with one noise level, whose two fidelities correlate by ``alike``."""
    rng = np.random.default_rng(0)
    unit = np.column_stack([rng.random((12, 2)), np.arange(12) % 2])
    link = Link(correlation=alike, variance=1.3, lengthscales=(0.8, 0.5))
    return MetricModel(
        metric="f", encoder=Encoder((0, 0)), kernel="matern52", lengthscales=(0.6, 0.9), link=link,
        transform=MetricTransform(), unit=unit, z=rng.standard_normal(12), noise=np.full(12, NOISE),
        noise_level=NOISE, trials=tuple(range(12)),
    )  # fmt: skip


@pytest.mark.parametrize("alike", [-0.7, 0.3, 0.99])
def test_information_is_half_the_logarithm_of_the_ratio_of_variances(alike: float) -> None:
    gp, unit = model(alike), np.array([0.41, 0.77])
    (before,) = gp.posterior(unit[None])[1] ** 2
    for level, told in zip((0.0, 1.0), information([gp], unit), strict=True):
        seen = gp.with_points(np.append(unit, level)[None], np.zeros(1))
        (after,) = seen.posterior(unit[None])[1] ** 2
        assert told == pytest.approx(0.5 * math.log(before / after), rel=1e-5)


def test_an_unlike_fidelity_tells_nothing_and_metrics_add_up() -> None:
    unit = np.array([0.41, 0.77])
    cheap, counting = information([model(0.0)], unit)
    assert cheap < 1e-9 < 0.5 < counting
    once, twice = information([model()], unit), information([model(), model()], unit)
    assert twice == pytest.approx((2 * once[0], 2 * once[1]))


def test_a_design_without_a_fidelity_stands_at_the_one_that_counts_also_when_saved() -> None:
    gp, unit = model(), np.random.default_rng(1).random((5, 2))
    at = [np.column_stack([unit, np.full(5, level)]) for level in (0.0, 1.0)]
    assert np.allclose(gp.posterior(unit), gp.posterior(at[1]))
    assert not np.allclose(gp.posterior(unit), gp.posterior(at[0]), atol=1e-3)
    saved = pack([gp], space=SPACE)
    saved = SavedModel(config=json.loads(json.dumps(saved.config)), arrays=saved.arrays)
    mean, sd = predict(saved, SPACE.from_unit(unit))["f"]
    assert np.allclose((mean, sd), gp.posterior(unit))


def test_the_initial_design_pairs_some_and_runs_all_at_the_cheap_one() -> None:
    plan = initial_plan(BOTH, designs=10)
    assert plan[:10] == [(k, name) for k in range(5) for name in ("screen", "reference")]
    assert plan[10:] == [(k, "screen") for k in range(5, 10)]
    assert [pairs(replace(BOTH, cheap_cost=c), designs=10) for c in (0.01, 1.0, 3.9)] == [5, 5, 10]
    assert pairs(BOTH, designs=2) == 2
    trials, _ = run(problem(), 11)
    assert [t.fidelity for t in trials] == [name for _, name in initial_plan(BOTH, designs=6)]
    assert all(trials[k].parameters == trials[k + 1].parameters for k in (0, 2, 4, 6, 8))


CHEAP = {
    "an offset": (1.0, 0.0, 50.0),
    "a factor": (0.25, 0.0, -20.0),
    "upside down": (-2.0, 0.0, 3.0),
    "tilted": (0.5, 1.0, 0.0),
}
"""Cheap answer: factor * f + tilt * x + offset."""


@pytest.mark.parametrize("kind", CHEAP)
def test_cheap_answers_teach_the_response_that_counts(kind: str) -> None:
    """Ten cheap answers beside seven pairs predict twice as well as the seven alone."""
    plan = [(d, name) for d in range(17) for name in ("screen", "reference") if name == "screen" or d < 7]
    places = np.random.default_rng(4).random((17, 2))
    trials = []
    for d, name in plan:
        design = dict(zip("xy", places[d].tolist(), strict=True))
        found = answered(len(trials), design, name, 0, 1)
        factor, tilt, offset = CHEAP[kind]
        cheap = factor * bowl(design) + tilt * design["x"] + offset
        trials.append(replace(found, metrics={"f": Observation(value=cheap)}) if name == "screen" else found)
    truth = [t for t in trials if t.fidelity == "reference"]
    known, alone = (
        train(asked, History(trials=tuple(given)), kernel="matern52").models[0]
        for asked, given in ((problem(), trials), (problem(None), truth))
    )
    unit = np.random.default_rng(2).random((60, 2))
    values = np.array([bowl(d) for d in SPACE.from_unit(unit)])
    errors = [
        float(np.sqrt(np.mean((m.transform.inverse(m.posterior(unit)[0]) - values) ** 2)))
        for m in (known, alone)
    ]
    assert known.link is not None
    assert np.sign(known.link.correlation) == (-1 if kind == "upside down" else 1)
    assert errors[0] < 0.5 * errors[1]


def test_cheap_values_without_a_logarithm_leave_one_to_those_that_count() -> None:
    """The response that counts spans decades, its cheap likeness goes below 0."""
    rng = np.random.default_rng(0)
    trials = []
    for x, y in rng.random((9, 2)).tolist():
        for name, value in (("screen", 10 * (x - y)), ("reference", math.exp(5 * x - 5 * y))):
            found = answered(len(trials), {"x": x, "y": y}, name, 0, 1)
            trials.append(replace(found, metrics={"f": Observation(value=value)}))
    (model,) = train(problem(), History(trials=tuple(trials)), kernel="matern52").models
    assert np.isfinite(model.posterior(rng.random((5, 2)))[0]).all()


def test_the_predicted_value_is_that_of_the_own_fidelity_and_the_believed_one_counts() -> None:
    trials, proposals = run(problem(), 18, shift=50.0)
    pairs_of = [(c, t) for p, t in zip(proposals, trials, strict=True) for c in p.candidates]
    cheap = [(c, t) for c, t in pairs_of if "believed" in c.reason]
    assert len(cheap) >= 3
    for candidate, trial in cheap:
        (seen, _), (counts, _) = candidate.reason["prediction"]["f"], candidate.reason["believed"]["f"]
        assert abs(seen - trial.metrics["f"].value) < 10 < 30 < seen - counts
        assert "nats for 0.4 s against" in candidate.reason["text"]
        assert candidate.reason["information"].keys() == {"screen", "reference"}


def test_half_of_the_cost_at_least_counts_and_so_does_the_last_trial() -> None:
    asked = problem(replace(BOTH, trials=30))
    trials, _ = run(asked, 30, shift=5.0)
    since, spent = 0.0, []
    for t in trials[11:]:
        since = since + 0.4 if t.fidelity == "screen" else 0.0
        spent.append(since)
    assert max(spent) <= 4.0 + 0.4
    assert trials[-1].fidelity == "reference"
    best = min(bowl(t.parameters) for t in trials)
    assert bowl(trials[-1].parameters) == pytest.approx(best, abs=0.05)


def test_the_ledger_says_when_a_trial_must_count() -> None:
    ledger = Ledger.of(problem(replace(BOTH, trials=14, most_cost=100.0)), [])
    unit = np.array([0.1, 0.2])
    for _ in range(10):
        assert not ledger.check()
        ledger = ledger.with_trial(unit, "screen")
    assert "cost as much as one" in ledger.check()
    assert ledger.is_known(unit)
    assert not ledger.is_known(unit + 0.1)
    ledger = ledger.with_trial(unit, "reference")
    assert not ledger.check()
    ledger = ledger.with_trial(unit, None).with_trial(unit, None)
    assert "no other trial" in ledger.check()
    assert "no other trial" in replace(ledger, trials=9, cost=4.2).check()
    assert not replace(ledger, trials=9, cost=4.5).check()
    left = {cost: replace(ledger, trials=9, cost=cost).one_left for cost in (-0.1, 4.5, 7.9, 8.1, None)}
    assert left == {-0.1: False, 4.5: True, 7.9: True, 8.1: False, None: False}


def test_with_one_trial_left_that_counts_the_best_believed_design_is_looked_at() -> None:
    """Also where a cheap trial still fits in before it."""
    trials, proposals = run(problem(), 20, shift=5.0)
    history = History(trials=tuple(trials), fit=proposals[-1].fit, proposals=20)
    spent = sum(BOTH.cost_of(t.fidelity) for t in trials)
    shares = []
    for left in (7.0, 70.0):
        asked = problem(replace(BOTH, most_cost=spent + left))
        strategy = create("gp_ucb", problem=asked, options={}, initial={"sobol": 6})
        shares.append(strategy.propose(history).candidates[0].reason["exploration_share"])
    assert shares[0] == 0 < shares[1]


def test_a_cheap_fidelity_alone_makes_no_model() -> None:
    strategy = create("gp_ucb", problem=problem(), options={}, initial={"sobol": 3})
    trials = [answered(i, {"x": 0.2 * i, "y": 0.5}, "screen", 0, 1) for i in range(5)]
    found = strategy.propose(History(trials=tuple(trials), proposals=6))
    assert found.model is None
    assert found.candidates[0].fidelity == "reference"


def test_a_cap_on_the_data_keeps_answers_of_both_fidelities() -> None:
    trials, _ = run(problem(), 30, shift=5.0)
    strategy = create("gp_ucb", problem=problem(), options={"most_data": 20}, initial={"sobol": 6})
    found = strategy.propose(History(trials=tuple(trials), proposals=30))
    assert found.model is not None
    kept = {trials[i].fidelity for i in found.model.config["models"][0]["trials"]}
    assert found.diagnostics["data"] == {"used": 20, "of": 30}
    assert kept == {"screen", "reference"}


def test_imported_trials_count_and_cost_nothing() -> None:
    asked = problem(replace(BOTH, trials=12, imported=4))
    trials, _ = run(asked, 12, known=4)
    assert [t.fidelity for t in trials[:4]] == [None] * 4
    ledger = Ledger.of(asked, trials)
    assert (ledger.trials, len(ledger.cheap)) == (0, sum(t.fidelity == "screen" for t in trials))


def test_a_batch_with_pending_trials_is_spread_and_deterministic() -> None:
    trials, proposals = run(problem(), 11, shift=5.0)
    pending = replace(answered(11, {"x": 0.5, "y": 0.5}, "screen", 0, 1), status="pending", metrics={})
    history = History(trials=(*trials, pending), fit=proposals[-1].fit, proposals=12)
    strategy = create("gp_ucb", problem=problem(), options={"batch": 4}, initial={"sobol": 6})
    found = strategy.propose(history, 4).candidates
    places = {(tuple(c.parameters.values()), c.fidelity) for c in found}
    assert len(places) == 4
    again = create("gp_ucb", problem=problem(), options={"batch": 4}, initial={"sobol": 6})
    assert again.propose(history, 4).candidates == found


def test_constraints_hold_for_the_fidelity_that_counts() -> None:
    bounds = (Bound(metric="g", upper=0.45, label="x <= 0.45"),)
    trials, proposals = run(problem(bounds=bounds), 22, shift=5.0)
    assert all(c.parameters["x"] < 0.5 for p in proposals[-4:] for c in p.candidates)
    assert any(t.fidelity == "screen" for t in trials[11:])


def test_a_cheap_fidelity_that_always_fails_leaves_the_one_that_counts() -> None:
    strategy = create("gp_ucb", problem=problem(), options={}, initial={"sobol": 3})
    designs = [{"x": a, "y": b} for a, b in ((0.1, 0.2), (0.7, 0.4), (0.5, 0.9))]
    good = [answered(2 * i, d, "reference", 0, 1) for i, d in enumerate(designs)]
    failed = [replace(t, index=t.index + 1, fidelity="screen", status="failed", metrics={}) for t in good]
    (found,) = strategy.propose(History(trials=(*good, *failed), proposals=6)).candidates
    assert found.parameters not in designs
    assert found.fidelity == "reference"


def test_cheap_answers_that_have_nothing_to_do_with_the_others_are_left_out() -> None:
    trials, _ = run(problem(), 11)
    rng = np.random.default_rng(5)
    odd = [
        replace(t, metrics={"f": Observation(value=40 * rng.standard_normal())})
        if t.fidelity == "screen"
        else t
        for t in trials
    ]
    more = [
        answered(11 + i, {"x": v, "y": 1 - v}, "reference", 0, 1)
        for i, v in enumerate((0.1, 0.35, 0.6, 0.85))
    ]
    strategy = create("gp_ucb", problem=problem(), options={}, initial={"sobol": 6})
    found = strategy.propose(History(trials=(*odd, *more), proposals=15))
    assert found.fit is not None
    assert "cheap" not in found.fit["metrics"]["f"]
    (candidate,) = found.candidates
    assert candidate.fidelity == "reference"
    assert candidate.reason["information"]["screen"] == 0 < candidate.reason["information"]["reference"]
    counting = [t for t in (*odd, *more) if t.fidelity == "reference"]
    alone = create("gp_ucb", problem=problem(None), options={}, initial={"sobol": 4})
    plain = alone.propose(History(trials=tuple(replace(t, fidelity=None) for t in counting), proposals=15))
    assert plain.fit is not None
    assert found.fit["metrics"] == plain.fit["metrics"]


def test_the_content_of_a_trial_without_a_fidelity_is_as_ever() -> None:
    plain = answered(1, {"x": 0.5, "y": 0.5}, None, 0, 1)
    assert len(json.loads(plain.content)) == 5
    assert json.loads(replace(plain, fidelity="screen").content)[-1] == "screen"
