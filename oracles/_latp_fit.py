"""How the constants of the LATP emulator were found; the oracle itself never runs this.

Least squares over the 22 published rows (density to 3 %, conductivity to 0.15 dex) and the declared anchors,
with a weak pull towards a plausible start, so that constants that the rows say little of stay plausible.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import astuple
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._latp import Constants, response

Array = NDArray[np.float64]

_LEVELS = ([-22.5, -15.0, -7.5, 0.0, 7.5], [800.0, 900.0, 1000.0, 1100.0], [10.0, 30.0, 60.0, 480.0])
LEGACY = np.array(list(itertools.product(*_LEVELS)))
"""The 80 grid points measured before the campaign (80, 3): acid, temperature, time. Places only."""
LEVELS = {(-7.5, 1000.0, 480.0): 1.09e-3, (0.0, 900.0, 30.0): 1.0e-3}
"""Anchors: the quoted legacy maximum in S/cm, and the best stoichiometric one, "in the order of 1e-3"."""
LEAD = 0.05
"""Anchors: by how many decades these two lead the legacy grid, and its stoichiometric part."""

_START = Constants(
    decade=50, onset=0, shift=3, under=1, over=2.8, pinning=1, densest=97,
    level=-3.05, porosity=0.05, growth=0.03, mismatch=0.1, impurity=0.05, best_deficit=1.25,
)  # fmt: skip
_WIDTH = Constants(
    decade=20, onset=1, shift=1, under=1, over=2, pinning=1, densest=1.5,
    level=0.2, porosity=0.05, growth=0.05, mismatch=0.1, impurity=0.1, best_deficit=0.5,
)  # fmt: skip


def fit(rows: Sequence[Mapping[str, str]]) -> Constants:
    """Constants from the rows of ``latp_published.csv``, as ``csv.DictReader`` reads them."""
    from scipy.optimize import least_squares

    solve: Any = least_squares
    start, width = np.array(astuple(_START)), np.array(astuple(_WIDTH))
    design = np.array([[float(row[name]) for name in _INPUTS] for row in rows])
    density = np.array([float(row["relative_density [%]"]) for row in rows])
    conductivity = np.log10([float(row["ionic_conductivity [S/cm]"]) for row in rows])

    def residuals(values: Array) -> Array:
        constants = Constants(**dict(zip(vars(_START), values, strict=True)))
        rho, level = response(constants, *design.T)
        pull = 0.5 * (values - start) / width
        return np.concatenate(
            [(rho - density) / 3.0, (level - conductivity) / 0.15, _anchors(constants), pull]
        )

    return Constants(**dict(zip(vars(_START), map(float, solve(residuals, start).x), strict=True)))


_INPUTS = ("acid_deviation [%]", "sintering_temperature [degC]", "holding_time [min]")


def _anchors(constants: Constants) -> Array:
    """Residuals of the declared anchors, zero where one holds."""
    level = response(constants, *LEGACY.T)[1]
    known = np.array(list(LEVELS))
    miss = (response(constants, *known.T)[1] - np.log10(list(LEVELS.values()))) / 0.15
    leader, plain_leader = ((known[k] == LEGACY).all(axis=1) for k in (0, 1))
    plain = LEGACY[:, 0] == 0.0
    pairs = ((leader, ~leader), (plain_leader, plain & ~plain_leader))
    leads = [level[one].max() - level[rest].max() for one, rest in pairs]
    return np.concatenate([miss, np.maximum(0.0, LEAD - np.array(leads)) / 0.02])
