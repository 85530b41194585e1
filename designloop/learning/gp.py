"""Exact Gaussian-process posterior of a saved model, in NumPy alone.

A saved model holds one independent GP per metric:
constant mean m, kernel k with one lengthscale per parameter and unit signal variance, noise variances
s_i, inputs on the unit cube, outputs through a recorded transform. With K = k(X, X) + diag(s):
mean(x) = m + k(x, X) K^-1 (z - m), var(x) = 1 - k(x, X) K^-1 k(X, x).
Source: Rasmussen, Williams 2006, equations 2.25 and 2.26.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from designloop.learning.features import Encoder
from designloop.learning.features import encoder_of as encoder_of
from designloop.learning.kernels import Array, Kernel, correlation, squared_distance
from designloop.learning.link import Link, Part
from designloop.learning.saved import SavedModel
from designloop.learning.transforms import MetricTransform
from designloop.space import Design, Space

VERSION = 1
JITTER = 1e-9


@dataclass(frozen=True, kw_only=True)
class MetricModel:
    """The GP of one metric: ``unit`` (n, d), ``z`` and ``noise`` (n,) in model units.

    With a link to a cheap fidelity ``unit`` is (n, d + 1): its last column is 0 for cheap answers, 1 for
    those that count. Designs without that column stand at 1.
    """

    metric: str
    encoder: Encoder
    kernel: Kernel
    lengthscales: tuple[float, ...]
    transform: MetricTransform
    unit: Array
    z: Array
    noise: Array
    noise_level: float
    trials: tuple[int, ...]
    fixed_mean: float | None = None
    link: Link | None = None
    internal: bool = False
    """True for a model the strategy keeps for itself, such as viability."""

    @property
    def designs(self) -> Array:
        """The designs of the data without their fidelity, (n, d)."""
        return self.unit[:, : len(self.encoder.levels)]

    def scaled(self, unit: Array, lengthscales: tuple[float, ...] = ()) -> Array:
        """Features of designs (..., d) divided by their lengthscales, (..., D)."""
        scale = np.asarray(lengthscales or self.lengthscales)[self.encoder.groups]
        designs = np.asarray(unit, dtype=float)[..., : len(self.encoder.levels)]
        return np.asarray(self.encoder.features(designs) / scale)

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """The independent processes whose weighted sum the metric is."""
        return self.link.parts(self.lengthscales) if self.link else (Part(self.lengthscales),)

    @property
    def variance(self) -> float:
        """Prior variance of the metric at the fidelity that counts."""
        return sum(p.dear**2 for p in self.parts)

    def is_cheap(self, unit: Array) -> NDArray[np.bool_]:
        """Which points (k, d) or (k, d + 1) stand at the cheap fidelity: (k,)."""
        last = unit[:, len(self.encoder.levels) :]
        return np.asarray((last < 0.5).any(axis=-1))

    def weights(self, unit: Array, part: Part) -> Array:
        """What a part weighs at points (k, d) or (k, d + 1): (k,)."""
        return np.where(self.is_cheap(unit), part.cheap, part.dear)

    def prior(self, a: Array, b: Array) -> Array:
        """Prior covariance of the noise-free metric between points, (k, n)."""
        found = np.zeros((len(a), len(b)))
        for p in self.parts:
            r2 = squared_distance(self.scaled(a, p.lengthscales), self.scaled(b, p.lengthscales))
            found += np.outer(self.weights(a, p), self.weights(b, p)) * correlation(self.kernel, r2)
        return found

    def own(self, unit: Array) -> Array:
        """Prior variance at points, (k,)."""
        return np.asarray(sum(self.weights(unit, p) ** 2 for p in self.parts))

    @cached_property
    def chol(self) -> Array:
        """Lower Cholesky factor of K, (n, n)."""
        gram = self.prior(self.unit, self.unit)
        gram[np.diag_indices(len(gram))] = self.own(self.unit) + self.noise + JITTER
        return np.asarray(np.linalg.cholesky(gram))

    @cached_property
    def whitener(self) -> Array:
        """Inverse of the Cholesky factor, (n, n)."""
        return _inverse(self.chol)

    @cached_property
    def mean(self) -> float:
        """The constant mean: given, or by generalized least squares."""
        if self.fixed_mean is not None:
            return self.fixed_mean
        ones = self.whitener.sum(1)
        return float(ones @ (self.whitener @ self.z) / (ones @ ones))

    @cached_property
    def alpha(self) -> Array:
        """K^-1 (z - m), (n,)."""
        return np.asarray(self.whitener.T @ (self.whitener @ (self.z - self.mean)))

    def posterior(self, unit: Array) -> tuple[Array, Array]:
        """Mean and standard deviation of the noise-free metric in model units, at (k, d): (k,), (k,)."""
        cross = self.prior(unit, self.unit)
        variance = self.own(unit) - ((cross @ self.whitener.T) ** 2).sum(1)
        return self.mean + cross @ self.alpha, np.sqrt(np.maximum(variance, 1e-12))

    def covariance(self, unit: Array) -> Array:
        """Posterior covariance of the noise-free metric in model units among (k, d): (k, k)."""
        beside = self.prior(unit, self.unit) @ self.whitener.T
        return np.asarray(self.prior(unit, unit) - beside @ beside.T)

    def with_points(self, unit: Array, z: Array) -> MetricModel:
        """A copy that believes ``z`` (k,) at points (k, as ``unit``), with the smallest noise of the data."""
        noise = np.full(len(z), float(self.noise.min()) if len(self.noise) else self.noise_level)
        found = replace(
            self,
            unit=np.vstack([self.unit, unit]),
            z=np.append(self.z, z),
            noise=np.append(self.noise, noise),
            trials=(*self.trials, *(-1 for _ in z)),
        )
        vars(found)["whitener"] = self._extended(unit, noise)  # in place of the cached property's own work
        return found

    def _extended(self, unit: Array, noise: Array) -> Array:
        """The whitener with ``unit`` (k, d) added, (n + k, n + k), its old block as it was."""
        n = len(self.unit)
        beside = self.prior(unit, self.unit) @ self.whitener.T
        gram = self.prior(unit, unit)
        gram[np.diag_indices(len(gram))] = self.own(unit) + noise + JITTER
        corner = _inverse(np.asarray(np.linalg.cholesky(gram - beside @ beside.T)))
        found = np.zeros((n + len(unit), n + len(unit)))
        found[:n, :n], found[n:, n:] = self.whitener, corner
        found[n:, :n] = -corner @ (beside @ self.whitener)
        return found


def _inverse(lower: Array) -> Array:
    """The inverse of a lower triangular matrix (n, n), by halves."""
    n = len(lower)
    if n <= 64:
        return np.asarray(np.linalg.inv(lower))
    k, found = n // 2, np.zeros_like(lower)
    found[:k, :k], found[k:, k:] = _inverse(lower[:k, :k]), _inverse(lower[k:, k:])
    found[k:, :k] = -found[k:, k:] @ (lower[k:, :k] @ found[:k, :k])
    return found


@dataclass(frozen=True, kw_only=True)
class LeaveOneOut:
    """How well one metric is predicted at each trial from all other trials.

    ``mean`` and ``sd`` (of a new observation) in metric units; ``z`` = (observed - mean) / sd in model
    units; ``coverage``: share of |z| <= 1.96; ``r2`` and ``nrmse`` (RMSE over the data's standard
    deviation) in model units, so that a metric spanning decades is judged in its logarithm.
    """

    trials: tuple[int, ...]
    observed: Array
    mean: Array
    sd: Array
    z: Array
    coverage: float
    r2: float
    nrmse: float


def predict(model: SavedModel, designs: Sequence[Design]) -> dict[str, tuple[Array, Array]]:
    """Predict every metric at ``designs``: {metric: (mean (n,), sd (n,))} in metric units.

    ``sd`` is that of the noise-free metric. Where the metric is modelled through a logarithm, ``mean``
    is the median and ``sd`` half the width of the central 68 % interval.
    """
    unit = np.asarray(Space.from_json(model.config["space"]).to_unit(designs), dtype=float)
    return {m.metric: m.transform.to_metric(*m.posterior(unit)) for m in unpack(model) if not m.internal}


def leave_one_out(model: SavedModel) -> dict[str, LeaveOneOut]:
    """Leave-one-out predictions of every metric in closed form, hyper-parameters kept.

    mean_i = z_i - alpha_i / (K^-1)_ii, var_i = 1 / (K^-1)_ii.
    Source: Sundararajan, Keerthi 2001; Rasmussen, Williams 2006, equation 5.12.
    """
    return {m.metric: _leave_one_out(m) for m in unpack(model) if not m.internal}


def aleatoric(model: SavedModel) -> dict[str, float]:
    """Standard deviation of one label's noise by metric, in metric units at the median label."""
    metrics = [m for m in unpack(model) if not m.internal]
    return {
        m.metric: float(m.transform.to_metric(*map(np.asarray, (np.median(m.z), np.sqrt(m.noise.mean()))))[1])
        for m in metrics
    }


