"""Generator sites: spacing, regularizations, seeds."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from designloop_oracles.microstructure.power import sampled_cells
from designloop_oracles.microstructure.seeds import child_seed, generator
from designloop_oracles.microstructure.sites import (
    REGULARIZATIONS,
    diameter_of,
    place_sites,
    relax,
    spacing_of,
)


def area_variance(sites, box):
    cells = sampled_cells(sites=sites, weights=np.zeros(len(sites)), box=box)
    return np.var(cells.volumes) / np.mean(cells.volumes) ** 2


def occupied_arc(coordinates):
    """Length of the shortest arc of the unit circle that holds all fractional parts."""
    fractions = np.sort(coordinates % 1)
    return 1 - np.diff(fractions, append=fractions[0] + 1).max()


@pytest.mark.parametrize("dimension", [2, 3])
@pytest.mark.parametrize("regularization", REGULARIZATIONS)
def test_equal_seeds_give_equal_sites_and_other_seeds_others(regularization, dimension):
    options = {"box": (3.0,) * dimension, "spacing": 0.6, "regularization": regularization}
    first, again, other = (place_sites(**options, seed=seed) for seed in (7, 7, 8))
    assert np.array_equal(first, again)
    assert first.shape != other.shape or not np.allclose(first, other)


@given(seed=st.integers(0, 2**40), child=st.integers(0, 20))
@settings(deadline=None)
def test_a_child_seed_is_the_spawned_one_however_often_it_is_asked(seed, child):
    spawned = np.random.SeedSequence(seed).spawn(child + 1)[child]
    root = np.random.SeedSequence(seed)
    for _ in range(2):
        assert child_seed(root, child).generate_state(4).tolist() == spawned.generate_state(4).tolist()
    assert generator(seed, child).random() == np.random.Generator(np.random.PCG64(spawned)).random()


def test_children_of_children_are_named_by_the_whole_path():
    nested = child_seed(child_seed(5, 1), 2)
    assert nested.generate_state(4).tolist() == child_seed(5, 1, 2).generate_state(4).tolist()
    assert nested.generate_state(4).tolist() != child_seed(5, 2).generate_state(4).tolist()


@pytest.mark.parametrize("seed", [-1, 1.5, None, True, "7"])
def test_a_seed_that_is_no_whole_number_is_refused(seed):
    with pytest.raises(ValueError, match="give a whole number >= 0 or a SeedSequence"):
        generator(seed)


@given(spacing=st.floats(1e-3, 1e3), dimension=st.sampled_from([2, 3]))
@settings(deadline=None)
def test_the_equivalent_diameter_belongs_to_the_mean_grain(spacing, dimension):
    diameter = diameter_of(spacing, dimension=dimension)
    ball = math.pi / 4 * diameter**2 if dimension == 2 else math.pi / 6 * diameter**3
    assert ball == pytest.approx(spacing**dimension)
    assert spacing_of(diameter, dimension=dimension) == pytest.approx(spacing)


@pytest.mark.parametrize("convert", [diameter_of, spacing_of])
def test_conversions_refuse_what_has_no_meaning(convert):
    with pytest.raises(ValueError, match="finite length in um above 0"):
        convert(0.0, dimension=2)
    with pytest.raises(ValueError, match="the dimension is 1; give 2 or 3"):
        convert(1.0, dimension=1)


@given(
    seed=st.integers(0, 1000),
    sides=st.lists(st.floats(1.0, 4.0), min_size=2, max_size=3),
    regularization=st.sampled_from(REGULARIZATIONS),
)
@settings(max_examples=60, deadline=None)
def test_sites_lie_in_the_box(seed, sides, regularization):
    sites = place_sites(box=tuple(sides), spacing=0.7, regularization=regularization, seed=seed)
    assert (sites >= 0).all()
    assert (sites < np.array(sides)).all()


@given(seed=st.integers(0, 1000), jitter=st.floats(0.0, 0.5), dimension=st.sampled_from([2, 3]))
@settings(max_examples=40, deadline=None)
def test_jitter_moves_no_site_further_than_its_bound(seed, jitter, dimension):
    sites = place_sites(box=(4.0,) * dimension, spacing=0.5, jitter=jitter, seed=seed)
    for axis in range(dimension):
        assert occupied_arc(sites[:, axis] / 0.5) <= 2 * jitter + 1e-9


def test_jitter_fills_its_bound():
    sites = place_sites(box=(20.0, 20.0), spacing=0.5, jitter=0.25, seed=1)
    assert occupied_arc(sites[:, 0] / 0.5) == pytest.approx(0.5, abs=0.01)


def test_the_lattice_pitch_fits_the_box():
    sites = place_sites(box=(2.2, 3.1), spacing=0.5, jitter=0.0, seed=1)
    assert len(sites) == 4 * 6
    assert cKDTree(sites, boxsize=(2.2, 3.1)).query(sites, 2)[0][:, 1] == pytest.approx(3.1 / 6)


def test_the_lattice_has_no_preferred_place():
    first = [place_sites(box=(2.0, 2.0), spacing=0.5, jitter=0.0, seed=seed)[0] % 0.5 for seed in range(400)]
    assert np.mean(first, axis=0) == pytest.approx(0.25, abs=4 * 0.5 / math.sqrt(12 * 400))


@given(seed=st.integers(0, 1000), separation=st.floats(0.1, 0.75), dimension=st.sampled_from([2, 3]))
@settings(max_examples=40, deadline=None)
def test_hardcore_keeps_its_distance_across_the_edges_and_its_density(seed, separation, dimension):
    box = (4.0,) * dimension
    sites = place_sites(box=box, spacing=0.8, regularization="hardcore", separation=separation, seed=seed)
    assert len(sites) == round(5**dimension)
    assert cKDTree(sites, boxsize=box).query(sites, 2)[0][:, 1].min() >= separation * 0.8


def test_hardcore_without_separation_is_a_binomial_pattern():
    distances = [
        cKDTree(sites, boxsize=(10.0, 10.0)).query(sites, 2)[0][:, 1].mean()
        for sites in (
            place_sites(box=(10.0, 10.0), spacing=1.0, regularization="hardcore", separation=0.0, seed=seed)
            for seed in range(60)
        )
    ]
    margin = 4 * np.std(distances) / math.sqrt(60)
    assert np.mean(distances) == pytest.approx(0.5 * math.sqrt(100 / 99), abs=margin)


def test_a_saturated_box_is_refused_with_what_was_reached():
    with pytest.raises(ValueError, match=r"only \d+ of 144 sites found a place .* cover 0\.5\d\); lower"):
        place_sites(box=(12.0, 12.0), spacing=1.0, regularization="hardcore", separation=0.88, seed=1)


def test_poisson_counts_have_the_poisson_mean_and_variance():
    counts = [
        len(place_sites(box=(4.0, 4.0), spacing=0.5, regularization="poisson", seed=seed))
        for seed in range(1000)
    ]
    assert np.mean(counts) == pytest.approx(64, abs=4 * math.sqrt(64 / 1000))
    assert np.var(counts) / 64 == pytest.approx(1, abs=4 * math.sqrt(2 / 1000))


def test_poisson_counts_of_parts_are_independent():
    halves = [
        np.histogram(sites[:, 0], bins=[0, 2, 4])[0]
        for sites in (
            place_sites(box=(4.0, 4.0), spacing=0.5, regularization="poisson", seed=seed)
            for seed in range(1000)
        )
    ]
    assert abs(np.corrcoef(np.transpose(halves))[0, 1]) < 4 / math.sqrt(1000)


def test_a_poisson_box_is_never_empty():
    counts = [
        len(place_sites(box=(1.0, 1.0), spacing=1.0, regularization="poisson", seed=seed))
        for seed in range(60)
    ]
    assert min(counts) == 1
    assert max(counts) > 1


@pytest.mark.parametrize("start", ["poisson", "jitter"])
def test_each_lloyd_step_evens_the_areas(start):
    box = (10.0, 10.0)
    patterns = [place_sites(box=box, spacing=0.5, regularization=start, seed=3)]
    patterns += [
        place_sites(box=box, spacing=0.5, regularization="lloyd", lloyd_from=start, lloyd_steps=steps, seed=3)
        for steps in (1, 2, 3)
    ]
    variances = [area_variance(sites, box) for sites in patterns]
    assert sorted(variances, reverse=True) == variances
    assert variances[3] < 0.5 * variances[0]


def test_lloyd_leaves_a_lattice_where_it_is():
    sites = place_sites(box=(4.0, 4.0), spacing=0.5, jitter=0.0, seed=2)
    assert relax(sites, box=(4.0, 4.0), steps=3) == pytest.approx(sites, abs=0.06)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"regularization": "hex"}, "regularization is 'hex'; write one of jitter, hardcore, poisson, lloyd"),
        ({"regularization": "lloyd", "lloyd_from": "hardcore"}, "lloyd_from is 'hardcore'; write one of"),
        ({"regularization": "lloyd", "lloyd_steps": 0}, "lloyd_steps is 0; give a whole number"),
        ({"regularization": "lloyd", "lloyd_steps": 1.5}, "lloyd_steps is 1.5; give a whole number"),
        ({"jitter": 0.6}, "jitter is 0.6; give a number from 0 to 0.5"),
        ({"jitter": math.nan}, "jitter is nan; give a number"),
        ({"separation": 1.0}, "separation is 1; give a number from 0 to 0.9"),
        ({"spacing": 0.0}, "spacing is 0; give a finite length"),
        ({"spacing": math.nan}, "spacing is nan; give a finite length"),
        ({"spacing": 3.0}, "a side of 2 um is shorter than the spacing 3 um"),
        ({"box": (2.0,)}, r"a size of 1 sides; give \(x, y\)"),
        ({"box": (2.0, math.inf)}, "side is inf; give a finite length"),
    ],
)
def test_bad_input_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        place_sites(**{"box": (2.0, 2.0), "spacing": 0.5, "seed": 1, **options})
