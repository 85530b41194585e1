"""What the rows of ``published_statistics.py`` measure: the values of every realization by quantity."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from typing import get_args

import numpy as np
import torch
from torch import Tensor

from designloop_oracles.homogenization.beams import beam_moduli, tensile_modulus
from designloop_oracles.homogenization.composites import Discretization, coefficients_of, composite
from designloop_oracles.homogenization.periodic import effective_conductivity, effective_stiffness
from designloop_oracles.homogenization.stiffness import (
    film_stiffness,
    principal_youngs_moduli,
    youngs_moduli,
)
from designloop_oracles.homogenization.windows import Boundary, apparent_stiffness
from designloop_oracles.microstructure.drawing import draw
from designloop_oracles.microstructure.packing import Packing, pack
from designloop_oracles.microstructure.polycrystals import polycrystals
from designloop_oracles.microstructure.seeds import child_seed
from designloop_oracles.microstructure.structure import Polycrystal

TOLERANCE = 1e-6
COARSE = 1e-3
"""Of the finest drawings: the bound of the error of stopping, far below the error of the drawing."""
PART = 50
PERMEABLE = 250.0

AXES = youngs_moduli(film_stiffness(torch.tensor([0.0, torch.pi / 4])))[:, 0]
"""Young's modulus of a silicon crystal along <100> and <110>, GPa."""
FILM = float(AXES.prod().sqrt())
BULK = float(film_stiffness(torch.tensor(0.0))[0, :2].mean())
SCATTER = float((FILM**3 * (1 / AXES).mean() - FILM**2) ** 0.5)
"""Mean, plane bulk modulus and standard deviation of the modulus of a grain over its angle, GPa."""

Samples = dict[str, list[float]]


def parts_of(structures: Iterable[Polycrystal]) -> Iterator[Tensor]:
    """Stiffness of films, ``(batch, 3, 3, ny, nx)``, some at a time."""
    left = iter(structures)
    while part := list(islice(left, PART)):
        looked_up = [film_stiffness(torch.from_numpy(p.angles))[p.labels.astype(np.int64)] for p in part]
        yield torch.stack(looked_up).permute(0, 3, 4, 1, 2)


def bulk(tensor: Tensor) -> Tensor:
    """Plane bulk modulus."""
    return tensor[:, :2, :2].mean((1, 2))


def held(boundary: Boundary, stiffness: Tensor) -> dict[str, Tensor]:
    """Young's modulus along x and bulk modulus of windows held by a boundary condition."""
    tensor = apparent_stiffness(stiffness, boundary=boundary, tolerance=TOLERANCE).tensor
    return {boundary: youngs_moduli(tensor)[:, 0], f"K {boundary}": bulk(tensor)}


def tensile(stiffness: Tensor) -> dict[str, Tensor]:
    """Tensile test along x."""
    return {"tensile": tensile_modulus(stiffness, tolerance=TOLERANCE).value}


def resonator(stiffness: Tensor) -> dict[str, Tensor]:
    """Tensile test and first bending mode of the same beams."""
    axial, bending = beam_moduli(stiffness, tolerance=TOLERANCE)
    return {"tensile": axial.value, "bending": bending.value}


TESTS: dict[str, Callable[[Tensor], dict[str, Tensor]]] = {
    "tensile": tensile,
    "resonator": resonator,
    "displacement": partial(held, "displacement"),
    "traction": partial(held, "traction"),
}


def films(
    *, size: tuple[float, float], spacing: float, pixels: int, tests: tuple[str, ...], count: int, seed: int,
    regularization: str = "jitter",
) -> Samples:  # fmt: skip
    """Moduli of cut films, GPa; ``pixels`` per um."""
    found: Samples = defaultdict(list)
    cut = polycrystals(
        count, seed=seed, size=size, spacing=spacing, pixel=1 / pixels, periodic=False,
        regularization=regularization,
    )  # fmt: skip
    for stiffness in parts_of(cut):
        for test in tests:
            for name, values in TESTS[test](stiffness).items():
                found[name] += values.tolist()
    return found


def periodic_films(*, side: float, grids: tuple[int, ...], count: int, seed: int) -> Samples:
    """sqrt(E1 E2) of periodic cells of ``grids`` pixels a side, and their bulk modulus, GPa."""
    found: Samples = defaultdict(list)
    for grid in grids:
        cells = polycrystals(
            count, seed=seed, size=(side, side), spacing=0.5, pixel=side / grid, periodic=True
        )
        for stiffness in parts_of(cells):
            tensor = effective_stiffness(stiffness, tolerance=TOLERANCE).tensor
            found[f"{grid}"] += principal_youngs_moduli(tensor).prod(-1).sqrt().tolist()
            found["K periodic"] += bulk(tensor).tolist()
    return found


