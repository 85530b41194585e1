"""The matrix-free solver against an assembled scikit-fem system on the same mesh."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from support.assembled import effective_tensor

from designloop_oracles.homogenization.periodic import effective_conductivity, effective_stiffness

STRUCTURES = 20
TOLERANCE = 1e-11


def grids(dimension, seed):
    """Different sides, odd, even and prime."""
    sides = (2, 3, 5, 6, 7, 8, 9) if dimension == 2 else (2, 3, 4, 5)
    return tuple(int(n) for n in np.random.default_rng(seed).choice(sides, dimension))


def tensors(size, grid, seed, contrast=1.0):
    """Symmetric positive definite in every voxel, two phases of very different size among them."""
    rng = np.random.default_rng([seed, size])
    A = rng.normal(size=(*grid, size, size))
    C = A @ A.swapaxes(-1, -2) + 0.2 * np.eye(size)
    C *= np.where(rng.random(grid) < 0.4, contrast, 1.0)[..., None, None]
    return np.moveaxis(C, (-2, -1), (0, 1))


def assert_equal(found, wanted):
    np.testing.assert_allclose(found.tensor[0], wanted, rtol=0, atol=1e-8 * np.abs(wanted).max())
    diagonal = np.diag(found.tensor[0].numpy()) / np.diag(wanted)
    np.testing.assert_allclose(diagonal, 1, rtol=1e-8)


@pytest.mark.parametrize("contrast", [0.01, 100.0])
@pytest.mark.parametrize("dimension", [2, 3])
def test_isotropic_conduction_agrees(dimension, contrast):
    for seed in range(STRUCTURES // 2):
        rng = np.random.default_rng(seed)
        grid = grids(dimension, seed)
        values = rng.uniform(0.5, 2, grid) * np.where(rng.random(grid) < 0.4, contrast, 1.0)
        wanted = effective_tensor(values * np.eye(dimension)[(..., *[None] * dimension)])
        assert_equal(effective_conductivity(torch.as_tensor(values)[None], tolerance=TOLERANCE), wanted)


@pytest.mark.parametrize("dimension", [2, 3])
def test_anisotropic_conduction_agrees(dimension):
    for seed in range(STRUCTURES):
        image = tensors(dimension, grids(dimension, seed), seed, contrast=10.0)
        found = effective_conductivity(torch.as_tensor(image)[None], tolerance=TOLERANCE)
        assert_equal(found, effective_tensor(image))


@pytest.mark.parametrize(("dimension", "size"), [(2, 3), (3, 6)], ids=["plane", "space"])
def test_anisotropic_elasticity_agrees(dimension, size):
    for seed in range(STRUCTURES):
        image = tensors(size, grids(dimension, seed), seed, contrast=10.0)
        found = effective_stiffness(torch.as_tensor(image)[None], tolerance=TOLERANCE)
        assert_equal(found, effective_tensor(image))


@pytest.mark.long
def test_elasticity_agrees_on_a_larger_cube():
    image = tensors(6, (7, 6, 8), 0, contrast=1000.0)
    found = effective_stiffness(torch.as_tensor(image)[None], tolerance=TOLERANCE)
    assert_equal(found, effective_tensor(image))
