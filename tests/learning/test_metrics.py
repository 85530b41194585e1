"""Figures of predictions, each against a value worked out by hand."""

import math

import numpy as np
import pytest

from designloop.learning.metrics import (
    cicp,
    coverage,
    crps,
    interval_width,
    mape,
    nll,
    nmciw,
    nrmse,
    r2,
    rmse,
)

OBSERVED, PREDICTED = [1.0, 2.0, 3.0, 6.0], [2.0, 2.0, 1.0, 8.0]
"""Errors 1, 0, -2, 2; the observed have mean 3 and squared deviations 4, 1, 0, 9."""


def test_rmse():
    assert rmse(OBSERVED, PREDICTED) == pytest.approx(math.sqrt(9 / 4))


def test_nrmse_is_over_the_standard_deviation():
    assert nrmse(OBSERVED, PREDICTED) == pytest.approx(math.sqrt(9 / 4) / math.sqrt(14 / 4))


def test_nrmse_of_a_constant_is_infinite():
    assert nrmse([1.0, 1.0], [1.0, 2.0]) == math.inf


def test_mape_is_a_share():
    assert mape(OBSERVED, PREDICTED) == pytest.approx((1 / 1 + 0 + 2 / 3 + 2 / 6) / 4)


def test_mape_of_a_value_of_zero_is_infinite():
    assert mape([0.0, 1.0], [1.0, 1.0]) == math.inf


def test_r2():
    assert r2(OBSERVED, PREDICTED) == pytest.approx(1 - 9 / 14)


def test_r2_without_spread_is_zero():
    assert r2([1.0, 1.0], [1.0, 2.0]) == 0.0


@pytest.mark.parametrize(("level", "share"), [(0.95, 0.75), (0.6827, 0.5), (0.5, 0.25)])
def test_coverage_counts_errors_within_the_central_interval(level, share):
    sd = [1.01, 1.0, 1.0, 1.1]  # errors over sd: 0.99, 0, 2, 1.82
    assert coverage(OBSERVED, PREDICTED, sd, level=level) == share


@pytest.mark.parametrize(("sd", "share"), [(2 / 1.9599, 1.0), (2 / 1.9601, 0.5)])
def test_cicp_counts_errors_within_the_published_quantile(sd, share):
    assert cicp(OBSERVED, PREDICTED, [sd] * 4) == share


def test_nmciw_is_over_the_range_observed():
    assert nmciw(OBSERVED, [1.0, 2.0, 3.0, 4.0]) == pytest.approx(2 * 1.96 * 2.5 / 5)


def test_nmciw_of_a_constant_is_infinite():
    assert nmciw([1.0, 1.0], [1.0, 2.0]) == math.inf


def test_interval_width_is_twice_the_quantile():
    assert interval_width([1.0, 3.0]) == pytest.approx(2 * 1.959964 * 2.0, rel=1e-6)


def test_a_level_outside_zero_and_one_is_refused():
    with pytest.raises(ValueError, match="between 0 and 1, not 95"):
        interval_width([1.0], level=95)


def test_nll_is_that_of_a_normal_density():
    by_hand = (0.5 * math.log(2 * math.pi * 4) + 9 / 8 + 0.5 * math.log(2 * math.pi)) / 2
    assert nll([0.0, 1.0], [3.0, 1.0], [2.0, 1.0]) == pytest.approx(by_hand)


def test_crps_without_error_is_known_in_closed_form():
    assert crps([1.0], [1.0], [2.0]) == pytest.approx(2.0 * (math.sqrt(2) - 1) / math.sqrt(math.pi))


def test_crps_is_the_integral_of_the_squared_difference_of_distributions():
    from scipy.special import ndtr

    x = np.linspace(-12, 14, 400_001)
    squared = (ndtr((x - 1.0) / 1.5) - (x >= 2.3)) ** 2
    assert crps([2.3], [1.0], [1.5]) == pytest.approx(np.trapezoid(squared, x), rel=1e-4)


@pytest.mark.parametrize("figure", [rmse, nrmse, mape, r2])
def test_shapes_that_do_not_match_are_refused(figure):
    with pytest.raises(ValueError, match=r"observed \(2,\) and predicted \(1,\) must match"):
        figure([1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match="hold values"):
        figure([], [])
