"""Preconditioned conjugate gradients for many systems at once, with a bound on the energy error.

Every system of a batch has its own step lengths; all advance together until each meets its tolerance. With a
lower bound ``floor`` on the eigenvalues of the preconditioned operator, the Gauss-Radau rule bounds the
squared energy norm of the error from above at each step (Golub and Meurant 1994; Meurant and Tichy 2013,
algorithm CGQ).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

Linear = Callable[[Tensor], Tensor]


AGREEMENT = 0.1
STALL = {torch.float32: 1e-9, torch.float64: 1e-26}
"""Reduction of the squared residual norm beyond which round-off rules; go on from the true residual then."""


@dataclass(frozen=True)
class Iterate:
    """``solution``: as the right-hand side. ``norm``: ``(batch, loads)``, squared norm of the residual as the
    recurrence has it. ``radau``: ``(batch, loads)``; times ``norm`` it bounds the squared energy error."""

    solution: Tensor
    norm: Tensor
    radau: Tensor
    iterations: int

    def factor(self, norm: Tensor, floor: Tensor) -> Tensor:
        """What times the true squared ``norm`` of the residual bounds the squared energy error.

        Gauss-Radau's factor where the recurrence told that norm; where round-off had spoiled it, the one that
        always holds.
        """
        told = (norm - self.norm).abs() <= AGREEMENT * self.norm
        return torch.where(told, self.radau, 1 / floor)


def conjugate_gradients(
    operator: Linear,
    preconditioner: Linear,
    right: Tensor,
    *,
    floor: Tensor,
    energy: Tensor,
    tolerance: float,
    most: int,
) -> Iterate:
    """Solve ``operator x = right``, ``right`` of shape ``(batch, loads, c, *grid)``.

    ``floor``: ``(batch, 1)``, a lower bound of the eigenvalues of preconditioner times operator. ``energy``:
    ``(batch, loads)``, of the state at x = 0, from which each step takes what it gains. A system stops where
    the bound of its squared energy error is within ``tolerance`` of its energy, or where its residual is so
    small that round-off rules; all stop after ``most`` iterations.
    """
    shape = (*right.shape[:2], *(1,) * (right.dim() - 2))
    x, r = torch.zeros_like(right), right.clone()
    z = preconditioner(r)
    p = z
    rz = inner(r, z)
    least = STALL[right.dtype] * rz
    radau = (1 / floor).expand_as(rz)
    for done in range(most + 1):
        active = (radau * rz * (1 + tolerance) > tolerance * energy) & (rz > least)
        if done == most or not bool(active.any()):
            break
        Kp = operator(p)
        curvature = inner(p, Kp)
        active &= curvature > 0
        alpha = torch.where(active, rz / curvature, 0.0)
        step = alpha.to(r.dtype).reshape(shape)
        x.addcmul_(p, step)
        r.addcmul_(Kp, step, value=-1)
        z = preconditioner(r)
        energy = energy - alpha * rz
        new = inner(r, z)
        beta = torch.where(active, new / rz, 0.0)
        excess = (radau - alpha).clamp_min(0)
        next_radau = torch.where(excess > 0, excess / (floor * excess + beta), 1 / floor)
        radau, rz = torch.where(active, next_radau, radau), torch.where(active, new, rz)
        p = torch.addcmul(z, p, beta.to(r.dtype).reshape(shape))
    return Iterate(x, rz, radau, done)


def inner(a: Tensor, b: Tensor) -> Tensor:
    """Inner products per system, ``(batch, loads)``, in double precision."""
    flat = (a.shape[0] * a.shape[1], 1, -1)
    products = torch.bmm(a.reshape(flat), b.reshape(flat).transpose(1, 2))
    return products.reshape(a.shape[:2]).double()
