"""BoTorch models: one to be fitted, and those of a saved model, rebuilt without fitting.

Both are ``SingleTaskGP`` with a constant mean and one lengthscale per parameter, on the unit cube.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from botorch.models import ModelListGP, SingleTaskGP
from botorch.models.utils.gpytorch_modules import get_covar_module_with_dim_scaled_prior
from gpytorch.constraints import GreaterThan
from gpytorch.kernels import Kernel as TorchKernel
from gpytorch.kernels import MaternKernel, RBFKernel
from gpytorch.likelihoods.gaussian_likelihood import _GaussianLikelihoodBase
from gpytorch.likelihoods.noise_models import HomoskedasticNoise
from gpytorch.priors import LogNormalPrior
from linear_operator.operators import DiagLinearOperator
from torch import Tensor

from designloop.learning.features import Encoder
from designloop.learning.fit import NOISE, shortest
from designloop.learning.gp import JITTER, MetricModel
from designloop.learning.kernels import Array, Kernel


class EncodedKernel(TorchKernel):  # type: ignore[misc]
    """``k(e(x) / l, e(y) / l)`` with ``e`` one-hot for unordered choices, which share one lengthscale."""

    has_lengthscale = True
    is_stationary = False

    def __init__(self, kernel: Kernel, encoder: Encoder) -> None:
        d = encoder.dimension
        prior = LogNormalPrior(loc=math.sqrt(2.0) + 0.5 * math.log(d), scale=math.sqrt(3.0))
        limit = GreaterThan(shortest(d), transform=None, initial_value=prior.mode)
        super().__init__(ard_num_dims=d, lengthscale_prior=prior, lengthscale_constraint=limit)
        self.ard_num_dims = None  # inputs are unit points, of which there may be more or fewer columns
        self.encoder = encoder
        self.groups = torch.as_tensor(encoder.groups)
        self.unscaled = RBFKernel() if kernel == "rbf" else MaternKernel(nu=0.5 * int(kernel[-2]))
        self.unscaled.raw_lengthscale.requires_grad_(requires_grad=False)
        self.unscaled.lengthscale = 1.0

    def forward(self, x1: Tensor, x2: Tensor, diag: bool = False, **params: Any) -> Any:
        """Covariance of unit points (..., n, d) and (..., m, d)."""
        scale = self.lengthscale[..., self.groups]
        a, b = self.encoder.features(x1) / scale, self.encoder.features(x2) / scale
        return self.unscaled.forward(a, b, diag=diag, **params)


def covariance(kernel: Kernel, encoder: Encoder) -> Any:
    """BoTorch's default kernel and prior, or Matern-5/2 with that prior; encoded where choices ask for it.

    Prior: Hvarfner, Hellsten, Nardi 2024: ln lengthscale ~ N(sqrt(2) + ln(d) / 2, 3), unit variance.
    """
    if not encoder.is_plain or kernel == "matern32":
        return EncodedKernel(kernel, encoder)
    return get_covar_module_with_dim_scaled_prior(encoder.dimension, use_rbf_kernel=kernel == "rbf")


class PartlyKnownNoise(HomoskedasticNoise):  # type: ignore[misc]
    """Known variances (n,) beside one inferred level for the trials that state none (NaN).

    Prior: BoTorch's ln noise ~ N(-4, 1).
    """

    def __init__(self, known: Tensor) -> None:
        limit = _above(NOISE)
        super().__init__(noise_prior=LogNormalPrior(loc=-4.0, scale=1.0), noise_constraint=limit)
        self.known = known

    def forward(self, *_: Any, **__: Any) -> DiagLinearOperator:
        """Noise of the training data."""
        return DiagLinearOperator(torch.where(self.known.isnan(), self.noise, self.known))


def trainable(unit: Array, z: Array, known: Array, *, encoder: Encoder, kernel: Kernel) -> SingleTaskGP:
    """A model to be fitted to ``unit`` (n, d), ``z`` (n,), with ``known`` (n,) noise or NaN."""
    variances = torch.as_tensor(known)
    inferred = bool(variances.isnan().any())
    noise = PartlyKnownNoise(variances) if inferred else None
    model = SingleTaskGP(
        torch.as_tensor(unit),
        torch.as_tensor(z)[:, None],
        train_Yvar=None if inferred else variances[:, None],
        likelihood=None if noise is None else _GaussianLikelihoodBase(noise),
        covar_module=covariance(kernel, encoder),
        outcome_transform=None,
    )
    model.covar_module.register_constraint("raw_lengthscale", _above(shortest(encoder.dimension)))
    return model


def _above(bound: float) -> GreaterThan:
    """A limit whose raw parameter is a logarithm: L-BFGS-B mostly needs fewer steps."""
    return GreaterThan(bound, transform=torch.exp, inv_transform=torch.log)


def botorch_of(models: Sequence[MetricModel]) -> ModelListGP:
    """The BoTorch model of several metrics, in the order given and in eval mode."""
    return ModelListGP(*map(_single, models)).requires_grad_(requires_grad=False).eval()


def _single(model: MetricModel) -> SingleTaskGP:
    if model.link:
        raise ValueError("a model of two fidelities answers by its moments alone")
    single = trainable(model.unit, model.z, model.noise + JITTER, encoder=model.encoder, kernel=model.kernel)
    single.covar_module.register_constraint("raw_lengthscale", _above(0.0))
    single.covar_module.lengthscale = torch.as_tensor(model.lengthscales, dtype=torch.double)
    single.mean_module.constant.data.fill_(model.mean)
    return single
