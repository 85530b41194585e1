"""How much a label would teach, by each strategy: pure functions of arrays and models; all are maximized.

Outputs stand in model units (standardized per metric), so that metrics of any unit weigh alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from designloop.learning.gp import MetricModel
from designloop.learning.kernels import Array, correlation, squared_distance


@dataclass(frozen=True, kw_only=True)
class Terms:
    """Part of what is not known of one metric: covariance (k, u) with the nodes, own variance (k,), noise."""

    cross: Array
    own: Array
    noise: float = 0.0


def covariance_terms(model: MetricModel, unit: Array, nodes: Array, *, scale: float = 1.0) -> Terms:
    """What a GP does not know, its signal variance multiplied by ``scale``."""
    return Terms(
        cross=scale * covariance(model, unit, nodes),
        own=scale * model.posterior(unit)[1] ** 2,
        noise=scale * float(model.noise.mean()),
    )


def disagreement_terms(here: Array, there: Array, *, noise: float = 0.0) -> Terms:
    """What the members of a committee disagree on: predictions ``here`` (M, k) and ``there`` (M, u)."""
    here, there = here - here.mean(0), there - there.mean(0)
    return Terms(cross=here.T @ there / len(here), own=(here**2).mean(0), noise=noise)


def variance_taken(terms: Sequence[Terms], weights: Array | None = None) -> Array:
    """Variance that one label takes from the nodes, mean over them by ``weights`` (u,): (k,).

    By the law of total covariance the terms add up to c(x, u), and the label at x takes
    c(x, u)^2 / (c(x, x) + s) from the variance at u. One GP alone: variance reduction of Cohn 1996 and Seo et
    al. 2000 (ALC); less the variance integrated before, BoTorch's qNegIntegratedPosteriorVariance.
    """
    cross, own = sum(t.cross for t in terms), sum(t.own for t in terms)
    share = np.ones(np.shape(cross)[1]) if weights is None else weights
    taken = (cross**2 @ share) / len(share)
    return np.asarray(taken / (own + sum(t.noise for t in terms) + 1e-12))


def covariance(model: MetricModel, a: Array, b: Array) -> Array:
    """Posterior covariance of the noise-free metric between (k, d) and (u, d), in model units: (k, u)."""
    scaled, known = (model.scaled(a), model.scaled(b)), model.scaled(model.unit)
    rows, columns = (model.whitener @ correlation(model.kernel, squared_distance(known, s)) for s in scaled)
    return np.asarray(correlation(model.kernel, squared_distance(*scaled)) - rows.T @ columns)


def bald(means: Array, variances: Array) -> Array:
    """Information that a label gives about which member is right: (k,), in nats, mean over metrics.

    Entropy of the mixture of the members' Gaussians ``means, variances`` (M, k, m), noise included, minus
    their mean entropy. The mixture's entropy is that of the Gaussian with its moments, an upper bound:
    1/2 ln(mean_m v_m + var_m mu_m) - 1/2 mean_m ln v_m. The exact one never passes ln M, and for exact
    simulations it lies there everywhere. Source: Houlsby, Huszar, Ghahramani, Lengyel 2011, equation 2.
    """
    whole = np.log(variances.mean(0) + means.var(0))
    return np.asarray((0.5 * (whole - np.log(variances).mean(0))).mean(-1))


def gsx(features: Array, known: Array) -> Array:
    """Distance (k,) of (k, D) to the nearest of ``known`` (n, D).

    Source: Yu, Kim 2010, "Passive sampling for regression" (GSx).
    """
    return np.asarray(np.sqrt(squared_distance(features, known).min(1)))


def igs(features: Array, known: Array, means: Array, labels: Array) -> Array:
    """Least product (k,) of distances in inputs and outputs to a labelled design.

    ``features`` (k, D), ``known`` (n, D), predictions ``means`` (k, m), ``labels`` (n, m).
    Source: Wu, Lin, Huang 2019, "Active learning for regression using greedy sampling" (iGS).
    """
    gaps = squared_distance(features, known) * squared_distance(means, labels)
    return np.asarray(np.sqrt(gaps.min(1)))
