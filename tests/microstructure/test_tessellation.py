"""Tessellations: geometry without pixels, drawn on any grid."""

import hashlib
import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from designloop_oracles.microstructure.seeds import generator
from designloop_oracles.microstructure.sites import REGULARIZATIONS
from designloop_oracles.microstructure.tessellation import Tessellation, draw, rasterize, tessellate

PINNED = {
    "jitter": "f824c0be290e97f2",
    "hardcore": "549c34052194989e",
    "poisson": "42ba76d2d2047270",
    "lloyd": "a08a34bf7c35bee7",
}
"""The platform contract: a change here changes every stored structure."""


def cut(seed=1, spacing=0.5, size=(2.0, 2.0), **options):
    return tessellate(size=size, spacing=spacing, periodic=False, seed=seed, **options)


def periodic(seed=1, spacing=0.5, size=(2.0, 2.0), **options):
    return tessellate(size=size, spacing=spacing, periodic=True, seed=seed, **options)


def digest(labels):
    return hashlib.sha256(labels.astype("<i4").tobytes()).hexdigest()[:16]


@pytest.mark.parametrize("regularization", REGULARIZATIONS)
def test_labels_of_a_seed_are_the_same_on_every_platform(regularization):
    labels = rasterize(cut(seed=2024, regularization=regularization), pixel=2 / 64)
    assert digest(labels) == PINNED[regularization]


@given(seed=st.integers(0, 10_000), dimension=st.sampled_from([2, 3]), weighted=st.booleans())
@settings(max_examples=30, deadline=None)
def test_each_pixel_goes_to_the_site_of_least_power_distance(seed, dimension, weighted):
    rng = generator(seed)
    size = (1.5, 1.0, 0.5)[:dimension]
    sites, weights = rng.random((6, dimension)) * size, rng.uniform(-0.1, 0.1, 6) * weighted
    owner = rasterize(
        Tessellation(sites=sites, weights=weights, box=size, size=size, periodic=True), pixel=0.125
    )
    images = np.array(list(itertools.product((-1, 0, 1), repeat=dimension))) * size
    for index in itertools.product(*map(range, owner.shape)):
        point = (np.array(index[::-1]) + 0.5) * 0.125
        distance = ((point - sites[:, None] - images) ** 2).sum(-1).min(-1) - weights
        assert distance[owner[index]] == pytest.approx(distance.min(), abs=1e-12)


def test_adding_one_number_to_all_weights_changes_nothing():
    tessellation = periodic(size_spread=0.4, size=(4.0, 4.0))
    shifted = replace(tessellation, weights=tessellation.weights + 5.0)
    assert np.array_equal(rasterize(tessellation, pixel=0.1), rasterize(shifted, pixel=0.1))


@given(seed=st.integers(0, 1000), shift=st.tuples(st.integers(0, 39), st.integers(0, 29)))
@settings(max_examples=30, deadline=None)
def test_rolled_sites_of_a_periodic_structure_give_rolled_labels(seed, shift):
    tessellation = periodic(seed=seed, size=(2.0, 1.5))
    moved = replace(tessellation, sites=(tessellation.sites + np.array(shift) * 0.05) % (2.0, 1.5))
    rolled = np.roll(rasterize(tessellation, pixel=0.05), shift[::-1], axis=(0, 1))
    assert np.mean(rasterize(moved, pixel=0.05) == rolled) > 0.999


def test_x_is_the_last_axis_and_z_the_first():
    sites = np.array([[0.5, 0.5, 0.25], [0.5, 0.5, 0.75], [1.5, 0.5, 0.5]])
    one = Tessellation(
        sites=sites, weights=np.zeros(3), box=(2.0, 1.0, 1.0), size=(2.0, 1.0, 1.0), periodic=True
    )
    labels = rasterize(one, pixel=0.25)
    assert labels.shape == (4, 4, 8)
    assert (labels[:, :, 5:7] == 2).all()
    assert (labels[:2, :, 1:3] == 0).all()
    assert (labels[2:, :, 1:3] == 1).all()


@pytest.mark.parametrize("size", [(2.0, 2.0), (3.0, 3.0), (5.0, 5.0), (10.0, 10.0), (40.0, 2.0)])
def test_a_window_is_drawn_in_whole_pixels(size):
    labels = rasterize(cut(size=size), pixel=2 / 64)
    assert labels.shape == (round(size[1] * 32), round(size[0] * 32))
    assert labels.dtype == np.int32


def test_a_finer_grid_shows_the_same_structure():
    tessellation = cut(size=(10.0, 2.0), size_spread=0.3)
    coarse, fine = (rasterize(tessellation, pixel=pixel) for pixel in (0.1, 0.1 / 3))
    assert np.array_equal(fine[1::3, 1::3], coarse)


@pytest.mark.parametrize("pixel", [0.25, 0.1, 0.02])
def test_a_grain_keeps_its_angle_at_every_resolution(pixel):
    tessellation = cut(regularization="poisson")
    angles = generator(5).random(len(tessellation.sites))
    image = draw(tessellation, angles, pixel=pixel)
    assert np.array_equal(image.orientation, angles[rasterize(tessellation, pixel=pixel)])


