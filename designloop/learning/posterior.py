"""A saved model as a BoTorch model: the same posterior, with gradients in the unit cube."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from botorch.models.model import Model
from botorch.posteriors.gpytorch import GPyTorchPosterior
from gpytorch.distributions import MultitaskMultivariateNormal, MultivariateNormal
from torch import Tensor

from designloop.learning.gp import MetricModel
from designloop.learning.kernels import ROOT5


class _Single:
    """One metric's GP in torch: constants are computed once, in NumPy."""

    def __init__(self, model: MetricModel) -> None:
        self.encoder, self.kernel, self.mean = model.encoder, model.kernel, model.mean
        lengthscales = torch.as_tensor(model.lengthscales, dtype=torch.double)
        self.scale = lengthscales[torch.as_tensor(model.encoder.groups)]
        self.points = torch.as_tensor(model.scaled(model.unit))
        self.alpha = torch.as_tensor(model.alpha)
        self.whitener = torch.as_tensor(model.whitener)

    def cross(self, unit: Tensor, points: Tensor) -> Tensor:
        """Correlations of unit points (..., q, d) with scaled feature points (..., n, D)."""
        return _correlation(self.kernel, self.scaled(unit), points)

    def scaled(self, unit: Tensor) -> Tensor:
        """Scaled features of unit points."""
        features: Tensor = self.encoder.features(unit)
        return features / self.scale

    def moments(self, unit: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation, each (...,), at unit points (..., d)."""
        cross = self.cross(unit, self.points)
        variance = 1.0 - (cross @ self.whitener.T).square().sum(-1)
        return self.mean + cross @ self.alpha, variance.clamp_min(1e-12).sqrt()


def _correlation(kernel: str, a: Tensor, b: Tensor) -> Tensor:
    r2 = a.square().sum(-1, keepdim=True) + b.square().sum(-1).unsqueeze(-2) - 2.0 * a @ b.mT
    r2 = r2.clamp_min(1e-30)
    if kernel == "rbf":
        return (-0.5 * r2).exp()
    r = ROOT5 * r2.sqrt()
    return (1.0 + r + r * r / 3.0) * (-r).exp()


class SavedPosterior(Model):  # type: ignore[misc]
    """Independent GPs of several metrics, in the order given; no hyper-parameter is trainable here."""

    def __init__(self, models: Sequence[MetricModel]) -> None:
        super().__init__()
        self.metric_models = list(models)
        self.singles = [_Single(m) for m in models]

    @property
    def num_outputs(self) -> int:
        """How many metrics."""
        return len(self.singles)

    @property
    def batch_shape(self) -> torch.Size:
        """No batch of models."""
        return torch.Size()

    def moments(self, unit: Tensor) -> tuple[Tensor, Tensor]:
        """Means and standard deviations (b, m) in model units at unit points (b, d)."""
        pairs = [s.moments(unit) for s in self.singles]
        return torch.stack([p[0] for p in pairs], -1), torch.stack([p[1] for p in pairs], -1)

    def posterior(
        self,
        X: Tensor,
        output_indices: list[int] | None = None,
        observation_noise: bool | Tensor = False,  # noqa: ARG002 - part of BoTorch's signature
        posterior_transform: Any = None,
    ) -> Any:
        """Joint posterior over the q points of X (..., q, d), noise-free."""
        chosen = range(self.num_outputs) if output_indices is None else output_indices
        normals = [self._normal(self.singles[i], X) for i in chosen]
        joint = (
            normals[0] if len(normals) == 1 else MultitaskMultivariateNormal.from_independent_mvns(normals)
        )
        posterior = GPyTorchPosterior(joint)
        return posterior if posterior_transform is None else posterior_transform(posterior)

    @staticmethod
    def _normal(single: _Single, unit: Tensor) -> MultivariateNormal:
        cross = single.cross(unit, single.points)
        own = single.scaled(unit)
        root = cross @ single.whitener.T
        covariance = _correlation(single.kernel, own, own) - root @ root.mT
        covariance = covariance + 1e-10 * torch.eye(unit.shape[-2], dtype=unit.dtype)
        return MultivariateNormal(single.mean + cross @ single.alpha, covariance)
