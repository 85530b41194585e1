"""The reached property space: the hull of what has been measured, its extremes, and who reached them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from designloop.record import RunRecord, TrialRecord

Array = NDArray[np.float64]
MOST = 5
"""Metrics that one hull may span; hulls of more need more trials than campaigns have."""


@dataclass(frozen=True, kw_only=True)
class Extreme:
    """The smallest or largest measured value of a metric, in its unit, and where it comes from."""

    value: float
    trial: int
    by: str
    """What proposed the trial, such as ``query_by_committee`` or ``sobol``."""


@dataclass(frozen=True, kw_only=True)
class Closure:
    """What ``trials`` feasible trials reach in the space of ``metrics``.

    ``size`` is the length, area or volume of the convex hull, in the product of the metrics' units; 0 while
    the trials are too few or lie in one plane. ``vertices`` are the trials on the hull. A convex hull
    overstates what a curved cloud reaches: ``cells`` is the share of a grid of ten cells per metric, over the
    box of the extremes, that holds a trial (first two metrics).
    Source: Mann, Kalidindi 2022 (closure by hulls); Barber, Dobkin, Huhdanpaa 1996 (Quickhull).
    """

    metrics: tuple[str, ...]
    trials: int
    size: float
    vertices: tuple[int, ...]
    cells: float
    extremes: Mapping[str, tuple[Extreme, Extreme]]

    def to_json(self) -> dict[str, Any]:
        """All fields, as JSON."""
        return asdict(self)


def closure(run: RunRecord, metrics: Sequence[str], *, upto: int | None = None) -> Closure:
    """The property space that the feasible trials before ``upto`` (default: all) reach in ``metrics``."""
    metrics = tuple(metrics)
    trials = [
        t for t in run.trials[:upto] if run.is_feasible(t) and all(t.value(m) is not None for m in metrics)
    ]
    values = np.array([[t.metrics[m].value for m in metrics] for t in trials]).reshape(-1, len(metrics))
    size, on_hull = hull(values[:, :MOST])
    return Closure(
        metrics=metrics,
        trials=len(trials),
        size=size,
        vertices=tuple(trials[i].index for i in on_hull),
        cells=occupied(values[:, :2]),
        extremes={m: _extremes(values[:, j], trials) for j, m in enumerate(metrics)} if trials else {},
    )


def hull(values: Array) -> tuple[float, tuple[int, ...]]:
    """Size of the convex hull of ``values`` (n, m) and the rows on it; 0 and () where it is flat."""
    n, m = values.shape
    if n < 2 or not np.isfinite(values).all():
        return 0.0, ()
    if m == 1:
        ends = (int(values.argmin()), int(values.argmax()))
        return float(np.ptp(values)), tuple(dict.fromkeys(ends))
    from scipy.spatial import ConvexHull, QhullError

    span = np.ptp(values, axis=0)
    if n <= m or not (span > 0).all():
        return 0.0, ()
    try:
        found = ConvexHull((values - values.min(0)) / span)
    except QhullError:
        return 0.0, ()
    return float(found.volume * span.prod()), tuple(sorted(int(i) for i in found.vertices))


def occupied(values: Array, *, cells: int = 10) -> float:
    """Share of a grid over the box of ``values`` (n, m) whose cells hold a row; 0 without rows."""
    if not len(values):
        return 0.0
    span = np.where(np.ptp(values, axis=0) > 0, np.ptp(values, axis=0), 1.0)
    index = np.minimum((values - values.min(0)) / span * cells, cells - 1).astype(int)
    held = len(np.unique(index, axis=0))
    return float(held / cells ** values.shape[1])


def growth(run: RunRecord, metrics: Sequence[str], *, trials: int) -> float | None:
    """Relative growth of the hull over the last ``trials`` trials; None while it was flat before them."""
    before = closure(run, metrics, upto=max(0, len(run.trials) - trials)).size
    return closure(run, metrics).size / before - 1.0 if before > 0 else None


def _extremes(column: Array, trials: Sequence[TrialRecord]) -> tuple[Extreme, Extreme]:
    least, most = (trials[i] for i in (int(column.argmin()), int(column.argmax())))
    return (
        Extreme(value=float(column.min()), trial=least.index, by=_by(least)),
        Extreme(value=float(column.max()), trial=most.index, by=_by(most)),
    )


def _by(trial: TrialRecord) -> str:
    return str(trial.reason.get("generator") or trial.origin)
