"""What a predictor is worth: figures on rows that it never saw, and whether it beats simpler ones."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from designloop.learning import metrics

STANDARD_ERRORS = 1.96
"""By how many standard errors the ranks have to lean one way."""
LEAST = 10
"""Rows below which nothing is told apart."""


def figures(observed: ArrayLike, mean: ArrayLike, sd: ArrayLike | None = None) -> dict[str, float]:
    """Errors of predictions (n,) by name, in the metric's unit; with ``sd`` those of the intervals too.

    What is not finite is left out, such as a relative error of a value 0.
    """
    found = {
        "rmse": metrics.rmse(observed, mean),
        "nrmse": metrics.nrmse(observed, mean),
        "r2": metrics.r2(observed, mean),
        "mape": metrics.mape(observed, mean),
    }
    if sd is not None:
        found |= {
            "nll": metrics.nll(observed, mean, sd),
            "crps": metrics.crps(observed, mean, sd),
            "coverage_95": metrics.coverage(observed, mean, sd),
            "interval_width": metrics.interval_width(sd),
            "nmciw": metrics.nmciw(observed, sd),
            "cicp": metrics.cicp(observed, mean, sd),
        }
    return {name: value for name, value in found.items() if math.isfinite(value)}


def better(observed: ArrayLike, mean: ArrayLike, other: ArrayLike) -> bool:
    """Whether ``mean`` has a lower mean squared error (n,) than ``other``, beyond chance on these rows.

    Chance is ruled out by Wilcoxon's signed ranks of the paired differences of squared errors (Wilcoxon
    1945), normal approximation: a few rows with large errors must not hide what all the others say.
    """
    y, own, theirs = (np.asarray(values, dtype=float) for values in (observed, mean, other))
    gain = (theirs - y) ** 2 - (own - y) ** 2
    gain = gain[gain != 0]
    n = len(gain)
    if n < LEAST or float(gain.sum()) <= 0:
        return False
    ranks = np.argsort(np.argsort(np.abs(gain))) + 1.0
    excess = float(ranks[gain > 0].sum()) - n * (n + 1) / 4
    return excess > STANDARD_ERRORS * math.sqrt(n * (n + 1) * (2 * n + 1) / 24)


def verdict(
    metric: str, unit: str, observed: ArrayLike, mean: ArrayLike, baselines: Mapping[str, ArrayLike]
) -> str:
    """A sentence: whether a network's ``mean`` earns its place beside what simpler ``baselines`` predict."""
    own = metrics.rmse(observed, mean)
    errors = {name: metrics.rmse(observed, predicted) for name, predicted in baselines.items()}
    lead = f"{metric}: rmse {_quantity(own, unit)}"
    if not errors:
        return f"{lead}, beside no baseline."
    best = min(errors, key=lambda name: errors[name])
    words = f"{best.replace('_', ' ')} has {_quantity(errors[best], unit)}"
    if all(better(observed, mean, predicted) for predicted in baselines.values()):
        return f"{lead}, where the baseline {words}: it earns its place."
    rank = "better" if better(observed, baselines[best], mean) else "as good"
    return f"{lead}, where the baseline {words}: it does not earn its place, the baseline is {rank}."


def _quantity(value: float, unit: str) -> str:
    return f"{value:.3g} {unit}".strip()
