"""Strategies with a model: what changes a proposal, what never comes back, and what is recorded."""

import json
import math
import random
from dataclasses import replace

import numpy as np
import pytest
from strategy_problems import GRID, MIXED, PLANE, Inside, branin, gridded, mixed, run, start, strategy, trial

from designloop.learning.gp import predict, unpack
from designloop.oracle import Observation
from designloop.space import FloatParameter, Space
from designloop.strategies import Bound, History, StrategyExhausted, Trial

NAMES = ("gp_ucb", "ei", "pi", "log_nei")


def proposed(chosen, history, n=1):
    return [c.parameters for c in chosen.propose(history, n).candidates]


def left(space, history):
    tried = [t.parameters for t in history.trials]
    return [d for d in space.enumerate(1000) if d not in tried]


def test_kappa_changes_the_proposal():
    history = start(branin)
    assert proposed(strategy("gp_ucb", kappa=0.0), history) != proposed(
        strategy("gp_ucb", kappa=4.0), history
    )


def with_errors(history, **errors):
    """The history with errors on every observation."""
    trials = [
        replace(
            t,
            metrics={
                n: replace(o, **{k: f(o.value) for k, f in errors.items()}) for n, o in t.metrics.items()
            },
        )
        for t in history.trials
    ]
    return replace(history, trials=tuple(trials))


def test_the_standard_error_reaches_the_model_as_noise_and_numerical_bounds_do_not():
    history, chosen = start(branin, count=8), strategy("gp_ucb")
    bounded = with_errors(history, lower=lambda y: y - 30.0, upper=lambda y: y + 50.0)
    noisy = with_errors(history, sem=lambda _: 30.0)
    plain, same, other = (chosen.propose(h) for h in (history, bounded, noisy))
    assert (same.candidates, same.fit) == (plain.candidates, plain.fit)
    (learned,), (told,) = unpack(plain.model), unpack(other.model)
    assert learned.noise == pytest.approx(unpack(same.model)[0].noise)
    values = np.array([branin(t.parameters) for t in history.trials])
    assert told.noise == pytest.approx((30.0 * told.transform.slope(values)) ** 2)
    assert (told.noise > learned.noise).all()


@pytest.mark.parametrize("kappa", [0.0, 0.5, 1.96, 4.0])
def test_on_a_grid_the_proposal_is_the_best_bound_computed_by_hand(kappa):
    history = start(gridded, GRID)
    proposal = strategy("gp_ucb", GRID, kappa=kappa).propose(history)
    rest = left(GRID, history)
    (model,) = unpack(proposal.model)
    mean, sd = model.posterior(GRID.to_unit(rest))
    bound = -mean + kappa * sd
    (candidate,) = proposal.candidates
    assert candidate.parameters == rest[int(bound.argmax())]
    assert candidate.reason["acquisition"] == pytest.approx(bound.max(), rel=1e-9)


def test_without_constraints_the_bound_is_botorch_with_beta_kappa_squared():
    import torch
    from botorch.acquisition import UpperConfidenceBound, qUpperConfidenceBound
    from botorch.acquisition.objective import ScalarizedPosteriorTransform
    from botorch.sampling import SobolQMCNormalSampler

    from designloop.learning.posterior import botorch_of
    from designloop.strategies.acquisition import choice_of
    from designloop.strategies.limits import standing_of

    chosen = strategy("gp_ucb")
    models = unpack(chosen.propose(start(branin)).model)
    found, options = choice_of("gp_ucb", standing_of(chosen.problem, models), chosen.options, seed=0)
    assert found is UpperConfidenceBound
    model = botorch_of(models)
    transform = ScalarizedPosteriorTransform(torch.tensor([-1.0], dtype=torch.double))
    points = torch.rand(40, 1, 2, dtype=torch.double, generator=torch.Generator().manual_seed(0))
    ours = found(model, posterior_transform=transform, **options)(points).detach()
    mean, sd = models[0].posterior(points[:, 0].numpy())
    sampler = SobolQMCNormalSampler(torch.Size([4096]), seed=0)
    sampled = qUpperConfidenceBound(model, beta=1.96**2, sampler=sampler, posterior_transform=transform)
    np.testing.assert_allclose(ours, -mean + 1.96 * sd, atol=1e-9)
    np.testing.assert_allclose(ours, sampled(points).detach(), atol=5e-3)


def closed_form(name, mean, sd, best):
    z = (mean - best) / sd
    below = np.array([0.5 * math.erfc(-v / math.sqrt(2)) for v in z])
    if name == "pi":
        return np.log(below)
    return np.log((mean - best) * below + sd * np.exp(-0.5 * z * z) / math.sqrt(2 * math.pi))


