"""Errors of a fed value carried through the stages that it feeds, by a few fixed normal draws."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from designloop.oracle import Observation

DRAWS = 16
Z95 = NormalDist().inv_cdf(0.975)


@lru_cache(maxsize=32)
def normal_draws(columns: int) -> NDArray[np.float64]:
    """Standard normal draws, (draws, columns): stratified, of mean 0, variance 1 and no correlation, exactly.

    One column per uncertain value; at least DRAWS draws. The same numbers everywhere: an error of a model is
    a bias that all dies share.
    """
    size = max(DRAWS, 2 * columns)
    strata = np.array([NormalDist().inv_cdf((i + 0.5) / size) for i in range(size)])
    found = np.zeros((size, columns))
    for j in range(columns):
        column = np.random.default_rng([size, j]).permutation(strata)
        for other in found.T[:j]:
            column = column - other * (column @ other) / size
        column = column - column.mean()
        found[:, j] = column * math.sqrt(size / (column @ column))
    return found


def centre_and_sd(o: Observation) -> tuple[float, float]:
    """The normal law whose central 95 % an observation's bounds are; no error without bounds."""
    if o.lower is None or o.upper is None:
        return o.value, 0.0
    return (o.lower + o.upper) / 2, (o.upper - o.lower) / (2 * Z95)


def with_interval(own: Observation, draws: Sequence[float | None]) -> Observation:
    """An observation with bounds that hold the errors of what fed it beside its own.

    ``draws``: the value at every draw of the fed errors, None where there was no answer. The bounds are the
    central 95 % of a normal law fitted to the draws; where fewer than half answered, their whole range.
    """
    known = np.array([d for d in draws if d is not None])
    centre, sd = centre_and_sd(own)
    half = Z95 * math.hypot(sd, float(known.std())) if len(known) else Z95 * sd
    middle = centre + (float(known.mean()) - own.value if len(known) else 0.0)
    ends = [middle - half, middle + half]
    if 2 * len(known) < len(draws):
        ends = [*known.tolist(), centre - Z95 * sd, centre + Z95 * sd]
    return Observation(value=own.value, sem=own.sem, lower=min(own.value, *ends), upper=max(own.value, *ends))
