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


@dataclass(frozen=True)
class Iterate:
    """``solution``: as the right-hand side. Times the squared residual norm, ``radau`` bounds the squared
    energy norm of the error; shape ``(batch, loads)``."""

    solution: Tensor
    radau: Tensor
    iterations: int


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
    ``(batch, loads)``, of the state at x = 0, from which each step takes what it gains. Stops where the bound
    of the squared energy error is within ``tolerance`` of the energy, or after ``most`` iterations.
    """
    shape = (*right.shape[:2], *(1,) * (right.dim() - 2))
    x, r = torch.zeros_like(right), right.clone()
    z = preconditioner(r)
    p = z
    rz = inner(r, z)
    radau = (1 / floor).expand_as(rz)
    done = 0
    while done < most and bool((radau * rz * (1 + tolerance) > tolerance * energy).any()):
        Kp = operator(p)
        curvature = inner(p, Kp)
        alpha = torch.where(curvature > 0, rz / curvature, 0.0)
        step = alpha.to(r.dtype).reshape(shape)
        x.addcmul_(p, step)
        r.addcmul_(Kp, step, value=-1)
        z = preconditioner(r)
        energy = energy - alpha * rz
        new = inner(r, z)
        beta = torch.where(rz > 0, new / rz, 0.0)
        excess = (radau - alpha).clamp_min(0)
        radau = torch.where(excess > 0, excess / (floor * excess + beta), 1 / floor)
        rz = new
        p = torch.addcmul(z, p, beta.to(r.dtype).reshape(shape))
        done += 1
    return Iterate(x, radau, done)


def inner(a: Tensor, b: Tensor) -> Tensor:
    """Inner products per system, ``(batch, loads)``, in double precision."""
    flat = (a.shape[0] * a.shape[1], 1, -1)
    products = torch.bmm(a.reshape(flat), b.reshape(flat).transpose(1, 2))
    return products.reshape(a.shape[:2]).double()
