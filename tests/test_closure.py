"""The reached property space: hulls of known size, extremes and who reached them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.entries import done, run_of

from designloop.closure import closure, growth, hull, occupied

SQUARE = np.array([[0.0, 0.0], [2.0, 0.0], [2.0, 3.0], [0.0, 3.0], [1.0, 1.0]])


def test_the_hull_of_a_rectangle_has_its_area_and_its_corners() -> None:
    assert hull(SQUARE) == (pytest.approx(6.0), (0, 1, 2, 3))


def test_the_hull_of_one_metric_is_its_interval() -> None:
    assert hull(np.array([[3.0], [1.0], [7.0]])) == (6.0, (1, 2))


def test_the_hull_of_a_tetrahedron_is_its_volume() -> None:
    size, rows = hull(np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]))
    assert size == pytest.approx(1 / 6)
    assert rows == (0, 1, 2, 3)


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(np.empty((0, 2)), id="nothing"),
        pytest.param(SQUARE[:2], id="two points in a plane"),
        pytest.param(np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]]), id="a line"),
        pytest.param(np.array([[0.0, 1.0], [1.0, 1.0], [2.0, 1.0]]), id="one metric constant"),
        pytest.param(np.array([[0.0, 1.0], [np.nan, 1.0], [2.0, 3.0]]), id="not a number"),
    ],
)
def test_a_flat_cloud_has_no_hull(values: np.ndarray) -> None:
    assert hull(values) == (0.0, ())


@given(st.integers(3, 40), st.integers(0, 99))
def test_more_points_never_shrink_the_hull(count: int, seed: int) -> None:
    cloud = np.random.default_rng(seed).normal(size=(count + 5, 2)) * [1.0, 1e5]
    assert hull(cloud)[0] >= hull(cloud[:count])[0] * (1 - 1e-9)


def test_cells_count_the_share_of_the_box_that_is_held() -> None:
    grid = np.stack(np.meshgrid(np.linspace(0, 1, 10), np.linspace(5, 6, 10)), -1).reshape(-1, 2)
    assert occupied(grid) == 1.0
    assert occupied(grid[:1]) == 0.01


def test_closure_names_extremes_and_who_reached_them() -> None:
    run = run_of(*[done(i, noise=n, f=f) for i, (n, f) in enumerate([(1, 30), (4, 31), (2, 34)])])
    found = closure(run, ["noise", "f"])
    assert found.trials == 3
    assert found.size == pytest.approx(0.5 * abs((4 - 1) * (34 - 30) - (2 - 1) * (31 - 30)))
    least, most = found.extremes["noise"]
    assert (least.value, least.trial, most.value, most.trial) == (1, 0, 4, 1)
    assert most.by


def test_growth_compares_the_hull_with_that_before_the_last_trials() -> None:
    corners = [(0, 0), (2, 0), (0, 2), (4, 0), (0, 4)]
    run = run_of(*[done(i, noise=1.0 + a, f=30.0 + b) for i, (a, b) in enumerate(corners)])
    assert growth(run, ["noise", "f"], trials=2) == pytest.approx(3.0)
    assert growth(run, ["noise", "f"], trials=4) is None
