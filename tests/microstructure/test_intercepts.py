import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial import cKDTree

from designloop_oracles.microstructure.intercepts import (
    chord_lengths,
    crossing_density,
    mean_chord,
    mean_intercept,
    specific_interface,
)

images = arrays(bool, st.tuples(st.integers(2, 10), st.integers(2, 10)))


def ball(n, radius, dimension, seed=0):
    centre = n / 2 + np.random.default_rng(seed).uniform(-1, 1, dimension)
    spots = np.moveaxis(np.indices((n,) * dimension), 0, -1) + 0.5
    return ((spots - centre) ** 2).sum(axis=-1) < radius**2


@pytest.mark.parametrize("radius", [6, 8, 12, 25])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_interface_of_a_disk_is_its_perimeter(radius, seed):
    found = specific_interface(ball(64, radius, 2, seed), pixel=0.5, periodic=True) * (64 * 0.5) ** 2
    assert found == pytest.approx(2 * math.pi * radius * 0.5, rel=0.02)


@pytest.mark.parametrize("radius", [6, 10])
def test_the_interface_of_a_sphere_is_its_surface(radius):
    found = specific_interface(ball(28, radius, 3), pixel=0.5, periodic=True) * 14.0**3
    assert found == pytest.approx(4 * math.pi * (radius * 0.5) ** 2, rel=0.02)


def test_flat_faces_are_read_low_by_the_stated_amount():
    layers = np.broadcast_to(np.arange(32) % 16 < 8, (32, 32))
    assert specific_interface(layers, pixel=1.0, periodic=True) * 8 == pytest.approx(
        math.pi / 8 * (1 + math.sqrt(2))
    )
    slabs = np.broadcast_to(layers, (32, 32, 32))
    assert specific_interface(slabs, pixel=1.0, periodic=True) * 8 == pytest.approx(0.93, abs=0.01)


def test_the_interface_of_a_cut_image_does_not_count_its_frame():
    assert specific_interface(np.ones((9, 9), dtype=bool), pixel=1.0, periodic=False) == 0
    half = np.broadcast_to(np.arange(400) < 200, (400, 400))
    assert specific_interface(half, pixel=1.0, periodic=False) == pytest.approx(0.948 / 400, rel=0.01)


@settings(max_examples=40, deadline=None)
@given(image=images, shift=st.tuples(st.integers(0, 9), st.integers(0, 9)))
def test_rolling_and_swapping_phases_keep_the_interface(image, shift):
    one, other = (
        specific_interface(i, pixel=1.0, periodic=True) for i in (image, np.roll(~image, shift, (0, 1)))
    )
    assert one == pytest.approx(other)


def test_stripes_have_chords_of_their_widths():
    stripes = np.broadcast_to(np.arange(30) % 10 < 3, (7, 30))
    assert mean_chord(stripes, axis=0, pixel=0.1, periodic=True) == pytest.approx(0.3)
    assert mean_chord(~stripes, axis=0, pixel=0.1, periodic=True) == pytest.approx(0.7)
    assert mean_chord(stripes, axis=1, pixel=0.1, periodic=True) == pytest.approx(0.7)
    lengths, values = chord_lengths(np.roll(stripes, 1, 1), axis=0, pixel=0.1, periodic=True)
    assert len(lengths) == 7 * 6
    assert np.allclose(lengths[values], 0.3)
    assert np.allclose(lengths[~values], 0.7)


def test_a_chord_across_the_periodic_border_is_one():
    line = np.array([[1, 1, 0, 0, 0, 1]], dtype=bool)
    lengths, values = chord_lengths(line, axis=0, pixel=1.0, periodic=True)
    assert sorted(zip(lengths, values.tolist(), strict=True)) == [(3.0, False), (3.0, True)]


def test_chords_that_the_frame_cuts_are_left_out():
    lines = np.array([[1, 1, 0, 0, 0, 1], [0, 1, 1, 0, 1, 1], [1, 1, 1, 1, 1, 1]], dtype=bool)
    lengths, values = chord_lengths(lines, axis=0, pixel=1.0, periodic=False)
    assert list(zip(lengths, values.tolist(), strict=True)) == [(3.0, False), (2.0, True), (1.0, False)]


@settings(max_examples=60, deadline=None)
@given(image=images, axis=st.integers(0, 1))
def test_the_mean_chord_is_the_mean_of_the_periodic_chords(image, axis):
    lengths, values = chord_lengths(image, axis=axis, pixel=0.5, periodic=True)
    expected = lengths[values].mean() if image.any() else 0.0
    assert lengths.sum() == pytest.approx(image.size * 0.5)
    assert mean_chord(image, axis=axis, pixel=0.5, periodic=True) == pytest.approx(expected)


def test_the_frame_does_not_bias_the_mean_chord():
    rng = np.random.default_rng(1)
    narrow = [np.broadcast_to((np.arange(12) + k) % 10 < 4, (1, 12)) for k in rng.integers(0, 10, 4000)]
    assert mean_chord(np.concatenate(narrow), axis=0, pixel=1.0, periodic=False) == pytest.approx(4, rel=0.03)


def test_poisson_voronoi_grains_have_the_known_mean_intercept():
    rng, n, spacing = np.random.default_rng(2), 400, 16.0
    sites = rng.uniform(0, n, (round((n / spacing) ** 2), 2))
    spots = np.indices((n, n)).reshape(2, -1).T + 0.5
    labels = cKDTree(sites, boxsize=n).query(spots)[1].reshape(n, n)
    found = [mean_intercept(labels, axis=axis, pixel=0.25, periodic=True) for axis in (0, 1)]
    assert np.mean(found) == pytest.approx(math.pi / 4 * spacing * 0.25, rel=0.03)


def test_one_grain_has_the_side_as_intercept():
    one = np.zeros((4, 6), dtype=np.int32)
    found = [mean_intercept(one, axis=axis, pixel=0.5, periodic=False) for axis in (0, 1)]
    assert found == [3.0, 2.0]


def test_an_absent_phase_has_no_chord():
    assert mean_chord(np.zeros((3, 3), dtype=bool), axis=0, pixel=1.0, periodic=True) == 0


def test_crossings_count_along_the_direction_only():
    stripes = np.broadcast_to(np.arange(8) % 4 < 2, (8, 8))
    kwargs = {"pixel": 0.5, "periodic": True}
    assert crossing_density(stripes, direction=(1, 0), **kwargs) == 1.0
    assert crossing_density(stripes, direction=(0, 1), **kwargs) == 0.0
    assert crossing_density(stripes, direction=(1, -1), **kwargs) == pytest.approx(1 / math.sqrt(2))


def test_an_axis_that_the_image_lacks_is_refused():
    with pytest.raises(ValueError, match="axis is 2; this image has x = 0 to y = 1"):
        mean_chord(np.ones((3, 3), dtype=bool), axis=2, pixel=1.0, periodic=True)
