"""Maximization without gradients: known maxima, input constraints, grids, and what was tried."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategy_problems import GRID, MIXED, PLANE, Inside

from designloop.space import FloatParameter, IntParameter, Space
from designloop.strategies import StrategyExhausted
from designloop.strategies.pool_search import differential_evolution, maximize
from designloop.strategies.search import Search

NONE = np.empty((0, 2))
SEARCHES = [maximize, differential_evolution]


def searched(find, values, search, *, seed=1):
    extra = {"anchors": np.empty((0, len(search.space.parameters)))} if find is maximize else {}
    return find(values, search, seed=seed, **extra)


def bowl(center):
    return lambda unit: -((unit - np.asarray(center)) ** 2).sum(-1)


@pytest.mark.parametrize("find", SEARCHES)
@settings(max_examples=10, deadline=None)
@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_a_smooth_maximum_is_found(find, x, y):
    unit, value = searched(find, bowl([x, y]), Search.of(PLANE, [], []))
    assert np.abs(unit - [x, y]).max() < 2e-3
    assert value == pytest.approx(bowl([x, y])(unit[None])[0])


@pytest.mark.parametrize("find", SEARCHES)
def test_the_highest_of_many_maxima_is_found(find):
    def waves(unit):
        return np.cos(20 * unit).sum(-1) - 3 * ((unit - 0.62) ** 2).sum(-1)

    grid = np.stack(np.meshgrid(*[np.linspace(0, 1, 401)] * 2), -1).reshape(-1, 2)
    _, value = searched(find, waves, Search.of(PLANE, [], []))
    assert value > waves(grid).max() - 1e-3


@pytest.mark.parametrize("find", SEARCHES)
def test_input_constraints_hold(find):
    disc = Space(PLANE.parameters, (Inside(("x", "y"), (0.0, 5.0), 3.0),))
    unit, _ = searched(find, lambda u: u.sum(-1), Search.of(disc, [], []))
    (design,) = disc.from_unit(unit[None])
    gap = np.hypot(design["x"], design["y"] - 5.0)
    assert gap <= 3.0
    best = disc.to_unit([{"x": 3 / 2**0.5, "y": 5 + 3 / 2**0.5}]).sum()
    assert unit.sum() > best - 0.01


@pytest.mark.parametrize("find", SEARCHES)
def test_designs_lie_on_their_grids_and_choices(find):
    target = MIXED.to_unit([{"lambda": 1e-4, "width": 5e-6, "N": 12, "gas": "argon", "grade": 2}])[0]
    unit, _ = searched(find, bowl(target), Search.of(MIXED, [], []))
    (design,) = MIXED.from_unit(unit[None])
    np.testing.assert_allclose(MIXED.to_unit([design])[0], unit, atol=1e-9)
    assert (design["width"], design["N"], design["gas"], design["grade"]) == (5e-6, 12, "argon", 2)


@pytest.mark.parametrize("find", SEARCHES)
def test_tried_and_failed_designs_do_not_come_back(find):
    tried = [{"i": 9, "s": 0.3}, {"i": 9, "s": 0.4}]
    target = GRID.to_unit(tried[:1])[0]
    search = Search.of(GRID, tried, [{"i": 9, "s": 0.2}])
    (design,) = search.designs(searched(find, bowl(target), search)[0][None])
    assert design not in [*tried, {"i": 9, "s": 0.2}]
    assert design in ({"i": 8, "s": 0.3}, {"i": 10, "s": 0.3})


@pytest.mark.parametrize("find", SEARCHES)
def test_a_finished_space_says_so(find):
    space = Space((IntParameter(name="i", lower=0, upper=2),))
    search = Search.of(space, [{"i": i} for i in range(3)], [])
    with pytest.raises(StrategyExhausted, match="has been tried"):
        searched(find, lambda u: u[:, 0], search)


@pytest.mark.parametrize("find", SEARCHES)
def test_equal_seeds_give_equal_bits_and_nan_never_wins(find):
    def values(unit):
        return np.where(unit[:, 0] > 0.5, np.nan, unit.sum(-1))

    search = Search.of(PLANE, [], [])
    first, again = (searched(find, values, search, seed=4) for _ in range(2))
    assert first[0].tobytes() == again[0].tobytes()
    assert first[0][0] <= 0.5
    assert first[1] > 1.49


def test_a_large_grid_is_climbed_to_its_top():
    space = Space(tuple(FloatParameter(name=f"v{i}", lower=0, upper=1, step=0.01) for i in range(3)))
    unit, value = maximize(bowl([0.37, 0.81, 0.05]), Search.of(space, [], []), anchors=NONE[:, :0], seed=0)
    np.testing.assert_allclose(unit, [0.37, 0.81, 0.05], atol=1e-9)
    assert value == pytest.approx(0.0, abs=1e-12)


def test_anchors_are_looked_around():
    center = np.array([0.123456, 0.654321])

    def needle(unit):
        return np.exp(-(((unit - center) / 0.004) ** 2).sum(-1))

    _, value = maximize(needle, Search.of(PLANE, [], []), anchors=center[None] + 0.004, seed=2)
    assert value > 0.95


def test_differential_evolution_one_by_one_finds_the_same_maximum():
    search = Search.of(PLANE, [], [])
    (a, _), (b, _) = (
        differential_evolution(bowl([0.2, 0.9]), search, seed=3, vectorized=v) for v in (True, False)
    )
    np.testing.assert_allclose(a, b, atol=1e-4)
