"""Seeded polycrystals in one call and in batches."""

import numpy as np
import pytest

from designloop_oracles.microstructure.orientations import PERIODS, Texture
from designloop_oracles.microstructure.polycrystals import polycrystal, polycrystals
from designloop_oracles.microstructure.seeds import child_seed
from designloop_oracles.microstructure.sites import REGULARIZATIONS

OPTIONS = {"size": (2.0, 2.0), "spacing": 0.5, "pixel": 2 / 64, "periodic": False}


def equal(one, other):
    return np.array_equal(one.labels, other.labels) and np.array_equal(one.angles, other.angles)


@pytest.mark.parametrize("regularization", REGULARIZATIONS)
def test_equal_seeds_give_equal_polycrystals_and_other_seeds_others(regularization):
    options = {**OPTIONS, "regularization": regularization}
    assert equal(polycrystal(**options, seed=1), polycrystal(**options, seed=1))
    assert not equal(polycrystal(**options, seed=1), polycrystal(**options, seed=2))


def test_a_seed_sequence_may_be_used_again():
    seed = np.random.SeedSequence(5)
    assert equal(polycrystal(**OPTIONS, seed=seed), polycrystal(**OPTIONS, seed=seed))


@pytest.mark.parametrize("count", [1, 3, 6])
def test_a_sample_is_the_same_alone_and_in_a_batch_of_any_size(count):
    *_, last = polycrystals(count, seed=9, **OPTIONS)
    assert equal(last, polycrystal(seed=child_seed(9, count - 1), **OPTIONS))


def test_samples_of_a_batch_differ():
    one, other = polycrystals(2, seed=9, **OPTIONS)
    assert not np.array_equal(one.labels, other.labels)
    assert not np.isin(one.angles, other.angles).any()


def test_one_structure_has_the_same_orientations_at_three_times_the_resolution():
    coarse = polycrystal(**{**OPTIONS, "size": (10.0, 2.0), "pixel": 0.1}, seed=3)
    fine = polycrystal(**{**OPTIONS, "size": (10.0, 2.0), "pixel": 0.1 / 3}, seed=3)
    assert np.array_equal(fine.orientation[1::3, 1::3], coarse.orientation)


def test_the_texture_changes_no_grain_boundary():
    plain = polycrystal(**OPTIONS, seed=3)
    textured = polycrystal(**OPTIONS, seed=3, texture=Texture(fibre_axis="110", spread=0.1))
    assert np.array_equal(plain.labels, textured.labels)
    assert textured.angles.max() < PERIODS["110"]
    assert np.cos(2 * textured.angles).mean() > 0.9


def test_a_beam_is_one_structure():
    beam = polycrystal(**{**OPTIONS, "size": (40.0, 2.0)}, seed=1)
    assert beam.labels.shape == (64, 1280)
    assert len(np.unique(beam.labels[:, [639, 640]])) < len(np.unique(beam.labels[:, [0, 1279]]))


def test_a_film_may_be_three_dimensional_and_of_uneven_grains():
    film = polycrystal(size=(2.0, 1.5, 1.0), spacing=0.5, pixel=0.125, periodic=True, size_spread=0.3, seed=1)
    assert film.labels.shape == (8, 12, 16)
    assert film.periodic


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pixel": 0.3}, "not a whole number"),
        ({"regularization": "hex"}, "regularization is 'hex'"),
        ({"size_spread": 2.0}, "size_spread is 2; give 0"),
        ({"seed": -1}, "the seed is -1; give a whole number"),
    ],
)
def test_bad_input_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        polycrystal(**{**OPTIONS, "seed": 1, **options})
