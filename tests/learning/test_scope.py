"""Classifiers of designs out of scope: sign, published scores, growth with the data."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import IsolationForest

from designloop.learning.features import Encoder
from designloop.learning.scope import KINDS, fit_scope

PLANE = Encoder((0, 0))
RNG = np.random.default_rng(3)
BLOB = 0.75 + 0.06 * RNG.standard_normal((14, 2))
ELSEWHERE = np.array([p for p in RNG.random((60, 2)) if np.abs(p - 0.75).max() > 0.22])
ALONE = [k for k in KINDS if k != "auto"]


def scope(kind, outside=BLOB, inside=ELSEWHERE, seed=7, encoder=PLANE):
    return fit_scope(kind, outside=outside, inside=inside, encoder=encoder, seed=seed)


def c(n):
    """Mean path length of an unsuccessful search in a binary tree of n: Liu, Ting, Zhou 2008, equation 1."""
    if n <= 2:
        return float(n == 2)
    return 2.0 * (math.log(n - 1) + 0.5772156649015329) - 2.0 * (n - 1) / n


def anomaly(forest, drawn, point):
    """Anomaly score 2^(-E h / c(n)) of Liu, Ting, Zhou 2008, walking each tree of the forest."""
    lengths = []
    for estimator in forest.estimators_:
        tree, node, depth = estimator.tree_, 0, 0
        while tree.children_left[node] >= 0:
            left = np.float32(point[tree.feature[node]]) <= tree.threshold[node]
            node = (tree.children_left if left else tree.children_right)[node]
            depth += 1
        lengths.append(depth + c(int(tree.n_node_samples[node])))
    return 2.0 ** (-np.mean(lengths) / c(drawn))


@pytest.mark.parametrize("point", [(0.75, 0.75), (0.7, 0.8), (0.2, 0.1), (0.6, 0.75)])
def test_rho_of_the_forest_is_a_half_less_the_published_anomaly_score(point):
    outside = BLOB[:8]
    forest = IsolationForest(random_state=11).fit(outside)
    found = scope("isolation_forest", outside=outside, seed=11).rho(np.array([point]))
    assert found[0] == pytest.approx(0.5 - anomaly(forest, len(outside), point), abs=1e-9)


@pytest.mark.parametrize("kind", ALONE)
def test_rho_is_positive_inside_the_cloud_of_bad_designs_and_not_far_away(kind):
    found = scope(kind)
    assert found.rho(BLOB.mean(0)[None])[0] > 0
    assert (found.rho(np.array([[0.05, 0.1], [0.9, 0.05], [0.1, 0.9]])) <= 0).all()


@pytest.mark.parametrize("kind", ALONE)
@settings(max_examples=25, deadline=None)
@given(x=st.floats(0, 1), y=st.floats(0, 1))
def test_rho_stays_within_a_half(kind, x, y):
    (value,) = FITTED[kind].rho(np.array([[x, y]]))
    assert -0.5 <= value <= 0.5


FITTED = {kind: scope(kind) for kind in ALONE}


def test_two_classes_learn_a_half_plane():
    points = np.random.default_rng(4).random((50, 2))
    bad = points @ [1.0, 0.5] > 0.9
    found = scope("two_class", outside=points[bad], inside=points[~bad])
    fresh = np.random.default_rng(5).random((2000, 2))
    wrong = (found.rho(fresh) > 0) != (fresh @ [1.0, 0.5] > 0.9)
    assert wrong.mean() < 0.06


def test_two_classes_use_the_designs_within_the_scope_and_the_forest_does_not():
    near = np.vstack([ELSEWHERE, [[0.75, 0.6], [0.72, 0.58], [0.78, 0.59], [0.7, 0.6]]])
    place = np.array([[0.75, 0.59]])
    assert scope("two_class", inside=near).rho(place)[0] < scope("two_class").rho(place)[0]
    one, other = (scope("isolation_forest", inside=i).rho(place)[0] for i in (near, ELSEWHERE))
    assert one == other


@pytest.mark.parametrize(
    ("outside", "inside", "kind"),
    [(4, 30, None), (5, 4, "isolation_forest"), (5, 5, "two_class"), (14, 30, "two_class")],
)
def test_auto_grows_with_the_data(outside, inside, kind):
    found = scope("auto", outside=BLOB[:outside], inside=ELSEWHERE[:inside])
    assert (found and found.kind) == kind


def test_two_classes_wait_until_both_are_rich():
    assert scope("two_class", inside=ELSEWHERE[:4]) is None


def test_designs_that_are_all_the_same_are_learned_all_the_same():
    same = np.full((6, 2), 0.5)
    for kind in ALONE:
        assert np.isfinite(scope(kind, outside=same).rho(np.array([[0.5, 0.5], [0.0, 1.0]]))).all()


def test_an_unordered_choice_is_no_number():
    bad = np.column_stack([np.linspace(0.1, 0.9, 9), np.full(9, 0.5)])
    good = np.column_stack([np.tile(np.linspace(0.1, 0.9, 9), 2), np.repeat([0.0, 1.0], 9)])
    found = scope("two_class", outside=bad, inside=good, encoder=Encoder((0, 3)))
    assert found.rho(np.array([[0.5, 0.5]]))[0] > 0
    assert (found.rho(np.array([[0.5, 0.0], [0.5, 1.0]])) < 0).all()


@pytest.mark.parametrize("kind", ALONE)
def test_equal_designs_and_seed_give_equal_bits(kind):
    points = np.random.default_rng(6).random((40, 2))
    assert (scope(kind).rho(points) == scope(kind).rho(points)).all()


def test_the_description_is_json():
    content = json.loads(json.dumps(scope("auto").to_json()))
    assert content == {"kind": "two_class", "outside": 14, "inside": len(ELSEWHERE), "seed": 7}


def test_no_places_have_no_rho():
    assert scope("auto").rho(np.empty((0, 2))).shape == (0,)


def test_an_unknown_kind_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match="'forest' is unknown. Write one of auto, isolation_forest"):
        scope("forest")
