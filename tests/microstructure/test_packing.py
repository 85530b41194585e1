"""Packings of disks, ellipses and spheres: what they keep, what they reach, what they refuse."""

from __future__ import annotations

import hashlib
import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from designloop_oracles.microstructure.drawing import draw
from designloop_oracles.microstructure.inhibition import inhibited
from designloop_oracles.microstructure.packing import (
    Packing,
    boolean,
    pack,
    particle_fraction,
    smallest_distance,
)
from designloop_oracles.microstructure.particles import surface_distance

FLAT, SOLID = (128.0, 96.0), (40.0, 36.0, 44.0)


def closest_pair(packing: Packing, share_of_radius: float = 1.0) -> float:
    """Smallest r_ij - share (R_i + R_j) over all pairs and their 3^d images, by brute force."""
    best = math.inf
    for shift in itertools.product((-1, 0, 1), repeat=len(packing.size)):
        image = packing.centres + np.array(shift) * packing.size
        distance = np.linalg.norm(packing.centres[:, None] - image[None], axis=-1)
        distance -= share_of_radius * (packing.radii[:, None] + packing.radii[None])
        if not any(shift):
            np.fill_diagonal(distance, np.inf)
        best = min(best, float(distance.min()))
    return best


def rim(packing: Packing, number: int, points: int = 600) -> np.ndarray:
    """Points on the rim of one ellipse."""
    turn = np.linspace(0.0, math.tau, points, endpoint=False)
    (long, short), angle = packing.semi_axes[number], packing.angles[number]
    x, y = long * np.cos(turn), short * np.sin(turn)
    cos, sin = math.cos(angle), math.sin(angle)
    return packing.centres[number] + np.stack([x * cos - y * sin, x * sin + y * cos], axis=-1)


def fingerprint(packing: Packing) -> str:
    numbers = [packing.centres.ravel(), packing.radii, [] if packing.angles is None else packing.angles]
    rounded = np.round(np.concatenate(numbers), 5) + 0.0
    return hashlib.sha256(rounded.astype("<f8").tobytes()).hexdigest()[:12]


@settings(max_examples=25, deadline=None)
@given(
    size=st.sampled_from([FLAT, SOLID]),
    fraction=st.floats(0.05, 0.25),
    diameter=st.floats(7.0, 12.0),
    ratio=st.floats(1.0, 3.0),
    fine=st.sampled_from([0.0, 0.3]),
    gap=st.floats(0.0, 0.8),
    seed=st.integers(0, 2**32),
)
def test_hard_particles_keep_the_gap_and_fill_the_fraction(size, fraction, diameter, ratio, fine, gap, seed):
    packing = pack(
        size=size,
        volume_fraction=fraction,
        diameter=diameter,
        size_ratio=ratio,
        fine_share=fine,
        minimum_gap=gap,
        seed=seed,
    )
    assert closest_pair(packing) >= gap - 1e-9
    assert particle_fraction(packing) == pytest.approx(fraction, rel=1e-12)
    assert ((packing.centres >= 0.0) & (packing.centres < size)).all()


@settings(max_examples=25, deadline=None)
@given(
    fraction=st.floats(0.05, 0.3),
    variation=st.floats(0.05, 0.5),
    size=st.sampled_from([FLAT, SOLID]),
    seed=st.integers(0, 2**32),
)
def test_smallest_distance_is_that_of_all_pairs_and_images(fraction, variation, size, seed):
    packing = pack(size=size, volume_fraction=fraction, diameter=6.0, size_variation=variation, seed=seed)
    assert smallest_distance(packing) == pytest.approx(closest_pair(packing), abs=1e-9)


def test_one_particle_is_as_far_from_its_image_as_the_box_allows():
    single = Packing(centres=np.array([[3.0, 4.0]]), radii=np.array([2.0]), size=(10.0, 12.0))
    assert smallest_distance(single) == pytest.approx(6.0)


def test_overlapping_particles_have_a_negative_distance():
    pair = Packing(centres=np.array([[1.0, 5.0], [19.0, 5.0]]), radii=np.array([2.0, 2.0]), size=(20.0, 20.0))
    assert smallest_distance(pair) == pytest.approx(-2.0)


def test_radii_of_the_published_set_are_not_scaled():
    count = 98
    packing = pack(size=(256, 256), volume_fraction=count * math.pi * 64 / 256**2, diameter=16.0, seed=3)
    assert len(packing.radii) == count
    np.testing.assert_allclose(packing.radii, 8.0, rtol=1e-12)


