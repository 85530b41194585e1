"""Physics that every effective tensor obeys: a violation is an error, never a number."""

from __future__ import annotations

import torch
from torch import Tensor

from .elements import Operator
from .tensors import inverses

SLACK = 1e-9
"""Relative, for round-off."""


class GuardViolation(ArithmeticError):  # noqa: N818 - reads as a sentence where it is raised
    """An effective tensor contradicts a law that holds for every microstructure."""


def check(operator: Operator, strain: Tensor, tensor: Tensor, flux: Tensor, bound: Tensor) -> None:
    """Raise GuardViolation unless the tensors are possible.

    ``tensor``: ``(batch, loads, loads)`` from energies, of the macroscopic ``strain`` ``(loads, s)``;
    ``flux``: the same from mean stresses; ``bound``: ``(batch, loads)``, of the diagonal. Checked: symmetry;
    positive definiteness; Voigt's (Wiener's upper) and Reuss' (Wiener's lower) bound; that mean flux and
    energy agree; that a dilation under which every voxel carries the same stress is answered by just that
    stress, as in a <100> fibre film.
    """
    size = tensor.diagonal(dim1=-2, dim2=-1).amax(-1)[:, None, None]
    if bool(((tensor - tensor.transpose(1, 2)).abs() > SLACK * size).any()):
        raise GuardViolation("the effective tensor is not symmetric")
    if bool((torch.linalg.eigvalsh(tensor) < -SLACK * size[..., 0]).any()):
        raise GuardViolation("the effective tensor is not positive definite")
    upper, lower = voigt_reuss(operator)
    project = lambda mean: torch.einsum("ls,bst,mt->blm", strain, mean, strain)  # noqa: E731
    voigt = project(upper)
    _ordered(tensor, voigt, SLACK * size[:, 0] + bound.sum(1, keepdim=True), "above Voigt's bound")
    _ordered(project(lower), tensor, SLACK * size[:, 0], "below Reuss' bound")
    stiffest = voigt.diagonal(dim1=-2, dim2=-1).amax(-1, keepdim=True)
    allowed = SLACK * stiffest + 10 * (bound * stiffest).sqrt().amax(-1, keepdim=True)
    if bool(((flux - tensor).abs() > allowed[..., None]).any()):
        raise GuardViolation("the mean flux and the energy disagree (Hill's condition)")
    _uniform_stress(operator, strain, tensor, upper, bound, size)


def voigt_reuss(operator: Operator) -> tuple[Tensor, Tensor]:
    """Arithmetic and harmonic means over the voxels, ``(batch, s, s)`` each; zero where a voxel is zero."""
    grid = tuple(range(-operator.kinematics.dimension, 0))
    C = operator.coefficients
    if operator.isotropic:
        identity = torch.eye(operator.kinematics.strains, dtype=C.dtype, device=C.device)
        harmonic = 1 / (1 / C).mean(grid)
        return C.mean(grid)[:, None, None] * identity, harmonic[:, None, None] * identity
    compliance = inverses(C, operator.kinematics.dimension).mean(grid)
    return C.mean(grid), torch.linalg.inv(compliance)


def _ordered(smaller: Tensor, larger: Tensor, slack: Tensor, words: str) -> None:
    difference = larger - smaller
    lowest = torch.linalg.eigvalsh((difference + difference.transpose(1, 2)) / 2)
    if bool((lowest < -slack).any()):
        raise GuardViolation(f"the effective tensor lies {words}")


def _uniform_stress(
    operator: Operator, strain: Tensor, tensor: Tensor, mean: Tensor, bound: Tensor, size: Tensor
) -> None:
    """In-plane dilation, where every voxel answers it with one and the same stress."""
    k = operator.kinematics
    if operator.isotropic or k.components == 1 or len(strain) < k.strains:
        return
    C = operator.coefficients
    stress = C[:, :, : k.dimension].sum(2)
    exact = mean[:, :, : k.dimension].sum(2)
    ones = (1,) * k.dimension
    spread = (stress - exact.reshape(*exact.shape, *ones)).abs().flatten(1).amax(1)
    uniform = spread <= SLACK * size[:, 0, 0]
    answer = tensor[:, :, : k.dimension].sum(2)
    off = (answer - exact).abs().amax(1) > 10 * SLACK * size[:, 0, 0] + bound.sum(1)
    if bool((uniform & off).any()):
        raise GuardViolation("a dilation that every voxel answers alike has another effective answer")
