"""Heads and first-order steps against torch's own, closed forms and rows whose noise is known."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from designloop.learning.networks import heads
from designloop.learning.networks.dropout import sample
from designloop.learning.networks.optimizers import FirstOrder
from designloop.learning.networks.training import Fold, Recipe, train


@pytest.mark.parametrize("name", ["adam", "adamax", "adamw"])
def test_steps_of_members_are_those_of_torch_at_each_members_rate(name):
    optimizer = {"adam": torch.optim.Adam, "adamax": torch.optim.Adamax, "adamw": torch.optim.AdamW}[name]
    draws = torch.Generator().manual_seed(1)
    weights = torch.randn(2, 5, generator=draws, dtype=torch.float64)
    rates = torch.tensor([1e-1, 1e-3], dtype=torch.float64)
    rows = [row.clone().requires_grad_() for row in weights]
    theirs = [
        optimizer([row], lr=float(rate), weight_decay=0.1) for row, rate in zip(rows, rates, strict=True)
    ]
    ours = FirstOrder(Recipe(optimizer=name, weight_decay=0.1), weights)
    for _ in range(20):
        gradient = torch.randn(2, 5, generator=draws, dtype=torch.float64)
        ours.step(weights, gradient, rates)
        for row, slope, their in zip(rows, gradient, theirs, strict=True):
            row.grad = slope
            their.step()
    torch.testing.assert_close(weights, torch.stack(rows).detach(), rtol=1e-12, atol=1e-12)


def test_clipping_bounds_the_norm_of_each_members_gradient():
    weights = torch.zeros(2, 4, dtype=torch.float64)
    steps = FirstOrder(Recipe(clip=1.0), weights)
    steps.step(
        weights, torch.tensor([[3.0, 0, 4.0, 0], [0.3, 0, 0.4, 0]], dtype=torch.float64), torch.ones(2)
    )
    torch.testing.assert_close(
        steps.mean.norm(dim=1), torch.tensor([0.1, 0.05], dtype=torch.float64), rtol=1e-5, atol=0
    )


def test_gaussian_loss_is_the_negative_log_density():
    outputs = torch.tensor([[0.3, -1.0, 0.5, 2.0]], dtype=torch.float64)
    y = torch.tensor([[0.0, 1.0]], dtype=torch.float64)
    mean, variance = heads.normal(outputs, 2)
    expected = -torch.distributions.Normal(mean, variance.sqrt()).log_prob(y).mean()
    torch.testing.assert_close(heads.gaussian_loss(outputs, y), expected)


def test_beta_one_follows_the_squared_error():
    outputs = torch.tensor([[0.3, 4.0], [2.0, -3.0]], dtype=torch.float64, requires_grad=True)
    y = torch.tensor([[1.0], [1.0]], dtype=torch.float64)
    (slope,) = torch.autograd.grad(heads.gaussian_loss(outputs, y, beta=1.0), outputs)
    torch.testing.assert_close(slope[:, 0], (outputs.detach() - y)[:, 0] / 2)


def test_a_mixture_of_one_is_the_normal_head():
    outputs = torch.tensor([[0.7, 0.3, -1.0, 0.5, 2.0]], dtype=torch.float64)
    y = torch.tensor([[0.0, 1.0]], dtype=torch.float64)
    torch.testing.assert_close(heads.mixture_loss(outputs, y), heads.gaussian_loss(outputs[:, 1:], y))
    for mixed, single in zip(
        heads.moments("mixture", outputs, 2), heads.moments("gaussian", outputs[:, 1:], 2), strict=True
    ):
        torch.testing.assert_close(mixed, single)


def test_moments_of_a_mixture_are_those_of_its_samples():
    outputs = torch.tensor([[0.2, 1.1, -0.5, -2.0, 0.0, 3.0, 0.3, -1.0, 0.8]], dtype=torch.float64)
    weights, means, variances = heads.mixture(outputs, 1)
    rng = np.random.default_rng(1)
    which = rng.choice(3, size=400_000, p=weights.exp()[0].numpy())
    drawn = rng.normal(means[0, which, 0], variances[0, which, 0].sqrt())
    mean, variance = heads.moments("mixture", outputs, 1)
    assert float(mean) == pytest.approx(drawn.mean(), abs=4 * drawn.std() / math.sqrt(400_000))
    assert float(variance) == pytest.approx(drawn.var(), rel=0.01)


@pytest.mark.parametrize(("loss", "outputs"), [("gaussian", 2), ("mixture", 6)])
def test_noise_that_depends_on_the_input_is_learned(loss, outputs):
    rng = np.random.default_rng(1)
    x = rng.uniform(-1, 1, size=(1500, 1))
    y = 5 + 3 * x[:, 0] + rng.normal(size=1500) * np.where(x[:, 0] < 0, 0.2, 1.0)
    recipe = Recipe(learning_rate=1e-2, epochs=25, batch=50, loss=loss, schedule="cosine")

    def network():
        return nn.Sequential(nn.Linear(1, 16), nn.Tanh(), nn.Linear(16, outputs))

    found = train(
        network, Fold(x=x[:1200], y=y[:1200]), Fold(x=x[1200:], y=y[1200:]), recipe=recipe, members=2, seed=1
    )
    spread = found.spread(np.array([[-0.6], [0.6]]))
    np.testing.assert_allclose(spread.aleatoric[:, 0], [0.2, 1.0], rtol=0.2)
    np.testing.assert_allclose(spread.mean[:, 0], [3.2, 6.8], atol=0.2)
    assert (spread.epistemic < spread.aleatoric).all()


def dropping(share):
    return lambda: nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Dropout(share), nn.Linear(64, 1))


def test_dropout_passes_are_seeded_and_centred_on_the_prediction():
    x = np.random.default_rng(1).normal(size=(60, 2))
    fold = Fold(x=x, y=x.sum(axis=1))
    found = train(dropping(0.2), fold, fold, recipe=Recipe(epochs=10, learning_rate=1e-2), members=2, seed=1)
    mean, variance = sample(found, x, samples=200, seed=3)
    assert mean.shape == variance.shape == (400, 60, 1)
    np.testing.assert_array_equal(mean, sample(found, x, samples=200, seed=3)[0])
    assert not np.array_equal(mean, sample(found, x, samples=200, seed=4)[0])
    error = mean.reshape(2, 200, 60).mean(axis=1) - found.predict(x)[..., 0]
    scatter = mean.reshape(2, 200, 60).std(axis=1) / math.sqrt(200)
    assert (scatter > 0).all()
    assert (np.abs(error) < 5 * scatter).all()


def test_a_network_without_dropout_has_no_passes():
    x = np.random.default_rng(1).normal(size=(10, 2))
    fold = Fold(x=x, y=x.sum(axis=1))
    found = train(dropping(0.0), fold, fold, recipe=Recipe(epochs=1), members=1, seed=1)
    with pytest.raises(ValueError, match="no dropout layer"):
        sample(found, x, samples=2, seed=1)
