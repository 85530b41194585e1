"""Monotone, invertible transforms of one metric, recorded with the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Kind = Literal["identity", "log", "bilog"]

DECADES = 1.0
"""A positive metric whose data span more decades than this may be modelled in its logarithm."""
TAIL = 12.0
"""Where data lie further from the median than this many half interquartile ranges, bilog may be chosen."""


@dataclass(frozen=True, kw_only=True)
class MetricTransform:
    """``z = (w(y) - mean) / sd`` with ``w`` the identity, ``log`` or ``bilog``.

    ``bilog``: w(y) = sign(v) log(1 + |v|), v = (y - center) / scale; it keeps the sign about ``center``
    (a bound) and tames outliers. Source: Eriksson, Poloczek 2021, "Scalable constrained BO".
    """

    kind: Kind = "identity"
    center: float = 0.0
    scale: float = 1.0
    mean: float = 0.0
    sd: float = 1.0

    def forward(self, y: Any) -> Array:
        """Metric units to model units, elementwise; values a logarithm cannot take become -inf."""
        return np.asarray((self._warp(np.asarray(y, dtype=float)) - self.mean) / self.sd)

    def inverse(self, z: Any) -> Array:
        """Model units to metric units, elementwise."""
        w = np.clip(np.asarray(z, dtype=float) * self.sd + self.mean, -700.0, 700.0)
        if self.kind == "log":
            return np.exp(w)
        if self.kind == "bilog":
            return np.asarray(self.center + self.scale * np.sign(w) * np.expm1(np.abs(w)))
        return np.asarray(np.asarray(z, dtype=float) * self.sd + self.mean)

    def slope(self, y: Any) -> Array:
        """dz/dy, which carries a small standard error from metric to model units."""
        y = np.asarray(y, dtype=float)
        if self.kind == "log":
            return np.asarray(1.0 / (y * self.sd))
        if self.kind == "bilog":
            return np.asarray(1.0 / ((self.scale + np.abs(y - self.center)) * self.sd))
        return np.full_like(y, 1.0 / self.sd)

    def to_metric(self, mean: Array, sd: Array) -> tuple[Array, Array]:
        """Median and half the width of the central 68 % interval, in metric units.

        For the identity these are the posterior mean and standard deviation themselves.
        """
        if self.kind == "identity":
            return self.inverse(mean), np.asarray(sd * self.sd)
        return self.inverse(mean), 0.5 * (self.inverse(mean + sd) - self.inverse(mean - sd))

    def to_json(self) -> dict[str, Any]:
        """All fields, as JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> MetricTransform:
        """The transform that ``to_json`` wrote."""
        return cls(**content)

    def _warp(self, y: Array) -> Array:
        if self.kind == "log":
            with np.errstate(divide="ignore", invalid="ignore"):
                return np.where(y > 0, np.log(np.maximum(y, 1e-300)), -np.inf)
        if self.kind == "bilog":
            v = (y - self.center) / self.scale
            return np.asarray(np.sign(v) * np.log1p(np.abs(v)))
        return y


def candidates(y: Sequence[float] | Array, *, bounds: Sequence[float] = ()) -> list[MetricTransform]:
    """Transforms worth a comparison for finite data ``y`` (n,) and outcome ``bounds``; the plainest first."""
    y = np.asarray(y, dtype=float)
    found = [standardized(MetricTransform(), y)]
    low, high = float(y.min()), float(y.max())
    if low > 0 and high > low * 10.0**DECADES and all(b > 0 for b in bounds):
        found.append(standardized(MetricTransform(kind="log"), y))
    center = float(bounds[0]) if len(bounds) == 1 else float(np.median(y))
    spread = 0.5 * float(np.subtract(*np.percentile(y, [75, 25])))
    if spread > 0 and float(np.abs(y - np.median(y)).max()) > TAIL * spread:
        bilog = standardized(MetricTransform(kind="bilog", center=center, scale=2.0 * spread), y)
        found.append(bilog)
    return found


def standardized(transform: MetricTransform, y: Array) -> MetricTransform:
    """The transform with the mean and standard deviation of warped data ``y`` (n,)."""
    w = transform.forward(y)
    mean, sd = float(np.mean(w)), float(np.std(w, ddof=1)) if len(w) > 1 else 1.0
    floor = 1e-12 * max(1.0, abs(mean))
    return MetricTransform(**{**asdict(transform), "mean": mean, "sd": sd if sd > floor else 1.0})