@pytest.mark.parametrize("name", ["ei", "pi"])
def test_improvement_equals_its_closed_form_on_a_grid(name):
    history = start(gridded, GRID)
    proposal = strategy(name, GRID).propose(history)
    rest = left(GRID, history)
    (model,) = unpack(proposal.model)
    mean, sd = model.posterior(GRID.to_unit(rest))
    best = (-model.posterior(model.unit)[0]).max()
    values = closed_form(name, -mean, sd, best)
    (candidate,) = proposal.candidates
    assert candidate.parameters == rest[int(values.argmax())]
    assert candidate.reason["acquisition"] == pytest.approx(values.max(), rel=1e-6)


def test_noisy_improvement_without_noise_is_expected_improvement():
    trials = start(gridded, GRID, count=10).trials
    exact = tuple(trial(t.index, t.parameters, sem=1e-6, f=t.metrics["f"].value) for t in trials)
    history = History(trials=exact, proposals=10)
    (ours,) = strategy("log_nei", GRID).propose(history).candidates
    (plain,) = strategy("ei", GRID).propose(history).candidates
    assert ours.parameters == plain.parameters
    assert ours.reason["acquisition"] == pytest.approx(plain.reason["acquisition"], abs=0.05)


def test_xi_changes_the_proposal_of_probability_of_improvement():
    history = start(branin, count=10)
    assert proposed(strategy("pi", xi=0.0), history) != proposed(strategy("pi", xi=20.0), history)


@pytest.mark.parametrize("name", NAMES)
def test_an_outcome_constraint_changes_the_proposal(name):
    history = start(branin, count=8, g=lambda d: d["x"] - d["y"])
    free = proposed(strategy(name), history)
    (held,) = strategy(name, bounds=(Bound(metric="g", upper=-4.0),)).propose(history).candidates
    assert held.parameters != free[0]
    assert 0.0 <= held.reason["probability_of_feasibility"] <= 1.0
    assert set(held.reason["prediction"]) == {"f", "g"}


@pytest.mark.parametrize("name", NAMES)
def test_a_constrained_campaign_finds_feasible_designs(name):
    chosen = strategy(name, bounds=(Bound(metric="g", upper=0.0),))
    history, _ = run(chosen, branin, 16, g=lambda d: (d["x"] - 8) ** 2 + (d["y"] - 3) ** 2 - 4)
    inside = [t for t in history.trials if t.metrics["g"].value <= 0]
    assert len(inside) >= 4
    assert min(t.metrics["f"].value for t in inside) < 6.0


def test_a_bound_on_the_objective_itself_is_honoured():
    history = start(branin, count=8)
    (c,) = strategy("gp_ucb", bounds=(Bound(metric="f", lower=30.0),)).propose(history).candidates
    (free,) = strategy("gp_ucb").propose(history).candidates
    assert c.reason["prediction"]["f"][0] > free.reason["prediction"]["f"][0]


@pytest.mark.parametrize("name", NAMES)
def test_input_constraints_hold_where_the_optimum_lies_outside_them(name):
    space = Space(PLANE.parameters, (Inside(("x", "y"), (5.0, 10.0), 1.5),))
    history, _ = run(strategy(name, space), branin, 11)
    designs = [t.parameters for t in history.trials]
    assert space.feasible(designs).all()
    assert len({tuple(d.values()) for d in designs}) == 11


def test_constraints_hold_after_snapping_to_a_coarse_grid():
    parameters = (
        FloatParameter(name="x", lower=-5, upper=10, step=0.001),
        FloatParameter(name="y", lower=0, upper=15, step=0.5),
    )
    space = Space(parameters, (Inside(("x", "y"), (3.0, 2.2), 0.9),))
    history, _ = run(strategy("ei", space), branin, 12)
    assert space.feasible([t.parameters for t in history.trials]).all()


@pytest.mark.parametrize("name", ["gp_ucb", "log_nei"])
def test_mixed_spaces_are_optimized(name):
    history, _ = run(strategy(name, MIXED, initial={"sobol": 8}), mixed, 24)
    assert all(MIXED.contains(t.parameters) is None for t in history.trials)
    best = min(history.trials, key=lambda t: t.metrics["f"].value)
    assert best.metrics["f"].value < 1.3
    assert best.parameters["gas"] == "argon"


