import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial import cKDTree

from designloop_oracles.microstructure.descriptors import (
    describe,
    equivalent_diameters,
    grain_sizes,
    neighbour_counts,
    texture_index,
    whole_grains,
)
from designloop_oracles.microstructure.structure import Polycrystal, TwoPhase


def bricks(across, up, side):
    """Square grains of ``side`` pixels."""
    y, x = np.indices((up * side, across * side)) // side
    return (y * across + x).astype(np.int32)


def voronoi(seed, n=128, grains=100, periodic=True):
    rng = np.random.default_rng(seed)
    spots = np.indices((n, n)).reshape(2, -1).T + 0.5
    tree = cKDTree(rng.uniform(0, n, (grains, 2)), boxsize=n if periodic else None)
    labels = tree.query(spots)[1].reshape(n, n).astype(np.int32)
    return Polycrystal(
        labels=labels, angles=rng.uniform(0, math.pi / 2, grains), pixel=0.1, periodic=periodic
    )


def test_square_grains_are_described_exactly():
    angles = np.full(12, 0.3)
    found = describe(Polycrystal(labels=bricks(4, 3, 5), angles=angles, pixel=0.2, periodic=True))
    assert found == pytest.approx({
        "grains": 12, "whole_grains": 12, "grain_diameter": math.sqrt(4 / math.pi), "grain_diameter_cv": 0,
        "mean_intercept_x": 1.0, "mean_intercept_y": 1.0, "texture_index": 1,
    }, abs=1e-12)  # fmt: skip


def test_layers_are_described_exactly():
    share = np.broadcast_to(np.arange(20) % 10 < 3, (20, 20)).astype(float)
    found = describe(TwoPhase(share=share, pixel=0.5, periodic=True))
    assert found["volume_fraction"] == pytest.approx(0.3)
    assert (found["inclusion_chord_x"], found["matrix_chord_x"]) == pytest.approx((1.5, 3.5))
    assert (found["inclusion_chord_y"], found["matrix_chord_y"]) == pytest.approx((10, 10))
    assert (found["percolates_x"], found["percolates_y"]) == (0, 1)
    assert found["specific_interface"] == pytest.approx(2 / 5, rel=0.06)


@pytest.mark.parametrize("fill", [0.0, 1.0])
@pytest.mark.parametrize("shape", [(4, 6), (3, 4, 6), (1, 1)])
@pytest.mark.parametrize("periodic", [True, False])
def test_every_number_is_finite_even_for_one_phase_and_one_grain(fill, shape, periodic):
    phase = describe(TwoPhase(share=np.full(shape, fill), pixel=1.0, periodic=periodic))
    labels = np.full(shape, 2, dtype=np.int32)
    grain = describe(Polycrystal(labels=labels, angles=np.zeros(3), pixel=1.0, periodic=periodic))
    assert all(math.isfinite(value) for value in (*phase.values(), *grain.values()))
    assert phase["specific_interface"] == 0
    assert grain["mean_intercept_x"] == shape[-1]


def test_volumes_have_numbers_for_z():
    names = describe(TwoPhase(share=np.zeros((3, 4, 5)), pixel=1.0, periodic=True)).keys()
    assert {"inclusion_chord_z", "matrix_chord_z", "percolates_z"} <= names
    grains = Polycrystal(
        labels=np.arange(60, dtype=np.int32).reshape(3, 4, 5), angles=np.zeros(60), pixel=2.0, periodic=True
    )
    assert describe(grains)["grain_diameter"] == pytest.approx(np.cbrt(6 * 8 / math.pi))
    assert describe(grains)["mean_intercept_z"] == 2.0


def test_half_filled_pixels_count_as_inclusion_but_for_the_fraction():
    found = describe(TwoPhase(share=np.full((4, 4), 0.5), pixel=1.0, periodic=True))
    assert (found["volume_fraction"], found["percolates_x"], found["inclusion_chord_x"]) == (0.5, 1, 4)


def test_grains_cut_by_the_frame_are_not_whole():
    labels = bricks(4, 3, 5)
    assert whole_grains(labels, periodic=False).nonzero()[0].tolist() == [5, 6]
    assert whole_grains(labels, periodic=True).all()


def test_diameters_of_a_cut_are_those_of_its_whole_grains():
    labels = bricks(5, 5, 4)[2:-3, 3:-2]
    found = describe(Polycrystal(labels=labels, angles=np.zeros(25), pixel=1.0, periodic=False))
    assert (found["grains"], found["whole_grains"], found["grain_diameter_cv"]) == (25, 9, 0)
    assert found["grain_diameter"] == pytest.approx(math.sqrt(4 * 16 / math.pi))


def test_poisson_grains_vary_as_the_theory_says():
    structures = [voronoi(seed) for seed in range(6)]
    sizes = np.concatenate([grain_sizes(s.labels, pixel=0.1) for s in structures])
    assert sizes.mean() == pytest.approx(12.8**2 / 100, rel=0.01)
    assert sizes.std() / sizes.mean() == pytest.approx(0.529, abs=0.05)


def test_grains_of_the_plane_have_six_neighbours_on_average():
    counts = [neighbour_counts(voronoi(seed, n=512).labels, periodic=True).mean() for seed in range(2)]
    assert np.mean(counts) == pytest.approx(6, abs=0.1)


def test_neighbours_share_a_face_and_wrap_where_the_image_does():
    assert neighbour_counts(bricks(4, 4, 2), periodic=True).tolist() == [4] * 16
    assert neighbour_counts(bricks(3, 2, 2), periodic=False).tolist() == [2, 3, 2, 2, 3, 2]
    assert neighbour_counts(np.zeros((3, 3), dtype=np.int32), periodic=True).tolist() == [0]


def test_labels_that_no_pixel_carries_are_no_grains():
    labels = np.array([[1, 1, 4]], dtype=np.int32)
    assert grain_sizes(labels, pixel=0.5).tolist() == [0.5, 0.25]
    assert neighbour_counts(labels, periodic=False).tolist() == [1, 1]


@settings(max_examples=30, deadline=None)
@given(labels=arrays(np.int32, st.tuples(st.integers(1, 8), st.integers(1, 8)), elements=st.integers(0, 9)))
def test_grain_sizes_fill_the_image(labels):
    assert grain_sizes(labels, pixel=0.5).sum() == pytest.approx(labels.size * 0.25)
    assert len(grain_sizes(labels, pixel=0.5)) == len(np.unique(labels))


def test_equivalent_diameters_invert_disk_and_sphere():
    radii = np.array([0.5, 1.0, 3.0])
    assert equivalent_diameters(math.pi * radii**2, dimension=2) == pytest.approx(2 * radii)
    assert equivalent_diameters(4 / 3 * math.pi * radii**3, dimension=3) == pytest.approx(2 * radii)


def test_texture_ignores_the_symmetry_and_sees_alignment():
    quarter = np.array([0.2, 0.2 + math.pi / 2, 0.2 + math.pi])
    assert texture_index(quarter) == pytest.approx(1)
    assert texture_index(np.linspace(0, math.pi / 2, 1000, endpoint=False)) == pytest.approx(0, abs=1e-9)
    spread = np.random.default_rng(0).normal(0, 0.1, 20000)
    assert texture_index(spread) == pytest.approx(math.exp(-8 * 0.01), abs=0.01)
