"""Random sequential inhibition: particles dropped at random, kept where they do not come too close."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from .particles import surface_distance
from .structure import Floats
from .torus import nearest_image, wrapped

_SMALLEST_BATCH, _LARGEST_BATCH = 64, 20_000


def inhibited(
    *,
    radii: Floats,
    size: tuple[float, ...],
    gap: float,
    rng: np.random.Generator,
    aspect_ratio: float = 1.0,
    angles: Floats | None = None,
    chains: Floats | None = None,
    patience: int = 200_000,
) -> Iterator[Floats]:
    """Yield the places of particles one after another, in the order of ``radii``, in a periodic box.

    ``radii``: ``(n,)``, um; ``gap``: smallest allowed distance of two surfaces in um; ``angles``: ``(n,)``,
    rad, of ellipses; ``chains``: ``(n, k, d)``, the places of the k members of a chain relative to its
    first. Yields ``(k, d)`` centres in um (k = 1 without chains) and ends early once ``patience`` places in
    a row were refused. A particle keeps its size and angle until it has found a place, so the wanted
    distributions of both are kept (Widom, 1966; Feder, 1980). Candidates are screened in batches, which
    changes nothing in the law.
    """
    dimension = len(size)
    links = np.zeros((len(radii), 1, dimension)) if chains is None else chains
    members = links.shape[1]
    placed = np.empty((len(radii) * members, dimension))
    of_placed = np.repeat(radii, members)
    done, refused, batch = 0, 0, _SMALLEST_BATCH
    while done < len(radii) and refused < patience:
        before = done
        screen = (of_placed + radii[done]) / np.sqrt(aspect_ratio) + gap
        anchors = rng.random((batch, dimension)) * size
        for anchor in _screened(anchors, links[done], placed[: done * members], screen, size):
            taken = done * members
            group = wrapped(anchor + links[done], size)
            if _fits(group, done, placed[:taken], of_placed[:taken], radii, size, gap, aspect_ratio, angles):
                placed[taken : taken + members] = group
                done += 1
                yield group
                if done == len(radii) or radii[done] != radii[before] or members > 1:
                    break
        refused = 0 if done > before else refused + batch
        batch = _SMALLEST_BATCH if done > before else min(2 * batch, _LARGEST_BATCH)


def _screened(
    anchors: Floats, links: Floats, placed: Floats, screen: Floats, size: tuple[float, ...]
) -> Floats:
    """Candidates of which no member is ruled out at once by the particle with the nearest centre."""
    if not len(placed):
        return anchors
    members = wrapped(anchors[:, None, :] + links, size)
    distance, nearest = cKDTree(placed, boxsize=size).query(members)
    return anchors[(distance >= screen[nearest]).all(axis=1)]


def _fits(
    group: Floats,
    number: int,
    placed: Floats,
    of_placed: Floats,
    radii: Floats,
    size: tuple[float, ...],
    gap: float,
    aspect_ratio: float,
    angles: Floats | None,
) -> bool:
    """Whether the members of one group keep their distance from all placed particles."""
    if not len(placed):
        return True
    apart = nearest_image(placed - group[:, None, :], size)
    squared = (apart**2).sum(axis=-1)
    if angles is None:
        return bool((squared >= (of_placed + (radii[number] + gap)) ** 2).all())
    stretch = np.sqrt(aspect_ratio)
    sums = of_placed + radii[number]
    if (squared < (sums / stretch + gap) ** 2).any():
        return False
    (near,) = np.nonzero(squared[0] < (sums * stretch + gap) ** 2)
    pair_radii = (np.full(len(near), radii[number]), of_placed[near])
    pair_angles = (np.full(len(near), angles[number]), angles[near])
    if _meet_deeply(apart[0, near], pair_radii, pair_angles, gap, stretch).any():
        return False
    distance = surface_distance(apart[0, near], pair_radii, aspect_ratio=aspect_ratio, angles=pair_angles)
    return bool((distance >= gap).all())


def _meet_deeply(
    apart: Floats, radii: tuple[Floats, Floats], angles: tuple[Floats, Floats], gap: float, stretch: float
) -> npt.NDArray[np.bool_]:
    """Pairs where the disk inside one ellipse comes too close to the other: cheap, and rules out most.

    The points closer than c to an ellipse of semi-axes a, b include the ellipse of semi-axes a + c, b + c.
    """
    deep = np.zeros(len(apart), dtype=bool)
    for one, other in ((0, 1), (1, 0)):
        cos, sin = np.cos(angles[one]), np.sin(angles[one])
        clear = radii[other] / stretch + gap
        long = (apart[:, 0] * cos + apart[:, 1] * sin) / (radii[one] * stretch + clear)
        short = (apart[:, 1] * cos - apart[:, 0] * sin) / (radii[one] / stretch + clear)
        deep |= long**2 + short**2 < 1.0
    return deep
