"""Points in a box that repeats periodically."""

from __future__ import annotations

import numpy as np

from .structure import Floats


def wrapped(points: Floats, size: tuple[float, ...]) -> Floats:
    """Points moved into the box by whole periods: 0 <= point < size."""
    inside = np.mod(points, size)
    return np.where(inside >= size, 0.0, inside)  # mod of a tiny negative number rounds up to the size


def nearest_image(displacement: Floats, size: tuple[float, ...]) -> Floats:
    """The shortest of the periodic images of displacements ``(..., d)``."""
    return displacement - np.array(size) * np.round(displacement / size)
