import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import j0, ndtri
from scipy.stats import multivariate_normal

from designloop_oracles.microstructure.intercepts import mean_chord, specific_interface
from designloop_oracles.microstructure.two_point import autocorrelation, radial_average
from designloop_oracles.microstructure.waves import draw, field, filtered_noise, levelled_waves

BOX = (16.0, 16.0)


def levelled(seed, size=BOX, **options):
    given = {"wavelength": 4.0, "volume_fraction": 0.3, **options}
    return levelled_waves(size=size, seed=seed, **given)


def noise(seed, size=BOX, **options):
    given = {"grain_size": (4.0,) * len(size), "volume_fraction": 0.3, **options}
    return filtered_noise(size=size, seed=seed, **given)


def orthant(correlation, fraction):
    """P(both below the level) for two standard normals: the two-point probability of the excursion set."""
    level = ndtri(fraction)
    covariance = [[1, correlation], [correlation, 1]]
    return multivariate_normal(cov=covariance, allow_singular=True).cdf([level, level])


def measured(make, pixel, seeds, periodic):
    curves = [
        radial_average(autocorrelation(draw(make(seed), pixel=pixel).share, periodic=periodic), pixel=pixel)
        for seed in range(seeds)
    ]
    values = np.array([curve[1] for curve in curves])
    return curves[0][0], values.mean(0), values.std(0, ddof=1) / math.sqrt(seeds)


def sinc(r):
    return math.sin(r) / r if r else 1.0


@pytest.mark.parametrize(
    ("make", "pixel", "reach", "correlation"),
    [
        (lambda s: levelled(s, (32.0, 32.0), periodic=False), 0.5, 8.0, lambda r: j0(math.pi * r / 2)),
        (lambda s: levelled(s, (16.0,) * 3, periodic=False), 0.5, 6.0, lambda r: sinc(math.pi * r / 2)),
        (lambda s: noise(s, (32.0, 32.0), periodic=False, exact_fraction=False), 0.5, 8.0,
         lambda r: math.exp(-((math.pi * r / 4) ** 2))),
    ],
    ids=["waves 2-D", "waves 3-D", "noise 2-D"],
)  # fmt: skip
def test_two_point_correlation_is_the_orthant_probability(make, pixel, reach, correlation):
    distance, mean, sem = measured(make, pixel, 40, periodic=False)
    near = distance <= reach
    exact = np.array([orthant(correlation(r), 0.3) for r in distance[near]])
    assert np.all(np.abs(mean[near] - exact) < 4 * sem[near] + 0.003)
    assert sem[near].max() < 0.006


def test_a_periodic_box_damps_the_correlation_by_the_sinc_of_the_distance():
    shares = [draw(levelled(seed), pixel=0.25).share for seed in range(200)]
    line = np.mean([autocorrelation(share, periodic=True)[32, 32:] for share in shares], axis=0)
    for lag in (4, 8, 12, 16):
        r = lag * 0.25
        damped = orthant(j0(math.pi * r / 2) * np.sinc(r / 16), 0.3)
        assert line[lag] == pytest.approx(damped, abs=0.006)


@pytest.mark.parametrize(("size", "dimension"), [((64.0, 64.0), 2), ((24.0,) * 3, 3)])
def test_mean_chord_follows_the_level_crossings_of_a_gaussian_field(size, dimension):
    image = draw(levelled(3, size, volume_fraction=0.5, exact_fraction=True, periodic=False), pixel=0.25)
    chords = [mean_chord(image.share > 0, axis=a, pixel=0.25, periodic=False) for a in range(dimension)]
    assert np.mean(chords) == pytest.approx(4.0 * math.sqrt(dimension) / 2, rel=0.05)


def test_interface_of_a_volume_is_that_of_the_theory():
    found = [
        specific_interface(draw(levelled(seed, (16.0,) * 3), pixel=0.25).share > 0, pixel=0.25, periodic=True)
        for seed in range(6)
    ]
    exact = 2 * (2 * math.pi / 4) / (math.pi * math.sqrt(3)) * math.exp(-(ndtri(0.3) ** 2) / 2)
    assert np.mean(found) == pytest.approx(exact, rel=0.04)


@pytest.mark.parametrize("make", [levelled, noise])
def test_the_exact_fraction_holds_for_every_seed(make):
    fractions = [draw(make(seed, exact_fraction=True), pixel=0.125).volume_fraction for seed in range(5)]
    assert fractions == pytest.approx([0.3] * 5, abs=0.003)


def test_the_gaussian_level_holds_the_fraction_on_average_only():
    law, exact = (
        np.array([draw(noise(seed, exact_fraction=e), pixel=0.5).volume_fraction for seed in range(60)])
        for e in (False, True)
    )
    assert law.mean() == pytest.approx(0.3, abs=4 * law.std() / math.sqrt(60))
    assert law.std() > 3 * exact.std()


