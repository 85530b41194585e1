"""Packings on a grid: areas, moments, wrapping, shares in pixels, the published grey image."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from designloop_oracles.microstructure.drawing import draw, published_grey
from designloop_oracles.microstructure.packing import Packing, pack, particle_fraction


def disk(x: float, y: float, *, radius: float = 8.0, side: float = 32.0, **options) -> Packing:
    return Packing(centres=np.array([[x, y]]), radii=np.array([radius]), size=(side, side), **options)


def test_a_pixel_belongs_to_the_particle_where_its_centre_does():
    x = np.arange(32) + 0.5
    inside = (x[None, :] - 13.3) ** 2 + (x[:, None] - 17.8) ** 2 <= 64.0
    np.testing.assert_array_equal(draw(disk(13.3, 17.8), pixel=1.0).share, inside)


def test_x_is_the_last_axis_and_y_grows_with_the_row():
    packing = Packing(centres=np.array([[2.5, 0.5, 4.5]]), radii=np.array([0.4]), size=(4.0, 3.0, 6.0))
    share = draw(packing, pixel=1.0).share
    assert share.shape == (6, 3, 4)
    assert np.argwhere(share).tolist() == [[4, 0, 2]]


@settings(max_examples=25, deadline=None)
@given(
    size=st.sampled_from([(48.0, 32.0), (16.0, 20.0, 24.0)]),
    shift=st.tuples(*[st.integers(-40, 40)] * 3),
    pixel=st.sampled_from([1.0, 0.5]),
    supersample=st.sampled_from([1, 3]),
    seed=st.integers(0, 1000),
)
def test_shifting_all_centres_by_whole_pixels_rolls_the_image(size, shift, pixel, supersample, seed):
    packing = pack(size=size, volume_fraction=0.3, diameter=6.0, seed=seed)
    moved = replace(packing, centres=packing.centres + pixel * np.array(shift[: len(size)]))
    axes = tuple(range(len(size)))
    rolled = np.roll(
        draw(packing, pixel=pixel, supersample=supersample).share, shift[: len(size)][::-1], axes
    )
    np.testing.assert_array_equal(draw(moved, pixel=pixel, supersample=supersample).share, rolled)


def test_rims_on_pixel_centres_roll_with_the_rest():
    packing = disk(10.5, 10.5, radius=5.0)  # 3-4-5: pixel centres lie exactly on the rim
    moved = replace(packing, centres=packing.centres + np.array([17.0, 5.0]))
    image = draw(packing, pixel=1.0).share
    np.testing.assert_array_equal(draw(moved, pixel=1.0).share, np.roll(image, (5, 17), (0, 1)))
    around = image[5:16, 5:16]
    assert around[10, 5] == around[9, 8] == 1.0
    np.testing.assert_array_equal(around, around[::-1, ::-1])


def test_a_particle_cut_by_the_frame_comes_back_on_the_other_side_only_where_periodic():
    periodic = draw(disk(0.0, 0.0), pixel=0.125).share
    cut = draw(disk(0.0, 0.0, periodic=False), pixel=0.125).share
    assert periodic.sum() == pytest.approx(4 * cut.sum())
    assert cut[:128, :128].sum() == cut.sum()


def test_the_drawn_area_of_a_disk_converges_at_first_order_or_better():
    rng = np.random.default_rng(0)
    places = rng.random((24, 2)) * 32.0
    exact = math.pi * 64.0
    pixels = np.array([1.0, 0.5, 0.25, 0.125])
    errors = [
        math.sqrt(
            np.mean([(draw(disk(x, y), pixel=h).share.sum() * h * h / exact - 1.0) ** 2 for x, y in places])
        )
        for h in pixels
    ]
    order, _ = np.polyfit(np.log(pixels), np.log(errors), 1)
    assert order > 1.0
    assert errors[0] < 0.02


@pytest.mark.parametrize(("size", "fraction", "supersample"), [((128, 128), 0.4, 8), ((40, 40, 40), 0.3, 4)])
def test_supersampled_shares_add_up_to_the_exact_volume(size, fraction, supersample):
    packing = pack(size=size, volume_fraction=fraction, diameter=10.0, seed=2)
    image = draw(packing, pixel=1.0, supersample=supersample)
    assert image.volume_fraction == pytest.approx(particle_fraction(packing), rel=2e-3)
    assert image.share.min() == 0.0
    assert image.share.max() == 1.0
    assert ((image.share > 0.0) & (image.share < 1.0)).any()


def test_the_share_of_a_pixel_is_that_of_its_sub_pixels():
    packing = pack(size=(64, 64), volume_fraction=0.4, diameter=10.0, seed=3)
    fine = draw(packing, pixel=0.25).share
    np.testing.assert_allclose(
        draw(packing, pixel=1.0, supersample=4).share, fine.reshape(64, 4, 64, 4).mean(axis=(1, 3))
    )


def test_a_pixel_on_a_straight_rim_holds_the_share_of_its_area():
    big = disk(200.0, 200.0, radius=100.3, side=400.0)
    row = draw(big, pixel=1.0, supersample=10).share[200]
    assert row[300] == pytest.approx(0.3, abs=0.051)
    assert row[299] == 1.0
    assert row[301] == 0.0


def test_an_ellipse_has_its_area_its_axes_and_its_angle():
    angle, aspect, radius = 0.5, 3.0, 8.0
    ellipse = disk(15.2, 16.9, radius=radius, aspect_ratio=aspect, angles=np.array([angle]))
    share = draw(ellipse, pixel=0.125).share
    y, x = np.nonzero(share)
    assert share.sum() * 0.125**2 == pytest.approx(math.pi * radius**2, rel=2e-3)
    moments, axes = np.linalg.eigh(np.cov(np.stack([x, y]) * 0.125))
    np.testing.assert_allclose(moments, [radius**2 / aspect / 4, radius**2 * aspect / 4], rtol=5e-3)
    assert math.atan2(axes[1, 1], axes[0, 1]) % math.pi == pytest.approx(angle, abs=2e-3)


def test_overlapping_disks_are_drawn_as_their_union():
    pair = Packing(centres=np.array([[12.0, 16.0], [18.0, 16.0]]), radii=np.array([6.0, 6.0]), size=(32, 32))
    lens = 2 * 36 * math.acos(0.5) - 0.5 * 6 * math.sqrt(4 * 36 - 36)
    image = draw(pair, pixel=0.125)
    assert image.volume_fraction * 32**2 == pytest.approx(2 * math.pi * 36 - lens, rel=2e-3)


def test_mixed_sizes_are_drawn_each_at_its_size():
    packing = pack(size=(128, 128), volume_fraction=0.4, diameter=30.0, size_ratio=6, fine_share=0.3, seed=1)
    assert draw(packing, pixel=0.125).volume_fraction == pytest.approx(0.4, rel=1e-3)


def test_the_published_image_is_black_in_the_particles_and_white_between_them():
    image = draw(disk(16.0, 16.0), pixel=1.0)
    grey = published_grey(image)
    assert grey.dtype == np.uint8
    assert grey[16, 16] == 0
    assert grey[0, 0] == 255
    assert ((grey == 0) == (image.share == 1.0)).all()


def test_a_finer_drawing_keeps_the_geometry():
    packing = pack(size=(64, 64), volume_fraction=0.4, diameter=12.0, seed=3)
    coarse = draw(packing, pixel=1.0).share.astype(bool)
    centre_of_nine = draw(packing, pixel=1.0 / 3.0).share.astype(bool)[1::3, 1::3]
    np.testing.assert_array_equal(centre_of_nine, coarse)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [({"pixel": 0.3}, "not a whole number"), ({"pixel": 1.0, "supersample": 0}, "supersample is 0")],
)
def test_a_grid_that_does_not_fit_is_refused(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        draw(disk(1.0, 1.0), **options)
