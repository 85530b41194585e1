"""Plane elasticity assembled by scikit-fem, and films to try windows and beams on."""

from __future__ import annotations

import numpy as np
import torch
from skfem import (
    Basis,
    BilinearForm,
    ElementQuad1,
    ElementVector,
    FacetBasis,
    LinearForm,
    MeshQuad,
    condense,
    solve,
)

from designloop_oracles.homogenization.stiffness import film_stiffness, isotropic_stiffness

UNIT_STRAINS = {"xx": (1, 0, 0), "yy": (0, 1, 0), "xy": (0, 0, 1)}


def voxels(tensors):
    """``(*grid, 3, 3)`` or ``(batch, *grid, 3, 3)`` -> ``(batch, 3, 3, *grid)``."""
    batch = tensors if tensors.dim() == 5 else tensors[None]
    return batch.movedim((-2, -1), (1, 2)).contiguous()


def film(shape, *, grains=6, seed=0, batch=1, **options):
    """<100> fibre films (or as ``options`` say) of blocky grains of random orientation."""
    generator = np.random.Generator(np.random.PCG64(seed))
    labels = generator.integers(0, grains, (batch, -(-shape[0] // 2), -(-shape[1] // 2)))
    labels = labels.repeat(2, 1).repeat(2, 2)[:, : shape[0], : shape[1]]
    angles = generator.uniform(0, np.pi, grains)
    return voxels(film_stiffness(torch.from_numpy(angles[labels]), **options))


def isotropic(moduli, poissons_ratio=0.1776):
    """Plane stress, from an image of Young's moduli."""
    image = torch.as_tensor(moduli, dtype=torch.float64)
    return voxels(image[..., None, None] * isotropic_stiffness(1.0, poissons_ratio, plane="stress"))


class Assembled:
    """Stiffness matrix of one image ``(3, 3, ny, nx)`` on unit voxels."""

    def __init__(self, image):
        C = image.numpy()
        self.ny, self.nx = C.shape[-2:]
        mesh = MeshQuad.init_tensor(np.arange(self.nx + 1.0), np.arange(self.ny + 1.0))
        self.basis = Basis(mesh, ElementVector(ElementQuad1()), intorder=4)
        i, j = np.floor(mesh.p[:, mesh.t].mean(1)).astype(int)
        local = C[:, :, j, i][..., None]

        @BilinearForm
        def energy(u, v, _):
            e, f = ([w.grad[0, 0], w.grad[1, 1], w.grad[0, 1] + w.grad[1, 0]] for w in (u, v))
            return sum(local[s, t] * e[t] * f[s] for s in range(3) for t in range(3))

        @BilinearForm
        def inertia(u, v, _):
            return u[0] * v[0] + u[1] * v[1]

        self.K = energy.assemble(self.basis)
        self.lumped_mass = np.asarray(inertia.assemble(self.basis).sum(1)).ravel()
        self.x, self.y = self.basis.doflocs
        self.horizontal = np.isin(np.arange(self.x.size), self.basis.nodal_dofs[0])

    def affine(self, strain):
        along = strain[0] * self.x + strain[2] / 2 * self.y
        across = strain[1] * self.y + strain[2] / 2 * self.x
        return np.where(self.horizontal, along, across)

    def solved(self, prescribed, held, forces=None):
        return solve(*condense(self.K, forces, x=prescribed, D=np.flatnonzero(held)))

    def displacement_stiffness(self):
        frame = (self.x == 0) | (self.x == self.nx) | (self.y == 0) | (self.y == self.ny)
        states = np.stack([self.solved(self.affine(e), frame) for e in UNIT_STRAINS.values()])
        return states @ self.K @ states.T / (self.nx * self.ny)

    def traction_stiffness(self):
        facets = FacetBasis(self.basis.mesh, self.basis.elem, intorder=4)

        def load(s):
            @LinearForm
            def work(v, w):
                return (s[0] * w.n[0] + s[2] * w.n[1]) * v[0] + (s[2] * w.n[0] + s[1] * w.n[1]) * v[1]

            return work.assemble(facets)

        bottom = self.y == 0
        pinned = (bottom & (self.x == 0)) | (bottom & (self.x == self.nx) & ~self.horizontal)
        loads = np.stack([load(s) for s in UNIT_STRAINS.values()])
        states = np.stack([self.solved(np.zeros_like(self.x), pinned, f) for f in loads])
        return np.linalg.inv(loads @ states.T / (self.nx * self.ny))

    def tensile_modulus(self, axis):
        pulled = self.horizontal if axis == "x" else ~self.horizontal
        place, length = (self.x, self.nx) if axis == "x" else (self.y, self.ny)
        corner = (self.x == 0) & (self.y == 0)
        held = (pulled & ((place == 0) | (place == length))) | (corner & ~pulled)
        u = self.solved(np.where(pulled, place, 0.0), held)
        force = (self.K @ u)[pulled & (place == length)].sum()
        return force / (self.nx * self.ny / length)

    def clamped(self):
        """Free unknowns of a beam clamped at both ends: stiffness and mass."""
        free = np.flatnonzero((self.x > 0) & (self.x < self.nx))
        return self.K[free][:, free], self.lumped_mass[free]
