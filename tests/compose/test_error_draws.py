"""Fixed normal draws of errors, and the intervals fitted to what comes of them."""

from __future__ import annotations

import numpy as np
import pytest

from designloop.compose.draws import Z95 as Z
from designloop.compose.draws import normal_draws, with_interval
from designloop.oracle import Observation


@pytest.mark.parametrize("columns", [1, 2, 5, 12])
def test_draws_are_standard_normal_without_correlation(columns: int) -> None:
    draws = normal_draws(columns)
    assert draws.mean(axis=0) == pytest.approx(np.zeros(columns), abs=1e-12)
    assert draws.T @ draws / len(draws) == pytest.approx(np.eye(columns), abs=1e-12)


def test_an_own_error_adds_to_that_of_what_fed_it() -> None:
    own = Observation(value=10.0, lower=10 - 3 * Z, upper=10 + 3 * Z)
    both = with_interval(own, [10 + 4 * float(z) for z in normal_draws(1)[:, 0]])
    assert both.upper == pytest.approx(10 + 5 * Z)


def test_a_value_never_lies_outside_its_bounds() -> None:
    found = with_interval(Observation(value=0.0), [5.0 + 0.01 * k for k in range(16)])
    assert found.lower == 0.0
