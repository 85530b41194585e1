"""How many realizations are taken, and what their mean and scatter are worth."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from designloop_oracles._realizations import BLOCK, Effort, mean_of, sample, scatter_error, scatter_of

NORMAL = np.random.Generator(np.random.PCG64(3)).normal(148, 1.3, 6000)
EVEN = np.random.Generator(np.random.PCG64(4)).uniform(140, 156, 6000)


class Stream:
    """Realizations of several quantities, and which of them were asked for."""

    def __init__(self, **quantities):
        self.quantities = quantities
        self.asked = []

    def __call__(self, which):
        self.asked += which
        return {name: values[which.start : which.stop] for name, values in self.quantities.items()}


def effort(least=3, most=4000, scatter_error=0.07):
    return Effort(least=least, most=most, scatter_error=scatter_error)


@given(least=st.integers(3, 70), more=st.integers(0, 200), wanted=st.floats(0.05, 1))
def test_realizations_are_drawn_once_in_order_and_not_beyond_the_most(least, more, wanted):
    stream = Stream(a=NORMAL)
    values = sample(stream, effort(least, least + more, wanted))["a"]
    assert stream.asked == list(range(len(values)))
    assert least <= len(values) <= least + more
    np.testing.assert_array_equal(values, NORMAL[: len(values)])


@pytest.mark.parametrize("wanted", [0.2, 0.1, 0.07, 0.05])
def test_a_wanted_scatter_error_is_reached_with_about_as_many_realizations_as_theory_says(wanted):
    values = sample(Stream(a=EVEN), effort(scatter_error=wanted))["a"]
    assert scatter_error(values) <= wanted
    assert 1 / (2 * wanted**2) + 1 <= len(values) < 1 / (2 * wanted**2) + 1 + BLOCK


def test_every_quantity_must_be_known():
    heavy = np.random.Generator(np.random.PCG64(5)).laplace(148, 1, 6000)
    alone = len(sample(Stream(a=EVEN), effort())["a"])
    assert len(sample(Stream(a=EVEN, b=heavy), effort())["a"]) > 1.5 * alone


def test_what_does_not_scatter_needs_no_more_realizations():
    assert len(sample(Stream(a=np.full(99, 168.9558)), effort(least=5))["a"]) == 5


@pytest.mark.parametrize("law", ["normal", "laplace"])
def test_the_scatter_error_is_the_scatter_of_sample_deviations(law):
    samples = getattr(np.random.Generator(np.random.PCG64(6)), law)(148, 1, (400, 400))
    deviations = samples.std(axis=1, ddof=1)
    told = np.mean([scatter_error(row) for row in samples])
    found = deviations.std(ddof=1) / deviations.mean()
    assert told == pytest.approx(found, rel=0.15)  # four standard errors of 400 deviations


def test_a_flat_law_is_not_believed_to_be_known_better_than_a_normal_one():
    assert scatter_error(EVEN[:51]) == pytest.approx(1 / math.sqrt(2 * 50))


def test_two_realizations_tell_nothing_about_scatter():
    assert scatter_error(NORMAL[:2]) == math.inf


def test_more_realizations_shrink_the_standard_error_and_not_the_numerical_interval():
    few, many = (mean_of(NORMAL[:n], relative_bias=(-1e-3, 2e-3)) for n in (16, 1600))
    assert many.sem == pytest.approx(few.sem / 10, rel=0.5)  # two standard errors of 16
    for one in (few, many):
        assert one.lower / one.value == pytest.approx(0.999, rel=1e-12)
        assert one.upper / one.value == pytest.approx(1.002, rel=1e-12)


def test_a_negative_mean_keeps_its_bounds_in_order():
    one = mean_of(np.array([-2.0, -2.0]), relative_bias=(-0.1, 0.2))
    assert (one.lower, one.value, one.upper) == pytest.approx((-2.4, -2.0, -1.8))


def test_one_realization_has_no_standard_error():
    assert mean_of(np.array([148.2])).sem is None


def test_no_scatter_is_known_exactly():
    one = scatter_of(np.full(4, 148.2))
    assert (one.value, one.sem) == (0.0, 0.0)