def _leave_one_out(model: MetricModel) -> LeaveOneOut:
    precision = (model.whitener**2).sum(0)
    mean, sd = model.z - model.alpha / precision, np.sqrt(1.0 / precision)
    return loo_figures(trials=model.trials, z=model.z, mean=mean, sd=sd, transform=model.transform)


def loo_figures(
    *, trials: tuple[int, ...], z: Array, mean: Array, sd: Array, transform: MetricTransform
) -> LeaveOneOut:
    """The figures of predictions ``mean`` and ``sd`` (n,) of labels ``z`` (n,), all in model units."""
    if not len(z):
        nothing = np.empty(0)
        return LeaveOneOut(trials=(), observed=nothing, mean=nothing, sd=nothing, z=nothing,
                           coverage=0.0, r2=0.0, nrmse=float("inf"))  # fmt: skip
    scores = (z - mean) / sd
    residual, spread = float(((z - mean) ** 2).mean()), float(z.var())
    center, half = transform.to_metric(mean, sd)
    return LeaveOneOut(
        trials=trials,
        observed=transform.inverse(z),
        mean=center,
        sd=half,
        z=scores,
        coverage=float((np.abs(scores) <= 1.96).mean()),
        r2=1.0 - residual / spread if spread > 0 else 0.0,
        nrmse=(residual / spread) ** 0.5 if spread > 0 else float("inf"),
    )


