"""What a network is worth beside simple answers."""

from __future__ import annotations

import numpy as np
import pytest

from designloop.learning.judging import better, figures, verdict

RNG = np.random.default_rng(5)
TRUTH = RNG.normal(150.0, 3.0, 200)
GOOD, FAIR = TRUTH + RNG.normal(0, 0.1, 200), TRUTH + RNG.normal(0, 1.0, 200)
FAIR_TOO = TRUTH + RNG.normal(0, 1.0, 200)


def test_a_clearly_smaller_error_is_better_and_the_larger_one_is_not() -> None:
    assert better(TRUTH, GOOD, FAIR)
    assert not better(TRUTH, FAIR, GOOD)


def test_equal_errors_are_not_better_in_either_direction() -> None:
    assert not better(TRUTH, FAIR, FAIR_TOO)
    assert not better(TRUTH, FAIR_TOO, FAIR)
    assert not better(TRUTH, FAIR, FAIR)


def test_a_few_large_errors_of_the_other_do_not_hide_that_it_is_worse_everywhere() -> None:
    tails = TRUTH + 0.2 * np.sign(FAIR - TRUTH)
    tails[:2] += 500.0
    assert better(TRUTH, GOOD, tails)
    assert not better(TRUTH, tails, GOOD)


def test_few_rows_tell_nothing() -> None:
    assert not better(TRUTH[:9], GOOD[:9], FAIR[:9])


@pytest.mark.parametrize(
    ("mean", "baselines", "said"),
    [
        (GOOD, {"affine_voigt": FAIR}, "where the baseline affine voigt has .* GPa: it earns its place.$"),
        (FAIR, {"affine_voigt": FAIR_TOO}, "does not earn its place, the baseline is as good.$"),
        (
            FAIR,
            {"mean": TRUTH * 0, "affine_voigt": GOOD},
            "baseline affine voigt .* the baseline is better.$",
        ),
        (GOOD, {}, "beside no baseline"),
    ],
)
def test_the_verdict_names_the_best_baseline(
    mean: np.ndarray, baselines: dict[str, np.ndarray], said: str
) -> None:
    import re

    assert re.search(said, verdict("youngs_modulus", "GPa", TRUTH, mean, baselines))


def test_figures_of_exact_intervals_are_those_of_the_normal_distribution() -> None:
    found = figures(TRUTH, FAIR, np.full(200, 1.0))
    assert found["rmse"] == pytest.approx(np.sqrt(np.mean((TRUTH - FAIR) ** 2)))
    assert found["coverage_95"] == np.mean(np.abs(TRUTH - FAIR) <= 1.959963984540054)
    assert found["interval_width"] == pytest.approx(2 * 1.959963984540054)


def test_what_is_not_finite_is_left_out() -> None:
    assert "mape" not in figures([0.0, 1.0], [0.1, 1.0])
    assert "nll" not in figures([1.0, 2.0], [1.0, 2.0])
