"""Monte Carlo dropout: predictions with units left out at random, whose spread is epistemic.

Source: Gal, Ghahramani 2016.
"""

from __future__ import annotations

import torch
from numpy.typing import ArrayLike
from torch import nn
from torch.nn.modules.dropout import _DropoutNd

from designloop.learning.networks.ensemble import Ensemble
from designloop.learning.networks.folds import Array
from designloop.learning.networks.heads import moments
from designloop.learning.networks.seeds import layers_seeded, seed_at


def keep_dropping(module: nn.Module) -> nn.Module:
    """The module itself, predicting, except that its dropout layers keep leaving units out.

    Raises ValueError where there is no dropout layer with a probability above 0.
    """
    layers = [part for part in module.eval().modules() if isinstance(part, _DropoutNd) and part.p > 0]
    if not layers:
        raise ValueError("the network has no dropout layer: its answers would not vary.")
    for layer in layers:
        layer.train()
    return module


def sample(ensemble: Ensemble, x: ArrayLike, *, samples: int, seed: int) -> tuple[Array, Array]:
    """Means and variances (members * samples, n, m) of every member's ``samples`` passes.

    Equal seeds give equal passes; rows are dropped independently of each other.
    """
    drawn = []
    for k, module in enumerate(ensemble.modules()):
        keep_dropping(module)
        for pass_ in range(samples):
            with layers_seeded(seed_at(seed, "samples", k, pass_)):
                drawn.append(moments(ensemble.loss, ensemble.through(module, x), ensemble.targets))
    mean, variance = (torch.stack(parts) for parts in zip(*drawn, strict=True))
    return ensemble.in_units(mean, variance)
