"""What the last outputs of a network mean: a value, a normal distribution or a mixture of them.

Tensors (..., rows, width); a loss is the mean over rows, (...,). Variances are softplus of the raw outputs
plus a floor, in units of the standardized targets.
Sources: Nix, Weigend 1994 (variance as an output); Bishop 1994 (mixture density networks); Seitzer et al.
2022 (beta-NLL).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import softplus

from designloop.learning.networks.recipe import Loss

FLOOR = 1e-6
"""Least variance, of targets whose variance is 1."""


def width(loss: Loss, targets: int, *, components: int = 1) -> int:
    """How many outputs a network needs for ``targets`` metrics."""
    return {"mse": targets, "gaussian": 2 * targets, "mixture": components * (1 + 2 * targets)}[loss]


def mean_square(outputs: Tensor, y: Tensor) -> Tensor:
    """Squared error averaged over rows and targets."""
    return ((outputs - y) ** 2).mean(dim=(-2, -1))


def normal(outputs: Tensor, targets: int) -> tuple[Tensor, Tensor]:
    """Means and variances (..., rows, m) of outputs (..., rows, 2 m)."""
    _check(outputs, targets, width("gaussian", targets), "gaussian")
    return outputs[..., :targets], softplus(outputs[..., targets:]) + FLOOR


def gaussian_loss(outputs: Tensor, y: Tensor, *, beta: float = 0.0) -> Tensor:
    """Negative log density, each row weighted by variance**beta, a weight that is not differentiated.

    beta = 0 is the likelihood itself, which starves rows of large variance of gradient; beta = 1 follows the
    squared error (Seitzer et al. 2022, equation 5).
    """
    mean, variance = normal(outputs, y.shape[-1])
    density = 0.5 * (torch.log(2 * math.pi * variance) + (y - mean) ** 2 / variance)
    return (density * variance.detach() ** beta if beta else density).mean(dim=(-2, -1))


def mixture(outputs: Tensor, targets: int) -> tuple[Tensor, Tensor, Tensor]:
    """Log weights (..., rows, k), means and variances (..., rows, k, m) of k (1 + 2 m) outputs."""
    k, left = divmod(outputs.shape[-1], 1 + 2 * targets)
    if left or not k:
        _check(outputs, targets, (k + 1) * (1 + 2 * targets), "mixture")
    logits, means, raw = torch.split(outputs, [k, k * targets, k * targets], dim=-1)
    shape = (*outputs.shape[:-1], k, targets)
    return logits.log_softmax(dim=-1), means.reshape(shape), softplus(raw.reshape(shape)) + FLOOR


def mixture_loss(outputs: Tensor, y: Tensor) -> Tensor:
    """Negative log density of the mixture, over the number of targets."""
    weights, means, variances = mixture(outputs, y.shape[-1])
    error = y.unsqueeze(-2) - means
    density = -0.5 * (torch.log(2 * math.pi * variances) + error**2 / variances).sum(dim=-1)
    return -torch.logsumexp(weights + density, dim=-1).mean(dim=-1) / y.shape[-1]


def training_loss(loss: Loss, *, beta: float = 0.0) -> Callable[[Tensor, Tensor], Tensor]:
    """The loss by name; with ``beta`` 0 the proper score that validation uses."""
    if loss == "gaussian":
        return lambda outputs, y: gaussian_loss(outputs, y, beta=beta)
    return mean_square if loss == "mse" else mixture_loss


def moments(loss: Loss, outputs: Tensor, targets: int) -> tuple[Tensor, Tensor]:
    """Predictive mean and variance (..., rows, m); of "mse" the variance is 0."""
    if loss == "mse":
        return outputs, torch.zeros_like(outputs)
    if loss == "gaussian":
        return normal(outputs, targets)
    weights, means, variances = mixture(outputs, targets)
    share = weights.exp().unsqueeze(-1)
    mean = (share * means).sum(dim=-2)
    return mean, (share * (variances + (means - mean.unsqueeze(-2)) ** 2)).sum(dim=-2)


def _check(outputs: Tensor, targets: int, wanted: int, head: str) -> None:
    if outputs.shape[-1] != wanted:
        raise ValueError(
            f"the head {head!r} needs {wanted} outputs of the network for {targets} targets, "
            f"not {outputs.shape[-1]}; see heads.width."
        )
