import numpy as np
import pytest

from designloop_oracles import _gas as gas

ROOM = np.float64(298.15)


def test_air_at_one_bar_has_the_tabulated_viscosity_and_free_path():
    assert gas.viscosity(ROOM) == pytest.approx(1.84e-5, rel=0.01)
    assert gas.mean_free_path(np.float64(101325), ROOM) == pytest.approx(6.7e-8, rel=0.02)


def test_dense_squeeze_film_is_reynolds_solution_for_a_strip():
    found = gas.squeeze_film(20e-6, 4e-6, 1e8, ROOM)
    assert found == pytest.approx(gas.viscosity(ROOM) * 125, rel=1e-3)


@pytest.mark.parametrize("loss", ["squeeze", "drag", "cooling"])
def test_rarefied_gas_acts_in_proportion_to_pressure(loss):
    forms = {
        "squeeze": lambda p: gas.squeeze_film(20e-6, 2e-6, p, ROOM),
        "drag": lambda p: gas.drag(20e-6, 5e4, p, ROOM),
        "cooling": lambda p: gas.cooling(20e-6, 2e-6, p, ROOM),
    }
    assert forms[loss](1e-2) / forms[loss](1e-3) == pytest.approx(10, rel=1e-3)


@pytest.mark.parametrize("loss", [gas.squeeze_film, gas.cooling])
def test_gas_effects_grow_with_pressure_and_fall_with_the_gap(loss):
    pressures = np.geomspace(1e-3, 1e5, 60)
    assert (np.diff(loss(20e-6, 2e-6, pressures, ROOM)) > 0).all()
    gaps = np.linspace(1e-6, 10e-6, 60)
    assert (np.diff(loss(20e-6, gaps, np.float64(1e4), ROOM)) < 0).all()


def test_rarefied_drag_is_momentum_of_specular_molecules():
    """4 sqrt(2/pi) sqrt(M/RT) p from the momentum that a Maxwell gas brings to a moving plate."""
    spread = np.sqrt(gas.GAS_CONSTANT * ROOM / gas.MOLAR_MASS)
    v = np.linspace(0, 12 * spread, 200001)
    speed = 1e-3

    def push(u):
        density = np.exp(-((v - u) ** 2) / (2 * spread**2)) / (spread * np.sqrt(2 * np.pi))
        return 2 * np.trapezoid(v**2 * density, v) / spread**2

    per_pressure = (push(speed) - push(-speed)) / speed
    found = gas.drag(20e-6, 5e4, 1e-6, ROOM) / 1e-6 / 20e-6
    assert found == pytest.approx(per_pressure, rel=1e-4)


@pytest.mark.parametrize("ratio", [5.0, 10.0])
def test_rarefied_squeeze_film_agrees_with_molecular_flow_through_a_slit(ratio):
    """Particles with diffuse walls: the strip's conductance is that of slip flow within 1.6."""
    generator = np.random.default_rng(0)
    n = 40000
    x, z = np.zeros(n), generator.uniform(0, 1, n)
    angle = np.arcsin(generator.uniform(-1, 1, n))
    tangent, normal = np.cos(angle), np.sin(angle)
    passed = 0
    for _ in range(400):
        distance = np.where(normal > 0, 1 - z, z) / np.maximum(np.abs(normal), 1e-12)
        x = x + tangent * distance
        z = np.where(normal > 0, 1.0, 0.0)
        passed += int((x >= ratio).sum())
        inside = (x > 0) & (x < ratio)
        x, z = x[inside], z[inside]
        if not x.size:
            break
        angle = np.arcsin(generator.uniform(-1, 1, x.size))
        tangent, normal = np.sin(angle), np.where(z > 0.5, -1, 1) * np.cos(angle)
    diffusion = passed / n * ratio / 4
    slip = np.pi / 8
    assert 1.0 < diffusion / slip < 1.6


def test_rarefied_cooling_is_the_kinetic_heat_transfer():
    pressure = np.float64(1e-2)
    speed = np.sqrt(8 * gas.GAS_CONSTANT * ROOM / (np.pi * gas.MOLAR_MASS))
    kinetic = pressure / ROOM * speed / 8 * (gas.HEAT_RATIO + 1) / (gas.HEAT_RATIO - 1)
    assert gas.cooling(1.0, 2e-6, pressure, ROOM) == pytest.approx(2 * kinetic, rel=0.03)
