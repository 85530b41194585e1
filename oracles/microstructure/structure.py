"""What a microstructure is: geometry that can be drawn on any grid, and the image it gives.

Arrays are ``(ny, nx)`` or ``(nz, ny, nx)``: x is the last axis and y grows with the row index. Lengths are
in um, angles in rad. A geometry (tessellation, packing, waves) keeps no pixels, so one structure can be
drawn at several resolutions; an image keeps its pixel size and whether it repeats periodically.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]

FILLED = 0.5
"""Share from which on a pixel counts as inclusion."""
MOST_VOXELS = 2**31


@dataclass(frozen=True, kw_only=True)
class Polycrystal:
    """Grains on a grid: each pixel carries the index of its grain, each grain its orientation.

    ``labels``: ``(ny, nx)`` or ``(nz, ny, nx)``, values 0 .. n_grains - 1. ``angles``: ``(n_grains,)``, rad,
    rotation of the crystal axes about x3, counter-clockwise from x towards y; period pi/2 for a <100> fibre.
    """

    labels: Ints
    angles: Floats
    pixel: float
    periodic: bool

    @property
    def orientation(self) -> Floats:
        """Angle of each pixel in rad, of the shape of ``labels``."""
        return self.angles[self.labels]


@dataclass(frozen=True, kw_only=True)
class TwoPhase:
    """Two phases on a grid: the share of the inclusion phase in each pixel.

    ``share``: ``(ny, nx)`` or ``(nz, ny, nx)``, 0 (matrix) .. 1 (inclusion). A crisp image holds 0 and 1
    only; a supersampled one holds area (volume) fractions in the pixels that an interface crosses.
    """

    share: Floats
    pixel: float
    periodic: bool

    @property
    def volume_fraction(self) -> float:
        """Share of the inclusion phase in the whole image."""
        return float(self.share.mean())


def shape_of(size: tuple[float, ...], pixel: float) -> tuple[int, ...]:
    """Grid shape ``(ny, nx)`` or ``(nz, ny, nx)`` of a domain ``size = (x, y[, z])`` in um.

    Raises ValueError where a side is not a whole number of pixels (to one part in a million), where a pixel
    has no size and where there would be more than ``MOST_VOXELS``.
    """
    if not pixel > 0:
        raise ValueError(f"a pixel of {pixel:g} um has no size; give a length above 0")
    counts = [side / pixel for side in size]
    if math.prod(counts) > MOST_VOXELS:
        raise ValueError(
            f"{math.prod(counts):.2g} pixels of {pixel:g} um are too many; give at most {MOST_VOXELS:.2g}"
        )
    for side, count in zip(size, counts, strict=True):
        if round(count) < 1 or abs(count - round(count)) > 1e-6 * count:
            raise ValueError(f"a side of {side:g} um is {count:g} pixels of {pixel:g} um, not a whole number")
    return tuple(round(count) for count in reversed(counts))
