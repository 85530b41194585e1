"""Closed forms of the literature for composites, derived here from the physics and not from the solver.

Conductivities are relative to the matrix unless both phases are given; cells have unit sides.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from math import comb, gamma, pi, sqrt

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

Floats = npt.NDArray[np.float64]

VOIGT: dict[int, list[tuple[int, int]]] = {
    2: [(0, 0), (1, 1), (0, 1)],
    3: [(0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)],
}


def square_lattice_sum(order: int) -> float:
    """``sum of z**-order`` over the points of the square lattice but the origin, order even.

    The second is pi (summed as a square array in a uniform field, Rayleigh 1892), the fourth is
    Gamma(1/4)^8 / (960 pi^2), the rest follow from Weierstrass' recursion with g3 = 0.
    """
    if order == 2:
        return pi
    return 0.0 if order % 4 else _laurent(order // 2) / (order - 1)


@cache
def _laurent(k: int) -> float:
    """Coefficient of Weierstrass' elliptic function of the square lattice, ``(2k - 1) S_2k``."""
    if k < 4:
        return {2: 3 * gamma(0.25) ** 8 / (960 * pi**2), 3: 0.0}[k]
    return 3 * sum(_laurent(m) * _laurent(k - m) for m in range(2, k - 1)) / ((2 * k + 1) * (k - 3))


def cylinders_series(conductivity: float, fraction: float, *, terms: int = 20) -> float:
    """Square array of cylinders by Rayleigh's multipole system (Rayleigh 1892; Perrins et al. 1979).

    Odd multipoles only; each is excited by the field at infinity and by the images' multipoles.
    """
    radius = sqrt(fraction / pi)
    contrast = (1 + conductivity) / (1 - conductivity)
    orders = range(1, 2 * terms, 2)
    system = np.array(
        [[comb(n + m - 1, n) * square_lattice_sum(n + m) * radius ** (n + m) for m in orders] for n in orders]
    )
    system += contrast * np.eye(terms)
    field = np.zeros(terms)
    field[0] = radius
    return float(1 - 2 * pi * radius * np.linalg.solve(system, field)[0])


def cylinders_closed_form(conductivity: float, fraction: float) -> float:
    """Square array of cylinders, the system cut after the third multipole (Perrins et al. 1979, eq. 14)."""
    f, T = fraction, (1 + conductivity) / (1 - conductivity)
    return 1 - 2 * f / (T + f - 0.305827 * f**4 * T / (T**2 - 1.402958 * f**8) - 0.013362 * f**8 / T)


def spheres_cubic_array(conductivity: float, fraction: float) -> float:
    """Simple cubic array of spheres (Sangani and Acrivos 1983, eq. 56 to O(f^9))."""
    a, f = conductivity, fraction
    L = {i: (a - 1) / (a + 2 * i / (2 * i - 1)) for i in range(1, 6)}
    denominator = (
        -1 / L[1]
        + f
        + 1.3047
        * L[2]
        * f ** (10 / 3)
        * (1 + 0.2305 * L[3] * f ** (11 / 3))
        / (1 - 0.4054 * L[2] * f ** (7 / 3))
        + 0.07231 * L[3] * f ** (14 / 3)
        + 0.1526 * L[4] * f**6
        + 0.0105 * L[5] * f ** (22 / 3)
    )
    return 1 - 3 * f / denominator


def hashin_shtrikman(first: float, second: float, fraction: float, dimension: int) -> tuple[float, float]:
    """Bounds of the conductivity of isotropic two-phase media, (lower, upper); ``fraction``: of the second.

    Hashin and Shtrikman 1962.
    """

    def coated(core: float, coat: float, f: float) -> float:
        return coat if core == coat else coat + f / (1 / (core - coat) + (1 - f) / (dimension * coat))

    low, high = sorted([coated(second, first, fraction), coated(first, second, 1 - fraction)])
    return low, high


