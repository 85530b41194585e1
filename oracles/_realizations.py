"""Means and scatter over seeded realizations, and how many it takes to know them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from designloop.oracle import Observation

Array = NDArray[np.float64]
Samples = Mapping[str, Array]

BLOCK = 16
"""Realizations computed at a time; the wanted accuracy is looked at after each block."""


@dataclass(frozen=True, kw_only=True)
class Effort:
    """``least`` realizations, then more until every scatter is known to ``scatter_error``, up to ``most``."""

    least: int
    most: int
    scatter_error: float


def sample(draw: Callable[[range], Samples], effort: Effort) -> dict[str, Array]:
    """Realizations 0, 1, ... of ``draw``, as many as the effort asks for; one array per quantity."""
    blocks: list[Samples] = []
    done = 0
    while True:
        until = min(max(effort.least, effort.most), effort.least if not done else done + BLOCK)
        blocks += [draw(range(k, min(k + BLOCK, until))) for k in range(done, until, BLOCK)]
        done = until
        together = {name: np.concatenate([b[name] for b in blocks]) for name in blocks[0]}
        known = all(scatter_error(values) <= effort.scatter_error for values in together.values())
        if known or done >= effort.most:
            return together


def scatter_error(values: Array) -> float:
    """Relative standard error of the sample standard deviation; infinite below three samples.

    From Var(s^2) = sigma^4 (kappa - (n - 3)/(n - 1)) / n, with the sample's kurtosis kappa, but not less than
    that of the normal law, whose estimate from few samples is too low (Rao 1973, section 6h).
    """
    n = len(values)
    if n < 3:
        return math.inf
    deviation = values - values.mean()
    variance = (deviation**2).mean()
    if variance <= (1e-12 * values.mean()) ** 2:
        return 0.0
    kurtosis = max(3.0, (deviation**4).mean() / variance**2)
    return 0.5 * math.sqrt((kurtosis - (n - 3) / (n - 1)) / n)


def mean_of(values: Array, *, relative_bias: tuple[float, float] | None = None) -> Observation:
    """Mean with its standard error; ``relative_bias`` bounds its numerical error where known."""
    value = float(values.mean())
    sem = float(values.std(ddof=1) / math.sqrt(len(values))) if len(values) > 1 else None
    if relative_bias is None:
        return Observation(value=value, sem=sem)
    ends = sorted(value * (1 + bias) for bias in relative_bias)
    return Observation(value=value, sem=sem, lower=ends[0], upper=ends[1])


def scatter_of(values: Array) -> Observation:
    """Sample standard deviation with its standard error."""
    value = float(values.std(ddof=1))
    return Observation(value=value, sem=value * scatter_error(values) if value > 0 else 0.0)
