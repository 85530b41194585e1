"""Linear elasticity against what is known without a solver: films, laminates, bounds, exact relations."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from support.composites import (
    disk,
    grains,
    hashin_shtrikman_plane,
    laminate,
    plane_isotropic,
    rotation_in_voigt,
    voigt_components_of,
)

from designloop_oracles.homogenization.periodic import Effective, effective_stiffness
from designloop_oracles.homogenization.stiffness import (
    SILICON,
    deviatoric_moduli,
    film_stiffness,
    isotropic_stiffness,
    mandel,
    principal_youngs_moduli,
    rotated,
    youngs_moduli,
)

BULK = 90.1080
"""Plane bulk modulus, GPa, of a <100> silicon film in plane stress: (C11 + C12 - 2 C12^2 / C11) / 2."""


def solve(stiffness, **options) -> Effective:
    """One image ``(s, s, *grid)``."""
    return effective_stiffness(torch.tensor(np.array(stiffness))[None], **options)


def effective(stiffness, **options) -> np.ndarray:
    return solve(stiffness, **options).tensor[0].numpy()


def image_of(labels, tensors):
    """``(s, s, *grid)`` from labels and one tensor per label, made exactly symmetric."""
    tensors = np.asarray(tensors)
    return np.moveaxis(((tensors + tensors.swapaxes(-1, -2)) / 2)[labels], (-2, -1), (0, 1))


def film(labels, angles, **options):
    return image_of(labels, film_stiffness(torch.as_tensor(angles), **options))


def random_film(labels, seed):
    return film(labels, np.random.default_rng(seed).uniform(0, np.pi / 2, labels.max() + 1))


def random_tensors(count, size, seed):
    A = np.random.default_rng(seed).normal(size=(count, size, size))
    return A @ A.swapaxes(-1, -2) + 0.3 * np.eye(size)


def blobs(seed, pixels=24, share=0.5, width=1.5):
    noise = ndimage.gaussian_filter(
        np.random.default_rng(seed).normal(size=(pixels, pixels)), width, mode="wrap"
    )
    return (noise > np.quantile(noise, 1 - share)).astype(int)


def refined(labels, factor):
    return np.kron(labels, np.ones((factor, factor), dtype=int))


def smallest(tensor) -> float:
    return float(np.linalg.eigvalsh(tensor)[0])


# Films of grains


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    st.integers(0, 2**32 - 1),
    st.tuples(st.integers(2, 17), st.integers(2, 17)),
    st.sampled_from([1e-4, 1e-6, 1e-9]),
)
def test_every_film_keeps_the_in_plane_bulk_modulus(seed, grid, tolerance):
    angles = np.random.default_rng(seed).uniform(0, np.pi / 2, grid).ravel()
    labels = np.arange(angles.size).reshape(grid)
    found = effective(film(labels, angles), tolerance=tolerance)
    assert found[0, 0] + found[0, 1] == pytest.approx(2 * BULK, rel=1e-6)
    np.testing.assert_allclose(found[0, :2].sum(), film(labels, angles)[0, :2, 0, 0].sum(), rtol=1e-9)
    np.testing.assert_allclose(found[1, :2].sum(), found[0, :2].sum(), rtol=1e-9)
    np.testing.assert_allclose(found[2, :2].sum(), 0, atol=1e-9 * BULK)


def test_the_principal_youngs_moduli_of_a_periodic_film_converge_to_the_crystals():
    """The product of E100 and E110, whatever the grains: Lurie and Cherkaev 1984."""
    exact = np.sqrt(np.prod([4 * BULK * m / (BULK + m) for m in (50.85, 79.51)]))
    found = []
    for pixels in (64, 128, 256):
        tensor = effective(random_film(grains(pixels, 30, 5), 6), tolerance=1e-7)
        found.append(float(principal_youngs_moduli(torch.as_tensor(tensor)).prod().sqrt()))
    assert exact == pytest.approx(148.2173, abs=1e-4)
    assert found[0] > found[1] > found[2] > exact
    assert 2 * found[2] - found[1] == pytest.approx(exact, abs=0.01)


def test_a_periodic_film_is_as_stiff_along_x_as_along_y_and_not_exactly_as_stiff_as_an_infinite_one():
    """The exact relation is about the principal shears, not about the axes of the image."""
    E = youngs_moduli(torch.as_tensor(effective(random_film(grains(64, 12, 5), 6))))
    assert float(E[0]) == pytest.approx(float(E[1]), rel=1e-9)
    assert abs(float(E[0]) - 148.2173) > 0.5


@pytest.mark.parametrize("degrees", [0, 10, 22.5, 45, 80])
def test_a_single_crystal_answers_as_itself(degrees):
    angle = np.deg2rad(degrees)
    found = solve(film(np.zeros((6, 7), dtype=int), [angle]))
    bulk, mean, half = BULK, (50.85 + 79.51) / 2, (50.85 - 79.51) / 2
    c, s = half * np.cos(4 * angle), half * np.sin(4 * angle)
    wanted = [
        [bulk + mean + c, bulk - mean - c, s],
        [bulk - mean - c, bulk + mean + c, -s],
        [s, -s, mean - c],
    ]
    np.testing.assert_allclose(found.tensor[0], wanted, atol=2e-4)
    assert found.iterations == 0


@pytest.mark.parametrize(("grid", "size"), [((4, 5), 3), ((3, 4, 2), 6)], ids=["plane", "space"])
def test_uniform_strain_is_the_answer_of_a_homogeneous_medium_of_any_anisotropy(grid, size):
    """The patch test."""
    C = random_tensors(1, size, 7)
    found = solve(image_of(np.zeros(grid, dtype=int), C), fields=True)
    np.testing.assert_allclose(found.tensor[0], C[0], rtol=0, atol=1e-13 * C.max())
    voxels = np.prod(grid)
    strain, stress = found.strain[0].flatten(2), found.stress[0].flatten(2)
    np.testing.assert_allclose(strain, np.repeat(np.eye(size)[..., None], voxels, -1), atol=1e-14)
    np.testing.assert_allclose(stress, np.repeat(C[0][..., None], voxels, -1), atol=1e-12 * C.max())


# Laminates


@pytest.mark.parametrize(("grid", "size"), [((8, 9), 3), ((5, 4, 6), 6)], ids=["plane", "space"])
def test_layers_of_any_anisotropy_follow_partial_inversion(grid, size):
    d = len(grid)
    for axis in range(d):
        n = grid[d - 1 - axis]
        tensors = random_tensors(n, size, axis)
        shape = [1] * d
        shape[d - 1 - axis] = n
        labels = np.broadcast_to(np.arange(n).reshape(shape), grid)
        found = effective(image_of(labels, tensors), tolerance=1e-13)
        wanted = laminate(list(tensors), [1 / n] * n, voigt_components_of(axis, d))
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12 * np.abs(wanted).max())


def steel_like_layers(plane):
    tensors = [isotropic_stiffness(E, 0.3, plane=plane).numpy() for E in (120.0, 6000.0)]
    labels = np.broadcast_to((np.arange(8) >= 4).astype(int), (4, 8) if plane else (3, 4, 8))
    return tensors, effective(image_of(labels, tensors), tolerance=1e-13)


def test_equal_layers_of_moduli_120_and_6000_have_the_moduli_of_hand_calculation():
    """Equal Poisson ratio nu: across, <1/M>^-1 with M = E (1-nu) / (1+nu) / (1-2nu); shear <1/G>^-1; along,
    E1 + ... by elimination; the in-plane shear is Voigt's mean."""
    nu, E = 0.3, np.array([120.0, 6000.0])
    M = E * (1 - nu) / ((1 + nu) * (1 - 2 * nu))
    G = E / (2 * (1 + nu))
    ratio = nu / (1 - nu)
    across = 1 / (1 / M).mean()
    along = (M * (1 - ratio**2)).mean() + ratio**2 * across
    _, found = steel_like_layers(None)
    assert found[0, 0] == pytest.approx(across, rel=1e-11)
    assert found[1, 1] == pytest.approx(along, rel=1e-11)
    assert found[0, 1] == pytest.approx(ratio * across, rel=1e-11)
    assert found[5, 5] == pytest.approx(1 / (1 / G).mean(), rel=1e-11)
    assert found[3, 3] == pytest.approx(G.mean(), rel=1e-11)
    assert across == pytest.approx(316.742, abs=1e-3)
    assert G.mean() == pytest.approx(1176.923, abs=1e-3)


