"""Hyper-parameters with a free signal variance."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from designloop.learning.features import Encoder
from designloop.learning.fit_free import FreeHyper, _Loss, first_starts, fit_free, initial_free
from designloop.learning.kernels import correlation, squared_distance

KERNELS = ["rbf", "matern52", "matern32"]


def data(n=30, *, seed=0, noise=0.0):
    rng = np.random.default_rng(seed)
    unit = rng.random((n, 3))
    unit[:, 1] = np.rint(2 * unit[:, 1]) / 2
    z = np.sin(4 * unit[:, 0]) + unit[:, 1] + noise * rng.standard_normal(n)
    return unit, z - z.mean()


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_gradient_is_that_of_the_loss(kernel):
    unit, z = data()
    known = np.where(np.arange(30) % 2, np.nan, 0.02)
    encoder = Encoder((0, 3, 0))
    loss = _Loss(np.asarray(encoder.features(unit)), z, known, encoder, kernel)
    theta = np.array([-0.5, 0.3, 1.0, -3.0, 0.4])
    slope = [(loss(theta + h)[0] - loss(theta - h)[0]) / 2e-6 for h in 1e-6 * np.eye(5)]
    np.testing.assert_allclose(loss(theta)[1], slope, rtol=1e-5, atol=1e-6)


def test_the_loss_is_the_density_of_the_data_but_for_priors():
    """Differences in ln v, on which there is no prior, at equal profiled means."""
    unit, z = data()
    encoder = Encoder((0, 0, 0))
    loss = _Loss(unit, z, np.full(30, np.nan), encoder, "matern52")
    scaled = unit / [0.5, 0.8, 1.0]
    gram = correlation("matern52", squared_distance(scaled, scaled)) + 0.01 * np.eye(30)
    ones = np.linalg.solve(gram, np.ones(30))
    mean = ones @ z / ones.sum()

    def density(v):
        return multivariate_normal(np.full(30, mean), v * gram).logpdf(z)

    theta = np.log([0.5, 0.8, 1.0, 0.01, 1.0])
    there = np.append(theta[:-1], np.log(3.0))
    assert loss(theta)[0] - loss(there)[0] == pytest.approx(density(3.0) - density(1.0), abs=1e-4)


def test_a_greater_signal_has_the_greater_variance_and_equal_lengthscales():
    unit, z = data()
    fit = {"encoder": Encoder((0, 3, 0)), "kernel": "rbf", "starts": [initial_free(3)]}
    one, ten = (fit_free(unit, s * z, np.full(30, np.nan), **fit) for s in (1.0, 10.0))
    assert ten.variance == pytest.approx(100 * one.variance, rel=0.05)
    np.testing.assert_allclose(ten.lengthscales, one.lengthscales, rtol=0.05)


def test_noise_is_found():
    unit, z = data(150, noise=0.2)
    found = fit_free(
        unit, z, np.full(150, np.nan), encoder=Encoder((0, 0, 0)), kernel="rbf", starts=[initial_free(3)]
    )
    assert found.noise * found.variance == pytest.approx(0.04, rel=0.35)


def test_every_start_is_followed_to_its_end():
    unit, z = data()
    blind = FreeHyper(lengthscales=(3000.0,) * 3, noise=15.0, variance=1.0)
    fit = {"encoder": Encoder((0, 0, 0)), "kernel": "matern52"}
    both = fit_free(unit, z, np.full(30, np.nan), starts=[blind, initial_free(3)], **fit)
    assert both == fit_free(unit, z, np.full(30, np.nan), starts=[initial_free(3), blind], **fit)
    assert both.noise < 0.01


@pytest.mark.parametrize("n", [2, 3])
def test_few_or_equal_labels_are_fitted_all_the_same(n):
    unit = np.tile([[0.2, 0.5, 0.1]], (n, 1))
    found = fit_free(
        unit,
        np.zeros(n),
        np.full(n, np.nan),
        encoder=Encoder((0, 0, 0)),
        kernel="rbf",
        starts=[initial_free(3)],
    )
    assert np.isfinite([*found.lengthscales, found.noise, found.variance]).all()


def test_noise_is_not_taken_for_a_wavy_response():
    rng = np.random.default_rng(4)
    unit = rng.random((60, 3))
    z = 2.0 * unit[:, 0] + unit[:, 1] ** 2 + 0.5 * rng.standard_normal(60)
    z = (z - z.mean()) / z.std()
    encoder = Encoder((0, 0, 0))
    found = fit_free(unit, z, np.full(60, np.nan), encoder=encoder, kernel="matern52", starts=first_starts(3))
    assert 0.1 < found.noise * found.variance < 1.0
