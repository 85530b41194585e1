"""The reference medium of a batch, and a lower bound on how soft any voxel is compared with it."""

from __future__ import annotations

import torch
from torch import Tensor

from .elements import Kinematics
from .tensors import congruent

NOT_DEFINITE = (
    "a voxel has a tensor that is not positive definite (zero, or wrong in one constant); give pores and "
    "insulating voxels a small value, such as 1e-4 of the solid's"
)
SINGULAR = 1e-14


def reference_of(kinematics: Kinematics, coefficients: Tensor) -> Tensor:
    """A homogeneous medium with the symmetry of the mean of the batch: ``()`` or ``(s, s)``, double."""
    means = coefficients.mean((0, *range(-kinematics.dimension, 0)), dtype=torch.float64)
    if means.dim() == 0:
        return means
    reference = (means + means.T) / 2
    if float(torch.linalg.eigvalsh(reference)[0]) <= SINGULAR * float(reference.abs().max()):
        raise ValueError(NOT_DEFINITE)
    return reference


def floor_of(kinematics: Kinematics, coefficients: Tensor, reference: Tensor) -> tuple[Tensor, bool]:
    """Lower bound ``(batch, 1)`` of the eigenvalues of reference^-1 times each voxel, and whether it is one.

    The discrete Green operator of the reference inherits it (Pultarova and Ladecky 2021). Insulating voxels
    have none; for them the softest conducting voxel, divided by ten, serves as an estimate. Raises ValueError
    where a voxel is not positive definite.
    """
    grid = tuple(range(-kinematics.dimension, 0))
    if reference.dim() == 0:
        ratio = coefficients / reference
        lowest = ratio.amin(grid)
        if bool((lowest > 0).all()):
            return lowest[:, None], True
        conducting = torch.where(ratio > 0, ratio, torch.inf).amin(grid)
        return torch.where(lowest > 0, lowest, conducting / 10)[:, None], False
    lowest = _gershgorin(coefficients, reference).amin(grid)
    for image in torch.nonzero(lowest <= 0).flatten().tolist():
        lowest[image] = _exact(coefficients[image], reference)
    if bool((lowest <= 0).any()):
        raise ValueError(NOT_DEFINITE)
    return lowest[:, None], True


def _whitened(coefficients: Tensor, reference: Tensor) -> Tensor:
    """``L^-1 C L^-T`` of each voxel of ``(batch, s, s, *grid)``, ``L L^T`` the reference."""
    root = torch.linalg.inv(torch.linalg.cholesky(reference))
    return congruent(coefficients, root, coefficients.dim() - 3)


def _gershgorin(coefficients: Tensor, reference: Tensor) -> Tensor:
    """Gershgorin's lower bound in every voxel, ``(batch, *grid)``."""
    white = _whitened(coefficients, reference)
    diagonal = torch.stack([white[:, s, s] for s in range(len(reference))], 1)
    return (diagonal + diagonal.abs() - white.abs().sum(2)).amin(1)


def _exact(coefficients: Tensor, reference: Tensor) -> Tensor:
    white = _whitened(coefficients[None], reference)[0]
    return torch.linalg.eigvalsh(white.movedim((0, 1), (-2, -1))).amin()
