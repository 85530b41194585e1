"""Effective tensors of periodic square lattices of bonds; gradients pass through.

Nodes ``(ny, nx)``; ``gx`` and ``gy``, ``(n, 1, ny, nx)`` positive, are the conductances of the bonds from
each node to the next along x and y. Conjugate gradients are preconditioned by the homogeneous lattice.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ...homogenization.periodic import NotConverged

MOST_ITERATIONS = 400


def effective(gx: Tensor, gy: Tensor, *, tolerance: float) -> Tensor:
    """Effective tensors ``(n, 2, 2)``: energies of the fields that two unit gradients cause.

    ``tolerance``: of the residual, relative; the error of the diagonal goes with its square and is never
    negative. At the solution an energy does not change with the potential (envelope theorem), so that
    gradients with respect to the conductances need no derivative of the solution.
    """
    with torch.no_grad():
        potential = solved(gx, gy, tolerance=tolerance)
    unit = torch.eye(2, dtype=gx.dtype, device=gx.device)[None, :, :, None, None]
    along = (_next(potential, -1) + unit[:, :, 0]).flatten(2)
    across = (_next(potential, -2) + unit[:, :, 1]).flatten(2)
    energy = (gx.flatten(2) * along) @ along.mT + (gy.flatten(2) * across) @ across.mT
    return energy / math.prod(gx.shape[-2:])


def solved(gx: Tensor, gy: Tensor, *, tolerance: float) -> Tensor:
    """Periodic potentials ``(n, 2, ny, nx)`` under unit gradients along x and y. Raises NotConverged."""
    green = _green(gx)
    grid = gx.shape[-2:]

    def inverse(residual: Tensor) -> Tensor:
        return torch.fft.irfft2(torch.fft.rfft2(residual) * green, s=grid)

    right = -torch.cat([_last(gx, -1), _last(gy, -2)], 1)
    potential, residual = torch.zeros_like(right), right
    direction = preconditioned = inverse(residual)
    size = _inner(residual, preconditioned)
    target = tolerance**2 * size
    for _ in range(MOST_ITERATIONS):
        if bool((size <= target).all()):
            return potential
        forces = _last(gx * _next(direction, -1), -1) + _last(gy * _next(direction, -2), -2)
        step = size / _inner(direction, forces).clamp_min(_TINY)
        potential = potential.addcmul(direction, step)
        residual = residual.addcmul(forces, -step)
        preconditioned = inverse(residual)
        before, size = size, _inner(residual, preconditioned)
        direction = preconditioned.addcmul(direction, size / before.clamp_min(_TINY))
    raise NotConverged(
        f"the lattice did not reach a relative tolerance of {tolerance:g} in {MOST_ITERATIONS} iterations; "
        "loosen the tolerance"
    )


_TINY = 1e-30


def _next(nodes: Tensor, dim: int) -> Tensor:
    """Differences from each node to the next: nodes -> bonds."""
    return torch.roll(nodes, -1, dim) - nodes


def _last(bonds: Tensor, dim: int) -> Tensor:
    """The transpose of ``_next``: bonds -> nodes."""
    return torch.roll(bonds, 1, dim) - bonds


def _inner(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum((-2, -1), keepdim=True)


def _green(like: Tensor) -> Tensor:
    """Inverse of the homogeneous lattice of unit bonds, by frequency."""
    ny, nx = like.shape[-2:]
    fy, fx = (torch.arange(n, dtype=torch.float64) for n in (ny, nx // 2 + 1))
    symbol = 4 - 2 * torch.cos(2 * math.pi / ny * fy)[:, None] - 2 * torch.cos(2 * math.pi / nx * fx)
    symbol[0, 0] = torch.inf
    return (1 / symbol).to(like)
