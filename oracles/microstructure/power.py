"""Which site owns a point: power (Laguerre) cells on a torus, and their volumes and centroids.

The power distance of a point to site i is ``|x - x_i|^2 - w_i`` (Aurenhammer 1987); equal weights give
Voronoi cells. Everything here is periodic: a cut structure is a window of a larger torus (see
``tessellation``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from .structure import Floats
from .torus import wrapped

_SAMPLES = {2: 10, 3: 8}


@dataclass(frozen=True, kw_only=True)
class Cells:
    """Cells as a regular grid of sample points sees them: ``volumes`` (n,), ``centroids`` (n, d).

    A cell that holds no sample point has volume 0 and its own site as centroid.
    """

    volumes: Floats
    centroids: Floats


def owners(points: Floats, *, sites: Floats, weights: Floats, box: tuple[float, ...]) -> npt.NDArray[np.intp]:
    """Index of the site of least power distance for each of ``points`` (m, d)."""
    return _nearest(points, sites, weights, box)[1]


def least_power(points: Floats, *, sites: Floats, weights: Floats, box: tuple[float, ...]) -> Floats:
    """Least power distance of each of ``points`` (m, d) to ``sites`` (n, d), in um^2."""
    return np.asarray(_nearest(points, sites, weights, box)[0] ** 2 - weights.max())


def sampled_cells(*, sites: Floats, weights: Floats, box: tuple[float, ...]) -> Cells:
    """Volumes and centroids of all cells, from 10 (2-D) or 8 (3-D) sample points per mean spacing."""
    count, dimension = sites.shape
    spacing = (np.prod(box) / count) ** (1 / dimension)
    points = centres(box, tuple(int(np.ceil(_SAMPLES[dimension] * side / spacing)) for side in box))
    owner = owners(points, sites=sites, weights=weights, box=box)
    held = np.bincount(owner, minlength=count)
    offsets = points - sites[owner]
    offsets -= np.array(box) * np.round(offsets / box)
    sums = np.stack([np.bincount(owner, offsets[:, axis], minlength=count) for axis in range(dimension)], -1)
    return Cells(
        volumes=held * (np.prod(box) / len(points)),
        centroids=wrapped(sites + sums / np.maximum(held, 1)[:, None], box),
    )


def centres(size: tuple[float, ...], counts: tuple[int, ...]) -> Floats:
    """Centres ``(i + 1/2) size / count`` of a grid, (m, d) with columns x, y[, z], the x index fastest."""
    axes = [(np.arange(count) + 0.5) * (side / count) for side, count in zip(size, counts, strict=True)]
    mesh = np.meshgrid(*reversed(axes), indexing="ij")
    return np.stack([axis.ravel() for axis in reversed(mesh)], axis=-1)


def _nearest(
    points: Floats, sites: Floats, weights: Floats, box: tuple[float, ...]
) -> tuple[Floats, npt.NDArray[np.intp]]:
    """Distance and index of the nearest site, an extra coordinate sqrt(w_max - w) lifting each site."""
    lift = np.sqrt(weights.max() - weights)
    if not lift.any():
        distances, indices = cKDTree(sites, boxsize=np.array(box)).query(points)
    else:
        tree = cKDTree(np.column_stack([sites, lift]), boxsize=np.array([*box, 0.0]))
        distances, indices = tree.query(np.column_stack([points, np.zeros(len(points))]))
    return np.asarray(distances), np.asarray(indices)
