"""Saved models as a BoTorch model that knows means and variances of single points, and nothing else.

Analytic acquisition functions ask for no more. What a general model pays for its generality (lazy matrices,
another factorization for every believed design) is ten times the arithmetic at a hundred trials.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from botorch.acquisition.objective import ScalarizedPosteriorTransform
from botorch.models.model import Model
from botorch.posteriors.posterior import Posterior
from torch import Tensor

from designloop.learning.gp import MetricModel
from designloop.learning.kernels import ROOT3, ROOT5, Kernel

LEAST = 1e-15
"""Least squared distance, and least variance: roots have no slope at 0."""


class Moments(Posterior):  # type: ignore[misc]
    """Means and variances (..., 1, m) of m independent outputs."""

    def __init__(self, mean: Tensor, variance: Tensor) -> None:
        self.mean, self.variance = mean, variance

    @property
    def device(self) -> torch.device:
        """Where the tensors are."""
        found: torch.device = self.mean.device
        return found

    @property
    def dtype(self) -> torch.dtype:
        """Double precision."""
        found: torch.dtype = self.mean.dtype
        return found

    def rsample(self, sample_shape: torch.Size | None = None) -> Tensor:
        """Refused: who samples needs covariances."""
        raise NotImplementedError("moments of single points cannot be sampled together")


class MomentModel(Model):  # type: ignore[misc]
    """The GPs of ``models`` as independent outputs: equations 2.25 and 2.26 of Rasmussen, Williams 2006.

    The factors are those that the saved models hold already.
    """

    def __init__(self, models: Sequence[MetricModel]) -> None:
        super().__init__()
        self._outputs = [_Output(m) for m in models]

    @property
    def num_outputs(self) -> int:
        """How many metrics there are."""
        return len(self._outputs)

    def posterior(
        self,
        X: Tensor,
        output_indices: list[int] | None = None,
        observation_noise: bool | Tensor = False,  # noqa: ARG002 - BoTorch's signature
        posterior_transform: Any = None,
    ) -> Moments:
        """Moments (..., 1, m) at points X (..., 1, d); of their weighted sum under a posterior transform."""
        chosen = self._outputs if output_indices is None else [self._outputs[i] for i in output_indices]
        pairs = [output(X) for output in chosen]
        mean, variance = (torch.stack(part, dim=-1) for part in zip(*pairs, strict=True))
        if posterior_transform is None:
            return Moments(mean, variance)
        if not isinstance(posterior_transform, ScalarizedPosteriorTransform):
            raise NotImplementedError("only weighted sums of the outputs are known")
        weights = posterior_transform.weights
        total = posterior_transform.offset + (mean * weights).sum(-1, keepdim=True)
        return Moments(total, (variance * weights.square()).sum(-1, keepdim=True))


class _Output:
    """One GP's moments (...) at points (..., d)."""

    def __init__(self, model: MetricModel) -> None:
        self._encoder, self._kernel, self._mean = model.encoder, model.kernel, model.mean
        self._alpha, self._whitener = torch.as_tensor(model.alpha), torch.as_tensor(model.whitener)
        self._variance = model.variance
        groups = model.encoder.groups
        self._parts = [
            (
                torch.as_tensor(np.asarray(p.lengthscales)[groups]),
                torch.as_tensor(model.scaled(model.unit, p.lengthscales)),
                torch.as_tensor(p.dear * model.weights(model.unit, p)),
            )
            for p in model.parts
            if p.dear
        ]

    def __call__(self, X: Tensor) -> tuple[Tensor, Tensor]:
        features = self._encoder.features(X)
        features = features.reshape(-1, features.shape[-1])
        cross: Any = sum(self._cross(features / scale, points) * w for scale, points, w in self._parts)
        variance = self._variance - (cross @ self._whitener.T).square().sum(-1)
        shape = X.shape[:-1]
        return (self._mean + cross @ self._alpha).reshape(shape), variance.clamp_min(LEAST).reshape(shape)

    def _cross(self, flat: Tensor, points: Tensor) -> Tensor:
        gaps = flat.square().sum(-1, keepdim=True) + points.square().sum(-1) - 2.0 * flat @ points.T
        return _correlation(self._kernel, gaps.clamp_min(LEAST))


def _correlation(kernel: Kernel, r2: Tensor) -> Tensor:
    """As ``kernels.correlation``, for tensors."""
    found: Tensor
    if kernel == "rbf":
        found = (-0.5 * r2).exp()
    elif kernel == "matern32":
        r = ROOT3 * r2.sqrt()
        found = (1.0 + r) * (-r).exp()
    else:
        r = ROOT5 * r2.sqrt()
        found = (1.0 + r + r * r / 3.0) * (-r).exp()
    return found
