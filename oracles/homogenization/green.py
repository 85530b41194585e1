"""The discrete Green operator: the finite-element operator of a homogeneous medium, inverted by FFT.

It is the exact inverse of the same elements with one constant medium, so the number of iterations it leaves
does not grow with the grid (Leute et al. 2022; Ladecky et al. 2023).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from .elements import Kinematics, Operator
from .tensors import inverses


@dataclass(frozen=True)
class GreenOperator:
    """``inverse``: ``(c, c, *frequencies)`` real, zero at the zero frequency, over the number of voxels."""

    inverse: Tensor
    grid: tuple[int, ...]

    def to(self, dtype: torch.dtype) -> GreenOperator:
        """The same operator in another precision."""
        return GreenOperator(self.inverse.to(dtype), self.grid)

    def __call__(self, residual: Tensor) -> Tensor:
        """Nodal forces ``(..., c, *grid)`` -> the field that they cause in the homogeneous medium."""
        d = len(self.grid)
        spectrum = torch.fft.rfftn(residual, dim=tuple(range(-d, 0)))
        if len(self.inverse) == 1:
            spectrum *= self.inverse[0]
        else:
            spectrum = self._mixed(spectrum)
        # one axis after the other: irfftn copies its input first
        spectrum = torch.fft.ifftn(spectrum, dim=tuple(range(-d, -1)), norm="forward")
        return torch.fft.irfft(spectrum, n=self.grid[-1], norm="forward")

    def _mixed(self, spectrum: Tensor) -> Tensor:
        axis = -1 - len(self.grid)
        parts, mixed = spectrum.unbind(axis), torch.empty_like(spectrum)
        for row, out in zip(self.inverse, mixed.unbind(axis), strict=True):
            torch.mul(parts[0], row[0], out=out)
            for part, factor in zip(parts[1:], row[1:], strict=True):
                out.addcmul_(part, factor)
        return mixed


def green_operator(kinematics: Kinematics, reference: Tensor, grid: tuple[int, ...]) -> GreenOperator:
    """The inverse for a reference medium: ``()`` for an isotropic scalar law, ``(s, s)`` otherwise."""
    c, d = kinematics.components, kinematics.dimension
    size = (1, *(1,) * d) if reference.dim() == 0 else (1, *reference.shape, *(1,) * d)
    shape = (1, *grid) if reference.dim() == 0 else (1, *reference.shape, *grid)
    medium = Operator(kinematics, reference.reshape(size).expand(shape))
    impulses = reference.new_zeros(1, c, c, *grid)
    for component in range(c):
        impulses[(0, component, component) + (0,) * d] = 1
    axes = tuple(range(-d, 0))
    symbol = torch.fft.rfftn(medium(impulses)[0], dim=axes).real.contiguous()
    constant = (..., *(0,) * d)
    symbol[constant] = torch.eye(c, dtype=symbol.dtype, device=symbol.device)
    inverse = inverses(symbol, d)
    inverse[constant] = 0
    return GreenOperator(inverse / math.prod(grid), grid)