@pytest.mark.parametrize(
    ("size", "jamming", "margin"), [((400.0, 400.0), 0.547, 0.012), ((50.0, 50.0, 50.0), 0.384, 0.02)]
)
def test_random_sequential_inhibition_of_equal_particles_stops_at_its_saturation(size, jamming, margin):
    radius = 8.0 if len(size) == 2 else 4.0
    volume = math.pi * radius**2 if len(size) == 2 else 4 / 3 * math.pi * radius**3
    wanted = round(0.65 * math.prod(size) / volume)
    rng = np.random.Generator(np.random.PCG64(5))
    placed = list(inhibited(radii=np.full(wanted, radius), size=size, gap=0.0, rng=rng))
    reached = len(placed) * volume / math.prod(size)
    assert jamming - 2 * margin < reached < jamming + margin


def test_places_of_random_sequential_inhibition_are_uniform():
    places = np.concatenate(
        [pack(size=(64, 64), volume_fraction=0.3, diameter=8.0, seed=seed).centres for seed in range(60)]
    )
    count, _, _ = np.histogram2d(places[:, 0], places[:, 1], bins=4, range=[[0, 64], [0, 64]])
    mean = len(places) / 16
    assert ((count - mean) ** 2 / mean).sum() < 37.7  # 0.999 quantile of chi2(15); inhibition only narrows it


def test_boolean_disks_cover_the_fraction_in_the_mean():
    covered = [
        draw(boolean(size=FLAT, volume_fraction=0.5, diameter=8.0, seed=seed), pixel=0.5).volume_fraction
        for seed in range(80)
    ]
    sem = np.std(covered, ddof=1) / math.sqrt(len(covered))
    assert 0.0 < sem < 0.01
    assert abs(np.mean(covered) - 0.5) < 3.5 * sem


@pytest.mark.parametrize("impenetrability", [0.0, 0.5, 0.9])
@pytest.mark.parametrize(("size", "diameter"), [(FLAT, 8.0), (SOLID, 8.0)], ids=["disks", "spheres"])
def test_overlapping_particles_cover_the_wanted_fraction_and_keep_their_cores_apart(
    size, diameter, impenetrability
):
    fraction = 0.5 if len(size) == 2 else 0.3
    packing = pack(
        size=size, volume_fraction=fraction, diameter=diameter, impenetrability=impenetrability, seed=11
    )
    fine = draw(packing, pixel=0.125 if len(size) == 2 else 0.25)
    assert fine.volume_fraction == pytest.approx(fraction, abs=1e-3)
    assert closest_pair(packing, impenetrability) >= -1e-9
    assert smallest_distance(packing) < 0.0
    assert packing.radii[0] == pytest.approx(diameter / 2, rel=0.06)


def test_the_more_impenetrable_the_fewer_particles_cover_a_fraction():
    counts = [
        len(pack(size=(256, 256), volume_fraction=0.5, diameter=16.0, impenetrability=x, seed=2).radii)
        for x in (0.0, 0.5, 0.9, 1.0)
    ]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > 1.2 * counts[-1]


def test_two_sizes_share_the_area_as_asked():
    packing = pack(
        size=(256, 256), volume_fraction=0.45, diameter=24.0, size_ratio=3.0, fine_share=0.3, seed=4
    )
    areas = math.pi * packing.radii**2
    fine = packing.radii < packing.radii.max() / 2
    assert areas[fine].sum() / areas.sum() == pytest.approx(0.3, abs=0.01)
    assert packing.radii.max() / packing.radii.min() == pytest.approx(3.0)


def test_two_sizes_that_may_overlap_share_the_area_in_the_mean():
    shares = []
    for seed in range(20):
        packing = pack(
            size=FLAT,
            volume_fraction=0.5,
            diameter=12.0,
            size_ratio=2.0,
            fine_share=0.4,
            impenetrability=0.0,
            seed=seed,
        )
        areas = packing.radii**2
        shares.append(areas[packing.radii < 0.75 * packing.radii.max()].sum() / areas.sum())
    assert np.mean(shares) == pytest.approx(0.4, abs=3 * np.std(shares) / math.sqrt(len(shares)))


def test_lognormal_diameters_have_the_mean_and_the_variation_asked():
    packing = pack(size=(500, 500), volume_fraction=0.3, diameter=8.0, size_variation=0.3, seed=6)
    diameters = 2.0 * packing.radii
    assert diameters.mean() == pytest.approx(8.0, rel=0.03)
    assert diameters.std() / diameters.mean() == pytest.approx(0.3, rel=0.06)


