"""Ensembles trained at once: what is learned, when members end, that nothing depends on how they are run."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from designloop.learning.networks import stack
from designloop.learning.networks.training import Ensemble, Fold, Recipe, train

QUICK = Recipe(optimizer="adam", learning_rate=1e-2, batch=32, epochs=6)


def rows(n, seed):
    """Two metrics of very different scale, one linear and one not, of inputs far from 0."""
    x = np.random.default_rng(seed).normal([100.0, 0.0, -3.0], [5.0, 0.1, 1.0], size=(n, 3))
    z = (x - [100.0, 0.0, -3.0]) / [5.0, 0.1, 1.0]
    return Fold(x=x, y=np.stack([1e6 + 1e3 * z[:, 0], 1e-3 * np.sin(z[:, 1]) * z[:, 2]], axis=1))


DATA, HELD = rows(256, 1), rows(128, 2)


def network():
    return nn.Sequential(nn.Linear(3, 24), nn.SiLU(), nn.Linear(24, 2))


def images():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Dropout(0.1), nn.Linear(4 * 36, 1)
    )


def pictures(n, seed):
    x = np.random.default_rng(seed).normal(size=(n, 1, 8, 8)).astype(np.float32)
    return Fold(x=x, y=x.std(axis=(1, 2, 3)))


def same(one, other):
    return all(torch.equal(one.states[name], other.states[name]) for name in one.states)


def test_every_member_learns_metrics_of_any_scale():
    recipe = Recipe(optimizer="adam", learning_rate=2e-2, batch=32, epochs=60, schedule="cosine")
    found = train(network, DATA, HELD, recipe=recipe, members=3, seed=1).predict(HELD.x)
    error = np.sqrt(((found - HELD.y) ** 2).mean(axis=1)) / HELD.y.std(axis=0)
    assert found.shape == (3, 128, 2)
    assert (error < 0.15).all()


def test_lbfgs_reaches_what_first_order_methods_do_not():
    steps = {"adam": Recipe(learning_rate=1e-2, epochs=20, dtype="float64")}
    steps["lbfgs"] = Recipe(optimizer="lbfgs", learning_rate=1.0, epochs=6, dtype="float64")
    best = {
        name: train(network, DATA, DATA, recipe=r, members=1, seed=1).best_loss for name, r in steps.items()
    }
    assert best["lbfgs"] < 1e-3
    assert best["lbfgs"] < 0.2 * best["adam"]


def test_lbfgs_still_learns_curvature_where_the_loss_is_tiny():
    x = np.linspace(-2, 2, 60)[:, None]
    fold = Fold(x=x, y=np.tanh(2 * x) + x**2 / 2)
    recipe = Recipe(optimizer="lbfgs", learning_rate=1.0, epochs=32, dtype="float64")

    def small():
        return nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1))

    losses = train(small, fold, fold, recipe=recipe, members=1, seed=1).history["validation"][:, 0]
    assert losses[19] < 1e-6
    assert losses[31] < 0.5 * losses[19]


def test_members_begin_and_end_differently():
    found = train(network, DATA, HELD, recipe=QUICK, members=3, seed=1)
    assert len({tuple(weights.flatten().tolist()) for weights in found.states["0.weight"]}) == 3


def test_the_same_call_gives_the_same_bits_and_another_seed_does_not():
    first, again = (train(images, *[pictures(40, 1)] * 2, recipe=QUICK, members=2, seed=3) for _ in range(2))
    assert same(first, again)
    assert not same(first, train(images, *[pictures(40, 1)] * 2, recipe=QUICK, members=2, seed=4))


def test_the_global_generator_is_neither_used_nor_moved():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    first = train(images, *[pictures(40, 1)] * 2, recipe=QUICK, members=1, seed=3)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(1)
    assert same(first, train(images, *[pictures(40, 1)] * 2, recipe=QUICK, members=1, seed=3))


def test_members_together_and_in_turn_learn_the_same(monkeypatch):
    def plain():
        return nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, 2))

    recipe = Recipe(learning_rate=1e-2, epochs=4, dtype="float64")
    together = train(plain, DATA, HELD, recipe=recipe, members=3, seed=1)
    monkeypatch.setattr(stack, "TOGETHER", 0)
    in_turn = train(plain, DATA, HELD, recipe=recipe, members=3, seed=1)
    np.testing.assert_allclose(together.history["validation"], in_turn.history["validation"], rtol=1e-9)
    np.testing.assert_allclose(together.states["1.running_var"], in_turn.states["1.running_var"], rtol=1e-9)


def test_a_member_learns_the_same_whatever_the_others_do():
    recipe = Recipe(learning_rate=3e-2, epochs=30, patience=3, dtype="float64")
    four = train(network, DATA, HELD, recipe=recipe, members=4, seed=1)
    alone = train(network, DATA, HELD, recipe=recipe, members=1, seed=1)
    assert len(set(four.best_epoch.tolist())) > 1
    np.testing.assert_allclose(four.predict(HELD.x)[0], alone.predict(HELD.x)[0], rtol=1e-9)


def test_each_member_ends_by_its_own_patience_and_keeps_its_best():
    recipe = Recipe(learning_rate=3e-2, epochs=60, patience=4)
    found = train(network, DATA, HELD, recipe=recipe, members=4, seed=1)
    losses = found.history["validation"]
    for k in range(4):
        mine = losses[~np.isnan(losses[:, k]), k]
        assert found.best_epoch[k] == np.argmin(mine) + 1
        assert found.best_loss[k] == mine.min()
        assert len(mine) == min(60, found.best_epoch[k] + 4)
    assert len(set(np.isnan(losses).sum(axis=0))) > 1
    z = (found.predict(HELD.x) - HELD.y) / found.scaling.y_sd
    np.testing.assert_allclose((z**2).mean(axis=(1, 2)), found.best_loss, rtol=1e-4)


def test_plateau_lowers_the_rate_of_the_member_that_waits():
    recipe = Recipe(learning_rate=3e-2, epochs=40, schedule="plateau", decay_patience=3)
    history = train(network, DATA, HELD, recipe=recipe, members=2, seed=1).history
    for losses, rates in zip(history["validation"].T, history["learning_rate"].T, strict=True):
        best, waited, rate = np.inf, 0, 3e-2
        for loss, used in zip(losses, rates, strict=True):
            assert used == pytest.approx(rate)
            best, waited = (loss, 0) if loss < best else (best, waited + 1)
            if waited == 3:
                rate, waited = 0.1 * rate, 0
    assert not np.array_equal(*history["learning_rate"].T)


def test_cosine_goes_from_the_rate_to_nearly_nothing():
    recipe = Recipe(learning_rate=1e-2, epochs=10, schedule="cosine")
    rates = train(network, DATA, HELD, recipe=recipe, members=1, seed=1).history["learning_rate"][:, 0]
    np.testing.assert_allclose(rates, 0.005 * (1 + np.cos(np.pi * np.arange(10) / 10)), rtol=1e-12)


def test_weight_decay_makes_weights_small():
    sizes = []
    for decay in (0.0, 0.5):
        recipe = Recipe(epochs=10, learning_rate=1e-2, weight_decay=decay, optimizer="adamw")
        sizes.append(
            float(train(network, DATA, HELD, recipe=recipe, members=1, seed=1).states["0.weight"].norm())
        )
    assert sizes[1] < 0.9 * sizes[0]


def test_bootstrapped_members_see_other_rows_each_epoch_the_same():
    seen = []

    def note(x, y, draws):
        seen.append(x[:, 0].clone())
        return x, y

    recipe = Recipe(epochs=2, batch=256, bootstrap=True)
    train(network, DATA, HELD, recipe=recipe, members=2, seed=1, augment=note)
    first, second = ([set(part.tolist()) for part in epoch.split(256)] for epoch in seen)
    assert first == second
    assert first[0] != first[1]
    assert all(len(rows) == pytest.approx(256 * (1 - np.exp(-1)), abs=25) for rows in first)


def test_augmentation_sees_rows_in_their_own_units_and_its_draws_are_seeded():
    def mirrored(x, y, draws):
        assert 50 < float(x[:, 0].mean()) < 150
        assert 9e5 < float(y[:, 0].mean()) < 1.1e6
        return torch.where(torch.rand(len(x), 1, generator=draws) < 0.5, x, x.flip(1)), y

    first, again = (
        train(network, DATA, HELD, recipe=QUICK, members=2, seed=1, augment=mirrored) for _ in range(2)
    )
    assert same(first, again)
    assert not same(first, train(network, DATA, HELD, recipe=QUICK, members=2, seed=1))


def test_transfer_starts_from_learned_weights_and_scale_and_leaves_frozen_ones():
    source = train(network, DATA, HELD, recipe=QUICK, members=2, seed=1)
    few = Fold(x=DATA.x[:20] + 1.0, y=2 * DATA.y[:20])
    recipe = Recipe(epochs=3, frozen=("0.",))
    tuned = train(network, few, HELD, recipe=recipe, members=2, seed=5, start=source)
    assert torch.equal(tuned.states["0.weight"], source.states["0.weight"])
    assert not torch.equal(tuned.states["2.weight"], source.states["2.weight"])
    np.testing.assert_array_equal(tuned.scaling.y_mean, source.scaling.y_mean)


def test_a_part_of_the_weights_may_be_given_and_the_rest_is_drawn():
    given = {"0.weight": torch.full((24, 3), 0.5)}
    recipe = Recipe(epochs=1, frozen=("0.weight",))
    found = train(network, DATA, HELD, recipe=recipe, members=2, seed=1, start=[given])
    assert (found.states["0.weight"] == 0.5).all()
    assert not torch.equal(*found.states["2.weight"])


def test_an_ensemble_comes_back_from_its_arrays():
    found = train(images, pictures(40, 1), pictures(20, 2), recipe=QUICK, members=2, seed=1)
    back = Ensemble.from_arrays(images, found.arrays)
    x = pictures(10, 3).x
    np.testing.assert_array_equal(back.predict(x), found.predict(x))
    assert all(values.dtype == np.float64 for values in found.arrays.values())


def test_epistemic_spread_is_that_of_the_members_and_grows_away_from_the_rows():
    found = train(network, DATA, HELD, recipe=QUICK, members=4, seed=1)
    near, far = found.spread(HELD.x), found.spread(HELD.x + np.array([100.0, 2.0, 20.0]))
    np.testing.assert_allclose(near.epistemic, found.predict(HELD.x).std(axis=0, ddof=1))
    np.testing.assert_allclose(near.mean, found.predict(HELD.x).mean(axis=0))
    assert (near.aleatoric == 0).all()
    assert (far.epistemic.mean(axis=0) > 5 * near.epistemic.mean(axis=0)).all()


def test_watch_is_told_every_epoch():
    told = []
    found = train(
        network, DATA, HELD, recipe=QUICK, members=2, seed=1, watch=lambda *given: told.append(given)
    )
    assert [epoch for epoch, *_ in told] == list(range(1, 7))
    np.testing.assert_array_equal([losses for _, losses, *_ in told], found.history["validation"])
    np.testing.assert_array_equal(told[-1][2], found.best_loss)
    assert all(later[3] >= sooner[3] for sooner, later in pairwise(told))


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"optimizer": "sgd"}, "optimizer of a recipe must be one of adam, adamax, adamw, lbfgs, not 'sgd'"),
        ({"epochs": 0}, "epochs of a recipe must be positive, not 0"),
        ({"patience": 0}, "patience must be at least one epoch"),
        ({"optimizer": "lbfgs", "schedule": "cosine"}, "L-BFGS chooses its steps itself"),
    ],
    ids=["optimizer", "epochs", "patience", "lbfgs"],
)
def test_recipes_that_cannot_be_followed_are_refused(settings, sentence):
    with pytest.raises(ValueError, match=sentence):
        Recipe(**settings)


def test_calls_that_cannot_work_are_refused_in_a_sentence():
    with pytest.raises(ValueError, match=r"same rows, not \(2, 3\) and \(3, 1\)"):
        Fold(x=np.zeros((2, 3)), y=np.zeros(3))
    with pytest.raises(ValueError, match="finite numbers only"):
        Fold(x=np.full((2, 3), np.nan), y=np.zeros(2))
    with pytest.raises(ValueError, match="at least one member, not 0"):
        train(network, DATA, HELD, recipe=QUICK, members=0, seed=1)
    with pytest.raises(ValueError, match="every parameter of the network is frozen"):
        train(network, DATA, HELD, recipe=Recipe(frozen=("0.", "2.")), members=1, seed=1)
    with pytest.raises(
        ValueError, match=r"'2.bias' of the weights to start from is \(1,\), of the network \(2,\)"
    ):
        train(network, DATA, HELD, recipe=QUICK, members=1, seed=1, start=[{"2.bias": torch.zeros(1)}])
    with pytest.raises(ValueError, match="name 'head.bias', which the network does not have"):
        train(network, DATA, HELD, recipe=QUICK, members=1, seed=1, start=[{"head.bias": torch.zeros(1)}])
    with pytest.raises(ValueError, match="nothing can be augmented"):
        recipe = Recipe(optimizer="lbfgs")
        train(network, DATA, HELD, recipe=recipe, members=1, seed=1, augment=lambda x, y, _: (x, y))


def test_a_training_that_diverges_says_what_to_change():
    recipe = Recipe(learning_rate=1e30, epochs=2, optimizer="adamax")
    with pytest.raises(ValueError, match="member 0 gave a finite loss: lower the learning rate"):
        train(network, DATA, HELD, recipe=recipe, members=1, seed=1)


def test_a_network_with_too_few_outputs_is_refused():
    with pytest.raises(ValueError, match=r"needs 4 outputs"):
        train(network, DATA, HELD, recipe=Recipe(loss="gaussian", epochs=1), members=1, seed=1)
