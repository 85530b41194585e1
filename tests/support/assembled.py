"""Effective tensors from a stiffness matrix that scikit-fem assembles: the second opinion on the solver.

Same mesh, same elements, nothing else in common: the matrix is assembled by quadrature, periodicity is a map
of the nodes, macroscopic strain is imposed on the nodes as a symmetric gradient, SuperLU solves.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import skfem
from scipy import sparse
from scipy.sparse.linalg import splu

from .composites import VOIGT

Floats = npt.NDArray[np.float64]


def effective_tensor(coefficients: Floats) -> Floats:
    """Effective tensor of one periodic image of unit voxels.

    ``coefficients``: ``(s, s, *grid)``, s = d for conduction or 3, 6 for elasticity in 2-D, 3-D; x last.
    """
    grid = coefficients.shape[2:]
    d = len(grid)
    elastic = len(coefficients) != d
    sides = [np.arange(n + 1.0) for n in reversed(grid)]
    mesh = (skfem.MeshQuad if d == 2 else skfem.MeshHex).init_tensor(*sides)
    element = skfem.ElementQuad1() if d == 2 else skfem.ElementHex1()
    basis = skfem.Basis(mesh, skfem.ElementVector(element) if elastic else element, intorder=3)
    nodes = basis.nodal_dofs
    energies = _solve(
        _stiffness(coefficients, basis, elastic),
        _periodic(mesh, grid, nodes),
        _linear_fields(mesh, nodes, VOIGT[d] if elastic else [(0, axis) for axis in range(d)]),
        pinned=len(nodes),
    )
    return energies / np.prod(grid)


def _stiffness(coefficients: Floats, basis: skfem.Basis, elastic: bool) -> sparse.csr_matrix:
    """Element matrices by quadrature over scikit-fem's shape functions, all elements at once."""
    mesh = basis.mesh
    centres = np.floor(mesh.p[:, mesh.t].mean(1)).astype(int)
    C = coefficients[(slice(None), slice(None), *centres[::-1])]
    gradients = [basis.basis[i][0].grad for i in range(basis.Nbfun)]
    if elastic:
        pairs = VOIGT[mesh.dim()]
        strains = [[g[i, j] if i == j else g[i, j] + g[j, i] for i, j in pairs] for g in gradients]
    else:
        strains = gradients
    B = np.array(strains)
    elements = np.einsum("ste,iseq,jteq,eq->ije", C, B, B, basis.dx, optimize=True)
    dofs = basis.element_dofs
    rows, columns = np.broadcast_arrays(dofs[:, None], dofs[None])
    return sparse.coo_matrix((elements.ravel(), (rows.ravel(), columns.ravel())), (basis.N, basis.N)).tocsr()


def _periodic(mesh: skfem.Mesh, grid: tuple[int, ...], nodes: npt.NDArray[np.int32]) -> sparse.csr_matrix:
    """Prolongation from one value per component and periodic node to all degrees of freedom."""
    sides = np.array(grid[::-1])
    which = np.ravel_multi_index(tuple(mesh.p.astype(int) % sides[:, None]), tuple(sides))
    components = len(nodes)
    columns = which * components + np.arange(components)[:, None]
    shape = (nodes.size, components * int(np.prod(sides)))
    return sparse.csr_matrix((np.ones(nodes.size), (nodes.ravel(), columns.ravel())), shape=shape)


def _linear_fields(mesh: skfem.Mesh, nodes: npt.NDArray[np.int32], strains: list[tuple[int, int]]) -> Floats:
    """Nodal values of the fields of unit macroscopic gradients or (symmetric) strains, ``(dofs, s)``."""
    fields = np.zeros((nodes.size, len(strains)))
    for field, (i, j) in zip(fields.T, strains, strict=True):
        half = 1.0 if len(nodes) == 1 or i == j else 0.5
        field[nodes[i]] += half * mesh.p[j]
        if half < 1:
            field[nodes[j]] += half * mesh.p[i]
    return fields


def _solve(matrix: sparse.csr_matrix, prolongation: sparse.csr_matrix, linear: Floats, pinned: int) -> Floats:
    """Energies of the equilibrium states per voxel; the first ``pinned`` unknowns, of one node, are held."""
    reduced = (prolongation.T @ matrix @ prolongation).tocsc()[pinned:, pinned:]
    right = -(prolongation.T @ (matrix @ linear))
    fluctuation = np.zeros_like(right)
    fluctuation[pinned:] = splu(reduced).solve(right[pinned:])
    total = linear + prolongation @ fluctuation
    return np.asarray(total.T @ (matrix @ total))
