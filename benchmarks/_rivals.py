"""What the homogenizer is compared with: scikit-fem with direct solvers, and muSpectre.

All of them, ours included, discretize a plane image with one bilinear element per pixel and full quadrature,
so their effective tensors agree to what their solvers leave over.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse.linalg import splu

Floats = npt.NDArray[np.float64]
DirectSolver = Callable[[sparse.csr_matrix, Floats], Floats]

MOST_ITERATIONS = 10_000

logging.getLogger("skfem").setLevel(logging.ERROR)


@dataclass(frozen=True)
class Image:
    """Pixels ``labels`` ``(ny, nx)`` of materials ``laws`` ``(n, s, s)``: s = 2 conduction, 3 elasticity."""

    labels: npt.NDArray[np.int64]
    laws: Floats

    @cached_property
    def voxels(self) -> Floats:
        """``(s, s, ny, nx)``."""
        return np.ascontiguousarray(np.moveaxis(self.laws[self.labels], (-2, -1), (0, 1)))

    @property
    def elastic(self) -> bool:
        """Three strains, or two gradients."""
        return self.laws.shape[1] == 3


@dataclass(frozen=True)
class Answer:
    """Effective tensor ``(s, s)``, iterations of the worst load, CPU seconds before the first load."""

    tensor: Floats
    iterations: int = 0
    setup: float = 0.0


def installed(name: str) -> bool:
    """Whether a rival can be measured."""
    return find_spec({"scikit-fem": "skfem"}.get(name, name)) is not None


def superlu(matrix: sparse.csr_matrix, right: Floats) -> Floats:
    """SciPy's SuperLU as it comes (COLAMD)."""
    return np.asarray(splu(matrix.tocsc()).solve(right))


def superlu_symmetric(matrix: sparse.csr_matrix, right: Floats) -> Floats:
    """SciPy's SuperLU with the ordering and pivoting that suit a symmetric positive definite matrix."""
    factor = splu(
        matrix.tocsc(), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True}
    )
    return np.asarray(factor.solve(right))


def pardiso(matrix: sparse.csr_matrix, right: Floats) -> Floats:
    """MKL PARDISO through pypardiso as it comes (real, nonsymmetric)."""
    return _pardiso(matrix, right, 11)


def pardiso_symmetric(matrix: sparse.csr_matrix, right: Floats) -> Floats:
    """MKL PARDISO for symmetric positive definite matrices."""
    return _pardiso(sparse.triu(matrix, format="csr"), right, 2)


def _pardiso(matrix: sparse.csr_matrix, right: Floats, kind: int) -> Floats:
    from pypardiso import PyPardisoSolver

    solver = PyPardisoSolver(mtype=kind)
    try:
        return np.asarray(solver.solve(matrix, right))
    finally:
        solver.free_memory(everything=True)


def direct_solvers() -> dict[str, DirectSolver]:
    """Those that are installed."""
    found: dict[str, DirectSolver] = {"superlu": superlu, "superlu_mmd": superlu_symmetric}
    if installed("pypardiso"):
        found |= {"pardiso": pardiso, "pardiso_spd": pardiso_symmetric}
    return found


def assembled(image: Image, solve: DirectSolver) -> Answer:
    """scikit-fem: periodic mesh, assembly, one factorization, all loads."""
    import skfem

    ny, nx = image.labels.shape
    flat = skfem.MeshQuad.init_tensor(np.arange(nx + 1.0), np.arange(ny + 1.0))
    element = skfem.ElementQuad1()
    basis = skfem.Basis(
        _periodic(flat, ny, nx), skfem.ElementVector(element) if image.elastic else element, intorder=2
    )
    i, j = np.floor(flat.p[:, flat.t].mean(1)).astype(int)
    C = image.voxels[:, :, j, i][..., None]
    strains, size = _strains(image.elastic), range(len(C))

    @skfem.BilinearForm
    def conduct(u: Any, v: Any, _: Any) -> Any:
        return C[0, 0] * (u.grad[0] * v.grad[0] + u.grad[1] * v.grad[1])

    @skfem.BilinearForm
    def deform(u: Any, v: Any, _: Any) -> Any:
        e, f = strains(u), strains(v)
        return sum(f[s] * sum(C[s, t] * e[t] for t in size) for s in size)

    def load(t: int) -> Floats:
        @skfem.LinearForm
        def work(v: Any, _: Any) -> Any:
            f = strains(v)
            return sum(C[s, t] * f[s] for s in (size if image.elastic else [t]))

        return np.asarray(work.assemble(basis))

    matrix = (deform if image.elastic else conduct).assemble(basis)
    right = np.stack([load(t) for t in size], 1)
    pinned = 2 if image.elastic else 1
    free = slice(pinned, None)
    gained = right[free].T @ solve(matrix[free, free], right[free]) / (nx * ny)
    return Answer(image.voxels.mean((2, 3)) - gained)


