"""A Bayesian last layer: the network's last hidden activations as a linear model with a conjugate normal
prior.

Per output y = w . phi + e with w ~ N(0, I / prior) and e ~ N(0, noise), phi ending in 1. The rows learned
from enter through their sums phi phi', phi y, y y alone; hence further rows are learned exactly, in any
order, and a model is a handful of arrays. NumPy only.
Sources: Bishop 2006, sections 3.3 and 3.5 (posterior, evidence); MacKay 1992; Snoek et al. 2015 (on top of a
network).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Score = Callable[[int, Array], float]
"""Output and (ln prior, ln noise) to what is to be small."""
LIMITS = (-18.0, 14.0)
"""Natural logarithms between which prior precision and noise variance are searched, in standardized units."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LastLayer:
    """Sums over rows: ``gram`` (h, h), ``moment`` (h, m), ``square`` (m,), ``rows`` (); h counts the 1.

    ``prior`` (m,) are precisions of the weights, ``noise`` (m,) variances, both of targets as they were
    given.
    """

    gram: Array
    moment: Array
    square: Array
    rows: Array
    prior: Array
    noise: Array

    @property
    def arrays(self) -> dict[str, Array]:
        """The six arrays by name."""
        return dict(vars(self))

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array]) -> LastLayer:
        """Undo ``arrays``; other names are passed over."""
        return cls(**{name: np.asarray(arrays[name], dtype=float) for name in cls.__dataclass_fields__})

    def updated(self, features: ArrayLike, targets: ArrayLike) -> LastLayer:
        """Also learned from further rows (n, h - 1) and (n, m), at the same prior and noise; exact."""
        more = _sums(features, targets)
        if more["gram"].shape != self.gram.shape or more["moment"].shape != self.moment.shape:
            raise ValueError(
                f"further rows must have {len(self.gram) - 1} features and {self.moment.shape[1]} targets."
            )
        return replace(self, **{name: getattr(self, name) + value for name, value in more.items()})

    def weights(self) -> Array:
        """Posterior means (h, m), the constant last."""
        values, vectors = self._spectrum()
        return vectors @ ((vectors.T @ self.moment) / (values[:, None] + self.prior * self.noise))

    def predict(self, features: ArrayLike) -> tuple[Array, Array]:
        """Mean and epistemic variance (n, m) at features (n, h - 1); observations vary by ``noise`` more."""
        values, vectors = self._spectrum()
        turned = _with_one(features) @ vectors
        ridge = self.prior * self.noise
        mean = turned @ ((vectors.T @ self.moment) / (values[:, None] + ridge))
        return mean, turned**2 @ (self.noise / (values[:, None] + ridge))

    def _spectrum(self) -> tuple[Array, Array]:
        values, vectors = np.linalg.eigh(self.gram)
        return np.maximum(values, 0.0), vectors


def fit(
    features: ArrayLike, targets: ArrayLike, *, validation: tuple[ArrayLike, ArrayLike] | None = None
) -> LastLayer:
    """Learn from features (n, h) and targets (n, m), in standardized units.

    Prior and noise of each output are those of largest evidence, or with ``validation`` (features, targets)
    those under which the rows held out are most probable: choose these where the features were trained on the
    same rows, since residuals there are too small and so would be the noise.
    """
    sums = _sums(features, targets)
    outputs = sums["moment"].shape[1]
    blank = LastLayer(**sums, prior=np.ones(outputs), noise=np.ones(outputs))
    score = _evidence(blank) if validation is None else _held_out(blank, *validation)
    chosen = np.array([_search(score, k) for k in range(outputs)])
    return replace(blank, prior=np.exp(chosen[:, 0]), noise=np.exp(chosen[:, 1]))


def _evidence(model: LastLayer) -> Score:
    """Negative log probability of the rows learned from, per row (Bishop 2006, equation 3.86)."""
    values, vectors = model._spectrum()
    turned, rows = vectors.T @ model.moment, float(model.rows)

    def score(output: int, logs: Array) -> float:
        prior, noise = np.exp(logs)
        precision = prior + values / noise
        misfit = model.square[output] / noise - np.sum((turned[:, output] / noise) ** 2 / precision)
        width = np.sum(np.log(precision / prior))
        return float(0.5 * (rows * np.log(2 * np.pi * noise) + width + misfit) / rows)

    return score


def _held_out(model: LastLayer, features: ArrayLike, targets: ArrayLike) -> Score:
    """Negative log density of rows held out, per row."""
    values, vectors = model._spectrum()
    held, y, coefficients = _with_one(features) @ vectors, _columns(targets), vectors.T @ model.moment

    def score(output: int, logs: Array) -> float:
        prior, noise = np.exp(logs)
        shrunk = 1.0 / (values + prior * noise)
        error = held @ (coefficients[:, output] * shrunk) - y[:, output]
        variance = noise * (1.0 + held**2 @ shrunk)
        return float(np.mean(0.5 * np.log(2 * np.pi * variance) + 0.5 * error**2 / variance))

    return score


def _search(score: Score, output: int) -> Array:
    """The least score: the best place of a coarse grid, refined."""
    from scipy.optimize import minimize

    def value(logs: Array) -> float:
        return score(output, logs)

    axis = np.linspace(*LIMITS, 9)
    begin = min((np.array([prior, noise]) for prior in axis for noise in axis), key=value)
    found = minimize(value, begin, method="L-BFGS-B", bounds=[LIMITS, LIMITS])
    return np.asarray(found.x, dtype=float)


def _sums(features: ArrayLike, targets: ArrayLike) -> dict[str, Array]:
    phi, y = _with_one(features), _columns(targets)
    if len(phi) != len(y) or not (np.isfinite(phi).all() and np.isfinite(y).all()):
        raise ValueError(
            f"features and targets must be finite and of the same rows, not {len(phi)} and {len(y)} rows."
        )
    return {
        "gram": phi.T @ phi, "moment": phi.T @ y, "square": np.sum(y**2, axis=0), "rows":
        np.array(float(len(y)))
    }  # fmt: skip


def _with_one(features: ArrayLike) -> Array:
    phi = np.asarray(features, dtype=float)
    return np.concatenate([phi, np.ones((len(phi), 1))], axis=1)


def _columns(targets: ArrayLike) -> Array:
    y = np.asarray(targets, dtype=float)
    return y[:, None] if y.ndim == 1 else y
