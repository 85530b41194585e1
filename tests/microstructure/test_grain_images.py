"""Polycrystals as images for networks."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from designloop_oracles.microstructure.images import (
    grey_batch,
    grey_image,
    orientation_batch,
    orientation_channels,
)
from designloop_oracles.microstructure.polycrystals import polycrystal, polycrystals
from designloop_oracles.microstructure.structure import Polycrystal

OPTIONS = {"size": (2.0, 1.0), "spacing": 0.5, "pixel": 0.125, "periodic": False}


def grain(angle):
    return Polycrystal(
        labels=np.zeros((1, 1), dtype=np.int32), angles=np.array([angle]), pixel=1.0, periodic=True
    )


@given(angle=st.floats(0, math.pi / 2))
@settings(deadline=None)
def test_channels_are_the_cosine_and_sine_of_four_theta(angle):
    channels = orientation_channels(grain(angle)).ravel()
    assert channels == pytest.approx([math.cos(4 * angle), math.sin(4 * angle)], abs=1e-6)


def test_channels_follow_the_period_of_the_fibre():
    channels = orientation_channels(grain(0.3), period=math.pi).ravel()
    assert channels == pytest.approx([math.cos(0.6), math.sin(0.6)])


@given(angle=st.floats(0, 1.5), periods=st.integers(-3, 3))
@settings(deadline=None)
def test_equal_crystals_have_equal_pixels(angle, periods):
    one, other = (orientation_channels(grain(a)) for a in (angle, angle + periods * math.pi / 2))
    assert one == pytest.approx(other, abs=1e-6)


def test_each_pixel_shows_its_own_grain():
    sample = polycrystal(**OPTIONS, seed=1)
    channels = orientation_channels(sample)
    assert channels.shape == (2, 8, 16)
    assert channels.dtype == np.float32
    assert channels[0] == pytest.approx(np.cos(4 * sample.orientation), abs=1e-6)
    assert channels[1] == pytest.approx(np.sin(4 * sample.orientation), abs=1e-6)


def test_grey_values_are_angles_over_the_period():
    sample = polycrystal(**OPTIONS, seed=1)
    grey = grey_image(sample)
    assert grey.shape == (8, 16)
    assert grey == pytest.approx(sample.orientation / (math.pi / 2), abs=1e-6)
    assert grey.max() <= 1


def test_batches_stack_the_single_images():
    samples = list(polycrystals(3, seed=1, **OPTIONS))
    assert orientation_batch(samples).shape == (3, 2, 8, 16)
    assert np.array_equal(orientation_batch(samples)[1], orientation_channels(samples[1]))
    assert grey_batch(iter(samples)).shape == (3, 8, 16)
    assert np.array_equal(grey_batch(samples)[2], grey_image(samples[2]))


def test_three_dimensional_samples_have_three_dimensional_images():
    sample = polycrystal(**{**OPTIONS, "size": (2.0, 1.0, 0.5), "periodic": True}, seed=1)
    assert orientation_channels(sample).shape == (2, 4, 8, 16)


@pytest.mark.parametrize("batch", [orientation_batch, grey_batch])
def test_a_batch_of_unequal_shapes_or_of_nothing_is_refused(batch):
    sample = polycrystal(**OPTIONS, seed=1)
    with pytest.raises(ValueError, match="a batch needs images of one shape, not .* and .*; draw them"):
        batch([sample, replace(sample, labels=sample.labels[1:])])
    with pytest.raises(ValueError, match="a batch needs images of one shape, not no images"):
        batch([])
