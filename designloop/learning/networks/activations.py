"""What a network's last linear layer sees: the features of a Bayesian last layer."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from designloop.learning.networks.ensemble import Ensemble
from designloop.learning.networks.folds import Array


def last_hidden(ensemble: Ensemble, x: ArrayLike) -> Array:
    """Inputs of every member's last ``nn.Linear`` (members, n, h), at inputs (n, ...).

    Raises ValueError where the network has no linear layer.
    """
    return np.stack(
        [ensemble.through(_Beheaded(module), x).double().numpy() for module in ensemble.modules()]
    )


class _Beheaded(nn.Module):
    """A module that gives what its last linear layer was given."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        linear = [part for part in module.modules() if isinstance(part, nn.Linear)]
        if not linear:
            raise ValueError("the network has no linear layer whose inputs could be features.")
        self.module = module
        self.seen: list[Tensor] = []
        linear[-1].register_forward_pre_hook(lambda _, given: self.seen.append(given[0]))

    def forward(self, x: Tensor) -> Tensor:
        """The features (n, h)."""
        self.seen.clear()
        self.module(x)
        return torch.flatten(self.seen[-1], 1)