def test_two_believed_candidates_are_distinct_and_the_first_is_the_sequential_choice():
    history = start(branin, count=8)
    batch = strategy("gp_ucb").propose(history, n=4)
    points = PLANE.to_unit([c.parameters for c in batch.candidates])
    gaps = np.abs(points[:, None] - points[None]).max(-1)[np.triu_indices(4, 1)]
    assert gaps.min() > 1e-3
    assert [batch.candidates[0].parameters] == proposed(strategy("gp_ucb"), history)


def test_fantasies_reach_neither_the_saved_model_nor_the_history():
    history = start(branin, count=8)
    digest = history.digest()
    batch = strategy("gp_ucb").propose(history, n=3)
    (model,) = unpack(batch.model)
    assert model.trials == tuple(range(8))
    assert history.digest() == digest


def test_hyper_parameters_are_frozen_inside_a_batch():
    history = start(branin, count=8)
    one, four = strategy("gp_ucb").propose(history), strategy("gp_ucb").propose(history, n=4)
    assert one.fit == four.fit


def test_a_pending_design_is_believed_and_repels():
    history = start(branin, count=8)
    (first,) = strategy("ei").propose(history).candidates
    pending = Trial(index=8, parameters=first.parameters, status="pending")
    waiting = History(trials=(*history.trials, pending), proposals=9)
    (second,) = strategy("ei").propose(waiting).candidates
    gap = np.abs(np.subtract(*PLANE.to_unit([first.parameters, second.parameters]))).max()
    assert gap > 1e-3


@pytest.mark.parametrize("name", NAMES)
def test_a_failed_design_and_its_neighbourhood_never_come_back(name):
    history = start(branin, count=8)
    for k in range(4):
        (c,) = strategy(name).propose(history).candidates
        unit = PLANE.to_unit([c.parameters])
        failed = [t.parameters for t in history.trials if t.status == "failed"]
        if failed:
            assert np.abs(PLANE.to_unit(failed) - unit).max(-1).min() > 0.005
        dead = Trial(index=8 + k, parameters=c.parameters, status="failed")
        history = History(trials=(*history.trials, dead), proposals=9 + k)


def test_an_infeasible_trial_with_margins_teaches_the_constraint():
    base = start(branin, count=6, margin=lambda d: d["x"])
    design = {"x": 2.0, "y": 3.0}
    lost = Trial(index=6, parameters=design, status="infeasible", metrics={"margin": Observation(value=-9.0)})
    history = History(trials=(*base.trials, lost), proposals=7)
    proposal = strategy("ei", bounds=(Bound(metric="margin", lower=0.0),)).propose(history)
    objective, margin = unpack(proposal.model)
    assert 6 in margin.trials
    assert 6 not in objective.trials


def test_an_infeasible_trial_without_any_number_repels_like_a_failure():
    base = start(branin, count=6)
    lost = Trial(index=6, parameters={"x": 2.0, "y": 3.0}, status="infeasible")
    proposal = strategy("ei").propose(History(trials=(*base.trials, lost), proposals=7))
    assert [m.metric for m in unpack(proposal.model)] == ["f", "viability"]
    assert "feasible with probability" in proposal.candidates[0].reason["text"]


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_values_that_are_not_finite_are_left_out(value):
    base = start(branin, count=6)
    odd = tuple(trial(6 + k, {"x": 2.0 + k, "y": 3.0}, f=value) for k in range(2))
    proposal = strategy("log_nei").propose(History(trials=(*base.trials, *odd), proposals=8))
    assert unpack(proposal.model)[0].trials == tuple(range(6))


def test_without_data_the_sobol_sequence_goes_on():
    dead = tuple(Trial(index=i, parameters={"x": i, "y": 1.0}, status="failed") for i in range(6))
    proposal = strategy("log_nei").propose(History(trials=dead, proposals=6))
    assert proposal.candidates[0].reason["generator"] == "sobol"
    assert proposal.model is None


def test_a_known_standard_error_is_the_noise_and_an_unknown_one_is_inferred():
    trials = start(branin, count=8).trials
    known = tuple(trial(t.index, t.parameters, sem=2.0, f=t.metrics["f"].value) for t in trials)
    (model,) = unpack(strategy("ei").propose(History(trials=known, proposals=8)).model)
    slope = model.transform.slope(np.array([t.metrics["f"].value for t in known]))
    np.testing.assert_allclose(model.noise, (2.0 * slope) ** 2)
    (free,) = unpack(strategy("ei").propose(start(branin, count=8)).model)
    assert set(free.noise) == {free.noise_level}


