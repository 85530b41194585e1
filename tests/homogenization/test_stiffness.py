"""Stiffness of crystals and films, and the moduli read from tensors."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.composites import VOIGT, plane_isotropic, rotation_in_voigt

from designloop_oracles.homogenization.stiffness import (
    SILICON,
    Cubic,
    deviatoric_moduli,
    film_stiffness,
    isotropic_stiffness,
    mandel,
    principal_youngs_moduli,
    rotated,
    rotation,
    youngs_moduli,
)
from designloop_oracles.microstructure.orientations import PERIODS

BULK, SHEAR_100, SHEAR_110 = 90.1080, 50.85, 79.51
INSIDE, OUTSIDE = [0, 1, 5], [2, 3, 4]

angles = st.floats(-7, 7)
quick = settings(max_examples=40, deadline=None, derandomize=True)
axes = st.sampled_from(["100", "110", "111"])


def film(angle, **options):
    return film_stiffness(torch.tensor(angle, dtype=torch.float64), **options).numpy()


def turned_by_hand(stiffness, R):
    """The fourth-order tensor turned index by index, back in Voigt order."""
    pairs = VOIGT[3]
    C = np.zeros((3, 3, 3, 3))
    for a, (i, j) in enumerate(pairs):
        for b, (k, m) in enumerate(pairs):
            C[i, j, k, m] = C[j, i, k, m] = C[i, j, m, k] = C[j, i, m, k] = stiffness[a, b]
    C = np.einsum("ia,jb,kc,md,abcd->ijkm", R, R, R, R, C)
    return np.array([[C[i, j, k, m] for k, m in pairs] for i, j in pairs])


def random_rotation(seed):
    Q = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0]
    return Q * np.sign(np.linalg.det(Q))


# Crystals


def test_a_cubic_crystal_has_three_constants():
    C = Cubic(c11=3.0, c12=1.0, c44=0.5).tensor.numpy()
    np.testing.assert_array_equal(C[:3, :3], [[3, 1, 1], [1, 3, 1], [1, 1, 3]])
    np.testing.assert_array_equal(C[3:, 3:], 0.5 * np.eye(3))
    np.testing.assert_array_equal(C[:3, 3:], 0)


@quick
@given(st.integers(0, 2**32 - 1))
def test_turning_a_crystal_is_turning_its_tensor_of_fourth_order(seed):
    A = np.random.default_rng(seed).normal(size=(6, 6))
    R = random_rotation(seed)
    C = A @ A.T
    found = rotated(torch.as_tensor(C), torch.as_tensor(R))
    np.testing.assert_allclose(found, turned_by_hand(C, R), atol=1e-12 * np.abs(C).max())


def test_turning_twice_is_turning_by_the_product():
    C = SILICON.tensor
    R, Q = (torch.as_tensor(random_rotation(s)) for s in (1, 2))
    np.testing.assert_allclose(rotated(rotated(C, R), Q), rotated(C, Q @ R), atol=1e-11)


def test_positive_angles_turn_x_towards_y():
    R = rotation(torch.tensor(np.pi / 6, dtype=torch.float64)).numpy()
    np.testing.assert_allclose(R @ [1, 0, 0], [np.cos(np.pi / 6), 0.5, 0], atol=1e-15)
    assert rotation(torch.zeros(2, 5, dtype=torch.float64)).shape == (2, 5, 3, 3)


# Films


@quick
@given(angles)
def test_a_100_fibre_film_has_the_closed_form(angle):
    """Coupling of normal and shear strain negative at 22.5 degrees, counter-clockwise."""
    mean, half = (SHEAR_100 + SHEAR_110) / 2, (SHEAR_100 - SHEAR_110) / 2
    c, s = half * np.cos(4 * angle), half * np.sin(4 * angle)
    wanted = [
        [BULK + mean + c, BULK - mean - c, s],
        [BULK - mean - c, BULK + mean + c, -s],
        [s, -s, mean - c],
    ]
    np.testing.assert_allclose(film(angle), wanted, atol=1e-4)


def test_the_young_modulus_of_silicon_along_100_and_110():
    E = youngs_moduli(film_stiffness(torch.tensor([0.0, np.pi / 4])))
    np.testing.assert_allclose(E[:, 0], [130.0243, 168.9558], atol=1e-4)
    S = np.linalg.inv(SILICON.tensor.numpy())
    assert float(E[0, 0]) == pytest.approx(1 / S[0, 0], rel=1e-12)
    assert float(E[1, 0]) == pytest.approx(4 / (2 * S[0, 0] + 2 * S[0, 1] + S[3, 3]), rel=1e-12)


@quick
@given(angles, axes)
def test_plane_stress_is_the_inverse_of_the_in_plane_compliance(angle, axis):
    """What is left when the stresses out of the plane vanish."""
    frame = {
        "100": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
        "110": [[1, -1, 0], [0, 0, -1], [1, 1, 0]],
        "111": [[1, -1, 0], [1, 1, -2], [1, 1, 1]],
    }[axis]
    R = np.array(frame, dtype=float) / np.linalg.norm(frame, axis=1)[:, None]
    assert np.linalg.det(R) == pytest.approx(1)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    C = turned_by_hand(SILICON.tensor.numpy(), turn @ R)
    compliance = np.linalg.inv(C)[np.ix_(INSIDE, INSIDE)]
    np.testing.assert_allclose(film(angle, fibre_axis=axis), np.linalg.inv(compliance), atol=1e-10)
    np.testing.assert_allclose(
        film(angle, fibre_axis=axis, plane="strain"), C[np.ix_(INSIDE, INSIDE)], atol=1e-11
    )


@quick
@given(angles, axes, st.sampled_from(["stress", "strain"]))
def test_a_film_repeats_after_its_period(angle, axis, plane):
    there = film(angle + PERIODS[axis], fibre_axis=axis, plane=plane)
    np.testing.assert_allclose(there, film(angle, fibre_axis=axis, plane=plane), atol=1e-9)


@pytest.mark.parametrize("axis", ["100", "110"])
def test_a_film_does_not_repeat_sooner(axis):
    half = film(0.1 + PERIODS[axis] / 2, fibre_axis=axis)
    assert np.abs(half - film(0.1, fibre_axis=axis)).max() > 1


@quick
@given(angles)
def test_a_111_fibre_film_is_isotropic(angle):
    C = film(angle, fibre_axis="111")
    bulk = (C[0, 0] + C[0, 1]) / 2
    np.testing.assert_allclose(C, plane_isotropic(bulk, C[2, 2]), atol=1e-9)


@quick
@given(angles, axes, st.sampled_from(["stress", "strain"]))
def test_turning_a_film_is_turning_its_plane_tensor(angle, axis, plane):
    c, s = np.cos(angle), np.sin(angle)
    T = rotation_in_voigt(np.array([[c, -s], [s, c]]))
    start = film(0.0, fibre_axis=axis, plane=plane)
    np.testing.assert_allclose(film(angle, fibre_axis=axis, plane=plane), T @ start @ T.T, atol=1e-9)


def test_the_bulk_modulus_tells_plane_stress_from_plane_strain():
    for plane, bulk in (("stress", 90.1080), ("strain", 114.79)):
        C = film(0.3, plane=plane)
        assert (C[0, 0] + C[0, 1]) / 2 == pytest.approx(bulk, abs=1e-4)


def test_films_of_any_shape_and_crystal():
    C = film_stiffness(torch.zeros(2, 3, 4), crystal=Cubic(c11=4.0, c12=2.0, c44=1.5), plane="strain")
    assert C.shape == (2, 3, 4, 3, 3)
    assert C.dtype == torch.float64
    np.testing.assert_allclose(C[1, 2, 3], [[4, 2, 0], [2, 4, 0], [0, 0, 1.5]], atol=1e-14)


@pytest.mark.parametrize("fibre_axis", ["100", "110", "111"])
@pytest.mark.parametrize("plane", ["stress", "strain"])
def test_film_tensors_are_symmetric_and_positive_definite(fibre_axis, plane):
    C = film_stiffness(torch.linspace(0, 6, 40), fibre_axis=fibre_axis, plane=plane)
    np.testing.assert_allclose(C, C.mT, atol=1e-12)
    assert float(torch.linalg.eigvalsh(C).min()) > 10


# Isotropic solids


@quick
@given(st.floats(0.1, 500), st.floats(-0.9, 0.49))
def test_an_isotropic_solid_has_the_moduli_it_was_given(E, nu):
    S = np.linalg.inv(isotropic_stiffness(E, nu).numpy())
    wanted = np.diag([1, 1, 1, 2 * (1 + nu), 2 * (1 + nu), 2 * (1 + nu)])
    wanted[:3, :3] -= nu * (1 - np.eye(3))
    np.testing.assert_allclose(S * E, wanted, atol=1e-10)


@quick
@given(st.floats(0.1, 500), st.floats(-0.9, 0.49))
def test_the_planes_of_an_isotropic_solid_are_its_reductions(E, nu):
    C = isotropic_stiffness(E, nu).numpy()
    np.testing.assert_allclose(
        isotropic_stiffness(E, nu, plane="strain"), C[np.ix_(INSIDE, INSIDE)], rtol=1e-12
    )
    stress = np.linalg.inv(np.linalg.inv(C)[np.ix_(INSIDE, INSIDE)])
    np.testing.assert_allclose(isotropic_stiffness(E, nu, plane="stress"), stress, rtol=1e-7, atol=1e-9 * E)


def test_the_isotropic_film_of_silicon_has_the_values_of_the_exact_solution():
    """Shear modulus K / (sqrt((1 + K/a)(1 + K/b)) - 1); Lurie and Cherkaev 1984."""
    mu = BULK / (np.sqrt((1 + BULK / SHEAR_100) * (1 + BULK / SHEAR_110)) - 1)
    C = torch.as_tensor(plane_isotropic(BULK, mu))
    E = youngs_moduli(C)
    np.testing.assert_allclose(E, 148.2173, atol=1e-4)
    np.testing.assert_allclose(principal_youngs_moduli(C), 148.2173, atol=1e-4)
    assert mu == pytest.approx(62.9342, abs=1e-4)


# Moduli of a tensor


def test_youngs_moduli_come_from_the_compliance():
    C = isotropic_stiffness(70.0, 0.33)
    np.testing.assert_allclose(youngs_moduli(C), 70.0, rtol=1e-12)
    np.testing.assert_allclose(
        youngs_moduli(isotropic_stiffness(70.0, 0.33, plane="stress")), 70.0, rtol=1e-12
    )
    assert float(C[0, 0]) > 100
    assert youngs_moduli(C.expand(4, 2, 6, 6)).shape == (4, 2, 3)


@pytest.mark.parametrize("dimension", [2, 3])
def test_in_mandels_basis_rotations_keep_the_eigenvalues(dimension):
    rng = np.random.default_rng(0)
    n = len(VOIGT[dimension])
    A = rng.normal(size=(n, n))
    C = A @ A.T
    R = np.linalg.qr(rng.normal(size=(dimension, dimension)))[0]
    T = rotation_in_voigt(R)
    before, after = (np.linalg.eigvalsh(mandel(torch.as_tensor(x))) for x in (C, T @ C @ T.T))
    np.testing.assert_allclose(before, after, rtol=1e-10)
    assert not np.allclose(np.linalg.eigvalsh(C), np.linalg.eigvalsh(T @ C @ T.T), rtol=1e-3)


@quick
@given(angles)
def test_the_shear_moduli_of_a_grain_do_not_depend_on_its_turn(angle):
    C = torch.as_tensor(film(angle))
    np.testing.assert_allclose(deviatoric_moduli(C), [SHEAR_100, SHEAR_110], rtol=1e-10)
    np.testing.assert_allclose(principal_youngs_moduli(C), [130.0243, 168.9558], atol=2e-4)


def test_moduli_of_a_batch_keep_its_shape():
    C = film_stiffness(torch.zeros(2, 5))
    assert deviatoric_moduli(C).shape == (2, 5, 2)
    assert principal_youngs_moduli(C).shape == (2, 5, 2)
    assert mandel(C).shape == (2, 5, 3, 3)
