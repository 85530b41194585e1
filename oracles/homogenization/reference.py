"""A homogeneous medium on a window that is not periodic, factorized once for a whole batch of structures.

It is the non-periodic counterpart of the discrete Green operator: the same elements with one constant
stiffness and the same displacements held, so the iterations that it leaves depend on the contrast of the
structures and not on the grid.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import psutil
import torch
from scipy.sparse import coo_array, csc_array
from scipy.sparse.linalg import SuperLU, splu
from torch import Tensor

from .elements import Operator, small_strain
from .limits import RESERVE, TooLarge

PLANE = small_strain(2)
FILL = 250
"""Bytes of the factors per unknown and doubling of the unknowns, of squares; strips take less."""

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Medium:
    """A homogeneous window of ``grid = (ny, nx)`` unit voxels with ``stiffness`` ``(3, 3)``.

    Nodal fields are ``(..., 2, ny + 1, nx + 1)``.
    """

    stiffness: Tensor
    grid: tuple[int, int]

    @property
    def nodes(self) -> tuple[int, int, int]:
        """Shape of a nodal displacement field."""
        return 2, self.grid[0] + 1, self.grid[1] + 1

    @cached_property
    def matrix(self) -> csc_array:
        """Assembled stiffness; unknowns in the order of a flattened nodal field."""
        ny, nx = self.grid
        voxel = Operator(PLANE, self.stiffness[None, :, :, None, None], periodic=False)
        element = voxel(torch.eye(8, dtype=torch.float64).reshape(1, 8, 2, 2, 2)).reshape(8, 8).numpy()
        numbers = np.arange(math.prod(self.nodes), dtype=np.int32).reshape(self.nodes)
        corners = [(c, j, i) for c in (0, 1) for j in (0, 1) for i in (0, 1)]
        dofs = np.stack([numbers[c, j : j + ny, i : i + nx].ravel() for c, j, i in corners], -1)
        rows, columns = np.repeat(dofs, 8, 1), np.tile(dofs, 8)
        entries = np.broadcast_to(element.ravel(), rows.shape)
        size = (numbers.size, numbers.size)
        return coo_array((entries.ravel(), (rows.ravel(), columns.ravel())), shape=size).tocsc()

    def held(self, held: Bools) -> HeldMedium:
        """Factorize with the displacements of the mask ``(2, ny + 1, nx + 1)`` held at zero.

        Raises TooLarge where the factors would not fit into the free memory.
        """
        free = np.flatnonzero(~held)
        needed = FILL * free.size * math.log2(free.size)
        available = psutil.virtual_memory().available
        if needed > RESERVE * available:
            raise TooLarge(
                f"a window of {self.grid[1]} x {self.grid[0]} voxels needs about {needed / 2**30:.1f} GiB to "
                f"factorize its reference medium; {available / 2**30:.1f} GiB are free. Take fewer voxels"
            )
        matrix = self.matrix[free][:, free].tocsc()
        factor = splu(
            matrix, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True}
        )
        return HeldMedium(self, free, matrix, factor)


@dataclass(frozen=True)
class HeldMedium:
    """The inverse of a homogeneous window with some displacements held."""

    medium: Medium
    free: npt.NDArray[np.intp]
    matrix: csc_array
    factor: SuperLU

    def __call__(self, forces: Tensor) -> Tensor:
        """Nodal forces ``(..., 2, ny + 1, nx + 1)`` -> displacements, zero where they are held."""
        flat = forces.reshape(-1, math.prod(self.medium.nodes)).numpy()
        displacements = np.zeros_like(flat)
        displacements[:, self.free] = self.factor.solve(flat[:, self.free].T).T
        return torch.from_numpy(displacements).reshape(forces.shape)
