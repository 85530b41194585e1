"""How the error of a network grows with the design."""

import numpy as np
import pytest

from designloop_oracles.surrogates._error_law import ErrorLaw, columns, fitted

LAW = ErrorLaw(
    share=0.7, exponents=np.array([-0.5, 1.0]), centre=np.log([60.0, 1.0]),
    lower=np.log([40.0, 0.5]), upper=np.log([150.0, 2.0]),
)  # fmt: skip


def test_a_floor_and_a_power_law_above_it_are_found_again():
    rng = np.random.default_rng(3)
    inputs = np.exp(rng.uniform(LAW.lower, LAW.upper, (4000, 2)))
    sd = 0.2 * LAW.ratio(inputs)
    typical, found = fitted(inputs, sd * rng.standard_normal(4000))
    np.testing.assert_allclose(typical * found.ratio(inputs), sd, rtol=0.12)


def test_errors_that_depend_on_nothing_have_one_size():
    rng = np.random.default_rng(4)
    inputs = np.exp(rng.uniform(LAW.lower, LAW.upper, (4000, 2)))
    typical, found = fitted(inputs, rng.standard_normal(4000))
    np.testing.assert_allclose(typical * found.ratio(inputs), 1, rtol=0.12)


def test_the_ratio_is_one_at_the_centre():
    np.testing.assert_allclose(LAW.ratio(np.exp(LAW.centre)[None]), 1.0)


@pytest.mark.parametrize("beyond", [(300.0, 1.0), (20.0, 1.0), (60.0, 4.0), (60.0, 0.25)])
def test_beyond_what_was_seen_the_error_is_larger_than_at_the_border(beyond):
    border = np.clip(beyond, np.exp(LAW.lower), np.exp(LAW.upper))
    assert LAW.ratio([beyond])[0] > 1.4 * LAW.ratio([border])[0]


def test_a_law_comes_back_from_its_numbers():
    again = ErrorLaw.of(LAW.array)
    np.testing.assert_array_equal(again.ratio([[33.0, 3.0]]), LAW.ratio([[33.0, 3.0]]))


@pytest.mark.parametrize("design", [{"beam_length": 50.0}, {"beam_length": 50.0, "grain_size": 0.0}])
def test_a_design_without_what_the_law_needs_is_refused(design):
    with pytest.raises(ValueError, match="depends on grain_size; give a value above 0"):
        columns(["beam_length", "grain_size"], [design])