@pytest.mark.parametrize("plane", ["stress", "strain", None])
def test_no_layering_exceeds_the_mean_of_the_layers(plane):
    tensors, found = steel_like_layers(plane)
    gap = mandel(torch.as_tensor(np.mean(tensors, 0) - found)).numpy()
    assert smallest(gap) > -1e-9 * found.max()


# Bounds


def means(image):
    """Voigt's and Reuss' estimate of an image."""
    voxels = np.moveaxis(image.reshape(*image.shape[:2], -1), -1, 0)
    return voxels.mean(0), np.linalg.inv(np.linalg.inv(voxels).mean(0))


@pytest.mark.parametrize(("grid", "size"), [((9, 11), 3), ((4, 5, 3), 6)], ids=["plane", "space"])
def test_voigt_and_reuss_bound_the_tensor(grid, size):
    labels = np.arange(np.prod(grid)).reshape(grid)
    image = image_of(labels, random_tensors(labels.size, size, 9))
    found = effective(image)
    upper, lower = (mandel(torch.as_tensor(m)).numpy() for m in means(image))
    middle = mandel(torch.as_tensor(found)).numpy()
    assert smallest(upper - middle) > 0
    assert smallest(middle - lower) > 0


def plane_moduli(tensor):
    """Bulk modulus and mean shear modulus of a plane tensor."""
    bulk = (tensor[0, 0] + tensor[1, 1] + 2 * tensor[0, 1]) / 4
    return bulk, float(deviatoric_moduli(torch.as_tensor(tensor)).mean())


