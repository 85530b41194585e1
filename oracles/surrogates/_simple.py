"""The simple answers that a network has to beat: fitted to the training rows, asked for the test rows."""

from __future__ import annotations

from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray

from ._rows import Rows

Array = NDArray[np.float64]
DEGREES = {"fraction": 4, "columns": 2}


def baselines(rows: Rows) -> dict[str, dict[str, Array]]:
    """Predictions (test rows,) by metric and name of the baseline."""
    train, test = rows.part("train"), rows.part("test")
    features = {name: (made[: len(train)], made[len(train) :]) for name, made in _features(rows).items()}
    known, metrics = rows.labels(train), rows.space.metrics
    found: dict[str, dict[str, Array]] = {}
    for k, metric in enumerate(metrics):
        mean = np.full(len(test), known[:, k].mean())
        found[metric] = {"mean_of_the_labels": mean} | {
            name: _fitted(seen, known[:, k], asked) for name, (seen, asked) in features.items()
        }
    return found


def _features(rows: Rows) -> dict[str, Array]:
    """Features (train and test rows, features) by name of the regression on them."""
    chosen = np.concatenate([rows.part("train"), rows.part("test")])
    images = rows.images(chosen)
    if isinstance(rows.space.sees, tuple):
        found = {"linear_regression": images, "quadratic_regression": _monomials(images, DEGREES["columns"])}
        if rows.space.sees == ("window_modulus",):
            harmonic = 1 / (1 / images).mean(axis=1, keepdims=True)
            return {"harmonic_mean": harmonic, "arithmetic_mean": images.mean(axis=1, keepdims=True), **found}
        return found
    if rows.space.sees == "phase":
        fraction = images.mean(axis=(1, 2, 3))[:, None].astype(float)
        return {"polynomial_of_the_volume_fraction": _monomials(fraction, DEGREES["fraction"])}
    return {"affine_voigt": _voigt(rows, chosen)}


def _voigt(rows: Rows, chosen: NDArray[np.intp]) -> Array:
    """Young's modulus along x of the mean stiffness of <100> film windows, ``(n, 1)``, GPa."""
    from . import images

    turned = images.orientation(rows.data.arrays["labels"][chosen], rows.data.arrays["angles"][chosen])
    c, s = turned.mean(axis=(2, 3), dtype=float).T
    from .networks.cycle import BULK, CONTRAST, SHEAR

    shear = SHEAR + CONTRAST * c - (CONTRAST * s) ** 2 / (SHEAR - CONTRAST * c)
    return (4 / (1 / BULK + 1 / shear))[:, None]


def _monomials(columns: Array, degree: int) -> Array:
    """All products of up to ``degree`` standardized columns."""
    scale = np.where(columns.std(axis=0) > 0, columns.std(axis=0), 1.0)
    z = ((columns - columns.mean(axis=0)) / scale).T
    products = [
        np.prod([z[j] for j in one], axis=0)
        for order in range(1, degree + 1)
        for one in combinations_with_replacement(range(len(z)), order)
    ]
    return np.stack(products, axis=1)


def _fitted(seen: Array, labels: Array, asked: Array) -> Array:
    """Least squares with a constant."""

    def with_one(x: Array) -> Array:
        return np.column_stack([np.ones(len(x)), x])

    weights, *_ = np.linalg.lstsq(with_one(seen), labels, rcond=None)
    return with_one(asked) @ weights
