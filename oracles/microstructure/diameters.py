"""How large the particles of a packing are: equal, of two sizes, or lognormal."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .particles import particle_volumes
from .structure import Floats


@dataclass(frozen=True, kw_only=True)
class Diameters:
    """The distribution of diameters in um.

    Equal by default. ``fine_share`` of the particles' volume is in particles smaller by ``size_ratio`` than
    ``diameter``; or ``variation`` is the coefficient of variation (by number) of a lognormal distribution
    of mean ``diameter``. Raises ValueError for values out of range and for both kinds at once.
    """

    diameter: float
    size_ratio: float = 1.0
    fine_share: float = 0.0
    variation: float = 0.0

    def __post_init__(self) -> None:
        if not 0.0 < self.diameter < math.inf:
            raise ValueError(f"a diameter of {self.diameter:g} um is no length; write a positive one")
        if not 1.0 <= self.size_ratio <= 20.0:
            raise ValueError(f"size_ratio {self.size_ratio:g}, coarse over fine, is not between 1 and 20")
        if not 0.0 <= self.fine_share <= 1.0:
            raise ValueError(f"fine_share {self.fine_share:g} is not between 0 and 1")
        if not 0.0 <= self.variation <= 1.0:
            raise ValueError(f"size_variation {self.variation:g} is not between 0 and 1")
        if self.variation and self.fine_share:
            raise ValueError("two sizes and a lognormal distribution exclude each other; drop one of them")

    @property
    def equal(self) -> bool:
        """Whether there is one size only."""
        return not self.variation and (self.size_ratio == 1.0 or self.fine_share in (0.0, 1.0))

    def mean_volume(self, dimension: int) -> float:
        """Mean area (um2) or volume (um3) of a particle, by number; lognormal moments where lognormal."""
        coarse, fine = self._two_volumes(dimension)
        if self.variation:
            return coarse * (1.0 + self.variation**2) ** (dimension * (dimension - 1) / 2)
        return 1.0 / (self.fine_share / fine + (1.0 - self.fine_share) / coarse)

    def sampled(self, count: int, dimension: int, rng: np.random.Generator) -> Floats:
        """Radii ``(count,)`` in um, independent and in random order."""
        if self.variation:
            sigma = math.sqrt(math.log1p(self.variation**2))
            return 0.5 * self.diameter * np.exp(sigma * rng.standard_normal(count) - 0.5 * sigma**2)
        chance_of_fine = self.fine_share * self.mean_volume(dimension) / self._two_volumes(dimension)[1]
        fine = rng.random(count) < chance_of_fine
        return 0.5 * self.diameter / np.where(fine, self.size_ratio, 1.0)

    def filling(
        self, volume: float, dimension: int, rng: np.random.Generator, *, multiple: int = 1
    ) -> Floats:
        """Radii ``(n,)`` in um, large ones first, of particles that fill ``volume`` (um2, um3) exactly.

        The number (of each of two sizes) is rounded to a ``multiple``, then all radii are scaled by one
        factor. Raises ValueError where the volume is below half a particle (chain).
        """
        expected = volume / self.mean_volume(dimension)
        if self.variation:
            drawn = self.sampled(round(4.0 * expected) + 50, dimension, rng)
            total = np.cumsum(particle_volumes(drawn, dimension))
            radii = drawn[: int(np.abs(total - volume).argmin()) + 1] if expected > 0.5 else drawn[:0]
        else:
            shares = (1.0 - self.fine_share, self.fine_share)
            counts = [
                multiple * round(volume * share / (multiple * each))
                for share, each in zip(shares, self._two_volumes(dimension), strict=True)
            ]
            radii = np.repeat([0.5 * self.diameter, 0.5 * self.diameter / self.size_ratio], counts)
        if not len(radii):
            raise ValueError(
                f"the wanted volume fraction makes {expected:.2g} particles of {self.diameter:g} um, less "
                f"than one (or one chain of {multiple}); enlarge the size or "
                f"the fraction, or write a smaller diameter"
            )
        scale = (volume / float(particle_volumes(radii, dimension).sum())) ** (1.0 / dimension)
        return np.sort(scale * radii)[::-1]

    def _two_volumes(self, dimension: int) -> tuple[float, float]:
        radii = np.array([0.5 * self.diameter, 0.5 * self.diameter / self.size_ratio])
        coarse, fine = particle_volumes(radii, dimension)
        return float(coarse), float(fine)
