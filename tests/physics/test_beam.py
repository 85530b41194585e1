import numpy as np
import pytest
from scipy.integrate import quad, solve_ivp
from scipy.optimize import brentq

from designloop_oracles import _beam as beam


def mode(x, derivative=0):
    b = brentq(lambda y: np.cosh(y) * np.cos(y) - 1, 4, 5, xtol=1e-14)
    s = (np.cosh(b) - np.cos(b)) / (np.sinh(b) - np.sin(b))

    def shape(y):
        return np.cosh(b * y) - np.cos(b * y) - s * (np.sinh(b * y) - np.sin(b * y))

    if derivative:
        slope = b * (np.sinh(b * x) + np.sin(b * x) - s * (np.cosh(b * x) - np.cos(b * x)))
        return slope / shape(0.5)
    return shape(x) / shape(0.5)


def integral(function):
    return 2 * quad(function, 0, 0.5, epsabs=1e-13)[0]


@pytest.mark.parametrize(
    ("constant", "power", "derivative"),
    [
        (beam.MEAN, 1, 0),
        (beam.MEAN_SQUARE, 2, 0),
        (beam.MEAN_FOURTH, 4, 0),
        (beam.SLOPE_SQUARE, 2, 1),
    ],
    ids=["mean", "square", "fourth", "slope"],
)
def test_modal_constants_are_integrals_of_the_exact_mode(constant, power, derivative):
    assert constant == pytest.approx(integral(lambda x: mode(x, derivative) ** power), rel=1e-11)


def test_wave_number_solves_the_clamped_clamped_equation():
    assert np.cosh(beam.WAVE_NUMBER) * np.cos(beam.WAVE_NUMBER) == pytest.approx(1, abs=1e-10)


def test_bending_stiffness_is_the_energy_of_the_mode():
    step = 1e-4
    x = np.linspace(step, 0.5, 20001)
    curvature = (mode(x + step) - 2 * mode(x) + mode(x - step)) / step**2
    assert 2 * np.trapezoid(curvature**2, x) == pytest.approx(beam.BENDING, rel=1e-3)


def test_static_uniform_load_exceeds_the_exact_stiffness_by_at_most_1_2_percent():
    modal = beam.BENDING / beam.MEAN
    assert modal == pytest.approx(379.35, abs=0.01)
    assert abs(modal / 384 - 1) == pytest.approx(0.0121, abs=2e-4)


def test_modal_buckling_exceeds_the_exact_load_by_3_1_percent():
    one = np.float64(1)
    modal = beam.BENDING / beam.SLOPE_SQUARE
    assert modal / beam.euler_load(one, one, one) == pytest.approx(1.0306, abs=2e-4)
    assert beam.euler_load(one, one, one) == pytest.approx(4 * np.pi**2)


def test_stiffness_vanishes_under_the_modal_buckling_load():
    length = np.float64(4e-4)
    force = -beam.BENDING / beam.SLOPE_SQUARE / length**2
    total = beam.bending_stiffness(1.0, 1.0, length) + beam.axial_stiffness(force, length)
    assert total == pytest.approx(0, abs=1e-6 * beam.bending_stiffness(1.0, 1.0, length))


def test_published_beam_has_the_published_modal_numbers():
    length, width, face = 40e-6, 2e-6, 5e-6
    area, inertia = width * face, face * width**3 / 12
    stiffness = beam.bending_stiffness(149.5e9, inertia, length)
    mass = beam.mass(area, length)
    assert stiffness == pytest.approx(1545.3, rel=1e-4)
    assert mass == pytest.approx(3.695e-13, rel=1e-3)
    assert np.sqrt(stiffness / mass) / (2 * np.pi) == pytest.approx(10.292e6, rel=1e-3)
    assert beam.cubic_stiffness(149.5e9, area, face, length, 2e-6, 0.0) == pytest.approx(2.779e14, rel=1e-3)


