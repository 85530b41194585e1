"""Moments of saved models for analytic acquisition functions, and factors that grow with believed designs."""

from dataclasses import replace

import numpy as np
import pytest

from designloop.learning.features import Encoder
from designloop.learning.gp import MetricModel
from designloop.learning.transforms import MetricTransform

KERNELS = ("rbf", "matern52", "matern32")


def model(kernel="matern52", n=90, levels=(0, 0, 3), seed=0):
    rng = np.random.default_rng(seed)
    unit = rng.random((n, 3))
    unit[:, 2] = rng.integers(0, 3, n) / 2.0 if levels[2] else unit[:, 2]
    return MetricModel(
        metric="f", encoder=Encoder(levels), kernel=kernel, lengthscales=(0.4, 0.9, 0.6),
        transform=MetricTransform(), unit=unit, z=np.sin(5 * unit[:, 0]) + unit[:, 1] + unit[:, 2],
        noise=np.full(n, 1e-4), noise_level=1e-4, trials=tuple(range(n)),
    )  # fmt: skip


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_grown_model_is_the_one_factorized_at_once(kernel):
    known, points = model(kernel), model(n=5, seed=1).unit
    grown = known.with_points(points, np.arange(5.0))
    grown = grown.with_points(points[:1] + 1e-7, np.zeros(1))
    whole = replace(grown)
    assert "whitener" in vars(grown)
    assert "whitener" not in vars(whole)
    for ours, other in zip(grown.posterior(points), whole.posterior(points), strict=True):
        np.testing.assert_allclose(ours, other, atol=1e-8)
    np.testing.assert_allclose(whole.whitener @ whole.chol, np.eye(len(whole.z)), atol=1e-9)


def test_believing_a_prediction_changes_no_prediction_and_takes_variance():
    known, points = model(), model(n=6, seed=2).unit
    grown = known.with_points(points[:3], known.posterior(points[:3])[0])
    for before, after in zip(known.posterior(points)[:1], grown.posterior(points)[:1], strict=True):
        np.testing.assert_allclose(after, before, atol=1e-7)
    assert (grown.posterior(points)[1][:3] < 0.6 * known.posterior(points)[1][:3] + 0.01).all()


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("levels", [(0, 0, 0), (0, 0, 3)], ids=["numbers", "choices"])
def test_moments_and_their_slopes_are_those_of_botorch(kernel, levels):
    import torch
    from botorch.acquisition.objective import ScalarizedPosteriorTransform

    from designloop.learning.moments import MomentModel
    from designloop.learning.posterior import botorch_of

    both = [model(kernel, levels=levels), model(kernel, levels=levels, seed=3)]
    points = torch.as_tensor(model(n=7, levels=levels, seed=4).unit)[:, None].requires_grad_()
    weights = ScalarizedPosteriorTransform(torch.tensor([-1.0, 0.5], dtype=torch.double), offset=2.0)
    for transform in (None, weights):
        found = []
        for made in (MomentModel(both), botorch_of(both)):
            posterior = made.posterior(points, posterior_transform=transform)
            total = posterior.mean.sum() + posterior.variance.sqrt().sum()
            (slope,) = torch.autograd.grad(total, points)
            found.append([v.detach().numpy() for v in (posterior.mean, posterior.variance, slope)])
        for ours, other in zip(*found, strict=True):
            assert ours.shape == other.shape
            np.testing.assert_allclose(ours, other, atol=1e-7)


def test_at_a_trial_the_slope_is_finite():
    import torch

    from designloop.learning.moments import MomentModel

    known = model(levels=(0, 0, 0))
    points = torch.as_tensor(known.unit[:4])[:, None].requires_grad_()
    posterior = MomentModel([known]).posterior(points)
    (slope,) = torch.autograd.grad(posterior.mean.sum() + posterior.variance.sqrt().sum(), points)
    assert torch.isfinite(slope).all()
