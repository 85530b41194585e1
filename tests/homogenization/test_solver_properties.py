"""What the solver promises about its own numbers: error bound, tolerance, batches, grids, precision."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from support.composites import disk, grains

from designloop_oracles.homogenization.periodic import Effective, effective_conductivity, effective_stiffness
from designloop_oracles.homogenization.stiffness import film_stiffness

ROUND_OFF = 1e-12
"""Relative to the value: what double precision loses in an energy, far below every tolerance asked for."""

REFERENCE = 1e-12

seeds = st.integers(0, 2**32 - 1)
tolerances = st.sampled_from([1e-3, 1e-5, 1e-6, 1e-8])


def voxels(tensors):
    """``(batch, *grid, s, s)`` -> ``(batch, s, s, *grid)``, exactly symmetric."""
    return ((tensors + tensors.mT) / 2).movedim((-2, -1), (1, 2))


def films(seed, grid=(9, 12), batch=2):
    angles = np.random.default_rng(seed).uniform(0, np.pi / 2, (batch, *grid))
    return voxels(film_stiffness(torch.as_tensor(angles)))


def composites(seed, contrast, grid=(12, 11), batch=3):
    """Two-phase images of different volume fraction and coarseness."""
    rng = np.random.default_rng(seed)
    widths, shares = rng.uniform(0, 2, batch), rng.uniform(0.1, 0.9, batch)
    noise = [ndimage.gaussian_filter(rng.normal(size=grid), w, mode="wrap") for w in widths]
    inside = [x > np.quantile(x, s) for x, s in zip(noise, shares, strict=True)]
    return torch.as_tensor(np.where(inside, contrast, 1.0))


def noise(seed, pixels, contrast):
    """Four images of uncorrelated voxels, each with its own volume fraction."""
    rng = np.random.default_rng([seed, pixels])
    values = rng.random((4, pixels, pixels))
    return torch.as_tensor(np.where(values < rng.uniform(0.1, 0.9, (4, 1, 1)), contrast, 1.0))


def diagonal(found: Effective) -> torch.Tensor:
    return found.tensor.diagonal(dim1=1, dim2=2)


def assert_bounded(found: Effective, exact: Effective, tolerance):
    error = diagonal(found) - diagonal(exact)
    slack = ROUND_OFF * diagonal(exact)
    assert found.guaranteed
    assert bool((error >= -slack - exact.error_bound).all())
    assert bool((error <= found.error_bound + slack).all())
    assert bool((error <= tolerance * diagonal(exact) + slack).all())
    assert bool((found.error_bound <= tolerance * diagonal(exact) + slack).all())


# The error bound


@settings(max_examples=40, deadline=None, derandomize=True)
@given(seeds, st.floats(0.3, 4), st.booleans(), tolerances)
def test_the_bound_covers_the_error_of_composites(seed, decades, weak, tolerance):
    image = composites(seed, 10.0 ** (-decades if weak else decades))
    found = effective_conductivity(image, tolerance=tolerance)
    assert_bounded(found, effective_conductivity(image, tolerance=REFERENCE), tolerance)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(seeds, tolerances)
def test_the_bound_covers_the_error_of_films(seed, tolerance):
    image = films(seed)
    found = effective_stiffness(image, tolerance=tolerance)
    assert_bounded(found, effective_stiffness(image, tolerance=REFERENCE), tolerance)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(seeds, st.floats(1, 3.5), tolerances)
def test_the_bound_covers_the_error_of_porous_films(seed, decades, tolerance):
    pores = composites(seed, 10.0**-decades, (9, 12), 2)[:, None, None]
    image = pores * films(seed)
    found = effective_stiffness(image, tolerance=tolerance)
    assert_bounded(found, effective_stiffness(image, tolerance=REFERENCE), tolerance)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(seeds, st.floats(0.3, 3.5), tolerances)
def test_the_bound_covers_the_error_of_tensors_in_space(seed, decades, tolerance):
    A = np.random.default_rng(seed).normal(size=(1, 4, 5, 3, 3, 3))
    image = voxels(torch.as_tensor(A @ A.swapaxes(-1, -2) + 10.0**-decades * np.eye(3)))
    found = effective_conductivity(image, tolerance=tolerance)
    assert_bounded(found, effective_conductivity(image, tolerance=REFERENCE), tolerance)


@pytest.mark.parametrize(("seed", "pixels", "tolerance"), [(12, 8, 1e-6), (28, 16, 1e-8), (19, 8, 1e-6)])
def test_the_bound_of_an_easy_image_holds_beside_a_hard_one(seed, pixels, tolerance):
    """Iterations that the hard image needs must not spoil what is said of the easy one."""
    image = noise(seed, pixels, 1e-4)
    found = effective_conductivity(image, tolerance=tolerance)
    exact = torch.cat([diagonal(effective_conductivity(x[None], tolerance=REFERENCE)) for x in image])
    assert bool((diagonal(found) - exact <= found.error_bound + ROUND_OFF * exact).all())


@pytest.mark.parametrize(("contrast", "tolerance"), [(1e-8, 1e-8), (1e-8, 1e-10), (1e6, 1e-10)])
def test_the_bound_holds_at_contrasts_beyond_single_precision(contrast, tolerance):
    image = torch.as_tensor(np.where(disk(64, 31.8 / 64), contrast, 1.0))[None]
    found = effective_conductivity(image, tolerance=tolerance)
    assert_bounded(found, effective_conductivity(image, tolerance=REFERENCE), tolerance)


def test_the_bound_is_close_to_the_error_where_the_contrast_is_mild():
    image = composites(3, 10.0)
    exact = effective_conductivity(image, tolerance=1e-13)
    found = effective_conductivity(image, tolerance=1e-5)
    ratio = (diagonal(found) - diagonal(exact)) / found.error_bound
    assert float(ratio.min()) > 0.05


@pytest.mark.parametrize("contrast", [1e-3, 1e3])
def test_off_diagonal_errors_are_within_the_geometric_mean_of_the_bounds(contrast):
    """The error is a Gram matrix of the error fields (Cauchy and Schwarz)."""
    image = composites(4, contrast)
    exact = effective_conductivity(image, tolerance=REFERENCE)
    for tolerance in (1e-3, 1e-5):
        found = effective_conductivity(image, tolerance=tolerance)
        allowed = (found.error_bound[:, :, None] * found.error_bound[:, None]).sqrt()
        assert bool(((found.tensor - exact.tensor).abs() <= allowed + ROUND_OFF * exact.tensor.amax()).all())


def test_a_smaller_tolerance_takes_more_iterations_and_leaves_less_error():
    image = composites(5, 50.0)
    found = [effective_conductivity(image, tolerance=t) for t in (1e-2, 1e-4, 1e-6, 1e-8)]
    assert all(a.iterations < b.iterations for a, b in pairwise(found))
    assert all(bool((diagonal(a) > diagonal(b)).all()) for a, b in pairwise(found))


# What valid images must never meet


@pytest.mark.parametrize("contrast", [1e-4, 1e4])
def test_no_guard_stops_images_of_high_contrast(contrast):
    """Uncorrelated voxels: the arithmetic mean exceeds the answer by orders of magnitude."""
    for seed in (11, 12, 19, 20, 28, 51, 53):
        for tolerance in (1e-4, 1e-6, 1e-8):
            found = effective_conductivity(noise(seed, 8, contrast), tolerance=tolerance)
            assert bool((found.error_bound <= tolerance * diagonal(found)).all())


@pytest.mark.parametrize("seed", [16, 21, 40])
@pytest.mark.parametrize("tolerance", [1e-8, 1e-10, 1e-13])
def test_a_small_tolerance_is_met_for_unlike_images_of_high_contrast(seed, tolerance):
    found = effective_conductivity(noise(seed, 16, 1e-4), tolerance=tolerance)
    assert bool((found.error_bound <= tolerance * diagonal(found)).all())
    assert found.iterations < 500


# Grids


@pytest.mark.parametrize("contrast", [10.0, 250.0])
def test_iterations_do_not_grow_with_the_grid(contrast):
    counts = [
        effective_conductivity(torch.as_tensor(np.where(disk(n, 0.35), contrast, 1.0))[None]).iterations
        for n in (32, 64, 128, 256)
    ]
    assert max(counts) <= 1.5 * min(counts)


def test_iterations_of_films_do_not_grow_with_the_grid():
    angles = np.random.default_rng(1).uniform(0, np.pi / 2, 20)
    counts = [
        effective_stiffness(
            voxels(film_stiffness(torch.as_tensor(angles[grains(n, 20, 0)])[None]))
        ).iterations
        for n in (16, 32, 64, 128)
    ]
    assert max(counts) <= min(counts) + 2
    assert max(counts) <= 12


@pytest.mark.parametrize("grid", [(2, 2), (2, 9), (7, 11), (16, 5), (13, 13), (3, 2, 5), (5, 7, 4)])
def test_a_cell_repeated_is_the_same_medium(grid):
    """Odd, even and prime sides, in the plane and in space."""
    image = np.where(np.random.default_rng(6).random(grid) < 0.5, 8.0, 1.0)
    once = effective_conductivity(torch.as_tensor(image)[None], tolerance=1e-11)
    for axis in range(len(grid)):
        twice = np.concatenate([image, image], axis)
        found = effective_conductivity(torch.as_tensor(twice)[None], tolerance=1e-11)
        np.testing.assert_allclose(found.tensor, once.tensor, atol=1e-9)


# Batches


@pytest.mark.parametrize("tolerance", [1e-6, 1e-10])
def test_a_batch_of_unlike_images_gives_what_each_gives_alone(tolerance):
    image = torch.cat([composites(7, 5.0), composites(8, 200.0), torch.ones(1, 12, 11, dtype=torch.float64)])
    together = effective_conductivity(image, tolerance=tolerance)
    for i, single in enumerate(image):
        alone = effective_conductivity(single[None], tolerance=tolerance)
        allowed = (tolerance + 1e-10) * float(alone.tensor.max())
        np.testing.assert_allclose(together.tensor[i], alone.tensor[0], rtol=0, atol=allowed)


def test_images_of_one_batch_may_differ_in_scale_by_orders_of_magnitude():
    image = composites(9, 30.0, batch=1)
    scales = torch.tensor([1e-6, 1.0, 1e6], dtype=torch.float64)
    found = effective_conductivity(scales[:, None, None] * image)
    one = effective_conductivity(image)
    np.testing.assert_allclose(found.tensor / scales[:, None, None], one.tensor.expand(3, -1, -1), atol=1e-4)


def test_more_images_than_fit_a_chunk_come_back_in_order():
    image = composites(10, 20.0, grid=(96, 96), batch=9)
    together = effective_conductivity(image)
    last = effective_conductivity(image[-1:])
    assert together.tensor.shape == (9, 2, 2)
    assert together.error_bound.shape == (9, 2)
    np.testing.assert_allclose(together.tensor[-1], last.tensor[0], rtol=2e-6, atol=1e-5)


def test_films_of_a_batch_give_what_each_gives_alone():
    image = films(11, batch=3)
    together = effective_stiffness(image, tolerance=1e-10)
    for i, single in enumerate(image):
        alone = effective_stiffness(single[None], tolerance=1e-10)
        np.testing.assert_allclose(together.tensor[i], alone.tensor[0], rtol=0, atol=1e-7)


# Input


def test_single_precision_values_are_taken_as_they_are():
    image = composites(12, 7.3)
    found = effective_conductivity(image.float())
    assert found.tensor.dtype == torch.float64
    np.testing.assert_array_equal(found.tensor, effective_conductivity(image.float().double()).tensor)


def test_the_same_image_gives_the_same_bits():
    image = composites(13, 7.0)
    np.testing.assert_array_equal(effective_conductivity(image).tensor, effective_conductivity(image).tensor)


def test_the_image_is_not_changed():
    image = films(14)
    kept = image.clone()
    effective_stiffness(image, fields=True)
    assert torch.equal(image, kept)


def test_views_are_taken_like_copies():
    wide = composites(15, 7.0, grid=(12, 22))
    view = wide[:, :, ::2].transpose(1, 2)
    np.testing.assert_array_equal(
        effective_conductivity(view).tensor, effective_conductivity(view.contiguous()).tensor
    )


def test_chosen_loads_give_their_part_of_the_tensor():
    image = films(16)
    whole = effective_stiffness(image, tolerance=1e-9)
    part = effective_stiffness(image, tolerance=1e-9, loads=[2, 0], fields=True)
    order = torch.tensor([2, 0])
    np.testing.assert_allclose(part.tensor, whole.tensor[:, order][:, :, order], atol=1e-6)
    assert part.strain.shape == (2, 2, 3, 9, 12)


# Fields


def test_without_asking_no_fields_come_back():
    found = effective_conductivity(composites(17, 4.0))
    assert found.strain is None
    assert found.stress is None


@pytest.mark.parametrize("physics", ["conduction", "elasticity"])
def test_the_fields_of_a_voxel_obey_its_law(physics):
    if physics == "conduction":
        image = composites(18, 40.0)
        found = effective_conductivity(image, fields=True)
        wanted = image[:, None, None] * found.strain
    else:
        image = films(18)
        found = effective_stiffness(image, fields=True)
        wanted = torch.einsum("bst...,blt...->bls...", image, found.strain)
    np.testing.assert_allclose(found.stress, wanted, rtol=1e-12, atol=1e-12 * float(wanted.abs().max()))


def test_the_flux_through_layers_is_the_same_in_each():
    values = torch.tensor([1.0, 5.0, 2.0, 0.3], dtype=torch.float64)
    found = effective_conductivity(values.expand(1, 6, 4), tolerance=1e-13, fields=True)
    flux = found.stress[0, 0, 0]
    np.testing.assert_allclose(flux, np.full((6, 4), 1 / (1 / values).mean()), rtol=2e-6)
    np.testing.assert_allclose(found.strain[0, 0, 0], flux / values, rtol=1e-12)
