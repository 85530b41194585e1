"""Networks trained at once: the minimizer, the loss, scikit-learn's as the yardstick."""

import warnings

import numpy as np
import pytest

from designloop.learning.committees import CommitteeSpec, Labels, fit_committee
from designloop.learning.committees.lbfgs import minimize
from designloop.learning.committees.networks import _Training
from designloop.learning.features import Encoder

NUMERIC = Encoder((0, 0))


def hardening(n, seed):
    """Standardized hardening curves, 2 inputs and 20 outputs (Morand et al. 2022, Eq. 7)."""
    unit = np.random.default_rng(seed).random((n, 2))
    strain = np.linspace(0.01, 0.2, 20)
    curves = (100 + 300 * unit[:, 1:]) * -np.expm1(-(5 + 195 * unit[:, :1]) * strain)
    return Labels(unit=unit, z=(curves - curves.mean(0)) / curves.std(0, ddof=1))


def bowls(x):
    """Convex quadratics of condition 1, 100 and 10,000 about (1, 2, 3), and their gradients."""
    weights = np.array([[1.0, 1.0, 1.0], [1.0, 10.0, 100.0], [1.0, 100.0, 1e4]])
    gap = x - [1.0, 2.0, 3.0]
    return 0.5 * (weights * gap**2).sum(1), weights * gap


def test_every_problem_reaches_its_own_minimum():
    found = minimize(bowls, np.zeros((3, 3)), iterations=200)
    np.testing.assert_allclose(found.x, np.tile([1.0, 2.0, 3.0], (3, 1)), atol=1e-4)
    assert len(set(found.iterations.tolist())) == 3


def test_a_curved_valley_is_followed_to_its_end():
    def rosenbrock(x):
        a, b = 1 - x[:, 0], x[:, 1] - x[:, 0] ** 2
        return a**2 + 100 * b**2, np.stack([-2 * a - 400 * x[:, 0] * b, 200 * b], axis=1)

    found = minimize(rosenbrock, np.array([[-1.2, 1.0], [0.0, 0.0]]), iterations=200)
    np.testing.assert_allclose(found.x, 1.0, atol=1e-4)
    assert found.iterations.max() < 60


def test_no_problem_depends_on_its_neighbours():
    start = np.array([[5.0, 5.0, 5.0], [0.0, 0.0, 0.0], [-1.0, 3.0, 9.0]])
    together = minimize(bowls, start, iterations=7).x
    for i in range(3):

        def alone(x, i=i):
            f, g = bowls(np.tile(x, (3, 1)))
            return f[i : i + 1], g[i : i + 1]

        np.testing.assert_allclose(
            minimize(alone, start[i : i + 1], iterations=7).x[0], together[i], rtol=1e-9
        )


def test_a_value_that_is_not_finite_shortens_the_step():
    def wall(x):
        with np.errstate(invalid="ignore", divide="ignore"):
            return (x - np.log(x)).sum(1), 1 - 1 / x

    assert minimize(wall, np.array([[30.0]]), iterations=50).x[0, 0] == pytest.approx(1.0, abs=1e-3)


def test_the_gradient_is_that_of_the_loss():
    labels = hardening(40, 0)
    spec = CommitteeSpec(kind="networks", hidden=(6, 4), alpha=0.1)
    training = _Training(labels.unit[None], labels.z[None], spec)
    x = training.start(np.random.default_rng(0))
    _, gradient = training(x)
    for j in range(0, x.shape[1], 5):
        step = np.zeros_like(x)
        step[:, j] = 1e-6
        slope = (training(x + step)[0] - training(x - step)[0]) / 2e-6
        assert gradient[:, j] == pytest.approx(slope, abs=1e-6)


@pytest.mark.parametrize("n", [100, 500])
def test_the_training_loss_is_no_worse_than_that_of_scikit_learn(n):
    """Mean over five members, by scikit-learn's own formula, at its 200 iterations and our 60."""
    from sklearn.neural_network import MLPRegressor

    labels = hardening(n, 3)
    committee = fit_committee(CommitteeSpec(kind="networks"), labels, encoder=NUMERIC, seed=3)
    losses = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for i, rows in enumerate(committee.rows):
            network = MLPRegressor(hidden_layer_sizes=(10, 15), solver="lbfgs", max_iter=200, random_state=i)
            losses.append(network.fit(labels.unit[rows], labels.z[rows]).loss_)
    assert committee.members.loss.mean() <= np.mean(losses)


def test_the_loss_is_that_of_scikit_learn_for_equal_weights():
    from sklearn.neural_network import MLPRegressor

    labels = hardening(30, 0)
    spec = CommitteeSpec(kind="networks", subset=1.0, members=2, hidden=(4, 3), alpha=0.5, iterations=5)
    networks = fit_committee(spec, labels, encoder=NUMERIC, seed=0).members
    twin = MLPRegressor(hidden_layer_sizes=(4, 3), solver="lbfgs", alpha=0.5, max_iter=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        twin.fit(labels.unit, labels.z)
    twin.coefs_ = [w[0, :, :-1].T for w in networks.weights]
    twin.intercepts_ = [w[0, :, -1] for w in networks.weights]
    np.testing.assert_allclose(twin.predict(labels.unit), networks.predict(labels.unit)[0], atol=1e-10)
    residual = ((twin.predict(labels.unit) - labels.z) ** 2).mean()
    penalty = sum((w**2).sum() for w in twin.coefs_)
    assert networks.loss[0] == pytest.approx(0.5 * residual + 0.5 * 0.5 * penalty / 30, rel=1e-9)


def test_early_stopping_keeps_the_weights_that_meet_unseen_labels_best():
    rng = np.random.default_rng(0)
    unit = rng.random((40, 2))
    labels = Labels(unit=unit, z=unit[:, :1] + 0.5 * rng.standard_normal((40, 1)))
    fresh = rng.random((2000, 2))

    def error(early_stopping):
        spec = CommitteeSpec(kind="networks", hidden=(16, 8), early_stopping=early_stopping, iterations=100)
        members = fit_committee(spec, labels, encoder=NUMERIC, seed=0).predict(fresh)
        return ((members - fresh[:, :1]) ** 2).mean()

    assert error(True) < 0.7 * error(False)


def test_weights_too_large_for_the_arithmetic_give_a_value_all_the_same():
    unit = np.linspace(0, 1, 64)[None, :, None]
    training = _Training(unit, unit**2, CommitteeSpec(kind="networks", hidden=(5, 5)))
    value, gradient = training(np.full((1, 40), 2.0**40))
    assert np.isfinite(value).all()
    assert np.isfinite(gradient).all()
