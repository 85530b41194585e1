"""The Bayesian last layer: exact learning of further rows, the known posterior, intervals that hold."""

import math

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from torch import nn

from designloop.learning.networks.activations import last_hidden
from designloop.learning.networks.last_layer import LastLayer, fit
from designloop.learning.networks.training import Fold, Recipe, train


def linear(n, seed, noise=(0.1, 0.5)):
    """Features (n, 6) and two targets linear in them with normal noise."""
    rng = np.random.default_rng([seed, 1])
    weights = np.random.default_rng(0).normal(size=(6, 2))
    features = rng.normal(size=(n, 6))
    return features, features @ weights + [1.0, -2.0] + rng.normal(size=(n, 2)) * noise


@pytest.mark.parametrize("first", [1, 3, 150])
def test_further_rows_are_learned_as_if_all_had_been_there(first):
    features, targets = linear(200, 1)
    whole = fit(features, targets)
    part = fit(features[:first], targets[:first], validation=(features[150:], targets[150:]))
    part = LastLayer.from_arrays(part.arrays | {"prior": whole.prior, "noise": whole.noise})
    for rows in np.array_split(np.arange(first, 200), 5):
        part = part.updated(features[rows], targets[rows])
    fresh = linear(50, 2)[0]
    for found, expected in zip(part.predict(fresh), whole.predict(fresh), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)


def test_the_posterior_is_that_of_the_normal_equations():
    features, targets = linear(30, 1)
    model = fit(features, targets)
    phi, new = (np.c_[f, np.ones(len(f))] for f in (features, linear(5, 2)[0]))
    mean, variance = model.predict(new[:, :-1])
    for k in range(2):
        precision = model.prior[k] * np.eye(7) + phi.T @ phi / model.noise[k]
        weights = np.linalg.solve(precision, phi.T @ targets[:, k] / model.noise[k])
        np.testing.assert_allclose(mean[:, k], new @ weights, rtol=1e-9)
        np.testing.assert_allclose(variance[:, k], (new @ np.linalg.inv(precision) * new).sum(1), rtol=1e-9)
        np.testing.assert_allclose(model.weights()[:, k], weights, rtol=1e-8)


def test_prior_and_noise_are_where_the_evidence_is_largest():
    features, targets = linear(40, 1)
    model, phi = fit(features, targets), np.c_[features, np.ones(40)]

    def evidence(prior, noise, k):
        return multivariate_normal.logpdf(targets[:, k], cov=noise * np.eye(40) + phi @ phi.T / prior)

    for k in range(2):
        best = evidence(model.prior[k], model.noise[k], k)
        for prior, noise in [(1.2, 1.0), (0.8, 1.0), (1.0, 1.2), (1.0, 0.8)]:
            assert evidence(prior * model.prior[k], noise * model.noise[k], k) < best


def test_the_noise_is_found():
    np.testing.assert_allclose(np.sqrt(fit(*linear(2000, 1)).noise), [0.1, 0.5], rtol=4 / math.sqrt(4000))


def test_intervals_hold_on_fresh_rows_of_few():
    inside = []
    for seed in range(100):
        features, targets = linear(80, seed)
        model = fit(features[:40], targets[:40])
        mean, variance = model.predict(features[40:])
        inside.append(np.abs(mean - targets[40:]) <= 1.96 * np.sqrt(variance + model.noise))
    assert np.mean(inside) == pytest.approx(
        0.95, abs=0.02
    )  # the noise is estimated from 40 rows with 7 weights


def test_overfitted_features_need_validation_rows():
    """One feature that repeats the targets learned from: evidence believes it, rows held out do not."""
    features, targets = linear(400, 3, noise=(0.5, 0.5))
    told = np.random.default_rng(1).normal(size=400)
    features = np.c_[features, np.r_[(targets - linear(400, 3, noise=(0, 0))[1])[:200, 0], told[200:]]]
    half = slice(200), slice(200, 300), slice(300, None)
    held = features[half[1]], targets[half[1]]
    naive, honest = (
        fit(features[half[0]], targets[half[0]]),
        fit(features[half[0]], targets[half[0]], validation=held),
    )

    def covered(model):
        mean, variance = model.predict(features[half[2]])
        return np.mean(np.abs(mean - targets[half[2]])[:, 0] <= 1.96 * np.sqrt(variance + model.noise)[:, 0])

    assert covered(naive) < 0.5
    assert covered(honest) > 0.88


def test_epistemic_variance_shrinks_with_rows_and_grows_away_from_them():
    features, targets = linear(300, 1)
    few = fit(features[:20], targets[:20])
    more = few.updated(features[20:], targets[20:])
    assert (more.predict(features)[1] < few.predict(features)[1]).all()
    assert (few.predict(10 * features)[1].mean(0) > 20 * few.predict(features)[1].mean(0)).all()


def test_features_of_a_network_carry_its_own_prediction():
    x = np.random.default_rng(1).normal(size=(80, 2))
    fold = Fold(x=x, y=np.sin(x))

    def network():
        return nn.Sequential(nn.Linear(2, 10), nn.Tanh(), nn.Linear(10, 2))

    found = train(network, fold, fold, recipe=Recipe(epochs=5, learning_rate=1e-2), members=2, seed=1)
    hidden = last_hidden(found, x)
    assert hidden.shape == (2, 80, 10)
    for k in range(2):
        z = hidden[k] @ found.states["2.weight"][k].numpy().T + found.states["2.bias"][k].numpy()
        np.testing.assert_allclose(
            found.scaling.y_mean + found.scaling.y_sd * z, found.predict(x)[k], atol=1e-5
        )


def test_rows_that_do_not_fit_are_refused():
    model = fit(*linear(20, 1))
    with pytest.raises(ValueError, match="must have 6 features and 2 targets"):
        model.updated(np.zeros((3, 5)), np.zeros((3, 2)))
    with pytest.raises(ValueError, match="of the same rows, not 3 and 2 rows"):
        fit(np.zeros((3, 5)), np.zeros((2, 2)))
