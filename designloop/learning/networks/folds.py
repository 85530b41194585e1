"""Rows to learn from, and the scale on which a network sees them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Fold:
    """Inputs ``x`` (n, features) or (n, channels, ...) of any number type, targets ``y`` (n, m) or (n,)."""

    x: NDArray[Any]
    y: NDArray[Any]

    def __post_init__(self) -> None:
        object.__setattr__(self, "x", np.ascontiguousarray(self.x))
        y = np.asarray(self.y, dtype=float)
        object.__setattr__(self, "y", np.ascontiguousarray(y[:, None] if y.ndim == 1 else y))
        if self.x.ndim < 2 or self.y.ndim != 2 or len(self.x) != len(self.y) or not len(self.x):
            raise ValueError(
                f"a fold needs inputs (n, features, ...) and targets (n, m) of the same rows, "
                f"not {self.x.shape} and {self.y.shape}."
            )
        if not (np.isfinite(self.x).all() and np.isfinite(self.y).all()):
            raise ValueError("a fold must hold finite numbers only; leave out the rows that have none.")

    def __len__(self) -> int:
        return len(self.x)


@dataclass(frozen=True, kw_only=True, eq=False)
class Scaling:
    """Means and standard deviations of inputs (features or channels,) and targets (m,), float64."""

    x_mean: Array
    x_sd: Array
    y_mean: Array
    y_sd: Array

    @classmethod
    def of(cls, data: Fold, *, inputs: bool = True, targets: bool = True) -> Scaling:
        """Those of ``data``; 0 and 1 where not wanted; a constant column keeps the scale 1."""
        x_mean, x_sd = _moments(data.x, wanted=inputs)
        y_mean, y_sd = _moments(data.y, wanted=targets)
        return cls(x_mean=x_mean, x_sd=x_sd, y_mean=y_mean, y_sd=y_sd)

    @property
    def arrays(self) -> dict[str, Array]:
        """The four arrays by name."""
        return dict(vars(self))

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array]) -> Scaling:
        """Undo ``arrays``; other names are passed over."""
        return cls(**{name: np.asarray(arrays[name]) for name in ("x_mean", "x_sd", "y_mean", "y_sd")})


class Scaler:
    """A scaling at work on tensors (..., channels, ...) and (..., m) of any number type.

    Values of float64 are standardized before they are rounded to ``dtype``: a mean may be large against its
    standard deviation.
    """

    def __init__(self, scaling: Scaling, x_dims: int, *, dtype: torch.dtype, device: torch.device) -> None:
        self.dtype = dtype
        shape = (-1,) + (1,) * (x_dims - 2)
        self._x, self._y = (
            {
                kind: [torch.as_tensor(v, dtype=kind, device=device) for v in pair]
                for kind in {dtype, torch.float64}
            }
            for pair in (
                (scaling.x_mean.reshape(shape), scaling.x_sd.reshape(shape)),
                (scaling.y_mean, scaling.y_sd),
            )
        )

    def inputs(self, x: torch.Tensor) -> torch.Tensor:
        """Standardized inputs."""
        return self._standardized(x, self._x)

    def targets(self, y: torch.Tensor) -> torch.Tensor:
        """Standardized targets."""
        return self._standardized(y, self._y)

    def _standardized(
        self, values: torch.Tensor, moments: dict[torch.dtype, list[torch.Tensor]]
    ) -> torch.Tensor:
        values = values if values.dtype == torch.float64 else values.to(self.dtype)
        mean, sd = moments[values.dtype]
        return ((values - mean) / sd).to(self.dtype)


def _moments(values: NDArray[Any], *, wanted: bool) -> tuple[Array, Array]:
    columns = values.shape[1]
    if not wanted:
        return np.zeros(columns), np.ones(columns)
    axes = (0, *range(2, values.ndim))
    mean, sd = values.mean(axis=axes, dtype=float), values.std(axis=axes, dtype=float)
    return mean, np.where(sd > 1e-12 * np.abs(mean), sd, 1.0)
