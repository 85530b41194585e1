"""One factor per metric that makes predicted standard deviations keep their promise.

What is promised to a user is an interval: 95 % of the true values lie within 1.96 sd. So the factor is chosen
by that promise: the smallest at which the intervals hold 95 % of n held-out rows, one row more counted as
missed (split conformal prediction; Lei et al. 2018). On fresh rows of the same kind the coverage is then at
least 95 % on average, whatever the shape of the errors. The maximum-likelihood factor, root mean square of
error / sd (Levi et al. 2022), is a quarter less scattered where errors are normal, but a few large errors,
which networks do make, move it without limit. A whole recalibrated distribution (Kuleshov et al. 2018) would
need more rows and would no longer be normal.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from designloop.learning.metrics import coverage

LEVEL, QUANTILE = 0.95, 1.959963984540054
LEVELS = (0.5, 0.6827, 0.8, 0.9, 0.95, 0.99)
LEAST = 20
"""Rows below which the largest ratio of error and sd says nothing of its 95 % quantile."""


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Multiply predicted sds by ``factor``; coverage by level, before and after, on the ``points`` rows."""

    factor: float
    before: Mapping[float, float]
    after: Mapping[float, float]
    points: int

    def to_json(self) -> dict[str, Any]:
        """As a mapping of names, levels as words."""
        plain = asdict(self)
        return plain | {k: {f"{level:g}": v for level, v in plain[k].items()} for k in ("before", "after")}


def recalibrate(
    observed: ArrayLike, predicted: ArrayLike, sd: ArrayLike, *, levels: Sequence[float] = LEVELS
) -> Calibration:
    """The factor of one metric from held-out rows (n,): observed, predicted and predicted sd, in its unit.

    Raises ValueError at fewer than 20 rows and where an sd is not positive and finite.
    """
    observed, predicted, sd = (np.asarray(values, dtype=float) for values in (observed, predicted, sd))
    if observed.ndim != 1 or not observed.shape == predicted.shape == sd.shape:
        raise ValueError(
            f"observed {observed.shape}, predicted {predicted.shape} and sd {sd.shape} must be equally many."
        )
    if len(sd) < LEAST:
        raise ValueError(
            f"{len(sd)} held-out rows are too few to calibrate intervals of 95 %: give at least {LEAST}."
        )
    if not (np.isfinite(sd).all() and (sd > 0).all()):
        raise ValueError("a predicted sd must be positive and finite to be calibrated; add a noise floor.")
    ratio = np.sort(np.abs(observed - predicted) / sd)
    rank = math.ceil(LEVEL * (len(ratio) + 1))
    factor = float(ratio[rank - 1]) / QUANTILE
    if not (math.isfinite(factor) and factor > 0):
        raise ValueError(
            "the held-out errors must be finite and not all zero for sds to be calibrated by them."
        )
    return Calibration(
        factor=factor, points=len(sd),
        before={level: coverage(observed, predicted, sd, level=level) for level in levels},
        after={level: coverage(observed, predicted, factor * sd, level=level) for level in levels},
    )  # fmt: skip
