"""Apparent stiffness of windows cut from a film: uniform displacements or uniform tractions on the frame.

A window that is cut out of a film is not periodic, and what it answers depends on what holds its frame: for
one and the same periodic cell Reuss <= traction <= periodic <= displacement <= Voigt as quadratic forms
(Huet 1990).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from . import guards
from .elements import Operator
from .equilibrium import CHUNK, Equilibrium, equilibrium
from .limits import check_memory, check_shape, check_tolerance, check_values
from .periodic import TOLERANCE
from .reference import PLANE, Bools, HeldMedium, Medium
from .spectrum import reference_of

Boundary = Literal["displacement", "traction"]
UNIT = torch.eye(3, dtype=torch.float64)


@dataclass(frozen=True, kw_only=True)
class Apparent:
    """Apparent stiffness of a batch of windows, double precision.

    ``tensor``: ``(batch, 3, 3)``, symmetric. ``error_bound``: ``(batch, 3)``, guaranteed: how far the
    diagonal may lie above the value of endless iterations; never below. ``residual``: ``(batch, 3)``, of each
    load, in the norm of the reference medium, relative to the energy. ``strain`` and ``stress``: ``(batch, 3,
    3, ny, nx)``, voxel means, first by unit mean strain and then by component, where asked for.
    """

    tensor: Tensor
    iterations: int
    residual: Tensor
    error_bound: Tensor
    strain: Tensor | None = None
    stress: Tensor | None = None


def apparent_stiffness(
    stiffness: Tensor, *, boundary: Boundary, tolerance: float = TOLERANCE, fields: bool = False
) -> Apparent:
    """Apparent in-plane stiffness of cut windows, Voigt order (xx, yy, xy), engineering shear.

    ``stiffness``: ``(batch, 3, 3, ny, nx)``, plane stress or plane strain (the caller's reduction), any
    anisotropy in every voxel, any aspect. ``boundary``: ``displacement`` u = E x (kinematic, the stiffest) or
    ``traction`` t = S n (static, the softest) on the whole frame; Huet (1990). ``tolerance``: of the
    energies, relative. Unit: that of ``stiffness``. Raises ValueError for values that are not finite or not
    positive definite and for more memory than the machine has, and NotConverged.
    """
    if boundary not in get_args(Boundary):
        raise ValueError(f"a window is held by {' or '.join(get_args(Boundary))}, not by {boundary!r}")
    check_tolerance(tolerance)
    stiffness = torch.as_tensor(stiffness).detach().cpu()
    check_shape(PLANE, stiffness, [0, 1, 2])
    ny, nx = stiffness.shape[-2:]
    chunk = min(len(stiffness), max(1, CHUNK // (6 * ny * nx)))
    check_memory(PLANE, stiffness, chunk=chunk, loads=3, fields=fields)
    check_values(PLANE, stiffness)
    medium = Medium(reference_of(PLANE, stiffness), (ny, nx))
    solve = _displacement if boundary == "displacement" else _traction
    held = medium.held(_frame(medium.nodes) if boundary == "displacement" else _pinned(medium.nodes))
    parts = [
        solve(Operator(PLANE, part, periodic=False), held, tolerance, fields)
        for part in stiffness.double().split(chunk)
    ]
    return _joined(parts)


def affine(strain: Tensor, grid: tuple[int, int]) -> Tensor:
    """Nodal displacements ``(1, loads, 2, ny + 1, nx + 1)`` of uniform strains ``(loads, 3)``.

    They vanish at the first node, u_y along the whole first row of nodes.
    """
    y, x = (torch.arange(n + 1, dtype=torch.float64) for n in grid)
    exx, eyy, gxy = strain.T[..., None, None]
    return torch.stack([exx * x + gxy * y[:, None], eyy * y[:, None] + 0 * x], 1)[None]


def _displacement(operator: Operator, held: HeldMedium, tolerance: float, fields: bool) -> Apparent:
    start = affine(UNIT, held.medium.grid)
    result = equilibrium(operator, held, start=start, forces=None, tolerance=tolerance)
    voxels = _voxels(held)
    return _checked(operator, result, result.field, result.energies / voxels, result.bound / voxels, fields)


def _traction(operator: Operator, held: HeldMedium, tolerance: float, fields: bool) -> Apparent:
    """The energies of unit mean stresses are compliances; their states combine to unit mean strains."""
    grid, voxels = held.medium.grid, _voxels(held)
    unit = Operator(PLANE, UNIT[None, :, :, None, None], periodic=False)
    start = affine(torch.linalg.inv(held.medium.stiffness), grid)
    result = equilibrium(operator, held, start=start, forces=unit(affine(UNIT, grid)), tolerance=tolerance)
    tensor = torch.linalg.inv(result.energies / voxels)
    states = torch.einsum("blm,bmcji->blcji", tensor, result.field)
    bound = torch.einsum("blm,bm->bl", tensor.abs(), (result.bound / voxels).sqrt()) ** 2
    return _checked(operator, result, states, tensor, bound, fields)


def _checked(
    operator: Operator, result: Equilibrium, states: Tensor, tensor: Tensor, bound: Tensor, fields: bool
) -> Apparent:
    """``states``: displacements under unit mean strains."""
    strain = operator.strains(operator.expand(states))
    stress = operator.stresses(strain)
    guards.check(operator, UNIT, tensor, stress.mean((-2, -1)), bound)
    return Apparent(
        tensor=(tensor + tensor.transpose(1, 2)) / 2,
        iterations=result.iterations,
        residual=result.residual,
        error_bound=bound,
        strain=strain if fields else None,
        stress=stress if fields else None,
    )


def _voxels(held: HeldMedium) -> int:
    ny, nx = held.medium.grid
    return ny * nx


def _frame(nodes: tuple[int, int, int]) -> Bools:
    held = np.ones(nodes, bool)
    held[:, 1:-1, 1:-1] = False
    return held


def _pinned(nodes: tuple[int, int, int]) -> Bools:
    """What stops the three rigid motions and carries no force under loads in balance."""
    held = np.zeros(nodes, bool)
    held[:, 0, 0] = held[1, 0, -1] = True
    return held


def _joined(parts: list[Apparent]) -> Apparent:
    def all_of(name: str) -> Tensor:
        return torch.cat([getattr(part, name) for part in parts])

    with_fields = parts[0].strain is not None
    return Apparent(
        tensor=all_of("tensor"),
        iterations=max(part.iterations for part in parts),
        residual=all_of("residual"),
        error_bound=all_of("error_bound"),
        strain=all_of("strain") if with_fields else None,
        stress=all_of("stress") if with_fields else None,
    )
