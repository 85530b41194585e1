"""In-plane angles: fibre axes, peaks, seeds."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import i0e, i1e
from scipy.stats import kstest

from designloop_oracles.microstructure.orientations import PERIODS, UNIFORM, Texture, draw_angles, fold

FIBRES = sorted(PERIODS)
COUNT = 40_000


def phases(texture, seed=1, count=COUNT):
    return (draw_angles(texture, count, seed=seed) - texture.mean) * 2 * np.pi / texture.period


def apart(one, other, period):
    """Distance of angles on the circle of the period."""
    return np.abs((one - other + period / 2) % period - period / 2)


def cubic_stiffness():
    """Fourth-order stiffness of silicon, GPa, crystal axes."""
    c11, c12, c44 = 165.64, 63.94, 79.51
    delta = np.eye(3)
    same = np.einsum("ia,ja,ka,la->ijkl", delta, delta, delta, delta)
    pairs = np.einsum("ij,kl->ijkl", delta, delta)
    crossed = np.einsum("ik,jl->ijkl", delta, delta) + np.einsum("il,jk->ijkl", delta, delta)
    return c12 * pairs + c44 * crossed + (c11 - c12 - 2 * c44) * same


def rotated(tensor, matrix):
    return np.einsum("ia,jb,kc,ld,abcd->ijkl", matrix, matrix, matrix, matrix, tensor, optimize=True)


def about_z(angle):
    c, s = math.cos(angle), math.sin(angle)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def film(fibre_axis):
    """Silicon with the fibre axis turned onto x3."""
    axis = np.array([int(digit) for digit in fibre_axis], dtype=float)
    other = np.array([0.3, -0.5, 0.9])
    x = np.cross(other, axis)
    rows = [x, np.cross(axis, x), axis]
    return rotated(cubic_stiffness(), np.array([row / np.linalg.norm(row) for row in rows]))


@pytest.mark.parametrize("fibre_axis", FIBRES)
def test_the_period_is_the_smallest_rotation_that_keeps_the_crystal(fibre_axis):
    stiffness = film(fibre_axis)
    assert rotated(stiffness, about_z(PERIODS[fibre_axis])) == pytest.approx(stiffness, abs=1e-9)
    for divisor in (2, 3, 4, 5, 6):
        turned = rotated(stiffness, about_z(PERIODS[fibre_axis] / divisor))
        assert np.abs(turned - stiffness).max() > 1


def test_the_in_plane_compliance_of_a_111_film_does_not_depend_on_the_angle():
    mandel = [(0, 0, 1), (1, 1, 1), (2, 2, 1), (1, 2, 2**0.5), (0, 2, 2**0.5), (0, 1, 2**0.5)]
    planes = []
    for angle in (0.0, 0.3, 1.1):
        stiffness = rotated(film("111"), about_z(angle))
        matrix = [[stiffness[i, j, k, m] * a * b for k, m, b in mandel] for i, j, a in mandel]
        planes.append(np.linalg.inv(matrix)[np.ix_([0, 1, 5], [0, 1, 5])])
    assert planes[1] == pytest.approx(planes[0], abs=1e-12)
    assert planes[2] == pytest.approx(planes[0], abs=1e-12)


def test_angles_are_uniform_without_texture():
    angles = draw_angles(UNIFORM, COUNT, seed=3)
    assert angles.min() >= 0
    assert angles.max() < math.pi / 2
    assert kstest(angles / (math.pi / 2), "uniform").pvalue > 0.05


@given(
    fibre_axis=st.sampled_from(FIBRES),
    mean=st.floats(-10, 10),
    spread=st.floats(0, 2),
    seed=st.integers(0, 1000),
)
@settings(deadline=None)
def test_angles_lie_in_one_period(fibre_axis, mean, spread, seed):
    texture = Texture(fibre_axis=fibre_axis, mean=mean, spread=spread)
    angles = draw_angles(texture, 50, seed=seed)
    assert ((angles >= 0) & (angles < texture.period)).all()


@pytest.mark.parametrize("fibre_axis", FIBRES)
@pytest.mark.parametrize("degrees", [2, 10, 25, 40, 44])
def test_the_mean_phase_of_a_texture_is_its_sharpness(fibre_axis, degrees):
    texture = Texture(fibre_axis=fibre_axis, mean=0.4, spread=math.radians(degrees))
    sample = phases(texture)
    for part, expected in ((np.cos(sample), texture.sharpness), (np.sin(sample), 0.0)):
        assert part.mean() == pytest.approx(expected, abs=4 * part.std() / math.sqrt(COUNT))


@pytest.mark.parametrize("degrees", [5, 15, 30, 40])
def test_the_density_at_the_half_width_is_half_the_peak(degrees):
    texture = Texture(spread=math.radians(degrees))
    sample = np.abs((phases(texture, count=400_000) + np.pi) % (2 * np.pi) - np.pi)
    width = 4 * texture.spread
    bin_width = 0.1 * min(width, np.pi - width)
    at_peak = np.sum(sample < bin_width / 2) * 2
    at_width = np.sum(np.abs(sample - width) < bin_width / 2)
    assert at_width / at_peak == pytest.approx(0.5, abs=0.03)


def test_narrow_peaks_are_nearly_von_mises():
    width = 4 * math.radians(5)
    kappa = math.log(2) / (1 - math.cos(width))
    bessel_ratio = i1e(kappa) / i0e(kappa)
    assert Texture(spread=math.radians(5)).sharpness == pytest.approx(bessel_ratio, abs=0.004)


@pytest.mark.parametrize("fibre_axis", FIBRES)
def test_a_half_width_of_half_a_period_is_uniform_and_reached_continuously(fibre_axis):
    half = PERIODS[fibre_axis] / 2
    sharpness = [
        Texture(fibre_axis=fibre_axis, spread=half * share).sharpness for share in np.linspace(0, 1, 40)
    ]
    assert sharpness[0] == 1
    assert sharpness[-1] == 0
    assert (np.diff(sharpness) < 0).all()
    assert Texture(fibre_axis=fibre_axis, spread=half * (1 - 1e-12)).sharpness < 0.03
    at_half, wider = (Texture(fibre_axis=fibre_axis, spread=spread) for spread in (half, 2 * half))
    assert np.array_equal(draw_angles(at_half, 100, seed=1), draw_angles(wider, 100, seed=1))


@pytest.mark.parametrize("degrees", [1, 10, 30, 44])
def test_angles_of_a_seed_change_continuously_with_the_spread(degrees):
    one, other = (
        draw_angles(Texture(spread=math.radians(degrees + step)), 1000, seed=2) for step in (0, 1e-4)
    )
    assert apart(one, other, math.pi / 2).max() < 1e-4


def test_the_mean_turns_all_angles():
    one, other = (draw_angles(Texture(mean=mean, spread=0.2), 1000, seed=2) for mean in (0.0, 1.0))
    assert apart(one + 1.0, other, math.pi / 2).max() < 1e-12


@pytest.mark.parametrize("spread", [0.0, 1e-300, 1e-9, 1e-6])
def test_a_vanishing_spread_is_a_single_crystal(spread):
    angles = draw_angles(Texture(mean=0.3, spread=spread), 100, seed=1)
    assert angles == pytest.approx(0.3, abs=10 * spread + 1e-15)


def test_a_prefix_of_the_angles_does_not_depend_on_their_number():
    texture = Texture(spread=0.3)
    assert np.array_equal(draw_angles(texture, 10, seed=4), draw_angles(texture, 100, seed=4)[:10])


@given(angle=st.floats(-1e3, 1e3), period=st.sampled_from(sorted(PERIODS.values())))
@settings(deadline=None)
def test_folding_keeps_the_crystal(angle, period):
    folded = float(fold(np.array(angle), period=period))
    assert 0 <= folded < period
    assert apart(folded, angle, period) < 1e-9


def test_folding_an_angle_just_below_zero_stays_below_the_period():
    assert fold(np.array([-1e-300]), period=math.pi / 2).tolist() == [0.0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fibre_axis": "211"}, "fibre_axis is '211'; write one of 100, 110, 111"),
        ({"spread": -0.1}, "the texture spread is -0.1 rad; give a half width of 0 or more"),
        ({"spread": math.nan}, "the texture spread is nan rad"),
        ({"mean": math.inf}, "the mean angle is inf; give a finite angle"),
    ],
)
def test_bad_textures_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Texture(**options)
