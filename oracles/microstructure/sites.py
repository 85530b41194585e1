"""Generator sites of grains: four regularizations of a random point pattern on a torus.

The generator spacing s is defined by the density of sites, one per s^d; so the mean grain area (volume) is
s^2 (s^3) for every regularization. Sources: Mariani et al. 2011 (regularized Voronoi films); Illian et al.
2008 (point processes); Du, Faber and Gunzburger 1999 (Lloyd's iteration, centroidal tessellations).
"""

from __future__ import annotations

import math

import numpy as np
from scipy.spatial import cKDTree

from .power import sampled_cells
from .seeds import generator
from .structure import Floats
from .torus import wrapped

REGULARIZATIONS = ("jitter", "hardcore", "poisson", "lloyd")
_BALL = {2: math.pi / 4, 3: math.pi / 6}
_ROUNDS = 400
_MOST_STEPS = 50


def diameter_of(spacing: float, *, dimension: int) -> float:
    """Equivalent diameter: that of the disk (sphere) with the mean grain area s^2 (volume s^3).

    1.128 s in 2-D, 1.241 s in 3-D. The mean intercept length is a third measure: pi s / 4 = 0.785 s for a 2-D
    Poisson-Voronoi tessellation (and for squares), 0.687 s in 3-D (Meijering 1953); regular grains have a
    slightly longer one, 0.844 s for hexagons. Raises ValueError for a spacing not above 0 or another
    dimension.
    """
    return positive("spacing", spacing) / _spacing_per_diameter(dimension)


def spacing_of(diameter: float, *, dimension: int) -> float:
    """Generator spacing whose grains have this equivalent diameter; the inverse of ``diameter_of``."""
    return positive("diameter", diameter) * _spacing_per_diameter(dimension)


def place_sites(
    *,
    box: tuple[float, ...],
    spacing: float,
    regularization: str = "jitter",
    jitter: float = 0.5,
    separation: float = 0.7,
    lloyd_steps: int = 2,
    lloyd_from: str = "poisson",
    seed: int | np.random.SeedSequence,
) -> Floats:
    """Sites (n, d), columns x, y[, z] in um, of a stationary pattern on the torus ``box``.

    ``jitter``: a randomly placed lattice, each site displaced by a uniform draw from +-``jitter`` pitches
    along each axis. The pitch is the spacing, changed so that a whole number fits each side. ``hardcore``:
    round(volume / s^d) sites by sequential inhibition, none nearer than ``separation`` * s (periodic metric).
    ``poisson``: a Poisson number of independent sites (an empty draw becomes one site). ``lloyd``:
    ``lloyd_steps`` moves to the centroids of the Voronoi cells, from ``lloyd_from`` poisson or jitter.

    Sequential inhibition saturates where disks of diameter ``separation`` * s cover 0.547 of the plane
    (spheres: 0.384 of space), which is ``separation`` 0.83 (0.90); the default covers 0.385 (0.180). Nothing
    is thinned or relaxed in silence: where the last sites find no place, ValueError. ValueError also for any
    argument out of range.
    """
    check_box(box)
    if min(box) < positive("spacing", spacing):
        raise ValueError(
            f"a side of {min(box):g} um is shorter than the spacing {spacing:g} um; enlarge the box"
        )
    _choice("regularization", regularization, REGULARIZATIONS)
    _choice("lloyd_from", lloyd_from, ("poisson", "jitter"))
    _between("jitter", jitter, 0.0, 0.5)
    _between("separation", separation, 0.0, 0.9)
    if lloyd_steps not in range(1, _MOST_STEPS + 1):
        raise ValueError(f"lloyd_steps is {lloyd_steps}; give a whole number from 1 to {_MOST_STEPS}")
    rng = generator(seed)
    match lloyd_from if regularization == "lloyd" else regularization:
        case "jitter":
            sites = _jitter(rng, box, spacing, jitter)
        case "hardcore":
            sites = _hardcore(rng, box, spacing, separation)
        case _:
            sites = _poisson(rng, box, spacing)
    return relax(sites, box=box, steps=lloyd_steps) if regularization == "lloyd" else sites


def relax(sites: Floats, *, box: tuple[float, ...], steps: int) -> Floats:
    """Lloyd's iteration: each site moves to the centroid of its periodic Voronoi cell, ``steps`` times."""
    for _ in range(steps):
        sites = sampled_cells(sites=sites, weights=np.zeros(len(sites)), box=box).centroids
    return sites


def check_box(box: tuple[float, ...]) -> None:
    """Raises ValueError unless ``box`` is 2 or 3 finite lengths above 0."""
    if len(box) not in (2, 3):
        raise ValueError(f"a size of {len(box)} sides; give (x, y) or (x, y, z) in um")
    for side in box:
        positive("side", side)


def positive(name: str, value: float) -> float:
    """The value; raises ValueError unless it is a finite number above 0."""
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name} is {value:g}; give a finite length in um above 0")
    return value


def _jitter(rng: np.random.Generator, box: tuple[float, ...], spacing: float, jitter: float) -> Floats:
    counts = [max(1, round(side / spacing)) for side in box]
    pitch = np.array(box) / counts
    lattice = np.stack(np.meshgrid(*map(np.arange, counts), indexing="ij"), axis=-1).reshape(-1, len(box))
    origin = rng.random(len(box))
    return wrapped((lattice + origin + rng.uniform(-jitter, jitter, lattice.shape)) * pitch, box)


def _poisson(rng: np.random.Generator, box: tuple[float, ...], spacing: float) -> Floats:
    count = max(1, int(rng.poisson(math.prod(box) / spacing ** len(box))))
    return wrapped(rng.random((count, len(box))) * box, box)


def _hardcore(rng: np.random.Generator, box: tuple[float, ...], spacing: float, separation: float) -> Floats:
    """Random sequential inhibition; candidates come in blocks but are judged in their order, one by one."""
    wanted, distance = max(1, round(math.prod(box) / spacing ** len(box))), separation * spacing
    sites = np.empty((0, len(box)))
    for _ in range(_ROUNDS):
        candidates = wrapped(rng.random((wanted, len(box))) * box, box)
        if len(sites):
            candidates = candidates[cKDTree(sites, boxsize=np.array(box)).query(candidates)[0] >= distance]
        sites = np.concatenate([sites, _apart(candidates, box, distance)])[:wanted]
        if len(sites) == wanted:
            return sites
    covered = len(sites) / math.prod(box) * distance ** len(box) * _BALL[len(box)]
    raise ValueError(
        f"only {len(sites)} of {wanted} sites found a place {distance:g} um or more from the others (disks "
        f"or spheres of that diameter cover {covered:.2f}); lower separation, which is {separation:g}"
    )


def _apart(candidates: Floats, box: tuple[float, ...], distance: float) -> Floats:
    """Those candidates that no kept earlier one comes nearer to than ``distance``."""
    if not len(candidates):
        return candidates
    kept = np.ones(len(candidates), dtype=bool)
    pairs = cKDTree(candidates, boxsize=np.array(box)).query_pairs(distance, output_type="ndarray")
    for earlier, later in pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]:
        if kept[earlier]:
            kept[later] = False
    return candidates[kept]


def _spacing_per_diameter(dimension: int) -> float:
    if dimension not in _BALL:
        raise ValueError(f"the dimension is {dimension!r}; give 2 or 3")
    return float(_BALL[dimension] ** (1 / dimension))


def _between(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ValueError(f"{name} is {value:g}; give a number from {low:g} to {high:g}")


def _choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"{name} is {value!r}; write one of {', '.join(choices)}")
