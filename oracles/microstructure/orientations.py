"""In-plane orientations of the grains of a fibre-textured film.

All grains share the crystal axis along x3 (the fibre axis); what varies is the rotation about it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import betaincinv

from .seeds import generator
from .structure import Floats

PERIODS = {"100": math.pi / 2, "110": math.pi, "111": 2 * math.pi / 3}
"""Rotation about each fibre axis that maps a cubic crystal's stiffness onto itself, rad.

About <111> the in-plane stiffness does not depend on the angle at all; only the coupling to out-of-plane
shear has the period 2 pi / 3.
"""


@dataclass(frozen=True, kw_only=True)
class Texture:
    """Distribution of in-plane angles: one peak per period, or none.

    ``mean``: angle of the peak, rad. ``spread``: half width of the peak at half its height, rad; 0 is a
    single crystal, half a period and more (45 deg for a <100> fibre, 90 deg for <110>, 60 deg for <111>) is
    the uniform distribution.

    The density is the de la Vallee Poussin kernel of texture analysis (Schaeben 1997), proportional to
    cos(phi / 2)^(2 kappa) with phi = 2 pi (theta - mean) / period and kappa = ln 2 / ln(1 + tan^2(phi_h / 2))
    for the half width phi_h. It is close to a von Mises law where narrow, and reaches the uniform
    law continuously as the half width grows to half a period, where a von Mises law still has a peak twice as
    high as its valley. The end is steep: ``sharpness`` is 0.17 at 40 and 0.09 at 44 of 45 deg. Raises
    ValueError for an unknown fibre axis, a mean that is not finite or a spread below 0.
    """

    fibre_axis: str = "100"
    mean: float = 0.0
    spread: float = math.inf

    def __post_init__(self) -> None:
        if self.fibre_axis not in PERIODS:
            raise ValueError(f"fibre_axis is {self.fibre_axis!r}; write one of {', '.join(PERIODS)}")
        if not math.isfinite(self.mean):
            raise ValueError(f"the mean angle is {self.mean}; give a finite angle in rad")
        if not self.spread >= 0:
            raise ValueError(f"the texture spread is {self.spread:g} rad; give a half width of 0 or more")

    @property
    def period(self) -> float:
        """Period of the angle, rad."""
        return PERIODS[self.fibre_axis]

    @property
    def concentration(self) -> float:
        """kappa of the peak: 0 is uniform, inf a single crystal."""
        if self.spread >= self.period / 2:
            return 0.0
        squared = math.tan(math.pi * self.spread / self.period) ** 2
        return math.log(2) / math.log1p(squared) if squared > 0 else math.inf

    @property
    def sharpness(self) -> float:
        """Mean of cos(2 pi (theta - mean) / period), kappa / (kappa + 1): 0 uniform, 1 a single crystal."""
        kappa = self.concentration
        return 1.0 if math.isinf(kappa) else kappa / (kappa + 1)


UNIFORM = Texture()
"""<100> fibre without in-plane texture: angles uniform on [0, pi/2)."""


def draw_angles(texture: Texture, count: int, *, seed: int | np.random.SeedSequence) -> Floats:
    """Independent angles (count,) in [0, period), rad.

    Each angle is the quantile of one uniform number, so for a given seed every angle changes continuously
    with the mean and the spread (common random numbers across designs).
    """
    uniform = 2 * generator(seed).random(count) - 1
    kappa = texture.concentration
    if kappa == 0:
        phases = np.pi * uniform
    elif math.isinf(kappa):
        phases = np.zeros(count)
    else:
        phases = 2 * np.sign(uniform) * np.arcsin(np.sqrt(betaincinv(0.5, kappa + 0.5, np.abs(uniform))))
    return fold(texture.mean + phases * (texture.period / (2 * np.pi)), period=texture.period)


def fold(angles: Floats, *, period: float) -> Floats:
    """Angles brought into [0, period)."""
    folded = np.mod(angles, period)
    return np.where(folded >= period, 0.0, folded)