@pytest.mark.parametrize("stiff", [(8.0, 5.0), (60.0, 40.0)])
def test_the_mean_of_isotropic_ensembles_lies_between_hashin_and_shtrikman(stiff):
    bulk, shear = (1.0, stiff[0]), (0.6, stiff[1])
    tensors = [plane_isotropic(k, m) for k, m in zip(bulk, shear, strict=True)]
    labels = [blobs(s, pixels=32, share=0.4, width=2.0) for s in range(10)]
    K, mu = np.mean([plane_moduli(effective(image_of(x, tensors))) for x in labels], 0)
    f = np.mean(labels)
    low = hashin_shtrikman_plane(bulk, shear, f)
    high = hashin_shtrikman_plane(bulk[::-1], shear[::-1], 1 - f)
    assert low[0] < K < high[0]
    assert low[1] < mu < high[1]


# Exact relations of two and more phases


def test_phases_of_equal_shear_modulus_have_hills_bulk_modulus():
    """1 / (K + mu) averages, whatever the geometry, and the answer is isotropic (Hill 1964)."""
    bulk, mu = np.array([1.0, 9.0, 3.0]), 0.8
    labels = blobs(3, pixels=16, share=0.4, width=1.0) + 2 * (blobs(4, pixels=16, share=0.2, width=1.0))
    labels = np.minimum(labels, 2)
    shares = np.bincount(labels.ravel()) / labels.size
    exact = 1 / (shares / (bulk + mu)).sum() - mu
    errors = []
    for factor in (1, 2, 4):
        tensor = effective(image_of(refined(labels, factor), [plane_isotropic(k, mu) for k in bulk]))
        errors.append(np.abs(tensor - plane_isotropic(exact, mu)).max() / exact)
    assert all(b < 0.6 * a for a, b in pairwise(errors))
    assert errors[-1] < 5e-3


