"""Published figures of how good predictions are; arrays (n,) of one metric unless stated otherwise.

Sources: Gneiting, Raftery 2007, "Strictly proper scoring rules, prediction, and estimation" (coverage, CRPS,
logarithmic score); Rasmussen, Williams 2006, section 2.5 (negative log density); Heringhaus et al. 2022,
section 3.2 (NMCIW, CICP).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def rmse(observed: ArrayLike, predicted: ArrayLike) -> float:
    """Root mean squared error."""
    return float(np.sqrt(np.mean(_error(observed, predicted) ** 2)))


def nrmse(observed: ArrayLike, predicted: ArrayLike) -> float:
    """Root mean squared error over the standard deviation (1/n) of what was observed; inf where that is 0."""
    error, spread = rmse(observed, predicted), float(np.std(_array(observed)))
    return error / spread if spread > 0 else float("inf")


def mape(observed: ArrayLike, predicted: ArrayLike) -> float:
    """Mean absolute error over the observed magnitude, as a share; inf where a value observed is 0."""
    observed, error = np.abs(_array(observed)), np.abs(_error(observed, predicted))
    return float(np.mean(error / observed)) if observed.all() else float("inf")


def r2(observed: ArrayLike, predicted: ArrayLike) -> float:
    """Coefficient of determination: 1 - squared errors over squared deviations; 0 without spread."""
    error, observed = _error(observed, predicted), _array(observed)
    deviation = float(np.sum((observed - observed.mean()) ** 2))
    return 1.0 - float(np.sum(error**2)) / deviation if deviation > 0 else 0.0


def coverage(observed: ArrayLike, predicted: ArrayLike, sd: ArrayLike, *, level: float = 0.95) -> float:
    """Share of observations within the central interval of probability ``level`` of a normal prediction."""
    return float(np.mean(np.abs(_error(observed, predicted)) <= _quantile(level) * _array(sd)))


def interval_width(sd: ArrayLike, *, level: float = 0.95) -> float:
    """Mean width of the central interval of probability ``level`` of a normal prediction."""
    return float(np.mean(2.0 * _quantile(level) * _array(sd)))


def cicp(observed: ArrayLike, predicted: ArrayLike, sd: ArrayLike) -> float:
    """Confidence interval coverage probability: share of observations within 1.96 sd.

    1.96 as published; 1.0 is over-coverage and no success. Source: Heringhaus et al. 2022, section 3.2.
    """
    return float(np.mean(np.abs(_error(observed, predicted)) <= 1.96 * _array(sd)))


def nmciw(observed: ArrayLike, sd: ArrayLike) -> float:
    """Normalized mean confidence interval width: mean of 2 * 1.96 sd over the range of what was observed.

    Inf where that range is 0. Source: Heringhaus et al. 2022, section 3.2.
    """
    observed = _array(observed)
    reach = float(np.ptp(observed))
    return float(np.mean(2.0 * 1.96 * _array(sd))) / reach if reach > 0 else float("inf")


def nll(observed: ArrayLike, predicted: ArrayLike, sd: ArrayLike) -> float:
    """Mean negative log density of a normal prediction, ln(2 pi sd^2) / 2 + error^2 / (2 sd^2)."""
    variance = _array(sd) ** 2
    return float(
        np.mean(0.5 * np.log(2.0 * np.pi * variance) + _error(observed, predicted) ** 2 / (2.0 * variance))
    )


def crps(observed: ArrayLike, predicted: ArrayLike, sd: ArrayLike) -> float:
    """Mean continuous ranked probability score of a normal prediction, in the metric's unit.

    sd [w (2 Phi(w) - 1) + 2 phi(w) - 1 / sqrt(pi)] with w = error / sd (Gneiting, Raftery 2007, equation 21).
    """
    from scipy.special import ndtr

    w = _error(observed, predicted) / _array(sd)
    density = np.exp(-0.5 * w**2) / np.sqrt(2.0 * np.pi)
    return float(np.mean(_array(sd) * (w * (2.0 * ndtr(w) - 1.0) + 2.0 * density - 1.0 / np.sqrt(np.pi))))


def _quantile(level: float) -> float:
    """Half the width of the central interval of a standard normal."""
    from scipy.special import ndtri

    if not 0 < level < 1:
        raise ValueError(f"the level of an interval must lie between 0 and 1, not {level:g}.")
    return float(ndtri(0.5 + 0.5 * level))


def _array(values: ArrayLike) -> Array:
    return np.asarray(values, dtype=float)


def _error(observed: ArrayLike, predicted: ArrayLike) -> Array:
    observed, predicted = _array(observed), _array(predicted)
    if observed.shape != predicted.shape or not observed.size:
        raise ValueError(
            f"observed {observed.shape} and predicted {predicted.shape} must match and hold values."
        )
    return predicted - observed