@settings(max_examples=30, deadline=None)
@given(
    distance=st.floats(0.5, 14.0),
    bearing=st.floats(0.0, math.tau),
    turns=st.tuples(st.floats(0.0, math.pi), st.floats(0.0, math.pi)),
    aspect=st.floats(1.2, 6.0),
)
def test_distance_of_two_ellipses_is_that_of_their_rims(distance, bearing, turns, aspect):
    pair = Packing(
        centres=np.array([[0.0, 0.0], [distance * math.cos(bearing), distance * math.sin(bearing)]]),
        radii=np.array([2.0, 1.5]),
        size=(100.0, 100.0),
        periodic=False,
        aspect_ratio=aspect,
        angles=np.array(turns),
    )
    found = smallest_distance(pair)
    between = np.linalg.norm(rim(pair, 0)[:, None] - rim(pair, 1)[None], axis=-1).min()
    if found > 0.0:
        assert found <= between + 1e-9
        assert between == pytest.approx(found, abs=0.01 + 0.002 / found)
    else:
        assert between < 0.05 or distance < 3.5 * math.sqrt(aspect)


def test_distance_of_aligned_ellipses_is_exact():
    displacement = np.array([[10.0, 0.0], [0.0, 10.0]])
    both = np.array([2.0, 2.0])
    turn = np.zeros(2)
    found = surface_distance(displacement, (both, both), aspect_ratio=4.0, angles=(turn, turn))
    np.testing.assert_allclose(found, [10.0 - 2 * 4.0, 10.0 - 2 * 1.0], rtol=1e-12)


def test_ellipses_keep_the_gap_between_their_rims():
    packing = pack(
        size=FLAT,
        volume_fraction=0.35,
        diameter=8.0,
        aspect_ratio=3.0,
        alignment=0.6,
        alignment_spread=0.5,
        minimum_gap=0.4,
        seed=8,
    )
    closest = math.inf
    for one, other in itertools.combinations(range(len(packing.radii)), 2):
        shift = packing.centres[other] - packing.centres[one]
        shift = np.round(shift / packing.size) * packing.size
        if np.linalg.norm(packing.centres[other] - shift - packing.centres[one]) < 15.0:
            apart = (rim(packing, other, 200) - shift)[:, None] - rim(packing, one, 200)[None]
            closest = min(closest, float(np.linalg.norm(apart, axis=-1).min()))
    assert 0.4 <= closest < 0.8
    assert smallest_distance(packing) == pytest.approx(closest, abs=0.05)
    assert particle_fraction(packing) == pytest.approx(0.35)


def test_angles_scatter_about_the_alignment_as_asked():
    packing = pack(
        size=(512, 512),
        volume_fraction=0.25,
        diameter=10.0,
        aspect_ratio=2.0,
        alignment=0.6,
        alignment_spread=0.2,
        seed=1,
    )
    assert packing.angles.mean() == pytest.approx(0.6, abs=3 * 0.2 / math.sqrt(len(packing.radii)))
    assert packing.angles.std() == pytest.approx(0.2, rel=0.08)


@pytest.mark.parametrize("size", [(200.0, 200.0), (60.0, 60.0, 60.0)], ids=["disks", "spheres"])
def test_members_of_a_chain_lie_in_line_and_apart_by_the_chain_gap(size):
    packing = pack(
        size=size,
        volume_fraction=0.15,
        diameter=6.0,
        chain_length=4,
        chain_gap=0.7,
        minimum_gap=0.5,
        alignment=0.3,
        seed=9,
    )
    members = packing.centres.reshape(-1, 4, len(size))
    steps = np.diff(members, axis=1)
    steps -= np.array(size) * np.round(steps / size)
    along = np.array([math.cos(0.3), math.sin(0.3), 0.0][: len(size)])
    spacing = 2 * packing.radii[0] + 0.7
    np.testing.assert_allclose(steps, np.broadcast_to(spacing * along, steps.shape), atol=1e-9)
    assert closest_pair(packing) >= 0.5 - 1e-9


