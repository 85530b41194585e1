"""Criteria of the learning strategies against hand computations and BoTorch."""

import math

import numpy as np
import pytest
import torch
from botorch.acquisition.active_learning import qNegIntegratedPosteriorVariance

from designloop.learning.features import Encoder
from designloop.learning.gp import MetricModel
from designloop.learning.posterior import botorch_of
from designloop.learning.transforms import MetricTransform
from designloop.strategies.criteria import (
    bald,
    covariance,
    covariance_terms,
    disagreement_terms,
    gsx,
    igs,
    variance_taken,
)

RNG = np.random.default_rng(5)
NODES = RNG.random((64, 2))
POINTS = RNG.random((9, 2))


def process(unit, *, kernel="matern52", lengthscale=0.4, noise=0.01, values=None):
    unit = np.asarray(unit, dtype=float)
    z = np.sin(5.0 * unit.sum(1)) if values is None else np.asarray(values, dtype=float)
    return MetricModel(
        metric="f", encoder=Encoder((0,) * unit.shape[1]), kernel=kernel,
        lengthscales=(lengthscale,) * unit.shape[1], transform=MetricTransform(), unit=unit, z=z,
        noise=np.full(len(unit), noise), noise_level=noise, trials=tuple(range(len(unit))),
    )  # fmt: skip


MODELS = [process(RNG.random((7, 2))), process(RNG.random((7, 2)), kernel="rbf", lengthscale=0.3)]


def variance(model, unit):
    return model.posterior(unit)[1] ** 2


def conditioned(model, point):
    """The model after one more label, whose value does not matter for variances."""
    return process(
        np.vstack([model.unit, point]), kernel=model.kernel, lengthscale=model.lengthscales[0],
        noise=model.noise_level, values=np.append(model.z, 0.0),
    )  # fmt: skip


def test_the_covariance_of_a_design_with_itself_is_its_variance():
    both = covariance(MODELS[0], POINTS, POINTS)
    np.testing.assert_allclose(np.diag(both), MODELS[0].posterior(POINTS)[1] ** 2, atol=1e-9)
    np.testing.assert_allclose(both, both.T, atol=1e-12)


def test_the_variance_taken_is_that_of_the_model_with_the_label_added():
    for model in MODELS:
        found = variance_taken([covariance_terms(model, POINTS, NODES)])
        before = variance(model, NODES).mean()
        again = [before - variance(conditioned(model, p), NODES).mean() for p in POINTS]
        np.testing.assert_allclose(found, again, rtol=1e-6)


def test_the_variance_left_is_the_integrated_variance_of_botorch():
    model = MODELS[0]
    theirs = qNegIntegratedPosteriorVariance(botorch_of([model]).models[0], torch.as_tensor(NODES))
    values = theirs(torch.as_tensor(POINTS)[:, None]).detach().numpy()
    taken = variance_taken([covariance_terms(model, POINTS, NODES)])
    np.testing.assert_allclose(taken - variance(model, NODES).mean(), values, rtol=1e-6)


def test_a_label_beside_one_exact_label_by_hand():
    model = process([[0.0]], kernel="rbf", lengthscale=1.0, noise=0.0, values=[1.0])
    k = math.exp(-0.5)
    terms = covariance_terms(model, np.array([[1.0]]), np.array([[1.0], [0.0]]), scale=2.0)
    np.testing.assert_allclose(terms.cross, [[2 * (1 - k * k), 0.0]], atol=1e-6)
    assert variance_taken([terms])[0] == pytest.approx(0.5 * 2 * (1 - k * k), rel=1e-6)


def test_a_committee_that_disagrees_settles_what_its_members_vary_together():
    here, there = np.array([[2.0, 0.0], [0.0, 0.0]]), np.array([[3.0, 1.0], [1.0, 1.0]])
    # at the first design var = 1 and the covariances with the nodes are 1 and 0; the second settles nothing
    found = variance_taken([disagreement_terms(here, there, noise=0.25)])
    np.testing.assert_allclose(found, [0.5 * (1.0 + 0.0) / 1.25, 0.0], atol=1e-9)
    weighted = variance_taken([disagreement_terms(here, there, noise=0.25)], np.array([3.0, 1.0]))
    assert weighted[0] == pytest.approx(3.0 * found[0])


def test_what_models_do_not_know_and_what_they_disagree_on_add_up():
    model, noise = MODELS[0], MODELS[0].noise_level
    here, there = RNG.random((5, 9)), RNG.random((5, 64))
    terms = [covariance_terms(model, POINTS, NODES), disagreement_terms(here, there)]
    total = covariance(model, POINTS, NODES) + np.cov(here.T, there.T, ddof=0)[:9, 9:]
    own = variance(model, POINTS) + here.var(0)
    np.testing.assert_allclose(variance_taken(terms), (total**2).mean(1) / (own + noise), rtol=1e-9)


def test_members_that_agree_leave_the_variance_reduction_of_the_model():
    alone = variance_taken([covariance_terms(MODELS[0], POINTS, NODES)])
    agreed = disagreement_terms(np.ones((3, 9)), np.ones((3, 64)))
    np.testing.assert_allclose(variance_taken([covariance_terms(MODELS[0], POINTS, NODES), agreed]), alone)
    assert (alone > 0).all()


def test_bald_of_members_at_plus_and_minus_one():
    means = np.array([[[1.0]], [[-1.0]]])
    found = bald(means, np.full((2, 1, 1), 0.5))
    assert found[0] == pytest.approx(0.5 * math.log(1.5 / 0.5))


def test_bald_is_zero_where_members_agree_and_averages_over_metrics():
    means = np.zeros((3, 4, 2))
    assert np.abs(bald(means, np.full((3, 4, 2), 0.3))).max() < 1e-12
    means[:, :, 0] = np.array([-1.0, 0.0, 1.0])[:, None]
    expected = 0.5 * (0.5 * math.log((0.3 + 2 / 3) / 0.3))
    np.testing.assert_allclose(bald(means, np.full((3, 4, 2), 0.3)), expected)


def test_bald_bounds_the_information_of_the_exact_mixture():
    from scipy.stats import norm

    means, sd = np.array([-0.4, 0.1, 0.9]), 0.6
    grid = np.linspace(-6, 7, 20_001)
    density = norm.pdf(grid[:, None], means, sd).mean(1)
    entropy = -(density * np.log(density)).sum() * (grid[1] - grid[0])
    exact = entropy - 0.5 * math.log(2 * math.pi * math.e * sd**2)
    found = bald(means[:, None, None], np.full((3, 1, 1), sd**2))[0]
    assert exact < found < 1.1 * exact


def test_gsx_is_the_distance_to_the_nearest_known_design():
    known = np.array([[0.0, 0.0], [1.0, 1.0]])
    found = gsx(np.array([[0.3, 0.4], [1.0, 0.0], [1.0, 1.0]]), known)
    np.testing.assert_allclose(found, [0.5, 1.0, 0.0], atol=1e-7)


def test_igs_is_the_least_product_of_the_distances_in_inputs_and_outputs():
    known, labels = np.array([[0.0], [1.0]]), np.array([[0.0], [5.0]])
    found = igs(np.array([[0.25], [0.5]]), known, np.array([[2.0], [5.0]]), labels)
    np.testing.assert_allclose(found, [min(0.25 * 2, 0.75 * 3), min(0.5 * 5, 0.5 * 0)], atol=1e-7)