def test_a_film_of_isotropic_phases_of_equal_bulk_modulus_keeps_it():
    labels = blobs(5, pixels=14)
    tensor = effective(image_of(labels, [plane_isotropic(2.0, m) for m in (0.1, 30.0)]))
    np.testing.assert_allclose(tensor[:2, :2].sum(0), 4.0, rtol=1e-9)
    np.testing.assert_allclose(tensor[2, :2].sum(), 0, atol=1e-9)


def test_shifting_the_compliances_shifts_the_effective_ones_alike():
    """1/K -> 1/K - c, 1/mu -> 1/mu + c in every phase: Cherkaev, Lurie and Milton 1992. On fine grids."""
    labels, c = blobs(6, pixels=16), 0.3
    bulk, shear = np.array([1.0, 2.0]), np.array([0.7, 1.2])
    shifted = 1 / (1 / bulk - c), 1 / (1 / shear + c)
    # In Voigt order with engineering shear: 1/(4K) on dilation, 1/(4 mu) and 1/mu on the shears.
    shift = c * np.array([[0, -0.5, 0], [-0.5, 0, 0], [0, 0, 1.0]])
    assert np.allclose(
        np.linalg.inv(plane_isotropic(shifted[0][0], shifted[1][0])),
        np.linalg.inv(plane_isotropic(bulk[0], shear[0])) + shift,
    )
    errors = []
    for factor in (1, 2, 4):
        fine = refined(labels, factor)
        first, second = (
            np.linalg.inv(effective(image_of(fine, [plane_isotropic(*p) for p in zip(*pair, strict=True)])))
            for pair in ((bulk, shear), shifted)
        )
        errors.append(np.abs(second - first - shift).max() / np.abs(first).max())
    assert all(b < 0.5 * a for a, b in pairwise(errors))
    assert errors[-1] < 1e-4


def test_a_refined_image_is_never_stiffer():
    labels = blobs(7, pixels=10)
    tensors = random_tensors(2, 3, 11)
    found = [effective(image_of(refined(labels, k), tensors), tolerance=1e-10) for k in (1, 2, 4)]
    for coarse, fine in pairwise(found):
        assert smallest(coarse - fine) > -1e-9 * coarse.max()


def test_dilute_holes_soften_by_their_known_compliance():
    """Round holes in a plate: E / E0 = 1 - 3 f (Jasiuk, Chen and Thorpe 1994)."""
    inside = disk(160, 0.06).astype(int)
    tensors = [isotropic_stiffness(1.0, 0.3, plane="stress").numpy()]
    tensors.append(1e-4 * tensors[0])
    found = youngs_moduli(torch.as_tensor(effective(image_of(inside, tensors))))
    assert (1 - float(found[0])) / inside.mean() == pytest.approx(3.0, rel=0.06)


# Symmetries


@pytest.mark.parametrize("quarters", [1, 2, 3])
@pytest.mark.parametrize("mirrored", [False, True])
def test_turning_a_film_turns_its_stiffness(quarters, mirrored):
    """Pixels and crystals together; ``np.rot90`` turns rows up, clockwise where y grows along the rows."""
    labels = grains(20, 9, 2)[:, :15]
    angles = np.random.default_rng(3).uniform(0, np.pi / 2, labels.max() + 1)
    start = effective(film(labels, angles), tolerance=1e-11)
    moved = np.rot90(labels[:, ::-1] if mirrored else labels, quarters)
    R = np.linalg.matrix_power(np.array([[0.0, 1.0], [-1.0, 0.0]]), quarters)
    R = R @ np.diag([-1.0 if mirrored else 1.0, 1.0])
    T = rotation_in_voigt(R)
    turned = (-angles if mirrored else angles) - quarters * np.pi / 2
    found = effective(film(moved, turned), tolerance=1e-11)
    np.testing.assert_allclose(found, T @ start @ T.T, atol=1e-8)
    assert abs(start[0, 2]) > 0.05


