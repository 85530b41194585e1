"""Conduction against what is known without a solver: laminates, bounds, arrays, duality."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy import ndimage
from support.composites import (
    ball,
    cylinders_closed_form,
    cylinders_series,
    disk,
    grains,
    hashin_shtrikman,
    laminate,
    spheres_cubic_array,
    square_lattice_sum,
)

from designloop_oracles.homogenization.elements import Operator, gradient
from designloop_oracles.homogenization.guards import voigt_reuss
from designloop_oracles.homogenization.periodic import Effective, effective_conductivity

QUARTER_TURN = np.array([[0.0, -1.0], [1.0, 0.0]])


def solve(conductivity, **options) -> Effective:
    """One image."""
    return effective_conductivity(torch.tensor(np.array(conductivity, dtype=float))[None], **options)


def effective(conductivity, **options) -> np.ndarray:
    return solve(conductivity, **options).tensor[0].numpy()


def two_phase(inside, value, matrix=1.0):
    return np.where(inside, float(value), matrix)


def lower_bound(conductivity, **options) -> np.ndarray:
    """By duality in the plane: the effective resistivity, turned by 90 degrees and inverted (Keller 1964)."""
    return QUARTER_TURN @ np.linalg.inv(effective(1 / conductivity, **options)) @ QUARTER_TURN.T


def blobs(seed, pixels=24, share=0.5, width=1.5, dimension=2):
    """A random two-phase image with blobs of about ``width`` pixels."""
    noise = np.random.default_rng(seed).normal(size=(pixels,) * dimension)
    noise = ndimage.gaussian_filter(noise, width, mode="wrap")
    return noise > np.quantile(noise, 1 - share)


def smallest(tensor) -> float:
    return float(np.linalg.eigvalsh(tensor)[0])


def random_tensors(shape, seed):
    """Symmetric positive definite ``(d, d, *shape)``."""
    d = len(shape)
    A = np.random.default_rng(seed).normal(size=(*shape, d, d))
    return np.moveaxis(A @ np.swapaxes(A, -1, -2) + 0.2 * np.eye(d), (-2, -1), (0, 1))


# Closed forms of the support module


def test_the_lattice_sums_are_the_sums_over_the_lattice():
    x, y = np.meshgrid(np.arange(-300, 301), np.arange(-300, 301))
    z = (x + 1j * y)[(x != 0) | (y != 0)]
    for order in (4, 6, 8, 12):
        assert square_lattice_sum(order) == pytest.approx((z**-order).sum().real, abs=1e-5)


@pytest.mark.parametrize(
    ("sigma", "values"),
    [
        (2, (1.068966, 1.222290, 1.401025, 1.502791, 1.615384)),
        (10, (1.178222, 1.652036, 2.415467, 3.037221, 4.061707)),
        (250, (1.220264, 1.850372, 3.045362, 4.265656, 7.181717)),
    ],
)
def test_rayleighs_series_and_perrins_closed_form_agree(sigma, values):
    for fraction, value in zip((0.1, 0.3, 0.5, 0.6, 0.7), values, strict=True):
        assert cylinders_series(sigma, fraction) == pytest.approx(value, abs=1e-6)
    for fraction in (0.1, 0.3, 0.5):
        assert cylinders_closed_form(sigma, fraction) == pytest.approx(
            cylinders_series(sigma, fraction), rel=1e-5
        )


@pytest.mark.parametrize("sigma", [0.0, 0.1, 10.0, 250.0])
def test_the_series_obeys_kellers_relation(sigma):
    swapped = cylinders_series(1 / sigma, 0.4) if sigma else cylinders_series(1e12, 0.4)
    assert cylinders_series(sigma, 0.4) * swapped == pytest.approx(1, rel=1e-9)


# Exact on any grid


@pytest.mark.parametrize("grid", [(5, 8), (3, 4, 6)], ids=["plane", "space"])
def test_a_homogeneous_medium_needs_no_iteration(grid):
    found = solve(np.full(grid, 3.7))
    np.testing.assert_allclose(found.tensor[0], 3.7 * np.eye(len(grid)), rtol=1e-14, atol=1e-15)
    assert found.iterations == 0
    assert float(found.error_bound.max()) <= 1e-14


def test_the_residual_of_a_homogeneous_medium_is_zero():
    assert float(solve(np.full((7, 9), 0.3)).residual.max()) < 1e-6


@pytest.mark.parametrize("grid", [(12, 16), (6, 5, 16)], ids=["plane", "space"])
@pytest.mark.parametrize("contrast", [1e-4, 250.0, 1e4])
def test_layers_conduct_in_series_and_in_parallel(grid, contrast):
    rng = np.random.default_rng(3)
    for axis in range(len(grid)):
        dim = len(grid) - 1 - axis
        values = np.where(rng.random(grid[dim]) < 0.4, contrast, 1.0) * rng.uniform(0.5, 2, grid[dim])
        shape = [1] * len(grid)
        shape[dim] = -1
        wanted = np.full(len(grid), values.mean())
        wanted[axis] = 1 / (1 / values).mean()
        found = effective(np.broadcast_to(values.reshape(shape), grid), tolerance=1e-13)
        np.testing.assert_allclose(found, np.diag(wanted), rtol=1e-12, atol=1e-12 * values.mean())


@pytest.mark.parametrize("grid", [(9, 6), (4, 3, 5)], ids=["plane", "space"])
def test_anisotropic_layers_follow_partial_inversion(grid):
    d = len(grid)
    for axis in range(d):
        n = grid[d - 1 - axis]
        layers = np.moveaxis(random_tensors((n, *(1,) * (d - 1)), axis), (0, 1), (-2, -1)).reshape(n, d, d)
        shape = [d, d, *(1,) * d]
        shape[2 + d - 1 - axis] = n
        image = np.broadcast_to(np.moveaxis(layers, 0, -1).reshape(shape), (d, d, *grid))
        found = effective(image, tolerance=1e-13)
        wanted = laminate(list(layers), [1 / n] * n, [axis])
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12 * np.abs(wanted).max())


def test_layers_of_layers_approach_the_rank_2_laminate():
    """Exact only for separated scales: coarse layers along y, every other one of fine layers along x."""
    fine = laminate([np.eye(2), 10 * np.eye(2)], [0.5, 0.5], [0])
    wanted = laminate([fine, 4 * np.eye(2)], [0.5, 0.5], [1])
    errors = []
    for height in (16, 32, 64):
        image = np.tile(np.repeat([1.0, 10.0], 4), (height, 1))
        image[height // 2 :] = 4.0
        errors.append(np.abs(effective(image) - wanted).max())
    assert errors[0] > 1.8 * errors[1] > 3.2 * errors[2]


# Bounds


@pytest.mark.parametrize("contrast", [1e-4, 0.1, 10.0, 1e4])
@pytest.mark.parametrize("dimension", [2, 3])
def test_wieners_bounds_hold(contrast, dimension):
    image = two_phase(blobs(1, pixels=16 if dimension == 2 else 8, dimension=dimension), contrast)
    found = np.linalg.eigvalsh(effective(image))
    assert 1 / (1 / image).mean() <= found[0]
    assert found[-1] <= image.mean()


def test_wieners_bounds_hold_for_tensors():
    image = random_tensors((9, 7), 5)
    upper, lower = voigt_reuss(Operator(gradient(2), torch.as_tensor(image)[None]))
    found = effective(image)
    voxels = np.moveaxis(image, (0, 1), (-2, -1)).reshape(-1, 2, 2)
    np.testing.assert_allclose(upper[0], voxels.mean(0), rtol=1e-13)
    np.testing.assert_allclose(lower[0], np.linalg.inv(np.linalg.inv(voxels).mean(0)), rtol=1e-13)
    assert smallest(upper[0].numpy() - found) > 0
    assert smallest(found - lower[0].numpy()) > 0


@pytest.mark.parametrize("dimension", [2, 3])
@pytest.mark.parametrize("contrast", [0.1, 10.0])
def test_the_mean_of_isotropic_ensembles_lies_between_hashin_and_shtrikman(dimension, contrast):
    pixels, share = (32, 12)[dimension - 2], 0.4
    images = [two_phase(blobs(s, pixels, share, 2.0, dimension), contrast) for s in range(12)]
    found = effective_conductivity(torch.as_tensor(np.array(images))).tensor
    share = np.mean(np.array(images) == contrast)
    mean = float(found.diagonal(dim1=1, dim2=2).mean())
    low, high = hashin_shtrikman(1.0, contrast, float(share), dimension)
    assert low < mean < high


# Dilute suspensions and arrays


@pytest.mark.parametrize("sigma", [0.0, 0.1, 5.0, 250.0])
def test_few_cylinders_change_the_conductivity_by_maxwells_slope(sigma):
    inside = disk(192, 0.055)
    slope = (effective(two_phase(inside, sigma))[0, 0] - 1) / inside.mean()
    assert inside.mean() < 0.01
    assert slope == pytest.approx(2 * (sigma - 1) / (sigma + 1), rel=0.06)


@pytest.mark.parametrize("sigma", [0.0, 0.1, 5.0])
def test_few_spheres_change_the_conductivity_by_maxwells_slope(sigma):
    inside = ball(40, 0.13)
    slope = (effective(two_phase(inside, sigma), loads=[0])[0, 0] - 1) / inside.mean()
    assert inside.mean() < 0.01
    assert slope == pytest.approx(3 * (sigma - 1) / (sigma + 2), rel=0.08)


def errors_of_cylinders(sigma, radius, grids):
    found = []
    for pixels in grids:
        inside = disk(pixels, radius)
        value = effective(two_phase(inside, sigma), loads=[0])[0, 0]
        found.append(value / cylinders_series(sigma, inside.mean()) - 1)
    return found


@pytest.mark.parametrize("radius", [0.3, 0.4])
@pytest.mark.parametrize("sigma", [0.0, 0.1, 10.0, 250.0])
def test_a_square_array_of_cylinders_converges_at_first_order(sigma, radius):
    """The staircase of the pixels leaves an error of first order, up for stiff disks, down for weak ones."""
    errors = errors_of_cylinders(sigma, radius, (64, 128, 256))
    assert all(e * np.sign(sigma - 1) > 0 for e in errors)
    assert 2.5 < errors[0] / errors[2] < 7
    assert abs(2 * errors[2] - errors[1]) < 1e-3


@pytest.mark.long
@pytest.mark.parametrize("sigma", [10.0, 250.0])
def test_a_square_array_of_cylinders_converges_on_fine_grids(sigma):
    errors = errors_of_cylinders(sigma, 0.3, (256, 512, 1024))
    assert abs(errors[2]) < 1e-3
    assert abs(2 * errors[2] - errors[1]) < 2e-4


def errors_of_spheres(sigma, radius, grids):
    found = []
    for voxels in grids:
        inside = ball(voxels, radius)
        value = effective(two_phase(inside, sigma), loads=[0])[0, 0]
        found.append(value / spheres_cubic_array(sigma, inside.mean()) - 1)
    return found


@pytest.mark.parametrize("sigma", [10.0, 250.0])
def test_a_cubic_array_of_spheres_converges_at_first_order(sigma):
    errors = errors_of_spheres(sigma, 0.35, (16, 32, 48))
    assert errors[0] > errors[1] > errors[2] > 0
    assert abs(3 * errors[2] - 2 * errors[1]) < 4e-3


@pytest.mark.parametrize("sigma", [0.0, 0.1])
def test_weak_spheres_are_near_the_closed_form(sigma):
    assert abs(errors_of_spheres(sigma, 0.35, (32,))[0]) < 4e-3


@pytest.mark.long
def test_a_cubic_array_of_spheres_converges_on_fine_grids():
    errors = errors_of_spheres(250.0, 0.3, (32, 64, 96))
    assert errors[0] > errors[1] > errors[2] > 0
    assert abs(3 * errors[2] - 2 * errors[1]) < 3e-3


def test_insulating_inclusions_are_answered_with_an_estimated_bound():
    image = two_phase(disk(64, 0.35), 0.0)
    found, exact = solve(image), effective(image, tolerance=1e-13)
    assert not found.guaranteed
    error = found.tensor[0].numpy() - exact
    assert (np.diag(error) <= found.error_bound[0].numpy() + 1e-13).all()


def test_an_insulating_medium_is_the_limit_of_weak_ones():
    inside = blobs(4, share=0.25)
    weak = [effective(two_phase(inside, v), tolerance=1e-10) for v in (1e-4, 1e-6, 0.0)]
    assert np.abs(weak[1] - weak[2]).max() < 0.02 * np.abs(weak[0] - weak[2]).max()


def test_conductors_apart_in_an_insulator_conduct_nothing():
    found = solve(two_phase(disk(16, 0.3), 1.0, matrix=0.0))
    np.testing.assert_allclose(found.tensor[0], 0, atol=1e-12)


def test_layers_between_insulating_layers_conduct_along_only():
    """Across them nothing flows; that is no reason to iterate to the limit."""
    image = np.zeros((8, 8))
    image[2:5] = 1.0
    found = solve(image)
    np.testing.assert_allclose(found.tensor[0], np.diag([3 / 8, 0.0]), atol=1e-12)
    assert found.iterations < 200


# Duality in the plane


@pytest.mark.parametrize("contrast", [1e-2, 10.0, 1e3])
def test_swapping_the_phases_multiplies_to_kellers_value_or_more(contrast):
    for seed in range(3):
        inside = blobs(seed)
        along = effective(two_phase(inside, contrast))[0, 0]
        across = effective(two_phase(~inside, contrast))[1, 1]
        assert along * across >= contrast * (1 - 1e-9)


def test_swapping_the_phases_multiplies_to_kellers_value_in_the_limit():
    inside, excess = blobs(2, pixels=12), []
    for factor in (2, 4, 8, 16):
        fine = np.kron(inside, np.ones((factor, factor))) > 0
        product = effective(two_phase(fine, 3.0))[0, 0] * effective(two_phase(~fine, 3.0))[1, 1]
        excess.append(product / 3.0 - 1)
    assert all(b < 0.6 * a for a, b in pairwise(excess))
    assert 0 < excess[-1] < 3e-3


@pytest.mark.parametrize("contrast", [2.0, 10.0, 250.0, 1e4])
@pytest.mark.parametrize("pixels", [4, 6, 32])
def test_a_checkerboard_has_the_geometric_mean_between_its_bounds(contrast, pixels):
    half = np.indices((pixels, pixels)) * 2 // pixels
    image = two_phase((half.sum(0) % 2).astype(bool), contrast)
    upper = effective(image, tolerance=1e-12)
    lower = lower_bound(image, tolerance=1e-12)
    assert np.sqrt(upper[0, 0] * lower[0, 0]) == pytest.approx(np.sqrt(contrast), rel=1e-9)
    assert lower[0, 0] < np.sqrt(contrast) < upper[0, 0]


@pytest.mark.parametrize("contrast", [0.02, 8.0, 300.0])
def test_refining_a_fixed_image_nests_the_bounds(contrast):
    image = two_phase(blobs(7, pixels=12), contrast)
    found = []
    for factor in (1, 2, 4):
        fine = np.kron(image, np.ones((factor, factor)))
        found.append((effective(fine, tolerance=1e-10), lower_bound(fine, tolerance=1e-10)))
    slack = 1e-9 * found[0][0].max()
    for (upper, lower), (next_upper, next_lower) in pairwise(found):
        assert smallest(upper - next_upper) > -slack
        assert smallest(next_upper - next_lower) > -slack
        assert smallest(next_lower - lower) > -slack


def turned_crystals(labels, ratio, seed):
    """Conductivity (ratio, 1) along the axes of each grain, turned at random."""
    angles = np.random.default_rng(seed).uniform(0, np.pi, labels.max() + 1)[labels]
    c, s = np.cos(angles), np.sin(angles)
    return np.array([[ratio * c**2 + s**2, (ratio - 1) * s * c], [(ratio - 1) * s * c, ratio * s**2 + c**2]])


def test_the_determinant_of_a_plane_polycrystal_converges_to_that_of_the_crystal():
    excess = []
    for pixels in (48, 96, 192):
        image = turned_crystals(grains(pixels, 40, 0), 4.0, 1)
        excess.append(np.linalg.det(effective(image)) / 4.0 - 1)
    assert excess[0] > excess[1] > excess[2] > 0
    assert abs(2 * excess[2] - excess[1]) < 2e-3


def test_a_crystal_has_its_own_tensor_whatever_the_turn():
    image = turned_crystals(np.zeros((5, 6), dtype=int), 40.0, 3)
    np.testing.assert_allclose(effective(image), image[..., 0, 0], rtol=1e-13)


# Symmetries


@pytest.mark.parametrize("shift", [(1, 0), (3, 5), (0, 7)])
def test_rolling_an_image_changes_nothing(shift):
    image = two_phase(blobs(8, pixels=20), 50.0)
    rolled = np.roll(image, shift, (0, 1))
    np.testing.assert_allclose(
        effective(image, tolerance=1e-12), effective(rolled, tolerance=1e-12), rtol=0, atol=1e-10
    )


@pytest.mark.parametrize("quarters", range(4))
@pytest.mark.parametrize("mirrored", [False, True])
def test_turning_or_mirroring_an_image_turns_or_mirrors_the_tensor(quarters, mirrored):
    """``np.rot90`` turns rows up; with y growing along the rows that is a clockwise turn."""
    image = two_phase(blobs(9, pixels=20), 30.0)[:, :15]
    moved = np.rot90(image[:, ::-1] if mirrored else image, quarters)
    R = np.linalg.matrix_power(QUARTER_TURN.T, quarters) @ np.diag([-1.0 if mirrored else 1.0, 1.0])
    found, start = effective(moved, tolerance=1e-11), effective(image, tolerance=1e-11)
    assert abs(start[0, 1]) > 1e-3
    np.testing.assert_allclose(found, R @ start @ R.T, atol=1e-9)


def test_permuting_the_axes_of_space_permutes_the_tensor():
    image = two_phase(blobs(10, pixels=8, dimension=3), 20.0)[:, :6, :7]
    start = effective(image, tolerance=1e-11)
    moved = effective(image.transpose(2, 0, 1), tolerance=1e-11)
    order = [1, 2, 0]
    np.testing.assert_allclose(moved, start[np.ix_(order, order)], atol=1e-9)


@pytest.mark.parametrize("dimension", [2, 3])
def test_the_tensor_is_symmetric_and_the_mean_flux_gives_it_too(dimension):
    """Hill: the mean of flux times gradient is the product of the means; reciprocity of the loads."""
    image = two_phase(blobs(11, pixels=8, dimension=dimension), 40.0)
    found = solve(image, tolerance=1e-13, fields=True)
    gradients, flux = found.strain[0].flatten(2), found.stress[0].flatten(2)
    np.testing.assert_allclose(gradients.mean(-1), np.eye(dimension), atol=1e-12)
    np.testing.assert_allclose(flux.mean(-1), found.tensor[0], atol=1e-6)
    np.testing.assert_allclose(found.tensor[0], found.tensor[0].T, atol=0)


@pytest.mark.parametrize("unit", [1e-30, 1e-3, 1e12])
def test_the_unit_of_the_conductivity_scales_the_answer_only(unit):
    image = two_phase(blobs(12), 25.0)
    one, other = solve(image), solve(image * unit)
    np.testing.assert_allclose(other.tensor / unit, one.tensor, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(other.error_bound / unit, one.error_bound, rtol=1e-3)


def test_an_isotropic_tensor_field_is_the_scalar_field():
    image = two_phase(blobs(13), 60.0)
    tensors = image * np.eye(2)[:, :, None, None]
    np.testing.assert_allclose(
        effective(tensors, tolerance=1e-11), effective(image, tolerance=1e-11), rtol=1e-9, atol=1e-9
    )


@pytest.mark.parametrize("contrast", [1e-4, 1.0, 1e4])
def test_a_stronger_medium_conducts_more(contrast):
    inside = blobs(14)
    weak, strong = (effective(two_phase(inside, c), tolerance=1e-10) for c in (contrast, 1.1 * contrast))
    assert smallest(strong - weak) > 0


def test_the_load_order_is_that_of_the_answer():
    image = two_phase(blobs(15, pixels=8, dimension=3), 12.0)
    whole = effective(image, tolerance=1e-11)
    part = effective(image, tolerance=1e-11, loads=[2, 0])
    np.testing.assert_allclose(part, whole[np.ix_([2, 0], [2, 0])], atol=1e-9)
