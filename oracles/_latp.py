"""The frozen formula of the LATP emulator: density and conductivity over acid, temperature and time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

GREEN = 62.0
"""Relative density of the pressed powder in percent (Zhao et al. 2022, section 3.3)."""


@dataclass(frozen=True, kw_only=True)
class Constants:
    """Constants of the formula; ``response`` says where each one stands."""

    decade: float
    onset: float
    shift: float
    under: float
    over: float
    pinning: float
    densest: float
    level: float
    porosity: float
    growth: float
    mismatch: float
    impurity: float
    best_deficit: float


FROZEN = Constants(
    decade=37.28, onset=-0.598, shift=4.987, under=1.627, over=2.660, pinning=3.369, densest=96.53,
    level=-3.037, porosity=0.0362, growth=0.0028, mismatch=0.161, impurity=0.1241, best_deficit=0.901,
)  # fmt: skip
"""Fitted once by ``_latp_fit``, before any strategy was run on the emulator."""


def response(c: Constants, acid: Array, temperature: Array, time: Array) -> tuple[Array, Array]:
    """Relative density in percent and log10 of the conductivity in S/cm, elementwise.

    ``acid``: deviation of the phosphoric acid from stoichiometric in weight percent; ``temperature`` in
    degC; ``time`` in min. With the deficit p = -acid / 7.5 and the share of pinned grain boundaries
    s = 1 / (1 + exp(-(p - 1/2) / 0.2)):

    - heat work  w = log10(time / 30) + (temperature - 900) / decade
    - distance from full sintering  d = w - onset - shift s
    - d- = min(d, 0),  d+ = max(d, 0) / (1 + pinning s)
    - density  rho = 62 + (densest - 62) exp(-(d- / under)^2 / 2 - (d+ / over)^2 / 2)
    - log10 conductivity  level + porosity (rho - 97) - growth d+^2
      - mismatch ((temperature - 900 - 100 s) / 100)^2 - impurity (p - best_deficit)^2
    """
    deficit = -np.asarray(acid, dtype=float) / 7.5
    pinned = 1.0 / (1.0 + np.exp(-(deficit - 0.5) / 0.2))
    work = np.log10(np.asarray(time, dtype=float) / 30.0) + (np.asarray(temperature) - 900.0) / c.decade
    distance = work - c.onset - c.shift * pinned
    under, over = np.minimum(distance, 0.0), np.maximum(distance, 0.0) / (1.0 + c.pinning * pinned)
    density = GREEN + (c.densest - GREEN) * np.exp(-0.5 * ((under / c.under) ** 2 + (over / c.over) ** 2))
    off = (np.asarray(temperature) - 900.0 - 100.0 * pinned) / 100.0
    conductivity = (
        c.level
        + c.porosity * (density - 97.0)
        - c.growth * over**2
        - c.mismatch * off**2
        - c.impurity * (deficit - c.best_deficit) ** 2
    )
    return density, conductivity
