"""Stationary kernels with one lengthscale per input, as functions of the scaled squared distance."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Kernel = Literal["rbf", "matern52", "matern32"]

ROOT3, ROOT5 = 3.0**0.5, 5.0**0.5


def squared_distance(a: Array, b: Array) -> Array:
    """Squared Euclidean distances of rows, (n, D) and (m, D) to (n, m)."""
    gap = np.einsum("ij,ij->i", a, a)[:, None] + np.einsum("ij,ij->i", b, b)[None] - 2.0 * a @ b.T
    return np.asarray(np.maximum(gap, 0.0))


def correlation(kernel: Kernel, r2: Array) -> Array:
    """Correlation at scaled squared distance ``r2``.

    ``rbf``: exp(-r2 / 2). ``matern52``: (1 + sqrt(5) r + 5 r2 / 3) exp(-sqrt(5) r).
    ``matern32``: (1 + sqrt(3) r) exp(-sqrt(3) r).
    Source: Rasmussen, Williams 2006, equations 4.9 and 4.17.
    """
    if kernel == "rbf":
        return np.asarray(np.exp(-0.5 * r2))
    if kernel == "matern32":
        r = ROOT3 * np.sqrt(r2)
        return np.asarray((1.0 + r) * np.exp(-r))
    r = ROOT5 * np.sqrt(r2)
    return np.asarray((1.0 + r + r * r / 3.0) * np.exp(-r))


def log_slope(kernel: Kernel, r2: Array) -> Array:
    """f with dk / d ln l_j = f (x_j - y_j)^2 / l_j^2 at scaled squared distance ``r2``; -2 dk / d r2."""
    if kernel == "rbf":
        return np.asarray(np.exp(-0.5 * r2))
    if kernel == "matern32":
        return np.asarray(3.0 * np.exp(-ROOT3 * np.sqrt(r2)))
    r = ROOT5 * np.sqrt(r2)
    return np.asarray(5.0 / 3.0 * (1.0 + r) * np.exp(-r))
