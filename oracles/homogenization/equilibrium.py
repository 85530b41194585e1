"""Static equilibrium of many structures on one window, iterated until the energy is known well enough."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .elements import Operator
from .iterate import conjugate_gradients, inner
from .periodic import MOST_ITERATIONS, PASSES, NotConverged
from .reference import HeldMedium
from .spectrum import floor_of

CHUNK = 2**20
"""Unknowns of all loads and structures that are solved together."""


@dataclass(frozen=True)
class Equilibrium:
    """``field``: ``(batch, loads, 2, ny + 1, nx + 1)``. ``energies``: ``(batch, loads, loads)``, of the
    states with each other, summed over unit voxels: the elastic energy, from above, where displacements are
    prescribed; the complementary energy, from below, where forces are. ``bound``: ``(batch, loads)``,
    guaranteed, of the error of the diagonal. ``residual``: ``(batch, loads)``, in the norm of the reference
    medium, relative to the energy.
    """

    field: Tensor
    energies: Tensor
    bound: Tensor
    residual: Tensor
    iterations: int


def equilibrium(
    operator: Operator, reference: HeldMedium, *, start: Tensor, forces: Tensor | None, tolerance: float
) -> Equilibrium:
    """Displacements in equilibrium with nodal ``forces`` (none: displacements alone are prescribed).

    ``start``: ``(1, loads, 2, ny + 1, nx + 1)``, carries the prescribed displacements and a guess of the
    others; ``forces`` likewise. ``tolerance``: of the energies, relative. Raises NotConverged, and ValueError
    where a voxel is not positive definite.
    """
    floor, _ = floor_of(operator.kinematics, operator.coefficients, reference.medium.stiffness)
    field = start.expand(len(operator.coefficients), -1, -1, -1, -1)
    right, energies = _state(operator, field, forces)
    energy = energies.diagonal(dim1=1, dim2=2)
    missing = 0 if forces is None else inner(forces, reference(forces)) / floor - energy
    iterations = 0
    for _ in range(PASSES):
        step = conjugate_gradients(
            operator,
            reference,
            right,
            floor=floor,
            energy=energy + missing,
            tolerance=0.5 * tolerance,
            most=MOST_ITERATIONS,
        )
        field, iterations = field + step.solution, iterations + step.iterations
        right, energies = _state(operator, field, forces)
        energy = energies.diagonal(dim1=1, dim2=2)
        norm, bound = step.errors(right, floor=floor, norm=lambda r: inner(r, reference(r)).clamp_min(0))
        if bool((bound <= tolerance * (energy - bound)).all()):
            return Equilibrium(field, energies, bound, (norm / energy).sqrt(), iterations)
        missing = 0 if forces is None else bound
    raise NotConverged(
        f"the equilibrium did not reach a relative tolerance of {tolerance:g} in {iterations} iterations "
        f"(reached {float((bound / energy).max()):.1e}); lower the contrast or loosen the tolerance"
    )


def _state(operator: Operator, field: Tensor, forces: Tensor | None) -> tuple[Tensor, Tensor]:
    """Residual forces and energies."""
    answer = operator(field)
    states = field.flatten(2)
    stored = torch.bmm(states, answer.flatten(2).transpose(1, 2))
    if forces is None:
        return -answer, stored
    work = states @ forces[0].flatten(1).T
    return forces - answer, work + work.transpose(1, 2) - stored
