"""A committee of Gaussian processes: one per member and output, each on its own subset of the labels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, cast

import numpy as np

from designloop.learning.committees.base import KERNELS, Array, CommitteeSpec, Labels, Rows
from designloop.learning.features import Encoder
from designloop.learning.fit_free import FreeHyper, first_starts, fit_free
from designloop.learning.gp import MetricModel
from designloop.learning.kernels import Kernel, correlation, squared_distance
from designloop.learning.transforms import MetricTransform

QUIETEST = 1e-6
"""Least known noise variance in z units."""
ENOUGH = 150
"""Most labels that hyper-parameters are fitted to; all a member sees make its predictions."""


@dataclass(frozen=True, kw_only=True)
class Processes:
    """``models[i][j]``: the Gaussian process of member i and output j, its transform back to z units."""

    models: Sequence[Sequence[MetricModel]]
    rows: Rows

    @property
    def noise(self) -> Array:
        """Fitted noise variance per output (m,), averaged over the members."""
        levels = [[m.noise_level * m.transform.sd**2 for m in member] for member in self.models]
        return np.asarray(np.mean(levels, axis=0))

    @property
    def state(self) -> list[list[dict[str, Any]]]:
        """Hyper-parameters of every member and output."""
        return [
            [{**asdict(_hyper(m)), "lengthscales": list(m.lengthscales)} for m in member]
            for member in self.models
        ]

    @property
    def arrays(self) -> dict[str, Array]:
        """Nothing: labels and state say it all."""
        return {}

    def predict(self, unit: Array) -> Array:
        """Posterior means of every member at unit points (k, d): (members, k, m) in z units."""
        means = [[_mean(m, unit) for m in member] for member in self.models]
        return np.asarray(means).transpose(0, 2, 1)


def fit_processes(
    spec: CommitteeSpec,
    labels: Labels,
    *,
    rows: Rows,
    encoder: Encoder,
    seed: int,
    state: Any = None,
    refit: bool = True,
) -> Processes:
    """Fit one member per row of ``rows`` (members, n), thinned at random where it holds more than the cap.

    Hyper-parameters of ``state`` are kept, or with ``refit`` they are where the fit starts. The first member
    starts afresh too, the others from its end. A state of another number of members, outputs or lengthscales
    counts for nothing.
    """
    rows = _thinned(rows, spec.cap, np.random.default_rng([seed, 2]))
    outputs, dimension = range(labels.z.shape[1]), encoder.dimension
    known = state if _fits(state, (len(rows), len(outputs)), dimension) else None
    first = [first_starts(dimension) for _ in outputs]
    models: list[list[MetricModel]] = []
    for i, member in enumerate(rows):
        kernel = KERNELS[i % len(KERNELS)] if spec.kernel == "various" else cast(Kernel, spec.kernel)
        fitted = []
        for j in outputs:
            data = labels.unit[member], labels.z[member, j], np.maximum(labels.noise[member, j], QUIETEST)
            kept = [] if known is None else [FreeHyper(**known[i][j])]
            hyper = kept[0] if kept and not refit else _fitted(data, encoder, kernel, [*first[j], *kept])
            fitted.append(_model(data, encoder, kernel, hyper, np.flatnonzero(member)))
        if i == 0:
            first = [[_hyper(m)] for m in fitted]
        models.append(fitted)
    return Processes(models=models, rows=rows)


def _thinned(rows: Rows, cap: int, rng: np.random.Generator) -> Rows:
    thinned = rows.copy()
    for member in thinned:
        seen = np.flatnonzero(member)
        if len(seen) > cap:
            member[rng.permutation(seen)[cap:]] = False
    return thinned


def _fits(state: Any, shape: tuple[int, int], dimension: int) -> bool:
    return bool(
        state
        and len(state) == shape[0]
        and all(len(m) == shape[1] for m in state)
        and all(len(h["lengthscales"]) == dimension and "variance" in h for m in state for h in m)
    )


def _fitted(
    data: tuple[Array, Array, Array], encoder: Encoder, kernel: Kernel, starts: Sequence[FreeHyper]
) -> FreeHyper:
    """Hyper-parameters from at most ``ENOUGH`` labels, evenly picked."""
    picked = np.unique(np.linspace(0, len(data[0]) - 1, ENOUGH).astype(int))
    unit, z, noise = (part[picked] for part in data)
    return fit_free(unit, z, noise, encoder=encoder, kernel=kernel, starts=starts)


def _hyper(model: MetricModel) -> FreeHyper:
    return FreeHyper(lengthscales=model.lengthscales, noise=model.noise_level, variance=model.transform.sd**2)


def _model(
    data: tuple[Array, Array, Array], encoder: Encoder, kernel: Kernel, hyper: FreeHyper, rows: Any
) -> MetricModel:
    """The Gaussian process of unit variance for outputs over their signal's standard deviation."""
    unit, z, noise = data
    scale = MetricTransform(sd=math.sqrt(hyper.variance))
    return MetricModel(
        metric="",
        encoder=encoder,
        kernel=kernel,
        lengthscales=hyper.lengthscales,
        transform=scale,
        unit=unit,
        z=scale.forward(z),
        noise=np.where(np.isnan(noise), hyper.noise, noise / hyper.variance),
        noise_level=hyper.noise,
        trials=tuple(int(i) for i in rows),
    )


def _mean(model: MetricModel, unit: Array) -> Array:
    cross = correlation(model.kernel, squared_distance(model.scaled(unit), model.scaled(model.unit)))
    return model.transform.inverse(model.mean + cross @ model.alpha)
