"""Apparent modulus of a cut window, from the energy of learned displacements.

Under uniform displacements on the frame the energy of any trial field lies above the apparent one, and an
error of the field enters squared. Under uniform tractions that holds of fields with free sides and no mean
strain, beside uniform strains that the load decides. The trial fields are linear in the image: first-order
perturbation theory, with the homogeneous film's Green operator learned (``Cycle``). Their best amplitudes
follow from a two-by-two system, so M = <D> - B A^-1 B', D the deviatoric stiffness of each pixel. The bulk
modulus is the same in all crystals and drops out; hence C11 = C22 and E_x = E_y = 4 / (1/K + (M^-1)_11).
Sources: Hill 1963 (bounds by trial fields); Huet 1990 (both boundary conditions); Willis 1977 (polarization);
E and Yu 2018 (networks as trial fields).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from . import bilinear
from .cycle import BULK, CONTRAST, SHEAR, Cycle

BOUNDARIES = ("displacement", "traction")


class WindowNet(nn.Module):
    """Image (cos 4t, sin 4t) ``(n, 2, ny, nx)`` of any size -> E_x in GPa ``(n, 1)``.

    <100> films with uniform displacements, or tractions, on the frame. Exact for one crystal. ``bound`` is
    above the finite element answer on the same pixels whatever the weights; ``forward`` scales the correction
    by a learned factor. Raises ValueError for another ``boundary``.
    """

    def __init__(self, *, kernel: int = 5, sweeps: int = 2, boundary: str = "displacement") -> None:
        if boundary not in BOUNDARIES:
            raise ValueError(f"boundary is {boundary!r}; write {' or '.join(BOUNDARIES)}.")
        super().__init__()
        self.held = boundary == "displacement"
        self.cycle = Cycle(kernel=kernel, sweeps=sweeps, held=self.held)
        self.excess = nn.Parameter(torch.zeros(1))

    def forward(self, image: Tensor) -> Tensor:
        """Young's moduli, without the guarantee."""
        mean, correction = self.parts(image)
        return _youngs(mean - (1 + self.excess) * correction)

    def bound(self, image: Tensor) -> Tensor:
        """Upper bounds of the Young's moduli ``(n, 1)``."""
        mean, correction = self.parts(image)
        return _youngs(mean - correction)

    def guess(self, image: Tensor) -> Tensor:
        """Voigt's bound ``(n, 1)``."""
        return _youngs(_mean(image))

    def parts(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Mean deviatoric stiffness and what trial fields take off it, ``(n, 2, 2)``, over ``SHEAR``."""
        ratio = CONTRAST / SHEAR
        c, s = (ratio * (image - image.mean((-2, -1), keepdim=True))).unbind(1)
        none = torch.zeros_like(c)
        loads = torch.stack([torch.stack([none, c, s], 1), torch.stack([none, s, -c], 1)], 1)
        field = self.cycle(loads.flatten(0, 1))
        both = image.repeat_interleave(2, 0)
        constant, *linear = bilinear.strains(field)
        if not self.held:
            constant = constant - constant.mean((-2, -1), keepdim=True)
        strains = (constant, *linear)
        work = torch.einsum("niajk,nmajk->nim", loads, strains[0].view_as(loads)) / c[0].numel()
        energy = torch.zeros_like(work)
        for weight, strain in zip(bilinear.WEIGHTS, strains, strict=True):
            stress = bilinear.film_stress(both, strain, bulk=BULK / SHEAR, shear=1.0, contrast=ratio)
            pair = stress.view_as(loads), strain.view_as(loads)
            energy = energy + weight * torch.einsum("niajk,nmajk->nim", *pair) / c[0].numel()
        floor = 1e-6 * torch.eye(2, dtype=image.dtype, device=image.device)
        floor = floor * energy.diagonal(dim1=1, dim2=2).mean(-1)[:, None, None] + 1e-12 * floor
        return _mean(image), work @ torch.linalg.solve(energy + floor, work.transpose(1, 2))


def _mean(image: Tensor) -> Tensor:
    c, s = (CONTRAST / SHEAR * image.mean((-2, -1))).unbind(1)
    return torch.stack([torch.stack([1 + c, s], -1), torch.stack([s, 1 - c], -1)], -2)


def _youngs(block: Tensor) -> Tensor:
    shear = SHEAR * (block[:, 0, 0] - block[:, 0, 1] * block[:, 1, 0] / block[:, 1, 1])
    return (4 / (1 / BULK + 1 / shear))[:, None]
