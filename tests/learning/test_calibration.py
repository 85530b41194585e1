"""Recalibrated intervals keep their promise on fresh rows, whatever the shape of the errors."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from designloop.learning.calibration import recalibrate


def rows(n, seed, draw="normal"):
    """Observed, predicted and sds that vary from row to row; errors of ``draw`` over these sds."""
    rng = np.random.default_rng(seed)
    sd = rng.uniform(0.5, 2.0, n)
    shape = {"normal": rng.standard_normal, "student": lambda k: rng.standard_t(3, k), "flat": rng.random}[
        draw
    ]
    predicted = rng.normal(150.0, 5.0, n)
    return predicted + sd * shape(n), predicted, sd


@given(scale=st.floats(1e-6, 1e6), unit=st.floats(1e-6, 1e6))
def test_scaled_sds_change_the_factor_by_the_inverse_and_units_do_not(scale, unit):
    observed, predicted, sd = rows(60, 1)
    factor = recalibrate(observed, predicted, sd).factor
    assert recalibrate(observed, predicted, scale * sd).factor == pytest.approx(factor / scale, rel=1e-9)
    assert recalibrate(unit * observed, unit * predicted, unit * sd).factor == pytest.approx(factor, rel=1e-6)


def test_calibrated_normal_errors_keep_a_factor_of_one():
    factors = [recalibrate(*rows(400, seed)).factor for seed in range(200)]
    scatter = 0.95 / math.sqrt(400)  # asymptotic relative sd of the 95 % quantile of |normal|
    assert np.std(factors) == pytest.approx(scatter, rel=0.2)
    assert np.mean(factors) == pytest.approx(1.0, abs=0.015)


@pytest.mark.parametrize("draw", ["normal", "student", "flat"])
@pytest.mark.parametrize("n", [20, 100, 1000])
def test_fresh_rows_are_covered_as_promised(draw, n):
    """On average over calibration sets; margin: 4 binomial sds of as many sets."""
    sets, fresh = 400, 50
    covered = 0
    for seed in range(sets):
        observed, predicted, sd = rows(n + fresh, seed, draw)
        factor = recalibrate(observed[:n], predicted[:n], 0.3 * sd[:n]).factor
        inside = np.abs(observed - predicted)[n:] <= 1.959963984540054 * factor * 0.3 * sd[n:]
        covered += inside.sum()
    share = covered / (sets * fresh)
    promised = math.ceil(0.95 * (n + 1)) / (n + 1)  # exact mean coverage of split conformal intervals
    between = math.sqrt(promised * (1 - promised) * (1 / (n + 2) + 1 / fresh) / sets)
    assert share == pytest.approx(promised, abs=4 * between)


def test_one_large_set_of_fresh_rows_is_covered_within_binomial_limits():
    observed, predicted, sd = rows(20_000, 5)
    factor = recalibrate(observed[:10_000], predicted[:10_000], 3 * sd[:10_000]).factor
    inside = np.abs(observed - predicted)[10_000:] <= 1.96 * factor * 3 * sd[10_000:]
    low, high = binom.ppf([1e-4, 1 - 1e-4], 10_000, 0.95)
    assert low - 40 <= inside.sum() <= high + 40  # 40: two sds of the factor's own scatter in rows covered


def test_coverage_is_told_before_and_after():
    observed, predicted, sd = rows(500, 2)
    found = recalibrate(observed, predicted, 0.5 * sd)
    assert found.points == 500
    assert found.before[0.95] == np.mean(np.abs(observed - predicted) <= 1.959963984540054 * 0.5 * sd)
    assert found.after[0.95] >= 0.95 > found.before[0.95]
    assert json.loads(json.dumps(found.to_json()))["after"]["0.95"] == found.after[0.95]


def test_too_few_rows_are_refused():
    with pytest.raises(ValueError, match="19 held-out rows are too few .* give at least 20"):
        recalibrate(*rows(19, 1))


def test_sds_of_nothing_and_rows_that_do_not_match_are_refused():
    observed, predicted, sd = rows(30, 1)
    with pytest.raises(ValueError, match="must be positive and finite"):
        recalibrate(observed, predicted, 0 * sd)
    with pytest.raises(ValueError, match="must be equally many"):
        recalibrate(observed, predicted[1:], sd)
    with pytest.raises(ValueError, match="not all zero"):
        recalibrate(observed, observed, sd)
