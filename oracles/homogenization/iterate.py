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


STALL = {torch.float32: 1e-9, torch.float64: 1e-26}
"""Reduction of the squared residual norm beyond which round-off rules; go on from the true residual then."""


@dataclass(frozen=True)
class Iterate:
    """``solution`` and ``residual``: as the right-hand side; ``norm``: ``(batch, loads)``, squared, of that
    residual, which the recurrence carries and round-off separates from the true one. ``radau``: ``(batch,
    loads)``; times ``norm`` it bounds the squared energy error that the recurrence leaves."""

    solution: Tensor
    residual: Tensor
    norm: Tensor
    radau: Tensor
    iterations: int

    def scaled(self, size: Tensor) -> Iterate:
        """In double precision, for the right-hand side times ``size`` ``(batch, loads, 1, ...)``."""
        return Iterate(
            self.solution.double() * size,
            self.residual.double() * size,
            self.norm * size.reshape(self.norm.shape) ** 2,
            self.radau,
            self.iterations,
        )

    def errors(
        self, true: Tensor, *, floor: Tensor, norm: Callable[[Tensor], Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Bounds of the squared norm of the ``true`` residual and of the squared energy error.

        By the triangle inequality: what the recurrence leaves, and what round-off parted from it, for which
        only ``floor`` is known. ``norm``: squared norms of residuals, ``(batch, loads)``.
        """
        lost = norm(true - self.residual)
        residual = (self.norm.sqrt() + lost.sqrt()) ** 2
        return residual, ((self.radau * self.norm).sqrt() + (lost / floor).sqrt()) ** 2


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
    return Iterate(x, r, rz, radau, done)


def inner(a: Tensor, b: Tensor) -> Tensor:
    """Inner products per system, ``(batch, loads)``, in double precision."""
    flat = (a.shape[0] * a.shape[1], 1, -1)
    products = torch.bmm(a.reshape(flat), b.reshape(flat).transpose(1, 2))
    return products.reshape(a.shape[:2]).double()