def test_labels_of_an_image_count_the_grains_that_appear():
    tessellation = cut()
    image = draw(tessellation, np.zeros(len(tessellation.sites)), pixel=2 / 64)
    assert np.array_equal(np.unique(image.labels), np.arange(len(image.angles)))
    assert len(image.angles) < len(tessellation.sites)
    assert (image.labels.dtype, image.pixel, image.periodic) == (np.int32, 2 / 64, False)


def test_angles_must_match_the_sites():
    with pytest.raises(ValueError, match=r"\(3,\) angles for 16 sites; give one angle per site"):
        draw(periodic(), np.zeros(3), pixel=0.5)


@pytest.mark.parametrize(("spacing", "grains"), [(0.5, 25.6), (0.8, 12.9)])
def test_a_cut_shows_more_grains_than_its_area_holds(spacing, grains):
    counts = [len(np.unique(rasterize(cut(seed=seed, spacing=spacing), pixel=2 / 64))) for seed in range(150)]
    assert np.mean(counts) == pytest.approx(grains, abs=0.8)
    assert np.mean(counts) > 1.4 * 4 / spacing**2


@pytest.mark.parametrize("regularization", REGULARIZATIONS)
@pytest.mark.parametrize("size", [(4.0, 3.0), (2.0, 2.0, 1.5)])
def test_the_mean_grain_of_a_periodic_structure_measures_the_spacing(regularization, size):
    samples = [periodic(seed=seed, size=size, regularization=regularization) for seed in range(20)]
    grains = [len(np.unique(rasterize(one, pixel=0.125))) for one in samples]
    wanted = math.prod(size) / 0.5 ** len(size)
    tolerance = 4 * math.sqrt(wanted / 20) if regularization in ("poisson", "lloyd") else 0
    assert np.mean(grains) == pytest.approx(wanted, abs=tolerance + 0.01 * wanted)


def test_the_true_spacing_of_a_box_that_does_not_fit_is_told():
    assert periodic(size=(2.2, 3.1)).spacing == pytest.approx(math.sqrt(2.2 * 3.1 / 24))
    assert cut(size=(2.2, 3.1)).spacing == pytest.approx(0.5)


def boundary_density(labels):
    """Share of neighbouring pixels along y that belong to different grains, per column."""
    return np.mean(labels[1:] != labels[:-1], axis=0)


@pytest.mark.parametrize("regularization", ["jitter", "hardcore", "poisson"])
def test_grains_at_the_frame_of_a_cut_are_like_those_inside_and_like_periodic_ones(regularization):
    options = {"size": (3.0, 3.0), "regularization": regularization}
    cuts = np.array([boundary_density(rasterize(cut(seed=s, **options), pixel=0.075)) for s in range(200)])
    whole = [boundary_density(rasterize(periodic(seed=s, **options), pixel=0.075)).mean() for s in range(200)]
    frame, inside = cuts[:, [0, 1, -2, -1]].mean(axis=1), cuts[:, 10:30].mean(axis=1)
    sem = math.sqrt((frame.var() + inside.var()) / 200)
    assert sem < 0.02 * inside.mean()
    assert frame.mean() == pytest.approx(inside.mean(), abs=4 * sem)
    assert inside.mean() == pytest.approx(
        np.mean(whole), abs=4 * math.sqrt((inside.var() + np.var(whole)) / 200)
    )


def test_sites_beyond_the_far_side_of_the_torus_do_not_reach_into_a_cut():
    tessellation = cut(regularization="poisson", size=(3.0, 2.0))
    images = np.array(list(itertools.product((-1, 0), repeat=2))) * tessellation.box
    near = (tessellation.sites[:, None] + images).reshape(-1, 2)
    in_frame = ((near > -1.5) & (near < np.array((3.0, 2.0)) + 1.5)).all(axis=1)
    kept = np.repeat(np.arange(len(tessellation.sites)), 4)[in_frame]
    owner = rasterize(tessellation, pixel=0.1)
    assert set(np.unique(owner)) <= set(kept)
    assert len(set(kept)) == len(kept)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"spacing": 0.0}, "spacing is 0; give a finite length"),
        ({"spacing": math.nan}, "spacing is nan; give a finite length"),
        ({"size": (2.0, -1.0)}, "side is -1; give a finite length"),
        ({"size": (2.0,)}, "a size of 1 sides"),
        ({"periodic": True, "spacing": 2.5}, "a side of 2 um is shorter than the spacing 2.5 um"),
    ],
)
def test_bad_geometry_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        tessellate(**{"size": (2.0, 2.0), "spacing": 0.5, "periodic": False, "seed": 1, **options})


@pytest.mark.parametrize(
    ("pixel", "message"),
    [(0.3, "not a whole number"), (0.0, "pixel is 0"), (math.nan, "pixel is nan"), (-0.1, "pixel is -0.1")],
)
def test_a_grid_that_does_not_fit_is_refused(pixel, message):
    with pytest.raises(ValueError, match=message):
        rasterize(cut(), pixel=pixel)