def hashin_shtrikman_plane(
    bulk: tuple[float, float], shear: tuple[float, float], fraction: float
) -> tuple[float, float]:
    """Plane bulk and shear modulus of the coated-disk bound with phase 0 as the coat (Hashin 1965).

    A lower bound where phase 0 is the softer in both moduli, an upper one where it is the stiffer.
    ``fraction``: of phase 1.
    """
    (k0, k1), (m0, m1), f, g = bulk, shear, fraction, 1 - fraction
    K = k0 + f / (1 / (k1 - k0) + g / (k0 + m0))
    mu = m0 + f / (1 / (m1 - m0) + g * (k0 + 2 * m0) / (2 * m0 * (k0 + m0)))
    return K, mu


def laminate(layers: Sequence[Floats], fractions: Sequence[float], normal: Sequence[int]) -> Floats:
    """Effective law of layers, exact: components ``normal`` of the flux are common, the others' gradient.

    Partial inversion, average, inversion back (Backus 1962; Milton 2002, chapter 9). For conduction
    ``normal`` is the axis of the layering, for elasticity the Voigt components that hold it.
    """
    size = len(layers[0])
    n, t = list(normal), [i for i in range(size) if i not in normal]
    mixed = dict.fromkeys(("nn", "nt", "tt"), 0.0)
    for C, f in zip(layers, fractions, strict=True):
        inverse = np.linalg.inv(C[np.ix_(n, n)])
        mixed["nn"] = mixed["nn"] + f * inverse
        mixed["nt"] = mixed["nt"] + f * inverse @ C[np.ix_(n, t)]
        mixed["tt"] = mixed["tt"] + f * (C[np.ix_(t, t)] - C[np.ix_(t, n)] @ inverse @ C[np.ix_(n, t)])
    across = np.linalg.inv(mixed["nn"])
    effective = np.zeros((size, size))
    effective[np.ix_(n, n)] = across
    effective[np.ix_(n, t)] = across @ mixed["nt"]
    effective[np.ix_(t, n)] = effective[np.ix_(n, t)].T
    effective[np.ix_(t, t)] = mixed["tt"] + mixed["nt"].T @ across @ mixed["nt"]
    return effective


def voigt_components_of(axis: int, dimension: int) -> list[int]:
    """The Voigt components of the traction on a plane with that normal."""
    return [i for i, pair in enumerate(VOIGT[dimension]) if axis in pair]


def plane_isotropic(bulk: float, shear: float) -> Floats:
    """Plane stiffness in Voigt order from the plane bulk and the shear modulus."""
    return np.array([[bulk + shear, bulk - shear, 0.0], [bulk - shear, bulk + shear, 0.0], [0.0, 0.0, shear]])


def rotation_in_voigt(rotation: Floats) -> Floats:
    """How stress in Voigt order turns with a rotation or reflection; stiffness: ``T C T'``.

    Column by column from ``R sigma R'``.
    """
    dimension = len(rotation)
    pairs = VOIGT[dimension]
    columns = []
    for i, j in pairs:
        stress = np.zeros((dimension, dimension))
        stress[i, j] = stress[j, i] = 1
        turned = rotation @ stress @ rotation.T
        columns.append([turned[k, m] for k, m in pairs])
    return np.array(columns).T


def disk(pixels: int, radius: float) -> npt.NDArray[np.bool_]:
    """Crisp disk (pixel centres) in the middle of a unit square."""
    return _ball(pixels, radius, 2)


def ball(voxels: int, radius: float) -> npt.NDArray[np.bool_]:
    """Crisp sphere (voxel centres) in the middle of a unit cube."""
    return _ball(voxels, radius, 3)


def _ball(n: int, radius: float, dimension: int) -> npt.NDArray[np.bool_]:
    offset = (np.arange(n) + 0.5) / n - 0.5
    squares = np.meshgrid(*[offset**2] * dimension, indexing="ij")
    return np.asarray(sum(squares) < radius**2)


def grains(pixels: int, count: int, seed: int, *, dimension: int = 2) -> npt.NDArray[np.intp]:
    """Periodic Voronoi cells of uniform random points in a unit cell, drawn on any grid."""
    points = np.random.default_rng(seed).random((count, dimension))
    centres = (np.arange(pixels) + 0.5) / pixels
    grid = np.stack(np.meshgrid(*[centres] * dimension, indexing="ij"), -1)[..., ::-1]
    return np.asarray(cKDTree(points, boxsize=1.0).query(grid)[1])
