"""Particles that may overlap: the Boolean model, and hard cores in penetrable shells."""

from __future__ import annotations

import math

import numpy as np

from .diameters import Diameters
from .drawing import squared_distances
from .inhibition import inhibited
from .particles import Packing
from .seeds import generator
from .structure import Floats

_POINTS_ACROSS = {2: 24, 3: 16}
_MOST_POINTS = 2**24


def boolean_count(*, volume_fraction: float, mean_volume: float, size: tuple[float, ...]) -> float:
    """Mean number of independent particles that cover a fraction: f = 1 - exp(-n v / V) (Matheron, 1975)."""
    return -math.log1p(-volume_fraction) * math.prod(size) / mean_volume


def boolean(
    *, size: tuple[float, ...], volume_fraction: float, diameter: float, seed: int | np.random.SeedSequence
) -> Packing:
    """The Boolean model of equal disks or spheres: a Poisson number of them, each anywhere, periodic.

    ``volume_fraction`` is the expected covered fraction; a single structure scatters about it. Lengths in um.
    Raises ValueError for a fraction that is not between 0 and 1, a diameter or a seed that is none.
    """
    if not 0.0 < volume_fraction < 1.0:
        raise ValueError(f"a volume fraction of {volume_fraction:g} is not between 0 and 1")
    volume = Diameters(diameter=diameter).mean_volume(len(size))
    rng = generator(seed)
    count = rng.poisson(boolean_count(volume_fraction=volume_fraction, mean_volume=volume, size=size))
    return Packing(
        centres=rng.random((count, len(size))) * size, radii=np.full(count, diameter / 2.0), size=size
    )


def penetrable(
    *,
    radii: Floats,
    size: tuple[float, ...],
    volume_fraction: float,
    impenetrability: float,
    rng: np.random.Generator,
    aspect_ratio: float = 1.0,
    angles: Floats | None = None,
) -> Packing:
    """Penetrable concentric shells (Torquato, 1984): hard cores keep clear, the shells about them overlap.

    Cores have ``impenetrability`` times the radius. Particles are added in the order of ``radii`` ``(n,)``
    (and ``angles``) until their union covers the wanted fraction, then all radii are shrunk by one factor to
    meet it: within 1e-3, as counted on a grid of 24 (3-D: 16) points per smallest diameter. Impenetrability
    0 is the Boolean model, 1 hard particles. Raises ValueError where the cores leave no room before the
    fraction is reached.
    """
    shape = _measuring_grid(2.0 * float(radii.min()) / math.sqrt(aspect_ratio), size)
    nearest = np.full(math.prod(shape), np.inf)
    wanted = round(volume_fraction * nearest.size)
    centres: list[Floats] = []
    covered = 0
    cores = inhibited(
        radii=impenetrability * radii, size=size, gap=0.0, rng=rng, aspect_ratio=aspect_ratio, angles=angles
    )
    for number, core in enumerate(cores):
        centres.append(core)
        turn = None if angles is None else angles[number : number + 1]
        one = Packing(
            centres=core, radii=radii[number : number + 1], size=size, aspect_ratio=aspect_ratio, angles=turn
        )
        covered += _cover(nearest, one, shape)
        if covered >= wanted:
            break
    else:
        raise ValueError(
            f"a volume fraction of {volume_fraction:g} is not reached with impenetrability "
            f"{impenetrability:g}: {len(centres)} particles cover {covered / nearest.size:.3f} and no "
            f"further core finds room; lower the impenetrability or the fraction"
        )
    shrink = math.sqrt(float(np.partition(nearest, wanted - 1)[wanted - 1]))
    count = len(centres)
    return Packing(
        centres=np.concatenate(centres),
        radii=shrink * radii[:count],
        size=size,
        aspect_ratio=aspect_ratio,
        angles=None if angles is None else angles[:count],
    )


def _measuring_grid(smallest_diameter: float, size: tuple[float, ...]) -> tuple[int, ...]:
    """Points per axis, x last, on which the covered fraction is counted; at most 16 million in all."""
    finest = (math.prod(size) / _MOST_POINTS) ** (1.0 / len(size))
    spacing = max(smallest_diameter / _POINTS_ACROSS[len(size)], finest)
    return tuple(math.ceil(side / spacing) for side in reversed(size))


def _cover(nearest: Floats, one: Packing, shape: tuple[int, ...]) -> int:
    """Lower ``nearest``, the squared distances in radii, by one particle; how many points it newly covers."""
    fresh = 0
    for index, squared in squared_distances(one, shape=shape, offset=(0.5,) * len(shape)):
        inside = squared <= 1.0
        points, values = index[inside], squared[inside]
        fresh += int((nearest[points] > 1.0).sum())
        nearest[points] = np.minimum(nearest[points], values)
    return fresh
