import math

import numpy as np
import pytest
from scipy.stats import qmc

from designloop.errors import OracleError
from designloop.oracle import Context
from designloop_oracles.analytic import (
    CURVE,
    Ackley,
    Branin,
    DiracPeak,
    Friedman,
    HardeningCurve,
    Hartmann6,
    Ishigami,
    NeedlePeak,
)


def value(oracle, *point, seed=0):
    names = [i.name for i in oracle.declaration.inputs]
    metrics = oracle.evaluate(dict(zip(names, point, strict=True)), Context(seed=seed)).metrics
    return metrics["value"].value


@pytest.mark.parametrize("point", [(-math.pi, 12.275), (math.pi, 2.275), (3 * math.pi, 2.475)])
def test_branin_has_three_equal_minima(point):
    assert value(Branin(), *point) == pytest.approx(0.39788735772973816, abs=1e-12)


def test_branin_at_the_origin():
    assert value(Branin(), 0.0, 0.0) == pytest.approx(36 + 10 * (1 - 1 / (8 * math.pi)) + 10)


def test_hartmann6_has_its_published_minimum():
    point = (0.20169, 0.150011, 0.476874, 0.275332, 0.311652, 0.6573)
    assert value(Hartmann6(), *point) == pytest.approx(-3.32237, abs=1e-5)
    assert all(value(Hartmann6(), *np.clip(np.array(point) + s, 0, 1)) > -3.32 for s in (-0.05, 0.05))


def test_hartmann6_at_the_centre():
    assert value(Hartmann6(), *[0.5] * 6) == pytest.approx(-0.5053149916554)


@pytest.mark.parametrize("dimension", [1, 4, 10])
def test_ackley_is_zero_at_its_shifted_optimum(dimension):
    oracle = Ackley(dimension=dimension)
    assert value(oracle, *oracle.optimum) == pytest.approx(0, abs=1e-12)


def test_ackley_is_the_textbook_function_around_its_optimum():
    oracle = Ackley(dimension=2)
    x1, x2 = oracle.optimum
    assert value(oracle, x1 + 1, x2) == pytest.approx(2.637530922, abs=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_ackley_keeps_its_optimum_away_from_centre_and_edge(seed):
    place = np.abs(Ackley(dimension=6, shift_seed=seed).optimum) / Ackley.HALF_RANGE
    assert (place >= 0.25).all()
    assert (place <= 0.75).all()


def test_ackley_optimum_depends_on_the_shift_seed_only():
    assert Ackley(shift_seed=3).optimum == Ackley(shift_seed=3).optimum != Ackley(shift_seed=4).optimum


@pytest.mark.parametrize("dimension", [0, 2.5, True, "four"])
def test_ackley_refuses_a_dimension_that_is_no_count(dimension):
    with pytest.raises(OracleError, match="write a whole number from 1 to 100"):
        Ackley(dimension=dimension)


def test_friedman_is_the_sum_of_its_four_parts():
    assert value(Friedman(), 0.0, 0.0, 0.5, 0.0, 0.0) == 0
    assert value(Friedman(), 1.0, 0.5, 0.5, 0.0, 0.0) == pytest.approx(10)
    assert value(Friedman(), 0.0, 0.0, 1.0, 0.0, 0.0) == pytest.approx(5)
    assert value(Friedman(), 0.0, 0.0, 0.5, 0.3, 0.4) == pytest.approx(3 + 2)


def test_ishigami_has_its_known_mean_and_variance():
    points = qmc.Sobol(3, rng=1).random(1024) * 2 * math.pi - math.pi
    values = [value(Ishigami(), *map(float, p)) for p in points]
    variance = 7**2 / 8 + 0.1 * math.pi**4 / 5 + 0.1**2 * math.pi**8 / 18 + 1 / 2
    assert np.mean(values) == pytest.approx(3.5, rel=0.01)
    assert np.var(values) == pytest.approx(variance, rel=0.01)


def test_ishigami_at_a_known_point():
    assert value(Ishigami(), math.pi / 2, math.pi / 2, 2.0) == pytest.approx(1 + 7 + 1.6)


def test_needle_peak_is_one_at_its_top_and_falls_alike_in_every_direction():
    top = np.array(NeedlePeak.TOP)
    assert value(NeedlePeak(), *top) == 1
    for axis in np.vstack([np.eye(4), -np.eye(4)]):
        assert value(NeedlePeak(), *(top + 0.2 * axis)) == pytest.approx(0.75**4)


def test_needle_peak_is_nothing_beyond_its_reach():
    top = np.array(NeedlePeak.TOP)
    assert value(NeedlePeak(), *(top + 0.401 * np.array([1, 0, 0, 0]))) == 0
    assert value(NeedlePeak(), *(top + 0.399 * np.array([1, 0, 0, 0]))) > 0
    points = qmc.Sobol(4, rng=1).random(1024)
    seen = [value(NeedlePeak(), *map(float, p)) > 0 for p in points]
    assert np.mean(seen) == pytest.approx(1 / 8, abs=0.02)


def test_dirac_peak_has_its_published_height_and_unit_area():
    assert value(DiracPeak(), 0.0) == pytest.approx(5.641895835, abs=1e-9)
    x = np.linspace(-1, 1, 2001)
    assert np.trapezoid([value(DiracPeak(), float(one)) for one in x], x) == pytest.approx(1, abs=1e-6)
    assert value(DiracPeak(), 40.0) == 0


def test_hardening_curve_starts_at_zero_and_saturates():
    metrics = HardeningCurve().evaluate({"beta": 200.0, "gamma_over_beta": 300.0}, Context()).metrics
    curve = [metrics[name].value for name in CURVE]
    assert len(curve) == 20
    assert curve[0] == 0
    assert curve[-1] == pytest.approx(300, rel=1e-9)
    assert metrics["H_mean"].value == pytest.approx(np.mean(curve))


def test_hardening_curve_follows_its_formula():
    metrics = HardeningCurve().evaluate({"beta": 10.0, "gamma_over_beta": 200.0}, Context()).metrics
    strain = 0.2 * 9 / 19
    assert metrics["H_10"].value == pytest.approx(200 * (1 - math.exp(-10 * strain)))


def test_noise_has_the_stated_deviation_and_is_reported():
    oracle = Branin(noise=2.0)
    values = [value(oracle, 1.0, 1.0, seed=s) for s in range(600)]
    assert np.std(values) == pytest.approx(2, rel=0.1)
    assert np.mean(values) == pytest.approx(value(Branin(), 1.0, 1.0), abs=0.4)
    assert oracle.evaluate({"x1": 1.0, "x2": 1.0}, Context()).metrics["value"].sem == 2
    assert oracle.declaration.stochastic


def test_noise_differs_between_points_of_one_seed():
    oracle = DiracPeak(noise=1.0)
    assert value(oracle, 40.0, seed=1) != value(oracle, 41.0, seed=1)


@pytest.mark.parametrize("noise", [-1, "much", True])
def test_a_noise_that_is_no_deviation_is_refused(noise):
    with pytest.raises(OracleError, match="write a standard deviation of at least 0"):
        Hartmann6(noise=noise)