def drawn(packings: list[Packing], pixel: float, refinement: int, supersample: int) -> Tensor:
    """Shares of the particles, ``(batch, *grid)``."""
    images = [draw(p, pixel=pixel / refinement, supersample=supersample).share for p in packings]
    return torch.from_numpy(np.stack(images))


def permeability(
    packing: Packing, refinement: int, tolerance: float, *, kind: Discretization = "voxel", pixel: float = 1.0
) -> float:
    """mu_11 on one drawing; in the plane the geometric mean of its upper and lower bound.

    Shares count the same points, 8 along a coarse voxel, at every refinement.
    """
    share = drawn([packing], pixel, refinement, 8 // refinement if kind == "harmonic" else 1)
    field = coefficients_of(share, inclusion=PERMEABLE, matrix=1.0, discretization=kind)
    upper = effective_conductivity(field, loads=[0], tolerance=tolerance).tensor.item()
    if field.dim() == 4:
        return upper
    lower = 1 / effective_conductivity(1 / field, loads=[1], tolerance=tolerance).tensor.item()
    return float((upper * lower) ** 0.5)


def disks(
    *, side: int, fraction: float, overlap: bool, refinements: tuple[int, ...], count: int, seed: int
) -> Samples:
    """mu_11 of disks of radius 8 px: by ``voxel`` and ``harmonic``, their intervals, and drawn finer."""
    packings = [
        pack(size=(side, side), volume_fraction=fraction, diameter=16.0,
             impenetrability=0.0 if overlap else 1.0, seed=child_seed(seed, k))
        for k in range(count)
    ]  # fmt: skip
    law = {"inclusion": PERMEABLE, "matrix": 1.0}
    image = partial(drawn, packings, 1.0)
    crisp = composite(image, **law, discretization="voxel", interval=False)
    mixed = composite(image, **law, discretization="harmonic")
    assert crisp.bracket
    assert isinstance(mixed.lower, Tensor)
    assert isinstance(mixed.upper, Tensor)
    tensors = {
        "voxel": crisp.value, "lower": crisp.bracket.lower, "upper": crisp.bracket.upper,
        "harmonic": mixed.value, "interval_low": mixed.lower, "interval_high": mixed.upper,
    }  # fmt: skip
    found = {name: tensor[:, 0, 0].tolist() for name, tensor in tensors.items()}
    for k in refinements:
        found[f"x{k}"] = [permeability(p, k, COARSE if k > 2 else 1e-5) for p in packings]
    return found


def spheres(
    *, side: int, fraction: float, refinements: tuple[int, ...], count: int, finest: int, seed: int
) -> Samples:
    """mu_11 of spheres of radius 5 voxels; the last refinement for the first ``finest`` structures."""
    packings = [
        pack(size=(side,) * 3, volume_fraction=fraction, diameter=10.0, seed=child_seed(seed, k))
        for k in range(count)
    ]
    found: Samples = {}
    for k in refinements:
        chosen = packings[:finest] if k == refinements[-1] else packings
        for kind in get_args(Discretization):
            found[f"{kind} x{k}"] = [permeability(p, k, COARSE if k > 1 else 1e-4, kind=kind) for p in chosen]
    return found


def array(*, dimension: int, fraction: float, grids: tuple[int, ...]) -> Samples:
    """Relative error of a square array of cylinders or a cubic one of spheres, at the drawn fraction."""
    radius = (fraction / np.pi) ** 0.5 if dimension == 2 else (3 * fraction / (4 * np.pi)) ** (1 / 3)
    cell = Packing(centres=np.full((1, dimension), 0.5), radii=np.array([radius]), size=(1.0,) * dimension)
    exact = cylinders if dimension == 2 else cubic_spheres
    found = {"exact": [exact(fraction)]}
    for grid in grids:
        filled = float(draw(cell, pixel=1 / grid).share.mean())
        found[f"{grid}"] = [permeability(cell, 1, 1e-5, pixel=1 / grid) / exact(filled) - 1]
    return found


def cylinders(f: float) -> float:
    """Square array, Perrins, McKenzie and McPhedran (1979), eq. 14."""
    T = (1 + PERMEABLE) / (1 - PERMEABLE)
    return 1 - 2 * f / (T + f - 0.305827 * f**4 * T / (T**2 - 1.402958 * f**8) - 0.013362 * f**8 / T)


def cubic_spheres(f: float) -> float:
    """Simple cubic array, Sangani and Acrivos (1983), to O(f^9)."""
    L = [(PERMEABLE - 1) / (PERMEABLE + 2 * i / (2 * i - 1)) for i in range(1, 6)]
    swing = 1.3047 * L[1] * f ** (10 / 3) * (1 + 0.2305 * L[2] * f ** (11 / 3))
    rest = 0.07231 * L[2] * f ** (14 / 3) + 0.1526 * L[3] * f**6 + 0.0105 * L[4] * f ** (22 / 3)
    return 1 - 3 * f / (-1 / L[0] + f + swing / (1 - 0.4054 * L[1] * f ** (7 / 3)) + rest)
