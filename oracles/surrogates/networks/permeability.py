"""Effective permeability of periodic images of two phases: learned coarse-graining, then an exact solution.

An image is a lattice of bonds along the edges of its pixels, each with the mean of the pixels on its two
sides: so disks that meet in a corner touch, as they do in finite elements with nodes at the corners. Each
level keeps every second node: the conductance of a bond between two that stay is a learned function of the
window of finer bonds around it. That is local; what clusters of disks do together is not, and is solved for
on the coarsest lattice. The tensor is an energy, hence symmetric and positive definite whatever the weights.
Homogeneous images and laminates along the axes are exact: there the elementary bounds of a window (Wiener
1912: rows in parallel, columns in series) meet and leave the networks no say. Mirrors, quarter turns and
rolls by whole blocks act on the tensor as they should.
Sources: Hinrichsen, Feder and Jossang 1986, King 1989 (renormalization of conductances); Brandt 1977 (coarser
grids); Aldakheel et al. 2023 (the task). Learning the renormalization through the energy is ours.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from ...homogenization.periodic import KEPT
from . import lattice

PARITIES = ((1, 1), (1, -1), (-1, 1), (-1, -1))
"""Across and along the bond."""
CHUNK = 4
"""Images at a time: larger blocks of memory leave the cache, and the C library fetches them anew."""


def encoded(permeability: Tensor) -> Tensor:
    """(mu_11, mu_22, mu_12) ``(n, 3)`` -> (ln mu_11, ln mu_22, mu_12 / sqrt(mu_11 mu_22))."""
    size = permeability[:, :2]
    return torch.cat([size.log(), permeability[:, 2:] / size.prod(1, keepdim=True).sqrt()], 1)


def decoded(values: Tensor) -> Tensor:
    """Undo ``encoded``."""
    size = values[:, :2].exp()
    return torch.cat([size, values[:, 2:] * size.prod(1, keepdim=True).sqrt()], 1)


def rolled(x: Tensor, y: Tensor, draws: torch.Generator) -> tuple[Tensor, Tensor]:
    """Periodic images moved by less than a block: exact, and what the network does not know by itself."""
    shift = torch.randint(8, (2,), generator=draws).tolist()
    return torch.roll(x, shift, (-2, -1)), y


class PermeabilityNet(nn.Module):
    """Image ``(n, 1, ny, nx)``, 1 in the disks, 0 between -> ``encoded`` permeabilities ``(n, 3)``, matrix 1.

    ``filters`` of even parity and ``hidden`` units of each level; sides are multiples of 2**levels pixels.
    """

    def __init__(
        self, *, filters: Sequence[int] = (6, 12), hidden: Sequence[int] = (16, 32), contrast: float = 250.0,
        tolerance: float = 5e-3,
    ) -> None:  # fmt: skip
        super().__init__()
        self.contrast, self.tolerance = contrast, tolerance
        self.levels = nn.ModuleList(
            Coarsening(filters=n, hidden=m, contrast=contrast) for n, m in zip(filters, hidden, strict=True)
        )

    def forward(self, image: Tensor) -> Tensor:
        """What training compares with ``encoded`` labels."""
        return encoded(self.tensor(image)[:, (0, 1, 0), (0, 1, 1)])

    def tensor(self, image: Tensor) -> Tensor:
        """Tensors ``(n, 2, 2)``; raises ValueError for images that cannot be halved so often."""
        block = 2 ** len(self.levels)
        if image.shape[-1] % block or image.shape[-2] % block:
            raise ValueError(
                f"an image of {image.shape[-1]} x {image.shape[-2]} pixels has no whole blocks of {block}; "
                "draw it with a multiple."
            )
        torch.empty(KEPT, dtype=torch.uint8)
        return torch.cat([self._effective(part) for part in image.contiguous().split(CHUNK)])

    def _effective(self, image: Tensor) -> Tensor:
        pixels = 1 + (self.contrast - 1) * image
        lx, ly = (((pixels + torch.roll(pixels, 1, dim)) / 2).log() for dim in (-2, -1))
        for level in self.levels:
            lx, ly = level(lx, ly), level(ly.mT, lx.mT).mT
        return lattice.effective(lx.exp(), ly.exp(), tolerance=self.tolerance)


class Coarsening(nn.Module):
    """Log conductances of the bonds of a lattice -> those along x of the lattice of every second node."""

    def __init__(self, *, filters: int, hidden: int, contrast: float) -> None:
        super().__init__()
        self.even, others = filters, max(1, filters // 3)
        total = filters + 3 * others
        self.along = nn.Parameter(torch.randn(total, 1, 5, 6) / 4)
        self.across = nn.Parameter(torch.randn(total, 1, 6, 5) / 4)
        signs = torch.tensor([PARITIES[0]] * filters + [p for p in PARITIES[1:] for _ in range(others)])
        self.register_buffer("signs", signs.float()[:, :, None, None, None], persistent=False)
        self.middle = math.log(contrast) / 2 or 1.0
        *layers, last = (
            nn.Conv2d(before, after, 1) for before, after in pairwise((total, hidden, hidden, 2))
        )
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)  # type: ignore[arg-type]
        self.decide = nn.ModuleList([*layers, last])

    def forward(self, along: Tensor, across: Tensor) -> Tensor:
        """Within the bounds of their own window, times a correction; all ``(n, 1, ny, nx)``."""
        lower, upper, freedom = _bounds((-along).exp())
        both = torch.cat([along, across], 1) / self.middle - 1
        found = F.conv2d(F.pad(both, (3, 3, 3, 3), mode="circular"), self._filters(), stride=2)
        values = torch.cat([found[:, : self.even], found[:, self.even :].abs()], 1)
        for layer in self.decide[:-1]:
            values = F.silu(layer(values))
        between, correction = self.decide[-1](values).split(1, 1)
        return lower + (upper - lower) * torch.sigmoid(between) + freedom * correction

    def _filters(self) -> Tensor:
        """Windows of bonds along and across, ``(filters, 2, 7, 7)``, each of one parity."""
        whole = []
        for window, room in ((self.along, (1, 0, 1, 1)), (self.across, (2, 0, 0, 1))):
            window = window + self.signs[:, 1] * window.flip(-1)
            window = window + self.signs[:, 0] * window.flip(-2)
            whole.append(F.pad(window, room))
        return torch.cat(whole, 1)


def _bounds(resistance: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Log bounds of coarse bonds along x, and 1 - lower / upper of three by three of them."""
    rows, columns = _series(resistance), _parallel(1 / resistance)
    upper, lower = _series(1 / columns), _parallel(1 / rows)
    wide = _three(_series(1 / _three(columns, -2)), -1) * _three(_parallel(1 / _three(rows, -1)), -2)
    return lower.log(), -upper.log(), 1 - wide


def _series(resistance: Tensor) -> Tensor:
    """Mean along x of the two bonds between nodes that stay."""
    return (resistance[..., 0::2] + resistance[..., 1::2]) / 2


def _parallel(conductance: Tensor) -> Tensor:
    """Mean across x: the row of a node that stays, and half the rows beside it."""
    own, next_ = conductance[..., 0::2, :], conductance[..., 1::2, :]
    return own / 2 + (next_ + torch.roll(next_, 1, -2)) / 4


def _three(values: Tensor, dim: int) -> Tensor:
    return (torch.roll(values, 1, dim) + values + torch.roll(values, -1, dim)) / 3
