"""A metric's answers as a model takes them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from designloop.learning.kernels import Array
from designloop.learning.transforms import MetricTransform
from designloop.strategies.base import Trial

TIE = 2.0
"""A transform must be more probable than the plain one by this factor in natural logarithms."""


def labels_of(trials: Sequence[Trial], metric: str, transform: MetricTransform) -> tuple[Array, Array]:
    """Model values (n,) and known noise variances (n,), NaN where unknown, of trials with the metric."""
    values = np.array([t.metrics[metric].value for t in trials])
    sems = np.array([math.nan if (s := t.metrics[metric].sem) is None else s for t in trials])
    z = transform.forward(values)
    if not np.isfinite(z).all():  # a later value that a logarithm chosen earlier cannot take
        z = np.where(np.isfinite(z), z, np.nanmin(np.where(np.isfinite(z), z, np.nan)) - 1.0)
        sems = np.where(values > 0, sems, math.nan)
    noise = (sems * transform.slope(np.where(np.isfinite(sems), values, 1.0))) ** 2
    return z, np.maximum(noise, 1e-6)