def test_field_has_mean_zero_and_variance_one():
    values = np.array([field(levelled(seed), pixel=1.0) for seed in range(100)])
    assert values.mean() == pytest.approx(0, abs=0.02)
    assert values.var() == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("make", [levelled, noise])
def test_a_periodic_field_continues_across_its_border(make):
    waves = make(5)
    lattice = waves.wavevectors * 16.0 / (2 * math.pi)
    assert np.allclose(lattice, np.rint(lattice), atol=1e-9)
    assert np.abs(lattice).max(axis=1).min() >= 1


def test_a_stretched_structure_has_stretched_chords():
    image = draw(levelled(2, (64.0, 64.0), stretch=(3.0, 1.0), volume_fraction=0.5), pixel=0.25)
    x, y = (mean_chord(image.share > 0, axis=axis, pixel=0.25, periodic=True) for axis in (0, 1))
    assert x / y == pytest.approx(3, rel=0.15)


def test_grain_sizes_per_axis_come_in_the_order_x_y_z():
    image = draw(noise(1, (48.0, 48.0, 48.0), grain_size=(4.0, 8.0, 12.0), volume_fraction=0.5), pixel=0.75)
    chords = [mean_chord(image.share > 0, axis=axis, pixel=0.75, periodic=True) for axis in range(3)]
    assert chords == pytest.approx([size / math.sqrt(2) for size in (4, 8, 12)], rel=0.12)


def test_bandwidth_spreads_the_wavelengths():
    lengths = 2 * math.pi / np.linalg.norm(levelled(1, bandwidth=0.2, periodic=False).wavevectors, axis=1)
    assert np.log(lengths / 4).std() == pytest.approx(0.2, rel=0.1)
    sharp = np.linalg.norm(levelled(1, periodic=False).wavevectors, axis=1)
    assert np.allclose(sharp, math.pi / 2)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32), counts=st.tuples(st.integers(2, 12), st.integers(2, 12)))
def test_the_drawing_is_the_sum_of_cosines_at_pixel_centres(seed, counts):
    waves = levelled(seed, tuple(0.5 * n for n in counts), n_waves=7, periodic=False)
    y, x = (np.indices(counts[::-1]) + 0.5) * 0.5
    angles = waves.wavevectors @ np.stack([x.ravel(), y.ravel()]) + waves.phases[:, None]
    direct = math.sqrt(2 / 7) * np.cos(angles).sum(axis=0).reshape(x.shape)
    assert np.allclose(field(waves, pixel=0.5), direct, atol=1e-10)


def test_supersampling_averages_the_finer_drawing():
    waves = levelled(4)
    fine = draw(waves, pixel=0.25).share
    coarse = draw(waves, pixel=1.0, supersample=4).share
    assert np.array_equal(coarse, fine.reshape(16, 4, 16, 4).mean(axis=(1, 3)))


def test_equal_seeds_give_equal_structures_and_others_do_not():
    first, again, other = levelled(7), levelled(np.random.SeedSequence(7)), levelled(8)
    assert np.array_equal(draw(first, pixel=0.5).share, draw(again, pixel=0.5).share)
    assert not np.array_equal(draw(first, pixel=0.5).share, draw(other, pixel=0.5).share)


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (levelled, {"wavelength": -1.0}, "wavelength holds -1; give a positive"),
        (levelled, {"wavelength": math.nan}, "wavelength holds nan"),
        (levelled, {"volume_fraction": 1.0}, "volume_fraction is 1; give a value between"),
        (levelled, {"bandwidth": 2.0}, "bandwidth is 2; give"),
        (levelled, {"stretch": (1.0, 1.0, 1.0)}, "size has 2 and stretch 3 values"),
        (levelled, {"n_waves": 0}, "n_waves is 0"),
        (levelled, {"wavelength": 100.0}, "box of 16 x 16 um holds no wave this long; enlarge"),
        (levelled, {"size": (16.0, 0.0)}, "size holds 0"),
        (noise, {"grain_size": (1.0,)}, "size has 2 and grain_size 1 values"),
    ],
)
def test_impossible_waves_are_refused(make, options, message):
    with pytest.raises(ValueError, match=message):
        make(1, **options)


def test_a_drawing_needs_whole_pixels_and_points():
    with pytest.raises(ValueError, match="not a whole number"):
        draw(levelled(1), pixel=0.3)
    with pytest.raises(ValueError, match="supersample is 0; give a whole number"):
        draw(levelled(1), pixel=0.5, supersample=0)
