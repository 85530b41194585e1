"""Axial and bending Young's modulus of beams cut from a film; the length runs along x.

A resonator bends: grains near its faces and near its ends weigh more than the others, so its bending modulus
differs from the axial one of the same beam.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from .elements import Operator
from .equilibrium import CHUNK, equilibrium
from .guards import SLACK, GuardViolation, voigt_reuss
from .limits import check_memory, check_shape, check_tolerance, check_values
from .periodic import TOLERANCE
from .reference import PLANE, HeldMedium, Medium
from .stiffness import isotropic_stiffness
from .vibration import fundamental, reference_modes
from .windows import affine

FILM_POISSONS_RATIO = 0.1776
"""Of the infinite <100> fibre film of randomly turned silicon grains, plane stress."""


@dataclass(frozen=True, kw_only=True)
class Modulus:
    """Young's modulus of each beam of a batch.

    ``value``: ``(batch,)``, unit of the stiffness. ``error_bound``: ``(batch,)``, guaranteed: how far the
    value may lie above the one of endless iterations; never below.
    """

    value: Tensor
    error_bound: Tensor
    iterations: int


def tensile_modulus(
    stiffness: Tensor, *, axis: Literal["x", "y"] = "x", tolerance: float = TOLERANCE
) -> Modulus:
    """Modulus that a tensile test of the whole window measures: mean axial stress over mean axial strain.

    The axial displacement is prescribed on the two ends, which slide freely across it; the sides are free.
    ``stiffness``: ``(batch, 3, 3, ny, nx)``, Voigt order (xx, yy, xy), plane stress. ``axis``: of the pull.
    ``tolerance``: relative. Unit: that of ``stiffness``. Raises ValueError for values that are not finite or
    not positive definite and for more memory than the machine has, and NotConverged.
    """
    if axis not in ("x", "y"):
        raise ValueError(f"the axis of a tensile test is x or y, not {axis!r}")
    stiffness = _checked(stiffness, tolerance)
    pulled = stiffness if axis == "x" else stiffness[:, [1, 0, 2]][:, :, [1, 0, 2]].transpose(-1, -2)
    return _tensile(pulled, _film(pulled, FILM_POISSONS_RATIO), tolerance)


def bending_modulus(
    stiffness: Tensor, *, poissons_ratio: float = FILM_POISSONS_RATIO, tolerance: float = TOLERANCE
) -> Modulus:
    """Modulus of the homogeneous beam that bends in its first clamped-clamped mode at the same frequency.

    The homogeneous beam is isotropic, with ``poissons_ratio``, on the same grid, held alike (both ends
    clamped) and of the same uniform density: shear, the clamping and the error of the mesh act on both and
    cancel to first order. ``stiffness``: ``(batch, 3, 3, ny, nx)``, Voigt order (xx, yy, xy), plane stress,
    length along x. ``tolerance``: relative. Unit: that of ``stiffness``. Raises ValueError for values that
    are not finite or not positive definite, for beams too short or too uneven to tell the first mode from the
    second and for more memory than the machine has, and NotConverged.
    """
    stiffness = _checked(stiffness, tolerance)
    return _bending(stiffness, _film(stiffness, poissons_ratio), tolerance)


def beam_moduli(
    stiffness: Tensor, *, poissons_ratio: float = FILM_POISSONS_RATIO, tolerance: float = TOLERANCE
) -> tuple[Modulus, Modulus]:
    """Axial and bending modulus of the same beams, as ``tensile_modulus`` and ``bending_modulus``."""
    stiffness = _checked(stiffness, tolerance)
    film = _film(stiffness, poissons_ratio)
    return _tensile(stiffness, film, tolerance), _bending(stiffness, film, tolerance)


def _checked(stiffness: Tensor, tolerance: float) -> Tensor:
    check_tolerance(tolerance)
    stiffness = torch.as_tensor(stiffness).detach().cpu()
    check_shape(PLANE, stiffness, [0])
    check_memory(PLANE, stiffness, chunk=_chunk(stiffness), loads=3, fields=False)
    check_values(PLANE, stiffness)
    return stiffness


def _chunk(stiffness: Tensor) -> int:
    ny, nx = stiffness.shape[-2:]
    return min(len(stiffness), max(1, CHUNK // (2 * ny * nx)))


def _film(stiffness: Tensor, poissons_ratio: float) -> Medium:
    """The homogeneous isotropic film, of unit modulus."""
    if not -1 < poissons_ratio < 1:
        raise ValueError(f"Poisson's ratio in plane stress lies between -1 and 1, not {poissons_ratio:g}")
    ny, nx = stiffness.shape[-2:]
    return Medium(isotropic_stiffness(1.0, poissons_ratio, plane="stress"), (ny, nx))


def _tensile(stiffness: Tensor, film: Medium, tolerance: float) -> Modulus:
    held = np.zeros(film.nodes, bool)
    held[0, :, 0] = held[0, :, -1] = held[1, 0, 0] = True
    reference = film.held(held)
    compliance = torch.linalg.inv(film.stiffness)
    start = affine(compliance[:1] / compliance[0, 0], film.grid)
    voxels = film.grid[0] * film.grid[1]
    values, bounds, iterations = [], [], 0
    for part in stiffness.double().split(_chunk(stiffness)):
        operator = Operator(PLANE, part, periodic=False)
        result = equilibrium(operator, reference, start=start, forces=None, tolerance=tolerance)
        values.append(result.energies[:, 0, 0] / voxels)
        bounds.append(result.bound[:, 0] / voxels)
        iterations = max(iterations, result.iterations)
        _check_axial(operator, values[-1])
    return Modulus(value=torch.cat(values), error_bound=torch.cat(bounds), iterations=iterations)


def _check_axial(operator: Operator, modulus: Tensor) -> None:
    """Uniform strain with free contraction bounds a tensile test from above, uniform stress from below."""
    upper, lower = (1 / torch.linalg.inv(mean)[:, 0, 0] for mean in voigt_reuss(operator))
    if bool(((modulus > upper * (1 + SLACK)) | (modulus < lower * (1 - SLACK))).any()):
        raise GuardViolation("an axial modulus lies outside the bounds of Voigt and Reuss")


def _bending(stiffness: Tensor, film: Medium, tolerance: float) -> Modulus:
    held = np.zeros(film.nodes, bool)
    held[:, :, [0, -1]] = True
    reference: HeldMedium = film.held(held)
    modes = reference_modes(reference)
    parts = [
        fundamental(Operator(PLANE, part, periodic=False), reference, modes, tolerance=tolerance)
        for part in stiffness.double().split(_chunk(stiffness))
    ]
    value = torch.cat([part.squared for part in parts]) / modes.squared[0]
    return Modulus(
        value=value,
        error_bound=value * torch.cat([part.bound for part in parts]),
        iterations=max(part.iterations for part in parts),
    )
