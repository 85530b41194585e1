"""A small smooth network for smooth responses of few inputs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import nn


def smooth_net(*, units: Sequence[int] = (2, 10, 10, 1)) -> nn.Sequential:
    """Dense layers with SiLU between, ``units`` from inputs to outputs; 151 weights by default.

    A smooth response wants a smooth activation, and full-batch quasi-Newton steps in double precision: what
    rectified units and first-order steps leave over is four orders of magnitude larger.
    """
    layers: list[nn.Module] = []
    for before, after in pairwise(units):
        layers += [nn.Linear(before, after), nn.SiLU()]
    return nn.Sequential(*layers[:-1])
