"""Axial and bending modulus of a whole beam: learned warping of its sections, then beam mechanics.

Each column of pixels is a section that is stretched, bent and sheared. Within it the displacements that a
homogeneous beam would have are corrected by trial fields, linear in the image, of the learned ``Cycle`` with
free sides; what a section can do as a whole is taken out of them and left to the chain (``sections``), which
is exact in series. A turned crystal couples stretch with shear, which bending feels to first order.
Sources: as ``windows``; Timoshenko 1921; Hodges 2006 (warping of sections of composite beams).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from . import bilinear
from .cycle import BULK, CONTRAST, SHEAR, Cycle
from .sections import SHEAR_FACTOR, axial_modulus, bending_modulus

MODULUS, SHEAR_MODULUS, POISSON = 148.2173, 62.9342, 0.1776
"""Of the infinite film of randomly turned <100> grains, GPa, exact."""


class BeamNet(nn.Module):
    """Image (cos 4t, sin 4t) ``(n, 2, ny, nx)``, length along x -> axial and bending modulus ``(n, 2)``, GPa.

    <100> films; pulled ends and free sides, and the first clamped-clamped mode. Any length, width and pixel.
    Learned besides: factors on what warping takes off stretch, bend and shear; on the coupling of stretch and
    shear, in which neighbours hinder each other; and the share by which clamps hold the nearest sections.
    """

    def __init__(self, *, kernel: int = 5, sweeps: int = 2) -> None:
        super().__init__()
        self.cycle = Cycle(kernel=kernel, sweeps=sweeps, held=False)
        self.excess = nn.Parameter(torch.zeros(3))
        self.coupling = nn.Parameter(torch.zeros(2))
        self.clamp = nn.Parameter(torch.zeros(1))

    def forward(self, image: Tensor) -> Tensor:
        """Both moduli."""
        return self.moduli(*self.sections(image), image)

    def moduli(self, plain: Tensor, warped: Tensor, image: Tensor) -> Tensor:
        """Both moduli of ``sections``."""
        factor = 1 + self.excess
        sections = plain - factor[:, None] * (plain - warped) * factor
        entry = torch.zeros_like(sections[0, 0])
        entry[0, 2] = entry[2, 0] = 1
        axial, bending = (sections * (1 + coupling * entry) for coupling in self.coupling)
        return _moduli(axial, bending + self.clamp * _near_clamps(image) * (_film(image) - bending), image)

    def guess(self, image: Tensor) -> Tensor:
        """Both moduli without any warping: first guesses, from above."""
        plain = _energies(image, (_loads(image), None, None))
        return _moduli(plain, plain, image)

    def sections(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Section stiffnesses ``(n, nx, 3, 3)`` in GPa without and with warping."""
        strain = _loads(image)
        film = bilinear.uniform(strain, bulk=BULK, shear=SHEAR_MODULUS)
        loads = _stress(image, strain) - film
        field = self.cycle((loads / SHEAR).flatten(0, 1))
        constant, eta, xi = (part.view_as(strain) for part in bilinear.strains(_warping(field)))
        plain = _energies(image, (strain, None, None))
        return plain, _energies(image, (strain + constant, eta, xi))


def _loads(image: Tensor) -> Tensor:
    """Strains ``(n, 3 loads, 3, ny, nx)`` of a homogeneous beam that is stretched, bent or sheared by one."""
    rows, _, ny, nx = image.shape
    y = (torch.arange(ny, dtype=image.dtype, device=image.device) + 0.5) / ny - 0.5
    y = y / (12 * (y**2).mean()).sqrt() if ny > 1 else y
    shear = 1 - 4 * y**2
    shear = shear * (SHEAR_FACTOR / (shear**2).mean()).sqrt()
    one, none = torch.ones_like(y), torch.zeros_like(y)
    axial = torch.stack([(1 - POISSON) * one, (1 + POISSON) * one, none])
    strains = torch.stack([axial, axial * y, torch.stack([none, none, shear])])
    return strains[None, ..., None].expand(rows, 3, 3, ny, nx)


def _stress(image: Tensor, strain: Tensor) -> Tensor:
    """Of strains ``(n, loads, 3, ny, nx)``."""
    each = image.repeat_interleave(strain.shape[1], 0)
    stress = bilinear.film_stress(each, strain.flatten(0, 1), bulk=BULK, shear=SHEAR, contrast=CONTRAST)
    return stress.view_as(strain)


def _energies(image: Tensor, strains: tuple[Tensor, Tensor | None, Tensor | None]) -> Tensor:
    """Energies of the loads with each other per column ``(n, nx, 3, 3)``."""
    ny = image.shape[-2]
    return sum(  # type: ignore[return-value]
        weight * torch.einsum("niajx,nmajx->nxim", _stress(image, strain), strain) / ny
        for weight, strain in zip(bilinear.WEIGHTS, strains, strict=True)
        if strain is not None
    )


def _warping(field: Tensor) -> Tensor:
    """Displacements without the mean and the turn of each line of nodes across the beam."""
    nodes = field.shape[-2]
    y = torch.linspace(-0.5, 0.5, nodes, dtype=field.dtype, device=field.device)[:, None]
    share = torch.ones_like(y)
    share[[0, -1]] = 0.5
    share = share / share.sum()
    turn = (field[:, :1] * share * y).sum(-2, keepdim=True) / (share * y**2).sum() * y
    return field - (field * share).sum(-2, keepdim=True) - torch.cat([turn, torch.zeros_like(turn)], 1)


def _near_clamps(image: Tensor) -> Tensor:
    """1 at the two ends, falling off within a quarter of the width: ``(nx, 1, 1)``."""
    ny, nx = image.shape[-2:]
    x = (torch.arange(nx, dtype=image.dtype, device=image.device) + 0.5) / ny
    return torch.exp(-4 * torch.minimum(x, nx / ny - x))[:, None, None]


def _film(image: Tensor) -> Tensor:
    """Section stiffness of the homogeneous film ``(3, 3)``."""
    return image.new_tensor([MODULUS, MODULUS / 12, SHEAR_FACTOR * SHEAR_MODULUS]).diag()


def _moduli(axial: Tensor, bending: Tensor, image: Tensor) -> Tensor:
    """Of the section stiffnesses ``(n, nx, 3, 3)`` that each of the two meets."""
    ny, nx = image.shape[-2:]
    bent = bending_modulus(bending.double(), aspect=nx / ny, modulus=MODULUS, shear_modulus=SHEAR_MODULUS)
    return torch.stack([axial_modulus(axial.double()), bent], 1).to(image.dtype)
