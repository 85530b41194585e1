"""Hyper-parameters of a Gaussian process with a free signal variance, by maximum a posteriori.

For maps of simulators: a unit variance on standardized data (``learning/fit.py``) costs a smooth response
with few labels its accuracy. K = v (R + diag(noise)), R the correlation; the constant mean is profiled out.
Priors: ln lengthscale ~ N(sqrt(2) + ln(d)/2, 3) (Hvarfner, Hellsten, Nardi 2024), ln(noise / v) ~ N(-6, 4),
flat in ln v. Gradients: Rasmussen, Williams 2006, equation 5.9.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from designloop.learning.features import Encoder
from designloop.learning.kernels import Array, Kernel, correlation, log_slope

SHORTEST = 0.07
"""Least lengthscale over the square root of the dimension."""
LONGEST = math.exp(8.0)
QUIETEST = 1e-6
JITTER = 1e-9
NOISE_PRIOR = (-6.0, 2.0)
"""Mean and standard deviation of ln(noise / v)."""
WIDEST = math.exp(10.0)
"""Greatest signal variance of standardized data, and its inverse the least."""
SMOOTH, NOISY = 2.0, 0.1
OPTIONS = {"maxiter": 60, "ftol": 1e-7}


@dataclass(frozen=True, kw_only=True)
class FreeHyper:
    """Lengthscales (d,), noise variance relative to the signal's, signal variance in squared data units."""

    lengthscales: tuple[float, ...]
    noise: float
    variance: float = 1.0


def initial_free(d: int) -> FreeHyper:
    """Where a first fit starts."""
    mode = math.exp(math.sqrt(2.0) + 0.5 * math.log(d) - 3.0)
    return FreeHyper(lengthscales=(max(mode, 0.3),) * d, noise=math.exp(-5.0))


def first_starts(d: int) -> list[FreeHyper]:
    """Where a fit without earlier ones starts: a wavy exact response, and a smooth one under noise.

    Noisy labels have a mode of their own at short lengthscales that explains the noise as response.
    """
    return [initial_free(d), FreeHyper(lengthscales=(SMOOTH,) * d, noise=NOISY)]


def fit_free(
    unit: Array, z: Array, known: Array, *, encoder: Encoder, kernel: Kernel, starts: Sequence[FreeHyper]
) -> FreeHyper:
    """Fit to ``unit`` (n, d), ``z`` (n,) and noise variances ``known`` (n,), NaN where unknown.

    Every start is followed to its end; the most probable end is returned.
    """
    from scipy.optimize import minimize

    loss = _Loss(np.asarray(encoder.features(unit), dtype=float), z, known, encoder, kernel)
    low, high = np.array(loss.box).T
    begins = [np.log([*s.lengthscales, s.noise, s.variance]) for s in starts]
    descend: Any = minimize
    ends = [
        descend(loss, np.clip(b, low, high), jac=True, method="L-BFGS-B", bounds=loss.box, options=OPTIONS)
        for b in begins
    ]
    *scales, noise, variance = np.exp(min(ends, key=lambda end: float(end.fun)).x).tolist()
    # as models keep its root, the variance is one that survives being taken from there
    return FreeHyper(lengthscales=tuple(scales), noise=noise, variance=math.sqrt(variance) ** 2)


class _Loss:
    """Negative log posterior density and its gradient in ln(lengthscales), ln(noise / v), ln(v)."""

    def __init__(self, features: Array, z: Array, known: Array, encoder: Encoder, kernel: Kernel) -> None:
        self.z, self.kernel, self.d = z, kernel, encoder.dimension
        self.unknown, self.known = np.isnan(known), np.where(np.isnan(known), 0.0, known)
        squares = (features[:, None] - features[None]) ** 2
        own = [squares[..., encoder.groups == g].sum(axis=-1).ravel() for g in range(self.d)]
        self.squares = np.stack(own)
        self.center = math.sqrt(2.0) + 0.5 * math.log(self.d)
        scale = (math.log(SHORTEST * math.sqrt(self.d)), math.log(LONGEST))
        span = math.log(WIDEST)
        self.box = [*[scale] * self.d, (math.log(QUIETEST), 3.0), (-span, span)]

    def __call__(self, theta: Array) -> tuple[float, Array]:
        from scipy.linalg import cho_solve

        n, t = len(self.z), theta[: self.d]
        noise, variance = np.exp(theta[self.d :])
        r2 = (np.exp(-2.0 * t) @ self.squares).reshape(n, n)
        gram = correlation(self.kernel, r2)
        gram[np.diag_indices(n)] = 1.0 + JITTER + np.where(self.unknown, noise, self.known / variance)
        try:
            chol = np.linalg.cholesky(gram)
        except np.linalg.LinAlgError:
            return 1e30, np.zeros(len(theta))
        inverse = cho_solve((chol, True), np.eye(n))
        ones = inverse.sum(axis=1)
        gap = self.z - ones @ self.z / ones.sum()
        a = inverse @ gap
        fit = float(gap @ a) / variance
        value = 0.5 * (n * theta[-1] + fit) + float(np.log(np.diag(chol)).sum())
        outer = 0.5 * (inverse - np.outer(a, a) / variance)
        change = np.diag(outer)
        slopes = self.squares @ (outer * log_slope(self.kernel, r2)).ravel()
        gradient = np.append(
            slopes * np.exp(-2.0 * t),
            [noise * change[self.unknown].sum(), 0.5 * (n - fit) - change @ self.known / variance],
        )
        prior, bend = self._prior(theta)
        return value + prior, gradient + bend

    def _prior(self, theta: Array) -> tuple[float, Array]:
        """Log-normal densities of lengthscales and relative noise, negative logarithm and gradient."""
        mean, sd = NOISE_PRIOR
        gap = np.append(theta[: self.d] - self.center, theta[self.d] - mean)
        weight = np.append(np.full(self.d, 1.0 / 3.0), sd**-2.0)
        value = float((0.5 * weight * gap**2 + theta[:-1]).sum())
        return value, np.append(weight * gap + 1.0, 0.0)
