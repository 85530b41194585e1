"""Apparent stiffness of cut windows: exact solutions, order of the conditions, an independent assembly."""

from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.plane import Assembled, film, isotropic, voxels

from designloop_oracles.homogenization.elements import Operator, small_strain
from designloop_oracles.homogenization.guards import voigt_reuss
from designloop_oracles.homogenization.periodic import effective_stiffness
from designloop_oracles.homogenization.stiffness import SILICON, film_stiffness, mandel
from designloop_oracles.homogenization.windows import apparent_stiffness

BOUNDARIES = ["displacement", "traction"]
both = pytest.mark.parametrize("boundary", BOUNDARIES)
seeds = st.integers(0, 2**16)
few = settings(max_examples=10, deadline=None)


def tensors(image, boundary, tolerance=1e-12):
    return apparent_stiffness(image, boundary=boundary, tolerance=tolerance).tensor


def assert_ordered(*ascending, slack=1e-7):
    for smaller, larger in pairwise(ascending):
        assert torch.linalg.eigvalsh(mandel(larger) - mandel(smaller)).min() > -slack


@both
def test_a_homogeneous_anisotropic_window_answers_with_its_own_stiffness(boundary):
    crystal = film_stiffness(torch.tensor(np.pi / 8))
    image = voxels(crystal.expand(5, 7, 3, 3))
    assert abs(crystal[0, 2]) > 10
    torch.testing.assert_close(tensors(image, boundary)[0], crystal, rtol=1e-12, atol=1e-10)


@both
@pytest.mark.parametrize("shape", [(6, 9), (4, 30), (11, 3)], ids=str)
def test_an_independent_assembly_agrees(boundary, shape):
    images = film(shape, batch=3, seed=shape[0], fibre_axis="110")
    solve = getattr(Assembled, f"{boundary}_stiffness")
    expected = np.stack([solve(Assembled(image)) for image in images])
    np.testing.assert_allclose(tensors(images, boundary), expected, rtol=1e-9, atol=1e-8)


@both
def test_an_independent_assembly_agrees_at_high_contrast(boundary):
    generator = np.random.Generator(np.random.PCG64(3))
    image = isotropic(np.where(generator.random((8, 10)) < 0.5, 1.0, 300.0))
    expected = getattr(Assembled(image[0]), f"{boundary}_stiffness")()
    np.testing.assert_allclose(tensors(image, boundary)[0], expected, rtol=1e-8, atol=1e-8)


@few
@given(seed=seeds)
def test_softer_conditions_give_softer_answers_on_one_cell(seed):
    image = film((8, 8), seed=seed, fibre_axis="110")
    voigt, reuss = voigt_reuss(Operator(small_strain(2), image))
    static, kinematic = (tensors(image, name) for name in ("traction", "displacement"))
    periodic = effective_stiffness(image, tolerance=1e-10).tensor
    assert_ordered(reuss, static, periodic, kinematic, voigt)


@few
@given(seed=seeds, boundary=st.sampled_from(BOUNDARIES))
def test_dilation_of_a_100_fibre_film_has_the_modulus_of_its_crystal(seed, boundary):
    tensor = tensors(film((7, 12), seed=seed), boundary)[0]
    K = (SILICON.c11 - 2 * SILICON.c12**2 / SILICON.c11 + SILICON.c12) / 2
    answer = tensor[:, 0] + tensor[:, 1]
    torch.testing.assert_close(
        answer, torch.tensor([2 * K, 2 * K, 0.0], dtype=torch.float64), rtol=0, atol=1e-9 * K
    )


def test_columns_without_contraction_are_springs_in_series_under_traction():
    moduli = torch.tensor([1, 4, 2, 2, 5], dtype=torch.float64).expand(4, 5)
    tensor = tensors(isotropic(moduli, poissons_ratio=0.0), "traction")[0]
    assert tensor[0, 0] == pytest.approx(1 / float((1 / moduli).mean()), rel=1e-10)


def test_rows_without_contraction_are_springs_in_parallel_under_displacement():
    moduli = torch.tensor([1.0, 4.0, 2.0, 5.0])[:, None].expand(4, 7)
    tensor = tensors(isotropic(moduli, poissons_ratio=0.0), "displacement")[0]
    assert tensor[0, 0] == pytest.approx(float(moduli.mean()), rel=1e-10)


