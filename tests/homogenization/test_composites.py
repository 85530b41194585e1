"""Two-phase composites: how interface voxels are filled, the mesh bracket, the geometry interval."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from designloop_oracles.homogenization.composites import Bracket, coefficients_of, composite, mesh_bracket
from designloop_oracles.homogenization.periodic import effective_conductivity
from designloop_oracles.microstructure.drawing import draw
from designloop_oracles.microstructure.packing import pack


def shares(*values):
    return torch.tensor(values, dtype=torch.float64).reshape(1, 2, -1)


def spd(seed):
    A = np.random.default_rng(seed).normal(size=(2, 2))
    return torch.as_tensor(A @ A.T + 0.1 * np.eye(2))[None]


def packing_drawer(fraction, seed, *, cell=64, radius=8, **options):
    """Shares of one disk packing, drawn at any refinement; pixels of 1 um."""
    packing = pack(
        size=(float(cell), float(cell)), volume_fraction=fraction, diameter=2.0 * radius, seed=seed, **options
    )
    return lambda refinement, supersample: torch.from_numpy(
        draw(packing, pixel=1 / refinement, supersample=supersample).share
    )[None]


def trace(tensors):
    return float(tensors[0].trace())


# Filling


def test_voxel_fills_with_the_larger_phase():
    field = coefficients_of(shares(0, 0.4, 0.6, 1), inclusion=250, matrix=1, discretization="voxel")
    assert field.flatten().tolist() == [1, 1, 250, 250]


def test_harmonic_is_the_series_connection_in_the_voxel():
    field = coefficients_of(shares(0, 0.5, 1, 0.25), inclusion=4, matrix=1, discretization="harmonic")
    np.testing.assert_allclose(field.flatten(), [1, 1.6, 4, 1 / (0.25 / 4 + 0.75)])


def test_a_layer_thinner_than_a_voxel_is_exact_across_with_harmonic_filling():
    share = torch.zeros(1, 8, 8, dtype=torch.float64)
    share[:, :, 3] = 0.3
    field = coefficients_of(share, inclusion=50, matrix=1, discretization="harmonic")
    exact = 1 / (0.3 / 8 / 50 + 1 - 0.3 / 8)
    np.testing.assert_allclose(effective_conductivity(field).tensor[0, 0, 0], exact, rtol=1e-9)


@pytest.mark.parametrize(
    ("share", "message"),
    [
        (shares(0, 0, 0, 0), "no voxel of the inclusion phase; draw it finer"),
        (shares(1, 1, 1, 1), "no voxel of the matrix phase"),
        (shares(0, 0.5, 1.5, 1), "between 0 and 1"),
        (shares(0, 0.5, float("nan"), 1), "between 0 and 1"),
    ],
)
def test_images_that_are_no_composite_are_refused(share, message):
    with pytest.raises(ValueError, match=message):
        coefficients_of(share, inclusion=250, matrix=1, discretization="harmonic")


@pytest.mark.parametrize(("inclusion", "matrix"), [(0, 1), (-1, 1), (float("inf"), 1), (250, float("nan"))])
def test_phases_that_no_material_has_are_refused(inclusion, matrix):
    with pytest.raises(ValueError, match="finite and positive"):
        coefficients_of(shares(0, 0, 1, 1), inclusion=inclusion, matrix=matrix, discretization="voxel")


def test_particles_that_conduct_less_are_filled_by_the_dual_rule():
    """So Keller's relation holds for mixed pixels too: the product of the swapped problems is exact."""
    share = torch.rand(1, 12, 12, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    well = coefficients_of(share, inclusion=50, matrix=1, discretization="harmonic")
    badly = coefficients_of(share, inclusion=1 / 50, matrix=1, discretization="harmonic")
    np.testing.assert_allclose(well * badly, np.ones((1, 12, 12)), rtol=1e-12)


def test_an_unknown_discretization_is_refused():
    with pytest.raises(ValueError, match="voxel or harmonic, not 'voxels'"):
        coefficients_of(shares(0, 0, 1, 1), inclusion=250, matrix=1, discretization="voxels")


def test_a_drawing_that_does_not_refine_is_refused():
    share = packing_drawer(0.3, 8)(1, 1)
    with pytest.raises(ValueError, match="twice as many voxels"):
        composite(lambda *_: share, inclusion=250, matrix=1)


def test_harmonic_filling_beside_an_insulator_is_refused():
    with pytest.raises(ValueError, match="insulates every voxel at an interface; use voxel"):
        coefficients_of(shares(0, 0, 1, 1), inclusion=1, matrix=0, discretization="harmonic")


# The mesh bracket


@pytest.mark.parametrize("contrast", [3.0, 250.0, 1e4])
@pytest.mark.parametrize("pixels", [8, 32])
def test_the_estimate_of_a_checkerboard_is_exact_at_every_grid_and_contrast(contrast, pixels):
    half = np.indices((pixels, pixels)) // (pixels // 2)
    image = torch.as_tensor(np.where((half[0] + half[1]) % 2, contrast, 1.0))[None]
    bracket = mesh_bracket(image, tolerance=1e-9)
    np.testing.assert_allclose(bracket.estimate[0], np.sqrt(contrast) * np.eye(2), rtol=1e-6, atol=1e-6)
    assert float(bracket.upper[0, 0, 0]) > 1.01 * np.sqrt(contrast) or contrast < 10


@settings(max_examples=10, deadline=None, derandomize=True)
@given(st.integers(0, 2**32 - 1), st.floats(0.3, 3))
def test_brackets_nest_when_the_grid_of_a_fixed_image_is_refined(seed, decades):
    crisp = np.random.default_rng(seed).random((6, 6)) < 0.5
    image = np.where(crisp, 10.0**decades, 1.0)
    coarse, fine = (
        mesh_bracket(torch.as_tensor(np.kron(image, np.ones((k, k))))[None], tolerance=1e-8) for k in (1, 2)
    )
    chain = [coarse.lower, fine.lower, fine.upper, coarse.upper]
    for below, above in pairwise(chain):
        assert float(torch.linalg.eigvalsh(above - below).min()) > -1e-6 * float(above.max())


def test_the_bracket_needs_a_plane_image_that_conducts_everywhere():
    with pytest.raises(ValueError, match="duality holds in 2-D only"):
        mesh_bracket(torch.ones(1, 4, 4, 4))
    with pytest.raises(ValueError, match="insulating one has no dual"):
        mesh_bracket(torch.tensor([[[1.0, 0.0], [1.0, 1.0]]]))


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_the_estimate_is_the_geometric_mean_of_two_tensors(first, second):
    """The only positive solution of X A^-1 X = B."""
    A, B = spd(first), spd(second)
    X = Bracket(lower=A, upper=B, iterations=0).estimate
    np.testing.assert_allclose(X @ torch.linalg.inv(A) @ X, B, rtol=1e-6, atol=1e-9 * float(B.max()))
    np.testing.assert_allclose(X, Bracket(lower=B, upper=A, iterations=0).estimate, rtol=1e-9, atol=1e-12)


# The geometry interval


def test_without_an_interval_none_is_claimed():
    found = composite(packing_drawer(0.3, 1), inclusion=250, matrix=1, interval=False)
    assert found.lower is None
    assert found.upper is None


def test_the_interval_holds_the_value():
    found = composite(packing_drawer(0.4, 2), inclusion=250, matrix=1)
    assert bool(((found.lower <= found.value) & (found.value <= found.upper)).all())


def test_voxel_answers_what_finite_elements_of_the_crisp_image_answer():
    drawer = packing_drawer(0.3, 3)
    found = composite(drawer, inclusion=250, matrix=1, discretization="voxel", interval=False, tolerance=1e-8)
    image = torch.where(drawer(1, 1) > 0.5, 250.0, 1.0).double()
    np.testing.assert_allclose(found.value, effective_conductivity(image, tolerance=1e-8).tensor, rtol=1e-7)


@pytest.mark.parametrize("seed", [4, 5, 6])
def test_harmonic_filling_is_within_a_percent_where_voxels_are_several_off(seed):
    """Disks of 8 pixels radius, a pixel apart and more; truth from drawings four and eight times as fine."""
    drawer = packing_drawer(0.4, seed, minimum_gap=1.0)
    coarse, fine = (
        mesh_bracket(torch.where(drawer(k, 1) > 0.5, 250.0, 1.0).double(), tolerance=1e-5) for k in (4, 8)
    )
    truth = 2 * trace(fine.estimate) - trace(coarse.estimate)
    found = composite(drawer, inclusion=250, matrix=1, interval=True)
    voxel = composite(drawer, inclusion=250, matrix=1, discretization="voxel", interval=False)
    assert abs(trace(found.value) / truth - 1) < 0.01
    assert trace(voxel.value) / truth - 1 > 0.03
    assert trace(found.lower) < trace(fine.estimate) < trace(found.upper)


def test_spheres_have_an_interval_but_no_bracket():
    packing = pack(size=(24.0,) * 3, volume_fraction=0.15, diameter=10.0, seed=7)
    found = composite(
        lambda refinement, supersample: torch.from_numpy(
            draw(packing, pixel=1 / refinement, supersample=supersample).share
        )[None],
        inclusion=250,
        matrix=1,
        supersample=3,
    )
    assert found.bracket is None
    assert found.value.shape == (1, 3, 3)
    assert bool((found.lower <= found.value).all())