def test_chains_raise_the_two_point_correlation_along_their_direction():
    packing = pack(size=(256, 256), volume_fraction=0.2, diameter=16.0, chain_length=4, alignment=0.0, seed=5)
    share = draw(packing, pixel=1.0).share
    spectrum = np.abs(np.fft.rfft2(share)) ** 2
    correlation = np.fft.irfft2(spectrum, s=share.shape) / share.size
    assert correlation[0, 0] == pytest.approx(share.mean())
    assert correlation[0, 16] > 2.0 * correlation[16, 0]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "f368cc797727"),
        ({"volume_fraction": 0.7}, "f16bff8510f9"),
        ({"impenetrability": 0.6, "size_ratio": 2.0, "fine_share": 0.5}, "72e1b7515795"),
        ({"aspect_ratio": 2.5, "alignment": 0.4, "alignment_spread": 0.3}, "715d35cd2b50"),
        ({"chain_length": 3, "minimum_gap": 0.2}, "73ea14955c13"),
        ({"size": SOLID, "size_variation": 0.2}, "d06d1b012da3"),
    ],
    ids=["equal", "dense", "overlapping", "ellipses", "chains", "spheres"],
)
def test_a_seed_pins_the_structure(options, expected):
    request = {"size": FLAT, "volume_fraction": 0.3, "diameter": 8.0, "seed": 42} | options
    assert fingerprint(pack(**request)) == expected
    assert fingerprint(pack(**request | {"seed": 43})) != expected


def test_a_seed_sequence_serves_as_a_seed_again_and_again():
    seed = np.random.SeedSequence(7)
    one, other = (pack(size=FLAT, volume_fraction=0.3, diameter=8.0, seed=seed) for _ in range(2))
    np.testing.assert_array_equal(one.centres, other.centres)
    np.testing.assert_array_equal(
        one.centres, pack(size=FLAT, volume_fraction=0.3, diameter=8.0, seed=7).centres
    )


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"volume_fraction": 0.0}, "volume fraction of 0 is not between 0 and 1"),
        ({"volume_fraction": math.nan}, "volume fraction of nan"),
        ({"volume_fraction": 0.0005}, "less than one"),
        ({"diameter": -1.0}, "diameter of -1 um"),
        ({"size": (128.0,)}, "two or three sides"),
        ({"size": (128.0, 0.0)}, "not all positive"),
        ({"size_ratio": 0.5}, "size_ratio 0.5"),
        ({"fine_share": 1.5}, "fine_share 1.5"),
        ({"size_variation": -0.1}, "size_variation -0.1"),
        ({"size_variation": 0.2, "fine_share": 0.2, "size_ratio": 2.0}, "exclude each other"),
        ({"minimum_gap": -1.0}, "minimum gap of -1 um"),
        ({"impenetrability": 1.2}, "impenetrability 1.2"),
        ({"impenetrability": 0.5, "minimum_gap": 1.0}, "no minimum gap"),
        ({"aspect_ratio": 0.5}, "aspect_ratio 0.5"),
        ({"aspect_ratio": 2.0, "size": SOLID}, "ellipses are flat"),
        ({"alignment_spread": -1.0}, "alignment_spread -1"),
        ({"alignment": math.inf}, "no angle"),
        ({"chain_length": 0}, "a chain of 0"),
        ({"chain_length": 3, "aspect_ratio": 2.0}, "equal, round, hard"),
        ({"chain_length": 3, "minimum_gap": 1.0, "chain_gap": 0.5}, "chain_gap 0.5 um is below"),
        ({"chain_length": 13}, "does not fit a periodic box"),
        ({"aspect_ratio": 20.0, "diameter": 12.0}, "half the shortest side"),
        ({"seed": -1}, "the seed is -1; give a whole number"),
        ({"volume_fraction": 0.7, "impenetrability": 0.99}, "not reached with impenetrability 0.99"),
        ({"volume_fraction": 0.5, "chain_length": 8}, "chains of 8 came to a stop at"),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(options, sentence):
    request = {"size": FLAT, "volume_fraction": 0.3, "diameter": 8.0, "seed": 1} | options
    with pytest.raises(ValueError, match=sentence):
        pack(**request)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"centres": np.zeros((3, 2))}, "2 radii in a box of 2 sides"),
        ({"aspect_ratio": 2.0}, "one angle per particle"),
        ({"angles": np.zeros(2)}, "none where it is"),
        ({"aspect_ratio": 2.0, "angles": np.zeros(3)}, "one angle each"),
    ],
)
def test_a_packing_whose_parts_disagree_is_refused(options, sentence):
    parts = {"centres": np.zeros((2, 2)), "radii": np.ones(2), "size": (9.0, 9.0)} | options
    with pytest.raises(ValueError, match=sentence):
        Packing(**parts)
