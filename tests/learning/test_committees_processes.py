"""Committees of Gaussian processes: subsets, kept hyper-parameters, warm starts."""

import numpy as np
import pytest

from designloop.learning.committees import CommitteeSpec, Labels, fit_committee
from designloop.learning.committees.processes import Processes
from designloop.learning.features import Encoder

STATE = [[{"lengthscales": [0.4 + 0.1 * i, 0.8], "noise": 1e-4, "variance": 1.0}] for i in range(3)]


def labels_of(n=20):
    unit = np.random.default_rng(0).random((n, 2))
    return Labels(unit=unit, z=np.sin(5 * unit[:, :1]) + unit[:, 1:])


def fitted(labels, **settings):
    given = {k: settings.pop(k) for k in ("state", "refit") if k in settings}
    spec = CommitteeSpec(kind="gp", members=3, **settings)
    return fit_committee(spec, labels, encoder=Encoder((0, 0)), seed=0, **given)


def processes(committee):
    assert isinstance(committee.members, Processes)
    return committee.members


def test_kept_hyper_parameters_are_kept():
    assert fitted(labels_of(), state=STATE).state == STATE


def test_each_member_is_the_posterior_of_its_own_subset():
    labels = labels_of()
    committee = fitted(labels, state=STATE)
    unit = np.random.default_rng(1).random((6, 2))
    for member, (model,), rows in zip(
        committee.predict(unit), processes(committee).models, committee.rows, strict=True
    ):
        np.testing.assert_array_equal(model.unit, labels.unit[rows])
        np.testing.assert_allclose(member[:, 0], model.posterior(unit)[0], rtol=1e-12)


def test_a_member_sees_no_more_labels_than_the_cap():
    committee = fitted(labels_of(40), state=STATE, cap=10)
    assert committee.rows.sum(1).tolist() == [10] * 3


def test_a_state_of_another_shape_counts_for_nothing():
    found = fitted(labels_of(), state=STATE[:2]).state
    assert np.shape(found) == (3, 1)
    assert found == fitted(labels_of()).state


def test_a_refit_starts_from_the_state_and_ends_at_the_optimum():
    fresh = fitted(labels_of()).state
    warm = fitted(labels_of(), state=fresh, refit=True).state
    for before, after in zip(fresh, warm, strict=True):
        assert after[0]["lengthscales"] == pytest.approx(before[0]["lengthscales"], rel=0.2)
    moved = fitted(labels_of(), state=STATE, refit=True).state
    assert moved != STATE


def test_known_noise_is_believed():
    labels = labels_of()
    noisy = Labels(unit=labels.unit, z=labels.z, noise=np.full(labels.z.shape, 0.25))
    exact, blurred = (fitted(each, state=STATE).predict(labels.unit)[0] for each in (labels, noisy))
    assert ((exact - labels.z) ** 2).mean() < 0.1 * ((blurred - labels.z) ** 2).mean()


def test_members_can_differ_by_kernel_on_all_labels():
    committee = fitted(labels_of(), kernel="various", subset=1.0)
    assert [m.kernel for (m,) in processes(committee).models] == ["matern52", "rbf", "matern32"]
    assert committee.rows.all()
    assert (committee.predict(np.random.default_rng(1).random((9, 2))).std(0) > 0).all()
