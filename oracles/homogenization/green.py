"""The discrete Green operator: the finite-element operator of a homogeneous medium, inverted by FFT.

It is the exact inverse of the same elements with one constant medium, so the number of iterations it leaves
does not grow with the grid (Leute et al. 2022; Ladecky et al. 2023).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .elements import Kinematics, Operator


@dataclass(frozen=True)
class GreenOperator:
    """``inverse``: ``(c, c, *frequencies)`` real, zero at the zero frequency."""

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
            spectrum = torch.stack([(row * spectrum).sum(-1 - d) for row in self.inverse], -1 - d)
        # one axis after the other: irfftn copies its input first
        spectrum = torch.fft.ifftn(spectrum, dim=tuple(range(-d, -1)))
        return torch.fft.irfft(spectrum, n=self.grid[-1])


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
    symbol = torch.fft.rfftn(medium(impulses)[0], dim=axes).real
    matrices = symbol.movedim((0, 1), (-2, -1)).contiguous()
    matrices[(0,) * d] = torch.eye(c, dtype=symbol.dtype, device=symbol.device)
    inverse = 1 / matrices if c == 1 else torch.linalg.inv(matrices)
    inverse[(0,) * d] = 0
    return GreenOperator(inverse.movedim((-2, -1), (0, 1)).contiguous(), grid)
