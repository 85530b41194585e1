"""A smooth network on the smooth response of the magnetometer."""

from __future__ import annotations

import numpy as np
import pytest

from designloop.learning.metrics import rmse
from designloop.learning.networks.training import Fold, Recipe, train
from designloop_oracles.magnetometer import published_amplitude
from designloop_oracles.surrogates._spaces import SPACES
from designloop_oracles.surrogates.networks import build, weights


def dies(count: int, seed: int) -> Fold:
    rng = np.random.default_rng(seed)
    x = np.stack([rng.normal(149.5, 1.3, count), np.clip(rng.normal(0, 0.05, count), -0.2, 0.2)], axis=1)
    return Fold(x=x, y=published_amplitude(x[:, 0], x[:, 1])[:, None])


def test_it_has_151_weights_by_default() -> None:
    assert weights(build("smooth_net")) == 151


@pytest.mark.parametrize("seed", [0, 1])
def test_its_squared_error_is_below_a_ten_billionth_of_a_square_nanometre(seed: int) -> None:
    space = SPACES["smooth_net"]
    recipe = Recipe(**{**space.recipe, "epochs": 40})
    ensemble = train(
        lambda: build("smooth_net"), dies(700, 0), dies(150, 1), recipe=recipe, members=1, seed=seed
    )  # fmt: skip
    unseen = dies(1000, 2)
    assert rmse(unseen.y, ensemble.predict(unseen.x)[0]) ** 2 < 1e-10
