"""What the solver refuses, before it works: one sentence each; and the guards of its answers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from designloop_oracles.homogenization import guards
from designloop_oracles.homogenization.elements import Operator, gradient, small_strain
from designloop_oracles.homogenization.guards import GuardViolation
from designloop_oracles.homogenization.limits import bytes_needed
from designloop_oracles.homogenization.periodic import (
    NotConverged,
    effective_conductivity,
    effective_stiffness,
)
from designloop_oracles.homogenization.stiffness import film_stiffness


def conductor(**changes):
    """A good image with some voxels replaced."""
    image = torch.ones(2, 6, 6, dtype=torch.float64)
    image[:, 2:4] = 5.0
    for value in changes.values():
        image[1, 3, 3] = value
    return image


def solid(tensor, grid=(4, 4)):
    """``(1, s, s, *grid)`` of one tensor."""
    tensor = torch.as_tensor(np.array(tensor, dtype=float))
    return tensor.reshape(1, *tensor.shape, *(1,) * len(grid)).repeat(1, 1, 1, *grid)


# Values


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_are_refused(value):
    with pytest.raises(ValueError, match="a voxel holds an infinity or a NaN; every voxel needs a finite"):
        effective_conductivity(conductor(bad=value))
    stiffness = solid(np.eye(3))
    stiffness[0, 1, 1, 2, 2] = value
    with pytest.raises(ValueError, match="a voxel holds an infinity or a NaN; every voxel needs a finite"):
        effective_stiffness(stiffness)


def test_negative_conductivities_are_refused():
    with pytest.raises(ValueError, match="a voxel is negative; conductivities and permeabilities are"):
        effective_conductivity(conductor(bad=-1e-30))


def test_an_image_that_conducts_nowhere_is_refused():
    image = conductor()
    image[1] = 0
    with pytest.raises(ValueError, match="an image is zero everywhere: nothing conducts"):
        effective_conductivity(image)


@pytest.mark.parametrize("kind", [torch.int32, torch.int64, torch.uint8, torch.bool])
def test_labels_in_place_of_values_are_refused(kind):
    with pytest.raises(ValueError, match="hold labels, not material values; look the values up first"):
        effective_conductivity(torch.ones(1, 4, 4).to(kind))


@pytest.mark.parametrize("physics", ["conduction", "elasticity"])
def test_tensors_that_are_not_symmetric_are_refused(physics):
    size, solve = (2, effective_conductivity) if physics == "conduction" else (3, effective_stiffness)
    image = solid(2 * np.eye(size))
    image[0, 0, 1, 3, 2] = 1e-3
    with pytest.raises(ValueError, match="a voxel has a tensor that is not symmetric"):
        solve(image)


@pytest.mark.parametrize("fibre_axis", ["100", "110", "111"])
@pytest.mark.parametrize("plane", ["stress", "strain"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_round_off_in_a_crystals_tensor_is_no_asymmetry(fibre_axis, plane, dtype):
    """Multiples of 15 degrees: components that vanish up to round-off."""
    angles = torch.arange(24, dtype=torch.float64).reshape(1, 4, 6) * np.pi / 12
    image = film_stiffness(angles, fibre_axis=fibre_axis, plane=plane).movedim((-2, -1), (1, 2))
    found = effective_stiffness(image.to(dtype))
    assert bool(torch.isfinite(found.tensor).all())


@pytest.mark.parametrize(
    "tensor",
    [np.zeros((3, 3)), np.diag([1.0, 1.0, 0.0]), np.diag([1.0, 1.0, -0.5]), np.ones((3, 3))],
    ids=["zero", "no shear stiffness", "negative", "singular"],
)
@pytest.mark.parametrize("everywhere", [False, True])
def test_stiffness_that_is_not_positive_definite_is_refused(tensor, everywhere):
    image = solid(np.diag([2.0, 2.0, 1.0]))
    if everywhere:
        image[:] = torch.as_tensor(tensor)[:, :, None, None]
    else:
        image[0, :, :, 1, 2] = torch.as_tensor(tensor)
    with pytest.raises(ValueError, match="not positive definite"):
        effective_stiffness(image)


@pytest.mark.parametrize("everywhere", [False, True])
def test_conductivity_tensors_that_are_not_positive_definite_are_refused(everywhere):
    image = solid(np.eye(2))
    image[0, :, :, :, :] = torch.eye(2)[:, :, None, None]
    where = slice(None) if everywhere else slice(2, 3)
    image[0, 0, 1, where], image[0, 1, 0, where] = 2.0, 2.0
    with pytest.raises(ValueError, match="not positive definite"):
        effective_conductivity(image)


# Shapes and options


@pytest.mark.parametrize("shape", [(), (4,), (4, 4), (1, 2, 3, 4, 5, 6, 7)])
def test_arrays_that_are_no_batch_of_images_are_refused(shape):
    with pytest.raises(ValueError, match="holds no batch of .*images; wanted"):
        effective_conductivity(torch.ones(shape))
    with pytest.raises(ValueError, match="holds no batch of .*images; wanted"):
        effective_stiffness(torch.ones(shape))


@pytest.mark.parametrize("shape", [(1, 4, 4), (1, 4, 4, 4)])
def test_a_stiffness_of_one_number_per_voxel_is_refused(shape):
    with pytest.raises(ValueError, match=r"holds no batch of .*images; wanted \(batch, (3, 3, |6, 6, nz)"):
        effective_stiffness(torch.ones(shape))


@pytest.mark.parametrize("size", [2, 4, 6])
def test_tensors_of_the_wrong_size_are_refused(size):
    with pytest.raises(ValueError, match=rf"each voxel needs a 3 x 3 tensor, not \({size}, {size}\)"):
        effective_stiffness(solid(np.eye(size)))


@pytest.mark.parametrize("shape", [(0, 4, 4), (1, 1, 4), (1, 4, 1), (1, 4, 0), (1, 4, 4, 1)])
def test_images_with_nothing_to_vary_are_refused(shape):
    with pytest.raises(ValueError, match=r"an image of .* voxels is too small to homogenize|no batch"):
        effective_conductivity(torch.ones(shape))


def test_images_in_space_with_two_or_three_layers_are_images():
    """Their shape begins like that of a tensor."""
    for layers in (2, 3):
        found = effective_conductivity(torch.full((1, layers, layers, 8), 4.0))
        np.testing.assert_allclose(found.tensor[0], 4 * np.eye(3), atol=1e-12)


@pytest.mark.parametrize("loads", [[2], [-1], [], [0, 5]])
def test_loads_that_do_not_exist_are_refused(loads):
    with pytest.raises(ValueError, match="loads are some of 0 to 1, not"):
        effective_conductivity(conductor(), loads=loads)


@pytest.mark.parametrize("tolerance", [0.0, -1.0, np.nan, np.inf])
def test_tolerances_that_cannot_be_met_are_refused(tolerance):
    with pytest.raises(ValueError, match="tolerance .*(positive|between|above|than)"):
        effective_conductivity(conductor(), tolerance=tolerance)


# Size


@pytest.mark.parametrize("side", [10**5, 10**7])
def test_images_larger_than_the_machine_are_refused_before_any_work(side):
    """One number stands for all voxels: a refusal after looking at each of them would not come back."""
    with pytest.raises(ValueError, match=r"GiB; .* GiB are free. Take fewer voxels, loads or images"):
        effective_conductivity(torch.ones(1).expand(1, side, side))
    stiffness = torch.eye(3).reshape(1, 3, 3, 1, 1).expand(1, 3, 3, side, side)
    with pytest.raises(ValueError, match=r"GiB; .* GiB are free. Take fewer voxels, loads or images"):
        effective_stiffness(stiffness)


def test_cubes_larger_than_the_machine_are_refused_before_any_work():
    with pytest.raises(ValueError, match=r"4000 x 4000 x 4000 voxels with 3 loads need about .* GiB"):
        effective_conductivity(torch.ones(1).expand(1, 4000, 4000, 4000))


def test_batches_larger_than_the_machine_are_refused_before_any_work():
    with pytest.raises(ValueError, match=r"100000000 image\(s\) of 64 x 64 voxels .* GiB are free"):
        effective_conductivity(torch.ones(1).expand(10**8, 64, 64))


def test_fields_and_loads_count_in_the_memory_that_is_needed():
    image = torch.ones(1).expand(50, 64, 64)

    def needed(loads=2, fields=False, chunk=10):
        return bytes_needed(gradient(2), image, chunk=chunk, loads=loads, fields=fields)

    assert needed(fields=True) - needed() >= 50 * 2 * 2 * 64 * 64 * 8 * 2
    assert needed(loads=2) > needed(loads=1)
    assert needed(chunk=50) > needed(chunk=10)


def test_iterations_that_run_out_are_said():
    """A tolerance below what double precision holds."""
    rng = np.random.default_rng(0)
    image = torch.as_tensor(np.where(rng.random((1, 16, 16)) < 0.5, 1e4, 1.0))
    with pytest.raises((NotConverged, ValueError), match="tolerance"):
        effective_conductivity(image, tolerance=1e-40)


# Guards


def composite():
    """An operator of two phases, its exact tensor, and what a solver hands to the guards."""
    image = conductor()[:1]
    tensor = effective_conductivity(image, tolerance=1e-13).tensor
    return Operator(gradient(2), image), torch.eye(2, dtype=torch.float64), tensor


def film():
    angles = torch.as_tensor(np.random.default_rng(0).uniform(0, np.pi / 2, (1, 5, 5)))
    image = film_stiffness(angles).movedim((-2, -1), (1, 2))
    image = (image + image.transpose(1, 2)) / 2
    tensor = effective_stiffness(image, tolerance=1e-13).tensor
    return Operator(small_strain(2), image), torch.eye(3, dtype=torch.float64), tensor


def check(case, tensor, flux=None):
    operator, strain, _ = case
    bound = torch.zeros(1, len(strain), dtype=torch.float64)
    guards.check(operator, strain, tensor, tensor if flux is None else flux, bound)


@pytest.mark.parametrize("case", [composite, film])
def test_the_true_tensor_passes_the_guards(case):
    case = case()
    check(case, case[2])


def test_an_asymmetric_tensor_is_stopped():
    case = composite()
    wrong = case[2].clone()
    wrong[0, 0, 1] += 1e-4
    with pytest.raises(GuardViolation, match="not symmetric"):
        check(case, wrong)


def test_an_indefinite_tensor_is_stopped():
    case = composite()
    wrong = case[2].clone()
    wrong[0, 0, 1] = wrong[0, 1, 0] = 50.0
    with pytest.raises(GuardViolation, match="not positive definite"):
        check(case, wrong)


@pytest.mark.parametrize("case", [composite, film])
def test_a_tensor_above_the_mean_is_stopped(case):
    case = case()
    upper, _ = guards.voigt_reuss(case[0])
    with pytest.raises(GuardViolation, match="above Voigt's bound"):
        check(case, upper * (1 + 1e-6))


@pytest.mark.parametrize("case", [composite, film])
def test_a_tensor_below_the_harmonic_mean_is_stopped(case):
    case = case()
    _, lower = guards.voigt_reuss(case[0])
    with pytest.raises(GuardViolation, match="below Reuss' bound"):
        check(case, lower * (1 - 1e-6))


def test_a_mean_flux_that_contradicts_the_energy_is_stopped():
    case = composite()
    with pytest.raises(GuardViolation, match="mean flux and the energy disagree"):
        check(case, case[2], flux=case[2] * (1 + 1e-6))


def test_a_film_whose_shear_answers_dilation_is_stopped():
    """So little that the bounds, which dilation meets, would not notice."""
    case = film()
    wrong = case[2].clone()
    wrong[0, 0, 2] += 1e-4
    wrong[0, 2, 0] += 1e-4
    with pytest.raises(GuardViolation, match="dilation that every voxel answers alike"):
        check(case, wrong)


def test_the_bulk_modulus_of_other_films_is_free():
    """Grains of a <110> fibre answer dilation differently, each in its own way."""
    angles = torch.as_tensor(np.random.default_rng(0).uniform(0, np.pi, (1, 5, 5)))
    image = film_stiffness(angles, fibre_axis="110").movedim((-2, -1), (1, 2))
    image = (image + image.transpose(1, 2)) / 2
    found = effective_stiffness(image).tensor
    uniform = guards.voigt_reuss(Operator(small_strain(2), image))[0]
    assert float((found - uniform)[0, 0, :2].sum().abs()) > 1e-3


def test_the_means_of_an_image_with_insulating_voxels_are_its_bounds():
    image = conductor()[:1]
    image[0, 0] = 0
    upper, lower = guards.voigt_reuss(Operator(gradient(2), image))
    np.testing.assert_allclose(upper[0], image.mean() * torch.eye(2))
    np.testing.assert_allclose(lower[0], torch.zeros(2, 2))
