"""Symmetries of pixels, crystals and effective properties."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from designloop_oracles.microstructure.images import orientation_channels
from designloop_oracles.microstructure.orientations import Texture
from designloop_oracles.microstructure.polycrystals import polycrystal
from designloop_oracles.microstructure.symmetry import (
    ELEMENTS,
    compose,
    inverse,
    roll,
    transform,
    transform_angles,
    transform_channels,
    transform_pixels,
    transform_stiffness,
    transform_tensor,
)
from designloop_oracles.microstructure.tessellation import rasterize, tessellate

NAMES = list(ELEMENTS)
MIRRORS = ["mirror_x", "mirror_y", "diagonal", "antidiagonal"]
QUARTERS = ["rot90", "rot270", "diagonal", "antidiagonal"]
elements = st.sampled_from(NAMES)
seeds = st.integers(0, 1000)
K, MEAN_SHEAR, HALF_DIFFERENCE = 90.108, 65.18, -14.33


def sample(seed=1, periodic=True, size=(2.0, 1.0), fibre_axis="100"):
    return polycrystal(
        size=size,
        spacing=0.5,
        pixel=0.125,
        periodic=periodic,
        texture=Texture(fibre_axis=fibre_axis),
        seed=seed,
    )


def silicon(theta):
    """Plane-stress stiffness of a <100> fibre grain turned by theta, Voigt (xx, yy, xy), GPa."""
    c, s = HALF_DIFFERENCE * np.cos(4 * theta), HALF_DIFFERENCE * np.sin(4 * theta)
    return np.moveaxis(
        np.array(
            [
                [K + MEAN_SHEAR + c, K - MEAN_SHEAR - c, s],
                [K - MEAN_SHEAR - c, K + MEAN_SHEAR + c, -s],
                [s, -s, MEAN_SHEAR - c],
            ]
        ),
        (0, 1),
        (-2, -1),
    )


def turned_orthotropic(theta):
    """A stiffness with period pi, turned counter-clockwise by theta: a <110> fibre grain in kind."""
    c, s = math.cos(theta), math.sin(theta)
    stress = np.array([[c * c, s * s, -2 * c * s], [s * s, c * c, 2 * c * s], [c * s, -c * s, c * c - s * s]])
    return stress @ np.array([[200.0, 40.0, 0.0], [40.0, 150.0, 0.0], [0.0, 0.0, 60.0]]) @ stress.T


def youngs_moduli(stiffness):
    return 1 / np.diag(np.linalg.inv(stiffness))


def random_stiffness(seed, entries=3):
    root = np.random.default_rng(seed).normal(size=(entries, entries))
    return root @ root.T + np.eye(entries)


def test_the_eight_elements_form_the_group_of_the_square():
    table = [[compose(second, first) for first in NAMES] for second in NAMES]
    assert all(sorted(row) == sorted(NAMES) for row in table)
    assert all(sorted(column) == sorted(NAMES) for column in zip(*table, strict=True))
    assert compose("rot90", "rot90") == "rot180"
    assert compose("rot270", "rot90") == "identity"
    assert compose("mirror_x", "mirror_y") == "rot180"
    assert compose("rot90", "mirror_y") == "diagonal"
    assert compose("mirror_y", "rot90") == "antidiagonal"


@given(first=elements, second=elements, seed=seeds, fibre_axis=st.sampled_from(["100", "110", "111"]))
@settings(max_examples=60, deadline=None)
def test_acting_twice_is_acting_with_the_composition(first, second, seed, fibre_axis):
    period = Texture(fibre_axis=fibre_axis).period
    one = sample(seed, fibre_axis=fibre_axis)
    twice = transform(transform(one, first, period=period), second, period=period)
    once = transform(one, compose(second, first), period=period)
    assert np.array_equal(twice.labels, once.labels)
    assert orientation_channels(twice, period=period) == pytest.approx(
        orientation_channels(once, period=period), abs=1e-5
    )


@given(element=elements, seed=seeds)
@settings(max_examples=30, deadline=None)
def test_the_inverse_restores_the_polycrystal(element, seed):
    one = sample(seed)
    back = transform(transform(one, element), inverse(element))
    assert np.array_equal(back.labels, one.labels)
    assert orientation_channels(back) == pytest.approx(orientation_channels(one), abs=1e-5)
    assert (back.pixel, back.periodic) == (one.pixel, one.periodic)


@pytest.mark.parametrize("fibre_axis", ["100", "110", "111"])
@pytest.mark.parametrize("element", NAMES)
def test_the_image_of_the_transformed_structure_is_the_transformed_image(element, fibre_axis):
    period = Texture(fibre_axis=fibre_axis).period
    one = sample(3, fibre_axis=fibre_axis)
    of_structure = orientation_channels(transform(one, element, period=period), period=period)
    of_image = transform_channels(orientation_channels(one, period=period), element, period=period)
    assert of_image.dtype == np.float32
    assert of_image == pytest.approx(of_structure, abs=1e-5)


@pytest.mark.parametrize("element", NAMES)
def test_images_of_a_100_fibre_change_sign_in_the_second_channel_under_mirrors_only(element):
    image = np.random.default_rng(1).random((5, 2, 3, 4))
    moved = transform_channels(image, element)
    sign = -1 if element in MIRRORS else 1
    assert moved[:, 0] == pytest.approx(transform_pixels(image[:, 0], element))
    assert moved[:, 1] == pytest.approx(sign * transform_pixels(image[:, 1], element))


@pytest.mark.parametrize("element", NAMES)
def test_pixels_move_as_the_sites_of_the_geometry_do(element):
    tessellation = tessellate(size=(2.0, 2.0), spacing=0.5, periodic=True, seed=4)
    matrix = np.array(ELEMENTS[element])
    moved = replace(tessellation, sites=((tessellation.sites - 1.0) @ matrix.T + 1.0) % 2.0)
    labels = rasterize(tessellation, pixel=0.05)
    assert np.mean(transform_pixels(labels, element) == rasterize(moved, pixel=0.05)) > 0.999


def test_a_quarter_turn_takes_the_x_axis_to_the_y_axis():
    image = np.zeros((3, 5), dtype=int)
    image[1, 4] = 1
    turned = transform_pixels(image, "rot90")
    assert turned.shape == (5, 3)
    assert np.argwhere(turned).tolist() == [[4, 1]]


def test_mirror_x_reverses_x():
    assert transform_pixels(np.array([[1, 2, 3]]), "mirror_x").tolist() == [[3, 2, 1]]
    assert transform_pixels(np.array([[1, 2, 3]]), "mirror_y").tolist() == [[1, 2, 3]]


@given(element=elements, theta=st.floats(0, math.pi / 2))
@settings(deadline=None)
def test_a_100_grain_and_its_stiffness_turn_together(element, theta):
    turned = silicon(float(transform_angles(np.array(theta), element)))
    assert turned == pytest.approx(transform_stiffness(silicon(theta), element), abs=1e-9)


@given(element=elements, theta=st.floats(0, math.pi))
@settings(deadline=None)
def test_a_110_grain_and_its_stiffness_turn_together(element, theta):
    turned = turned_orthotropic(float(transform_angles(np.array(theta), element, period=math.pi)))
    assert turned == pytest.approx(transform_stiffness(turned_orthotropic(theta), element), abs=1e-9)


@pytest.mark.parametrize("element", NAMES)
def test_the_mean_stiffness_of_the_transformed_structure_is_the_transformed_mean(element):
    one = sample(6)
    mean, moved = (silicon(p.orientation).mean((0, 1)) for p in (one, transform(one, element)))
    assert moved == pytest.approx(transform_stiffness(mean, element), abs=1e-9)


@given(element=elements, seed=seeds)
@settings(deadline=None)
def test_quarter_turns_exchange_the_moduli_and_the_others_keep_them(element, seed):
    stiffness = random_stiffness(seed)
    expected = youngs_moduli(stiffness)[[1, 0, 2] if element in QUARTERS else [0, 1, 2]]
    assert youngs_moduli(transform_stiffness(stiffness, element)) == pytest.approx(expected)


@given(element=elements, seed=seeds)
@settings(deadline=None)
def test_tensors_exchange_and_change_sign_as_they_should(element, seed):
    tensor = random_stiffness(seed, entries=2)
    (a, b), (_, c) = tensor
    sign = -1 if element in ("rot90", "rot270", "mirror_x", "mirror_y") else 1
    expected = [[c, sign * b], [sign * b, a]] if element in QUARTERS else [[a, sign * b], [sign * b, c]]
    assert transform_tensor(tensor, element) == pytest.approx(np.array(expected))


@given(element=elements, seed=seeds)
@settings(deadline=None)
def test_three_dimensional_stiffness_turns_about_x3(element, seed):
    pairs = [(0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)]
    stiffness = random_stiffness(seed, entries=6)
    full = np.zeros((3, 3, 3, 3))
    for row, (i, j) in enumerate(pairs):
        for column, (k, m) in enumerate(pairs):
            full[i, j, k, m] = full[j, i, k, m] = full[i, j, m, k] = full[j, i, m, k] = stiffness[row, column]
    matrix = np.eye(3)
    matrix[:2, :2] = ELEMENTS[element]
    turned = np.einsum("ia,jb,kc,ld,abcd->ijkl", matrix, matrix, matrix, matrix, full, optimize=True)
    voigt = np.array([[turned[i, j, k, m] for k, m in pairs] for i, j in pairs])
    assert transform_stiffness(stiffness, element) == pytest.approx(voigt)


def test_batches_of_tensors_turn_at_once():
    batch = np.stack([random_stiffness(seed) for seed in range(4)])
    assert transform_stiffness(batch, "rot90")[2] == pytest.approx(transform_stiffness(batch[2], "rot90"))
    assert transform_tensor(batch, "diagonal")[3] == pytest.approx(transform_tensor(batch[3], "diagonal"))


def test_a_volume_turns_about_x3():
    volume = sample(1, size=(1.0, 0.5, 0.25), periodic=False)
    assert transform(volume, "rot90").labels.shape == (2, 8, 4)
    layer = transform_pixels(volume.labels[1], "rot90")
    assert np.array_equal(transform(volume, "rot90").labels[1], layer)


@given(shift=st.tuples(st.integers(-40, 40), st.integers(-40, 40)))
@settings(deadline=None)
def test_a_rolled_periodic_structure_is_the_same_shifted(shift):
    one = sample(2)
    moved = roll(one, shift)
    ny, nx = one.labels.shape
    assert moved.labels[shift[1] % ny, shift[0] % nx] == one.labels[0, 0]
    assert np.array_equal(roll(moved, (-shift[0], -shift[1])).labels, one.labels)
    assert np.array_equal(moved.angles, one.angles)


def test_a_cut_structure_is_not_rolled():
    with pytest.raises(ValueError, match="a cut polycrystal cannot be rolled"):
        roll(sample(periodic=False), (1, 0))


def test_a_shift_names_every_axis():
    with pytest.raises(ValueError, match="a shift of 3 numbers for 2 axes"):
        roll(sample(), (1, 0, 0))


def test_unknown_elements_and_shapes_are_refused():
    with pytest.raises(ValueError, match="there is no symmetry 'flip'; write one of identity, rot90"):
        transform(sample(), "flip")
    with pytest.raises(ValueError, match="a tensor of shape .*; give"):
        transform_tensor(np.eye(6), "rot90")
    with pytest.raises(ValueError, match="a stiffness of shape .*; give"):
        transform_stiffness(np.eye(2), "rot90")