def test_flipping_pixels_without_the_crystals_is_another_film():
    labels = grains(20, 9, 2)
    angles = np.random.default_rng(3).uniform(0, np.pi / 2, labels.max() + 1)
    start = effective(film(labels, angles))
    wrong = effective(film(labels[:, ::-1], angles))
    T = rotation_in_voigt(np.diag([-1.0, 1.0]))
    assert np.abs(wrong - T @ start @ T.T).max() > 0.1


def test_rolling_a_film_changes_nothing():
    labels = grains(18, 9, 4)
    start = effective(random_film(labels, 1), tolerance=1e-12)
    moved = effective(random_film(np.roll(labels, (5, 11), (0, 1)), 1), tolerance=1e-12)
    np.testing.assert_allclose(moved, start, atol=1e-10 * BULK)


def test_mean_stress_and_mean_work_give_the_same_tensor():
    found = solve(random_film(grains(16, 9, 4), 1), tolerance=1e-13, fields=True)
    np.testing.assert_allclose(found.strain[0].flatten(2).mean(-1), np.eye(3), atol=1e-12)
    np.testing.assert_allclose(found.stress[0].flatten(2).mean(-1), found.tensor[0], atol=1e-5)


# Space


def crystals(count, seed):
    """Silicon turned at random, ``(count, 6, 6)``."""
    Q = np.linalg.qr(np.random.default_rng(seed).normal(size=(count, 3, 3)))[0]
    return rotated(SILICON.tensor, torch.as_tensor(Q)).numpy()


def test_cubic_crystals_in_space_keep_the_bulk_modulus_and_lie_between_the_bounds():
    """Every crystal answers dilation by the same pressure, C11 + 2 C12."""
    labels = grains(12, 20, 1, dimension=3)
    image = image_of(labels, crystals(20, 2))
    found = effective(image, tolerance=1e-9)
    np.testing.assert_allclose(found[:3, :3].sum(0), SILICON.c11 + 2 * SILICON.c12, rtol=1e-9)
    np.testing.assert_allclose(found[3:, :3].sum(1), 0, atol=1e-9 * BULK)
    upper, lower = (mandel(torch.as_tensor(m)).numpy() for m in means(image))
    middle = mandel(torch.as_tensor(found)).numpy()
    assert smallest(upper - middle) > -1e-9 * BULK
    assert smallest(middle - lower) > -1e-9 * BULK


def test_turning_space_turns_the_stiffness():
    """A cyclic change of axes, of grains and crystals together."""
    labels = grains(8, 10, 1, dimension=3)[:, :6, :7]
    tensors = crystals(10, 3)
    start = effective(image_of(labels, tensors), tolerance=1e-11)
    # New x is the old y, new y the old z, new z the old x.
    T = rotation_in_voigt(np.array([[0.0, 1, 0], [0, 0, 1], [1, 0, 0]]))
    moved = effective(image_of(labels.transpose(2, 0, 1), T @ tensors @ T.T), tolerance=1e-11)
    np.testing.assert_allclose(moved, T @ start @ T.T, atol=1e-8)


def test_a_column_of_plane_strain_is_the_plane_problem():
    """An image that does not change along z, in plane strain; Voigt's bound is met in uniaxial stress."""
    labels = blobs(8, pixels=10)
    E = [1.0, 12.0]
    plane = effective(image_of(labels, [isotropic_stiffness(e, 0.3, plane="strain").numpy() for e in E]))
    column = np.broadcast_to(labels, (2, 10, 10))
    space = effective(image_of(column, [isotropic_stiffness(e, 0.3).numpy() for e in E]))
    inside = [0, 1, 5]
    np.testing.assert_allclose(space[np.ix_(inside, inside)], plane, atol=1e-5)
