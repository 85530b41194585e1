"""Hyper-parameters of a Gaussian process by maximum a posteriori, in NumPy with analytic gradients.

Priors: Hvarfner, Hellsten, Nardi 2024, "Vanilla Bayesian optimization performs great in high
dimensions": ln lengthscale ~ N(sqrt(2) + ln(d)/2, 3), ln noise ~ N(-4, 1), unit signal variance on
standardized data; lengthscales are bounded below. The constant mean is profiled out by generalized
least squares.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from designloop.learning.kernels import Array, Kernel, correlation, minus_two_slope

SHORTEST = 0.07
"""Least lengthscale over the square root of the dimension: shorter ones cannot be told from noise by the few
trials of a campaign, and a model that believes in them searches around an accident."""
LONGEST = 1e3
NOISE = (1e-6, 1.0)


@dataclass(frozen=True, kw_only=True)
class Hyper:
    """Lengthscales (d,) in unit-cube units and the noise variance in standardized units."""

    lengthscales: tuple[float, ...]
    noise: float


def initial_hyper(d: int) -> Hyper:
    """Where a first fit starts: the modes of the priors."""
    mode = math.exp(math.sqrt(2.0) + 0.5 * math.log(d) - 3.0)
    return Hyper(lengthscales=(max(mode, 0.3),) * d, noise=math.exp(-5.0))


def fit(
    features: Array,
    z: Array,
    known: Array,
    *,
    groups: NDArray[np.intp],
    kernel: Kernel,
    starts: Sequence[Hyper],
) -> tuple[Hyper, float]:
    """Fit hyper-parameters to standardized data.

    ``features`` (n, D), ``z`` (n,), ``known`` (n,) noise variances with NaN where they are unknown,
    ``groups`` (D,) the lengthscale of each feature. Every start is tried; the best end is returned with
    its negative log posterior density.
    """
    from scipy import optimize

    minimize: Any = optimize.minimize

    gaps = _gaps(features, groups)
    d = len(gaps)
    shortest = SHORTEST * math.sqrt(d)
    bounds = [(math.log(shortest), math.log(LONGEST))] * d + [(math.log(NOISE[0]), math.log(NOISE[1]))]
    best: Any = None
    for start in starts:
        theta = np.log([*start.lengthscales, start.noise])
        theta = np.clip(theta, [b[0] for b in bounds], [b[1] for b in bounds])
        end = minimize(
            _objective, theta, args=(gaps, z, known, kernel), jac=True, method="L-BFGS-B",
            bounds=bounds, options={"maxiter": 60, "ftol": 1e-7},
        )  # fmt: skip
        if best is None or end.fun < best.fun - 1e-9:
            best = end
    values = np.exp(best.x)
    return Hyper(lengthscales=tuple(float(v) for v in values[:d]), noise=float(values[d])), float(best.fun)


def _gaps(features: Array, groups: NDArray[np.intp]) -> Array:
    squares = (features[:, None, :] - features[None, :, :]) ** 2
    return np.stack([squares[:, :, groups == g].sum(-1) for g in range(int(groups.max()) + 1)])


def _objective(theta: Array, gaps: Array, z: Array, known: Array, kernel: Kernel) -> tuple[float, Array]:
    """Negative log posterior density and its gradient in the logarithms of the hyper-parameters."""
    d, n = len(gaps), len(z)
    inverse2, noise = np.exp(-2.0 * theta[:d]), math.exp(theta[d])
    r2 = np.tensordot(inverse2, gaps, axes=1)
    gram = correlation(kernel, r2)
    free = np.isnan(known)
    gram[np.diag_indices(n)] += np.where(free, noise, known) + 1e-9
    try:
        chol: Array = np.asarray(np.linalg.cholesky(gram), dtype=np.float64)
    except np.linalg.LinAlgError:
        return 1e10, np.zeros_like(theta)
    inverse = _inverse_of(chol)
    ones = inverse.sum(1)
    mean = float(ones @ z / ones.sum())
    alpha = inverse @ (z - mean)
    value = 0.5 * float((z - mean) @ alpha) + float(np.log(np.diag(chol)).sum())
    outer = inverse - np.outer(alpha, alpha)
    weight = 0.5 * outer * minus_two_slope(kernel, r2)
    slope = np.empty_like(theta)
    slope[:d] = np.tensordot(gaps, weight, axes=2) * inverse2
    slope[d] = 0.5 * noise * float(np.diag(outer)[free].sum())
    prior, prior_slope = _prior(theta, d)
    return value + prior, slope + prior_slope


def _prior(theta: Array, d: int) -> tuple[float, Array]:
    """Log-normal priors as densities of the hyper-parameters themselves, hence the linear term."""
    center = np.append(np.full(d, math.sqrt(2.0) + 0.5 * math.log(d)), -4.0)
    variance = np.append(np.full(d, 3.0), 1.0)
    gap = (theta - center) / variance
    return float((0.5 * gap * (theta - center) + theta).sum()), gap + 1.0


def _inverse_of(chol: Array) -> Array:
    from scipy.linalg import lapack

    lower, _ = lapack.dpotri(chol, lower=1)
    return np.asarray(np.tril(lower) + np.tril(lower, -1).T)
