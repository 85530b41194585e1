"""Committees of every kind: subsets, repeatability, predictions, noise, refusals."""

from dataclasses import replace

import numpy as np
import pytest

from designloop.learning.committees import CommitteeSpec, Labels, fit_committee
from designloop.learning.committees.base import left_over, out_of_bag, subset_rows
from designloop.learning.disagreement import disagreement
from designloop.learning.features import Encoder

KINDS = ["networks", "forest", "gp", "mixed", "sklearn.svm:SVR"]
NUMERIC = Encoder((0, 0))


def response(unit):
    """Two smooth outputs (k, 2)."""
    return np.stack([np.sin(4 * unit[:, 0]) + unit[:, 1], 2 * unit[:, 0] * unit[:, 1]], axis=1)


def labels_of(n, *, seed=0, noise=0.0):
    rng = np.random.default_rng(seed)
    unit = rng.random((n, 2))
    z = response(unit)
    z = (z - z.mean(0)) / z.std(0, ddof=1)
    return Labels(unit=unit, z=z + noise * rng.standard_normal(z.shape))


def fitted(kind, labels, *, seed=1, encoder=NUMERIC, **settings):
    return fit_committee(CommitteeSpec(kind=kind, **settings), labels, encoder=encoder, seed=seed)


@pytest.mark.parametrize("kind", KINDS)
def test_every_member_predicts_every_output(kind):
    committee = fitted(kind, labels_of(12))
    assert committee.predict(np.random.default_rng(0).random((7, 2))).shape == (5, 7, 2)