def _periodic(flat: Any, ny: int, nx: int) -> Any:
    """Nodes of the far sides become those of the near ones."""
    import skfem

    i, j = flat.p.astype(int)
    numbers = np.zeros((ny + 1, nx + 1), int)
    numbers[j, i] = np.arange(i.size)
    far = np.flatnonzero((i == nx) | (j == ny))
    return skfem.MeshQuad1DG.periodic(flat, far, numbers[j[far] % ny, i[far] % nx])


def _strains(elastic: bool) -> Callable[[Any], list[Any]]:
    if elastic:
        return lambda u: [u.grad[0, 0], u.grad[1, 1], u.grad[0, 1] + u.grad[1, 0]]
    return lambda u: [u.grad[0], u.grad[1]]


def spectral(image: Image, *, tolerance: float) -> Answer:
    """muSpectre: bilinear elements, conjugate gradients with its discrete Green preconditioner.

    ``tolerance``: of its Krylov solver. The tensor comes from energies, as ours, which is the more accurate
    choice.
    """
    import muSpectre

    started = time.process_time()
    ny, nx = image.labels.shape
    with _silence():
        cell = muSpectre.cell.CellData.make([nx, ny], [float(nx), float(ny)])
        discretisation = muSpectre.Discretisation(muSpectre.FEMStencil.bilinear_quadrangle(cell))
        kind = getattr(
            muSpectre.material,
            "MaterialLinearElasticGeneric1_2d" if image.elastic else "MaterialLinearDiffusion_2d",
        )
        laws = [kind.make(cell, str(n), np.asfortranarray(law)) for n, law in enumerate(image.laws)]
        add = [law.add_pixel for law in laws]
        for pixel, label in enumerate(image.labels.ravel().tolist()):
            add[label](pixel)
        krylov = muSpectre.solvers.KrylovSolverPCG(tolerance, MOST_ITERATIONS)
        silent = muSpectre.Verbosity.Silent
        solver = muSpectre.solvers.SolverFEMNewtonPCG(discretisation, krylov, silent, 1e-30, 1e-30, 1)
        if image.elastic:
            solver.formulation = muSpectre.Formulation.small_strain
        solver.initialise_cell()
        full = [0, 2, 2, 1] if image.elastic else [0, 1]
        mean = image.voxels.mean((2, 3))[np.ix_(full, full)]
        solver.set_reference_material(np.asfortranarray(mean))
        setup = time.process_time() - started
        gradients, fluxes, counts = [], [], [0]
        for load in _loads(image.elastic):
            found = solver.solve_load_increment(np.asfortranarray(load))
            gradients.append(found.grad.ravel())
            fluxes.append(found.stress.ravel())
            counts.append(krylov.counter)
    points = gradients[0].size // len(full)
    tensor = np.array(gradients) @ np.array(fluxes).T / points
    return Answer((tensor + tensor.T) / 2, int(np.diff(counts).max()), setup)


def _loads(elastic: bool) -> Floats:
    """Unit macroscopic gradients, one matrix a load."""
    if not elastic:
        return np.eye(2)[:, :, None]
    shear = [[0.0, 0.5], [0.5, 0.0]]
    return np.array([[[1.0, 0.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 1.0]], shear])


@contextmanager
def _silence() -> Iterator[None]:
    """Keep what compiled code prints from the table."""
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)
