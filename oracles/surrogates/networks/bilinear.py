"""Bilinear elements on a grid of unit pixels, in plain tensor operations that gradients pass through.

Strains and stresses are in the basis (bulk, difference, shear) = (xx + yy, xx - yy, xy), engineering shear:
in it a <100> film is K beside a two-by-two block that turns with (cos 4t, sin 4t). On a pixel a strain is
constant + eta-part + xi-part; the three are orthogonal with weights 1, 1/3, 1/3, which is the fully
integrated element (as ``homogenization.elements``).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

WEIGHTS = (1.0, 1 / 3, 1 / 3)


def strains(nodal: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Displacements ``(n, 2, ny + 1, nx + 1)`` -> constant, eta- and xi-part, each ``(n, 3, ny, nx)``."""
    along, across = nodal.diff(dim=-1), nodal.diff(dim=-2)
    dx, dy = (along[..., 1:, :] + along[..., :-1, :]) / 2, (across[..., 1:] + across[..., :-1]) / 2
    twist = along.diff(dim=-2) / 2
    (ux_x, uy_x), (ux_y, uy_y), (p, q) = (field.unbind(1) for field in (dx, dy, twist))
    return (
        torch.stack([ux_x + uy_y, ux_x - uy_y, ux_y + uy_x], 1),
        torch.stack([p, p, q], 1),
        torch.stack([q, -q, p], 1),
    )


def forces(constant: Tensor, eta: Tensor | None = None, xi: Tensor | None = None) -> Tensor:
    """The transpose of ``strains``: stresses that work on them -> nodal forces ``(n, 2, ny + 1, nx + 1)``."""
    (bulk, difference, shear) = constant.unbind(1)
    x = torch.stack([bulk + difference, shear], 1)
    y = torch.stack([shear, bulk - difference], 1)
    padded = F.pad(x, (1, 1, 1, 1))
    total = -(padded[..., 1:, :] + padded[..., :-1, :]).diff(dim=-1) / 2
    padded = F.pad(y, (1, 1, 1, 1))
    total = total - (padded[..., 1:] + padded[..., :-1]).diff(dim=-2) / 2
    if eta is None or xi is None:
        return total
    twist = torch.stack([eta[:, 0] + eta[:, 1] + xi[:, 2], eta[:, 2] + xi[:, 0] - xi[:, 1]], 1)
    return total + F.pad(twist, (1, 1, 1, 1)).diff(dim=-1).diff(dim=-2) / 2


def film_stress(image: Tensor, strain: Tensor, *, bulk: float, shear: float, contrast: float) -> Tensor:
    """Stress of <100> silicon, ``image`` (cos 4t, sin 4t) ``(n, 2, ny, nx)``, strain ``(n, 3, ny, nx)``.

    ``shear`` and ``contrast`` are half sum and half difference of the crystal's two shear moduli.
    """
    c, s = contrast * image[:, 0], contrast * image[:, 1]
    e, d, g = strain.unbind(1)
    return torch.stack([bulk * e, (shear + c) * d + s * g, s * d + (shear - c) * g], 1)


def uniform(strain: Tensor, *, bulk: float, shear: float) -> Tensor:
    """Stress of the homogeneous film."""
    return strain * strain.new_tensor([bulk, shear, shear])[:, None, None]
