"""The inverse of a homogeneous film as one multigrid cycle with learned smoothing kernels.

Polarization stresses are averaged to coarser and coarser pixels; from the coarsest on, displacements are
interpolated and smoothed by convolving the residual forces. Displacements in units of the pixel do not depend
on its size, so all levels share the kernels, and an image may have any number of pixels.
Source: Brandt 1977 (multigrid); Katrutsa, Daulbaev and Oseledets 2020 (learned smoothers); the kernels here
are trained through the energy of what they give.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from . import bilinear

BULK, SHEAR, CONTRAST = 90.1080, 65.18, -14.33
"""<100> silicon films in plane stress, GPa: bulk, mean shear and half difference of the shear moduli."""


class Cycle(nn.Module):
    """Polarization ``(n, 3, ny, nx)`` -> displacements ``(n, 2, ny + 1, nx + 1)``, linear, no bias.

    ``held``: displacements vanish on the frame; otherwise all sides are free.
    """

    def __init__(self, *, kernel: int, sweeps: int, held: bool) -> None:
        super().__init__()
        self.held = held
        start = 0.01 * torch.randn(sweeps, 2, 2, kernel, kernel)
        start[:, [0, 1], [0, 1], kernel // 2, kernel // 2] += 0.2
        self.kernels = nn.Parameter(start)
        self.prolongation = nn.Parameter(torch.ones(1))

    def forward(self, polarization: Tensor) -> Tensor:
        """Polarization in units of the mean shear modulus."""
        ny, nx = polarization.shape[-2:]
        load = -bilinear.forces(polarization)
        if min(ny, nx) > (2 if self.held else 1):
            coarse = [max(1, (n + 1) // 2) for n in (ny, nx)]
            below = self(F.adaptive_avg_pool2d(polarization, coarse))
            field = F.interpolate(below, size=(ny + 1, nx + 1), mode="bilinear", align_corners=True)
            scale = field.new_tensor([nx / coarse[1], ny / coarse[0]])[:, None, None]
            field = self.prolongation * scale * field
        else:
            field = torch.zeros_like(load)
        field, share = self._inside(field), self._share(load)
        for kernel in self.kernels:
            residual = self._inside(load - _film_forces(field)) / share
            field = self._inside(field + F.conv2d(residual, kernel, padding=kernel.shape[-1] // 2))
        return field

    def _inside(self, nodal: Tensor) -> Tensor:
        return F.pad(nodal[..., 1:-1, 1:-1], (1, 1, 1, 1)) if self.held else nodal

    def _share(self, nodal: Tensor) -> Tensor:
        """Half a pixel's stiffness carries a node of a free side."""
        share = torch.ones_like(nodal[0, 0])
        if not self.held:
            share[[0, -1]] *= 0.5
            share[:, [0, -1]] *= 0.5
        return share


def _film_forces(field: Tensor) -> Tensor:
    """Nodal forces of the homogeneous film with the mean shear modulus 1."""
    parts = [
        weight * bilinear.uniform(part, bulk=BULK / SHEAR, shear=1.0)
        for weight, part in zip(bilinear.WEIGHTS, bilinear.strains(field), strict=True)
    ]
    return bilinear.forces(*parts)
