"""Dense random packings: overlapping soft particles pushed apart until none is too close to another."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from .particles import particle_volumes
from .structure import Floats
from .torus import nearest_image, wrapped

RANDOM_CLOSE = {2: 0.84, 3: 0.64}
"""Area (volume) fraction near which random packings of equal disks (spheres) jam (O'Hern et al., 2003)."""

_MARGIN = 1e-4
_MOST_SLACK = 0.05
_SHARES_OF_ROOM = (0.5, 0.25, 0.0, 0.0)
_STEPS = 6000
_SWEEPS = 100


def relaxed(*, radii: Floats, size: tuple[float, ...], gap: float, rng: np.random.Generator) -> Floats | None:
    """Centres ``(n, d)`` in um of disks or spheres at least ``gap`` um apart, or None where none were found.

    Starts from independent uniform places and minimizes the energy sum (s_ij - r_ij)^2 / 2 over pairs closer
    than s_ij (O'Hern et al., 2003) by FIRE (Bitzek et al., 2006). s_ij is radius_i + radius_j + gap and some
    slack: half of what is left to random close packing (less in later starts), at most 5 %, for a descent
    ends with pairs exactly s_ij apart. Random moves that keep the true distances follow and use up the
    slack, as in a fluid of hard particles. Periodic. Elementary array operations only: no linear-algebra
    library decides the outcome.
    """
    grown = float(particle_volumes(radii + 0.5 * gap, len(size)).sum()) / math.prod(size)
    room = (RANDOM_CLOSE[len(size)] / grown) ** (1.0 / len(size)) - 1.0
    for share in _SHARES_OF_ROOM:
        slack = min(max(share * room, _MARGIN), _MOST_SLACK)
        centres = _quench(rng.random((len(radii), len(size))) * size, radii, size, gap, slack)
        if centres is not None:
            return _shaken(centres, radii, size, gap, rng)
    return None


def _shaken(
    centres: Floats, radii: Floats, size: tuple[float, ...], gap: float, rng: np.random.Generator
) -> Floats:
    """Random moves of all particles, each taken where it clears the old and new places of the others."""
    step = 0.1 * float(radii.mean())
    for _ in range(_SWEEPS):
        pairs = _pairs(centres, radii, size, gap + 2.0 * step * np.sqrt(len(size)))
        moved = centres + rng.uniform(-step, step, centres.shape)
        free = np.ones(len(centres), dtype=bool)
        for mover, other in (pairs.T, pairs.T[::-1]):
            wanted = ((1.0 + 1e-9) * (radii[mover] + radii[other] + gap)) ** 2
            for places in (centres, moved):
                apart = nearest_image(places[other] - moved[mover], size)
                free[mover[(apart**2).sum(axis=1) < wanted]] = False
        centres = np.where(free[:, None], moved, centres)
        step *= 1.1 if 2 * free.sum() > len(centres) else 0.9
    return wrapped(centres, size)


def _quench(start: Floats, radii: Floats, size: tuple[float, ...], gap: float, slack: float) -> Floats | None:
    """FIRE descent of the overlap energy; None where overlaps are left after the last step."""
    skin = 0.15 * (2.0 * float(radii.mean()) + gap)
    reach = gap + slack * (2.0 * float(radii.max()) + gap) + skin
    centres, velocity = start, np.zeros_like(start)
    listed_at, pairs = centres, _pairs(centres, radii, size, reach)
    step, mixing, downhill = 0.1, 0.1, 0
    for _ in range(_STEPS):
        if ((centres - listed_at) ** 2).sum(axis=1).max() > (0.5 * skin) ** 2:
            listed_at, pairs = centres, _pairs(centres, radii, size, reach)
        force, clear = _push(centres, radii, size, gap, slack, pairs)
        if clear:
            return wrapped(centres, size)
        if (force * velocity).sum() > 0.0:
            along = np.sqrt((velocity**2).sum() / (force**2).sum())
            velocity = (1.0 - mixing) * velocity + mixing * along * force
            downhill += 1
            if downhill > 5:
                step, mixing = min(1.1 * step, 0.6), 0.99 * mixing
        else:
            velocity, step, mixing, downhill = np.zeros_like(velocity), 0.5 * step, 0.1, 0
        velocity = velocity + step * force
        centres = centres + step * velocity
    return None


def _pairs(centres: Floats, radii: Floats, size: tuple[float, ...], reach: float) -> npt.NDArray[np.intp]:
    """Pairs ``(m, 2)`` whose surfaces are closer than ``reach``, in an order that no tree decides."""
    tree = cKDTree(wrapped(centres, size), boxsize=size)
    pairs = tree.query_pairs(2.0 * float(radii.max()) + reach, output_type="ndarray")
    first, second = pairs[:, 0], pairs[:, 1]
    apart = nearest_image(centres[second] - centres[first], size)
    near = (apart**2).sum(axis=1) < (radii[first] + radii[second] + reach) ** 2
    return pairs[near][np.lexsort((second[near], first[near]))]


def _push(
    centres: Floats,
    radii: Floats,
    size: tuple[float, ...],
    gap: float,
    slack: float,
    pairs: npt.NDArray[np.intp],
) -> tuple[Floats, bool]:
    """Forces ``(n, d)`` of the overlap energy, and whether every listed pair keeps its distance."""
    first, second = pairs[:, 0], pairs[:, 1]
    apart = nearest_image(centres[second] - centres[first], size)
    distance = np.sqrt((apart**2).sum(axis=1))
    wanted = radii[first] + radii[second] + gap
    overlap = np.maximum((1.0 + slack) * wanted - distance, 0.0)
    pull = apart * (overlap / np.maximum(distance, 1e-12 * wanted))[:, None]
    force = np.stack(
        [
            np.bincount(second, column, len(centres)) - np.bincount(first, column, len(centres))
            for column in pull.T
        ],
        axis=-1,
    )
    return force, bool((distance >= (1.0 + max(slack - _MARGIN, 1e-9)) * wanted).all())
