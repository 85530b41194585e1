import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from designloop_oracles.microstructure.two_point import autocorrelation, radial_average

images = arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9)))
volumes = arrays(bool, st.tuples(st.integers(1, 5), st.integers(1, 5), st.integers(1, 5)))


def direct(image, lag, periodic):
    """Mean of image(x) image(x + lag), by definition."""
    spots = np.indices(image.shape).reshape(image.ndim, -1)
    there = spots + np.array(lag)[:, None]
    inside = np.all((there >= 0) & (there < np.array(image.shape)[:, None]), axis=0) | periodic
    there = there % np.array(image.shape)[:, None]
    return np.mean((image[tuple(spots)] * image[tuple(there)])[inside])


@pytest.mark.parametrize("periodic", [True, False])
@settings(max_examples=25, deadline=None)
@given(image=images | volumes)
def test_every_lag_is_the_mean_product(image, periodic):
    found = autocorrelation(image.astype(float), periodic=periodic)
    assert found.shape == image.shape
    for spot in np.ndindex(image.shape):
        lag = [i - n // 2 for i, n in zip(spot, image.shape, strict=True)]
        assert found[spot] == pytest.approx(direct(image * 1.0, lag, periodic), abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(image=images, shift=st.tuples(st.integers(-9, 9), st.integers(-9, 9)))
def test_rolling_a_periodic_image_changes_nothing(image, shift):
    one, other = (
        autocorrelation(i.astype(float), periodic=True) for i in (image, np.roll(image, shift, (0, 1)))
    )
    assert np.allclose(one, other, atol=1e-12)


@settings(max_examples=30, deadline=None)
@given(image=images)
def test_zero_lag_is_the_fraction_and_the_mean_its_square(image):
    found = autocorrelation(image.astype(float), periodic=True)
    centre = tuple(n // 2 for n in image.shape)
    assert found[centre] == pytest.approx(image.mean())
    assert found.mean() == pytest.approx(image.mean() ** 2)


def test_a_checkerboard_alternates_between_one_half_and_zero():
    board = np.indices((8, 8)).sum(axis=0) % 2 == 0
    assert np.allclose(autocorrelation(board.astype(float), periodic=True), 0.5 * board)


def test_unlike_pixels_forget_each_other():
    noise = (np.random.default_rng(0).uniform(size=(256, 256)) < 0.3).astype(float)
    _, values = radial_average(autocorrelation(noise, periodic=False), pixel=1.0)
    assert values[0] == pytest.approx(0.3, abs=0.005)
    assert values[1:] == pytest.approx(0.09, abs=0.006)


def test_rings_of_a_cone_are_its_distances():
    y, x = np.indices((41, 41)) - 20
    distance, values = radial_average(np.hypot(x, y) * 0.5, pixel=0.5)
    assert np.allclose(distance, values)
    assert distance[[0, 1]] == pytest.approx([0, 0.5 * (4 + 4 * np.sqrt(2)) / 8])
    assert len(distance) == 21
