"""The lowest natural frequency of many structures at once, with a guaranteed error.

Locally optimal preconditioned conjugate gradients (Knyazev 2001) on ``M u = mu K u``, whose largest
eigenvalue is the inverse of the lowest squared frequency. A lower bound of the second frequency, taken from
the homogeneous reference, turns the residual into a bound of the error (Temple 1928; Kato 1949).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import diags_array
from scipy.sparse.linalg import LinearOperator, eigsh
from torch import Tensor

from .elements import Operator
from .iterate import inner
from .periodic import NotConverged
from .reference import PLANE, HeldMedium
from .spectrum import floor_of

MOST_ITERATIONS = 500


@dataclass(frozen=True)
class Fundamental:
    """``squared``: ``(batch,)``, lowest squared angular frequency, from above. ``bound``: ``(batch,)``, of
    its relative error."""

    squared: Tensor
    bound: Tensor
    iterations: int


@dataclass(frozen=True)
class ReferenceModes:
    """The two lowest squared angular frequencies of a homogeneous medium, and the mode of the first.

    ``shape``: ``(1, 1, 2, ny + 1, nx + 1)``. ``mass``: ``(ny + 1, nx + 1)``, of each node.
    """

    squared: tuple[float, float]
    shape: Tensor
    mass: Tensor


def reference_modes(held: HeldMedium) -> ReferenceModes:
    """Modes of the reference with unit density, each voxel's mass shared out to its nodes.

    The first frequency is taken as ``fundamental`` takes it, so that round-off cancels in their ratio.
    """
    ends = [torch.ones(n + 1, dtype=torch.float64) for n in held.medium.grid]
    for end in ends:
        end[0] = end[-1] = 0.5
    mass = torch.outer(*ends)
    nodal = np.tile(mass.numpy().ravel(), 2)[held.free]
    size = (held.free.size,) * 2
    (_, second), shapes = eigsh(
        held.matrix,
        k=2,
        M=diags_array(nodal),
        sigma=0,
        OPinv=LinearOperator(size, held.factor.solve),
        v0=np.random.Generator(np.random.PCG64(0)).standard_normal(held.free.size),
    )
    shape = torch.zeros(1, 1, *held.medium.nodes, dtype=torch.float64)
    shape.view(-1)[held.free] = torch.from_numpy(shapes[:, 0])
    stiff = Operator(PLANE, held.medium.stiffness[None, :, :, None, None], periodic=False)
    first = inner(shape, stiff(shape)) / inner(shape, mass * shape)
    return ReferenceModes((float(first), float(second)), shape, mass)


def fundamental(
    operator: Operator, held: HeldMedium, modes: ReferenceModes, *, tolerance: float
) -> Fundamental:
    """Lowest squared frequency of each structure, in the units of ``modes``.

    ``tolerance``: relative. Raises NotConverged, and ValueError where a voxel is not positive definite or the
    first mode cannot be told from the second.
    """
    floor, _ = floor_of(operator.kinematics, operator.coefficients, held.medium.stiffness)
    next_mu = 1 / (floor * modes.squared[1])
    states = modes.shape.expand(len(floor), -1, -1, -1, -1)
    forces = operator(states)
    for iterations in range(MOST_ITERATIONS):
        u, Ku = states[:, :1], forces[:, :1]
        energy = inner(u, Ku)
        mu = inner(u, modes.mass * u) / energy
        if bool((mu <= next_mu).any()):
            raise ValueError(
                "the first mode of a beam cannot be told from its second: it is too short or its stiffness "
                "varies too much; give a longer beam or a lower contrast"
            )
        residual = modes.mass * u - mu[..., None, None, None] * Ku
        correction = held(residual)
        bound = inner(residual, correction) / (floor * energy * mu * (mu - next_mu))
        done = bound <= tolerance
        if bool(done.all()):
            return Fundamental(1 / mu[:, 0], bound[:, 0], iterations)
        states = torch.cat([states, correction], 1)
        forces = torch.cat([forces, operator(correction)], 1)
        states, forces = _combined(states, forces, modes.mass, done)
    raise NotConverged(
        f"the first mode did not reach a relative tolerance of {tolerance:g} in {MOST_ITERATIONS} "
        "iterations; lower the contrast or loosen the tolerance"
    )


def _combined(states: Tensor, forces: Tensor, mass: Tensor, done: Tensor) -> tuple[Tensor, Tensor]:
    """The best combination of the states, and what it adds to the first of them."""
    n = states.shape[1]
    size = (states * forces).sum((2, 3, 4), keepdim=True).clamp_min(1e-300).sqrt()
    states, forces = states / size, forces / size
    identity = torch.eye(n, dtype=states.dtype)
    stiff = torch.bmm(states.flatten(2), forces.flatten(2).transpose(1, 2))
    heavy = torch.bmm(states.flatten(2), (mass * states).flatten(2).transpose(1, 2))
    stiff = torch.where(done[..., None], identity, (stiff + stiff.transpose(1, 2)) / 2)
    root = torch.linalg.inv(torch.linalg.cholesky(stiff))
    best = torch.linalg.eigh(root @ heavy @ root.transpose(1, 2)).eigenvectors[..., -1:]
    weights = (root.transpose(1, 2) @ best).squeeze(-1)
    weights = torch.where(done, identity[0], weights)
    rows = torch.stack([weights, torch.where(identity[0] > 0, 0.0, weights)], 1)
    return torch.einsum("bmn,bncji->bmcji", rows, states), torch.einsum("bmn,bncji->bmcji", rows, forces)