def pack(models: Sequence[MetricModel], *, space: Space) -> SavedModel:
    """One saved model of several metrics; ``units`` are left empty for whoever knows them."""
    config: dict[str, Any] = {
        "version": VERSION,
        "kind": "gp",
        "space": space.to_json(),
        "metrics": [m.metric for m in models if not m.internal],
        "units": {},
        "models": [_config(m) for m in models],
    }
    arrays = {
        f"{i}/{name}": np.asarray(getattr(m, name), dtype=float)
        for i, m in enumerate(models)
        for name in ("unit", "z", "noise")
    }
    return SavedModel(config=config, arrays=arrays)


def unpack(model: SavedModel) -> list[MetricModel]:
    """The GPs of a saved model. Raises ValueError for a model of another kind or version."""
    if model.config.get("kind") != "gp" or model.config.get("version") != VERSION:
        raise ValueError(
            f"This is a model of kind {model.config.get('kind')!r}, version {model.config.get('version')!r}; "
            f"expected kind 'gp', version {VERSION}."
        )
    return [_metric_model(c, model.arrays, i) for i, c in enumerate(model.config["models"])]


def _config(model: MetricModel) -> dict[str, Any]:
    return {
        "metric": model.metric,
        **model.encoder.to_json(),
        "kernel": model.kernel,
        "lengthscales": list(model.lengthscales),
        "noise": model.noise_level,
        "mean": model.mean,
        "transform": model.transform.to_json(),
        "trials": list(model.trials),
        "internal": model.internal,
        **({"link": asdict(model.link)} if model.link else {}),
    }


def _metric_model(
    config: Mapping[str, Any], arrays: Mapping[str, NDArray[np.float64]], i: int
) -> MetricModel:
    encoder = Encoder.from_json(config)
    if len(config["lengthscales"]) != encoder.dimension:
        raise ValueError("This model of two fidelities is of an earlier version; a new trial fits it anew.")
    return MetricModel(
        metric=config["metric"],
        encoder=encoder,
        kernel=config["kernel"],
        lengthscales=tuple(config["lengthscales"]),
        transform=MetricTransform.from_json(config["transform"]),
        unit=arrays[f"{i}/unit"],
        z=arrays[f"{i}/z"],
        noise=arrays[f"{i}/noise"],
        noise_level=config["noise"],
        trials=tuple(config["trials"]),
        fixed_mean=config["mean"],
        internal=config["internal"],
        link=Link.from_json(config["link"]) if "link" in config else None,
    )
