"""Hyper-parameters of a Gaussian process by maximum a posteriori, by BoTorch and GPyTorch.

Priors: Hvarfner, Hellsten, Nardi 2024, "Vanilla Bayesian optimization performs great in high
dimensions": ln lengthscale ~ N(sqrt(2) + ln(d)/2, 3), ln noise ~ N(-4, 1), unit signal variance on
standardized data. The constant mean is fitted along; a saved model recomputes it by generalized least
squares, which is its maximum-likelihood value.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from designloop.learning.features import Encoder
from designloop.learning.kernels import Array, Kernel

SHORTEST = 0.07
"""Least lengthscale over the square root of the dimension: shorter ones cannot be told from noise by the few
trials of a campaign, and a model that believes in them searches around an accident."""
NOISE = 1e-6
"""Least inferred noise variance in standardized units; BoTorch's own 1e-4 would blur exact simulations."""
OPTIONS = {"maxiter": 40, "ftol": 1e-6}


@dataclass(frozen=True, kw_only=True)
class Hyper:
    """Lengthscales (d,) in unit-cube units and the noise variance in standardized units."""

    lengthscales: tuple[float, ...]
    noise: float


def shortest(d: int) -> float:
    """The least lengthscale in ``d`` dimensions, in unit-cube units."""
    return SHORTEST * math.sqrt(d)


def initial_hyper(d: int) -> Hyper:
    """Where a first fit starts: the modes of the priors."""
    mode = math.exp(math.sqrt(2.0) + 0.5 * math.log(d) - 3.0)
    return Hyper(lengthscales=(max(mode, 0.3),) * d, noise=math.exp(-5.0))


def fit(
    unit: Array, z: Array, known: Array, *, encoder: Encoder, kernel: Kernel, starts: Sequence[Hyper]
) -> tuple[Hyper, float]:
    """Fit hyper-parameters to standardized data.

    ``unit`` (n, d), ``z`` (n,), ``known`` (n,) noise variances with NaN where they are unknown. The most
    probable start is followed; its end is returned with its negative log posterior density.
    """
    from gpytorch.mlls import ExactMarginalLogLikelihood

    from designloop.learning.posterior import trainable

    model = trainable(unit, z, known, encoder=encoder, kernel=kernel)
    mll = ExactMarginalLogLikelihood(model.likelihood, model)
    hyper, loss = _ascend(mll, min(starts, key=lambda start: _loss(mll, start)))
    return hyper, loss * len(z)


def _begin(mll: Any, start: Hyper) -> bool:
    """Set the hyper-parameters; True where a noise level is inferred."""
    import torch

    mll.train()
    lengthscales = torch.tensor(start.lengthscales, dtype=torch.double)
    mll.model.covar_module.lengthscale = lengthscales.clamp_min(1.001 * shortest(len(lengthscales)))
    mll.model.mean_module.constant.data.zero_()
    if inferred := hasattr(mll.likelihood.noise_covar, "raw_noise"):
        mll.likelihood.noise_covar.noise = torch.tensor([max(start.noise, 1.001 * NOISE)], dtype=torch.double)
    return inferred


def _loss(mll: Any, start: Hyper) -> float:
    """Negative log posterior density per trial at ``start``."""
    import torch

    _begin(mll, start)
    with torch.no_grad():
        return -float(mll(mll.model(*mll.model.train_inputs), mll.model.train_targets))


def _ascend(mll: Any, start: Hyper) -> tuple[Hyper, float]:
    """Where L-BFGS-B ends from ``start``, warned or not, and the loss per trial; the start where it fails."""
    from botorch.optim.fit import fit_gpytorch_mll_scipy
    from linear_operator.utils.errors import NanError, NotPSDError

    inferred = _begin(mll, start)
    try:
        loss = float(fit_gpytorch_mll_scipy(mll, options=dict(OPTIONS)).fval)
    except (NotPSDError, NanError):
        return start, math.inf
    scales = mll.model.covar_module.lengthscale.detach().view(-1).tolist()
    level = float(mll.likelihood.noise_covar.noise.detach()) if inferred else start.noise
    return Hyper(lengthscales=tuple(scales), noise=level), loss
