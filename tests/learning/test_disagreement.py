"""Disagreement of a committee, Morand et al. 2022, equation 3."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from designloop.learning.disagreement import BLOCK, disagreement, disagreement_at

PREDICTIONS = np.array([[[1.0, 10.0]], [[2.0, 10.0]], [[6.0, 40.0]]])
"""Three members, one design, two outputs: deviations -2, -1, 3 and -10, -10, 20."""


@pytest.mark.parametrize(("over", "value"), [("sum", 614.0), ("mean", 307.0), ("max", 600.0)])
def test_squared_deviations_are_summed_over_members(over, value):
    assert disagreement(PREDICTIONS, over=over) == pytest.approx([value])


def test_one_output_has_no_one_over_n():
    assert disagreement(PREDICTIONS[..., :1]) == pytest.approx([4.0 + 1.0 + 9.0])


@given(shift=st.floats(-100, 100), seed=st.integers(0, 99))
def test_a_common_shift_of_all_members_is_no_disagreement(shift, seed):
    predictions = np.random.default_rng(seed).normal(size=(4, 5, 2))
    assert disagreement(predictions + shift) == pytest.approx(disagreement(predictions), abs=1e-9)


@pytest.mark.parametrize("k", [0, 1, BLOCK, 2 * BLOCK + 3])
def test_many_designs_are_judged_like_each_alone(k):
    slopes = np.array([1.0, 2.0, 4.0])[:, None, None]
    unit = np.random.default_rng(0).random((k, 1))
    found = disagreement_at(unit, lambda u: slopes * u)
    assert found == pytest.approx(disagreement(slopes * unit), abs=1e-15)
    assert found.shape == (k,)