@pytest.mark.parametrize("kind", KINDS)
def test_equal_seeds_give_equal_members_bit_for_bit(kind):
    labels, unit = labels_of(12), np.random.default_rng(0).random((9, 2))
    first, again, other = (fitted(kind, labels, seed=s, members=3).predict(unit) for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("kind", KINDS)
def test_the_mean_of_the_members_follows_the_labels(kind):
    labels = labels_of(80)
    mean = fitted(kind, labels, members=3).predict(labels.unit).mean(0)
    assert ((mean - labels.z) ** 2).mean() < 0.05  # of a variance of one


@pytest.mark.parametrize("kind", KINDS)
def test_a_single_output_needs_no_care(kind):
    labels = labels_of(20)
    committee = fitted(kind, Labels(unit=labels.unit, z=labels.z[:, :1]))
    assert committee.predict(labels.unit).shape == (5, 20, 1)
    assert committee.aleatoric.shape == (1,)


@pytest.mark.parametrize("kind", KINDS)
def test_an_output_without_spread_is_no_trouble(kind):
    labels = labels_of(20)
    committee = fitted(kind, replace(labels, z=labels.z * [1.0, 0.0]))
    np.testing.assert_allclose(committee.predict(labels.unit)[..., 1], 0.0, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [2, 3])
def test_two_labels_make_a_committee(kind, n):
    committee = fitted(kind, labels_of(n))
    assert np.isfinite(committee.predict(np.random.default_rng(0).random((5, 2)))).all()
    assert np.isfinite(committee.aleatoric).all()


def test_one_label_makes_none():
    with pytest.raises(ValueError, match="two labels or more, not 1"):
        fitted("networks", Labels(unit=np.zeros((1, 2)), z=np.zeros((1, 1))))


def test_each_member_sees_its_own_four_fifths():
    rows = subset_rows(100, CommitteeSpec(), np.random.default_rng(0))
    assert rows.sum(1).tolist() == [80] * 5
    assert len({row.tobytes() for row in rows}) == 5


def test_networks_disagree_more_where_there_are_no_labels():
    labels = labels_of(60)
    inside = Labels(unit=labels.unit * 0.5, z=labels.z)
    committee = fitted("networks", inside)
    near, far = (disagreement(committee.predict(u)).mean() for u in (inside.unit, 1 - 0.2 * labels.unit))
    assert far > 3 * near


def test_unordered_choices_are_seen_as_such():
    """Three levels of which the middle one stands out: no straight line through i / 2 can say so."""
    unit = np.repeat([[0.0], [0.5], [1.0]], 8, axis=0)
    labels = Labels(unit=unit, z=np.where(unit == 0.5, 1.0, -0.5))
    mean = fitted("networks", labels, encoder=Encoder((3,)), hidden=(2,)).predict(unit).mean(0)
    np.testing.assert_allclose(mean, labels.z, atol=0.05)


def test_known_noise_is_the_aleatoric_part():
    labels = labels_of(30)
    known = replace(labels, noise=np.full(labels.z.shape, 0.04) * [1.0, np.nan])
    found = fitted("networks", known).aleatoric
    assert found[0] == pytest.approx(0.04)
    assert found[1] != pytest.approx(0.04)


@pytest.mark.parametrize("kind", ["networks", "gp"])
def test_unknown_noise_is_found_within_a_factor_of_two(kind):
    found = fitted(kind, labels_of(250, noise=0.3), cap=80, hidden=(5, 5)).aleatoric
    assert (found > 0.5 * 0.09).all()
    assert (found < 2.0 * 0.09).all()


def test_what_errors_leave_over_is_worked_out_by_hand():
    predictions = np.array([[[0.0], [1.0]], [[4.0], [1.0]]])
    rows = np.array([[False, True], [True, True]])
    np.testing.assert_array_equal(out_of_bag(predictions, rows), [[0.0], [np.nan]])
    assert left_over(predictions, np.array([[5.0], [1.0]]), rows) == pytest.approx([25.0 - 8.0])


def test_a_forest_of_many_trees_is_a_committee_of_as_many():
    assert fitted("forest", labels_of(20), members=30).predict(np.zeros((1, 2))).shape == (30, 1, 2)


def test_a_mixed_committee_shares_its_members_out():
    committee = fitted("mixed", labels_of(20))
    assert {kind: len(part.rows) for kind, part in committee.members.parts.items()} == {
        "gp": 2, "networks": 2, "forest": 1,
    }  # fmt: skip
    assert committee.rows.shape == (5, 20)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("sklearn.cluster:KMeans", "is no scikit-learn regressor"),
        ("sklearn.svm:SVC", "is no scikit-learn regressor"),
        ("json:dumps", "cannot be made"),
        ("nowhere.at_all:Regressor", "cannot be made"),
        ("sklearn.linear_model:Nothing", "cannot be made"),
    ],
)
def test_what_is_no_regressor_is_refused(path, message):
    with pytest.raises(ValueError, match=f"{message}.*such as sklearn.ensemble:RandomForestRegressor"):
        fitted(path, labels_of(10))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kind": "neural"}, "'neural' is no kind of committee; write gp, networks"),
        ({"members": 1}, "a committee of 1 cannot disagree"),
        ({"subset": 0.0}, "share of the labels up to 1, not 0"),
        ({"subset": 1.2}, "share of the labels up to 1, not 1.2"),
        ({"hidden": ()}, "a neuron or more"),
        ({"hidden": (5, 0)}, "a neuron or more"),
        ({"alpha": -1.0}, "alpha must be 0 or positive"),
        ({"alpha": float("nan")}, "alpha must be 0 or positive"),
        ({"iterations": 0}, "iterations must be 1 or more"),
        ({"kernel": "linear"}, "'linear' is no kernel"),
        ({"cap": 1}, "2 labels or more"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        CommitteeSpec(**settings)


def test_settings_survive_json():
    import json

    spec = CommitteeSpec(kind="networks", hidden=(24, 6), alpha=0.1, early_stopping=True)
    assert CommitteeSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"z": np.zeros((3, 1))}, "of the same n"),
        ({"z": np.array([[0.0], [np.nan]])}, "not finite"),
        ({"noise": np.zeros((2, 2))}, "shape of the outputs"),
    ],
)
def test_ill_formed_labels_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        Labels(**{"unit": np.zeros((2, 2)), "z": np.zeros((2, 1)), **fields})
