"""Tessellations: the geometry of a polycrystal without pixels, and its drawing on any grid.

Everything is computed on a torus. A periodic structure is the whole torus. A cut structure is a window of a
torus at least six spacings longer on each side, so three spacings of sites lie beyond every edge of the frame
and no grain is shaped by it: frame and interior have equal statistics. A periodic solver on a cut structure
sees artificial grains at the frame; ``periodic`` goes with the image so that solvers can tell.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .power import centres, owners
from .seeds import child_seed
from .sites import check_box, place_sites, positive
from .sizes import fit_sizes
from .structure import Floats, Ints, Polycrystal, shape_of

_PADDING = 6


@dataclass(frozen=True, kw_only=True)
class Tessellation:
    """Grains as sites and weights: a point belongs to the site of least ``|x - x_i|^2 - w_i``.

    ``sites``: (n, d), columns x, y[, z], um, in the torus ``box``. ``weights``: (n,), um^2, all 0 for a
    Voronoi tessellation. ``size``: the window (0, 0) .. size that is drawn; equal to ``box`` where
    ``periodic``.
    """

    sites: Floats
    weights: Floats
    box: tuple[float, ...]
    size: tuple[float, ...]
    periodic: bool

    @property
    def spacing(self) -> float:
        """True mean generator spacing, (volume of the torus / number of sites)^(1/d), in um."""
        return float((math.prod(self.box) / len(self.sites)) ** (1 / len(self.box)))


def tessellate(
    *,
    size: tuple[float, ...],
    spacing: float,
    periodic: bool,
    regularization: str = "jitter",
    jitter: float = 0.5,
    separation: float = 0.7,
    lloyd_steps: int = 2,
    lloyd_from: str = "poisson",
    size_spread: float = 0.0,
    seed: int | np.random.SeedSequence,
) -> Tessellation:
    """A random tessellation of ``size`` (x, y[, z]) um with one site per spacing^d on average.

    Regularizations: see ``place_sites``. ``size_spread``: 0 keeps the Voronoi cells, whose diameters have
    their own coefficient of variation (2-D: 0.12 for jitter 0.5, 0.26 for poisson); 0.05 .. 0.6 prescribes
    it, see ``fit_sizes``. Raises ValueError for any argument out of range.
    """
    check_box(size)
    positive("spacing", spacing)
    size = tuple(map(float, size))
    box = size if periodic else tuple((math.ceil(side / spacing) + _PADDING) * spacing for side in size)
    sites = place_sites(
        box=box,
        spacing=spacing,
        regularization=regularization,
        jitter=jitter,
        separation=separation,
        lloyd_steps=lloyd_steps,
        lloyd_from=lloyd_from,
        seed=child_seed(seed, 0),
    )
    weights = np.zeros(len(sites))
    if size_spread != 0:
        sites, weights = fit_sizes(sites, box=box, size_spread=size_spread, seed=child_seed(seed, 1))
    return Tessellation(sites=sites, weights=weights, box=box, size=size, periodic=periodic)


def rasterize(tessellation: Tessellation, *, pixel: float) -> Ints:
    """Index of the site that owns each pixel's centre, ``(ny, nx)`` or ``(nz, ny, nx)``.

    Centres lie at ``(i + 1/2) pixel``. A grain has the same index at every resolution; indices of sites
    outside the window do not occur. Raises ValueError where a side is not a whole number of pixels.
    """
    shape = shape_of(tessellation.size, positive("pixel", pixel))
    owner = owners(
        centres(tessellation.size, shape[::-1]),
        sites=tessellation.sites,
        weights=tessellation.weights,
        box=tessellation.box,
    )
    return owner.reshape(shape).astype(np.int32)


def draw(tessellation: Tessellation, angles: Floats, *, pixel: float) -> Polycrystal:
    """The image of a tessellation whose site k carries ``angles[k]``; labels count the grains that appear.

    Angles belong to sites, so a grain keeps its angle at every resolution though its label may change. Raises
    ValueError for a wrong number of angles or a side that is not a whole number of pixels.
    """
    if angles.shape != (len(tessellation.sites),):
        raise ValueError(
            f"{angles.shape} angles for {len(tessellation.sites)} sites; give one angle per site"
        )
    owner = rasterize(tessellation, pixel=pixel)
    seen = np.bincount(owner.ravel(), minlength=len(angles)) > 0
    labels = (np.cumsum(seen) - 1).astype(np.int32)[owner]
    return Polycrystal(labels=labels, angles=angles[seen], pixel=pixel, periodic=tessellation.periodic)