def test_a_small_grid_is_searched_to_its_end():
    space = Space((FloatParameter(name="i", lower=0, upper=3, step=1), GRID.parameters[1]))
    space = Space((space.parameters[0], FloatParameter(name="s", lower=0, upper=1, step=0.5)))
    history, _ = run(strategy("ei", space, initial={"sobol": 3}), gridded, 12)
    assert len({tuple(t.parameters.values()) for t in history.trials}) == 12
    with pytest.raises(StrategyExhausted, match="has been tried"):
        strategy("ei", space).propose(history)


def test_the_prediction_is_that_of_the_saved_model_before_the_evaluation():
    history = start(branin, count=9)
    proposal = strategy("log_nei").propose(history)
    (c,) = proposal.candidates
    mean, sd = predict(proposal.model, [c.parameters])["f"]
    np.testing.assert_allclose(c.reason["prediction"]["f"], [mean[0], sd[0]], rtol=1e-9)
    assert max(unpack(proposal.model)[0].trials) == 8


@pytest.mark.parametrize("name", NAMES)
def test_the_reason_is_json_with_every_key_and_a_sentence(name):
    (c,) = strategy(name).propose(start(branin, count=7)).candidates
    reason = json.loads(json.dumps(c.reason, allow_nan=False))
    assert reason["generator"] == name
    assert 0.0 <= reason["exploration_share"] <= 1.0
    assert reason["nearest_trial"] in range(7)
    assert f"predicted f {reason['prediction']['f'][0]:.4g}" in reason["text"]


def test_more_kappa_means_more_exploration():
    history = start(branin, count=10)
    shares = [
        strategy("gp_ucb", kappa=k).propose(history).candidates[0].reason["exploration_share"]
        for k in (0.0, 5.0)
    ]
    assert shares[0] == 0.0
    assert shares[1] > 0.5


def test_the_callers_random_states_and_threads_are_untouched():
    import torch

    history = start(branin, count=7)
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    torch.manual_seed(1)
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()  # noqa: NPY002
    threads = torch.get_num_threads()
    strategy("log_nei").propose(history)
    after = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()  # noqa: NPY002
    assert before == after
    assert torch.get_num_threads() == threads


def test_the_callers_random_states_do_not_change_a_proposal():
    history = start(branin, count=7)
    np.random.seed(1)  # noqa: NPY002
    first = proposed(strategy("log_nei"), history)
    np.random.seed(2)  # noqa: NPY002
    assert proposed(strategy("log_nei"), history) == first


def test_expected_improvement_by_xi_counts_from_the_improved_best_in_metric_units():
    from designloop.strategies.acquisition import choice_of
    from designloop.strategies.limits import standing_of

    chosen = strategy("ei", xi=3.0)
    standing = standing_of(chosen.problem, unpack(chosen.propose(start(branin, count=9)).model))
    _, options = choice_of("ei", standing, chosen.options, seed=0)
    transform = standing.models[0].transform
    best = float(transform.inverse(-standing.best))
    assert float(transform.inverse(-options["best_f"])) == pytest.approx(best - 3.0)


def test_imported_trials_without_a_place_in_the_space_are_left_out():
    base = start(branin, count=6)
    odd = trial(6, {"x": 2.0}, f=1.0)
    outside = trial(7, {"x": 40.0, "y": 3.0}, f=900.0)
    proposal = strategy("ei").propose(History(trials=(*base.trials, odd, outside), proposals=6))
    assert unpack(proposal.model)[0].trials == (0, 1, 2, 3, 4, 5, 7)
    assert PLANE.contains(proposal.candidates[0].parameters) is None


def test_botorchs_constrained_bound_rewards_uncertain_feasibility_which_ours_does_not():
    import torch
    from botorch.acquisition.objective import ConstrainedMCObjective

    constrained = ConstrainedMCObjective(lambda y, X=None: y[..., 0], [lambda y: y[..., 1]])  # noqa: ARG005

    def bound(share):
        """qUCB's value of a design with objective 1 whose samples are feasible with this share."""
        margin = torch.where((torch.arange(4000) + 0.5) / 4000 < share, -1.0, 1.0)
        value = constrained(torch.stack([torch.ones(4000), margin], -1).unsqueeze(1))
        mean = value.mean(0)
        return float((mean + math.sqrt(1.96**2 * math.pi / 2) * (value - mean).abs()).mean())

    assert bound(0.6) == pytest.approx(1.78, abs=0.01)
    assert bound(1.0) == pytest.approx(1.0)
    history = start(branin, count=8, g=lambda d: d["x"])
    chosen = strategy("gp_ucb", bounds=(Bound(metric="g", upper=2.0),)).propose(history).candidates[0]
    assert chosen.reason["probability_of_feasibility"] > 0.7