def test_heating_in_vacuum_matches_the_closed_form():
    peak, mean = beam.temperature_rise(2e-4, 1e-11, 4e-4, 0.0)
    assert peak == pytest.approx(2e-4 * 4e-4 / (8 * 30 * 1e-11))
    assert mean == pytest.approx(peak * 2 / 3)


@pytest.mark.parametrize("conductance", [1e-6, 3e-5, 1e-3, 0.13, 3.0])
def test_heating_matches_a_finite_difference_solution(conductance):
    power, area, length, n = 2e-4, 1e-11, 4e-4, 2001
    h = length / (n - 1)
    diagonal = 2 * beam.CONDUCTIVITY * area / h**2 + conductance
    matrix = np.diag(np.full(n - 2, diagonal))
    matrix -= np.diag(np.full(n - 3, beam.CONDUCTIVITY * area / h**2), 1)
    matrix -= np.diag(np.full(n - 3, beam.CONDUCTIVITY * area / h**2), -1)
    rise = np.linalg.solve(matrix, np.full(n - 2, power / length))
    peak, mean = beam.temperature_rise(power, area, length, conductance)
    assert peak == pytest.approx(rise.max(), rel=1e-4)
    assert mean == pytest.approx(rise.sum() * h / length, rel=1e-3)


def test_heating_is_continuous_where_series_and_formula_meet():
    area, length = 1e-11, 4e-4
    at = 4 * 0.1**2 / length**2 * beam.CONDUCTIVITY * area
    below = beam.temperature_rise(1e-4, area, length, at * (1 - 1e-9))
    above = beam.temperature_rise(1e-4, area, length, at * (1 + 1e-9))
    assert np.allclose(below, above, rtol=1e-7)


def test_zener_loss_peaks_at_half_the_relaxation_strength():
    frequencies = np.geomspace(1e3, 1e9, 20001)
    loss = beam.thermoelastic_loss(149.5e9, 2e-6, frequencies, 298.15)
    strength = 149.5e9 * beam.EXPANSION**2 * 298.15 / (beam.DENSITY * beam.HEAT_CAPACITY)
    assert loss.max() == pytest.approx(strength / 2, rel=1e-6)


def test_thermoelastic_quality_of_the_published_beam():
    assert 1 / beam.thermoelastic_loss(149.5e9, 2e-6, 10.292e6, 298.15) == pytest.approx(1.17e4, rel=0.01)


@pytest.mark.parametrize("poisson", [0.18, 0.3])
def test_half_plane_takes_up_energy_as_one_over_youngs_modulus(poisson):
    """Rayleigh's function integrated over all wave numbers: Im C = 1 / (E t) for a shear load."""
    ratio = (1 - poisson) / 2
    s = np.linspace(0, 3, 200001)

    def taken(loss):
        shear = (1 - 1j * loss) ** 2
        q, p = np.sqrt(s**2 - shear), np.sqrt(s**2 - ratio * shear)
        return np.trapezoid((shear * q / ((2 * s**2 - shear) ** 2 - 4 * s**2 * p * q)).imag, s) / np.pi

    in_shear_moduli = abs(2 * taken(2.5e-3) - taken(5e-3))
    assert in_shear_moduli == pytest.approx(1 / (2 * (1 + poisson)), rel=1e-4)


def test_anchor_quality_is_0_0695_times_slenderness_cubed():
    assert 1 / beam.anchor_loss(100.0, 1.0) == pytest.approx(0.0695e6, rel=1e-3)


def test_clamp_shear_balances_the_inertia_of_the_mode():
    step = 1e-3
    third = (mode(3 * step) - 3 * mode(2 * step) + 3 * mode(step) - mode(0.0)) / step**3
    assert abs(third) == pytest.approx(beam.CLAMP_SHEAR, rel=1e-2)


