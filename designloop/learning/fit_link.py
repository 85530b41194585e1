"""Hyper-parameters of two linked fidelities (``learning/link.py``) by maximum a posteriori.

Priors: those of ``learning/fit.py`` for the lengthscales of both processes and the noise of both fidelities;
the correlation is uniform between -1 and 1, and the most probable inverse hyperbolic tangent of it is sought;
the logarithm of the variance of the response that counts is N(0, 1) on standardized data. The constant mean
is profiled out. Gradients: Rasmussen, Williams 2006, equation 5.9.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from designloop.learning.features import Encoder
from designloop.learning.fit import NOISE, initial_hyper, shortest
from designloop.learning.kernels import Array, Kernel, correlation, log_slope
from designloop.learning.link import OFFSET, Link

CLOSEST = 3.0
"""Greatest inverse hyperbolic tangent of the correlation: beyond, the rest has less than 1 % of the variance,
and a model that takes the two for the same has to call their difference noise."""
LONGEST = math.exp(8.0)
WIDEST = math.exp(6.0)
"""Greatest variance of standardized data, and its inverse the least."""
LOUDEST = math.exp(3.0)
JITTER = 1e-9
STARTS = (0.9, 0.0, -0.9)
"""Correlations from which a first fit starts."""
OPTIONS = {"maxiter": 60, "ftol": 1e-7}


@dataclass(frozen=True, kw_only=True)
class LinkedHyper:
    """Lengthscales (d,) of the cheap response, noise variances of both, in standardized units."""

    lengthscales: tuple[float, ...]
    link: Link
    noise: float
    cheap_noise: float


def initial_links(d: int) -> list[LinkedHyper]:
    """Where a first fit starts."""
    own = initial_hyper(d)
    links = [Link(correlation=r, variance=1.0, lengthscales=own.lengthscales) for r in STARTS]
    return [
        LinkedHyper(lengthscales=own.lengthscales, link=link, noise=own.noise, cheap_noise=own.noise)
        for link in links
    ]


def fit_linked(
    unit: Array,
    z: Array,
    known: Array,
    *,
    encoder: Encoder,
    kernel: Kernel,
    starts: Sequence[LinkedHyper],
    apart: bool = False,
) -> tuple[LinkedHyper, float]:
    """The most probable of the ends that the starts lead to, and its negative log posterior density.

    ``unit`` (n, d + 1), its last column 0 for cheap answers and 1 for those that count; ``z`` (n,);
    ``known`` (n,) noise variances, NaN where they are unknown. ``apart`` holds the correlation at 0.
    """
    from scipy.optimize import minimize

    loss = _Loss(unit, z, known, encoder, kernel)
    box = [*loss.box[:-1], (0.0, 0.0)] if apart else loss.box
    low, high = np.array(box).T
    descend: Any = minimize
    begins = [np.clip(_theta(start), low, high) for start in starts]
    ends = [descend(loss, b, jac=True, method="L-BFGS-B", bounds=box, options=OPTIONS) for b in begins]
    best = min(ends, key=lambda end: float(end.fun))
    return _hyper(best.x, encoder.dimension), float(best.fun)


def _theta(hyper: LinkedHyper) -> Array:
    link = hyper.link
    logs = np.log([*hyper.lengthscales, *link.lengthscales, link.variance, hyper.noise, hyper.cheap_noise])
    return np.append(logs, np.arctanh(link.correlation))


def _hyper(theta: Array, d: int) -> LinkedHyper:
    *scales, variance, noise, cheap_noise = np.exp(theta[:-1]).tolist()
    link = Link(correlation=math.tanh(theta[-1]), variance=variance, lengthscales=tuple(scales[d:]))
    return LinkedHyper(lengthscales=tuple(scales[:d]), link=link, noise=noise, cheap_noise=cheap_noise)


class _Loss:
    """Negative log posterior density and its gradient.

    In the logarithms of the lengthscales of both processes, of the variance and of the noise of both
    fidelities, and in the inverse hyperbolic tangent of the correlation.
    """

    def __init__(self, unit: Array, z: Array, known: Array, encoder: Encoder, kernel: Kernel) -> None:
        self.z, self.kernel, self.d = z, kernel, encoder.dimension
        self.dear, self.unknown = unit[:, -1] > 0.5, np.isnan(known)
        self.known = np.where(self.unknown, 0.0, known)
        features = np.asarray(encoder.features(unit[:, :-1]), dtype=float)
        squares = (features[:, None] - features[None]) ** 2
        own = [squares[..., encoder.groups == g].sum(axis=-1).ravel() for g in range(self.d)]
        self.squares = np.stack(own)
        self.constant = OFFSET**2 * np.outer(~self.dear, ~self.dear) + np.diag(self.known + JITTER)
        center = math.sqrt(2.0) + 0.5 * math.log(self.d)
        self.expected = np.array([center] * (2 * self.d) + [0.0, -4.0, -4.0])
        self.precision = np.array([1.0 / 3.0] * (2 * self.d) + [1.0, 1.0, 1.0])
        scale = (math.log(shortest(self.d)), math.log(LONGEST))
        span, noise = math.log(WIDEST), (math.log(NOISE), math.log(LOUDEST))
        self.box = [*[scale] * (2 * self.d), (-span, span), noise, noise, (-CLOSEST, CLOSEST)]

    def __call__(self, theta: Array) -> tuple[float, Array]:
        n, d = len(self.z), self.d
        scales, (variance, noise, cheap_noise) = (theta[:d], theta[d : 2 * d]), np.exp(theta[2 * d : -1])
        r, spread = math.tanh(theta[-1]), math.sqrt(variance)
        rest, bend = (1.0 - r * r) * variance, 1.0 - r * r
        both, weight = np.outer(self.dear, self.dear), np.where(self.dear, r * spread, 1.0)
        r2 = [(np.exp(-2.0 * s) @ self.squares).reshape(n, n) for s in scales]
        shared, own = (correlation(self.kernel, x) for x in r2)
        shares = (np.outer(weight, weight), rest * both)
        level = np.where(self.unknown, np.where(self.dear, noise, cheap_noise), 0.0)
        value, slope = self._evidence(shares[0] * shared + shares[1] * own + np.diag(level))
        by_scales = [
            np.exp(-2.0 * s) * (self.squares @ (slope * share * log_slope(self.kernel, x)).ravel())
            for share, x, s in zip(shares, r2, scales, strict=True)
        ]
        by_weight = 2.0 * float(((slope * shared) @ weight)[self.dear].sum())
        by_rest = float((slope * own)[both].sum())
        by_noise = level * np.diag(slope)
        gradient = [
            *by_scales[0],
            *by_scales[1],
            0.5 * r * spread * by_weight + rest * by_rest,
            by_noise[self.dear].sum(),
            by_noise[~self.dear].sum(),
            bend * (spread * by_weight - 2.0 * r * variance * by_rest),
        ]
        prior, change = self._prior(theta)
        return value + prior, np.array(gradient) + change

    def _evidence(self, gram: Array) -> tuple[float, Array]:
        """Negative log marginal likelihood, and its derivative by every entry of the covariance."""
        from scipy.linalg import cho_solve

        try:
            chol = np.linalg.cholesky(gram + self.constant)
        except np.linalg.LinAlgError:
            return 1e30, np.zeros_like(gram)
        inverse = cho_solve((chol, True), np.eye(len(gram)))
        ones = inverse.sum(axis=1)
        gap = self.z - ones @ self.z / ones.sum()
        a = inverse @ gap
        value = 0.5 * float(gap @ a) + float(np.log(np.diag(chol)).sum())
        return value, 0.5 * (inverse - np.outer(a, a))

    def _prior(self, theta: Array) -> tuple[float, Array]:
        """Negative logarithm of the densities, and its gradient."""
        gap, natural = theta[:-1] - self.expected, np.ones(2 * self.d + 3)
        natural[2 * self.d] = 0.0
        r = math.tanh(theta[-1])
        value = float((0.5 * self.precision * gap**2 + natural * theta[:-1]).sum()) - math.log(1.0 - r * r)
        return value, np.append(self.precision * gap + natural, 2.0 * r)