@both
def test_a_film_turned_by_a_quarter_answers_turned(boundary):
    image = film((6, 10), fibre_axis="110", seed=4)
    turn = torch.tensor([[0.0, 1, 0], [1, 0, 0], [0, 0, -1]], dtype=torch.float64)
    turned = torch.einsum("st,btuji,uv->bsvji", turn, image, turn).rot90(1, (-2, -1)).contiguous()
    expected = turn @ tensors(image, boundary)[0] @ turn
    torch.testing.assert_close(tensors(turned, boundary)[0], expected, rtol=1e-9, atol=1e-8)


@both
def test_fields_are_those_of_unit_mean_strains(boundary):
    result = apparent_stiffness(film((6, 9), batch=2), boundary=boundary, tolerance=1e-13, fields=True)
    strain, stress = (field.mean((-2, -1)) for field in (result.strain, result.stress))
    torch.testing.assert_close(strain, torch.eye(3).double().expand(2, 3, 3), rtol=0, atol=1e-6)
    torch.testing.assert_close(stress, result.tensor, rtol=1e-5, atol=1e-4)


@both
def test_a_batch_answers_like_its_windows_alone(boundary):
    images = film((6, 9), batch=3)
    alone = torch.cat([tensors(image[None], boundary) for image in images])
    torch.testing.assert_close(tensors(images, boundary), alone, rtol=1e-10, atol=1e-9)


@both
@pytest.mark.parametrize("tolerance", [1e-1, 1e-3, 1e-6])
def test_the_error_of_stopping_lies_within_its_bound(boundary, tolerance):
    image = film((10, 14), batch=4, seed=2)
    image[:, :, :, 2:5, 3:9] *= 0.02
    loose = apparent_stiffness(image, boundary=boundary, tolerance=tolerance)
    error = (loose.tensor - tensors(image, boundary, 1e-13)).diagonal(dim1=1, dim2=2)
    assert bool((error >= -1e-10).all())
    assert bool((error <= loose.error_bound + 1e-10).all())


def test_the_bound_reported_meets_the_tolerance():
    loose, tight = (
        apparent_stiffness(film((10, 14)), boundary="displacement", tolerance=tolerance)
        for tolerance in (1e-3, 1e-8)
    )
    for result, tolerance in ((loose, 1e-3), (tight, 1e-8)):
        energy = result.tensor.diagonal(dim1=1, dim2=2)
        assert bool((result.error_bound <= tolerance * energy).all())
    assert loose.iterations < tight.iterations
    assert bool((tight.residual < loose.residual).all())


def test_iterations_do_not_grow_with_the_grid():
    coarse = film((8, 16))
    fine = coarse.repeat_interleave(4, -1).repeat_interleave(4, -2)
    counts = [apparent_stiffness(image, boundary="traction").iterations for image in (coarse, fine)]
    assert counts[1] <= counts[0] + 1


def test_an_unknown_boundary_is_named_with_the_known_ones():
    with pytest.raises(ValueError, match="held by displacement or traction, not by 'periodic'"):
        apparent_stiffness(film((4, 4)), boundary="periodic")


@pytest.mark.parametrize("tolerance", [0.0, -1e-6, 1.0, float("nan")])
def test_a_tolerance_out_of_reach_is_refused(tolerance):
    with pytest.raises(ValueError, match="a tolerance lies between 1e-13 and 0.1"):
        apparent_stiffness(film((4, 4)), boundary="traction", tolerance=tolerance)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda C: C[0], "holds no batch of 2-D images"),
        (lambda C: C[:, :2, :2], "each voxel needs a 3 x 3 tensor"),
        (lambda C: C.clone().index_fill_(-1, torch.tensor([1]), torch.nan), "an infinity or a NaN"),
        (lambda C: C.clone().index_fill_(-1, torch.tensor([1]), 0.0), "not positive definite"),
        (lambda C: C + torch.triu(torch.ones(3, 3))[:, :, None, None], "not symmetric"),
        (lambda C: C[..., :1], "too small to homogenize"),
    ],
    ids=["batch", "tensor", "nan", "pore", "asymmetric", "small"],
)
def test_an_impossible_window_is_refused_with_the_reason(spoil, words):
    with pytest.raises(ValueError, match=words):
        apparent_stiffness(spoil(film((4, 6))), boundary="displacement")


def test_a_window_beyond_the_memory_is_refused_before_it_is_factorized(monkeypatch):
    image = film((64, 64))
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=2**24))
    with pytest.raises(ValueError, match=r"need.* GiB .*free\. Take fewer voxels"):
        apparent_stiffness(image, boundary="displacement")


@both
def test_single_precision_and_gradients_are_taken_as_plain_numbers(boundary):
    image = film((5, 6))
    found = tensors(image.float().requires_grad_(), boundary)
    torch.testing.assert_close(found, tensors(image, boundary), rtol=1e-6, atol=1e-5)