@pytest.mark.parametrize("bend", [0.0, 0.5, 1.4, 6.0, 300.0])
def test_duffing_peak_is_the_linear_peak_on_the_backbone(bend):
    assert beam.duffing_response(np.array(-bend), np.array(bend)) == pytest.approx(1, rel=1e-9)


def test_duffing_without_cubic_term_is_a_lorentzian():
    detuning = np.linspace(-50, 50, 101)
    found = beam.duffing_response(detuning, np.zeros(101))
    assert np.allclose(found, 1 / np.sqrt(1 + detuning**2), rtol=1e-9)


@pytest.mark.parametrize("bend", [3.0, 40.0])
def test_a_rising_frequency_reaches_the_largest_of_three_states(bend):
    detuning = -0.9 * bend
    roots = np.roots([bend**2, 2 * detuning * bend, detuning**2 + 1, -1])
    real = roots[np.abs(roots.imag) < 1e-9].real
    assert len(real) == 3
    found = beam.duffing_response(np.array([detuning, -detuning]), np.array([bend, -bend]))
    assert found[0] ** 2 == pytest.approx(real.max(), rel=1e-6)
    assert found[1] ** 2 == pytest.approx(real.min(), rel=1e-6)


@pytest.mark.parametrize(("bend", "detuning"), [(0.0, 1.0), (1.0, 0.0), (1.0, -1.0), (1.2, -2.0)])
def test_duffing_amplitude_matches_time_integration(bend, detuning):
    quality, force = 400.0, 1.0
    cubic = 4 / 3 * bend / quality / (quality * force) ** 2
    frequency = 1 - detuning / (2 * quality)

    def slow(_, z):
        a = z[0] + 1j * z[1]
        nonlinear = 0.75 * cubic * abs(a) ** 2 * a
        rate = (-1j * frequency / quality * a - (1 - frequency**2) * a - nonlinear + force) / (2j * frequency)
        return rate.real, rate.imag

    def fast(t, y):
        x, v = y
        return v, force * np.cos(frequency * t) - v / quality - x - cubic * x**3

    settled = solve_ivp(slow, (0, 20 * quality), (0, 0), rtol=1e-8).y[:, -1]
    a = complex(*settled)
    start = (a.real, -frequency * a.imag)
    period = 2 * np.pi / frequency
    run = solve_ivp(fast, (0, 60 * period), start, method="DOP853", rtol=1e-8, max_step=period / 16)
    amplitude = np.hypot(run.y[0], run.y[1] / frequency)[run.t > 30 * period].mean()
    expected = quality * force * beam.duffing_response(np.array(detuning), np.array(bend))
    assert amplitude == pytest.approx(float(expected), rel=0.01)


@pytest.mark.parametrize(("factor", "bistable"), [(0.99, False), (1.01, True)])
def test_three_states_exist_beyond_the_bistable_amplitude_only(factor, bistable):
    stiffness, cubic, quality = 12.0, 4e11, 500.0
    peak = factor * beam.bistable_amplitude(stiffness, cubic, quality)
    s = 0.75 * cubic / stiffness * quality * peak**2
    counts = []
    for detuning in np.linspace(-3 * s, s, 4001):
        roots = np.roots([s**2, 2 * detuning * s, detuning**2 + 1, -1])
        counts.append(int((np.abs(roots.imag) < 1e-9).sum()))
    assert (max(counts) == 3) is bistable


def test_margin_is_zero_on_the_limit_and_bounded():
    loads = np.array([-1e12, -1.0, 0.0, 1.0, 2.0, 4.0, 1e12])
    assert np.allclose(beam.margin(loads, np.array(2.0)), [2, 1 + 1 / 3, 1, 0.5, 0, -0.5, -1])


def test_margin_has_no_step_in_slope():
    loads = np.linspace(-3, 5, 80001)
    slope = np.diff(beam.margin(loads, np.array(1.0))) / np.diff(loads)
    assert np.abs(np.diff(slope)).max() < 1e-3
    assert (slope < 0).all()
