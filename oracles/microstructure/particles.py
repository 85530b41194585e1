"""A packing of disks, ellipses or spheres as geometry, and the distances between its surfaces."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from .structure import Floats
from .torus import nearest_image, wrapped

_DIRECTIONS, _ZOOMS, _ZOOM_POINTS = 32, 7, 17


@dataclass(frozen=True, kw_only=True)
class Packing:
    """Disks (ellipses) or spheres in a box; they may overlap where their generator lets them.

    ``centres``: ``(n, 2)`` or ``(n, 3)``, um, columns x, y[, z]; ``radii``: ``(n,)``, um, of the disk of
    equal area where the particle is an ellipse; ``size = (x, y[, z])`` of the box in um. ``aspect_ratio``:
    long over short axis, one for all; above 1 ``angles`` ``(n,)`` holds the direction of each long axis, rad
    from x towards y, otherwise None. Raises ValueError where the shapes do not agree.
    """

    centres: Floats
    radii: Floats
    size: tuple[float, ...]
    periodic: bool = True
    aspect_ratio: float = 1.0
    angles: Floats | None = None

    def __post_init__(self) -> None:
        count, dimension = len(self.radii), len(self.size)
        if dimension not in (2, 3) or self.centres.shape != (count, dimension):
            raise ValueError(
                f"{count} radii in a box of {dimension} sides need centres of the shape ({count}, 2) in 2-D "
                f"or ({count}, 3) in 3-D, not {self.centres.shape}"
            )
        if (self.aspect_ratio != 1.0) != (self.angles is not None):
            raise ValueError(
                "give one angle per particle where the aspect ratio is not 1, and none where it is"
            )
        if self.angles is not None and (self.angles.shape != (count,) or dimension != 2):
            raise ValueError("ellipses are flat: they need a box of two sides and one angle each")

    @property
    def semi_axes(self) -> Floats:
        """Half lengths ``(n, 2)`` of the long and the short axis in um; both the radius where round."""
        stretch = math.sqrt(self.aspect_ratio)
        return np.stack([self.radii * stretch, self.radii / stretch], axis=-1)


def particle_volumes(radii: Floats, dimension: int) -> Floats:
    """Areas (2-D, um2) or volumes (3-D, um3) of particles with these radii."""
    return math.pi * radii**2 if dimension == 2 else 4.0 / 3.0 * math.pi * radii**3


def particle_fraction(packing: Packing) -> float:
    """Volume of all particles over that of the box: the volume fraction, where none overlap."""
    return float(particle_volumes(packing.radii, len(packing.size)).sum() / math.prod(packing.size))


def surface_distance(
    displacement: Floats,
    radii: tuple[Floats, Floats],
    *,
    aspect_ratio: float = 1.0,
    angles: tuple[Floats, Floats] | None = None,
) -> Floats:
    """Distance between the surfaces of pairs of particles in um, negative where they overlap.

    ``displacement``: ``(m, d)`` from the first centre to the second; radii (and angles) of the first and the
    second particle, ``(m,)`` each. Two convex bodies are as far apart as the widest strip that separates
    them: max over unit vectors u of u.displacement - h1(u) - h2(u), h their support functions (Boyd and
    Vandenberghe, 2004, section 8.2). For ellipses the direction is searched on nested grids; each direction
    gives a lower bound, so the answer never exceeds the distance (and misses it by less than 1e-10 of it).
    """
    if angles is None:
        return np.sqrt((displacement**2).sum(axis=-1)) - radii[0] - radii[1]
    x, y = displacement[:, :1], displacement[:, 1:]

    def strip(direction: Floats) -> Floats:
        reach = np.zeros_like(direction)
        for radius, angle in zip(radii, angles, strict=True):
            along = np.cos(direction - angle[:, None]) ** 2
            reach += radius[:, None] * np.sqrt(along * aspect_ratio + (1.0 - along) / aspect_ratio)
        return x * np.cos(direction) + y * np.sin(direction) - reach

    step = math.tau / _DIRECTIONS
    grid = np.broadcast_to(np.arange(_DIRECTIONS) * step, (len(displacement), _DIRECTIONS))
    for _ in range(_ZOOMS):
        best = np.take_along_axis(grid, strip(grid).argmax(axis=1)[:, None], axis=1)
        grid = best + np.linspace(-step, step, _ZOOM_POINTS)
        step *= 2.0 / (_ZOOM_POINTS - 1)
    return strip(grid).max(axis=1)


def smallest_distance(packing: Packing) -> float:
    """The smallest distance between two surfaces in um: negative where they overlap, inf for none.

    Periodic images count, a particle's own included. Of ellipses the nearest image of each pair is taken,
    which is the decisive one while the long axis is below a quarter of the shortest side.
    """
    count = len(packing.radii)
    smallest = _to_own_image(packing) if packing.periodic and count else math.inf
    if count < 2:
        return smallest
    points = wrapped(packing.centres, packing.size) if packing.periodic else packing.centres
    tree = cKDTree(points, boxsize=packing.size if packing.periodic else None)
    neighbours = np.stack([np.arange(count), tree.query(points, k=[2])[1][:, 0]], axis=-1)
    smallest = min(smallest, float(pair_distances(packing, neighbours).min()))
    reach = max(smallest, 0.0) + 2.0 * float(packing.semi_axes.max())
    pairs = tree.query_pairs(reach, output_type="ndarray")
    return min(smallest, float(pair_distances(packing, pairs).min())) if len(pairs) else smallest


def pair_distances(packing: Packing, pairs: Floats) -> Floats:
    """Surface distances in um of the pairs ``(m, 2)`` of particle numbers."""
    first, second = pairs[:, 0], pairs[:, 1]
    displacement = packing.centres[second] - packing.centres[first]
    return surface_distance(
        nearest_image(displacement, packing.size) if packing.periodic else displacement,
        (packing.radii[first], packing.radii[second]),
        aspect_ratio=packing.aspect_ratio,
        angles=None if packing.angles is None else (packing.angles[first], packing.angles[second]),
    )


def _to_own_image(packing: Packing) -> float:
    """The smallest distance of a particle to its image one period away along an axis."""
    if packing.angles is None:
        return min(packing.size) - 2.0 * float(packing.radii.max())
    return min(
        float(
            surface_distance(
                np.broadcast_to(period, packing.centres.shape),
                (packing.radii, packing.radii),
                aspect_ratio=packing.aspect_ratio,
                angles=(packing.angles, packing.angles),
            ).min()
        )
        for period in np.diag(packing.size)
    )
